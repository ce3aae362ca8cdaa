/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which element of a full LRU map makes room. Most keys of most traces come once, so what is
 * new has to show soon that it is used (Yang and others, "FIFO queues are all you need for
 * cache eviction", 2023):
 *
 *	young	new elements, a tenth of the map, in the order in which they came. The oldest
 *		one grows up if it has been used, and is evicted if not
 *	grown	all others: a clock with counters. A hand goes round over the pool's elements,
 *		lowers the count of uses that lookups raise, and evicts what it finds at zero
 *	ghosts	fingerprints of keys that were evicted young: who comes back is grown at once
 *
 * Counts end at three: so what is used all the time costs its users no store.
 *
 * All this is advice, in words that are read and written one by one: an element that the
 * young ones' ring has lost (its process was killed) is taken for grown when the hand has
 * passed it twice, and whoever scribbles over it spoils the choice and nothing else.
 */
#ifndef SKEP_MAPS_LRU_H
#define SKEP_MAPS_LRU_H

#include "maps/table.h"

/* An element's word: */
#define LRU_USES   3u /* how often used, to three */
#define LRU_YOUNG  4u
#define LRU_PASSED 8u /* young when the hand came by */

struct lru_ctl {
	alignas(64) u32 hand;
	alignas(64) u32 head, tail; /* of the young ones' ring */
};

struct lru {
	struct lru_ctl *ctl;
	u32 *ring;    /* ring_mask + 1 element indices */
	u32 *ghosts;  /* ghost_mask + 1 fingerprints */
	u32 ring_mask, ghost_mask;
	u32 young_max;
	u32 uses_off; /* of an element's word in the element */
};

static ALWAYS_INLINE u64 *lru_word(const struct lru *lru, u64 *elem)
{
	return elem + lru->uses_off / sizeof(u64);
}

/* Somebody used the element. Two at once may count as one. */
static ALWAYS_INLINE void lru_touch(const struct lru *lru, u64 *elem)
{
	u64 word = load_relaxed(lru_word(lru, elem));

	if ((word & LRU_USES) < LRU_USES)
		store_relaxed(lru_word(lru, elem), word + 1);
}

/* Bytes in the store for a map of that many entries, and this process's view of them. */
u64 lru_bytes(u64 entries);
void lru_bind(struct lru *lru, u8 *memory, u64 entries, u32 uses_off);

/* An ordinary element for the caller, of a full table after evicting somebody. 0: none. */
u32 lru_take(struct lru *lru, struct table *table, u32 lane);
/* What the word of a new element with that key is to be, before it is inserted. */
u64 lru_first_word(const struct lru *lru, const struct table *table, const void *key);
/* The element has been inserted, with that word. */
void lru_inserted(struct lru *lru, struct table *table, u32 index, u64 word);

#endif
