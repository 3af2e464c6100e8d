#!/bin/sh
# Points that a real InfluxDB refuses lie in quarantine with its words; once the cause is mended they are sent again, also
# where the daemon is killed in between, and never over what was written since. Two targets: each has its own entries.
. "$SRCDIR/tests/integration/lib.sh"
need_programs influxd influx curl jq

H() { "$BUILDDIR/holdfast" --url "$HF" "$@"; }
points() { api quarantine | jq -r "${1:-.points}"; }
has_points() { [ "$(points "${2:-}")" = "$1" ]; }
all_in_step() { [ "$(api quarantine | jq .replay_points)" = 0 ] && in_step && [ "$(mirror_lag)" = 0 ]; }
# Of the mirror nothing is shown but what it has.
mirror_lag() { [ "$(influx_value mirror good v)" = "$(influx_value metrics good v)" ] && echo 0; }
influx_value() { # DATABASE MEASUREMENT FIELD: the last value
	influx -port "$INFLUX_PORT" -database "$1" -format json -execute "select last(\"$3\") from \"$2\"" |
		jq '.results[0].series[0].values[0][1] // 0'
}
count_in() { # DATABASE MEASUREMENT FIELD
	influx -port "$INFLUX_PORT" -database "$1" -format json -execute "select count(\"$3\") from \"$2\"" |
		jq '.results[0].series[0].values[0][1] // 0'
}
statement() { curl -s -X POST "$IX/query" --data-urlencode "q=$1" > /dev/null; }
plant() { curl -s --data-binary "$2 v=\"text\" ${now}000000000" "$IX/write?db=$1"; } # DATABASE MEASUREMENT
mend() { statement "drop measurement \"$2\"" && curl -s -X POST "$IX/query?db=$1" --data-urlencode "q=drop measurement \"$2\"" > /dev/null; }
write() { curl -s -o "$T/answer" -w '%{http_code}' --data-binary @- "$HF/write?db=metrics"; }
ask() { # STATEMENT [SOURCE]: the body into $T/answer, the headers into $T/head
	curl -s -D "$T/head" -o "$T/answer" -G "$HF/query" --data-urlencode db=metrics --data-urlencode "q=$1" \
		--data-urlencode "source=${2:-}"
}
header() { tr -d '\r' < "$T/head" | sed -n "s/^X-Holdfast-$1: //p"; }
old_is_from() { ask 'select count(v) from old' && [ "$(header Source) $(header Complete)" = "$1" ]; }
start_daemon() {
	cat > "$T/conf" <<- EOF
		[influxdb]
		url = $IX
		[mirror "second"]
		url = $IX
		database = mirror
	EOF
	start_holdfastd --config "$T/conf"
}

export METRICS_ENABLED=no
now=$(date +%s)
start_influxd
statement 'create database metrics'
statement 'create database mirror'
start_daemon

# ---- refused ----
plant metrics clash
plant mirror clash
{
	i=0
	while [ $i -lt 300 ]; do
		printf 'good v=%si %s%09d\nclash,n=%s v=%s %s%09d\n' $i "$now" $((i + 1)) $i $i "$now" $((i + 1))
		i=$((i + 1))
	done
} > "$T/lines"
is "$(write < "$T/lines")" 204 "points that both targets will refuse are acknowledged here"
wait_until 60 has_points 600
ok "each target's are in quarantine"
wait_until 30 all_in_step
ok "and the others arrive"
is "$(count_in metrics good v):$(count_in mirror good v)" 300:300 "all of them"
is "$(points '[.counts[] | "\(.target) \(.reason_code) \(.points) \(.configured)"] | join(", ")')" \
	"influxdb type_conflict 300 true, mirror:second type_conflict 300 true" "counted by target and reason"
is "$(curl -s "$HF/metrics" | grep '^holdfast_quarantine_points' | grep -v ' 0$' | tr '\n' ' ')" \
	'holdfast_quarantine_points{target="influxdb",reason="type_conflict"} 300 holdfast_quarantine_points{target="mirror:second",reason="type_conflict"} 300 ' \
	"and in /metrics"
H quarantine --limit 3 > "$T/table"
is $? 0 "holdfast quarantine lists them"
grep -q 'field type conflict' "$T/table"
ok "with InfluxDB's words"
is "$(grep -c '  *influxdb\|  *mirror:second' "$T/table")" 5 "as many as asked for, under the counts"
is "$(H quarantine list --format json --limit 2500 --target influxdb | jq '.entries | length')" 300 "all of a target as JSON"
is "$(H quarantine list --format csv --limit 2500 --reason type_conflict | wc -l)" 601 "and as CSV, over several pages"
is "$(H quarantine list --format json --reason poison | jq '.entries | length')" 0 "none for another reason"
is "$(H quarantine list --format json --since "$((now + 86400))" | jq '.entries | length')" 0 "none since tomorrow"
is "$(api alerts | jq -r '.alerts[] | select(.name == "quarantine") | .detail' | grep -c 'type_conflict.*holdfast quarantine replay')" 1 "the alert names the reason and the command"

ask 'select count(v) from clash'
is "$(header Source) $(header Complete) $(jq '.results[0].series[0].values[0][1]' "$T/answer")" "local yes 300" \
	"a read has them from the local store"
ask 'select count(v) from clash' record
is "$(header Source) $(header Complete)" "influxdb no" "InfluxDB alone is not complete"
ask "select count(v) from good where time < $((now - 1000))s"
is "$(header Source) $(header Complete)" "influxdb yes" "where none is in quarantine, InfluxDB answers"

# ---- sent again in vain ----
H quarantine replay --target influxdb > "$T/out"
is $? 0 "they are sent again"
wait_until 60 all_in_step
is "$(points '.points') $(points '.entries | map(select(.target == "influxdb").attempts) | max')" "600 2" "refused again they stay, and it is counted"

# ---- mended ----
H quarantine export --target influxdb -o "$T/exported" 2> "$T/err"
is "$?:$(cat "$T/err")" "0:300 points exported" "they are exported"
is "$(grep -vc '^#' "$T/exported") $(grep -c '^# type_conflict, refused 20.* by influxdb: .*field type conflict' "$T/exported")" "300 300" "each with a comment that says why"
mend metrics clash
printf 'clash,n=7 v=700 %s%09d\n' "$now" 8 | write > /dev/null
wait_until 30 all_in_step
# the mirror has refused one more by now
printf 'good v=301i %s%09d\n' "$now" 302 | write > /dev/null
H quarantine replay --target influxdb > "$T/out"
is "$?:$(cat "$T/out")" "0:300 points are sent again; holdfast quarantine shows what comes of it" "the cause is mended, they are sent again"
wait_until 60 has_points 0 '[.counts[] | select(.target == "influxdb").points] | add // 0'
ok "the quarantine has none of them any more"
is "$(count_in metrics clash v)" 300 "all are in the record"
is "$(influx -port "$INFLUX_PORT" -database metrics -format json -execute "select v from clash where n = '7'" | jq -c '[.results[0].series[0].values[][1]]')" \
	"[700]" "where a newer value was acknowledged since, that is what the record has"

# ---- killed in the middle ----
mend mirror clash
H quarantine replay > "$T/out"
stop_holdfastd KILL
start_daemon
wait_until 60 has_points 0
ok "killed in the middle of it: after the restart the rest is sent"
wait_until 30 all_in_step
is "$(count_in mirror clash v)" 300 "all are in the mirror"
is "$(influx -port "$INFLUX_PORT" -database mirror -format json -execute "select v from clash where n = '7'" | jq -c '[.results[0].series[0].values[][1]]')" \
	"[700]" "with the newest values"

# ---- dropped, exported and imported ----
plant metrics other
plant mirror other
printf 'other v=1 %s%09d\nother v=2 %s%09d\n' "$now" 1 "$now" 2 | write > /dev/null
wait_until 30 has_points 4
ok "two points are refused by both"
H quarantine drop > "$T/out" 2> "$T/err"
is $? 2 "drop without a filter is refused"
is "$(curl -s -X POST -o "$T/answer" -w '%{http_code}' "$HF/api/v1/quarantine/drop")" 400 "by the daemon, too"
is "$(curl -s -X POST -o "$T/answer" -w '%{http_code}' -H 'Origin: http://elsewhere.example' "$HF/api/v1/quarantine/drop?all=yes")" 403 "a foreign page may drop nothing"
is "$(H quarantine drop --target mirror:second)" "2 points dropped" "those of the mirror are dropped"
grep -q '2 points were dropped from the quarantine, as asked for (target mirror:second' "$T/log"
ok "and the log says so"
is "$(curl -s "$HF/metrics" | sed -n 's/^holdfast_quarantine_dropped_points_total{cause="asked"} //p')" 2 "it is counted"
H quarantine export -o "$T/exported" 2> "$T/err"
is "$(curl -s -X POST -d 'all=yes' "$HF/api/v1/quarantine/drop" | jq -c .)" '{"dropped":2}' "all are dropped, asked by a form"
is "$(points)" 0 "the quarantine is empty"
mend metrics other
mend mirror other
H import "$T/exported" > "$T/out" 2> "$T/err"
is $? 0 "what was exported is imported"
wait_until 30 all_in_step
is "$(count_in metrics other v):$(count_in mirror other v)" 2:2 "and arrives"

# ---- a target that is gone ----
plant mirror gone
printf 'gone v=1 %s%09d\n' "$now" 1 | write > /dev/null
wait_until 30 has_points 1
stop_holdfastd
mend mirror gone
printf '[influxdb]\nurl = %s\n' "$IX" > "$T/conf"
start_holdfastd --config "$T/conf"
H quarantine replay > "$T/out" 2> "$T/err"
is "$?:$(grep -c 'not configured' "$T/err")" "1:1" "points of a target that is not configured any more stay, and that is said"
is "$(points '"\(.points) \(.counts[0].configured)"')" "1 false" "in the list, too"

# ---- InfluxDB keeps less than is kept here ----
printf 'old v=1i %s%09d\n' "$((now - 3 * 86400))" 1 | write > /dev/null
wait_until 30 old_is_from 'influxdb yes'
ok "what InfluxDB keeps for ever, it answers"
statement 'alter retention policy "autogen" on "metrics" duration 24h shard duration 1h'
kill -HUP "$HF_PID"
wait_until 30 old_is_from 'local yes'
is "$(jq '.results[0].series[0].values[0][1]' "$T/answer")" 1 "what is older than it keeps now, the local store answers"
stop_holdfastd
start_holdfastd --config "$T/conf"
wait_until 30 old_is_from 'local yes'
ok "after a restart, too"
ask 'select count(v) from old' record
is "$(header Complete)" no "InfluxDB alone is not complete"
finish
