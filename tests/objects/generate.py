#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""generate.py CAPTURE.so ROWS DIR: runs bcc's and bpftrace's tools with CAPTURE.so preloaded, each until
it has loaded its programs; what they generate become rows of ROWS (capture.c). A mount namespace of
their own shows them tracefs. bcc compiles with the kernel headers of this Debian, merged in DIR."""
import concurrent.futures
import glob
import os
import signal
import subprocess
import sys
import time

QUIET = 2.0  # seconds without a new program: that was all
LONGEST = 40.0

# What tools want to be told. Those of other languages' runtimes need a process to look at.
ARGUMENTS = {
    "argdist": ["-H", "p::vfs_read(struct file *f, char *b, size_t count):size_t:count"],
    "funccount": ["vfs_read"],
    "funclatency": ["vfs_read"],
    "funcslower": ["vfs_read"],
    "stackcount": ["vfs_read"],
    "trace": ["do_sys_openat2"],
    "deadlock": ["1"],
    "dbslower": ["mysql"],
    "dbstat": ["mysql"],
    "fileslower": ["1"],
    "offcputime": ["5"],
    "offwaketime": ["5"],
    "profile": ["5"],
    "wakeuptime": ["5"],
    "reset-trace": None,
    "tplist": None,
    "bpflist": None,
    "inject": None,
    "ttysnoop": None,
}
RUNTIMES = ("java", "node", "perl", "php", "python", "ruby", "tcl", "mysqld")


def rows_of(path, name):
    try:
        with open(path) as file:
            return sum(line.startswith(name + "\t") for line in file)
    except OSError:
        return 0


def run(name, command, rows, env):
    env = dict(os.environ, CAPTURE_NAME=name, CAPTURE_OUT=rows, **env)
    process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, start_new_session=True,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    begun = changed = time.monotonic()
    seen = 0
    while process.poll() is None:
        time.sleep(0.1)
        now, count = time.monotonic(), rows_of(rows, name)
        if count != seen:
            seen, changed = count, now
        # Compiling comes first, between the probes and the programs.
        patience = QUIET if count > 3 else 5 * QUIET
        if now - changed > patience or now - begun > LONGEST:
            break
    for sig in (signal.SIGINT, signal.SIGKILL):
        if process.poll() is None:
            os.killpg(process.pid, sig)
            try:
                process.wait(1)
            except subprocess.TimeoutExpired:
                pass
    process.wait()
    return name, rows_of(rows, name)


def merged_headers(out):
    """One tree of the two packages that hold a kernel's headers, or None."""
    found = sorted(glob.glob("/usr/src/linux-headers-*-amd64"))
    if not found:
        return None
    common = found[-1].replace("-amd64", "-common")
    merged = os.path.join(out, os.path.basename(found[-1]))
    if not os.path.isdir(merged):
        os.makedirs(merged)
        subprocess.run(["cp", "-rs", common + "/.", merged], check=True)
        subprocess.run(["cp", "-rsf", found[-1] + "/include", found[-1] + "/arch", merged], check=True)
    return merged


def jobs(preload, out):
    env = {"LD_PRELOAD": preload, "CAPTURE_FUNCTIONS": os.path.join(out, "functions")}
    for script in sorted(glob.glob("/usr/sbin/*.bt")):
        yield "bpftrace:" + os.path.basename(script), ["bpftrace", script], env
    headers = merged_headers(out)
    if not headers:
        print("generate.py: no linux-headers package: bcc cannot compile")
        return
    env = dict(env, BCC_KERNEL_SOURCE=headers)
    for tool in sorted(glob.glob("/usr/sbin/*-bpfcc")):
        name = os.path.basename(tool)[: -len("-bpfcc")]
        arguments = ARGUMENTS.get(name, [])
        if arguments is None or name.startswith(RUNTIMES):
            continue
        yield "bcc:" + name, [tool] + arguments, env


def main():
    preload, rows, out = sys.argv[1:4]
    nothing, total = [], 0
    with concurrent.futures.ThreadPoolExecutor(3 * os.cpu_count()) as pool:
        waiting = [pool.submit(run, name, command, rows, env)
                   for name, command, env in jobs(preload, out)]
        for done in waiting:
            name, count = done.result()
            total += 1
            if not count:
                nothing.append(name)
    print("generate.py: %d tools, %d loaded nothing: %s" % (total, len(nothing), " ".join(nothing)))


main()
