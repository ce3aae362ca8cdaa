/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timers and work queues of values. What stands in the value is a number, which is checked before
 * it is believed: whoever may spoil the store gains nothing. Behind it is a struct async: which
 * value of which map, whose callback, and when.
 *
 * Two threads call callbacks, one for timers and one, whose callbacks may sleep, for work queues;
 * each is started when it is first needed. A callback runs in a CPU slot as any program does, as
 * a program of its own (image_of_callback).
 *
 * As in Linux: the callback's program is kept alive by what will call it; all that a map's values
 * hold is let go when the map's last fd and pin are closed, so that the two do not keep each
 * other for ever.
 */
#define _GNU_SOURCE
#include "kernel/async.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kernel/run.h"

#define CLOCKS		 16
#define SLOT_TRIES	 1000 /* of 100 us: all CPUs are taken */
#define TIMER_ABS	 (1u << 0)
#define TIMER_CPU_PIN	 (1u << 1)

enum worker_kind { WORKER_TIMERS, WORKER_QUEUES, WORKERS };

struct async {
	u32 generation; /* of this place in the table */
	bool used;
	bool armed;
	bool firing;
	bool gone; /* its value has gone while it fires: free it afterwards */
	u32 worker; /* enum worker_kind */
	u32 clock;
	struct map_object *mo;
	u8 *value, *field;
	void *key; /* a copy */
	struct prog_object *prog; /* referenced; NULL: no callback yet */
	u32 subprog;
	u64 expires; /* OS_CLOCK_MONOTONIC */
};

struct worker {
	struct asyncs *all;
	u32 kind;
	bool started;
	pthread_t thread;
	pthread_cond_t wake;
};

struct asyncs {
	struct skep *skep;
	pthread_mutex_t lock;
	pthread_cond_t done; /* something has finished firing */
	struct worker workers[WORKERS];
	VEC(struct async *) table;
	bool stop;
};

/* ---- what a value's field stands for ---- */

static u64 handle_of(u32 index, const struct async *async)
{
	return (u64)async->generation << 32 | (index + 1);
}

/* NULL: nothing, or nothing that belongs here. */
static struct async *find(struct asyncs *all, const void *field)
{
	u64 handle = load_relaxed((const u64 *)field);
	u32 index = (u32)handle - 1;
	struct async *async = index < all->table.len ? all->table.data[index] : NULL;

	if (!async || !async->used || async->gone || async->generation != handle >> 32 ||
	    async->field != field)
		return NULL;
	return async;
}

static struct async *take_place(struct asyncs *all, u32 *index)
{
	struct async *async;

	for (*index = 0; *index < all->table.len; (*index)++)
		if (!all->table.data[*index]->used)
			return all->table.data[*index];
	async = calloc(1, sizeof(*async));
	if (async && !vec_push(&all->table, async)) {
		free(async);
		return NULL;
	}
	return async;
}

/* *drop: a program that is to be put without the lock. */
static void give_place(struct async *async, struct prog_object **drop)
{
	*drop = async->prog;
	free(async->key);
	*async = (struct async){ .generation = async->generation + 1 };
}

/* ---- firing ---- */

static struct run_slot *enter(struct skep *skep)
{
	struct run_slot *slot = run_enter(skep, NULL);

	for (u32 i = 0; !slot && i < SLOT_TRIES && !skep_is_forked(skep); i++) {
		usleep(100);
		slot = run_enter(skep, NULL);
	}
	return slot;
}

/* Is what was to be called still there? From here on the slot's epoch keeps its value. */
static bool still_there(struct asyncs *all, const struct async *async)
{
	bool there;

	pthread_mutex_lock(&all->lock);
	there = !async->gone;
	pthread_mutex_unlock(&all->lock);
	return there;
}

/* The slot's epoch keeps the map, the reference the program. */
static void fire(struct asyncs *all, const struct async *async, struct prog_object *prog,
		 u32 subprog, u64 args[3])
{
	struct run_slot *slot = enter(all->skep);

	if (!slot) {
		fetch_add_relaxed(&prog->prog.misses, 1);
		return;
	}
	if (still_there(all, async))
		run_entry(slot, prog, prog->callbacks[subprog], args);
	run_leave(slot);
}

static struct async *earliest(struct asyncs *all, u32 worker)
{
	struct async *first = NULL;

	vec_for_each(at, &all->table)
		if ((*at)->used && (*at)->armed && !(*at)->firing && (*at)->worker == worker &&
		    (!first || (*at)->expires < first->expires))
			first = *at;
	return first;
}

static void fire_one(struct asyncs *all, struct async *async)
{
	struct prog_object *prog = async->prog, *drop = NULL;
	size_t key_size = async->mo->map->facts.key_size;
	void *key = malloc(key_size ? key_size : 1);
	u64 args[3] = { (uintptr_t)async->mo->map, (uintptr_t)key, (uintptr_t)async->value };
	u32 subprog = async->subprog;

	async->armed = false;
	if (!key)
		return;
	memcpy(key, async->key, key_size);
	async->firing = true;
	object_get(&prog->base);
	pthread_mutex_unlock(&all->lock);
	fire(all, async, prog, subprog, args);
	free(key);
	pthread_mutex_lock(&all->lock);
	async->firing = false;
	if (async->gone)
		give_place(async, &drop);
	pthread_cond_broadcast(&all->done);
	pthread_mutex_unlock(&all->lock);
	object_put(&prog->base);
	if (drop)
		object_put(&drop->base);
	pthread_mutex_lock(&all->lock);
}

static void wait_until(struct worker *worker, u64 expires)
{
	struct timespec at = { (time_t)(expires / 1000000000), (long)(expires % 1000000000) };

	pthread_cond_timedwait(&worker->wake, &worker->all->lock, &at);
}

static void *work(void *arg)
{
	struct worker *worker = arg;
	struct asyncs *all = worker->all;

	pthread_mutex_lock(&all->lock);
	while (!all->stop) {
		struct async *async = earliest(all, worker->kind);

		if (!async)
			pthread_cond_wait(&worker->wake, &all->lock);
		else if (async->expires > os_clock_ns(OS_CLOCK_MONOTONIC))
			wait_until(worker, async->expires);
		else
			fire_one(all, async);
	}
	pthread_mutex_unlock(&all->lock);
	return NULL;
}

static int wake(struct asyncs *all, u32 kind)
{
	struct worker *worker = &all->workers[kind];

	if (!worker->started) {
		if (pthread_create(&worker->thread, NULL, work, worker))
			return -EAGAIN;
		worker->started = true;
	}
	pthread_cond_signal(&worker->wake);
	return 0;
}

static bool is_worker(const struct asyncs *all, u32 kind)
{
	return all->workers[kind].started && pthread_equal(all->workers[kind].thread, pthread_self());
}

/* ---- the helpers' side ---- */

static struct asyncs *asyncs_of(struct run_ctx *rc)
{
	struct prog_object *prog = rc->prog->owner;

	return prog->base.skep->asyncs;
}

static bool has_users(const struct map_object *mo)
{
	return mo->base.has_fd || load_relaxed(&mo->base.pins);
}

static s64 init_locked(struct asyncs *all, struct map *map, void *field, u32 kind, u32 clock)
{
	const struct special_field *place = btf_record_find(&map->facts.record, kind);
	struct map_object *mo = map->owner;
	struct async *async;
	void *key;
	u32 index;

	if (find(all, field))
		return -EBUSY;
	if (!has_users(mo))
		return -EPERM;
	async = take_place(all, &index);
	key = malloc(map->facts.key_size ? map->facts.key_size : 1);
	if (!async || !key) {
		free(key);
		return -ENOMEM;
	}
	*async = (struct async){ .generation = async->generation, .used = true, .mo = mo,
				 .field = field, .value = (u8 *)field - place->off, .key = key,
				 .clock = clock,
				 .worker = kind == SPECIAL_TIMER ? WORKER_TIMERS : WORKER_QUEUES };
	map->ops->value_key(map, async->value, key);
	store_relaxed((u64 *)field, handle_of(index, async));
	return 0;
}

static s64 async_init(struct run_ctx *rc, struct map *map, void *field, u32 kind, u64 flags)
{
	struct asyncs *all = asyncs_of(rc);
	s64 result;

	if (kind == SPECIAL_TIMER && (flags >= CLOCKS || (flags != CLOCK_MONOTONIC &&
							  flags != CLOCK_REALTIME &&
							  flags != CLOCK_BOOTTIME)))
		return -EINVAL;
	if (kind != SPECIAL_TIMER && flags)
		return -EINVAL;
	pthread_mutex_lock(&all->lock);
	result = init_locked(all, map, field, kind, (u32)flags);
	pthread_mutex_unlock(&all->lock);
	return result;
}

static s64 async_set_callback(struct run_ctx *rc, void *field, u64 func)
{
	struct prog_object *prog = rc->prog->owner, *drop = NULL;
	struct asyncs *all = asyncs_of(rc);
	struct async *async;
	s64 result = -EINVAL;

	if (func >= prog->prog.image->n_subprogs || !prog->callbacks || !prog->callbacks[func])
		return -EINVAL;
	pthread_mutex_lock(&all->lock);
	async = find(all, field);
	if (async && !has_users(async->mo)) {
		result = -EPERM;
	} else if (async) {
		drop = async->prog;
		object_get(&prog->base);
		async->prog = prog;
		async->subprog = (u32)func;
		result = 0;
	}
	pthread_mutex_unlock(&all->lock);
	if (drop)
		object_put(&drop->base);
	return result;
}

static u64 expiry(const struct async *async, u64 nsecs, u64 flags)
{
	enum os_clock clock = async->clock == CLOCK_REALTIME   ? OS_CLOCK_REALTIME
			      : async->clock == CLOCK_BOOTTIME ? OS_CLOCK_BOOTTIME
							       : OS_CLOCK_MONOTONIC;
	u64 now = os_clock_ns(OS_CLOCK_MONOTONIC), there;

	if (flags & TIMER_ABS) {
		there = os_clock_ns(clock);
		nsecs = nsecs > there ? nsecs - there : 0;
	}
	return nsecs < INT64_MAX - now ? now + nsecs : INT64_MAX;
}

static s64 async_start(struct run_ctx *rc, void *field, u64 nsecs, u64 flags)
{
	struct asyncs *all = asyncs_of(rc);
	struct async *async;
	s64 result = -EINVAL;

	pthread_mutex_lock(&all->lock);
	async = find(all, field);
	if (async && async->prog) {
		u64 known = async->worker == WORKER_TIMERS ? TIMER_ABS | TIMER_CPU_PIN : 0;

		if (!(flags & ~known)) {
			async->expires = expiry(async, nsecs, flags);
			async->armed = true;
			result = wake(all, async->worker);
		}
	}
	pthread_mutex_unlock(&all->lock);
	return result;
}

/* Waits for a callback that is running, but not one for itself, nor for each other. */
static s64 async_cancel(struct run_ctx *rc, void *field)
{
	struct asyncs *all = asyncs_of(rc);
	struct prog_object *drop = NULL;
	struct async *async;
	s64 result = -EINVAL;

	pthread_mutex_lock(&all->lock);
	async = find(all, field);
	if (async && async->firing && (is_worker(all, WORKER_TIMERS) || is_worker(all, WORKER_QUEUES))) {
		result = -EDEADLK;
	} else if (async) {
		result = async->armed;
		async->armed = false;
		while ((async = find(all, field)) && async->firing)
			pthread_cond_wait(&all->done, &all->lock);
		if (async) {
			async->armed = false;
			drop = async->prog;
			async->prog = NULL;
		}
	}
	pthread_mutex_unlock(&all->lock);
	if (drop)
		object_put(&drop->base);
	return result;
}

const struct async_ops kernel_async_ops = {
	.init = async_init,
	.set_callback = async_set_callback,
	.start = async_start,
	.cancel = async_cancel,
};

/* ---- the maps' side ---- */

static void let_go(struct async *async, struct prog_object **drop)
{
	async->armed = false;
	if (async->firing)
		async->gone = true;
	else
		give_place(async, drop);
}

static void drop_field(struct map *map, const struct special_field *field, void *at)
{
	struct map_object *mo = map->owner;
	struct asyncs *all = mo->base.skep->asyncs;
	struct prog_object *drop = NULL;
	struct async *async;

	if (!(SPECIAL_BIT(field->kind) & SPECIAL_ASYNC) || !load_relaxed((u64 *)at))
		return;
	pthread_mutex_lock(&all->lock);
	async = find(all, at);
	if (async)
		let_go(async, &drop);
	pthread_mutex_unlock(&all->lock);
	if (drop)
		object_put(&drop->base);
}

void async_map_init(struct map_object *mo)
{
	mo->map->owner = mo;
	if (btf_record_has(&mo->map->facts.record, SPECIAL_ASYNC))
		mo->map->drop_field = drop_field;
}

/* One at a time: putting a program may free other maps. */
void async_map_release(struct map_object *mo)
{
	struct asyncs *all = mo->base.skep->asyncs;
	struct prog_object *drop;
	bool more = btf_record_has(&mo->map->facts.record, SPECIAL_ASYNC);

	while (more) {
		more = false;
		drop = NULL;
		pthread_mutex_lock(&all->lock);
		vec_for_each(at, &all->table) {
			struct async *async = *at;

			if (!async->used || async->gone || async->mo != mo)
				continue;
			store_relaxed((u64 *)async->field, 0);
			let_go(async, &drop);
			more = true;
			break;
		}
		pthread_mutex_unlock(&all->lock);
		if (drop)
			object_put(&drop->base);
	}
}

/* ---- life ---- */

int asyncs_init(struct skep *skep)
{
	struct asyncs *all = calloc(1, sizeof(*all));
	pthread_condattr_t attr;

	if (!all)
		return -ENOMEM;
	all->skep = skep;
	pthread_mutex_init(&all->lock, NULL);
	pthread_cond_init(&all->done, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	for (u32 i = 0; i < WORKERS; i++) {
		all->workers[i].all = all;
		all->workers[i].kind = i;
		pthread_cond_init(&all->workers[i].wake, &attr);
	}
	pthread_condattr_destroy(&attr);
	skep->asyncs = all;
	return 0;
}

void asyncs_stop(struct skep *skep)
{
	struct asyncs *all = skep->asyncs;

	pthread_mutex_lock(&all->lock);
	all->stop = true;
	for (u32 i = 0; i < WORKERS; i++)
		pthread_cond_signal(&all->workers[i].wake);
	pthread_mutex_unlock(&all->lock);
	for (u32 i = 0; i < WORKERS; i++) {
		if (all->workers[i].started)
			pthread_join(all->workers[i].thread, NULL);
		all->workers[i].started = false;
	}
}

void asyncs_release(struct skep *skep)
{
	struct asyncs *all = skep->asyncs;

	if (!all)
		return;
	vec_for_each(at, &all->table) {
		free((*at)->key);
		free(*at);
	}
	vec_release(&all->table);
	for (u32 i = 0; i < WORKERS; i++)
		pthread_cond_destroy(&all->workers[i].wake);
	pthread_cond_destroy(&all->done);
	pthread_mutex_destroy(&all->lock);
	free(all);
}
