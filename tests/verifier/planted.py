#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Plants bugs in the verifier's abstract domain, one at a time, and demands that the tests
find each. A bug is a replacement of source text in a copy of src/verifier; what is compiled
is the exhaustive test at a small width. TAP; an argument selects bugs by substring."""
import os
import subprocess
import sys
import tempfile

ROOT = os.environ.get("SKEP_SOURCE_ROOT") or os.path.join(os.path.dirname(__file__), "..", "..")

# (file, text, replacement, width)
BUGS = [
    ("tnum.c", "u64 most = least + a.mask + b.mask;", "u64 most = least + a.mask;", 4),
    ("tnum.c", "(least ^ most) | a.mask | b.mask;\n\n\treturn (struct tnum){ base",
     "(least ^ most) | a.mask;\n\n\treturn (struct tnum){ base", 4),
    ("tnum.c", "a.value >> at & 1 ? with : tnum_join(sum, with)", "with", 4),
    ("tnum.c", "(a.mask | b.mask) & ~value }", "(a.mask & b.mask) & ~value }", 4),
    ("tnum.c", "up = (x | ~t.mask | low) + 1;", "up = (x | ~t.mask) + 1;", 4),
    ("word.c", "if (!whole && lo <= hi) {", "if (lo <= hi) {", 4),
    ("word.c", "bool whole = hi - lo >= max;", "bool whole = hi - lo > 2 * max;", 4),
    ("word.c", "add_span(w, 0, lo, MIN(hi, sign - 1));", "add_span(w, 0, lo, MIN(hi, sign - 2));", 4),
    ("word.c", "seen = tnum_join(", "seen = tnum_meet(", 4),
    ("word_alu.c", "if (y.lo == 0) {\n\t\tword_add_arc(out, 0, 0, n);", "if (y.lo == 0) {", 4),
    ("word_alu.c", "add_magnitude(out, x.lo, x.hi, x.negative, n);\n\t\ty.lo = 1;", "y.lo = 1;", 4),
    ("word_alu.c", "MIN(x.hi, y.hi - 1), x.negative", "MIN(x.hi, y.lo - 1), x.negative", 4),
    ("word_alu.c", "(!is_signed || span_empty(a->half[1]))", "true", 4),
    ("word_alu.c", "add_magnitude(out, x.lo * y.lo, hi,", "add_magnitude(out, x.hi * y.lo, hi,", 4),
    ("word_alu.c", "MAX(a->half[i].lo, b->half[j].lo),", "MAX(a->half[i].hi, b->half[j].lo),", 4),
    ("word_alu.c", "(u64)(word_signed(neg.hi, n) >> by.hi), n);",
     "(u64)(word_signed(neg.hi, n) >> by.lo), n);", 4),
    ("word_alu.c", "a->half[i].lo >> by.hi, a->half[i].hi >> by.lo",
     "a->half[i].lo >> by.lo, a->half[i].hi >> by.hi", 4),
    ("word_alu.c", "if (word_umax(b) <= wrap)", "if (word_umin(b) <= wrap)", 4),
    ("scalar.c", "lo = (lo + LOW + 1) | word_umin(w);", "lo = (lo + LOW + 1) | word_umax(w);", 4),
    ("scalar.c", "low->bits.mask | (~LOW", "low->bits.mask & (~LOW", 4),
    ("scalar_alu.c", "return b->umax < SCALAR_HALF;", "return true;", 4),
    ("scalar_alu.c", "{ w.half[1].lo | above, w.half[1].hi | above }",
     "{ w.half[1].lo, w.half[1].hi }", 4),
    ("scalar_branch.c", "MIN(x.hi, y.hi - strict)", "MIN(x.hi, y.hi - 1)", 4),
    ("scalar_branch.c", "if (maybe & (maybe - 1))\n\t\treturn true;", "", 4),
    ("scalar_branch.c", "if (word_is_const(b))\n\t\t\texclude", "exclude", 4),
    ("scalar_branch.c", "a->bits.mask &= ~in_b;", "a->bits.mask &= in_b;", 4),
    ("scalar_branch.c", "return word_is_const(a) && word_is_const(b) &&", "return", 4),
]


def found(bug, directory):
    name, text, replacement, width = bug
    verifier = os.path.join(directory, "verifier")
    os.makedirs(verifier, exist_ok=True)
    for entry in os.listdir(os.path.join(ROOT, "src/verifier")):
        with open(os.path.join(ROOT, "src/verifier", entry)) as f:
            source = f.read()
        if entry == name:
            if source.count(text) != 1:
                return "the text to replace is there %d times" % source.count(text)
            source = source.replace(text, replacement)
        with open(os.path.join(verifier, entry), "w") as f:
            f.write(source)
    binary = os.path.join(directory, "test")
    command = [os.environ.get("CC", "cc"), "-std=gnu11", "-w", "-O1", "-I" + directory,
               "-I" + os.path.join(ROOT, "src"), "-I" + os.path.join(ROOT, "tests"),
               os.path.join(ROOT, "tests/unit/scalar_%d.c" % width),
               os.path.join(ROOT, "tests/lib/test.c"), "-o", binary]
    built = subprocess.run(command, capture_output=True, text=True)
    if built.returncode:
        return "does not compile: " + built.stderr[:300]
    # The test's short form; the variable is ours here.
    env = {k: v for k, v in os.environ.items() if k != "SKEP_CAMPAIGN"}
    ran = subprocess.run([binary], capture_output=True, text=True, timeout=120, env=env)
    return None if ran.returncode else "nobody noticed"


def main():
    bugs = [b for b in BUGS if len(sys.argv) < 2 or sys.argv[1] in b[0] + b[1]]
    if len(sys.argv) < 2 and not os.environ.get("SKEP_CAMPAIGN"):
        print("# a third of them; SKEP_CAMPAIGN=1 plants all %d" % len(bugs))
        bugs = bugs[::3]
    failed = False
    print("1..%d" % len(bugs), flush=True)
    for number, bug in enumerate(bugs, 1):
        with tempfile.TemporaryDirectory() as directory:
            why = found(bug, directory)
        failed |= why is not None
        print("%sok %d - %s: %s" % ("not " if why else "", number, bug[0],
                                    (bug[2].strip() or "without " + bug[1]).split("\n")[0]))
        if why:
            print("# " + why)
        sys.stdout.flush()
    sys.exit(failed)


main()
