#!/usr/bin/python3
"""Puts a row into the spool of a stopped holdfastd by docs/format.md alone, past all validation: what a later version
lets in, an earlier one let in, or a record refuses that has changed its mind.

    plant_rows.py DATA_FOLDER < LINES     one row of the namespace metrics; each line ends with a nanosecond timestamp

Needs python3-zstandard."""
import sqlite3
import sys
import time

import zstandard

lines = sys.stdin.buffer.read()
times = [int(line.rsplit(b" ", 1)[1]) for line in lines.splitlines()]
payload = zstandard.ZstdCompressor(level=1, write_checksum=True, write_content_size=True).compress(lines)
with sqlite3.connect(sys.argv[1] + "/spool.db") as db:
    last = db.execute("SELECT max(coalesce((SELECT max(seq) FROM spool), 0), coalesce((SELECT max(last_seq) FROM extent), 0), "
                      "coalesce((SELECT max(value) FROM meta WHERE key = 'evicted_until_seq'), 0), "
                      "coalesce((SELECT max(seq) FROM cursor), 0))").fetchone()[0]
    db.execute("INSERT INTO spool (seq, db, points, received_ns, min_ns, max_ns, payload) "
               "VALUES (?, (SELECT id FROM database WHERE name = 'metrics'), ?, ?, ?, ?, ?)",
               (last + 1, len(times), time.time_ns(), min(times), max(times), payload))
print(last + 1)
