/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the JIT promises beyond the meaning of single instructions: frames, calls in every
 * direction, leaving a run early, and what becomes of the caller's registers. The same cases run
 * in the interpreter, so that both agree on them.
 */
#include "jit/jit.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "lib/image.h"
#include "lib/test.h"
#include "maps/map.h"

/* -- helpers -- */

#define HELPER_SUM   0x10000
#define HELPER_ABORT 0x10001
#define HELPER_LOAD  0x10002
#define TEXT(x)      TEXT_(x)
#define TEXT_(x)     #x

static u64 sum(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	return r1 + 10 * r2 + 100 * r3 + 1000 * r4 + 10000 * r5;
}

static u64 give_up(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	run_abort(rc, RUN_CANCELLED);
}

/* Calls the program back until it returns other than 0, as bpf_loop does. */
static u64 loop(u64 n, u64 func, u64 arg, u64 flags, u64 r5, struct run_ctx *rc)
{
	for (u64 i = 0; i < n; i++)
		if (rc->call(rc, func, i, arg, 3, 4, 5))
			return i + 1;
	return n;
}

static u64 load_u64(u64 at, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	return *(u64 *)(uintptr_t)at;
}

static const struct helper_proto proto_sum = { .id = HELPER_SUM, .fn = sum };
static const struct helper_proto proto_abort = { .id = HELPER_ABORT, .fn = give_up };
static const struct helper_proto proto_load = { .id = HELPER_LOAD, .fn = load_u64 };
static const struct helper_proto proto_loop = { .id = BPF_FUNC_loop, .fn = loop };
static const struct helper_proto *const protos[] = { &proto_sum, &proto_abort, &proto_load,
						     &proto_loop, NULL };

/* -- programs -- */

enum engine { INTERP, JIT, ENGINES };

static const char *const engine_names[] = { "interpreter", "jit" };

static int prepare(struct prog *prog, enum engine engine)
{
	return engine == JIT ? jit_prepare(prog) : interp_prepare(prog);
}

static void release(struct prog *prog, enum engine engine)
{
	if (engine == JIT)
		jit_release(prog);
	else
		interp_release(prog);
	image_free(prog->image);
}

static void load(struct prog *prog, enum engine engine, const char *text,
		 const struct test_image_opts *opts)
{
	*prog = (struct prog){ .image = test_image_text(text, opts) };
	REQUIRE(prog->image);
	REQUIRE(prepare(prog, engine) == 0);
}

/* Runs text in each engine; results must be that. */
static void expect_with(const char *text, const struct test_image_opts *opts, void *ctx,
			struct run_ctx rc, u64 r0, u32 status)
{
	for (enum engine engine = 0; engine < ENGINES; engine++) {
		struct run_ctx run = rc;
		struct prog prog;
		u64 got;

		load(&prog, engine, text, opts);
		got = prog_run(&prog, ctx, &run);
		if (got != r0 || run.status != status)
			test_fail(__FILE__, __LINE__, "%s: r0 %lld, status %u; want %lld, %u",
				  engine_names[engine], (long long)got, run.status, (long long)r0,
				  status);
		release(&prog, engine);
	}
}

static const struct test_image_opts plain = { .helpers = protos };
static const struct test_image_opts budgeted = { .helpers = protos, .flags = IMAGE_BUDGET };

static void expect(const char *text, void *ctx, u64 r0)
{
	expect_with(text, &plain, ctx, (struct run_ctx){ 0 }, r0, RUN_OK);
	expect_with(text, &budgeted, ctx, (struct run_ctx){ .budget = 1 << 30 }, r0, RUN_OK);
}

/* -- calls -- */

TEST(constant)
{
	expect("r0 = 42\nexit\n", NULL, 42);
}

TEST(context_is_r1)
{
	u64 ctx = 7;

	expect("r0 = *(u64 *)(r1 +0)\nexit\n", &ctx, 7);
}

TEST(helper_gets_five_arguments)
{
	expect("r1 = 1\nr2 = 2\nr3 = 3\nr4 = 4\nr5 = 5\ncall " TEXT(HELPER_SUM) "\nexit\n", NULL,
	       54321);
}

TEST(callee_saved_registers_survive_helpers_and_functions)
{
	expect(
	    "r6 = 6\nr7 = 70\nr8 = 800\nr9 = 9000\n"
	    "r1 = 1\nr2 = 2\nr3 = 3\nr4 = 4\nr5 = 5\ncall " TEXT(
		HELPER_SUM) "\ncall f\n"
			    "r0 = r6\nr0 += r7\nr0 += r8\nr0 += r9\nexit\n"
			    "f:\nr6 = 1\nr7 = 1\nr8 = 1\nr9 = 1\nr1 = 0\nr2 = 0\nr3 = 0\nr4 = 0\nr5 = 0\n"
			    "call " TEXT(HELPER_SUM) "\nexit\n",
	    NULL, 9876);
}

TEST(each_frame_has_a_stack_of_its_own)
{
	expect("*(u64 *)(r10 -8) = 1\n*(u64 *)(r10 -512) = 2\nr1 = r10\nr1 += -8\ncall f\n"
	       "r1 = *(u64 *)(r10 -8)\nr0 += r1\nr1 = *(u64 *)(r10 -512)\nr0 += r1\nexit\n"
	       "f:\n*(u64 *)(r10 -8) = 100\n*(u64 *)(r10 -512) = 200\nr0 = *(u64 *)(r1 +0)\n"
	       "r1 = *(u64 *)(r10 -8)\nr0 += r1\nr1 = *(u64 *)(r10 -512)\nr0 += r1\nexit\n",
	       NULL, 304);
}

/* Arguments live in the registers that zeroing uses. */
TEST(unwritten_stack_is_zero_where_the_image_asks)
{
	const struct test_image_opts zeroed = { .helpers = protos, .flags = IMAGE_ZERO_STACK };
	const struct test_image_opts small = { .helpers = protos,
					       .flags = IMAGE_ZERO_STACK,
					       .stack_depth = 16 };

	expect_with("r1 = 1\nr2 = 2\nr3 = 3\nr4 = 4\nr5 = 5\ncall f\nexit\n"
		    "f:\nr0 = r1\nr0 += r4\nr1 = *(u64 *)(r10 -8)\nr0 += r1\n"
		    "r1 = *(u64 *)(r10 -512)\nr0 += r1\nr1 = *(u64 *)(r10 -256)\nr0 += r1\nexit\n",
		    &zeroed, NULL, (struct run_ctx){ 0 }, 5, RUN_OK);
	expect_with("r4 = 4\nr1 = 1\ncall f\nexit\n"
		    "f:\nr0 = r1\nr0 += r4\nr1 = *(u64 *)(r10 -8)\nr0 += r1\n"
		    "r1 = *(u64 *)(r10 -16)\nr0 += r1\nexit\n",
		    &small, NULL, (struct run_ctx){ 0 }, 5, RUN_OK);
}

TEST(frame_pointer_as_an_operand)
{
	expect("r1 = r10\nr2 = r10\nr2 += -16\nr1 -= r2\n*(u64 *)(r10 -8) = r10\n"
	       "r3 = *(u64 *)(r10 -8)\nif r3 != r10 goto bad\nif r10 != r3 goto bad\n"
	       "r4 = 0\nr4 += r10\nif r4 > r10 goto bad\nr0 = r1\nexit\nbad: r0 = 0\nexit\n",
	       NULL, 16);
}

TEST(eight_frames_deep)
{
	char text[2048] = "r1 = 0\ncall f1\nexit\n";

	for (int i = 1; i < BPF_MAX_FRAMES; i++) {
		char next[160];

		snprintf(next, sizeof(next),
			 i < BPF_MAX_FRAMES - 1
			     ? "f%d:\nr6 = r1\nr1 += %d\n*(u64 *)(r10 -8) = r1\ncall f%d\n"
			       "r1 = *(u64 *)(r10 -8)\nr0 += r1\nr0 += r6\nexit\n"
			     : "f%d:\nr0 = r1\nr0 += %d\nexit\n",
			 i, i, i + 1);
		strcat(text, next);
	}
	/* x1..x6 = 1,3,6,10,15,21 stored; arguments 0,1,3,6,10,15; innermost 21 + 7 */
	expect(text, NULL, 56 + 35 + 28);
}

TEST(callback_sees_arguments_and_callers_stack)
{
	expect("*(u64 *)(r10 -8) = 0\nr6 = 1000\nr1 = 5\nr2 = func f\nr3 = r10\nr3 += -8\nr4 = 0\n"
	       "call 181\nr1 = *(u64 *)(r10 -8)\nr0 += r1\nr0 += r6\nexit\n"
	       /* adds index + 3 + 4 + 5, five times: 10 + 60 */
	       "f:\nr6 = *(u64 *)(r2 +0)\nr6 += r1\nr6 += r3\nr6 += r4\nr6 += r5\n"
	       "*(u64 *)(r2 +0) = r6\nr0 = 0\nexit\n",
	       NULL, 1075);
}

TEST(callback_within_callback)
{
	expect("*(u64 *)(r10 -8) = 0\nr1 = 3\nr2 = func f\nr3 = r10\nr3 += -8\nr4 = 0\ncall 181\n"
	       "r0 = *(u64 *)(r10 -8)\nexit\n"
	       "f:\nr3 = r2\nr1 = 4\nr2 = func g\nr4 = 0\ncall 181\nr0 = 0\nexit\n"
	       "g:\nr0 = *(u64 *)(r2 +0)\nr0 += 1\n*(u64 *)(r2 +0) = r0\nr0 = 0\nexit\n",
	       NULL, 12);
}

/* -- leaving early -- */

#define SPIN "r1 = 0\nagain: r1 += 1\nif r1 != 1000 goto again\n"

TEST(budget_counts_back_edges_taken)
{
	expect_with(SPIN "r0 = 5\nexit\n", &budgeted, NULL, (struct run_ctx){ .budget = 999 }, 5,
		    RUN_OK);
	expect_with(SPIN "r0 = 5\nexit\n", &budgeted, NULL, (struct run_ctx){ .budget = 998 }, 0,
		    RUN_BUDGET);
}

TEST(without_the_flag_there_is_no_budget)
{
	expect_with(SPIN "r0 = 5\nexit\n", &plain, NULL, (struct run_ctx){ .budget = 0 }, 5,
		    RUN_OK);
}

TEST(budget_counts_function_calls)
{
	expect_with("call f\ncall f\nexit\nf:\nr0 = 1\nexit\n", &budgeted, NULL,
		    (struct run_ctx){ .budget = 2 }, 1, RUN_OK);
	expect_with("call f\ncall f\nexit\nf:\nr0 = 1\nexit\n", &budgeted, NULL,
		    (struct run_ctx){ .budget = 1 }, 0, RUN_BUDGET);
}

#define NESTED                                                                                     \
	"r6 = 1\nr7 = 2\nr8 = 3\nr9 = 4\ncall f\nr0 = 7\nexit\n"                                   \
	"f:\nr6 = 5\nr7 = 5\nr8 = 5\nr9 = 5\nr1 = 1000\nr2 = func g\nr3 = r10\nr4 = 0\ncall 181\n" \
	"r0 = 8\nexit\n"                                                                           \
	"g:\nr6 = r1\nr7 = 6\nr1 = 1000\nr2 = func h\nr3 = r10\nr4 = 0\ncall 181\nr0 = 0\nexit\n"

TEST(budget_ends_inside_a_nested_callback_of_a_function)
{
	expect_with(NESTED "h:\nr9 = r1\nr0 = 0\nexit\n", &budgeted, NULL,
		    (struct run_ctx){ .budget = 1500 }, 0, RUN_BUDGET);
}

TEST(helper_aborts_from_a_nested_callback)
{
	expect_with(NESTED "h:\nr9 = r1\ncall " TEXT(HELPER_ABORT) "\nr0 = 0\nexit\n", &plain, NULL,
		    (struct run_ctx){ 0 }, 0, RUN_CANCELLED);
}

TEST(may_goto_gives_up_by_itself)
{
	expect("r1 = 0\nagain: may_goto out\nr1 += 1\ngoto again\nout: r0 = r1\nexit\n", NULL,
	       BPF_MAX_LOOP_COUNT);
	expect_with("r1 = 0\nagain: may_goto out\nr1 += 1\ngoto again\nout: r0 = r1\nexit\n",
		    &budgeted, NULL, (struct run_ctx){ .budget = 100 }, 0, RUN_BUDGET);
}

TEST(each_frame_has_a_may_goto_counter_of_its_own)
{
	expect(
	    "r6 = 0\nmay_goto out\ncall f\nr6 += r0\nmay_goto out\ncall f\nr6 += r0\nout: r0 = r6\nexit\n"
	    "f:\nr0 = 0\nagain: may_goto done\nr0 += 1\ngoto again\ndone: exit\n",
	    NULL, 2 * BPF_MAX_LOOP_COUNT);
}

#if defined(__x86_64__)
/*
 * entry(ctx, prog, rc) with known values in all callee-saved registers; *changed gets a
 * nonzero value when one of them came back different.
 */
u64 guarded_call(void *ctx, struct prog *prog, struct run_ctx *rc, void *entry, u64 *changed);
__asm__(".text\n\t.type guarded_call, @function\nguarded_call:\n\t"
	"push %rbp\n\tpush %rbx\n\tpush %r12\n\tpush %r13\n\tpush %r14\n\tpush %r15\n\t"
	"push %r8\n\t"
	"mov $0x1a, %ebp\n\tmov $0x1b, %ebx\n\tmov $0x1c, %r12d\n\tmov $0x1d, %r13d\n\t"
	"mov $0x1e, %r14d\n\tmov $0x1f, %r15d\n\t"
	"call *%rcx\n\t"
	"sub $0x1a, %rbp\n\tsub $0x1b, %rbx\n\tsub $0x1c, %r12\n\tsub $0x1d, %r13\n\t"
	"sub $0x1e, %r14\n\tsub $0x1f, %r15\n\t"
	"or %rbx, %rbp\n\tor %r12, %rbp\n\tor %r13, %rbp\n\tor %r14, %rbp\n\t"
	"or %r15, %rbp\n\t"
	"pop %r8\n\tmov %rbp, (%r8)\n\t"
	"pop %r15\n\tpop %r14\n\tpop %r13\n\tpop %r12\n\tpop %rbx\n\tpop %rbp\n\tret\n");

TEST(the_caller_keeps_its_registers)
{
	static const struct {
		const char *text;
		u64 r0;
		u32 status;
	} cases[] = {
		{ "r0 = 1\nexit\n", 1, RUN_OK },
		{ "r6 = 1\nr8 = 1\nr0 = 1\nexit\n", 1, RUN_OK },
		{ "r9 = 3\n*(u64 *)(r10 -8) = 0\ncall f\nexit\nf:\nr7 = 1\nr0 = r7\nexit\n", 1,
		  RUN_OK },
		{ NESTED "h:\nr9 = r1\nr0 = 0\nexit\n", 0, RUN_BUDGET },
		{ NESTED "h:\nr9 = r1\ncall " TEXT(HELPER_ABORT) "\nr0 = 0\nexit\n", 0,
		  RUN_CANCELLED },
	};

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++)
		for (u32 flags = 0; flags <= IMAGE_BUDGET; flags += IMAGE_BUDGET) {
			struct run_ctx rc = { .budget = 3000 };
			struct prog prog;
			u64 r0, changed;

			if (!flags && cases[i].status == RUN_BUDGET)
				continue;
			load(&prog, JIT, cases[i].text, flags ? &budgeted : &plain);
			rc.prog = &prog;
			r0 =
			    guarded_call(NULL, &prog, &rc, (void *)(uintptr_t)prog.entry, &changed);
			CHECK_EQ(changed, 0);
			CHECK_EQ(r0, cases[i].r0);
			CHECK_EQ(rc.status, cases[i].status);
			release(&prog, JIT);
		}
}
#endif

/* -- tail calls -- */

#define CHAIN 4

/* Programs that a prog array of CHAIN elements points to; slot i of the array is program i. */
struct chain {
	enum engine engine;
	struct prog progs[CHAIN];
	struct prog *table[CHAIN + 1];
	u32 elements[CHAIN];
	struct map map;
	struct map *maps[1];
};

static void chain_load(struct chain *chain, enum engine engine, const char *const *texts, u32 flags)
{
	struct test_image_opts opts = plain;

	chain->engine = engine;
	chain->map =
	    (struct map){ .facts = { .type = BPF_MAP_TYPE_PROG_ARRAY, .max_entries = CHAIN },
			  .values = (u8 *)chain->elements,
			  .stride = 4 };
	chain->maps[0] = &chain->map;
	opts.maps = chain->maps;
	opts.n_maps = 1;
	opts.flags = flags;
	for (u32 i = 0; i < CHAIN; i++) {
		chain->elements[i] = 0;
		chain->progs[i].image = NULL;
		if (!texts[i])
			continue;
		load(&chain->progs[i], engine, texts[i], &opts);
		chain->table[i + 1] = &chain->progs[i];
		chain->elements[i] = i + 1;
	}
}

static u64 chain_run(struct chain *chain, void *ctx, struct run_ctx *rc)
{
	rc->progs = chain->table;
	rc->n_progs = CHAIN + 1;
	return prog_run(&chain->progs[0], ctx, rc);
}

static void chain_release(struct chain *chain)
{
	for (u32 i = 0; i < CHAIN; i++)
		if (chain->progs[i].image)
			release(&chain->progs[i], chain->engine);
}

static void expect_chain(const char *const *texts, void *ctx, u64 r0, u32 tail_calls)
{
	for (enum engine engine = 0; engine < ENGINES; engine++)
		for (u32 flags = 0; flags <= IMAGE_BUDGET; flags += IMAGE_BUDGET) {
			struct run_ctx rc = { .budget = 1000000 };
			struct chain chain;
			u64 got;

			chain_load(&chain, engine, texts, flags);
			got = chain_run(&chain, ctx, &rc);
			if (got != r0 || rc.tail_calls != tail_calls || rc.status)
				test_fail(__FILE__, __LINE__,
					  "%s: r0 %lld, %u tail calls, status %u; want %lld, %u",
					  engine_names[engine], (long long)got, rc.tail_calls,
					  rc.status, (long long)r0, tail_calls);
			chain_release(&chain);
		}
}

#define TAIL(n) "r2 = map[idx:0]\nr3 = " #n "\ncall 12\n"

TEST(tail_call_ends_the_program_with_the_targets_result)
{
	const char *const texts[CHAIN] = { "r6 = 1\nr7 = 1\n*(u64 *)(r10 -512) = 1\n" TAIL(
					       2) "r0 = 1\nexit\n",
					   NULL, "r0 = *(u64 *)(r1 +0)\nexit\n" };
	u64 ctx = 33;

	expect_chain(texts, &ctx, 33, 1);
}

TEST(tail_call_to_nowhere_goes_on)
{
	const char *const empty[CHAIN] = { "r6 = 9\n" TAIL(1) "r0 = r6\nexit\n" };
	const char *const outside[CHAIN] = { "r6 = 9\n" TAIL(4) "r0 = r6\nexit\n" };

	expect_chain(empty, NULL, 9, 0);
	expect_chain(outside, NULL, 9, 0);
}

TEST(thirty_three_tail_calls)
{
	/* each adds 1 to the context; the 34th fails and its program returns the count */
	const char *const texts[CHAIN] = {
		"r6 = r1\nr0 = *(u64 *)(r6 +0)\nr0 += 1\n*(u64 *)(r6 +0) = r0\n" TAIL(
		    1) "r0 = *(u64 *)(r6 +0)\nexit\n",
		"r6 = r1\nr7 = 5\nr0 = *(u64 *)(r6 +0)\nr0 += 1\n*(u64 *)(r6 +0) = r0\n" TAIL(
		    0) "r0 = *(u64 *)(r6 +0)\nexit\n",
	};

	for (enum engine engine = 0; engine < ENGINES; engine++) {
		struct run_ctx rc = { 0 };
		struct chain chain;
		u64 count = 0;

		chain_load(&chain, engine, texts, 0);
		CHECK_EQ(chain_run(&chain, &count, &rc), BPF_MAX_TAIL_CALLS + 1);
		CHECK_EQ(rc.tail_calls, BPF_MAX_TAIL_CALLS);
		chain_release(&chain);
	}
}

TEST(tail_call_from_a_function_returns_to_its_caller)
{
	const char *const texts[CHAIN] = {
		"r6 = 1000\nr7 = 2\nr8 = 3\nr9 = 4\ncall f\nr0 += r6\nr0 += r7\nr0 += r8\nr0 += r9\nexit\n"
		"f:\nr6 = 1\n" TAIL(1) "r0 = 1\nexit\n",
		"r6 = 77\nr7 = 7\nr8 = 7\nr9 = 7\nr0 = r6\nexit\n",
	};

	expect_chain(texts, NULL, 1086, 1);
}

/* After it, callbacks and further tail calls are those of the first program again. */
TEST(identity_returns_after_a_tail_call_from_a_function)
{
	const char *const texts[CHAIN] = {
		"r6 = r1\ncall f\nr7 = r0\nr1 = 10\nr2 = func g\nr3 = 0\nr4 = 0\ncall 181\nr0 += r7\nexit\n"
		"f:\n" TAIL(1) "r0 = 1\nexit\n"
			       "g:\nr0 = 1\nif r1 == 5 goto out\nr0 = 0\nout: exit\n",
		"r1 = 10\nr2 = func g\nr3 = 0\nr4 = 0\ncall 181\nr0 += 100\nexit\n"
		"g:\nr0 = 1\nif r1 == 2 goto out\nr0 = 0\nout: exit\n",
	};

	for (enum engine engine = 0; engine < ENGINES; engine++) {
		struct run_ctx rc = { 0 };
		struct chain chain;

		chain_load(&chain, engine, texts, 0);
		CHECK_EQ(chain_run(&chain, NULL, &rc), 103 + 6);
		CHECK(rc.prog == &chain.progs[0]);
		chain_release(&chain);
	}
}

TEST(abort_after_a_tail_call_leaves_the_whole_run)
{
	const char *const at_top[CHAIN] = { "r6 = 1\n" TAIL(1) "r0 = 1\nexit\n",
					    "r7 = 1\ncall " TEXT(HELPER_ABORT) "\nr0 = 2\nexit\n" };
	const char *const nested[CHAIN] = { "r6 = 1\ncall f\nr0 = 3\nexit\nf:\n" TAIL(
						1) "r0 = 1\nexit\n",
					    "r7 = 1\ncall " TEXT(HELPER_ABORT) "\nr0 = 2\nexit\n" };

	for (enum engine engine = 0; engine < ENGINES; engine++)
		for (int i = 0; i < 2; i++) {
			struct run_ctx rc = { 0 };
			struct chain chain;

			chain_load(&chain, engine, i ? nested : at_top, 0);
			CHECK_EQ(chain_run(&chain, NULL, &rc), 0);
			CHECK_EQ(rc.status, RUN_CANCELLED);
			chain_release(&chain);
		}
}

/* -- packets and the arena -- */

static bool load_packet(const void *ctx, s32 offset, u32 size, u64 *out)
{
	const u8 *bytes = ctx;

	if (offset < 0 || offset + size > 8)
		return false;
	*out = 0;
	for (u32 i = 0; i < size; i++)
		*out = *out << 8 | bytes[(u32)offset + i];
	return true;
}

TEST(packet_loads)
{
	const struct test_image_opts opts = { .load_packet = load_packet };
	u8 bytes[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };

	expect_with("r6 = r1\nr7 = 1\nr8 = 2\nr9 = 3\nr0 = *(u32 *)skb[2]\nexit\n", &opts, bytes,
		    (struct run_ctx){ 0 }, 0x03040506, RUN_OK);
	expect_with("r6 = r1\nr4 = 3\nr0 = *(u16 *)skb[r4 + 1]\nexit\n", &opts, bytes,
		    (struct run_ctx){ 0 }, 0x0506, RUN_OK);
	expect_with("r6 = r1\nr0 = *(u8 *)skb[8]\nr0 = 5\nexit\n", &opts, bytes,
		    (struct run_ctx){ 0 }, 0, RUN_OK);
	expect_with("r6 = r1\nr2 = -4\nr0 = *(u8 *)skb[r2 + 3]\nr0 = 5\nexit\n", &opts, bytes,
		    (struct run_ctx){ 0 }, 0, RUN_OK);
	/* an address is a strange index, but a privileged program may use it */
	expect_with("r6 = r1\nr0 = *(u8 *)skb[r10 + 3]\nr0 = 5\nexit\n", &opts, bytes,
		    (struct run_ctx){ 0 }, 0, RUN_OK);
	/* outside: the function returns 0, the program goes on */
	expect_with(
	    "r6 = r1\ncall f\nr0 += 9\nexit\nf:\nr6 = r1\nr0 = *(u8 *)skb[8]\nr0 = 5\nexit\n",
	    &opts, bytes, (struct run_ctx){ 0 }, 9, RUN_OK);
}

TEST(arena_loads_are_masked)
{
	static u8 arena[64 + 8] = { [0] = 0x88, [9] = 0x99, [63] = 0xff };
	const struct test_image_opts opts = { 0 };
	const struct run_ctx rc = { .arena = arena, .arena_mask = 63 };

	expect_with("r1 = 0xffff888000000009 ll\nr0 = probe *(u8 *)(r1 +0)\nexit\n", &opts, NULL,
		    rc, 0x99, RUN_OK);
	expect_with("r1 = 0xffff888000000010 ll\nr1 = probe *(s8 *)(r1 +47)\nr0 = r1\nexit\n",
		    &opts, NULL, rc, (u64)-1, RUN_OK);
	expect_with("r1 = 0\nr0 = probe *(u64 *)(r1 +0)\nexit\n", &opts, NULL, rc, 0x88, RUN_OK);
	expect_with("r1 = 0\nr0 = probe *(u64 *)(r1 +0)\nexit\n", &opts, NULL,
		    (struct run_ctx){ 0 }, 0, RUN_OK);
}

/* -- the code itself -- */

TEST(unknown_instructions_are_refused)
{
	struct prog prog = { .image = test_image_text("r0 = 1\nexit\n", NULL) };

	REQUIRE(prog.image);
	prog.image->insns[0].code = BPF_ALU64 | 0xe0;
	CHECK_EQ(jit_prepare(&prog), -ENOTSUPP);
	CHECK(!prog.jited && !prog.entry);
	prog.image->insns[0] = (struct bpf_insn){ .code = BPF_JMP | BPF_JA, .off = 100 };
	CHECK_EQ(jit_prepare(&prog), -EINVAL);
	image_free(prog.image);
}

/* Jumps that need all 32 bits, over code of a megabyte. */
TEST(large_programs)
{
	enum { N = 300000 };
	struct bpf_insn *insns = calloc(N + 4, sizeof(*insns));
	const struct bpf_insn ja = { .code = BPF_JMP32 | BPF_JA };

	REQUIRE(insns);
	insns[0] = (struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV | BPF_K };
	insns[1] = ja;
	insns[1].imm = N + 1;
	for (u32 i = 2; i < N + 2; i++)
		insns[i] = (struct bpf_insn){ .code = BPF_ALU64 | BPF_ADD | BPF_K, .imm = 1 };
	insns[N + 2] = (struct bpf_insn){ .code = BPF_JMP | BPF_EXIT };
	insns[N + 3] = ja;
	insns[N + 3].imm = -(N + 2);
	for (enum engine engine = 0; engine < ENGINES; engine++) {
		struct run_ctx rc = { 0 };
		struct prog prog = { .image = test_image(insns, N + 4, &plain) };

		REQUIRE(prog.image);
		REQUIRE(prepare(&prog, engine) == 0);
		CHECK_EQ(prog_run(&prog, NULL, &rc), N);
		release(&prog, engine);
	}
	free(insns);
}

/* Conditional jumps of every distance around where the short form ends. */
TEST(branches_near_the_limit_of_the_short_form)
{
	for (u32 gap = 20; gap < 60; gap++) {
		struct bpf_insn insns[64 + 8];
		struct run_ctx rc = { 0 };
		struct prog prog;
		u32 n = 0;

		insns[n++] = (struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV | BPF_K };
		insns[n++] =
		    (struct bpf_insn){ .code = BPF_JMP | BPF_JEQ | BPF_K, .off = (s16)gap };
		for (u32 i = 0; i < gap; i++)
			insns[n++] =
			    (struct bpf_insn){ .code = BPF_ALU64 | BPF_ADD | BPF_K, .imm = 1 };
		insns[n++] = (struct bpf_insn){ .code = BPF_ALU64 | BPF_ADD | BPF_K, .imm = 2 };
		insns[n] = (struct bpf_insn){ .code = BPF_JMP | BPF_JEQ | BPF_K,
					      .imm = 2,
					      .off = (s16)(1 - (s32)n) };
		n++;
		insns[n++] = (struct bpf_insn){ .code = BPF_JMP | BPF_EXIT };
		prog = (struct prog){ .image = test_image(insns, n, &plain) };
		REQUIRE(prog.image && jit_prepare(&prog) == 0);
		CHECK_EQ(prog_run(&prog, NULL, &rc), 2 + gap + 2);
		release(&prog, JIT);
	}
}

/* No mapping of the code is writable once it can run. */
TEST(code_is_never_writable)
{
	struct prog prog;
	char line[512];
	FILE *maps;
	bool found = false;

	load(&prog, JIT, "r0 = 1\nexit\n", &plain);
	maps = fopen("/proc/self/maps", "r");
	REQUIRE(maps);
	while (fgets(line, sizeof(line), maps)) {
		unsigned long from, to;
		char perms[8];

		REQUIRE(sscanf(line, "%lx-%lx %7s", &from, &to, perms) == 3);
		CHECK(!(strchr(perms, 'w') && strchr(perms, 'x')));
		CHECK(!(strstr(line, "skep-code") && strchr(perms, 'w')));
		if ((unsigned long)prog.code.rx >= from && (unsigned long)prog.code.rx < to) {
			found = true;
			CHECK(!strchr(perms, 'w') && strchr(perms, 'x'));
		}
	}
	CHECK(found);
	fclose(maps);
	release(&prog, JIT);
}

static u64 thunk_target(void *ctx, void *arg)
{
	return *(u64 *)ctx + *(u64 *)arg;
}

TEST(thunk_carries_an_argument)
{
	struct os_code code;
	u64 a = 40, b = 2;
	u64 (*fn)(void *ctx);

	REQUIRE(jit_thunk(&code, thunk_target, &b) == 0);
	fn = (u64(*)(void *))(uintptr_t)code.rx;
	CHECK_EQ(fn(&a), 42);
	os_code_release(&code);
}

/* -- threads -- */

static void *run_often(void *arg)
{
	struct prog *prog = arg;
	u64 wrong = 0;

	for (u32 i = 0; i < 20000; i++) {
		struct run_ctx rc = { .budget = i % 3 ? 1000000 : 20 };
		u64 r0 = prog_run(prog, NULL, &rc);

		wrong += i % 3 ? r0 != 1225 : r0 != 0 || rc.status != RUN_BUDGET;
	}
	return (void *)(uintptr_t)wrong;
}

TEST(many_threads_run_one_program)
{
	pthread_t threads[4];
	struct prog prog;

	load(&prog, JIT,
	     "*(u64 *)(r10 -8) = 0\nr1 = 50\nr2 = func f\nr3 = r10\nr3 += -8\nr4 = 0\ncall 181\n"
	     "r0 = *(u64 *)(r10 -8)\nexit\n"
	     "f:\nr6 = *(u64 *)(r2 +0)\nr6 += r1\n*(u64 *)(r2 +0) = r6\nr0 = 0\nexit\n",
	     &budgeted);
	for (u32 i = 0; i < ARRAY_SIZE(threads); i++)
		REQUIRE(!pthread_create(&threads[i], NULL, run_often, &prog));
	for (u32 i = 0; i < ARRAY_SIZE(threads); i++) {
		void *wrong;

		pthread_join(threads[i], &wrong);
		CHECK_EQ((uintptr_t)wrong, 0);
	}
	release(&prog, JIT);
}
