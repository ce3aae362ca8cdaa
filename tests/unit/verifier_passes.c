/* SPDX-License-Identifier: Apache-2.0 */
/* The verifier's own parts: precision graph, shared frames, liveness, control flow, pruning. */
#include <stdlib.h>

#include "isa/asm.h"
#include "lib/test.h"
#include "verifier/env.h"
#include "verifier/step.h"

/* ---- precision ---- */

TEST(marking_reaches_all_ancestors)
{
	struct deps deps = { 0 };
	u32 a = dep_fresh(&deps, 0), b = dep_fresh(&deps, 0), c = dep_fresh(&deps, 0);
	u32 sum = dep_join(&deps, a, b), later = dep_fresh(&deps, sum);

	dep_mark(&deps, later);
	CHECK(dep_is_precise(&deps, a) && dep_is_precise(&deps, b) && dep_is_precise(&deps, sum));
	CHECK(!dep_is_precise(&deps, c));
	CHECK(!dep_is_precise(&deps, 0));
	deps_release(&deps);
}

TEST(a_cut_path_follows_the_state_it_was_cut_at)
{
	struct deps deps = { 0 };
	u32 old = dep_fresh(&deps, 0), cur = dep_fresh(&deps, 0), root = dep_fresh(&deps, 0);
	u32 child = dep_fresh(&deps, root);

	dep_follow(&deps, old, cur);
	dep_follow(&deps, cur, old); /* a cycle must not hang */
	dep_follow(&deps, old, child);
	CHECK(!dep_is_precise(&deps, cur));
	dep_mark(&deps, old);
	CHECK(dep_is_precise(&deps, cur));
	CHECK(dep_is_precise(&deps, root));
	deps_release(&deps);
}

TEST(joining_needs_no_node_when_one_side_has_none)
{
	struct deps deps = { 0 };
	u32 a = dep_fresh(&deps, 0), b = dep_fresh(&deps, 0);

	CHECK_EQ(dep_join(&deps, a, 0), a);
	CHECK_EQ(dep_join(&deps, 0, a), a);
	CHECK_EQ(dep_join(&deps, a, a), a);
	CHECK_EQ(dep_join(&deps, 0, 0), 0);
	dep_mark(&deps, a);
	CHECK_EQ(dep_join(&deps, a, b), b);
	deps_release(&deps);
}

/* ---- frames ---- */

TEST(frames_are_copied_on_the_first_write)
{
	struct state_pool pool = { 0 };
	struct state a = { 0 }, b;

	a.frames[0] = frame_new(&pool);
	REQUIRE(a.frames[0]);
	a.frames[0]->regs[3] = reg_const(7);
	state_share(&b, &a);
	CHECK(a.frames[0] == b.frames[0]);
	REQUIRE(state_frame_rw(&pool, &b, 0));
	CHECK(a.frames[0] != b.frames[0]);
	b.frames[0]->regs[3] = reg_const(8);
	CHECK_EQ(a.frames[0]->regs[3].val.umin, 7);
	state_release(&pool, &a);
	state_release(&pool, &b);
	CHECK_EQ(pool.live_frames, 0);
	arena_release(&pool.arena);
}

TEST(slots_grow_and_start_invalid)
{
	struct state_pool pool = { 0 };
	struct state s = { 0 };
	struct frame *frame;

	s.frames[0] = frame_new(&pool);
	REQUIRE(s.frames[0]);
	for (u32 slot = 0; slot < STACK_SLOTS; slot++) {
		frame = state_slots(&pool, &s, 0, slot);
		REQUIRE(frame);
		CHECK_EQ(frame->n_slots, slot + 1);
		CHECK_EQ(frame->slots[slot].kind[0], BYTE_INVALID);
		frame->slots[slot].kind[0] = BYTE_MISC;
	}
	for (u32 slot = 0; slot < STACK_SLOTS; slot++)
		CHECK_EQ(s.frames[0]->slots[slot].kind[0], BYTE_MISC);
	state_release(&pool, &s);
	arena_release(&pool.arena);
}

TEST(memory_has_a_limit)
{
	struct state_pool pool = { .arena.limit = 1 << 20 };
	u32 n = 0;

	while (n < 100000 && frame_new(&pool))
		n++;
	CHECK(n > 100 && n < 2000);
	arena_release(&pool.arena);
}

/* ---- whole programs ---- */

struct run {
	struct verify_result result;
	int err;
	char log[1 << 16];
};

static struct kernel_model *model;

static void run(struct run *r, const char *source, u32 log_level)
{
	insn_vec insns = { 0 };
	struct asm_error error;
	struct text log = text_in(r->log, sizeof(r->log));
	struct verify_request request = { .prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
					  .privileged = true,
					  .gpl_compatible = true,
					  .log_level = log_level,
					  .log = &log };

	if (!model)
		REQUIRE(model_skep_new(&model) == 0);
	if (isa_assemble(source, &insns, &error))
		test_fail(__FILE__, __LINE__, "line %u: %s", error.line, error.message);
	request.model = model;
	request.insns = insns.data;
	request.insn_cnt = (u32)insns.len;
	r->err = verify(&request, &r->result);
	image_free(r->result.image);
	vec_release(&insns);
}

/* Runs the passes up to liveness, and answers what is live before instruction at. */
static struct insn_aux live_before(const char *source, u32 at)
{
	static struct env env;
	insn_vec insns = { 0 };
	struct asm_error error;
	struct verify_request request = { .prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
					  .privileged = true };
	struct verify_result result;
	struct insn_aux aux;

	if (!model && model_skep_new(&model))
		abort();
	if (isa_assemble(source, &insns, &error))
		test_fail(__FILE__, __LINE__, "line %u: %s", error.line, error.message);
	memset(&env, 0, sizeof(env));
	request.model = model;
	env.req = &request;
	env.result = &result;
	env.type = model_prog_type(model, request.prog_type);
	env.insns = insns.data;
	env.len = (u32)insns.len;
	env.aux = calloc(env.len + 1, sizeof(*env.aux));
	CHECK_EQ(cfg_find_subprogs(&env), 0);
	CHECK_EQ(cfg_check_jumps(&env), 0);
	CHECK_EQ(insns_check(&env), 0);
	CHECK_EQ(cfg_check_paths(&env), 0);
	CHECK_EQ(liveness_compute(&env), 0);
	aux = env.aux[at];
	free(env.aux);
	arena_release(&env.arena);
	vec_release(&insns);
	return aux;
}

#define SLOT(off) (1ull << ((-(off)-1) / 8))

TEST(registers_are_live_until_their_last_read)
{
	const char *source = "r6 = r1\nr2 = 1\nr0 = r2\nexit\n";

	CHECK_EQ(live_before(source, 0).live_regs, 1 << 1);
	CHECK_EQ(live_before(source, 2).live_regs, 1 << 2); /* r6 is never read */
	CHECK_EQ(live_before(source, 3).live_regs, 1 << 0);
}

TEST(a_loop_keeps_what_its_next_round_reads)
{
	const char *source = "r0 = 0\nr1 = 0\nloop:\nr0 += r1\nr1 += 1\nif r1 < 9 goto loop\nexit\n";

	CHECK_EQ(live_before(source, 4).live_regs, 3);
	CHECK(live_before(source, 2).loop_head);
}

TEST(a_whole_store_ends_a_slot_and_a_part_does_not)
{
	const char *whole = "*(u64 *)(r10 -8) = 0\nr0 = *(u64 *)(r10 -8)\nexit\n";
	const char *part = "*(u32 *)(r10 -8) = 0\nr0 = *(u64 *)(r10 -8)\nexit\n";

	CHECK_EQ(live_before(whole, 0).live_slots, 0);
	CHECK_EQ(live_before(whole, 1).live_slots, SLOT(-8));
	CHECK_EQ(live_before(part, 0).live_slots, SLOT(-8));
}

TEST(an_unknown_address_reads_everything_and_overwrites_nothing)
{
	const char *read = "r2 = r10\nr1 &= 8\nr2 += r1\nr0 = *(u64 *)(r2 -16)\nexit\n";
	const char *write = "r2 = r10\nr1 &= 8\nr2 += r1\n*(u64 *)(r2 -16) = 0\n"
			    "r0 = *(u64 *)(r10 -16)\nexit\n";

	CHECK_EQ(live_before(read, 3).live_slots, ~0ull);
	CHECK_EQ(live_before(write, 0).live_slots, SLOT(-16));
}

TEST(two_addresses_joined_are_no_certain_one)
{
	const char *source = "r2 = r10\nr2 += -8\nif r1 == 0 goto on\nr2 += -8\non:\n"
			     "*(u64 *)(r2 +0) = 0\nr0 = *(u64 *)(r10 -8)\nexit\n";

	CHECK_EQ(live_before(source, 4).live_slots & SLOT(-8), SLOT(-8));
}

TEST(a_helper_fills_what_it_need_not_find)
{
	const char *source = "r1 = r10\nr1 += -16\nr2 = 16\ncall 16\nr0 = *(u64 *)(r10 -16)\nexit\n";

	CHECK_EQ(live_before(source, 0).live_slots, 0);
	CHECK_EQ(live_before(source, 4).live_slots, SLOT(-16));
}

TEST(a_function_reads_only_what_it_reads)
{
	const char *source = "r1 = r10\nr1 += -24\ncall func\nr0 = 0\nexit\n"
			     "func:\nr0 = *(u64 *)(r1 +8)\n*(u64 *)(r1 +0) = 1\nexit\n";

	CHECK_EQ(live_before(source, 2).live_slots, SLOT(-16));
	CHECK_EQ(live_before(source, 2).call_slots, SLOT(-16));
}

TEST(an_address_is_followed_through_a_slot)
{
	const char *own = "r1 = r10\nr1 += -24\n*(u64 *)(r10 -8) = r1\nr1 = 0\n"
			  "r2 = *(u64 *)(r10 -8)\nr0 = *(u64 *)(r2 +8)\nexit\n";
	const char *passed = "r1 = r10\nr1 += -24\ncall func\nr0 = 0\nexit\n"
			     "func:\n*(u64 *)(r10 -8) = r1\nr2 = *(u64 *)(r10 -8)\n"
			     "r0 = *(u64 *)(r2 +8)\nexit\n";
	const char *meeting = "r2 = r10\nr2 += -24\nif r1 == 0 goto on\nr2 = r10\nr2 += -40\non:\n"
			      "*(u64 *)(r10 -8) = r2\nr2 = *(u64 *)(r10 -8)\n"
			      "r0 = *(u64 *)(r2 +0)\nexit\n";

	CHECK_EQ(live_before(own, 4).live_slots, SLOT(-8) | SLOT(-16));
	CHECK_EQ(live_before(passed, 2).call_slots, SLOT(-16));
	CHECK_EQ(live_before(meeting, 6).live_slots, SLOT(-8) | SLOT(-24) | SLOT(-32) | SLOT(-40));
}

TEST(an_address_that_may_be_something_else_overwrites_nothing)
{
	const char *joined = "r2 = r10\nr2 += -8\nif r1 == 0 goto on\nr2 = r1\non:\n"
			     "*(u64 *)(r2 +0) = 0\nr0 = *(u64 *)(r10 -8)\nexit\n";
	const char *spilled = "r2 = r10\nr2 += -8\n*(u64 *)(r10 -16) = r2\n"
			      "r2 = *(u64 *)(r10 -16)\n*(u64 *)(r2 +0) = 0\n"
			      "r0 = *(u64 *)(r10 -8)\nexit\n";

	CHECK_EQ(live_before(joined, 4).live_slots, SLOT(-8));
	CHECK_EQ(live_before(spilled, 4).live_slots, SLOT(-8));
}

TEST(an_address_hidden_from_sight_may_be_read_everywhere)
{
	const char *unknown_slot = "r2 = r10\nr1 &= 8\nr2 += r1\nr3 = r10\nr3 += -24\n"
				   "*(u64 *)(r2 -16) = r3\nr3 = *(u64 *)(r10 -16)\n"
				   "r0 = *(u64 *)(r3 +0)\nexit\n";
	const char *by_function = "r1 = r10\nr1 += -24\n*(u64 *)(r10 -8) = r1\nr1 = r10\nr1 += -8\n"
				  "call func\nr0 = 0\nexit\n"
				  "func:\nr2 = *(u64 *)(r1 +0)\nr0 = *(u64 *)(r2 +0)\nexit\n";

	CHECK_EQ(live_before(unknown_slot, 7).live_slots, ~0ull);
	CHECK_EQ(live_before(by_function, 5).call_slots, ~0ull);
}

TEST(paths_that_meet_with_the_same_knowledge_are_walked_once)
{
	static struct run r;
	char source[4096];
	struct text text = text_in(source, sizeof(source));

	/* 20 independent decisions: a million paths, if none were cut. */
	for (int i = 0; i < 20; i++)
		text_printf(&text, "call 7\nif r0 == 0 goto +2\nr6 = 1\ngoto +1\nr6 = 2\n");
	text_printf(&text, "r0 = 0\nexit\n");
	run(&r, source, 0);
	CHECK_EQ(r.err, 0);
	CHECK(r.result.stats.insns_processed < 1000);
}

TEST(a_number_that_decides_something_later_keeps_paths_apart)
{
	static struct run r;

	/* r6 is compared where the paths have met: r7 is only set on the path that reads it. */
	run(&r,
	    "call 7\nr6 = 0\nr7 = 0\nif r0 == 0 goto on\nr6 = 1\non:\n"
	    "call 7\nr8 = 1\nr8 = 2\nr8 = 3\nr8 = 4\nr8 = 5\nif r0 == 5 goto next\nr8 = 6\nnext:\n"
	    "if r6 == 1 goto bad\nr0 = 0\nexit\nbad:\nr0 = *(u64 *)(r7 +0)\nexit\n",
	    0);
	CHECK_EQ(r.err, -EACCES);
	CHECK_STR(r.result.refusal.message, "R7 invalid mem access 'scalar'");
}

TEST(what_a_caller_decides_later_counts_inside_the_callee)
{
	static struct run r;

	run(&r,
	    "call 7\nr8 = 0\nif r0 != 0 goto on\nr8 = 1\non:\nr1 = r8\ncall func\n"
	    "if r8 == 1 goto ok\nr9 = *(u64 *)(r8 +0)\nok:\nr0 = 0\nexit\n"
	    "func:\nif r1 == 0 goto out\nout:\nr0 = 0\nexit\n",
	    0);
	CHECK_EQ(r.err, -EACCES);
}

TEST(a_loop_in_which_nothing_changes_is_refused)
{
	static struct run r;

	run(&r, "r0 = 0\nloop:\ngoto loop\n", 0);
	CHECK_EQ(r.err, -EINVAL);
	CHECK(strstr(r.result.refusal.message, "infinite loop detected"));
	CHECK_STR(r.result.refusal.cause, "infinite-loop");
}

TEST(a_loop_that_only_counts_up_hits_the_limit)
{
	static struct run r;

	run(&r, "r0 = 0\nloop:\nr0 += 1\nif r0 != 0 goto loop\nexit\n", 0);
	CHECK_EQ(r.err, -E2BIG);
	CHECK_STR(r.result.refusal.message,
		  "BPF program is too large. Processed 1000001 insn");
}

TEST(the_engines_own_loops_converge)
{
	static struct run r;

	run(&r, "r0 = 0\nloop:\nmay_goto out\nr0 += 1\ngoto loop\nout:\nexit\n", 0);
	CHECK_EQ(r.err, 0);
	CHECK(r.result.stats.insns_processed < 100);
}

TEST(the_log_has_linuxs_form)
{
	static struct run r;

	run(&r, "r1 = 5\nr0 = *(u64 *)(r1 +0)\nexit\n", 1);
	CHECK_EQ(r.err, -EACCES);
	CHECK(strstr(r.log, "0: R1=ctx() R10=fp0\n"));
	CHECK(strstr(r.log, "0: (b7) r1 = 5                        ; R1=5\n"));
	CHECK(strstr(r.log, "R1 invalid mem access 'scalar'\nprocessed 2 insns (limit 1000000)"));
	run(&r, "r0 = 0\nexit\n", 1);
	CHECK_EQ(r.err, 0);
	CHECK(r.log[0] == 'p'); /* of an accepted program only the figures */
}

/* ---- checks that a program of one screen, with the usual maps, does not meet ---- */

static struct map ringbuf = { .facts = { .type = BPF_MAP_TYPE_RINGBUF, .max_entries = 4096 } };
static struct map strings = { .facts = { .type = BPF_MAP_TYPE_ARRAY, .key_size = 4,
					 .max_entries = 1, .flags = BPF_F_RDONLY_PROG,
					 .frozen = true } };
static struct map many[65];

/* Map 1 is the ring, 2 the constant, from 100 on are the many. */
static int resolve_here(void *data, s32 number, bool is_index, struct map **map)
{
	*map = number == 1 ? &ringbuf : number == 2 ? &strings : &many[number - 100];
	return 0;
}

static void refused(const char *words, const char *source, size_t memory_limit)
{
	insn_vec insns = { 0 };
	struct asm_error error;
	struct verify_result result;
	struct verify_request request = { .prog_type = BPF_PROG_TYPE_KPROBE,
					  .privileged = true,
					  .gpl_compatible = true,
					  .memory_limit = memory_limit,
					  .resolver = { NULL, resolve_here } };
	int err;

	if (!model)
		REQUIRE(model_skep_new(&model) == 0);
	REQUIRE(!isa_assemble(source, &insns, &error));
	request.model = model;
	request.insns = insns.data;
	request.insn_cnt = (u32)insns.len;
	err = verify(&request, &result);
	if (!err)
		test_fail(__FILE__, __LINE__, "accepted; expected: %s", words);
	else if (!strstr(result.refusal.message, words))
		test_fail(__FILE__, __LINE__, "\"%s\" does not say \"%s\"",
			  result.refusal.message, words);
	image_free(result.image);
	vec_release(&insns);
}

static void refused_format(const char *words, const char *text, u32 size, const char *arguments)
{
	char source[400];

	strings.facts.const_values = (const u8 *)text;
	strings.facts.const_size = strings.facts.value_size = size;
	snprintf(source, sizeof(source),
		 "r6 = *(u64 *)(r1 +0)\nr6 &= 3\n*(u64 *)(r10 -8) = 0\nr1 = r10\nr1 += -16\n"
		 "r2 = 8\nr3 = map[fd:2][0]+0\nr4 = r10\nr4 += -8\n%s\n"
		 "call bpf_snprintf\nr0 = 0\nexit\n", arguments);
	refused(words, source, 0);
}

TEST(formats_are_checked_before_they_run)
{
	refused_format("R5 is not a known multiple of 8", "%d", 3, "r5 = 4");
	refused_format("Invalid format string", "%y", 3, "r5 = 8");
	refused_format("R3 is not a constant address", "%d", 3, "r5 = 8\nr3 += r6");
	refused_format("string is not zero-terminated", "%d", 2, "r5 = 8");
}

/* The same lines over and over; %u is the number of the round. */
static void refused_repeated(const char *words, const char *each, u32 n)
{
	size_t size = n * (strlen(each) + 40) + 40, len = 0;
	char *source = malloc(size);

	REQUIRE(source);
	for (u32 i = 0; i < n; i++)
		len += (size_t)snprintf(source + len, size - len, each, i, i, i);
	snprintf(source + len, size - len, "r0 = 0\nexit\n");
	refused(words, source, 0);
	free(source);
}

TEST(what_a_program_may_have_is_bounded)
{
	for (u32 i = 0; i < ARRAY_SIZE(many); i++)
		many[i].facts = (struct map_facts){ .type = BPF_MAP_TYPE_ARRAY, .key_size = 4,
						    .value_size = 8, .max_entries = 1 };
	refused_repeated("maps per program has reached the limit of 64",
			 "r1 = map[fd:1%02u]\n", 65);
	refused_repeated("too many subprograms",
			 "call f%u\nexit\nf%u:\n", 256);
	refused_repeated("more than 1024 references are held",
			 "r1 = map[fd:1]\nr2 = 8\nr3 = 0\ncall bpf_ringbuf_reserve\n", 1025);
	refused("the verifier is out of memory", "r0 = 0\nexit\n", 1000);
}

TEST(a_helper_that_skep_lacks_is_not_called)
{
	refused("Skep does not have this helper",
		"r2 = 0\nr3 = 0\nr4 = 0\nr5 = 0\ncall bpf_send_signal\nr0 = 0\nexit\n", 0);
}

/* An embedder may forget the map before the key. */
TEST(a_key_without_a_map)
{
	static const struct helper_proto own = { .id = HELPER_FIRST_CUSTOM, .name = "own",
						 .arg = { ARG_PTR_TO_MAP_KEY } };
	static const struct helper_proto *const table[] = { &own };
	static const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 1, .src_reg = 10 },
		{ .code = BPF_JMP | BPF_CALL, .imm = HELPER_FIRST_CUSTOM },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	static const struct ctx_layout none = { .name = "none", .size = 8 };
	struct kernel_model *own_model;
	struct verify_result result;
	struct verify_request request = {
		.prog_type = PROG_TYPE_CUSTOM, .gpl_compatible = true, .privileged = true,
		.insns = insns, .insn_cnt = ARRAY_SIZE(insns), .ctx = &none,
	};

	REQUIRE(!model_skep_new(&own_model));
	own_model->custom_helpers = table;
	own_model->n_custom_helpers = 1;
	request.model = own_model;
	CHECK_EQ(verify(&request, &result), -EACCES);
	CHECK_STR(result.refusal.message, "invalid map_ptr to access map->key");
	model_free(own_model);
}
