/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random programs that are safe by construction and look like real ones: arithmetic mixes,
 * structured control flow, bounded loops, stack traffic of all sizes, context, packet and map
 * accesses in bounds, atomics, byte swaps, subprograms, callbacks, helpers.
 *
 * The same seed and options always give the same program. It computes the same result and
 * leaves the same memory in every engine: pointers never flow into data, and no memory is
 * read before it was written. A verifier should accept most of them; gen_mutate makes
 * programs that it should look at twice.
 */
#ifndef SKEP_TESTS_GEN_H
#define SKEP_TESTS_GEN_H

#include "isa/insn.h"

/* A seeded source of randomness (splitmix64). */
struct gen_rng {
	u64 state;
};
u64 gen_rand(struct gen_rng *rng);
/* Uniform enough in 0 .. n - 1; n > 0. */
u32 gen_below(struct gen_rng *rng, u32 n);
/* True in percent of 100 cases. */
bool gen_chance(struct gen_rng *rng, u32 percent);
/* A 64-bit value with a taste for corners: 0, -1, powers of two and their neighbours. */
u64 gen_value(struct gen_rng *rng);

/* What a program may contain; in gen_prog.features, what it does contain. */
#define GEN_FEATURES(F)                                               \
	F(LOOPS, "loops")                                             \
	F(SUBPROGS, "calls")                                          \
	F(CALLBACKS, "callbacks") /* bpf_loop */                      \
	F(HELPERS, "helpers")                                         \
	F(MAPS, "maps")                                               \
	F(PACKET, "packet")                                           \
	F(CTX, "ctx")                                                 \
	F(ATOMICS, "atomics")                                         \
	F(ORDERED, "ordered") /* load-acquire, store-release */       \
	F(SPILLS, "spills")   /* of pointers */                       \
	F(DIVIDE, "divide")                                           \
	F(CPUV4, "cpuv4") /* sdiv, smod, movsx, ldsx, bswap, gotol */ \
	F(MAY_GOTO, "may_goto")                                       \
	F(LD_ABS, "ld_abs")                                           \
	F(VARIABLE, "variable") /* variable offsets */                \
	F(EXITS, "exits")       /* in the middle */

enum gen_feature_bit {
#define GEN_BIT(name, text) GEN_BIT_##name,
	GEN_FEATURES(GEN_BIT)
#undef GEN_BIT
	    GEN_N_FEATURES
};

enum gen_feature {
#define GEN_FLAG(name, text) GEN_##name = 1 << GEN_BIT_##name,
	GEN_FEATURES(GEN_FLAG)
#undef GEN_FLAG
	    GEN_ALL = (1 << GEN_N_FEATURES) - 1
};
extern const char *const gen_feature_names[GEN_N_FEATURES];

/* A map the program may look up (and, if hash, update); key is 4 bytes. */
struct gen_map {
	s32 ref;          /* immediate of the ldimm64 */
	u8 ref_src;       /* its source: BPF_PSEUDO_MAP_IDX or BPF_PSEUDO_MAP_FD */
	u8 value_ref_src; /* for direct access to the only value (.._VALUE), or 0 */
	bool hash;
	u32 value_size; /* multiple of 8, at least 16 */
	u32 max_entries;
};

/* A helper without effects: n_args scalars to a scalar. */
struct gen_helper {
	u32 id;
	u32 n_args;
};

/* The context. Packet pointers, if any, are fields of ptr_size 4 (as PROG_LOAD has them) or 8. */
struct gen_ctx {
	s16 data, data_end; /* offsets of the packet's fields */
	u8 ptr_size;        /* 0: no packet */
	s16 scalars;        /* offset of plain readable 4-byte fields */
	u16 scalars_size;
	u16 writable_size;  /* of these from the first on */
	bool wide;          /* they can be read as 1, 2 and 8 bytes, too */
	bool legacy_packet; /* LD_ABS works on it */
};

struct gen_opts {
	u64 seed;
	u32 features;       /* allowed */
	u32 size;           /* aims at that many instructions; at most GEN_MAX / 2 */
	u32 max_iterations; /* of one loop, 0: 8 */
	const struct gen_map *maps;
	u32 n_maps;
	const struct gen_helper *helpers;
	u32 n_helpers;
	struct gen_ctx ctx;
	u32 ret_mask; /* when not 0, the result is masked with it */
};

#define GEN_MAX       4096
#define GEN_MAX_FUNCS 4

struct gen_prog {
	struct bpf_insn insns[GEN_MAX];
	u32 len;
	u32 features; /* enum gen_feature: what is in it */
	u32 funcs[GEN_MAX_FUNCS]; /* where its functions start */
	u32 n_funcs;
};

void gen_program(const struct gen_opts *opts, struct gen_prog *out);

/*
 * Loading a program with callbacks takes func_info, and that takes BTF. This one, of
 * GEN_BTF_SIZE bytes, has one static function; gen_func_info names it for every function of
 * the program and answers how many.
 */
#define GEN_BTF_SIZE 71
void gen_btf(u8 *out);
u32 gen_func_info(const struct gen_prog *prog, struct bpf_func_info *out);

/* Changes one to three fields of random instructions: almost the program, seldom safe. */
void gen_mutate(struct gen_rng *rng, struct bpf_insn *insns, u32 n);

#endif
