#!/bin/sh
# No query can crash, hang or exhaust the daemon: each of these ends soon, with a clear error or an answer, and leaves the
# daemon as it was.
. "$SRCDIR/tests/integration/lib.sh"
need_programs curl jq python3

export METRICS_COLLECTION_INTERVAL=1h
cat > "$T/conf" <<'END'
[query]
timeout = 5s
max_memory = 16MiB
END
start_holdfastd --config "$T/conf"
"$LPGEN" --hosts 20 --steps 500 --batch 5000 --conns 2 --port "$HF_PORT" --url-path '/write?db=metrics' > /dev/null
now=$(date +%s)
i=0
while [ $i -lt 300 ]; do
	echo "bomb,host=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa$i v=$i,s=\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\" $((now - i))000000000"
	i=$((i + 1))
done | curl -s -o /dev/null --data-binary @- "$HF/write?db=metrics"

HF=$HF HF_SANITIZER=$HF_SANITIZER python3 - > "$T/out" <<'END'
import json, os, time, urllib.error, urllib.parse, urllib.request
hf = os.environ["HF"]
def ask(q, **more):
    body = urllib.parse.urlencode(dict(db="metrics", q=q, **more)).encode()
    began = time.time()
    try:
        with urllib.request.urlopen(urllib.request.Request(hf + "/query", body), timeout=60) as r:
            n, first = 0, b""
            while True:
                piece = r.read(65536)
                if not piece: break
                n += len(piece)
                if len(first) < 4096: first += piece
            status, text = r.status, first
    except urllib.error.HTTPError as e:
        status, text, n = e.code, e.read(), 0
    return status, text.decode("utf-8", "replace"), time.time() - began, n
deep = 5000
cases = {
    "parentheses": "SELECT " + "(" * deep + "v" + ")" * deep + " FROM bomb",
    "conditions": "SELECT v FROM bomb WHERE " + "(" * deep + "v = 1" + ")" * deep,
    "minus signs": "SELECT " + "-" * deep + "v FROM bomb",
    "subqueries": "SELECT v FROM " + "(SELECT v FROM " * 500 + "bomb" + ")" * 500,
    "60 subqueries": "SELECT v FROM " + "(SELECT v FROM " * 60 + "bomb" + ")" * 60,
    "20,000 ORs of a tag": "SELECT v FROM bomb WHERE " + " OR ".join("host = 'h%d'" % i for i in range(20000)),
    "20,000 ORs of a field": "SELECT v FROM bomb WHERE " + " OR ".join("v = %d" % i for i in range(20000)),
    "20,000 ORs of both": "SELECT v FROM bomb WHERE " + " OR ".join("v = %d OR host = 'h%d'" % (i, i) for i in range(10000)),
    "20,000 ANDs": "SELECT v FROM bomb WHERE " + " AND ".join("host != 'h%d'" % i for i in range(20000)),
    "20,000 terms": "SELECT " + "+".join(["v"] * 20000) + " FROM bomb",
    "5,000 columns": "SELECT " + ",".join("mean(v) AS c%d" % i for i in range(5000)) + " FROM bomb GROUP BY time(1s), host",
    "a year by the nanosecond": "SELECT mean(v) FROM bomb WHERE time > now() - 365d GROUP BY time(1ns)",
    "all time by the second": "SELECT mean(v) FROM bomb WHERE time > 0 GROUP BY time(1s) fill(0)",
    "all time by the second, by host": "SELECT mean(v) FROM bomb WHERE time > '1700-01-01' GROUP BY time(1s), host fill(previous)",
    "a subquery of buckets": "SELECT max(m) FROM (SELECT mean(v) AS m FROM bomb WHERE time > 0 GROUP BY time(1ms) fill(linear))",
    "a regular expression that backtracks, on tags": "SELECT v FROM bomb WHERE host =~ /^(a+)+$/",
    "on strings": "SELECT v FROM bomb WHERE s =~ /^(a|aa)+b$/",
    "a huge repeat": "SELECT v FROM bomb WHERE host =~ /((a{100}){100}){100}/",
    "a regular expression that matches all": "SELECT /.*/ FROM /.*/ GROUP BY /.*/",
    "everything": "SELECT * FROM /.*/",
    "everything, falling": "SELECT * FROM /.*/ GROUP BY * ORDER BY time DESC",
    "top of all": "SELECT top(usage_user, 1000000000) FROM cpu",
    "a sample of all": "SELECT sample(usage_user, 9223372036854775807) FROM cpu",
    "a moving average": "SELECT moving_average(usage_user, 1000000000) FROM cpu",
    "seasons": "SELECT holt_winters(mean(usage_user), 1000000, 100) FROM cpu WHERE time > now() - 2d GROUP BY time(1m)",
    "percentiles of all": "SELECT percentile(usage_user, 99), median(usage_user), mode(usage_user) FROM cpu GROUP BY time(1s), host",
    "a limit beyond all": "SELECT v FROM bomb LIMIT 9223372036854775807 OFFSET 9223372036854775807",
    "10,000 statements": "; ".join(["SELECT v FROM bomb LIMIT 1"] * 10000),
    "buckets passed over": "SELECT mean(v) FROM bomb GROUP BY time(1ns) OFFSET 3000000000",
    "a forecast of much": "SELECT holt_winters(mean(v), 100000, 4) FROM bomb WHERE time > now() - 10m GROUP BY time(1ms) fill(0)",
    "nothing": ";" * 100000,
    "show everything": "SHOW SERIES; SHOW TAG VALUES WITH KEY =~ /.*/; SHOW FIELD KEYS",
}
# a sanitizer's frames are several times as large, the server's stacks are not: what nests is left to the others
if os.environ["HF_SANITIZER"] != "no":
    for name in ("parentheses", "conditions", "subqueries", "60 subqueries"): cases.pop(name)
for name, q in cases.items():
    status, text, seconds, n = ask(q)
    try: health = urllib.request.urlopen(hf + "/api/v1/health", timeout=10).status
    except Exception as e: health = repr(e)
    said = "error" if '"error"' in text else "answer"
    good = status in (200, 400, 413) and (status != 200 or '"results"' in text or text == "{}\n") and (status == 200 or said == "error") and seconds < 30 and health == 200
    print(("ok" if good else "bad"), name, "HTTP", status, said, "%.1f s" % seconds, n, text[:160].replace("\n", " ") if said == "error" or not good else "")
END
while read -r verdict rest; do
	[ "$verdict" = ok ]
	ok "$rest"
done < "$T/out"
[ "$HF_SANITIZER" = no ] && all=32 || all=28
is "$(wc -l < "$T/out")" $all "all were asked"

# Readers that take nothing of long answers hold every place, until they are cut off for it.
counted() { curl -s "$HF/metrics" | awk -v name="$1" '$1 == name { print $2 }'; }
HF_PORT=$HF_PORT python3 - <<'END' &
import os, socket, time
body = b"db=metrics&q=SELECT " + b",".join(b"mean(v) AS c%d" % i for i in range(1000)) + b" FROM bomb GROUP BY time(1s), host"
head = b"POST /query HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n"
held = [socket.create_connection(("127.0.0.1", int(os.environ["HF_PORT"]))) for i in range(8)]
for s in held: s.sendall(head % len(body) + body)
time.sleep(600)
END
LOAD_PID=$!
is_refused() { [ "$(curl -s -o "$T/refused" -D "$T/head" -w '%{http_code}' "$HF/query?db=metrics&q=SHOW+DATABASES")" = 503 ]; }
all_cut_off() { [ "$(counted holdfast_http_cut_off_total)" -ge 8 ]; }
is_answered() { [ "$(curl -s -o /dev/null -w '%{http_code}' "$HF/query?db=metrics&q=SHOW+DATABASES")" = 200 ]; }
wait_until 30 is_refused
ok "eight readers that take nothing: another is told to come again"
grep -qi '^Retry-After: 1' "$T/head" && grep -q '8 queries run already (\[query\] max_concurrent)' "$T/refused"
ok "when, and why: $(cat "$T/refused")"
wait_until 60 is_answered && wait_until 60 all_cut_off
ok "they do not hold their places for long"
end_process "$LOAD_PID" KILL
LOAD_PID=
[ "$(counted holdfast_http_cut_off_total)" -eq 8 ]
ok "and are counted ($(counted holdfast_http_cut_off_total))"

kill -0 "$HF_PID"
ok "the daemon is the one it was"
[ "$(awk '/VmHWM/ { print $2 }' "/proc/$HF_PID/status")" -lt 400000 ] || [ "$HF_SANITIZER" != no ]
ok "and took no more than 400 MB ($(awk '/VmHWM/ { print $2 }' "/proc/$HF_PID/status") kB)"
finish
