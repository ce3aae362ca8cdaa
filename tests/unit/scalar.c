/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The abstract number at full width: random scalars with a known member go through every
 * operation next to that member. (The small widths try all numbers: scalar_4.c.) And the
 * conclusions that programs depend on, by hand.
 */
#include "verifier/scalar.h"
#include "lib/test.h"
#include "unit/scalar_concrete.h"

#include <stdlib.h>

static u64 seed = 0xdeadbeefcafef00dull;

/* Numbers where things happen: near powers of two, small, and anything. */
static u64 interesting(void)
{
	u64 r = random_next(&seed), at = r >> 8 & 63;

	switch (r & 7) {
	case 0:
		return r >> 16;
	case 1:
		return random_next(&seed) & 0xff;
	case 2:
		return -(random_next(&seed) & 0xff);
	case 3:
	case 4:
		return (1ull << at) + (s64)(r >> 56 & 7) - 3;
	case 5:
		return -(1ull << at) + (s64)(r >> 56 & 7) - 3;
	case 6:
		return (u32)random_next(&seed);
	default:
		return random_next(&seed) >> at;
	}
}

static void narrow(struct scalar *s, u64 x)
{
	u64 r = interesting(), q = interesting(), mask = interesting();

	switch (random_next(&seed) % 8) {
	case 0:
		s->umin = MAX(s->umin, MIN(r, x));
		s->umax = MIN(s->umax, MAX(q, x));
		break;
	case 1:
		s->smin = MAX(s->smin, MIN((s64)r, (s64)x));
		s->smax = MIN(s->smax, MAX((s64)q, (s64)x));
		break;
	case 2:
		s->umin32 = MAX(s->umin32, MIN((u32)r, (u32)x));
		s->umax32 = MIN(s->umax32, MAX((u32)q, (u32)x));
		break;
	case 3:
		s->smin32 = MAX(s->smin32, MIN((s32)r, (s32)x));
		s->smax32 = MIN(s->smax32, MAX((s32)q, (s32)x));
		break;
	case 4:
	case 5:
		mask &= s->bits.mask;
		s->bits = (struct tnum){ x & ~mask, mask };
		break;
	}
}

/* A random scalar that has *x. */
static struct scalar any(u64 *x)
{
	struct scalar s = scalar_unknown();

	*x = interesting();
	if (random_next(&seed) % 6 == 0)
		return scalar_const(*x);
	for (u32 n = random_next(&seed) % 4; n-- > 0;)
		narrow(&s, *x);
	CHECK(scalar_deduce(&s));
	CHECK(scalar_has(&s, *x));
	return s;
}

static u32 trials(u32 in_ci)
{
	const char *env = getenv("SKEP_CAMPAIGN");

	return env ? in_ci * 200 : in_ci;
}

static void report(const char *what, const char *name, bool is32, u64 x, u64 y)
{
	test_fail(__FILE__, __LINE__, "%s %s%s: lost %llx, %llx", what, name, is32 ? "32" : "",
		  (long long)x, (long long)y);
}

TEST(arithmetic_holds_the_concrete_result)
{
	for (u32 t = trials(60000); t-- > 0;)
		for (size_t i = 0; i < ARRAY_SIZE(alu_ops); i++) {
			u64 x, y;
			struct scalar a = any(&x), b = any(&y), r;
			bool is32 = t & 1;

			r = scalar_alu(alu_ops[i].op, is32, &a, &b);
			if (!scalar_has(&r, concrete_alu(alu_ops[i].op, is32, x, y, 64)))
				report("alu", alu_ops[i].name, is32, x, y);
		}
}

TEST(jumps_agree_with_the_concrete_outcome)
{
	for (u32 t = trials(60000); t-- > 0;)
		for (size_t i = 0; i < ARRAY_SIZE(jump_ops); i++) {
			u64 x, y;
			struct scalar a = any(&x), b = any(&y), a0 = a, b0 = b;
			bool is32 = t & 1;
			bool taken = concrete_jump(jump_ops[i].op, is32, x, y, 64);
			enum branch decided = scalar_branch(jump_ops[i].op, is32, &a, &b);

			if (decided == (taken ? BRANCH_NEVER : BRANCH_ALWAYS))
				report("branch", jump_ops[i].name, is32, x, y);
			if (!scalar_refine(jump_ops[i].op, is32, taken, &a, &b) ||
			    !scalar_has(&a, x) || !scalar_has(&b, y))
				report("refine", jump_ops[i].name, is32, x, y);
			CHECK(scalar_within(&a, &a0) && scalar_within(&b, &b0));
		}
}

TEST(extensions_hold_the_concrete_result)
{
	for (u32 t = trials(100000); t-- > 0;) {
		u64 x;
		struct scalar s = any(&x), r;
		u32 bits = 8u << random_next(&seed) % 4;

		r = scalar_zext(&s, bits);
		CHECK(scalar_has(&r, x & concrete_mask(bits)));
		r = scalar_sext(&s, bits);
		CHECK(scalar_has(&r, (u64)concrete_signed(x & concrete_mask(bits), bits)));
		r = scalar_bswap(&s, 16);
		CHECK(scalar_has(&r, __builtin_bswap16((u16)x)));
		r = scalar_bswap(&s, 32);
		CHECK(scalar_has(&r, __builtin_bswap32((u32)x)));
		r = scalar_bswap(&s, 64);
		CHECK(scalar_has(&r, __builtin_bswap64(x)));
	}
}

TEST(join_and_meet_hold_members)
{
	for (u32 t = trials(100000); t-- > 0;) {
		u64 x, y;
		struct scalar a = any(&x), b = any(&y), joined = scalar_join(&a, &b), again, met = a;

		CHECK(scalar_has(&joined, x) && scalar_has(&joined, y));
		CHECK(scalar_within(&a, &joined) && scalar_within(&b, &joined));
		again = joined;
		CHECK(scalar_deduce(&again));
		if (scalar_meet(&met, &b)) {
			CHECK(scalar_within(&met, &a) && scalar_within(&met, &b));
			if (scalar_has(&b, x))
				CHECK(scalar_has(&met, x));
		} else {
			CHECK(scalar_is_empty(&met));
			CHECK(!scalar_has(&b, x));
		}
	}
}

TEST(loads_know_their_width)
{
	struct scalar s = scalar_load(8, false);

	CHECK_EQ(s.umax, 255);
	CHECK_EQ(s.smin, 0);
	CHECK_EQ(s.bits.mask, 255);
	s = scalar_load(16, true);
	CHECK_EQ(s.smin, -32768);
	CHECK_EQ(s.smax, 32767);
	CHECK_EQ(s.smin32, -32768);
	s = scalar_load(32, false);
	CHECK_EQ(s.umax, 0xffffffff);
	s = scalar_load(64, false);
	CHECK(scalar_is_unknown(&s));
}

TEST(a_bound_survives_what_compilers_emit)
{
	struct scalar s = scalar_unknown(), limit = scalar_const(64), shift = scalar_const(32);

	/* if w1 > 63 goto: the compare is on 32 bits, the use on 64 after a move. */
	CHECK(scalar_refine(BPF_JGE, true, false, &s, &limit));
	CHECK_EQ(s.umax32, 63);
	s = scalar_zext(&s, 32);
	CHECK_EQ(s.umax, 63);
	/* r <<= 32; r s>>= 32: sign extension by shifts. */
	s = scalar_unknown();
	limit = scalar_const(64);
	CHECK(scalar_refine(BPF_JSLT, true, true, &s, &limit));
	limit = scalar_const((u64)-5);
	CHECK(scalar_refine(BPF_JSGT, true, true, &s, &limit));
	s = scalar_alu(BPF_LSH, false, &s, &shift);
	s = scalar_alu(BPF_ARSH, false, &s, &shift);
	CHECK_EQ(s.smin, -4);
	CHECK_EQ(s.smax, 63);
}

TEST(division_and_modulo_keep_bounds)
{
	struct scalar any64 = scalar_unknown(), ten = scalar_const(10), r, range;

	/* Linux 6.18 forgets both. */
	r = scalar_alu(BPF_MOD, true, &any64, &ten);
	CHECK_EQ(r.umax, 9);
	r = scalar_alu(BPF_MOD, false, &any64, &ten);
	CHECK_EQ(r.umax, 9);
	r = scalar_alu(BPF_DIV, true, &any64, &ten);
	CHECK_EQ(r.umax, 0xffffffffu / 10);
	r = scalar_alu(SCALAR_SMOD, false, &any64, &ten);
	CHECK_EQ(r.smin, -9);
	CHECK_EQ(r.smax, 9);
	range = scalar_urange(100, 1000);
	r = scalar_alu(BPF_DIV, false, &range, &ten);
	CHECK_EQ(r.umin, 10);
	CHECK_EQ(r.umax, 100);
	/* A divisor that may be 0 may give 0, or leave the dividend. */
	ten = scalar_urange(0, 10);
	r = scalar_alu(BPF_DIV, false, &range, &ten);
	CHECK_EQ(r.umin, 0);
	CHECK_EQ(r.umax, 1000);
	r = scalar_alu(BPF_MOD, false, &range, &ten);
	CHECK_EQ(r.umax, 1000);
}

TEST(not_equal_shaves_the_end_off)
{
	struct scalar s = scalar_urange(0, 8), zero = scalar_const(0), eight = scalar_const(8);

	CHECK(scalar_refine(BPF_JNE, false, true, &s, &zero));
	CHECK_EQ(s.umin, 1);
	CHECK(scalar_refine(BPF_JEQ, false, false, &s, &eight));
	CHECK_EQ(s.umax, 7);
	s = scalar_const(8);
	CHECK(!scalar_refine(BPF_JNE, false, true, &s, &eight));
}

TEST(both_operands_are_narrowed)
{
	struct scalar a = scalar_urange(0, 100), b = scalar_urange(50, 70);

	CHECK(scalar_refine(BPF_JGT, false, true, &a, &b));
	CHECK_EQ(a.umin, 51);
	CHECK_EQ(b.umax, 70);
	a = scalar_urange(0, 60);
	CHECK(scalar_refine(BPF_JLE, false, false, &a, &b));
	CHECK_EQ(a.umin, 51);
	CHECK_EQ(b.umax, 59);
}
