# SPDX-License-Identifier: Apache-2.0
"""LLVM IR to z3: functions without loops and without calls, as clang leaves them when
everything is inlined and unrolled.

A function is executed once, block by block in topological order. A value is a bit-vector, a
pointer is an object and a known offset, memory is a map from (object, byte) to bytes of values. Where
control flow joins, values and memory become if-then-else over the conditions of the edges. What
this does not know it refuses (Unsupported), so nothing is proved of a function misread.

Arithmetic wraps: flags that make an overflow poison are not used to assume anything. undef, poison
and freed choices become fresh unknowns, so a theorem must hold whatever they are."""
import re

import z3


class Unsupported(Exception):
    pass


# ---- types ----

class Types:
    def __init__(self, text):
        self.named = dict(re.findall(r"^(%[\w.]+) = type (.*)$", text, re.M))

    def fields(self, t):
        if t in self.named:
            t = self.named[t]
        if t.startswith("{"):
            return split(t.strip("{} "))
        return None

    def array(self, t):
        m = re.match(r"\[(\d+) x (.*)\]$", t)
        return (int(m[1]), m[2]) if m else None

    def align(self, t):
        if t.endswith("*") or t == "ptr":
            return 8
        if re.match(r"i\d+$", t):
            return max(1, min(16, (int(t[1:]) + 7) // 8))
        if self.array(t):
            return self.align(self.array(t)[1])
        if self.fields(t):
            return max(self.align(f) for f in self.fields(t))
        raise Unsupported("type " + t)

    def size(self, t):
        if t.endswith("*") or t == "ptr":
            return 8
        if re.match(r"i\d+$", t):
            return (int(t[1:]) + 7) // 8
        if self.array(t):
            return self.array(t)[0] * self.size(self.array(t)[1])
        if self.fields(t):
            end = self.offset(t, len(self.fields(t)))
            return -(-end // self.align(t)) * self.align(t)
        raise Unsupported("type " + t)

    def offset(self, t, index):
        at = 0
        for i, f in enumerate(self.fields(t)):
            at = -(-at // self.align(f)) * self.align(f)
            if i == index:
                return at
            at += self.size(f)
        return at


def split(text):
    """At the commas outside of brackets."""
    out, depth, start = [], 0, 0
    for i, c in enumerate(text):
        depth += c in "([{<"
        depth -= c in ")]}>"
        if c == "," and depth == 0:
            out.append(text[start:i].strip())
            start = i + 1
    out.append(text[start:].strip())
    return [x for x in out if x]


TYPE = r"(?:i\d+|ptr|%struct\.[\w.]+|\[[^\]]*\]+|\{[^}]*\})\**"
ATTRIBUTES = re.compile(
    r"(?<![.\w@])(?:noundef|zeroext|signext|nocapture|readonly|readnone|nonnull|nofree|immarg|writeonly|noalias|"
    r"inbounds|nsw|nuw|exact|tail|notail|nusw|disjoint|nneg|samesign|"
    r"dereferenceable\(\d+\)|captures\([^)]*\)|align \d+|byval\([^()]*\)|range\([^)]*\)|initializes\(.*?\)\))\s*")


def strip(text):
    text = re.sub(r",? ?![\w.]+(?: !\d+|\([^)]*\))?", "", text)
    text = re.sub(r",? #\d+", "", text)
    return re.sub(r"\s+", " ", ATTRIBUTES.sub("", text)).strip()


class Pointer:
    """An object and an offset; or (other) one of two pointers, by a condition."""

    def __init__(self, base, offset, condition=None, other=None):
        self.base, self.offset, self.condition, self.other = base, offset, condition, other

    def moved(self, by):
        other = self.other.moved(by) if self.other else None
        return Pointer(self.base, self.offset + by, self.condition, other)

    def choices(self):
        """[(condition, pointer)], the last one unconditional."""
        plain = Pointer(self.base, self.offset)
        return [(self.condition, plain)] + self.other.choices() if self.other else [(None, plain)]

    @staticmethod
    def choose(condition, a, b):
        if a.other:
            raise Unsupported("a choice among many pointers")
        if not b.other and (a.base, a.offset) == (b.base, b.offset):
            return a
        return Pointer(a.base, a.offset, condition, b)


class Function:
    def __init__(self, name, args, lines):
        self.name, self.args, self.blocks, self.order = name, args, {}, []
        label = None
        for line in lines:
            m = re.match(r"^([\w.$]+|\"[^\"]+\"):", line)
            if m:
                label = m[1]
                self.blocks[label] = []
                continue
            if label is None:
                label = "entry"
                self.blocks[label] = []
            if line.strip() and not line.strip().startswith(";"):
                self.blocks[label].append(line.strip())
        # The entry block has the number after the arguments', and no label of its own.
        self.entry = next(iter(self.blocks))
        self.entry_names = {"entry", str(len(args))}

    def key(self, label):
        if label in self.blocks:
            return label
        if label in self.entry_names:
            return self.entry
        raise Unsupported("label " + label)


def parse(text):
    """{name: Function}; multi-line switches are joined to one line."""
    text = re.sub(r"\[\n((?:\s+i\d+ -?\d+, label %[\w.]+\n)+)\s+\]",
                  lambda m: "[ " + " ".join(m[1].split()) + " ]", text)
    functions = {}
    for m in re.finditer(r"^define [^\n]*?@([\w.]+)\(([^\n]*)\)[^\n()]*\{\n(.*?)^\}", text, re.M | re.S):
        functions[m[1]] = Function(m[1], split(m[2]), m[3].split("\n"))
    return functions, Types(text)


# ---- execution ----

def bits(t):
    if not re.match(r"i\d+$", t):
        raise Unsupported("a value of type " + t)
    return int(t[1:])


def boolean(v):
    return v == z3.BitVecVal(1, 1)


def from_bool(b):
    return z3.If(b, z3.BitVecVal(1, 1), z3.BitVecVal(0, 1))


COMPARE = {"eq": lambda a, b: a == b, "ne": lambda a, b: a != b, "ult": z3.ULT, "ule": z3.ULE,
           "ugt": z3.UGT, "uge": z3.UGE, "slt": lambda a, b: a < b, "sle": lambda a, b: a <= b,
           "sgt": lambda a, b: a > b, "sge": lambda a, b: a >= b}
BINARY = {"add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b,
          "and": lambda a, b: a & b, "or": lambda a, b: a | b, "xor": lambda a, b: a ^ b,
          "shl": lambda a, b: a << b, "lshr": z3.LShR, "ashr": lambda a, b: a >> b,
          "udiv": z3.UDiv, "urem": z3.URem, "sdiv": lambda a, b: a / b, "srem": z3.SRem}


def leading_zeros(x, n):
    """Binary search: is the upper half empty?"""
    if n == 1:
        return z3.If(x == 0, z3.BitVecVal(1, 64), z3.BitVecVal(0, 64))
    half = n // 2
    high, low = z3.Extract(n - 1, half, x), z3.Extract(half - 1, 0, x)
    return z3.If(high == 0, half + leading_zeros(low, half), leading_zeros(high, half))


def reversed_bits(x, n):
    return z3.Concat(*[z3.Extract(i, i, x) for i in range(n)])


def swapped_bytes(x, n):
    return z3.Concat(*[z3.Extract(i + 7, i, x) for i in range(0, n, 8)])


def resize(x, n):
    m = x.size()
    return x if m == n else z3.Extract(n - 1, 0, x) if n < m else z3.ZeroExt(n - m, x)


class Run:
    def __init__(self, function, types):
        self.f, self.types = function, types
        self.values, self.unknowns = {}, 0
        self.memory = {}          # at the end of each block
        self.reach, self.edges = {}, {}  # conditions
        self.result = []

    def unknown(self, n):
        self.unknowns += 1
        return z3.BitVec("unknown%d" % self.unknowns, n)

    # -- operands --

    def operand(self, text, t):
        if text in self.values:
            return self.values[text]
        if t.endswith("*") or t == "ptr":
            raise Unsupported("pointer " + text)
        n = bits(t)
        if text in ("true", "false"):
            return z3.BitVecVal(int(text == "true"), n)
        if text in ("undef", "poison"):
            return self.unknown(n)
        if re.match(r"-?\d+$", text):
            return z3.BitVecVal(int(text), n)
        raise Unsupported("operand " + text)

    def typed(self, text):
        m = re.match("(" + TYPE + r") (\S+)$", text)
        if not m:
            raise Unsupported("operand " + text)
        return self.operand(m[2], m[1]), m[1]

    # -- memory: {(base, byte): (value, index of the byte in it)} --

    def load(self, memory, p, n):
        if p.other:
            *first, (_, last) = p.choices()
            out = self.load(memory, last, n)
            for condition, q in reversed(first):
                out = z3.If(condition, self.load(memory, q, n), out)
            return out
        size = (n + 7) // 8
        cells = []
        for i in range(size):
            key = (p.base, p.offset + i)
            if key not in memory:
                # An argument's byte, or one that was never written.
                memory[key] = (z3.BitVec("%s[%d]" % key, 8), 0)
            cells.append(memory[key])
        first = cells[0][0]
        if all(c[0] is first and c[1] == i for i, c in enumerate(cells)) and first.size() == size * 8:
            return resize(first, n)
        out = [z3.Extract(8 * i + 7, 8 * i, v) for v, i in reversed(cells)]
        return resize(z3.Concat(*out) if size > 1 else out[0], n)

    def store(self, memory, p, value):
        if p.other:
            before = z3.BoolVal(True)
            for condition, q in p.choices():
                here = before if condition is None else z3.And(before, condition)
                self.store(memory, q, z3.If(here, value, self.load(memory, q, value.size())))
                before = before if condition is None else z3.And(before, z3.Not(condition))
            return
        size = (value.size() + 7) // 8
        value = resize(value, size * 8)
        for i in range(size):
            memory[(p.base, p.offset + i)] = (value, i)

    def joined_memory(self, edges):
        if len(edges) == 1:
            return dict(edges[0][1])
        out, merged = {}, {}
        for key in set().union(*[m for _, m in edges]):
            cells = []
            for _, m in edges:
                if key not in m:
                    m[key] = (z3.BitVec("%s[%d]" % key, 8), 0)
                cells.append(m[key])
            if all(c[0] is cells[0][0] and c[1] == cells[0][1] for c in cells):
                out[key] = cells[0]
                continue
            # Words stay words when the bytes have one place in all of them.
            if len({(c[0].size(), c[1]) for c in cells}) == 1:
                id_ = tuple(c[0].get_id() for c in cells)
                if id_ not in merged:
                    merged[id_] = self.choose(edges, [c[0] for c in cells])
                out[key] = (merged[id_], cells[0][1])
            else:
                out[key] = (self.choose(edges, [z3.Extract(8 * i + 7, 8 * i, v) for v, i in cells]), 0)
        return out

    @staticmethod
    def choose(edges, values):
        out = values[-1]
        for (condition, _), v in reversed(list(zip(edges[:-1], values[:-1]))):
            out = z3.If(condition, v, out)
        return out

    # -- instructions --

    def gep(self, text):
        parts = split(text)
        t = parts[0]
        base, _ = self.typed(parts[1])
        offset = 0
        for i, p in enumerate(parts[2:]):
            index, it = self.typed(p)
            index = z3.simplify(index)
            if not z3.is_bv_value(index):
                base, offset = self.element(base.moved(offset), index, t), 0
                t = self.types.array(t)[1]
                continue
            index = index.as_signed_long()
            if i == 0:
                offset += index * self.types.size(t)
            elif self.types.array(t):
                t = self.types.array(t)[1]
                offset += index * self.types.size(t)
            else:
                offset += self.types.offset(t, index)
                t = self.types.fields(t)[index]
        return base.moved(offset)

    def element(self, p, index, t):
        """A pointer to one of few elements: each of them, by a condition."""
        if not self.types.array(t) or self.types.array(t)[0] > 4 or p.other:
            raise Unsupported("a variable index")
        n, inner = self.types.array(t)
        out = p.moved((n - 1) * self.types.size(inner))
        for i in reversed(range(n - 1)):
            out = Pointer.choose(index == i, p.moved(i * self.types.size(inner)), out)
        return out

    def call(self, text, memory):
        m = re.match(r"(?:%s|void) @([\w.]+)\((.*)\)$" % TYPE, text)
        if not m:
            raise Unsupported("call " + text)
        name, args = m[1], split(m[2])
        if re.match(r"llvm\.(lifetime|experimental\.noalias|dbg|assume)", name):
            return None
        if name.startswith("llvm.memset"):
            p, n, v = self.typed(args[0])[0], self.constant(args[2]), self.typed(args[1])[0]
            for i in range(n):
                memory[(p.base, p.offset + i)] = (v, 0)
            return None
        if name.startswith("llvm.memcpy"):
            to, source, n = self.typed(args[0])[0], self.typed(args[1])[0], self.constant(args[2])
            cells = []
            for i in range(n):
                self.load(memory, Pointer(source.base, source.offset + i), 8)
                cells.append(memory[(source.base, source.offset + i)])
            for i, c in enumerate(cells):
                memory[(to.base, to.offset + i)] = c
            return None
        a = [self.typed(x)[0] for x in args]
        n = a[0].size()
        kind = name.split(".")[1]
        if kind in ("ctlz", "cttz"):
            x = a[0] if kind == "ctlz" else reversed_bits(a[0], n)
            count = resize(leading_zeros(x, n), n)
            if z3.is_true(z3.simplify(boolean(a[1]))):
                count = z3.If(x == 0, self.unknown(n), count)
            return count
        if kind == "ctpop":
            return sum((z3.ZeroExt(n - 1, z3.Extract(i, i, a[0])) for i in range(n)), z3.BitVecVal(0, n))
        if kind == "bswap":
            return swapped_bytes(a[0], n)
        if kind in ("umin", "umax", "smin", "smax"):
            less = z3.ULT(a[0], a[1]) if kind[0] == "u" else a[0] < a[1]
            return z3.If(less, a[0], a[1]) if kind[1:] == "min" else z3.If(less, a[1], a[0])
        if kind == "abs":
            return z3.If(a[0] < 0, -a[0], a[0])
        if kind in ("fshl", "fshr"):
            both, by = z3.Concat(a[0], a[1]), z3.URem(a[2], z3.BitVecVal(n, n))
            if kind == "fshl":
                return z3.Extract(2 * n - 1, n, both << z3.ZeroExt(n, by))
            return z3.Extract(n - 1, 0, z3.LShR(both, z3.ZeroExt(n, by)))
        if kind in ("usub", "uadd") and name.split(".")[2] == "sat":
            if kind == "usub":
                return z3.If(z3.ULT(a[0], a[1]), z3.BitVecVal(0, n), a[0] - a[1])
            return z3.If(z3.ULT(a[0] + a[1], a[0]), z3.BitVecVal(-1, n), a[0] + a[1])
        if kind == "umul":
            wide = z3.ZeroExt(n, a[0]) * z3.ZeroExt(n, a[1])
            return (a[0] * a[1], from_bool(z3.Extract(2 * n - 1, n, wide) != 0))
        if kind in ("uadd", "usub"):
            r = a[0] + a[1] if kind == "uadd" else a[0] - a[1]
            return (r, from_bool(z3.ULT(r, a[0]) if kind == "uadd" else z3.ULT(a[0], a[1])))
        raise Unsupported("call of " + name)

    def constant(self, text):
        v = z3.simplify(self.typed(text)[0])
        if not z3.is_bv_value(v):
            raise Unsupported("a length that is no constant")
        return v.as_long()

    def compute(self, op, rest, memory, block):
        if op == "icmp":
            m = re.match(r"(\w+) (%s) (\S+), (\S+)$" % TYPE, rest)
            return from_bool(COMPARE[m[1]](self.operand(m[3], m[2]), self.operand(m[4], m[2])))
        if op in BINARY:
            m = re.match(r"(%s) (\S+), (\S+)$" % TYPE, rest)
            return BINARY[op](self.operand(m[2], m[1]), self.operand(m[3], m[1]))
        if op == "select":
            c, a, b = split(rest)
            c, a, b = self.typed(c)[0], self.typed(a)[0], self.typed(b)[0]
            if isinstance(a, Pointer):
                return Pointer.choose(boolean(c), a, b)
            return z3.If(boolean(c), a, b)
        if op in ("zext", "sext", "trunc", "bitcast"):
            m = re.match(r"(.*) to (%s)$" % TYPE, rest)
            v, _ = self.typed(m[1])
            if isinstance(v, Pointer):
                return v
            n = bits(m[2])
            return z3.SignExt(n - v.size(), v) if op == "sext" else resize(v, n)
        if op == "freeze":
            return self.typed(rest)[0]
        if op == "getelementptr":
            return self.gep(rest)
        if op == "load":
            t, p = split(rest)[:2]
            return self.load(memory, self.typed(p)[0], bits(t))
        if op == "store":
            v, p = split(rest)[:2]
            self.store(memory, self.typed(p)[0], self.typed(v)[0])
            return None
        if op == "alloca":
            return Pointer("%s.%s" % (self.f.name, self.unknowns_name()), 0)
        if op == "extractvalue":
            m = re.match(r"(?:%s) (\S+), (\d+)$" % TYPE, rest)
            return self.values[m[1]][int(m[2])]
        if op == "insertvalue":
            raise Unsupported("insertvalue")
        if op == "call":
            return self.call(rest, memory)
        if op == "phi":
            return self.phi(rest, block)
        raise Unsupported(op)

    def unknowns_name(self):
        self.unknowns += 1
        return "local%d" % self.unknowns

    def phi(self, rest, block):
        m = re.match(r"(%s) (.*)$" % TYPE, rest)
        edges, values = [], []
        for v, label in re.findall(r"\[ (\S+), %([\w.]+) \]", m[2]):
            source = self.f.key(label)
            if (source, block) not in self.edges:
                continue  # from a block that is never reached
            edges.append((self.edges[(source, block)], None))
            values.append(self.operand(v, m[1]))
        if isinstance(values[0], Pointer):
            out = values[-1]
            for (condition, _), v in reversed(list(zip(edges[:-1], values[:-1]))):
                out = Pointer.choose(condition, v, out)
            return out
        return self.choose(edges, values)

    def goto(self, source, label, condition):
        target = self.f.key(label)
        old = self.edges.get((source, target))
        self.edges[(source, target)] = condition if old is None else z3.Or(old, condition)

    def terminate(self, block, op, rest):
        reach = self.reach[block]
        if op == "ret":
            self.result.append((reach, self.typed(rest)[0]))
        elif op == "unreachable":
            # Only a fault of the program leads here.
            self.result.append((reach, z3.BitVecVal(0, 1)))
        elif op == "switch":
            m = re.match(r"(%s \S+), label %%([\w.]+) \[(.*)\]" % TYPE, rest)
            v, t = self.typed(m[1])
            others = []
            for k, label in re.findall(r"i\d+ (-?\d+), label %([\w.]+)", m[3]):
                hit = v == z3.BitVecVal(int(k), bits(t))
                others.append(z3.Not(hit))
                self.goto(block, label, z3.And(reach, hit))
            self.goto(block, m[2], z3.And(reach, *others))
        else:
            m = re.match(r"i1 (\S+), label %([\w.]+), label %([\w.]+)", rest)
            if m:
                c = boolean(self.operand(m[1], "i1"))
                self.goto(block, m[2], z3.And(reach, c))
                self.goto(block, m[3], z3.And(reach, z3.Not(c)))
            else:
                self.goto(block, re.match(r"label %([\w.]+)", rest)[1], reach)

    # -- blocks --

    def targets(self, block):
        return [self.f.key(x) for x in re.findall(r"label %([\w.]+)", self.f.blocks[block][-1])]

    def topological(self):
        order, state = [], {}
        todo = [(self.f.entry, iter(self.targets(self.f.entry)))]
        state[self.f.entry] = 1
        while todo:
            block, rest = todo[-1]
            for t in rest:
                if state.get(t) == 1:
                    raise Unsupported("a loop")
                if t not in state:
                    state[t] = 1
                    todo.append((t, iter(self.targets(t))))
                    break
            else:
                state[block] = 2
                order.append(block)
                todo.pop()
        return order[::-1]

    def arguments(self):
        for i, arg in enumerate(self.f.args):
            name = "%" + str(i) if "%" not in arg.split()[-1] else arg.split()[-1]
            t = re.match(TYPE, arg)[0]
            pointer = t.endswith("*") or t == "ptr"
            self.values[name] = Pointer("arg" + name, 0) if pointer else z3.BitVec("arg" + name, bits(t))

    def run(self):
        """The bit-vector that the function returns."""
        self.arguments()
        for block in self.topological():
            into = [(c, self.memory[s]) for (s, t), c in self.edges.items() if t == block]
            self.reach[block] = z3.Or(*[c for c, _ in into]) if into else z3.BoolVal(True)
            memory = self.joined_memory(into) if into else {}
            self.memory[block] = memory
            *body, last = self.f.blocks[block]
            for line in body:
                m = re.match(r"(?:(%[\w.]+) = )?(\w+) ?(.*)$", strip(line))
                value = self.compute(m[2], m[3], memory, block)
                if m[1]:
                    self.values[m[1]] = value
            m = re.match(r"(\w+) ?(.*)$", strip(last))
            self.terminate(block, m[1], m[2])
        out = self.result[-1][1]
        for reach, v in self.result[:-1]:
            out = z3.If(reach, v, out)
        return out
