/* SPDX-License-Identifier: Apache-2.0 */
#include "maps/table.h"

/* Takes a dead element out of its list; whoever succeeds gives it back. */
static bool unlink_dead(struct table *table, u32 lane, u64 *before, u64 before_link, u32 dead,
			u64 dead_link, u64 *now)
{
	u64 expected = before_link;

	*now = link_next(before_link, LINK_INDEX(dead_link), 0);
	if (!cas_acq_rel(before, &expected, *now))
		return false;
	pool_give(&table->pool, lane, (struct pool_elem){ dead, dead_link & LINK_SPARE });
	return true;
}

int table_find(struct table *table, u32 lane, const void *key, struct table_place *place)
{
	u64 *bucket = table_bucket(table, key, table->key_size);
	u64 *before = bucket;
	u64 link = load_acquire(bucket);

	for (u32 steps = 0; steps < TABLE_STEPS; steps++) {
		u64 *elem = pool_at(&table->pool, LINK_INDEX(link));
		u64 here;
		int order;

		*place = (struct table_place){ before, link, LINK_INDEX(link), 0 };
		if (!elem)
			return 0;
		here = load_acquire(elem);
		order = key_order(elem_key(elem), key, table->key_size);
		if (load_acquire(before) != link ||
		    (here & LINK_DEAD &&
		     !unlink_dead(table, lane, before, link, LINK_INDEX(link), here, &link))) {
			before = bucket;
			link = load_acquire(bucket);
			continue;
		}
		if (here & LINK_DEAD)
			continue;
		if (order >= 0) {
			place->link = here;
			return order == 0;
		}
		before = elem;
		link = here;
	}
	return -EBUSY;
}

bool table_insert(struct table *table, const struct table_place *place, struct pool_elem elem)
{
	u64 *link = pool_at(&table->pool, elem.index);
	u64 expected = place->before_link;

	store_relaxed(link, link_next(load_relaxed(link), place->index, 0));
	return cas_acq_rel(place->before, &expected, link_next(expected, elem.index, 0));
}

/* The element at place died with that link; see that it gets out of the list. */
static void bury(struct table *table, u32 lane, const void *key, const struct table_place *place,
		 u64 dead_link)
{
	struct table_place again;
	u64 now;

	if (!unlink_dead(table, lane, place->before, place->before_link, place->index, dead_link,
			 &now))
		table_find(table, lane, key, &again);
}

bool table_replace(struct table *table, u32 lane, const void *key, const struct table_place *place,
		   struct pool_elem elem)
{
	u64 *old = pool_at(&table->pool, place->index);
	u64 *link = pool_at(&table->pool, elem.index);
	u64 expected = place->link;
	u64 dead = link_next(expected, elem.index, LINK_DEAD | (elem.spare ? LINK_SPARE : 0));

	store_relaxed(link, link_next(load_relaxed(link), LINK_INDEX(expected), 0));
	if (!cas_acq_rel(old, &expected, dead))
		return false;
	bury(table, lane, key, place, dead);
	return true;
}

bool table_erase(struct table *table, u32 lane, const void *key, const struct table_place *place)
{
	u64 expected = place->link;
	u64 dead = link_next(expected, LINK_INDEX(expected), LINK_DEAD);

	if (!cas_acq_rel(pool_at(&table->pool, place->index), &expected, dead))
		return false;
	bury(table, lane, key, place, dead);
	return true;
}

u64 *table_walk(const struct table *table, u64 bucket, const void *after, u32 skip, void *key,
		u64 *link)
{
	u64 *head = &table->buckets[bucket];
	u64 *before = head, *elem;
	u64 before_link = load_acquire(head);
	u32 index = LINK_INDEX(before_link), skipped = 0;

	for (u32 steps = 0; (elem = pool_at(&table->pool, index)) && steps < TABLE_STEPS; steps++) {
		u64 here = load_acquire(elem);
		bool behind = !after || key_order(elem_key(elem), after, table->key_size) > 0;

		/* The element may be recycled under our hands: first copy, then check. */
		if (behind && skipped == skip)
			words_load(key, elem_key(elem), table->key_size);
		if (load_acquire(before) != before_link) {
			before = head;
			before_link = load_acquire(head);
			index = LINK_INDEX(before_link);
			skipped = 0;
			continue;
		}
		index = LINK_INDEX(here);
		if (here & LINK_DEAD)
			continue;
		if (behind && skipped++ == skip) {
			*link = here;
			return elem;
		}
		before = elem;
		before_link = here;
	}
	return NULL;
}

/* Dead elements that are still in a list are the next writer's to give back. */
static void mark_bucket(const struct table *table, struct pool_sweep *sweep, u64 head)
{
	u32 index = LINK_INDEX(head);
	const u64 *elem;

	while ((elem = pool_at(&table->pool, index))) {
		u64 link = load_acquire(elem);

		if (!pool_sweep_mark(sweep, index, link & LINK_DEAD && link & LINK_SPARE))
			return;
		index = LINK_INDEX(link);
	}
}

int table_sweep(struct table *table)
{
	struct pool_sweep sweep;
	int err = pool_sweep_begin(&sweep, &table->pool);

	for (u64 i = 0; !err && i <= table->mask; i++)
		mark_bucket(table, &sweep, load_acquire(&table->buckets[i]));
	return err ? err : (int)pool_sweep_end(&sweep);
}
