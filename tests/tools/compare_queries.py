#!/usr/bin/python3
"""Asks two servers the same InfluxQL statements and compares their answers.

    compare_queries.py [OPTIONS] REFERENCE_URL TESTED_URL FILE.influxql…

  --state NAME     stands before the names of the results
  --known FILE     statements whose answers are known to differ; one that does not differ is a failure, too
  --answers FILE   the reference's answers are kept there, and taken from there if it exists
  --rollups        what a statement says about the tier that answers it (tier=1h) must be true
  --report FILE    every difference, whole
  --mutate N       changes one value in the N-th comparable answer of the tested server: the comparison must find it

The files: a statement a line; after a TAB options, apart by blanks: epoch=ms, db=other, rp=autogen, tier=1h, method=GET or ADDRESS (a POST with
all but the statement in the address), params={"a":1} (without blanks), compare=shape (sample(): only which series, columns and how many rows),
compare=series (the series of a statement in any order), header=Name:value.
`## ` begins a group, `# ` is a comment; ␤ in a statement is a newline. Each group is one result:
lines "ok NAME" and "not ok NAME" with "# " lines behind them that show the first differences; the exit status says whether all
was as it should be. 2: it could not be judged.

The known differences: a comment that says why, the statement, and if the tested server's answer is to be exactly one,
`> ` and that answer; `> error: WORDS` for an answer that holds this error.

Equal means: the same status; the same JSON, members in the same order; numbers the same text, or, where one of the two is not a
whole number, apart by no more than 1e-9 of their size."""
import argparse
import http.client
import json
import os
import sys
import urllib.parse

RELATIVE = 1e-9
SHOWN_PER_GROUP = 5
SHOWN_LENGTH = 300
TIMEOUT_S = 60


class Number(str):
    """As it was written."""


class Statement:
    def __init__(self, text, options, file, group):
        self.text, self.file, self.group = text, file, group
        self.options = dict(o.split("=", 1) for o in options.split(" ") if o)
        unknown = set(self.options) - {"epoch", "db", "rp", "tier", "method", "params", "compare", "header", "chunked", "chunk_size"}
        if unknown:
            raise ValueError(f"{file}: unknown option {unknown}: {text}")
        self.key = text + ("\t" + options if options else "")


def read_corpus(paths):
    """Statements in order; each group's name begins with its file's."""
    statements = []
    for path in paths:
        seen = set()
        file = os.path.splitext(os.path.basename(path))[0]
        group = file
        with open(path, encoding="utf-8") as f:
            for line in f.read().split("\n"):
                if line.startswith("## "):
                    group = f"{file}: {line[3:]}"
                elif line and not line.startswith("#"):
                    text, _, options = line.partition("\t")
                    s = Statement(text, options, file, group)
                    if s.key in seen:
                        raise ValueError(f"{path}: {s.key!r} is there twice")
                    seen.add(s.key)
                    statements.append(s)
    return statements


class Known:
    def __init__(self, reason):
        self.reason, self.answer = reason, None


def read_known(path):
    """Known by the statement's key."""
    known, reason, fresh, last = {}, "", True, None
    with open(path, encoding="utf-8") as f:
        for line in f.read().split("\n"):
            if line.startswith("# "):
                reason = (reason + " " if not fresh else "") + line[2:]
                fresh = False
            elif line.startswith("> "):
                if last is None:
                    raise ValueError(f"{path}: {line!r} belongs to no statement")
                last.answer = line[2:]
            elif line:
                if not reason:
                    raise ValueError(f"{path}: {line!r} has no reason")
                if line in known:
                    raise ValueError(f"{path}: {line!r} is there twice")
                last = known[line] = Known(reason)
                fresh = True
    return known


class Response(http.client.HTTPResponse):
    """With the trailers, which http.client drops: an answer that is streamed knows at its end what it was made of."""

    trailers = ()

    def _read_and_discard_trailer(self):
        lines = []
        while len(lines) < 64:
            line = self.fp.readline(65537).decode("latin-1").strip()
            if not line:
                break
            lines.append(line)
        self.trailers = [tuple(part.strip() for part in line.split(":", 1)) for line in lines if ":" in line]


class Server:
    def __init__(self, url):
        parts = urllib.parse.urlsplit(url)
        self.host, self.port, self.connection = parts.hostname, parts.port, None

    def ask(self, s):
        """[status, headers, text]"""
        o = s.options
        p = {"db": o.get("db", "metrics"), "epoch": o.get("epoch", "ns"), "q": s.text.replace("␤", "\n")}
        for name in ["rp", "params", "chunked", "chunk_size"]:
            if name in o:
                p[name] = o[name]
        if p["epoch"] == "none":
            del p["epoch"]
        form = urllib.parse.urlencode({k: v for k, v in p.items() if v != "none"})
        headers = {}
        if "header" in o:
            name, _, value = o["header"].partition(":")
            headers[name] = value
        for again in [True, False]:
            try:
                if not self.connection:
                    self.connection = http.client.HTTPConnection(self.host, self.port, timeout=TIMEOUT_S)
                    self.connection.response_class = Response
                if o.get("method") == "ADDRESS":
                    headers["Content-Type"] = "application/x-www-form-urlencoded"
                    address = {k: v for k, v in p.items() if k != "q" and v != "none"}
                    self.connection.request("POST", "/query?" + urllib.parse.urlencode(address),
                                            urllib.parse.urlencode({"q": p["q"]}), headers)
                elif o.get("method") == "GET":
                    self.connection.request("GET", "/query?" + form, headers=headers)
                else:
                    headers["Content-Type"] = "application/x-www-form-urlencoded"
                    self.connection.request("POST", "/query", form, headers)
                r = self.connection.getresponse()
                text = r.read().decode("utf-8", "surrogateescape")
                return [r.status, dict([*r.getheaders(), *r.trailers]), text]
            except (OSError, http.client.HTTPException) as e:
                self.connection = None
                if not again or isinstance(e, TimeoutError):
                    return [0, {}, f"no answer: {type(e).__name__} {e}"]


def parse(text):
    """Objects as lists of pairs, numbers as they were written. Several values: a list. None: no JSON."""
    decoder = json.JSONDecoder(object_pairs_hook=lambda pairs: ("object", pairs), parse_int=Number, parse_float=Number)
    values, at = [], 0
    text = text.strip()
    try:
        while at < len(text):
            v, at = decoder.raw_decode(text, at)
            values.append(v)
            while at < len(text) and text[at] in "\r\n ":
                at += 1
    except ValueError:
        return None
    return values


def close(a, b):
    if a == b:
        return True
    if not set(".eE") & (set(a) | set(b)):
        return False
    x, y = float(a), float(b)
    return x == y or abs(x - y) <= RELATIVE * max(abs(x), abs(y))


def short(v):
    text = plain_text(v)
    return text if len(text) <= SHOWN_LENGTH else text[:SHOWN_LENGTH] + "…"


def plain_text(v):
    if isinstance(v, tuple):
        return "{" + ",".join(f"{json.dumps(k, ensure_ascii=False)}:{plain_text(w)}" for k, w in v[1]) + "}"
    if isinstance(v, list):
        return "[" + ",".join(map(plain_text, v)) + "]"
    return str(v) if isinstance(v, Number) else json.dumps(v, ensure_ascii=False)


def first_difference(a, b, path, shape):
    """None, or (where, a's, b's)."""
    if isinstance(a, tuple) and isinstance(b, tuple):
        names, others = [k for k, _ in a[1]], [k for k, _ in b[1]]
        for (k, v), (l, w) in zip(a[1], b[1]):
            if k != l:
                break
            if shape and k == "values":
                v, w = [None] * len(v), [None] * len(w)
            d = first_difference(v, w, f"{path}.{k}" if path else k, shape)
            if d:
                return d
        if names != others:
            return (f"{path or 'answer'}: members", "{" + ",".join(names) + "}", "{" + ",".join(others) + "}")
        return None
    if isinstance(a, list) and isinstance(b, list):
        for i, (v, w) in enumerate(zip(a, b)):
            d = first_difference(v, w, f"{path}[{i}]", shape)
            if d:
                return d
        if len(a) != len(b):
            more, what = (a, "reference") if len(a) > len(b) else (b, "tested server")
            return (f"{path}: {len(a)} and {len(b)}", *(
                ("nothing more", short(more[len(a)])) if more is b else (short(more[len(b)]), "nothing more")))
        return None
    if isinstance(a, Number) and isinstance(b, Number):
        return None if close(a, b) else (path, a, b)
    return None if type(a) is type(b) and a == b else (path, short(a), short(b))


def sorted_series(v):
    """The same, the series of each statement by name and tags."""
    if isinstance(v, tuple):
        return ("object", [(k, sorted(w, key=lambda x: plain_text(("object", x[1][:2]))) if k == "series" else sorted_series(w))
                           for k, w in v[1]])
    return [sorted_series(w) for w in v] if isinstance(v, list) else v


def compare(s, reference, tested):
    """None, or (where, the reference's, the tested server's)."""
    if reference[0] != tested[0]:
        return ("status", f"{reference[0]} {reference[2].strip()[:SHOWN_LENGTH]}", f"{tested[0]} {tested[2].strip()[:SHOWN_LENGTH]}")
    a, b = parse(reference[2]), parse(tested[2])
    if a is None or b is None:
        return None if reference[2] == tested[2] else ("text", reference[2][:SHOWN_LENGTH], tested[2][:SHOWN_LENGTH])
    how = s.options.get("compare")
    if how == "series":
        a, b = sorted_series(a), sorted_series(b)
    return first_difference(a, b, "", how == "shape")


def errors_of(text):
    found = []

    def walk(v):
        if isinstance(v, tuple):
            for k, w in v[1]:
                if k == "error" and isinstance(w, str):
                    found.append(w)
                walk(w)
        elif isinstance(v, list):
            for w in v:
                walk(w)

    walk(parse(text))
    return found


def known_trouble(k, difference, tested):
    """What is wrong with a difference that is known, or None."""
    if not difference:
        return "known to differ, and is equal: take it out of the list"
    if k.answer is None:
        return None
    if k.answer.startswith("error: "):
        if k.answer[7:] not in errors_of(tested[2]):
            return f"known to answer {k.answer}, and answers {tested[2].strip()[:SHOWN_LENGTH]}"
    elif first_difference(parse(k.answer), parse(tested[2]), "", False):
        return f"known to answer {k.answer}, and answers {tested[2].strip()[:SHOWN_LENGTH]}"
    return None


def said_beside(s, tested, rollups):
    """What a Holdfast says in headers that is not as it should be, or None."""
    headers = {k.lower(): v for k, v in tested[1].items()}
    if headers.get("x-holdfast-complete", "yes") not in ["yes", "true"]:
        return f"not complete: {headers.get('x-holdfast-reason', headers)}"
    tier = headers.get("x-holdfast-tier")
    if rollups and "tier" in s.options and tier != s.options["tier"]:
        return f"answered from tier {tier}, not {s.options['tier']}"
    return None


def mutate(tested):
    """The last digit in the answer becomes another one. False: there is none within values."""
    text = tested[2]
    at = text.rfind("]]") - 1
    while at > 0 and text[at] != "[" and not text[at].isdigit():
        at -= 1
    if at <= 0 or not text[at].isdigit() or '"values"' not in text:
        return False
    while text[at - 1].isdigit() or text[at - 1] == ".":
        at -= 1
    tested[2] = text[:at] + str((int(text[at]) + 1) % 9 + 1) + text[at + 1:]
    return True


class Group:
    def __init__(self, name):
        self.name, self.statements, self.troubles, self.known = name, 0, [], 0


def arguments():
    p = argparse.ArgumentParser(add_help=False)
    p.add_argument("--state", default="")
    p.add_argument("--known")
    p.add_argument("--answers")
    p.add_argument("--rollups", action="store_true")
    p.add_argument("--report")
    p.add_argument("--mutate", type=int, default=0)
    p.add_argument("reference")
    p.add_argument("tested")
    p.add_argument("files", nargs="+")
    return p.parse_args()


def answers_of(args, statements):
    """The reference's, by key."""
    if args.answers and os.path.exists(args.answers):
        with open(args.answers, encoding="utf-8", errors="surrogateescape") as f:
            return json.load(f)
    server = Server(args.reference)
    answers = {s.key: server.ask(s) for s in statements}
    if args.answers:
        with open(args.answers, "w", encoding="utf-8", errors="surrogateescape") as f:
            json.dump(answers, f)
    return answers


def main():
    args = arguments()
    statements = read_corpus(args.files)
    known = read_known(args.known) if args.known else {}
    missing = set(known) - {s.key for s in statements}
    if missing:
        raise ValueError(f"{args.known}: not in the files: {sorted(missing)}")
    reference = answers_of(args, statements)
    tested = Server(args.tested)
    groups, mutable, silent, report = {}, 0, 0, []
    for s in statements:
        g = groups.setdefault(s.group, Group(s.group))
        g.statements += 1
        answer = tested.ask(s)
        silent = silent + 1 if answer[0] == 0 else 0
        if silent == 5:
            raise ValueError(f"the tested server no longer answers: {answer[2]}; before: {s.text}")
        if args.mutate and mutable < args.mutate and mutate(answer):
            mutable += 1
            if mutable < args.mutate:
                answer = tested.ask(s)
        difference = compare(s, reference[s.key], answer)
        if s.key in known:
            g.known += 1
            trouble = known_trouble(known[s.key], difference, answer)
        elif difference:
            trouble = "{}␤#   reference: {}␤#   tested:    {}".format(*difference)
        else:
            trouble = said_beside(s, answer, args.rollups)
        if trouble:
            g.troubles.append((s, trouble))
            report.append(f"{s.group}\n{s.key}\n  {trouble.replace('␤#   ', chr(10) + '  ')}\n"
                          f"  reference, whole: {reference[s.key][0]} {reference[s.key][2].strip()[:4000]}\n"
                          f"  tested, whole:    {answer[0]} {answer[2].strip()[:4000]}\n")
    for g in groups.values():
        name = f"{args.state + ': ' if args.state else ''}{g.name}: {g.statements} statements"
        print(f"{'not ok' if g.troubles else 'ok'} {name}{f', {g.known} known to differ' if g.known else ''}")
        for s, trouble in g.troubles[:SHOWN_PER_GROUP]:
            print(f"# {s.key}")
            for line in f"  {trouble}".split("␤"):
                print("#" + line.lstrip("#").replace("\n", "␤"))
        if len(g.troubles) > SHOWN_PER_GROUP:
            print(f"# … {len(g.troubles)} of {g.statements} differ")
    if args.report:
        with open(args.report, "w", encoding="utf-8", errors="surrogateescape") as f:
            f.write("\n".join(report))
    bad = sum(len(g.troubles) for g in groups.values())
    print(f"# {len(statements)} statements, {bad} not as they should be", file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (OSError, ValueError) as error:
        print(f"compare_queries.py: {error}", file=sys.stderr)
        sys.exit(2)
