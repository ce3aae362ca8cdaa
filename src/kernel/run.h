/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running programs of a kernel: what hooks, PROG_TEST_RUN and embedders call.
 *
 * A run happens inside a CPU slot: the number smp_processor_id gives, the index into
 * per-CPU values, and the epoch slot that keeps programs and retired tables alive while
 * they may be seen. A slot belongs to one run at a time; a run started from inside a run
 * takes another one. When none is free the run does not happen and is counted as a miss.
 *
 * Several programs for one event share one slot:
 *
 *	struct run_slot *slot = run_enter(skep, &params);
 *
 *	if (slot) {
 *		r0 = run_prog(slot, prog, ctx);
 *		run_leave(slot);
 *	}
 */
#ifndef SKEP_KERNEL_RUN_H
#define SKEP_KERNEL_RUN_H

#include "kernel/kernel.h"
#include "vm/run.h"

/* The circumstances of a run. A zeroed struct means: this process, this thread, defaults. */
struct run_params {
	const struct world_ops
	    *world; /* NULL: this process's own memory, trace_pipe of the kernel */
	void *world_data;
	const struct task_info *task; /* NULL: world->load_task finds it when a helper asks */
	u64 cookie;
	u64 func_ip;
	void *user_data; /* what embedders' helpers find in run_ctx.user_data */
	u64 budget;      /* back edges and calls; 0: the kernel's default (skep_opts.budget) */
};

struct run_slot;

/* Claims a slot; NULL when all are taken, or in a forked child. Not to be called while holding
 * kernel locks. */
struct run_slot *run_enter(struct skep *skep, const struct run_params *params);
/* Waits for that very slot. Not to be called from inside a run. */
struct run_slot *run_enter_on(struct skep *skep, u32 cpu);
/*
 * Runs one program and returns its r0. A run that was cut short (budget, cancel) returns 0,
 * run_status() says why, and it is counted in the program's statistics.
 */
u64 run_prog(struct run_slot *slot, struct prog_object *prog, void *ctx);
/* The same of one of its entries: the program itself, or a callback of it. */
u64 run_entry(struct run_slot *slot, struct prog_object *prog, struct prog *entry, void *ctx);
/* How the last run_prog of this slot ended. */
enum run_status run_status(const struct run_slot *slot);
/* The run_ctx of the slot: its cookie and func_ip may be changed between run_prog calls. */
struct run_ctx *run_slot_ctx(struct run_slot *slot);
void run_leave(struct run_slot *slot);

/*
 * One program, one run: 0 and *r0; -EBUSY (no slot: a miss), -ETIME (budget), -ECANCELED,
 * or -EPERM (a forked child: a kernel belongs to the process that made it).
 * The caller holds a reference to prog.
 */
int skep_run(struct skep *skep, struct prog_object *prog, void *ctx,
	     const struct run_params *params, u64 *r0);

/* Ends every run of the program that is under way now; returns how many it found. Programs
 * without IMAGE_BUDGET notice only at their end. */
u32 run_cancel(struct skep *skep, struct prog_object *prog);

/*
 * prog_list: programs attached to one event, run without a lock while others add, remove
 * and replace them. A zeroed struct is an empty list. Every item belongs to a link.
 */
struct prog_list_item {
	struct prog_object *prog; /* the link's reference keeps it; NULL: skip the item */
	struct link_object *link; /* names the item */
	u64 cookie;
	void *data; /* hook's own: a filter */
};

struct prog_list_array {
	u32 n;
	struct prog_list_item items[];
};

struct prog_list {
	struct prog_list_array *array; /* NULL: empty; replaced as a whole */
};

/* Writers of one list are serialised by the caller (a hook's own lock). After remove or
 * replace returns, new runs do not see the old item; runs under way may, and the program
 * stays alive for them. 0, -ENOMEM, -ENOENT. */
int prog_list_add(struct skep *skep, struct prog_list *list, const struct prog_list_item *item);
int prog_list_remove(struct skep *skep, struct prog_list *list, const struct link_object *link);
int prog_list_replace(struct skep *skep, struct prog_list *list, const struct link_object *link,
		      struct prog_object *prog);
static inline bool prog_list_empty(const struct prog_list *list)
{
	return !load_acquire(&list->array);
}
/* The items as they are now: valid until run_leave of the slot the caller is in. May be NULL. */
static inline const struct prog_list_array *prog_list_read(const struct prog_list *list)
{
	return load_acquire(&list->array);
}
/* Runs all in order with each item's cookie; returns the last r0. Nothing when no slot is free
 * (each program counts a miss). */
u64 prog_list_run_all(struct skep *skep, struct prog_list *list, void *ctx,
		      const struct run_params *params);

/*
 * Frees something that running programs may still look at, once none can. Never waits;
 * may be called from inside a run.
 */
void skep_retire(struct skep *skep, void (*release)(void *what), void *what);

/* Returns when every run that was under way at the call has ended. Not from inside a run. */
void skep_synchronize(struct skep *skep);

#endif
