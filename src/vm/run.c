/* SPDX-License-Identifier: Apache-2.0 */
/* What both engines need at run time, in one place so that they cannot disagree. */
#include "vm/run.h"

#include "maps/map.h"
#include "vm/prog.h"

_Noreturn void run_abort(struct run_ctx *rc, enum run_status status)
{
	if (rc->status == RUN_OK)
		rc->status = status;
	rc->unwind(rc);
	__builtin_unreachable();
}

/*
 * An element of a prog array is an index into rc->progs, which was filled before the index
 * was published; 0 is an empty slot. As in Linux, an empty slot is not counted.
 */
struct prog *run_tail_target(struct run_ctx *rc, const struct map *map, u32 index)
{
	struct prog *target;
	u32 slot;

	if (index >= map->facts.max_entries || rc->tail_calls >= BPF_MAX_TAIL_CALLS)
		return NULL;
	slot = load_acquire((u32 *)(map->values + (u64)index * map->stride));
	target = slot ? rc->progs[slot] : NULL;
	if (!target || target->jited != rc->prog->jited)
		return NULL;
	rc->tail_calls++;
	rc->prog = target;
	return target;
}
