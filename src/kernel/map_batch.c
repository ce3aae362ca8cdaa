/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The batch commands. Progress goes back to the client in attr.batch.count, also when a batch
 * ends early. Arrays and tries continue by key: in_batch and out_batch are keys. Hashes continue by
 * position: both are 4 bytes, as of Linux's bucket number, whatever the size of the key.
 */
#include "kernel/commands.h"
#include "kernel/map_obj.h"

struct batch {
	struct skep *skep;
	struct map_object *mo;
	struct bpf_call *call;
	const struct attr_map_batch *attr;
	struct scratch key, value;
	u64 key_size, value_size;
	u32 done; /* elements so far */
};

static int put_count(const struct batch *b, u32 count)
{
	return attr_answer(b->call, attr_map_batch, count, count);
}

static int put_element(const struct batch *b)
{
	int err = user_write(b->attr->keys + b->done * b->key_size, b->key.data, b->key_size);

	return err ? err
		   : user_write(b->attr->values + b->done * b->value_size, b->value.data,
				b->value_size);
}

static int get_key(const struct batch *b)
{
	return user_read(b->key.data, b->attr->keys + b->done * b->key_size, b->key_size);
}

static int get_value(const struct batch *b)
{
	return user_read(b->value.data, b->attr->values + b->done * b->value_size, b->value_size);
}

/* What a failed copy to or from the client is called; it also stops the progress report. */
static bool is_fault(int err)
{
	return err == -EFAULT;
}

static int finish(const struct batch *b, int err)
{
	return put_count(b, b->done) ? -EFAULT : err;
}

/* ---- update and delete: any map with these operations ---- */

static int update_one(struct batch *b)
{
	u32 slot;
	int err;

	if (get_key(b) || get_value(b))
		return -EFAULT;
	slot = command_enter(b->skep);
	err = map_elem_write(b->mo, b->key.data, b->value.data, b->attr->elem_flags);
	command_leave(b->skep, slot);
	return err;
}

static int delete_one(struct batch *b)
{
	u32 slot;
	int err;

	if (get_key(b))
		return -EFAULT;
	slot = command_enter(b->skep);
	err = map_elem_erase(b->mo, b->key.data);
	command_leave(b->skep, slot);
	return err;
}

static int batch_each(struct batch *b, int (*one)(struct batch *b))
{
	int err = 0;

	for (; b->done < b->attr->count && !err; b->done += !err)
		err = one(b);
	return finish(b, err);
}

static int batch_update(struct batch *b)
{
	return batch_each(b, update_one);
}

static int batch_delete(struct batch *b)
{
	return batch_each(b, delete_one);
}

/* ---- lookup by key ---- */

static int next_by_key(struct batch *b, const void *after)
{
	u32 slot = command_enter(b->skep);
	int err = b->mo->map->ops->sys_next(b->mo->map, after, b->key.data);

	if (!err)
		err = map_elem_read(b->mo, b->key.data, b->value.data, b->attr->elem_flags);
	command_leave(b->skep, slot);
	return err;
}

static int batch_lookup(struct batch *b)
{
	struct scratch after;
	bool first = !b->attr->in_batch;
	int err;

	err = first ? scratch_init(&after, b->key_size)
		    : scratch_read(&after, b->attr->in_batch, b->key_size);
	if (err)
		return err;
	while (b->done < b->attr->count) {
		err = next_by_key(b, first ? NULL : after.data);
		if (!err)
			err = put_element(b);
		if (err)
			break;
		memcpy(after.data, b->key.data, b->key_size);
		first = false;
		b->done++;
	}
	if (!is_fault(err))
		err = finish(b, err);
	if (!is_fault(err) && b->done && user_write(b->attr->out_batch, after.data, b->key_size))
		err = -EFAULT;
	scratch_release(&after);
	return err;
}

/* ---- lookup by position, with or without delete ---- */

static int next_by_position(struct batch *b, u32 *position)
{
	struct map *map = b->mo->map;
	u32 slot = command_enter(b->skep);
	int err;

	do
		err = map->ops->sys_walk(map, position, b->key.data, b->value.data);
	while (!err && map_is_outer(map) && inner_map_id(b->mo, b->value.data));
	command_leave(b->skep, slot);
	return err;
}

static int erase_key(struct batch *b)
{
	u32 slot = command_enter(b->skep);
	int err = map_elem_erase(b->mo, b->key.data);

	command_leave(b->skep, slot);
	return err;
}

/* As Linux, looks on when the client has no more room: it is told that nothing is left. */
static int walk(struct batch *b, u32 *position, bool erase)
{
	for (;;) {
		u32 behind = *position;
		int err = next_by_position(b, &behind);

		if (err || b->done == b->attr->count)
			return err;
		err = put_element(b);
		if (err)
			return err;
		/* What follows an erased element may take its place. */
		if (!erase || erase_key(b))
			*position = behind;
		b->done++;
	}
}

static int batch_walk(struct batch *b, bool erase)
{
	u32 position = 0;
	int err;

	if (b->attr->in_batch && user_read(&position, b->attr->in_batch, sizeof(position)))
		return -EFAULT;
	err = walk(b, &position, erase);
	if (is_fault(err))
		return err;
	if (user_write(b->attr->out_batch, &position, sizeof(position)))
		return -EFAULT;
	return finish(b, err);
}

static int batch_walk_lookup(struct batch *b)
{
	return batch_walk(b, false);
}

static int batch_walk_delete(struct batch *b)
{
	return batch_walk(b, true);
}

/* ---- which map does what, and the commands ---- */

typedef int (*batch_fn)(struct batch *b);

/* NULL: this type has no such batch command. */
static batch_fn batch_of(const struct map *map, int cmd)
{
	bool hash = map->ops->sys_walk, trie = map->facts.type == BPF_MAP_TYPE_LPM_TRIE;
	bool by_key = trie || map->facts.type == BPF_MAP_TYPE_ARRAY ||
		      map->facts.type == BPF_MAP_TYPE_PERCPU_ARRAY ||
		      map->facts.type == BPF_MAP_TYPE_ARRAY_OF_MAPS;

	switch (cmd) {
	case BPF_MAP_LOOKUP_BATCH:
		return hash ? batch_walk_lookup : by_key ? batch_lookup : NULL;
	case BPF_MAP_UPDATE_BATCH:
		return hash || by_key ? batch_update : NULL;
	case BPF_MAP_DELETE_BATCH:
		return hash || trie ? batch_delete : NULL;
	default:
		return hash ? batch_walk_delete : NULL;
	}
}

static int batch_run(struct skep *skep, struct map_object *mo, struct bpf_call *call)
{
	const struct attr_map_batch *a = &call->attr.batch;
	batch_fn fn = batch_of(mo->map, call->cmd);
	struct batch b = { .skep = skep, .mo = mo, .call = call, .attr = a };
	int err;

	if (!fn)
		return -ENOTSUPP;
	if ((a->elem_flags & ~(u64)BPF_F_LOCK) || !map_flags_fit(mo->map, a->elem_flags))
		return -EINVAL;
	if (a->flags && (fn == batch_walk_lookup || fn == batch_walk_delete))
		return -EINVAL;
	if (!a->count)
		return 0;
	if (put_count(&b, 0))
		return -EFAULT;
	b.key_size = mo->map->facts.key_size;
	b.value_size = map_sys_value_size(mo->map);
	err = scratch_init(&b.key, b.key_size);
	if (err)
		return err;
	err = scratch_init(&b.value, b.value_size);
	if (!err) {
		err = fn(&b);
		scratch_release(&b.value);
	}
	scratch_release(&b.key);
	return err;
}

static int batch_command(struct skep *skep, struct bpf_call *call, u32 access)
{
	struct map_object *mo;
	int err;

	mo = map_access_begin(skep, (int)call->attr.batch.map_fd, access, &err);
	if (!mo)
		return err;
	err = batch_run(skep, mo, call);
	map_access_end(mo, access);
	return err;
}

int cmd_map_lookup_batch(struct skep *skep, struct bpf_call *call)
{
	return batch_command(skep, call, MAP_READS);
}

int cmd_map_lookup_delete_batch(struct skep *skep, struct bpf_call *call)
{
	return batch_command(skep, call, MAP_READS | MAP_WRITES);
}

int cmd_map_update_batch(struct skep *skep, struct bpf_call *call)
{
	return batch_command(skep, call, MAP_WRITES);
}

int cmd_map_delete_batch(struct skep *skep, struct bpf_call *call)
{
	return batch_command(skep, call, MAP_WRITES);
}
