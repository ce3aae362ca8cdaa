#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""carve.py DIR FILE...: writes the eBPF objects that lie inside the files (skeletons of programs and
libraries) to DIR, and prints their names. Found by ELF's magic and e_machine BPF."""
import os
import struct
import sys

EHDR, SHDR, ET_REL, EM_BPF = 64, 64, 1, 247


def objects(data):
    at = data.find(b"\x7fELF")
    while at >= 0:
        if len(data) - at >= EHDR:
            kind, machine = struct.unpack_from("<HH", data, at + 16)
            (table,) = struct.unpack_from("<Q", data, at + 40)
            size, count = struct.unpack_from("<HH", data, at + 58)
            end = table + size * count
            if data[at + 4] == 2 and kind == ET_REL and machine == EM_BPF and at + end <= len(data):
                yield data[at:at + end]
        at = data.find(b"\x7fELF", at + 4)


def main():
    out = sys.argv[1]
    for path in sys.argv[2:]:
        try:
            with open(path, "rb") as file:
                data = file.read()
        except OSError:
            continue
        for i, found in enumerate(objects(data)):
            name = os.path.join(out, "%s.%d.bpf.o" % (os.path.basename(path), i))
            with open(name, "wb") as file:
                file.write(found)
            print(name)


main()
