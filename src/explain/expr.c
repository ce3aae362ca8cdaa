/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Solving is local search: take a condition that does not hold, choose one of its sides and a
 * value that would do, and push that value down through the expression, undoing one
 * operation after the other, until it arrives at bytes of the input. A change that makes more
 * conditions fail than before is mostly taken back.
 */
#include "explain/expr.h"

#include <linux/bpf.h>

/* ---- evaluation ---- */

static u64 low(u64 x, u32 bits)
{
	return bits >= 64 ? x : x & ((1ull << bits) - 1);
}

static u64 sign_extend(u64 x, u32 bits)
{
	return bits >= 64 ? x : (u64)((s64)(x << (64 - bits)) >> (64 - bits));
}

static u64 swap(u64 x, u32 bits)
{
	return __builtin_bswap64(x) >> (64 - bits);
}

static u64 divide(enum expr_op op, u64 a, u64 b)
{
	switch (op) {
	case EXPR_DIV:
		return b ? a / b : 0;
	case EXPR_MOD:
		return b ? a % b : a;
	case EXPR_SDIV:
		return !b ? 0 : b == UINT64_MAX ? -a : (u64)((s64)a / (s64)b);
	default:
		return !b ? a : b == UINT64_MAX ? 0 : (u64)((s64)a % (s64)b);
	}
}

static u64 compute(enum expr_op op, u32 bits, u64 a, u64 b)
{
	switch (op) {
	case EXPR_ADD:
		return a + b;
	case EXPR_SUB:
		return a - b;
	case EXPR_MUL:
		return a * b;
	case EXPR_DIV:
	case EXPR_MOD:
	case EXPR_SDIV:
	case EXPR_SMOD:
		return divide(op, a, b);
	case EXPR_AND:
		return a & b;
	case EXPR_OR:
		return a | b;
	case EXPR_XOR:
		return a ^ b;
	case EXPR_SHL:
		return a << (b & 63);
	case EXPR_SHR:
		return a >> (b & 63);
	case EXPR_SAR:
		return (u64)((s64)a >> (b & 63));
	case EXPR_ZEXT:
		return low(a, bits);
	case EXPR_SEXT:
		return sign_extend(a, bits);
	case EXPR_SWAP:
		return swap(a, bits);
	case EXPR_CAT:
		return a | b << bits;
	case EXPR_PIECE:
		return (a >> (8 * bits)) & 0xff;
	case EXPR_CHOOSE:
		return a & 1 ? b : 0;
	case EXPR_LESS:
		return a < b;
	default:
		return 0;
	}
}

static void evaluate(struct exprs *e, const struct input *input, u32 upto)
{
	for (u32 i = 1; i <= upto; i++) {
		struct expr *x = &e->all.data[i];

		if (x->op == EXPR_BYTE)
			x->value = x->a < input->bytes.len ? input->bytes.data[x->a] : 0;
		else if (x->op != EXPR_NUMBER)
			x->value = compute(x->op, x->bits, e->all.data[x->a].value,
					   e->all.data[x->b].value);
	}
}

/* ---- making ---- */

void exprs_reset(struct exprs *e)
{
	vec_clear(&e->all);
	if (!vec_push(&e->all, (struct expr){ 0 }))
		e->off = true;
}

static u32 add(struct exprs *e, struct expr x)
{
	if (e->off || e->all.len >= EXPR_MAX || !vec_push(&e->all, x))
		return 0;
	return (u32)e->all.len - 1;
}

static u32 symbol(struct exprs *e, struct term t)
{
	return t.sym ? t.sym : add(e, (struct expr){ .op = EXPR_NUMBER, .value = t.value });
}

struct term expr_byte(struct exprs *e, u32 index, u8 value)
{
	return (struct term){ value, add(e, (struct expr){ .op = EXPR_BYTE, .a = index,
							   .value = value }) };
}

struct term expr_two(struct exprs *e, enum expr_op op, struct term a, struct term b)
{
	struct term out = term_number(compute(op, 0, a.value, b.value));
	struct expr x = { .op = (u8)op, .value = out.value };

	if (!a.sym && !b.sym)
		return out;
	x.a = symbol(e, a);
	x.b = symbol(e, b);
	if (x.a && x.b)
		out.sym = add(e, x);
	return out;
}

struct term expr_one(struct exprs *e, enum expr_op op, struct term a, u32 bits)
{
	struct term out = term_number(compute(op, bits, a.value, 0));

	if (a.sym)
		out.sym = add(e, (struct expr){ .op = (u8)op, .bits = (u8)bits, .a = a.sym,
						.value = out.value });
	return out;
}

struct term expr_cat(struct exprs *e, struct term lower, u32 bits, struct term high)
{
	struct term out = term_number(compute(EXPR_CAT, bits, lower.value, high.value));
	struct expr x = { .op = EXPR_CAT, .bits = (u8)bits, .value = out.value };

	if (!lower.sym && !high.sym)
		return out;
	x.a = symbol(e, lower);
	x.b = symbol(e, high);
	if (x.a && x.b)
		out.sym = add(e, x);
	return out;
}

/* ---- conditions ---- */

bool condition_holds(u32 op, bool is32, u64 a, u64 b)
{
	if (is32) {
		a = (u32)a;
		b = (u32)b;
	}
	switch (op) {
	case BPF_JEQ:
		return a == b;
	case BPF_JNE:
		return a != b;
	case BPF_JGT:
		return a > b;
	case BPF_JGE:
		return a >= b;
	case BPF_JLT:
		return a < b;
	case BPF_JLE:
		return a <= b;
	case BPF_JSET:
		return a & b;
	default:
		break;
	}
	if (is32) {
		a = sign_extend(a, 32);
		b = sign_extend(b, 32);
	}
	switch (op) {
	case BPF_JSGT:
		return (s64)a > (s64)b;
	case BPF_JSGE:
		return (s64)a >= (s64)b;
	case BPF_JSLT:
		return (s64)a < (s64)b;
	default:
		return (s64)a <= (s64)b;
	}
}

static u32 negated(u32 op)
{
	switch (op) {
	case BPF_JEQ:
		return BPF_JNE;
	case BPF_JNE:
		return BPF_JEQ;
	case BPF_JGT:
		return BPF_JLE;
	case BPF_JGE:
		return BPF_JLT;
	case BPF_JLT:
		return BPF_JGE;
	case BPF_JLE:
		return BPF_JGT;
	case BPF_JSGT:
		return BPF_JSLE;
	case BPF_JSGE:
		return BPF_JSLT;
	case BPF_JSLT:
		return BPF_JSGE;
	default:
		return BPF_JSGT;
	}
}

/* a op b is b mirrored(op) a. */
static u32 mirrored(u32 op)
{
	switch (op) {
	case BPF_JGT:
		return BPF_JLT;
	case BPF_JGE:
		return BPF_JLE;
	case BPF_JLT:
		return BPF_JGT;
	case BPF_JLE:
		return BPF_JGE;
	case BPF_JSGT:
		return BPF_JSLT;
	case BPF_JSGE:
		return BPF_JSLE;
	case BPF_JSLT:
		return BPF_JSGT;
	case BPF_JSLE:
		return BPF_JSGE;
	default:
		return op;
	}
}

/* A value x with x op b, often the nearest one. */
static u64 value_for(struct input *input, u32 op, u64 now, u64 b)
{
	u32 r = input_random(input);
	u64 step = r & 3 ? 1 : 1 + (r >> 4) % 64;

	switch (op) {
	case BPF_JEQ:
	case BPF_JGE:
	case BPF_JLE:
	case BPF_JSGE:
	case BPF_JSLE:
		return b;
	case BPF_JNE:
		return r & 1 ? b + step : b - step;
	case BPF_JGT:
	case BPF_JSGT:
		return r & 31 ? b + step : op == BPF_JGT ? UINT64_MAX >> (r >> 5 & 32) : INT32_MAX;
	case BPF_JLT:
	case BPF_JSLT:
		return r & 31 ? b - step : 0;
	default: /* BPF_JSET: some bit of b */
		return b ? now | (b & -b) : now;
	}
}

/* ---- pushing values down ---- */

#define MAX_DEPTH 200
#define MAX_WORK  4096 /* a value built of its own parts over and over has very many ways down */

struct solver {
	struct exprs *e;
	struct input *input;
	u32 work;
};

static bool push_down(struct solver *s, u32 sym, u64 want, u32 depth);

static u64 inverse_odd(u64 x)
{
	u64 y = x;

	for (u32 i = 0; i < 6; i++)
		y *= 2 - x * y;
	return y;
}

static bool push_mul(struct solver *s, u32 sym, u64 factor, u64 want, u32 depth)
{
	u32 zeros;

	if (!factor)
		return false;
	zeros = (u32)__builtin_ctzll(factor);
	if (want & ((1ull << zeros) - 1))
		return push_down(s, sym, want / factor + 1, depth);
	return push_down(s, sym, (want >> zeros) * inverse_odd(factor >> zeros), depth);
}

/* One operand is to be chosen; the other keeps its value. */
static bool push_two(struct solver *s, const struct expr *x, bool left, u64 want, u32 depth)
{
	u32 sym = left ? x->a : x->b;
	u64 other = s->e->all.data[left ? x->b : x->a].value, now = s->e->all.data[sym].value;
	u32 n = (u32)other & 63;

	switch (x->op) {
	case EXPR_ADD:
		return push_down(s, sym, want - other, depth);
	case EXPR_SUB:
		return push_down(s, sym, left ? want + other : other - want, depth);
	case EXPR_XOR:
		return push_down(s, sym, want ^ other, depth);
	case EXPR_MUL:
		return push_mul(s, sym, other, want, depth);
	case EXPR_AND:
		return push_down(s, sym, (now & ~other) | (want & other), depth) && !(want & ~other);
	case EXPR_OR:
		return push_down(s, sym, (now & other) | (want & ~other), depth);
	case EXPR_SHL:
		return left && push_down(s, sym, low(want, 64) >> n, depth);
	case EXPR_SHR:
	case EXPR_SAR:
		return left && push_down(s, sym, want << n | (n ? low(now, n) : 0), depth);
	case EXPR_DIV:
	case EXPR_SDIV:
		return left ? push_down(s, sym, want * other, depth)
			    : want && push_down(s, sym, other / want, depth);
	case EXPR_MOD:
	case EXPR_SMOD:
		return left && push_down(s, sym, want, depth);
	case EXPR_LESS:
		return push_down(s, sym, left ? (want ? other - 1 : other) : (want ? other + 1 : 0),
				 depth);
	default:
		return false;
	}
}

static bool is_open(const struct solver *s, u32 sym)
{
	return s->e->all.data[sym].op != EXPR_NUMBER;
}

static bool push_down(struct solver *s, u32 sym, u64 want, u32 depth)
{
	const struct expr *x = &s->e->all.data[sym];
	bool left;
	u64 now;

	if (!depth || !s->work)
		return false;
	s->work--;
	/* Of a byte, a is its place in the input. */
	now = x->op == EXPR_BYTE ? 0 : s->e->all.data[x->a].value;
	switch (x->op) {
	case EXPR_NUMBER:
		return x->value == want;
	case EXPR_BYTE:
		if (x->a >= s->input->bytes.len)
			return false;
		s->input->bytes.data[x->a] = (u8)want;
		return want <= 0xff;
	case EXPR_ZEXT:
	case EXPR_SEXT:
		return push_down(s, x->a, (now & ~low(UINT64_MAX, x->bits)) | low(want, x->bits),
				 depth - 1);
	case EXPR_SWAP:
		return push_down(s, x->a, swap(want, x->bits), depth - 1);
	case EXPR_PIECE:
		return push_down(s, x->a,
				 (now & ~(0xffull << (8 * x->bits))) | (want & 0xff) << (8 * x->bits),
				 depth - 1);
	case EXPR_CAT:
		left = push_down(s, x->a, low(want, x->bits), depth - 1);
		return push_down(s, x->b, x->bits < 64 ? want >> x->bits : 0, depth - 1) && left;
	case EXPR_CHOOSE:
		return push_down(s, x->a, want != 0, depth - 1);
	default:
		left = !is_open(s, x->b) || (is_open(s, x->a) && (input_random(s->input) & 1));
		return push_two(s, x, left, want, depth - 1);
	}
}

/* ---- the search ---- */

static u64 value_of(const struct exprs *e, struct term t)
{
	return t.sym ? e->all.data[t.sym].value : t.value;
}

static bool holds(const struct exprs *e, const struct condition *c)
{
	return condition_holds(c->op, c->is32, value_of(e, c->a), value_of(e, c->b)) == c->want;
}

static void improve(struct solver *s, const struct condition *c)
{
	bool left = !c->b.sym || (c->a.sym && (input_random(s->input) & 1));
	struct term side = left ? c->a : c->b;
	u64 now = value_of(s->e, side), other = value_of(s->e, left ? c->b : c->a), want;
	u32 op = left ? c->op : mirrored(c->op);

	if (!side.sym)
		return;
	if (c->op == BPF_JSET && !c->want)
		want = now & ~other;
	else
		want = value_for(s->input, c->want ? op : negated(op), now, other);
	if (c->is32)
		want = (now & ~0xffffffffull) | (u32)want;
	s->work = MAX_WORK;
	push_down(s, side.sym, want, MAX_DEPTH);
}

static u32 count_failing(const struct exprs *e, const struct condition *conditions, u32 n,
			 struct input *input, u32 *pick)
{
	u32 failing = 0;

	/* Every failing one is picked with the same chance. */
	for (u32 i = 0; i < n; i++)
		if (!holds(e, &conditions[i]) && input_random(input) % ++failing == 0)
			*pick = i;
	return failing;
}

static u32 highest(const struct condition *conditions, u32 n)
{
	u32 max = 0;

	for (u32 i = 0; i < n; i++)
		max = MAX(max, MAX(conditions[i].a.sym, conditions[i].b.sym));
	return max;
}

bool solve(struct exprs *e, struct input *input, const struct condition *conditions, u32 n, u32 tries)
{
	struct solver s = { e, input, 0 };
	u32 upto = highest(conditions, n), pick = 0, failing, before;
	struct input saved = { 0 };
	bool solved = false;

	evaluate(e, input, upto);
	failing = count_failing(e, conditions, n, input, &pick);
	for (u32 i = 0; i < tries && failing; i++) {
		u64 random;

		if (!input_copy(&saved, input))
			break;
		before = failing;
		improve(&s, &conditions[pick]);
		evaluate(e, input, upto);
		failing = count_failing(e, conditions, n, input, &pick);
		if (failing <= before || input_random(input) % 16 == 0)
			continue;
		random = input->random;
		if (!input_copy(input, &saved))
			break;
		input->random = random;
		evaluate(e, input, upto);
		failing = count_failing(e, conditions, n, input, &pick);
	}
	solved = !failing;
	input_release(&saved);
	return solved;
}
