#!/bin/sh
# A real InfluxDB gets everything that was acknowledged, and what it refuses blocks nothing.
. "$SRCDIR/tests/integration/lib.sh"
need_programs influxd influx curl jq

start_influxd
export INFLUXDB_URL=$IX METRICS_COLLECTION_INTERVAL=1s
start_holdfastd
wait_until 20 in_step
ok "the database is created and replication is in step"
collected() { [ "$(influx_count system_resources usage_user)" -ge 6 ]; }
wait_until 20 collected
ok "this machine's metrics arrive in InfluxDB"

"$LPGEN" --hosts 10 --steps 360 --batch 500 --conns 4 --port "$HF_PORT" --url-path '/write?db=metrics' > "$T/load.json"
ok "every write of the load is acknowledged"
wait_until 60 in_step
ok "replication is in step again"
is "$(influx_count cpu usage_user)" 3600 "cpu: InfluxDB counts what was acknowledged"
is "$(influx_count mem used)" 3600 "mem: InfluxDB counts what was acknowledged"
is "$(influx_count service_performance count)" 7200 "service_performance: InfluxDB counts what was acknowledged"

now=$(date +%s)
curl -s --data-binary "clash v=\"text\" ${now}000000000" "$IX/write?db=metrics"
{ printf 'good v=%si %s000000001\n' 1 "$now"; printf 'clash v=1 %s000000002\n' "$now"; printf 'good v=2i %s000000003\n' "$now"; } > "$T/lines"
is "$(curl -s -o /dev/null -w '%{http_code}' --data-binary "@$T/lines" "$HF/write?db=metrics")" 204 "points that InfluxDB will refuse are acknowledged here"
wait_until 30 in_step
ok "the refused point does not block those behind it"
is "$(influx_count good v)" 2 "its neighbours arrive"
is "$(api quarantine | jq -r '.points')" 1 "the refused point is in quarantine"
api quarantine | jq -r '.entries[0].reason' | grep -q 'field type conflict'
ok "with InfluxDB's own words"
api quarantine | jq -r '.entries[0].line' | grep -q '^clash v=1 '
ok "and its line"

is "$(curl -s -o /dev/null -w '%{http_code}' --data-binary 'm b\\="x=y"' "$HF/write?db=metrics")" 400 "a line that draws a 500 from InfluxDB each time is refused at the door"
printf 'unsigned v=7u %s000000004\n' "$now" | curl -s --data-binary @- "$HF/write?db=metrics"
wait_until 30 in_step
is "$(influx_count unsigned v)" 1 "an unsigned integer arrives as an integer"

is "$(api 'metrics/resources?from=-10s&resource=cpu' | jq -r '"\(.source) \(.complete)"' | sed 's/+local//')" "influxdb true" "reads come from InfluxDB"
now_ns=$(date +%s)000000000
curl -s --data-binary "service_performance,host=h,service=tail,operation=o,status=success count=5i,duration_ms_sum=10 $now_ns" "$HF/write?db=metrics"
is "$(api 'metrics/performance/tail?from=-1m' | jq -r '.operations[0].count')" 5 "what was just written is in the answer"

before=$(replication .cursor_seq)
stop_holdfastd
start_holdfastd
wait_until 20 in_step
[ "$(replication .cursor_seq)" -ge "$before" ]
ok "the cursor outlives a restart"
is "$(influx_count cpu usage_user)" 3600 "nothing is there twice"
finish
