/* SPDX-License-Identifier: Apache-2.0 */
/* The commands on one element of a map. */
#include <stdlib.h>
#include <string.h>

#include "kernel/commands.h"
#include "kernel/map_obj.h"

/* ---- memory for keys and values ---- */

int scratch_init(struct scratch *scratch, size_t size)
{
	scratch->on_heap = size > sizeof(scratch->small);
	scratch->data = scratch->on_heap ? calloc(1, size) : memset(scratch->small, 0, size);
	return scratch->data ? 0 : -ENOMEM;
}

int scratch_read(struct scratch *scratch, u64 user, size_t size)
{
	int err = scratch_init(scratch, size);

	if (!err && user_read(scratch->data, user, size)) {
		scratch_release(scratch);
		err = -EFAULT;
	}
	return err;
}

int scratch_read_key(struct scratch *scratch, const struct map *map, u64 user)
{
	if (!map->facts.key_size && user)
		return -EINVAL;
	return scratch_read(scratch, user, map->facts.key_size);
}

void scratch_release(struct scratch *scratch)
{
	if (scratch->on_heap)
		free(scratch->data);
	scratch->on_heap = false;
}

/* ---- who may do what ---- */

struct map_object *map_access_begin(struct skep *skep, int fd, u32 access, int *err)
{
	struct map_object *mo = map_from_fd(skep, fd, err);

	if (!mo)
		return NULL;
	if (access & MAP_WRITES)
		fetch_add_seq_cst(&mo->writers, 1);
	if (((access & MAP_READS) && !object_fd_allows(&mo->base, fd, false)) ||
	    ((access & MAP_WRITES) &&
	     (load_seq_cst(&mo->freezing) || load_seq_cst(&mo->map->facts.frozen) ||
	      !object_fd_allows(&mo->base, fd, true)))) {
		map_access_end(mo, access);
		*err = -EPERM;
		return NULL;
	}
	return mo;
}

void map_access_end(struct map_object *mo, u32 access)
{
	if (access & MAP_WRITES)
		fetch_sub_acq_rel(&mo->writers, 1);
	object_put(&mo->base);
}

/* ---- one element ---- */

int map_elem_read(struct map_object *mo, const void *key, void *value, u64 flags)
{
	struct map *map = mo->map;

	if (map_is_described(map))
		return -ENOENT;
	if (map_is_prog_array(map))
		return prog_array_lookup(mo, key, value);
	if (map_is_outer(map))
		return inner_map_lookup(mo, key, value, flags);
	if (map->ops->sys_lookup)
		return map->ops->sys_lookup(map, key, value, flags);
	return map->ops->peek ? map->ops->peek(map, value) : -ENOTSUPP;
}

int map_elem_write(struct map_object *mo, const void *key, const void *value, u64 flags)
{
	struct map *map = mo->map;

	if (map_is_described(map))
		return 0;
	if (map_is_prog_array(map))
		return prog_array_update(mo, key, value, flags);
	if (map_is_outer(map))
		return inner_map_update(mo, key, value, flags);
	if (map->ops->sys_update)
		return map->ops->sys_update(map, key, value, flags);
	return map->ops->push ? map->ops->push(map, value, flags) : -ENOTSUPP;
}

int map_elem_erase(struct map_object *mo, const void *key)
{
	struct map *map = mo->map;

	if (map_is_described(map))
		return -ENOENT;
	if (map_is_prog_array(map))
		return prog_array_erase(mo, key);
	if (map_is_outer(map))
		return inner_map_erase(mo, key);
	return map->ops->sys_erase ? map->ops->sys_erase(map, key) : -ENOTSUPP;
}

/* ---- the commands ---- */

static int elem_lookup(struct skep *skep, struct map_object *mo, const struct attr_map_elem *a)
{
	u64 size = map_sys_value_size(mo->map);
	struct scratch key, value;
	u32 slot;
	int err;

	if (!map_flags_fit(mo->map, a->flags))
		return -EINVAL;
	err = scratch_read_key(&key, mo->map, a->key);
	if (err)
		return err;
	/* A bloom filter is asked about a value. */
	err = mo->map->facts.type == BPF_MAP_TYPE_BLOOM_FILTER
		  ? scratch_read(&value, a->value, size)
		  : scratch_init(&value, size);
	if (err)
		goto out_key;
	slot = command_enter(skep);
	err = map_elem_read(mo, key.data, value.data, a->flags);
	command_leave(skep, slot);
	if (!err)
		err = user_write(a->value, value.data, size);
	scratch_release(&value);
out_key:
	scratch_release(&key);
	return err;
}

int cmd_map_lookup(struct skep *skep, struct bpf_call *call)
{
	const struct attr_map_elem *a = &call->attr.elem;
	struct map_object *mo;
	int err;

	if (a->flags & ~(u64)BPF_F_LOCK)
		return -EINVAL;
	mo = map_access_begin(skep, (int)a->map_fd, MAP_READS, &err);
	if (!mo)
		return err;
	err = elem_lookup(skep, mo, a);
	map_access_end(mo, MAP_READS);
	return err;
}

static int elem_update(struct skep *skep, struct map_object *mo, const struct attr_map_elem *a)
{
	struct scratch key, value;
	u32 slot;
	int err;

	if (!map_flags_fit(mo->map, a->flags))
		return -EINVAL;
	err = scratch_read_key(&key, mo->map, a->key);
	if (err)
		return err;
	err = scratch_read(&value, a->value, map_sys_value_size(mo->map));
	if (err)
		goto out_key;
	slot = command_enter(skep);
	err = map_elem_write(mo, key.data, value.data, a->flags);
	command_leave(skep, slot);
	scratch_release(&value);
out_key:
	scratch_release(&key);
	return err;
}

int cmd_map_update(struct skep *skep, struct bpf_call *call)
{
	const struct attr_map_elem *a = &call->attr.elem;
	struct map_object *mo;
	int err;

	mo = map_access_begin(skep, (int)a->map_fd, MAP_WRITES, &err);
	if (!mo)
		return err;
	err = elem_update(skep, mo, a);
	map_access_end(mo, MAP_WRITES);
	return err;
}

int cmd_map_delete(struct skep *skep, struct bpf_call *call)
{
	const struct attr_map_elem *a = &call->attr.elem;
	struct map_object *mo;
	struct scratch key;
	u32 slot;
	int err;

	mo = map_access_begin(skep, (int)a->map_fd, MAP_WRITES, &err);
	if (!mo)
		return err;
	err = scratch_read_key(&key, mo->map, a->key);
	if (!err) {
		slot = command_enter(skep);
		err = map_elem_erase(mo, key.data);
		command_leave(skep, slot);
		scratch_release(&key);
	}
	map_access_end(mo, MAP_WRITES);
	return err;
}

static int elem_next(struct skep *skep, struct map_object *mo, const struct attr_map_elem *a)
{
	struct map *map = mo->map;
	struct scratch key, next;
	u32 slot;
	int err;

	err = a->key ? scratch_read_key(&key, map, a->key) : scratch_init(&key, 0);
	if (err)
		return err;
	err = scratch_init(&next, map->facts.key_size);
	if (err)
		goto out_key;
	slot = command_enter(skep);
	err = map->ops->sys_next ? map->ops->sys_next(map, a->key ? key.data : NULL, next.data)
				 : -ENOTSUPP;
	command_leave(skep, slot);
	if (!err)
		err = user_write(a->value, next.data, map->facts.key_size);
	scratch_release(&next);
out_key:
	scratch_release(&key);
	return err;
}

int cmd_map_next_key(struct skep *skep, struct bpf_call *call)
{
	const struct attr_map_elem *a = &call->attr.elem;
	struct map_object *mo;
	int err;

	mo = map_access_begin(skep, (int)a->map_fd, MAP_READS, &err);
	if (!mo)
		return err;
	err = elem_next(skep, mo, a);
	map_access_end(mo, MAP_READS);
	return err;
}

static int elem_lookup_erase(struct skep *skep, struct map_object *mo,
			     const struct attr_map_elem *a)
{
	struct map *map = mo->map;
	u64 size = map_sys_value_size(map);
	struct scratch key, value;
	u32 slot;
	int err;

	if (!map_flags_fit(map, a->flags) || (a->flags && map->ops->pop))
		return -EINVAL;
	err = scratch_read_key(&key, map, a->key);
	if (err)
		return err;
	err = scratch_init(&value, size);
	if (err)
		goto out_key;
	slot = command_enter(skep);
	if (map->ops->pop)
		err = map->ops->pop(map, value.data);
	else if (map->ops->sys_lookup_erase)
		err = map->ops->sys_lookup_erase(map, key.data, value.data, a->flags);
	else
		err = -ENOTSUPP;
	command_leave(skep, slot);
	if (!err)
		err = user_write(a->value, value.data, size);
	scratch_release(&value);
out_key:
	scratch_release(&key);
	return err;
}

int cmd_map_lookup_delete(struct skep *skep, struct bpf_call *call)
{
	const struct attr_map_elem *a = &call->attr.elem;
	struct map_object *mo;
	int err;

	if (a->flags & ~(u64)BPF_F_LOCK)
		return -EINVAL;
	mo = map_access_begin(skep, (int)a->map_fd, MAP_READS | MAP_WRITES, &err);
	if (!mo)
		return err;
	err = elem_lookup_erase(skep, mo, a);
	map_access_end(mo, MAP_READS | MAP_WRITES);
	return err;
}
