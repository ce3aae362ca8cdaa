/* SPDX-License-Identifier: Apache-2.0 */
/* Helpers on ring buffers: thin fronts of maps/ringbuf.c. */
#include "helpers/helpers.h"
#include "maps/map.h"

static struct map *map_arg(u64 r)
{
	return (struct map *)(uintptr_t)r;
}

u64 helper_ringbuf_output(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	return (u64)ringbuf_output(map_arg(r1), (void *)(uintptr_t)r2, r3, r4, rc);
}

u64 helper_ringbuf_reserve(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	return (u64)(uintptr_t)ringbuf_reserve(map_arg(r1), r2, r3, rc);
}

u64 helper_ringbuf_submit(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	ringbuf_submit((void *)(uintptr_t)r1, r2, rc);
	return 0;
}

u64 helper_ringbuf_discard(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	ringbuf_discard((void *)(uintptr_t)r1, r2, rc);
	return 0;
}

u64 helper_ringbuf_query(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	return ringbuf_query(map_arg(r1), r2);
}
