#!/bin/sh
# Points that InfluxDB refuses for what they are, among 5,000 in one row: the good ones arrive at once, the bad ones are in
# quarantine with its words, and go there when the cause is mended and somebody asks.
. "$SRCDIR/tests/integration/lib.sh"
. "$SRCDIR/tests/integration/fault_lib.sh"
. "$SRCDIR/tests/integration/plant_lib.sh"
need_programs influxd influx curl jq

quarantined() { [ "$(api quarantine | jq .points)" = "$1" ]; }
arrived() { [ "$(influx_count steady v)" = "$1" ]; }
in_quarantine() { api quarantine | jq "[.entries[] | select(.reason | contains(\"$1\"))] | length"; }
query_record() { curl -s -XPOST "$IX/query" --data-urlencode db=metrics --data-urlencode "q=$1" > "$T/answer" && ! grep '"error"' "$T/answer"; }

# The record keeps two days in shards of a day, and has clash.v as text in the shards that the row goes to.
start_influxd
query_record 'CREATE DATABASE metrics WITH DURATION 2d SHARD DURATION 1d NAME kept'
ok "the record keeps two days"
start_fault_server "$INFLUX_PORT"
now=$(date +%s)
printf 'clash v="text" %s000000000\nclash v="text" %s000000000\n' $((now - 900)) $((now - 1)) | curl -sf --data-binary @- "$IX/write?db=metrics"
ok "and has a field with another type"
export METRICS_ENABLED=no INFLUXDB_URL=$FX
start_holdfastd
wait_until 20 in_step
ok "replication is in step"
stop_holdfastd

# 3 conflicts, 3 beyond retention, 3 too long: 1.6.7 takes no series key and field name of more than 65,535 bytes together
# (strings may be of any length). Two bad ones side by side, the first and the last line among them.
letters() { head -c "$1" /dev/zero | tr '\0' x; }
{
	printf '1 clash,n=1 v=1 %s000000001\n' $((now - 900))
	printf '2 old,n=1 v=1 %s000000001\n' $((now - 5 * 86400))
	printf '777 long,t=%s v=1 %s000000777\n' "$(letters 66000)" $((now - 900))
	printf '2500 clash,n=2 v=2 %s000002500\n' $((now - 900))
	printf '2501 old,n=2 v=2 %s000002501\n' $((now - 5 * 86400))
	printf '3000 long,t=%s v%s=1 %s000003000\n' "$(letters 40000)" "$(letters 40000)" $((now - 900))
	printf '4998 long v%s=1 %s000004998\n' "$(letters 66000)" $((now - 900))
	printf '4999 clash,n=3 v=3 %s000004999\n' $((now - 900))
	printf '5000 old,n=3 v=3 %s000005000\n' $((now - 5 * 86400))
} > "$T/bad"
five_thousand 900 "$T/bad" > "$T/lines"
is "$(wc -l < "$T/lines")" 5000 "a row of 5,000 lines, 9 of which are bad"
plant "$T/lines"

# Nothing but the first requests gets through, as many as may be sent at a time: bisecting needs many more.
fault pass 'times=4&path=/write&then=unready'
began=$(date +%s%3N)
start_holdfastd
wait_until 30 arrived 4991
ok "the 4,991 good ones arrive with the first requests"
echo "# $(($(date +%s%3N) - began)) ms after the daemon was started"
is "$(fault_counts '.writes["2xx"] + .writes["4xx"] <= 4')" true "in at most four of them"
[ "$(api quarantine | jq .points)" -lt 9 ]
ok "before the bad ones are told apart"
fault pass
kill -HUP "$HF_PID"
wait_until 60 quarantined 9
ok "the 9 bad ones are in quarantine"
echo "# after $(fault_counts '.writes["2xx"] + .writes["4xx"]') requests, $(($(date +%s%3N) - began)) ms"
wait_until 30 in_step
ok "and replication is in step"
is "$(influx_count steady v)" 4991 "no good one is missing"
is "$(in_quarantine 'field type conflict')" 3 "InfluxDB's words: field type conflict"
is "$(in_quarantine 'points beyond retention policy')" 3 "points beyond retention policy"
is "$(in_quarantine 'max key length exceeded')" 3 "max key length exceeded"
is "$(api quarantine | jq '[.entries[] | select(.status == 400)] | length')" 9 "with its status"
curl -s "$HF/metrics" | grep -qE '^holdfast_quarantined_points_total(\{[^}]*\})? 9$'
ok "and counted"

# ---- the cause is mended ----

query_record 'DROP MEASUREMENT clash' && query_record 'ALTER RETENTION POLICY kept ON metrics DURATION 30d'
ok "the record has the field no more, and keeps thirty days"
is "$(curl -s -o "$T/answer" -w '%{http_code}' -X POST -d 'all=yes' "$HF/api/v1/quarantine/replay" | cut -c1)" 2 "all are asked for again"
wait_until 60 quarantined 3
ok "what the record takes now leaves the quarantine"
is "$(influx_count clash v)" 3 "the conflicts have arrived"
is "$(influx_count old v)" 3 "and the old ones"
is "$(in_quarantine 'max key length exceeded')" 3 "what is too long stays, with the words"
is "$(influx_count steady v)" 4991 "nothing else has changed"
finish
