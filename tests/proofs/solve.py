# SPDX-License-Identifier: Apache-2.0
"""Proving that a bit is always 1. One large question is hard for a solver, many small ones are
not: the claim is cut along its own conjunctions and choices into cases, and a case that takes long
is cut again at the condition that most of it hangs on."""
import time

import z3

import integers

# Work, in z3's own measure (some 5 to 15 million a second): the same on a busy machine.
GLANCE, LOOK, SECOND = 2000000, 15000000, 10000000


def kind(e):
    return e.decl().kind()


def cases(e, context, out):
    """Lists of formulas; e follows from the context unless one of them can be satisfied."""
    if z3.is_true(e):
        return
    k = kind(e)
    if k == z3.Z3_OP_AND:
        done = []
        for c in e.children():
            cases(c, context + done, out)
            done.append(c)
    elif k == z3.Z3_OP_ITE:
        c, a, b = e.children()
        cases(a, context + [c], out)
        cases(b, context + [z3.Not(c)], out)
    elif k == z3.Z3_OP_OR:
        children = e.children()
        pick = [c for c in children if kind(c) in (z3.Z3_OP_AND, z3.Z3_OP_ITE) or negated(c)]
        if pick:
            cases(pick[-1], context + [z3.Not(c) for c in children if c is not pick[-1]], out)
        else:
            out.append(context + [z3.Not(e)])
    elif negated(e):
        inner = e.arg(0)
        if kind(inner) == z3.Z3_OP_OR:
            cases(z3.And(*[z3.Not(c) for c in inner.children()]), context, out)
        else:
            c, a, b = inner.children()
            cases(z3.If(c, z3.Not(a), z3.Not(b)), context, out)
    else:
        out.append(context + [z3.Not(e)])


def negated(e):
    return kind(e) == z3.Z3_OP_NOT and kind(e.arg(0)) in (z3.Z3_OP_OR, z3.Z3_OP_ITE)


def subterms(formulas):
    seen, todo = {}, list(formulas)
    while todo:
        e = todo.pop()
        if e.get_id() not in seen:
            seen[e.get_id()] = e
            todo += e.children()
    return seen.values()


def has_choice(e):
    return any(kind(x) == z3.Z3_OP_ITE for x in subterms([e]))


def pivot(formulas):
    """The condition to cut at: what decides most choices, without a choice inside."""
    count = {}
    for e in subterms(formulas):
        found = [(e.arg(0), 2)] if kind(e) == z3.Z3_OP_ITE else \
            [(c, 1) for c in e.children()] if kind(e) == z3.Z3_OP_OR else []
        for c, weight in found:
            if kind(c) == z3.Z3_OP_NOT:
                c = c.arg(0)
            entry = count.setdefault(c.get_id(), [0, c])
            entry[0] += weight
    for _, c in sorted(count.values(), key=lambda p: -p[0]):
        if not has_choice(c):
            return c
    return None


def check(formulas, work):
    solver = z3.Then("simplify", "propagate-values", "solve-eqs", "bit-blast", "sat").solver()
    solver.set("rlimit", work)
    solver.add(*formulas)
    return solver.check(), solver


def flat(formulas):
    for f in formulas:
        f = z3.simplify(f)
        if kind(f) == z3.Z3_OP_AND:
            yield from f.children()
        else:
            yield f


def refute(formulas, end):
    """(unsat | sat | unknown, solver): by bits, by integers, by cutting in two."""
    answer, solver = check(formulas, GLANCE)
    if answer != z3.unknown:
        return answer, solver
    if integers.refuted(formulas, LOOK):
        return z3.unsat, solver
    answer, solver = check(formulas, LOOK)
    if answer != z3.unknown or time.process_time() > end:
        return answer, solver
    c = pivot(formulas)
    if c is None:
        return check(formulas, int(max(1, end - time.process_time()) * SECOND))
    for value in (True, False):
        rest = [f for f in flat(z3.substitute(f, (c, z3.BoolVal(value))) for f in formulas)
                if not z3.is_true(f)]
        if any(z3.is_false(f) for f in rest):
            continue
        answer, solver = refute(rest + [c if value else z3.Not(c)], end)
        if answer != z3.unsat:
            return answer, solver
    return z3.unsat, solver


def prove(bit, seconds):
    """(proved | false | timeout, counterexample, how many cases)"""
    todo = []
    cases(z3.simplify(bit == 1), [], todo)
    end = time.process_time() + seconds
    verdict = "proved"
    for formulas in todo:
        answer, solver = refute(list(formulas), end)
        if answer == z3.sat:
            model = solver.model()
            return "false", ", ".join("%s=%s" % (d, model[d]) for d in model.decls()), len(todo)
        if answer == z3.unknown:
            return "timeout", "", len(todo)
    return verdict, "", len(todo)
