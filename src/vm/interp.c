/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entering and leaving the interpreter: memory for frames, callbacks from helpers, ending
 * a run early. The loop itself is in interp_loop.h.
 */
#include "vm/arith.h"
#include "vm/interp.h"

#define LOOP_NAME interp_loop
#include "vm/interp_loop.h"

/* Eight frames; callbacks' are among them (the verifier counts them so). */
#define STACK_FLAT (BPF_MAX_FRAMES * (sizeof(struct frame) + BPF_STACK_SIZE))
/*
 * Each tail call out of a subprogram leaves its callers' frames behind: at most 7 of them,
 * with at most 256 bytes together (the verifier's rule, as in Linux).
 */
#define STACK_DEEP    \
	(STACK_FLAT + \
	 BPF_MAX_TAIL_CALLS * ((BPF_MAX_FRAMES - 1) * (sizeof(struct frame) + 16) + 256))

/* rc->call: a callback starts a loop of its own, in the memory behind the caller's frame. */
static u64 interp_call(struct run_ctx *rc, u64 func, u64 r1, u64 r2, u64 r3, u64 r4, u64 r5)
{
	struct interp *it = rc->engine;
	const struct decoded *code = rc->prog->decoded;
	const u64 args[5] = { r1, r2, r3, r4, r5 };
	struct prog *prog = rc->prog;
	struct frame *top = it->top;
	u64 result;

	if (func >= code->n_subs)
		os_panic("interpreter: no such callback");
	if (code->counted && !budget_take(rc))
		run_abort(rc, RUN_BUDGET);
	it->top = frame_behind(top);
	result = it->loop(it, code, &code->subs[func], args);
	it->top = top;
	rc->prog = prog;
	return result;
}

/* run_abort's last step; helpers' C frames between here and enter() are dropped. */
static void interp_unwind(struct run_ctx *rc)
{
	__builtin_longjmp(((struct interp *)rc->unwind_sp)->jump, 1);
}

static NOINLINE u64 start(struct interp *it, void *ctx, struct prog *prog)
{
	const struct decoded *code = prog->decoded;
	const u64 args[5] = { (uintptr_t)ctx };

	return it->loop(it, code, &code->subs[0], args);
}

/* Only what is reached through `outer` and `it` may be used after the jump. */
static NOINLINE u64 guarded(struct interp *it, void *ctx, struct prog *prog)
{
	u64 result;

	if (__builtin_setjmp(it->jump))
		return 0;
	result = start(it, ctx, prog);
	__asm__ volatile("" : "+r"(result)); /* no tail call: the jump comes back to this frame */
	return result;
}

static u64 enter(struct interp *it, u8 *stack, size_t size, void *ctx, struct prog *prog)
{
	struct run_ctx *rc = it->rc, outer = { .engine = rc->engine };
	u64 result;

	outer.unwind_sp = rc->unwind_sp;
	outer.unwind = rc->unwind;
	outer.call = rc->call;
	outer.stack_low = rc->stack_low;
	outer.stack_high = rc->stack_high;
	it->top = (struct frame *)stack;
	it->end = stack + size;
	rc->engine = it;
	rc->unwind_sp = it;
	rc->unwind = interp_unwind;
	rc->call = interp_call;
	rc->stack_low = (uintptr_t)stack;
	rc->stack_high = (uintptr_t)stack + size;
	result = guarded(it, ctx, prog);
	rc->prog = prog;
	rc->engine = outer.engine;
	rc->unwind_sp = outer.unwind_sp;
	rc->unwind = outer.unwind;
	rc->call = outer.call;
	rc->stack_low = outer.stack_low;
	rc->stack_high = outer.stack_high;
	return result;
}

static NOINLINE u64 enter_flat(struct interp *it, void *ctx, struct prog *prog)
{
	alignas(16) u8 stack[STACK_FLAT];

	return enter(it, stack, sizeof(stack), ctx, prog);
}

static NOINLINE u64 enter_deep(struct interp *it, void *ctx, struct prog *prog)
{
	alignas(16) u8 stack[STACK_DEEP];

	return enter(it, stack, sizeof(stack), ctx, prog);
}

static u64 run(struct interp *it, void *ctx, struct prog *prog)
{
	if (prog->image->flags & IMAGE_HAS_TAIL_CALL)
		return enter_deep(it, ctx, prog);
	return enter_flat(it, ctx, prog);
}

static u64 interp_entry(void *ctx, struct prog *prog, struct run_ctx *rc)
{
	struct interp it = { .rc = rc, .loop = interp_loop };

	return run(&it, ctx, prog);
}

u64 interp_trace(struct prog *prog, void *ctx, struct run_ctx *rc,
		 const struct interp_tracer *tracer)
{
	struct interp it = { .rc = rc, .loop = interp_loop_traced, .tracer = tracer };

	rc->prog = prog;
	rc->ctx = ctx;
	return run(&it, ctx, prog);
}

int interp_prepare(struct prog *prog)
{
	const s32 *handlers = (const s32 *)(uintptr_t)interp_loop(NULL, NULL, NULL, NULL);
	struct decoded *decoded;
	int err = predecode(prog, handlers, &decoded);

	if (err)
		return err;
	prog->decoded = decoded;
	prog->entry = interp_entry;
	prog->jited = false;
	return 0;
}

void interp_release(struct prog *prog)
{
	predecode_free(prog->decoded);
	prog->decoded = NULL;
	prog->entry = NULL;
}
