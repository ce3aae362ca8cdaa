/* SPDX-License-Identifier: Apache-2.0 */
#include "maps/pool.h"

void pool_format(struct pool *pool)
{
	u32 spare = pool->ordinary;

	for (u32 i = 0; i < pool->lanes; i++)
		for (u32 j = 0; j < POOL_SPARES; j++)
			store_relaxed(&pool->lane[i].spare[j], ++spare);
}

/* Treiber's stack. The tag in the head keeps a slow CAS from bringing an old head back. */
static u32 lane_pop(struct pool *pool, struct pool_lane *lane)
{
	u64 head = load_acquire(&lane->free);

	for (;;) {
		u64 *elem = pool_at(pool, LINK_INDEX(head));

		if (!elem)
			return 0;
		if (cas_acq_rel(&lane->free, &head,
				link_next(head, LINK_INDEX(load_relaxed(elem)), 0)))
			return LINK_INDEX(head);
	}
}

static void lane_push(struct pool *pool, struct pool_lane *lane, u32 index)
{
	u64 *elem = pool_at(pool, index);
	u64 head = load_relaxed(&lane->free);

	do
		store_relaxed(elem, link_next(load_relaxed(elem), LINK_INDEX(head), LINK_DEAD));
	while (!cas_acq_rel(&lane->free, &head, link_next(head, index, 0)));
}

static u32 take_unused(struct pool *pool)
{
	u32 used;

	if (load_relaxed(&pool->ctl->used) >= pool->ordinary)
		return 0;
	used = fetch_add_relaxed(&pool->ctl->used, 1);
	return used < pool->ordinary ? used + 1 : 0;
}

u32 pool_take(struct pool *pool, u32 lane)
{
	u32 index = lane_pop(pool, &pool->lane[lane]);

	if (!index)
		index = take_unused(pool);
	for (u32 i = 1; !index && i < pool->lanes; i++)
		index = lane_pop(pool, &pool->lane[(lane + i) % pool->lanes]);
	return index;
}

static u32 lane_take_spare(struct pool *pool, struct pool_lane *lane)
{
	u32 cursor = load_relaxed(&lane->cursor);

	store_relaxed(&lane->cursor, cursor + 1);
	for (u32 i = 0; i < POOL_SPARES; i++) {
		u32 *spare = &lane->spare[(cursor + i) % POOL_SPARES];
		u32 index = load_relaxed(spare) ? exchange_acq_rel(spare, 0) : 0;

		if (pool_at(pool, index))
			return index;
	}
	return 0;
}

struct pool_elem pool_take_spare(struct pool *pool, u32 lane)
{
	for (u32 i = 0; i < pool->lanes; i++) {
		u32 index = lane_take_spare(pool, &pool->lane[(lane + i) % pool->lanes]);

		if (index)
			return (struct pool_elem){ index, true };
	}
	/* All are in use this moment, or lost with killed processes: borrow an ordinary one. */
	return (struct pool_elem){ pool_take(pool, lane), false };
}

/* As many places as spares, so there is room, if nobody has written to the store by hand. */
static void give_spare(struct pool *pool, u32 lane, u32 index)
{
	for (u32 i = 0; i < pool->lanes; i++) {
		struct pool_lane *at = &pool->lane[(lane + i) % pool->lanes];
		u32 cursor = load_relaxed(&at->cursor);

		/* the place that lane_take_spare emptied, first */
		for (u32 j = 0; j < POOL_SPARES; j++) {
			u32 *spare = &at->spare[(cursor + POOL_SPARES - 1 + j) % POOL_SPARES];
			u32 empty = 0;

			if (!load_relaxed(spare) && cas_acq_rel(spare, &empty, index))
				return;
		}
	}
}

void pool_give(struct pool *pool, u32 lane, struct pool_elem elem)
{
	u64 *link = pool_at(pool, elem.index);

	if (!link)
		return;
	if (!elem.spare) {
		lane_push(pool, &pool->lane[lane], elem.index);
		return;
	}
	store_release(link, link_next(load_relaxed(link), 0, LINK_DEAD));
	give_spare(pool, lane, elem.index);
}

u32 pool_touched(const struct pool *pool)
{
	return MIN(load_relaxed(&pool->ctl->used), pool->ordinary) + pool->count - pool->ordinary;
}
