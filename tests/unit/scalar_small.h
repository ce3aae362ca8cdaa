/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole abstract domain at a width where all numbers can be tried. A file defines
 * SCALAR_BITS and includes this one; it compiles the domain's own source at that width.
 *
 * A set of numbers is a bitmap. members(s) is what a scalar stands for, best(set) the
 * smallest scalar that holds a set. Soundness: no concrete result is missing. Precision:
 * how often the result is the best there is.
 *
 * Sampled in CI; SKEP_CAMPAIGN=1 tries every pair at 4 bits (minutes), and more at others.
 */
#include <stdlib.h>

#include "verifier/tnum.c"
#include "verifier/word.c"
#include "verifier/word_alu.c"
#include "verifier/scalar.c"
#include "verifier/scalar_alu.c"
#include "verifier/scalar_branch.c"
#include "lib/test.h"
#include "unit/scalar_concrete.h"

#define BITS SCALAR_BITS
#define HALF SCALAR_HALF
#define VALUES (1u << BITS)
#define POWER_OF_TWO(n) (((n) & ((n) - 1)) == 0)

static u64 seed = 0x9e3779b97f4a7c15ull;

static bool campaign(void)
{
	return getenv("SKEP_CAMPAIGN") != NULL;
}

static u64 below(u64 limit)
{
	return random_next(&seed) % limit;
}

static u64 members(const struct scalar *s)
{
	u64 set = 0;

	for (u64 x = 0; x < VALUES; x++)
		set |= (u64)scalar_has(s, x) << x;
	return set;
}

static u64 word_members(const struct word *w, u32 n)
{
	u64 set = 0;

	for (u64 x = 0; x < 1u << n; x++) {
		struct span s = w->half[x >> (n - 1)];

		if (tnum_has(w->bits, x) && x >= s.lo && x <= s.hi)
			set |= 1ull << x;
	}
	return set;
}

static struct word best_word(u64 set, u32 n)
{
	struct word w = word_none(n);
	bool first = true;

	for (u64 left = set; left; left &= left - 1) {
		u64 x = (u64)__builtin_ctzll(left);
		u32 sign = (u32)(x >> (n - 1));

		w.bits = first ? tnum_const(x) : tnum_join(w.bits, tnum_const(x));
		w.half[sign] = span_join(w.half[sign], (struct span){ x, x });
		first = false;
	}
	return w;
}

static struct scalar best(u64 set)
{
	struct scalar s = scalar_const((u64)__builtin_ctzll(set));

	for (u64 left = set & (set - 1); left; left &= left - 1) {
		struct scalar x = scalar_const((u64)__builtin_ctzll(left));

		s = scalar_join(&s, &x);
	}
	return s;
}

static struct tnum random_tnum(u32 n)
{
	u64 mask = below(1ull << n), value = below(1ull << n) & ~mask;

	switch (below(4)) {
	case 0:
		return (struct tnum){ 0, concrete_mask(n) };
	case 1:
		mask |= below(1ull << n);
		value &= ~mask;
		break;
	}
	return (struct tnum){ value, mask };
}

static struct span random_span(u32 sign, u32 n)
{
	u64 base = sign ? 1ull << (n - 1) : 0, size = 1ull << (n - 1);
	u64 a = base + below(size), b = base + below(size);

	switch (below(8)) {
	case 0:
		return SPAN_EMPTY;
	case 1:
	case 2:
		return span_half(sign, n);
	default:
		return (struct span){ MIN(a, b), MAX(a, b) };
	}
}

static struct word random_word(u32 n)
{
	return (struct word){ random_tnum(n), { random_span(0, n), random_span(1, n) } };
}

/* Random scalars of every shape, most of them with few members. */
static struct scalar random_scalar(void)
{
	struct scalar s;

	for (;;) {
		u64 set = 0;

		switch (below(4)) {
		case 0:
			return scalar_const(below(VALUES));
		case 1: /* the best scalar of a few numbers */
			for (u64 n = below(4) + 1; n-- > 0;)
				set |= 1ull << below(VALUES);
			return best(set);
		default:
			if (scalar_store(&s, random_word(BITS),
					 below(2) ? random_word(HALF) : word_full(HALF)))
				return s;
		}
	}
}

static bool same_word(const struct word *a, const struct word *b)
{
	bool same = a->bits.value == b->bits.value && a->bits.mask == b->bits.mask;

	for (u32 i = 0; i < 2; i++) {
		if (span_empty(a->half[i]) && span_empty(b->half[i]))
			continue;
		same &= a->half[i].lo == b->half[i].lo && a->half[i].hi == b->half[i].hi;
	}
	return same;
}

static void check_word_reduce(struct word w, u32 n)
{
	u64 set = word_members(&w, n);
	struct word want = best_word(set, n);
	bool some = word_reduce(&w, n);

	CHECK_EQ(some, set != 0);
	if (some)
		CHECK(same_word(&w, &want));
}

static struct tnum nth_tnum(u32 i, u32 n)
{
	struct tnum t = { 0, 0 };

	for (u32 bit = 0; bit < n; bit++, i /= 3) {
		t.value |= (u64)(i % 3 == 1) << bit;
		t.mask |= (u64)(i % 3 == 2) << bit;
	}
	return t;
}

static u32 tnums(u32 n)
{
	u32 count = 1;

	while (n-- > 0)
		count *= 3;
	return count;
}

TEST(tnum_next_and_prev_find_the_neighbours)
{
	for (u32 i = 0; i < tnums(BITS); i++) {
		struct tnum t = nth_tnum(i, BITS);

		for (u64 x = 0; x < VALUES; x++) {
			u64 up = x, down = x, got;

			while (up < VALUES && !tnum_has(t, up))
				up++;
			CHECK_EQ(tnum_next(t, x, &got), up < VALUES);
			if (up < VALUES)
				CHECK_EQ(got, up);
			while (down != ~0ull && !tnum_has(t, down))
				down--;
			CHECK_EQ(tnum_prev(t, x, &got), down != ~0ull);
			if (down != ~0ull)
				CHECK_EQ(got, down);
		}
	}
}

TEST(tnum_operations_hold_every_result)
{
	static struct tnum (*const op[])(struct tnum, struct tnum) = { tnum_add, tnum_sub, tnum_mul,
								       tnum_and, tnum_or,  tnum_xor };
	static const u32 code[] = { BPF_ADD, BPF_SUB, BPF_MUL, BPF_AND, BPF_OR, BPF_XOR };

	for (u32 trial = 0; trial < 200000; trial++) {
		u32 i = (u32)below(ARRAY_SIZE(op));
		struct tnum a = nth_tnum((u32)below(tnums(BITS)), BITS);
		struct tnum b = nth_tnum((u32)below(tnums(BITS)), BITS);
		struct tnum r = tnum_cast(op[i](a, b), BITS);
		u64 x = a.value | (below(VALUES) & a.mask), y = b.value | (below(VALUES) & b.mask);

		CHECK(!(r.value & r.mask));
		CHECK(tnum_has(r, concrete_alu(code[i], false, x, y, BITS)));
	}
}

TEST(word_reduce_is_exact)
{
	u32 all = tnums(BITS);

	if (BITS > 4) {
		for (u32 i = 0; i < 300000; i++)
			check_word_reduce(random_word(BITS), BITS);
		return;
	}
	for (u32 i = 0; i < all; i++)
		for (u64 bounds = 0; bounds < 1u << 4 * (BITS - 1); bounds++) {
			u64 part = (1u << (BITS - 1)) - 1, sign = part + 1;
			struct word w = { nth_tnum(i, BITS),
					  { { bounds & part, bounds >> (BITS - 1) & part },
					    { (bounds >> 2 * (BITS - 1) & part) | sign,
					      (bounds >> 3 * (BITS - 1) & part) | sign } } };

			check_word_reduce(w, BITS);
		}
}

TEST(deduce_keeps_the_set_and_is_nearly_best)
{
	u32 total = 0, exact = 0, stable = 0, trials = campaign() ? 20000000 : 400000;

	for (u32 i = 0; i < trials; i++) {
		struct word high = random_word(BITS), low = random_word(HALF);
		u64 set = word_members(&high, BITS), low_set = word_members(&low, HALF);
		struct scalar s, want, again;
		bool some;

		for (u64 x = 0; x < VALUES; x++)
			if (!(low_set >> (x & concrete_mask(HALF)) & 1))
				set &= ~(1ull << x);
		some = scalar_store(&s, high, low);
		if (set)
			CHECK(some);
		CHECK_EQ(scalar_is_empty(&s), !some);
		if (!some)
			continue;
		CHECK_EQ(members(&s), set);
		again = s;
		total++;
		stable += scalar_deduce(&again) && scalar_eq(&s, &again);
		if (!set)
			continue;
		want = best(set);
		exact += scalar_eq(&s, &want);
	}
	test_note("%u-bit deduction: best in %.3f%% of %u, stable in %.3f%%", BITS,
		  100.0 * exact / total, total, 100.0 * stable / total);
	CHECK(exact > total / 100 * 98);
	CHECK(stable > total / 100 * 98);
}

TEST(constants_stay_constants)
{
	for (size_t i = 0; i < ARRAY_SIZE(alu_ops); i++)
		for (u32 is32 = 0; is32 < 2; is32++)
			for (u64 x = 0; x < VALUES; x++)
				for (u64 y = 0; y < VALUES; y++) {
					u32 n = is32 ? HALF : BITS;
					struct scalar a = scalar_const(x), b = scalar_const(y), r, want;

					if (concrete_shift(alu_ops[i].op) && !POWER_OF_TWO(n) &&
					    (y & concrete_mask(n)) >= n)
						continue;
					r = scalar_alu(alu_ops[i].op, is32, &a, &b);
					want = scalar_const(
					    concrete_alu(alu_ops[i].op, is32, x, y, BITS));
					CHECK(scalar_eq(&r, &want));
				}
}

struct precision {
	u64 pairs, exact, excess, size;
};

static u64 alu_image(u32 op, bool is32, u64 set_a, u64 set_b)
{
	u64 image = 0;

	for (u64 left = set_a; left; left &= left - 1)
		for (u64 right = set_b; right; right &= right - 1)
			image |= 1ull << concrete_alu(op, is32, (u64)__builtin_ctzll(left),
						      (u64)__builtin_ctzll(right), BITS);
	return image;
}

static void check_alu(size_t index, bool is32, const struct scalar *a, const struct scalar *b,
		      struct precision *p)
{
	u32 op = alu_ops[index].op;
	struct scalar r = scalar_alu(op, is32, a, b), want;
	u64 set = members(&r), image = alu_image(op, is32, members(a), members(b));

	if (image & ~set)
		test_fail(__FILE__, __LINE__, "%s%s: of [%llx %llx] and [%llx %llx] lost %llx",
			  alu_ops[index].name, is32 ? "32" : "", (long long)a->bits.value,
			  (long long)a->bits.mask, (long long)b->bits.value,
			  (long long)b->bits.mask, (long long)(image & ~set));
	want = best(image);
	p->pairs++;
	p->exact += scalar_eq(&r, &want);
	p->size += (u64)__builtin_popcountll(members(&want));
	p->excess += (u64)__builtin_popcountll(set & ~members(&want));
}

TEST(arithmetic_is_sound)
{
	u32 trials = campaign() ? 2000000 : 20000;

	for (size_t i = 0; i < ARRAY_SIZE(alu_ops); i++)
		for (u32 is32 = 0; is32 < 2; is32++) {
			struct precision p = { 0 };

			for (u32 t = 0; t < trials; t++) {
				struct scalar a = random_scalar(), b = random_scalar();
				u32 n = is32 ? HALF : BITS;

				/* Shifting further than the width means nothing here. */
				if (!POWER_OF_TWO(n) && concrete_shift(alu_ops[i].op) &&
				    (is32 ? b.umax32 : b.umax) >= n)
					continue;
				check_alu(i, is32, &a, &b, &p);
			}
			test_note("%u-bit %s%s: best in %.1f%% of %llu, %.1f%% too many members",
				  BITS, alu_ops[i].name, is32 ? "32" : "",
				  100.0 * p.exact / p.pairs, (long long)p.pairs,
				  100.0 * p.excess / p.size);
			if (BITS == 4)
				CHECK(p.exact * 100 >= p.pairs * alu_ops[i].best);
		}
}

TEST(extensions_and_truncations)
{
	u32 zext_best = 0, sext_best = 0, trials = 100000;

	for (u32 i = 0; i < trials; i++) {
		struct scalar s = random_scalar(), r, want;
		u32 bits = 1 + (u32)below(BITS);
		u64 zero = 0, sign = 0, set = members(&s);

		for (u64 left = set; left; left &= left - 1) {
			u64 x = (u64)__builtin_ctzll(left) & concrete_mask(bits);

			zero |= 1ull << x;
			sign |= 1ull << ((u64)concrete_signed(x, bits) & concrete_mask(BITS));
		}
		r = scalar_zext(&s, bits);
		CHECK(!(zero & ~members(&r)));
		want = best(zero);
		zext_best += scalar_eq(&r, &want);
		r = scalar_sext(&s, bits);
		CHECK(!(sign & ~members(&r)));
		want = best(sign);
		sext_best += scalar_eq(&r, &want);
	}
	test_note("%u-bit extension: best in %.2f%% (zero), %.2f%% (sign)", BITS,
		  100.0 * zext_best / trials, 100.0 * sext_best / trials);
	CHECK(zext_best > trials / 100 * 90 && sext_best > trials / 100 * 90);
}

TEST(join_meet_and_within_are_set_operations)
{
	u32 within = 0, subset = 0;

	for (u32 i = 0; i < 300000; i++) {
		struct scalar a = random_scalar(), b = random_scalar();
		struct scalar joined = scalar_join(&a, &b), met = a;
		u64 x = members(&a), y = members(&b);

		CHECK(!((x | y) & ~members(&joined)));
		CHECK(scalar_within(&a, &joined) && scalar_within(&b, &joined));
		if (scalar_meet(&met, &b))
			CHECK_EQ(members(&met), x & y);
		else
			CHECK_EQ(x & y, 0);
		if (scalar_within(&a, &b))
			CHECK(!(x & ~y));
		within += scalar_within(&a, &b);
		subset += !(x & ~y);
	}
	test_note("%u-bit within: sees %.2f%% of %u subsets", BITS, 100.0 * within / subset, subset);
	CHECK(within > subset / 100 * 98);
}

/* The members of a that have a partner in b for which the jump goes that way. */
static u64 partners(u32 op, bool is32, bool taken, u64 set_a, u64 set_b, bool of_b)
{
	u64 out = 0;

	for (u64 left = set_a; left; left &= left - 1)
		for (u64 right = set_b; right; right &= right - 1) {
			u64 x = (u64)__builtin_ctzll(left), y = (u64)__builtin_ctzll(right);

			if (concrete_jump(op, is32, x, y, BITS) == taken)
				out |= 1ull << (of_b ? y : x);
		}
	return out;
}

static void check_refine(u32 op, bool is32, bool taken, struct scalar a, struct scalar b,
			 struct precision *p)
{
	u64 set_a = members(&a), set_b = members(&b);
	u64 in_a = partners(op, is32, taken, set_a, set_b, false);
	u64 in_b = partners(op, is32, taken, set_a, set_b, true);
	enum branch decided = scalar_branch(op, is32, &a, &b);
	bool alive = scalar_refine(op, is32, taken, &a, &b);
	struct scalar want;

	p->pairs++;
	if (in_a) {
		CHECK(alive);
		CHECK(decided != (taken ? BRANCH_NEVER : BRANCH_ALWAYS));
	}
	/* What is decided to be dead must also be found dead, and the reverse. */
	if (decided == (taken ? BRANCH_NEVER : BRANCH_ALWAYS) && alive)
		test_fail(__FILE__, __LINE__, "op %x%s: decided, yet the other side lives", op,
			  is32 ? " (32)" : "");
	if (!alive) {
		p->exact += !in_a;
		return;
	}
	CHECK(!(in_a & ~members(&a)));
	CHECK(!(in_b & ~members(&b)));
	CHECK(!(members(&a) & ~set_a));
	CHECK(!(members(&b) & ~set_b));
	if (!in_a) {
		p->excess += 1;
		return;
	}
	want = best(in_a);
	p->size += (u64)__builtin_popcountll(members(&want));
	p->excess += (u64)__builtin_popcountll(members(&a) & ~members(&want));
	p->exact += scalar_eq(&a, &want);
}

TEST(jumps_are_sound)
{
	u32 trials = campaign() ? 2000000 : 15000;

	for (size_t i = 0; i < ARRAY_SIZE(jump_ops); i++)
		for (u32 is32 = 0; is32 < 2; is32++) {
			struct precision p = { 0 };

			for (u32 t = 0; t < trials; t++)
				check_refine(jump_ops[i].op, is32, t & 1, random_scalar(),
					     random_scalar(), &p);
			test_note("%u-bit %s%s: best in %.1f%% of %llu, %.1f%% too many members",
				  BITS, jump_ops[i].name, is32 ? "32" : "",
				  100.0 * p.exact / p.pairs, (long long)p.pairs,
				  100.0 * p.excess / p.size);
			CHECK(p.exact * 100 >= p.pairs * (jump_ops[i].op == BPF_JSET ? 85 : 98));
		}
}

TEST(a_register_against_itself)
{
	for (size_t i = 0; i < ARRAY_SIZE(jump_ops); i++)
		for (u32 t = 0; t < 20000; t++) {
			struct scalar s = random_scalar();
			u32 op = jump_ops[i].op;
			bool is32 = t & 1, yes = false, no = false;
			enum branch decided = scalar_branch_self(op, is32, &s);

			for (u64 left = members(&s); left; left &= left - 1) {
				u64 x = (u64)__builtin_ctzll(left);

				if (concrete_jump(op, is32, x, x, BITS))
					yes = true;
				else
					no = true;
			}
			CHECK(!(yes && decided == BRANCH_NEVER));
			CHECK(!(no && decided == BRANCH_ALWAYS));
			if (op != BPF_JSET)
				CHECK(decided != BRANCH_UNKNOWN);
		}
}

TEST(ranges_as_asked)
{
	for (u64 lo = 0; lo < VALUES; lo++)
		for (u64 hi = lo; hi < VALUES; hi++) {
			s64 base = concrete_signed(VALUES / 2, BITS);
			struct scalar u = scalar_urange(lo, hi);
			struct scalar s = scalar_srange(base + (s64)lo, base + (s64)hi);

			CHECK_EQ(u.umin, lo);
			CHECK_EQ(u.umax, hi);
			CHECK_EQ(s.smin, base + (s64)lo);
			CHECK_EQ(s.smax, base + (s64)hi);
			CHECK_EQ(__builtin_popcountll(members(&u)), hi - lo + 1);
			CHECK_EQ(__builtin_popcountll(members(&s)), hi - lo + 1);
		}
}
