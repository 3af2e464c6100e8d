# On top of lib.sh: rows put into the spool of a stopped daemon, past all validation (tests/tools/plant_rows.py). Sourced.
for python in python3 /usr/bin/python3; do
	"$python" -c 'import zstandard' 2> /dev/null && break
done
"$python" -c 'import zstandard' || bail_out "python3-zstandard is missing; run ./bootstrap check"

plant() { # FILE OF LINES: one row
	"$python" -B "$SRCDIR/tests/tools/plant_rows.py" "$T/data" < "$1" > "$T/planted" || bail_out "the row could not be planted"
}

# 5,000 lines of the measurement "steady", one value each, at SECONDS before now; in place of the lines whose numbers
# begin the lines of FILE ("2500 a b=1") come the rest of those, with their timestamps.
five_thousand() { # SECONDS FILE
	awk -v t=$(($(date +%s) - $1)) -v bad="$2" '
		BEGIN {
			while ((getline line < bad) > 0) { at = line + 0; sub(/^[0-9]+ /, "", line); instead[at] = line }
			for (i = 1; i <= 5000; i++)
				if (i in instead) print instead[i]; else printf "steady,n=%d v=%di %d%09d\n", i % 10, i, t, i
		}'
}
