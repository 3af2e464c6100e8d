#!/bin/sh
# holdfast query of InfluxQL: what it prints and how it exits. HF_QUERY_SERVER says who answers: influxd (the default) or
# holdfastd, which must not be told apart but for the last line on standard error.
. "$SRCDIR/tests/integration/lib.sh"
: "${HF_QUERY_SERVER:=influxd}"
need_programs jq python3
unset NO_COLOR
export LC_ALL=C.UTF-8 TZ=XXX-05:30 TERM=xterm
case $HF_QUERY_SERVER in
influxd)
	need_programs influxd
	start_influxd
	HOLDFAST_URL=$IX
	curl -s -XPOST "$IX/query" --data-urlencode 'q=CREATE DATABASE metrics' > /dev/null
	;;
holdfastd)
	export METRICS_ENABLED=false
	start_holdfastd
	HOLDFAST_URL=$HF
	;;
*) bail_out "HF_QUERY_SERVER=$HF_QUERY_SERVER is not influxd or holdfastd" ;;
esac
export HOLDFAST_URL
H=$BUILDDIR/holdfast
on_terminal() { python3 "$SRCDIR/tests/tools/on_terminal.py" "$@"; }
# what comes after the statements' own words, without the source
errors() { grep -v '^source: ' "$T/err" || :; }

# an hour ago, whole minutes: any retention has it
t=$(($(date +%s) / 60 * 60 - 3600))
utc=$(date -u -d "@$t" +%Y-%m-%dT%H:%M)
here=$(date -d "@$t" '+%Y-%m-%d %H:%M')
{
	for i in 0 1 2 3 4 5 6 7; do
		echo "room,name=north\\ hall temp=$i.5,n=${i}i,note=\"a \\\"b\\\" é\" $((t + i))000000000"
		echo "room,name=south temp=$((8 - i)),open=true $((t + i))250000000"
	done
	awk -v t=$t 'BEGIN { for (i = 0; i < 30000; i++) printf "long,k=%s v=%di %d%06d000\n", i % 2, i, t, i }'
} > "$T/lines"
curl -sf "$HOLDFAST_URL/write?db=metrics" --data-binary @"$T/lines"
ok "the points are there"

# ---- to a pipe ----

"$H" query 'SELECT temp, n, note FROM room GROUP BY "name" LIMIT 2' > "$T/out" 2> "$T/err"
is "$?:$(errors)" "0:" "a SELECT"
is "$(cat "$T/out")" "room name=\"north hall\"
time                  temp  n  note
${utc}:00Z   0.5  0  \"a \\\"b\\\" é\"
${utc}:01Z   1.5  1  \"a \\\"b\\\" é\"

room name=south
time                     temp  n  note
${utc}:00.25Z     8  -     -
${utc}:01.25Z     7  -     -" "is a plain table for each series"
"$H" query --epoch s 'SELECT temp FROM room WHERE "name" = '"'south'"' LIMIT 1' 2> /dev/null > "$T/out"
is "$(cat "$T/out")" "room
      time  temp
$t     8" "--epoch"
"$H" query --format csv 'SELECT temp, note, open FROM room GROUP BY "name" LIMIT 1' 2> /dev/null > "$T/out"
is "$(cat "$T/out")" "$(printf 'name,name,time,temp,note,open\r\nroom,north hall,%s:00Z,0.5,"a ""b"" é",\r\nroom,south,%s:00.25Z,8,,true\r' "$utc" "$utc")" "CSV"
python3 -c 'import csv, sys; assert [len(r) for r in csv.reader(sys.stdin)] == [6, 6, 6]' < "$T/out"
ok "that other programs read"
"$H" query --format line 'SELECT temp, note FROM room LIMIT 1' 2> /dev/null > "$T/out"
is "$(cat "$T/out")" "room
time = ${utc}:00Z
temp = 0.5
note = \"a \\\"b\\\" é\"" "a value a line"
"$H" query --format json 'SELECT temp FROM room LIMIT 1; SHOW DATABASES' 2> /dev/null > "$T/out"
curl -s "$HOLDFAST_URL/query?db=metrics" --data-urlencode 'q=SELECT temp FROM room LIMIT 1; SHOW DATABASES' > "$T/want"
cmp -s "$T/out" "$T/want"
ok "JSON is one document, as the server sends it"
"$H" query --format csv 'SELECT v FROM long GROUP BY k' 2> /dev/null > "$T/out"
is "$(wc -l < "$T/out") $(tail -1 "$T/out" | cut -d, -f1,2,4 | tr -d '\r')" "30001 long,1,29999" "an answer in several chunks"
"$H" query 'SELECT v FROM long' 2> /dev/null > "$T/out"
is "$(grep -c '^time ' "$T/out") $(grep -c '^20' "$T/out")" "1 30000" "is one table"
# a million rows, 37 MB as they arrive
many="SELECT MEAN(v) FROM long WHERE time >= ${t}s AND time < ${t}s + 1000000ms GROUP BY time(1ms) fill(0)"
for format in table csv; do
	python3 - "$H" query --format "$format" "$many" > "$T/out" 2> "$T/err" <<-'EOF'
		import resource, subprocess, sys
		rows = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE)
		count = sum(b"20" in line for line in rows.stdout)
		print(rows.wait(), count, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
	EOF
	read -r status count kilobytes < "$T/out"
	is "$status $count" "0 1000000" "a million rows, as $format"
	[ "$kilobytes" -lt 30000 ] || [ "$HF_SANITIZER" != no ]
	ok "take little memory"
	echo "# $kilobytes kB"
done
"$H" query --format csv 'SELECT v FROM long' 2> /dev/null | head -1 | tr -d '\r' > "$T/out"
is "$(cat "$T/out")" "name,time,v" "a reader may leave"
echo 'SHOW TAG KEYS FROM room' | "$H" query - 2> /dev/null > "$T/out"
is "$(cat "$T/out")" "room
tagKey
name" "a statement from standard input"
"$H" query 'SELECT nothing FROM room' > "$T/out" 2> "$T/err"
is "$?:$(cat "$T/out")$(errors)" "0:" "nothing found is nothing said, in a pipe"

# ---- errors ----

"$H" query 'SELEC 1' > "$T/out" 2> "$T/err"
is "$?:$(cat "$T/out")" "1:" "no InfluxQL"
grep -q '^holdfast: error parsing query: found SELEC' "$T/err"
ok "is told in InfluxDB's words"
"$H" query 'SELECT temp FROM room LIMIT 1; SELECT v FROM nosuch..m; SELECT v FROM long LIMIT 1' > "$T/out" 2> "$T/err"
is "$?:$(errors)" "1:holdfast: database not found: nosuch
holdfast: not executed" "a statement that fails"
grep -q '^room' "$T/out"
ok "leaves the one before it"
"$H" query --db nosuch 'SELECT v FROM m' 2> "$T/err"
is "$?:$(errors)" "1:holdfast: database not found: nosuch" "--db"
"$H" --url http://127.0.0.1:1 query 'SHOW DATABASES' 2> "$T/err"
is $? 3 "no daemon there"
grep -q 'is holdfastd running' "$T/err"
ok "says what to do"
"$H" query SHOW DATABASES 2> "$T/err"
is $? 2 "a statement without its quotes"
"$H" query 'SHOW DATABASES' > /dev/full 2> "$T/err"
is $? 1 "a full disk"

# ---- on a terminal ----

on_terminal 80x24 -- "$H" query 'SELECT temp, n FROM room WHERE "name" = '"'north hall'"' LIMIT 2' > "$T/out"
is "$? $(tr -d '\r' < "$T/out" | grep -v '^source: ')" "0 $(printf '\033[1;36mroom\033[0;36m\033[0m
\033[1mtime                       temp  n\033[0m
%s:00+05:30   0.5  0
%s:01+05:30   1.5  1
temp  \033[32m▁█\033[0m  0.5 to 1.5, last 1.5
n     \033[32m▁█\033[0m  0 to 1, last 1' "$here" "$here")" "a table with color, local times and the course of numbers"
NO_COLOR=1 LC_ALL=C on_terminal 80x24 -- "$H" query --utc 'SELECT temp FROM room WHERE "name" = '"'south' LIMIT 2" > "$T/out"
is "$? $(tr -d '\r' < "$T/out" | grep -v '^source: ')" "0 room
time                     temp
${utc}:00.25Z     8
${utc}:01.25Z     7
temp  #_  7 to 8, last 7" "NO_COLOR, ASCII, UTC"
on_terminal 40x24 -- "$H" query 'SELECT note FROM room LIMIT 1' | tr -d '\r' | grep -v '^source: ' > "$T/out"
is "$(tail -1 "$T/out")" "$here:00+05:30  a \"b\" é" "what fits stays whole"
NO_COLOR=1 on_terminal 30x24 -- "$H" query 'SELECT temp, note FROM room LIMIT 1' | tr -d '\r' | grep -v '^source: ' > "$T/out"
is "$(tail -2 "$T/out")" "temp = 0.5
note = a \"b\" é" "what does not stands value by value"
NO_COLOR=1 on_terminal 80x24 -- "$H" query 'SELECT nothing FROM room' | tr -d '\r' | grep -v '^source: ' > "$T/out"
is "$(cat "$T/out")" "(no rows)" "nothing found is said"

# ---- again and again ----

on_terminal 80x12 --until '(every 0.1 s.*){3}' --signal SIGINT -- \
	"$H" query --watch=0.1 --epoch ns 'SELECT v FROM long' > "$T/out"
is $? 130 "--watch until Ctrl-C"
is "$(head -c 8 "$T/out" | od -An -c | tr -d ' ')" '033[?1049h' "on the alternate screen"
is "$(tail -c 14 "$T/out" | od -An -c | tr -d ' \n')" '033[?25h033[?1049l' "which is left"
grep -q '^([0-9]* lines more)' "$T/out"
ok "what does not fit stays away, and is told"
on_terminal 80x12 --until '(every 0.1 s.*newest row [0-9]* min old.*){2}' --signal SIGTERM -- \
	"$H" query --watch=0.1 'SELECT LAST(v) FROM long WHERE time > 0 GROUP BY k' > "$T/out"
is $? 143 "shows how old the newest row is"
TERM=dumb on_terminal 80x24 --until '(time.*){3}' --signal SIGINT -- "$H" query --watch=0.1 'SELECT v FROM long LIMIT 1' > "$T/out"
is "$? $(grep -c 1049 "$T/out")" "130 0" "a dumb terminal is left alone"
"$H" query --watch=0.1 --format csv 'SELECT v FROM long LIMIT 1' > "$T/out" 2> /dev/null &
LOAD_PID=$!
three_answers() { [ "$(grep -c '^name,' "$T/out")" -ge 3 ]; }
wait_until 20 three_answers
ok "--watch into a file"
end_process "$LOAD_PID"
LOAD_PID=''
on_terminal 80x12 -- "$H" query --watch 'SELEC' > "$T/out"
is "$? $(grep -c 1049 "$T/out")" "1 0" "--watch of what is wrong ends at once"

# ---- the shell ----

printf 'format csv\nprecision s\nSELECT temp\nFROM room\nLIMIT 1;\nuse nosuch\nSHOW MEASUREMENTS; use "metrics";\nUSE metrics\nSELECT v FROM long LIMIT 1' |
	"$H" shell > "$T/out" 2> "$T/err"
is "$?:$(tr -d '\r' < "$T/out")" "1:name,time,temp
room,$t,0.5
name,time,v
long,$t,0" "the shell, from a pipe"
grep -q '^holdfast: error parsing query: found use' "$T/err"
ok "what is wrong is told, and the rest is done"
echo 'SHOW DATABASES' | "$H" shell > /dev/null 2>&1
is $? 0 "exit status 0 if all was well"
export XDG_STATE_HOME=$T/state
enter=$(printf '\r')
NO_COLOR=1 on_terminal 80x24 --until 'metrics> ' --type "SHOW TAG KEYS$enter" --until '[.]{3}> ' --type "FROM room;$enter" \
	--until 'name.*metrics> ' --type "SELECT bad" --until bad --type "$(printf '\003')" \
	--until 'metrics> ' --type "CREATE USER u WITH PASSWORD 'secret';$enter" --until 'metrics> ' --type "use x$enter" \
	--until 'x> ' --type "exit$enter" -- "$H" shell > "$T/out"
is "$?" 0 "the shell, on a terminal: several lines, Ctrl-C, exit"
grep -q '^tagKey' "$T/out"
ok "answers"
if grep -q 'define HAVE_LIBEDIT' "$BUILDDIR/config.h" 2> /dev/null; then
	is "$(grep -c 'SHOW' "$T/state/holdfast/history") $(grep -c -i 'secret\|bad' "$T/state/holdfast/history")" "1 0" "the history has statements, without passwords"
	is "$(stat -c %a "$T/state/holdfast/history")" 600 "for its owner alone"
fi
on_terminal 80x24 --until 'metrics> ' --type "format csv$enter" --until 'metrics> ' \
	--type "SELECT MEAN(v) FROM long WHERE time >= ${t}s AND time < ${t}s + 8000000ms GROUP BY time(1ms) fill(0);$enter" \
	--until 'long,20' --type "$(printf '\003')" --until 'interrupted.*metrics> ' --type "SHOW DATABASES;$enter" \
	--until 'databases,metrics.*metrics> ' --type "exit$enter" -- "$H" shell > "$T/out"
is $? 0 "Ctrl-C ends a long answer, and the shell goes on"

# while the server is away the last answer stays
on_terminal 100x12 --until 'as of [0-9]+ s ago: no answer from .*room' --signal SIGINT -- \
	"$H" query --watch=0.1 'SELECT temp FROM room LIMIT 1' > "$T/out" &
LOAD_PID=$!
wait_until 30 grep -q '^room' "$T/out"
stop_influxd
stop_holdfastd
wait "$LOAD_PID"
is $? 130 "--watch outlives the daemon, and tells how old its answer is"
LOAD_PID=''
finish
