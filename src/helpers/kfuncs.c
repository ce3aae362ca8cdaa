/* SPDX-License-Identifier: Apache-2.0 */
/* The table of kfuncs that run, and the ones that mark sections of a program. */
#include "helpers/kfuncs.h"

static const struct {
	helper_fn fn;
	const char *prototype;
	u32 id;
} runs[] = {
#define X(name, text) { kfunc_run_##name, text, KFUNC_##name },
	KFUNC_RUNS(X)
#undef X
};

helper_fn kfunc_fn(enum kfunc_id id)
{
	for (u32 i = 0; i < ARRAY_SIZE(runs); i++)
		if (runs[i].id == id)
			return runs[i].fn;
	return NULL;
}

bool kfunc_run_at(u32 i, enum kfunc_id *id, const char **prototype)
{
	if (i >= ARRAY_SIZE(runs))
		return false;
	*id = runs[i].id;
	*prototype = runs[i].prototype;
	return true;
}

/*
 * Sections: a run of Skep's is inside an epoch from its first instruction to its last, so what
 * RCU protects cannot go; and whoever shares a CPU slot waits for the run's end, so preemption
 * and interrupts are never seen. That sections are balanced is the verifier's to prove.
 */
#define SECTION(name)                                                                              \
	u64 kfunc_run_##name(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)           \
	{                                                                                          \
		return 0;                                                                          \
	}
SECTION(bpf_rcu_read_lock)
SECTION(bpf_rcu_read_unlock)
SECTION(bpf_preempt_disable)
SECTION(bpf_preempt_enable)
SECTION(bpf_local_irq_restore)

u64 kfunc_run_bpf_local_irq_save(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	*(u64 *)(uintptr_t)r1 = 0;
	return 0;
}

/* Loads through what a cast gives probe, whatever it is. */
u64 kfunc_run_bpf_rdonly_cast(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	return r1;
}

/*
 * A presented task lies in the arena for as long as its kernel lives, and is only ever read by
 * loads that probe: holding one costs nothing.
 */
u64 kfunc_run_bpf_task_acquire(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	return r1;
}

u64 kfunc_run_bpf_task_release(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	return 0;
}
