#!/bin/sh
# Points that never get another answer than a failure, each in a row of 5,000: one that draws a 500 from InfluxDB 1.6.7
# each time, and one that ends it. The latter is found after a handful of deaths (it is started again whenever it has died);
# both are set aside with what happened, and the other 4,999 arrive.
. "$SRCDIR/tests/integration/lib.sh"
. "$SRCDIR/tests/integration/fault_lib.sh"
. "$SRCDIR/tests/integration/plant_lib.sh"
need_programs influxd influx curl jq sqlite3
deaths_max=6
place=${POISON_PLACE:-3333} # in the row

LOOP_PID=
end_loop() {
	end_process "$LOOP_PID"
	LOOP_PID=
}
trap 'end_loop; end_fault_server; clean_up' EXIT

# As an init system does, once its log is mended.
keep_influxd_running() {
	trap 'kill -KILL "$pid" $mending 2> /dev/null; wait; exit 0' TERM
	while :; do
		INFLUXDB_REPORTING_DISABLED=true INFLUXDB_META_DIR=$INFLUX_FOLDER/meta INFLUXDB_DATA_DIR=$INFLUX_FOLDER/data \
			INFLUXDB_DATA_WAL_DIR=$INFLUX_FOLDER/wal INFLUXDB_HTTP_BIND_ADDRESS=127.0.0.1:$INFLUX_PORT \
			INFLUXDB_BIND_ADDRESS=127.0.0.1:$INFLUX_RPC INFLUXDB_HTTP_LOG_ENABLED=false \
			INFLUXDB_MONITOR_STORE_ENABLED=false influxd -config /dev/null >> "$T/influx.log" 2>&1 &
		pid=$!
		wait $pid
		echo died >> "$T/deaths"
		mend_influxd
	done
}
deaths() { wc -l < "$T/deaths"; }
quarantined() { [ "$(api quarantine | jq .points)" = "$1" ]; }
answers() { curl -sf "$IX/ping"; }

# A folder of its own, with the field types that the door would have noted, and nothing waiting.
export METRICS_ENABLED=no
start_influxd
export INFLUXDB_URL=$IX
start_holdfastd
now=$(date +%s)
printf 'steady,n=0 v=0i %s000000000\n' $((now - 5000)) | curl -sf --data-binary @- "$HF/write?db=metrics"
wait_until 20 in_step
ok "replication is in step"
printf 'a \\\\="=" %s000000000\n' "$now" > "$T/poison"
is "$(curl -s -o "$T/answer" -w '%{http_code}' --data-binary "@$T/poison" "$HF/write?db=metrics")" 400 "at the door the point is refused"
curl -s --data-binary "@$T/poison" "$IX/write?db=metrics" > "$T/answer"
has_died() { ! kill -0 "$INFLUX_PID"; }
wait_until 10 has_died
ok "and it ends InfluxDB"
end_process "$INFLUX_PID"
INFLUX_PID=

planted=0
try() { # POISON, as printf wants it
	stop_holdfastd
	printf "%d $1 %s%09d\n" "$place" "$now" "$place" > "$T/bad"
	five_thousand $((3600 - planted * 100)) "$T/bad" > "$T/lines"
	plant "$T/lines"
	planted=$((planted + 1))
	start_holdfastd
	wait_until 240 quarantined $planted
	ok "$1: the poison is found"
	wait_until 60 in_step
	ok "and replication goes on"
	wait_until 30 answers
	is "$(influx_count steady v)" $((planted * 4999 + 1)) "the other 4,999 arrive"
	api 'quarantine?limit=1' > "$T/entry"
	jq -r '.entries[0].line' "$T/entry" > "$T/line"
	cut -d' ' -f2- "$T/bad" | cmp -s - "$T/line"
	ok "the point is in quarantine"
	jq -e '.entries[0].reason | (length > 0) and (test("^HTTP 2") | not)' "$T/entry" > /dev/null
	ok "with what happened ($(jq -r '.entries[0].reason' "$T/entry"))"
}

start_influxd
try 'm b\\\\="x=y"'
stop_influxd

keep_influxd_running 2> "$T/loop.log" &
LOOP_PID=$!
wait_until 30 answers || bail_out "influxd does not come back"
: > "$T/deaths"
try 'a \\\\="="'
[ "$(deaths)" -le $deaths_max ] && [ "$(deaths)" -gt 0 ]
ok "InfluxDB died $(deaths) times, at most $deaths_max"
is "$(api quarantine | jq .points)" $planted "nothing else is in quarantine"
finish
