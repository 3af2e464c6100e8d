#!/bin/sh
# Replication under everything that goes wrong: writers that keep a ledger of what was acknowledged, while the record is
# stopped, killed, paused, on a full disk, and answers as no server should; and the daemon is killed in between. In the
# end each acknowledged point is in the record with its last acknowledged value, or in quarantine with a reason.
#   SOAK_SECONDS=120   how long (1800 by hand)      SOAK_SEED=N   the order of the faults, from a run that failed
#   SOAK_RATE=300      points a second of each of the three writers
#   SOAK_ONLY='disk|hang'  only such acts, by a regular expression (tests/tools/soak.py lists them)
#   SOAK_LIE=1         the fault server drops the writes of two seconds and says 204: the test must fail
. "$SRCDIR/tests/integration/lib.sh"
. "$SRCDIR/tests/integration/fault_lib.sh"
need_programs influxd influx curl jq python3
seconds=${SOAK_SECONDS:-120} seed=${SOAK_SEED:-$(od -An -N3 -tu4 /dev/urandom | tr -d ' ')} rate=${SOAK_RATE:-300}
soak() { python3 -B "$SRCDIR/tests/tools/soak.py" "$@"; }
WRITERS= MOUNTED=
end_soak() {
	for p in $WRITERS; do end_process "$p" KILL; done
	end_fault_server
	[ -z "$INFLUX_PID" ] || kill -CONT "$INFLUX_PID" 2> /dev/null || :
	end_process "$INFLUX_PID" KILL
	[ -z "$MOUNTED" ] || umount "$INFLUX_FOLDER" 2> /dev/null || umount -l "$INFLUX_FOLDER"
	clean_up
}
trap end_soak EXIT

mkdir "$INFLUX_FOLDER"
if mount -t tmpfs -o size=1g holdfast-soak "$INFLUX_FOLDER" 2> "$T/why"; then
	MOUNTED=yes
	echo "ok 1 - the record lies on a small disk of its own"
else
	echo "ok 1 - # SKIP the record's disk cannot be filled: $(tr -d '\n' < "$T/why")"
fi
number=1

# The record keeps two days, in shards of a day, and has the field of soak_clash as text in those that will be written to.
start_influxd
query_record() { curl -s -XPOST "$IX/query" --data-urlencode "q=$1" > "$T/answer" && ! grep '"error"' "$T/answer"; }
query_record 'CREATE DATABASE metrics WITH DURATION 2d SHARD DURATION 1d NAME kept'
ok "the record keeps two days"
now=$(date +%s)
for t in $now $((now + 86400)); do echo "soak_clash,writer=0,series=0 v=\"text\" ${t}000000000"; done |
	curl -sf --data-binary @- "$IX/write?db=metrics"
ok "and has a field with another type"

start_fault_server "$INFLUX_PORT"
export INFLUXDB_URL=$FX METRICS_ENABLED=no HOLDFAST_INFLUXDB_TIMEOUT=2s
begin_holdfastd() { start_holdfastd && echo "$HF_PORT" > "$T/port.new" && mv "$T/port.new" "$T/port"; }
begin_holdfastd
wait_until 20 in_step
ok "replication is in step"
for w in 1 2 3; do
	python3 -B "$SRCDIR/tests/tools/soak.py" write "$T/port" "$T/ledger.$w" $w "$rate" > "$T/writer.$w" 2>&1 &
	WRITERS="$WRITERS $!"
done

fill_disk() { [ -z "$MOUNTED" ] || cat /dev/zero > "$INFLUX_FOLDER/ballast" 2> /dev/null; }
begin_act() {
	case "$1 $2" in
	'fault '*) fault "$2" "seed=$seed${3:+&$3}" ;;
	'record stop') stop_influxd ;;
	'record kill') stop_influxd KILL ;;
	'record pause') kill -STOP "$INFLUX_PID" ;;
	'record disk') fill_disk ;;
	'daemon kill') stop_holdfastd KILL && deaths=$((deaths + 1)) && begin_holdfastd ;;
	esac
}
end_act() {
	case "$1 $2" in
	'fault '*) fault pass ;;
	'record pause') kill -CONT "$INFLUX_PID" ;;
	'record disk') [ -z "$MOUNTED" ] || { stop_influxd KILL; rm -f "$INFLUX_FOLDER/ballast"; mend_influxd; start_influxd; } ;;
	'record kill') mend_influxd; start_influxd ;;
	'record '*) start_influxd ;;
	esac
	[ $((acts % 2)) -eq 0 ] || kill -HUP "$HF_PID" # every other time it is told; else it finds out
}

echo "# seed $seed, $seconds s"
soak plan "$seed" "$seconds" "${SOAK_ONLY:-.}" > "$T/plan" || bail_out "there is no plan"
deaths=0 acts=0
began=$(date +%s)
while read -r line; do
	case $line in
	*' well') sleep "${line% well}"; continue ;;
	esac
	[ -z "${SOAK_LIE:-}" ] || [ $acts -ne 5 ] || { fault lie path=/write; sleep 2; }
	acts=$((acts + 1))
	lasts=${line%% *} act=${line#* }
	echo "# $(($(date +%s) - began)) s: $line"
	first=${act%%;*}
	# shellcheck disable=SC2086
	begin_act $first
	sleep "$lasts"
	if [ "$act" != "$first" ]; then
		begin_act daemon kill
		sleep "$lasts"
	fi
	# shellcheck disable=SC2086
	end_act $first
done < "$T/plan"

w=0
for p in $WRITERS; do
	w=$((w + 1))
	kill -TERM "$p"
	wait "$p"
	ok "writer $w: all of its points were taken in the end"
done
WRITERS=
sed 's/^/# /' "$T"/writer.*
[ $deaths -gt 0 ]
ok "the daemon was killed $deaths times in $acts faults"
echo "# fault server: $(fault_counts '"requests \(.requests), writes \(.writes)"' | tr -d '"{}')"
[ -n "${SOAK_ONLY:-}" ] ||
	is "$(fault_counts '[.requests | to_entries[] | select(.key != "lie" and .value > 0)] | length * 4 >= '$acts)" true "the daemon met the faults"

kill -HUP "$HF_PID"
wait_until 300 in_step
ok "replication is in step again"
compare() { soak compare "$IX" metrics "$T/data/spool.db" "$@" > "$T/report" 2>&1; }
compare "$T"/ledger.*
ok "each acknowledged point is in the record with its last value, or in quarantine with a reason"
sed 's/^/# /' "$T/report"
is "$(awk '/^twice in quarantine/ { print $4 }' "$T/report")" 0 "no point is in quarantine twice"
is "$(api quarantine | jq .points)" "$(sqlite3 "file:$T/data/spool.db?mode=ro" 'SELECT coalesce(sum(points), 0) FROM quarantine')" "the quarantine is counted"

# What finds nothing wrong must be able to: one point less, one value changed, one point that nobody wrote.
one=$(grep ' soak_good ' "$T/ledger.1" | head -1)
if [ -z "${SOAK_LIE:-}" ]; then
	grep -vF "$one" "$T/ledger.1" > "$T/less"
	compare "$T/less" "$T/ledger.2" "$T/ledger.3"
	is $? 1 "the comparison sees a point too many"
	# shellcheck disable=SC2086
	set -- $one
	echo "soak_good,writer=1,series=$3 v=-1i $4" | curl -sf --data-binary @- "$IX/write?db=metrics"
	compare "$T"/ledger.*
	is $? 1 "the comparison sees another value"
	grep -q "^other value: 1 soak_good $3 $4 " "$T/report"
	ok "and names it"
	sed "s/^\(1 soak_good $3\) $4 /\1 ${4%?????}99999 /" "$T/ledger.1" > "$T/other"
	compare "$T/other" "$T/ledger.2" "$T/ledger.3"
	is $? 1 "the comparison sees a point that is missing"
	grep -q "^missing  *[1-9]" "$T/report"
	ok "and counts it"
fi
finish
