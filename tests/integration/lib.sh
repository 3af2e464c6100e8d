# For the integration tests: a daemon and an InfluxDB of the test's own, in a temporary folder, on loopback, on ports the
# system chose; TAP output. Sourced. Everything that was started ends by its process id when the test ends.
set -u
: "${BUILDDIR:=$PWD}" "${SRCDIR:=$PWD/..}" "${HF_SANITIZER:=no}"
LPGEN=$BUILDDIR/tests/bench/lpgen
FREEPORT=$BUILDDIR/tests/bench/freeport
T=$(mktemp -d "${TMPDIR:-/tmp}/holdfast-it.XXXXXX")
HF_PID='' INFLUX_PID='' LOAD_PID='' INFLUX2_PID=''
number=0
failures=0
unset HOLDFAST_URL INFLUXDB_URL INFLUXDB_TOKEN INFLUXDB_ORG INFLUXDB_BUCKET METRICS_ENABLED METRICS_RETENTION_DAYS

end_process() { # PID [SIGNAL]
	[ -n "$1" ] || return 0
	kill -"${2:-TERM}" "$1" 2>/dev/null || return 0
	wait "$1" 2>/dev/null || :
}

clean_up() {
	end_process "$LOAD_PID" KILL
	end_process "$HF_PID" KILL
	[ -z "$INFLUX_PID" ] || kill -CONT "$INFLUX_PID" 2>/dev/null || :
	end_process "$INFLUX_PID" KILL
	end_process "$INFLUX2_PID" KILL
	rm -rf "$T"
}
trap clean_up EXIT
trap 'exit 1' INT TERM

ok() { # NAME, after a command whose status says it
	status=$?
	number=$((number + 1))
	if [ $status -eq 0 ]; then
		echo "ok $number - $1"
	else
		echo "not ok $number - $1"
		failures=$((failures + 1))
		[ ! -e "$T/log" ] || tail -15 "$T/log" | sed 's/^/# daemon: /'
	fi
	return 0
}

is() { # HAVE WANT NAME
	[ "$1" = "$2" ]
	ok "$3"
	[ "$1" = "$2" ] || printf '# have: %s\n# want: %s\n' "$1" "$2"
}

finish() {
	echo "1..$number"
	exit $((failures > 0))
}

bail_out() {
	echo "Bail out! $1"
	exit 1
}

wait_until() { # SECONDS COMMAND…
	deadline=$(($(date +%s) + $1))
	shift
	until "$@" > /dev/null 2>&1; do
		[ "$(date +%s)" -lt $deadline ] || return 1
		sleep 0.05
	done
}

need_programs() {
	for p in "$@"; do
		command -v "$p" > /dev/null || bail_out "$p is missing; run ./bootstrap check, which installs what tests need"
	done
}

read_port() { HF_PORT=$(sed -n 's|.*: http://127\.0\.0\.1:\([0-9]*\)/$|\1|p' "$T/log"); [ -n "$HF_PORT" ]; }

start_holdfastd() { # OPTIONS…; environment as the caller's
	: > "$T/log"
	"$BUILDDIR/holdfastd" --listen 127.0.0.1:0 --data-dir "$T/data" "$@" 2> "$T/log" &
	HF_PID=$!
	HF_PORT=
	wait_until 30 read_port || { sed 's/^/# /' "$T/log"; bail_out "holdfastd did not start"; }
	HF=http://127.0.0.1:$HF_PORT
}

stop_holdfastd() { # [SIGNAL]
	end_process "$HF_PID" "${1:-TERM}"
	HF_PID=''
}

INFLUX_PORT= INFLUX_FOLDER=$T/influx
choose_influxd_ports() { [ -n "$INFLUX_PORT" ] || { INFLUX_PORT=$("$FREEPORT") && INFLUX_RPC=$("$FREEPORT"); }; }
start_influxd() {
	choose_influxd_ports
	INFLUXDB_REPORTING_DISABLED=true INFLUXDB_META_DIR=$INFLUX_FOLDER/meta INFLUXDB_DATA_DIR=$INFLUX_FOLDER/data \
		INFLUXDB_DATA_WAL_DIR=$INFLUX_FOLDER/wal INFLUXDB_HTTP_BIND_ADDRESS=127.0.0.1:$INFLUX_PORT \
		INFLUXDB_BIND_ADDRESS=127.0.0.1:$INFLUX_RPC INFLUXDB_HTTP_LOG_ENABLED=false \
		INFLUXDB_MONITOR_STORE_ENABLED=false influxd -config /dev/null > "$T/influx.log" 2>&1 &
	INFLUX_PID=$!
	IX=http://127.0.0.1:$INFLUX_PORT
	wait_until 30 curl -sf "$IX/ping" || { tail -5 "$T/influx.log" | sed 's/^/# /'; bail_out "influxd did not start"; }
}

stop_influxd() { # [SIGNAL]
	end_process "$INFLUX_PID" "${1:-TERM}"
	INFLUX_PID=''
}

api() { curl -s "$HF/api/v1/$1"; }
replication() { api replication | jq -r ".targets[0] | $1"; } # of the record
in_step() { [ "$(replication '"\(.state) \(.lag_points)"')" = "up 0" ]; }

# How often a field of a measurement is there, by InfluxDB's own shell; 0 if the measurement is unknown.
influx_count() { # MEASUREMENT FIELD [CONDITION]
	influx -port "$INFLUX_PORT" -database metrics -format json \
		-execute "select count(\"$2\") from \"$1\" ${3:+where $3}" | jq '.results[0].series[0].values[0][1] // 0'
}
