# SPDX-License-Identifier: Apache-2.0
"""Bit-vector formulas as formulas on integers.

Bounds and sums are nothing for a solver that thinks in integers, and long work for one that thinks
in bits. A word of n bits becomes an integer from 0 to 2^n - 1, a sum modulo 2^n a sum and a whole
number of turns. What only bits can say (and, or, xor of two unknowns, shifts by an unknown number) becomes
an unknown with the few bounds that hold of it. So the integers know less: what cannot be satisfied there
cannot be satisfied in bits, and nothing follows from the contrary."""
import z3


class Integers:
    def __init__(self):
        self.memo, self.facts, self.fresh = {}, [], 0

    def unknown(self, n):
        self.fresh += 1
        v = z3.Int("i%d" % self.fresh)
        self.facts += [v >= 0, v < 2 ** n]
        return v

    # -- linear forms: {id: (term, factor)} and a constant --

    def linear(self, e, factor, terms):
        """Adds factor * e to terms; answers the constant part."""
        k = e.decl().kind()
        if k == z3.Z3_OP_BNUM:
            return factor * e.as_long()
        if k == z3.Z3_OP_BADD:
            return sum(self.linear(c, factor, terms) for c in e.children())
        if k == z3.Z3_OP_BSUB:
            first, *rest = e.children()
            return self.linear(first, factor, terms) + sum(self.linear(c, -factor, terms) for c in rest)
        if k == z3.Z3_OP_BNEG:
            return self.linear(e.arg(0), -factor, terms)
        if k == z3.Z3_OP_BNOT:
            return self.linear(e.arg(0), -factor, terms) - factor
        if k == z3.Z3_OP_BMUL and e.num_args() == 2 and z3.is_bv_value(e.arg(0)):
            c = e.arg(0).as_signed_long()
            return self.linear(e.arg(1), factor * c, terms)
        v = self.value(e)
        _, f = terms.get(e.get_id(), (v, 0))
        terms[e.get_id()] = (v, f + factor)
        return 0

    def wrapped(self, total, n):
        """total modulo 2^n."""
        self.fresh += 1
        turns = z3.Int("q%d" % self.fresh)
        r = total - turns * 2 ** n
        self.facts += [r >= 0, r < 2 ** n]
        return r

    def sum(self, e):
        terms = {}
        constant = self.linear(e, 1, terms)
        return self.wrapped(z3.Sum([f * v for v, f in terms.values()] + [z3.IntVal(constant)]), e.size())

    # -- words --

    def value(self, e):
        if e.get_id() not in self.memo:
            self.memo[e.get_id()] = (self.make(e), e)
        return self.memo[e.get_id()][0]

    def signed(self, e):
        v, n = self.value(e), e.size()
        return z3.If(v >= 2 ** (n - 1), v - 2 ** n, v)

    def make(self, e):
        k, n = e.decl().kind(), e.size()
        if k == z3.Z3_OP_BNUM:
            return z3.IntVal(e.as_long())
        if k in (z3.Z3_OP_BADD, z3.Z3_OP_BSUB, z3.Z3_OP_BNEG):
            return self.sum(e)
        if k == z3.Z3_OP_BNOT:
            return 2 ** n - 1 - self.value(e.arg(0))
        if k == z3.Z3_OP_ITE:
            return z3.If(self.truth(e.arg(0)), self.value(e.arg(1)), self.value(e.arg(2)))
        if k == z3.Z3_OP_ZERO_EXT:
            return self.value(e.arg(0))
        if k == z3.Z3_OP_SIGN_EXT:
            m = e.arg(0).size()
            v = self.value(e.arg(0))
            return z3.If(v >= 2 ** (m - 1), v + 2 ** n - 2 ** m, v)
        if k == z3.Z3_OP_CONCAT:
            v = self.value(e.arg(0))
            for c in e.children()[1:]:
                v = v * 2 ** c.size() + self.value(c)
            return v
        if k == z3.Z3_OP_EXTRACT:
            high, low = e.params()
            v = self.value(e.arg(0))
            v = v / (2 ** low) if low else v
            return v if high == e.arg(0).size() - 1 else v % 2 ** (high - low + 1)
        if k == z3.Z3_OP_BMUL and e.num_args() == 2:
            if z3.is_bv_value(e.arg(0)):
                return self.sum(e)
            return (self.value(e.arg(0)) * self.value(e.arg(1))) % 2 ** n
        if k in (z3.Z3_OP_BUDIV, z3.Z3_OP_BUDIV_I):
            a, b = map(self.value, e.children())
            return z3.If(b == 0, z3.IntVal(2 ** n - 1), a / b)
        if k in (z3.Z3_OP_BUREM, z3.Z3_OP_BUREM_I):
            a, b = map(self.value, e.children())
            return z3.If(b == 0, a, a % b)
        return self.opaque(e, k, n)

    def opaque(self, e, k, n):
        v = self.unknown(n)
        parts = [self.value(c) for c in e.children()]
        if k == z3.Z3_OP_BAND:
            self.facts += [v <= p for p in parts]
        elif k == z3.Z3_OP_BOR:
            self.facts += [v >= p for p in parts] + [v <= z3.Sum(parts)]
        elif k == z3.Z3_OP_BXOR:
            self.facts += [v <= z3.Sum(parts)]
        elif k in (z3.Z3_OP_BLSHR, z3.Z3_OP_BSHL) and z3.is_bv_value(e.arg(1)):
            by = 2 ** min(e.arg(1).as_long(), n)
            self.facts += [v == (parts[0] / by if k == z3.Z3_OP_BLSHR else parts[0] * by % 2 ** n)]
        elif k == z3.Z3_OP_BLSHR:
            self.facts += [v <= parts[0]]
        return v

    # -- truth --

    def truth(self, e):
        k = e.decl().kind()
        a = e.children()
        if k == z3.Z3_OP_NOT:
            return z3.Not(self.truth(a[0]))
        if k == z3.Z3_OP_AND:
            return z3.And(*[self.truth(c) for c in a])
        if k == z3.Z3_OP_OR:
            return z3.Or(*[self.truth(c) for c in a])
        if k == z3.Z3_OP_ITE:
            return z3.If(self.truth(a[0]), self.truth(a[1]), self.truth(a[2]))
        if k in (z3.Z3_OP_EQ, z3.Z3_OP_DISTINCT):
            if z3.is_bool(a[0]):
                same = self.truth(a[0]) == self.truth(a[1])
            else:
                same = self.value(a[0]) == self.value(a[1])
            return same if k == z3.Z3_OP_EQ else z3.Not(same)
        compare = {z3.Z3_OP_ULEQ: (self.value, "le"), z3.Z3_OP_ULT: (self.value, "lt"),
                   z3.Z3_OP_UGEQ: (self.value, "ge"), z3.Z3_OP_UGT: (self.value, "gt"),
                   z3.Z3_OP_SLEQ: (self.signed, "le"), z3.Z3_OP_SLT: (self.signed, "lt"),
                   z3.Z3_OP_SGEQ: (self.signed, "ge"), z3.Z3_OP_SGT: (self.signed, "gt")}
        if k in compare:
            of, how = compare[k]
            x, y = of(a[0]), of(a[1])
            return {"le": x <= y, "lt": x < y, "ge": x >= y, "gt": x > y}[how]
        if k in (z3.Z3_OP_TRUE, z3.Z3_OP_FALSE):
            return e
        self.fresh += 1
        return z3.Bool("b%d" % self.fresh)


def refuted(formulas, work):
    """True when the formulas have no solution, which integers can see."""
    to = Integers()
    out = [to.truth(f) for f in formulas]
    solver = z3.Solver()
    solver.set("rlimit", work)
    solver.add(*out)
    solver.add(*to.facts)
    return solver.check() == z3.unsat
