#!/bin/sh
# [influxdb] replicate_rollups against a real influxd: what arrives is what InfluxDB itself makes of the same raw points, once.
. "$SRCDIR/tests/integration/lib.sh"
need_programs influxd influx curl jq awk

export METRICS_ENABLED=no HOLDFAST_RETENTION_RAW=30d
start_influxd
export INFLUXDB_URL=$IX
begin=$(($(date +%s) / 86400 * 86400 - 6 * 86400)) # whole days, all older than the retention that comes later

start_holdfastd
awk -v t="$begin" 'BEGIN { srand(7); for (s = 0; s < 3 * 86400; s += 300) for (h = 0; h < 3; h++)
	printf "m,host=h%d v=%.6f,n=%di,u=%du,ok=%s,s=\"x\" %d000000000\n", h, rand() * 1000 - 300, int(rand() * 100) - 50, s / 300, rand() < .5 ? "true" : "false", t + s }' > "$T/lines"
is "$(curl -s -o "$T/body" -w '%{http_code}' "$HF/write?db=metrics" --data-binary "@$T/lines")" 204 "three days of points are taken"
raw_is_there() { [ "$(influx_count m v)" = 2592 ]; }
wait_until 60 raw_is_there
ok "InfluxDB has them"
"$BUILDDIR/holdfast" --url "$HF" compact > "$T/said" 2>&1
is "$(influx_count m_1h v_count)" 0 "no rollups unless they are asked for"
stop_holdfastd

export HOLDFAST_RETENTION_RAW=1d HOLDFAST_INFLUXDB_REPLICATE_ROLLUPS=yes
start_holdfastd
hours_are_there() { [ "$(influx_count m_1h v_count)" = 216 ]; }
days_are_there() { [ "$(influx_count m_1d v_count)" = 9 ]; }
wait_until 60 hours_are_there
ok "the hours arrive"
wait_until 60 days_are_there
ok "and the days"

ask() { influx -port "$INFLUX_PORT" -database metrics -format json -execute "$1" | jq -c '[.results[].series[] | {tags, values}]'; }
# Sums of floats differ by what rounding takes: all else is the same.
alike() { # FILE FILE ROWS
	jq -n -e --slurpfile a "$1" --slurpfile b "$2" --argjson rows "$3" '
		def flat: [.[0][] | .tags.host as $h | .values[] | [$h] + .];
		def near($x; $y): $x == $y or (($x | type) == "number" and (($x - $y) | fabs) <= 1e-9 * (1000 + ($x | fabs)));
		($a | flat) as $p | ($b | flat) as $q |
		($p | length) == $rows and ($q | length) == $rows and
		all(range($rows); . as $i | ($p[$i] | length) == 9 and all(range(9); near($p[$i][.]; $q[$i][.])))' > /dev/null
}
range="time >= ${begin}s AND time < $((begin + 3 * 86400))s"
rows=216
for tier in 1h 1d; do
	for f in v n u; do
		ask "SELECT count($f), sum($f), min($f), max($f), first($f), last($f), mean($f) FROM m WHERE $range GROUP BY time($tier), host" > "$T/own"
		ask "SELECT ${f}_count, ${f}_sum, ${f}_min, ${f}_max, ${f}_first, ${f}_last, ${f}_mean FROM m_$tier GROUP BY host" > "$T/sent"
		alike "$T/own" "$T/sent" $rows
		ok "$tier of $f are what InfluxDB makes of the raw points"
	done
	rows=9
done
is "$(ask 'SELECT sum(ok_count) FROM m_1h' | jq -r '.[0].values[0][1]')" 2592 "truth values are counted"
metric() { curl -s "$HF/metrics" | awk -v m="$1" '$1 == m { print $2 }'; }
is "$(metric holdfast_replication_rollups_total)" 225 "each was sent once, and counted"
is "$(replication .quarantined_points)" 0 "none was refused"

# never again, nor with other values
influx -port "$INFLUX_PORT" -database metrics -execute 'DROP MEASUREMENT m_1h'
printf 'm,host=h0 v=1 %d000000000\n' $((begin + 100)) > "$T/late"
is "$(curl -s -o "$T/body" -w '%{http_code}' "$HF/write?db=metrics" --data-binary "@$T/late")" 400 "a point that old is refused"
stop_holdfastd
start_holdfastd
printf 'm,host=h0 v=1\n' > "$T/new"
curl -s -o "$T/body" "$HF/write?db=metrics" --data-binary "@$T/new"
wait_until 30 in_step
new_is_there() { [ "$(influx_count m v "time > now() - 1h")" = 1 ]; }
wait_until 30 new_is_there
ok "delivery goes on after a restart"
is "$(influx_count m_1h v_count) $(metric holdfast_replication_rollups_total)" "0 0" "what was sent is not sent again"

finish
