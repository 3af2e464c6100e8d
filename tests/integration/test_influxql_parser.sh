#!/bin/sh
# InfluxQL: what we accept and what we say to the rest, against a real InfluxDB, statement by statement.
. "$SRCDIR/tests/integration/lib.sh"
need_programs curl influxd jq
CORPUS=$SRCDIR/tests/query/corpus
VERDICT=$BUILDDIR/tests/query/influxql_verdict
times='-9223372036854775806 -5362000000000000000 -1 0 1 946684800000000000 946684800000000001 951782400000000000
	1678602600000000000 1678606200000000000 1679788800000000000 1679790600000000000 1679792400000000000
	1679794200000000000 1698537600000000000 1698539400000000000 1698541200000000000 1698543000000000000
	1698544800000000000 1699162200000000000 1699165800000000000 1699999999999999999 1700000000000000000
	1700000000000000001 1700000060000000000 1700003600000000000 1700003600000000001 1709164800000000000
	4102444800000000000 9223372036854775806'

# What each line of a file is answered by InfluxDB, one line of JSON each. A file a statement: no quoting in between.
ask_all() { # FILE PREFIX
	rm -rf "$T/q"
	mkdir "$T/q"
	awk -v dir="$T/q" -v url="$IX/query?db=db&epoch=ns" -v prefix="$2" -F '\t' '
		{
			gsub("␤", "\n", $1)
			q = sprintf("%s/%06d", dir, NR)
			printf "%s%s", prefix, $1 > q
			close(q)
			printf "%s%s", $2, "" > (q ".params")
			close(q ".params")
			if (NR > 1)
				print "next"
			printf "url = \"%s\"\ndata-urlencode = \"q@%s\"\n", url, q
			if (NF > 1)
				printf "data-urlencode = \"params@%s.params\"\n", q
			printf "output = \"%s.answer\"\n", q
		}' "$1" > "$T/curl.conf"
	curl -s -K "$T/curl.conf"
	cat "$T/q/"*.answer
}

# "ok" or the error of each answer. What depends on the databases, users and policies there are is no matter of the language.
judge() {
	jq -r '(.error // ([.results[]?.error // empty] | first) // "ok") | gsub("\n"; "␤")
		| if test("^(database not found|retention policy|user (not found|already)|no such query|subscription|max-select-buckets)")
		then "ok" else . end'
}

compare() { # NAME; statements in $T/lines, theirs in $T/theirs, ours in $T/ours
	paste -d '\n' "$T/lines" "$T/theirs" "$T/ours" | awk 'NR % 3 == 1 { q = $0 } NR % 3 == 2 { a = $0 }
		NR % 3 == 0 && a != $0 { print "# statement: " q; print "# theirs:    " a; print "# ours:      " $0 }' > "$T/differing"
	[ -s "$T/lines" ] && [ "$(wc -l < "$T/lines")" = "$(wc -l < "$T/theirs")" ] &&
		[ "$(wc -l < "$T/lines")" = "$(wc -l < "$T/ours")" ] && [ ! -s "$T/differing" ]
	ok "$1: $(wc -l < "$T/lines") statements"
	head -60 "$T/differing"
}

export INFLUXDB_COORDINATOR_MAX_SELECT_BUCKETS=5000
start_influxd
curl -s -o "$T/out" "$IX/query" --data-urlencode 'q=create database db; create database other'
printf '%s\n' 'm,h=a v=1,u=2i,s="x",b=true 1700000000000000000' 'm,h=b v=2,u=3i 1700000060000000000' \
	'n,h=a,k=z w=3 1700000000000000000' | curl -s "$IX/write?db=db" --data-binary @-
for t in $times; do echo "times v=1 $t"; done | curl -s "$IX/write?db=db" --data-binary @-

grep -v '^#' "$CORPUS/times.influxql" > "$T/lines"
ask_all "$T/lines" 'SELECT v FROM times WHERE ' > "$T/answers"
judge < "$T/answers" > "$T/errors"
awk '{ out = ""; while (match($0, /\[-?[0-9]+,1\]/)) {
	out = out (out == "" ? "" : " ") substr($0, RSTART + 1, RLENGTH - 4); $0 = substr($0, RSTART + RLENGTH) } print out }' \
	"$T/answers" > "$T/instants"
paste -d '\n' "$T/errors" "$T/instants" | awk 'NR % 2 == 1 { e = $0 } NR % 2 == 0 { print e == "ok" ? $0 : e }' > "$T/theirs"
# shellcheck disable=SC2086
"$VERDICT" -t $times < "$T/lines" > "$T/ours"
compare 'conditions on time let the same instants through'

grep -v '^#' "$CORPUS/statements.influxql" > "$T/lines"
ask_all "$T/lines" '' | judge > "$T/theirs"
"$VERDICT" < "$T/lines" | sed 's/^.* is not supported by Holdfast: .*/ok/' > "$T/ours"
compare 'accepted alike, refused in the same words'

grep -v '^[#>]' "$CORPUS/differences.influxql" > "$T/lines"
sed -n 's/^> //p' "$CORPUS/differences.influxql" > "$T/theirs"
"$VERDICT" < "$T/lines" > "$T/ours"
compare 'differences are those that are known'
ask_all "$T/lines" '' | judge | paste -d '\n' - "$T/ours" | awk 'NR % 2 == 1 { a = $0 } NR % 2 == 0 && a == $0 { same = 1 } END { exit same }'
ok 'and they are still differences'
finish
