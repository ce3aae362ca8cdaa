/* SPDX-License-Identifier: Apache-2.0 */
/* Making and freeing a kernel. */
#define _GNU_SOURCE
#include "kernel/core.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kernel/async.h"
#include "kernel/pin.h"

/* Of address space: costs nothing until tasks are presented in it. */
#define KERNEL_ARENA_SIZE (64u << 20)

/*
 * A page that a child finds empty after fork. Where the system cannot do that, the page stays
 * as it is and the child's kernel is not told apart: it then works on its own copies.
 */
static int fork_mark_init(struct skep *skep)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		return -errno;
	madvise(page, 4096, MADV_WIPEONFORK);
	skep->not_forked = page;
	*skep->not_forked = 1;
	return 0;
}

static void take_opts(struct skep *skep, const struct skep_opts *given)
{
	struct skep_opts opts = { 0 };
	u32 real = os_cpu_count();

	if (given)
		memcpy(&opts, given, MIN(given->size, sizeof(opts)));
	skep->cpus = opts.cpus ? opts.cpus : 2 * real;
	skep->cpus = MIN(skep->cpus, (u32)MAX_CPUS);
	skep->flags = opts.flags;
	skep->default_budget = opts.budget;
	skep->trace = opts.trace;
	skep->trace_data = opts.trace_data;
}

static int model_init(struct skep *skep)
{
	int err = skep->presented ? 0 : model_skep_new(&skep->presented);

	if (err)
		return err;
	custom_init(&skep->custom);
	skep->model = *skep->presented;
	skep->model.custom_helpers = skep->custom.helpers;
	skep->model.n_custom_helpers = CUSTOM_MAX_HELPERS;
	return 0;
}

static int skep_init(struct skep *skep, const struct skep_opts *opts)
{
	int err;

	skep->notify_fd = -1;
	take_opts(skep, opts);
	skep->progs = os_reserve(PROG_TABLE_SIZE * sizeof(struct prog *));
	skep->maps = os_reserve(MAP_TABLE_SIZE * sizeof(struct map *));
	skep->map_objects = os_reserve(MAP_TABLE_SIZE * sizeof(struct map_object *));
	if (!skep->progs || !skep->maps || !skep->map_objects)
		return -ENOMEM;
	err = kernel_arena_init(&skep->arena, KERNEL_ARENA_SIZE);
	if (!err)
		err = objects_init(skep);
	if (!err)
		err = fork_mark_init(skep);
	if (!err)
		err = asyncs_init(skep);
	if (!err)
		err = runs_init(skep);
	if (!err)
		err = model_init(skep);
	return err ? err : btf_present(skep);
}

static void skep_destroy(struct skep *skep)
{
	runs_release(skep); /* frees programs, and with them the last maps */
	objects_release(skep);
	asyncs_release(skep);
	if (skep->presented) {
		custom_release(&skep->custom);
		model_free(skep->presented);
	}
	if (skep->not_forked)
		munmap(skep->not_forked, 4096);
	os_unreserve(skep->progs, PROG_TABLE_SIZE * sizeof(struct prog *));
	os_unreserve(skep->maps, MAP_TABLE_SIZE * sizeof(struct map *));
	os_unreserve(skep->map_objects, MAP_TABLE_SIZE * sizeof(struct map_object *));
	kernel_arena_release(&skep->arena);
	vec_release(&skep->attachers);
	free(skep);
}

static struct skep *skep_make(const struct skep_opts *opts, struct kernel_model *model,
			      bool verify_only)
{
	struct skep *skep;
	int err;

	skep = aligned_alloc(alignof(struct skep), align_up(sizeof(*skep), alignof(struct skep)));
	if (!skep) {
		model_free(model);
		return NULL;
	}
	memset(skep, 0, sizeof(*skep));
	skep->presented = model;
	skep->verify_only = verify_only;
	err = skep_init(skep, opts);
	if (err) {
		skep_destroy(skep);
		errno = -err;
		return NULL;
	}
	return skep;
}

struct skep *skep_new(const struct skep_opts *opts)
{
	if (opts && (opts->size < sizeof(size_t) || opts->cpus > MAX_CPUS)) {
		errno = EINVAL;
		return NULL;
	}
	return skep_make(opts, NULL, false);
}

struct skep *skep_new_verifier(struct kernel_model *model)
{
	return skep_make(NULL, model, true);
}

void skep_free(struct skep *skep)
{
	/* In a forked child it is the parent's: nothing here may be undone. */
	if (!skep || skep_is_forked(skep))
		return;
	asyncs_stop(skep);
	pins_release(skep);
	objects_close(skep);
	if (skep->vmlinux)
		object_put(&skep->vmlinux->base);
	skep_destroy(skep);
}

void skep_on_verified(struct skep *skep, verified_fn *fn, void *data)
{
	skep->verified = fn;
	skep->verified_data = data;
}

struct kernel_model *skep_model(struct skep *skep)
{
	return &skep->model;
}

struct custom_table *skep_custom(struct skep *skep)
{
	return &skep->custom;
}

struct kernel_arena *skep_arena(struct skep *skep)
{
	return &skep->arena;
}

bool skep_verify_only(const struct skep *skep)
{
	return skep->verify_only;
}

u32 skep_cpus(const struct skep *skep)
{
	return skep->cpus;
}
