#!/bin/sh
# Figures of this machine: the standard load against holdfastd, and the daemon at rest. Nothing is judged.
#   BENCH_STEPS=8640   steps of 10 s of 100 hosts (8640: a day, 35.4 M values, 1.2 GB of text in memory)
#   BENCH_REST=60      seconds at rest, collecting each second
#   BENCH_PEERS=1      the same load against Debian's influxd in the same run
. "$SRCDIR/tests/integration/lib.sh"
need_programs curl jq
steps=${BENCH_STEPS:-8640} rest=${BENCH_REST:-60}
hz=$(getconf CLK_TCK)

cpu_ticks() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }
field_kb() { awk -v k="$2:" '$1 == k { print $2 }' "/proc/$1/status"; }

load() { # TITLE PID PORT OPTIONS…
	title=$1 pid=$2 port=$3
	shift 3
	before=$(cpu_ticks "$pid")
	"$LPGEN" --port "$port" --url-path '/write?db=metrics' --load "$T/day.lp" "$@" > "$T/load.json" || echo "  some writes failed"
	after=$(cpu_ticks "$pid")
	jq -r --arg title "$title" --argjson ticks $((after - before)) --argjson hz "$hz" '
		"\($title): \(.values_per_s / 1e4 | round / 100) M values/s, \(.batches_per_s | round) requests/s, " +
		"ack ms p50 \(.ack_ms.p50) p99 \(.ack_ms.p99) max \(.ack_ms.max), " +
		"daemon CPU \($ticks / $hz / .acked_values * 1e6 * 1000 | round / 1000) s per million values"' "$T/load.json"
	jq -c --arg title "$title" '. + {title: $title}' "$T/load.json"
}

"$LPGEN" --hosts 100 --steps "$steps" --dump "$T/day.lp"
export METRICS_ENABLED=no
start_holdfastd
load '5,000 lines, 4 connections' "$HF_PID" "$HF_PORT" --batch 5000 --conns 4
values=$(jq .acked_values "$T/load.json")
echo "peak memory: $(field_kb "$HF_PID" VmHWM) kB; on disk: $(du -sb "$T/data" | awk -v v="$values" '{ printf "%.2f", $1 / v }') bytes a value"
load '100 lines, 4 connections' "$HF_PID" "$HF_PORT" --batch 100 --conns 4 --max-batches 15000
load '1 line, 1 connection' "$HF_PID" "$HF_PORT" --batch 1 --conns 1 --max-batches 15000
load '1 line, 16 connections' "$HF_PID" "$HF_PORT" --batch 1 --conns 16 --max-batches 60000
stop_holdfastd
rm -rf "$T/data"

if [ "${BENCH_PEERS:-}" = 1 ]; then
	need_programs influxd
	start_influxd
	curl -s -XPOST "$IX/query" --data-urlencode 'q=CREATE DATABASE metrics' > /dev/null
	load 'InfluxDB, 5,000 lines, 4 connections' "$INFLUX_PID" "$INFLUX_PORT" --batch 5000 --conns 4
	echo "InfluxDB peak memory: $(field_kb "$INFLUX_PID" VmHWM) kB"
	stop_influxd
fi
rm -f "$T/day.lp"

export METRICS_ENABLED=yes METRICS_COLLECTION_INTERVAL=1s
start_holdfastd
sleep 5
before=$(cpu_ticks "$HF_PID")
sleep "$rest"
after=$(cpu_ticks "$HF_PID")
echo "at rest, collecting each second, $rest s: $(api status | jq .collect.values_per_s) values/s," \
	"$(awk -v t=$((after - before)) -v hz="$hz" -v s="$rest" 'BEGIN { printf "%.2f", 100 * t / hz / s }') % of a core," \
	"resident $(field_kb "$HF_PID" VmRSS) kB, $(awk '/^Pss:/ { print $2 }' "/proc/$HF_PID/smaps_rollup") kB of it its own share"
