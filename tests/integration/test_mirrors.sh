#!/bin/sh
# A record (influxd) and two mirrors (VictoriaMetrics, and one that is never there): each gets all by itself, whatever the
# others do.
. "$SRCDIR/tests/integration/lib.sh"
need_programs influxd influx curl jq sqlite3 victoria-metrics

VM_PID='' VM_PORT=$("$FREEPORT") NOWHERE=$("$FREEPORT")
start_victoria() {
	victoria-metrics -httpListenAddr="127.0.0.1:$VM_PORT" -storageDataPath="$T/vm" -retentionPeriod=1y \
		-loggerLevel=ERROR > "$T/vm.log" 2>&1 &
	VM_PID=$!
	wait_until 30 curl -sf "http://127.0.0.1:$VM_PORT/health" || bail_out "victoria-metrics did not start"
}
stop_victoria() { end_process "$VM_PID" "${1:-TERM}"; VM_PID=''; }
trap 'end_process "$VM_PID" KILL; clean_up' EXIT
vm_count() { # METRIC
	curl -s "http://127.0.0.1:$VM_PORT/internal/force_flush"
	curl -s "http://127.0.0.1:$VM_PORT/api/v1/export" -d "match[]={__name__=\"$1\"}" | jq -s 'map(.values | length) | add // 0'
}
vm_has() { [ "$(vm_count "$1")" = "$2" ]; }
influx_has() { [ "$(influx_count "$1" v)" = "$2" ]; }
cursors() { sqlite3 -readonly "$T/data/spool.db" "SELECT target FROM cursor ORDER BY target" | tr '\n' ' '; }
load() { # MEASUREMENT: 2,000 points in requests of 100
	now=$(date +%s)
	for i in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19; do
		awk -v m="$1" -v now="$now" -v i="$i" 'BEGIN {
			for (k = 0; k < 100; k++) printf "%s,h=%d v=%d %d%09d\n", m, k % 10, k, now - 60 + i, k }' |
			curl -sf --data-binary @- "$HF/write?db=metrics" || return 1
	done
}

start_influxd
start_victoria
cat > "$T/conf" <<-END
	[collect]
	enabled = no
	[influxdb]
	url = $IX
	[mirror "victoria"]
	url = http://127.0.0.1:$VM_PORT
	[mirror "nowhere"]
	url = http://127.0.0.1:$NOWHERE
END
start_holdfastd --config "$T/conf"
load first
ok "writes are acknowledged"
wait_until 30 influx_has first 2000
ok "the record has all of them"
wait_until 30 vm_has first_v 2000
ok "so has the mirror, though another is not there"
is "$(cursors)" "influxdb mirror:nowhere mirror:victoria " "each has a cursor of its own"
grep -q 'the mirror nowhere does not take writes' "$T/log"
ok "the log names the one that is away"

stop_victoria KILL
load second
ok "a mirror that dies stops no write"
wait_until 30 influx_has second 2000
ok "nor the record"
stop_influxd KILL
start_victoria
wait_until 60 vm_has second_v 2000
ok "the mirror catches up while the record is away"
load third
ok "writes go on without the record"
wait_until 30 vm_has third_v 2000
ok "the mirror gets them, without waiting for the record"

stop_holdfastd KILL
start_holdfastd --config "$T/conf"
start_influxd
wait_until 90 influx_has third 2000
ok "the record gets what it missed, over a kill of the daemon"
is "$(influx_count second v)" 2000 "and nothing is there twice"

kill -STOP "$VM_PID"
load fourth
wait_until 30 influx_has fourth 2000
ok "a mirror that hangs delays neither writes nor the record"
kill -CONT "$VM_PID"
wait_until 60 vm_has fourth_v 2000
ok "and gets the rest when it goes on"

stop_holdfastd
sed -i '/nowhere/,$d' "$T/conf"
start_holdfastd --config "$T/conf"
is "$(cursors)" "influxdb mirror:victoria " "a mirror that is taken out holds the spool no longer"
grep -q 'mirror:nowhere is not configured any more' "$T/log"
ok "and the log says so"
cat >> "$T/conf" <<-END
	[mirror "late"]
	url = http://127.0.0.1:$VM_PORT
	database = late
END
stop_holdfastd
start_holdfastd --config "$T/conf"
load fifth
late_has() { [ "$(vm_count 'fifth_v",db="late')" = 2000 ]; }
wait_until 60 late_has
ok "a new mirror begins by itself"
finish
