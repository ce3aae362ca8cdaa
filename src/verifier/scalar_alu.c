/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arithmetic on scalars. A 32-bit operation is one on the low words. A 64-bit operation
 * is one on the full words; where the low bits of the result depend on nothing but the
 * low bits of the operands, the low words are computed on their own as well.
 */
#include "verifier/scalar.h"
#include "verifier/scalar_word.h"

static bool low_half_is_its_own(u32 op, const struct scalar *b)
{
	switch (op) {
	case BPF_ADD:
	case BPF_SUB:
	case BPF_NEG:
	case BPF_MUL:
	case BPF_AND:
	case BPF_OR:
	case BPF_XOR:
		return true;
	case BPF_LSH:
		/* As long as both widths shift equally far. */
		return b->umax < SCALAR_HALF;
	default:
		return false;
	}
}

/*
 * A shift by half the width or more pushes the upper half out: what matters is the low
 * bits, and any number that has the same low bits will do. The sign-extended one keeps
 * both intervals of the low word apart (r <<= 32; r s>>= 32 is how older compilers extend).
 */
static struct scalar drop_upper_half(const struct scalar *a, u64 by)
{
	return scalar_sext(a, (u32)(SCALAR_BITS - by));
}

struct scalar scalar_alu(u32 op, bool is32, const struct scalar *a, const struct scalar *b)
{
	struct word low_a, low_b, high_a, high_b, low = word_full(SCALAR_HALF);
	struct scalar out, rest;

	if (op == BPF_MOV)
		return is32 ? scalar_zext(b, SCALAR_HALF) : *b;
	low_a = scalar_low(a);
	low_b = scalar_low(b);
	if (is32)
		return scalar_of_low(word_alu(op, &low_a, &low_b, SCALAR_HALF));
	if (op == BPF_LSH && scalar_is_const(b) && b->umin >= SCALAR_HALF && b->umin < SCALAR_BITS) {
		rest = drop_upper_half(a, b->umin);
		a = &rest;
	}
	high_a = scalar_high(a);
	high_b = scalar_high(b);
	if (low_half_is_its_own(op, b) && !(scalar_is_const(a) && scalar_is_const(b)))
		low = word_alu(op, &low_a, &low_b, SCALAR_HALF);
	scalar_store(&out, word_alu(op, &high_a, &high_b, SCALAR_BITS), low);
	return out;
}

struct scalar scalar_add(const struct scalar *a, const struct scalar *b)
{
	return scalar_alu(BPF_ADD, false, a, b);
}

struct scalar scalar_sub(const struct scalar *a, const struct scalar *b)
{
	return scalar_alu(BPF_SUB, false, a, b);
}

struct scalar scalar_add_const(const struct scalar *a, s64 value)
{
	struct scalar b = scalar_const((u64)value);

	return scalar_alu(BPF_ADD, false, a, &b);
}

/* The low `bits` bits of a scalar as a word. */
static struct word low_word(const struct scalar *s, u32 bits)
{
	struct word from = bits <= SCALAR_HALF ? scalar_low(s) : scalar_high(s);
	struct word out = word_none(bits);

	out.bits = tnum_cast(s->bits, bits);
	word_add_low(&out, &from, bits);
	word_reduce(&out, bits);
	return out;
}

struct scalar scalar_zext(const struct scalar *s, u32 bits)
{
	struct word w = low_word(s, bits);
	struct word high = { w.bits, { SPAN_EMPTY, SPAN_EMPTY } };

	if (bits >= SCALAR_BITS)
		return *s;
	if (bits == SCALAR_HALF)
		return scalar_of_low(w);
	high.half[0] = (struct span){ word_umin(&w), word_umax(&w) };
	return scalar_of_high(high);
}

struct scalar scalar_sext(const struct scalar *s, u32 bits)
{
	struct word w = low_word(s, bits);
	u64 above = low_mask(SCALAR_BITS) & ~low_mask(bits);

	if (bits >= SCALAR_BITS)
		return *s;
	w.bits = tnum_cast(tnum_sext(w.bits, bits), SCALAR_BITS);
	if (!span_empty(w.half[1]))
		w.half[1] = (struct span){ w.half[1].lo | above, w.half[1].hi | above };
	return scalar_of_high(w);
}

struct scalar scalar_load(u32 bits, bool sign_extend)
{
	struct scalar any = scalar_unknown();

	return sign_extend ? scalar_sext(&any, bits) : scalar_zext(&any, bits);
}

struct scalar scalar_bswap(const struct scalar *s, u32 bits)
{
	struct word w = word_full(SCALAR_BITS);

	w.bits = tnum_bswap(s->bits, bits);
	return scalar_of_high(w);
}
