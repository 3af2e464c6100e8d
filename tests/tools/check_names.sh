#!/bin/sh
# No two files define the same name for others: a static library would take either, without a word.
: "${BUILDDIR:=$PWD}"
twice=$(nm -A --defined-only --extern-only "$BUILDDIR"/lib*.a | awk 'NF == 3 && $2 ~ /^[TDBRVW]$/ { print $3 }' | sort | uniq -d)
if [ -z "$twice" ]; then
	echo "ok 1 - every global name is defined once"
else
	echo "not ok 1 - every global name is defined once"
	echo "$twice" | sed 's/^/# /'
fi
echo 1..1
[ -z "$twice" ]
