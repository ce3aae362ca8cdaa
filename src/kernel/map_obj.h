/* SPDX-License-Identifier: Apache-2.0 */
/* What the map commands share (map_cmd.c, map_elem.c, map_batch.c, prog_array.c). */
#ifndef SKEP_KERNEL_MAP_OBJ_H
#define SKEP_KERNEL_MAP_OBJ_H

#include "kernel/core.h"

/* Memory for a key or a value: small ones live in the struct. */
struct scratch {
	void *data;
	bool on_heap;
	alignas(8) u8 small[256];
};

/* Zeroed. 0 or -ENOMEM. */
int scratch_init(struct scratch *scratch, size_t size);
/* With the client's bytes. 0, -ENOMEM, -EFAULT. */
int scratch_read(struct scratch *scratch, u64 user, size_t size);
/* A key: a map without keys takes no pointer (-EINVAL). */
int scratch_read_key(struct scratch *scratch, const struct map *map, u64 user);
void scratch_release(struct scratch *scratch);

enum map_access { MAP_READS = 1, MAP_WRITES = 2 };

/*
 * The map of an element command, referenced, when the fd allows that access: -EBADF, -EINVAL,
 * -EPERM (opened read-only or write-only, or frozen). map_access_end gives it back.
 */
struct map_object *map_access_begin(struct skep *skep, int fd, u32 access, int *err);
void map_access_end(struct map_object *mo, u32 access);

static inline bool map_is_prog_array(const struct map *map)
{
	return map->facts.type == BPF_MAP_TYPE_PROG_ARRAY;
}

static inline bool map_is_outer(const struct map *map)
{
	return map->facts.type == BPF_MAP_TYPE_ARRAY_OF_MAPS ||
	       map->facts.type == BPF_MAP_TYPE_HASH_OF_MAPS;
}

/* BPF_F_LOCK needs a lock in the value. */
static inline bool map_flags_fit(const struct map *map, u64 flags)
{
	return !(flags & BPF_F_LOCK) ||
	       btf_record_has(&map->facts.record, SPECIAL_BIT(SPECIAL_SPIN_LOCK));
}

/* One element, value and key in kernel memory; inside or outside an epoch. 0 or -errno. */
int map_elem_read(struct map_object *mo, const void *key, void *value, u64 flags);
int map_elem_write(struct map_object *mo, const void *key, const void *value, u64 flags);
int map_elem_erase(struct map_object *mo, const void *key);

/* Prog arrays: elements hold references to programs, and clients see fds and ids. */
int prog_array_lookup(struct map_object *mo, const void *key, void *value);
int prog_array_update(struct map_object *mo, const void *key, const void *value, u64 flags);
int prog_array_erase(struct map_object *mo, const void *key);
void prog_array_clear(struct map_object *mo);
/* May the program be in that array, or use it? The first one sets the rule. */
bool prog_array_accepts(struct map_object *mo, const struct prog_object *prog);

/* Maps of maps (inner_map.c). *template, referenced: -EBADF, -EINVAL, -ENOTSUPP (no such maps
 * in maps). */
int inner_template(struct skep *skep, int fd, struct map_object **template);
/* A new outer map learns what its inner ones will be like. 0 or -ENOMEM. */
int inner_maps_init(struct map_object *mo, struct map_object *template);
void inner_maps_release(struct map_object *mo);
int inner_map_lookup(struct map_object *mo, const void *key, void *value, u64 flags);
int inner_map_update(struct map_object *mo, const void *key, const void *value, u64 flags);
int inner_map_erase(struct map_object *mo, const void *key);
/* An element as the store has it becomes what clients see. 0 or -ENOENT. */
int inner_map_id(struct map_object *mo, void *value);

#endif
