#!/bin/sh
# Export in all formats, import into fresh daemons, export again: the same bytes. And what ends half-way does no harm.
. "$SRCDIR/tests/integration/lib.sh"
need_programs curl jq cmp
export METRICS_ENABLED=no
H=$BUILDDIR/holdfast

fresh() { # NAME
	stop_holdfastd
	start_holdfastd --data-dir "$T/$1"
	export HOLDFAST_URL=$HF
}
two_were_cut_short() { curl -s "$HF/metrics" | grep -q 'holdfast_exports_total{outcome="cut_short"} 2$'; }

# a load of many series over some hours, then what is hard
fresh first
now=$(date +%s)
"$LPGEN" --hosts 8 --steps 1200 --end "$((now - 60))" --batch 1000 --conns 2 --port "$HF_PORT" \
	--url-path '/write?db=metrics' > "$T/load.json" 2> /dev/null
is $? 0 "a load of many series"
t=$((now - 30000))
{
	printf 'hard\\,\\ m,t\\ a\\=g=v\\,\\ \\=x,u=\303\251\342\202\254 f\\ \\,\\=l=1.5,"q"=-0 %s000000001\n' $t
	printf 'hard,back=a\\b\\c s="a \\"q\\" \\\\ \\n, ; tab\there",e="",i=-9223372036854775808i,u=18446744073709551615u %s000000002\n' $t
	printf 'hard,back=a\\b\\c s="two\nlines\r\nthree",i=9223372036854775807i,b=f,v=1e-320 %s000000003\n' $t
	printf 'hard s="\377\376 not UTF-8",v=1.7976931348623157e308,i=9007199254740993i %s999999999\n' $t
	printf 'hard s="\360\237\230\200 =,{}[]",v=0.1,b=true %s\n' ${t}000000000
	printf 'hard v=5e-324 %s\nhard i=7i %s\nhard v=3 %s\n' ${t}000000000 ${t}000000000 ${t}000000000
} | "$H" import - 2> "$T/err"
is "$?:$(cat "$T/err")" "0:8 points written, 0 refused" "hard points are imported from standard input"
printf 'w v=1 %s000000000\n' $t | "$H" write 2> /dev/null

for f in lp csv jsonl; do
	"$H" export --format $f -o "$T/first.$f" 2> "$T/err"
	is $? 0 "export as $f"
done
[ "$(wc -l < "$T/first.lp")" -gt 50000 ]
ok "it is large ($(wc -c < "$T/first.lp") bytes)"
grep -q ' points exported$' "$T/err"
ok "says how many"
[ ! -e "$T/first.lp.part" ]
ok "no part is left"
cp "$T/first.lp" "$T/kept.lp"
"$H" export --measurement nothing -o "$T/kept.lp" 2> "$T/err"
is $? 1 "an export that fails"
cmp -s "$T/first.lp" "$T/kept.lp"
ok "leaves the file as it was"
"$H" export -o /dev/null 2> /dev/null && [ -c /dev/null ]
ok "a device is written in place"
"$H" export --measurement hard --to "${t}000000002" 2> /dev/null | cut -c1-12 > "$T/out"
printf 'hard b=true,\n' > "$T/want"
cmp "$T/want" "$T/out"
ok "one measurement and range to standard output"
jq -e -s 'length > 50000 and (map(.time) | all(endswith("Z")))' "$T/first.jsonl" > /dev/null
ok "every line of jsonl is an object"

# nobody reads on
"$H" export 2> /dev/null | head -c 100 > "$T/out"
is "$(wc -c < "$T/out")" 100 "a pipe that is closed early"
"$H" status > /dev/null
ok "does the daemon no harm"
( timeout 20 curl -s --limit-rate 1000 "$HF/api/v1/export" -o "$T/slow" & sleep 0.5; kill $!; wait $! 2> /dev/null ) || :
wait_until 20 two_were_cut_short
ok "a client that goes away ends the work"

# each format into a daemon of its own, twice
for f in lp csv jsonl; do
	fresh "of-$f"
	"$H" import "$T/first.$f" 2> "$T/err"
	is "$?:$(sed 's/^[0-9]* //' "$T/err")" "0:points written, 0 refused" "import of $f, whose format is found out"
	"$H" export -o "$T/again.lp" 2> /dev/null
	cmp "$T/first.lp" "$T/again.lp"
	ok "$f: the same bytes as line protocol"
done
"$H" import "$T/first.csv" 2> /dev/null
"$H" export -o "$T/again.lp" 2> /dev/null
cmp "$T/first.lp" "$T/again.lp"
ok "imported twice it is the same"
"$H" export --format csv -o "$T/again.csv" 2> /dev/null && cmp "$T/first.csv" "$T/again.csv"
ok "csv is the same too"
"$H" export --format jsonl -o "$T/again.jsonl" 2> /dev/null && cmp "$T/first.jsonl" "$T/again.jsonl"
ok "jsonl is the same too"
stop_holdfastd KILL
start_holdfastd --data-dir "$T/of-jsonl"
export HOLDFAST_URL=$HF
"$H" export -o "$T/again.lp" 2> /dev/null && cmp "$T/first.lp" "$T/again.lp"
ok "and after kill -9 and a restart"

# the daemon dies in the middle of an import
fresh broken
mkfifo "$T/pipe"
"$H" import --wait 0 - < "$T/pipe" 2> "$T/err" &
LOAD_PID=$!
exec 4> "$T/pipe"
head -n 30000 "$T/first.lp" >&4
some_points() { [ "$(curl -s "$HF/api/v1/status" | jq .ingest.points_total)" -ge 5000 ]; }
wait_until 20 some_points
ok "an import is under way"
stop_holdfastd KILL
{ trap '' PIPE; tail -n +30001 "$T/first.lp" >&4; } 2> /dev/null
exec 4>&-
wait $LOAD_PID
is $? 3 "the daemon dies in the middle of it"
LOAD_PID=
grep -q '^holdfast: stopped at line [0-9]*: ' "$T/err"
ok "import says where it stopped"
start_holdfastd --data-dir "$T/broken"
export HOLDFAST_URL=$HF
"$H" import "$T/first.lp" 2> "$T/err"
is $? 0 "restarted, imported again"
"$H" export -o "$T/again.lp" 2> /dev/null && cmp "$T/first.lp" "$T/again.lp"
ok "the same bytes"

# it comes back within --wait
fresh back
"$H" import --wait 30s "$T/first.jsonl" 2> "$T/err" &
LOAD_PID=$!
wait_until 20 some_points
port=$HF_PORT
stop_holdfastd KILL
start_holdfastd --data-dir "$T/back" --listen "127.0.0.1:$port"
wait $LOAD_PID
is "$?" 0 "an import outlives a restart"
LOAD_PID=
"$H" export -o "$T/again.lp" 2> /dev/null && cmp "$T/first.lp" "$T/again.lp"
ok "and is whole"

# a daemon that takes small bodies only
stop_holdfastd
HOLDFAST_SERVER_MAX_BODY=100KiB start_holdfastd --data-dir "$T/small"
export HOLDFAST_URL=$HF
"$H" import "$T/first.csv" 2> "$T/err"
is $? 0 "requests that are too large go in parts"
"$H" export -o "$T/again.lp" 2> /dev/null && cmp "$T/first.lp" "$T/again.lp"
ok "and all of it is there"

# what is wrong is told by its line
fresh last
printf 'm v=1 %s000000000\nm v=2\n\nm v=3i %s000000001\nbad line\nm v=4 1\nm s="a\nb" %s000000002\n' $t $t $t > "$T/lines"
"$H" import --format lp "$T/lines" 2> "$T/err"
is $? 1 "an import with wrong lines"
cat > "$T/want" <<-END
	holdfast: line 2: no timestamp
	holdfast: line 5: no timestamp
	holdfast: line 4: field type conflict: input field "v" on measurement "m" is type integer, already exists as type float
	holdfast: line 6: too_old
	2 points written, 4 refused
END
cmp "$T/want" "$T/err"
ok "tells which and why"
"$H" import "$T/nothing" 2> /dev/null
is $? 2 "a file that is not there"
# a packed file
printf 'm v=1 1\n' | gzip > "$T/packed.gz"
"$H" --url "$HF" import "$T/packed.gz" 2> "$T/err"
is "$? $(grep -c zcat "$T/err")" "1 1" "a packed file is told as such"
finish
