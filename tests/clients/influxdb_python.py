#!/usr/bin/python3
"""Debian's python3-influxdb against a server of InfluxDB's 1.x interface; what it gets, as text. influxdb_python.py PORT

It asks for MessagePack and takes JSON, too. What differs between the two for the same answer is not shown: floats beyond 2^53, an
absent list against an empty one, a newline behind an error."""
import json
import sys

from influxdb import InfluxDBClient
from influxdb.exceptions import InfluxDBClientError

BASE = 1698364800


def show(what, value):
    print(what, json.dumps(value, sort_keys=True, ensure_ascii=False))


def attempt(what, f):
    try:
        show(what, f())
    except InfluxDBClientError as e:
        show(what, {"status": e.code, "error": str(e.content).strip()})


def main():
    client = InfluxDBClient(host="127.0.0.1", port=int(sys.argv[1]), database="python", timeout=30)
    show("ping", bool(client.ping()))
    client.create_database("python")
    show("databases", {"name": "python"} in client.get_list_database())
    points = [
        {"measurement": "m", "tags": {"host": "a", "zone": "with space"}, "time": (BASE + 1) * 10**9,
         "fields": {"f": 0.1, "i": 5, "b": True, "s": 'say "hi"'}},
        {"measurement": "m", "tags": {"host": "b"}, "time": "2023-10-27T00:00:10Z", "fields": {"f": -2.5, "i": -7, "s": "ä"}},
        {"measurement": "m", "tags": {"host": "a"}, "time": "2023-10-27T00:01:10.123456Z", "fields": {"f": 1234567.5, "s": ""}}]
    show("write", client.write_points(points))
    show("write in seconds", client.write_points([{"measurement": "n", "time": BASE, "fields": {"v": 1.0}}], time_precision="s"))
    show("write lines", client.write_points(["n,k=x v=2 1698364860", "n,k=x v=3 1698364920"], time_precision="s", protocol="line"))
    compressed = InfluxDBClient(host="127.0.0.1", port=int(sys.argv[1]), database="python", gzip=True, timeout=30)
    show("write gzip", compressed.write_points([{"measurement": "n", "time": BASE * 10**9 + k, "fields": {"v": float(k)}} for k in range(300)]))
    show("query gzip", list(compressed.query("SELECT count(v) FROM n").get_points()))
    show("all", list(client.query("SELECT * FROM m").get_points()))
    show("epoch", list(client.query("SELECT f, i FROM m", epoch="ms").get_points()))
    r = client.query("SELECT mean(f) FROM m GROUP BY host")
    show("groups", [[k[0], k[1], list(v)] for k, v in r.items()])
    show("by tag", list(r.get_points(tags={"host": "a"})))
    show("windows", client.query("SELECT count(f) FROM m WHERE time >= '2023-10-27' AND time < '2023-10-27T00:02:00Z' GROUP BY time(1m) fill(0)").raw)
    show("several", [x.raw for x in client.query("SELECT f FROM m LIMIT 1; SELECT i FROM m LIMIT 1")])
    show("bound", list(client.query("SELECT i FROM m WHERE host = $h AND i > $n", bind_params={"h": "a", "n": 2}).get_points()))
    show("post", list(client.query("SELECT s FROM m", method="POST").get_points()))
    show("measurements", client.get_list_measurements())
    show("series", client.get_list_series())
    show("series of one", client.get_list_series(measurement="m", tags={"host": "a"}))
    show("policies", [[p["name"], p["default"]] for p in client.get_list_retention_policies("python")])
    show("tag values", list(client.query('SHOW TAG VALUES FROM m WITH KEY = "host"').get_points()))
    show("field keys", list(client.query("SHOW FIELD KEYS FROM m").get_points()))
    show("nothing", list(client.query("SELECT v FROM nosuch").get_points()))
    attempt("wrong statement", lambda: client.query("SELECT"))
    attempt("wrong function", lambda: client.query("SELECT foo(f) FROM m").raw)
    attempt("wrong database", lambda: client.query("SELECT f FROM m", database="nosuch").raw)
    attempt("wrong type", lambda: client.write_points([{"measurement": "m", "time": BASE * 10**9, "fields": {"f": "text"}}]))
    attempt("wrong line", lambda: client.write_points(["n v=1 1698364800000000000", "bad"], protocol="line"))


if __name__ == "__main__":
    main()
