/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instruction selection, one BPF instruction at a time: no value outlives an instruction in
 * a scratch register (r9, r10, r11 of the CPU), so every instruction may be a jump target.
 * alu.c and mem.c do what computes, abi.c what calls; here are jumps, functions, the image.
 *
 * BPF's r10 is a constant distance from rbp: as a base it costs nothing, as an operand it
 * is first computed into r11 (x86_operand).
 */
#include "jit/x86_64/isel.h"

u8 x86_operand(struct x86_gen *g, u8 bpf_reg)
{
	if (bpf_reg != BPF_REG_10)
		return x86_reg(bpf_reg);
	x86_lea(g->b, R11, x86_at(RBP, g->frame.r10));
	return R11;
}

/* -- jumps -- */

/* A branch of that kind to an instruction; one that goes back costs budget when taken. */
static void jump(struct x86_gen *g, u8 kind, u32 target)
{
	bool counted = g->budget && target <= g->index;
	code_label not_taken;

	if (!counted) {
		codebuf_branch(g->b, kind, target);
		return;
	}
	not_taken = codebuf_label(g->b);
	if (kind != BRANCH_JMP)
		codebuf_branch(g->b, kind ^ 1, not_taken);
	x86_spend_budget(g);
	codebuf_branch(g->b, BRANCH_JMP, target);
	codebuf_bind(g->b, not_taken);
}

static u32 jump_target(u32 index, const struct bpf_insn *insn)
{
	s32 off = insn->code == (BPF_JMP32 | BPF_JA) ? insn->imm : insn->off;

	return index + 1 + (u32)off;
}

static void emit_may_goto(struct x86_gen *g, u32 target)
{
	struct x86_mem counter = x86_at(RBP, g->frame.may_goto);

	x86_alu_mi(g->b, ALU_CMP, false, counter, 0);
	jump(g, CC_E, target);
	x86_dec_m(g->b, false, counter);
}

static void compare(struct x86_gen *g, const struct bpf_insn *insn, bool w)
{
	bool test = BPF_OP(insn->code) == BPF_JSET;
	u8 dst = x86_operand(g, insn->dst_reg);

	if (BPF_SRC(insn->code) == BPF_X && insn->src_reg == BPF_REG_10) {
		/* r11 may hold dst only when dst is r10 too: then they are equal */
		u8 src = x86_operand(g, BPF_REG_10);

		test ? x86_test_rr(g->b, w, dst, src) : x86_alu_rr(g->b, ALU_CMP, w, dst, src);
	} else if (BPF_SRC(insn->code) == BPF_X) {
		u8 src = x86_reg(insn->src_reg);

		test ? x86_test_rr(g->b, w, dst, src) : x86_alu_rr(g->b, ALU_CMP, w, dst, src);
	} else if (test) {
		x86_test_ri(g->b, w, dst, insn->imm);
	} else if (!insn->imm) {
		x86_test_rr(g->b, w, dst, dst);
	} else {
		x86_alu_ri(g->b, ALU_CMP, w, dst, insn->imm);
	}
}

/* By BPF_OP >> 4; 0 stands for "no condition" (CC_O is never used). */
static const u8 condition[16] = {
	[BPF_JEQ >> 4] = CC_E,  [BPF_JNE >> 4] = CC_NE,  [BPF_JSET >> 4] = CC_NE,
	[BPF_JGT >> 4] = CC_A,  [BPF_JGE >> 4] = CC_AE,  [BPF_JLT >> 4] = CC_B,
	[BPF_JLE >> 4] = CC_BE, [BPF_JSGT >> 4] = CC_G,  [BPF_JSGE >> 4] = CC_GE,
	[BPF_JSLT >> 4] = CC_L, [BPF_JSLE >> 4] = CC_LE,
};

static void emit_conditional(struct x86_gen *g, const struct bpf_insn *insn, bool w)
{
	u8 cc = condition[BPF_OP(insn->code) >> 4];

	if (!cc) {
		codebuf_fail(g->b, -ENOTSUPP);
		return;
	}
	if (!insn->off)
		return;
	compare(g, insn, w);
	jump(g, cc, jump_target(g->index, insn));
}

static void emit_call(struct x86_gen *g, const struct bpf_insn *insn)
{
	if (insn->src_reg == 0)
		x86_call_helper(g, insn);
	else if (insn->src_reg == BPF_PSEUDO_CALL)
		x86_call_subprog(g, g->index + 1 + (u32)insn->imm);
	else
		codebuf_fail(g->b, -ENOTSUPP);
}

/* The last instruction falls into the epilogue; others jump to it unless it is as short. */
static void emit_exit(struct x86_gen *g)
{
	if (g->index + 1 == g->subprog->start + g->subprog->len)
		return;
	if (g->frame.n_saved)
		codebuf_branch(g->b, BRANCH_JMP, g->exit);
	else
		x86_epilogue(g);
}

static void emit_jmp(struct x86_gen *g, const struct bpf_insn *insn)
{
	u32 target = jump_target(g->index, insn);

	switch (insn->code) {
	case BPF_JMP | BPF_JA:
	case BPF_JMP32 | BPF_JA:
		if (target != g->index + 1)
			jump(g, BRANCH_JMP, target);
		break;
	case BPF_JMP | BPF_CALL:
		emit_call(g, insn);
		break;
	case BPF_JMP | BPF_EXIT:
		emit_exit(g);
		break;
	case INSN_TAIL_CALL:
		x86_tail_call(g);
		break;
	case BPF_JMP | BPF_JCOND:
		emit_may_goto(g, target);
		break;
	default:
		emit_conditional(g, insn, insn_class(insn) == BPF_JMP);
	}
}

/* -- functions -- */

/* r1_map is what straight-line code says: a map address, until r1 changes or paths meet. */
static void track_map(struct x86_gen *g, const struct bpf_insn *insn)
{
	if (insn_is_ldimm64(insn) && insn->src_reg == BPF_PSEUDO_MAP_IDX && insn->dst_reg == 1)
		g->r1_map = insn->imm;
	else if (insn_is_call(insn) || insn->dst_reg == 1 ||
		 (insn_class(insn) == BPF_STX && insn->src_reg == 1) || insn_class(insn) == BPF_LD)
		g->r1_map = -1;
}

static void emit_insn(struct x86_gen *g, const struct bpf_insn *insn)
{
	if (g->is_target[g->index])
		g->r1_map = -1;
	switch (insn_class(insn)) {
	case BPF_ALU:
	case BPF_ALU64:
		x86_emit_alu(g, insn, insn_class(insn) == BPF_ALU64);
		break;
	case BPF_JMP:
	case BPF_JMP32:
		emit_jmp(g, insn);
		break;
	case BPF_LD:
		x86_emit_ld(g, insn);
		break;
	case BPF_LDX:
		x86_emit_ldx(g, insn);
		break;
	case BPF_ST:
		x86_emit_st(g, insn);
		break;
	case BPF_STX:
		x86_emit_stx(g, insn);
		break;
	}
	track_map(g, insn);
}

static void compile_subprog(struct x86_gen *g, const struct image_subprog *subprog)
{
	u32 end = subprog->start + subprog->len;

	g->subprog = subprog;
	g->exit = codebuf_label(g->b);
	g->r1_map = -1;
	x86_plan_frame(g);
	codebuf_bind(g->b, x86_function(g, subprog->start));
	x86_prologue(g);
	for (g->index = subprog->start; g->index < end;
	     g->index += insn_slots(&g->image->insns[g->index])) {
		codebuf_bind(g->b, g->index);
		emit_insn(g, &g->image->insns[g->index]);
	}
	codebuf_bind(g->b, g->exit);
	x86_epilogue(g);
}

/* -- the image -- */

static void note_image_insn(struct x86_gen *g, u32 i)
{
	const struct bpf_insn *insn = &g->image->insns[i];
	u8 class = insn_class(insn);

	if (insn_is_ldimm64(insn)) {
		g->has_callbacks |= insn->src_reg == BPF_PSEUDO_FUNC;
	} else if (insn->code == INSN_TAIL_CALL) {
		g->may_abort = true;
		g->subprogs_tail_call |= i >= g->image->subprogs[0].len;
	} else if (insn_is_call(insn)) {
		g->may_abort |= insn->src_reg == 0;
	} else if (class == BPF_LDX) {
		g->uses_rc |= BPF_MODE(insn->code) == INSN_MODE_PROBE ||
			      BPF_MODE(insn->code) == INSN_MODE_PROBE_SX;
	} else if ((class == BPF_JMP || class == BPF_JMP32) && !insn_is_exit(insn)) {
		if (jump_target(i, insn) < g->image->len)
			g->is_target[jump_target(i, insn)] = 1;
		else
			codebuf_fail(g->b, -EINVAL);
	}
}

static void note_image(struct x86_gen *g)
{
	g->budget = g->image->flags & IMAGE_BUDGET;
	g->may_abort = g->budget;
	for (u32 i = 0; i < g->image->len; i += insn_slots(&g->image->insns[i]))
		note_image_insn(g, i);
	g->uses_rc |= g->may_abort || g->has_callbacks;
}

void x86_compile(const struct image *image, u32 features, struct codebuf *b,
		 struct jit_entries *entries)
{
	struct x86_gen g = { .image = image, .features = features, .b = b, .entries = entries };

	g.is_target = os_alloc(image->len);
	g.veneers = os_alloc((JIT_RUNTIME_MAX + image->n_calls) * sizeof(*g.veneers));
	if (!g.is_target || !g.veneers) {
		codebuf_fail(b, -ENOMEM);
		goto out;
	}
	entries->entry = codebuf_label(b);
	entries->tail_entry = codebuf_label(b);
	entries->text_end = codebuf_label(b);
	g.abort = codebuf_label(b);
	g.unwind = codebuf_label(b);
	g.call_stub = codebuf_label(b);
	note_image(&g);
	for (u32 i = 0; i < image->n_subprogs; i++)
		compile_subprog(&g, &image->subprogs[i]);
	x86_shared_code(&g);
out:
	os_free(g.is_target);
	os_free(g.veneers);
}
