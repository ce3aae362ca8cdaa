/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs made to be expensive, as large as a program may be: each is decided within seconds
 * and within the memory that the verifier allows itself, whatever the verdict is.
 */
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include "base/vec.h"
#include "isa/insn.h"
#include "lib/test.h"
#include "verifier/verifier.h"

#define MAX_INSNS   1000000
#define MAX_SECONDS 8 /* of processor time, with room for slow machines: less than one of ours takes 3 */
#define MAX_MEMORY  (420ull << 20)

static struct map ringbuf = { .facts = { .type = BPF_MAP_TYPE_RINGBUF, .max_entries = 4096 } };
static struct kernel_model *model;
static VEC(struct bpf_insn) program;

static u32 emit(u8 code, u8 dst, u8 src, s16 off, s32 imm)
{
	struct bpf_insn insn = { .code = code, .dst_reg = dst & 15, .src_reg = src & 15, .off = off,
				 .imm = imm };

	REQUIRE(vec_push(&program, insn));
	return (u32)program.len - 1;
}

static void mov(u8 dst, s32 imm)
{
	emit(BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, imm);
}

static void mov_reg(u8 dst, u8 src)
{
	emit(BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0);
}

static void add(u8 dst, s32 imm)
{
	emit(BPF_ALU64 | BPF_ADD | BPF_K, dst, 0, 0, imm);
}

/* An unknown number, from the context. */
static void unknown(u8 dst, u8 ctx)
{
	emit(BPF_LDX | BPF_MEM | BPF_W, dst, ctx, offsetof(struct __sk_buff, mark), 0);
}

static void call(s32 helper)
{
	emit(BPF_JMP | BPF_CALL, 0, 0, 0, helper);
}

static void load_map(u8 dst)
{
	emit(BPF_LD | BPF_IMM | BPF_DW, dst, BPF_PSEUDO_MAP_FD, 0, 0);
	emit(0, 0, 0, 0, 0);
}

static void finish(void)
{
	mov(0, 0);
	emit(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static s16 back_to(u32 target)
{
	return (s16)((s64)target - (s64)program.len - 1);
}

/* ---- programs ---- */

static void straight(void)
{
	unknown(2, 1);
	while (program.len < MAX_INSNS - 2)
		emit(BPF_ALU64 | BPF_XOR | BPF_X, 2, 2, 0, 0);
	finish();
}

static void decisions(void)
{
	unknown(2, 1);
	mov(3, 0);
	for (s32 i = 0; program.len < MAX_INSNS - 4; i++) {
		emit(BPF_JMP | BPF_JEQ | BPF_K, 2, 0, 1, i);
		add(3, 1);
	}
	finish();
}

/* Every jump leads back: liveness wants as many rounds as there are. */
static void backwards(void)
{
	unknown(2, 1);
	emit(BPF_JMP | BPF_JA, 0, 0, 0, 0);
	while (program.len < MAX_INSNS - 8) {
		u32 n = (u32)program.len;

		emit(BPF_JMP | BPF_JA, 0, 0, 2, 0);
		emit(BPF_JMP | BPF_JEQ | BPF_X, 2, 2, 3, 0);
		emit(BPF_JMP | BPF_JA, 0, 0, 1, 0);
		emit(BPF_JMP | BPF_JEQ | BPF_K, 2, 0, back_to(n + 1), 7);
	}
	finish();
}

static void functions(void)
{
	u32 funcs = BPF_MAX_SUBPROGS - 1, body = 900000 / funcs;
	u32 first = 3;

	emit(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, (s32)(first - 1));
	finish();
	/* Each calls all the next ones, again and again. */
	for (u32 f = 0; f < funcs; f++)
		for (u32 i = 0; i < body; i++) {
			u32 callee = f + 1 + i % 7, at = (u32)program.len;

			if (i + 2 >= body)
				emit(i + 1 == body ? BPF_JMP | BPF_EXIT
						   : BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);
			else if (callee < funcs)
				emit(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0,
				     (s32)(first + callee * body) - (s32)at - 1);
			else
				mov(1, 0);
		}
}

/* Every round takes another record, and gives none back. */
static void references(void)
{
	u32 again;

	mov(6, 0);
	again = (u32)program.len;
	load_map(1);
	mov(2, 8);
	mov(3, 0);
	call(BPF_FUNC_ringbuf_reserve);
	add(6, 1);
	emit(BPF_JMP | BPF_JLT | BPF_K, 6, 0, back_to(again), 1 << 30);
	finish();
}

static void full_stack(void)
{
	for (s16 off = -512; off < 0; off += 8) {
		unknown(2, 6);
		emit(BPF_STX | BPF_MEM | BPF_DW, 10, 2, off, 0);
	}
}

static void read_stack(void)
{
	for (s16 off = -512; off < 0; off += 8)
		emit(BPF_LDX | BPF_MEM | BPF_DW, 2, 10, off, 0);
}

/* Stack full of numbers with identities, compared in every round. */
static void linked_slots(void)
{
	u32 again;

	mov_reg(6, 1);
	mov(7, 0);
	full_stack();
	again = (u32)program.len;
	add(7, 1);
	emit(BPF_JMP | BPF_JLT | BPF_K, 7, 0, back_to(again), 1 << 30);
	read_stack();
	finish();
}

/* Eight frames with full stacks, and in each a loop that calls the next. */
static void deep_frames(void)
{
	for (u32 f = 0; f < BPF_MAX_FRAMES; f++) {
		u32 again;

		mov_reg(6, 1);
		full_stack();
		mov(7, 0);
		again = (u32)program.len;
		if (f + 1 < BPF_MAX_FRAMES) {
			/* The next function stands behind what follows here. */
			mov_reg(1, 6);
			emit(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, 2 + 64 + 2);
		}
		add(7, 1);
		emit(BPF_JMP | BPF_JLT | BPF_K, 7, 0, back_to(again), f == 7 ? 1 << 30 : 3);
		read_stack();
		finish();
	}
}

/* In a loop without end both ways of a decision, taken to their end: every state is of use once. */
static void useful_states(void)
{
	u32 again;

	mov_reg(6, 1);
	mov(7, 0);
	full_stack();
	again = (u32)program.len;
	for (int i = 0; i < 4; i++) {
		unknown(3, 6);
		emit(BPF_JMP | BPF_JEQ | BPF_K, 3, 0, 1, 1);
		mov(3, 1);
		emit(BPF_STX | BPF_MEM | BPF_DW, 10, 3, -8, 0);
	}
	add(7, 1);
	emit(BPF_JMP | BPF_JLT | BPF_K, 7, 0, back_to(again), 2000);
	read_stack();
	finish();
}

/* A checkpoint in every round, and states that stay long: one for each value of a counter. */
static void forced(void)
{
	u32 again, at;

	mov_reg(6, 1);
	mov(7, 0);
	full_stack();
	again = (u32)program.len;
	at = emit(BPF_LD | BPF_IMM | BPF_DW, 2, BPF_PSEUDO_FUNC, 0, 0);
	emit(0, 0, 0, 0, 0);
	mov(1, 2);
	mov_reg(3, 10);
	mov(4, 0);
	call(BPF_FUNC_loop);
	add(7, 1);
	emit(BPF_JMP | BPF_JLT | BPF_K, 7, 0, back_to(again), 1 << 30);
	read_stack();
	finish();
	program.data[at].imm = (s32)program.len - (s32)at - 1;
	emit(BPF_STX | BPF_MEM | BPF_DW, 2, 1, -8, 0);
	finish();
}

/* As many paths as may wait, each with a stack of its own. */
static void waiting(void)
{
	mov_reg(6, 1);
	for (s32 i = 0; i < 8100; i++) {
		s16 off = (s16)(-8 - i % 64 * 8);

		unknown(2, 6);
		emit(BPF_STX | BPF_MEM | BPF_DW, 10, 2, off, 0);
		emit(BPF_JMP | BPF_JEQ | BPF_K, 2, 0, 0, i);
	}
	for (s16 off = -512; off < 0; off += 8)
		emit(BPF_LDX | BPF_MEM | BPF_DW, 2, 10, off, 0);
	finish();
}

/* Sums of sums: a graph of dependencies as large as it gets, all asked for at the end. */
static void dependencies(void)
{
	u32 again;

	mov_reg(6, 1);
	for (u8 r = 1; r < 6; r++) {
		unknown(r, 6);
		emit(BPF_ALU64 | BPF_AND | BPF_K, r, 0, 0, 0xff);
	}
	mov(7, 0);
	again = (u32)program.len;
	for (u8 r = 1; r < 6; r++) {
		emit(BPF_ALU64 | BPF_ADD | BPF_X, r, r % 5 + 1, 0, 0);
		emit(BPF_ALU64 | BPF_AND | BPF_K, r, 0, 0, 0xff);
	}
	add(7, 1);
	emit(BPF_JMP | BPF_JLT | BPF_K, 7, 0, back_to(again), 70000);
	emit(BPF_ALU64 | BPF_ADD | BPF_X, 10 - 4, 1, 0, 0);
	finish();
}

/* may_goto in may_goto in may_goto. */
static void nested_may_goto(void)
{
	u32 heads[6];

	mov_reg(6, 1);
	for (u32 i = 0; i < 6; i++) {
		heads[i] = emit(BPF_JMP | BPF_JCOND, 0, 0, 0, 0);
		unknown(2, 6);
		emit(BPF_STX | BPF_MEM | BPF_DW, 10, 2, (s16)(-8 - 8 * (s32)i), 0);
		emit(BPF_JMP | BPF_JEQ | BPF_K, 2, 0, 1, (s32)i);
		add(2, 1);
	}
	for (u32 i = 6; i-- > 0;) {
		emit(BPF_JMP | BPF_JA, 0, 0, back_to(heads[i]), 0);
		program.data[heads[i]].off = (s16)(program.len - heads[i] - 1);
	}
	finish();
}

/* Branches in a loop that never comes round in the same state. */
static void diverging(void)
{
	u32 again;

	mov_reg(6, 1);
	for (u8 r = 2; r < 6; r++)
		mov(r, 0);
	again = (u32)program.len;
	for (u8 r = 2; r < 6; r++) {
		unknown(0, 6);
		emit(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1, r);
		add(r, r);
		/* From now on it counts which way was taken. */
		emit(BPF_JMP | BPF_JGT | BPF_K, r, 0, 1, 1 << 20);
		add(r, 1);
	}
	emit(BPF_JMP | BPF_JLT | BPF_K, 2, 0, back_to(again), 1 << 20);
	finish();
}

/* ---- ---- */

static int resolve(void *data, s32 number, bool is_index, struct map **map)
{
	*map = &ringbuf;
	return 0;
}

static double cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void decide(const char *name, void (*make)(void))
{
	struct verify_result result;
	struct verify_request request = { .prog_type = BPF_PROG_TYPE_SCHED_CLS,
					  .gpl_compatible = true, .privileged = true,
					  .resolver = { NULL, resolve } };
	double start;
	int err;

	REQUIRE(model || model_skep_new(&model) == 0);
	request.model = model;
	vec_clear(&program);
	make();
	request.insns = program.data;
	request.insn_cnt = (u32)program.len;
	start = cpu_seconds();
	err = verify(&request, &result);
	start = cpu_seconds() - start;
	image_free(result.image);
	test_note("%-16s %6.2f s %5llu MiB %8llu of %7zu insns: %.80s", name, start,
		  (unsigned long long)result.stats.peak_memory >> 20,
		  (unsigned long long)result.stats.insns_processed, program.len,
		  err ? result.refusal.message : "accepted");
	if (start > MAX_SECONDS)
		test_fail(__FILE__, __LINE__, "%s took %.1f s", name, start);
	if (result.stats.peak_memory > MAX_MEMORY)
		test_fail(__FILE__, __LINE__, "%s took %llu MiB", name,
			  (unsigned long long)result.stats.peak_memory >> 20);
}

#define DECIDED(name)              \
	TEST(name##_is_decided)    \
	{                          \
		decide(#name, name); \
	}

DECIDED(straight)
DECIDED(decisions)
DECIDED(backwards)
DECIDED(functions)
DECIDED(references)
DECIDED(linked_slots)
DECIDED(deep_frames)
DECIDED(useful_states)
DECIDED(forced)
DECIDED(waiting)
DECIDED(dependencies)
DECIDED(nested_may_goto)
DECIDED(diverging)
