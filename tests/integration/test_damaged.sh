#!/bin/sh
# A damaged spool: the start is not stopped by it, what can be read is taken over, the rest is a recorded gap.
. "$SRCDIR/tests/integration/lib.sh"
need_programs curl jq sqlite3
export METRICS_ENABLED=no
PAGE=16384

write_batches() { # COUNT FIRST: each one row of about 6 KB that does not compress, v = its number
	n=0
	while [ $n -lt "$1" ]; do
		s=$(head -c 4500 /dev/urandom | base64 -w 0)
		printf 'service_performance,host=h,service=s,operation=o,status=success count=1i,s="%s" %s%09d\n' "$s" "$now" $(($2 + n)) |
			curl -s -o /dev/null -w '%{http_code}\n' --data-binary @- "$HF/write?db=metrics"
		n=$((n + 1))
	done | grep -c '^204$'
}
counted() { api 'metrics/performance?from=-1d&step=1d' | jq '[.services[].count] | add // 0'; }
status() { api status | jq -r "$1"; }
recovered() { [ "$(status .recovery.spool.state)" = done ]; }
is_checked() { [ "$(status .check.spool.state)" != running ]; }
zero_page() { dd if=/dev/zero of="$T/data/spool.db" bs=$PAGE seek="$1" count=1 conv=notrunc 2> /dev/null; }

now=$(($(date +%s) - 600))
start_holdfastd
is "$(write_batches 300 0)" 300 "300 rows are written"
stop_holdfastd KILL
start_holdfastd
wait_until 30 is_checked
is "$(status '"\(.check.spool.state) \(.check.spool.rows) \(.state)"')" "ok 300 ok" "after a crash the spool is checked: whole"
stop_holdfastd
start_holdfastd
is "$(status .check.spool.state)" not_needed "after a stop in order it is not"

# pages that the start does not read, found while it runs
export HOLDFAST_SERVER_HEAD_BYTES=1MiB
stop_holdfastd KILL
zero_page 20
zero_page 21
start_holdfastd
wait_until 30 is_checked
is "$(status '"\(.check.spool.state) \(.check.spool.restart_mends) \(.state)"')" "damaged true bad" "damage is found after a crash"
status '.summary' | grep -q 'restart holdfastd'
ok "and the sentence says what to do"
stop_holdfastd
start_holdfastd
grep -q 'THE SPOOL IS DAMAGED' "$T/log"
ok "the next start sets the file aside, loudly"
is "$(write_batches 1 5000)" 1 "writes are taken at once"
wait_until 60 recovered
ok "what can be read has been taken over"
rows=$(status .recovery.spool.rows) lost=$(status .recovery.spool.lost_rows)
[ "$rows" -gt 280 ] && [ "$lost" -gt 0 ] && [ $((rows + lost)) -eq 300 ]
ok "$rows rows were taken over and $lost are lost"
is "$(counted)" $((rows + 1)) "they can be read"
is "$(status '.gaps[0].cause + " " + (.gaps[0].points | tostring)')" "spool_damaged $lost" "the loss is a gap"
[ "$(status .spool.first_seq)" -ge 1099511627776 ]
ok "rows are numbered above all that were given before"
[ -n "$(find "$T/data" -name 'spool.db.damaged-*Z')" ]
ok "the damaged file is kept"
stop_holdfastd
start_holdfastd
sleep 0.2
is "$(status '"\(.recovery.spool.state) \(.recovery.spool.rows)"')" "none 0" "it is taken over once"
is "$(counted)" $((rows + 1)) "and all is there after a restart"

# the header itself: nothing can be read back, but it starts and says so
stop_holdfastd
zero_page 0
start_holdfastd
failed() { [ "$(status .recovery.spool.state)" = failed ]; }
wait_until 30 failed
ok "a file without a header is set aside and given up"
is "$(write_batches 1 6000)" 1 "writes are taken"
[ "$(status .spool.first_seq)" -ge 2199023255552 ]
ok "numbers rise again"
is "$(status .state)" bad "the status says it"
stop_holdfastd

# a restore: what was set aside after the backup is not taken over once more
rm -rf "$T/data"
start_holdfastd
is "$(write_batches 2 0)" 2 "2 rows before a backup"
HOLDFAST_URL=$HF "$BUILDDIR/holdfast" backup "$T/backup" > /dev/null 2>&1
is $? 0 "a backup"
is "$(write_batches 1 7000)" 1 "a row after it"
stop_holdfastd
mv "$T/data/spool.db" "$T/data/spool.db.damaged-by-hand"
start_holdfastd
wait_until 30 recovered
is "$(counted)" 3 "the spool is set aside and taken over"
stop_holdfastd
"$BUILDDIR/holdfast" restore "$T/backup" --data-dir "$T/data" --force > /dev/null 2>&1
is $? 0 "the backup is restored"
start_holdfastd
is "$(status .recovery.spool.state)" none "nothing is taken over"
is "$(counted)" 2 "the row after the backup stays away"
stop_holdfastd

# another program's file and a newer one are not touched
rm -rf "$T/data"
mkdir -m 700 "$T/data"
sqlite3 "$T/data/spool.db" 'create table other (x)'
before=$(cksum "$T/data/spool.db")
"$BUILDDIR/holdfastd" --listen 127.0.0.1:0 --data-dir "$T/data" 2> /dev/null
is $? 2 "another program's database still stops the start"
is "$(cksum "$T/data/spool.db")" "$before" "and is not touched"
finish
