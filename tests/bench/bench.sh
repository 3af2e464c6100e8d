#!/bin/sh
# Figures of this machine: the standard load against holdfastd and, where Debian's packages are there, InfluxDB and
# VictoriaMetrics, one after the other. Nothing is judged. Prints tables and
# writes everything it measured to bench.json in the build folder.
#   BENCH_STEPS=8640   steps of 10 s of 100 hosts (8640: a day, 35.4 M values, 1.2 GB of text in memory); whole hours
#   BENCH_REST=60      seconds at rest, collecting each second
#   BENCH_SERIES=1000000 series for the start with many
#   BENCH_PEERS=no     holdfastd alone
#   BENCH_ONLY=queries the queries alone; catchup: how fast a backlog reaches InfluxDB (tests/bench/catchup.sh)
#   BENCH_SECONDS=30   for each query, at most
. "$SRCDIR/tests/integration/lib.sh"
need_programs curl jq
steps=${BENCH_STEPS:-8640} rest=${BENCH_REST:-60} series=${BENCH_SERIES:-1000000}
only=${BENCH_ONLY:-all}
hz=$(getconf CLK_TCK)
[ $((steps % 360)) -eq 0 ] && [ "$steps" -gt 0 ] || bail_out "BENCH_STEPS must be a multiple of 360"
# The day ends two to four hours ago, between two windows of the store: all of them have closed.
to=$(($(date +%s) / 7200 * 7200 - 7200))
from=$((to - steps * 10))
results=$T/results
: > "$results"
VM_PID=
trap 'end_process "$VM_PID" KILL; clean_up' EXIT

cpu_ticks() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }
field_kb() { awk -v k="$2:" '$1 == k { print $2 }' "/proc/$1/status"; }
disk_bytes() { find "$1" -type f -printf '%s\n' | awk '{ n += $1 } END { print n + 0 }'; }
say() { printf '%s\n' "$*"; }
wanted() { [ "$only" = all ] || [ "$only" = "$1" ]; }
keep() { jq -nc "$@" >> "$results"; } # jq's arguments; one object a line, with server and test

# ---- servers: each names its process, its port and how it comes to rest ----

start_holdfast() { start_holdfastd; PID=$HF_PID PORT=$HF_PORT DATA=$T/data; }
settle_holdfast() { "$BUILDDIR/holdfast" --url "$HF" compact --wait > /dev/null 2>&1; }
stop_holdfast() { stop_holdfastd; rm -rf "$T/data"; }
version_holdfast() { "$BUILDDIR/holdfastd" --version | awk '{ print $2 }'; }

start_influxdb() {
	start_influxd
	curl -s -XPOST "$IX/query" --data-urlencode 'q=CREATE DATABASE metrics' > /dev/null
	PID=$INFLUX_PID PORT=$INFLUX_PORT DATA=$T/influx
}
# It compacts after hours of quiet; a restart with short ones makes it do so now.
settle_influxdb() {
	stop_influxd
	export INFLUXDB_DATA_COMPACT_FULL_WRITE_COLD_DURATION=3s INFLUXDB_DATA_CACHE_SNAPSHOT_WRITE_COLD_DURATION=2s
	start_influxd
	unset INFLUXDB_DATA_COMPACT_FULL_WRITE_COLD_DURATION INFLUXDB_DATA_CACHE_SNAPSHOT_WRITE_COLD_DURATION
	PID=$INFLUX_PID
	until_quiet
}
stop_influxdb() { stop_influxd; rm -rf "$T/influx"; }
version_influxdb() { influxd version | awk '{ sub("^v", "", $2); print $2; exit }'; }

start_victoriametrics() {
	PORT=$("$FREEPORT")
	victoria-metrics -storageDataPath="$T/vm" -httpListenAddr="127.0.0.1:$PORT" -retentionPeriod=100y -loggerLevel=ERROR > "$T/vm.log" 2>&1 &
	VM_PID=$! PID=$! DATA=$T/vm
	wait_until 30 curl -sf "http://127.0.0.1:$PORT/health" || bail_out "victoria-metrics did not start"
}
settle_victoriametrics() {
	curl -s "http://127.0.0.1:$PORT/internal/force_flush" > /dev/null
	curl -s "http://127.0.0.1:$PORT/internal/force_merge" > /dev/null
	until_quiet
}
stop_victoriametrics() { end_process "$VM_PID"; VM_PID=''; rm -rf "$T/vm"; }
version_victoriametrics() { dpkg-query -W -f='${Version}' victoria-metrics 2> /dev/null | sed 's/[-+].*//'; } # it does not tell itself

# Files and CPU stand still for 6 s; at most three minutes.
until_quiet() {
	last='' same=0 turns=0
	while [ $same -lt 3 ] && [ $turns -lt 90 ]; do
		sleep 2
		now="$(disk_bytes "$DATA") $(($(cpu_ticks "$PID") / 10))"
		[ "$now" = "$last" ] && same=$((same + 1)) || same=0
		last=$now
		turns=$((turns + 1))
	done
}

# ---- one load ----

load() { # SERVER TEST OPTIONS…
	server=$1 test=$2
	shift 2
	before=$(cpu_ticks "$PID")
	"$LPGEN" --port "$PORT" --url-path '/write?db=metrics' --load "${lines:-$T/day.lp}" "$@" > "$T/load.json" || say "  $server: some writes failed"
	after=$(cpu_ticks "$PID")
	keep --slurpfile l "$T/load.json" --arg server "$server" --arg test "$test" --argjson s "$(awk -v t=$((after - before)) -v hz="$hz" 'BEGIN { print t / hz }')" '
		$l[0] as $l | {server: $server, test: $test, values_per_s: $l.values_per_s, requests_per_s: $l.batches_per_s,
		ack_p50_ms: $l.ack_ms.p50, ack_p99_ms: $l.ack_ms.p99, ack_max_ms: $l.ack_ms.max,
		cpu_s_per_million_values: (if $l.acked_values > 0 then $s / $l.acked_values * 1e6 else null end),
		acked_values: $l.acked_values, failed: $l.failed}'
	tail -1 "$results" | jq -r '"  \(.server), \(.test): \(.values_per_s / 1e4 | round / 100) M values/s, \(.requests_per_s | round) requests/s, ack ms p50 \(.ack_p50_ms) p99 \(.ack_p99_ms) max \(.ack_max_ms), CPU s a million values \(.cpu_s_per_million_values * 1000 | round / 1000)"'
}

all_loads() { # SERVER
	server=$1
	"start_$server"
	load "$server" '5,000 lines, 4 connections' --batch 5000 --conns 4
	values=$(jq .acked_values "$T/load.json")
	peak=$(field_kb "$PID" VmHWM) at_once=$(disk_bytes "$DATA") before=$(cpu_ticks "$PID") pid=$PID began=$(date +%s%3N)
	"settle_$server"
	took=$(($(date +%s%3N) - began))
	[ "$PID" = "$pid" ] || before=0
	keep --arg server "$server" --argjson v "$values" --argjson peak "$peak" --argjson a "$at_once" --argjson d "$(disk_bytes "$DATA")" \
		--argjson t $(($(cpu_ticks "$PID") - before)) --argjson hz "$hz" --argjson took "$took" '
		{server: $server, test: "disk and memory", peak_memory_bytes: ($peak * 1024), disk_bytes_per_value_at_once: ($a / $v),
		disk_bytes_per_value_settled: ($d / $v), settling_ms: $took, settling_cpu_s_per_million_values: ($t / $hz / $v * 1e6)}'
	tail -1 "$results" | jq -r '"  \(.server): peak memory \(.peak_memory_bytes / 1e6 | round) MB; bytes a value at once \(.disk_bytes_per_value_at_once * 100 | round / 100), settled \(.disk_bytes_per_value_settled * 100 | round / 100)"'
	ask_all "$server" settled
	wanted loads && small_loads "$server"
	"stop_$server"
}

small_loads() { # SERVER
	load "$1" '100 lines, 4 connections' --batch 100 --conns 4 --max-batches 15000
	load "$1" '1 line, 1 connection' --batch 1 --conns 1 --max-batches 15000
	load "$1" '1 line, 16 connections' --batch 1 --conns 16 --max-batches 60000
}

# Acknowledgements while everything that a day brought is compacted, forced and at full speed.
while_compacting() { # TEST OPTIONS…
	start_holdfast
	"$LPGEN" --port "$PORT" --url-path '/write?db=metrics' --load "$T/day.lp" --batch 5000 --conns 4 > /dev/null
	settle_holdfast &
	settling=$!
	sleep 0.1
	load holdfast "$@"
	kill -0 $settling 2>/dev/null || say '  (compaction was over before the load)'
	wait $settling
	stop_holdfast
}

more_points_than() { [ "$(api status | jq .ingest.points_total)" -gt "$1" ]; }

# The same with the full load beside it, which sends the day once more, so that every window is compacted again.
beside_full_load() { # TEST OPTIONS…
	start_holdfast
	"$LPGEN" --port "$PORT" --url-path '/write?db=metrics' --load "$T/day.lp" --batch 5000 --conns 4 > /dev/null
	(while settle_holdfast; do :; done) &
	settling=$!
	points=$(api status | jq .ingest.points_total)
	"$LPGEN" --port "$PORT" --url-path '/write?db=metrics' --load "$T/day.lp" --batch 5000 --conns 4 > /dev/null &
	LOAD_PID=$!
	wait_until 60 more_points_than "$points"
	load holdfast "$@"
	kill -0 $LOAD_PID 2>/dev/null || say '  (the full load was over before the measured one)'
	end_process $LOAD_PID
	LOAD_PID=
	end_process $settling
	stop_holdfast
}

all_while_compacting() {
	say "holdfast while it compacts"
	lines=$T/hour.lp # read in an instant, so that compaction is not over before the load begins
	"$LPGEN" --hosts 100 --steps 360 --dump "$lines"
	while_compacting '1 line, 1 connection, compacting' --batch 1 --conns 1 --max-batches 2000
	while_compacting '1 line, 16 connections, compacting' --batch 1 --conns 16 --max-batches 8000
	while_compacting '100 lines, 4 connections, compacting' --batch 100 --conns 4 --max-batches 1500
	beside_full_load '1 line, 1 connection, compacting, beside the full load' --batch 1 --conns 1 --max-batches 150
	rm -f "$T/hour.lp"
}

store_alone() {
	say "the store by itself"
	mkdir "$T/store"
	"$BUILDDIR/tests/bench/bench_store" "$T/store" > "$T/store.json" || bail_out "bench_store failed"
	jq -r '(.codec[] | "  \(.values): encoded \(.encode_M_per_s), decoded \(.decode_M_per_s) M values/s"), (.reads[] | "  a year of 1 h rollups, \(.read): \(.ms) ms")' "$T/store.json"
	rm -rf "$T/store"
}

at_rest() {
	export METRICS_ENABLED=yes METRICS_COLLECTION_INTERVAL=1s
	start_holdfastd
	sleep 5
	before=$(cpu_ticks "$HF_PID")
	sleep "$rest"
	after=$(cpu_ticks "$HF_PID")
	keep --argjson t $((after - before)) --argjson hz "$hz" --argjson s "$rest" --argjson rss "$(field_kb "$HF_PID" VmRSS)" --argjson v "$(api status | jq .collect.values_per_s)" '
		{server: "holdfast", test: "at rest, collecting each second", seconds: $s, values_per_s: $v, cpu_percent: (100 * $t / $hz / $s), memory_bytes: ($rss * 1024)}'
	tail -1 "$results" | jq -r '"at rest, collecting each second, \(.seconds) s: \(.values_per_s) values/s, \(.cpu_percent * 100 | round / 100) % of a core, \(.memory_bytes / 1e5 | round / 10) MB"'
	stop_holdfastd
	rm -rf "$T/data"
}

# As many series through the door, compacted, and the start with them.
many_series() {
	export METRICS_ENABLED=no
	start_holdfastd
	export HOLDFAST_URL=$HF
	empty=$(field_kb "$HF_PID" VmRSS)
	awk -v n="$series" -v now="$(date +%s)" 'BEGIN {
		for (i = 0; i < n; i++) {
			s = i % 200000
			printf "requests%d,host=web-%04d,operation=GET-/v1/%03d,region=%s,service=svc-%03d,status=%s count=1i %d000000000\n",
				i / 200000, s / 400, int(s / 2) % 200, int(s / 400) % 2 ? "eu-west-1" : "us-east-2", int(s / 2) % 50,
				s % 2 ? "success" : "error", now
		}
	}' > "$T/series.lp"
	"$BUILDDIR/holdfast" write "$T/series.lp" > /dev/null 2>&1 || echo "  some writes failed"
	"$BUILDDIR/holdfast" compact --wait > /dev/null
	stop_holdfastd
	rm -f "$T/series.lp"
	before=$(date +%s%N)
	start_holdfastd
	known=$(api status | jq .series.count)
	keep --argjson n "$known" --argjson ns $(($(date +%s%N) - before)) --argjson bytes $((($(field_kb "$HF_PID" VmRSS) - empty) * 1024)) '
		{server: "holdfast", test: "start with many series", series: $n, start_ms: ($ns / 1e6), bytes_per_series: ($bytes / $n)}'
	tail -1 "$results" | jq -r '"start with \(.series) series: \(.start_ms | round) ms until it answers, \(.bytes_per_series | round) bytes of memory each beyond the empty daemon"'
	stop_holdfastd
}

load_table() {
	jq -r '
		def cell(f): [.[] | f];
		def fmt(n; d): if n == null then "–" else (n * pow(10; d) | round / pow(10; d) | tostring) end;
		.results as $r | [$r[] | select(.test == "version") | .server] as $servers |
		def row(title; test; f): "| " + title + " | " + ([$servers[] as $s | ([$r[] | select(.server == $s and .test == test)][0] | f)] | join(" | ")) + " |";
		"| | " + ([$servers[] as $s | $s + " " + ([$r[] | select(.server == $s and .test == "version")][0].version)] | join(" | ")) + " |",
		"|---" + ($servers | map("|---") | join("")) + "|",
		row("5,000 lines, 4 connections: M values/s"; "5,000 lines, 4 connections"; fmt(.values_per_s / 1e6; 2)),
		row("the same: CPU s per million values"; "5,000 lines, 4 connections"; fmt(.cpu_s_per_million_values; 3)),
		row("the same: ack ms p50 / p99"; "5,000 lines, 4 connections"; fmt(.ack_p50_ms; 1) + " / " + fmt(.ack_p99_ms; 1)),
		row("peak memory, MB"; "disk and memory"; fmt(.peak_memory_bytes / 1e6; 0)),
		row("disk, bytes a value, at once"; "disk and memory"; fmt(.disk_bytes_per_value_at_once; 2)),
		row("disk, bytes a value, settled"; "disk and memory"; fmt(.disk_bytes_per_value_settled; 2)),
		row("settling: CPU s per million values"; "disk and memory"; fmt(.settling_cpu_s_per_million_values; 3)),
		row("100 lines, 4 connections: M values/s"; "100 lines, 4 connections"; fmt(.values_per_s / 1e6; 2)),
		row("the same: ack ms p50 / p99"; "100 lines, 4 connections"; fmt(.ack_p50_ms; 2) + " / " + fmt(.ack_p99_ms; 2)),
		row("1 line, 1 connection: ack ms p50 / p99"; "1 line, 1 connection"; fmt(.ack_p50_ms; 3) + " / " + fmt(.ack_p99_ms; 3)),
		row("1 line, 16 connections: acks/s"; "1 line, 16 connections"; fmt(.requests_per_s; 0)),
		row("the same: ack ms p50 / p99"; "1 line, 16 connections"; fmt(.ack_p50_ms; 2) + " / " + fmt(.ack_p99_ms; 2))
		' "$BUILDDIR/bench.json"
}

# ---- run ----

. "$SRCDIR/tests/bench/queries.sh"
. "$SRCDIR/tests/bench/catchup.sh"

say "machine: $(nproc) cores, $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1), $(awk '/^MemTotal/ { print int($2 / 1048576 + 0.5) }' /proc/meminfo) GiB, Linux $(uname -r)"
export METRICS_ENABLED=no
if [ "$only" = catchup ]; then
	catch_up
	catchup_table | tee "$BUILDDIR/catchup.md"
	exit 0
fi
"$LPGEN" --hosts 100 --steps "$steps" --end $((to - 10)) --dump "$T/day.lp"
echo null > "$T/store.json"
servers=holdfast
if [ "${BENCH_PEERS:-yes}" != no ]; then
	for p in influxd:influxdb victoria-metrics:victoriametrics; do
		command -v "${p%%:*}" > /dev/null && servers="$servers ${p#*:}" || say "${p%%:*} is not installed; ./bootstrap bench installs it"
	done
fi
for s in $servers; do
	v=$("version_$s")
	say "$s $v"
	keep --arg server "$s" --arg v "$v" '{server: $server, test: "version", version: $v}'
	[ "$s" != holdfast ] || ask_just_written
	all_loads "$s"
done
say "a day of 1,000 series"
stream_all $servers
compare_sums
if wanted loads; then
	all_while_compacting
	store_alone
	at_rest
	"$BUILDDIR/tests/bench/bench_catalogue" "$series"
	many_series
fi
rm -f "$T/day.lp"
if wanted catchup && command -v influxd > /dev/null && [ "${BENCH_PEERS:-yes}" != no ]; then
	catch_up
fi

jq -s --slurpfile store "$T/store.json" --arg cpu "$(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1)" --argjson cores "$(nproc)" \
	--arg kernel "$(uname -r)" --arg at "$(date -u +%Y-%m-%dT%H:%M:%SZ)" --argjson steps "$steps" \
	'{at: $at, machine: {cpu: $cpu, cores: $cores, kernel: $kernel}, steps: $steps, results: ., store: $store[0]}' "$results" > "$BUILDDIR/bench.json"

say ""
say "The load: $steps steps of 100 hosts. Servers take turns; the load generator runs beside them."
{
	if wanted loads; then load_table; echo; fi
	if wanted catchup; then catchup_table; echo; fi
	query_table
} | tee "$BUILDDIR/bench.md"
say ""
say "written: $BUILDDIR/bench.json"
