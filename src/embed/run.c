/* SPDX-License-Identifier: Apache-2.0 */
/* Programs and hooks as functions. */
#include "embed/embed.h"
#include "jit/jit.h"
#include "kernel/custom.h"
#include "kernel/run.h"

#include <stdlib.h>
#include <unistd.h>

struct skep_prog {
	struct skep *skep;
	struct prog_object *prog;
	struct os_code thunk;
};

struct skep_prog *skep_prog_open(struct skep *skep, int fd)
{
	struct skep_prog *handle;
	struct prog_object *prog;
	int err = 0;

	prog = prog_from_fd(skep, fd, &err);
	if (!prog)
		return embed_fail_ptr(-EBADF, "fd %d is not a program of this kernel", fd);
	handle = calloc(1, sizeof(*handle));
	if (!handle) {
		object_put(&prog->base);
		return embed_fail_ptr(-ENOMEM, "out of memory");
	}
	handle->skep = skep;
	handle->prog = prog;
	return handle;
}

void skep_prog_close(struct skep_prog *handle)
{
	if (!handle)
		return;
	os_code_release(&handle->thunk);
	object_put(&handle->prog->base);
	free(handle);
}

static u64 prog_thunk(void *ctx, void *arg)
{
	static const struct run_params params;
	struct skep_prog *handle = arg;
	u64 r0 = 0;

	skep_run(handle->skep, handle->prog, ctx, &params, &r0);
	return r0;
}

/* C has no cast from an object pointer to a function pointer; a union says what is meant. */
static skep_fn function_at(const struct os_code *code)
{
	union {
		void *address;
		skep_fn fn;
	} at = { .address = code->rx };

	return at.fn;
}

static skep_fn thunk_for(struct os_code *code, u64 (*fn)(void *, void *), void *arg)
{
	int err = code->rx ? 0 : jit_thunk(code, fn, arg);

	if (err) {
		embed_fail(-ENOTSUP, "this system gives no executable memory: use skep_run_with or "
				     "skep_hook_run instead of a function pointer");
		return NULL;
	}
	return function_at(code);
}

skep_fn skep_prog_fn(struct skep_prog *handle)
{
	return thunk_for(&handle->thunk, prog_thunk, handle);
}

static enum skep_outcome outcome_of(int err)
{
	switch (err) {
	case 0:
		return SKEP_RUN_DONE;
	case -ETIME:
		return SKEP_RUN_BUDGET;
	case -ECANCELED:
		return SKEP_RUN_CANCELLED;
	}
	return SKEP_RUN_MISSED;
}

enum skep_outcome skep_run_with(struct skep_prog *handle, void *ctx, void *data, uint64_t *result)
{
	struct run_params params = { .user_data = data };
	u64 r0 = 0;
	int err = skep_run(handle->skep, handle->prog, ctx, &params, &r0);

	if (result)
		*result = err ? 0 : r0;
	return outcome_of(err);
}

void skep_prog_cancel(struct skep_prog *handle)
{
	run_cancel(handle->skep, handle->prog);
}

int skep_prog_stats(const struct skep_prog *handle, struct skep_stats *stats)
{
	const struct prog *prog = &handle->prog->prog;

	if (stats->size < sizeof(*stats))
		return embed_fail(-EINVAL,
				  "skep_prog_stats: size must be sizeof(struct skep_stats)");
	stats->runs = load_relaxed(&prog->run_cnt);
	stats->time_ns = load_relaxed(&prog->run_time_ns);
	stats->misses = load_relaxed(&prog->misses);
	stats->budget_ended = load_relaxed(&handle->prog->budget_ended);
	stats->cancelled = load_relaxed(&handle->prog->cancelled);
	return 0;
}

/*
 * A hook: one pointer, exchanged. A run loads it inside its slot, so the old program can be
 * given back once every run that was under way has ended.
 */
struct skep_hook {
	struct skep *skep;
	u32 context;              /* id of what it is run with: programs expect it to be whole */
	struct prog_object *prog; /* NULL: empty */
	struct os_code thunk;
};

struct skep_hook *skep_hook_new(struct skep *skep, const char *context)
{
	int id = custom_find_context(skep_custom(skep), context);
	struct skep_hook *hook;

	if (id < 0)
		return embed_fail_ptr(-ENOENT, "no context named '%s': call skep_add_context first",
				      context);
	hook = calloc(1, sizeof(*hook));
	if (!hook)
		return embed_fail_ptr(-ENOMEM, "out of memory");
	hook->skep = skep;
	hook->context = (u32)id;
	return hook;
}

static const char *name_of(const struct prog_object *prog)
{
	return prog->name[0] ? prog->name : "without a name";
}

int skep_hook_set(struct skep_hook *hook, int prog_fd)
{
	struct prog_object *prog = NULL, *old;
	int err = 0;

	if (prog_fd >= 0) {
		prog = prog_from_fd(hook->skep, prog_fd, &err);
		if (!prog)
			return embed_fail(-EBADF, "fd %d is not a program of this kernel", prog_fd);
		if (prog->prog.type != PROG_TYPE_CUSTOM ||
		    prog->prog.attach_type != hook->context) {
			object_put(&prog->base);
			return embed_fail(
			    -EINVAL, "program %s is not in SEC(\"skep/%s\")", name_of(prog),
			    custom_context(skep_custom(hook->skep), hook->context)->name);
		}
	}
	old = exchange_acq_rel(&hook->prog, prog);
	if (old) {
		skep_synchronize(hook->skep);
		object_put(&old->base);
	}
	return 0;
}

uint64_t skep_hook_run(struct skep_hook *hook, void *ctx)
{
	static const struct run_params params;
	struct prog_object *prog;
	struct run_slot *slot;
	u64 r0 = 0;

	if (!load_relaxed(&hook->prog))
		return 0;
	slot = run_enter(hook->skep, &params);
	if (!slot)
		return 0;
	prog = load_acquire(&hook->prog);
	if (prog)
		r0 = run_prog(slot, prog, ctx);
	run_leave(slot);
	return r0;
}

static u64 hook_thunk(void *ctx, void *arg)
{
	return skep_hook_run(arg, ctx);
}

skep_fn skep_hook_fn(struct skep_hook *hook)
{
	return thunk_for(&hook->thunk, hook_thunk, hook);
}

void skep_hook_free(struct skep_hook *hook)
{
	if (!hook)
		return;
	skep_hook_set(hook, -1);
	os_code_release(&hook->thunk);
	free(hook);
}
