/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instruction selection, one BPF instruction at a time: no value outlives an instruction in
 * a scratch register (r9, r10, r11 of the CPU), so every instruction may be a jump target.
 * 32-bit operations of the CPU clear the upper half as BPF's do; nothing is emitted for it.
 *
 * BPF's r10 is a constant distance from rbp: as a base it costs nothing, as an operand it
 * is first computed into r11 (operand()).
 */
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

/* The register that holds a source operand. */
static u8 operand(struct x86_gen *g, u8 bpf_reg)
{
	if (bpf_reg != BPF_REG_10)
		return x86_reg(bpf_reg);
	x86_lea(g->b, R11, x86_at(RBP, g->frame.r10));
	return R11;
}

/* -- arithmetic -- */

/* x / 0 = 0 and x % 0 = x; the quotient by -1 is done as negation, as the CPU would trap. */
static void divide_by_zero(struct x86_gen *g, bool w, bool mod, u8 dst)
{
	if (!mod)
		x86_mov_ri(g->b, dst, 0);
	else if (!w)
		x86_mov_rr(g->b, false, dst, dst);
}

static void divide_by_minus_one(struct x86_gen *g, bool w, bool mod, u8 dst)
{
	if (mod)
		x86_mov_ri(g->b, dst, 0);
	else
		x86_unary(g->b, UNARY_NEG, w, dst);
}

/* The CPU divides rdx:rax. divisor is neither of them; nothing else is changed but dst. */
static void divide(struct x86_gen *g, bool w, bool sign, bool mod, u8 dst, u8 divisor)
{
	u8 result = mod ? RDX : RAX;

	if (dst != RAX)
		x86_mov_rr(g->b, true, R9, RAX);
	if (dst != RDX)
		x86_mov_rr(g->b, true, R10, RDX);
	if (dst != RAX)
		x86_mov_rr(g->b, w, RAX, dst);
	if (sign)
		x86_sign_into_rdx(g->b, w);
	else
		x86_mov_ri(g->b, RDX, 0);
	x86_unary(g->b, sign ? UNARY_IDIV : UNARY_DIV, w, divisor);
	if (dst != result)
		x86_mov_rr(g->b, true, dst, result);
	if (dst != RAX)
		x86_mov_rr(g->b, true, RAX, R9);
	if (dst != RDX)
		x86_mov_rr(g->b, true, RDX, R10);
}

static void divide_by_register(struct x86_gen *g, bool w, bool sign, bool mod, u8 dst, u8 divisor)
{
	code_label nonzero = codebuf_label(g->b), done = codebuf_label(g->b);

	if (divisor == RAX || divisor == RDX) {
		x86_mov_rr(g->b, w, R11, divisor);
		divisor = R11;
	}
	x86_test_rr(g->b, w, divisor, divisor);
	codebuf_branch(g->b, CC_NE, nonzero);
	divide_by_zero(g, w, mod, dst);
	codebuf_branch(g->b, BRANCH_JMP, done);
	codebuf_bind(g->b, nonzero);
	if (sign) {
		code_label ordinary = codebuf_label(g->b);

		x86_alu_ri(g->b, ALU_CMP, w, divisor, -1);
		codebuf_branch(g->b, CC_NE, ordinary);
		divide_by_minus_one(g, w, mod, dst);
		codebuf_branch(g->b, BRANCH_JMP, done);
		codebuf_bind(g->b, ordinary);
	}
	divide(g, w, sign, mod, dst, divisor);
	codebuf_bind(g->b, done);
}

static void divide_by_constant(struct x86_gen *g, bool w, bool sign, bool mod, u8 dst, s32 imm)
{
	if (!imm) {
		divide_by_zero(g, w, mod, dst);
	} else if (sign && imm == -1) {
		divide_by_minus_one(g, w, mod, dst);
	} else if (!sign && imm > 0 && !(imm & (imm - 1))) {
		if (mod)
			x86_alu_ri(g->b, ALU_AND, w, dst, imm - 1);
		else
			x86_shift_ri(g->b, SHIFT_SHR, w, dst, (u8)__builtin_ctz((u32)imm));
	} else {
		x86_mov_ri(g->b, R11, w ? (u64)(s64)imm : (u32)imm);
		divide(g, w, sign, mod, dst, R11);
	}
}

static void emit_divide(struct x86_gen *g, const struct bpf_insn *insn, bool w)
{
	bool sign = insn->off == 1, mod = BPF_OP(insn->code) == BPF_MOD;
	u8 dst = x86_reg(insn->dst_reg);

	if (BPF_SRC(insn->code) == BPF_X)
		divide_by_register(g, w, sign, mod, dst, operand(g, insn->src_reg));
	else
		divide_by_constant(g, w, sign, mod, dst, insn->imm);
}

/* Without BMI2 the count must be in cl, which is r4. */
static void shift_by_register(struct x86_gen *g, enum x86_shift op, bool w, u8 dst, u8 count)
{
	if (g->features & X86_BMI2) {
		x86_shiftx(g->b, op, w, dst, dst, count);
	} else if (count == RCX && dst != RCX) {
		x86_shift_cl(g->b, op, w, dst);
	} else if (dst == RCX) {
		x86_mov_rr(g->b, true, R10, dst);
		x86_mov_rr(g->b, false, RCX, count);
		x86_shift_cl(g->b, op, w, R10);
		x86_mov_rr(g->b, true, RCX, R10);
	} else {
		x86_mov_rr(g->b, true, R10, RCX);
		x86_mov_rr(g->b, false, RCX, count);
		x86_shift_cl(g->b, op, w, dst);
		x86_mov_rr(g->b, true, RCX, R10);
	}
}

static void emit_shift(struct x86_gen *g, const struct bpf_insn *insn, bool w)
{
	u8 op = BPF_OP(insn->code), dst = x86_reg(insn->dst_reg);
	enum x86_shift shift = op == BPF_LSH ? SHIFT_SHL : op == BPF_RSH ? SHIFT_SHR : SHIFT_SAR;

	if (BPF_SRC(insn->code) == BPF_X)
		shift_by_register(g, shift, w, dst, operand(g, insn->src_reg));
	else if (insn->imm & (w ? 63 : 31))
		x86_shift_ri(g->b, shift, w, dst, (u8)(insn->imm & (w ? 63 : 31)));
	else if (!w)
		x86_mov_rr(g->b, false, dst, dst);
}

static void emit_mov(struct x86_gen *g, const struct bpf_insn *insn, bool w)
{
	u8 dst = x86_reg(insn->dst_reg);

	if (BPF_SRC(insn->code) == BPF_K)
		x86_mov_ri(g->b, dst, w ? (u64)(s64)insn->imm : (u32)insn->imm);
	else if (insn->src_reg == BPF_REG_10 && w && !insn->off)
		x86_lea(g->b, dst, x86_at(RBP, g->frame.r10));
	else if (insn->off == 8 || insn->off == 16 || (insn->off == 32 && w))
		x86_movsx_rr(g->b, (u8)(insn->off / 8), w, dst, operand(g, insn->src_reg));
	else if (insn->off)
		codebuf_fail(g->b, -ENOTSUPP);
	else if (!w || insn->src_reg != insn->dst_reg)
		x86_mov_rr(g->b, w, dst, operand(g, insn->src_reg));
}

/* ALU: to little endian truncates, to big endian also swaps. ALU64: swaps always. */
static void emit_end(struct x86_gen *g, const struct bpf_insn *insn, bool w)
{
	bool swap = w || BPF_SRC(insn->code) == BPF_TO_BE;
	u8 dst = x86_reg(insn->dst_reg);

	switch (insn->imm) {
	case 16:
		if (swap)
			x86_ror16_8(g->b, dst);
		x86_movzx_rr(g->b, 2, dst, dst);
		break;
	case 32:
		if (swap)
			x86_bswap(g->b, false, dst);
		else
			x86_mov_rr(g->b, false, dst, dst);
		break;
	case 64:
		if (swap)
			x86_bswap(g->b, true, dst);
		break;
	default:
		codebuf_fail(g->b, -ENOTSUPP);
	}
}

static void emit_binary(struct x86_gen *g, const struct bpf_insn *insn, bool w, enum x86_alu op)
{
	u8 dst = x86_reg(insn->dst_reg);

	if (BPF_SRC(insn->code) == BPF_X)
		x86_alu_rr(g->b, op, w, dst, operand(g, insn->src_reg));
	else
		x86_alu_ri(g->b, op, w, dst, insn->imm);
}

static void emit_mul(struct x86_gen *g, const struct bpf_insn *insn, bool w)
{
	u8 dst = x86_reg(insn->dst_reg);

	if (BPF_SRC(insn->code) == BPF_X)
		x86_imul_rr(g->b, w, dst, operand(g, insn->src_reg));
	else
		x86_imul_rri(g->b, w, dst, dst, insn->imm);
}

static void emit_alu(struct x86_gen *g, const struct bpf_insn *insn, bool w)
{
	switch (BPF_OP(insn->code)) {
	case BPF_ADD:
		emit_binary(g, insn, w, ALU_ADD);
		break;
	case BPF_SUB:
		emit_binary(g, insn, w, ALU_SUB);
		break;
	case BPF_AND:
		emit_binary(g, insn, w, ALU_AND);
		break;
	case BPF_OR:
		emit_binary(g, insn, w, ALU_OR);
		break;
	case BPF_XOR:
		emit_binary(g, insn, w, ALU_XOR);
		break;
	case BPF_MUL:
		emit_mul(g, insn, w);
		break;
	case BPF_DIV:
	case BPF_MOD:
		emit_divide(g, insn, w);
		break;
	case BPF_LSH:
	case BPF_RSH:
	case BPF_ARSH:
		emit_shift(g, insn, w);
		break;
	case BPF_NEG:
		x86_unary(g->b, UNARY_NEG, w, x86_reg(insn->dst_reg));
		break;
	case BPF_MOV:
		emit_mov(g, insn, w);
		break;
	case BPF_END:
		emit_end(g, insn, w);
		break;
	default:
		codebuf_fail(g->b, -ENOTSUPP);
	}
}

/* -- memory -- */

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

static void emit_load(struct x86_gen *g, const struct bpf_insn *insn)
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
static void emit_cmpxchg(struct x86_gen *g, const struct bpf_insn *insn, bool w,
			 struct x86_mem mem)
{
	x86_lock_cmpxchg(g->b, w, mem, operand(g, insn->src_reg));
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
			  operand(g, insn->src_reg));
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
		x86_lock_alu(g->b, ALU_ADD, w, mem, operand(g, insn->src_reg));
		break;
	case BPF_AND:
		x86_lock_alu(g->b, ALU_AND, w, mem, operand(g, insn->src_reg));
		break;
	case BPF_OR:
		x86_lock_alu(g->b, ALU_OR, w, mem, operand(g, insn->src_reg));
		break;
	case BPF_XOR:
		x86_lock_alu(g->b, ALU_XOR, w, mem, operand(g, insn->src_reg));
		break;
	case BPF_CMPXCHG:
		emit_cmpxchg(g, insn, w, mem);
		break;
	default:
		emit_fetch(g, insn, w, mem);
	}
}

static void emit_stx(struct x86_gen *g, const struct bpf_insn *insn)
{
	if (BPF_MODE(insn->code) == BPF_MEM)
		x86_store(g->b, size_of(insn), memory(g, insn->dst_reg, insn->off),
			  operand(g, insn->src_reg));
	else if (BPF_MODE(insn->code) == BPF_ATOMIC)
		emit_atomic(g, insn);
	else
		codebuf_fail(g->b, -ENOTSUPP);
}

static void emit_st(struct x86_gen *g, const struct bpf_insn *insn)
{
	if (BPF_MODE(insn->code) == BPF_MEM)
		x86_store_imm(g->b, size_of(insn), memory(g, insn->dst_reg, insn->off), insn->imm);
	else
		codebuf_fail(g->b, -ENOTSUPP);
}

static void emit_ld(struct x86_gen *g, const struct bpf_insn *insn)
{
	if (insn_is_ldimm64(insn))
		emit_ldimm64(g, insn);
	else if (BPF_MODE(insn->code) == BPF_ABS || BPF_MODE(insn->code) == BPF_IND)
		x86_load_packet(g, insn);
	else
		codebuf_fail(g->b, -ENOTSUPP);
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
	u8 dst = operand(g, insn->dst_reg);

	if (BPF_SRC(insn->code) == BPF_X && insn->src_reg == BPF_REG_10) {
		/* r11 may hold dst only when dst is r10 too: then they are equal */
		u8 src = operand(g, BPF_REG_10);

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
	[BPF_JEQ >> 4] = CC_E,	 [BPF_JNE >> 4] = CC_NE,  [BPF_JSET >> 4] = CC_NE,
	[BPF_JGT >> 4] = CC_A,	 [BPF_JGE >> 4] = CC_AE,  [BPF_JLT >> 4] = CC_B,
	[BPF_JLE >> 4] = CC_BE,	 [BPF_JSGT >> 4] = CC_G,  [BPF_JSGE >> 4] = CC_GE,
	[BPF_JSLT >> 4] = CC_L,	 [BPF_JSLE >> 4] = CC_LE,
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
		emit_alu(g, insn, insn_class(insn) == BPF_ALU64);
		break;
	case BPF_JMP:
	case BPF_JMP32:
		emit_jmp(g, insn);
		break;
	case BPF_LD:
		emit_ld(g, insn);
		break;
	case BPF_LDX:
		emit_load(g, insn);
		break;
	case BPF_ST:
		emit_st(g, insn);
		break;
	case BPF_STX:
		emit_stx(g, insn);
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
