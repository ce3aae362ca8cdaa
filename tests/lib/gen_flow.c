/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statements that branch or call: conditions, loops, functions, maps, packets.
 *
 * Where paths meet, a register counts as readable only if it is on all of them. A loop's
 * head has met its back edge by making up for what its body lost. Pinned pointers hold the same
 * pointer everywhere.
 */
#include "lib/gen_impl.h"

#define MAX_DEPTH     3
#define HELPER_LOOP   181 /* bpf_loop(nr, callback, ctx, flags) */
#define HELPER_LOOKUP 1
#define HELPER_UPDATE 2
#define HELPER_DELETE 3

static const u8 conditions[] = { BPF_JEQ,  BPF_JNE,  BPF_JGT,  BPF_JGE,  BPF_JLT, BPF_JLE,
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
void gen_return(struct gen *g)
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
		gen_return(g);
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
	u16 free = (u16)(0x3c0 & ~g->locked & ~gen_pinned(g));

	if (__builtin_popcount(free) > 1 && gen_pick(g, 4)) {
		*counter = (struct counter){ .reg = gen_pick_register(g, free) };
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
		g->locked &= (u16) ~(1u << counter.reg);
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

void gen_call_function(struct gen *g, u8 func)
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
		gen_call_function(g, (u8)(g->func + 1 + gen_pick(g, later)));
}

/* -- maps and packets -- */

const struct gen_map *gen_choose_map(struct gen *g)
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
void gen_map_lookup(struct gen *g, const struct gen_map *map)
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
	map = gen_choose_map(g);
	if (g->scalar_bytes >= map->value_size && !gen_pick(g, 5)) {
		map_change(g, map);
		return;
	}
	gen_map_lookup(g, map);
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

u8 gen_pointer_load(const struct gen *g)
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
	g->init &= (u16) ~(1u << at);
	g->locked |= (u16)(1u << at);
	end = gen_target(g);
	g->init &= (u16) ~(1u << end);
	gen_emit(g, BPF_ALU64 | BPF_AND | BPF_K, at, 0, 0, 63);
	gen_emit(g, BPF_ALU64 | BPF_ADD | BPF_X, at, base, 0, 0);
	gen_emit(g, gen_pointer_load(g), end, ctx, g->opts->ctx.data_end, 0);
	gen_emit(g, BPF_ALU64 | BPF_ADD | BPF_K, at, 0, 0, (s32)bytes);
	outside = gen_emit(g, BPF_JMP | BPF_JGT | BPF_X, at, end, 0, 0);
	before = g->init;
	if (bytes >= 8)
		gen_access(g, at, (s16) - (s32)bytes, bytes, K_PACKET);
	else
		gen_emit(g, BPF_STX | BPF_MEM | BPF_B, at, gen_source(g), (s16) - (s32)bytes, 0);
	gen_land(g, outside);
	g->init = before;
	g->locked = locked;
	gen_random_into(g, at);
	gen_random_into(g, end);
	gen_uses(g, GEN_PACKET | GEN_VARIABLE);
}

void gen_statement(struct gen *g)
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
		gen_statement(g);
	g->depth--;
}
