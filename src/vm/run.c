/* SPDX-License-Identifier: Apache-2.0 */
/* What both engines need at run time, in one place so that they cannot disagree. */
#include "vm/run.h"

#include "maps/map.h"
#include "vm/prog.h"

_Noreturn void run_abort(struct run_ctx *rc, enum run_status status)
{
	if (status == RUN_BUDGET && load_relaxed(&rc->budget) < BUDGET_CANCEL / 2)
		status = RUN_CANCELLED;
	if (rc->status == RUN_OK)
		rc->status = status;
	while (rc->n_held) {
		struct held *held = &rc->held[rc->n_held - 1];

		held->drop(held->what, rc); /* takes the entry out */
	}
	rc->unwind(rc);
	__builtin_unreachable();
}

/*
 * An element of a prog array is an index into rc->progs, which was filled before the index
 * was published; 0 is an empty slot. As in Linux, an empty slot is not counted. Whoever
 * shares the array may have spoilt the element: at worst another program of this type runs.
 * The attach type counts, because it may decide what the context is (skep/NAME).
 */
struct prog *run_tail_target(struct run_ctx *rc, const struct map *map, u32 index)
{
	struct prog *target;
	u32 slot;

	if (rc->tail_calls >= BPF_MAX_TAIL_CALLS)
		return NULL;
	slot = map_prog_index(map, index);
	target = slot && slot < rc->n_progs ? rc->progs[slot] : NULL;
	if (!target || target->jited != rc->prog->jited || target->type != rc->prog->type ||
	    target->attach_type != rc->prog->attach_type)
		return NULL;
	rc->tail_calls++;
	rc->prog = target;
	return target;
}
