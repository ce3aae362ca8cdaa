#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Proves the theorems in this directory with z3, through the LLVM IR that clang makes of the
verifier's own source. A theorem is proved when no arguments make it answer false; with a counterexample, or
when this cannot read the code, the run fails; a theorem that takes too long is listed and not
counted as proved.

    prove.py [-q] [-t SECONDS] [-j JOBS] [-k SUBSTRING]    -t: of CPU, for each theorem (default 10)
                                                           -q: only what takes no second

TAP, and a table at the end."""
import argparse
import os
import subprocess
import sys
import tempfile
import time

ROOT = os.environ.get("SKEP_SOURCE_ROOT") or os.path.join(os.path.dirname(__file__), "..", "..")
HERE = os.path.join(ROOT, "tests/proofs")
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True
sys.setrecursionlimit(100000)
PARTS = ["words", "alu", "branch", "scalar"]


def slow(name):
    """Left out by -q: what takes more than a second."""
    name = name[len("theorem_"):]
    return "mul" in name or not name.startswith(("tnum_", "condition_", "scalar_const", "scalar_unknown"))


def skip(why):
    print("1..0 # SKIP " + why)
    sys.exit(0)


def find_clang():
    for name in [os.environ.get("CLANG"), "clang", "clang-16", "clang-14"]:
        if name and subprocess.run(["which", name], capture_output=True).returncode == 0:
            return name
    skip("no clang")


def emit_ir(clang, directory, name):
    out = os.path.join(directory, name + ".ll")
    subprocess.run([clang, "-std=gnu11", "-O2", "-w", "-S", "-emit-llvm", "-fno-vectorize",
                    "-fno-slp-vectorize", "-fno-strict-aliasing",
                    "-mllvm", "-inline-threshold=1000000", "-mllvm", "-unroll-threshold=100000",
                    "-I" + os.path.join(ROOT, "src"), "-I" + os.path.join(ROOT, "tests"),
                    os.path.join(HERE, name + ".c"), "-o", out], check=True)
    with open(out) as f:
        return f.read()


def prove(function, types, seconds):
    """(verdict, detail) of one theorem."""
    import ir
    import solve
    try:
        bit = ir.Run(function, types).run()
    except ir.Unsupported as e:
        return "unreadable", str(e)
    verdict, example, cases = solve.prove(bit, seconds)
    return verdict, example or "%d cases" % cases


def child(function, types, seconds):
    """In a process of its own, which dies when its time is over."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        try:
            verdict = prove(function, types, seconds)
        except Exception as e:  # a bug here is no proof
            verdict = ("unreadable", repr(e))
        os.write(write, ("%s\n%s" % verdict).encode())
        os._exit(0)
    os.close(write)
    return pid, read


def run_all(theorems, seconds, jobs, report):
    waiting, running = list(theorems), {}
    while waiting or running:
        while waiting and len(running) < jobs:
            f, types = waiting.pop(0)
            pid, fd = child(f, types, seconds)
            running[pid] = (f, fd, time.monotonic())
        time.sleep(0.01)
        for pid, (f, fd, start) in list(running.items()):
            took = time.monotonic() - start
            done, _ = os.waitpid(pid, os.WNOHANG)
            if not done and took < 10 * seconds + 20:
                continue
            if not done:
                os.kill(pid, 9)
                os.waitpid(pid, 0)
            with os.fdopen(fd) as pipe:
                verdict, _, detail = pipe.read().partition("\n")
            del running[pid]
            report(f.name, verdict or "timeout", detail, took)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("-t", type=float, default=10)
    parser.add_argument("-j", type=int, default=1)
    parser.add_argument("-k", default="")
    parser.add_argument("-q", action="store_true")
    args = parser.parse_args()
    try:
        import z3  # noqa: F401
        import ir
    except ImportError:
        # Debian's module is Debian's python's.
        if "SKEP_PROVE_AGAIN" not in os.environ and os.path.exists("/usr/bin/python3"):
            os.environ["SKEP_PROVE_AGAIN"] = "1"
            os.execv("/usr/bin/python3", ["/usr/bin/python3"] + sys.argv)
        skip("no python3-z3")
    theorems, clang = [], find_clang()
    with tempfile.TemporaryDirectory() as directory:
        for name in PARTS:
            functions, types = ir.parse(emit_ir(clang, directory, name))
            theorems += [(f, types) for n, f in functions.items()
                         if n.startswith("theorem_") and args.k in n and not (args.q and slow(n))]
    rows, failed = [], False
    print("1..%d" % len(theorems), flush=True)

    def report(name, verdict, detail, took):
        nonlocal failed
        name = name[len("theorem_"):]
        rows.append((name, verdict, took))
        bad = verdict in ("false", "unreadable")
        failed |= bad
        skipped = " # SKIP not proved within %g s" % args.t if verdict == "timeout" else ""
        print("%sok %d - %s%s" % ("not " if bad else "", len(rows), name, skipped))
        if bad:
            print("# %s: %s" % (verdict, detail))
        sys.stdout.flush()

    run_all(theorems, args.t, args.j, report)
    print("# %-34s %-10s %s" % ("theorem", "verdict", "seconds"))
    for name, verdict, took in sorted(rows, key=lambda r: r[2]):
        print("# %-34s %-10s %7.2f" % (name, verdict, took))
    count = {v: sum(r[1] == v for r in rows) for v in ("proved", "timeout", "false", "unreadable")}
    print("# proved %d of %d; timeouts %d: %s" %
          (count["proved"], len(rows), count["timeout"],
           " ".join(n for n, v, _ in rows if v == "timeout") or "none"))
    sys.exit(failed)


main()
