/* SPDX-License-Identifier: Apache-2.0 */
/* The shape of the image: blocks, where widening must happen, and what is compared with. */
#include "facts/internal.h"
#include "os/os.h"

enum mark { MARK_LEADER = 1, MARK_HEAD = 2 };

/* Where a jump goes when it is taken; false: the instruction is no jump within a function. */
static bool jump_target(const struct bpf_insn *insn, u32 at, u32 *target)
{
	u32 class = insn_class(insn), op = BPF_OP(insn->code);

	if ((class != BPF_JMP && class != BPF_JMP32) || op == BPF_CALL || op == BPF_EXIT ||
	    insn->code == INSN_TAIL_CALL)
		return false;
	*target = at + 1 + (u32)(insn->code == (BPF_JMP32 | BPF_JA) ? insn->imm : insn->off);
	return true;
}

static void mark_leaders(const struct facts *facts, u8 *marks)
{
	const struct image *image = facts->image;
	u32 target;

	for (u32 i = 0; i < image->n_subprogs; i++)
		marks[image->subprogs[i].start] |= MARK_LEADER | MARK_HEAD;
	for (u32 at = 0; at < image->len; at += insn_slots(&image->insns[at])) {
		if (insn_is_exit(&image->insns[at])) {
			marks[at + 1] |= MARK_LEADER;
		} else if (jump_target(&image->insns[at], at, &target)) {
			marks[at + 1] |= MARK_LEADER;
			marks[target] |= MARK_LEADER | (target <= at ? MARK_HEAD : 0);
		}
	}
}

static void add_threshold(struct facts *facts, s64 value)
{
	u32 i = facts->n_thresholds;

	for (u32 k = 0; k < i; k++)
		if (facts->thresholds[k] == value)
			return;
	if (i == MAX_THRESHOLDS)
		return;
	for (; i && facts->thresholds[i - 1] > value; i--)
		facts->thresholds[i] = facts->thresholds[i - 1];
	facts->thresholds[i] = value;
	facts->n_thresholds++;
}

/* A loop that runs while i < n leaves with i == n, and runs on with n - 1. */
static void find_thresholds(struct facts *facts)
{
	static const s64 usual[] = { -1, 0, 1, 0xff, 0xffff, INT32_MAX, UINT32_MAX };
	const struct image *image = facts->image;
	u32 target;

	for (u32 i = 0; i < ARRAY_SIZE(usual); i++)
		add_threshold(facts, usual[i]);
	for (u32 at = 0; at < image->len; at += insn_slots(&image->insns[at])) {
		const struct bpf_insn *insn = &image->insns[at];

		if (!jump_target(insn, at, &target) || BPF_SRC(insn->code) != BPF_K)
			continue;
		add_threshold(facts, insn->imm);
		add_threshold(facts, (s64)insn->imm - 1);
		add_threshold(facts, (s64)insn->imm + 1);
	}
}

static void make_blocks(struct facts *facts, const u8 *marks)
{
	const struct image *image = facts->image;
	struct fact_block *block = facts->blocks;
	u32 func = 0;

	for (u32 at = 0; at < image->len; at++) {
		if (!(marks[at] & MARK_LEADER))
			continue;
		while (func + 1 < image->n_subprogs && image->subprogs[func + 1].start <= at)
			func++;
		if (block > facts->blocks)
			block[-1].end = at;
		*block++ = (struct fact_block){ .start = at,
						.subprog = func,
						.head = marks[at] & MARK_HEAD };
	}
	block[-1].end = image->len;
	for (u32 i = facts->n_blocks; i-- > 0;)
		facts->funcs[facts->blocks[i].subprog].first_block = i;
}

/* Which block calls which function: what must be followed again when a result grows. */
static int find_calls(struct facts *facts)
{
	const struct image *image = facts->image;
	u32 n = 0;

	for (u32 at = 0; at < image->len; at += insn_slots(&image->insns[at]))
		n += insn_is_subprog_call(&image->insns[at]);
	facts->calls = arena_array(&facts->arena, struct fact_call, (size_t)n + 1);
	if (!facts->calls)
		return -ENOMEM;
	for (u32 at = 0; at < image->len; at += insn_slots(&image->insns[at])) {
		u32 target = at + 1 + (u32)image->insns[at].imm;

		if (insn_is_subprog_call(&image->insns[at]))
			facts->calls[facts->n_calls++] = (struct fact_call){
				.func = facts_func_at(facts, target),
				.block = (u32)(facts_block_of(facts, at) - facts->blocks),
			};
	}
	return 0;
}

int facts_find_blocks(struct facts *facts)
{
	u32 len = facts->image->len;
	u8 *marks = os_alloc((size_t)len + 1);

	if (!marks)
		return -ENOMEM;
	mark_leaders(facts, marks);
	for (u32 at = 0; at < len; at++)
		facts->n_blocks += marks[at] & MARK_LEADER;
	facts->blocks = arena_array(&facts->arena, struct fact_block, facts->n_blocks);
	facts->funcs = arena_array(&facts->arena, struct fact_func, facts->image->n_subprogs);
	if (facts->blocks && facts->funcs) {
		make_blocks(facts, marks);
		find_thresholds(facts);
	}
	os_free(marks);
	return facts->blocks && facts->funcs ? find_calls(facts) : -ENOMEM;
}

struct fact_block *facts_block_of(const struct facts *facts, u32 insn)
{
	u32 lo = 0, hi = facts->n_blocks;

	while (hi - lo > 1) {
		u32 mid = (lo + hi) / 2;

		if (facts->blocks[mid].start <= insn)
			lo = mid;
		else
			hi = mid;
	}
	return &facts->blocks[lo];
}

u32 facts_func_at(const struct facts *facts, u32 insn)
{
	u32 lo = 0, hi = facts->image->n_subprogs;

	while (hi - lo > 1) {
		u32 mid = (lo + hi) / 2;

		if (facts->image->subprogs[mid].start <= insn)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}
