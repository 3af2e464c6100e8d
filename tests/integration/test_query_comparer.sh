#!/bin/sh
# The comparison of answers itself: two InfluxDBs with the same data agree about every statement, and what is made to differ is found.
. "$SRCDIR/tests/integration/lib.sh"
. "$SRCDIR/tests/integration/query_lib.sh"
need_programs curl influxd jq python3


make_sets
start_influxd
make_databases "$IX"
first=$IX
write_lines "$first" metrics "$T/sets/first.lp" && write_lines "$first" metrics "$T/sets/then.lp" && write_lines "$first" other "$T/sets/other.lp"
ok "one InfluxDB has the data"
INFLUX2_PID=$INFLUX_PID
INFLUX_PID='' INFLUX_PORT=''
mv "$T/influx.log" "$T/influx2.log"
INFLUX_FOLDER=$T/second
start_influxd
make_databases "$IX"
second=$IX
# the same points in another order, and some twice
split -l 3000 "$T/sets/first.lp" "$T/part."
for part in $(ls -r "$T"/part.*); do
	write_lines "$second" metrics "$part" || break
done && write_lines "$second" metrics "$T/sets/then.lp" && write_lines "$second" metrics "$T/sets/then.lp" &&
	write_lines "$second" other "$T/sets/other.lp"
ok "another has it, too, written in another order"
compare_answers --answers "$T/answers" "$first" "$second" "$QUERIES"/*.influxql "$T/by_dice.influxql"

for n in 1 150 600; do
	judge_answers --mutate $n --answers "$T/answers" "$first" "$second" "$QUERIES"/*.influxql "$T/by_dice.influxql"
	is "$? $(grep -c '^not ok' "$T/compared")" "1 1" "one value that is another one is found: the $n-th"
done
printf 'SELECT v FROM same\nSELECT n FROM same\n' > "$T/few.influxql"
printf '# Why not.\nSELECT v FROM same\n' > "$T/known"
judge_answers --known "$T/known" "$first" "$second" "$T/few.influxql"
is "$? $(grep -c 'known to differ, and is equal' "$T/compared")" "1 1" "a statement that is known to differ, and does not, is found"
printf '# Why not.\nSELECT w FROM same\n' > "$T/known"
judge_answers --known "$T/known" "$first" "$second" "$T/few.influxql"
is $? 2 "one that is known, and not asked, too"
printf 'SELECT w FROM same\n' > "$T/known"
judge_answers --known "$T/known" "$first" "$second" "$T/few.influxql"
is $? 2 "and one without a reason"
curl -s --data-binary 'same,k=a,l=x v=77 1698364800000000000' "$second/write?db=metrics"
judge_answers "$first" "$second" "$T/few.influxql"
is "$? $(grep -c '^#   tested: *77$' "$T/compared")" "1 1" "a point of another value is found, and shown"
printf '# It was written later.\nSELECT v FROM same\n> error: no such thing\n' > "$T/known"
judge_answers --known "$T/known" "$first" "$second" "$T/few.influxql"
is $? 1 "a known difference must be the one that is known"
printf '# It was written later.\nSELECT v FROM same\n' > "$T/known"
judge_answers --known "$T/known" "$first" "$second" "$T/few.influxql"
is $? 0 "and is then none"
end_process "$INFLUX_PID" KILL
INFLUX_PID=''
judge_answers --answers "$T/answers" "$first" "$second" "$QUERIES"/*.influxql "$T/by_dice.influxql"
is $? 2 "a server that is gone is no server that agrees"
finish
