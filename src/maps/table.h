/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hash table that all hashed map types are made of: buckets of lock-free lists (Harris
 * 2001, Michael 2002) whose links are element indices with tags (pool.h).
 *
 * A bucket is the head word of a list of elements in the order of their keys. Order gives
 * each key one place: two insertions of one key meet in the same CAS, and "the next key
 * after this one" has a meaning even when this one has gone.
 *
 *	insert	prepare a private element; CAS it into the link before its place
 *	erase	CAS LINK_DEAD into the element's own link (from then on it is gone); unlink it
 *	replace	CAS LINK_DEAD and the index of a prepared element into the old one's link (from
 *		then on the new one is found, through the dead one); unlink the dead one
 *
 * A change is one CAS, so a reader sees all of it or nothing, and a process killed anywhere
 * leaves at most a dead element, which the next writer that passes by unlinks and gives back.
 *
 * Elements are recycled at once, so a reader may stand on one that has become something
 * else. It finds out: behind each element it reads, it checks that the last living link it
 * came through is what it was. That link was then the way to the element all the time, so
 * the element was in this list when it was read. Otherwise it starts again.
 *
 * Somebody hostile who writes to the store can make lists endless or wrong; TABLE_STEPS and
 * pool_at keep everybody else within bounded time and within the store.
 *
 * Element: link word, key rounded up to words, then what the map type puts there.
 */
#ifndef SKEP_MAPS_TABLE_H
#define SKEP_MAPS_TABLE_H

#include "maps/hashfn.h"
#include "maps/pool.h"

#define TABLE_STEPS 65536 /* no honest search takes so many */

struct table {
	u64 *buckets;
	u64 mask; /* number of buckets - 1 */
	u64 secret[2];
	u32 key_size;
	struct pool pool;
};

/* Where a key is, or would be: between *before and element `index`. */
struct table_place {
	u64 *before;
	u64 before_link;
	u32 index; /* 0: at the end */
	u64 link;  /* of index; only when found */
};

static ALWAYS_INLINE u64 *table_bucket(const struct table *table, const void *key, u32 key_size)
{
	return &table->buckets[hash_key(key, key_size, table->secret) & table->mask];
}

static ALWAYS_INLINE u64 *elem_key(u64 *elem)
{
	return elem + 1;
}

/* <0, 0, >0 as the stored key comes before, is, comes behind `key`. Any total order will do. */
static ALWAYS_INLINE int key_order(const u64 *stored, const u8 *key, u32 size)
{
	for (;; stored++, key += 8, size -= 8) {
		u64 have = load_acquire(stored);
		u64 want = word_of(key, MIN(size, 8u));

		if (have != want)
			return have < want ? -1 : 1;
		if (size <= 8)
			return 0;
	}
}

/*
 * The element with that key, NULL when there is none; *link is its link word at that time:
 * what is read from the element afterwards is of this key if the word is still the same then.
 */
static ALWAYS_INLINE u64 *table_search(const struct table *table, const void *key, u32 key_size,
				       u64 *link)
{
	u64 *bucket = table_bucket(table, key, key_size);
	u64 *before = bucket, *elem;
	u64 before_link = load_acquire(bucket);
	u32 index = LINK_INDEX(before_link);

	for (u32 steps = 0; (elem = pool_at(&table->pool, index)) && steps < TABLE_STEPS; steps++) {
		u64 here = load_acquire(elem);
		int order = key_order(elem_key(elem), key, key_size);

		if (UNLIKELY(load_acquire(before) != before_link)) {
			before = bucket;
			before_link = load_acquire(bucket);
			index = LINK_INDEX(before_link);
			continue;
		}
		index = LINK_INDEX(here);
		if (UNLIKELY(here & LINK_DEAD))
			continue; /* what comes behind it is reached through `before` as well */
		if (order >= 0) {
			*link = here;
			return order == 0 ? elem : NULL;
		}
		before = elem;
		before_link = here;
	}
	return NULL;
}

/* The usual key sizes get a search of their own. */
static ALWAYS_INLINE u64 *table_lookup(const struct table *table, const void *key, u64 *link)
{
	switch (table->key_size) {
	case 4:
		return table_search(table, key, 4, link);
	case 8:
		return table_search(table, key, 8, link);
	default:
		return table_search(table, key, table->key_size, link);
	}
}

/*
 * For writers: as table_lookup, but unlinks dead elements on its way and tells the place.
 * 1 found, 0 not found, -EBUSY: no end of it.
 */
int table_find(struct table *table, u32 lane, const void *key, struct table_place *place);

/* Publish at a place from table_find: false when the place has changed meanwhile, and then
 * nothing has happened. `elem` has its key and value, and belongs to the table on success. */
bool table_insert(struct table *table, const struct table_place *place, struct pool_elem elem);
bool table_replace(struct table *table, u32 lane, const void *key, const struct table_place *place,
		   struct pool_elem elem);
bool table_erase(struct table *table, u32 lane, const void *key, const struct table_place *place);

/*
 * The first element of a bucket, or the first behind `after` when that is not NULL, and then
 * `skip` elements on. Copies its key to `key`, which is other memory than `after`; *link as
 * for table_search. NULL when there is none.
 */
u64 *table_walk(const struct table *table, u64 bucket, const void *after, u32 skip, void *key,
		u64 *link);

/* pool.h's sweep of a table's pool: how many elements were given back, or -ENOMEM. */
int table_sweep(struct table *table);

#endif
