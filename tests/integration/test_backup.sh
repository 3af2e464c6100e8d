#!/bin/sh
# A backup under load, restored: the same points, delivered again from where the cursor was. And whatever breaks on the way
# leaves no copy that looks good, and costs no write.
. "$SRCDIR/tests/integration/lib.sh"
need_programs influxd influx curl jq cmp sqlite3 tar sha256sum
export METRICS_ENABLED=no
H=$BUILDDIR/holdfast
HD=$BUILDDIR/holdfastd
SLOW_PID=
MOUNTED=
unmount() { [ -z "$MOUNTED" ] || umount "$T/small" || umount -l "$T/small"; }
trap 'end_process "$LOAD_PID" KILL; LOAD_PID=; end_process "$SLOW_PID" KILL; end_process "$HF_PID" KILL; HF_PID=; unmount; clean_up' EXIT

start() { # NAME OPTIONS…
	folder=$T/$1
	shift
	start_holdfastd --data-dir "$folder" "$@"
	export HOLDFAST_URL=$HF
}
write() { curl -s -o /dev/null -w '%{http_code}' --data-binary "$1" "$HF/write?db=metrics"; }
backup_state() { api storage | jq -r ".backup | $1"; }
export_to() { "$H" export -o "$1" 2> /dev/null; }
load() { # HOSTS STEPS
	"$LPGEN" --hosts "$1" --steps "$2" --end "$(($(date +%s) - 60))" --batch 1000 --conns 2 --port "$HF_PORT" \
		--url-path '/write?db=metrics' > "$T/load.json" 2> /dev/null
}
flip() { # FILE OFFSET
	byte=$(dd if="$1" bs=1 skip="$2" count=1 2> /dev/null | od -An -tu1 | tr -d ' ')
	# shellcheck disable=SC2059
	printf "\\$(printf %o $((byte ^ 4)))" | dd of="$1" bs=1 seek="$2" conv=notrunc 2> /dev/null
}

# ---- under load, with compaction and delivery ----

start_influxd
export INFLUXDB_URL=$IX
start first
load 20 1500
"$H" compact --wait > /dev/null
t=$(($(date +%s) - 5000))
is "$(write "before v=1 ${t}000000000")" 204 "a point before the backup"
"$LPGEN" --hosts 40 --steps 3000 --end "$(($(date +%s) - 30000))" --batch 1000 --conns 2 --port "$HF_PORT" \
	--url-path '/write?db=metrics' > "$T/load.json" 2> /dev/null &
LOAD_PID=$!
under_way() { [ "$(api status | jq .ingest.points_total)" -gt 200000 ]; }
wait_until 60 under_way
ok "a load is under way"
"$H" compact > /dev/null
"$H" backup "$T/b1" > "$T/out" 2> "$T/err"
is "$?:$(cat "$T/err")" "0:" "a backup while it writes and compacts"
wait $LOAD_PID
is $? 0 "every write of the load is acknowledged"
LOAD_PID=
grep -qE "^$T/b1 is a good backup of [0-9.]+ MiB$" "$T/out"
ok "it says what it made"
(cd "$T/b1" && sha256sum --quiet -c SHA256SUMS)
ok "sha256sum agrees"
is "$(jq -r '.store.compacted_seq <= .spool.last_seq and .format == 1' "$T/b1/manifest.json")" true "the manifest is of one moment"
is "$(find "$T/b1" -type f -perm 600 | wc -l)" 4 "nobody else may read it"
[ ! -e "$T/b1.partial" ]
ok "nothing else is left"
is "$(backup_state '"\(.last) \(.running) \(.error) \(.last_bytes > 1000000)"')" "ok false null true" "the storage tells of it"
curl -s "$HF/metrics" | grep -q '^holdfast_backups_total{outcome="complete"} 1$'
ok "and the counters"
export_to "$T/first.lp"

# ---- nothing is written any more, InfluxDB is away: the backlog is in the copy ----

wait_until 60 in_step
ok "all is delivered"
stop_influxd
i=0
while [ $i -lt 50 ]; do
	printf 'late,n=%s v=%si %s%09d\n' $i $i $t $i
	i=$((i + 1))
done > "$T/late"
"$H" write "$T/late" 2> /dev/null
lagging() { [ "$(replication .lag_points)" = 50 ]; }
wait_until 20 lagging
ok "50 points wait for InfluxDB"
export_to "$T/second.lp"
"$H" backup "$T/b2" > "$T/out" 2>&1
is $? 0 "a backup"
"$H" backup - 2> /dev/null > "$T/b3.tar"
is "$?:$(tar tf "$T/b3.tar" | tr '\n' ' ')" "0:manifest.json spool.db store.db SHA256SUMS " "one to standard output is an archive"
is "$(write "after v=1 ${t}000000000")" 204 "a point after it"
stop_holdfastd KILL

# ---- restored ----

"$H" restore "$T/b2" --data-dir "$T/again" > "$T/out" 2>&1
is "$?:$(tail -1 "$T/out")" "0:$T/again is restored; start holdfastd" "restored into a fresh folder"
start again
export_to "$T/again.lp"
cmp "$T/second.lp" "$T/again.lp"
ok "export gives the same bytes ($(wc -c < "$T/again.lp"))"
wait_until 20 lagging
ok "the same 50 points wait"
is "$(write "after v=2 ${t}000000000")" 204 "it takes writes"
start_influxd
wait_until 60 in_step
is "$(influx_count late v) $(influx_count after v)" "50 1" "what waited is delivered, and what came after it"
"$H" compact --wait > /dev/null
{ cat "$T/second.lp"; echo "after v=2 ${t}000000000"; } | sort > "$T/want"
export_to "$T/again.lp" && sort "$T/again.lp" | cmp "$T/want" -
ok "and compaction goes on where it was"
stop_holdfastd
"$HD" --verify "$T/again" > "$T/out" 2>&1
is "$?:$(tail -1 "$T/out")" "0:$T/again is whole (data folder)" "the stopped data folder can be verified, too"

unset INFLUXDB_URL
"$H" restore "$T/b1" --data-dir "$T/load" > /dev/null 2>&1 && start load
export_to "$T/load.lp" && LC_ALL=C sort "$T/load.lp" > "$T/some"
LC_ALL=C sort "$T/first.lp" > "$T/all"
is "$(LC_ALL=C comm -23 "$T/some" "$T/all" | wc -l)" 0 "the copy made under load has nothing that was not written"
grep -q '^before v=1 ' "$T/some" && [ "$(wc -l < "$T/some")" -gt 200000 ]
ok "and all that was acknowledged before ($(wc -l < "$T/some") of $(wc -l < "$T/all") points)"

# ---- refusals of a restore ----

"$H" restore "$T/b2" --data-dir "$T/load" > /dev/null 2> "$T/err"
is "$?:$(cat "$T/err")" "1:holdfastd: $T/load is in use by another holdfastd" "a folder in use is refused"
stop_holdfastd
"$H" restore "$T/b2" --data-dir "$T/load" > /dev/null 2> "$T/err"
is "$?:$(cat "$T/err")" "1:holdfastd: $T/load holds a store already; --force sets it aside under another name" "a folder with a store is refused"
"$H" restore "$T/b2" --data-dir "$T/load" --force > /dev/null 2>&1
is "$?:$(find "$T/load" -name '*.db.before-restore-*' | wc -l)" "0:2" "with --force that is set aside"
start load
export_to "$T/again.lp" && cmp "$T/second.lp" "$T/again.lp"
ok "and the backup is in its place"
stop_holdfastd
printf 20200101T000000Z > "$T/load/restore.pending"
cp "$T/b1/spool.db" "$T/load/spool.db.restore"
cp "$T/b1/store.db" "$T/load/store.db.restore"
start load
export_to "$T/again.lp" && LC_ALL=C sort "$T/again.lp" | cmp "$T/some" -
ok "a start completes a restore that was cut short"
[ -e "$T/load/spool.db.before-restore-20200101T000000Z" ] && [ ! -e "$T/load/restore.pending" ]
ok "and keeps what was there"
stop_holdfastd

# ---- copies that are not whole ----

cp -r "$T/b2" "$T/bad"
flip "$T/bad/spool.db" 30000
"$HD" --verify "$T/bad" > "$T/out" 2> "$T/err"
is "$?:$(head -1 "$T/err")" "1:holdfastd: spool.db: it is not as it was sent: its SHA-256 differs from SHA256SUMS" "a flipped bit is found"
"$H" restore "$T/bad" --data-dir "$T/never" > /dev/null 2>&1
is "$?:$(find "$T/never" -type f | wc -l)" "1:0" "and not restored"
mkdir "$T/cut"
head -c $(($(wc -c < "$T/b3.tar") - 1600)) "$T/b3.tar" | tar x -C "$T/cut" 2> /dev/null
"$HD" --verify "$T/cut" > "$T/out" 2> "$T/err"
is "$?:$(head -1 "$T/err")" "1:holdfastd: SHA256SUMS is missing: the archive was cut short" "an archive that was cut short is found"
"$HD" --verify "$T/influx" 2> "$T/err"
is "$?:$(cat "$T/err")" "2:holdfastd: $T/influx holds neither a backup nor a store" "so is a folder without either"

# ---- a store that is damaged itself ----

cp -r "$T/again" "$T/hurt"
sqlite3 "$T/hurt/store.db" "UPDATE block SET data = CAST(substr(data, 1, length(data) - 9) || 'wrongbyte' AS BLOB) WHERE id = (SELECT min(id) FROM block)"
start hurt
"$H" backup "$T/b4" > /dev/null 2> "$T/err"
is $? 1 "the backup of a damaged store fails"
grep -qE '^holdfastd: store\.db: block [0-9]+ \([a-z_]+, raw from [-0-9TZ:]+\): its bytes are damaged$' "$T/err"
ok "says what is damaged"
sed 's/^/# /' "$T/err"
[ ! -e "$T/b4" ] && [ -e "$T/b4.partial/SHA256SUMS" ]
ok "and leaves the copy under another name"
stop_holdfastd

# ---- a backup that ends early ----

start again
i=0
while [ $i -lt 24 ]; do # what does not compress: more than the sockets between the two hold
	head -c 1500000 /dev/urandom | base64 -w 1000 |
		awk -v t=$((t - 600 * i)) -v i=$i '{ printf "bulk,i=%s s=\"%s\" %d%09d\n", i, $0, t, NR }' |
		curl -s --data-binary @- "$HF/write?db=metrics"
	i=$((i + 1))
done
mkdir "$T/b5.partial" "$T/b5"
mkfifo "$T/b5.partial/spool.db" # what takes it is as slow as we like
"$H" backup "$T/b5" > /dev/null 2> "$T/err" &
LOAD_PID=$!
exec 5< "$T/b5.partial/spool.db"
( while dd bs=65536 count=1 iflag=fullblock <&5; do sleep 0.1; done ) > /dev/null 2>&1 &
SLOW_PID=$!
is "$(backup_state .running)" true "a backup is under way, slowly"
is "$(write "during v=1 ${t}000000000")" 204 "writes go on"
"$H" compact --wait > /dev/null
is $? 0 "so does compaction"
is "$(backup_state .running)" true "while it is sent"
"$H" backup "$T/b6" 2> "$T/err2"
is "$?:$(cat "$T/err2")" "1:holdfast: another backup runs; one runs at a time; try again when it has ended" "a second one is refused"
"$H" backup "$T/b5" 2> "$T/err2"
is "$?:$(cat "$T/err2")" "1:holdfast: another backup to $T/b5 runs" "and one to the same folder"
stop_holdfastd KILL
end_process $SLOW_PID
cat <&5 > /dev/null
wait $LOAD_PID
is $? 1 "the daemon dies in the middle of it: the backup fails"
LOAD_PID=
exec 5<&-
grep -q 'the answer broke off' "$T/err"
ok "and says so"
[ -d "$T/b5" ] && [ -z "$(ls -A "$T/b5")" ] && [ ! -e "$T/b5.partial" ] && [ ! -e "$T/b6" ] && [ ! -e "$T/b6.partial" ]
ok "nothing is left in place"
start again
is "$(api 'export?measurement=during')" "during v=1 ${t}000000000" "what was written meanwhile is there"
"$H" backup "$T/b5" > /dev/null 2>&1
is $? 0 "a backup into the same empty folder works afterwards"
"$H" backup "$T/b5" 2> "$T/err"
is "$?:$(cat "$T/err")" "1:holdfast: $T/b5 is there and not an empty folder; name a new one" "never over another"
stop_holdfastd

# ---- the log's ceiling ----

HOLDFAST_SERVER_BACKUP_LOG=1MiB start again
curl -sS --limit-rate 1M "$HF/api/v1/backup" -o "$T/slow.tar" 2> "$T/err" &
LOAD_PID=$!
running() { [ "$(backup_state .running)" = true ]; }
wait_until 20 running
ok "a slow backup"
load 40 2000
is "$(jq -r '"\(.failures) \(.acked_batches == .batches)"' "$T/load.json")" "0 true" "every write beside it is acknowledged"
broken() { [ "$(backup_state .last)" = failed ]; }
wait_until 20 broken
ok "at the ceiling of the log it ends"
wait $LOAD_PID
is $? 18 "curl knows that it is not whole"
LOAD_PID=
backup_state .error | grep -qE '^the log of (spool|store)\.db has grown by [0-9.]+ MiB meanwhile, \[server\] backup_log allows 1\.0 MiB; '
ok "with the reason"
log_is_cut() { load 1 100; [ "$(stat -c %s "$T/again/spool.db-wal")" -lt 8000000 ]; }
wait_until 20 log_is_cut
ok "and the log's room is given back"
stop_holdfastd

# ---- no room for the copy ----

mkdir "$T/small"
if mount -t tmpfs -o size=4m holdfast-test "$T/small" 2> "$T/why"; then
	MOUNTED=yes
	start again
	"$H" backup "$T/small/b" > /dev/null 2> "$T/err"
	is "$?:$(cat "$T/err")" "1:holdfast: cannot write to $T/small/b.partial: No space left on device" "a full disk is told"
	is "$(find "$T/small" -mindepth 1 | wc -l)" 0 "and nothing is left on it"
	"$H" backup "$T/small" 2> "$T/err"
	is "$?:$(cat "$T/err")" "1:holdfast: $T/small is where a file system begins; name a new folder in it" "a mount point is refused at once"
	stop_holdfastd
	"$H" restore "$T/b5" --data-dir "$T/small/data" > /dev/null 2> "$T/err"
	is "$?:$(cat "$T/err")" "1:holdfastd: cannot write $T/small/data/store.db.restore: No space left on device" "nor is there room to restore to"
	is "$(find "$T/small" -type f | wc -l)" 0 "and nothing is left of it"
	umount "$T/small" && MOUNTED=
else
	sed 's/^/# no file system of its own: /' "$T/why"
fi
finish
