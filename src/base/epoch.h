/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Epoch-based reclamation (Fraser, "Practical lock-freedom", 2004) inside one process.
 *
 * A reader owns a slot while it runs (its claimed CPU slot) and announces the epoch it
 * entered in. Something retired in epoch E may be freed once every active slot has
 * announced an epoch > E. Readers pay two plain stores: the reclaimer makes them
 * visible with os_barrier_all_threads().
 *
 *	slot.active == 0		no reader
 *	slot.active == E (E > 0)	a reader that entered in epoch E
 */
#ifndef SKEP_BASE_EPOCH_H
#define SKEP_BASE_EPOCH_H

#include "base/atomic.h"

#define EPOCH_SLOTS 1024

struct epoch_slot {
	alignas(64) u64 active;
	u32 owner; /* 0: free; else a token of the claimant */
};

struct epoch {
	alignas(64) u64 now; /* starts at 1 */
	u32 slots;	     /* in use: how many CPU slots exist */
	struct epoch_slot slot[EPOCH_SLOTS];
};

static inline void epoch_enter(struct epoch *epoch, u32 slot)
{
	store_relaxed(&epoch->slot[slot].active, load_relaxed(&epoch->now));
	compiler_barrier();
}

static inline void epoch_leave(struct epoch *epoch, u32 slot)
{
	store_release(&epoch->slot[slot].active, 0);
}

void epoch_init(struct epoch *epoch, u32 slots);

/* Claims a free slot, hint first; -EBUSY when all are taken. */
int epoch_claim(struct epoch *epoch, u32 hint);
void epoch_unclaim(struct epoch *epoch, u32 slot);

/* Opens a new epoch; what was unlinked before this call is retired in the one returned. */
u64 epoch_retire(struct epoch *epoch);
/* The epoch of the oldest reader; what was retired before it may be freed. UINT64_MAX: none. */
u64 epoch_oldest(struct epoch *epoch);
/* True when no reader from epoch `retired` or before can still be running. */
bool epoch_passed(struct epoch *epoch, u64 retired);
/* Waits for that. Must not be called by a reader. */
void epoch_wait(struct epoch *epoch);

#endif
