# On top of lib.sh: a fault server (tests/tools/fault_server.c) between the daemon and the InfluxDB of the test. Sourced.
FAULT_PID= mending=
end_fault_server() {
	end_process "$FAULT_PID" KILL
	end_process "$mending" KILL
	FAULT_PID= mending=
}
trap 'end_fault_server; clean_up' EXIT

start_fault_server() { # UPSTREAM_PORT; FX: its address
	"$BUILDDIR/tests/tools/fault_server" "$1" "$T/fault.log" > "$T/fault.ports" &
	FAULT_PID=$!
	wait_until 10 test -s "$T/fault.ports" || bail_out "the fault server did not start"
	read -r FAULT_PORT FAULT_CONTROL < "$T/fault.ports"
	FX=http://127.0.0.1:$FAULT_PORT
}

fault() { # NAME [MORE], as "unready 'arg=2&percent=50'"
	curl -sf "http://127.0.0.1:$FAULT_CONTROL/set?fault=$1${2:+&$2}" || bail_out "the fault server does not know: $*"
}
fault_counts() { curl -s "http://127.0.0.1:$FAULT_CONTROL/counts" | jq -r "$1"; }

# InfluxDB 1.6.7 whose disk was full, or that died in the middle of a write, cuts the torn end of its log off when it starts,
# but goes on writing where the end was: whatever it acknowledges then is lost at the start after that. A start without
# writes mends it: on a port that nobody knows.
mend_influxd() {
	INFLUXDB_REPORTING_DISABLED=true INFLUXDB_META_DIR=$INFLUX_FOLDER/meta INFLUXDB_DATA_DIR=$INFLUX_FOLDER/data \
		INFLUXDB_DATA_WAL_DIR=$INFLUX_FOLDER/wal INFLUXDB_HTTP_BIND_ADDRESS=127.0.0.1:0 \
		INFLUXDB_BIND_ADDRESS=127.0.0.1:0 INFLUXDB_MONITOR_STORE_ENABLED=false \
		influxd -config /dev/null > "$T/mend.log" 2>&1 &
	mending=$!
	wait_until 30 grep -q 'Listening for signals' "$T/mend.log" || bail_out "influxd did not start"
	end_process $mending
	mending=
}
