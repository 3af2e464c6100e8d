#!/bin/sh
# What InfluxDB has comes back into a fresh data folder: afterwards the export is what it was before the loss.
. "$SRCDIR/tests/integration/lib.sh"
need_programs curl jq influxd awk
export METRICS_ENABLED=no

holdfast() { HOLDFAST_URL=$HF "$BUILDDIR/holdfast" "$@"; }
backfill() { curl -s "$HF/api/v1/backfill" | jq -r "$1"; }
ended() { [ "$(backfill .state)" != running ]; }

start_holdfastd
is "$(curl -s -X POST -o /dev/null -w '%{http_code}' "$HF/api/v1/backfill")" 400 "without InfluxDB there is nothing to read from"
holdfast backfill 2> "$T/said"
is $? 1 "the command says so too"
grep -q 'no InfluxDB to read from' "$T/said" && grep -q '\[influxdb\]' "$T/said"
ok "and what to do"
stop_holdfastd
rm -rf "$T/data"

start_influxd
export INFLUXDB_URL=$IX
now=$(date +%s)
t=$((now / 7200 * 7200 - 20 * 3600))

# every type, the limits of numbers, names and texts that need escapes; then many series over many windows
{
	printf 'types f=1,i=1i,b=true,s="x" %d000000000\n' $t
	printf 'types f=-0.1,i=-9223372036854775808i,b=false,s="" %d000000001\n' $t
	printf 'types f=1e300,i=9223372036854775807i %d000000002\n' $t
	printf 'types f=100000000000000000000,b=t %d000000003\n' $t
	printf 'types f=5e-324,s="a \\"quoted\\" word, an = and a \\\\ and ä€😀 <&>" %d000000004\n' $t
	printf 'types f=0.30000000000000004,s="two\nlines" %d000000005\n' $t
	printf 'types,a=1 only=1i %d999999999\n' $t
	printf 'my\\ nasty\\,name,tag\\ key\\,\\=x=v\\ a\\,l\\=ue,"q"='"'"'s'"'"' field\\ one\\,\\=x=1,"quoted"=2 %d000000000\n' $t
	printf 'back\\slash,t=c:\\temp v=1i %d000000000\n' $t
	printf 'same,x=tag x="field",time_=1 %d000000000\n' $t
	printf '/regex/ v=1 %d000000000\n' $t
	printf 'select from=1,"where"=2 %d000000000\n' $t
} > "$T/nasty"
awk -v t="$t" 'BEGIN { srand(1); for (i = 0; i < 7200; i += 10) for (s = 0; s < 25; s++)
	printf "many,series=%d,host=h%d v=%.17g,n=%di %d%09d\n", s, s % 3, rand(), i * s, t + i * 9, s }' > "$T/many"
start_holdfastd
is "$(curl -s -o "$T/said" -w '%{http_code}' --data-binary @"$T/nasty" "$HF/write?db=metrics")" 204 "all types and nasty names are written"
[ -s "$T/said" ] && sed 's/^/# /' "$T/said"
holdfast import "$T/many" 2> /dev/null
ok "and 18,000 points of 25 series"
wait_until 60 in_step
ok "InfluxDB has them"
is "$(replication .quarantined_points)" 0 "all of them"
holdfast export -o "$T/before" 2> /dev/null
is "$(grep -c '^many,' "$T/before")" 18000 "all are exported"
stop_holdfastd

rm -rf "$T/data"
start_holdfastd
holdfast export -o "$T/nothing" 2> /dev/null
is "$(wc -c < "$T/nothing")" 0 "a fresh data folder has none of it"
holdfast backfill > "$T/out" 2> "$T/said"
is $? 0 "holdfast backfill"
is "$(backfill '"\(.state) \(.refused_values) \(.error)"')" "done 0 null" "nothing is refused"
holdfast export -o "$T/after" 2> /dev/null
cmp "$T/before" "$T/after" > "$T/cmp" 2>&1
ok "the export is what it was"
diff "$T/before" "$T/after" | head -10 | sed 's/^/# /'
holdfast compact --wait > /dev/null
holdfast backfill 2> /dev/null
holdfast export -o "$T/after" 2> /dev/null
cmp -s "$T/before" "$T/after"
ok "also merged, and after a second time"
sleep 0.3
is "$(replication .delivered_points_total)" 0 "nothing is sent to InfluxDB again"

# what is here stays, and loses nothing
curl -s --data-binary "many,series=0,host=h0 v=7 ${t}000000000" "$HF/write?db=metrics"
curl -s -X POST "$IX/write?db=metrics" --data-binary "many,series=0,host=h0 v=8 ${t}000000000" > /dev/null
wait_until 30 in_step
curl -s -X POST "$IX/write?db=metrics" --data-binary "many,series=0,host=h0 v=8 ${t}000000000
other new=1 ${t}000000000
old v=1 1000000000000000000" > /dev/null
holdfast backfill --from "$t" --measurement many 2> /dev/null
ok "one measurement from a time on"
holdfast export --measurement many 2> /dev/null | head -1 | grep -q 'v=7 '
ok "points that are here stay as they are"
is "$(holdfast export 2> /dev/null | grep -c '^other')" 0 "no other measurement is read"
holdfast backfill --from 2001-01-01T00:00:00Z 2> "$T/said"
grep -q ' 1 left because they are older' "$T/said"
ok "points older than raw retention are left, and counted"
is "$(holdfast export 2> /dev/null | grep -c '^other')" 1 "without --measurement all are read"

is "$(curl -s -X POST -o /dev/null -w '%{http_code}' "$HF/api/v1/backfill?from=yesterday")" 400 "a wrong time is refused"
is "$(curl -s -X POST -o /dev/null -w '%{http_code}' "$HF/api/v1/backfill?from=-1h&to=-2h")" 400 "and an empty range"
kill -STOP "$INFLUX_PID"
is "$(curl -s -X POST -o /dev/null -w '%{http_code}' "$HF/api/v1/backfill")" 202 "a job begins"
is "$(curl -s -X POST -o /dev/null -w '%{http_code}' "$HF/api/v1/backfill")" 409 "one at a time"
is "$(curl -s -X DELETE "$HF/api/v1/backfill" | jq -r .state)" running "it is told to end"
wait_until 60 ended
is "$(backfill .state)" cancelled "and does, though InfluxDB hangs"
kill -CONT "$INFLUX_PID"
stop_influxd
holdfast backfill 2> "$T/said"
is $? 1 "without InfluxDB it fails"
grep -q 'does not answer' "$T/said"
ok "and says why"
stop_holdfastd
finish
