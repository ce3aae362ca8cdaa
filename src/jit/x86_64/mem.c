/* SPDX-License-Identifier: Apache-2.0 */
/* Loads, stores, atomics, and addresses as constants. */
#include "jit/x86_64/isel.h"

#include "vm/run.h"

static struct code_reloc reloc_to(enum jit_symbol symbol, u32 index, u32 addend)
{
	return (struct code_reloc){ .symbol = (u8)symbol, .index = index, .addend = addend };
}

static u8 size_of(const struct bpf_insn *insn)
{
	switch (BPF_SIZE(insn->code)) {
	case BPF_B:
		return 1;
	case BPF_H:
		return 2;
	case BPF_W:
		return 4;
	default:
		return 8;
	}
}

static struct x86_mem memory(const struct x86_gen *g, u8 bpf_base, s16 offset)
{
	if (bpf_base == BPF_REG_10)
		return x86_at(RBP, g->frame.r10 + offset);
	return x86_at(x86_reg(bpf_base), offset);
}

static void load(struct x86_gen *g, u8 size, bool sign, u8 dst, struct x86_mem mem)
{
	if (sign)
		x86_load_signed(g->b, size, dst, mem);
	else
		x86_load(g->b, size, dst, mem);
}

/* A presented kernel object: masked into the arena, so it cannot fault. 0 without an arena. */
static void load_from_arena(struct x86_gen *g, const struct bpf_insn *insn, bool sign)
{
	struct x86_mem arena = x86_at(X86_RC, offsetof(struct run_ctx, arena));
	struct x86_mem mask = x86_at(X86_RC, offsetof(struct run_ctx, arena_mask));
	code_label done = codebuf_label(g->b);
	u8 dst = x86_reg(insn->dst_reg);

	x86_lea(g->b, R11, memory(g, insn->src_reg, insn->off));
	x86_alu_rm(g->b, ALU_AND, true, R11, mask);
	x86_mov_ri(g->b, dst, 0);
	x86_load(g->b, 8, R10, arena);
	x86_test_rr(g->b, true, R10, R10);
	codebuf_branch(g->b, CC_E, done);
	load(g, size_of(insn), sign, dst, (struct x86_mem){ R10, R11, 1, 0 });
	codebuf_bind(g->b, done);
}

void x86_emit_ldx(struct x86_gen *g, const struct bpf_insn *insn)
{
	struct x86_mem mem = memory(g, insn->src_reg, insn->off);
	u8 mode = BPF_MODE(insn->code);

	switch (mode) {
	case BPF_MEM:
	case BPF_MEMSX:
		load(g, size_of(insn), mode == BPF_MEMSX, x86_reg(insn->dst_reg), mem);
		break;
	case INSN_MODE_PROBE:
	case INSN_MODE_PROBE_SX:
		load_from_arena(g, insn, mode == INSN_MODE_PROBE_SX);
		break;
	default:
		codebuf_fail(g->b, -ENOTSUPP);
	}
}

static void emit_ldimm64(struct x86_gen *g, const struct bpf_insn *insn)
{
	u32 index = (u32)insn[0].imm, addend = (u32)insn[1].imm;
	u8 dst = x86_reg(insn->dst_reg);

	switch (insn->src_reg) {
	case 0:
		x86_mov_ri(g->b, dst, insn_imm64(insn));
		break;
	case BPF_PSEUDO_MAP_IDX:
	case BPF_PSEUDO_MAP_IDX_VALUE:
		if (index >= g->image->n_maps)
			codebuf_fail(g->b, -EINVAL);
		else if (insn->src_reg == BPF_PSEUDO_MAP_IDX)
			x86_mov_reloc(g->b, dst, reloc_to(JIT_SYM_MAP, index, 0));
		else
			x86_mov_reloc(g->b, dst, reloc_to(JIT_SYM_MAP_VALUE, index, addend));
		break;
	case BPF_PSEUDO_FUNC:
		x86_lea_label(g->b, dst, x86_function(g, g->index + 1 + index));
		break;
	default:
		codebuf_fail(g->b, -ENOTSUPP);
	}
}

/*
 * Fetch-and-op for operations the CPU has no fetching form of: compare-and-swap until
 * nobody came between. rax is borrowed; r9 stands for r0 where r0 is base or operand.
 */
static void fetch_loop(struct x86_gen *g, const struct bpf_insn *insn, bool w, enum x86_alu op)
{
	struct x86_mem mem = memory(g, insn->dst_reg, insn->off);
	u8 src = x86_reg(insn->src_reg), value = src == RAX ? R9 : src;
	code_label again = codebuf_label(g->b);

	x86_mov_rr(g->b, true, R9, RAX);
	if (insn->dst_reg == BPF_REG_0)
		mem.base = R9;
	x86_load(g->b, w ? 8 : 4, RAX, mem);
	codebuf_bind(g->b, again);
	x86_mov_rr(g->b, w, R11, RAX);
	x86_alu_rr(g->b, op, w, R11, value);
	x86_lock_cmpxchg(g->b, w, mem, R11);
	codebuf_branch(g->b, CC_NE, again);
	if (src == RAX)
		return;
	x86_mov_rr(g->b, w, src, RAX);
	x86_mov_rr(g->b, true, RAX, R9);
}

static void emit_fetch(struct x86_gen *g, const struct bpf_insn *insn, bool w, struct x86_mem mem)
{
	u8 src = x86_reg(insn->src_reg);

	switch (insn->imm) {
	case BPF_ADD | BPF_FETCH:
		x86_lock_xadd(g->b, w, mem, src);
		break;
	case BPF_AND | BPF_FETCH:
		fetch_loop(g, insn, w, ALU_AND);
		break;
	case BPF_OR | BPF_FETCH:
		fetch_loop(g, insn, w, ALU_OR);
		break;
	case BPF_XOR | BPF_FETCH:
		fetch_loop(g, insn, w, ALU_XOR);
		break;
	case BPF_XCHG:
		x86_xchg(g->b, w, mem, src);
		break;
	default:
		codebuf_fail(g->b, -ENOTSUPP);
	}
}

/* The old value is in rax either way, but on success the CPU leaves its upper half alone. */
static void emit_cmpxchg(struct x86_gen *g, const struct bpf_insn *insn, bool w, struct x86_mem mem)
{
	x86_lock_cmpxchg(g->b, w, mem, x86_operand(g, insn->src_reg));
	if (!w)
		x86_mov_rr(g->b, false, RAX, RAX);
}

/* Loads and stores of x86-64 are acquire and release already. */
static bool emit_ordered(struct x86_gen *g, const struct bpf_insn *insn)
{
	if (insn->imm == BPF_LOAD_ACQ)
		x86_load(g->b, size_of(insn), x86_reg(insn->dst_reg),
			 memory(g, insn->src_reg, insn->off));
	else if (insn->imm == BPF_STORE_REL)
		x86_store(g->b, size_of(insn), memory(g, insn->dst_reg, insn->off),
			  x86_operand(g, insn->src_reg));
	else
		return false;
	return true;
}

static void emit_atomic(struct x86_gen *g, const struct bpf_insn *insn)
{
	struct x86_mem mem = memory(g, insn->dst_reg, insn->off);
	bool w = size_of(insn) == 8;

	if (emit_ordered(g, insn))
		return;
	if (size_of(insn) < 4) {
		codebuf_fail(g->b, -ENOTSUPP);
		return;
	}
	switch (insn->imm) {
	case BPF_ADD:
		x86_lock_alu(g->b, ALU_ADD, w, mem, x86_operand(g, insn->src_reg));
		break;
	case BPF_AND:
		x86_lock_alu(g->b, ALU_AND, w, mem, x86_operand(g, insn->src_reg));
		break;
	case BPF_OR:
		x86_lock_alu(g->b, ALU_OR, w, mem, x86_operand(g, insn->src_reg));
		break;
	case BPF_XOR:
		x86_lock_alu(g->b, ALU_XOR, w, mem, x86_operand(g, insn->src_reg));
		break;
	case BPF_CMPXCHG:
		emit_cmpxchg(g, insn, w, mem);
		break;
	default:
		emit_fetch(g, insn, w, mem);
	}
}

void x86_emit_stx(struct x86_gen *g, const struct bpf_insn *insn)
{
	if (BPF_MODE(insn->code) == BPF_MEM)
		x86_store(g->b, size_of(insn), memory(g, insn->dst_reg, insn->off),
			  x86_operand(g, insn->src_reg));
	else if (BPF_MODE(insn->code) == BPF_ATOMIC)
		emit_atomic(g, insn);
	else
		codebuf_fail(g->b, -ENOTSUPP);
}

void x86_emit_st(struct x86_gen *g, const struct bpf_insn *insn)
{
	if (BPF_MODE(insn->code) == BPF_MEM)
		x86_store_imm(g->b, size_of(insn), memory(g, insn->dst_reg, insn->off), insn->imm);
	else
		codebuf_fail(g->b, -ENOTSUPP);
}

void x86_emit_ld(struct x86_gen *g, const struct bpf_insn *insn)
{
	if (insn_is_ldimm64(insn))
		emit_ldimm64(g, insn);
	else if (BPF_MODE(insn->code) == BPF_ABS || BPF_MODE(insn->code) == BPF_IND)
		x86_load_packet(g, insn);
	else
		codebuf_fail(g->b, -ENOTSUPP);
}
