/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames and calls. A frame, downwards:
 *
 *	return address
 *	rbp			<- rbp: a chain that debuggers and profilers can walk
 *	saved registers		the first function: r12 first, then rbx, r13, r14, r15
 *				<- BPF's r10
 *	BPF stack
 *	may_goto counter, scratch
 *				<- rsp, 16-byte aligned when the function calls
 *
 * The entry is called from C as entry(ctx, prog, rc) and moves rc to r12, where every
 * function of the image finds it. A tail call pops its frame and jumps to the target's
 * tail entry, with ctx in rdi and rc in rdx: the same place in the target, behind the
 * instructions that make this frame the one a run ends in.
 *
 * Leaving early: the entry notes its stack pointer in rc->unwind_sp. When anything may
 * end the run early, the first function saves all callee-saved registers, whether used or not,
 * so they lie at the same distance below unwind_sp in each program that may, and whichever
 * program of a chain of tail calls has its frame there, the same few instructions at
 * rc->unwind restore them.
 */
#include "jit/x86_64/isel.h"

#include "maps/map.h"
#include "vm/run.h"

#define RC_FIELD(field) x86_at(X86_RC, offsetof(struct run_ctx, field))

static const u8 entry_saved[] = { R12, RBX, R13, R14, R15 };

/* -- frames -- */

struct usage {
	u32 regs; /* bit per BPF register */
	bool calls, may_goto, scratch;
};

static void note_insn(struct usage *use, const struct bpf_insn *insn)
{
	u8 class = insn_class(insn);

	if (insn_is_call(insn)) {
		use->calls = true;
	} else if (insn->code == INSN_TAIL_CALL) {
		use->calls = use->scratch = true;
	} else if (insn->code == (BPF_JMP | BPF_JCOND)) {
		use->may_goto = true;
	} else if (insn_is_ldimm64(insn)) {
		use->regs |= 1u << insn->dst_reg;
	} else if (class == BPF_LD) {
		use->calls = use->scratch = true;
		use->regs |= 1u << BPF_REG_6 | 1u << insn->src_reg;
	} else {
		use->regs |= 1u << insn->dst_reg | 1u << insn->src_reg;
	}
}

static struct usage usage_of(const struct x86_gen *g)
{
	const struct image_subprog *sub = g->subprog;
	struct usage use = { 0 };

	for (u32 i = sub->start; i < sub->start + sub->len; i += insn_slots(&g->image->insns[i]))
		note_insn(&use, &g->image->insns[i]);
	return use;
}

static bool is_first(const struct x86_gen *g)
{
	return g->subprog == g->image->subprogs;
}

static void save(struct x86_frame *frame, u8 reg)
{
	frame->saved[frame->n_saved++] = reg;
}

static void choose_saved(const struct x86_gen *g, struct x86_frame *frame, u32 regs)
{
	if (is_first(g) && g->may_abort) {
		for (u32 i = 0; i < ARRAY_SIZE(entry_saved); i++)
			save(frame, entry_saved[i]);
		return;
	}
	if (is_first(g) && g->uses_rc)
		save(frame, R12);
	for (u8 reg = BPF_REG_6; reg <= BPF_REG_9; reg++)
		if (regs & 1u << reg)
			save(frame, x86_reg(reg));
}

void x86_plan_frame(struct x86_gen *g)
{
	struct usage use = usage_of(g);
	struct x86_frame frame = { .calls = use.calls };
	s32 at;

	choose_saved(g, &frame, use.regs);
	frame.r10 = -8 * frame.n_saved;
	at = frame.r10 - (s32)align_up(g->subprog->stack_depth, 8);
	if (use.may_goto)
		frame.may_goto = at -= 8;
	if (use.scratch)
		frame.scratch = at -= 8;
	if (use.calls && at % 16)
		at -= 8;
	frame.size = (u32)(frame.r10 - at);
	frame.lowered = frame.size && (use.calls || frame.size > 128);
	g->frame = frame;
}

#define RDX_FIELD(field) x86_at(RDX, offsetof(struct run_ctx, field))

static void store_address(struct x86_gen *g, struct x86_mem mem, code_label label)
{
	x86_lea_label(g->b, RAX, label);
	x86_store(g->b, 8, mem, RAX);
}

/* What only the call from C does, before the tail entry, when somebody may want to know. */
static void entry_from_c(struct x86_gen *g)
{
	codebuf_bind(g->b, g->entries->entry);
	if (!g->may_abort)
		return;
	x86_endbr64(g->b);
	x86_store(g->b, 8, RDX_FIELD(unwind_sp), RSP);
	store_address(g, RDX_FIELD(unwind), g->unwind);
	x86_store_imm(g->b, 8, RDX_FIELD(stack_low), 0);
	x86_store(g->b, 8, RDX_FIELD(stack_high), RSP);
}

/* The BPF stack = 0; r1 and r4 hold arguments. */
static void zero_stack(struct x86_gen *g)
{
	u32 words = g->subprog->stack_depth / 8u;
	s32 low = g->frame.r10 - (s32)(8 * words);

	if (words <= 4) {
		for (u32 i = 0; i < words; i++)
			x86_store_imm(g->b, 8, x86_at(RBP, low + (s32)(8 * i)), 0);
		return;
	}
	x86_mov_rr(g->b, true, R9, RDI);
	x86_mov_rr(g->b, true, R10, RCX);
	x86_lea(g->b, RDI, x86_at(RBP, low));
	x86_mov_ri(g->b, RCX, words);
	x86_mov_ri(g->b, RAX, 0);
	x86_rep_stosq(g->b);
	x86_mov_rr(g->b, true, RDI, R9);
	x86_mov_rr(g->b, true, RCX, R10);
}

void x86_prologue(struct x86_gen *g)
{
	const struct x86_frame *frame = &g->frame;

	if (is_first(g)) {
		entry_from_c(g);
		codebuf_bind(g->b, g->entries->tail_entry);
	}
	if (is_first(g) || g->subprog->is_callback)
		x86_endbr64(g->b);
	x86_push(g->b, RBP);
	x86_mov_rr(g->b, true, RBP, RSP);
	for (u32 i = 0; i < frame->n_saved; i++)
		x86_push(g->b, frame->saved[i]);
	if (frame->lowered)
		x86_alu_ri(g->b, ALU_SUB, true, RSP, (s32)frame->size);
	if (is_first(g) && g->uses_rc)
		x86_mov_rr(g->b, true, X86_RC, RDX);
	if (is_first(g) && g->has_callbacks)
		store_address(g, RC_FIELD(call), g->call_stub);
	if (g->image->flags & IMAGE_ZERO_STACK)
		zero_stack(g);
	if (frame->may_goto)
		x86_store_imm(g->b, 8, x86_at(RBP, frame->may_goto), BPF_MAX_LOOP_COUNT);
}

static void pop_frame(struct x86_gen *g)
{
	const struct x86_frame *frame = &g->frame;

	if (!frame->n_saved && frame->lowered) {
		x86_leave(g->b);
		return;
	}
	if (frame->lowered)
		x86_alu_ri(g->b, ALU_ADD, true, RSP, (s32)frame->size);
	for (u32 i = frame->n_saved; i-- > 0;)
		x86_pop(g->b, frame->saved[i]);
	x86_pop(g->b, RBP);
}

void x86_epilogue(struct x86_gen *g)
{
	pop_frame(g);
	x86_ret(g->b);
}

/* -- calls into C -- */

/* Veneers are numbered: runtime functions first, then image->calls. */
static u32 veneer_number(const struct code_reloc *reloc)
{
	return reloc->symbol == JIT_SYM_RUNTIME ? reloc->index : JIT_RUNTIME_MAX + reloc->index;
}

static void call_c(struct x86_gen *g, enum jit_symbol symbol, u32 index)
{
	struct code_reloc reloc = { .symbol = (u8)symbol, .index = index };
	code_label *veneer;

	if (!g->veneers)
		return;
	veneer = &g->veneers[veneer_number(&reloc)];
	if (!*veneer)
		*veneer = codebuf_label(g->b);
	reloc.veneer = *veneer;
	x86_call_reloc(g->b, reloc);
}

static void veneer(struct x86_gen *g, enum jit_symbol symbol, u32 index)
{
	struct code_reloc reloc = { .symbol = (u8)symbol, .index = index };
	code_label label = g->veneers[veneer_number(&reloc)];

	if (!label)
		return;
	codebuf_bind(g->b, label);
	x86_jmp_through(g->b, reloc);
}

void x86_spend_budget(struct x86_gen *g)
{
	if (!g->budget)
		return;
	x86_dec_m(g->b, true, RC_FIELD(budget));
	codebuf_branch(g->b, CC_S, g->abort);
}

/* reg *= factor */
static void scale(struct x86_gen *g, u8 reg, u32 factor)
{
	if (factor & (factor - 1))
		x86_imul_rri(g->b, true, reg, reg, (s32)factor);
	else if (factor > 1)
		x86_shift_ri(g->b, SHIFT_SHL, true, reg, (u8)__builtin_ctz(factor));
}

/*
 * bpf_map_lookup_elem in an array that is known here: r0 = the address of value *(u32 *)r2
 * (this CPU's), or NULL. r1 to r5 are dead after a call.
 */
static void lookup_array(struct x86_gen *g, u32 map_index)
{
	const struct map *map = g->image->maps[map_index];
	struct code_reloc values = { .symbol = JIT_SYM_MAP_VALUES, .index = map_index };
	code_label out_of_range = codebuf_label(g->b), done = codebuf_label(g->b);

	x86_load(g->b, 4, RAX, x86_at(RSI, 0));
	x86_alu_ri(g->b, ALU_CMP, false, RAX, (s32)map->facts.max_entries);
	codebuf_branch(g->b, CC_AE, out_of_range);
	x86_mov_reloc(g->b, RDI, values);
	if (map->cpu_stride) {
		x86_load(g->b, 4, RSI, RC_FIELD(cpu));
		scale(g, RSI, (u32)map->cpu_stride);
		x86_alu_rr(g->b, ALU_ADD, true, RDI, RSI);
	}
	if (map->stride != 8)
		scale(g, RAX, map->stride);
	x86_lea(g->b, RAX, (struct x86_mem){ RDI, RAX, map->stride == 8 ? 8 : 1, 0 });
	codebuf_branch(g->b, BRANCH_JMP, done);
	codebuf_bind(g->b, out_of_range);
	x86_mov_ri(g->b, RAX, 0);
	codebuf_bind(g->b, done);
}

static bool is_known_array(const struct x86_gen *g, const struct helper_proto *proto)
{
	const struct map *map;

	if (proto->id != BPF_FUNC_map_lookup_elem || g->r1_map < 0)
		return false;
	map = g->image->maps[g->r1_map];
	if (map->facts.type != BPF_MAP_TYPE_ARRAY && map->facts.type != BPF_MAP_TYPE_PERCPU_ARRAY)
		return false;
	return map->values && map->stride && map->stride <= INT32_MAX &&
	       map->cpu_stride <= INT32_MAX;
}

void x86_call_helper(struct x86_gen *g, const struct bpf_insn *insn)
{
	u32 index = (u32)insn->imm;

	if (index >= g->image->n_calls) {
		codebuf_fail(g->b, -EINVAL);
		return;
	}
	if (is_known_array(g, g->image->calls[index])) {
		lookup_array(g, (u32)g->r1_map);
		return;
	}
	x86_mov_rr(g->b, true, R9, X86_RC);
	call_c(g, JIT_SYM_HELPER, index);
}

/* A callee that tail called has left another program's identity in rc. */
static void restore_identity(struct x86_gen *g)
{
	struct code_reloc prog = { .symbol = JIT_SYM_PROG };

	x86_mov_reloc(g->b, R11, prog);
	x86_store(g->b, 8, RC_FIELD(prog), R11);
	if (!g->has_callbacks)
		return;
	x86_lea_label(g->b, R11, g->call_stub);
	x86_store(g->b, 8, RC_FIELD(call), R11);
}

void x86_call_subprog(struct x86_gen *g, u32 target)
{
	x86_spend_budget(g);
	codebuf_branch(g->b, BRANCH_CALL, x86_function(g, target));
	if (g->subprogs_tail_call)
		restore_identity(g);
}

void x86_tail_call(struct x86_gen *g)
{
	struct x86_mem ctx = x86_at(RBP, g->frame.scratch);
	code_label failed = codebuf_label(g->b);

	x86_store(g->b, 8, ctx, RDI);
	x86_mov_rr(g->b, true, RDI, X86_RC);
	call_c(g, JIT_SYM_RUNTIME, JIT_RUN_TAIL_TARGET);
	x86_test_rr(g->b, true, RAX, RAX);
	codebuf_branch(g->b, CC_E, failed);
	x86_load(g->b, 8, RDI, ctx);
	x86_mov_rr(g->b, true, RDX, X86_RC);
	pop_frame(g);
	x86_jmp_mem(g->b, x86_at(RAX, offsetof(struct prog, tail_entry)));
	codebuf_bind(g->b, failed);
}

/* LD_ABS and LD_IND: r0 = packet data in host order, or the function returns 0. */
void x86_load_packet(struct x86_gen *g, const struct bpf_insn *insn)
{
	struct x86_mem out = x86_at(RBP, g->frame.scratch);
	u32 size = BPF_SIZE(insn->code) == BPF_B ? 1 : BPF_SIZE(insn->code) == BPF_H ? 2 : 4;
	code_label found = codebuf_label(g->b);

	if (BPF_MODE(insn->code) == BPF_IND)
		x86_lea32(g->b, RSI, x86_at(x86_operand(g, insn->src_reg), insn->imm));
	else
		x86_mov_ri(g->b, RSI, (u32)insn->imm);
	x86_mov_rr(g->b, true, RDI, x86_reg(BPF_REG_6));
	x86_mov_ri(g->b, RDX, size);
	x86_lea(g->b, RCX, out);
	call_c(g, JIT_SYM_RUNTIME, JIT_RUN_LOAD_PACKET);
	x86_test_ri(g->b, false, RAX, 1);
	codebuf_branch(g->b, CC_NE, found);
	x86_mov_ri(g->b, RAX, 0);
	codebuf_branch(g->b, BRANCH_JMP, g->exit);
	codebuf_bind(g->b, found);
	x86_load(g->b, 8, RAX, out);
}

/* -- shared code -- */

/* rc->call(rc, func, r1 to r5): from C into a function of this image. */
static void call_stub(struct x86_gen *g)
{
	static const u8 args[] = { RDX, RCX, R8, R9 };

	codebuf_bind(g->b, g->call_stub);
	x86_endbr64(g->b);
	x86_push(g->b, RBP);
	x86_mov_rr(g->b, true, RBP, RSP);
	x86_push(g->b, X86_RC);
	x86_push(g->b, RAX); /* alignment */
	x86_mov_rr(g->b, true, X86_RC, RDI);
	x86_spend_budget(g);
	x86_mov_rr(g->b, true, RAX, RSI);
	for (u32 i = 0; i < ARRAY_SIZE(args); i++)
		x86_mov_rr(g->b, true, x86_reg((u8)(BPF_REG_1 + i)), args[i]);
	x86_load(g->b, 8, x86_reg(BPF_REG_5), x86_at(RBP, 16));
	x86_call_reg(g->b, RAX);
	if (g->subprogs_tail_call)
		restore_identity(g);
	x86_pop(g->b, RCX);
	x86_pop(g->b, X86_RC);
	x86_pop(g->b, RBP);
	x86_ret(g->b);
}

/* Where an exhausted budget goes, from any frame. */
static void abort_code(struct x86_gen *g)
{
	codebuf_bind(g->b, g->abort);
	x86_alu_ri(g->b, ALU_AND, true, RSP, -16);
	x86_mov_rr(g->b, true, RDI, X86_RC);
	x86_mov_ri(g->b, RSI, RUN_BUDGET);
	call_c(g, JIT_SYM_RUNTIME, JIT_RUN_ABORT);
}

/* rc->unwind(rc): the entry returns 0 to its caller. */
static void unwind_code(struct x86_gen *g)
{
	s32 below = -8 - 8 * (s32)ARRAY_SIZE(entry_saved); /* from unwind_sp to the last saved */

	codebuf_bind(g->b, g->unwind);
	x86_endbr64(g->b);
	x86_load(g->b, 8, RSP, x86_at(RDI, offsetof(struct run_ctx, unwind_sp)));
	x86_alu_ri(g->b, ALU_ADD, true, RSP, below);
	for (u32 i = ARRAY_SIZE(entry_saved); i-- > 0;)
		x86_pop(g->b, entry_saved[i]);
	x86_pop(g->b, RBP);
	x86_mov_ri(g->b, RAX, 0);
	x86_ret(g->b);
}

void x86_shared_code(struct x86_gen *g)
{
	if (g->has_callbacks)
		call_stub(g);
	if (g->budget)
		abort_code(g);
	if (g->may_abort)
		unwind_code(g);
	codebuf_bind(g->b, g->entries->text_end);
	for (u32 i = 0; i < JIT_RUNTIME_MAX; i++)
		veneer(g, JIT_SYM_RUNTIME, i);
	for (u32 i = 0; i < g->image->n_calls; i++)
		veneer(g, JIT_SYM_HELPER, i);
}

void x86_thunk(struct codebuf *b, u64 fn, u64 arg)
{
	x86_endbr64(b);
	x86_mov_ri(b, RSI, arg);
	x86_mov_ri(b, RAX, fn);
	x86_jmp_reg(b, RAX);
}
