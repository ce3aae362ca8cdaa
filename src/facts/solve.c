/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fixpoint. Facts of a block's start are joined from the blocks that lead there, in
 * rounds over the blocks whose facts grew, until none does. A function starts with what
 * its calls pass, and what it returns goes on behind each of them. Facts grow at loop heads
 * and function entries by widening, so rounds end.
 *
 * Widening overshoots; afterwards each block's facts are computed afresh from those of its
 * predecessors, twice. As the facts before are true of every run, so are these.
 */
#include "facts/internal.h"

#define SHARPENING_ROUNDS 2

/* Where facts flow to: the facts to be grown, or in sharpening the fresh ones. */
struct flow {
	struct facts *facts;
	struct fact_state **fresh; /* a block each; NULL when solving */
	struct fact_func *funcs;   /* whose results grow; the old ones are read meanwhile */
};

static struct fact_state *state_copy(struct facts *facts, const struct fact_state *from)
{
	size_t size = offsetof(struct fact_state, slots) + from->n_slots * sizeof(from->slots[0]);
	struct fact_state *copy = arena_alloc(&facts->arena, size);

	if (copy)
		memcpy(copy, from, size);
	else
		facts->out_of_memory = true;
	return copy;
}

static void state_load(struct fact_state *out, const struct fact_state *from)
{
	memcpy(out, from,
	       offsetof(struct fact_state, slots) + from->n_slots * sizeof(from->slots[0]));
}

static void flow_into(struct flow *flow, u32 block, const struct fact_state *state)
{
	struct facts *facts = flow->facts;
	struct fact_block *to = &facts->blocks[block];
	struct fact_state **in = flow->fresh ? &flow->fresh[block] : &to->in;

	if (!*in) {
		*in = state_copy(facts, state);
		to->queued = true;
	} else if (fact_state_join(facts, *in, state, flow->fresh || !to->head ? 0 : to->visits)) {
		to->visits++;
		to->queued = true;
	}
}

/* ---- calls between functions ---- */

/* A pointer into the caller's stack is nothing that the callee's facts can name. */
static struct fact across(const struct fact *fact)
{
	struct fact out = fact->kind == FACT_STACK ? fact_any() : *fact;

	out.id = 0;
	return out;
}

static void enter_state(const struct facts *facts, u32 func, struct fact_state *state)
{
	u32 slots = align_up(facts->image->subprogs[func].stack_depth, 8) / 8;

	memset(state, 0, sizeof(*state));
	state->n_slots = MIN(slots, FACT_SLOTS);
	for (u32 i = 0; i < BPF_REGS; i++)
		state->regs[i] = fact_any();
	for (u32 i = 0; i < state->n_slots; i++)
		state->slots[i].value = fact_any();
	state->regs[10] = (struct fact){ .kind = FACT_STACK, .val = scalar_const(0) };
}

static void flow_call(struct flow *flow, const struct fact_state *state, u32 target)
{
	struct facts *facts = flow->facts;
	u32 func = facts_func_at(facts, target);
	struct fact_state entry;

	enter_state(facts, func, &entry);
	for (u32 i = 1; i <= 5; i++)
		entry.regs[i] = across(&state->regs[i]);
	flow_into(flow, facts->funcs[func].first_block, &entry);
}

/* The result of a function grew: what follows its calls must be looked at again. */
static void queue_callers(struct facts *facts, u32 func)
{
	for (u32 i = 0; i < facts->n_calls; i++)
		if (facts->calls[i].func == func)
			facts->blocks[facts->calls[i].block].queued |=
			    facts->blocks[facts->calls[i].block].in != NULL;
}

static void flow_return(struct flow *flow, u32 func, const struct fact *result)
{
	struct fact_func *to = &flow->funcs[func];
	struct fact out = across(result);

	if (!to->returns) {
		to->returns = true;
		to->result = out;
	} else if (!fact_grow(flow->facts, &to->result, &out, 0)) {
		return;
	}
	if (!flow->fresh)
		queue_callers(flow->facts, func);
}

/* ---- following a block ---- */

/* Behind a call of a function of the program; false: it does not return. */
static bool after_subprog(const struct facts *facts, struct fact_state *state, u32 target)
{
	const struct fact_func *func = &facts->funcs[facts_func_at(facts, target)];

	facts_after_call(state);
	state->regs[0] = func->result;
	return func->returns;
}

bool facts_replay(const struct facts *facts, const struct fact_block *block, u32 until,
		  struct fact_state *state)
{
	const struct bpf_insn *insns = facts->image->insns;

	for (u32 at = block->start; at < until; at += insn_slots(&insns[at])) {
		if (!insn_is_subprog_call(&insns[at]))
			facts_step(facts, state, at);
		else if (!after_subprog(facts, state, at + 1 + (u32)insns[at].imm))
			return false;
	}
	return true;
}

static bool ends_function(const struct bpf_insn *insn)
{
	return insn_class(insn) == BPF_LD && !insn_is_ldimm64(insn);
}

/* Calls inside a block pass their arguments on, packet loads may end the function. */
static bool follow_inside(struct flow *flow, const struct fact_block *block, u32 last,
			  struct fact_state *state)
{
	const struct bpf_insn *insns = flow->facts->image->insns;
	struct fact zero = fact_number(scalar_const(0));

	for (u32 at = block->start; at < last; at += insn_slots(&insns[at])) {
		u32 target = at + 1 + (u32)insns[at].imm;

		if (insn_is_subprog_call(&insns[at])) {
			flow_call(flow, state, target);
			if (!after_subprog(flow->facts, state, target))
				return false;
			continue;
		}
		if (ends_function(&insns[at]))
			flow_return(flow, block->subprog, &zero);
		facts_step(flow->facts, state, at);
	}
	return true;
}

static bool is_jump(const struct bpf_insn *insn)
{
	u32 class = insn_class(insn);

	return (class == BPF_JMP || class == BPF_JMP32) && BPF_OP(insn->code) != BPF_CALL &&
	       insn->code != INSN_TAIL_CALL;
}

static void flow_jump(struct flow *flow, const struct bpf_insn *insn, u32 at,
		      const struct fact_state *state)
{
	struct facts *facts = flow->facts;
	u32 target = at + 1 + (u32)(insn->code == (BPF_JMP32 | BPF_JA) ? insn->imm : insn->off);
	struct fact_state side;

	if (BPF_OP(insn->code) == BPF_JA) {
		flow_into(flow, (u32)(facts_block_of(facts, target) - facts->blocks), state);
		return;
	}
	state_load(&side, state);
	if (facts_take(&side, insn, true))
		flow_into(flow, (u32)(facts_block_of(facts, target) - facts->blocks), &side);
	state_load(&side, state);
	if (facts_take(&side, insn, false))
		flow_into(flow, (u32)(facts_block_of(facts, at + 1) - facts->blocks), &side);
}

static u32 last_insn(const struct facts *facts, const struct fact_block *block)
{
	const struct bpf_insn *insns = facts->image->insns;

	/* The upper half of a 64-bit immediate has code 0, which no instruction has. */
	return block->end - block->start > 1 && !insns[block->end - 1].code ? block->end - 2
									    : block->end - 1;
}

static void follow(struct flow *flow, u32 index)
{
	struct facts *facts = flow->facts;
	struct fact_block *block = &facts->blocks[index];
	u32 last = last_insn(facts, block);
	const struct bpf_insn *insn = &facts->image->insns[last];
	struct fact_state state;

	state_load(&state, block->in);
	if (!is_jump(insn)) {
		if (follow_inside(flow, block, block->end, &state))
			flow_into(flow, index + 1, &state);
		return;
	}
	if (!follow_inside(flow, block, last, &state))
		return;
	if (insn_is_exit(insn))
		flow_return(flow, block->subprog, &state.regs[0]);
	else
		flow_jump(flow, insn, last, &state);
}

/* ---- rounds ---- */

/* The program is entered at the top, callbacks wherever a helper calls them. */
static void flow_entries(struct flow *flow)
{
	struct facts *facts = flow->facts;
	struct fact_state entry;

	for (u32 i = 0; i < facts->image->n_subprogs; i++) {
		if (i && !facts->image->subprogs[i].is_callback)
			continue;
		enter_state(facts, i, &entry);
		if (!i)
			entry.regs[1] = (struct fact){ .kind = FACT_CTX, .val = scalar_const(0) };
		flow_into(flow, facts->funcs[i].first_block, &entry);
	}
}

static void solve(struct facts *facts)
{
	struct flow flow = { .facts = facts, .funcs = facts->funcs };
	bool again = true;

	flow_entries(&flow);
	while (again && !facts->out_of_memory) {
		again = false;
		for (u32 i = 0; i < facts->n_blocks && !facts->out_of_memory; i++) {
			if (!facts->blocks[i].queued)
				continue;
			facts->blocks[i].queued = false;
			follow(&flow, i);
			again = true;
		}
	}
}

/* One round of computing all facts afresh from themselves. */
static void sharpen(struct facts *facts)
{
	struct fact_state **fresh =
	    arena_array(&facts->arena, struct fact_state *, facts->n_blocks);
	struct fact_func *funcs =
	    arena_array(&facts->arena, struct fact_func, facts->image->n_subprogs);
	struct flow flow = { .facts = facts, .fresh = fresh, .funcs = funcs };

	if (!fresh || !funcs)
		return;
	for (u32 i = 0; i < facts->image->n_subprogs; i++)
		funcs[i].first_block = facts->funcs[i].first_block;
	flow_entries(&flow);
	for (u32 i = 0; i < facts->n_blocks && !facts->out_of_memory; i++)
		if (facts->blocks[i].in)
			follow(&flow, i);
	if (facts->out_of_memory)
		return;
	for (u32 i = 0; i < facts->n_blocks; i++)
		facts->blocks[i].in = fresh[i];
	facts->funcs = funcs;
}

int facts_solve(struct facts *facts)
{
	solve(facts);
	if (facts->out_of_memory)
		return -ENOMEM;
	for (u32 i = 0; i < SHARPENING_ROUNDS; i++)
		sharpen(facts);
	/* Without memory for it the facts stay as true as they were. */
	facts->out_of_memory = false;
	return 0;
}
