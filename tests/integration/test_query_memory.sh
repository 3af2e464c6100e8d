#!/bin/sh
# [query] max_memory is what a request takes from the system at its peak, whatever it does with it: over what the daemon
# has anyway, and apart from what each answer has for sending (1 MiB: its head, the compressor, what waits for the client)
# and the allocator keeps back.
. "$SRCDIR/tests/integration/lib.sh"
need_programs curl jq python3
[ "$HF_SANITIZER" = no ] || { echo "1..0 # SKIP a sanitizer's memory is its own"; exit 0; }

export METRICS_COLLECTION_INTERVAL=1h
cat > "$T/conf" <<'END'
[query]
timeout = 30s
max_memory = 24MiB
max_rows = 0
END
start_holdfastd --config "$T/conf"
HF=$HF python3 - <<'END'
import os, random, time, urllib.request
now = int(time.time()) // 10 * 10
random.seed(1)
def write(lines):
    urllib.request.urlopen(os.environ["HF"] + "/write?db=metrics", "\n".join(lines).encode(), timeout=60).read()
for part in range(10):  # 200 series of 2,500 points: a number, another, a text
    write(["m,host=h%03d,rack=r%d v=%f,w=%di,s=\"%s\" %d000000000" % (h, h % 7, random.random() * 1e6, random.randrange(1000),
        "%032x" % random.getrandbits(128), now - (part * 250 + i) * 10) for i in range(250) for h in range(200)])
write(["many,id=%032x v=1 %d000000000" % (random.getrandbits(128), now) for i in range(30000)])
END
stop_holdfastd

# Each of a daemon of its own: what the allocator keeps of one would hide the next.
cat > "$T/ask.py" <<'END'
import os, sys, urllib.error, urllib.parse, urllib.request
hf, pid = os.environ["HF"], os.environ["HF_PID"]
MAX, SENDING, KEPT_BACK = 24 << 10, 1 << 10, 4 << 10  # KiB
def of_status(name):
    with open("/proc/%s/status" % pid) as f:
        return next(int(l.split()[1]) for l in f if l.startswith(name))
def ask(q, **more):
    body = urllib.parse.urlencode(dict(db="metrics", q=q, **more)).encode()
    headers = {"Accept-Encoding": "gzip"}
    try:
        with urllib.request.urlopen(urllib.request.Request(hf + "/query", body, headers), timeout=120) as r:
            while r.read(1 << 20): pass
            return r.headers.get("X-Holdfast-Error") or "answered"
    except urllib.error.HTTPError as e:
        return e.read().decode()
cases = {
    "falling, by series": "SELECT * FROM m GROUP BY * ORDER BY time DESC",
    "percentiles": "SELECT percentile(v, 99), median(w), mode(w) FROM m",
    "modes of texts": "SELECT mode(s), first(s), count(distinct(s)) FROM m",
    "top of many": "SELECT top(v, 100000) FROM m",
    "distinct": "SELECT distinct(s) FROM m",
    "a sample": "SELECT sample(v, 200000) FROM m",
    "buckets of all": "SELECT mean(v), max(w), last(s) FROM m GROUP BY time(10s), host",
    "buckets without points": "SELECT mean(v) FROM m WHERE time > now() - 3d GROUP BY time(1s), host fill(linear)",
    "a subquery": "SELECT max(x) FROM (SELECT v + w AS x, s FROM m)",
    "a subquery of buckets": "SELECT mean(x) FROM (SELECT mean(v) AS x FROM m GROUP BY time(10s), host) GROUP BY time(1m)",
    "means of many series": "SELECT mean(v), max(v), last(v) FROM many GROUP BY id",
    "values of a tag": "SHOW TAG VALUES FROM many WITH KEY = id",
    "a long condition": "SELECT v FROM m WHERE " + " OR ".join("host = 'h%d' AND v = %d" % (i, i) for i in range(20000)),
    "many columns": "SELECT " + ",".join("mean(v) AS c%d" % i for i in range(2000)) + " FROM m GROUP BY time(1m), host",
}
name, q = list(cases.items())[int(sys.argv[1])]
ask("SHOW DATABASES")
with open("/proc/%s/clear_refs" % pid, "w") as f: f.write("5")  # the peak begins anew
before = of_status("VmRSS")
said = ask(q)
peak = of_status("VmHWM") - before
print("ok" if peak <= MAX + SENDING + KEPT_BACK else "bad", "%s: %d KiB (%s)" % (name, peak, said[:60].replace("\n", " ")))
END
one() { # CASE
	start_holdfastd --config "$T/conf"
	HF=$HF HF_PID=$HF_PID python3 "$T/ask.py" "$1" > "$T/out"
	stop_holdfastd
	read -r verdict rest < "$T/out"
	[ "$verdict" = ok ]
}
n=0
while [ $n -lt 14 ]; do
	one $n || one $n || one $n # the compactor may take some in between
	ok "$rest"
	n=$((n + 1))
done
finish
