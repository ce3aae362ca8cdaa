/* SPDX-License-Identifier: Apache-2.0 */
/* What needs only the run itself. */
#include "helpers/helpers.h"
#include "isa/insn.h"
#include "os/os.h"

u64 helper_get_smp_processor_id(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	return rc->cpu;
}

u64 helper_get_numa_node_id(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	return os_numa_node();
}

/* xorshift64* (Vigna): the upper half; the state is the run's, seeded on first use. */
u64 helper_get_prandom_u32(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	u64 x = rc->random;

	if (!x)
		x = ((u64)os_random_u32() << 32 | os_random_u32()) | 1;
	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	rc->random = x;
	return x * 0x2545f4914f6cdd1dull >> 32;
}

u64 helper_get_attach_cookie(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	return rc->cookie;
}

u64 helper_get_func_ip(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	return rc->func_ip;
}

/* (n, callback, its context, flags): how often it was called. */
u64 helper_loop(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	u32 n = r1;

	if (r4)
		return -EINVAL;
	if (n > BPF_MAX_LOOP_COUNT)
		return -E2BIG;
	for (u32 i = 0; i < n; i++)
		if (rc->call(rc, r2, i, r3, 0, 0, 0))
			return i + 1;
	return n;
}
