/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Randomness, registers, functions. A function is: prologue (pin pointers, write the stack
 * area), statements, epilogue (fold all scalars and the stack into r0).
 *
 * No expression here draws two random numbers: C leaves their order to the compiler, and a
 * seed is to mean the same program everywhere.
 */
#include <linux/btf.h>

#include "lib/gen_impl.h"

#define MAIN_STACK  160 /* bytes: MAIN_STACK + (GEN_MAX_FUNCS - 1) * align(SUB_STACK, 32) <= 512 */
#define SUB_STACK   88
#define ALL_SCALARS 0x3ff /* r0 to r9 */

const char *const gen_feature_names[GEN_N_FEATURES] = {
#define GEN_NAME(name, text) text,
	GEN_FEATURES(GEN_NAME)
#undef GEN_NAME
};

u64 gen_rand(struct gen_rng *rng)
{
	u64 z = rng->state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

u32 gen_below(struct gen_rng *rng, u32 n)
{
	return (u32)((gen_rand(rng) >> 32) * n >> 32);
}

bool gen_chance(struct gen_rng *rng, u32 percent)
{
	return gen_below(rng, 100) < percent;
}

u64 gen_value(struct gen_rng *rng)
{
	u64 value = gen_rand(rng);

	switch (gen_below(rng, 8)) {
	case 0:
		return gen_below(rng, 4);
	case 1:
		return 0 - (u64)gen_below(rng, 4);
	case 2:
		return (1ull << (value & 63)) - gen_below(rng, 3) + 1;
	case 3:
		return (1ull << (value & 31)) - gen_below(rng, 3) + 1;
	case 4:
		return value & 0xff;
	case 5:
		return (u64)(s64)(s32)value;
	case 6:
		return value & 0x7fff;
	default:
		return value;
	}
}

u32 gen_pick(struct gen *g, u32 n)
{
	return gen_below(&g->rng, n);
}

bool gen_may(struct gen *g, u32 feature)
{
	return g->opts->features & feature;
}

void gen_uses(struct gen *g, u32 feature)
{
	g->out->features |= feature;
}

u32 gen_emit(struct gen *g, u8 code, u8 dst, u8 src, s16 off, s32 imm)
{
	g->out->insns[g->out->len] = gen_insn(code, dst, src, off, imm);
	if (g->out->len < GEN_MAX - 1)
		g->out->len++;
	return g->out->len - 1;
}

void gen_imm64(struct gen *g, u8 dst, u8 src, u64 imm)
{
	gen_emit(g, BPF_LD | BPF_IMM | BPF_DW, dst, src, 0, (s32)imm);
	gen_emit(g, 0, 0, 0, 0, (s32)(imm >> 32));
}

void gen_land(struct gen *g, u32 at)
{
	struct bpf_insn *insn = &g->out->insns[at];
	s32 distance = (s32)(g->out->len - at - 1);

	if (insn->code == (BPF_JMP32 | BPF_JA))
		insn->imm = distance;
	else
		insn->off = (s16)distance;
}

/* -- registers -- */

u16 gen_pinned(const struct gen *g)
{
	u16 mask = 0;

	for (u32 reg = 0; reg < BPF_REG_10; reg++)
		if (g->pins[reg].kind)
			mask |= (u16)(1u << reg);
	return mask;
}

u8 gen_pick_register(struct gen *g, u16 mask)
{
	u32 skip = gen_pick(g, (u32)__builtin_popcount(mask));

	while (skip--)
		mask &= (u16)(mask - 1);
	return (u8)__builtin_ctz(mask);
}

void gen_set(struct gen *g, u8 reg)
{
	g->init |= (u16)(1u << reg);
}

u8 gen_target(struct gen *g)
{
	return gen_pick_register(g, (u16)(ALL_SCALARS & ~g->locked & ~gen_pinned(g)));
}

void gen_random_into(struct gen *g, u8 reg)
{
	u64 value = gen_value(&g->rng);

	if (!gen_pick(g, 6))
		gen_imm64(g, reg, 0, value);
	else
		gen_emit(g, (gen_pick(g, 2) ? BPF_ALU64 : BPF_ALU) | BPF_MOV | BPF_K, reg, 0, 0,
			 (s32)value);
	gen_set(g, reg);
}

u8 gen_source(struct gen *g)
{
	if (!g->init)
		gen_random_into(g, gen_target(g));
	return gen_pick_register(g, g->init);
}

u8 gen_changed(struct gen *g)
{
	u16 mask = (u16)(g->init & ~g->locked);
	u8 reg;

	if (mask && gen_pick(g, 8))
		return gen_pick_register(g, mask);
	reg = gen_target(g);
	if (!(g->init & 1u << reg))
		gen_random_into(g, reg);
	return reg;
}

bool gen_calls_ok(const struct gen *g)
{
	return !(g->locked & 0x3f);
}

void gen_clobber_call(struct gen *g)
{
	g->init = (u16)((g->init & ~0x3eu) | 1);
}

s16 gen_private_slot(struct gen *g)
{
	if (g->stack + 8 > (g->funcs[g->func].role == ROLE_MAIN ? MAIN_STACK : SUB_STACK))
		return 0;
	g->stack += 8;
	return (s16)-g->stack;
}

/* -- functions -- */

static void pin(struct gen *g, u8 reg, u8 kind, u32 range)
{
	g->pins[reg] = (struct gen_pin){ .kind = kind,
					 .range = range,
					 .home = gen_may(g, GEN_SPILLS) ? gen_private_slot(g) : 0 };
	g->init &= (u16) ~(1u << reg);
}

/* Ends the program when the jump at `at` was not taken. */
static void leave_unless(struct gen *g, u32 at)
{
	gen_emit(g, BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, (s32)gen_pick(g, 4));
	gen_return(g);
	gen_land(g, at);
}

/* r7 = start of a packet of at least some bytes; ctx is in r6. */
static void pin_packet(struct gen *g)
{
	u32 bytes = 8 + gen_pick(g, 57);

	gen_emit(g, gen_pointer_load(g), 7, 6, g->opts->ctx.data, 0);
	gen_emit(g, gen_pointer_load(g), 2, 6, g->opts->ctx.data_end, 0);
	gen_emit(g, BPF_ALU64 | BPF_MOV | BPF_X, 3, 7, 0, 0);
	gen_emit(g, BPF_ALU64 | BPF_ADD | BPF_K, 3, 0, 0, (s32)bytes);
	leave_unless(g, gen_emit(g, BPF_JMP | BPF_JLE | BPF_X, 3, 2, 0, 0));
	pin(g, 7, K_PACKET, bytes);
	gen_uses(g, GEN_PACKET);
}

static void pin_map_value(struct gen *g)
{
	const struct gen_map *map = gen_choose_map(g);

	if (map->value_ref_src && gen_pick(g, 2)) {
		u32 at = 8 * gen_pick(g, map->value_size / 8 - 1);

		gen_imm64(g, 8, map->value_ref_src, (u32)map->ref | (u64)at << 32);
		pin(g, 8, K_MAP, map->value_size - at);
	} else {
		gen_map_lookup(g, map);
		leave_unless(g, gen_emit(g, BPF_JMP | BPF_JNE | BPF_K, 0, 0, 0, 0));
		gen_emit(g, BPF_ALU64 | BPF_MOV | BPF_X, 8, 0, 0, 0);
		pin(g, 8, K_MAP, map->value_size);
	}
	gen_uses(g, GEN_MAPS);
}

/* Before it, the arguments are in registers; after it, what is pinned is in r6 to r9. */
static void receive(struct gen *g, const struct gen_func *func)
{
	u8 lent = func->role == ROLE_CALLBACK ? BPF_REG_2 : BPF_REG_1;
	bool pinned_first = func->lent && func->role == ROLE_SUBPROG;

	g->init = 0;
	for (u8 i = 0; i < func->n_scalars; i++)
		gen_set(g, (u8)(BPF_REG_1 + pinned_first + i));
	if (func->role == ROLE_MAIN) {
		gen_emit(g, BPF_ALU64 | BPF_MOV | BPF_X, 6, BPF_REG_1, 0, 0);
		pin(g, 6, K_CTX, 0);
	} else if (func->lent) {
		gen_emit(g, BPF_ALU64 | BPF_MOV | BPF_X, 9, lent, 0, 0);
		pin(g, 9, K_LENT, SHARED);
	}
}

static void write_stack(struct gen *g)
{
	for (s16 at = 8; at <= g->scalar_bytes; at += 8) {
		if (g->init && gen_pick(g, 2))
			gen_emit(g, BPF_STX | BPF_MEM | BPF_DW, BPF_REG_10, gen_source(g), (s16)-at,
				 0);
		else
			gen_emit(g, BPF_ST | BPF_MEM | BPF_DW, BPF_REG_10, 0, (s16)-at,
				 (s32)gen_value(&g->rng));
	}
}

static void prologue(struct gen *g, const struct gen_func *func)
{
	const struct gen_ctx *ctx = &g->opts->ctx;

	memset(g->pins, 0, sizeof(g->pins));
	g->init = g->locked = 0;
	g->depth = 0;
	g->bounded = func->role == ROLE_CALLBACK;
	g->scalar_bytes = (u16)(SHARED + (func->role == ROLE_MAIN ? 8 * gen_pick(g, 5) : 0));
	g->stack = g->scalar_bytes;
	receive(g, func);
	write_stack(g);
	if (func->role == ROLE_MAIN && ctx->ptr_size && gen_may(g, GEN_PACKET) && gen_pick(g, 3))
		pin_packet(g);
	if (g->opts->n_maps && gen_may(g, GEN_MAPS) && gen_pick(g, 2))
		pin_map_value(g);
}

/* r0 = a number that depends on every scalar and on the stack. */
static void fold(struct gen *g)
{
	u16 live = g->init;

	if (!(live & 1))
		gen_emit(g, BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 1);
	for (u8 reg = 1; reg < BPF_REG_10; reg++) {
		if (!(live & 1u << reg))
			continue;
		gen_emit(g, BPF_ALU64 | BPF_MUL | BPF_K, 0, 0, 0, 31);
		gen_emit(g, BPF_ALU64 | BPF_XOR | BPF_X, 0, reg, 0, 0);
	}
	for (s16 at = 8; at <= g->scalar_bytes; at += 8) {
		gen_emit(g, BPF_LDX | BPF_MEM | BPF_DW, 1, BPF_REG_10, (s16)-at, 0);
		gen_emit(g, BPF_ALU64 | BPF_MUL | BPF_K, 0, 0, 0, 31);
		gen_emit(g, BPF_ALU64 | BPF_XOR | BPF_X, 0, 1, 0, 0);
	}
}

static void function(struct gen *g, u32 size)
{
	struct gen_func *func = &g->funcs[g->func];

	func->start = g->out->len;
	g->limit = MIN(g->out->len + size, GEN_MAX / 2);
	prologue(g, func);
	while (g->out->len < g->limit)
		gen_statement(g);
	/* A function that nobody calls would not be one: its predecessor does. */
	if (g->func + 1 < g->n_funcs && !g->funcs[g->func + 1].called)
		gen_call_function(g, (u8)(g->func + 1));
	fold(g);
	gen_return(g);
}

static void choose_functions(struct gen *g)
{
	g->funcs[g->n_funcs++] = (struct gen_func){ .role = ROLE_MAIN };
	if (!gen_may(g, GEN_SUBPROGS | GEN_CALLBACKS) || gen_pick(g, 2))
		return;
	for (u32 more = 1 + gen_pick(g, GEN_MAX_FUNCS - 1); more; more--) {
		struct gen_func func = { .role = ROLE_SUBPROG };

		if (!gen_may(g, GEN_SUBPROGS) || (gen_may(g, GEN_CALLBACKS) && !gen_pick(g, 3)))
			func.role = ROLE_CALLBACK;
		func.lent = func.role == ROLE_CALLBACK || gen_pick(g, 2);
		func.n_scalars = func.role == ROLE_CALLBACK ? 1 : (u8)gen_pick(g, 5);
		g->funcs[g->n_funcs++] = func;
	}
}

static void link_calls(struct gen *g)
{
	for (u32 i = 0; i < g->n_calls; i++) {
		const struct gen_call *call = &g->calls[i];

		g->out->insns[call->at].imm = (s32)(g->funcs[call->func].start - call->at - 1);
	}
}

void gen_program(const struct gen_opts *opts, struct gen_prog *out)
{
	struct gen g = { .opts = opts, .out = out, .rng = { opts->seed } };
	u32 share;

	out->len = out->features = 0;
	choose_functions(&g);
	share = opts->size / g.n_funcs;
	for (g.func = 0; g.func < g.n_funcs; g.func++)
		function(&g, share);
	link_calls(&g);
	for (out->n_funcs = 0; out->n_funcs < g.n_funcs; out->n_funcs++)
		out->funcs[out->n_funcs] = g.funcs[out->n_funcs].start;
}

#define BTF_ID_FUNC 3

void gen_btf(u8 *out)
{
	static const char strings[7] = "\0int\0f";
	struct {
		struct btf_header header;
		struct btf_type integer; /* 1 */
		u32 encoding;
		struct btf_type proto; /* 2: int (void) */
		struct btf_type func;  /* 3 */
		char strings[sizeof(strings)];
	} __attribute__((packed)) btf = {
		.header = { .magic = BTF_MAGIC, .version = 1, .hdr_len = sizeof(btf.header) },
		.integer = { .name_off = 1, .info = BTF_KIND_INT << 24, .size = 4 },
		.encoding = BTF_INT_SIGNED << 24 | 32,
		.proto = { .info = BTF_KIND_FUNC_PROTO << 24, .type = 1 },
		.func = { .name_off = 5, .info = BTF_KIND_FUNC << 24, .type = 2 },
	};

	_Static_assert(sizeof(btf) == GEN_BTF_SIZE, "size of BTF");
	memcpy(btf.strings, strings, sizeof(strings));
	btf.header.type_len = offsetof(__typeof__(btf), strings) - sizeof(btf.header);
	btf.header.str_off = btf.header.type_len;
	btf.header.str_len = sizeof(strings);
	memcpy(out, &btf, sizeof(btf));
}

u32 gen_func_info(const struct gen_prog *prog, struct bpf_func_info *out)
{
	for (u32 i = 0; i < prog->n_funcs; i++)
		out[i] = (struct bpf_func_info){ prog->funcs[i], BTF_ID_FUNC };
	return prog->n_funcs;
}

void gen_mutate(struct gen_rng *rng, struct bpf_insn *insns, u32 n)
{
	for (u32 changes = 1 + gen_below(rng, 3); changes; changes--) {
		struct bpf_insn *insn = &insns[gen_below(rng, n)];

		switch (gen_below(rng, 6)) {
		case 0:
			insn->code ^= (u8)(1u << gen_below(rng, 8));
			break;
		case 1:
			insn->dst_reg = gen_below(rng, BPF_REGS) & 15;
			break;
		case 2:
			insn->src_reg = gen_below(rng, BPF_REGS) & 15;
			break;
		case 3:
			insn->off = (s16)(insn->off + (s16)gen_below(rng, 33) - 16);
			break;
		case 4:
			insn->imm = (s32)gen_value(rng);
			break;
		default:
			*insn = insns[gen_below(rng, n)];
		}
	}
}
