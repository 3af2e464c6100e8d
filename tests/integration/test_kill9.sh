#!/bin/sh
# kill -9 under load, many times: every acknowledged point is there, no batch by half, and the start is quick.
. "$SRCDIR/tests/integration/lib.sh"
need_programs influxd influx curl jq

rounds=20
[ "$HF_SANITIZER" = no ] && limit=2000 || limit=20000
# InfluxDB is configured from the first round on, though it runs only at the end: the spool keeps everything for it
choose_influxd_ports
export METRICS_ENABLED=no INFLUXDB_URL=http://127.0.0.1:$INFLUX_PORT
is_ready() { [ "$(curl -s -o /dev/null -w '%{http_code}' "$HF/api/v1/health")" = 200 ]; }
slowest=0
round=1
: > "$T/acked"
while [ $round -le $rounds ]; do
	began=$(date +%s%3N)
	start_holdfastd
	wait_until 30 is_ready || bail_out "not ready after kill $((round - 1))"
	took=$(($(date +%s%3N) - began))
	[ $took -le $slowest ] || slowest=$took
	# each round its own hosts' lines: another seed gives the same series, so the time tells rounds apart
	end=$(($(date +%s) - round * 4000))
	"$LPGEN" --hosts 10 --steps 360 --end $end --batch 50 --conns 4 --stop-on-error --acked "$T/acked.$round" --port "$HF_PORT" \
		--url-path '/write?db=metrics' > "$T/load.json" 2> /dev/null &
	LOAD_PID=$!
	sleep "0.0$((round * 37 % 90 + 10))"
	stop_holdfastd KILL
	wait $LOAD_PID
	LOAD_PID=''
	awk -v round=$round '{ print round, $0 }' "$T/acked.$round" >> "$T/acked"
	echo "$round $((end - end % 10))" >> "$T/ends"
	round=$((round + 1))
done
[ $slowest -le $limit ]
ok "the slowest of $rounds starts took $slowest ms, at most $limit"
sent=$(awk '$5 >= 200 && $5 <= 299 { n += $3 } END { print n + 0 }' "$T/acked")
cut=$(awk '$5 == -1 { n++ } END { print n + 0 }' "$T/acked")
[ "$sent" -gt 0 ]
ok "$sent lines were acknowledged, $cut batches were cut off"

start_influxd
start_holdfastd
wait_until 120 in_step
ok "what is in the store is delivered"
# A batch of 50 lines: 6 lines a host and step, so line n is of host n / 6 % 10 and step n / 60.
influx -port "$INFLUX_PORT" -database metrics -format csv -execute 'select count(usage_user) from cpu group by time(10s), host fill(none)' > "$T/cpu.csv"
total=0
for m in 'cpu usage_user' 'mem used' 'diskio reads' 'net bytes_sent' 'service_performance count'; do
	# shellcheck disable=SC2086
	total=$((total + $(influx_count $m)))
done
[ $total -ge "$sent" ]
ok "every acknowledged line is there ($total in InfluxDB, $sent acknowledged)"
[ $(((total - sent) % 50)) -eq 0 ] && [ $total -le $((sent + cut * 50)) ]
ok "what else is there are whole batches whose answer was cut off ($((total - sent)) lines)"
# each acknowledged batch by itself: its cpu lines, by host and time
awk -v ends="$T/ends" -v csv="$T/cpu.csv" '
	BEGIN {
		while ((getline line < ends) > 0) { split(line, f, " "); end[f[1]] = f[2] }
		while ((getline line < csv) > 0) {
			n = split(line, f, ",")
			if (f[1] != "cpu") continue
			sub("host=", "", f[2])
			have[f[2] " " substr(f[3], 1, 10)] = 1
		}
	}
	$5 >= 200 && $5 <= 299 {
		for (i = $2; i < $2 + $3; i++) {
			if (i % 6) continue
			t = end[$1] - (359 - int(i / 60)) * 10
			checked++
			if (!(("host_" int(i / 6) % 10 " " t) in have)) missing++
		}
	}
	END { printf "%d %d\n", checked, missing }' "$T/acked" > "$T/missing"
[ "$(cut -d' ' -f2 "$T/missing")" -eq 0 ] && [ "$(cut -d' ' -f1 "$T/missing")" -gt 0 ]
ok "each acknowledged cpu line by host and time ($(cat "$T/missing") checked and missing)"
finish
