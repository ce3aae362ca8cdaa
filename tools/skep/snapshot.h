/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The elements of a map as they were at one moment: keys and values in two arrays, the CPUs'
 * copies of a per-CPU value put together into one.
 */
#ifndef SKEP_TOOLS_SNAPSHOT_H
#define SKEP_TOOLS_SNAPSHOT_H

#include "loader/loader.h"
#include "show.h"

struct snapshot {
	const struct loader_map *map;
	struct shown key, value;
	u32 n;
	u8 *keys;   /* n of map->key_size */
	u8 *values; /* n of map->value_size */
};

/* Takes one: 0, -EOPNOTSUPP for maps that have no elements to list, -errno. */
int snapshot_take(const struct loader_kernel *kernel, const struct loader_map *map,
		  const struct btf *btf, u32 cpus, struct snapshot *out);
void snapshot_release(struct snapshot *snapshot);

static inline const u8 *snapshot_key(const struct snapshot *s, u32 index)
{
	return s->keys + (size_t)index * s->map->key_size;
}

static inline u8 *snapshot_value(const struct snapshot *s, u32 index)
{
	return s->values + (size_t)index * s->map->value_size;
}

/* Leaves out elements whose value is all zero (arrays). */
void snapshot_drop_zeroes(struct snapshot *snapshot);
/* By the first number in the value, descending; then by key. */
void snapshot_sort(struct snapshot *snapshot);

#endif
