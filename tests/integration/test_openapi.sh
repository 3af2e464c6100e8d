#!/bin/sh
# The OpenAPI document is sound, and every answer of a running daemon is as it says: with InfluxDB up, down, and none at all.
. "$SRCDIR/tests/integration/lib.sh"
need_programs influxd curl jq
for python in python3 /usr/bin/python3; do
	"$python" -c 'import jsonschema' 2> /dev/null && break
done
"$python" -c 'import jsonschema' || bail_out "python3-jsonschema is missing; run ./bootstrap check"
DOCUMENT=$SRCDIR/web/openapi.json

check() { "$python" "$SRCDIR/tests/integration/openapi_check.py" "$1" "$2" ${3:+"$3"} 2> "$T/problems" > "$T/said"; }
says() { # NAME, after check
	ok "$1"
	sed 's/^/# /' "$T/said"
	head -40 "$T/problems"
}
write() { curl -s -o /dev/null -w '%{http_code}' --data-binary @- "$HF/write?db=metrics"; }

check document "$DOCUMENT"
says "the document is OpenAPI 3.1, strict, and leads nowhere astray"
# The checks themselves can fail.
jq '.components.schemas.Health.properties.surprise = {"type": "string"} | .components.schemas.Health.required += ["surprise"]' "$DOCUMENT" > "$T/more.json"
jq 'del(.components.schemas.Health.properties.ready) | .components.schemas.Health.required -= ["ready"]' "$DOCUMENT" > "$T/less.json"
jq 'del(.components.schemas.Health.additionalProperties) | .paths["/ping"].get.responses["200"]["$ref"] = "#/nowhere"' "$DOCUMENT" > "$T/loose.json"
! check document "$T/loose.json"
ok "a document that is loose and leads nowhere is refused"

# Every kind of measurement and of field; beside it what the daemon collects of this machine.
write_all() {
	awk -v now="$t0" 'BEGIN { for (i = 0; i < 40; i++) { t = (now - i * 5) "000000000"
		printf "service_performance,host=h,operation=GET\\ /,service=shop,status=%s count=%di,duration_ms_sum=%d,duration_ms_min=1,duration_ms_max=9,duration_ms_p50=3,duration_ms_p90=5,duration_ms_p95=6,duration_ms_p99=8,in_flight=2i %s\n", i % 5 ? "success" : "error", i + 1, i * 10, t
		printf "service_performance,host=h,operation=one,service=stock,status=success duration_ms=%d.5 %s\n", i, t
		printf "application_metrics,host=h,metric=orders,metric_type=business,service=shop value=%di,text=\"x\" %s\n", i, t
		printf "application_metrics,host=h,metric=queue,metric_type=custom,service=shop level=%d.25,open=%s %s\n", i, i % 2 ? "true" : "false", t
		printf "application_metrics,host=h,metric=import,metric_type=data_processing,service=batch count=2i,duration_ms_sum=%d,duration_ms_p95=7 %s\n", i, t
		printf "database_metrics,database=orders,host=h,metric_type=query,operation=SELECT,service=shop,status=success count=3i,duration_ms_sum=%d,duration_ms_p95=9 %s\n", i, t
		printf "database_metrics,database=orders,host=h,metric_type=pool,service=shop pool_size=10i,pool_in_use=%di,pool_idle=3i,pool_waiting=0i %s\n", i % 10, t
		printf "database_metrics,database=orders,host=h,metric_type=transaction,service=shop transactions=4i,commits=3i,rollbacks=1i %s\n", t
		printf "database_metrics,database=orders,host=h,metric_type=health,service=shop up=%s %s\n", i % 7 ? "true" : "false", t
		printf "system_resources,host=h,resource_type=service,service=shop cpu=%d.5,rss=%di %s\n", i, i * 4096, t
		printf "odd\\ name,tag\\ with\\ space=a\\ b f=1.5,i=1i,u=7u,b=true,s=\"quoted \\\"text\\\"\" %s\n", t } }' | write
}
# What was written above, by figures; InfluxDB knows no moments within a bucket.
figures() { # of what was written here: those of InfluxDB and of the daemon's own files go on
	for what in performance performance/shop performance/stock application database resources/shop; do
		api "metrics/$what?from=$((t0 - 600))&to=$((t0 + 60))&step=1m&host=h" |
			jq -S 'del(.source, .tier, .reason, .complete) | walk(if type == "object" then del(.last_ms) else . end)'
	done
	api "metrics/summary?from=$((t0 - 600))&to=$((t0 + 60))&host=h" |
		jq -S 'def ours: map(select(.database == "influxdb" or .database == "sqlite" | not));
			{services, databases: (.databases | ours), database_states: (.database_states | ours), applications, services_total}'
}
# What every daemon answers, whatever is behind it.
requests() {
	cat <<- EOF
		GET /api/v1/metrics/performance 200
		GET /api/v1/metrics/performance?from=-10m&step=1m&limit=1 200
		GET /api/v1/metrics/performance/shop?from=-10m&step=30s 200
		GET /api/v1/metrics/performance/stock?from=-10m&operation=one&host=h 200
		GET /api/v1/metrics/performance/nope 404
		GET /api/v1/metrics/resources 200
		GET /api/v1/metrics/resources?from=-10m&step=1m&host=*&percentiles=50,99.9 200
		GET /api/v1/metrics/resources/shop?from=-10m&host=h 200
		GET /api/v1/metrics/resources?percentiles=0 400
		GET /api/v1/metrics/resources/nope 404
		GET /api/v1/metrics/application 200
		GET /api/v1/metrics/application?from=-10m&step=1m 200
		GET /api/v1/metrics/application/business?from=-10m 200
		GET /api/v1/metrics/application/user_activity 200
		GET /api/v1/metrics/application/custom?service=shop&metric=queue&host=h&limit=1 200
		GET /api/v1/metrics/application/nope 404
		GET /api/v1/metrics/application?from=now&to=-1h 400
		GET /api/v1/metrics/database 200
		GET /api/v1/metrics/database/performance?from=-10m&step=1m 200
		GET /api/v1/metrics/database/orders?from=-10m&operation=SELECT&service=shop 200
		GET /api/v1/metrics/database/nope 404
		GET /api/v1/metrics/summary 200
		GET /api/v1/metrics/summary?from=-10m&host=h&limit=1 200
		GET /api/v1/metrics/summary?limit=0 400
		GET /api/v1/measurements 200
		GET /api/v1/measurements?limit=1 200
		GET /api/v1/measurements?db=nope 404
		GET /api/v1/series 200
		GET /api/v1/series?tag=host=h&tag=service&limit=3 200
		GET /api/v1/series?measurement=odd%20name 200
		GET /api/v1/series?cursor=x 400
		GET /api/v1/tags 200
		GET /api/v1/tags?tag=host 200
		GET /api/v1/tags?measurement=odd%20name&tag=nope 404
		GET /api/v1/fields 200
		GET /api/v1/fields?measurement=nope 404
		GET /api/v1/alerts 200
		GET /api/v1/alerts?x=1 400
		GET /api/v1/health 200
		GET /api/v1/status 200
		GET /api/v1/replication 200
		GET /api/v1/storage?fresh=1 200
		GET /api/v1/quality 200
		GET /api/v1/quarantine 200
		GET /api/v1/quarantine?limit=x 400
		GET /api/v1/quarantine?target=influxdb&reason=poison&from=-1h 200
		GET /api/v1/quarantine/export 200
		GET /api/v1/quarantine/export?reason=x 400
		POST /api/v1/quarantine/replay?all=yes 202
		POST /api/v1/quarantine/replay 400
		POST /api/v1/quarantine/drop?target=influxdb 200
		POST /api/v1/quarantine/drop 400
		GET /api/v1/openapi.json 200
		GET /api/v1/export?from=-1m&measurement=odd%20name 200
		GET /api/v1/export?from=-1m&format=csv 200
		GET /api/v1/export?from=-1m&format=jsonl 200
		GET /api/v1/export?format=xml 400
		GET /api/v1/backup 200
		GET /metrics 200
		GET /ping 204
		GET /ping?verbose=true 200
		GET /health 200
		GET / 200
		POST /write?db=metrics 204 m v=1
		POST /write?db=metrics 400 bad
		POST /write?db=nope 404 m v=1
		POST /write 400 m v=1
		POST /write?db=metrics&rp=nope 500 m v=1
		POST /api/v1/write 204 m v=1
		POST /api/v1/write 400 m v="now a string"
		POST /api/v2/write?bucket=metrics 204 m v=1
		POST /api/v2/write?bucket=metrics&precision=x 400 m v=1
		POST /api/v2/write?bucket=nope 404 m v=1
		POST /api/v1/compact 202
	EOF
	[ "$(curl -s -o /dev/null -w '%{http_code}' "$HF/query?q=SHOW+DATABASES")" = 404 ] || cat <<- EOF
		GET /query?q=SHOW+DATABASES 200
		GET /query?db=metrics&epoch=ms&q=SELECT+*+FROM+application_metrics+LIMIT+3 200
		GET /query?db=metrics&q=SELECT+mean(cpu)+FROM+system_resources+GROUP+BY+service 200
		GET /query?q=SELEC 400
		GET /query 400
		POST /query?q=SHOW+MEASUREMENTS&db=metrics 200
	EOF
}
check_events() { curl -s --max-time 3 "$HF/api/v1/events" | check event "$DOCUMENT"; }

export METRICS_COLLECTION_INTERVAL=1
start_influxd
INFLUXDB_URL=$IX
export INFLUXDB_URL
start_holdfastd
t0=$(date +%s)
is "$(write_all)" 204 "every kind of measurement is written"
is "$(curl -s "$HF/api/v1/openapi.json" | cksum)" "$(cksum < "$DOCUMENT")" "the daemon serves the document"
wait_until 60 in_step
ok "and delivered"
requests | check answers "$DOCUMENT" "$HF"
says "every answer with InfluxDB up is as the document says"
printf '%s\n' 'POST /api/v1/backfill?from=-1h&measurement=m 202' 'GET /api/v1/backfill 200' 'DELETE /api/v1/backfill 200' \
	'POST /api/v1/backfill?from=x 400' | check answers "$DOCUMENT" "$HF"
says "and those of the backfill"
printf '%s\n' 'POST /api/v1/verify?since=-1h&deep=yes&repair=no 202' 'GET /api/v1/verify 200' 'DELETE /api/v1/verify 200' \
	'POST /api/v1/verify?since=x 400' | check answers "$DOCUMENT" "$HF"
says "and those of verify"
check_events
says "and the events"
is "$(api "metrics/application/business?from=-10m" | jq -c '[(.source | startswith("influxdb")), .metrics[0].values.value.kind, .metrics[0].values.value.sum]')" \
	'[true,"counter",780]' "InfluxDB is behind them"
figures > "$T/by_influxdb"
echo 'GET /api/v1/health 200' > "$T/line"
! check answers "$T/more.json" "$HF" < "$T/line"
ok "an answer that lacks a member is found"
! check answers "$T/less.json" "$HF" < "$T/line"
ok "an answer that has one more is found"

for action in retry pause resume; do
	printf 'POST /api/v1/replication/%s 200\nPOST /api/v1/replication/%s?target=influxdb 200\n' $action $action
	printf 'POST /api/v1/replication/%s?target=nope 404\nPOST /api/v1/replication/%s?tarqet=influxdb 400\n' $action $action
done | check answers "$DOCUMENT" "$HF"
says "and those of the control of replication"
echo 'POST /api/v1/replication/skip-held 409' | check answers "$DOCUMENT" "$HF"
says "also where nothing is held"
wait_until 60 in_step
ok "and it goes on"

stop_influxd
is_down() { [ "$(replication .state)" = down ]; }
printf 'm v=1\n' | write > /dev/null
wait_until 60 is_down
ok "InfluxDB is gone"
is "$(printf 'odd\\ name f="text"\nm v=1i\nbroken\nm v=1 1\n' | write)" 400 "some points are refused"
figures > "$T/by_store"
cmp "$T/by_influxdb" "$T/by_store" > "$T/said"
ok "the figures are the same without it"
diff "$T/by_influxdb" "$T/by_store" | head -20 | sed 's/^/# /'
requests | check answers "$DOCUMENT" "$HF"
says "every answer with InfluxDB down is as the document says"
check_events
says "and the events"
both_are_told() { api alerts | jq -e '[.alerts[].name] | contains(["replication_down", "points_refused"])'; }
wait_until 30 both_are_told
ok "both are told in the alerts"

stop_holdfastd
unset INFLUXDB_URL
export METRICS_ENABLED=no
start_holdfastd
requests | check answers "$DOCUMENT" "$HF"
says "every answer of a daemon without InfluxDB that collects nothing is as the document says"
printf '%s\n' 'GET /api/v1/backfill 400' 'POST /api/v1/replication/pause 400' | check answers "$DOCUMENT" "$HF"
says "and its backfill, and replication to nowhere"
echo 'GET /api/v1/verify 400' | check answers "$DOCUMENT" "$HF"
says "and its verify"
finish
