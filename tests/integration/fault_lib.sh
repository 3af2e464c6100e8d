# On top of lib.sh: a fault server (tests/tools/fault_server.c) between the daemon and the InfluxDB of the test. Sourced.
FAULT_PID=
end_fault_server() { end_process "$FAULT_PID" KILL; FAULT_PID=; }
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
