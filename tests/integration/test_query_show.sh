#!/bin/sh
# /query beside a real InfluxDB: the same writes, the same statements, equal answers byte for byte, in all forms of the answer.
. "$SRCDIR/tests/integration/lib.sh"
need_programs curl influxd influx script
export METRICS_ENABLED=no HOLDFAST_SERVER_CREATE_DATABASES=yes HOLDFAST_RETENTION_RAW=3650d HOLDFAST_RETENTION_1M=3650d \
	HOLDFAST_RETENTION_1H=3650d HOLDFAST_RETENTION_1D=3650d
start_influxd
start_holdfastd

# The path is given apart, since both servers have their own address.
ask_both() { # PATH CURL-OPTIONS…
	path=$1
	shift
	curl -s -i "$IX$path" "$@" | tr -d '\r' > "$T/theirs"
	curl -s -i "$HF$path" "$@" | tr -d '\r' > "$T/ours"
	for f in theirs ours; do # of the headers the status, the type and the error; no trailers
		awk '!body && /^$/ { body = 1 } !/^X-Holdfast-/ && (body || /^HTTP|^Content-Type|^X-Influxdb-Error/)' "$T/$f" > "$T/$f.cut"
	done
	cmp -s "$T/theirs.cut" "$T/ours.cut"
}

compare() { # NAME PATH CURL-OPTIONS…
	name=$1
	shift
	ask_both "$@"
	ok "$name"
	cmp -s "$T/theirs.cut" "$T/ours.cut" || diff "$T/theirs.cut" "$T/ours.cut" | cut -c1-300 | head -20 | sed 's/^/# /'
}

compare_all() { # NAME PATH CURL-OPTIONS… ; statements on standard input
	name=$1 differ=0 count=0
	shift
	while IFS= read -r q; do
		count=$((count + 1))
		printf '%s' "$q" > "$T/q"
		ask_both "$@" --data-urlencode "q@$T/q" && continue
		differ=$((differ + 1))
		printf '# %s\n' "$q"
		diff "$T/theirs.cut" "$T/ours.cut" | cut -c1-300 | head -6 | sed 's/^/# /'
	done
	[ $differ -eq 0 ] && [ $count -gt 0 ]
	ok "$name: $count statements"
}

curl -s -XPOST "$IX/query" --data-urlencode 'q=CREATE DATABASE metrics' > /dev/null
for s in "$IX" "$HF"; do
	curl -s -XPOST "$s/query" --data-urlencode 'q=CREATE DATABASE "other one"' > /dev/null
	curl -s -o "$T/wrote" -w '%{http_code}\n' "$s/write?db=metrics" --data-binary @- <<-'END'
		cpu,host=a,region=eu usage=1.5,n=1i,s="x" 1700000000000000000
		cpu,host=b,region=us usage=2.5,n=2i 1700000001000000000
		cpu,host=c usage=3.5,b=true 1700000002000000000
		mem,host=a used=1i 1700000000000000000
		disk,host=a,path=/ free=1 1700000000000000000
		disk,host=a,path=/var\ x free=1 1700000000000000000
		disk,host=b,path=/ used=2 1700000000000000000
		notag v=1 1700000000000000000
		we\ ird\,m,t\ g\,\==v\ \,\=l f\ \,d=1 1700000000000000000
		htm<l,a=<b>&c v="<x>&y" 1700000000000000000
		o,h=a,x=1 v=1 1700000000000000000
		o,h=a!,x=1 v=1 1700000000000000000
		o,h=a\ b,x=1 v=1 1700000000000000000
		o,h=a v=1 1700000000000000000
		o,g=1 v=1 1700000000000000000
		o,h=a-,x=1 v=1 1700000000000000000
		o,h=a0 v=1 1700000000000000000
		o v=1 1700000000000000000
		o!,h=1 v=1 1700000000000000000
		o\ a,h=1 v=1 1700000000000000000
		o\,a,h=1 v=1 1700000000000000000
		o-,h=1 v=1 1700000000000000000
		tv,a=x,b=x,c=y v=1 1700000000000000000
		tv,a=y,b=x,c=y v=1 1700000000000000000
		eq=m,a\==b\= v=1 1700000000000000000
		q,t\ag=a\,b\=c,u="q" s="com,ma \"q\"",f=1e30,g=1e-7,h=123456789.5,i=-0,b=false,z=1e21,x=0.000001 1700000000123456789
		q f=1e20,h=0.1 1700000000100000000
	END
done > "$T/codes"
is "$(sort -u "$T/codes")" 204 "both take the same points"

SHOWS=$SRCDIR/tests/query/corpus/shows.influxql
grep -v '^#' "$SHOWS" > "$T/lines"
compare_all 'SHOW and what changes nothing' '/query?db=metrics' < "$T/lines"
compare_all 'in chunks' '/query?db=metrics&chunked=true&chunk_size=2' < "$T/lines"
compare_all 'pretty' '/query?db=metrics&pretty=true' < "$T/lines"
compare_all 'as CSV' '/query?db=metrics' -H 'Accept: text/csv' < "$T/lines"
compare_all 'by GET' '/query?db=metrics' -G < "$T/lines"
# which of two errors is told when the condition is wrong too is left open
grep -v 'WHERE host$' "$T/lines" > "$T/named"
mv "$T/named" "$T/lines"
compare_all 'without a database' '/query' < "$T/lines"
compare_all 'of a database that is not there' '/query?db=nope' < "$T/lines"
compare_all 'of a policy that is not there' '/query?db=metrics&rp=zz' < "$T/lines"
cat > "$T/selects" <<'END'
SELECT * FROM cpu
SELECT * FROM cpu; SHOW MEASUREMENTS WITH MEASUREMENT = cpu; SELECT usage FROM cpu GROUP BY host
SELECT usage FROM cpu GROUP BY *
SELECT * FROM q GROUP BY *
SELECT count(usage) FROM cpu WHERE time >= 1700000000s AND time < 1700000010s GROUP BY time(5s), host
SELECT * FROM nothere
SELECT foo(usage) FROM cpu
SELECT mean(usage) FROM cpu; SELECT foo(v) FROM cpu; SHOW DATABASES
SELECT * FROM nopol.cpu; SHOW DATABASES
SELECT * FROM nope.autogen.cpu
SELECT * FROM _series
SELECT mean(usage) FROM cpu WHERE time >= '2023-11-14' AND time < '2023-11-16' GROUP BY time(1d) tz('Europe/Berlin')
SELECT usage FROM cpu tz('America/New_York')
END
compare_all 'SELECT' '/query?db=metrics' < "$T/selects"
compare_all 'SELECT in chunks' '/query?db=metrics&chunked=true&chunk_size=2' < "$T/selects"
compare_all 'SELECT as CSV' '/query?db=metrics' -H 'Accept: application/csv' < "$T/selects"
for e in ns u ms s m h n us x ''; do
	compare_all "SELECT, epoch=$e" "/query?db=metrics&epoch=$e" < "$T/selects"
done

# what a request may look like
printf 'SHOW MEASUREMENTS; SHOW DATABASES\n' > "$T/file"
compare 'no q' /query
compare 'no q, posted' /query -XPOST
compare 'an empty q' '/query?q='
compare 'no q, pretty' '/query?pretty=true'
compare 'no q, CSV' /query -H 'Accept: text/csv'
compare 'a wrong statement, pretty' '/query?pretty=true' -d 'q=SHOW FOO'
compare 'q in a file' '/query?db=metrics' -F "q=@$T/file"
compare 'q and db in parts' /query -F "q=<$T/file" -F db=metrics
compare 'the address has the last word over parts' '/query?q=SHOW+DATABASES' -F "q=@$T/file" -F db=metrics
compare 'a form has the last word over the address' '/query?q=SHOW+DATABASES&db=nope' -d 'q=SHOW MEASUREMENTS&db=metrics'
compare 'another type of body is no form' '/query?db=metrics' -H 'Content-Type: text/plain' --data-binary 'q=SHOW MEASUREMENTS'
compare 'in the address, with an empty body' '/query?db=metrics&q=SHOW+MEASUREMENTS' -XPOST
compare 'user and password' '/query?db=metrics&u=x&p=y' -d 'q=SHOW DATABASES'
compare 'basic authentication' '/query?db=metrics' -u a:b -d 'q=SHOW DATABASES'
compare 'parameters' '/query?db=metrics' --data-urlencode 'q=SHOW MEASUREMENTS WHERE host = $h' --data-urlencode 'params={"h":"b"}'
compare 'a parameter that is missing' '/query?db=metrics' --data-urlencode 'q=SHOW MEASUREMENTS WHERE host = $h'
compare 'no statement' '/query' --data-urlencode 'q=;'
compare 'no statement, in chunks' '/query?chunked=true' --data-urlencode 'q=;'
compare 'gzip' '/query?db=metrics' --compressed --data-urlencode 'q=SHOW SERIES;SHOW TAG VALUES WITH KEY =~ /./;SHOW FIELD KEYS'
for a in 'text/csv, application/json' 'text/*' 'text/csv; q=0.5' TEXT/CSV foo/bar; do
	compare "Accept: $a" '/query?db=metrics' -H "Accept: $a" -d 'q=SHOW DATABASES'
done

# more rows than InfluxDB puts into one part of its answer
awk 'BEGIN { for (i = 0; i < 25001; i++) printf "many,h=a v=%d %d000000000\n", i, 1700000000 + i }' > "$T/many"
for s in "$IX" "$HF"; do curl -s "$s/write?db=metrics" --data-binary @"$T/many"; done
compare '25,001 rows' '/query?db=metrics' -d 'q=SELECT v FROM many'
compare '25,001 rows in chunks' '/query?db=metrics&chunked=true' -d 'q=SELECT v FROM many'
compare '25,001 rows as CSV' '/query?db=metrics' -H 'Accept: text/csv' -d 'q=SELECT v FROM many'
is "$(curl -s --compressed "$HF/query?db=metrics" -d 'q=SELECT v FROM many' | cksum)" \
	"$(curl -s "$HF/query?db=metrics" -d 'q=SELECT v FROM many' | cksum)" "the same when it is packed and streamed"
curl -s -D "$T/head" --http1.1 --raw "$HF/query?db=metrics" -d 'q=SELECT v FROM many' > "$T/raw"
tail -5 "$T/raw" | tr -d '\r' | grep -q '^X-Holdfast-Complete: yes$'
ok "a streamed answer tells in its trailers how it ended"

# InfluxDB's own shell
shell() { influx -port "$HF_PORT" -database metrics "$@"; }
is "$(shell -execute 'SHOW MEASUREMENTS' -format csv | wc -l)" 16 "the influx shell shows measurements"
printf 'USE metrics\nINSERT shell,h=a v=42 1700000000000000000\nSELECT * FROM shell\nexit\n' |
	timeout 60 script -qec "influx -port $HF_PORT" /dev/null | tr -d '\r' > "$T/shell"
grep -q 'Using database metrics' "$T/shell"
ok "its USE finds the database"
grep -q '^1700000000000000000 a 42' "$T/shell"
ok "INSERT and SELECT"
finish
