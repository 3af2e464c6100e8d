#!/bin/sh
# Turns files into C arrays: embed.sh sql DIR… > migrations_data.c, embed.sh assets DIR|FILE… > assets_data.c
# sql: one list of migrations a folder, named after it.
# assets: of the files in the folder, and of further files, the raw bytes, the same by gzip, and a strong ETag of the content.
set -eu
mode=$1 dir=$2
shift

bytes() { od -An -v -tx1 "$1" | sed 's/ \([0-9a-f][0-9a-f]\)/0x\1,/g'; }

case $mode in
sql)
	echo '#include "store/migrations.h"'
	for dir; do
		list=$(basename "$dir")_migrations
		echo "const struct migration ${list}[] = {"
		for f in "$dir"/[0-9]*.sql; do
			name=$(basename "$f" .sql)
			printf '{ %d, "%s",\n' "$(echo "$name" | sed 's/^0*//; s/-.*//')" "$name"
			sed 's/\\/\\\\/g; s/"/\\"/g; s/^/"/; s/$/\\n"/' "$f"
			echo '},'
		done
		echo '};'
		echo "const size_t ${list}_count = sizeof $list / sizeof *$list;"
	done
	;;
assets)
	shift
	echo '#include "edge/assets.h"'
	table= n=0 gz=$(mktemp)
	trap 'rm -f "$gz"' EXIT
	for f in "$dir"/* "$@"; do
		[ -f "$f" ] || continue
		name=$(basename "$f")
		case $name in
		*.html) mime='text/html; charset=utf-8' ;;
		*.js) mime='text/javascript; charset=utf-8' ;;
		*.css) mime='text/css; charset=utf-8' ;;
		*.svg) mime='image/svg+xml' ;;
		*.json) mime='application/json' ;;
		*.png) mime='image/png' ;;
		*) continue ;;
		esac
		gzip -9nc "$f" > "$gz"
		etag=$(sha256sum "$f" | cut -c1-32)
		echo "static const unsigned char raw_$n[] = {"; bytes "$f"; echo '};'
		echo "static const unsigned char gz_$n[] = {"; bytes "$gz"; echo '};'
		table="$table
{ \"/$name\", \"$mime\", \"\\\"$etag\\\"\", raw_$n, sizeof raw_$n, gz_$n, sizeof gz_$n },"
		n=$((n + 1))
	done
	echo "const struct asset assets[] = {$table"
	echo '};'
	echo 'const size_t assets_count = sizeof assets / sizeof *assets;'
	;;
*)
	echo "usage: embed.sh sql|assets DIR" >&2
	exit 2
	;;
esac
