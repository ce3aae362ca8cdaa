/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the operations of scalar.h do to plain numbers, at any width up to 64: written
 * straight from RFC 9669, to hold the abstract ones against.
 */
#ifndef SKEP_TESTS_SCALAR_CONCRETE_H
#define SKEP_TESTS_SCALAR_CONCRETE_H

#include "verifier/scalar.h"

/* best: at 4 bits, in how many percent of random cases the result must be the best one. */
static const struct {
	u32 op;
	const char *name;
	u32 best;
} alu_ops[] = {
	{ BPF_ADD, "add", 94 },   { BPF_SUB, "sub", 94 },     { BPF_MUL, "mul", 60 },
	{ BPF_DIV, "div", 70 },   { SCALAR_SDIV, "sdiv", 80 }, { BPF_MOD, "mod", 48 },
	{ SCALAR_SMOD, "smod", 58 }, { BPF_AND, "and", 75 },  { BPF_OR, "or", 75 },
	{ BPF_XOR, "xor", 50 },   { BPF_LSH, "lsh", 52 },     { BPF_RSH, "rsh", 55 },
	{ BPF_ARSH, "arsh", 72 }, { BPF_NEG, "neg", 99 },     { BPF_MOV, "mov", 100 },
};

static const struct {
	u32 op;
	const char *name;
} jump_ops[] = {
	{ BPF_JEQ, "jeq" },   { BPF_JNE, "jne" },   { BPF_JGT, "jgt" },   { BPF_JGE, "jge" },
	{ BPF_JLT, "jlt" },   { BPF_JLE, "jle" },   { BPF_JSGT, "jsgt" }, { BPF_JSGE, "jsge" },
	{ BPF_JSLT, "jslt" }, { BPF_JSLE, "jsle" }, { BPF_JSET, "jset" },
};

static inline u64 concrete_mask(u32 n)
{
	return n == 64 ? ~0ull : (1ull << n) - 1;
}

static inline s64 concrete_signed(u64 x, u32 n)
{
	return x >> (n - 1) & 1 ? (s64)(x | ~concrete_mask(n)) : (s64)x;
}

static inline bool concrete_shift(u32 op)
{
	return op == BPF_LSH || op == BPF_RSH || op == BPF_ARSH;
}

/* x op y on n-bit words. Shifts wrap at n; at an n where they cannot, they must be below n. */
static inline u64 concrete_alu_n(u32 op, u64 x, u64 y, u32 n)
{
	u64 mask = concrete_mask(n), by = y & (n & (n - 1) ? mask : n - 1);
	s64 sx = concrete_signed(x & mask, n), sy = concrete_signed(y & mask, n);
	u64 r = 0;

	x &= mask;
	y &= mask;
	switch (op) {
	case BPF_ADD:
		r = x + y;
		break;
	case BPF_SUB:
		r = x - y;
		break;
	case BPF_MUL:
		r = x * y;
		break;
	case BPF_DIV:
		r = y ? x / y : 0;
		break;
	case BPF_MOD:
		r = y ? x % y : x;
		break;
	case SCALAR_SDIV:
		r = !sy ? 0 : sy == -1 ? -x : (u64)(sx / sy);
		break;
	case SCALAR_SMOD:
		r = !sy ? x : sy == -1 ? 0 : (u64)(sx % sy);
		break;
	case BPF_AND:
		r = x & y;
		break;
	case BPF_OR:
		r = x | y;
		break;
	case BPF_XOR:
		r = x ^ y;
		break;
	case BPF_LSH:
		r = x << by;
		break;
	case BPF_RSH:
		r = x >> by;
		break;
	case BPF_ARSH:
		r = (u64)(sx >> by);
		break;
	case BPF_NEG:
		r = -x;
		break;
	case BPF_MOV:
		r = y;
		break;
	}
	return r & mask;
}

/* The result in a register of `bits` bits; a half-width result is zero-extended. */
static inline u64 concrete_alu(u32 op, bool is32, u64 x, u64 y, u32 bits)
{
	return concrete_alu_n(op, x, y, is32 ? bits / 2 : bits);
}

static inline bool concrete_jump(u32 op, bool is32, u64 x, u64 y, u32 bits)
{
	u32 n = is32 ? bits / 2 : bits;
	s64 sx, sy;

	x &= concrete_mask(n);
	y &= concrete_mask(n);
	sx = concrete_signed(x, n);
	sy = concrete_signed(y, n);
	switch (op) {
	case BPF_JEQ:
		return x == y;
	case BPF_JNE:
		return x != y;
	case BPF_JGT:
		return x > y;
	case BPF_JGE:
		return x >= y;
	case BPF_JLT:
		return x < y;
	case BPF_JLE:
		return x <= y;
	case BPF_JSGT:
		return sx > sy;
	case BPF_JSGE:
		return sx >= sy;
	case BPF_JSLT:
		return sx < sy;
	case BPF_JSLE:
		return sx <= sy;
	default:
		return (x & y) != 0;
	}
}

/* xorshift64*: every run the same numbers. */
static inline u64 random_next(u64 *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dull;
}

#endif
