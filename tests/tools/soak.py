#!/usr/bin/python3
"""The parts of tests/integration/test_soak.sh that shell is too slow for.

    soak.py write PORT_FILE LEDGER WRITER RATE   sends points to the daemon until SIGTERM, then writes its ledger
    soak.py plan SEED SECONDS ONLY               what is done to the record and the daemon, a line each: seconds to wait, what;
                                              ONLY: of the acts those that match
    soak.py compare URL DATABASE SPOOL LEDGER…   the ledgers against the record and the quarantine; prints the report;
                                              status 1: they differ, 2: that cannot be told

A writer has series of its own and one connection, and sends a batch again until it is acknowledged: so it knows the last
acknowledged value of each field. Its ledger has a line a point: measurement, series, timestamp, v, f, s ("-": never written).
Measurements: soak_good (also late and rewritten points, whole or one field of them), soak_unsigned, soak_clash (the record
has the field with another type) and soak_old (beyond the record's retention). Needs nothing beside the standard library."""
import collections
import http.client
import json
import random
import re
import signal
import sqlite3
import sys
import time
import urllib.parse

S = 10**9
HOUR = 3600 * S
SERIES = 20
BAD = ("soak_clash", "soak_old")


def give_up(why):
    print(why, file=sys.stderr)
    sys.exit(2)


# ---- the writer ----

class Writer:
    def __init__(self, port_file, ledger_file, name, rate):
        self.port_file, self.ledger_file, self.name, self.rate = port_file, ledger_file, name, rate
        self.dice = random.Random(name)
        self.ledger = {}  # (measurement, series, time) -> [v, f, s]
        self.known = []  # good points, to be rewritten
        self.connection = None
        self.last_ns = self.number = self.refusals = 0
        self.stopping = False
        signal.signal(signal.SIGTERM, self.stop)

    def stop(self, *_):
        self.stopping = True

    def new_time(self, back=0):
        self.last_ns = max(time.time_ns(), self.last_ns + 1)
        return self.last_ns - back

    def point(self):
        """A key and the fields that this write gives."""
        d, n = self.dice, self.number
        self.number += 1
        series, dice = d.randrange(SERIES), d.random()
        fields = [f"{n}i", f"{d.randrange(10**6) / 100 + 0.25!r}", f'"{self.name}-{n}"']
        if dice < 0.002:
            return ("soak_clash", series, self.new_time()), [f"{n}.5", None, None]
        if dice < 0.004:
            return ("soak_old", series, self.new_time(96 * HOUR)), fields
        if dice < 0.006:
            return ("soak_unsigned", series, self.new_time()), [f"{n}u", None, None]
        if dice < 0.15 and self.known:
            # half of them of the newest points, which may lie in the same batch, or wait, or be under way
            at = d.randrange(len(self.known)) if d.random() < 0.5 else -1 - d.randrange(min(200, len(self.known)))
            return self.known[at], d.choice([fields, [fields[0], None, None], [None, fields[1], fields[2]]])
        key = ("soak_good", series, self.new_time(d.randrange(1, 20) * HOUR if dice < 0.20 else 0))
        self.known.append(key)
        return key, fields

    def line(self, key, fields):
        text = ",".join(f"{n}={v}" for n, v in zip("vfs", fields) if v is not None)
        return f"{key[0]},writer={self.name},series={key[1]} {text} {key[2]}\n"

    def post(self, body):
        if not self.connection:
            with open(self.port_file, encoding="ascii") as f:
                self.connection = http.client.HTTPConnection("127.0.0.1", int(f.read()), timeout=30)
        try:
            self.connection.request("POST", "/write?db=metrics", body)
            answer = self.connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as e:
            self.connection.close()
            self.connection = None
            return 0, repr(e).encode()

    def send(self, points):
        body = "".join(self.line(k, f) for k, f in points).encode()
        while True:
            status, said = self.post(body)
            if status == 204:
                break
            if status not in (0, 429, 503):
                give_up(f"the daemon refuses what it should take: {status} {said[:500]}")
            self.refusals += 1
            time.sleep(0.05)
        for key, fields in points:
            had = self.ledger.setdefault(key, [None, None, None])
            for i, v in enumerate(fields):
                had[i] = v if v is not None else had[i]

    def run(self):
        began, sent = time.monotonic(), 0
        while not self.stopping:
            n = self.dice.choices([1, self.dice.randrange(2, 60), 600, 5000], [20, 75, 4.7, 0.3])[0]
            self.send([self.point() for _ in range(n)])
            sent += n
            ahead = sent / self.rate - (time.monotonic() - began)
            if ahead > 0:
                time.sleep(min(ahead, 2))
        with open(self.ledger_file, "w", encoding="ascii") as f:
            for key, fields in self.ledger.items():
                print(self.name, *key, *(v if v is not None else "-" for v in fields), file=f)
        print(f"writer {self.name}: {sent} points acknowledged, {len(self.ledger)} different ones, "
              f" {self.refusals} requests sent again")


# ---- the plan ----

FAULTS = ["refuse", "error", "error percent=30", "unready arg=2", "unready percent=50", "busy arg=1", "denied", "full",
          "reset", "reset percent=30", "half", "html", "slow arg=700", "slow arg=3000", "trickle arg=20", "hang",
          "swallow", "swallow percent=30"]
SERVER = ["stop", "kill", "pause", "disk"]


def plan(seed, seconds, only):
    dice = random.Random(seed)
    left = seconds
    while left > 0:
        acts = [a for a in [f"fault {f}" for f in FAULTS] + [f"record {s}" for s in SERVER] if re.search(only, a)]
        if not acts:
            give_up(f"no act matches {only}")
        dice.shuffle(acts)
        for i, act in enumerate(acts):
            if left <= 0:
                return
            lasts, pause = dice.uniform(1.5, 5), dice.uniform(0.3, 1.5)
            died = i % 4 == min(3, len(acts) - 1)
            if died:  # in the middle of it
                print(f"{lasts / 2:.1f} {act}; daemon kill; {lasts / 2:.1f} pass")
            else:
                print(f"{lasts:.1f} {act}")
            print(f"{pause:.1f} well")
            left -= lasts + pause


# ---- the comparison ----

def ask(url, database, q):
    """Yields the series of the answer."""
    u = urllib.parse.urlparse(url)
    c = http.client.HTTPConnection(u.hostname, u.port, timeout=300)
    c.request("GET", "/query?" + urllib.parse.urlencode(
        {"db": database, "q": q, "epoch": "ns", "chunked": "true", "chunk_size": 10000}))
    answer = c.getresponse()
    if answer.status != 200:
        give_up(f"the record answers {answer.status}: {answer.read()[:300]}")
    for document in answer:
        for result in json.loads(document)["results"]:
            if "error" in result:
                give_up(f"the record answers {result['error']}")
            yield from result.get("series", [])


def record_of(url, database, writer):
    """What the record has of a writer: key -> [v, f, s], numbers as they are, strings in quotes."""
    have = {}
    for m in ("soak_good", "soak_unsigned", "soak_old", "soak_clash"):
        for s in ask(url, database, f"SELECT * FROM {m} WHERE writer = '{writer}' GROUP BY \"series\""):
            at = [s["columns"].index(c) if c in s["columns"] else None for c in "vfs"]
            series = int(s["tags"]["series"])
            for row in s["values"]:
                have[m, series, row[0]] = [None if i is None else row[i] for i in at]
    return have


def number(text):
    return text if text.startswith('"') else float(text.rstrip("iu"))


def same(want, have):
    for w, h in zip(want, have):
        if (w == "-") != (h is None):
            return False
        if h is not None and number(w) != (f'"{h}"' if isinstance(h, str) else float(h)):
            return False
    return True


LINE = re.compile(r"^(soak_\w+),(?:series=(\d+),writer=(\w+)|writer=(\w+),series=(\d+)) (.*) (-?\d+)$")


def quarantine_of(spool):
    """(writer, key) -> [the fields of each entry], and how many entries there are by reason."""
    entries, reasons, others = collections.defaultdict(list), collections.Counter(), 0
    with sqlite3.connect(f"file:{spool}?mode=ro", uri=True) as db:
        for reason, line in db.execute("SELECT reason, line FROM quarantine ORDER BY id"):
            m = LINE.match(bytes(line).decode().rstrip("\n"))
            if not m:
                others += 1
                continue
            fields = dict(f.split("=", 1) for f in m[6].split(","))
            key = (m[1], int(m[2] or m[5]), int(m[7]))
            entries[m[3] or m[4], key].append([fields.get(f, "-") for f in "vfs"])
            reasons[re.sub(r"\d+", "N", reason)[:90] or "none"] += 1
    return entries, reasons, others


def covered(want, entries):
    """Do the entries of a point, the last one last, give what was acknowledged last?"""
    last = ["-"] * 3
    for e in entries:
        last = [n if n != "-" else o for n, o in zip(e, last)]
    return all(w == "-" or (l != "-" and number(w) == number(l)) for w, l in zip(want, last))


class Report:
    def __init__(self):
        self.n = collections.Counter()
        self.shown = collections.Counter()

    def wrong(self, what, *details):
        self.n[what] += 1
        if self.n[what] <= 5:
            print(f"{what}:", *details)


WRONG = ["missing", "other value", "never acknowledged", "in record and quarantine", "good point set aside",
         "without a reason"]


def compare(url, database, spool, ledgers):
    r = Report()
    entries, reasons, others = quarantine_of(spool)
    r.n["without a reason"] += reasons["none"]
    for path in ledgers:
        want = {}
        with open(path, encoding="ascii") as f:
            for text in f:
                writer, m, series, at, *fields = text.split()
                want[m, int(series), int(at)] = fields
        if not want:
            give_up(f"{path}: nothing was acknowledged")
        have = record_of(url, database, writer)
        for key, fields in want.items():
            aside = entries.get((writer, key))
            r.n["acknowledged"] += 1
            r.n["of " + key[0]] += 1
            r.n["in the record"] += key in have
            r.n["in quarantine"] += bool(aside)
            r.n["twice in quarantine"] += bool(aside) and len(aside) > 1
            if aside and key[0] not in BAD:
                r.wrong("good point set aside", writer, *key, fields, aside)
            if aside and key in have:
                r.wrong("in record and quarantine", writer, *key, fields, have[key])
            elif key in have and not same(fields, have[key]):
                r.wrong("other value", writer, *key, "acknowledged", fields, "record", have[key])
            elif aside and not covered(fields, aside):
                r.wrong("other value", writer, *key, "acknowledged", fields, "quarantine", aside)
            elif key not in have and not aside:
                r.wrong("missing", writer, *key, fields)
        for key in have.keys() - want.keys():
            r.wrong("never acknowledged", writer, *key, have[key])
        entries = {k: v for k, v in entries.items() if k[0] != writer or k[1] in want or r.wrong(
            "never acknowledged", *k, v)}
    for what in ["acknowledged", "of soak_good", "of soak_unsigned", "of soak_clash", "of soak_old", "in the record",
                 "in quarantine", "twice in quarantine"] + WRONG:
        print(f"{what:26} {r.n[what]:9}")
    for reason, n in sorted(reasons.items()):
        print(f"quarantine, entries {n:6}   {reason}")
    if others:
        print(f"quarantine, of others {others:4}")
    sum_is_right = r.n["acknowledged"] == r.n["in the record"] + r.n["in quarantine"]
    print(f"record and quarantine make up what was acknowledged: {'yes' if sum_is_right else 'NO'}")
    return sum_is_right and not any(r.n[w] for w in WRONG)


def main(argv):
    if argv[1:2] == ["write"] and len(argv) == 6:
        Writer(argv[2], argv[3], argv[4], float(argv[5])).run()
    elif argv[1:2] == ["plan"] and len(argv) == 5:
        plan(int(argv[2]), float(argv[3]), argv[4])
    elif argv[1:2] == ["compare"] and len(argv) > 5:
        return 0 if compare(*argv[2:5], argv[5:]) else 1
    else:
        give_up(__doc__)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
