/* SPDX-License-Identifier: Apache-2.0 */
/* Arithmetic. 32-bit operations of the CPU clear the upper half as BPF's do. */
#include "jit/x86_64/isel.h"

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
		divide_by_register(g, w, sign, mod, dst, x86_operand(g, insn->src_reg));
	else
		divide_by_constant(g, w, sign, mod, dst, insn->imm);
}

static bool has_feature(struct x86_gen *g, enum x86_feature feature)
{
	if (g->features == JIT_DETECT)
		g->features = jit_x86_64.detect();
	return g->features & feature;
}

/* Without BMI2 the count must be in cl, which is r4. */
static void shift_by_register(struct x86_gen *g, enum x86_shift op, bool w, u8 dst, u8 count)
{
	if (has_feature(g, X86_BMI2)) {
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
		shift_by_register(g, shift, w, dst, x86_operand(g, insn->src_reg));
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
		x86_movsx_rr(g->b, (u8)(insn->off / 8), w, dst, x86_operand(g, insn->src_reg));
	else if (insn->off)
		codebuf_fail(g->b, -ENOTSUPP);
	else if (!w || insn->src_reg != insn->dst_reg)
		x86_mov_rr(g->b, w, dst, x86_operand(g, insn->src_reg));
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
		x86_alu_rr(g->b, op, w, dst, x86_operand(g, insn->src_reg));
	else
		x86_alu_ri(g->b, op, w, dst, insn->imm);
}

static void emit_mul(struct x86_gen *g, const struct bpf_insn *insn, bool w)
{
	u8 dst = x86_reg(insn->dst_reg);

	if (BPF_SRC(insn->code) == BPF_X)
		x86_imul_rr(g->b, w, dst, x86_operand(g, insn->src_reg));
	else
		x86_imul_rri(g->b, w, dst, dst, insn->imm);
}

void x86_emit_alu(struct x86_gen *g, const struct bpf_insn *insn, bool w)
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
