/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tracked numbers: which bits of a word are known.
 *
 *	bit of mask	bit of value
 *	0		0		known to be 0
 *	0		1		known to be 1
 *	1		0		unknown
 *	1		1		never: value & mask == 0
 *
 * A tnum stands for the set { x : (x & ~mask) == value }. All functions work on 64-bit
 * words; a narrower word has its upper bits known to be 0, and the caller cuts results
 * with tnum_cast. The domain is that of Linux's kernel/bpf/tnum.c (Vishwanathan et al.,
 * "Sound, precise, and fast abstract interpretation with tristate numbers", 2022).
 */
#ifndef SKEP_VERIFIER_TNUM_H
#define SKEP_VERIFIER_TNUM_H

#include "base/types.h"

struct tnum {
	u64 value, mask;
};

#define TNUM_UNKNOWN ((struct tnum){ 0, ~0ull })

static inline struct tnum tnum_const(u64 value)
{
	return (struct tnum){ value, 0 };
}

static inline bool tnum_is_const(struct tnum t)
{
	return t.mask == 0;
}

static inline bool tnum_has(struct tnum t, u64 x)
{
	return (x & ~t.mask) == t.value;
}

/* The word's lowest `bits` bits, 1 to 64. */
static inline u64 low_mask(u32 bits)
{
	return ~0ull >> (64 - bits);
}

/* Keeps the lowest `bits` bits; those above become 0. */
static inline struct tnum tnum_cast(struct tnum t, u32 bits)
{
	return (struct tnum){ t.value & low_mask(bits), t.mask & low_mask(bits) };
}

/* True when every member of a is one of b. */
static inline bool tnum_within(struct tnum a, struct tnum b)
{
	return !(a.mask & ~b.mask) && (a.value & ~b.mask) == b.value;
}

/* The smallest tnum that holds both. */
static inline struct tnum tnum_join(struct tnum a, struct tnum b)
{
	u64 mask = a.mask | b.mask | (a.value ^ b.value);

	return (struct tnum){ a.value & ~mask, mask };
}

/* False when the two contradict each other: no number is in both. */
static inline bool tnum_compatible(struct tnum a, struct tnum b)
{
	return !((a.value ^ b.value) & ~a.mask & ~b.mask);
}

/* What is in both; only for compatible ones. */
static inline struct tnum tnum_meet(struct tnum a, struct tnum b)
{
	u64 mask = a.mask & b.mask;

	return (struct tnum){ (a.value | b.value) & ~mask, mask };
}

/* Sign-extends from `bits` bits to 64; what is above in t does not count. */
static inline struct tnum tnum_sext(struct tnum t, u32 bits)
{
	u32 n = 64 - bits;

	return (struct tnum){ (u64)((s64)(t.value << n) >> n), (u64)((s64)(t.mask << n) >> n) };
}

/* The smallest tnum that holds lo..hi (unsigned). */
struct tnum tnum_range(u64 lo, u64 hi);

struct tnum tnum_add(struct tnum a, struct tnum b);
struct tnum tnum_sub(struct tnum a, struct tnum b);
struct tnum tnum_mul(struct tnum a, struct tnum b);
struct tnum tnum_and(struct tnum a, struct tnum b);
struct tnum tnum_or(struct tnum a, struct tnum b);
struct tnum tnum_xor(struct tnum a, struct tnum b);
struct tnum tnum_bswap(struct tnum t, u32 bits);

/*
 * The smallest member that is >= x: true and *out; false when all are smaller.
 */
bool tnum_next(struct tnum t, u64 x, u64 *out);
/* The largest member that is <= x. */
bool tnum_prev(struct tnum t, u64 x, u64 *out);

#endif
