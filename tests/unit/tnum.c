/* SPDX-License-Identifier: Apache-2.0 */
/* Known bits at full width: random members of random tnums, and cases by hand. */
#include "verifier/tnum.h"
#include "lib/test.h"
#include "unit/scalar_concrete.h"

static u64 seed = 0x2545f4914f6cdd1dull;

static struct tnum any(void)
{
	u64 mask = random_next(&seed), value;

	switch (random_next(&seed) % 4) {
	case 0:
		mask &= random_next(&seed) & random_next(&seed);
		break;
	case 1:
		mask >>= random_next(&seed) % 64;
		break;
	case 2:
		mask = ~0ull >> random_next(&seed) % 64;
		break;
	}
	value = random_next(&seed) >> random_next(&seed) % 64;
	return (struct tnum){ value & ~mask, mask };
}

static u64 member(struct tnum t)
{
	return t.value | (random_next(&seed) & t.mask);
}

TEST(results_have_every_concrete_one)
{
	for (u32 i = 0; i < 500000; i++) {
		struct tnum a = any(), b = any();
		u64 x = member(a), y = member(b);

		REQUIRE(tnum_has(a, x) && tnum_has(b, y));
		CHECK(tnum_has(tnum_add(a, b), x + y));
		CHECK(tnum_has(tnum_sub(a, b), x - y));
		CHECK(tnum_has(tnum_mul(a, b), x * y));
		CHECK(tnum_has(tnum_and(a, b), x & y));
		CHECK(tnum_has(tnum_or(a, b), x | y));
		CHECK(tnum_has(tnum_xor(a, b), x ^ y));
		CHECK(tnum_has(tnum_join(a, b), x) && tnum_has(tnum_join(a, b), y));
		CHECK(tnum_has(tnum_sext(a, 32), (u64)(s64)(s32)x));
		CHECK(tnum_has(tnum_cast(a, 16), (u16)x));
		CHECK(tnum_has(tnum_bswap(a, 16), __builtin_bswap16((u16)x)));
		CHECK(tnum_has(tnum_bswap(a, 32), __builtin_bswap32((u32)x)));
		CHECK(tnum_has(tnum_bswap(a, 64), __builtin_bswap64(x)));
	}
}

TEST(next_and_prev_skip_no_member)
{
	for (u32 i = 0; i < 500000; i++) {
		struct tnum t = any();
		u64 x = random_next(&seed), m = member(t), got;

		if (tnum_next(t, x, &got))
			CHECK(tnum_has(t, got) && got >= x && (m < x || got <= m));
		else
			CHECK(m < x);
		if (tnum_prev(t, x, &got))
			CHECK(tnum_has(t, got) && got <= x && (m > x || got >= m));
		else
			CHECK(m > x);
		CHECK(tnum_next(t, m, &got) && got == m);
		CHECK(tnum_prev(t, m, &got) && got == m);
	}
}

TEST(range_within_and_meet)
{
	struct tnum t = tnum_range(8, 11);

	CHECK_EQ(t.value, 8);
	CHECK_EQ(t.mask, 3);
	t = tnum_range(7, 8);
	CHECK_EQ(t.value, 0);
	CHECK_EQ(t.mask, 15);
	t = tnum_range(0, ~0ull);
	CHECK_EQ(t.mask, ~0ull);
	CHECK(tnum_is_const(tnum_range(5, 5)));
	CHECK(tnum_within(tnum_const(9), tnum_range(8, 11)));
	CHECK(!tnum_within(tnum_const(12), tnum_range(8, 11)));
	CHECK(!tnum_within(tnum_range(8, 11), tnum_const(9)));
	CHECK(tnum_within(tnum_range(8, 11), TNUM_UNKNOWN));
	CHECK(!tnum_compatible(tnum_const(1), tnum_const(2)));
	CHECK(tnum_compatible(tnum_const(9), tnum_range(8, 11)));
	CHECK_EQ(tnum_meet(tnum_const(9), tnum_range(8, 11)).value, 9);
}
