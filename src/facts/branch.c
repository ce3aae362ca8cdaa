/* SPDX-License-Identifier: Apache-2.0 */
/* What a condition tells about the values it compares, on either side of the jump. */
#include "facts/internal.h"

static struct fact operand(const struct fact_state *state, const struct bpf_insn *insn)
{
	if (BPF_SRC(insn->code) == BPF_X)
		return state->regs[insn->src_reg];
	return fact_number(scalar_const((u64)(s64)insn->imm));
}

static bool is_zero(const struct fact *fact)
{
	return fact->kind == FACT_NUMBER && scalar_is_const(&fact->val) && !fact->val.umin;
}

/* Every place that holds the same value learns what this one does. */
static void learn(struct fact_state *state, u32 reg, const struct fact *known)
{
	u32 id = state->regs[reg].id;

	state->regs[reg] = *known;
	if (!id)
		return;
	for (u32 i = 0; i < BPF_REGS; i++)
		if (state->regs[i].id == id)
			state->regs[i] = *known;
	for (u32 i = 0; i < state->n_slots; i++)
		if (state->slots[i].size == 8 && state->slots[i].value.id == id)
			state->slots[i].value = *known;
}

/* A pointer compared with NULL. */
static bool take_null_check(struct fact_state *state, const struct bpf_insn *insn, bool taken)
{
	struct fact fact = state->regs[insn->dst_reg];
	bool null = (BPF_OP(insn->code) == BPF_JEQ) == taken;

	/* Where an empty packet lies is the hook's business. */
	if (fact.kind >= FACT_PACKET && fact.kind <= FACT_PACKET_END)
		return true;
	if (!fact.maybe_null)
		return !null;
	if (null) {
		u32 id = fact.id;

		fact = fact_number(scalar_const(0));
		fact.id = id;
	}
	fact.maybe_null = false;
	learn(state, insn->dst_reg, &fact);
	return true;
}

static bool take_numbers(struct fact_state *state, const struct bpf_insn *insn, bool taken,
			 struct fact *a, struct fact *b)
{
	bool is32 = insn_class(insn) == BPF_JMP32;
	u32 op = BPF_OP(insn->code);
	enum branch branch = scalar_branch(op, is32, &a->val, &b->val);

	if (branch != BRANCH_UNKNOWN)
		return (branch == BRANCH_ALWAYS) == taken;
	if (!scalar_refine(op, is32, taken, &a->val, &b->val))
		return false;
	learn(state, insn->dst_reg, a);
	if (BPF_SRC(insn->code) == BPF_X)
		learn(state, insn->src_reg, b);
	return true;
}

bool facts_take(struct fact_state *state, const struct bpf_insn *insn, bool taken)
{
	struct fact a = state->regs[insn->dst_reg], b = operand(state, insn);
	bool is32 = insn_class(insn) == BPF_JMP32;
	u32 op = BPF_OP(insn->code);
	enum branch branch;

	if (insn->code == (BPF_JMP | BPF_JCOND))
		return true;
	if (BPF_SRC(insn->code) == BPF_X &&
	    (insn->src_reg == insn->dst_reg || (a.id && a.id == b.id))) {
		if (a.kind != FACT_NUMBER)
			a = fact_number(scalar_unknown());
		branch = scalar_branch_self(op, is32, &a.val);
		return branch == BRANCH_UNKNOWN || (branch == BRANCH_ALWAYS) == taken;
	}
	if (a.kind == FACT_NUMBER && b.kind == FACT_NUMBER)
		return take_numbers(state, insn, taken, &a, &b);
	if (fact_is_pointer(&a) && is_zero(&b) && !is32 && (op == BPF_JEQ || op == BPF_JNE))
		return take_null_check(state, insn, taken);
	return true;
}
