/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arrays and per-CPU arrays. Value i is at values + i * stride; a per-CPU array has one such
 * row for each CPU, cpu_stride apart, so that two CPUs never share a cache line. Values are
 * changed in place, word by word, as in Linux. An mmapable array's values are the visible
 * memory itself.
 */
#include "maps/array.h"
#include "maps/value.h"
#include "maps/words.h"

#define ARRAY_FLAGS                                                                                \
	((u32)(BPF_F_NUMA_NODE | BPF_F_MMAPABLE | BPF_F_PRESERVE_ELEMS | BPF_F_INNER_MAP) |        \
	 MAP_ACCESS_FLAGS)

int array_check(const struct map_facts *facts)
{
	bool percpu = facts->type == BPF_MAP_TYPE_PERCPU_ARRAY;

	if (!facts->max_entries || facts->key_size != 4 || !facts->value_size ||
	    facts->flags & ~ARRAY_FLAGS || !map_access_flags_ok(facts->flags) ||
	    (percpu && facts->flags & BPF_F_NUMA_NODE))
		return -EINVAL;
	if (percpu && facts->flags & (BPF_F_MMAPABLE | BPF_F_INNER_MAP))
		return -EINVAL;
	if (facts->flags & BPF_F_PRESERVE_ELEMS)
		return -EINVAL;
	if (facts->value_size > INT32_MAX)
		return -E2BIG;
	if (percpu && align_up(facts->value_size, 8) > MAP_PERCPU_VALUE_MAX)
		return -E2BIG;
	return 0;
}

static u64 row_bytes(const struct map *map)
{
	return map->facts.max_entries * align_up(map->facts.value_size, 8);
}

static int array_layout(const struct map *map, struct map_sizes *sizes)
{
	/* Nobody maps values that hold more than data. */
	if ((map->facts.flags & BPF_F_MMAPABLE) && !map->facts.record.n)
		sizes->visible = row_bytes(map);
	else
		sizes->store = row_bytes(map);
	return 0;
}

static int percpu_array_layout(const struct map *map, struct map_sizes *sizes)
{
	sizes->store = align_up(row_bytes(map), 64) * map->cpus;
	return 0;
}

static int array_bind(struct map *map, bool fresh)
{
	map->values = map->visible.addr ? map->visible.addr : map->store.addr;
	map->stride = (u32)align_up(map->facts.value_size, 8);
	map->index_mask = map->facts.max_entries <= 1
			      ? 0
			      : UINT32_MAX >> __builtin_clz(map->facts.max_entries - 1);
	return 0;
}

static int percpu_array_bind(struct map *map, bool fresh)
{
	map->cpu_stride = align_up(row_bytes(map), 64);
	return array_bind(map, fresh);
}

static ALWAYS_INLINE void *array_value(const struct map *map, const void *key, u32 cpu)
{
	u32 index = array_index(key);

	if (UNLIKELY(index >= map->facts.max_entries))
		return NULL;
	return map->values + (u64)index * map->stride + cpu * map->cpu_stride;
}

static void *array_lookup(struct map *map, const void *key, struct run_ctx *rc)
{
	return array_value(map, key, 0);
}

static void *percpu_array_lookup(struct map *map, const void *key, struct run_ctx *rc)
{
	return array_value(map, key, rc->cpu);
}

static void *percpu_array_lookup_percpu(struct map *map, const void *key, u32 cpu)
{
	return cpu < map->cpus ? array_value(map, key, cpu) : NULL;
}

/* All elements exist, always: so says each of these. */
static int update_check(const struct map *map, const void *key, u64 flags)
{
	if (UNLIKELY((flags & ~(u64)BPF_F_LOCK) > BPF_EXIST))
		return -EINVAL;
	if (UNLIKELY(array_index(key) >= map->facts.max_entries))
		return -E2BIG;
	if (UNLIKELY(flags & BPF_NOEXIST))
		return -EEXIST;
	return map_lock_flag_check(map, flags);
}

static int array_put(struct map *map, const void *key, const void *value, u64 flags, u32 owner)
{
	int err = update_check(map, key, flags);
	void *at = array_value(map, key, 0);

	if (err)
		return err;
	if (UNLIKELY(flags & BPF_F_LOCK))
		value_store_locked(map, at, value, owner);
	else
		value_store(map, at, value);
	value_gone(map, at);
	return 0;
}

static int array_update(struct map *map, const void *key, const void *value, u64 flags,
			struct run_ctx *rc)
{
	return array_put(map, key, value, flags, rc->cpu + 1);
}

static void percpu_put(struct map *map, void *at, const void *value, u32 size)
{
	if (LIKELY(!map->facts.record.n)) {
		words_store(at, value, size);
		return;
	}
	value_store_fields(map, at, value);
	value_drop_fields(map, at);
}

static int percpu_array_update(struct map *map, const void *key, const void *value, u64 flags,
			       struct run_ctx *rc)
{
	int err = update_check(map, key, flags);

	if (!err)
		percpu_put(map, array_value(map, key, rc->cpu), value, map->facts.value_size);
	return err;
}

static int array_erase(struct map *map, const void *key, struct run_ctx *rc)
{
	return -EINVAL;
}

static s64 array_for_each(struct map *map, u64 func, u64 arg, u64 flags, struct run_ctx *rc)
{
	u32 cpu = map->cpu_stride ? rc->cpu : 0;
	u32 index;

	if (flags)
		return -EINVAL;
	for (index = 0; index < map->facts.max_entries; index++) {
		u32 key = index; /* the callback's own */

		if (rc->call(rc, func, (u64)(uintptr_t)map, (u64)(uintptr_t)&key,
			     (u64)(uintptr_t)array_value(map, &index, cpu), arg, 0))
			return (s64)index + 1;
	}
	return index;
}

static int array_sys_lookup(struct map *map, const void *key, void *value, u64 flags)
{
	int err = map_lookup_flags_check(map, flags);
	void *at = array_value(map, key, 0);

	if (!err && !at)
		err = -ENOENT;
	if (err)
		return err;
	if (UNLIKELY(flags & BPF_F_LOCK))
		value_load_locked(map, value, at, MAP_LOCK_SYS);
	else
		value_load(map, value, at);
	return 0;
}

static int percpu_array_sys_lookup(struct map *map, const void *key, void *value, u64 flags)
{
	int err = map_lookup_flags_check(map, flags);
	u8 *at = array_value(map, key, 0);

	if (!err && !at)
		err = -ENOENT;
	for (u32 cpu = 0; !err && cpu < map->cpus; cpu++) {
		u8 *to = (u8 *)value + cpu * map->stride;

		words_load(to, at + cpu * map->cpu_stride, map->stride);
		if (UNLIKELY(map->facts.record.n))
			value_hide_fields(map, to);
	}
	return err;
}

static int array_sys_update(struct map *map, const void *key, const void *value, u64 flags)
{
	return array_put(map, key, value, flags, MAP_LOCK_SYS);
}

static int percpu_array_sys_update(struct map *map, const void *key, const void *value, u64 flags)
{
	int err = update_check(map, key, flags);

	for (u32 cpu = 0; !err && cpu < map->cpus; cpu++)
		percpu_put(map, array_value(map, key, cpu), (const u8 *)value + cpu * map->stride,
			   map->stride);
	return err;
}

static int array_sys_erase(struct map *map, const void *key)
{
	return -EINVAL;
}

int array_sys_next(struct map *map, const void *key, void *next)
{
	u32 index = key ? array_index(key) : UINT32_MAX;

	if (index == map->facts.max_entries - 1)
		return -ENOENT;
	index = index < map->facts.max_entries ? index + 1 : 0;
	memcpy(next, &index, sizeof(index));
	return 0;
}

static u8 *array_value_addr(struct map *map, u32 offset)
{
	if (map->facts.max_entries != 1 || offset >= map->facts.value_size)
		return NULL;
	return map->values + offset;
}

static void array_value_key(const struct map *map, const void *value, void *key)
{
	u32 index = (u32)((size_t)((const u8 *)value - map->values) / map->stride);

	memcpy(key, &index, sizeof(index));
}

u64 array_memory(const struct map *map)
{
	return map->ops->size + map->store.size + map->visible.size + map->sealed.size;
}

const struct map_ops array_map_ops = {
	.name = "array",
	.size = sizeof(struct map),
	.check = array_check,
	.layout = array_layout,
	.bind = array_bind,
	.lookup = array_lookup,
	.update = array_update,
	.erase = array_erase,
	.for_each = array_for_each,
	.sys_lookup = array_sys_lookup,
	.sys_update = array_sys_update,
	.sys_erase = array_sys_erase,
	.sys_next = array_sys_next,
	.value_addr = array_value_addr,
	.value_key = array_value_key,
	.memory = array_memory,
};

const struct map_ops percpu_array_map_ops = {
	.name = "percpu_array",
	.size = sizeof(struct map),
	.check = array_check,
	.layout = percpu_array_layout,
	.bind = percpu_array_bind,
	.lookup = percpu_array_lookup,
	.lookup_percpu = percpu_array_lookup_percpu,
	.update = percpu_array_update,
	.erase = array_erase,
	.for_each = array_for_each,
	.sys_lookup = percpu_array_sys_lookup,
	.sys_update = percpu_array_sys_update,
	.sys_erase = array_sys_erase,
	.sys_next = array_sys_next,
	.memory = array_memory,
};
