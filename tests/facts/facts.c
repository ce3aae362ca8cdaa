/* SPDX-License-Identifier: Apache-2.0 */
/* What facts know of small programs. */
#include <string.h>

#include "facts/facts.h"
#include "lib/image.h"
#include "lib/test.h"
#include "maps/map.h"

static struct image *image;
static struct facts *facts;

static void analyse(const char *source)
{
	image = test_image_text(source, NULL);
	CHECK(image != NULL);
	CHECK_EQ(facts_compute(image, NULL, 0, &facts), 0);
}

static void done(void)
{
	facts_free(facts);
	image_free(image);
}

/* The text of a register before an instruction; "dead" when that is never reached. */
static const char *reg_before(u32 insn, u32 reg)
{
	static char line[128];
	struct text out = text_in(line, sizeof(line));
	static struct fact_state state;

	if (!facts_at(facts, insn, &state))
		return "dead";
	fact_text(facts, &state.regs[reg], &out);
	return line;
}

TEST(a_constant_is_followed_through_arithmetic)
{
	analyse("r1 = 5\n"
		"r2 = r1\n"
		"r2 *= 3\n"
		"r2 += r1\n"
		"r0 = r2\n"
		"exit\n");
	CHECK_STR(reg_before(5, 0), "20");
	done();
}

TEST(a_loop_keeps_its_bounds)
{
	analyse("r6 = 0\n"                 /* 0 */
		"again: r7 = r6\n"         /* 1 */
		"r6 += 1\n"                /* 2 */
		"if r6 < 100 goto again\n" /* 3 */
		"r0 = r6\n"                /* 4 */
		"exit\n");
	CHECK_STR(reg_before(1, 6), "0..99");
	CHECK_STR(reg_before(2, 7), "0..99");
	CHECK_STR(reg_before(4, 6), "100");
	done();
}

TEST(a_loop_without_a_bound_ends_the_analysis)
{
	analyse("r6 = 0\n"
		"again: r6 += 3\n"
		"r7 = r6\n"
		"r7 &= 7\n"
		"if r1 != 0 goto again\n"
		"r0 = 0\n"
		"exit\n");
	CHECK_STR(reg_before(2, 6), "number");
	CHECK_STR(reg_before(4, 7), "0..7");
	done();
}

TEST(copies_learn_what_one_of_them_is_compared_with)
{
	analyse("r2 = *(u8 *)(r1 + 0)\n"   /* 0 */
		"r3 = r2\n"                /* 1 */
		"*(u64 *)(r10 - 8) = r2\n" /* 2 */
		"if r3 > 9 goto out\n"     /* 3 */
		"r4 = *(u64 *)(r10 - 8)\n" /* 4 */
		"r0 = 0\n"                 /* 5 */
		"exit\n"                   /* 6 */
		"out: r0 = r2\n"           /* 7 */
		"exit\n");                 /* 8 */
	CHECK_STR(reg_before(4, 2), "0..9");
	CHECK_STR(reg_before(5, 4), "0..9");
	CHECK_STR(reg_before(7, 2), "10..255");
	done();
}

TEST(code_behind_a_decided_branch_is_dead)
{
	static struct fact_state state;

	analyse("r2 = *(u8 *)(r1 + 0)\n"
		"r2 &= 15\n"
		"if r2 > 15 goto out\n"
		"r0 = 0\n"
		"exit\n"
		"out: r0 = 1\n"
		"exit\n");
	CHECK(facts_at(facts, 2, &state));
	CHECK_EQ(facts_branch(facts, &state, 2), BRANCH_NEVER);
	CHECK(!facts_reachable(facts, 5));
	CHECK(facts_reachable(facts, 3));
	done();
}

TEST(a_store_through_a_callers_pointer_keeps_nothing)
{
	analyse("r2 = 7\n"                    /* 0 */
		"*(u64 *)(r10 - 8) = r2\n"    /* 1 */
		"*(u32 *)(r10 - 12) = 3\n"    /* 2 */
		"r3 = *(u32 *)(r10 - 12)\n"   /* 3 */
		"r1 = r10\n"                  /* 4 */
		"r1 += -8\n"                  /* 5 */
		"call set\n"                  /* 6 */
		"r4 = *(u64 *)(r10 - 8)\n"    /* 7 */
		"exit\n"                      /* 8 */
		"set: *(u64 *)(r1 + 0) = 0\n" /* 9 */
		"r0 = 4\n"                    /* 10 */
		"exit\n");
	CHECK_STR(reg_before(4, 3), "3");
	CHECK_STR(reg_before(6, 1), "fp-8");
	CHECK_STR(reg_before(7, 0), "4");
	CHECK_STR(reg_before(8, 4), "");
	done();
}

TEST(a_function_is_known_from_all_its_calls)
{
	analyse("r1 = 1\n"
		"call add\n"
		"r6 = r0\n"
		"r1 = 10\n"
		"call add\n"
		"exit\n"
		"add: r0 = r1\n" /* 6 */
		"r0 += 1\n"
		"exit\n");
	CHECK_STR(reg_before(6, 1), "1..10&0xb");
	CHECK_STR(reg_before(2, 0), "2..11");
	done();
}

TEST(accesses_to_different_things_are_apart)
{
	struct fact_access a, b, c;
	static struct fact_state state;

	analyse("*(u64 *)(r10 - 8) = 1\n"
		"*(u32 *)(r10 - 16) = 1\n"
		"r2 = *(u64 *)(r1 + 0)\n"
		"r0 = 0\n"
		"exit\n");
	CHECK(facts_at(facts, 0, &state) && facts_access(facts, &state, 0, &a));
	CHECK(facts_at(facts, 1, &state) && facts_access(facts, &state, 1, &b));
	CHECK(facts_at(facts, 2, &state) && facts_access(facts, &state, 2, &c));
	CHECK(facts_apart(&a, &b) && facts_apart(&a, &c) && !facts_apart(&a, &a));
	CHECK(a.writes && !a.reads && c.reads && a.lo == -8 && b.size == 4);
	done();
}

TEST(too_little_memory_is_an_error_and_nothing_else)
{
	struct facts *none = (struct facts *)1;

	analyse("r0 = 0\nexit\n");
	CHECK_EQ(facts_compute(image, NULL, 64, &none), -ENOMEM);
	CHECK(none == NULL);
	done();
}
