/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spin locks in values. What a run holds stands in rc->held, so that a run that is cut short
 * gives it back.
 */
#include "helpers/helpers.h"
#include "helpers/kfuncs.h"
#include "maps/value.h"

#define RES_LOCK_PATIENCE_NS 250000000ull /* as Linux */

static void drop_lock(void *what, struct run_ctx *rc)
{
	for (u32 i = rc->n_held; i-- > 0;) {
		if (rc->held[i].what != what)
			continue;
		rc->held[i] = rc->held[--rc->n_held];
		map_lock_drop(what, rc->cpu + 1);
		return;
	}
}

static void hold_lock(u32 *word, struct run_ctx *rc)
{
	rc->held[rc->n_held++] = (struct held){ word, drop_lock, NULL };
}

u64 helper_spin_lock(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	u32 *word = (u32 *)(uintptr_t)r1;

	map_lock_take(word, rc->cpu + 1, rc->epoch);
	/* There is room: one such lock at a time, and records leave it free. */
	hold_lock(word, rc);
	return 0;
}

u64 helper_spin_unlock(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	drop_lock((void *)(uintptr_t)r1, rc);
	return 0;
}

u64 kfunc_run_bpf_res_spin_lock(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	u32 *word = (u32 *)(uintptr_t)r1;
	int err;

	if (rc->n_held == RUN_MAX_HELD + RUN_MAX_LOCKS)
		return (u64)-EDEADLK;
	err = map_lock_try(word, rc->cpu + 1, rc->epoch, RES_LOCK_PATIENCE_NS);
	if (!err)
		hold_lock(word, rc);
	return (u64)(s64)err;
}

u64 kfunc_run_bpf_res_spin_unlock(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	drop_lock((void *)(uintptr_t)r1, rc);
	return 0;
}

u64 kfunc_run_bpf_res_spin_lock_irqsave(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	u64 err = kfunc_run_bpf_res_spin_lock(r1, 0, 0, 0, 0, rc);

	if (!err)
		*(u64 *)(uintptr_t)r2 = 0;
	return err;
}

u64 kfunc_run_bpf_res_spin_unlock_irqrestore(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5,
					     struct run_ctx *rc)
{
	drop_lock((void *)(uintptr_t)r1, rc);
	return 0;
}
