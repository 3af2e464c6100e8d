#!/usr/bin/python3
"""Writes the data sets of the differential test of queries as line protocol, always the same bytes.

    query_data.py FOLDER   first.lp, then.lp, other.lp

first.lp is written first; then.lp comes late: it fills gaps, overwrites points and adds fields to them. other.lp is for a
second database. The times are fixed, since the statements name them: from 2023-10-27 on, over the end of summer time in
Europe (2023-10-29 01:00 UTC) and in America (2023-11-05 06:00 UTC).

  regular    cpu, mem, net by ten seconds and disk by the minute for three hours, fast by the second for one;
             daily by ten minutes for 14 days
  irregular  irr, gaps, same: holes, fields not always there, equal times in several series
  types      every type, the limits of numbers, names and texts that need escapes, a name that is both tag and field"""
import sys

BASE = 1698364800  # 2023-10-27T00:00:00Z
NS = 10**9
HOSTS = ["h0", "h1", "h2", "h3", "h4"]


class Dice:
    """Numbers that look like chance and are the same everywhere (Knuth's MMIX)."""

    def __init__(self, seed):
        self.state = seed

    def below(self, n):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 11) % n

    def real(self, low, high):
        return low + (high - low) * self.below(2**30) / 2**30


def regular(out):
    dice = Dice(1)
    counters = {}
    for s in range(0, 3 * 3600, 10):
        t = (BASE + s) * NS
        for k, host in enumerate(HOSTS):
            region = "eu" if k < 3 else "us"
            for cpu in ["cpu-total", "cpu0"]:
                user = dice.real(0, 60)
                system = dice.real(0, 30)
                out.write(f"cpu,cpu={cpu},host={host},region={region} usage_user={user!r},usage_system={system:.2f},"
                          f"usage_idle={100 - user - system:.3f} {t}\n")
            used = 4 * 2**30 + dice.below(2**30)
            out.write(f"mem,host={host},region={region} total={8 * 2**30}i,used={used}i,used_percent={used / 2**33 * 100:.4f} {t}\n")
            for interface in ["eth0", "lo"]:
                c = counters.setdefault((host, interface), [0, 0])
                if dice.below(400) == 0:
                    c[0] = c[1] = 0  # a restart: counters begin anew
                c[0] += dice.below(100000)
                c[1] += dice.below(2000)
                out.write(f"net,host={host},interface={interface} bytes_recv={c[0]}i,packets={c[1]}i {t}\n")
            if s % 60 == 0:
                for path, device in [("/", "sda1"), ("/var", "sda2")]:
                    used = dice.below(10**11)
                    out.write(f"disk,device={device},host={host},path={path} free={10**11 - used}i,used={used}i,"
                              f"used_percent={used / 10**9:.6f} {t}\n")
    for s in range(3600):
        out.write(f"fast,host=h0 v={dice.below(1000)}i,w={dice.real(-1, 1)!r} {(BASE + s) * NS}\n")
    for s in range(0, 14 * 86400, 600):
        for k, host in enumerate(HOSTS):
            out.write(f"daily,host={host} load={dice.real(0, 8):.3f},procs={100 + k * 50 + dice.below(50)}i,"
                      f"up={'true' if dice.below(20) else 'false'} {(BASE + s) * NS}\n")


def irregular(first, then):
    dice = Dice(2)
    series = ["host=a,dc=x", "host=b,dc=x", "host=c,dc=y", "host=d", "dc=y"]
    for tags in series:
        t = BASE * NS
        for _ in range(150):
            t += 1 + dice.below(90 * NS) * (40 if dice.below(12) == 0 else 1)
            fields = []
            if dice.below(10) < 7:
                fields.append(f"v={dice.real(-50, 50):.3f}")
            if dice.below(10) < 5:
                fields.append(f"n={dice.below(41) - 20}i")
            if dice.below(10) < 3:
                fields.append("ok=" + ["true", "false"][dice.below(2)])
            if dice.below(10) < 3 or not fields:
                fields.append(f'msg="{["started", "stopped", "", "lost connection"][dice.below(4)]}"')
            late = dice.below(8)
            (then if late == 0 else first).write(f"irr,{tags} {','.join(fields)} {t}\n")
            if late == 1:  # written twice: other values, and fields that were not there
                then.write(f"irr,{tags} v={dice.real(-50, 50):.3f},n={dice.below(41) - 20}i {t}\n")
    # gaps of hours, and a window that only late points have
    for k, (begin, count) in enumerate([(0, 5), (3600, 3), (7800, 1), (20000, 7), (90000, 2)]):
        for i in range(count):
            out = then if k == 2 else first
            out.write(f"gaps,k=a v={k * 10 + i},n={(k * 10 + i) * (-1) ** i}i {(BASE + begin + i * 17) * NS + i}\n")
            if i % 2:
                out.write(f"gaps,k=b v={k * 10 + i + 0.5} {(BASE + begin + i * 17) * NS + i}\n")
    # equal times in several series, equal values, and points at the ends of buckets
    for i in range(20):
        for k in "abc":
            first.write(f"same,k={k},l={'xyz'[i % 3]} v={(i * 7) % 5},n={(i * 3) % 4}i,s=\"{'pqr'[i % 3]}\",b={'tf'[i % 2]} {(BASE + i * 30) * NS}\n")
        if i % 4 == 0:
            then.write(f"same,k=c,l={'xyz'[i % 3]} v={i} {(BASE + i * 30) * NS}\n")
            first.write(f"same,k=d,l=x v={-i} {(BASE + i * 30) * NS - 1}\n")


def types(first, then):
    def at(s, ns=0):
        return (BASE + s) * NS + ns

    rows = [
        'f=1,i=1i,b=true,s="x"',
        'f=-0.1,i=-9223372036854775808i,b=false,s=""',
        'f=1e300,i=9223372036854775807i',
        'f=100000000000000000000,b=t',
        'f=5e-324,s="a \\"quoted\\" word, an = and a \\\\ and ä€😀 <&>"',
        'f=0.30000000000000004,s="two\nlines\tand a tab"',
        'i=0i,b=false,s="\'single\'"',
        'f=1.7976931348623157e308,i=-1i',
        'f=-0,i=42i,b=true,s="ä"',
        'f=123456789.125,i=1000000i,b=true,s="x"',
        'f=1e21,i=9007199254740993i,s="Z"',
        'f=1e-7,i=-42i,b=false,s="last"',
    ]
    for n, fields in enumerate(rows):
        first.write(f"types,kind={'odd' if n % 2 else 'even'} {fields} {at(n * 60)}\n")
    # values that can be added
    for n in range(60):
        first.write(f"calm,kind={'abc'[n % 3]} f={(n * 37 % 101) / 8 - 5},i={n * 53 % 97 - 40}i,b={'tf'[n * n % 3 == 0]},s=\"{'klmno'[n * n % 5]}\" {at(n * 10)}\n")
    first.write("calm,kind=c,extra=yes f=2,i=2i {}\n".format(at(600)))
    first.write("my\\ nasty\\,name,tag\\ key\\,\\=x=v\\ a\\,l\\=ue,\"q\"='s' field\\ one\\,\\=x=1,\"quoted\"=2 {}\n".format(at(0)))
    first.write("my\\ nasty\\,name,tag\\ key\\,\\=x=other field\\ one\\,\\=x=3,\"quoted\"=4 {}\n".format(at(60)))
    first.write("back\\slash,t=c:\\temp v=1i {}\n".format(at(0)))
    first.write("unicode,ort=Zürich,日本=東京 größe=1.5,\"名\"=2i {}\n".format(at(0)))
    first.write("unicode,ort=Genève größe=2.5 {}\n".format(at(0)))
    first.write("/regex/ v=1 {}\n".format(at(0)))
    first.write("select,where=here from=1,\"where\"=2,time_=3 {}\n".format(at(0)))
    for n in range(6):
        first.write(f"both,x=tag{n % 2},y=t x=\"field{n}\",v={n},y={n * 10}i {at(n * 60)}\n")
    first.write(f"both v=9 {at(400)}\n")
    # one field name, another type in each of three measurements
    for n in range(8):
        first.write(f"mix_float,h=a val={n + 0.5} {at(n * 10)}\n")
        first.write(f"mix_int,h=a val={n * 2}i {at(n * 10 + 5)}\n")
        first.write(f"mix_str,h=b val=\"s{n}\" {at(n * 10)}\n")
        first.write(f"mix_bool,h=b val={'tf'[n % 2]} {at(n * 10)}\n")
    # zeros and signs for roots, logarithms and divisions
    for n, (a, b) in enumerate([(0, 0), (1, 0), (-1, 2), (4, -2), (0.5, 0.25), (-0.5, 3), (9, 2), (1e-3, 1e3)]):
        first.write(f"math a={a},b={b},i={int(a * 2)}i,j={int(b)}i {at(n * 10)}\n")
    first.write(f"single v=42i {at(1800)}\n")
    then.write(f"single v=43i {at(1800)}\n")
    # a trend with a season, for forecasts
    for n in range(48):
        first.write(f"season v={100 + n + [0, 10, 4, -9][n % 4]},n={100 + 2 * n + [0, 10, 4, -9][n % 4]}i {at(n * 600)}\n")


def other(out):
    for n in range(10):
        out.write(f"cpu,host=elsewhere usage_user={n * 1.5} {(BASE + n * 60) * NS}\n")
        out.write(f"only_here,k=v n={n}i {(BASE + n * 60) * NS}\n")


def main():
    folder = sys.argv[1]
    with open(f"{folder}/first.lp", "w", encoding="utf-8", newline="\n") as first, \
            open(f"{folder}/then.lp", "w", encoding="utf-8", newline="\n") as then, \
            open(f"{folder}/other.lp", "w", encoding="utf-8", newline="\n") as second:
        regular(first)
        irregular(first, then)
        types(first, then)
        other(second)


if __name__ == "__main__":
    main()
