#!/bin/sh
# docs/format.md is enough to read the files: tests/tools/read_store.py, which was written from it, reads what export does.
. "$SRCDIR/tests/integration/lib.sh"
need_programs curl jq sqlite3 od
for python in python3 /usr/bin/python3; do
	"$python" -c 'import xxhash, zstandard' 2> /dev/null && break
done
"$python" -c 'import xxhash, zstandard' || bail_out "python3-xxhash and python3-zstandard are missing; run ./bootstrap check"
reader() { PYTHONDONTWRITEBYTECODE=1 "$python" "$SRCDIR/tests/tools/read_store.py" "$@"; }
H=$BUILDDIR/holdfast
same() { # NAME
	"$H" export -o "$T/export" 2> /dev/null
	LC_ALL=C sort "$T/export" > "$T/export.sorted"
	reader "$T/data" | LC_ALL=C sort > "$T/read.sorted"
	cmp "$T/export.sorted" "$T/read.sorted"
	ok "$1"
}

# the worked example is the file, and the reader reads it
od -An -v -tx1 "$SRCDIR/tests/fixtures/block-v1.bin" | tr -d ' \n' > "$T/file.hex"
sed -n '/^<!-- a test compares/,$p' "$SRCDIR/docs/format.md" | sed -n '/^```/,/^```/p' | grep -v '^```' |
	sed 's/   .*//' | tr -d ' \n' > "$T/document.hex"
cmp "$T/file.hex" "$T/document.hex"
ok "the document's example is the file, byte for byte"
reader --block "$SRCDIR/tests/fixtures/block-v1.bin" > "$T/block"
is "$(tail -1 "$T/block")" "field 3 value 21.5 21.75 -0 1e-310 0.1" "and the reader reads its values"

export METRICS_ENABLED=no HOLDFAST_RETENTION_SKETCHES='mem.*, mix.*'
start_holdfastd
export HOLDFAST_URL=$HF
t=$(($(date +%s) - 30000))
"$LPGEN" --hosts 5 --steps 1500 --end "$((t + 20000))" --batch 1000 --conns 1 --port "$HF_PORT" \
	--url-path '/write?db=metrics' > /dev/null 2>&1
ok "a load over some hours"
{
	printf 'hard\\,\\ m,t\\ a\\=g=v\\,\\ \\=x,u=\303\251\342\202\254 f\\ \\,\\=l=1.5,"q"=-0 %s000000001\n' $t
	printf 'hard,back=a\\b\\c s="a \\"q\\" \\\\ \\n, ; tab\there",e="",i=-9223372036854775808i,u=18446744073709551615u %s000000002\n' $t
	printf 'hard,back=a\\b\\c s="two\nlines\r\nthree",i=9223372036854775807i,b=f,v=1e-320 %s000000003\n' $t
	printf 'hard s="\377\376 not UTF-8",v=1.7976931348623157e308,i=9007199254740993i %s999999999\n' $t
	printf 'hard s="\360\237\230\200 =,{}[]",v=0.1,b=true %s\n' ${t}000000000
	printf 'hard v=5e-324 %s\nhard i=7i %s\nhard v=3 %s\n' ${t}000000000 ${t}000000000 ${t}000000000
	awk -v t=$t 'BEGIN { for (i = 0; i < 3000; i++) { printf "mix v=%s,n=%di,sq=%di,c=7u,up=%s", \
		i % 97 ? (i * 7919 % 1009) / 100 : 1 / (i + 3), i * 4096, i * i, i % 5 ? "true" : "false"
		if (i % 3) printf ",some=%.15g", sin(i)
		printf " %d000000000\n", t + i * 2 + (i % 11 == 0) } }'
} > "$T/hard.lp"
"$H" import "$T/hard.lp" 2> /dev/null
ok "what is hard"
"$H" compact --wait > /dev/null 2> "$T/err"
ok "is compacted"
[ ! -s "$T/err" ] || sed "s/^/# /" "$T/err"
same "the reader reads the blocks as export does"
is "$(sqlite3 -readonly "$T/data/store.db" 'SELECT count(*) > 5, (SELECT count(*) FROM piece) FROM block')" "1|0" "blocks they are"
[ "$(reader --rollups "$T/data" | grep -c ' 1h ')" -gt 50 ]
ok "rollups are read too"
reader --rollups "$T/data" | awk '/^(mem|mix)/ { split($5, c, "="); n = split($NF, s, "="); if (s[1] != "sketched" || s[2] != c[2]) bad = 1; seen++ }
	END { exit bad || !seen }'
ok "their sketches have as many values as they count"
printf 'mix v=1.25 %s\nmix,x=y v=2,n=3i %s\nlate\\ one w=1 %s\nhard s="new \\" one" %s\n' ${t}000000000 ${t}000000000 ${t}000000005 ${t}000000000 |
	"$H" write 2> /dev/null
same "rows that only the spool has count after the blocks"
reader "$T/data" | grep -q "^late\\\\ one w=1 ${t}000000005$"
ok "of new series too"
stop_holdfastd
is "$(sqlite3 -readonly "$T/data/store.db" .schema | grep -c -- --)" "$(sed 1,3d "$SRCDIR/sql/store/0001-initial.sql" | cat - "$SRCDIR/sql/store/0002-gaps.sql" | grep -c -- --)" ".schema has the comments"
finish
