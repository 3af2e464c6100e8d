#!/bin/sh
# What an operator sees of a record (influxd, with users) and a mirror (VictoriaMetrics), and can do about them: down, held,
# paused; by the command, the API, /metrics and the sentence.
. "$SRCDIR/tests/integration/lib.sh"
need_programs influxd curl jq victoria-metrics

VM_PID='' VM_PORT=$("$FREEPORT")
clean_up_more() {
	end_process "$VM_PID" KILL
	clean_up
}
trap clean_up_more EXIT
H=$BUILDDIR/holdfast
hr() { "$H" --url "$HF" replication "$@" > "$T/out" 2> "$T/err"; }
state_of() { api replication | jq -r ".targets[] | select(.target == \"$1\") | .state"; }
state_is() { [ "$(state_of "$1")" = "$2" ]; }
lag_of() { api replication | jq -r ".targets[] | select(.target == \"$1\") | .lag_points"; }
lag_is() { [ "$(lag_of "$1")" = "$2" ]; }
row_of() { grep "^$1 " "$T/out"; }
summary() { api status | jq -r .summary; }
metric() { curl -s "$HF/metrics" | sed -n "s/^holdfast_replication_$1 //p"; }
vm_count() { # METRIC
	curl -s "http://127.0.0.1:$VM_PORT/internal/force_flush"
	curl -s "http://127.0.0.1:$VM_PORT/api/v1/export" -d "match[]={__name__=\"$1\"}" | jq -s 'map(.values | length) | add // 0'
}
vm_has() { [ "$(vm_count "$1")" = "$2" ]; }
ix_count() {
	curl -s -G "$IX/query" -u admin:open-sesame -d db=metrics --data-urlencode "q=SELECT count(v) FROM $1" |
		jq '.results[0].series[0].values[0][1] // 0'
}
ix_has() { [ "$(ix_count "$1")" = "$2" ]; }
load() { # MEASUREMENT: 100 points
	awk -v m="$1" -v now="$(date +%s)" 'BEGIN { for (i = 0; i < 100; i++) printf "%s v=%d %d%09d\n", m, i, now - 5, i }' |
		curl -sf --data-binary @- "$HF/write?db=metrics"
}

start_holdfastd --config /dev/null
hr
is "$?:$(cat "$T/out")" "0:There are no targets: points are kept on this machine only. Set url in [influxdb] to deliver them." \
	"without targets it says what would make some"
hr pause
is $? 1 "and there is none to pause"
stop_holdfastd

export INFLUXDB_HTTP_AUTH_ENABLED=true
start_influxd
curl -s "$IX/query" --data-urlencode "q=CREATE USER admin WITH PASSWORD 'open-sesame' WITH ALL PRIVILEGES" > "$T/answer"
victoria-metrics -httpListenAddr="127.0.0.1:$VM_PORT" -storageDataPath="$T/vm" -retentionPeriod=1y -loggerLevel=ERROR \
	> "$T/vm.log" 2>&1 &
VM_PID=$!
wait_until 30 curl -sf "http://127.0.0.1:$VM_PORT/health"
ok "a record and a mirror"
printf 'open-sesame\n' > "$T/password"
chmod 600 "$T/password"
cat > "$T/conf" <<-END
	[collect]
	enabled = no
	[influxdb]
	url = $IX
	username = admin
	password_file = $T/password
	[mirror "vm"]
	url = http://127.0.0.1:$VM_PORT
END
start_holdfastd --config "$T/conf"
load first
wait_until 30 ix_has first 100 && wait_until 30 vm_has first_v 100
ok "both get what is written"
both_up() { state_is influxdb up && state_is mirror:vm up && lag_is influxdb 0 && lag_is mirror:vm 0; }
wait_until 30 both_up
hr
is $? 0 "the command: all is well"
row_of influxdb | grep -q ' in step  *0 ' && row_of mirror:vm | grep -q ' in step  *0 '
ok "a row for each"
hr --json && jq -e '[.targets[].kind] == ["record", "mirror"]' "$T/out" > "$T/said"
ok "as JSON"
hr --format csv && grep -q '^influxdb,record,http://127.0.0.1:[0-9]*,1.x,metrics,[^,]*,up,' "$T/out"
ok "as CSV"
is "$(metric 'state{target="influxdb",state="up"}') $(metric 'state{target="mirror:vm",state="up"}') $(metric targets)" "1 1 2" \
	"the metrics have both"
[ "$(metric 'requests_total{target="mirror:vm"}')" -gt 0 ] &&
	[ "$(metric 'points_total{target="influxdb"}')" -ge 100 ]
ok "and count each for itself"
! api replication | grep -q open-sesame
ok "no password is shown"

# ---- down ----

stop_influxd KILL
load second
wait_until 30 state_is influxdb down && wait_until 30 lag_is influxdb 100
ok "the record is down, and what it lacks is counted"
wait_until 30 vm_has second_v 100 && wait_until 30 state_is mirror:vm up
ok "the mirror is not"
summary | grep -q '^InfluxDB has been down for [0-9]* seconds*\. Nothing is lost\.$'
ok "the sentence is about the record"
hr
is $? 1 "the command: somebody is needed"
row_of influxdb | grep -q ' down  *100 ' && row_of mirror:vm | grep -q ' in step ' &&
	grep -q '^influxdb: Bring the server of \[influxdb\] back' "$T/out" && grep -q 'last error: ' "$T/out"
ok "it says of whom, why and what to do"
is "$(metric 'state{target="influxdb",state="down"}') $(metric 'lag_points{target="influxdb"}')" "1 100" "so do the metrics"

# ---- held ----

printf 'wrong-guess\n' > "$T/password"
kill -HUP "$HF_PID"
start_influxd
wait_until 60 state_is influxdb held
ok "a password that is not known holds"
hr
row_of influxdb | grep -q ' refuses ' && grep -q '^influxdb: Put a token, or a username and password' "$T/out" &&
	grep -q 'last error: HTTP 401' "$T/out"
ok "the command says what to mend"
is "$(summary)" "InfluxDB refuses what Holdfast sends: someone must mend it. Nothing is lost." "so does the sentence"
api alerts | jq -e '.alerts[0] | .name == "replication_held" and .since_ms != null' > "$T/said"
ok "and the alert, with since when"
hr skip-held --target mirror:vm
is "$?:$(cat "$T/err")" "1:holdfast: nothing is held for the mirror vm" "nothing is held for the mirror"
hr skip-held --target influxdb
is $? 0 "what is held can be set aside"
in_quarantine() { [ "$(api quarantine | jq .points)" = 100 ]; }
wait_until 30 in_quarantine
ok "it lies in the quarantine"
printf 'open-sesame\n' > "$T/password"
load third
hr retry
is "$?:$(cat "$T/out")" "0:retry: done" "retry"
wait_until 60 ix_has third 100
ok "once the password is mended what is new arrives"
is "$(curl -s "$HF/metrics" | sed -n 's/^holdfast_quarantine_points{target="influxdb",reason="skipped"} //p')" 100 \
	"and what was set aside is still told"
summary | grep -q '^100 points are in quarantine: InfluxDB refused them\.$'
ok "in the sentence too"

# ---- paused ----

hr pause --target mirror:vm
is $? 0 "a mirror is paused"
wait_until 30 state_is mirror:vm paused
load fourth
wait_until 30 ix_has fourth 100
ok "the record goes on"
wait_until 30 lag_is mirror:vm 100
ok "what comes is kept for the mirror"
is "$(summary | sed 's/ for [^.]*\.$/ for a while./')" "Delivery to the mirror vm has been paused for a while." \
	"that it is paused is said, and not that InfluxDB gets everything: it refused some"
hr
is $? 1 "the command says so"
grep -q '^mirror:vm: holdfast replication resume --target mirror:vm lets it go on' "$T/out"
ok "with how to end it"
stop_holdfastd KILL
start_holdfastd --config "$T/conf"
wait_until 30 state_is mirror:vm paused
ok "it stays paused over a kill"
vm_has fourth_v 0
ok "and has nothing of it"
hr resume
is $? 0 "all are resumed"
wait_until 60 vm_has fourth_v 100
ok "and it gets what was kept"
hr pause --target mirror:nope
is "$?:$(cat "$T/err")" "1:holdfast: there is no target mirror:nope; there are: influxdb, mirror:vm" "a slip is told"
hr frobnicate
is $? 2 "so is another"
finish
