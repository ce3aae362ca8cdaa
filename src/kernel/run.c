/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs. A run_slot is a presented CPU: the run_ctx of whatever runs on it lives there for
 * ever, so that a canceller may write to it at any time; what does not change between runs
 * is filled in once.
 *
 * Ending a run from outside means to make its budget negative, which must never hit a later
 * run of the same slot. The canceller raises `cancelling`, makes that visible to all
 * threads, and looks at `running`:
 *
 *	runner:		running = prog; ...; running = NULL; wait while cancelling
 *	canceller:	cancelling = 1; barrier; if (running == prog) budget = -1; cancelling = 0
 *
 * Either the runner's store to `running` came before the barrier, and the canceller sees
 * that the run is over, or the runner sees `cancelling` and waits. The runner pays two
 * plain loads, because the barrier is os_barrier_all_threads().
 */
#include "kernel/async.h"

#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

struct run_slot {
	struct run_ctx rc;
	struct skep *skep;
	struct prog_object *running;
	u32 index;
	u32 cancelling;
	s64 budget;
	struct task_info own_task;
	struct kernel_task *present;
} __attribute__((aligned(128)));

/*
 * A slot is claimed with one compare-and-swap of its epoch slot's owner, and given back with a
 * store. (Keeping an idle slot as one's own, to claim it with plain stores, was tried: whoever
 * comes too late has then already overwritten the announcement of the one who took it.)
 */
#define FAST_TLS __attribute__((tls_model("initial-exec")))

static _Thread_local u32 my_slot FAST_TLS; /* where this thread ran last: only a hint */

/* ---- the world of a run in this process ---- */

static int own_read_user(struct run_ctx *rc, void *dst, u64 src, u32 size)
{
	return os_copy_from(dst, src, size);
}

static int own_write_user(struct run_ctx *rc, u64 dst, const void *src, u32 size)
{
	return os_copy_to(dst, src, size);
}

/* The task_struct that programs follow pointers from: one a slot, made when first asked for. */
static u64 present_task(struct run_slot *slot)
{
	const struct kernel_task_facts facts = {
		.info = slot->own_task,
		.has_mm = true,
		.ppid = (u32)getppid(),
		.euid = geteuid(),
		.egid = getegid(),
		.nr_threads = 1,
		.cpu = slot->index,
	};

	if (!slot->present)
		slot->present = kernel_task_alloc(&slot->skep->arena);
	return slot->present ? kernel_task_fill(&slot->skep->arena, slot->present, &facts) : 0;
}

static void own_load_task(struct run_ctx *rc)
{
	struct run_slot *slot = CONTAINER_OF(rc, struct run_slot, rc);
	struct task_info *task = &slot->own_task;

	task->pid = (u32)syscall(SYS_gettid);
	task->tgid = (u32)getpid();
	task->uid = getuid();
	task->gid = getgid();
	os_thread_name(task->comm);
	task->task_addr = 0;
	task->task_addr = present_task(slot);
	rc->task = task;
}

static void own_notify(struct run_ctx *rc, u32 map_handle)
{
	map_event_notify(map_handle);
}

static void own_trace(struct run_ctx *rc, const char *line, u32 len)
{
	const struct skep *skep = CONTAINER_OF(rc, struct run_slot, rc)->skep;

	if (skep->trace)
		skep->trace(skep->trace_data, line, len);
}

static const struct world_ops own_world = {
	.notify = own_notify,
	.trace = own_trace,
	.read_user = own_read_user,
	.write_user = own_write_user,
	.read_kernel = kernel_arena_read,
	.load_task = own_load_task,
};

/* ---- slots ---- */

static inline bool slot_try(struct skep *skep, u32 at)
{
	u32 *owner = &skep->epoch.slot[at].owner;
	u32 nobody = 0;

	if (load_relaxed(owner) || !cas_acq_rel(owner, &nobody, 1))
		return false;
	epoch_enter(&skep->epoch, at);
	return true;
}

static void slot_give_back(struct skep *skep, u32 at)
{
	epoch_leave(&skep->epoch, at);
	epoch_unclaim(&skep->epoch, at);
}

/* A free one of the n slots from first on, or -1. */
static NOINLINE int slot_search(struct skep *skep, u32 first, u32 n)
{
	for (u32 i = 0; i < n; i++) {
		u32 at = first + (my_slot + i) % n;

		if (slot_try(skep, at))
			return (int)at;
	}
	return -1;
}

u32 command_enter(struct skep *skep)
{
	int at;

	while ((at = slot_search(skep, skep->cpus, COMMAND_SLOTS)) < 0)
		sched_yield();
	return (u32)at;
}

void command_leave(struct skep *skep, u32 slot)
{
	slot_give_back(skep, slot);
}

/* ---- one run ---- */

static const struct run_params no_params;

static void slot_set_up(struct run_slot *slot, const struct run_params *params)
{
	struct run_ctx *rc = &slot->rc;
	u64 budget = params->budget ? params->budget : slot->skep->default_budget;

	slot->budget = budget && budget < INT64_MAX ? (s64)budget : INT64_MAX;
	rc->world = params->world ? params->world : &own_world;
	rc->world_data = params->world_data;
	rc->user_data = params->user_data;
	rc->task = params->task;
	rc->cookie = params->cookie;
	rc->func_ip = params->func_ip;
}

struct run_slot *run_enter(struct skep *skep, const struct run_params *params)
{
	u32 at = my_slot;

	if (UNLIKELY(skep_is_forked(skep)))
		return NULL;
	if (UNLIKELY(at >= skep->cpus || !slot_try(skep, at))) {
		int found = slot_search(skep, 0, skep->cpus);

		if (found < 0)
			return NULL;
		my_slot = at = (u32)found;
	}
	slot_set_up(&skep->slots[at], params ? params : &no_params);
	return &skep->slots[at];
}

struct run_slot *run_enter_on(struct skep *skep, u32 cpu)
{
	if (cpu >= skep->cpus || skep_is_forked(skep))
		return NULL;
	while (!slot_try(skep, cpu))
		sched_yield();
	slot_set_up(&skep->slots[cpu], &no_params);
	return &skep->slots[cpu];
}

void run_leave(struct run_slot *slot)
{
	slot_give_back(slot->skep, slot->index);
}

struct run_ctx *run_slot_ctx(struct run_slot *slot)
{
	return &slot->rc;
}

enum run_status run_status(const struct run_slot *slot)
{
	return slot->rc.status;
}

static NOINLINE void wait_for_canceller(struct run_slot *slot)
{
	while (load_acquire(&slot->cancelling))
		cpu_relax();
}

static NOINLINE void run_ended_early(struct run_slot *slot, struct prog_object *prog)
{
	if (slot->rc.status == RUN_CANCELLED)
		fetch_add_relaxed(&prog->cancelled, 1);
	else
		fetch_add_relaxed(&prog->budget_ended, 1);
}

static u64 run_counted(struct run_slot *slot, struct prog_object *prog, struct prog *entry,
		       void *ctx)
{
	u64 start = os_clock_ns(OS_CLOCK_MONOTONIC);
	u64 r0 = prog_run(entry, ctx, &slot->rc);

	fetch_add_relaxed(&prog->prog.run_cnt, 1);
	fetch_add_relaxed(&prog->prog.run_time_ns, os_clock_ns(OS_CLOCK_MONOTONIC) - start);
	return r0;
}

u64 run_prog(struct run_slot *slot, struct prog_object *prog, void *ctx)
{
	return run_entry(slot, prog, &prog->prog, ctx);
}

u64 run_entry(struct run_slot *slot, struct prog_object *prog, struct prog *entry, void *ctx)
{
	struct run_ctx *rc = &slot->rc;
	u64 r0;

	rc->budget = slot->budget;
	rc->tail_calls = 0;
	rc->status = RUN_OK;
	rc->n_held = 0;
	store_release(&slot->running, prog);
	if (UNLIKELY(load_relaxed(&slot->skep->stats_users)))
		r0 = run_counted(slot, prog, entry, ctx);
	else
		r0 = prog_run(entry, ctx, rc);
	store_release(&slot->running, NULL);
	compiler_barrier();
	if (UNLIKELY(load_relaxed(&slot->cancelling)))
		wait_for_canceller(slot);
	if (UNLIKELY(rc->status != RUN_OK)) {
		run_ended_early(slot, prog);
		return 0;
	}
	return r0;
}

static NOINLINE int run_missed(struct prog_object *prog)
{
	fetch_add_relaxed(&prog->prog.misses, 1);
	return -EBUSY;
}

int skep_run(struct skep *skep, struct prog_object *prog, void *ctx,
	     const struct run_params *params, u64 *r0)
{
	struct run_slot *slot = run_enter(skep, params);
	enum run_status status;

	if (UNLIKELY(!slot)) {
		*r0 = 0;
		return run_missed(prog);
	}
	*r0 = run_prog(slot, prog, ctx);
	status = slot->rc.status;
	run_leave(slot);
	return LIKELY(status == RUN_OK) ? 0 : status == RUN_BUDGET ? -ETIME : -ECANCELED;
}

/*
 * The run's own countdown is not atomic and may overwrite ours, so the budget is set again
 * and again until the run is over. A program without a budget is let go on after a moment.
 */
#define CANCEL_TRIES 20000
#define CANCEL_NAPS 1000 /* of 100 us */

static bool slot_cancel(struct run_slot *slot, const struct prog_object *prog)
{
	/* Bounded, because the canceller may be called from inside the very run. */
	u32 tries = CANCEL_TRIES + (prog->prog.image->flags & IMAGE_BUDGET ? CANCEL_NAPS : 0);
	bool running;

	store_seq_cst(&slot->cancelling, 1);
	os_barrier_all_threads();
	running = load_acquire(&slot->running) == prog;
	for (u32 i = 0; i < tries && load_acquire(&slot->running) == prog; i++) {
		store_relaxed(&slot->rc.budget, BUDGET_CANCEL);
		/* The runner may have been preempted just before it writes its count back. */
		if (i < CANCEL_TRIES)
			cpu_relax();
		else
			usleep(100);
	}
	store_release(&slot->cancelling, 0);
	return running;
}

u32 run_cancel(struct skep *skep, struct prog_object *prog)
{
	u32 found = 0;

	pthread_mutex_lock(&skep->cancel_lock);
	for (u32 i = 0; i < skep->cpus; i++)
		if (load_relaxed(&skep->slots[i].running) == prog)
			found += slot_cancel(&skep->slots[i], prog);
	pthread_mutex_unlock(&skep->cancel_lock);
	return found;
}

/* ---- lists ---- */

static void list_publish(struct skep *skep, struct prog_list *list, struct prog_list_array *array)
{
	struct prog_list_array *old = list->array;

	if (array && !array->n) {
		free(array);
		array = NULL;
	}
	store_release(&list->array, array);
	if (old)
		skep_retire(skep, free, old);
}

static struct prog_list_array *list_copy(const struct prog_list *list, u32 more)
{
	const struct prog_list_array *old = list->array;
	u32 n = old ? old->n : 0;
	struct prog_list_array *array =
	    calloc(1, sizeof(*array) + (n + more) * sizeof(struct prog_list_item));

	if (!array)
		return NULL;
	array->n = n;
	if (n)
		memcpy(array->items, old->items, n * sizeof(array->items[0]));
	return array;
}

static s64 list_find(const struct prog_list *list, const struct link_object *link)
{
	for (u32 i = 0; list->array && i < list->array->n; i++)
		if (list->array->items[i].link == link)
			return i;
	return -1;
}

int prog_list_add(struct skep *skep, struct prog_list *list, const struct prog_list_item *item)
{
	struct prog_list_array *array = list_copy(list, 1);

	if (!array)
		return -ENOMEM;
	array->items[array->n++] = *item;
	list_publish(skep, list, array);
	return 0;
}

int prog_list_remove(struct skep *skep, struct prog_list *list, const struct link_object *link)
{
	s64 at = list_find(list, link);
	struct prog_list_array *array;

	if (at < 0)
		return -ENOENT;
	array = list_copy(list, 0);
	if (!array) {
		/* Detaching cannot fail: an item without a program is skipped. */
		store_release(&list->array->items[at].prog, NULL);
		list->array->items[at].link = NULL;
		return 0;
	}
	array->n--;
	memmove(array->items + at, array->items + at + 1,
		(array->n - (u32)at) * sizeof(array->items[0]));
	list_publish(skep, list, array);
	return 0;
}

int prog_list_replace(struct skep *skep, struct prog_list *list, const struct link_object *link,
		      struct prog_object *prog)
{
	s64 at = list_find(list, link);
	struct prog_list_array *array;

	if (at < 0)
		return -ENOENT;
	array = list_copy(list, 0);
	if (!array)
		return -ENOMEM;
	array->items[at].prog = prog;
	list_publish(skep, list, array);
	return 0;
}

static NOINLINE void list_missed(struct skep *skep, struct prog_list *list)
{
	u32 slot = command_enter(skep);
	const struct prog_list_array *array = prog_list_read(list);

	for (u32 i = 0; array && i < array->n; i++) {
		struct prog_object *prog = load_acquire(&array->items[i].prog);

		if (prog)
			run_missed(prog);
	}
	command_leave(skep, slot);
}

u64 prog_list_run_all(struct skep *skep, struct prog_list *list, void *ctx,
		      const struct run_params *params)
{
	const struct prog_list_array *array;
	struct run_slot *slot;
	u64 r0 = 0;

	if (prog_list_empty(list))
		return 0;
	slot = run_enter(skep, params);
	if (!slot) {
		list_missed(skep, list);
		return 0;
	}
	array = prog_list_read(list);
	for (u32 i = 0; array && i < array->n; i++) {
		struct prog_object *prog = load_acquire(&array->items[i].prog);

		slot->rc.cookie = array->items[i].cookie;
		if (LIKELY(prog))
			r0 = run_prog(slot, prog, ctx);
	}
	run_leave(slot);
	return r0;
}

/* ---- reclaiming ---- */

struct retired {
	struct retired *next;
	u64 epoch;
	void (*release)(void *what);
	void *what;
};

void skep_retire(struct skep *skep, void (*release)(void *what), void *what)
{
	struct retired *item = malloc(sizeof(*item));

	/* Without memory for the note there is nothing safe but to leak. */
	if (!item)
		return;
	item->release = release;
	item->what = what;
	pthread_mutex_lock(&skep->retired_lock);
	item->epoch = epoch_retire(&skep->epoch);
	item->next = skep->retired;
	store_release(&skep->retired, item);
	pthread_mutex_unlock(&skep->retired_lock);
}

/* Cuts the list, newest first, where everything behind has passed. */
static struct retired *take_passed(struct skep *skep)
{
	u64 oldest = epoch_oldest(&skep->epoch);
	struct retired **at = &skep->retired, *passed;

	while (*at && (*at)->epoch >= oldest)
		at = &(*at)->next;
	passed = *at;
	store_relaxed(at, NULL);
	return passed;
}

void skep_reclaim(struct skep *skep)
{
	struct retired *passed;

	if (LIKELY(!load_relaxed(&skep->retired)))
		return;
	pthread_mutex_lock(&skep->retired_lock);
	passed = take_passed(skep);
	pthread_mutex_unlock(&skep->retired_lock);
	while (passed) {
		struct retired *item = passed;

		passed = item->next;
		item->release(item->what);
		free(item);
	}
}

void skep_synchronize(struct skep *skep)
{
	epoch_wait(&skep->epoch);
}

/* ---- life ---- */

int runs_init(struct skep *skep)
{
	epoch_init(&skep->epoch, skep->cpus + COMMAND_SLOTS);
	pthread_mutex_init(&skep->retired_lock, NULL);
	pthread_mutex_init(&skep->cancel_lock, NULL);
	skep->slots = aligned_alloc(128, skep->cpus * sizeof(struct run_slot));
	if (!skep->slots)
		return -ENOMEM;
	memset(skep->slots, 0, skep->cpus * sizeof(struct run_slot));
	for (u32 i = 0; i < skep->cpus; i++) {
		struct run_slot *slot = &skep->slots[i];

		slot->skep = skep;
		kernel_arena_enter(&skep->arena, &slot->rc);
		slot->index = i;
		slot->rc.cpu = i;
		slot->rc.async = &kernel_async_ops;
		slot->rc.epoch = &skep->epoch;
		slot->rc.progs = skep->progs;
		slot->rc.n_progs = PROG_TABLE_SIZE;
		slot->rc.random = (u64)os_random_u32() << 32 | os_random_u32() | 1;
	}
	return 0;
}

void runs_release(struct skep *skep)
{
	while (skep->retired)
		skep_reclaim(skep);
	free(skep->slots);
	pthread_mutex_destroy(&skep->retired_lock);
	pthread_mutex_destroy(&skep->cancel_lock);
}
