#!/bin/sh
# Percentiles from a real InfluxDB, from the local store, and from both: the same numbers.
. "$SRCDIR/tests/integration/lib.sh"
need_programs influxd influx curl jq

admin() { curl -s -u admin:secret "$IX/query" --data-urlencode "q=$1" | jq -e '.results[0].error == null and .error == null'; }
# A minute's values of two series, from second $1 to $2 of an hour ago; integers, floats, booleans, strings, holes.
t0=$(($(date +%s) / 3600 * 3600 - 7200))
write_seconds() {
	awk -v from="$1" -v to="$2" -v t0="$t0" 'BEGIN { for (s = from; s < to; s++) for (k = 0; k < 2; k++) {
		v = (s * 7919 + k * 104729) % 1009
		printf "system_resources,cpu=c%d,host=h,resource_type=cpu a=%.2f,i=%di,b=%s,text=\"x\"", k, v / 7 - 30, v - 500, v % 2 ? "true" : "false"
		if (v % 3) printf ",sometimes=%.3f", v * v
		printf " %d000000000\n", t0 + s
		printf "service_performance,operation=o%d,service=shop,status=success duration_ms=%.3f,other=\"x\" %d000000000\n", k, v * v / 100, t0 + s } }' |
		curl -s -o /dev/null -w '%{http_code}' --data-binary @- "$HF/write?db=metrics"
}
ask() { # into $T/$1.json, what is compared into $T/$1
	curl -s "$HF/api/v1/metrics/resources?host=h&from=$t0&to=$((t0 + 3000))&step=10m&percentiles=0.1,50,90,95,99.9,100" > "$T/$1.json"
	jq -S '[.resources.cpu[] | {tags, percentiles, range_percentiles}]' "$T/$1.json" > "$T/$1"
	curl -s "$HF/api/v1/metrics/performance/shop?from=$t0&to=$((t0 + 3000))&step=10m" > "$T/$1.shop.json"
	jq -S '.percentiles, .operations' "$T/$1.shop.json" >> "$T/$1"
}
source_of() { jq -r '"\(.source) \(.complete) \(.percentiles)"' "$T/$1.json"; }
# It asks InfluxDB itself: value for value what its percentile() says.
by_influxdb() { # FIELD RANK [MEASUREMENT CONDITION]
	curl -s -u admin:secret -G "$IX/query" --data-urlencode db=metrics --data-urlencode epoch=ms --data-urlencode \
		"q=SELECT percentile(\"$1\", $2) FROM ${3:-system_resources} WHERE ${4:-cpu='c1'} AND time >= ${t0}s AND time < $((t0 + 3000))s GROUP BY time(10m) fill(none)" |
		jq -c '[.results[0].series[0].values[][1]]'
}
of_answer() { jq -c --arg f "$2" --arg p "$3" '[.resources.cpu[] | select(.tags.cpu == "c1") | .percentiles[$f][$p][] | values]' "$T/$1.json"; }

INFLUXDB_HTTP_AUTH_ENABLED=true
export INFLUXDB_HTTP_AUTH_ENABLED
choose_influxd_ports
start_influxd
admin "CREATE USER admin WITH PASSWORD 'secret' WITH ALL PRIVILEGES" > /dev/null
admin 'CREATE DATABASE metrics' > /dev/null
admin "CREATE USER hf WITH PASSWORD 'hf'" > /dev/null
admin 'GRANT ALL ON metrics TO hf' > /dev/null
ok "InfluxDB with a user for the daemon"
printf hf > "$T/password"
chmod 600 "$T/password"
unset INFLUXDB_HTTP_AUTH_ENABLED
export INFLUXDB_URL=$IX HOLDFAST_INFLUXDB_USERNAME=hf HOLDFAST_INFLUXDB_PASSWORD_FILE=$T/password METRICS_ENABLED=no \
	HOLDFAST_READ_TIMEOUT=30s HOLDFAST_READ_FROM=record
start_holdfastd
is "$(write_seconds 0 2000)" 204 "two thirds of an hour are written"
wait_until 30 in_step
ok "and delivered"
ask record
is "$(source_of record)" "influxdb true exact" "InfluxDB answers"
for f in a i sometimes; do
	for p in 50 99.9; do
		is "$(of_answer record $f p$p)" "$(by_influxdb $f $p)" "p$p of $f is what InfluxDB says"
	done
done
is "$(jq -c '.source, .percentiles, (.operations[] | .count, .p95_ms != null)' "$T/record.shop.json" | tr '\n' ' ')" \
	'"influxdb" "exact" 2000 true 2000 true ' "a service's own durations too"
is "$(jq -c '[.operations[] | select(.operation == "o0") | .series.p99_ms[] | values]' "$T/record.shop.json")" "$(by_influxdb duration_ms 99 service_performance "operation='o0'")" "its p99 is what InfluxDB says"
is "$(jq 'select(type == "array")[0].percentiles | objects | has("b"), has("text")' "$T/record" | tr '\n' ' ')" "false false " "no percentiles of booleans and strings"
is "$(jq -c 'arrays | .[1].percentiles | objects | .a["p0.1"] | map(. != null)' "$T/record")" "[true,true,true,false,false]" "p0.1 of 200 values is none, of 600 the first"

admin 'REVOKE WRITE ON metrics FROM hf' > /dev/null
is "$(write_seconds 2000 3000)" 204 "the rest, which InfluxDB refuses to take"
is_held() { [ "$(replication .state)" = held ]; }
wait_until 30 is_held
ok "is held"
ask both
is "$(source_of both)" "influxdb+local true exact" "both answer"
stop_holdfastd
stop_influxd
export HOLDFAST_READ_FROM=local
start_holdfastd
ask local
is "$(source_of local)" "local true exact" "the local store answers"
is "$(cksum < "$T/both")" "$(cksum < "$T/local")" "the same, value for value"
"$BUILDDIR/holdfast" --url "$HF" compact --wait > /dev/null 2>&1
ask compacted
is "$(source_of compacted)" "local true exact" "from blocks"
is "$(cksum < "$T/compacted")" "$(cksum < "$T/local")" "the same again"
"$BUILDDIR/holdfast" --url "$HF" query resources cpu --host h --from $t0 --to $((t0 + 3000)) --percentiles 50,99.9 > "$T/table" 2> /dev/null
is "$(awk '$2 == "cpu=c1" && $3 == "i" { print $(NF-1), $NF }' "$T/table")" \
	"$(jq -r 'arrays | .[1].range_percentiles | objects | .i | "\(.p50) \(.["p99.9"])"' "$T/local")" "the command shows those of the range"
finish
