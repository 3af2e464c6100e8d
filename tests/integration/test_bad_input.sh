#!/bin/sh
# Bad input of any kind: one clear line that says what to do, exit status 2, nothing changed on disk.
. "$SRCDIR/tests/integration/lib.sh"
need_programs curl sqlite3
export METRICS_ENABLED=no

listing() { (cd "$T/world" && find . -printf '%p %s %m %T@\n' | sort); }

refused() { # NAME PATTERN; then the options
	name=$1 pattern=$2
	shift 2
	listing > "$T/before"
	timeout 20 "$BUILDDIR/holdfastd" --listen 127.0.0.1:0 "$@" > "$T/out" 2> "$T/err"
	is $? 2 "$name: exit status 2"
	[ "$(wc -l < "$T/err")" -eq 1 ] && [ ! -s "$T/out" ] && grep -qE "$pattern" "$T/err"
	ok "$name: one line that says it"
	sed 's/^/# /' "$T/err"
	listing > "$T/after"
	cmp -s "$T/before" "$T/after"
	ok "$name: nothing on disk has changed"
}

mkdir "$T/world"
W=$T/world
printf '[server]\nlissten = 127.0.0.1:1\n' > "$W/key.conf"
printf '[collect]\ninterval = 10q\n' > "$W/unit.conf"
refused 'unknown key' 'key.conf:2: .*did you mean listen' --config "$W/key.conf" --data-dir "$W/data"
refused 'bad unit' 'unit.conf:2: .*write 10s' --config "$W/unit.conf" --data-dir "$W/data"
refused 'missing file' 'cannot open .*none.conf' --config "$W/none.conf" --data-dir "$W/data"
METRICS_COLLECTION_INTERVAL=often refused 'bad environment' 'METRICS_COLLECTION_INTERVAL=often is not a duration' --data-dir "$W/data"
refused 'unknown option' 'not an option' --frobnicate
refused 'folder that cannot be made' 'cannot create the folder /proc' --data-dir /proc/holdfast
: > "$W/file"
refused 'folder that is a file' 'file' --data-dir "$W/file"

mkdir "$W/foreign"
sqlite3 "$W/foreign/spool.db" 'create table other (x)'
refused 'foreign database' 'another program' --data-dir "$W/foreign"
mkdir "$W/newer"
sqlite3 "$W/newer/spool.db" 'create table t (x); pragma application_id = 0x48464153; pragma user_version = 999'
refused 'newer database' 'start the newer holdfastd' --data-dir "$W/newer"

start_holdfastd
refused 'port in use' 'cannot listen on .*in use.*set \[server\] listen' --listen "127.0.0.1:$HF_PORT" --data-dir "$W/data"
refused 'folder in use' 'in use by another holdfastd' --data-dir "$T/data"
stop_holdfastd

printf '[collect]\ninterval = 10s\n' > "$W/good.conf"
"$BUILDDIR/holdfastd" -n --config "$W/good.conf" > "$T/out" 2>&1
ok "-n accepts a good configuration"
"$BUILDDIR/holdfastd" -n --config "$W/unit.conf" > "$T/out" 2>&1
is $? 2 "-n refuses a bad one"
finish
