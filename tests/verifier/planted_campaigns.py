#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Could the campaigns fail? Bugs are planted in the verifier, one at a time, and the campaign that
looks for such must find each.

    planted_campaigns.py BUILD embedding|differential [SECONDS]

embedding: a source file is changed in a copy, compiled, and linked before the library; state embedding
then runs without and with pruning. differential: one check does nothing (SKEP_DELETE, deletions.c), and the
mutants go to this machine's Linux as well. SECONDS for each bug (default 30). TAP."""
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time

ROOT = os.environ.get("SKEP_SOURCE_ROOT") or os.path.join(os.path.dirname(__file__), "..", "..")

# (file, text, replacement): what the verifier would think if somebody had written that.
EMBEDDING = [
    ("alu.c", "(a->flags & REG_ADD_CONST) || self ||", "(a->flags & REG_ADD_CONST) ||"),
    ("alu.c", "if (op == BPF_SUB)\n\t\tby = -by;", ""),
    ("alu.c", "result_dep(env, &val, a->dep, b->dep)", "0"),
    ("alu.c", "out.val = scalar_sext(&src->val, insn->off);", "out.val = scalar_zext(&src->val, insn->off);"),
    ("branch.c", "range = (u32)base.off + open;", "range = (u32)base.off + open + 1;"),
    ("stack.c", "if (size < SLOT_BYTES && slot->reg.val.umax >> (size * 8)) {", "if (false) {"),
    ("stack.c", "slot->reg.val = scalar_zext(&value->val, size * 8);", ""),
    ("stack.c", "store_data(slot, byte, size, BYTE_MISC);", "store_data(slot, byte, size, BYTE_ZERO);"),
    ("stack.c", "*out = zero ? reg_const(0) : reg_unknown();", "*out = reg_const(0);"),
    ("mem.c", "op->loaded->val = scalar_load(op->size * 8, false);",
     "op->loaded->val = scalar_load(op->size * 4, false);"),
    ("mem.c", "reg->val = scalar_sext(&reg->val, size * 8);", ""),
    ("prune.c", "if (c->mode == COVER_PRECISE && !dep_is_precise(&c->env->deps, old->dep))",
     "if (c->mode == COVER_PRECISE)"),
    ("prune.c", "\t\treturn cur->kind[byte] == BYTE_ZERO;", "\t\treturn true;"),
    ("prune.c", "mark_precise(env, cur);", "(void)cur;"),
    ("loops.c", "reg->dep = dep_fresh(&env->deps, reg->dep);", "reg->dep = dep_fresh(&env->deps, 0);"),
    ("precision.c", "todo_push(deps, n->a);", ""),
    ("scalar_branch.c", "MIN(x.hi, y.hi - strict)", "MIN(x.hi, y.hi - 1)"),
    ("scalar_branch.c", "a->bits.mask &= ~in_b;", "a->bits.mask &= in_b;"),
    ("word_alu.c", "word_add_arc(out, x.lo + y.lo, x.hi + y.hi, n);",
     "word_add_arc(out, x.lo + y.lo, x.hi + y.lo, n);"),
    ("word_alu.c", "a->half[i].lo >> by.hi, a->half[i].hi >> by.lo",
     "a->half[i].lo >> by.lo, a->half[i].hi >> by.hi"),
    ("scalar_alu.c", "return b->umax < SCALAR_HALF;", "return true;"),
    ("tnum.c", "u64 most = least + a.mask + b.mask;", "u64 most = least + a.mask;"),
]

# (file, text of the line that refuses): a hole each, if it were gone.
DIFFERENTIAL = [
    ("explore.c", "R%u !read_ok"),
    ("explore.c", "frame pointer is read only"),
    ("mem.c", "invalid access to map value"),
    ("mem.c", "invalid mem access"),
    ("mem.c", "misaligned"),
    ("mem.c", "min value is negative"),
    ("mem.c", "dereference of modified"),
    ("alu.c", "pointer arithmetic on %s prohibited"),
    ("alu.c", "with unbounded min value"),
    ("stack.c", "invalid size of register spill"),
    ("stack.c", "cannot spill pointers to stack"),
    ("ctx.c", "invalid bpf_context access"),
    ("refs.c", "Unreleased reference"),
    ("args.c", "expected="),
    ("args_map.c", "cannot pass map_type"),
    ("cfg.c", "unreachable insn"),
    ("cfg.c", "jump out of range"),
    ("loops.c", "infinite loop detected"),
    ("subprog.c", "At program exit the register R0"),
    ("subprog.c", "cannot return stack pointer"),
    ("call.c", "unknown func"),
    ("args_mem.c", "unbounded memory access"),
    ("depth.c", "combined stack size"),
]


def command_of(build, source):
    with open(os.path.join(build, "compile_commands.json")) as f:
        for entry in json.load(f):
            path = os.path.normpath(os.path.join(entry["directory"], entry["file"]))
            if path == os.path.normpath(os.path.join(os.path.abspath(ROOT), source)):
                return shlex.split(entry["command"])
    raise SystemExit("no command compiles " + source)


def link_command(build):
    out = subprocess.run(["ninja", "-C", build, "-t", "commands", "tests/verifier/verifier-embedding"],
                         capture_output=True, text=True, check=True).stdout
    return shlex.split(out.strip().split("\n")[-1])


def run(command, seconds, env=None):
    """True when the campaign notices: it fails, crashes or hangs."""
    try:
        done = subprocess.run(command, capture_output=True, timeout=seconds + 60, env=env)
    except subprocess.TimeoutExpired:
        return True
    return done.returncode != 0


def build_with(build, directory, bug):
    name, text, replacement = bug
    with open(os.path.join(ROOT, "src/verifier", name)) as f:
        source = f.read()
    if source.count(text) != 1:
        return None, "the text to replace is there %d times" % source.count(text)
    changed = os.path.join(directory, name)
    with open(changed, "w") as f:
        f.write(source.replace(text, replacement))
    compile_it = command_of(build, "src/verifier/" + name)
    obj, binary = os.path.join(directory, name + ".o"), os.path.join(directory, "embedding")
    compile_it[compile_it.index("-o") + 1] = obj
    compile_it[compile_it.index("-c") + 1] = changed
    for flag in ("-MD", "-MQ", "-MF"):
        at = compile_it.index(flag)
        del compile_it[at:at + (1 if flag == "-MD" else 2)]
    compile_it += ["-w", "-Wno-error", "-I" + os.path.abspath(os.path.join(ROOT, "src/verifier"))]
    link = link_command(build)
    link[link.index("-o") + 1] = binary
    link.insert(link.index("-o") + 2, obj)
    for command in (compile_it, link):
        done = subprocess.run(command, cwd=build, capture_output=True, text=True)
        if done.returncode:
            return None, "does not build: " + done.stderr[:300]
    return binary, None


def plant_embedding(build, bug, seconds):
    with tempfile.TemporaryDirectory() as directory:
        binary, why = build_with(build, directory, bug)
        if why:
            return why
        entries = os.path.join(build, "selftests/entries")
        more = [entries] if os.path.exists(entries) else []
        for mode in ([], ["-p"]):
            if run([binary] + mode + ["-t", str(seconds / 2)] + more, seconds):
                return None
    return "nobody noticed"


def sites(build):
    """{(file, line): number} of all checks."""
    out = subprocess.run([os.path.join(build, "tests/verifier/verifier-deletions"), "-l"],
                         capture_output=True, text=True, check=True).stdout
    found = {}
    for line in out.split("\n"):
        if line:
            number, place = line.split()
            name, at = place.split(":")
            found[(name, int(at))] = number
    return found


def plant_differential(build, bug, seconds, table):
    name, text = bug
    with open(os.path.join(ROOT, "src/verifier", name)) as f:
        lines = f.read().split("\n")
    # The words may stand some lines below the call.
    numbers = [n for (f, at), n in table.items()
               if f == name and any(text in x for x in lines[at - 1:at + 3])]
    if not numbers:
        return "no such check"
    program = os.path.join(build, "tests/verifier/differential-without-a-check")
    entries = os.path.join(build, "selftests/entries")
    more = [entries] if os.path.exists(entries) else []
    for number in numbers:
        env = dict(os.environ, SKEP_DELETE=number, SKEP_SOURCE_ROOT=os.path.abspath(ROOT))
        if run([program, "-t", str(seconds)] + more, seconds, env):
            return None
    return "nobody noticed"


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    build, which = os.path.abspath(sys.argv[1]), sys.argv[2]
    seconds = float(sys.argv[3]) if len(sys.argv) > 3 else 30
    os.environ.setdefault("SKEP_SOURCE_ROOT", os.path.abspath(ROOT))
    bugs = EMBEDDING if which == "embedding" else DIFFERENTIAL
    table = None if which == "embedding" else sites(build)
    found = 0
    print("1..%d" % len(bugs), flush=True)
    for i, bug in enumerate(bugs, 1):
        start = time.monotonic()
        if which == "embedding":
            why = plant_embedding(build, bug, seconds)
        else:
            why = plant_differential(build, bug, seconds, table)
        found += why is None
        print("%sok %d - %s: %s (%.1f s)" % ("not " if why else "", i, bug[0],
                                            bug[1].split("\n")[0].strip(), time.monotonic() - start))
        if why:
            print("# " + why)
        sys.stdout.flush()
    print("# %s: found %d of %d planted bugs" % (which, found, len(bugs)))
    sys.exit(found < len(bugs))


main()
