#!/bin/sh
# A full disk: writes are refused with the reason, reads go on, it recovers by itself, and nothing acknowledged is lost.
# On a small file system of its own where the test may mount one, else (and also) by a limit to the size of files.
. "$SRCDIR/tests/integration/lib.sh"
need_programs curl jq prlimit
export METRICS_ENABLED=no
MOUNTED=
unmount() { [ -z "$MOUNTED" ] || umount "$T/data" || umount -l "$T/data"; }
trap 'end_process "$HF_PID" KILL; HF_PID=; unmount; clean_up' EXIT

lines() { # FROM: 50 lines of a second each
	i=0
	while [ $i -lt 50 ]; do
		echo "service_performance,host=h,service=s,operation=o,status=success count=1i,duration_ms_sum=1 $((now - $1 - i))000000000"
		i=$((i + 1))
	done
}
write() { curl -s -o "$T/answer" -w '%{http_code}' --data-binary "@$1" "$HF/write?db=metrics"; }
taken() { [ "$(write "$T/one")" = 204 ]; }
refused() { [ "$(write "$T/one")" = 503 ]; }
counted() { api 'metrics/performance?from=-7d&step=1d' | jq '[.services[].count] | add // 0'; }
status() { api status | jq -r "$1"; }
load() { # writes batches until one is refused or there were $1; how many lines were acknowledged
	n=0 acked=0
	: > "$T/refusals"
	while [ $n -lt "$1" ]; do
		head -c 150000 /dev/urandom | base64 -w 2000 | awk -v t=$((now - 1000 - n)) \
			'{ printf "service_performance,host=h,service=bulk,operation=o,status=success count=1i,s=\"%s\" %d%09d\n", $0, t, NR }' > "$T/bulk"
		case $(write "$T/bulk") in
		204) acked=$((acked + $(wc -l < "$T/bulk"))) ;;
		*) cat "$T/answer" > "$T/refusals"; break ;;
		esac
		n=$((n + 1))
	done
}

now=$(date +%s)
lines 100 > "$T/one"
mkdir "$T/data"
if mount -t tmpfs -o size=48m holdfast-test "$T/data" 2> "$T/why"; then
	MOUNTED=yes
	HOLDFAST_SERVER_MIN_FREE_DISK=16MiB start_holdfastd
	taken
	ok "with room a write is taken"
	head -c 40000000 /dev/zero > "$T/data/ballast"
	wait_until 10 refused
	ok "below the reserve a write gets 503"
	jq -r .error "$T/answer" | grep -qE '^disk_full: [0-9.]+ MiB are free under .*, writes need 16\.0 MiB \(\[server\] min_free_disk\)$'
	ok "the answer says why, how much is free and how much is needed"
	is "$(status '"\(.state) \(.disk.full) \(.disk.reserve_bytes) \(.spool.writable)"')" "bad true 16777216 false" "the status has the figures"
	[ "$(status .disk.free_bytes)" -lt 16777216 ]
	ok "and what is free"
	status .summary | grep -q 'disk is full'
	ok "the sentence says it"
	is "$(curl -s -o /dev/null -w '%{http_code}' "$HF/api/v1/health")" 503 "health is not ready"
	is "$(counted)" 50 "reads go on"
	curl -s "$HF/metrics" | grep -qE '^holdfast_refused_requests_total\{reason="disk_full"\} [1-9]'
	ok "the refusals are counted"
	curl -s "$HF/metrics" | grep -qE '^holdfast_disk_reserve_bytes 16777216$|^holdfast_disk_reserve_bytes 1.6777216e\+07$'
	ok "the reserve is exposed"
	rm "$T/data/ballast"
	wait_until 10 taken
	ok "with room again writes are taken, by itself"
	is "$(status '"\(.state) \(.disk.full)"')" "ok false" "and the status is well"
	stop_holdfastd

	# the reserve switched off: the disk itself says no, in the middle of a write
	HOLDFAST_SERVER_MIN_FREE_DISK=0 start_holdfastd
	load 1000
	first=$acked
	[ "$acked" -gt 0 ] && [ -s "$T/refusals" ]
	ok "without a reserve the disk fills until a write is refused ($acked lines before)"
	grep -qiE 'full|space' "$T/refusals"
	ok "the answer says that it is full"
	sed 's/^/# /' "$T/refusals"
	[ "$(counted)" -ge $((first + 50)) ]
	ok "reads go on"
	stop_holdfastd KILL
	mount -o remount,size=96m "$T/data"
	HOLDFAST_SERVER_MIN_FREE_DISK=8MiB start_holdfastd
	wait_until 10 taken
	ok "after a crash and with a larger disk writes are taken"
	[ "$(counted)" -ge $((first + 50)) ]
	ok "every acknowledged line is there"
	stop_holdfastd
	umount "$T/data" && MOUNTED=
else
	sed 's/^/# no file system of its own: /' "$T/why"
fi

# a limit to the size of a file: to SQLite a write that fails, neither a full disk nor a sync
start_holdfastd
taken
ok "a write is taken"
prlimit --pid "$HF_PID" --fsize=2000000: # the soft limit
load 1000
second=$acked
[ -s "$T/refusals" ]
ok "a file that may not grow refuses a write ($acked lines before)"
sed 's/^/# /' "$T/refusals"
[ "$(counted)" -ge $((second + 50)) ]
ok "reads go on"
is "$(status .state)" bad "the status says so"
prlimit --pid "$HF_PID" --fsize=unlimited:
writable() { [ "$(status .spool.writable)" = true ]; }
wait_until 20 writable
ok "it recovers by itself though nobody writes"
taken
ok "and writes are taken"
stop_holdfastd KILL
start_holdfastd
[ "$(counted)" -ge $((second + 50)) ]
ok "every acknowledged line is there after a crash"
finish
