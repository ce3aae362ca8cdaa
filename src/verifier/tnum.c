/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/tnum.h"

struct tnum tnum_range(u64 lo, u64 hi)
{
	u64 differ = lo ^ hi;
	u64 mask = differ ? ~0ull >> __builtin_clzll(differ) : 0;

	return (struct tnum){ lo & ~mask, mask };
}

/*
 * A carry is unknown where the sum of the smallest members and the sum of the largest
 * ones disagree; a result bit is unknown where that, or one of its operands, is.
 */
struct tnum tnum_add(struct tnum a, struct tnum b)
{
	u64 least = a.value + b.value;
	u64 most = least + a.mask + b.mask;
	u64 mask = (least ^ most) | a.mask | b.mask;

	return (struct tnum){ least & ~mask, mask };
}

struct tnum tnum_sub(struct tnum a, struct tnum b)
{
	u64 base = a.value - b.value;
	u64 most = base + a.mask, least = base - b.mask;
	u64 mask = (least ^ most) | a.mask | b.mask;

	return (struct tnum){ base & ~mask, mask };
}

struct tnum tnum_and(struct tnum a, struct tnum b)
{
	u64 maybe = (a.value | a.mask) & (b.value | b.mask);
	u64 value = a.value & b.value;

	return (struct tnum){ value, maybe & ~value };
}

struct tnum tnum_or(struct tnum a, struct tnum b)
{
	u64 value = a.value | b.value;

	return (struct tnum){ value, (a.mask | b.mask) & ~value };
}

struct tnum tnum_xor(struct tnum a, struct tnum b)
{
	u64 mask = a.mask | b.mask;

	return (struct tnum){ (a.value ^ b.value) & ~mask, mask };
}

/* The low bits that both know, and the zeros that both end in: what remains of a product of
 * two numbers that are mostly unknown. */
static struct tnum mul_low_bits(struct tnum a, struct tnum b)
{
	u64 known = (a.mask & -a.mask) | (b.mask & -b.mask);
	u64 least_a = (a.value | a.mask) & -(a.value | a.mask);
	u64 least_b = (b.value | b.mask) & -(b.value | b.mask);
	u64 mask = -(known & -known) & -(least_a * least_b);

	return (struct tnum){ a.value * b.value & ~mask, mask };
}

/*
 * Long multiplication: each bit that a may have adds b, shifted there. A bit that is only
 * possible leaves both outcomes.
 */
struct tnum tnum_mul(struct tnum a, struct tnum b)
{
	struct tnum sum = { 0, 0 };

	if (!(a.mask | b.mask))
		return tnum_const(a.value * b.value);
	if (__builtin_popcountll(a.value | a.mask) > __builtin_popcountll(b.value | b.mask)) {
		struct tnum swap = a;

		a = b;
		b = swap;
	}
	if (__builtin_popcountll(a.value | a.mask) > 48)
		return mul_low_bits(a, b);
	for (u64 left = a.value | a.mask; left; left &= left - 1) {
		u32 at = (u32)__builtin_ctzll(left);
		struct tnum shifted = { b.value << at, b.mask << at };
		struct tnum with = tnum_add(sum, shifted);

		sum = a.value >> at & 1 ? with : tnum_join(sum, with);
	}
	return sum;
}

struct tnum tnum_bswap(struct tnum t, u32 bits)
{
	u32 n = 64 - bits;

	return (struct tnum){ __builtin_bswap64(t.value) >> n, __builtin_bswap64(t.mask) >> n };
}

/*
 * Looks at the highest known bit that x has wrong. If x lacks it, setting it is enough,
 * and everything below becomes as small as it can. If x has one too many, a higher
 * unknown bit must go up first: adding 1 with all known bits set carries to that bit.
 */
bool tnum_next(struct tnum t, u64 x, u64 *out)
{
	u64 wrong = (x & ~t.mask) ^ t.value;
	u64 low, up;

	if (!wrong) {
		*out = x;
		return true;
	}
	low = ~0ull >> __builtin_clzll(wrong);
	if (t.value & (low ^ low >> 1)) {
		*out = (x & ~low) | (t.value & low);
		return true;
	}
	up = (x | ~t.mask | low) + 1;
	*out = (up & t.mask) | t.value;
	return up != 0;
}

/* The mirror image: complementing every member turns the order around. */
bool tnum_prev(struct tnum t, u64 x, u64 *out)
{
	struct tnum mirror = { ~(t.value | t.mask), t.mask };
	u64 next;
	bool found = tnum_next(mirror, ~x, &next);

	*out = ~next;
	return found;
}
