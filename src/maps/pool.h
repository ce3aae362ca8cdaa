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
 * ones. (One that is on its way out of a list or back to the pool this moment still counts.) A replacement needs one for the moment in which old and new both exist; it takes a
 * spare one and leaves the old one in its place.
 *
 * Each CPU slot has a lane of its own, on its own cache lines: a stack of free elements, which
 * other lanes may take from, and a ring of spares, which only the slot's owner touches, so
 * without atomic operations. Through the ring, the memory of a replaced value is not
 * written to again at once. One more lane is everybody's who has no slot, which is bpf(2):
 * its spares are a stack, and what does not fit a ring goes there too.
 *
 * An element that a process had taken when it was killed is in no list; nothing else is lost,
 * and the sweep returns it.
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

#define POOL_LOOKS 1000 /* at all lanes, before giving up on them to stand still */

#define POOL_RING 4	   /* spares of a CPU slot */
#define POOL_SHARED_SPARES 8 /* and of all others together */

struct pool_lane {
	alignas(64) u64 free; /* link word: head of a stack */
	u32 taken, given;     /* of the ring, ever */
	u32 ring[POOL_RING];
};

struct pool_ctl {
	alignas(64) u32 used; /* elements 1..used have been taken at least once; may overshoot */
	alignas(64) u64 spares; /* link word: head of the shared stack */
};

/* This process's view. */
struct pool {
	u8 *base;
	u32 count; /* ordinary ones and spares */
	u32 elem_size;
	u32 ordinary;
	u32 slots;	       /* CPU slots; lane number `slots` is the shared one */
	struct pool_lane *lane;
	struct pool_ctl *ctl;
};

/* An element taken from the pool and not yet published. */
struct pool_elem {
	u32 index;  /* 0: none */
	bool spare; /* to be given back as one */
};

/* Bytes in the store for ctl and lanes, a multiple of 64. */
static inline u64 pool_control_bytes(u32 slots)
{
	return sizeof(struct pool_ctl) + (slots + 1ull) * sizeof(struct pool_lane);
}

static inline u32 pool_spares(u32 slots)
{
	return slots * POOL_RING + POOL_SHARED_SPARES;
}

/* In a fresh store, where all is zero: hands the spares out. */
void pool_format(struct pool *pool);

/* The link word of an element, the element behind it; NULL for what is no element. */
static ALWAYS_INLINE u64 *pool_at(const struct pool *pool, u32 index)
{
	if (UNLIKELY(index - 1 >= pool->count))
		return NULL;
	return (u64 *)(void *)(pool->base + (u64)(index - 1) * pool->elem_size);
}

/* `lane` is the caller's CPU slot, which nobody else uses meanwhile, or pool->slots. */

/* An ordinary element; 0: max_entries are in use. */
u32 pool_take(struct pool *pool, u32 lane);
/* An element to replace another one; index 0 when none is to be had. */
struct pool_elem pool_take_spare(struct pool *pool, u32 lane);
/* Gives back an element that nothing links to. */
void pool_give(struct pool *pool, u32 lane, struct pool_elem elem);

/*
 * The sweep, which finds what killed processes had taken. Nobody else uses the pool meanwhile.
 * Begin marks what is free, the map's type marks what its structure holds, and end gives back
 * all that is not marked.
 */
struct pool_sweep {
	struct pool *pool;
	u8 *marks;  /* a bit an element */
	u32 spares; /* marked ones */
};

/* 0 or -ENOMEM. */
int pool_sweep_begin(struct pool_sweep *sweep, struct pool *pool);
/* False: no element, or marked before. */
bool pool_sweep_mark(struct pool_sweep *sweep, u32 index, bool spare);
/* How many were given back. */
u32 pool_sweep_end(struct pool_sweep *sweep);

/* How many elements were ever in use: what the store really takes. */
u32 pool_touched(const struct pool *pool);

#endif
