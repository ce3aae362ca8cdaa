/* SPDX-License-Identifier: Apache-2.0 */
/* What all map types share: the table of types, making, attaching, freezing, freeing. */
#include "maps/types.h"

/* From here on large pages are worth asking for. */
#define LARGE_STORE (4u << 20)

/* A private store up to this size comes from os_alloc: a process may have 100,000 small maps
 * but only 65,530 mappings. */
#define SMALL_STORE (64u << 10)

const struct map_ops *map_ops_of(u32 type)
{
	static const struct map_ops *const table[] = {
#define ENTRY(type, ops) [BPF_MAP_TYPE_##type] = &ops,
		MAP_TYPES(ENTRY)
#undef ENTRY
	};

	return type < ARRAY_SIZE(table) ? table[type] : NULL;
}

static bool is_percpu(const struct map *map)
{
	return map->facts.type == BPF_MAP_TYPE_PERCPU_HASH ||
	       map->facts.type == BPF_MAP_TYPE_PERCPU_ARRAY ||
	       map->facts.type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

u64 map_sys_value_size(const struct map *map)
{
	if (is_percpu(map))
		return align_up(map->facts.value_size, 8) * map->cpus;
	return map->facts.value_size;
}

/* Running out of file descriptors is told as such; whatever else went wrong, it is memory. */
static int memory_error(int err)
{
	return err == -EMFILE || err == -ENFILE ? err : -ENOMEM;
}

static int shared_memory(struct os_shm *shm, const char *name, u64 size)
{
	int err = os_shm_create(shm, name, align_up(size, MAP_PAGE));

	if (err) {
		*shm = (struct os_shm){ .fd = -1 };
		return memory_error(err);
	}
	return 0;
}

/* Zeroed, cache-line aligned, this process's own. */
static int private_memory(struct map *map, struct os_shm *shm, void **small, u64 size)
{
	*shm = (struct os_shm){ .fd = -1, .size = size };
	if (size <= SMALL_STORE) {
		*small = os_alloc(size + 64);
		if (!*small)
			return -ENOMEM;
		shm->addr = (void *)(uintptr_t)align_up((uintptr_t)*small, 64);
		return 0;
	}
	shm->size = align_up(size, MAP_PAGE);
	shm->addr = os_reserve(shm->size);
	return shm->addr ? 0 : -ENOMEM;
}

static void memory_release(struct os_shm *shm, void *small)
{
	if (shm->fd >= 0)
		os_shm_release(shm);
	else if (small)
		os_free(small);
	else
		os_unreserve(shm->addr, shm->size);
	*shm = (struct os_shm){ .fd = -1 };
}

void map_free(struct map *map)
{
	if (!map)
		return;
	if (map->ops->release)
		map->ops->release(map);
	memory_release(&map->store, map->small_store);
	memory_release(&map->visible, NULL);
	memory_release(&map->sealed, map->small_sealed);
	os_free(map);
}

/* A struct map without memory, and how much it needs. */
static int map_frame(const struct map_create_params *params, struct epoch *epoch, struct map **out,
		     struct map_sizes *sizes)
{
	const struct map_ops *ops = map_ops_of(params->facts.type);
	struct map *map;
	int err;

	err = map_check_facts(&params->facts, params->no_storage);
	if (err)
		return err;
	/* Whether it would have room is told by its own type also where it is only described. */
	if (!ops)
		ops = &described_map_ops;
	map = os_alloc(ops->size);
	if (!map)
		return -ENOMEM;
	map->ops = params->no_storage ? &described_map_ops : ops;
	map->facts = params->facts;
	map->cpus = MAX(params->cpus, 1u);
	map->shareable = params->shareable;
	map->epoch = epoch;
	map->store.fd = map->visible.fd = map->sealed.fd = -1;
	err = ops->layout(map, sizes);
	if (!err && (sizes->store > MAP_BYTES_MAX || sizes->visible > MAP_BYTES_MAX))
		err = -ENOMEM;
	if (err) {
		os_free(map);
		return err;
	}
	*out = map;
	return 0;
}

int map_new(const struct map_create_params *params, struct epoch *epoch, struct map **out)
{
	struct map_sizes sizes = { 0 };
	struct map *map;
	int err;

	err = map_frame(params, epoch, &map, &sizes);
	if (err)
		return err;
	if (params->no_storage) {
		*out = map;
		return 0;
	}
	if (sizes.visible)
		err = shared_memory(&map->visible, "bpf-map", sizes.visible);
	if (!err && sizes.store) {
		if (params->shareable)
			err = shared_memory(&map->store, "skep-map-store", sizes.store);
		else
			err = private_memory(map, &map->store, &map->small_store, sizes.store);
	}
	if (!err && map->store.size >= LARGE_STORE && !(map->facts.flags & BPF_F_NO_PREALLOC))
		os_prefer_large_pages(map->store.addr, map->store.size);
	if (!err)
		err = map->ops->bind(map, true);
	if (err) {
		map_free(map);
		return err;
	}
	*out = map;
	return 0;
}

static int attach_memory(struct os_shm *shm, int fd, u64 size)
{
	int err = size ? os_shm_attach(shm, fd, align_up(size, MAP_PAGE)) : 0;

	if (err)
		*shm = (struct os_shm){ .fd = -1 };
	return err ? memory_error(err) : 0;
}

int map_attach(const struct map_create_params *params, struct epoch *epoch, int store_fd,
	       int visible_fd, struct map **out)
{
	struct map_sizes sizes = { 0 };
	struct map *map;
	int err;

	err = map_frame(params, epoch, &map, &sizes);
	if (err)
		return err;
	err = attach_memory(&map->store, store_fd, sizes.store);
	if (!err)
		err = attach_memory(&map->visible, visible_fd, sizes.visible);
	if (!err)
		err = map->ops->bind(map, false);
	if (err) {
		map->store.fd = map->visible.fd = -1; /* still the caller's */
		os_unreserve(map->store.addr, map->store.size);
		os_unreserve(map->visible.addr, map->visible.size);
		os_free(map);
		return err;
	}
	*out = map;
	return 0;
}

/*
 * Programs must not see a frozen array change, and the visible memory may still be written
 * through a mapping that we cannot know of. So they get a copy.
 */
static int seal_values(struct map *map)
{
	u64 size = (u64)map->facts.max_entries * map->stride;
	int err;

	if (map->shareable)
		err = shared_memory(&map->sealed, "skep-map-sealed", size);
	else
		err = private_memory(map, &map->sealed, &map->small_sealed, size);
	if (err)
		return err;
	memcpy(map->sealed.addr, map->values, size);
	map->values = map->sealed.addr;
	map->facts.const_values = map->values;
	map->facts.const_size = size;
	return 0;
}

int map_freeze(struct map *map)
{
	int err = 0;

	if (map->facts.frozen)
		return -EBUSY;
	if (map->facts.type == BPF_MAP_TYPE_ARRAY && map->values &&
	    (map->facts.flags & BPF_F_RDONLY_PROG))
		err = seal_values(map);
	if (!err)
		store_seq_cst(&map->facts.frozen, true);
	return err;
}
