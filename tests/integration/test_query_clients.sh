#!/bin/sh
# Clients of InfluxDB as people have them, unmodified: each gets from Holdfast what it gets from InfluxDB.
. "$SRCDIR/tests/integration/lib.sh"
need_programs curl influx influxd jq python3
CLIENTS=$SRCDIR/tests/clients
# Debian's modules belong to Debian's own Python
PYTHON=/usr/bin/python3
$PYTHON -c 'import influxdb' 2> "$T/out" || bail_out "python3-influxdb is missing; run ./bootstrap check, which installs what tests need"

export METRICS_ENABLED=no HOLDFAST_READ_FROM=local HOLDFAST_SERVER_CREATE_DATABASES=yes HOLDFAST_RETENTION_RAW=3650d \
	HOLDFAST_RETENTION_1M=3650d HOLDFAST_RETENTION_1H=3650d HOLDFAST_RETENTION_1D=3650d
[ "$(date +%s)" -lt $((1698364800 + 3640 * 86400)) ] || bail_out "the points of the clients are too old to be taken: give them a later time"

same() { # NAME; what it said of InfluxDB in $T/theirs, of Holdfast in $T/ours
	[ -s "$T/theirs" ] && cmp -s "$T/theirs" "$T/ours"
	ok "$1: $(wc -l < "$T/theirs") lines, the same from both"
	diff "$T/theirs" "$T/ours" > "$T/diff" || head -30 "$T/diff" | cut -c1-500 | sed 's/^/# /'
}
skip() { # NAME WHY
	number=$((number + 1))
	echo "ok $number - $1 # SKIP $2"
}
both() { # NAME COMMAND…, which gets the port as its last argument
	name=$1
	shift
	"$@" "$INFLUX_PORT" > "$T/theirs" 2>&1
	"$@" "$HF_PORT" > "$T/ours" 2>&1
	same "$name"
}

# The shell: one statement after the other, from a pipe, and its import of files.
run_shell() { influx -port "$port" "$@" 2>&1; }
shell_session() { # PORT
	port=$1
	run_shell -execute 'CREATE DATABASE shell'
	run_shell -execute 'SHOW DATABASES' | grep -x shell
	for line in 'cpu,host=a,zone=with\ space v=1.5,n=2i,ok=true,s="say \"hi\"" 1698364800000000000' 'cpu,host=b v=2,n=3i 1698364801000000000' \
		'cpu,host=a v=-3 1698364860000000001' 'two\ words,k=ä v=1 1698364800000000000'; do
		run_shell -database shell -execute "INSERT $line"
	done
	run_shell -database shell -execute 'INSERT cpu v="text" 1698364800000000000'
	run_shell -database shell -execute 'INSERT cpu'
	run_shell -database nosuch -execute 'SELECT v FROM cpu'
	for format in column csv json; do
		for q in 'SELECT * FROM cpu' 'SELECT mean(v), max(n) FROM cpu GROUP BY host' 'SELECT count(v) FROM cpu WHERE time >= 1698364800s AND time < 1698364920s GROUP BY time(1m)' \
			'SHOW MEASUREMENTS' 'SHOW TAG KEYS' 'SHOW TAG VALUES WITH KEY = host' 'SHOW FIELD KEYS FROM cpu' 'SHOW SERIES' \
			'SELECT v FROM cpu LIMIT 1; SELECT n FROM cpu LIMIT 1' 'SELECT v FROM nosuch' 'SELECT foo(v) FROM cpu' 'SELECT' 'SELECT s FROM cpu'; do
			echo "== $format: $q"
			run_shell -database shell -format "$format" -execute "$q"
		done
	done
	for precision in rfc3339 s ms u ns; do
		run_shell -database shell -precision "$precision" -execute 'SELECT v FROM cpu'
	done
	run_shell -database shell -format json -pretty -execute 'SELECT v FROM cpu LIMIT 1'
	printf 'SHOW MEASUREMENTS' | run_shell -database shell
	printf 'SELECT v FROM cpu LIMIT 2; SELECT n FROM cpu' | run_shell -database shell -format csv
	printf '# DDL\nCREATE DATABASE imported\n# DML\n# CONTEXT-DATABASE: imported\nm,k=a v=1 1698364800000000000\nm,k=b v=2 1698364800000000000\n' > "$T/import"
	run_shell -import -path "$T/import" | sed 's/^[0-9/]* [0-9:]* //; s/in [0-9.]*[a-zµ]*s\.*/in no time/; s/Elapsed:.*//; s/in [^ ]*,/in,/; /Time elapsed/d'
	run_shell -database imported -execute 'SELECT * FROM m'
}

start_influxd
start_holdfastd
both "the influx shell" shell_session
both "python3-influxdb" $PYTHON "$CLIENTS/influxdb_python.py"

# npm's: fetched where there is a registry to fetch them from
mkdir "$T/npm"
cp "$CLIENTS/package.json" "$CLIENTS/package-lock.json" "$CLIENTS/.npmrc" "$CLIENTS"/*.mjs "$T/npm/"
chmod -R u+w "$T/npm"
if ! command -v npm > /dev/null || ! command -v node > /dev/null; then
	why="there is no npm"
elif ! (cd "$T/npm" && npm ci --no-audit --no-fund --loglevel=error --fetch-retries=1 --fetch-timeout=20000) > "$T/npm.log" 2>&1; then
	why="npm cannot install it: $(grep -m1 'npm' "$T/npm.log" | tr '#' ' ')"
else
	why=
fi
if [ -n "$why" ]; then
	for name in "npm's influx" "npm's @influxdata/influxdb-client writes" "and what it wrote is there"; do
		skip "$name" "$why"
	done
	finish
fi
both "npm's influx" node "$T/npm/influx.mjs"

# This one speaks the interface of 2.x, which InfluxDB 1.6 has not: the points are compared.
curl -s -o "$T/out" "$IX/query" --data-urlencode 'q=CREATE DATABASE v2'
curl -s -o "$T/out" "$HF/query" --data-urlencode 'q=CREATE DATABASE v2'
node "$T/npm/influxdb_client.mjs" "$HF_PORT" > "$T/said" 2>&1
is "$(grep -c '^written true$' "$T/said") $(grep '^refused' "$T/said" | cut -c1-12) $(grep '^flux' "$T/said" | cut -c1-6)" '1 refused [400 flux 4' \
	"npm's @influxdata/influxdb-client writes, is refused, and asks no Flux"
grep -E '^[a-z]+ ' "$T/said" | cut -c1-200 | sed 's/^/# /'
awk 'BEGIN { for (i = 0; i < 120; i++) printf "ticks,host=h%d,zone=default\\ zone b=%s,n=%di,s=\"%s\",v=%.17g %.0f000000\n", i % 2, i % 3 ? "false" : "true", i,
	i % 5 ? "text \\\"" i "\\\"" : "", i / 4, 1698364800000 + i * 1500 }' | curl -s -o "$T/out" --data-binary @- "$IX/write?db=v2"
# a refused point leaves its series behind, here as there
curl -s -o "$T/out" --data-binary 'ticks,host=h0 n="text" 1698364800000000000' "$IX/write?db=v2"
for q in 'SELECT * FROM ticks' 'SELECT sum(n), mean(v) FROM ticks GROUP BY host' 'SHOW SERIES'; do
	curl -s -G "$IX/query?db=v2&epoch=ns" --data-urlencode "q=$q"
done > "$T/theirs"
for q in 'SELECT * FROM ticks' 'SELECT sum(n), mean(v) FROM ticks GROUP BY host' 'SHOW SERIES'; do
	curl -s -G "$HF/query?db=v2&epoch=ns" --data-urlencode "q=$q"
done > "$T/ours"
same "and what it wrote is there"
finish
