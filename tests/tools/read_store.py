#!/usr/bin/python3
"""Reads the files of a data folder by docs/format.md alone, and prints their points as line protocol.

    read_store.py DATA_FOLDER [NAMESPACE]   every point of the namespace (metrics), unordered
    read_store.py --rollups DATA_FOLDER     every row of the rollups: series, tier, time, field, its aggregates
    read_store.py --block FILE              a block's series, timestamps and values

Needs python3-zstandard and python3-xxhash. It shares no code with Holdfast, so it proves the document."""
import re
import sqlite3
import struct
import sys

import xxhash
import zstandard

MASK = (1 << 64) - 1
FLOAT, INTEGER, UNSIGNED, BOOLEAN, STRING = range(5)
KINDS = ["value", "count", "sum", "min", "max", "first", "last", "first_at", "last_at", "sketch"]
TIERS = ["raw", "1m", "1h", "1d"]
BUCKET_NS = [0, 60 * 10**9, 3600 * 10**9, 86400 * 10**9]


class Bytes:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        if n > len(self.data) - self.at:
            raise ValueError("the bytes end early")
        self.at += n
        return self.data[self.at - n:self.at]

    def byte(self):
        return self.take(1)[0]

    def v(self):
        value = shift = 0
        while True:
            b = self.byte()
            value |= (b & 127) << shift
            shift += 7
            if b < 128:
                return value

    def z(self):
        n = self.v()
        return (n >> 1) ^ -(n & 1)


def signed(v):
    v &= MASK
    return v - (1 << 64) if v >> 63 else v


def unzigzag(v):
    return (v >> 1) ^ -(v & 1)


# ---- blocks ----

def read_streams(section):
    s = Bytes(section)
    which = int.from_bytes(s.take(2), "little")
    entries = {}
    for k in range(11):
        if which >> k & 1:
            n = s.v()
            entries[k] = (n >> 1, s.v() if n & 1 else None)
    streams = [Bytes(b"")] * 11
    for k, (length, packed) in entries.items():
        data = s.take(length if packed is None else packed)
        if packed is not None:
            data = zstandard.ZstdDecompressor().decompress(data, max_output_size=length)
        if len(data) != length:
            raise ValueError("a stream has another length")
        streams[k] = Bytes(data)
    if s.at != len(section):
        raise ValueError("a section has bytes left over")
    return streams


def undo_transform(transform, zigzag, base, unit, step, least, residuals, n):
    real = [unzigzag(r) if zigzag else r + least for r in residuals]
    if transform == 0:
        return [base + r * unit for r in residuals]
    values = [base]
    if transform == 2:
        values.append(base + step * unit)
    for i in range(transform, n):
        if transform == 1:
            values.append(values[-1] + real[i - 1] * unit)
        else:
            step += real[i - 2]
            values.append(values[-1] + signed(step) * unit)
    return values


def as_numbers(values, representation, exponent, strings, column_type):
    if representation == 3:
        return [strings[v & MASK] for v in values]
    if representation == 1:
        return [signed(v) / 10.0**exponent for v in values]
    if representation == 2:
        bits = [(v & MASK) if not v >> 63 & 1 else (v & MASK) ^ (MASK >> 1) for v in values]
        return [struct.unpack("<d", struct.pack("<Q", b))[0] for b in bits]
    if column_type == UNSIGNED:
        return [v & MASK for v in values]
    if column_type == BOOLEAN:
        return [(v & MASK) != 0 for v in values]
    return [signed(v) for v in values]


def read_chunk(streams, rows, column_type):
    """The next series' values, None where a row has none; or None: the series has no such column."""
    meta = streams[0]
    how = meta.byte()
    presence, transform, zigzag, representation = how & 3, how >> 2 & 3, how >> 4 & 1, how >> 5 & 3
    if presence == 0:
        return None
    second = meta.byte()
    width = second & 15
    here = [True] * rows
    if presence == 2:
        bitmap = streams[1].take((rows + 7) // 8)
        here = [bool(bitmap[i // 8] >> i % 8 & 1) for i in range(rows)]
    n = sum(here)
    strings, exponent, unit, step, least = [], 0, 1, 0, 0
    if representation == 3:
        for _ in range(meta.v()):
            strings.append(streams[10].take(streams[10].v()))
    if representation == 1:
        exponent = meta.byte()
    if second & 16:
        unit = meta.v()
    base = meta.z()
    if transform == 2:
        step = meta.z()
    if transform and not zigzag:
        least = meta.z()
    exceptions = []
    if second & 32:
        at = 0
        for _ in range(meta.v()):
            at += meta.v()
            exceptions.append((at, struct.unpack("<d", meta.take(8))[0]))
    planes = [streams[2 + p].take(n - transform) for p in range(width)]
    residuals = [sum(planes[p][i] << 8 * p for p in range(width)) for i in range(n - transform)]
    values = undo_transform(transform, zigzag, base, unit, step, least, residuals, n)
    values = as_numbers(values, representation, exponent, strings, column_type)
    for at, v in exceptions:
        values[at] = v
    values = iter(values)
    return [next(values) if h else None for h in here]


def read_block(data):
    """[(ordinal, times, {(field, kind): (type, values)})]"""
    b = Bytes(data)
    if b.take(4) != b"HFB\1":
        raise ValueError("not a block of version 1")
    length, = struct.unpack("<I", b.take(4))
    checksum, = struct.unpack("<Q", b.take(8))
    directory = Bytes(b.take(length))
    if xxhash.xxh3_64_intdigest(directory.data) != checksum:
        raise ValueError("the directory's checksum differs")
    series_count, column_count = directory.v(), directory.v()
    series, columns, ordinal = [], [], 0
    for _ in range(series_count):
        ordinal += directory.v()
        series.append((ordinal, directory.v(), {}))
    for _ in range(column_count):
        columns.append((directory.v(), directory.byte(), directory.byte(), directory.v(),
                        struct.unpack("<I", directory.take(4))[0]))
    times = []
    for field, kind, column_type, length, low in columns:
        section = b.take(length)
        if xxhash.xxh3_64_intdigest(section) & 0xffffffff != low:
            raise ValueError("a section's checksum differs")
        streams = read_streams(section)
        for _, rows, fields in series:
            values = read_chunk(streams, rows, column_type)
            if kind == 255:
                times.append(values)
            elif values is not None:
                fields[field, kind] = (column_type, values)
    if b.at != len(data):
        raise ValueError("a block has bytes left over")
    return [(o, t, f) for (o, _, f), t in zip(series, times)]


def read_sketch(packed):
    """zeros, {bucket: count} of the positive, of the negative side"""
    s = Bytes(packed)
    if s.byte() != 5:
        raise ValueError("not a sketch of schema 5")
    zeros, sides = s.v(), []
    for _ in range(2):
        bucket, side = 0, {}
        for _ in range(s.v()):
            bucket += s.z()
            side[bucket] = s.v()
        sides.append(side)
    if s.at != len(packed):
        raise ValueError("a sketch has bytes left over")
    return zeros, sides[0], sides[1]


# ---- text ----

def number(v):
    for digits in range(1 if abs(v) < sys.float_info.min else 15, 18):
        text = "%.*g" % (digits, v)
        if float(text) == v:
            return text
    return text


def value_text(column_type, v):
    if column_type == FLOAT:
        return number(v).encode()
    if column_type == STRING:
        plain = re.sub(rb'\\([\\"])', rb"\1", v)
        return b'"' + re.sub(rb'([\\"])', rb"\\\1", plain) + b'"'
    if column_type == BOOLEAN:
        return b"true" if v else b"false"
    return b"%d%s" % (v, b"i" if column_type == INTEGER else b"u")


# ---- line protocol, for the spool's rows ----

def split_line(line):
    """The series key, {field: text of the value}, time"""
    def find(stop, at, quotes):
        quoted = False
        while at < len(line):
            c = line[at:at + 1]
            if c == b"\\":
                at += 2
                continue
            if quotes and c == b'"':
                quoted = not quoted
            elif not quoted and c in stop:
                return at
            at += 1
        return at

    end = find([b" "], 0, False)
    key, at, fields = line[:end], end + 1, {}
    while True:
        eq = find([b"="], at, False)
        end = find([b",", b" "], eq + 1, True)
        fields[line[at:eq]] = line[eq + 1:end]
        at = end + 1
        if line[end:end + 1] != b",":
            return key, fields, int(line[at:])


def lines_of(text):
    """Line feeds within quotes do not end a line."""
    start, at, quoted = 0, 0, False
    while at < len(text):
        c = text[at]
        if c == 0x5c:
            at += 1
        elif c == 0x22:
            quoted = not quoted
        elif c == 0x0a and not quoted:
            yield text[start:at]
            start = at + 1
        at += 1
    if start < len(text):
        yield text[start:]


def sort_key(key):
    parts, at, start = [], 0, 0
    while at < len(key):
        if key[at:at + 1] == b"\\":
            at += 1
        elif key[at:at + 1] == b",":
            parts.append(key[start:at])
            start = at + 1
        at += 1
    parts.append(key[start:])
    return b",".join(parts[:1] + sorted(parts[1:]))


def in_types_form(text, column_type):
    if column_type == STRING:
        return text[1:-1]
    if column_type == BOOLEAN:
        return text[:1] in b"tT"
    if column_type == FLOAT:
        return float(text)
    return int(text.rstrip(b"iu"))


def open_read_only(path):
    db = sqlite3.connect("file:%s?mode=ro" % path, uri=True)
    db.text_factory = bytes
    return db


class Store:
    def __init__(self, folder):
        self.db = open_read_only(folder + "/store.db")
        self.spool = open_read_only(folder + "/spool.db")
        self.series = dict(self.db.execute("SELECT id, key FROM series"))
        self.fields = {(m, n): (name, t) for m, n, name, t in
                       self.db.execute("SELECT measurement, number, name, type FROM field")}

    def rows(self, namespace, tiers):
        """(tier, measurement, ordinal, time, {(field, kind): (type, value)}), in the order of writing"""
        wanted = {m for m, in self.db.execute(
            "SELECT m.id FROM measurement m JOIN database d ON d.id = m.db WHERE d.name = ?", (namespace,))}
        pieces = "SELECT tier, measurement, data FROM piece WHERE id %s 0 ORDER BY id"
        blocks = self.db.execute(pieces % "<").fetchall()
        blocks += [(i >> 61, i >> 27 & 0x3fff, d) for i, d in self.db.execute("SELECT id, data FROM block ORDER BY id")]
        blocks += self.db.execute(pieces % ">").fetchall()
        for tier, measurement, data in blocks:
            if tier not in tiers or measurement not in wanted:
                continue
            for ordinal, times, columns in read_block(data):
                for i, t in enumerate(times):
                    row = {k: (ct, v[i]) for k, (ct, v) in columns.items() if v[i] is not None}
                    yield tier, measurement, ordinal, t, row

    def points(self, namespace):
        """{(series key, time): {field name: (type, value)}}"""
        points = {}
        for _, m, ordinal, t, row in self.rows(namespace, [0]):
            at = points.setdefault((self.series[m << 20 | ordinal], t), {})
            at.update((self.fields[m, field][0], value) for (field, _), value in row.items())
        compacted = self.db.execute("SELECT value FROM meta WHERE key = 'compacted_seq'").fetchone()
        types = {(m, n): t for m, n, t in self.spool.execute(
            "SELECT f.measurement, f.name, f.type FROM field f JOIN database d ON d.id = f.db WHERE d.name = ?",
            (namespace,))}
        for payload, in self.spool.execute(
                "SELECT payload FROM spool WHERE seq > ? AND db = (SELECT id FROM database WHERE name = ?) ORDER BY seq",
                (compacted[0] if compacted else 0, namespace)):
            text = zstandard.ZstdDecompressor().stream_reader(payload, read_across_frames=True).read()
            for line in lines_of(text):
                key, fields, t = split_line(line)
                key = sort_key(key)
                measurement = key.replace(b"\\,", b"\0").split(b",")[0].replace(b"\0", b"\\,")
                at = points.setdefault((key, t), {})
                for name, value in fields.items():
                    column_type = types[measurement, name]
                    at[name] = (column_type, in_types_form(value, column_type))
        return points


def print_points(folder, namespace):
    out = sys.stdout.buffer
    for (key, t), fields in Store(folder).points(namespace).items():
        text = b",".join(n + b"=" + value_text(*fields[n]) for n in sorted(fields))
        out.write(b"%s %s %d\n" % (key, text, t))


def print_rollups(folder):
    store, rows = Store(folder), {}
    for tier, m, ordinal, t, row in store.rows("metrics", [1, 2, 3]):
        at = rows.setdefault((tier, m, ordinal, t), {})
        for (field, kind), value in row.items():
            if kind == 1 and (field, 9) not in row:
                at.pop((field, 9), None)
            at[field, kind] = value
    for (tier, m, ordinal, t), row in sorted(rows.items()):
        for field in sorted({f for f, _ in row}):
            figures = []
            for kind in range(1, 9):
                column_type, v = row[field, kind]
                figures.append("%s=%s" % (KINDS[kind], number(v) if column_type == FLOAT else v))
            if (field, 9) in row:
                zeros, positive, negative = read_sketch(row[field, 9][1])
                figures.append("sketched=%d" % (zeros + sum(positive.values()) + sum(negative.values())))
            print(store.series[m << 20 | ordinal].decode(errors="replace"), TIERS[tier], t,
                  store.fields[m, field][0].decode(errors="replace"), *figures)


def print_block(path):
    with open(path, "rb") as f:
        for ordinal, times, columns in read_block(f.read()):
            print("series", ordinal)
            print("times", *times)
            for (field, kind), (column_type, values) in sorted(columns.items()):
                print("field", field, KINDS[kind], *(number(v) if column_type == FLOAT else v for v in values))


if __name__ == "__main__":
    if sys.argv[1] == "--block":
        print_block(sys.argv[2])
    elif sys.argv[1] == "--rollups":
        print_rollups(sys.argv[2])
    else:
        print_points(sys.argv[1], (sys.argv[2] if len(sys.argv) > 2 else "metrics"))
