/* SPDX-License-Identifier: Apache-2.0 */
/* What the interpreter does beyond single instructions: calls, callbacks, tail calls, budgets. */
#include "lib/image.h"
#include "lib/test.h"
#include "maps/map.h"
#include "vm/interp.h"

static u64 callback_loop(u64 n, u64 func, u64 arg, u64 flags, u64 r5, struct run_ctx *rc)
{
	for (u64 i = 0; i < n; i++)
		if (rc->call(rc, func, i, arg, 0, 0, 0))
			return i + 1;
	return n;
}

static u64 sum_arguments(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	return r1 + 10 * r2 + 100 * r3 + 1000 * r4 + 10000 * r5;
}

static u64 abort_here(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	run_abort(rc, RUN_CANCELLED);
}

static u64 cancel_later(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	rc->budget = BUDGET_CANCEL;
	return 0;
}

static u32 dropped;

static void drop_record(void *what, struct run_ctx *rc)
{
	dropped += *(u32 *)what;
	rc->n_held--;
}

static u64 hold_record(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	static u32 one = 1;

	rc->held[rc->n_held++] = (struct held){ .what = &one, .drop = drop_record };
	return 0;
}

static const struct helper_proto loop_proto = { .id = BPF_FUNC_loop, .fn = callback_loop };
static const struct helper_proto sum_proto = { .id = 1000, .fn = sum_arguments };
static const struct helper_proto abort_proto = { .id = 1001, .fn = abort_here };
static const struct helper_proto cancel_proto = { .id = 1002, .fn = cancel_later };
static const struct helper_proto hold_proto = { .id = 1003, .fn = hold_record };
static const struct helper_proto *const helpers[] = { &loop_proto,   &sum_proto,  &abort_proto,
						      &cancel_proto, &hold_proto, NULL };

/* A program from text, prepared. */
static bool make(struct prog *prog, const char *source, u32 flags, struct map **maps, u32 n_maps)
{
	struct test_image_opts opts = {
		.helpers = helpers, .flags = flags, .maps = maps, .n_maps = n_maps
	};

	*prog = (struct prog){ .image = test_image_text(source, &opts) };
	if (prog->image && interp_prepare(prog) == 0)
		return true;
	test_fail(__FILE__, __LINE__, "not prepared");
	return false;
}

static void drop(struct prog *prog)
{
	interp_release(prog);
	image_free(prog->image);
}

static u64 run_text(const char *source, u32 flags, struct run_ctx *rc)
{
	struct prog prog;
	u64 result = ~0ull;

	if (make(&prog, source, flags, NULL, 0)) {
		result = prog_run(&prog, NULL, rc);
		CHECK(rc->call == NULL);
		CHECK(rc->engine == NULL);
		drop(&prog);
	}
	return result;
}

static u64 run_plain(const char *source)
{
	struct run_ctx rc = { 0 };

	return run_text(source, 0, &rc);
}

TEST(helpers_get_five_arguments)
{
	CHECK_EQ(run_plain("r1 = 1\nr2 = 2\nr3 = 3\nr4 = 4\nr5 = 5\ncall 1000\nexit"), 54321);
}

TEST(a_call_keeps_r6_to_r10)
{
	CHECK_EQ(run_plain("r6 = 1\nr7 = 2\nr8 = 3\nr9 = 4\n*(u64 *)(r10 -8) = 7\ncall sub\n"
			   "r0 = r6\nr0 *= 10\nr0 += r7\nr0 *= 10\nr0 += r8\nr0 *= 10\nr0 += r9\n"
			   "r0 *= 10\nr1 = *(u64 *)(r10 -8)\nr0 += r1\nexit\n"
			   "sub: r6 = 9\nr7 = 9\nr8 = 9\nr9 = 9\n*(u64 *)(r10 -8) = 9\nexit"),
		 12347);
}

TEST(stacks_start_zeroed)
{
	CHECK_EQ(
	    run_plain("call sub\ncall sub\nr0 = *(u64 *)(r10 -512)\nr1 = *(u64 *)(r10 -8)\n"
		      "r0 |= r1\nexit\n"
		      "sub: r0 = *(u64 *)(r10 -512)\n*(u64 *)(r10 -512) = 7\nif r0 == 0 goto pc+1\n"
		      "*(u64 *)(r1 +0) = 0\nexit"),
	    0);
}

TEST(eight_frames)
{
	CHECK_EQ(run_plain("r1 = 7\ncall sub\nexit\n"
			   "sub: *(u64 *)(r10 -512) = 1\nr6 = r1\nr0 = 0\nr1 += -1\n"
			   "if r1 == 0 goto pc+1\ncall sub\nr0 += r6\nexit"),
		 28);
}

TEST(endless_recursion_ends_the_run)
{
	struct run_ctx rc = { 0 };

	CHECK_EQ(run_text("sub: call sub\nexit", 0, &rc), 0);
	CHECK_EQ(rc.status, RUN_BUDGET);
}

static const char sum_loop[] =
    "r1 = 100\nr2 = func body\nr3 = r10\nr3 += -8\n*(u64 *)(r10 -8) = 0\nr4 = 0\n"
    "call bpf_loop\nr0 = *(u64 *)(r10 -8)\nexit\n"
    "body: r3 = *(u64 *)(r2 +0)\nr3 += r1\n*(u64 *)(r2 +0) = r3\nr0 = 0\nexit";

TEST(callbacks_run_in_frames_of_their_own)
{
	CHECK_EQ(run_plain(sum_loop), 4950);
}

TEST(callbacks_nest)
{
	CHECK_EQ(
	    run_plain("r1 = 5\nr2 = func outer\nr3 = r10\nr3 += -8\n*(u64 *)(r10 -8) = 0\nr4 = 0\n"
		      "call bpf_loop\nr0 = *(u64 *)(r10 -8)\nexit\n"
		      "outer: r1 = 7\nr3 = r2\nr2 = func inner\nr4 = 0\n*(u64 *)(r10 -256) = -1\n"
		      "call bpf_loop\nr0 = 0\nexit\n"
		      "inner: r3 = *(u64 *)(r2 +0)\nr3 += 1\n*(u64 *)(r2 +0) = r3\nr0 = 0\nexit"),
	    35);
}

TEST(a_callback_can_call_and_stop_the_loop)
{
	CHECK_EQ(run_plain("r1 = 100\nr2 = func body\nr3 = 0\nr4 = 0\ncall bpf_loop\nexit\n"
			   "body: call sub\nexit\n"
			   "sub: r0 = 0\nif r1 != 41 goto pc+1\nr0 = 1\nexit"),
		 42);
}

static const char count_down[] =
    "r0 = 0\nr1 = 10\nagain: r0 += 1\nr1 += -1\nif r1 != 0 goto again\nexit";

TEST(a_budget_of_just_enough)
{
	struct run_ctx rc = { .budget = 9 };

	CHECK_EQ(run_text(count_down, IMAGE_BUDGET, &rc), 10);
	CHECK_EQ(rc.budget, 0);
	CHECK_EQ(rc.status, RUN_OK);
}

TEST(a_budget_of_one_less)
{
	struct run_ctx rc = { .budget = 8 };

	CHECK_EQ(run_text(count_down, IMAGE_BUDGET, &rc), 0);
	CHECK_EQ(rc.status, RUN_BUDGET);
}

TEST(no_budget_is_counted_without_the_flag)
{
	struct run_ctx rc = { .budget = 1 };

	CHECK_EQ(run_text(count_down, 0, &rc), 10);
	CHECK_EQ(rc.budget, 1);
}

TEST(calls_and_callbacks_take_from_the_budget)
{
	static const char calls[] = "call sub\ncall sub\nexit\nsub: r0 = 7\nexit";
	struct run_ctx two = { .budget = 2 }, one = { .budget = 1 }, loop = { .budget = 100 },
		       few = { .budget = 99 };

	CHECK_EQ(run_text(calls, IMAGE_BUDGET, &two), 7);
	CHECK_EQ(two.budget, 0);
	CHECK_EQ(run_text(calls, IMAGE_BUDGET, &one), 0);
	CHECK_EQ(one.status, RUN_BUDGET);
	CHECK_EQ(run_text(sum_loop, IMAGE_BUDGET, &loop), 4950);
	CHECK_EQ(loop.budget, 0);
	CHECK_EQ(run_text(sum_loop, IMAGE_BUDGET, &few), 0);
	CHECK_EQ(few.status, RUN_BUDGET);
}

TEST(cancelling_ends_an_endless_loop_and_drops_what_is_held)
{
	struct run_ctx rc = { .budget = 1000 };

	dropped = 0;
	CHECK_EQ(run_text("call 1003\ncall 1003\ncall 1002\nagain: goto again", IMAGE_BUDGET, &rc),
		 0);
	CHECK_EQ(rc.status, RUN_CANCELLED);
	CHECK_EQ(dropped, 2);
	CHECK_EQ(rc.n_held, 0);
}

TEST(a_helper_ends_the_run_from_inside_a_callback)
{
	struct run_ctx rc = { 0 };

	CHECK_EQ(run_text("r1 = 5\nr2 = func body\nr3 = 0\nr4 = 0\ncall bpf_loop\nr0 = 77\nexit\n"
			  "body: call 1001\nexit",
			  0, &rc),
		 0);
	CHECK_EQ(rc.status, RUN_CANCELLED);
}

TEST(may_goto_counts_for_each_activation)
{
	CHECK_EQ(run_plain("r0 = 0\nagain: may_goto end\nr0 += 1\ngoto again\nend: exit"),
		 BPF_MAX_LOOP_COUNT);
	CHECK_EQ(
	    run_plain("r6 = 2\nmore: call sub\nr6 += -1\nif r6 != 0 goto more\nexit\n"
		      "sub: r0 = 0\nagain: may_goto end\nr0 += 1\nif r0 s< 5000000 goto again\n"
		      "end: exit"),
	    5000000);
}

/* A prog array without the maps room: what run_tail_target reads of it. */
struct fake_array {
	struct map map;
	u32 slots[4];
};

static struct map *fake_array(struct fake_array *array)
{
	array->map = (struct map){ .values = (u8 *)array->slots, .stride = 4 };
	array->map.facts.max_entries = 4;
	return &array->map;
}

static const char chain[] = "r6 = *(u64 *)(r1 +0)\nr6 += 1\n*(u64 *)(r1 +0) = r6\n"
			    "r2 = map[idx:0]\nr3 = 1\ncall 12\nr0 = r6\nexit";

TEST(thirty_three_tail_calls)
{
	struct fake_array array = { .slots = { 0, 1 } };
	struct map *maps[] = { fake_array(&array) };
	struct prog prog, *progs[] = { NULL, &prog };
	struct run_ctx rc = { .progs = progs, .n_progs = 2 };
	u64 count = 0;

	REQUIRE(make(&prog, chain, 0, maps, 1));
	CHECK_EQ(prog_run(&prog, &count, &rc), BPF_MAX_TAIL_CALLS + 1);
	CHECK_EQ(rc.tail_calls, BPF_MAX_TAIL_CALLS);
	drop(&prog);
}

TEST(tail_calls_fall_through_when_there_is_nothing)
{
	static const char source[] = "r2 = map[idx:0]\nr3 = *(u64 *)(r1 +0)\ncall 12\nr0 = 5\nexit";
	struct fake_array array = { .slots = { 0, 1, 2, 99 } };
	struct map *maps[] = { fake_array(&array) };
	struct prog prog, jited = { .jited = true }, *progs[] = { NULL, &jited, NULL };
	struct run_ctx rc = { .progs = progs, .n_progs = 3 };

	REQUIRE(make(&prog, source, 0, maps, 1));
	for (u64 index = 0; index < 6; index++)
		CHECK_EQ(prog_run(&prog, &index, &rc), 5);
	for (u64 index = 1ull << 32; index < (1ull << 32) + 6; index++)
		CHECK_EQ(prog_run(&prog, &index, &rc), 5);
	CHECK_EQ(rc.tail_calls, 0);
	drop(&prog);
}

TEST(a_tail_call_from_a_subprogram_returns_to_its_caller)
{
	struct fake_array array = { .slots = { 1 } };
	struct map *maps[] = { fake_array(&array) };
	struct prog caller, target, *progs[] = { NULL, &target };
	struct run_ctx rc = { .progs = progs, .n_progs = 2 };

	REQUIRE(make(
	    &caller,
	    "r6 = 100\ncall sub\nr0 += r6\nr1 = 1\nr2 = func body\nr3 = r10\nr3 += -8\nr4 = 0\n"
	    "*(u64 *)(r10 -8) = r0\ncall bpf_loop\nr0 = *(u64 *)(r10 -8)\nexit\n"
	    "sub: r2 = map[idx:0]\nr3 = 0\ncall 12\nr0 = 1\nexit\n"
	    "body: r3 = *(u64 *)(r2 +0)\nr3 += 1000\n*(u64 *)(r2 +0) = r3\nr0 = 0\nexit",
	    0, maps, 1));
	REQUIRE(make(&target, "r6 = 7\ncall inner\nexit\ninner: r0 = 23\nexit", 0, NULL, 0));
	CHECK_EQ(prog_run(&caller, NULL, &rc), 1123);
	CHECK(rc.prog == &caller);
	drop(&caller);
	drop(&target);
}

TEST(tail_calls_from_subprograms_fit_with_the_deepest_frames_allowed)
{
	/* main -> 7 subprograms (256 bytes together) -> tail call of itself, 33 times */
	static const char source[] =
	    "main: r6 = r1\nr2 = 6\ncall sub\nr0 += 1\nexit\n"
	    "sub: r0 = 0\nif r2 == 0 goto last\nr2 += -1\ncall sub\nr0 += 1\nexit\n"
	    "last: r2 = map[idx:0]\nr3 = 0\ncall 12\nr0 = 0\nexit";
	struct fake_array array = { .slots = { 1 } };
	struct map *maps[] = { fake_array(&array) };
	struct prog prog, *progs[] = { NULL, &prog };
	struct run_ctx rc = { .progs = progs, .n_progs = 2 };
	struct test_image_opts opts = { .maps = maps, .n_maps = 1, .stack_depth = 32 };

	prog = (struct prog){ .image = test_image_text(source, &opts) };
	REQUIRE(prog.image && interp_prepare(&prog) == 0);
	CHECK_EQ(prog_run(&prog, NULL, &rc), 34 * 7);
	CHECK_EQ(rc.status, RUN_OK);
	drop(&prog);
}

struct trace {
	u32 n;
	u32 index[64];
	u64 r0[64];
	u32 depth[64];
};

static void note_insn(void *data, const struct prog *prog, u32 index, const u64 *regs, u32 depth)
{
	struct trace *trace = data;

	trace->index[trace->n] = index;
	trace->r0[trace->n] = regs[0];
	trace->depth[trace->n++] = depth;
}

TEST(a_tracer_sees_every_instruction)
{
	struct trace trace = { 0 };
	struct interp_tracer tracer = { .insn = note_insn, .data = &trace };
	struct run_ctx rc = { .budget = 100 };
	struct prog prog;

	REQUIRE(make(&prog,
		     "r0 = 3\nagain: r0 += -1\ncall sub\nif r0 != 0 goto again\nexit\nsub: exit",
		     IMAGE_BUDGET, NULL, 0));
	CHECK_EQ(interp_trace(&prog, NULL, &rc, &tracer), 0);
	CHECK_EQ(trace.n, 14);
	CHECK_EQ(trace.index[3], 5);
	CHECK_EQ(trace.depth[3], 1);
	CHECK_EQ(trace.depth[4], 0);
	CHECK_EQ(trace.index[5], 1);
	CHECK_EQ(trace.r0[5], 2);
	CHECK_EQ(trace.index[13], 4);
	drop(&prog);
}

static bool no_packet(const void *ctx, s32 offset, u32 size, u64 *out)
{
	*out = (u64)offset << 8 | size;
	return offset != 666;
}

TEST(legacy_packet_loads)
{
	static const char source[] =
	    "r6 = r1\nr7 = -20\nr0 = *(u16 *)skb[r7 + 22]\nr8 = r0\n"
	    "r0 = *(u32 *)skb[-4096]\nr9 = r0\ncall sub\nr0 += r8\nr0 += r9\nexit\n"
	    "sub: r6 = 0\nr0 = *(u8 *)skb[666]\nr0 = 99\nexit";
	struct test_image_opts opts = { .load_packet = no_packet };
	struct prog prog = { .image = test_image_text(source, &opts) };
	struct run_ctx rc = { 0 };

	REQUIRE(prog.image && interp_prepare(&prog) == 0);
	CHECK_EQ(prog_run(&prog, NULL, &rc), (2 << 8 | 2) + ((s64)-4096 * 256 | 4));
	drop(&prog);
}

TEST(probe_loads_stay_in_the_arena)
{
	u8 arena[16 + 8] = { 1, 2, 3, 4, 5, 6, 7, 0x88 };
	struct run_ctx rc = { .arena = arena, .arena_mask = 15 };
	struct run_ctx none = { 0 };

	CHECK_EQ(run_text("r1 = 0xffff800000000000 ll\nr0 = probe *(u32 *)(r1 +2)\nexit", 0, &rc),
		 0x06050403);
	CHECK_EQ(run_text("r1 = 0xffff800000000000 ll\nr0 = probe *(s8 *)(r1 +7)\nexit", 0, &rc),
		 (s8)0x88);
	CHECK_EQ(run_text("r1 = 0\nr0 = probe *(u64 *)(r1 -16)\nexit", 0, &rc), 0x8807060504030201);
	CHECK_EQ(run_text("r1 = 0\nr0 = 7\nr0 = probe *(u64 *)(r1 -16)\nexit", 0, &none), 0);
}

TEST(what_is_no_image_is_not_prepared)
{
	static const struct bpf_insn bad[] = {
		{ .code = 0x85, .imm = 3 }, /* no such call */
		{ .code = 0x05, .off = 5 }, /* out of the program */
		{ .code = 0x05, .off = -2 },
		{ .code = 0x18, .src_reg = 6 }, /* no such map, and cut short */
		{ .code = 0xff },
		{ .code = 0x8d },
		{ .code = 0xb7, .dst_reg = 11 },
		{ .code = 0x85, .src_reg = 1, .imm = 5 },
	};

	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		struct bpf_insn insns[2] = { bad[i], { .code = 0x95 } };
		struct image_subprog sub = { .len = 2, .stack_depth = 512 };
		struct image image = {
			.insns = insns, .len = 2, .subprogs = &sub, .n_subprogs = 1
		};
		struct prog prog = { .image = &image };

		CHECK_EQ(interp_prepare(&prog), -EINVAL);
		insns[0] = (struct bpf_insn){ .code = 0xb7 };
		CHECK_EQ(interp_prepare(&prog), 0);
		interp_release(&prog);
		insns[1] = (struct bpf_insn){ .code = 0xb7 }; /* goes on behind the end */
		CHECK_EQ(interp_prepare(&prog), -EINVAL);
	}
}
