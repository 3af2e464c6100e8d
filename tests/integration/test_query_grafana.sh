#!/bin/sh
# The requests of Grafana's InfluxDB data source: dashboards get from Holdfast what they get from InfluxDB, also while time goes on.
. "$SRCDIR/tests/integration/lib.sh"
. "$SRCDIR/tests/integration/query_lib.sh"
need_programs curl influxd jq python3
export METRICS_ENABLED=no HOLDFAST_READ_FROM=local HOLDFAST_SERVER_CREATE_DATABASES=yes HOLDFAST_RETENTION_RAW=3650d \
	HOLDFAST_RETENTION_1M=3650d HOLDFAST_RETENTION_1H=3650d HOLDFAST_RETENTION_1D=3650d

# Seven hours up to now, each ten seconds, of three hosts; one has a hole.
write_recent() {
	now=$(date +%s)
	awk -v now="$now" 'BEGIN { for (t = int(now / 10) * 10 - 25200; t <= now; t += 10) for (h = 0; h < 3; h++) {
		v = (t / 10 * 7919 + h * 104729) % 1009
		if (h == 2 && t % 3600 < 900) continue
		printf "live,host=h%d usage=%.2f,count=%di %.0f000000000\n", h, v / 10.25, v, t } }' > "$T/recent"
	for url in "$IX" "$HF"; do
		write_lines "$url" metrics "$T/recent" || return 1
	done
}
bucket() { echo $(($(date +%s) / 10)); }
# What the panels of a dashboard that shows the last hours ask. Both must be asked within one bucket: else again.
compare_recent() { # STATE
	for attempt in 1 2 3 4 5; do
		began=$(bucket)
		ms=$(($(date +%s) * 1000))
		{
			echo '## the last hours'
			for filter in "time >= now() - 6h" "time >= now() - 6h and time <= now()" "time > now() - 5m" "time >= now() - 1h and time <= now() - 5m" \
				"time >= $((ms - 3600000))ms and time <= ${ms}ms" "time >= $((ms - 21600000))ms"; do
				for group in 'time(10s)' 'time(1m), "host"' 'time(5m), "host"::tag' 'time(1h)'; do
					for fill in null none previous 0 linear; do
						echo "SELECT mean(\"usage\") FROM \"live\" WHERE $filter GROUP BY $group fill($fill)	method=ADDRESS epoch=ms"
					done
				done
				echo "SELECT max(\"count\") - min(\"count\") FROM \"live\" WHERE (\"host\" =~ /^(h0|h2)\$/) AND $filter GROUP BY time(10m), \"host\" fill(null)	method=GET epoch=ms"
				echo "SELECT non_negative_derivative(mean(\"count\"), 1s) FROM \"live\" WHERE $filter GROUP BY time(30s), \"host\" fill(null)	method=GET epoch=ms"
				echo "SELECT count(\"usage\") FROM \"live\" WHERE $filter GROUP BY time(1h), \"host\"	method=ADDRESS epoch=ms"
				echo "SELECT last(\"usage\") FROM \"live\" WHERE $filter GROUP BY \"host\"	method=ADDRESS epoch=ms"
				echo "SELECT last(\"usage\") FROM \"live\" WHERE $filter GROUP BY time(1h) fill(null); SELECT sum(\"count\") FROM \"live\" WHERE $filter GROUP BY time(20m) fill(null)	method=ADDRESS epoch=ms"
			done
		} > "$T/recent.influxql"
		judge_answers --state "$1" "$IX" "$HF" "$T/recent.influxql" && break
		[ "$(bucket)" != "$began" ] || break
	done
	tell_answers
}

make_sets
start_influxd
make_databases "$IX"
start_holdfastd
for url in "$IX" "$HF"; do
	write_lines "$url" metrics "$T/sets/first.lp" && write_lines "$url" metrics "$T/sets/then.lp" && write_lines "$url" other "$T/sets/other.lp" || break
done
ok "both have the data"
write_recent
ok "and that of the last hours"
{ echo '# As in known.txt.'; grep -Fx -f "$QUERIES/grafana.influxql" "$QUERIES/known.txt" | grep -v '^#' | grep .; } > "$T/known"
compare_answers --state "in memory" --known "$T/known" "$IX" "$HF" "$QUERIES/grafana.influxql"
compare_recent 'in memory'
"$BUILDDIR/holdfast" --url "$HF" compact --wait > "$T/out" 2>&1
ok "all is compacted"
compare_answers --state "compacted" --known "$T/known" "$IX" "$HF" "$QUERIES/grafana.influxql"
compare_recent 'compacted'

# What Grafana's server needs of /ping and of the headers
is "$(curl -s -o "$T/out" -w '%{http_code}' "$HF/ping")" 204 "/ping answers"
curl -s -D - -o "$T/out" -G "$HF/query" --data-urlencode 'q=SHOW MEASUREMENTS LIMIT 1' -d db=metrics | tr -d '\r' > "$T/headers"
is "$(sed -n 's/^[Cc]ontent-[Tt]ype: //p' "$T/headers")" application/json "an answer says that it is JSON"
grep -qi '^x-influxdb-version: ' "$T/headers"
ok "and what version it has"
is "$(curl -s -o "$T/out" -w '%{http_code}' -G "$HF/query" -d db=metrics --data-urlencode 'q=SELECT') $(jq -r .error "$T/out" | cut -c1-30)" \
	'400 error parsing query: found EOF' "what is no statement is refused with InfluxDB's words"
finish
