/* SPDX-License-Identifier: Apache-2.0 */
/*
 * struct prog: a program that can run. Engines (interpreter, JIT) each turn an image into
 * an entry point; callers see only prog_run.
 */
#ifndef SKEP_VM_PROG_H
#define SKEP_VM_PROG_H

#include "base/atomic.h"
#include "model/image.h"
#include "os/os.h"
#include "vm/run.h"

struct prog {
	/* Runs the program. Fixed for the life of the prog. */
	u64 (*entry)(void *ctx, struct prog *prog, struct run_ctx *rc);
	void *tail_entry; /* JIT: where a tail call lands */
	struct image *image;
	void *decoded; /* interpreter's own */
	struct os_code code;
	u32 code_len; /* bytes of native code: jited_prog_len */
	bool jited;
	u32 type; /* enum bpf_prog_type */
	u32 attach_type;
	void *owner;	 /* the kernel's object that it is, or is a callback of */
	u32 table_index; /* in run_ctx.progs, for prog arrays; 0: not there */
	/* statistics, updated relaxed by whoever runs the program */
	bool stats;
	u64 run_cnt;
	u64 run_time_ns;
	u64 misses;
};

/* Both take over nothing: image must outlive prog. 0 or -errno (-ENOTSUPP: no JIT here). */
int interp_prepare(struct prog *prog);
int jit_prepare(struct prog *prog);
void interp_release(struct prog *prog);
void jit_release(struct prog *prog);

static inline u64 prog_run(struct prog *prog, void *ctx, struct run_ctx *rc)
{
	rc->prog = prog;
	rc->ctx = ctx;
	return prog->entry(ctx, prog, rc);
}

/*
 * What all engines agree on:
 *
 * With IMAGE_BUDGET, rc->budget goes down by one at each taken jump to the same or an
 * earlier instruction (may_goto included), at each call of a subprogram before it is
 * entered, and at each callback in rc->call. When it becomes negative the run ends there.
 *
 * A tail call replaces the frame of the function that makes it, no more, as in Linux: from
 * a subprogram, the target's result goes to that subprogram's caller. rc->prog and rc->call
 * are those of the caller's program again once a call that may have tail called returns.
 */

/* Ends the current run at once from inside a helper, as an exhausted budget does. The first
 * status other than RUN_OK stays. */
_Noreturn void run_abort(struct run_ctx *rc, enum run_status status);

/*
 * The program a tail call continues with, or NULL: the call fails and the program goes on.
 * Counts the call and makes the target rc->prog. A target must be jited as its caller is.
 */
struct prog *run_tail_target(struct run_ctx *rc, const struct map *map, u32 index);

#endif
