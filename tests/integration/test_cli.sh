#!/bin/sh
# The command: what it prints and how it exits.
. "$SRCDIR/tests/integration/lib.sh"
need_programs jq
export METRICS_COLLECTION_INTERVAL=1s
start_holdfastd
export HOLDFAST_URL=$HF
H=$BUILDDIR/holdfast

two_rounds() { [ "$(api status | jq .ingest.points_total)" -gt 40 ]; }
wait_until 20 two_rounds
"$H" status > "$T/out"
is $? 0 "status: all is well"
grep -q '^All is well' "$T/out"
ok "status begins with the sentence"
"$H" status --json | jq -e '.state == "ok"' > /dev/null
ok "status --json is the API's answer"
"$H" query resources cpu --from -1m > "$T/out" 2> "$T/err"
is $? 0 "query resources"
grep -q '^cpu cpu=cpu-total  *usage_user' "$T/out" && grep -q '^source: local, complete' "$T/err"
ok "prints a table and where it comes from"
"$H" query resources mem --from -1m --step 1s --format csv 2> /dev/null | grep -q '^20..-..-..T..:..:..Z,mem,total,[0-9]'
ok "query --step --format csv"
"$H" query resources nosuch --from -1m > "$T/out" 2> "$T/err"
is $? 1 "query resources of what does not exist"
grep -q 'nosuch' "$T/err"
ok "names it"
"$H" query resources cpu nosuch --from -1m > "$T/out" 2> "$T/err"
is $? 1 "query resources of something that exists and something that does not"
grep -q 'nosuch' "$T/err" && grep -q 'mem' "$T/err"
ok "names it and what there is"
"$H" query resources --format json nosuch --from -1m > "$T/out" 2> "$T/err"
is $? 1 "in JSON too"
"$H" query resources --epoch ms 2> /dev/null
is $? 2 "an option of statements is not one of resources"
now=$(date +%s)
printf 'service_performance,service=shop,operation=buy,status=success count=4i,duration_ms_sum=8 %s\n' "$now" | "$H" write --precision s 2> "$T/err"
is $? 0 "write from standard input"
grep -q '^1 line sent$' "$T/err"
ok "says how many lines"
"$H" query performance shop 2> /dev/null | grep -q '^buy  *4 '
ok "query performance shows it"
printf 'm v=1 %s\nbad\nm v=2 %s\n' "$now" "$((now + 1))" > "$T/lines"
"$H" write --precision s "$T/lines" 2> "$T/err"
is $? 1 "write: a refused line"
grep -q "unable to parse 'bad': missing fields" "$T/err"
ok "is told with its reason"
grep -q "lines:2: unparsable$" "$T/err" && grep -q '^2 lines written, 1 refused$' "$T/err"
ok "and its number, and how many were written"
awk -v now="$now" 'BEGIN { for (i = 0; i < 12000; i++) print "many v=" i "i " now "00" 1000000 + i }' > "$T/many"
"$H" write "$T/many" 2> "$T/err"
is "$?:$(cat "$T/err")" "0:12000 lines sent" "write cuts many lines into requests"
"$H" write --db nosuch "$T/many" "$T/lines" 2> "$T/err"
is $? 1 "write: to a database that is not there"
grep -q "HTTP 404; stopped at line 1 of .*/many$" "$T/err" &&
	grep -q '^0 lines written, 5000 not taken, 7000 not sent, 1 further file not sent$' "$T/err"
ok "says that nothing was written, and how many lines were not sent"
awk 'NR == 5002 { print "bad" } { print }' "$T/many" | "$H" write 2> "$T/err"
is $? 1 "write: a refused line of the second request"
grep -q "standard input:5002: unparsable$" "$T/err" && grep -q '^12000 lines written, 1 refused$' "$T/err"
ok "is told with its number in the whole input"
awk -v now="$now" 'BEGIN { print "m s=\"two\nlines\" " now "000000000" } NR == 5002 { print "bad" } { print }' "$T/many" | "$H" write 2> "$T/err"
grep -q "standard input:5004: unparsable$" "$T/err"
ok "also after a value that goes over a line's end"
"$H" quality > "$T/out"
is $? 0 "quality"
grep -Eq '^[0-9]+ points kept and 3 refused since 20' "$T/out" && grep -q '^(not known)  *unparsable  *3 ' "$T/out" &&
	grep -q '^many  *1  *200000  *1' "$T/out"
ok "tells what was refused, and the series by measurement"
"$H" quality --json | jq -e '.offenders[0].reason == "unparsable" and .series.max == 1000000' > /dev/null
ok "quality --json is the API's answer"
"$H" query performance nothing 2> "$T/err"
is $? 1 "an unknown service"
"$H" compact --wait > "$T/out" 2> "$T/err"
is "$?:$(cat "$T/err")" "0:" "compact waits until it is done"
"$H" frobnicate 2> /dev/null
is $? 2 "an unknown command"
"$H" query 2> /dev/null
is $? 2 "query of nothing"
"$H" --url http://127.0.0.1:1 status 2> "$T/err"
is $? 3 "no daemon there"
grep -q 'is holdfastd running' "$T/err"
ok "says what to look at"
for c in '' status quality quarantine replication query shell compact write export import backfill verify backup restore; do
	# shellcheck disable=SC2086
	"$H" $c --help | grep -q Usage
	ok "help of ${c:-holdfast}"
done
finish
