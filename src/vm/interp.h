/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interpreter's own structures, and running a program one visible instruction at a time.
 *
 * predecode.c turns an image into an array of struct iop, one for each struct bpf_insn and
 * at the same index; behind them stand the iops that count back edges, when the image has
 * a budget. interp_loop.h executes them; interp.c enters and leaves.
 */
#ifndef SKEP_VM_INTERP_H
#define SKEP_VM_INTERP_H

#include "vm/prog.h"

/* A decoded instruction. What off and imm hold depends on op; a jump's off is in bytes from here. */
struct iop {
	s32 handler; /* where the loop executes it: distance from the loop's first label */
	u8 dst, src;
	u16 op; /* enum iop_code */
	s32 off;
	s32 imm;
};

/* Operations of the loop: those of the ISA, and a few that only predecoding makes. */
enum iop_code {
	IOP_BACK_EDGE = OP_COUNT, /* takes one from the budget, then jumps */
	IOP_CALL_COUNTED,         /* CALL_FUNC that takes one from the budget */
	IOP_COUNT
};

struct isub {
	const struct iop *start;
	u32 depth; /* bytes of stack: multiple of 16 */
};

struct decoded {
	struct prog *prog;
	bool counted; /* IMAGE_BUDGET */
	u32 n_subs;
	u32 len; /* of the image: iops from len on are not instructions */
	struct isub *subs;
	helper_fn *fns; /* by the call's immediate */
	struct iop *ops;
};

/* One function activation; its stack bytes follow. */
struct frame {
	const struct iop *ret;      /* NULL: the loop returns to C */
	const struct decoded *code; /* the caller's */
	struct frame *prev;
	u64 saved[5]; /* the caller's r6 to r10 */
	u32 depth;    /* stack bytes behind this struct */
	u32 may_goto; /* iterations left in this activation */
	u64 pad;
};

/* One run, from entry to the end, with its callbacks. */
struct interp {
	void *jump[5]; /* for run_abort */
	struct run_ctx *rc;
	struct frame *top; /* innermost activation while C code runs */
	u8 *end;           /* of the memory for frames */
	u64 (*loop)(struct interp *it, const struct decoded *code, const struct isub *sub,
		    const u64 *args);
	const struct interp_tracer *tracer;
};

/* Sees every instruction before it is executed. */
struct interp_tracer {
	/* index: into prog->image->insns; regs: r0 to r10; depth: activations below this one. */
	void (*insn)(void *data, const struct prog *prog, u32 index, const u64 *regs, u32 depth);
	void *data;
};

/* prog_run for an interp_prepare'd program, showing each instruction to the tracer. */
u64 interp_trace(struct prog *prog, void *ctx, struct run_ctx *rc,
		 const struct interp_tracer *tracer);

/* The two instantiations of interp_loop.h. With it == NULL: the address of the handler table. */
u64 interp_loop(struct interp *it, const struct decoded *code, const struct isub *sub,
		const u64 *args);
u64 interp_loop_traced(struct interp *it, const struct decoded *code, const struct isub *sub,
		       const u64 *args);

int predecode(struct prog *prog, const s32 *handlers, struct decoded **out);
void predecode_free(struct decoded *decoded);

#endif
