/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a killed process had in its hands is an element that can be reached from nowhere: not
 * free, not in the map's structure. While nobody else is at work, that is a matter of marking.
 *
 * Whether a lost one was ordinary or a spare cannot be seen, and need not be: there are a
 * known number of each, so the missing spares come first and the rest are ordinary.
 */
#include "maps/pool.h"
#include "os/os.h"

bool pool_sweep_mark(struct pool_sweep *sweep, u32 index, bool spare)
{
	u8 bit = (u8)(1u << index % 8), *byte;

	if (!pool_at(sweep->pool, index))
		return false;
	byte = &sweep->marks[index / 8];
	if (*byte & bit)
		return false;
	*byte |= bit;
	sweep->spares += spare;
	return true;
}

/* A list that somebody has made endless ends where it comes back to itself. */
static void mark_stack(struct pool_sweep *sweep, u64 head, bool spare)
{
	u32 index = LINK_INDEX(head);

	while (pool_sweep_mark(sweep, index, spare))
		index = LINK_INDEX(load_acquire(pool_at(sweep->pool, index)));
}

static void mark_ring(struct pool_sweep *sweep, const struct pool_lane *lane)
{
	u32 n = MIN(lane->given - lane->taken, (u32)POOL_RING);

	for (u32 i = 0; i < n; i++)
		pool_sweep_mark(sweep, lane->ring[(lane->taken + i) % POOL_RING], true);
}

int pool_sweep_begin(struct pool_sweep *sweep, struct pool *pool)
{
	*sweep = (struct pool_sweep){ .pool = pool, .marks = os_alloc(pool->count / 8 + 1) };
	if (!sweep->marks)
		return -ENOMEM;
	for (u32 i = 0; i <= pool->slots; i++) {
		mark_stack(sweep, load_acquire(&pool->lane[i].free), false);
		if (i < pool->slots)
			mark_ring(sweep, &pool->lane[i]);
	}
	mark_stack(sweep, load_acquire(&pool->ctl->spares), true);
	return 0;
}

u32 pool_sweep_end(struct pool_sweep *sweep)
{
	struct pool *pool = sweep->pool;
	u32 used = MIN(load_relaxed(&pool->ctl->used), pool->ordinary);
	u32 all = pool->count - pool->ordinary, returned = 0;

	for (u32 index = 1; index <= pool->count; index++) {
		struct pool_elem elem = { index, sweep->spares < all };

		/* From there on up to the spares, none was ever taken. */
		if ((index > used && index <= pool->ordinary) ||
		    !pool_sweep_mark(sweep, index, elem.spare))
			continue;
		pool_give(pool, pool->slots, elem);
		returned++;
	}
	os_free(sweep->marks);
	return returned;
}
