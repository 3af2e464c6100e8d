# For the tests that compare the answers of two servers. Sourced after lib.sh.
QUERIES=$SRCDIR/tests/query/differential
COMPARE=$SRCDIR/tests/tools/compare_queries.py

# The data sets as files: first.lp, then.lp, other.lp in $T/sets; and by_dice.influxql, statements that dice put together. The statements name their times, and no daemon keeps raw
# points for more than ten years.
make_sets() {
	mkdir -p "$T/sets"
	python3 "$SRCDIR/tests/tools/query_data.py" "$T/sets" &&
		python3 -B "$SRCDIR/tests/tools/query_statements.py" 1 1000 > "$T/by_dice.influxql" || bail_out "the data sets could not be made"
	[ "$(date +%s)" -lt $((1698364800 + 3640 * 86400)) ] || bail_out "the data sets are too old to be taken: give them a later time"
}

# InfluxDB's; the same retention as Holdfast has in these tests, since SHOW RETENTION POLICIES says it.
make_databases() { # URL
	curl -s -o "$T/out" "$1/query" --data-urlencode \
		'q=CREATE DATABASE metrics WITH DURATION 3650d NAME autogen; CREATE DATABASE other WITH DURATION 3650d NAME autogen'
}

# In pieces, as clients do.
write_lines() { # URL DATABASE FILE
	rm -rf "$T/pieces"
	mkdir "$T/pieces"
	split -l 5000 "$3" "$T/pieces/"
	for piece in "$T/pieces"/*; do
		code=$(curl -s -o "$T/said" -w '%{http_code}' --data-binary @"$piece" "$1/write?db=$2")
		[ "$code" = 204 ] || { sed 's/^/# /' "$T/said"; return 1; }
	done
}

# Asks both; what came out is in $T/compared. The status is compare_queries.py's.
judge_answers() { # OPTIONS… REFERENCE_URL TESTED_URL FILE…
	python3 "$COMPARE" "$@" > "$T/compared" 2> "$T/compared.err"
}

# The results in $T/compared as ours, numbered.
tell_answers() {
	while IFS= read -r line; do
		case $line in
		'ok '* | 'not ok '*)
			number=$((number + 1))
			echo "${line%%ok *}ok $number - ${line#*ok }"
			[ "${line#not}" = "$line" ] || failures=$((failures + 1))
			;;
		*)
			printf '%s\n' "$line"
			;;
		esac
	done < "$T/compared"
	grep -q '^# [0-9]* statements' "$T/compared.err" || {
		tail -3 "$T/compared.err" | sed 's/^/# /'
		false
		ok "the answers could be compared"
	}
}

compare_answers() {
	judge_answers "$@" || :
	tell_answers
}
