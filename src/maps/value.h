/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values with parts that are not plain data (btf/record.h). Copies leave those alone: a value
 * that is overwritten keeps its lock; a new one begins with none of what the one before it in
 * its memory had, but for the lock, which somebody may still hold; and readers see zeroes.
 * Values without such parts, nearly all of them, are copied as words.
 */
#ifndef SKEP_MAPS_VALUE_H
#define SKEP_MAPS_VALUE_H

#include "maps/map.h"
#include "maps/words.h"

void value_store_fields(const struct map *map, void *to, const void *from);
void value_hide_fields(const struct map *map, void *value);

/* Over a value that stays. to: map memory; from: value_size bytes. */
static ALWAYS_INLINE void value_store(const struct map *map, void *to, const void *from)
{
	if (LIKELY(!map->facts.record.n))
		words_store(to, from, map->facts.value_size);
	else
		value_store_fields(map, to, from);
}

static ALWAYS_INLINE void value_load(const struct map *map, void *to, const void *from)
{
	words_load(to, from, map->facts.value_size);
	if (UNLIKELY(map->facts.record.n))
		value_hide_fields(map, to);
}

/* Of a value that comes into being, or goes: what its fields stood for is given up. */
void value_drop_fields(struct map *map, void *value);

static ALWAYS_INLINE void value_gone(struct map *map, void *value)
{
	if (UNLIKELY(map->facts.record.n))
		value_drop_fields(map, value);
}

/*
 * Locks. A word says who holds it: lower half 0: nobody; MAP_LOCK_SYS: a bpf(2) command; else
 * 1 + CPU slot. The upper half counts, so that two holdings by one owner differ. Nobody waits for
 * ever: a holder that is found dead, or does not move for MAP_LOCK_PATIENCE_NS, has the lock taken
 * from it. What a lock guards is the program's own data, so no harm is done to anything else.
 */
#define MAP_LOCK_SYS	     0xffffu
#define MAP_LOCK_PATIENCE_NS 1000000000ull

void map_lock_take(u32 *word, u32 owner, struct epoch *epoch);
/* 0, -EDEADLK (one's own), -ETIMEDOUT. */
int map_lock_try(u32 *word, u32 owner, struct epoch *epoch, u64 patience_ns);
/* Without waiting. An owner in whose slot nobody runs is passed over, and so is one's own name. */
bool map_lock_now(u32 *word, u32 owner, struct epoch *epoch);
void map_lock_drop(u32 *word, u32 owner);
/* The lock in a value of the map. */
u32 *value_lock(const struct map *map, void *value);

/* BPF_F_LOCK: the same under the value's lock. */
void value_store_locked(const struct map *map, void *to, const void *from, u32 owner);
void value_load_locked(const struct map *map, void *to, void *from, u32 owner);

#endif
