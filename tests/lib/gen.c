/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs and control flow. A function is: prologue (pin pointers, write the stack area),
 * statements, epilogue (fold all scalars and the stack into r0).
 *
 * Where paths meet, a register counts as readable only if it is on all of them. A loop's
 * head has met its back edge by making up for what its body lost. Pinned pointers hold the same
 * pointer everywhere.
 *
 * No expression here draws two random numbers: C leaves their order to the compiler, and a
 * seed is to mean the same program everywhere.
 */
#include "lib/gen_impl.h"

#define MAX_DEPTH 3
#define MAIN_STACK 160 /* bytes: MAIN_STACK + (MAX_FUNCS - 1) * align(SUB_STACK, 32) <= 512 */
#define SUB_STACK  88
#define HELPER_LOOP 181	  /* bpf_loop(nr, callback, ctx, flags) */
#define HELPER_LOOKUP 1
#define HELPER_UPDATE 2
#define HELPER_DELETE 3
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

static u16 pinned(const struct gen *g)
{
	u16 mask = 0;

	for (u32 reg = 0; reg < BPF_REG_10; reg++)
		if (g->pins[reg].kind)
			mask |= (u16)(1u << reg);
	return mask;
}

static u8 pick_bit(struct gen *g, u16 mask)
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
	return pick_bit(g, (u16)(ALL_SCALARS & ~g->locked & ~pinned(g)));
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
	return pick_bit(g, g->init);
}

u8 gen_changed(struct gen *g)
{
	u16 mask = (u16)(g->init & ~g->locked);
	u8 reg;

	if (mask && gen_pick(g, 8))
		return pick_bit(g, mask);
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

/* -- control flow -- */

static const u8 conditions[] = { BPF_JEQ, BPF_JNE,  BPF_JGT,  BPF_JGE,	BPF_JLT, BPF_JLE,
				 BPF_JSGT, BPF_JSGE, BPF_JSLT, BPF_JSLE, BPF_JSET };

u32 gen_condition(struct gen *g)
{
	u8 code = gen_pick(g, 2) ? BPF_JMP : BPF_JMP32;
	u8 op = conditions[gen_pick(g, ARRAY_SIZE(conditions))];
	u8 dst = gen_source(g);

	if (gen_pick(g, 2))
		return gen_emit(g, code | op | BPF_X, dst, gen_source(g), 0, 0);
	return gen_emit(g, code | op | BPF_K, dst, 0, 0, (s32)gen_value(&g->rng));
}

static u32 forward_jump(struct gen *g)
{
	if (!gen_may(g, GEN_CPUV4) || gen_pick(g, 3))
		return gen_emit(g, BPF_JMP | BPF_JA, 0, 0, 0, 0);
	gen_uses(g, GEN_CPUV4);
	return gen_emit(g, BPF_JMP32 | BPF_JA, 0, 0, 0, 0);
}

static void if_else(struct gen *g)
{
	u32 over = gen_condition(g), end;
	u16 before = g->init, after_then;

	gen_block(g, 1 + gen_pick(g, 5));
	if (gen_pick(g, 2)) {
		gen_land(g, over);
		g->init &= before;
		return;
	}
	end = forward_jump(g);
	gen_land(g, over);
	after_then = g->init;
	g->init = before;
	gen_block(g, 1 + gen_pick(g, 5));
	gen_land(g, end);
	g->init &= after_then;
}

/* r0 is set already. */
static void return_r0(struct gen *g)
{
	if (g->funcs[g->func].role == ROLE_CALLBACK)
		gen_emit(g, BPF_ALU64 | BPF_AND | BPF_K, 0, 0, 0, 1);
	else if (g->opts->ret_mask && g->funcs[g->func].role == ROLE_MAIN)
		gen_emit(g, BPF_ALU64 | BPF_AND | BPF_K, 0, 0, 0, (s32)g->opts->ret_mask);
	gen_emit(g, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static void early_exit(struct gen *g)
{
	u32 over = gen_condition(g);
	u16 before = g->init;

	if (g->pins[0].kind || g->locked & 1)
		gen_land(g, over);
	else {
		gen_emit(g, BPF_ALU64 | BPF_MOV | BPF_X, 0, gen_source(g), 0, 0);
		return_r0(g);
		gen_land(g, over);
		gen_uses(g, GEN_EXITS);
	}
	g->init = before;
}

/* Gives every register in want a value that has none. */
static void restore_init(struct gen *g, u16 want)
{
	for (u8 reg = 0; reg < BPF_REG_10; reg++)
		if (want & ~g->init & 1u << reg)
			gen_random_into(g, reg);
	g->init = want;
}

static u32 iterations(struct gen *g)
{
	u32 max = g->opts->max_iterations ? g->opts->max_iterations : 8;

	return 1 + gen_pick(g, g->depth ? MIN(max, 4) : max);
}

/* Where a loop counts: a callee-saved scalar, or when there is none to spare, the stack. */
struct counter {
	u8 reg;
	s16 slot; /* 0: in reg */
};

static bool choose_counter(struct gen *g, struct counter *counter)
{
	u16 free = (u16)(0x3c0 & ~g->locked & ~pinned(g));

	if (__builtin_popcount(free) > 1 && gen_pick(g, 4)) {
		*counter = (struct counter){ .reg = pick_bit(g, free) };
		g->locked |= (u16)(1u << counter->reg);
		gen_set(g, counter->reg);
		return true;
	}
	*counter = (struct counter){ .slot = gen_private_slot(g) };
	return counter->slot != 0;
}

static void start_counter(struct gen *g, const struct counter *counter, u32 n)
{
	if (counter->slot)
		gen_emit(g, BPF_ST | BPF_MEM | BPF_DW, BPF_REG_10, 0, counter->slot, (s32)n);
	else
		gen_emit(g, BPF_ALU64 | BPF_MOV | BPF_K, counter->reg, 0, 0, (s32)n);
}

/* Down to 0, or up from 0 to n; the register that now holds the counter. */
static u8 step_counter(struct gen *g, const struct counter *counter, s32 step)
{
	u8 reg = counter->reg;

	if (counter->slot) {
		reg = gen_target(g);
		gen_emit(g, BPF_LDX | BPF_MEM | BPF_DW, reg, BPF_REG_10, counter->slot, 0);
	}
	gen_emit(g, BPF_ALU64 | BPF_ADD | BPF_K, reg, 0, 0, step);
	if (counter->slot)
		gen_emit(g, BPF_STX | BPF_MEM | BPF_DW, BPF_REG_10, reg, counter->slot, 0);
	gen_set(g, reg);
	return reg;
}

static void loop(struct gen *g)
{
	bool up = gen_pick(g, 2), was_bounded = g->bounded;
	struct counter counter;
	u32 n = iterations(g), head, escape = 0;
	u16 at_head;
	u8 reg;

	if ((g->bounded && g->depth > 1) || !choose_counter(g, &counter))
		return;
	g->bounded = true;
	gen_uses(g, GEN_LOOPS);
	start_counter(g, &counter, up ? 0 : n);
	at_head = g->init;
	head = g->out->len;
	if (gen_may(g, GEN_MAY_GOTO) && !gen_pick(g, 4)) {
		escape = gen_emit(g, BPF_JMP | BPF_JCOND, 0, 0, 0, 0);
		gen_uses(g, GEN_MAY_GOTO);
	}
	gen_block(g, 1 + gen_pick(g, 6));
	restore_init(g, (u16)(at_head | (counter.slot ? 0 : 1u << counter.reg)));
	reg = step_counter(g, &counter, up ? 1 : -1);
	gen_emit(g, BPF_JMP | (up ? BPF_JLT : BPF_JNE) | BPF_K, reg, 0,
		 (s16)(head - g->out->len - 1), up ? (s32)n : 0);
	if (escape)
		gen_land(g, escape);
	g->init = at_head;
	if (!counter.slot)
		g->locked &= (u16)~(1u << counter.reg);
	g->bounded = was_bounded;
}

/* -- calls -- */

static void argument(struct gen *g, u8 reg)
{
	if (!(g->init & 1u << reg) || !gen_pick(g, 3))
		gen_random_into(g, reg);
}

static void lend_stack(struct gen *g, u8 reg)
{
	gen_emit(g, BPF_ALU64 | BPF_MOV | BPF_X, reg, BPF_REG_10, 0, 0);
	gen_emit(g, BPF_ALU64 | BPF_ADD | BPF_K, reg, 0, 0, -SHARED);
}

static void note_call(struct gen *g, u32 at, u8 func)
{
	g->calls[g->n_calls++] = (struct gen_call){ at, func };
}

static void call_callback(struct gen *g, u8 func)
{
	gen_emit(g, BPF_ALU64 | BPF_MOV | BPF_K, 1, 0, 0, (s32)iterations(g));
	note_call(g, g->out->len, func);
	gen_imm64(g, 2, BPF_PSEUDO_FUNC, 0);
	lend_stack(g, 3);
	gen_emit(g, BPF_ALU64 | BPF_MOV | BPF_K, 4, 0, 0, 0);
	gen_emit(g, BPF_JMP | BPF_CALL, 0, 0, 0, HELPER_LOOP);
	gen_clobber_call(g);
	gen_uses(g, GEN_CALLBACKS);
}

static void call_subprog(struct gen *g, u8 func)
{
	const struct gen_func *callee = &g->funcs[func];
	u8 reg = BPF_REG_1 + callee->lent;

	for (u8 i = 0; i < callee->n_scalars; i++)
		argument(g, reg++);
	if (callee->lent)
		lend_stack(g, BPF_REG_1);
	note_call(g, gen_emit(g, BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, 0), func);
	gen_clobber_call(g);
	gen_uses(g, GEN_SUBPROGS);
}

static void call_function(struct gen *g, u8 func)
{
	if (g->n_calls == ARRAY_SIZE(g->calls))
		return;
	g->funcs[func].called = true;
	if (g->funcs[func].role == ROLE_CALLBACK)
		call_callback(g, func);
	else
		call_subprog(g, func);
}

/* Only later functions are called, so there is no recursion. Seldom from loops: it multiplies. */
static void call(struct gen *g)
{
	u32 later = g->n_funcs - g->func - 1;

	if (later && gen_calls_ok(g) && (!g->bounded || !gen_pick(g, 4)))
		call_function(g, (u8)(g->func + 1 + gen_pick(g, later)));
}

/* -- maps and packets -- */

static const struct gen_map *choose_map(struct gen *g)
{
	return &g->opts->maps[gen_pick(g, g->opts->n_maps)];
}

/* r1 = map, r2 = &key, somewhere in the stack area. */
static void map_and_key(struct gen *g, const struct gen_map *map)
{
	s16 at = (s16)(-8 * (s32)(1 + gen_pick(g, g->scalar_bytes / 8u)));

	if (gen_pick(g, 2))
		gen_emit(g, BPF_ST | BPF_MEM | BPF_W, BPF_REG_10, 0, at,
			 (s32)gen_pick(g, map->max_entries + 1));
	else
		gen_emit(g, BPF_STX | BPF_MEM | BPF_W, BPF_REG_10, gen_source(g), at, 0);
	gen_emit(g, BPF_ALU64 | BPF_MOV | BPF_X, 2, BPF_REG_10, 0, 0);
	gen_emit(g, BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, at);
	gen_imm64(g, 1, map->ref_src, (u32)map->ref);
	gen_uses(g, GEN_MAPS);
}

/* r0 = the value or NULL; not a scalar yet. */
static void map_lookup(struct gen *g, const struct gen_map *map)
{
	map_and_key(g, map);
	gen_emit(g, BPF_JMP | BPF_CALL, 0, 0, 0, HELPER_LOOKUP);
	gen_clobber_call(g);
	g->init &= (u16)~1u;
}

/* Update from the stack, or delete. */
static void map_change(struct gen *g, const struct gen_map *map)
{
	bool erase = map->hash && !gen_pick(g, 3);

	map_and_key(g, map);
	if (!erase) {
		gen_emit(g, BPF_ALU64 | BPF_MOV | BPF_X, 3, BPF_REG_10, 0, 0);
		gen_emit(g, BPF_ALU64 | BPF_ADD | BPF_K, 3, 0, 0, -g->scalar_bytes);
		gen_emit(g, BPF_ALU64 | BPF_MOV | BPF_K, 4, 0, 0, 0);
	}
	gen_emit(g, BPF_JMP | BPF_CALL, 0, 0, 0, erase ? HELPER_DELETE : HELPER_UPDATE);
	gen_clobber_call(g);
}

/* Looks up, tests for NULL, uses the value. */
static void map_use(struct gen *g)
{
	const struct gen_map *map;
	u16 before;
	u32 miss;

	if (!g->opts->n_maps || !gen_calls_ok(g) || g->locked & 1)
		return;
	map = choose_map(g);
	if (g->scalar_bytes >= map->value_size && !gen_pick(g, 5)) {
		map_change(g, map);
		return;
	}
	map_lookup(g, map);
	miss = gen_emit(g, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 0, 0);
	before = g->init;
	g->locked |= 1;
	for (u32 n = 1 + gen_pick(g, 4); n; n--)
		gen_access(g, BPF_REG_0, 0, map->value_size, K_MAP);
	g->locked &= (u16)~1u;
	gen_land(g, miss);
	g->init = before;
	gen_random_into(g, BPF_REG_0);
}

static u8 ptr_load(const struct gen *g)
{
	return BPF_LDX | BPF_MEM | (g->opts->ctx.ptr_size == 8 ? BPF_DW : BPF_W);
}

/* A pointer at a variable distance into the packet, checked against its end, and used. */
static void packet_use(struct gen *g)
{
	u8 base = 0, ctx = 0, at, end;
	u32 outside, bytes = 1 + gen_pick(g, 16);
	u16 before, locked = g->locked;

	for (u8 reg = BPF_REG_6; reg < BPF_REG_10; reg++) {
		base = g->pins[reg].kind == K_PACKET ? reg : base;
		ctx = g->pins[reg].kind == K_CTX ? reg : ctx;
	}
	if (!base || !ctx)
		return;
	at = gen_changed(g);
	g->init &= (u16)~(1u << at);
	g->locked |= (u16)(1u << at);
	end = gen_target(g);
	g->init &= (u16)~(1u << end);
	gen_emit(g, BPF_ALU64 | BPF_AND | BPF_K, at, 0, 0, 63);
	gen_emit(g, BPF_ALU64 | BPF_ADD | BPF_X, at, base, 0, 0);
	gen_emit(g, ptr_load(g), end, ctx, g->opts->ctx.data_end, 0);
	gen_emit(g, BPF_ALU64 | BPF_ADD | BPF_K, at, 0, 0, (s32)bytes);
	outside = gen_emit(g, BPF_JMP | BPF_JGT | BPF_X, at, end, 0, 0);
	before = g->init;
	if (bytes >= 8)
		gen_access(g, at, (s16)-(s32)bytes, bytes, K_PACKET);
	else
		gen_emit(g, BPF_STX | BPF_MEM | BPF_B, at, gen_source(g), (s16)-(s32)bytes, 0);
	gen_land(g, outside);
	g->init = before;
	g->locked = locked;
	gen_random_into(g, at);
	gen_random_into(g, end);
	gen_uses(g, GEN_PACKET | GEN_VARIABLE);
}

static void statement(struct gen *g)
{
	u32 what = gen_pick(g, 100);
	bool deeper = g->depth < MAX_DEPTH;

	if (what < 10 && deeper)
		if_else(g);
	else if (what < 15 && deeper && gen_may(g, GEN_LOOPS))
		loop(g);
	else if (what < 18 && g->n_funcs > 1)
		call(g);
	else if (what < 22 && gen_may(g, GEN_MAPS))
		map_use(g);
	else if (what < 25 && gen_may(g, GEN_PACKET))
		packet_use(g);
	else if (what < 27 && gen_may(g, GEN_EXITS))
		early_exit(g);
	else
		gen_simple_statement(g);
}

void gen_block(struct gen *g, u32 statements)
{
	g->depth++;
	for (u32 i = 0; i < statements && g->out->len < g->limit; i++)
		statement(g);
	g->depth--;
}

/* -- functions -- */

static void pin(struct gen *g, u8 reg, u8 kind, u32 range)
{
	g->pins[reg] = (struct gen_pin){ .kind = kind, .range = range,
					 .home = gen_may(g, GEN_SPILLS) ? gen_private_slot(g) : 0 };
	g->init &= (u16)~(1u << reg);
}

/* Ends the program when the jump at `at` was not taken. */
static void leave_unless(struct gen *g, u32 at)
{
	gen_emit(g, BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, (s32)gen_pick(g, 4));
	return_r0(g);
	gen_land(g, at);
}

/* r7 = start of a packet of at least some bytes; ctx is in r6. */
static void pin_packet(struct gen *g)
{
	u32 bytes = 8 + gen_pick(g, 57);

	gen_emit(g, ptr_load(g), 7, 6, g->opts->ctx.data, 0);
	gen_emit(g, ptr_load(g), 2, 6, g->opts->ctx.data_end, 0);
	gen_emit(g, BPF_ALU64 | BPF_MOV | BPF_X, 3, 7, 0, 0);
	gen_emit(g, BPF_ALU64 | BPF_ADD | BPF_K, 3, 0, 0, (s32)bytes);
	leave_unless(g, gen_emit(g, BPF_JMP | BPF_JLE | BPF_X, 3, 2, 0, 0));
	pin(g, 7, K_PACKET, bytes);
	gen_uses(g, GEN_PACKET);
}

static void pin_map_value(struct gen *g)
{
	const struct gen_map *map = choose_map(g);

	if (map->value_ref_src && gen_pick(g, 2)) {
		u32 at = 8 * gen_pick(g, map->value_size / 8 - 1);

		gen_imm64(g, 8, map->value_ref_src, (u32)map->ref | (u64)at << 32);
		pin(g, 8, K_MAP, map->value_size - at);
	} else {
		map_lookup(g, map);
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
			gen_emit(g, BPF_STX | BPF_MEM | BPF_DW, BPF_REG_10, gen_source(g),
				 (s16)-at, 0);
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
		statement(g);
	/* A function that nobody calls would not be one: its predecessor does. */
	if (g->func + 1 < g->n_funcs && !g->funcs[g->func + 1].called)
		call_function(g, (u8)(g->func + 1));
	fold(g);
	return_r0(g);
}

static void choose_functions(struct gen *g)
{
	g->funcs[g->n_funcs++] = (struct gen_func){ .role = ROLE_MAIN };
	if (!gen_may(g, GEN_SUBPROGS | GEN_CALLBACKS) || gen_pick(g, 2))
		return;
	for (u32 more = 1 + gen_pick(g, MAX_FUNCS - 1); more; more--) {
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
