# Sourced by bench.sh: how fast what waits in the spool reaches an InfluxDB that has come back, beside what the same InfluxDB
# takes from the load generator; what that costs the daemon; and its memory, which must not depend on how much waits.
#   BENCH_CATCHUP="252 2520"   steps of 100 hosts each, a run each: 252 are 1.03 million values, 2520 are 10.3
catchup_steps=${BENCH_CATCHUP:-252 2520}

# The daemon with everything in the store and nothing delivered, started anew: no memory of the loading is left in it.
keep_for_record() { # LINES
	start_holdfastd
	"$LPGEN" --port "$HF_PORT" --url-path '/write?db=metrics' --load "$1" --batch 5000 --conns 4 > "$T/load.json" || bail_out "some writes failed"
	settle_holdfast
	stop_holdfastd
	start_holdfastd
	waits=$(replication .lag_points)
}

# Time in ms, points that wait, the daemon's and InfluxDB's ticks of CPU, until nothing waits; then the same once more.
watch_delivery() {
	while :; do
		lag=$(replication '"\(.lag_points) \(.state)"')
		echo "$(date +%s%3N) ${lag% *} $(cpu_ticks "$HF_PID") $(cpu_ticks "$INFLUX_PID")"
		[ "$lag" != "0 up" ] || break
		sleep 0.1
	done
}

catch_up_with() { # STEPS
	lines=$T/catchup.lp
	"$LPGEN" --hosts 100 --steps "$1" --end $((to - 10)) --dump "$lines"
	start_influxdb
	load influxdb "directly, $1 steps" --batch 5000 --conns 4
	values=$(jq .acked_values "$T/load.json")
	direct=$(jq .values_per_s "$T/load.json")
	stop_influxdb

	export INFLUXDB_URL=http://127.0.0.1:$INFLUX_PORT
	keep_for_record "$lines"
	echo 5 > "/proc/$HF_PID/clear_refs" # VmHWM counts from here
	before_kb=$(field_kb "$HF_PID" VmRSS)
	start_influxd
	began=$(date +%s%3N)
	watch_delivery > "$T/delivery"
	# The rate is that between a tenth and nine tenths: the random delay and the slow beginning are for the record's sake.
	# shellcheck disable=SC2046
	set -- "$1" $(awk -v all="$waits" -v began="$began" '
		!first && $2 <= all * 0.9 { first = NR; t = $1; n = $2; cpu = $3; ix = $4 }
		first && !last && $2 <= all * 0.1 { last = NR; dt = ($1 - t) / 1000; dn = n - $2; dcpu = $3 - cpu; dix = $4 - ix }
		END { printf "%.3f %.3f %.0f %d %d\n", ($1 - began) / 1000, dt, dn, dcpu, dix }' "$T/delivery")
	is_there=$(influx_count cpu usage_user)
	keep --argjson steps "$1" --argjson values "$values" --argjson points "$waits" --argjson direct "$direct" --argjson all "$2" --argjson s "$3" \
		--argjson n "$4" --argjson cpu "$5" --argjson ix "$6" --argjson hz "$hz" --argjson before "$before_kb" \
		--argjson peak "$(field_kb "$HF_PID" VmHWM)" --argjson there "$is_there" '
		($values / $points) as $a | {server: "holdfast", test: "catching up", steps: $steps, values: $values, direct_values_per_s: $direct,
		values_per_s: (if $s > 0 then $n * $a / $s else null end), all_s: $all,
		cores: (if $s > 0 then $cpu / $hz / $s else null end), cpu_s_per_million_values: ($cpu / $hz / ($n * $a) * 1e6),
		influxdb_cpu_s_per_million_values: ($ix / $hz / ($n * $a) * 1e6),
		memory_before_bytes: ($before * 1024), peak_memory_bytes: ($peak * 1024), complete: ($there == $steps * 100)}'
	tail -1 "$results" | jq -r '"  \(.values / 1e5 | round / 10) M values waiting: \(.values_per_s / 1e4 | round / 100) M values/s, directly \(.direct_values_per_s / 1e4 | round / 100); all after \(.all_s) s; \(.cores * 100 | round / 100) of a core; peak memory \(.peak_memory_bytes / 1e6 | round) MB; complete: \(.complete)"'
	stop_holdfastd
	stop_influxdb
	unset INFLUXDB_URL
	rm -rf "$T/data" "$lines"
}

catch_up() {
	say "catching up"
	for n in $catchup_steps; do
		catch_up_with "$n"
	done
	unset lines
}

catchup_table() {
	jq -rs '
		def fmt(n; d): if n == null then "–" else (n * pow(10; d) | round / pow(10; d) | tostring) end;
		[.[] | select(.test == "catching up")] as $r |
		def row(title; f): "| " + title + " | " + ([$r[] | f] | join(" | ")) + " |";
		row("values waiting"; fmt(.values / 1e6; 1) + " M"),
		"|---" + ($r | map("|---") | join("")) + "|",
		row("InfluxDB from the load generator, 5,000 lines, 4 connections: M values/s"; fmt(.direct_values_per_s / 1e6; 2)),
		row("the same InfluxDB from the spool: M values/s"; fmt(.values_per_s / 1e6; 2)),
		row("of it"; fmt(.values_per_s / .direct_values_per_s * 100; 0) + " %"),
		row("all delivered after, s"; fmt(.all_s; 1)),
		row("the daemon: cores"; fmt(.cores; 2)),
		row("the daemon: CPU s per million values"; fmt(.cpu_s_per_million_values; 3)),
		row("InfluxDB: CPU s per million values"; fmt(.influxdb_cpu_s_per_million_values; 3)),
		row("the daemon: memory before, MB"; fmt(.memory_before_bytes / 1e6; 0)),
		row("the daemon: peak memory, MB"; fmt(.peak_memory_bytes / 1e6; 0))' "$results"
}
