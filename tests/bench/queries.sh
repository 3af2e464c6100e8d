# Sourced by bench.sh: the same questions to each server over one kept-alive connection, of the day [from, to) that it was
# loaded with. Each answer must bring the series, rows and values named here. What differs between the two languages:
#  - windows are [t, t + 1h) in InfluxQL and (t - 1h, t] in MetricsQL; asked 10 s before the hour, the latter hold the same points;
#  - percentiles are nearest rank in InfluxQL, interpolated in MetricsQL;
#  - the last value is one of any age in InfluxQL, one of the last 5 minutes in MetricsQL.
QUERIES=$BUILDDIR/tests/bench/queries
budget=${BENCH_SECONDS:-30}
cpu_fields="usage_user usage_system usage_idle usage_nice usage_iowait usage_irq usage_softirq usage_steal usage_guest usage_guest_nice"

influxql() { printf '%s\n' --path /query --param db=metrics --param epoch=ms --param "q=$1"; }
influxql_stream() { influxql "$1"; printf '%s\n' --param chunked=true --param chunk_size=10000; }
instant() { printf '%s\n' --path /api/v1/query --param nocache=1 --param "time=$((to - 10))" --param "query=$1"; }
range() { printf '%s\n' --path /api/v1/query_range --param nocache=1 --param "start=$(($2 + $3 - 10))" --param "end=$((to - 10))" --param "step=$3" --param "query=$1"; }
export_raw() { printf '%s\n' --path /api/v1/export --param "start=$from" --param "end=$((to - 10))" --param "match[]=$1"; }

# TEST REQUESTS EXPECT ARGUMENT-PER-LINE…; server and state are the caller's.
ask() {
	test=$1 requests=$2 expect=$3 arguments=$4
	old_ifs=$IFS
	IFS='
'
	set -f
	# shellcheck disable=SC2086
	set -- $arguments
	set +f
	IFS=$old_ifs
	echo 5 > "/proc/$PID/clear_refs" # VmHWM counts from here
	rss=$(field_kb "$PID" VmRSS) before=$(cpu_ticks "$PID")
	if ! "$QUERIES" --port "$PORT" --requests "$requests" --seconds "$budget" --expect "$expect" "$@" > "$T/query.json" 2> "$T/query.err"; then
		say "  $server, $state: $test: $(head -c 500 "$T/query.err")"
		keep --arg server "$server" --arg state "$state" --arg test "$test" --rawfile e "$T/query.err" '{server: $server, state: $state, test: $test, failed: $e}'
		return
	fi
	keep --slurpfile q "$T/query.json" --arg server "$server" --arg state "$state" --arg test "$test" --argjson rss "$rss" \
		--argjson peak "$(field_kb "$PID" VmHWM)" --argjson t $(($(cpu_ticks "$PID") - before)) --argjson hz "$hz" '
		{server: $server, state: $state, test: $test} + $q[0] + {cpu_ms: ($t / $hz * 1000 / $q[0].asked),
		values_per_s: ($q[0].values / $q[0].p50_ms * 1000), memory_bytes: ($rss * 1024), peak_memory_bytes: ($peak * 1024)}'
	tail -1 "$results" | jq -r '"  \(.server), \(.state): \(.test): ms p50 \(.p50_ms) p99 \(.p99_ms) (\(.requests) times), CPU ms \(.cpu_ms * 1000 | round / 1000), peak memory \(.peak_memory_bytes / 1e6 | round) MB"'
}

# TEST REQUESTS, then what must come and how it is asked for: in InfluxQL, in MetricsQL.
question() {
	if [ "$server" = victoriametrics ]; then ask "$1" "$2" "$5" "$6"; else ask "$1" "$2" "$3" "$4"; fi
}

day() { echo "time >= ${from}s AND time < ${to}s"; }
one='host="host_{n}"'

ask_all() { # SERVER STATE
	server=$1 state=$2
	hours=$((steps / 360)) means=''
	for f in $cpu_fields; do means="$means${means:+, }mean($f)"; done
	question 'last value, 1 series' 1000 \
		1,1,1 "$(influxql "SELECT last(usage_user) FROM cpu WHERE host = 'host_{n}'")" \
		1,1,1 "$(instant "cpu_usage_user{$one}")"
	question '1 series, mean by 1 m over 1 h' 1000 \
		1,60,60 "$(influxql "SELECT mean(usage_user) FROM cpu WHERE host = 'host_{n}' AND time >= $((to - 3600))s AND time < ${to}s GROUP BY time(1m)")" \
		1,60,60 "$(range "avg_over_time(cpu_usage_user{$one}[1m])" $((to - 3600)) 60)"
	question '100 series, mean by host and 1 h over 24 h' 200 \
		100,$((100 * hours)),$((100 * hours)) "$(influxql "SELECT mean(usage_user) FROM cpu WHERE $(day) GROUP BY time(1h), host")" \
		100,$((100 * hours)),$((100 * hours)) "$(range 'avg_over_time(cpu_usage_user[1h])' "$from" 3600)"
	question '10 fields of 100 series, mean by host and 1 h over 24 h' 200 \
		100,$((100 * hours)),$((1000 * hours)) "$(influxql "SELECT $means FROM cpu WHERE $(day) GROUP BY time(1h), host")" \
		1000,$((1000 * hours)),$((1000 * hours)) "$(range 'avg_over_time({__name__=~"cpu_usage_.+"}[1h]) keep_metric_names' "$from" 3600)"
	question 'p95 over 24 h of raw, 1 series' 1000 \
		1,1,1 "$(influxql "SELECT percentile(usage_user, 95) FROM cpu WHERE host = 'host_{n}' AND $(day)")" \
		1,1,1 "$(instant "quantile_over_time(0.95, cpu_usage_user{$one}[${hours}h])")"
	question 'p95 over 24 h of raw by host, 100 series' 200 \
		100,100,100 "$(influxql "SELECT percentile(usage_user, 95) FROM cpu WHERE $(day) GROUP BY host")" \
		100,100,100 "$(instant "quantile_over_time(0.95, cpu_usage_user[${hours}h])")"
}

# A day of one field of 1,000 hosts, as it was written.
ask_stream() { # SERVER STATE
	server=$1 state=$2
	question '1,000 series raw over 24 h, streamed' 5 \
		1000,$((1000 * steps)),$((1000 * steps)) "$(influxql_stream "SELECT usage_user FROM cpu WHERE $(day) GROUP BY host")" \
		1000,$((1000 * steps)),$((1000 * steps)) "$(export_raw cpu_usage_user)"
}

fill() { "$LPGEN" --port "$PORT" --url-path '/write?db=metrics' --load "$1" --batch 5000 --conns 4 > /dev/null || say '  some writes failed'; }

# What was acknowledged a moment ago, most of it not yet compacted.
ask_just_written() {
	start_holdfast
	fill "$T/day.lp"
	ask_all holdfast 'just written'
	stop_holdfast
}

stream_all() { # SERVERS…
	"$LPGEN" --hosts 1000 --fields 1 --steps "$steps" --end $((to - 10)) --dump "$T/wide.lp"
	for s in "$@"; do
		"start_$s"
		fill "$T/wide.lp"
		[ "$s" != holdfast ] || ask_stream holdfast 'just written'
		"settle_$s"
		ask_stream "$s" settled
		"stop_$s"
	done
	rm -f "$T/wide.lp"
}

# Servers that were asked the same must have said the same: the sums of the first answers, percentiles within 1 %.
compare_sums() {
	jq -sr '
		[.[] | select(.sum)] | group_by(.test)[] | (map(.sum) | min) as $least | (map(.sum) | max) as $most |
		select($most - $least > ($most | fabs) * (if .[0].test | startswith("p95") then 0.01 else 1e-9 end)) |
		"  not the same answers: \(.[0].test): " + (map("\(.server) \(.state) \(.sum)") | join(", "))' "$results"
}

# One row a question: ms p50 / p99 of each server and state; the ratio is that of the medians to the faster peer's.
query_table() {
	jq -r '
		def fmt: if . == null then "–" elif . < 10 then . * 1000 | round / 1000 elif . < 100 then . * 10 | round / 10 else round end | tostring;
		.results as $r | [$r[] | select(.state)] as $q |
		($q | reduce .[] as $x ([]; if any(.[]; . == [$x.server, $x.state]) then . else . + [[$x.server, $x.state]] end)) as $columns |
		($q | reduce .[] as $x ([]; if any(.[]; . == $x.test) then . else . + [$x.test] end)) as $tests |
		def cell(t; c): [$q[] | select(.test == t and .server == c[0] and .state == c[1])][0];
		def peer(t): [$q[] | select(.test == t and .server != "holdfast" and .p50_ms) | .p50_ms] | min;
		def ratio(t): (cell(t; ["holdfast", "settled"]).p50_ms) as $h | peer(t) as $p | if $h and $p then $h / $p else null end;
		"| ms, p50 / p99 | " + ($columns | map(.[0] + ", " + .[1]) | join(" | ")) + " | settled, to the faster peer |",
		"|---|" + ($columns | map("---|") | join("")) + "---|",
		($tests[] as $t | "| " + $t + " | " + ([$columns[] as $c | cell($t; $c) | (.p50_ms | fmt) + " / " + (.p99_ms | fmt)] | join(" | ")) + " | " + (ratio($t) | fmt) + " |",
			if $t | endswith("streamed") then
				"| the same: M values/s | " + ([$columns[] as $c | cell($t; $c).values_per_s | if . then . / 1e6 else . end | fmt] | join(" | ")) + " | |",
				"| the same: peak memory, MB | " + ([$columns[] as $c | cell($t; $c).peak_memory_bytes | if . then . / 1e6 else . end | fmt] | join(" | ")) + " | |"
			else empty end)' "$BUILDDIR/bench.json"
}
