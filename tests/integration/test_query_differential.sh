#!/bin/sh
# InfluxQL's answers, against a real InfluxDB with the same data, statement by statement: while the points are in memory, in chunks
# and rollups, after a restart, and where late points lie over what is compacted.
. "$SRCDIR/tests/integration/lib.sh"
. "$SRCDIR/tests/integration/query_lib.sh"
need_programs curl influxd jq python3
export METRICS_ENABLED=no HOLDFAST_READ_FROM=local HOLDFAST_SERVER_CREATE_DATABASES=yes HOLDFAST_RETENTION_RAW=3650d \
	HOLDFAST_RETENTION_1M=3650d HOLDFAST_RETENTION_1H=3650d HOLDFAST_RETENTION_1D=3650d

compact() { "$BUILDDIR/holdfast" --url "$HF" compact --wait > "$T/out" 2>&1; }
tiers_with_points() { api 'storage?fresh=1' | jq -r '[.tiers[] | select(.blocks + .pieces > 0) | .tier] | join(" ")'; }
compare_state() { # NAME OPTIONS…
	state=$1
	shift
	compare_answers --state "$state" --known "$QUERIES/known.txt" --answers "$T/answers" ${REPORTS:+--report "$REPORTS/$state.txt"} "$@" \
		"$IX" "$HF" "$QUERIES"/*.influxql "$T/by_dice.influxql"
}

make_sets
start_influxd
make_databases "$IX"
write_lines "$IX" metrics "$T/sets/first.lp" && write_lines "$IX" metrics "$T/sets/then.lp" && write_lines "$IX" other "$T/sets/other.lp"
ok "InfluxDB has the data"

start_holdfastd
write_lines "$HF" metrics "$T/sets/first.lp" && write_lines "$HF" metrics "$T/sets/then.lp" && write_lines "$HF" other "$T/sets/other.lp"
ok "Holdfast has it, too"
is "$(tiers_with_points)" "" "in memory alone"
compare_state 'in memory'
compact
ok "all is compacted"
is "$(tiers_with_points)" "raw 1m 1h 1d" "in chunks, and there are rollups"
compare_state 'compacted' --rollups
stop_holdfastd
start_holdfastd
compare_state 'started again' --rollups
stop_holdfastd

rm -rf "$T/data"
start_holdfastd
write_lines "$HF" metrics "$T/sets/first.lp" && write_lines "$HF" other "$T/sets/other.lp" && compact && write_lines "$HF" metrics "$T/sets/then.lp"
ok "the late points come when the rest is compacted"
compare_state 'late points'
compact
ok "they are compacted, too"
compare_state 'late points compacted' --rollups
finish
