#!/bin/sh
# What Holdfast measures of the databases it works with, read back from where it shows it: the record while it is well, down and
# well again, its own counters against its own answer; the spool and the store. Against a real influxd.
. "$SRCDIR/tests/integration/lib.sh"
need_programs influxd influx curl jq

export HOLDFAST_COLLECT_INTERVAL=1s METRICS_ENABLED=yes
start_influxd
export INFLUXDB_URL=$IX
start_holdfastd

write_some() { curl -s -o "$T/body" "$HF/write?db=metrics" --data-binary "m,host=a v=$1"; }
figures() { api "metrics/database/$1?from=-5m" | jq -r "$2"; }
health() { figures "$1" ".databases[0].health[] | select(.service == \"$2\") | $3"; }
# Of the local store, as InfluxQL has it.
local_sum() { curl -s -G "$HF/query" --data-urlencode db=metrics --data-urlencode source=local --data-urlencode "q=SELECT $1 FROM database_metrics WHERE $2" | jq ".results[0].series[0].values[0][1] // 0"; }
is_above() { [ "$(printf '%s\n' "$1" | jq "if type == \"number\" then . > ${2:-0} else false end")" = true ]; }

write_some 1
ask_record() { curl -s -G "$HF/query" --data-urlencode db=metrics --data-urlencode 'q=SELECT v FROM m' | jq -e '.results[0].series' > /dev/null; }
record_has_it() { [ "$(influx_count m v)" = 1 ]; }
wait_until 20 record_has_it
ok "the point is in the record"
for _ in 1 2 3; do ask_record; done

has_write_timer() { is_above "$(figures influxdb '.databases[0].operations[] | select(.operation == "write") | .count')"; }
wait_until 20 has_write_timer
ok "writes to the record are timed"
figures influxdb '.databases[0].operations[] | select(.operation == "write") | [.mean_ms, .p50_ms, .p95_ms, .p99_ms, .max_ms] | map(type == "number" and . > 0) | all' > "$T/w"
is "$(cat "$T/w")" true "with mean, percentiles and maximum"
has_query_timer() { ask_record; is_above "$(figures influxdb '.databases[0].operations[] | select(.operation == "query") | .count')"; }
wait_until 20 has_query_timer
ok "reads from it are timed"
is_above "$(local_sum 'sum(request_bytes)' "operation='write'")" 10
ok "and the size of what is written is known"

is "$(health influxdb holdfast .up)" true "it is up"
has_response() { is_above "$(health influxdb holdfast .figures.response_time_ms)"; }
wait_until 20 has_response
ok "with the time a ping takes"
has_own() { is_above "$(health influxdb holdfast .figures.heap_bytes)" 100000 && is_above "$(health influxdb holdfast .figures.disk_bytes)" && is_above "$(health influxdb holdfast .figures.requests)"; }
wait_until 20 has_own
ok "with its own figures: heap, disk, requests"
is "$(curl -s "$IX/debug/vars" | jq '[to_entries[] | select(.key | startswith("database:")) | .value.values.numSeries] | add')" \
	"$(health influxdb holdfast .figures.series)" "the number of its series is its own"

# Rises add up to the server's own totals: what it counted between two of its answers.
written() { curl -s "$IX/debug/vars" | jq '.write.values.pointReq'; }
sums() { [ "$(local_sum 'sum(points_written)' "operation='server'")" -ge 5 ] && [ "$(local_sum 'sum(points_written)' "operation='server'")" -le "$(written)" ]; }
wait_until 20 sums
ok "rises of its counters add up to no more than it counts"

points_in_record() { influx_count database_metrics up "\"database\"='influxdb'"; }
[ "$(points_in_record)" -gt 0 ]
ok "the record has them too"

# down
stop_influxd KILL
is_down() { [ "$(health influxdb holdfast .up)" = false ]; }
wait_until 30 is_down
ok "while it is down, up is false"
sleep 2
before=$(local_sum 'count(heap_bytes)' "operation='server'")
sleep 3
is "$(local_sum 'count(heap_bytes)' "operation='server'")" "$before" "and nothing is said of its heap: left out, not zero"
retried() { is_above "$(local_sum 'sum(retries)' "operation='ping'")"; }
wait_until 30 retried
ok "repeated writes are counted"
is_above "$(figures influxdb '.databases[0].operations[] | select(.operation == "write") | .errors')"
ok "failed writes are errors"
availability=$(health influxdb holdfast .availability)
is_above "$availability" && [ "$(jq -n "$availability < 1")" = true ]
ok "availability is between 0 and 1"
start_influxd
is_up() { [ "$(health influxdb holdfast .up)" = true ]; }
wait_until 60 is_up
ok "and it is up again"
more() { [ "$(local_sum 'count(heap_bytes)' "operation='server'")" -gt "$before" ]; }
wait_until 20 more
ok "with its own figures"
[ "$(local_sum 'min(points_written)' "operation='server'")" -ge 0 ]
ok "no rise is negative after its counters began anew"

# sqlite
is "$(figures sqlite '[.databases[0].health[].service] | sort | join(" ")')" "holdfast-spool holdfast-store" "the spool and the store have figures"
is "$(health sqlite holdfast-spool .up) $(health sqlite holdfast-store .up)" "true true" "both can be written"
for field in file_bytes wal_bytes rows cache_hits; do
	is_above "$(local_sum "max($field)" "service='holdfast-spool' AND metric_type='health'")"
	ok "the spool has $field"
done
curl -s -XPOST "$HF/api/v1/compact" > "$T/body"
has_store_commits() { is_above "$(local_sum 'sum(commits)' "service='holdfast-store'")"; }
wait_until 20 has_store_commits
ok "commits of the store are counted"
is "$(figures sqlite '.databases[0].transactions.operations[] | select(.operation == "commit") | [.count, .mean_ms, .p99_ms] | map(type == "number" and . > 0) | all')" \
	true "commits are timed, with percentiles"
is_above "$(local_sum 'sum(commits)' "service='holdfast-spool'")"
ok "and those of the spool are there"

# off
stop_holdfastd
rm -rf "$T/data"
export HOLDFAST_INFLUXDB_FIGURES=no HOLDFAST_READ_FROM=local # the record has some from before
start_holdfastd
has_sqlite() { [ "$(figures sqlite ".databases | length")" = 1 ]; }
wait_until 20 has_sqlite
ok "figures = no leaves the files' figures"
is "$(api 'metrics/database?from=-5m' | jq -r '[.databases[].database] | join(" ")')" sqlite "and none of the record"

finish
