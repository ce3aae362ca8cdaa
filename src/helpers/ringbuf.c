/* SPDX-License-Identifier: Apache-2.0 */
/* Helpers on ring buffers: thin fronts of maps/ringbuf.c and maps/user_ringbuf.c. */
#include "helpers/dynptr.h"
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

#define MAX_SAMPLES (128 * 1024) /* of one drain */

/* Until a callback answers 1. How many were seen or skipped, or -errno; *skipped of them. */
static s64 drain(struct map *map, u64 func, u64 arg, u32 *skipped, struct run_ctx *rc)
{
	struct user_sample sample;
	struct dynptr ptr;
	bool stop = false;
	s64 n;

	for (n = 0; n < MAX_SAMPLES && !stop; n++) {
		int err = user_ringbuf_peek(map, &sample);

		if (err == -ENODATA)
			break;
		if (err == -EAGAIN) {
			++*skipped;
			continue;
		}
		if (err)
			return err;
		dynptr_init(&ptr, sample.data, DYNPTR_MEMORY, 0, sample.size);
		stop = rc->call(rc, func, (u64)(uintptr_t)&ptr, arg, 0, 0, 0);
		user_ringbuf_release(map, &sample);
	}
	return n;
}

/* (map, callback, its argument, flags) */
u64 helper_user_ringbuf_drain(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	struct map *map = map_arg(r1);
	u32 skipped = 0;
	s64 n;

	if (r4 & ~(u64)(BPF_RB_NO_WAKEUP | BPF_RB_FORCE_WAKEUP))
		return -EINVAL;
	if (user_ringbuf_enter(map, rc))
		return -EBUSY;
	n = drain(map, r2, r3, &skipped, rc);
	user_ringbuf_leave(map, n > 0, r4, rc);
	return n < 0 ? n : n - skipped;
}
