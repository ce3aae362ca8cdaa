/* SPDX-License-Identifier: Apache-2.0 */
/*
 * struct image: an accepted program, ready for any engine. The verifier makes it; the
 * interpreter, the JIT and `skep prog dump xlated` read it. It is position independent:
 * instructions name maps and functions by index into the image's own tables.
 *
 * What instructions mean here, beyond RFC 9669:
 *	ldimm64 src=BPF_PSEUDO_MAP_IDX		imm: index into maps; the value is the struct map *
 *	ldimm64 src=BPF_PSEUDO_MAP_IDX_VALUE	the same, next imm: offset; address inside the
 *						single value of an array map (map->ops->value_addr)
 *	ldimm64 src=BPF_PSEUDO_FUNC		imm: target - here - 1 in instructions; the value is a
 *						callback handle for run_ctx.call
 *	ldimm64 src=0				a plain constant (also resolved BTF addresses)
 *	call src=0				imm: index into calls (helpers, kfuncs, custom)
 *	call src=BPF_PSEUDO_CALL		imm: target - here - 1
 *	INSN_TAIL_CALL				r1 ctx, r2 map, r3 index
 *	JCOND may_goto				engine keeps one counter per frame
 *	LD_ABS, LD_IND				engine calls image->load_packet with r6; outside the
 *						packet: the function returns 0, as by r0 = 0; exit
 *	LDX with INSN_MODE_PROBE or _PROBE_SX	the value at arena + ((address) & arena_mask) of run_ctx,
 *						0 when it has no arena: cannot fault (the arena is
 *						followed by at least 8 readable bytes)
 *	accesses to a context			already at run-time offsets
 * Code that cannot be reached is replaced by `ja -1`.
 */
#ifndef SKEP_MODEL_IMAGE_H
#define SKEP_MODEL_IMAGE_H

#include "isa/insn.h"
#include "model/model.h"

struct map;

struct image_subprog {
	u32 start;	 /* first instruction */
	u32 len;
	u16 stack_depth; /* bytes below r10 it may touch: multiple of 8, at most 512 */
	bool is_callback;
	bool is_async; /* called later, by a timer: image_of_callback makes a program of it */
	bool has_tail_call;
	bool has_may_goto;
};

/* Reads size (1, 2, 4) bytes in network order at offset; false: outside, the program ends with 0. */
typedef bool (*load_packet_fn)(const void *ctx, s32 offset, u32 size, u64 *out);

enum image_flag {
	IMAGE_HAS_TAIL_CALL = 1 << 0,
	IMAGE_HAS_LEGACY_PACKET = 1 << 1,
	IMAGE_BUDGET = 1 << 2, /* engines count back edges and calls down from run_ctx.budget */
	IMAGE_HAS_MAY_GOTO = 1 << 3,
	IMAGE_ZERO_STACK = 1 << 4, /* may read stack bytes it never wrote: they are zero */
};

struct image {
	struct bpf_insn *insns;
	u32 len;
	u32 flags; /* enum image_flag */
	struct image_subprog *subprogs; /* [0] is the entry */
	u32 n_subprogs;
	struct map **maps; /* filled by the loader, same order as the verifier found them */
	u32 n_maps;
	const struct helper_proto **calls;
	u32 n_calls;
	load_packet_fn load_packet;
	u32 max_ctx_offset; /* the context's bytes below it are all that the program touches */
	u32 *orig_idx; /* per instruction: its index in the program as it was loaded */
};

/*
 * A program that calls one function as a timer does: its context is three u64, which it gets in
 * r1 to r3. NULL: out of memory. Addresses of such functions are plain numbers in images: their
 * subprogram.
 */
struct image *image_of_callback(const struct image *image, u32 subprog);

/* Frees the image and its tables, not what they point to. */
void image_free(struct image *image);

#endif
