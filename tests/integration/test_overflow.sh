#!/bin/sh
# An outage ten times longer than the spool can hold: what the spool lets go is owed, made again from the store once InfluxDB is
# back, through kill -9 in the middle of it; afterwards InfluxDB has every point with the value that was written last.
. "$SRCDIR/tests/integration/lib.sh"
need_programs curl jq influxd influx python3
export METRICS_ENABLED=no HOLDFAST_INFLUXDB_VERIFY=no HOLDFAST_RETENTION_MAX_BYTES=64MiB HOLDFAST_INFLUXDB_BACKLOG_RATE=12000

holdfast() { HOLDFAST_URL=$HF "$BUILDDIR/holdfast" "$@"; }
status() { curl -s "$HF/api/v1/status" | jq -r "$1"; }
owed() { api replication | jq -r ".owed.$1"; }
paid() { [ "$(owed ranges)" = 0 ] && in_step; }
state_is() { [ "$(replication .state)" = "$1" ]; }

# ballast: texts that nothing compresses, three weeks old, which leave the spool a few MiB, of which rows that the store has get a quarter.
# round N: two hours of integers of 10 series, which the store makes almost nothing of, and the same 1,500 texts anew.
begin=$((($(date +%s) / 7200 - 80) * 7200)) rounds=66
write() { # ballast | round N
	HF=$HF python3 - "$begin" "$@" <<'P'
import base64, http.client, os, random, sys
begin, what, n = int(sys.argv[1]), sys.argv[2], int((sys.argv + ["0"])[3])
c = http.client.HTTPConnection(os.environ["HF"].split("//")[1])
r = random.Random(n)
lines = []
def send():
    if not lines: return
    c.request("POST", "/write?db=metrics", "\n".join(lines))
    a = c.getresponse()
    body = a.read()
    assert a.status == 204, (a.status, body)
    lines.clear()
def text(size): return base64.b64encode(r.randbytes(size)).decode()
if what == "ballast":
    for i in range(1050):
        lines.append('ballast t="%s" %d000000000' % (text(45000), begin - 21 * 86400 + i // 20 * 7200 + i % 20))
        if len(lines) == 20: send()
else:
    for s in range(0, 7200, 20):
        for h in range(10):
            lines.append('m,host=h%d n=%di,u=%du,s="a \\"b\\" %d" %d%09d' % (h, s * h + n, s, h, begin + n * 7200 + s, h))
        if len(lines) >= 100: send()
    send()
    for i in range(1500):
        lines.append('texts,i=%d t="%s",n=%di %d000000000' % (i % 7, text(1500), n, begin + i * 100))
        if len(lines) == 50: send()
send()
P
}
same_texts() { # InfluxDB's are those of the last round
	curl -s -G "$IX/query" --data-urlencode db=metrics --data-urlencode epoch=s --data-urlencode 'q=select t, n from texts' |
		python3 -c '
import base64, json, random, sys
begin, n = int(sys.argv[1]), int(sys.argv[2])
r = random.Random(n)
rows = json.load(sys.stdin)["results"][0]["series"][0]["values"]
want = [[begin + i * 100, base64.b64encode(r.randbytes(1500)).decode(), n] for i in range(1500)]
sys.exit(rows != want)' "$begin" $((rounds - 1))
}

start_influxd
export INFLUXDB_URL=$IX
start_holdfastd
write ballast
wait_until 120 in_step
ok "the ballast is delivered"
holdfast compact --wait > "$T/room" 2> /dev/null
stop_influxd
wait_until 30 state_is down
ok "InfluxDB is down"
n=0
while [ $n -lt $rounds ]; do
	write round $n
	holdfast compact --wait > /dev/null 2> /dev/null
	n=$((n + 1))
done
written=$((rounds * (3600 + 1500)))
held=$(status .spool.points)
[ "$held" -gt 0 ] && [ $((held * 10)) -le $written ]
ok "$written points were written, of which the spool still has $held: at most a tenth"
[ "$(owed ranges)" -ge 1 ] && [ "$(owed 'newest[0].cause')" = overflow ]
ok "the others are owed, since they did not fit"
is "$(status '.gaps // [] | length')" 0 "nothing is lost"

start_influxd
points_again() { [ "$(influx_count m n)" -gt 8000 ]; }
wait_until 120 points_again
ok "InfluxDB is back, and gets them"
stop_holdfastd KILL
before=$(influx_count m n)
[ "$before" -lt $((rounds * 3600)) ]
ok "kill -9 in the middle of it: it has $before of $((rounds * 3600))"
start_holdfastd
[ "$(owed ranges)" -ge 1 ]
ok "the rest is owed still"
curl -s -o /dev/null --data-binary "live v=1 $(date +%s)000000000" "$HF/write?db=metrics"
live() { [ "$(influx_count live v)" = 1 ]; }
wait_until 20 live
ok "a new point does not wait for it"
[ "$(owed ranges)" -ge 1 ]
ok "which still goes on"
wait_until 180 paid
ok "until nothing is owed"
is "$(influx_count m n) $(influx_count m u) $(influx_count m s)" "$((rounds * 3600)) $((rounds * 3600)) $((rounds * 3600))" \
	"InfluxDB has every point"
same_texts
ok "and the texts as they were written last"
# The ballast had been delivered; where the ceiling has let go of it since, nobody can tell any more that it is not owed.
is "$(replication .quarantined_points) $(status "[.gaps[]? | select(.to_ms > ${begin}000)] | length")" "0 0" "none is in quarantine, none is lost"
status '.gaps // [] | .[] | "# gap: \(.)"'
holdfast verify --deep --since "$begin" > "$T/verify" 2>&1
is $? 0 "value for value what is here"
sed 's/^/# /' "$T/verify" | head -20
[ "$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$HF_PID/status")" -lt 400000 ]
ok "in bounded memory: $(sed -n 's/^VmHWM: *//p' "/proc/$HF_PID/status")"
stop_holdfastd
finish
