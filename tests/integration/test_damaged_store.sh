#!/bin/sh
# A damaged store: the start is not stopped by it, what can be read is taken over, the rest is a recorded gap.
. "$SRCDIR/tests/integration/lib.sh"
need_programs curl jq sqlite3
export METRICS_ENABLED=no
PAGE=8192

# a point each 10 s of 20 series, v = time in seconds; the noise does not compress
write_points() { # FROM_S TO_S
	t=$1
	while [ "$t" -lt "$2" ]; do
		awk -v t="$t" 'BEGIN { srand(t); for (i = 0; i < 60; i++) for (s = 0; s < 20; s++)
			printf "m,series=%d v=%di,noise=%.17g %d000000000\n", s, t + i * 10, rand(), t + i * 10 }' |
			curl -s -o /dev/null -w '%{http_code}\n' --data-binary @- "$HF/write?db=metrics"
		t=$((t + 600))
	done | grep -vc '^204$'
}
status() { api status | jq -r "$1"; }
done_with() { [ "$(status .recovery.store.state)" = done ]; }
is_checked() { [ "$(status .check.store.state)" != running ]; }
export_points() { HOLDFAST_URL=$HF "$BUILDDIR/holdfast" export -o "$1" 2> "$1.said"; }
zero_page() { dd if=/dev/zero of="$T/data/store.db" bs=$PAGE seek="$1" count=1 conv=notrunc 2> /dev/null; }
compact() { HOLDFAST_URL=$HF "$BUILDDIR/holdfast" compact --wait > "$T/compact" 2>&1; }

now=$(date +%s)
from=$((now / 7200 * 7200 - 12 * 3600))
start_holdfastd
is "$(write_points $from $((from + 6 * 3600)))" 0 "43,200 points are written"
compact
ok "and compacted"
export_points "$T/before"
[ -s "$T/before" ]
ok "and exported"
is "$(wc -l < "$T/before")" 43200 "all are exported"
stop_holdfastd KILL
start_holdfastd
wait_until 30 is_checked
is "$(status '"\(.check.store.state) \(.check.store.bad_blocks) \(.state)"')" "ok 0 ok" "after a crash the store is checked: whole"
is "$(status .check.store.blocks)" "$(sqlite3 "$T/data/store.db" 'select (select count(*) from block) + (select count(*) from piece)')" \
	"every block was looked at"
stop_holdfastd
start_holdfastd
is "$(status .check.store.state)" not_needed "after a stop in order it is not"
stop_holdfastd

# whole, but marked: all of it comes back
echo "the test says so" > "$T/data/store.db-damaged"
start_holdfastd
grep -q 'THE STORE IS DAMAGED' "$T/log"
ok "a marked store is set aside, loudly"
is "$(curl -s -o /dev/null -w '%{http_code}' --data-binary "m,series=0 v=7i ${from}000000000" "$HF/write?db=metrics")" 204 \
	"writes are taken at once"
wait_until 60 done_with
ok "what can be read has been taken over"
sed "s/\(^m,series=0 .*\)v=${from}i/\1v=7i/" "$T/before" > "$T/want"
export_points "$T/after"
cmp -s "$T/want" "$T/after"
ok "and the export is what it was, but for what was written since"
compact
export_points "$T/after"
cmp -s "$T/want" "$T/after"
ok "also when it has been merged"
is "$(status '.gaps | length')" 0 "nothing is lost"
stop_holdfastd
start_holdfastd
is "$(status .recovery.store.state)" none "it is taken over once"
stop_holdfastd

# pages of blocks that the start does not read: found by the check after a crash
blocks=$(sqlite3 "$T/data/store.db" 'select count(*) from block')
pages=$(($(wc -c < "$T/data/store.db") / PAGE))
start_holdfastd
stop_holdfastd KILL
for p in $((pages / 3)) $((pages / 2)) $((pages * 2 / 3)); do zero_page "$p"; done
start_holdfastd
wait_until 30 is_checked
is "$(status '"\(.check.store.state) \(.state)"')" "damaged bad" "damage is found after a crash"
status .summary | grep -q "restart holdfastd"
ok "and the sentence says what to do"
stop_holdfastd
start_holdfastd
wait_until 60 done_with
lost=$(status .recovery.store.lost_points)
[ "$lost" -gt 0 ]
ok "$(status .recovery.store.blocks) blocks were taken over, of which $blocks were there, about $lost rows are lost"
is "$(status '[.gaps[] | select(.cause == "store_damaged") | .points] | add')" "$lost" "the loss is a gap"
export_points "$T/rest"
grep -q 'damaged' "$T/rest.said"
ok "the export says that it lacks something"
[ "$(comm -13 "$T/want" "$T/rest" 2> /dev/null | grep -c 'v=.*noise=')" -eq 0 ]
ok "and has no point that was never written"
[ "$(wc -l < "$T/rest")" -gt 10000 ]
ok "and $(wc -l < "$T/rest") points"
stop_holdfastd

# the header itself
zero_page 0
start_holdfastd
failed() { [ "$(status .recovery.store.state)" = failed ]; }
wait_until 30 failed
ok "a file without a header is set aside and given up"
is "$(write_points $((from + 36000)) $((from + 36600)))" 0 "writes are taken"
compact
ok "and compacted"
is "$(status .state)" bad "the status says it"
stop_holdfastd

# both files at once
zero_page 0
dd if=/dev/zero of="$T/data/spool.db" bs=16384 count=1 conv=notrunc 2> /dev/null
start_holdfastd
is "$(write_points $((from + 38000)) $((from + 38600)))" 0 "without both files writes are taken all the same"
stop_holdfastd

# a spool that someone removed: new rows must not be taken for ones that are compacted already
rm -rf "$T/data"
start_holdfastd
is "$(write_points "$from" $((from + 3600)))" 0 "a store is made"
compact
stop_holdfastd
rm "$T/data/spool.db"
start_holdfastd
is "$(curl -s -o /dev/null -w '%{http_code}' --data-binary "late v=1i ${from}000000000" "$HF/write?db=metrics")" 204 "without its spool a write is taken"
compact
is "$(sqlite3 "$T/data/store.db" "select count(*) from measurement where cast(name as text) = 'late'")" 1 "and compacted"
export_points "$T/rest"
is "$(wc -l < "$T/rest")" 7201 "everything is there"
is "$(status '.state + " " + .summary')" "bad spool.db was missing at the start: what it held is lost." "that the spool was missing is said"
is "$(status '.gaps[0].cause')" spool_damaged "and recorded"
stop_holdfastd

# a store that someone removed
rm "$T"/data/store.db*
start_holdfastd
is "$(status '.state + " " + .summary')" "bad store.db was missing at the start: what it held is lost." "that the store was missing is said"
is "$(api storage | jq -r '[.gaps[].cause] | index("store_damaged") != null')" true "and recorded"
is "$(api "metrics/resources?from=$from&to=$((from + 3600))" | jq .complete)" false "and an answer says that it is not whole"
stop_holdfastd

# another program's file is not touched
rm -rf "$T/data"
mkdir -m 700 "$T/data"
sqlite3 "$T/data/store.db" 'create table other (x)'
before=$(cksum "$T/data/store.db")
"$BUILDDIR/holdfastd" --listen 127.0.0.1:0 --data-dir "$T/data" 2> /dev/null
is $? 2 "another program's database still stops the start"
is "$(cksum "$T/data/store.db")" "$before" "and is not touched"
finish
