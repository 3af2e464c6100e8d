#!/bin/sh
# The ways to a real InfluxDB: with user and password, over TLS, over a Unix socket, through a proxy; and what is done about its
# database. 2.x and 3.x cannot be installed here: tests/edge/test_influx.c and the last part, against scripted servers.
. "$SRCDIR/tests/integration/lib.sh"
need_programs influxd influx curl jq openssl python3 victoria-metrics

SCRIPTED_PID='' PROXY_PID=''
clean_up_more() {
	end_process "$SCRIPTED_PID" KILL
	end_process "$PROXY_PID" KILL
	clean_up
}
trap clean_up_more EXIT
place() { replication ".places[0].$1"; }
place_is() { [ "$(place state)" = "$1" ]; }
state_is() { [ "$(replication .state)" = "$1" ]; }
# As an InfluxQL duration that the server shows: "720h0m0s"
retention_of() { curl -s -G "$IX/query" "$@" --data-urlencode 'q=SHOW RETENTION POLICIES ON metrics' |
	jq -r '.results[0].series[0].values[] | select(.[4]) | .[1]'; }
statement() { curl -s "$IX/query" --data-urlencode "q=$1" > "$T/answer"; }

# ---- the database and its retention ----

start_influxd
export INFLUXDB_URL=$IX METRICS_COLLECTION_INTERVAL=1s
export HOLDFAST_INFLUXDB_MANAGE_RETENTION=yes
start_holdfastd
wait_until 20 place_is ok && wait_until 20 in_step
ok "a database that is missing is made"
is "$(retention_of)" 720h0m0s "with raw's retention"
is "$(place set_by_holdfast)" true "which is Holdfast's own"
stop_holdfastd

METRICS_RETENTION_DAYS=7 start_holdfastd
wait_until 20 place_is ok
is "$(retention_of)" 168h0m0s "what Holdfast set it may shorten"
grep -q 'keeps points in metrics for 7d now; it was for 30d' "$T/log"
ok "and says so in the log"
stop_holdfastd
METRICS_RETENTION_DAYS=1 start_holdfastd
wait_until 20 place_is ok
is "$(retention_of)" 24h0m0s "to less than its shards' length too"
stop_holdfastd

statement 'ALTER RETENTION POLICY autogen ON metrics DURATION 90d'
start_holdfastd
wait_until 20 place_is held
ok "what another has set is held"
is "$(retention_of)" 2160h0m0s "and not shortened"
place error | grep -q 'for 90d, which Holdfast did not set; making it 30d would delete points'
ok "with what to do about it"
wait_until 20 in_step
ok "delivery goes on"
stop_holdfastd
HOLDFAST_INFLUXDB_SHORTEN_RETENTION=yes start_holdfastd
wait_until 20 place_is ok
is "$(retention_of)" 720h0m0s "unless it is told to"
stop_holdfastd
HOLDFAST_INFLUXDB_RETENTION=100d start_holdfastd
wait_until 20 place_is ok
is "$(retention_of)" 2400h0m0s "a longer one than raw's is kept as configured"
stop_holdfastd
unset HOLDFAST_INFLUXDB_MANAGE_RETENTION
statement 'DROP DATABASE metrics'
HOLDFAST_INFLUXDB_CREATE_DATABASE=no start_holdfastd
wait_until 20 place_is missing && wait_until 20 state_is held
ok "without leave nothing is made, and all is held"
stop_holdfastd
stop_influxd
rm -rf "$T/data" "$T/influx"

# ---- user and password ----

export INFLUXDB_HTTP_AUTH_ENABLED=true
start_influxd
curl -s "$IX/query" --data-urlencode "q=CREATE USER admin WITH PASSWORD 'open-sesame' WITH ALL PRIVILEGES" > "$T/answer"
grep -q '"statement_id":0}' "$T/answer"
ok "a user is made"
start_holdfastd
wait_until 20 state_is held
ok "without a user everything is held, nothing is quarantined"
replication .last_error | grep -q 'unable to parse authentication credentials'
ok "in the server's words"
is "$(api quarantine | jq .points)" 0 "the quarantine is empty"
stop_holdfastd
printf 'wrong-guess\n' > "$T/password"
chmod 600 "$T/password"
export HOLDFAST_INFLUXDB_USERNAME=admin HOLDFAST_INFLUXDB_PASSWORD_FILE=$T/password
start_holdfastd
wait_until 20 state_is held
ok "a wrong password holds"
printf 'open-sesame\n' > "$T/password"
kill -HUP "$HF_PID"
wait_until 20 in_step
ok "one that was mended is used after SIGHUP"
curl -s "$HF/api/v1/status" > "$T/status"
! grep -q 'open-sesame\|wrong-guess' "$T/status" "$T/log"
ok "neither is in the log or the status"
! tr '\0' ' ' < "/proc/$HF_PID/cmdline" | grep -q 'open-sesame'
ok "or in the arguments"
from_record() { [ "$(api 'metrics/resources?from=-10s&resource=cpu' | jq -r '.source' | sed 's/+local//')" = influxdb ]; }
wait_until 20 from_record
ok "reads go there too"
stop_holdfastd
stop_influxd
unset INFLUXDB_HTTP_AUTH_ENABLED HOLDFAST_INFLUXDB_USERNAME HOLDFAST_INFLUXDB_PASSWORD_FILE
rm -rf "$T/data" "$T/influx"

# ---- TLS ----

cd "$T" || exit 1
{
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj '/CN=test authority' \
		-addext 'basicConstraints=critical,CA:TRUE' -addext 'keyUsage=critical,keyCertSign' -keyout ca.key -out ca.pem
	for name in localhost elsewhere.example client.example; do
		openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$name" -keyout $name.key -out $name.csr
		printf 'subjectAltName=DNS:%s\nextendedKeyUsage=serverAuth,clientAuth\n' $name > $name.ext
		openssl x509 -req -in $name.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile $name.ext -out $name.pem
	done
} > "$T/openssl.log" 2>&1
ok "certificates are made"
cd "$OLDPWD" || exit 1
# influxd answers https only now: lib.sh's start waits for http.
start_tls_influxd() { # NAME
	choose_influxd_ports
	INFLUXDB_REPORTING_DISABLED=true INFLUXDB_META_DIR=$T/influx/meta INFLUXDB_DATA_DIR=$T/influx/data \
		INFLUXDB_DATA_WAL_DIR=$T/influx/wal INFLUXDB_HTTP_BIND_ADDRESS=127.0.0.1:$INFLUX_PORT \
		INFLUXDB_BIND_ADDRESS=127.0.0.1:$INFLUX_RPC INFLUXDB_HTTP_LOG_ENABLED=false INFLUXDB_MONITOR_STORE_ENABLED=false \
		INFLUXDB_HTTP_HTTPS_ENABLED=true INFLUXDB_HTTP_HTTPS_CERTIFICATE=$T/$1.pem \
		INFLUXDB_HTTP_HTTPS_PRIVATE_KEY=$T/$1.key influxd -config /dev/null > "$T/influx.log" 2>&1 &
	INFLUX_PID=$!
	wait_until 30 curl -skf "https://127.0.0.1:$INFLUX_PORT/ping" || bail_out "influxd did not start"
}
start_tls_influxd localhost
export INFLUXDB_URL=https://localhost:$INFLUX_PORT HOLDFAST_INFLUXDB_CA_FILE=$T/ca.pem
start_holdfastd
wait_until 20 in_step
ok "over TLS, its certificate signed by ca_file"
stop_holdfastd
unset HOLDFAST_INFLUXDB_CA_FILE
start_holdfastd
wait_until 20 state_is down
ok "a certificate that nobody known has signed is not taken"
replication .last_error | grep -qi 'certificate'
ok "and named"
stop_holdfastd
stop_influxd
export HOLDFAST_INFLUXDB_CA_FILE=$T/ca.pem
start_tls_influxd elsewhere.example
start_holdfastd
wait_until 20 state_is down
ok "nor one for another host"
stop_holdfastd
stop_influxd
INFLUXDB_URL=http://127.0.0.1:$INFLUX_PORT start_tls_influxd localhost
INFLUXDB_URL=http://127.0.0.1:$INFLUX_PORT start_holdfastd
wait_until 20 state_is held
ok "plain HTTP to a TLS port is held, not taken for a refusal of points"
is "$(api quarantine | jq .points)" 0 "the quarantine is empty"
stop_holdfastd
stop_influxd
unset HOLDFAST_INFLUXDB_CA_FILE
rm -rf "$T/data" "$T/influx"

# ---- a Unix socket ----

export INFLUXDB_HTTP_UNIX_SOCKET_ENABLED=true INFLUXDB_HTTP_BIND_SOCKET=$T/influx.sock
start_influxd
export INFLUXDB_URL=unix:$T/influx.sock
start_holdfastd
wait_until 20 in_step
ok "over a Unix socket"
stop_holdfastd
stop_influxd
unset INFLUXDB_HTTP_UNIX_SOCKET_ENABLED INFLUXDB_HTTP_BIND_SOCKET
rm -rf "$T/data"

# ---- others that take line protocol ----

VM_PORT=$("$FREEPORT")
victoria-metrics -httpListenAddr="127.0.0.1:$VM_PORT" -storageDataPath="$T/victoria" > "$T/victoria.log" 2>&1 &
INFLUX2_PID=$! # which ends with the others
wait_until 30 curl -sf "http://127.0.0.1:$VM_PORT/ping" || bail_out "victoria-metrics did not start"
INFLUXDB_URL=http://127.0.0.1:$VM_PORT start_holdfastd
in_victoria() {
	curl -s "http://127.0.0.1:$VM_PORT/internal/force_flush" > "$T/answer"
	curl -sg "http://127.0.0.1:$VM_PORT/api/v1/export?match[]=system_resources_usage_user" | jq -es 'map(.values | length) | add > 0'
}
wait_until 30 in_victoria
ok "VictoriaMetrics takes the points"
wait_until 20 in_step
ok "and nothing waits"
stop_holdfastd
end_process "$INFLUX2_PID"
INFLUX2_PID=''
rm -rf "$T/data"

METRICS_ENABLED=no "$BUILDDIR/holdfastd" --listen 127.0.0.1:0 --data-dir "$T/data2" 2> "$T/log2" &
INFLUX2_PID=$!
other_port() { OTHER_PORT=$(sed -n 's|.*: http://127\.0\.0\.1:\([0-9]*\)/$|\1|p' "$T/log2"); [ -n "$OTHER_PORT" ]; }
wait_until 30 other_port
INFLUXDB_URL=http://127.0.0.1:$OTHER_PORT start_holdfastd
other_has() { curl -s "http://127.0.0.1:$OTHER_PORT/api/v1/measurements" | grep -q system_resources; }
wait_until 30 other_has && wait_until 20 in_step
ok "another Holdfast takes the points"
stop_holdfastd
end_process "$INFLUX2_PID"
INFLUX2_PID=''
rm -rf "$T/data" "$T/data2"

# ---- scripted servers: a proxy, InfluxDB 2.x and 3.x, and a page in place of an answer ----

start_scripted() { # OPTIONS…
	: > "$T/ports"
	python3 "$SRCDIR/tests/tools/scripted_server.py" "$@" > "$T/ports" 2> "$T/scripted.log" &
	SCRIPTED_PID=$!
	wait_until 20 sh -c "[ \$(wc -l < '$T/ports') = 2 ]" || bail_out "the scripted server did not start"
	SCRIPTED=http://127.0.0.1:$(sed -n 1p "$T/ports") CONTROL=http://127.0.0.1:$(sed -n 2p "$T/ports")
}
will_answer() { curl -s -X PUT --data-binary "$1" "$CONTROL/_answers"; }
asked() { curl -s "$CONTROL/_requests" > "$T/asked"; jq -r '.[] | .head | split("\r\n")[0]' "$T/asked"; }
start_scripted

will_answer '[{"match": "GET http://influx.example:8086/ping", "headers": {"X-Influxdb-Version": "1.8.10"}},
	{"match": "POST http://influx.example:8086/write?db=metrics&precision=ns"},
	{"match": "GET http://influx.example:8086/query", "status": 200, "body":
		"{\"results\":[{\"series\":[{\"columns\":[\"name\",\"duration\",\"default\"],\"values\":[[\"autogen\",\"0s\",true]]}]}]}"}]'
INFLUXDB_URL=http://influx.example:8086 HOLDFAST_INFLUXDB_PROXY=$SCRIPTED start_holdfastd
wait_until 20 in_step && wait_until 20 place_is ok
ok "through a proxy, which finds the host"
was_asked() { asked | grep -q "$1"; }
wait_until 20 was_asked '^POST http://influx.example:8086/write?db=metrics&precision=ns HTTP'
ok "points are sent through it"
jq -e '[.[] | select(.head | startswith("POST")) | .gzip] | any' "$T/asked" > "$T/answer"
ok "packed, since it is not this machine"
stop_holdfastd
rm -rf "$T/data"

export INFLUXDB_URL=$SCRIPTED INFLUXDB_ORG='my org' INFLUXDB_BUCKET=b INFLUXDB_TOKEN=the-token HOLDFAST_INFLUXDB_MANAGE_RETENTION=yes
will_answer '[{"match": "GET /ping", "headers": {"X-Influxdb-Version": "v2.7.12"}},
	{"match": "POST /api/v2/write", "status": 404, "body": "{\"code\":\"not found\",\"message\":\"bucket \\\"b\\\" not found\"}", "times": 1},
	{"match": "POST /api/v2/write?org=my%20org&bucket=b&precision=ns"},
	{"match": "GET /api/v2/buckets?org=my%20org&name=b", "status": 200, "body": "{\"buckets\":[]}", "times": 1},
	{"match": "GET /api/v2/buckets?org=my%20org&name=b", "status": 200, "body": "{\"buckets\":[{\"id\":\"b1\",\"retentionRules\":[{\"everySeconds\":2592000}]}]}"},
	{"match": "GET /api/v2/orgs?org=my%20org", "status": 200, "body": "{\"orgs\":[{\"id\":\"o1\"}]}"},
	{"match": "POST /api/v2/buckets", "status": 201, "body": "{\"id\":\"b1\"}"},
	{"match": "POST /api/v2/dbrps", "status": 201, "body": "{}"}]'
start_holdfastd
wait_until 20 in_step && wait_until 20 place_is ok
ok "InfluxDB 2.x: the bucket is made and takes the points"
is "$(replication .server_version)" v2.7.12 "its version is shown"
wait_until 20 was_asked '^POST /api/v2/write?org=my%20org&bucket=b&precision=ns HTTP'
ok "points go to its interface"
is "$(jq -r '[.[] | select(.head | startswith("POST /api/v2/buckets")) | .body] | unique | .[]' "$T/asked")" \
	'{"orgID":"o1","name":"b","retentionRules":[{"type":"expire","everySeconds":2592000}]}' "the bucket has raw's retention"
is "$(jq '[.[] | .head | contains("\r\nAuthorization: Token the-token\r\n")] | all' "$T/asked")" true "each request bears the token"
stop_holdfastd
rm -rf "$T/data"

will_answer '[{"match": "GET /ping", "status": 200, "body": "{\"version\":\"3.2.1\"}"},
	{"match": "POST /api/v3/write_lp?db=b&precision=nanosecond&accept_partial=true"},
	{"match": "GET /api/v3/configure/database?format=json", "status": 200, "body": "[{\"iox::database\":\"b\"}]"},
	{"match": "GET /query", "status": 200, "body":
		"{\"results\":[{\"series\":[{\"columns\":[\"iox::database\",\"name\",\"duration\"],\"values\":[[\"b\",\"autogen\",\"24h0m0s\"]]}]}]}"},
	{"match": "PUT /api/v3/configure/database", "status": 200}]'
start_holdfastd
wait_until 20 place_is ok && wait_until 20 was_asked '^POST /api/v3/write_lp?db=b&precision=nanosecond&accept_partial=true HTTP'
ok "InfluxDB 3.x takes the points"
is "$(jq -r '[.[] | select(.head | startswith("PUT")) | .body] | .[0]' "$T/asked")" '{"db":"b","retention_period":"720h"}' \
	"its shorter retention is lengthened"
is "$(jq '[.[] | select(.head | startswith("GET /ping") | not) | .head | contains("\r\nAuthorization: Bearer the-token\r\n")] | all' "$T/asked")" \
	true "each request bears the token"

will_answer '[{"match": "GET /ping", "status": 200, "body": "{\"version\":\"3.2.1\"}"},
	{"match": "POST", "status": 200, "body": "<html>You sent {request}. Please log in.</html>"}]'
wait_until 20 state_is held
ok "a page in place of an answer is no delivery"
replication .last_error | grep -q 'Please log in'
ok "and is shown"
! replication .last_error | grep -q the-token
ok "without the token that it shows"
is "$(api quarantine | jq .points)" 0 "the quarantine is empty"
! grep -q the-token "$T/log"
ok "nor is it in the log"
stop_holdfastd
end_process "$SCRIPTED_PID"
rm -rf "$T/data"
unset INFLUXDB_ORG INFLUXDB_BUCKET INFLUXDB_TOKEN HOLDFAST_INFLUXDB_MANAGE_RETENTION

# ---- a server that asks for the client's certificate ----

start_scripted --cert "$T/localhost.pem" --key "$T/localhost.key" --client-ca "$T/ca.pem"
will_answer '[{"match": "GET /ping", "headers": {"X-Influxdb-Version": "1.8.10"}}, {"match": "POST /write"}]'
export INFLUXDB_URL=https://localhost:$(sed -n 1p "$T/ports") HOLDFAST_INFLUXDB_CA_FILE=$T/ca.pem
start_holdfastd
wait_until 20 state_is down
ok "without a certificate it is refused"
stop_holdfastd
export HOLDFAST_INFLUXDB_CERT_FILE=$T/client.example.pem HOLDFAST_INFLUXDB_KEY_FILE=$T/client.example.key
chmod 644 "$T/client.example.key"
"$BUILDDIR/holdfastd" -n > "$T/answer" 2>&1
[ $? = 2 ] && grep -q 'key_file: others can read .*client.example.key; chmod 600 it' "$T/answer"
ok "a key that others can read is not used"
chmod 600 "$T/client.example.key"
start_holdfastd
wait_until 20 was_asked '^POST /write?db=metrics&precision=ns HTTP'
ok "with one its points arrive"
stop_holdfastd
end_process "$SCRIPTED_PID"
SCRIPTED_PID=''
finish
