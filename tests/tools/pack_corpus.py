#!/usr/bin/python3
"""Inputs that libFuzzer found, as one file for tests/fuzz/corpus, and back.

    pack_corpus.py pack FOLDER FILE.many     every file of the folder below 4 kB
    pack_corpus.py unpack FILE.many FOLDER   for libFuzzer to go on with

An input is a length of two bytes, the low one first, and its bytes; tests/fuzz/replay.c runs them one by one."""
import os
import sys

what, source, target = sys.argv[1:]
if what == "pack":
    inputs = [open(os.path.join(source, name), "rb").read() for name in sorted(os.listdir(source))]
    with open(target, "wb") as out:
        for data in sorted(i for i in inputs if 0 < len(i) < 4096):
            out.write(len(data).to_bytes(2, "little") + data)
else:
    data, at = open(source, "rb").read(), 0
    os.makedirs(target, exist_ok=True)
    while at < len(data):
        n = int.from_bytes(data[at:at + 2], "little")
        with open(os.path.join(target, "%06d" % at), "wb") as out:
            out.write(data[at + 2:at + 2 + n])
        at += 2 + n
