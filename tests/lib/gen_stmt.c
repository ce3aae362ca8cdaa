/* SPDX-License-Identifier: Apache-2.0 */
/* Statements without control flow of their own: arithmetic, memory, helper calls. */
#include "lib/gen_impl.h"

static const u8 alu_ops[] = { BPF_ADD, BPF_SUB, BPF_MUL,  BPF_OR,  BPF_AND, BPF_XOR,
			      BPF_LSH, BPF_RSH, BPF_ARSH, BPF_MOV, BPF_DIV, BPF_MOD };
static const u8 sizes[] = { BPF_B, BPF_H, BPF_W, BPF_DW };

static u32 bytes_of(u8 size)
{
	return size == BPF_B ? 1 : size == BPF_H ? 2 : size == BPF_W ? 4 : 8;
}

static bool is_shift(u8 op)
{
	return op == BPF_LSH || op == BPF_RSH || op == BPF_ARSH;
}

static bool is_division(u8 op)
{
	return op == BPF_DIV || op == BPF_MOD;
}

static u8 alu_op(struct gen *g)
{
	u8 op = alu_ops[gen_pick(g, ARRAY_SIZE(alu_ops))];

	if (is_division(op) && !gen_may(g, GEN_DIVIDE))
		op = BPF_XOR;
	if (is_division(op))
		gen_uses(g, GEN_DIVIDE);
	return op;
}

static s16 signed_division(struct gen *g, u8 op)
{
	if (!is_division(op) || !gen_may(g, GEN_CPUV4) || gen_pick(g, 2))
		return 0;
	gen_uses(g, GEN_CPUV4);
	return 1;
}

static void alu(struct gen *g)
{
	u8 class = gen_pick(g, 2) ? BPF_ALU64 : BPF_ALU, op = alu_op(g);
	s16 off = signed_division(g, op);
	u8 dst = op == BPF_MOV ? gen_target(g) : gen_changed(g);
	s32 imm = (s32)gen_value(&g->rng);

	if (gen_pick(g, 2)) {
		gen_emit(g, class | op | BPF_X, dst, gen_source(g), off, 0);
	} else {
		if (is_shift(op))
			imm = (s32)gen_pick(g, class == BPF_ALU64 ? 64 : 32);
		if (is_division(op) && !imm)
			imm = 7;
		gen_emit(g, class | op | BPF_K, dst, 0, off, imm);
	}
	gen_set(g, dst);
}

static void sign_extend(struct gen *g)
{
	static const s16 widths[] = { 8, 16, 32 };
	bool wide = gen_pick(g, 2);
	u8 src = gen_source(g), dst = gen_target(g);

	gen_emit(g, (wide ? BPF_ALU64 : BPF_ALU) | BPF_MOV | BPF_X, dst, src,
		 widths[gen_pick(g, wide ? 3 : 2)], 0);
	gen_uses(g, GEN_CPUV4);
	gen_set(g, dst);
}

static void swap_bytes(struct gen *g)
{
	u8 code = BPF_ALU | BPF_END | (gen_pick(g, 2) ? BPF_TO_BE : BPF_TO_LE), dst;

	if (gen_may(g, GEN_CPUV4) && !gen_pick(g, 3)) {
		code = BPF_ALU64 | BPF_END;
		gen_uses(g, GEN_CPUV4);
	}
	dst = gen_changed(g);
	gen_emit(g, code, dst, 0, 0, 16 << gen_pick(g, 3));
}

static void unary(struct gen *g)
{
	u32 what = gen_pick(g, 5);

	if (what == 0)
		gen_emit(g, BPF_ALU64 | BPF_NEG, gen_changed(g), 0, 0, 0);
	else if (what == 1)
		gen_emit(g, BPF_ALU | BPF_NEG, gen_changed(g), 0, 0, 0);
	else if (what == 2 && gen_may(g, GEN_CPUV4))
		sign_extend(g);
	else
		swap_bytes(g);
}

/* -- memory -- */

/* An offset in [from, from + range) for an access of that size, aligned when asked. */
static s16 offset_in(struct gen *g, s16 from, u32 range, u32 bytes, bool aligned)
{
	u32 at = gen_pick(g, range - bytes + 1);

	if (aligned)
		at -= (u32)(from + (s32)at) & (bytes - 1);
	return (s16)(from + (s32)at);
}

static void load(struct gen *g, u8 base, s16 from, u32 range, bool aligned)
{
	u8 size = sizes[gen_pick(g, 4)], mode = BPF_MEM, dst = gen_target(g);

	if (size != BPF_DW && gen_may(g, GEN_CPUV4) && !gen_pick(g, 3)) {
		mode = BPF_MEMSX;
		gen_uses(g, GEN_CPUV4);
	}
	gen_emit(g, BPF_LDX | mode | size, dst, base,
		 offset_in(g, from, range, bytes_of(size), aligned), 0);
	gen_set(g, dst);
}

static void store(struct gen *g, u8 base, s16 from, u32 range, bool aligned)
{
	u8 size = sizes[gen_pick(g, 4)];
	u8 src = gen_source(g);
	s16 off = offset_in(g, from, range, bytes_of(size), aligned);

	if (gen_pick(g, 3))
		gen_emit(g, BPF_STX | BPF_MEM | size, base, src, off, 0);
	else
		gen_emit(g, BPF_ST | BPF_MEM | size, base, 0, off, (s32)gen_value(&g->rng));
}

static void atomic(struct gen *g, u8 base, s16 from, u32 range)
{
	static const s32 ops[] = { BPF_ADD,
				   BPF_AND,
				   BPF_OR,
				   BPF_XOR,
				   BPF_ADD | BPF_FETCH,
				   BPF_AND | BPF_FETCH,
				   BPF_OR | BPF_FETCH,
				   BPF_XOR | BPF_FETCH,
				   BPF_XCHG,
				   BPF_CMPXCHG };
	u8 size = gen_pick(g, 2) ? BPF_DW : BPF_W;
	s32 op = ops[gen_pick(g, ARRAY_SIZE(ops))];
	u8 src = op & BPF_FETCH && op != BPF_CMPXCHG ? gen_changed(g) : gen_source(g);

	if (op == BPF_CMPXCHG) {
		if (base == BPF_REG_0 || g->locked & 1)
			return;
		if (!(g->init & 1))
			gen_random_into(g, BPF_REG_0);
	}
	gen_uses(g, GEN_ATOMICS);
	gen_emit(g, BPF_STX | BPF_ATOMIC | size, base, src,
		 offset_in(g, from, range, bytes_of(size), true), op);
}

static void ordered(struct gen *g, u8 base, s16 from, u32 range)
{
	u8 size = sizes[gen_pick(g, 4)];
	s16 off = offset_in(g, from, range, bytes_of(size), true);
	u8 reg;

	gen_uses(g, GEN_ORDERED);
	if (gen_pick(g, 2)) {
		reg = gen_source(g);
		gen_emit(g, BPF_STX | BPF_ATOMIC | size, base, reg, off, BPF_STORE_REL);
		return;
	}
	reg = gen_target(g);
	gen_emit(g, BPF_STX | BPF_ATOMIC | size, reg, base, off, BPF_LOAD_ACQ);
	gen_set(g, reg);
}

/* Base is not a scalar the statement may choose: a pin, r10, or out of init meanwhile. */
void gen_access(struct gen *g, u8 base, s16 from, u32 range, u8 kind)
{
	bool shared = kind == K_MAP || kind == K_LENT;
	bool aligned = kind != K_PACKET && kind != K_MAP;
	u32 what = gen_pick(g, 8);

	if (what == 0 && shared && gen_may(g, GEN_ATOMICS))
		atomic(g, base, from, range);
	else if (what == 1 && shared && gen_may(g, GEN_ORDERED))
		ordered(g, base, from, range);
	else if (what < 5)
		load(g, base, from, range, aligned);
	else
		store(g, base, from, range, aligned);
}

static void stack_access(struct gen *g)
{
	gen_access(g, BPF_REG_10, (s16)-g->scalar_bytes, g->scalar_bytes, K_LENT);
}

static void ctx_access(struct gen *g, u8 base)
{
	const struct gen_ctx *ctx = &g->opts->ctx;
	u8 reg;

	if (!ctx->scalars_size)
		return;
	gen_uses(g, GEN_CTX);
	if (ctx->writable_size && !gen_pick(g, 4)) {
		reg = gen_source(g);
		gen_emit(g, BPF_STX | BPF_MEM | BPF_W, base, reg,
			 offset_in(g, ctx->scalars, ctx->writable_size, 4, true), 0);
	} else if (ctx->wide) {
		load(g, base, ctx->scalars, ctx->scalars_size, true);
	} else {
		reg = gen_target(g);
		gen_emit(g, BPF_LDX | BPF_MEM | BPF_W, reg, base,
			 offset_in(g, ctx->scalars, ctx->scalars_size, 4, true), 0);
		gen_set(g, reg);
	}
}

/* Through one of the pinned pointers, or the stack. */
static void memory(struct gen *g)
{
	u8 reg = (u8)gen_pick(g, BPF_REGS);
	const struct gen_pin *pin = &g->pins[reg];

	switch (reg < BPF_REG_10 ? pin->kind : K_NONE) {
	case K_NONE:
		stack_access(g);
		break;
	case K_CTX:
		ctx_access(g, reg);
		break;
	case K_PACKET:
		gen_uses(g, GEN_PACKET);
		gen_access(g, reg, 0, pin->range, K_PACKET);
		break;
	default:
		gen_access(g, reg, 0, pin->range, pin->kind);
	}
}

/* Stores a pinned pointer into its slot, or loads it back. */
static void spill(struct gen *g)
{
	u8 reg = (u8)(BPF_REG_6 + gen_pick(g, 4));
	struct gen_pin *pin = &g->pins[reg];

	if (!pin->kind || !pin->home)
		return;
	gen_uses(g, GEN_SPILLS);
	if (pin->inside && gen_pick(g, 2))
		gen_emit(g, BPF_LDX | BPF_MEM | BPF_DW, reg, BPF_REG_10, pin->home, 0);
	else
		gen_emit(g, BPF_STX | BPF_MEM | BPF_DW, BPF_REG_10, reg, pin->home, 0);
	if (!g->depth)
		pin->inside = true; /* on every path from here */
}

/* An access to a map value at base + (scalar & mask); atomics only where mask aligns. */
static void variable_access(struct gen *g)
{
	u8 reg = (u8)(BPF_REG_6 + gen_pick(g, 4)), index;
	u32 range = g->pins[reg].range, mask = 1;
	bool aligned = gen_pick(g, 2);

	if (g->pins[reg].kind != K_MAP)
		return;
	while (mask * 2 + 1 + 8 <= range)
		mask = mask * 2 + 1;
	index = gen_changed(g);
	gen_emit(g, (gen_pick(g, 2) ? BPF_ALU64 : BPF_ALU) | BPF_AND | BPF_K, index, 0, 0,
		 (s32)(aligned ? mask & ~7u : mask));
	gen_emit(g, BPF_ALU64 | BPF_ADD | BPF_X, index, reg, 0, 0);
	g->init &= (u16) ~(1u << index);
	g->locked |= (u16)(1u << index);
	gen_access(g, index, 0, range - mask, aligned ? K_MAP : K_PACKET);
	gen_uses(g, GEN_VARIABLE);
	g->locked &= (u16) ~(1u << index);
	gen_random_into(g, index);
}

/* -- calls -- */

static void helper(struct gen *g)
{
	const struct gen_helper *helper;

	if (!g->opts->n_helpers || !gen_calls_ok(g))
		return;
	helper = &g->opts->helpers[gen_pick(g, g->opts->n_helpers)];
	for (u8 reg = BPF_REG_1; reg <= helper->n_args; reg++)
		if (!(g->init & 1u << reg))
			gen_random_into(g, reg);
	gen_emit(g, BPF_JMP | BPF_CALL, 0, 0, 0, (s32)helper->id);
	gen_clobber_call(g);
	gen_uses(g, GEN_HELPERS);
}

static void load_packet_byte(struct gen *g)
{
	static const u8 small[] = { BPF_B, BPF_H, BPF_W };
	u8 size = small[gen_pick(g, 3)];

	if (g->pins[BPF_REG_6].kind != K_CTX || !g->opts->ctx.legacy_packet || !gen_calls_ok(g))
		return;
	if (gen_pick(g, 2)) {
		gen_emit(g, BPF_LD | BPF_ABS | size, 0, 0, 0, (s32)gen_pick(g, 40));
	} else {
		u8 index = gen_changed(g);

		gen_emit(g, BPF_ALU64 | BPF_AND | BPF_K, index, 0, 0, 15);
		gen_emit(g, BPF_LD | BPF_IND | size, 0, index, 0, (s32)gen_pick(g, 30));
	}
	gen_clobber_call(g);
	gen_uses(g, GEN_LD_ABS);
}

void gen_simple_statement(struct gen *g)
{
	u32 what = gen_pick(g, 100);

	if (what < 40)
		alu(g);
	else if (what < 52)
		unary(g);
	else if (what < 60)
		gen_random_into(g, gen_target(g));
	else if (what < 84)
		memory(g);
	else if (what < 88 && gen_may(g, GEN_SPILLS))
		spill(g);
	else if (what < 92 && gen_may(g, GEN_HELPERS))
		helper(g);
	else if (what < 96 && gen_may(g, GEN_VARIABLE))
		variable_access(g);
	else if (what < 98 && gen_may(g, GEN_LD_ABS))
		load_packet_byte(g);
	else
		stack_access(g);
}
