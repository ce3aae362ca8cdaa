/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a number is made of: expressions over the bytes of an input. The machine builds them
 * while it runs; search.c asks for bytes that make a condition come out the other way.
 *
 * A term is a value and, when it depends on the input, the number of its expression; sym 0 is
 * a plain number. There is a bound on how many expressions there are; beyond it values are
 * plain numbers, which only makes the search less clever.
 */
#ifndef SKEP_EXPLAIN_EXPR_H
#define SKEP_EXPLAIN_EXPR_H

#include "explain/input.h"

enum expr_op {
	EXPR_NUMBER,
	EXPR_BYTE, /* a: index of the input's byte */
	EXPR_ADD,
	EXPR_SUB,
	EXPR_MUL,
	EXPR_DIV,
	EXPR_MOD,
	EXPR_SDIV,
	EXPR_SMOD,
	EXPR_AND,
	EXPR_OR,
	EXPR_XOR,
	EXPR_SHL,
	EXPR_SHR,
	EXPR_SAR,
	EXPR_ZEXT,   /* the lowest `bits` bits */
	EXPR_SEXT,
	EXPR_SWAP,   /* bytes of the lowest `bits` bits */
	EXPR_CAT,    /* a, and b above its lowest `bits` bits */
	EXPR_PIECE,  /* byte number `bits` of a */
	EXPR_CHOOSE, /* b when a is odd, else 0 */
	EXPR_LESS,   /* a < b, unsigned */
};

struct expr {
	u8 op, bits;
	u32 a, b;
	u64 value;
};

struct term {
	u64 value;
	u32 sym;
};

struct exprs {
	VEC(struct expr) all; /* [0] is unused */
	bool off;	      /* no expressions are made: replay */
};

#define EXPR_MAX 60000

static inline struct term term_number(u64 value)
{
	return (struct term){ value, 0 };
}

void exprs_reset(struct exprs *e);
struct term expr_byte(struct exprs *e, u32 index, u8 value);
/* ADD to SAR, CHOOSE, LESS. */
struct term expr_two(struct exprs *e, enum expr_op op, struct term a, struct term b);
/* ZEXT to SWAP, PIECE. */
struct term expr_one(struct exprs *e, enum expr_op op, struct term a, u32 bits);
struct term expr_cat(struct exprs *e, struct term low, u32 bits, struct term high);

/* a op b is `want`: op as in BPF_OP of a jump. */
struct condition {
	u8 op;
	bool is32, want;
	struct term a, b;
};

bool condition_holds(u32 op, bool is32, u64 a, u64 b);

/*
 * Changes bytes of the input until all conditions hold; tries at most that many changes.
 * False: it did not come to that; the input is then anything.
 */
bool solve(struct exprs *e, struct input *input, const struct condition *conditions, u32 n,
	   u32 tries);

#endif
