#!/bin/sh
# The policy of reads for statements: the record while it is healthy, with what it has not got yet, and the local store at
# once when it is not. Whatever answers, what was acknowledged is in the answer.
. "$SRCDIR/tests/integration/lib.sh"
need_programs influxd influx curl jq python3

ask() { # STATEMENT: the body into $T/answer, the headers into $T/head
	curl -s -D "$T/head" -o "$T/answer" -G "$HF/query" --data-urlencode db=metrics --data-urlencode epoch=ns --data-urlencode "q=$1"
}
header() { tr -d '\r' < "$T/head" | sed -n "s/^X-Holdfast-$1: //p"; }
breaker_is() { [ "$(replication .breaker)" = "$1" ]; }

start_influxd
export INFLUXDB_URL=$IX METRICS_COLLECTION_INTERVAL=1h
start_holdfastd
wait_until 20 in_step
now=$(date +%s)
i=0
while [ $i -lt 600 ]; do
	echo "m,host=h$((i % 3)) v=$i,w=$((i * 2))i,s=\"text $i\" $((now - 600 + i))000000000"
	i=$((i + 1))
done > "$T/lines"
curl -s -o /dev/null --data-binary "@$T/lines" "$HF/write?db=metrics"
wait_until 20 in_step

for q in 'SELECT v, w, s FROM m WHERE time >= 0 GROUP BY host' 'SELECT mean(v), count(w), last(s) FROM m GROUP BY time(1m), host fill(none)' \
	'SELECT percentile(v, 95) FROM m' 'SELECT derivative(mean(v), 1m) FROM m WHERE time > now() - 1h GROUP BY time(1m) fill(previous)' \
	'SELECT v FROM m ORDER BY time DESC LIMIT 7' 'SELECT nosuch FROM m' 'SELECT mean(s) FROM m' 'SELECT mean(x) FROM (SELECT max(v) AS x FROM m GROUP BY host)'; do
	ask "$q"
	jq -S 'del(.. | .now?)' "$T/answer" > "$T/from-record"
	is "$(header Source)" influxdb "delivered, so InfluxDB answers: $q"
	curl -s -G "$IX/query" --data-urlencode db=metrics --data-urlencode epoch=ns --data-urlencode "q=$q" | jq -S . > "$T/direct"
	cmp -s "$T/from-record" "$T/direct"
	ok "the same as asked directly"
done

# What was just written is always in the answer, while a load keeps InfluxDB behind.
"$LPGEN" --hosts 50 --steps 4000 --batch 5000 --conns 2 --port "$HF_PORT" --url-path '/write?db=metrics' > "$T/load.json" &
LOAD_PID=$!
HF=$HF python3 - > "$T/seen" <<'END'
import json, os, time, urllib.parse, urllib.request
hf = os.environ["HF"]
base = int(time.time()) - 900
sources, missing = {}, []
def ask(q):
    r = urllib.request.urlopen(hf + "/query?" + urllib.parse.urlencode({"db": "metrics", "epoch": "s", "q": q}))
    s = r.headers["X-Holdfast-Source"]
    sources[s] = sources.get(s, 0) + 1
    return json.load(r)["results"][0]["series"][0]["values"]
for i in range(1, 151):
    line = "tail v=%d %d000000000" % (i, base + i)
    urllib.request.urlopen(urllib.request.Request(hf + "/write?db=metrics", line.encode()))
    rows = ask("SELECT v FROM tail")
    if len(rows) != i or rows[-1] != [base + i, i]: missing.append(("rows", i, rows[-1]))
    rows = ask("SELECT v FROM tail ORDER BY time DESC")
    if len(rows) != i or rows[0] != [base + i, i]: missing.append(("falling", i, rows[0]))
    rows = ask("SELECT sum(v) FROM tail WHERE time >= %ds AND time < %ds GROUP BY time(10s) fill(0)" % (base, base + 160))
    if sum(r[1] for r in rows) != i * (i + 1) // 2: missing.append(("buckets", i, rows))
    if ask("SELECT count(v) FROM tail") [0][1] != i: missing.append(("count", i))
    if ask("SELECT last(v) FROM tail")[0] != [base + i, i]: missing.append(("last", i))
print(json.dumps({"sources": sources, "missing": missing[:5], "n": len(missing)}))
END
ok "150 points are written and asked for beside a load"
end_process "$LOAD_PID" KILL
LOAD_PID=''
is "$(jq -c .missing "$T/seen")" '[]' "each was in the five answers right after it"
[ "$(jq '.sources["influxdb+local"] // 0' "$T/seen")" -gt 0 ]
ok "some were put together from both ($(jq -c .sources "$T/seen"))"

# InfluxDB dies: the same statements, at once.
stop_influxd KILL
wait_until 20 breaker_is open
for q in 'SELECT count(v) FROM m' 'SELECT v FROM m LIMIT 3' 'SELECT mean(v) FROM m GROUP BY time(1m), host'; do
	ask "$q"
	is "$(header Source) $(header Complete)" "local yes" "down: the local store answers: $q"
	jq -e '.results[0].series | length > 0' "$T/answer" > /dev/null
	ok "with rows"
done
finish
