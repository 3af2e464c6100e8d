#!/bin/sh
# Adds up the .trs files below a build folder: "N passed, N failed, N skipped" on the last line. Fails if a test failed
# or a sanitizer left a report.
set -u
dir=${1:-.}
failed=0
for f in "$dir"/asan-report.*; do
	[ -s "$f" ] || continue
	echo "A sanitizer reported ($f):"
	head -40 "$f"
	failed=$((failed + 1))
done
find "$dir/tests" -name '*.trs' -exec cat {} + 2>/dev/null |
	awk -v failed="$failed" '
		/^:test-result: *(PASS|XFAIL)/ { passed++ }
		/^:test-result: *(FAIL|XPASS|ERROR)/ { failed++ }
		/^:test-result: *SKIP/ { skipped++ }
		END {
			printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
			exit failed > 0 || passed == 0
		}'
