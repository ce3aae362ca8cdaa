/* SPDX-License-Identifier: Apache-2.0 */
/* What is acquired and not released; what is released with the wrong pointer. */
#include "base/str.h"
#include "explain/fixer.h"

static s32 releaser_of(const struct fixer *f, s32 acquired_at)
{
	const struct bpf_insn *insn = &f->request->insns[acquired_at];
	const struct helper_proto *proto;

	if (!insn_is_call(insn) || insn->src_reg)
		return 0;
	if (insn->imm == BPF_FUNC_ringbuf_reserve)
		return BPF_FUNC_ringbuf_discard;
	proto = model_helper(f->request->model, (u32)insn->imm);
	if (!proto)
		return 0;
	switch (proto->ret & RET_BASE_MASK) {
	case RET_PTR_TO_SOCKET:
	case RET_PTR_TO_SOCK_COMMON:
	case RET_PTR_TO_TCP_SOCK:
		return BPF_FUNC_sk_release;
	default:
		return 0;
	}
}

/* Where the pointer of that reference is in the state of a step. */
static bool find_reference(const struct fixer *f, u32 step, u32 ref, struct loc *out, bool *maybe_null)
{
	u32 frame = f->path->steps.data[step].depth;

	for (u32 at = 0; at < LOC_SLOT + STACK_SLOTS; at++) {
		const struct change *change;

		if (at > 9 && at < LOC_SLOT)
			continue;
		*out = (struct loc){ (u8)frame, (u8)at };
		change = path_change(f->path, step, *out);
		if (!change || change->value.reg.ref != ref)
			continue;
		if (at >= LOC_SLOT && !slot_is_spill(&change->value))
			continue;
		*maybe_null = change->value.reg.flags & REG_MAYBE_NULL;
		return true;
	}
	return false;
}

static void put_release(struct code *c, struct loc loc, s32 helper, bool maybe_null)
{
	bool record = helper == BPF_FUNC_ringbuf_discard;

	if (loc.at >= LOC_SLOT)
		put_load(c, 8, 1, 10, -(s32)(loc.at - LOC_SLOT + 1) * SLOT_BYTES);
	else
		put_mov(c, 1, loc.at);
	if (maybe_null)
		put_jump_imm(c, BPF_JEQ, 1, 0, record ? 2 : 1);
	if (record)
		put_mov_imm(c, 2, 0);
	put_call(c, helper);
}

/* On the way from the step before to this one. */
static bool release_on_edge(struct fixer *f, u32 step, struct loc loc, s32 helper, bool maybe_null,
			    s32 acquired_at)
{
	u32 from = f->path->steps.data[step - 1].insn, to = f->path->steps.data[step].insn;
	const struct bpf_insn *insn = &f->request->insns[from];
	bool jump = (BPF_CLASS(insn->code) == BPF_JMP || BPF_CLASS(insn->code) == BPF_JMP32) &&
		    !insn_is_call(insn) && to != from + 1;
	struct place acquired = place_of(f->request, acquired_at);
	struct code code = { .n = 0 };
	struct edit edit;
	char variable[48];
	const char *name = assigned_variable(&acquired, "rec", variable);

	/* The call takes r0 to r5: what they hold must be set anew, if it is a constant. */
	put_release(&code, loc, helper, maybe_null);
	for (u32 i = 0; i <= 5; i++) {
		const struct reg *reg = reg_before(f, step, i);

		if (!f->path->live || !(f->path->live[to] >> i & 1))
			continue;
		if (!reg || !reg_is_const(reg) || reg->val.umin != (u64)(s64)(s32)reg->val.umin)
			return false;
		put_mov_imm(&code, i, (s32)reg->val.umin);
	}
	edit_init(&edit, f->request);
	if (jump && BPF_OP(insn->code) != BPF_JA)
		edit_insert_on_jump(&edit, from, function_end(f, from), code.insns, code.n);
	else if (jump)
		edit_insert(&edit, from, code.insns, code.n, EDIT_ALL);
	else
		edit_insert(&edit, to, code.insns, code.n, EDIT_FALL_THROUGH);
	return propose(f, &edit, from, "release it on this way out", "%s%s%s%s(%s%s);",
		       maybe_null ? "if (" : "", maybe_null ? name : "", maybe_null ? ")\n    " : "",
		       helper == BPF_FUNC_ringbuf_discard ? "bpf_ringbuf_discard" : "bpf_sk_release",
		       name, helper == BPF_FUNC_ringbuf_discard ? ", 0" : "");
}

void fix_reference(struct fixer *f)
{
	struct loc loc;
	bool maybe_null;
	u32 tries = 0;

	for (u32 i = 0; i < f->path->n_refs; i++) {
		s32 at = f->path->refs[i].insn, helper = at >= 0 ? releaser_of(f, at) : 0;

		if (!helper)
			continue;
		for (u32 step = f->last; step > 0 && tries < 24 && !fixes_done(f); step--) {
			if ((s32)f->path->steps.data[step].insn == at)
				break;
			if (f->path->steps.data[step].depth != f->path->steps.data[step - 1].depth ||
			    !find_reference(f, step, f->path->refs[i].id, &loc, &maybe_null))
				continue;
			tries++;
			if (release_on_edge(f, step, loc, helper, maybe_null, at))
				return;
		}
	}
}

/* A pointer with a constant added: take it off again. */
void fix_modified(struct fixer *f)
{
	struct code code = { .n = 0 };
	const struct reg *ptr;
	char argument[48];

	if (!f->has_value || f->value.at >= LOC_SLOT || !insn_is_call(f->insn))
		return;
	ptr = reg_before(f, f->last, f->value.at);
	if (!ptr || !reg_is_pointer(ptr) || !ptr->off || !reg_has_fixed_off(ptr))
		return;
	put_add_imm(&code, f->value.at, -ptr->off);
	str_copy(argument, "ptr", sizeof(argument));
	propose_before(f, f->at, &code, EDIT_ALL, f->at, "pass the pointer as it was given",
		       "the pointer that was received, which is the one passed here minus %d", ptr->off);
}
