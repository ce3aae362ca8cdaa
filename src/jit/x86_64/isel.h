/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the x86-64 code generator share: isel.c (jumps, functions), alu.c, mem.c, and
 * abi.c (frames, calls and everything that crosses into C). */
#ifndef SKEP_JIT_X86_64_ISEL_H
#define SKEP_JIT_X86_64_ISEL_H

#include "jit/x86_64/emit.h"
#include "jit/x86_64/target.h"
#include "model/image.h"

/* One function's frame; abi.c draws it. */
struct x86_frame {
	u8 saved[5]; /* registers pushed below rbp, in this order */
	u8 n_saved;
	s32 r10;      /* BPF's r10 is rbp + r10 */
	s32 may_goto; /* [rbp + may_goto]: the counter */
	s32 scratch;  /* [rbp + scratch]: 8 bytes across a call into C */
	u32 size;     /* bytes below the saved registers */
	bool calls;
	bool lowered; /* rsp is below them; else a leaf uses the red zone */
};

/* The state of one compilation. */
struct x86_gen {
	const struct image *image;
	u32 features;
	struct codebuf *b;
	struct jit_entries *entries;
	u8 *is_target;       /* per instruction: something jumps to it */
	code_label *veneers; /* per called C function; 0: none yet (label 0 is an instruction) */
	/* facts of the image */
	bool budget;
	bool may_abort; /* may leave the run early: run_ctx knows how */
	bool uses_rc;   /* keeps run_ctx in r12 */
	bool has_callbacks;
	bool subprogs_tail_call;
	/* places shared by its functions */
	code_label abort, unwind, call_stub;
	/* the function and instruction being compiled */
	const struct image_subprog *subprog;
	struct x86_frame frame;
	code_label exit;
	u32 index;
	s32 r1_map; /* index of the map that r1 surely points to, or -1 */
};

static inline u8 x86_reg(u8 bpf_reg)
{
	return x86_of_bpf[bpf_reg];
}

/* The function that starts at that instruction: before its prologue. */
static inline code_label x86_function(const struct x86_gen *g, u32 start)
{
	return g->image->len + start;
}

/* jit_target.compile and .thunk */
void x86_compile(const struct image *image, u32 features, struct codebuf *b,
		 struct jit_entries *entries);
void x86_thunk(struct codebuf *b, u64 fn, u64 arg);

/* The register that holds a source operand: its own, or r11 for BPF's r10. */
u8 x86_operand(struct x86_gen *g, u8 bpf_reg);

/* -- alu.c, mem.c: one instruction of the class -- */

void x86_emit_alu(struct x86_gen *g, const struct bpf_insn *insn, bool w);
void x86_emit_ld(struct x86_gen *g, const struct bpf_insn *insn);
void x86_emit_ldx(struct x86_gen *g, const struct bpf_insn *insn);
void x86_emit_st(struct x86_gen *g, const struct bpf_insn *insn);
void x86_emit_stx(struct x86_gen *g, const struct bpf_insn *insn);

/* -- abi.c -- */

/* Requires g->subprog; sets g->frame. */
void x86_plan_frame(struct x86_gen *g);
void x86_prologue(struct x86_gen *g);
void x86_epilogue(struct x86_gen *g);
/* Counts one back edge or call; leaves the run when there was none left. */
void x86_spend_budget(struct x86_gen *g);
void x86_call_helper(struct x86_gen *g, const struct bpf_insn *insn);
void x86_call_subprog(struct x86_gen *g, u32 target);
void x86_tail_call(struct x86_gen *g);
void x86_load_packet(struct x86_gen *g, const struct bpf_insn *insn);
/* After the last function: the code they share, then veneers. */
void x86_shared_code(struct x86_gen *g);

#endif
