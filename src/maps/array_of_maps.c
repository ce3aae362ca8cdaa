/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arrays of maps. As in a prog array, elements are indices into a table of this process
 * (struct map.inner), which is filled before an index is published here; 0 is an empty element.
 * What index stands for which map is the kernel's to say. Hashes of maps are in hash.c.
 */
#include "maps/array.h"

static u32 *inner_slot(const struct map *map, const void *key)
{
	u32 index = array_index(key);

	return index < map->facts.max_entries ? (u32 *)(void *)map->values + index : NULL;
}

static int array_of_maps_check(const struct map_facts *facts)
{
	const u32 refused = BPF_F_MMAPABLE | BPF_F_INNER_MAP | BPF_F_RDONLY_PROG |
			    BPF_F_WRONLY_PROG;

	if (facts->value_size != sizeof(u32) || facts->flags & refused)
		return -EINVAL;
	return array_check(facts);
}

static int array_of_maps_layout(const struct map *map, struct map_sizes *sizes)
{
	sizes->store = (u64)map->facts.max_entries * sizeof(u32);
	return 0;
}

static int array_of_maps_bind(struct map *map, bool fresh)
{
	map->values = map->store.addr;
	map->stride = sizeof(u32);
	return 0;
}

static void *array_of_maps_lookup(struct map *map, const void *key, struct run_ctx *rc)
{
	u32 *slot = inner_slot(map, key);

	return slot ? map_inner(map, load_acquire(slot)) : NULL;
}

static int array_of_maps_sys_lookup(struct map *map, const void *key, void *value, u64 flags)
{
	int err = map_lookup_flags_check(map, flags);
	u32 *slot = inner_slot(map, key);
	u32 inner = slot ? load_acquire(slot) : 0;

	if (!err && !inner)
		err = -ENOENT;
	if (!err)
		memcpy(value, &inner, sizeof(inner));
	return err;
}

static int array_of_maps_sys_update(struct map *map, const void *key, const void *value, u64 flags)
{
	u32 inner, *slot = inner_slot(map, key);

	if (flags != BPF_ANY)
		return -EINVAL;
	if (!slot)
		return -E2BIG;
	memcpy(&inner, value, sizeof(inner));
	store_release(slot, inner);
	return 0;
}

static int array_of_maps_sys_erase(struct map *map, const void *key)
{
	u32 *slot = inner_slot(map, key);

	if (!slot)
		return -E2BIG;
	return exchange_acq_rel(slot, 0) ? 0 : -ENOENT;
}

const struct map_ops array_of_maps_map_ops = {
	.name = "array_of_maps",
	.size = sizeof(struct map),
	.check = array_of_maps_check,
	.layout = array_of_maps_layout,
	.bind = array_of_maps_bind,
	.lookup = array_of_maps_lookup,
	.sys_lookup = array_of_maps_sys_lookup,
	.sys_update = array_of_maps_sys_update,
	.sys_erase = array_of_maps_sys_erase,
	.sys_next = array_sys_next,
	.memory = array_memory,
};
