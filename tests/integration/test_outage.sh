#!/bin/sh
# InfluxDB goes away in the middle of a load, and comes back.
. "$SRCDIR/tests/integration/lib.sh"
need_programs influxd influx curl jq

[ "$HF_SANITIZER" = no ] && limit=50 || limit=300
read_time_ms() { # the median of 20 reads
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		curl -s -o "$T/answer" -w '%{time_total}\n' "$HF/api/v1/metrics/resources?from=-10m"
	done | sort -n | awk 'NR == 10 { printf "%d\n", $1 * 1000 }'
}
is_down() { [ "$(replication .state)" = down ]; }

start_influxd
export INFLUXDB_URL=$IX METRICS_COLLECTION_INTERVAL=1s
start_holdfastd
wait_until 20 in_step
"$LPGEN" --hosts 20 --steps 1000 --batch 20 --conns 4 --port "$HF_PORT" --url-path '/write?db=metrics' > "$T/load.json" &
LOAD_PID=$!
sleep 0.3
stop_influxd KILL
wait $LOAD_PID
ok "every write is acknowledged while InfluxDB dies"
LOAD_PID=''
is "$(jq .acked_lines "$T/load.json")" 120000 "all of them"
wait_until 20 is_down
ok "replication is down"
ms=$(read_time_ms)
[ "$ms" -le $limit ]
ok "reads are answered within $limit ms ($ms ms)"
is "$(jq -r '"\(.source) \(.complete)"' "$T/answer")" "local true" "from the local store, completely"
is "$(api status | jq -r .state)" warn "the status warns"
api status | jq -r .summary | grep -q 'Nothing is lost'
ok "and says that nothing is lost"
[ "$(replication .lag_points)" -gt 0 ]
ok "what waits is counted"
is "$(replication .breaker)" open "reads do not ask InfluxDB"

start_influxd
wait_until 90 in_step
ok "all is delivered by itself when InfluxDB is back"
is "$(influx_count cpu usage_user)" 20000 "cpu: all of it, nothing twice"
is "$(influx_count net bytes_recv)" 20000 "net: all of it, nothing twice"
is "$(influx_count service_performance count)" 40000 "service_performance: all of it, nothing twice"
is "$(api status | jq -r .state)" ok "the status is well again"

kill -STOP "$INFLUX_PID"
api 'metrics/resources?from=-10m' > "$T/answer"
is "$(jq -r '.source' "$T/answer")" local "a hanging InfluxDB: the first read falls back"
ms=$(read_time_ms)
[ "$ms" -le $limit ]
ok "and those after it do not wait ($ms ms)"
is "$(printf 'after v=1 %s000000000' "$(date +%s)" | curl -s -o /dev/null -w '%{http_code}' --data-binary @- "$HF/write?db=metrics")" 204 "writes go on"
kill -CONT "$INFLUX_PID"
wait_until 60 in_step
ok "it goes on by itself when InfluxDB does"
is "$(influx_count after v)" 1 "and delivers what was written meanwhile"
finish
