#!/usr/bin/python3
"""Writes SELECT statements put together by dice, always the same ones for a seed: what nobody thought of writing down.

    query_statements.py SEED COUNT     for the data sets of query_data.py

What InfluxDB answers by chance is left out: sample(), integral() of groups, and orders that depend on it."""
import sys

from query_data import Dice

RANGES = [
    ("'2023-10-27'", "'2023-10-27T00:10:00Z'"), ("'2023-10-27'", "'2023-10-27T01:00:00Z'"),
    ("'2023-10-27T00:07:30Z'", "'2023-10-27T01:52:30Z'"), ("'2023-10-27'", "'2023-10-27T03:00:00Z'"),
    ("'2023-10-26T22:00:00Z'", "'2023-10-27T02:00:00Z'"), ("'2023-10-27'", "'2023-10-28T12:00:00Z'")]
STEPS = {0: ["30s", "1m", "70s"], 1: ["5m", "10m", "17m"], 2: ["7m", "15m", "30m"], 3: ["20m", "1h"], 4: ["30m", "1h", "2h"], 5: ["1h", "6h", "1d"]}
# measurement: floats, integers, booleans, strings, tags, values of tags
SOURCES = {
    "irr": (["v"], ["n"], ["ok"], ["msg"], {"host": "abcd", "dc": "xy"}),
    "same": (["v"], ["n"], ["b"], ["s"], {"k": "abcd", "l": "xyz"}),
    "gaps": (["v"], ["n"], [], [], {"k": "ab"}),
    "calm": (["f"], ["i"], ["b"], ["s"], {"kind": "abc"}),
    "mem": (["used_percent"], ["used", "total"], [], [], {"host": ["h0", "h3"], "region": ["eu", "us"]}),
    "math": (["a", "b"], ["i", "j"], [], [], {}),
}
NUMERIC = ["count", "sum", "mean", "median", "mode", "stddev", "spread", "min", "max", "first", "last"]
SELECTORS = ["min", "max", "first", "last"]
CHAINS = ["derivative", "non_negative_derivative", "difference", "non_negative_difference", "cumulative_sum", "elapsed"]
VALUEWISE = ["abs", "ceil", "floor", "round", "sin", "sqrt", "exp", "atan"]


class Maker:
    def __init__(self, seed):
        self.dice = Dice(seed)

    def one(self, of):
        return of[self.dice.below(len(of))]

    def chance(self, percent):
        return self.dice.below(100) < percent

    def number(self, source):
        return self.one(source[0] + source[1])

    def condition(self, source, depth=0):
        kind = self.dice.below(8 if depth < 2 else 6)
        tags = list(source[4])
        if kind <= 1 and tags:
            tag = self.one(tags)
            value = self.one(source[4][tag])
            return self.one([f"{tag} = '{value}'", f"{tag} != '{value}'", f"{tag} =~ /{value}|{self.one(source[4][tag])}/", f"{tag} !~ /{value}/", f"{tag} = ''"])
        if kind == 2 and source[3]:
            return self.one([f"{source[3][0]} = 'p'", f"{source[3][0]} != ''", f"{source[3][0]} =~ /s|k|p/"])
        if kind == 3 and source[2]:
            return f"{source[2][0]} = {self.one(['true', 'false'])}"
        if kind <= 5:
            a = self.number(source)
            return self.one([f"{a} > {self.dice.below(20) - 10}", f"{a} <= {self.dice.below(40) / 4}", f"{a} != 0", f"{a} + {self.number(source)} > 0", f"{a} * 2 < 15"])
        return f"({self.condition(source, depth + 1)} {self.one(['AND', 'OR'])} {self.condition(source, depth + 1)})"

    def where(self, source, parts):
        if self.chance(45):
            parts.append(self.condition(source))
        return " WHERE " + " AND ".join(parts) if parts else ""

    def call(self, source, grouped):
        """One that gives a point for each bucket."""
        field = self.number(source)
        if source[2] + source[3] and self.chance(10):
            inner = f"{self.one(['count', 'first', 'last', 'mode'])}({self.one(source[2] + source[3])})"
            return inner
        inner = f"{self.one(NUMERIC)}({field})" if self.chance(85) else f"percentile({field}, {self.one([10, 50, 95])})"
        if grouped and self.chance(15):
            return f"{self.one(CHAINS)}({inner})" if self.chance(75) else f"moving_average({inner}, 2)"
        if self.chance(12):
            return f"{self.one(VALUEWISE[:5])}({inner})"
        return inner

    def tags(self, source):
        tags = list(source[4])
        if not tags or self.chance(40):
            return []
        return self.one([[self.one(tags)], tags, ["*"], [f"/{tags[0][:2]}/"]])

    def tail(self, grouped):
        text = " ORDER BY time DESC" if self.chance(20) else ""
        text += f" LIMIT {1 + self.dice.below(6)}" if self.chance(30 if grouped else 85) else ""
        text += f" OFFSET {self.dice.below(4)}" if self.chance(12) else ""
        text += f" SLIMIT {1 + self.dice.below(3)}" if self.chance(8) else ""
        return text + (f" SOFFSET {self.dice.below(2)}" if self.chance(5) else "")

    def raw(self, name):
        source = SOURCES[name]
        fields = source[0] + source[1] + source[2] + source[3]
        kind = self.dice.below(5)
        if kind == 0:
            what = "*"
        elif kind <= 2:
            what = ", ".join(dict.fromkeys(self.one(fields + list(source[4])) for _ in range(1 + self.dice.below(3)))) + f", {self.number(source)}"
        elif kind == 3:
            what = f"{self.number(source)} {self.one(['+', '-', '*', '/'])} {self.number(source)}, {self.one(VALUEWISE)}({self.number(source)})"
        else:
            chain = self.one(CHAINS)
            what = f"{chain}({self.number(source)})"
        tags = self.tags(source)
        begin, end = self.one(RANGES)
        parts = [f"time >= {begin}", f"time < {end}"] if self.chance(50) or name == "mem" else []
        return f"SELECT {what} FROM {name}{self.where(source, parts)}{' GROUP BY ' + ', '.join(tags) if tags else ''}{self.tail(False)}"

    def aggregated(self, name, alias=False):
        source = SOURCES[name]
        at = self.dice.below(len(RANGES))
        grouped = self.chance(65)
        calls = [self.call(source, grouped) for _ in range(1 + self.dice.below(1 if alias else 3))]
        if alias:
            calls = [f"{calls[0]} AS x"]
        elif len(calls) == 2 and self.chance(25) and not any(w in "".join(calls) for w in source[2] + source[3] if len(w) > 2):
            calls = [f"{calls[0]} {self.one(['+', '-', '*', '/'])} {calls[1]}"]
        elif self.chance(10) and any(calls[0].startswith(s + "(") for s in SELECTORS):
            calls = [calls[0], self.number(source)]
        tags = self.tags(source)
        groups = [f"time({self.one(STEPS[at])}{self.one([', 1m', ', -90s']) if self.chance(12) else ''})"] * grouped + tags
        parts = [f"time >= {RANGES[at][0]}", f"time < {RANGES[at][1]}"] if grouped or self.chance(50) else []
        fill = f" fill({self.one(['null', 'none', '0', 'previous', 'linear', '3.5'])})" if grouped and self.chance(60) else ""
        text = f"SELECT {', '.join(calls)} FROM {name}{self.where(source, parts)}{' GROUP BY ' + ', '.join(groups) if groups else ''}{fill}"
        return text + ("" if alias else self.tail(True))

    def top(self, name):
        source = SOURCES[name]
        tag = f", {self.one(list(source[4]))}" if source[4] and self.chance(40) else ""
        tags = self.tags(source)
        return f"SELECT {self.one(['top', 'bottom'])}({source[0][0]}{tag}, {1 + self.dice.below(5)}) FROM {name}" + \
            self.where(source, ["time >= '2023-10-27'", "time < '2023-10-27T00:30:00Z'"]) + (" GROUP BY " + ", ".join(tags) if tags else "")

    def nested(self, name):
        inner = self.aggregated(name, alias=True)
        outer = self.one(["x", "mean(x)", "max(x)", "count(x)", "sum(x)", "first(x)", "last(x)", "spread(x)", "x * 2", "difference(x)"])
        tags = [t for t in SOURCES[name][4] if t in inner.rsplit("GROUP BY", 1)[-1]] if "GROUP BY" in inner else []
        group = f" GROUP BY {self.one(tags)}" if tags and self.chance(40) else ""
        where = f" WHERE x > {self.dice.below(10) - 5}" if self.chance(25) else ""
        return f"SELECT {outer} FROM ({inner}){where}{group}{' LIMIT 5' if self.chance(20) else ''}"

    def statement(self):
        name = self.one(list(SOURCES))
        kind = self.dice.below(10)
        if kind < 3:
            return self.raw(name)
        if kind < 7:
            return self.aggregated(name)
        return self.top(name) if kind < 8 else self.nested(name)


def main():
    maker = Maker(int(sys.argv[1]))
    statements = {}
    while len(statements) < int(sys.argv[2]):
        statements[maker.statement()] = True
    print(f"## seed {sys.argv[1]}")
    print("\n".join(statements))


if __name__ == "__main__":
    main()
