/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the generator: gen.c has registers and functions, gen_flow.c statements that
 * branch or call, gen_stmt.c the others. */
#ifndef SKEP_TESTS_GEN_IMPL_H
#define SKEP_TESTS_GEN_IMPL_H

#include "lib/gen.h"

#define SHARED 64 /* bytes of its stack a function lends to those it calls */

/* What a pinned register points to. */
enum gen_kind { K_NONE, K_CTX, K_PACKET, K_MAP, K_LENT };

struct gen_pin {
	u8 kind;     /* enum gen_kind */
	u32 range;   /* bytes that may be accessed */
	s16 home;    /* stack offset of its spill slot */
	bool inside; /* spilled now: the register itself is a copy that may be refilled */
};

enum gen_role { ROLE_MAIN, ROLE_SUBPROG, ROLE_CALLBACK };

struct gen_func {
	u8 role;
	u8 n_scalars; /* arguments, after the pointer if there is one */
	bool lent;    /* first argument (callback: second) points to SHARED bytes of stack */
	bool called;
	u32 start;
};

struct gen_call {
	u32 at;
	u8 func;
};

/*
 * The state of generation. Registers are scalars (init: readable now), or pinned pointers,
 * which keep their meaning all through a function.
 */
struct gen {
	const struct gen_opts *opts;
	struct gen_prog *out;
	struct gen_rng rng;
	struct gen_func funcs[GEN_MAX_FUNCS];
	u32 n_funcs;
	struct gen_call calls[GEN_MAX / 4];
	u32 n_calls;
	/* the function being made */
	u32 func;
	struct gen_pin pins[BPF_REGS];
	u16 init;         /* scalars that hold a value */
	u16 locked;       /* scalars that only their loop may change */
	u16 scalar_bytes; /* of stack below r10, all written */
	u16 stack;        /* bytes in use */
	u32 depth;
	u32 limit;    /* stop adding statements at this length */
	bool bounded; /* inside a callback or loop */
};

static inline struct bpf_insn gen_insn(u8 code, u8 dst, u8 src, s16 off, s32 imm)
{
	return (struct bpf_insn){
		.code = code, .dst_reg = dst & 15, .src_reg = src & 15, .off = off, .imm = imm
	};
}

/* gen.c */
u32 gen_emit(struct gen *g, u8 code, u8 dst, u8 src, s16 off, s32 imm);
void gen_imm64(struct gen *g, u8 dst, u8 src, u64 imm);
/* Makes the jump at `at` go to the next instruction. */
void gen_land(struct gen *g, u32 at);
bool gen_may(struct gen *g, u32 feature);
void gen_uses(struct gen *g, u32 feature);
u32 gen_pick(struct gen *g, u32 n);

u16 gen_pinned(const struct gen *g); /* registers that hold pointers */
u8 gen_pick_register(struct gen *g, u16 mask);
/* A scalar that can be read; makes one when there is none. */
u8 gen_source(struct gen *g);
/* A scalar register that may be overwritten, with or without a value now. */
u8 gen_target(struct gen *g);
/* The same with a value, to be changed. */
u8 gen_changed(struct gen *g);
void gen_set(struct gen *g, u8 reg);         /* reg holds a scalar from now on */
void gen_clobber_call(struct gen *g);        /* r1 to r5 are gone, r0 is set */
bool gen_calls_ok(const struct gen *g);      /* no locked register would be lost */
void gen_random_into(struct gen *g, u8 reg); /* reg = some scalar value */
s16 gen_private_slot(struct gen *g);         /* 8 fresh bytes of stack, or 0 */

/* gen_flow.c */
/* A conditional jump whose target is to be patched. */
u32 gen_condition(struct gen *g);
void gen_statement(struct gen *g);
/* That many statements, one level deeper. */
void gen_block(struct gen *g, u32 statements);
/* Ends the function; r0 is set. */
void gen_return(struct gen *g);
void gen_call_function(struct gen *g, u8 func);
const struct gen_map *gen_choose_map(struct gen *g);
/* r0 = the value of a random key or NULL; not a scalar yet. */
void gen_map_lookup(struct gen *g, const struct gen_map *map);
/* Code that loads a packet pointer from the context. */
u8 gen_pointer_load(const struct gen *g);

/* gen_stmt.c */
void gen_simple_statement(struct gen *g);
void gen_access(struct gen *g, u8 base, s16 from, u32 range, u8 kind);

#endif
