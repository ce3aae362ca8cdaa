/* SPDX-License-Identifier: Apache-2.0 */
#include "maps/lru.h"

/* After so many steps the hand takes whatever it stands on. */
#define LRU_PATIENCE 4096
#define LRU_STEPS (4 * LRU_PATIENCE)
#define LRU_TRIES 64
/* Keys up to this size are copied before they are looked for. */
#define LRU_KEY_COPY 256

static u32 pow2_at_least(u64 n)
{
	return n <= 1 ? 1 : (u32)(1ull << (64 - __builtin_clzll(n - 1)));
}

static u32 young_max(u64 entries)
{
	return (u32)MAX(entries / 10, 1ull);
}

u64 lru_bytes(u64 entries)
{
	u64 words = 2ull * pow2_at_least(young_max(entries)) + pow2_at_least(entries);

	return sizeof(struct lru_ctl) + align_up(words * sizeof(u32), 64);
}

void lru_bind(struct lru *lru, u8 *memory, u64 entries, u32 uses_off)
{
	*lru = (struct lru){
		.ctl = (void *)memory,
		.ring = (void *)(memory + sizeof(struct lru_ctl)),
		.ring_mask = 2 * pow2_at_least(young_max(entries)) - 1,
		.ghost_mask = pow2_at_least(entries) - 1,
		.young_max = young_max(entries),
		.uses_off = uses_off,
	};
	lru->ghosts = lru->ring + lru->ring_mask + 1;
}

/* ---- ghosts ---- */

static u32 *ghost_of(const struct lru *lru, const struct table *table, const void *key,
		     u32 *fingerprint)
{
	u64 hash = hash_key(key, table->key_size, table->secret);

	*fingerprint = (u32)hash | 1;
	return &lru->ghosts[hash >> 32 & lru->ghost_mask];
}

u64 lru_first_word(const struct lru *lru, const struct table *table, const void *key)
{
	u32 fingerprint, *ghost = ghost_of(lru, table, key, &fingerprint);

	return load_relaxed(ghost) == fingerprint ? 0 : LRU_YOUNG;
}

static void remember(const struct lru *lru, const struct table *table, const void *key)
{
	u32 fingerprint, *ghost = ghost_of(lru, table, key, &fingerprint);

	store_relaxed(ghost, fingerprint);
}

/* ---- the young ones ---- */

/* The oldest one, if there are more than `most`; 0 if not, or another one was faster. */
static u32 oldest_young(struct lru *lru, u32 most)
{
	u32 head = load_relaxed(&lru->ctl->head);

	if ((s32)(load_relaxed(&lru->ctl->tail) - head) <= (s32)most ||
	    !cas_acq_rel(&lru->ctl->head, &head, head + 1))
		return 0;
	return load_relaxed(&lru->ring[head & lru->ring_mask]);
}

void lru_inserted(struct lru *lru, struct table *table, u32 index, u64 word)
{
	u32 at, old;
	u64 *elem;

	if (!(word & LRU_YOUNG))
		return;
	at = fetch_add_relaxed(&lru->ctl->tail, 1);
	store_relaxed(&lru->ring[at & lru->ring_mask], index);
	/* While the map fills nobody else takes them out. */
	old = oldest_young(lru, 2 * lru->young_max);
	elem = pool_at(&table->pool, old);
	if (elem)
		store_relaxed(lru_word(lru, elem), load_relaxed(lru_word(lru, elem)) & LRU_USES);
}

/* ---- eviction ---- */

/*
 * The key of a living element, for table_find. A larger key is read where it stands: if it
 * changes meanwhile, what is found by it is still an element of this table.
 */
static const void *victim_key(const struct table *table, u64 *elem, u64 *copy)
{
	if (table->key_size > LRU_KEY_COPY)
		return elem_key(elem);
	words_load(copy, elem_key(elem), table->key_size);
	return copy;
}

/* An element that is in a list, or nearly: not free, not in preparation, not new. */
static bool is_living(u64 link)
{
	return link && !(link & LINK_DEAD);
}

static bool evict_elem(struct lru *lru, struct table *table, u32 lane, u32 index, u64 link,
		       bool young)
{
	u64 *elem = pool_at(&table->pool, index), copy[LRU_KEY_COPY / sizeof(u64)];
	const void *key = victim_key(table, elem, copy);
	struct table_place place;

	if (load_relaxed(elem) != link)
		return false;
	if (table_find(table, lane, key, &place) != 1 || place.index != index)
		return false;
	if (young)
		remember(lru, table, key);
	return table_erase(table, lane, key, &place);
}

/* What the element's word becomes when its turn has come, or UINT64_MAX: out with it. */
static u64 verdict(u64 word, bool young)
{
	u64 uses = word & LRU_USES;

	if (young)
		return !(word & LRU_YOUNG) ? word : uses ? uses - 1 : UINT64_MAX;
	if ((word & (LRU_YOUNG | LRU_PASSED)) == LRU_YOUNG)
		return word | LRU_PASSED;
	return uses ? uses - 1 : UINT64_MAX;
}

/* Erases one element, which goes back to the pool's lane. */
static bool evict(struct lru *lru, struct table *table, u32 lane)
{
	for (u32 step = 0; step < LRU_STEPS; step++) {
		u32 index = oldest_young(lru, lru->young_max);
		bool young = index;
		u64 *elem, link, word, next;

		if (!young)
			index = fetch_add_relaxed(&lru->ctl->hand, 1) % table->pool.count + 1;
		elem = pool_at(&table->pool, index);
		link = elem ? load_acquire(elem) : 0;
		if (!is_living(link))
			continue;
		word = load_relaxed(lru_word(lru, elem));
		next = step < LRU_PATIENCE ? verdict(word, young) : UINT64_MAX;
		if (next != UINT64_MAX)
			store_relaxed(lru_word(lru, elem), next);
		else if (evict_elem(lru, table, lane, index, link, young))
			return true;
	}
	return false;
}

u32 lru_take(struct lru *lru, struct table *table, u32 lane)
{
	u32 index = pool_take(&table->pool, lane);

	/* What we set free another one may take before us. */
	for (u32 i = 0; !index && i < LRU_TRIES && evict(lru, table, lane); i++)
		index = pool_take(&table->pool, lane);
	return index;
}
