/* SPDX-License-Identifier: Apache-2.0 */
#include "maps/value.h"

#define SPINS	1000
#define NAP_NS	50000
#define OWNER(word) ((word) & 0xffffu)

/* ---- copies ---- */

/* Bytes [from, to) of a value; fields begin and end at multiples of four. */
static void store_range(u8 *to, const u8 *from, u32 at, u32 end)
{
	for (; at + 4 <= end; at += 4) {
		u32 word;

		memcpy(&word, from + at, 4);
		store_relaxed((u32 *)(to + at), word);
	}
	for (; at < end; at++)
		store_relaxed(to + at, from[at]);
}

void value_store_fields(const struct map *map, void *to, const void *from)
{
	const struct btf_record *record = &map->facts.record;
	u32 at = 0;

	for (u32 i = 0; i < record->n; i++) {
		store_range(to, from, at, record->fields[i].off);
		at = record->fields[i].off + record->fields[i].size;
	}
	store_range(to, from, at, map->facts.value_size);
}

void value_hide_fields(const struct map *map, void *value)
{
	const struct btf_record *record = &map->facts.record;

	for (u32 i = 0; i < record->n; i++)
		memset((u8 *)value + record->fields[i].off, 0, record->fields[i].size);
}

void value_drop_fields(struct map *map, void *value)
{
	const struct btf_record *record = &map->facts.record;

	for (u32 i = 0; i < record->n; i++) {
		const struct special_field *field = &record->fields[i];
		u8 *at = (u8 *)value + field->off;

		if (SPECIAL_BIT(field->kind) & SPECIAL_LOCKS)
			continue;
		if (map->drop_field)
			map->drop_field(map, field, at);
		for (u32 k = 0; k < field->size; k += 4)
			store_relaxed((u32 *)(at + k), 0);
	}
}

/* ---- locks ---- */

u32 *value_lock(const struct map *map, void *value)
{
	const struct special_field *field = btf_record_find(&map->facts.record, SPECIAL_SPIN_LOCK);

	return field ? (u32 *)((u8 *)value + field->off) : NULL;
}

/* Nobody runs in the slot that took it: its run ended without giving back. */
static bool is_dead(u32 word, struct epoch *epoch)
{
	u32 slot = OWNER(word) - 1;

	return epoch && OWNER(word) != MAP_LOCK_SYS && slot < epoch->slots &&
	       !load_acquire(&epoch->slot[slot].owner);
}

static bool lock_once(u32 *word, u32 seen, u32 owner)
{
	u32 taken = (seen & 0xffff0000u) + 0x10000u + owner;

	return cas_acq_rel(word, &seen, taken);
}

static bool spin(u32 *word, u32 owner)
{
	for (u32 i = 0; i < SPINS; i++) {
		u32 seen = load_relaxed(word);

		if (!OWNER(seen) && lock_once(word, seen, owner))
			return true;
		cpu_relax();
	}
	return false;
}

/*
 * 0 when it was had within that time. *seen: how it was held at the end, and unchanged for all
 * of the time if *still.
 */
static int wait(u32 *word, u32 owner, struct epoch *epoch, u64 patience_ns, u32 *seen, bool *still)
{
	u64 start = os_clock_ns(OS_CLOCK_MONOTONIC);
	u32 first = load_relaxed(word);

	*still = true;
	do {
		if (spin(word, owner))
			return 0;
		*seen = load_relaxed(word);
		*still &= *seen == first;
		if (OWNER(*seen) && is_dead(*seen, epoch) && lock_once(word, *seen, owner))
			return 0;
		os_wait(word, *seen, NAP_NS);
	} while (os_clock_ns(OS_CLOCK_MONOTONIC) - start < patience_ns);
	return -ETIMEDOUT;
}

void map_lock_take(u32 *word, u32 owner, struct epoch *epoch)
{
	u32 seen;
	bool still;

	if (LIKELY(spin(word, owner)))
		return;
	while (wait(word, owner, epoch, MAP_LOCK_PATIENCE_NS, &seen, &still))
		if (still && lock_once(word, seen, owner))
			return;
}

int map_lock_try(u32 *word, u32 owner, struct epoch *epoch, u64 patience_ns)
{
	u32 seen = load_relaxed(word);
	bool still;

	if (!OWNER(seen) && lock_once(word, seen, owner))
		return 0;
	if (OWNER(seen) == owner)
		return -EDEADLK;
	return wait(word, owner, epoch, patience_ns, &seen, &still);
}

bool map_lock_now(u32 *word, u32 owner, struct epoch *epoch)
{
	u32 seen = load_relaxed(word);

	return (!OWNER(seen) || OWNER(seen) == owner || is_dead(seen, epoch)) &&
	       lock_once(word, seen, owner);
}

/* Unless it was taken away in the meantime. */
void map_lock_drop(u32 *word, u32 owner)
{
	u32 seen = load_relaxed(word);

	if (OWNER(seen) == owner)
		cas_acq_rel(word, &seen, seen & 0xffff0000u);
}

void value_store_locked(const struct map *map, void *to, const void *from, u32 owner)
{
	u32 *lock = value_lock(map, to);

	map_lock_take(lock, owner, map->epoch);
	value_store_fields(map, to, from);
	map_lock_drop(lock, owner);
}

void value_load_locked(const struct map *map, void *to, void *from, u32 owner)
{
	u32 *lock = value_lock(map, from);

	map_lock_take(lock, owner, map->epoch);
	value_load(map, to, from);
	map_lock_drop(lock, owner);
}
