#!/bin/sh
# holdfast verify against a real InfluxDB: equal where all was delivered; what was lost or changed there is found, listed with
# its kind, sent again, and equal afterwards. What is on its way, in quarantine or beyond retention is no difference.
. "$SRCDIR/tests/integration/lib.sh"
need_programs curl jq influxd influx awk
NIGHT=$(date -u -d "@$(($(date +%s) + 43200))" +%H:%M) # none begins while this runs
export METRICS_ENABLED=no HOLDFAST_INFLUXDB_VERIFY="$NIGHT" TZ=UTC

holdfast() { HOLDFAST_URL=$HF "$BUILDDIR/holdfast" "$@"; }
influx_do() { influx -port "$INFLUX_PORT" -database "${2:-metrics}" -execute "$1" > "$T/influx.out" 2>&1; }
verify() { # OPTIONS…: the exit status; the answer in $T/v.json, the table's text in $T/v
	holdfast verify --json "$@" > "$T/v.json" 2> "$T/said"
	status=$?
	[ $status -le 1 ] || sed 's/^/# /' "$T/said"
	return $status
}
v() { jq -r "$@" "$T/v.json"; }
said_of_verify() {
	api replication | jq -r '"\(.verify | {state, lacking_hours, more_hours, repaired_hours, error} | tojson) \(.verify.next_ms / 1000 | strftime("%H:%M")) \(.verified | length)"'
}
kinds() { v '.differences | "\(.missing_in_record) \(.missing_here) \(.differs) \(.retention_here) \(.retention_record)"'; }
rows() { v '[.list[] | "\(.measurement):\(.kind)"] | unique | join(" ")'; }
paid() { [ "$(replication .owed.ranges)" = 0 ] && in_step; }
local_lines() { holdfast export 2> /dev/null | sort; }

start_influxd
export INFLUXDB_URL=$IX
start_holdfastd
now=$(date +%s)
t=$((now / 3600 * 3600 - 12 * 3600)) # twelve whole hours, and what has passed of this one
awk -v t="$t" 'BEGIN { srand(2); for (i = 0; i < 43200; i += 60) for (s = 0; s < 3; s++)
	printf "many,host=h%d v=%.17g,n=%di,u=%du,ok=%s,text=\"a %d\" %d%09d\n", s, rand() - 0.5, i * s - 7, i, i % 2 ? "true" : "false", i, t + i, s }' > "$T/many"
{
	printf 'types z=-0,f=1e300,i=-9223372036854775808i,s="a \\"quoted\\" \\\\ ä😀" %d000000000\n' "$t"
	printf 'types f=5e-324,i=9223372036854775807i,s="" %d000000001\n' "$t"
	printf 'my\\ nasty\\,name,tag\\ key=v\\ a\\,l\\=ue field\\ one\\,\\=x=1 %d000000000\n' "$t"
	printf 'other,a=b v=1,w=2 %d000000000\n' $((t + 4000))
	printf 'gone v=1i %d000000000\n' $((t + 7300))
} > "$T/few"
holdfast import "$T/many" 2> /dev/null
ok "2,160 points of three series are written"
is "$(curl -s -o "$T/said" -w '%{http_code}' --data-binary @"$T/few" "$HF/write?db=metrics")" 204 "and all types"
wait_until 60 in_step
ok "InfluxDB has them"
is "$(said_of_verify)" '{"state":"none","lacking_hours":0,"more_hours":0,"repaired_hours":0,"error":null}'" $NIGHT 0" \
	"nobody has looked yet"
for command in status replication; do
	holdfast $command | grep -q "not verified yet: holdfast verify, or wait for the nightly run at $NIGHT\$"
	ok "holdfast $command says so, and when it will be"
done
is "$(replication .quarantined_points)" 0 "all of them"

verify
is $? 0 "all is equal"
is "$(v .state) $(kinds) $(v .hours_waiting)" "done 0 0 0 0 0 0" "and nothing waits"
[ "$(v .hours)" -ge 16 ]
ok "$(v .hours) hours of measurements were compared with $(v .questions) questions"
verify --deep
is "$? $(kinds)" "0 0 0 0 0 0" "value for value, too"
is "$(v '.verified[0] | "\(.database) \(.deep) \(.until_ms > '"$now"'000 - 60000)"')" "metrics true true" "how far it was equal is kept"
holdfast verify --last | grep -q '^metrics: InfluxDB had everything from .* value for value$'
ok "and said"
! holdfast verify --last | grep -q ', but for '
ok "without exception"
is "$(api replication | jq -c .verified)" "$(v -c .verified)" "in the list of targets too"
for command in status replication; do
	holdfast $command | grep -q 'InfluxDB has everything up to [^ ]*Z, verified [^ ]*Z, value for value$'
	ok "and by holdfast $command"
done
curl -s "$HF/metrics" | grep -q '^holdfast_verified_age_seconds{database="metrics"} [0-9]*$'
ok "as a gauge, too"
until=$(v '.verified[0].until_ms')
stop_holdfastd KILL
start_holdfastd
is "$(curl -s "$HF/api/v1/verify" | jq -c '[.state, .verified[0].until_ms]')" "[\"none\",$until]" "kill -9 does not forget it"
wait_until 30 in_step

# what InfluxDB has lost
influx_do 'drop measurement "gone"'
influx_do "delete from many where time >= $((t + 3600))s and time < $((t + 7200))s and host='h1'"
verify
is "$?" 1 "a dropped measurement and deleted points are found"
is "$(rows)" "gone:missing_in_record many:missing_in_record" "as missing in InfluxDB"
is "$(v '.list[] | select(.measurement == "many") | "\(.here.values) \(.record.values) \(.fields) \(.hour_ms / 1000)"')" \
	"900 600 5 $((t + 3600))" "with how many values each side has, and the hour"
is "$(v '.verified[0].until_ms')" "$((t + 3600))000" "the record has everything up to there"
[ "$(v '.list[] | select(.measurement == "many") | (.here.first_ms // 0)')" = "$((t + 3600))000" ]
ok "and first and last times"
HOLDFAST_URL=$HF "$BUILDDIR/holdfast" verify > "$T/table" 2> /dev/null
is $? 1 "the command shows a table"
grep -q '^metrics  *gone  *.* missing_in_record ' "$T/table" && grep -q '^14 hours\|hours of measurements compared: 2 lack' "$T/table"
ok "with both"
is "$(said_of_verify | cut -d' ' -f1)" '{"state":"done","lacking_hours":2,"more_hours":0,"repaired_hours":0,"error":null}' \
	"the targets' list counts them"
for command in status replication; do
	holdfast $command | grep -q '; it differs in 2 hours of measurements: holdfast verify --last lists them, holdfast verify --repair sends them again$'
	ok "holdfast $command says how to repair them"
done
is "$(replication .owed.ranges)" 0 "looking repairs nothing"
verify --repair
is "$? $(v .repaired)" "1 2" "--repair sends them again"
holdfast replication | grep -q '; what differed is sent again, holdfast verify tells afterwards$'
ok "which is said"
wait_until 60 paid
ok "which is done"
verify --deep
is "$? $(kinds)" "0 0 0 0 0 0" "and afterwards all is equal, value for value"

# a value that was changed there, a time that was moved
curl -s -X POST "$IX/write?db=metrics" --data-binary "many,host=h0 n=12345i ${t}000000000" > /dev/null
verify
is $? 0 "another value is not seen by counting"
verify --deep
is "$? $(rows) $(v '.list[0].field')" "1 many:differs n" "but value for value"
influx_do "delete from other"
curl -s -X POST "$IX/write?db=metrics" --data-binary "other,a=b v=1,w=2 $((t + 4001))000000000" > /dev/null
verify
is "$? $(rows)" "1 other:differs" "another time is seen by counting"
verify --deep --repair
is "$? $(v .repaired)" "1 2" "both are sent again"
wait_until 60 paid
verify --deep
is "$? $(rows)" "1 other:missing_here" "the value is ours again; what is only there is said, and left"
is "$(v '.verified[0].until_ms > '"$now"'000 - 60000')" true "it does not lack anything"
holdfast verify 2> /dev/null | grep -q 'holdfast backfill'
ok "and how to fetch it"
holdfast backfill 2> /dev/null
verify --deep
is "$? $(kinds)" "0 0 0 0 0 0" "equal after holdfast backfill"

# what is on its way, and in quarantine
stop_influxd
holdfast verify > "$T/table" 2> "$T/err"
is $? 1 "InfluxDB is down: it ends"
grep -q 'InfluxDB is down' "$T/err" && ! grep -q 'had everything' "$T/table"
ok "with that, and nothing of an older look"
holdfast verify --last 2> /dev/null | grep -q 'had everything'
ok "which --last still tells"
printf 'many,host=h0 v=1 %d000000007\n' $((t + 10)) | curl -s -o /dev/null --data-binary @- "$HF/write?db=metrics"
start_influxd
wait_until 60 in_step
verify
is "$? $(kinds)" "0 0 0 0 0 0" "a late point is equal once it is delivered"
curl -s -X POST "$HF/api/v1/replication/pause" > /dev/null
printf 'many,host=h0 v=1 %d000000008\n' $((t + 10)) | curl -s -o /dev/null --data-binary @- "$HF/write?db=metrics"
curl -s -X POST "$HF/api/v1/replication/resume" > /dev/null
curl -s -X POST "$IX/write?db=metrics" --data-binary "clash x=\"text\" ${t}000000000" > /dev/null
printf 'clash x=1,y=2 %d000000001\nclash x=1.5 %d000000000\nclash y=3 %d000000002\n' "$t" "$t" "$t" | curl -s -o /dev/null --data-binary @- "$HF/write?db=metrics"
wait_until 60 in_step
[ "$(replication .quarantined_points)" -ge 1 ]
ok "points whose type InfluxDB refuses are in quarantine"
verify --deep --repair
is "$(v '[.list[] | select(.kind == "missing_in_record" or .kind == "differs")] | length')" 0 "which is no difference"
is "$(v .quarantined_values)" 3 "and counted, value by value"
holdfast verify --last | grep -q '^metrics: InfluxDB had everything from .*, but for 3 values in quarantine$'
ok "and said beside what InfluxDB had"
for command in status replication; do
	holdfast $command | grep -q 'InfluxDB has everything up to [^ ]*Z but for [1-9][0-9]* points* in quarantine, verified'
	ok "and by holdfast $command"
done
influx_do 'drop measurement "clash"'
verify --repair
wait_until 60 paid
is "$(replication .quarantined_points)" 2 "none is refused again"
is "$(influx_count clash x)" 0 "what is in quarantine is not sent again from the store"
is "$(influx_count clash y)" 1 "what is not is"

# retention in InfluxDB is shorter
influx_do 'drop database metrics'
influx_do 'create database metrics with duration 3h shard duration 1h name short'
verify
is $? 1 "InfluxDB has lost its database"
verify --repair
[ "$(v .differences.retention_record)" -ge 5 ] && [ "$(v .differences.missing_in_record)" -ge 1 ]
ok "what its retention would refuse is told apart: $(kinds)"
is "$(v '[.list[] | select(.kind == "retention_record" and .repaired)] | length')" 0 "and not sent"
before=$(replication .quarantined_points)
wait_until 60 paid
ok "the rest is"
is "$(replication .quarantined_points)" "$before" "none is refused"
verify --since "$((now - 2 * 3600))"
is "$? $(v '.differences.missing_in_record + .differences.differs')" "0 0" "and equal, inside its retention"
verify
holdfast verify --last | grep -q 'had everything from .* what its retention has let go of in [1-9][0-9]* hours* of measurements$'
ok "what its retention has let go of is said beside what it had"

is "$(curl -s -X POST -o /dev/null -w '%{http_code}' "$HF/api/v1/verify?since=yesterday")" 400 "a wrong time is refused"
is "$(curl -s -X POST -o /dev/null -w '%{http_code}' "$HF/api/v1/verify?deep=1")" 400 "and a wrong yes"
is "$(curl -s -X POST -o /dev/null -w '%{http_code}' "$HF/api/v1/verify?since=-1h&until=-2h")" 400 "and an empty range"
kill -STOP "$INFLUX_PID"
is "$(curl -s -X POST -o /dev/null -w '%{http_code}' "$HF/api/v1/verify")" 202 "a job begins"
is "$(curl -s -X POST -o /dev/null -w '%{http_code}' "$HF/api/v1/verify")" 409 "one at a time"
is "$(curl -s -X DELETE "$HF/api/v1/verify" | jq -r .state)" running "it is told to end"
ended() { [ "$(curl -s "$HF/api/v1/verify" | jq -r .state)" != running ]; }
wait_until 60 ended
is "$(curl -s "$HF/api/v1/verify" | jq -r .state)" cancelled "and does, though InfluxDB hangs"
kill -CONT "$INFLUX_PID"
stop_holdfastd

# a name that the exposition must escape
export HOLDFAST_SERVER_CREATE_DATABASES=yes
start_holdfastd
curl -s -o "$T/said" "$HF/query" --data-urlencode 'q=CREATE DATABASE "odd\"name"'
printf 'm v=1 %d000000000\n' "$((now - 60))" | curl -s -o "$T/said" --data-binary @- "$HF/write?db=odd%22name"
wait_until 60 in_step
verify --since -1h
curl -s "$HF/metrics" | grep -q '^holdfast_verified_age_seconds{database="odd\\"name"} [0-9]*$'
ok "a quote in a database's name is escaped in the metrics"
stop_holdfastd
finish
