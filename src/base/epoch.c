/* SPDX-License-Identifier: Apache-2.0 */
#include "base/epoch.h"
#include "os/os.h"

void epoch_init(struct epoch *epoch, u32 slots)
{
	memset(epoch, 0, sizeof(*epoch));
	epoch->now = 1;
	epoch->slots = MIN(slots, (u32)EPOCH_SLOTS);
}

int epoch_claim(struct epoch *epoch, u32 hint)
{
	for (u32 i = 0; i < epoch->slots; i++) {
		u32 at = (hint + i) % epoch->slots;
		u32 free = 0;

		if (load_relaxed(&epoch->slot[at].owner) == 0 &&
		    cas_acq_rel(&epoch->slot[at].owner, &free, 1))
			return (int)at;
	}
	return -EBUSY;
}

void epoch_unclaim(struct epoch *epoch, u32 slot)
{
	store_release(&epoch->slot[slot].owner, 0);
}

u64 epoch_retire(struct epoch *epoch)
{
	return fetch_add_seq_cst(&epoch->now, 1);
}

u64 epoch_oldest(struct epoch *epoch)
{
	u64 oldest = UINT64_MAX;

	os_barrier_all_threads();
	for (u32 i = 0; i < epoch->slots; i++) {
		u64 active = load_acquire(&epoch->slot[i].active);

		if (active && active < oldest)
			oldest = active;
	}
	return oldest;
}

bool epoch_passed(struct epoch *epoch, u64 retired)
{
	return epoch_oldest(epoch) > retired;
}

void epoch_wait(struct epoch *epoch)
{
	u64 retired = epoch_retire(epoch);

	for (u32 spins = 0; !epoch_passed(epoch, retired); spins++) {
		static const u32 never;

		if (spins < 64)
			cpu_relax();
		else
			os_wait(&never, 0, 50000);
	}
}
