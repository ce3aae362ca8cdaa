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
#include "kernel/core.h"

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
 * Who has a slot. A thread keeps the slot it ran in as its own while nothing runs there, so
 * that its next run claims it with plain loads and stores; others may take an idle slot away:
 *
 *	owner:	active = epoch; compiler barrier; if (owner != me) active = 0, look elsewhere
 *	taker:	owner = me (CAS); barrier in all threads; if (active) give back
 *
 * Either the owner's store to `active` came before the barrier and the taker sees it, or the
 * owner sees that it is the owner no more.
 *
 *	epoch slot.owner	0: nobody; else the token of a thread, OWNER_COMMAND of a command
 *	epoch slot.active	not 0: somebody runs in it, and only this keeps takers away
 */
#define OWNER_NONE    0
#define OWNER_COMMAND 1
#define OWNER_UNSET   UINT32_MAX

#define FAST_TLS __attribute__((tls_model("initial-exec")))

static _Thread_local u32 my_token FAST_TLS = OWNER_UNSET;
static _Thread_local u32 my_slot FAST_TLS; /* where this thread ran last */
static u32 last_token = OWNER_COMMAND;

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

/* The owner's half of the bargain. */
static inline bool slot_activate(struct skep *skep, u32 at, u32 token)
{
	struct epoch_slot *slot = &skep->epoch.slot[at];

	epoch_enter(&skep->epoch, at);
	if (LIKELY(load_relaxed(&slot->owner) == token))
		return true;
	epoch_leave(&skep->epoch, at);
	return false;
}

/* The taker's half: the slot as `token`'s, and active. */
static bool slot_take(struct skep *skep, u32 at, u32 token)
{
	struct epoch_slot *slot = &skep->epoch.slot[at];
	u32 was = load_relaxed(&slot->owner), mine = token;

	if (load_acquire(&slot->active) || !cas_acq_rel(&slot->owner, &was, token))
		return false;
	if (was != OWNER_NONE && was != token) {
		os_barrier_all_threads();
		if (load_acquire(&slot->active)) {
			cas_acq_rel(&slot->owner, &mine, was);
			return false;
		}
	}
	return slot_activate(skep, at, token);
}

static u32 token_of_thread(void)
{
	if (my_token == OWNER_UNSET)
		my_token = fetch_add_relaxed(&last_token, 1) + 1;
	return my_token;
}

/* An idle slot, nobody's first; -1 when all are running. */
static NOINLINE int slot_search(struct skep *skep)
{
	u32 token = token_of_thread();

	for (u32 pass = 0; pass < 2; pass++) {
		for (u32 i = 0; i < skep->cpus; i++) {
			u32 at = (my_slot + i) % skep->cpus;

			if (!pass && load_relaxed(&skep->epoch.slot[at].owner) != OWNER_NONE)
				continue;
			if (slot_take(skep, at, token)) {
				my_slot = at;
				return (int)at;
			}
		}
	}
	return -1;
}

u32 command_enter(struct skep *skep)
{
	for (u32 i = my_slot;; i++) {
		u32 at = skep->cpus + i % COMMAND_SLOTS, nobody = OWNER_NONE;
		u32 *owner = &skep->epoch.slot[at].owner;

		if (load_relaxed(owner) == OWNER_NONE &&
		    cas_acq_rel(owner, &nobody, OWNER_COMMAND)) {
			epoch_enter(&skep->epoch, at);
			return at;
		}
		if (i % COMMAND_SLOTS == COMMAND_SLOTS - 1)
			sched_yield();
	}
}

void command_leave(struct skep *skep, u32 slot)
{
	epoch_leave(&skep->epoch, slot);
	epoch_unclaim(&skep->epoch, slot);
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
	if (UNLIKELY(at >= skep->cpus || load_relaxed(&skep->epoch.slot[at].owner) != my_token ||
		     load_relaxed(&skep->epoch.slot[at].active) ||
		     !slot_activate(skep, at, my_token))) {
		int found = slot_search(skep);

		if (found < 0)
			return NULL;
		at = (u32)found;
	}
	slot_set_up(&skep->slots[at], params ? params : &no_params);
	return &skep->slots[at];
}

struct run_slot *run_enter_on(struct skep *skep, u32 cpu)
{
	if (cpu >= skep->cpus || skep_is_forked(skep))
		return NULL;
	while (!slot_take(skep, cpu, token_of_thread()))
		sched_yield();
	slot_set_up(&skep->slots[cpu], &no_params);
	return &skep->slots[cpu];
}

void run_leave(struct run_slot *slot)
{
	epoch_leave(&slot->skep->epoch, slot->index);
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

static u64 run_counted(struct run_slot *slot, struct prog_object *prog, void *ctx)
{
	u64 start = os_clock_ns(OS_CLOCK_MONOTONIC);
	u64 r0 = prog_run(&prog->prog, ctx, &slot->rc);

	fetch_add_relaxed(&prog->prog.run_cnt, 1);
	fetch_add_relaxed(&prog->prog.run_time_ns, os_clock_ns(OS_CLOCK_MONOTONIC) - start);
	return r0;
}

u64 run_prog(struct run_slot *slot, struct prog_object *prog, void *ctx)
{
	struct run_ctx *rc = &slot->rc;
	u64 r0;

	rc->budget = slot->budget;
	rc->tail_calls = 0;
	rc->status = RUN_OK;
	rc->n_held = 0;
	store_release(&slot->running, prog);
	if (UNLIKELY(load_relaxed(&slot->skep->stats_users)))
		r0 = run_counted(slot, prog, ctx);
	else
		r0 = prog_run(&prog->prog, ctx, rc);
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

static bool slot_cancel(struct run_slot *slot, const struct prog_object *prog)
{
	bool running;

	store_seq_cst(&slot->cancelling, 1);
	os_barrier_all_threads();
	running = load_acquire(&slot->running) == prog;
	for (u32 i = 0; i < CANCEL_TRIES && load_acquire(&slot->running) == prog; i++) {
		store_relaxed(&slot->rc.budget, BUDGET_CANCEL);
		cpu_relax();
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
