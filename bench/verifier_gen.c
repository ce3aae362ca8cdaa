/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/verifier_gen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* Programs are written in the assembler's syntax. */
struct source {
	char *text;
	size_t len, cap;
};

PRINTF_LIKE(2, 3) static void put(struct source *s, const char *fmt, ...)
{
	va_list args;
	int n;

	if (s->cap - s->len < 200) {
		s->cap = s->cap ? s->cap * 2 : 1 << 16;
		s->text = realloc(s->text, s->cap);
		if (!s->text)
			abort();
	}
	va_start(args, fmt);
	n = vsnprintf(s->text + s->len, s->cap - s->len, fmt, args);
	va_end(args);
	s->len += (size_t)n;
}

static void assemble(struct source *s, insn_vec *out)
{
	struct asm_error err = { 0 };

	if (isa_assemble(s->text, out, &err)) {
		fprintf(stderr, "bench-verifier: line %u: %s\n", err.line, err.message);
		abort();
	}
	free(s->text);
}

/* A counted loop with work on the stack: 5,000 rounds, walked one by one. */
static void counted_loop(insn_vec *out)
{
	struct source s = { 0 };

	put(&s, "\tr6 = 0\n\tr7 = 0\n\t*(u64 *)(r10 - 8) = 0\nagain:\n");
	put(&s, "\tr1 = r6\n\tr1 &= 7\n\tr2 = r10\n\tr2 += -16\n\tr2 += r1\n");
	put(&s, "\t*(u8 *)(r2 + 0) = r6\n\tr7 += r1\n\tr6 += 1\n\tif r6 < 5000 goto again\n");
	put(&s, "\tr0 = 0\n\texit\n");
	assemble(&s, out);
}

/* Decisions on unknown data whose sides join again, each leaving another value behind. */
static void branches(insn_vec *out)
{
	struct source s = { 0 };

	put(&s, "\tr6 = r1\n\tr7 = 0\n\tr8 = *(u32 *)(r6 + 0)\n");
	for (int i = 0; i < 3000; i++) {
		put(&s, "\tr1 = *(u32 *)(r6 + %d)\n\tif r1 > %d goto a%d\n", i % 5 * 4, i, i);
		put(&s, "\tr7 += %d\n\tr8 ^= r1\na%d:\n", i & 3, i);
	}
	put(&s, "\tr0 = r7\n\tr0 &= 1\n\texit\n");
	assemble(&s, out);
}

/* Much spilled, and read again far away, between decisions. */
static void spills(insn_vec *out)
{
	struct source s = { 0 };

	put(&s, "\tr6 = r1\n");
	for (int i = 0; i < 60; i++)
		put(&s, "\tr1 = *(u32 *)(r6 + %d)\n\t*(u64 *)(r10 - %d) = r1\n", i % 5 * 4, i * 8 + 8);
	for (int i = 0; i < 2000; i++) {
		put(&s, "\tr1 = *(u64 *)(r10 - %d)\n\tif r1 > %d goto a%d\n", i % 60 * 8 + 8, i, i);
		put(&s, "\tr1 += 1\n\t*(u64 *)(r10 - %d) = r1\na%d:\n", (i * 7) % 60 * 8 + 8, i);
	}
	for (int i = 0; i < 60; i++)
		put(&s, "\tr1 = *(u64 *)(r10 - %d)\n", i * 8 + 8);
	put(&s, "\tr0 = 0\n\texit\n");
	assemble(&s, out);
}

/* Loops in loops: 40 x 40 x 5 rounds. */
static void nested_loops(insn_vec *out)
{
	struct source s = { 0 };

	put(&s, "\tr6 = 0\n\tr9 = 0\na:\n\tr7 = 0\nb:\n\tr8 = 0\nc:\n\tr9 += r8\n\tr8 += 1\n");
	put(&s, "\tif r8 < 5 goto c\n\tr7 += 1\n\tif r7 < 40 goto b\n\tr6 += 1\n");
	put(&s, "\tif r6 < 40 goto a\n\tr0 = 0\n\texit\n");
	assemble(&s, out);
}

/* A static function called from a thousand places with different arguments. */
static void calls(insn_vec *out)
{
	struct source s = { 0 };

	put(&s, "\tr6 = r1\n\tr7 = 0\n");
	for (int i = 0; i < 1000; i++)
		put(&s, "\tr1 = *(u32 *)(r6 + %d)\n\tr2 = %d\n\tcall f\n\tr7 += r0\n", i % 5 * 4, i);
	put(&s, "\tr0 = 0\n\texit\nf:\n\t*(u64 *)(r10 - 8) = r1\n\tif r1 > r2 goto less\n");
	put(&s, "\tr0 = r1\n\tr0 &= 15\n\texit\nless:\n\tr0 = *(u64 *)(r10 - 8)\n\tr0 &= 7\n\texit\n");
	assemble(&s, out);
}

/* No decision at all. */
static void straight(insn_vec *out)
{
	struct source s = { 0 };

	put(&s, "\tr2 = *(u32 *)(r1 + 0)\n\tr3 = 1\n");
	for (int i = 0; i < 25000; i++)
		put(&s, "\tr3 += r2\n\tr2 ^= r3\n\tr2 >>= 1\n\tr3 &= 0xffff\n");
	put(&s, "\tr0 = 0\n\texit\n");
	assemble(&s, out);
}

/* A jump table written out: many cases, each with code of its own. */
static void jump_table(insn_vec *out)
{
	struct source s = { 0 };

	put(&s, "\tr6 = r1\n\tr7 = *(u32 *)(r6 + 0)\n\tr8 = *(u32 *)(r6 + 4)\n");
	for (int round = 0; round < 8; round++) {
		for (int i = 0; i < 100; i++)
			put(&s, "\tif r7 == %d goto c%d_%d\n", i, round, i);
		put(&s, "\tgoto end%d\n", round);
		for (int i = 0; i < 100; i++)
			put(&s, "c%d_%d:\n\tr8 += %d\n\tr8 ^= r7\n\tgoto end%d\n", round, i, i, round);
		put(&s, "end%d:\n\tr7 = *(u32 *)(r6 + 8)\n", round);
	}
	put(&s, "\tr0 = 0\n\texit\n");
	assemble(&s, out);
}

const struct generator generators[] = {
	{ "generated: counted loop", counted_loop }, { "generated: nested loops", nested_loops },
	{ "generated: 3,000 decisions", branches },  { "generated: spills", spills },
	{ "generated: 1,000 calls", calls },	     { "generated: jump tables", jump_table },
	{ "generated: 100,000 straight", straight },
};
const u32 n_generators = ARRAY_SIZE(generators);
