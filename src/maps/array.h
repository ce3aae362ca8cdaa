/* SPDX-License-Identifier: Apache-2.0 */
/* What types whose key is an index share. */
#ifndef SKEP_MAPS_ARRAY_H
#define SKEP_MAPS_ARRAY_H

#include "maps/types.h"

static inline u32 array_index(const void *key)
{
	u32 index;

	memcpy(&index, key, sizeof(index));
	return index;
}

/* Linux's rules for creating any kind of array. */
int array_check(const struct map_facts *facts);
/* map_ops.sys_next: 0, 1, ... max_entries - 1. */
int array_sys_next(struct map *map, const void *key, void *next);
/* map_ops.memory of a type whose whole store is in use. */
u64 array_memory(const struct map *map);

#endif
