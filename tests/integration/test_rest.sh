#!/bin/sh
# The REST interface of a real daemon: defaults, parameters that are wrong, names that are unknown, methods, origins, limits.
. "$SRCDIR/tests/integration/lib.sh"
need_programs curl jq

code() { curl -s -o /dev/null -w '%{http_code}' "$@"; }
get() { curl -s "$HF/api/v1/$1"; }
refused() { curl -s -w '\n%{http_code}' "$HF/api/v1/$1" | jq -rs '"\(.[1]) \(.[0].error.message) | \(.[0].error.hint)"'; }
header() { # NAME CURL-OPTIONS…
	name=$1
	shift
	curl -s -o /dev/null -D - "$@" | tr -d '\r' | sed -n "s/^$name: //Ip"
}

export HOLDFAST_SERVER_THREADS=8 HOLDFAST_SERVER_CORS_ORIGIN='https://grafana.example'
start_holdfastd
now=$(date +%s)
for i in $(seq 0 59); do
	t=$((now - 3000 + i * 50))000000000
	printf 'service_performance,host=h,operation=buy,service=checkout,status=success count=2i,duration_ms_sum=20,duration_ms_p95=15 %s\n' $t
	printf 'service_performance,host=h,operation=buy,service=billing,status=error count=1i %s\n' $t
	printf 'application_metrics,host=h,metric=orders,metric_type=business,service=checkout value=%di %s\n' $i $t
	printf 'database_metrics,database=orders,host=h,metric_type=query,operation=SELECT,service=checkout,status=success count=4i,duration_ms_sum=8 %s\n' $t
	printf 'database_metrics,database=orders,host=h,metric_type=pool,service=checkout pool_size=10i,pool_in_use=%di %s\n' $((i % 10)) $t
done | curl -s -o /dev/null --data-binary @- "$HF/write?db=metrics"

# Without parameters: the last hour, about 300 buckets.
for what in performance performance/checkout resources application application/business database database/orders database/performance; do
	is "$(get "metrics/$what" | jq -c '[(.to_ms - .from_ms), .step_ms, (.time_ms | length >= 240 and length <= 361), .source, .complete != null]')" \
		'[3600000,15000,true,"local",true]' "$what: the last hour by default"
done
is "$(get metrics/summary | jq -c '[(.to_ms - .from_ms), .services[0].service, .services[0].count, .services_total, .databases[0].database]')" \
	'[3600000,"checkout",120,2,"orders"]' "the summary: the last hour by default, the busiest first"
is "$(get metrics/performance/checkout | jq -c '.operations[0] | [.count, .mean_ms, .p95_ms, ([.series.count[] | values] | add)]')" '[120,10,15,120]' "numbers and series agree"
is "$(get metrics/application/business | jq -c '.metrics[0].values.value | [.sum, .last, ([.series.sum[] | values] | add)]')" '[1770,59,1770]' "counters add up"
is "$(get metrics/database/orders | jq -c '.databases[0] | [.queries.count, .queries.mean_ms, .operations[0].operation, .pools[0].in_use, .pools[0].utilisation]')" \
	'[240,2,"SELECT",9,0.9]' "queries and pools"
for step in 10s 1m 5m 1h; do
	is "$(get "metrics/application/business?step=$step&from=-2h" | jq '[.metrics[0].values.value.series.sum[] | values] | add')" 1770 "the same sum by $step"
done

is "$(refused 'metrics/performance?from=yesterday')" "400 from=yesterday is not a time | write 2026-01-31T12:00:00Z, seconds or milliseconds since the epoch, or -1h" "a wrong from"
is "$(refused 'metrics/database?step=10q')" "400 step=10q is not a duration | write 10s, 1m, 1h or 1d" "a wrong step"
is "$(refused 'metrics/application?limit=none')" "400 limit=none is not a number from 1 to 10000 | null" "a wrong limit"
is "$(refused 'metrics/application?stepp=1m')" "400 /api/v1/metrics/application has no parameter stepp | did you mean step?" "an unknown parameter"
is "$(refused 'alerts?verbose=1')" "400 /api/v1/alerts has no parameter verbose | it takes none" "a parameter where there are none"
is "$(refused 'metrics/performance/checkot')" "404 no performance of a service checkot | known are: checkout, billing" "an unknown service"
case $(refused 'metrics/database/order') in # the daemon's own may be there by now
"404 no metrics of a database order | known are: "*orders*) true ;;
*) false ;;
esac
ok "an unknown database"
is "$(refused 'metrics/application/busines')" "404 there is no metric type busines | did you mean business?" "an unknown metric type"
is "$(refused 'fields?measurement=database_metric' | cut -d'|' -f1)" "404 there is no measurement database_metric " "an unknown measurement"
is "$(refused 'metrics/sumary' | cut -c1-38)" "404 there is no /api/v1/metrics/sumary" "an unknown path"

# Every route that GET /api/v1/openapi.json names: OPTIONS and HEAD as it says.
wrong=$(get openapi.json | jq -r '.paths | to_entries[] | select(.key != "/query") | "\(.key | gsub("{[^}]*}"; "orders")) \(.value | keys | join(" "))"' | while read -r path methods; do
	allow=$(header Allow -X OPTIONS "$HF$path")
	for m in $methods; do
		case ", $allow," in
		*", $(echo "$m" | tr a-z A-Z),"*) ;;
		*) echo "$path: Allow: $allow, not $m" ;;
		esac
	done
	case $methods in
	*get*) [ "$(code -I "$HF$path")" != 405 ] || echo "$path: no HEAD" ;;
	esac
	[ "$(code -X PATCH "$HF$path")" = 405 ] || echo "$path: takes PATCH"
done)
is "$wrong" "" "OPTIONS and HEAD on every route"

etag=$(header ETag "$HF/api/v1/measurements")
is "$(code -H "If-None-Match: $etag" "$HF/api/v1/measurements")" 304 "a list that has not changed is not sent again"
printf 'something_new v=1\n' | curl -s --data-binary @- "$HF/write?db=metrics"
is "$(code -H "If-None-Match: $etag" "$HF/api/v1/measurements")" 200 "one that has is"
is "$(code -H "If-None-Match: $(header ETag "$HF/api/v1/openapi.json")" "$HF/api/v1/openapi.json")" 304 "nor is the document"

# A long list, streamed; page by page it is the same.
seq 0 99999 | sed 's/.*/many,id=& v=1/' | curl -s -o /dev/null -H 'Expect:' --data-binary @- "$HF/write?db=metrics"
get 'series?measurement=many&limit=200000' | jq -r '.series[].tags.id' > "$T/all"
seq 0 99999 | cmp -s - "$T/all"
ok "a hundred thousand series in one answer"
cursor=
: > "$T/pages"
while :; do
	get "series?measurement=many&limit=30000${cursor:+&cursor=$cursor}" > "$T/page"
	jq -r '.series[].tags.id' "$T/page" >> "$T/pages"
	cursor=$(jq -r '.next // empty' "$T/page")
	[ -n "$cursor" ] || break
done
cmp -s "$T/all" "$T/pages"
ok "and in four"
is "$(get 'tags?tag=id&measurement=many&limit=200000' | jq '.values | length')" 100000 "so are a tag's values"

# Streams of events: two of eight workers, then no more; the rest goes on.
curl -sN "$HF/api/v1/events" > "$T/one" & ONE=$!
curl -sN -H 'Last-Event-ID: 12' "$HF/api/v1/events" > "$T/two" & TWO=$!
both_have() { grep -q '^data: ' "$T/one" && grep -q '^data: ' "$T/two"; }
wait_until 30 both_have
ok "two streams of events begin at once"
is "$(refused events)" "503 2 streams of events run already | each holds a worker; ask GET /api/v1/status now and then, or raise [server] threads" "a third is refused"
is "$(code "$HF/api/v1/status")" 200 "other requests are served"
is "$(curl -s "$HF/metrics" | sed -n 's/^holdfast_event_streams_total{outcome="refused"} //p')" 1 "the refusal is counted"
end_process $ONE
place_is_free() { curl -sN --max-time 1 "$HF/api/v1/events" | grep -q '^data: '; }
wait_until 30 place_is_free
ok "who leaves makes room"

is "$(header Access-Control-Allow-Origin -H 'Origin: https://grafana.example' "$HF/api/v1/status")" https://grafana.example "a configured origin may read"
is "$(header Access-Control-Allow-Origin -H 'Origin: https://evil.example' "$HF/api/v1/status")" "" "another may not"
is "$(code -H 'Origin: https://evil.example' --data-binary 'm v=1' "$HF/write?db=metrics")" 403 "nor write"
is "$(header Access-Control-Allow-Methods -X OPTIONS -H 'Origin: https://grafana.example' -H 'Access-Control-Request-Method: POST' "$HF/write")" "OPTIONS, POST" "a preflight tells what it may"

has_stopped() { ! kill -0 "$HF_PID"; }
kill -0 $TWO && kill "$HF_PID" && wait_until 30 has_stopped
ok "a stream does not hold up the stop"
stop_holdfastd
end_process $TWO
HOLDFAST_SERVER_CORS_ORIGIN=grafana.example "$BUILDDIR/holdfastd" -n --data-dir "$T/data" 2> "$T/said"
[ $? -ne 0 ] && grep -q 'grafana.example, which is no origin' "$T/said"
ok "what is no origin stops the start"
finish
