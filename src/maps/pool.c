/* SPDX-License-Identifier: Apache-2.0 */
#include "maps/pool.h"

/*
 * Treiber's stack of free elements, through their link words. The tag in the head keeps a
 * slow CAS from bringing an old head back.
 */
static u32 stack_pop(const struct pool *pool, u64 *stack)
{
	u64 head = load_acquire(stack);

	for (;;) {
		u64 *elem = pool_at(pool, LINK_INDEX(head));

		if (!elem)
			return 0;
		if (cas_acq_rel(stack, &head, link_next(head, LINK_INDEX(load_relaxed(elem)), 0)))
			return LINK_INDEX(head);
	}
}

static void stack_push(u64 *stack, u64 *elem, u32 index)
{
	u64 head = load_relaxed(stack);

	do
		store_release(elem, link_next(load_relaxed(elem), LINK_INDEX(head), LINK_DEAD));
	while (!cas_acq_rel(stack, &head, link_next(head, index, 0)));
}

static u32 take_unused(struct pool *pool)
{
	u32 used;

	if (load_relaxed(&pool->ctl->used) >= pool->ordinary)
		return 0;
	used = fetch_add_relaxed(&pool->ctl->used, 1);
	return used < pool->ordinary ? used + 1 : 0;
}

/*
 * An element of any lane. Elements wander between lanes while we look, so finding each lane
 * empty in turn is not enough: "none" is certain when a second look finds all still empty and
 * no head changed in between, which the sum of their tags tells, since tags only grow.
 */
static u32 take_anywhere(struct pool *pool)
{
	u64 tags, tags_before = 0;

	for (u32 looks = 0; looks < POOL_LOOKS; looks++, tags_before = tags) {
		tags = 1;
		for (u32 i = 0; i <= pool->slots; i++) {
			u32 index;

			tags += load_acquire(&pool->lane[i].free) / LINK_TAG_ONE;
			index = stack_pop(pool, &pool->lane[i].free);
			if (index)
				return index;
		}
		if (tags == tags_before)
			return 0;
	}
	return 0;
}

u32 pool_take(struct pool *pool, u32 lane)
{
	u32 index = stack_pop(pool, &pool->lane[lane].free);

	if (!index && lane != pool->slots)
		index = stack_pop(pool, &pool->lane[pool->slots].free);
	if (!index)
		index = take_unused(pool);
	return index ? index : take_anywhere(pool);
}

/* The ring is its owner's alone; who dies between two of these stores loses one element. */
static u32 ring_take(struct pool_lane *lane)
{
	u32 taken = load_relaxed(&lane->taken);

	if (taken == load_relaxed(&lane->given))
		return 0;
	store_relaxed(&lane->taken, taken + 1);
	return load_relaxed(&lane->ring[taken % POOL_RING]);
}

static bool ring_give(struct pool_lane *lane, u32 index)
{
	u32 given = load_relaxed(&lane->given);

	if (given - load_relaxed(&lane->taken) >= POOL_RING)
		return false;
	store_relaxed(&lane->ring[given % POOL_RING], index);
	store_relaxed(&lane->given, given + 1);
	return true;
}

struct pool_elem pool_take_spare(struct pool *pool, u32 lane)
{
	u32 index = lane < pool->slots ? ring_take(&pool->lane[lane]) : 0;

	if (!pool_at(pool, index))
		index = stack_pop(pool, &pool->ctl->spares);
	if (index)
		return (struct pool_elem){ index, true };
	/* All are in use this moment, or lost with killed processes: borrow an ordinary one. */
	return (struct pool_elem){ pool_take(pool, lane), false };
}

void pool_give(struct pool *pool, u32 lane, struct pool_elem elem)
{
	u64 *link = pool_at(pool, elem.index);

	if (!link)
		return;
	if (!elem.spare) {
		stack_push(&pool->lane[lane].free, link, elem.index);
		return;
	}
	/* Whoever still stands on it must see that it is gone, before it is filled again. */
	store_release(link, link_next(load_relaxed(link), 0, LINK_DEAD));
	if (lane == pool->slots || !ring_give(&pool->lane[lane], elem.index))
		stack_push(&pool->ctl->spares, link, elem.index);
}

void pool_format(struct pool *pool)
{
	struct pool_elem spare = { pool->ordinary, true };

	for (u32 i = 0; i <= pool->slots; i++) {
		u32 n = i < pool->slots ? POOL_RING : POOL_SHARED_SPARES;

		for (u32 j = 0; j < n; j++) {
			spare.index++;
			pool_give(pool, i, spare);
		}
	}
}

u32 pool_touched(const struct pool *pool)
{
	return MIN(load_relaxed(&pool->ctl->used), pool->ordinary) + pool->count - pool->ordinary;
}
