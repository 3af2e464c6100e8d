#!/bin/sh
# What InfluxDB never got, or has lost, is never taken for complete: points from before it was configured, after its database
# was dropped, after another one took its place. Every answer over such a range is the local store's, value for value.
. "$SRCDIR/tests/integration/lib.sh"
need_programs influxd influx curl jq python3

# A point a second: what is owed stays owed while it is looked at.
export METRICS_ENABLED=no HOLDFAST_READ_TIMEOUT=30s HOLDFAST_INFLUXDB_BACKLOG_RATE=1 HOLDFAST_INFLUXDB_VERIFY=no
now=$(($(date +%s) / 60 * 60))
begin=$((now - 86400))

write_points() { # FROM TO STEP, in seconds after the beginning: two hosts, a row of the spool for each 40 points
	HF=$HF python3 - "$begin" "$@" <<'E'
import http.client, os, sys
begin, start, end, step = map(int, sys.argv[1:])
c = http.client.HTTPConnection(os.environ["HF"].split("//")[1])
lines = []
def send():
    c.request("POST", "/write?db=metrics", "\n".join(lines))
    r = c.getresponse()
    r.read()
    assert r.status == 204, r.status
    lines.clear()
for s in range(start, end, step):
    for h in range(2):
        v = (s * 7919 + h * 104729) % 1009
        lines.append('m,host=h%d v=%r,w=%di,s="text %d" %d000000000' % (h, v / 7, v - 500, v % 13, begin + s))
        lines.append('system_resources,cpu=cpu%d,host=h,resource_type=cpu a=%r,b=%di %d000000000' % (h, v / 9, v, begin + s))
    if len(lines) >= 40: send()
if lines: send()
E
}
ask() { # STATEMENT [SOURCE]: the body into $T/answer, the headers into $T/head
	curl -s -D "$T/head" -o "$T/answer" -G "$HF/query" --data-urlencode db=metrics --data-urlencode epoch=ns \
		--data-urlencode "q=$1" --data-urlencode "source=${2:-}"
}
header() { tr -d '\r' < "$T/head" | sed -n "s/^X-Holdfast-$1: //p"; }
breaker_is() { [ "$(replication .breaker)" = "$1" ]; }
owed() { api replication | jq -r "[.owed.ranges, .owed.newest[].cause] | join(\" \")"; }
in_influx() { influx -port "$INFLUX_PORT" -database "${2:-metrics}" -format json -execute "select count(v) from m $1" | jq '.results[0].series[0].values[0][1] // 0'; }

whole="time >= ${begin}s AND time < $((now + 60))s"
same_as_local() { # WHEN SOURCE of what can be put together
	while read -r q; do
		ask "$q" local
		jq -S . "$T/answer" > "$T/local"
		was=$(header Complete)
		ask "$q"
		jq -S . "$T/answer" > "$T/auto"
		cmp -s "$T/local" "$T/auto" && jq -e '.results[0].series | length > 0' "$T/auto" > /dev/null
		ok "$1: as the local store: $q"
		is "$was $(header Complete)" "yes yes" "and complete"
		case $q in *LIMIT*|*percentile*|*derivative*|*FROM\ \(*) ;; *) is "$(header Source)" "$2" "from $2" ;; esac
	done <<-E
	SELECT v, w, s FROM m WHERE $whole GROUP BY host
	SELECT v, w FROM m WHERE $whole
	SELECT v FROM m WHERE $whole ORDER BY time DESC
	SELECT mean(v), count(w), last(s) FROM m WHERE $whole GROUP BY time(10m), host
	SELECT sum(w), max(v) FROM m WHERE $whole GROUP BY time(1h) fill(0)
	SELECT percentile(v, 95) FROM m WHERE $whole
	SELECT derivative(mean(v), 1m) FROM m WHERE $whole GROUP BY time(1h) fill(previous)
	SELECT v FROM m WHERE $whole ORDER BY time DESC LIMIT 7
	SELECT mean(x) FROM (SELECT max(v) AS x FROM m WHERE $whole GROUP BY host, time(1h)) WHERE $whole
	E
}
rest() { # into $T/$1
	curl -s "$HF/api/v1/metrics/resources?host=h&from=$begin&to=$now&step=10m&percentiles=50,95" > "$T/$1.json"
	jq -S .resources "$T/$1.json" > "$T/$1"
}

# A day without InfluxDB; the spool keeps only its end.
start_holdfastd
write_points 0 80000 30
"$BUILDDIR/holdfast" --url "$HF" compact --wait > /dev/null
[ "$(curl -s "$HF/api/v1/status" | jq .spool.points)" -lt 2000 ]
ok "a day is written without InfluxDB, compacted, and mostly let go from the spool"
ask "SELECT count(v) FROM m"
is "$(jq '.results[0].series[0].values[0][1]' "$T/answer")" 5334 "all of it is there"
rest rest-local
is "$(owed)" 0 "nothing is owed to nobody"
stop_holdfastd

# InfluxDB comes.
start_influxd
export INFLUXDB_URL=$IX
start_holdfastd
write_points 80000 86400 30
wait_until 30 in_step
ok "with InfluxDB more is written, and delivered"
rows=$(in_influx '')
[ "$rows" -ge 440 ] && [ "$rows" -lt 3000 ]
ok "InfluxDB has $rows of 5762 points"
is "$(owed)" "1 before" "the rest is owed"
is "$(api replication | jq -r "[.owed.newest[0] | .database, .from_ms, (.to_ms >= ${begin}000 + 70000000), .from_ms == .done_until_ms] | @csv")" \
	"\"metrics\",${begin}000,true,true" "from its first point on"
curl -s "$HF/metrics" | grep -q '^holdfast_owed_ranges 1$' && curl -s "$HF/metrics" | grep -q '^holdfast_owed_seconds [78]'
ok "as a gauge, too"
"$BUILDDIR/holdfast" --url "$HF" status | grep -q '^not in InfluxDB *1 ranges'
ok "holdfast status says so"
same_as_local "before" influxdb+local
ask "SELECT v FROM m WHERE time >= $((begin + 82000))s AND time < ${now}s"
is "$(header Source) $(header Complete)" "influxdb yes" "what it has whole, InfluxDB answers"
ask "SELECT count(v) FROM m WHERE $whole" record
is "$(header Source) $(header Complete)" "influxdb no" "InfluxDB alone is not complete"
header Reason | grep -q 'has not got all from .* (before: it was written before \[influxdb\] was configured)'
ok "and the reason names range and cause: $(header Reason)"
ask "SELECT count(v) FROM m WHERE $whole" influxdb
grep -q 'source must be auto, local or record' "$T/answer"
ok "there is one word for it"
rest rest-both
is "$(jq -r '"\(.source) \(.complete)"' "$T/rest-both.json")" "influxdb+local true" "REST: both answer"
stop_influxd
wait_until 20 breaker_is open
same_as_local "down" local
rest rest-down
is "$(jq -r '"\(.source) \(.complete)"' "$T/rest-down.json")" "local true" "REST: the local store answers"
cmp -s "$T/rest-both" "$T/rest-down"
ok "the same"

# It is remembered, whatever happens to the process; and what is written while InfluxDB is not configured is owed as well.
stop_holdfastd KILL
unset INFLUXDB_URL
start_holdfastd
is "$(owed)" "1 before" "owed after kill -9, and while InfluxDB is not configured"
write_points 15 86400 30
"$BUILDDIR/holdfast" --url "$HF" compact --wait > /dev/null
stop_holdfastd
start_influxd
export INFLUXDB_URL=$IX
start_holdfastd
wait_until 30 in_step
ok "InfluxDB is back, and configured again"
[ "$(in_influx '')" -lt 11000 ]
ok "it never got all of what was written in between"
is "$(owed)" "1 before" "which is owed, too"
same_as_local "written while it was away" influxdb+local

# It loses its database.
influx -port "$INFLUX_PORT" -execute 'drop database metrics'
ask "SELECT count(v) FROM m WHERE $whole"
is "$(header Source) $(header Complete) $(jq '.results[0].series[0].values[0][1]' "$T/answer")" "local yes 11522" \
	"a read right after the database was dropped"
ask "SELECT v FROM m WHERE time >= $((begin + 86000))s AND time < ${now}s"
is "$(header Complete)" yes "also of what had been delivered"
write_points 86400 86410 10
wait_until 30 in_step
ok "the next write makes it anew"
is "$(owed)" "2 before missing" "what it had is owed"
same_as_local "dropped" influxdb+local
ask "SELECT v FROM m WHERE time >= ${now}s AND time < $((now + 60))s"
is "$(header Source) $(jq -c '.results[0].series[0].values | length' "$T/answer")" "influxdb 2" "the new points are its own"

# Another database, at the same place.
stop_holdfastd
export HOLDFAST_INFLUXDB_DATABASE=other
start_holdfastd
write_points 86420 86430 10
wait_until 30 in_step
ok "another database is configured"
grep -q 'is another record than before' "$T/log"
ok "which is told"
is "$(influx -port "$INFLUX_PORT" -database other -format json -execute "select count(v) from m where time >= ${now}s" | jq '.results[0].series[0].values[0][1]')" 4 \
	"it gets what the spool has"
same_as_local "another" influxdb+local

# At its own pace all of it is sent again.
stop_holdfastd
unset HOLDFAST_INFLUXDB_BACKLOG_RATE
start_holdfastd
paid() { [ "$(owed)" = 0 ] && in_step; }
wait_until 120 paid
ok "what is owed is paid"
ask "SELECT count(v), sum(w), count(s) FROM m" local
jq -S . "$T/answer" > "$T/local"
ask "SELECT count(v), sum(w), count(s) FROM m" record
is "$(header Source) $(header Complete)" "influxdb yes" "InfluxDB alone is complete"
jq -S . "$T/answer" | cmp -s - "$T/local"
ok "and has what is here"
"$BUILDDIR/holdfast" --url "$HF" verify --deep --since "$begin" > "$T/verify" 2>&1
ok "value for value"
sed 's/^/# /' "$T/verify" | head -5
finish
