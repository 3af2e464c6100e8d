#!/bin/sh
# The fault server does what it is told: what other tests conclude from it is worth no more than that.
. "$SRCDIR/tests/integration/lib.sh"
. "$SRCDIR/tests/integration/fault_lib.sh"
need_programs influxd influx curl jq

start_influxd
curl -s -XPOST "$IX/query" --data-urlencode 'q=CREATE DATABASE metrics' > "$T/answer"
start_fault_server "$INFLUX_PORT"
time_ns=$(date +%s)000000000
sent=0
write() { # curl's own result, or the HTTP status
	sent=$((sent + 1))
	printf 'm,n=%d v=1 %s\n' $sent "$time_ns" > "$T/line"
	said=$(curl -s -m "${limit:-10}" -D "$T/head" -o "$T/answer" -w '%{http_code}' --data-binary "@$T/line" "$FX/write?db=metrics")
	failed=$?
	[ $failed -eq 0 ] && echo "$said" || echo "curl $failed"
}
arrived() { influx_count m v; }

is "$(write)" 204 "pass: a write gets InfluxDB's answer"
grep -qi '^x-influxdb-version: 1\.' "$T/head"
ok "with its headers"
curl -s "$FX/query?db=metrics&q=select+v+from+m&chunked=true" | jq -e '.results[0].series[0].values | length == 1' > "$T/answer"
ok "a query's chunks come through"
"$LPGEN" --hosts 10 --steps 500 --batch 5000 --conns 4 --port "$FAULT_PORT" --url-path '/write?db=metrics' > "$T/load.json"
ok "batches of 5,000 lines over four connections pass"
is "$(influx_count cpu usage_user)" 5000 "and arrive"
is "$(fault_counts '.connections < 12')" true "over connections that are kept"

before=$(arrived)
for f in error:500 unready:503 busy:429 denied:401 full:500 html:200 lie:204; do
	fault "${f%:*}"
	is "$(write)" "${f#*:}" "${f%:*} answers ${f#*:}"
done
fault full
write > /dev/null
grep -q 'no space left on device' "$T/answer"
ok "full says so"
fault unready arg=7
write > /dev/null
grep -qi '^retry-after: 7' "$T/head"
ok "unready has Retry-After"
fault reset
is "$(write)" "curl 56" "reset breaks the connection"
fault half
is "$(write)" "curl 52" "half an answer is none"
fault hang
limit=1
is "$(write)" "curl 28" "hang says nothing"
limit=10
fault refuse
is "$(write)" "curl 7" "refuse refuses"
is "$(arrived)" "$before" "none of these reached InfluxDB"

fault swallow
case $(write) in curl*) : ;; *) false ;; esac
ok "swallow: the client hears nothing"
fault pass
is "$(arrived)" $((before + 1)) "but InfluxDB has it"
is "$(write)" 204 "after all of this it passes again, on the same port"
fault trickle arg=1
is "$(write)" 204 "trickle passes"
fault slow arg=300
began=$(date +%s%3N)
is "$(write)" 204 "slow passes"
[ $(($(date +%s%3N) - began)) -ge 300 ]
ok "late"
fault error 'times=2&path=/write'
is "$(curl -s -o /dev/null -w '%{http_code}' "$FX/ping")" 204 "other paths go through"
is "$(write) $(write) $(write)" "500 500 204" "so many times"
stop_influxd KILL
is "$(write)" 502 "without a server behind it: 502"
is "$(fault_counts '[.requests.refuse, .requests.error, .requests.swallow, .writes["2xx"] > 0] | join(" ")')" "0 3 1 true" "and it has counted"
finish
