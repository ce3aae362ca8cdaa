/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pool of map elements in a store: fixed in number, named by index, type-stable.
 *
 * Every element begins with a link word, which is all that lock-free lists need:
 *
 *	bits  0..31	index of the next element, 0 at the end
 *	bit  32		LINK_DEAD: the element is deleted; the link never changes again until it
 *			is unlinked and given back
 *	bit  33		LINK_SPARE: with DEAD: to be given back as a spare
 *	bits 34..63	tag: one more at each change, for ever, through all lives of the element
 *
 * So "the link word is what it was" implies "the element has not been given back since", for
 * everybody, without locks or grace periods. (The tag would have to wrap 2^30 times over
 * between two loads of one thread and land on the very same value.)
 *
 * max_entries must be exact: an insertion fails with -E2BIG if and only if that many elements
 * exist. So the elements themselves are the count: insertions take from max_entries ordinary
 * ones. A replacement needs one for the moment in which old and new both exist; it takes a
 * spare one and leaves the old one in its place. Spares rotate, so that the memory of a
 * replaced value is not written to again at once.
 *
 * There is one lane of free elements per CPU slot, each on its own cache line. Lanes are hints
 * for speed: any thread may use any lane. An element that a process had taken when it was
 * killed is in no list; nothing else is lost.
 *
 * What is read from the store is not trusted: indices are checked before use.
 */
#ifndef SKEP_MAPS_POOL_H
#define SKEP_MAPS_POOL_H

#include "base/atomic.h"

#define LINK_DEAD (1ull << 32)
#define LINK_SPARE (1ull << 33)
#define LINK_TAG_ONE (1ull << 34)
#define LINK_INDEX(link) ((u32)(link))

/* The word that follows `link` in time and points to index. */
static inline u64 link_next(u64 link, u32 index, u64 dead)
{
	return (link & ~(LINK_TAG_ONE - 1)) + LINK_TAG_ONE + dead + index;
}

#define POOL_SPARES 4 /* a lane */

struct pool_lane {
	alignas(64) u64 free; /* link word: head of a stack */
	u32 cursor;	      /* where to look for a spare first */
	u32 spare[POOL_SPARES];
};

struct pool_ctl {
	alignas(64) u32 used; /* elements 1..used have been taken at least once; may overshoot */
};

/* This process's view. */
struct pool {
	u8 *base;
	u32 count; /* ordinary ones and spares */
	u32 elem_size;
	u32 ordinary;
	u32 lanes;
	struct pool_lane *lane;
	struct pool_ctl *ctl;
};

/* An element taken from the pool and not yet published. */
struct pool_elem {
	u32 index;  /* 0: none */
	bool spare; /* to be given back as one */
};

/* Bytes in the store for lanes and ctl, a multiple of 64. */
static inline u64 pool_control_bytes(u32 lanes)
{
	return sizeof(struct pool_ctl) + (u64)lanes * sizeof(struct pool_lane);
}

static inline u32 pool_spares(u32 lanes)
{
	return lanes * POOL_SPARES;
}

/* In a fresh store, where all is zero: hands the spares out to the lanes. */
void pool_format(struct pool *pool);

/* The link word of an element, the element behind it; NULL for what is no element. */
static ALWAYS_INLINE u64 *pool_at(const struct pool *pool, u32 index)
{
	if (UNLIKELY(index - 1 >= pool->count))
		return NULL;
	return (u64 *)(void *)(pool->base + (u64)(index - 1) * pool->elem_size);
}

/* An ordinary element; 0: max_entries are in use. */
u32 pool_take(struct pool *pool, u32 lane);
/* An element to replace another one; index 0 when none is to be had. */
struct pool_elem pool_take_spare(struct pool *pool, u32 lane);
/* Gives back an element that nothing links to. */
void pool_give(struct pool *pool, u32 lane, struct pool_elem elem);

/* How many elements were ever in use: what the store really takes. */
u32 pool_touched(const struct pool *pool);

#endif
