/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prog arrays. In the map's store an element is an index into the process's table of
 * programs (run_ctx.progs), which is filled before the index is published; 0 is empty. Each
 * element holds a reference to its program. Clients write an fd and read an id, as on Linux.
 */
#include "kernel/map_obj.h"

u32 prog_table_index(struct prog_object *prog)
{
	struct skep *skep = prog->base.skep;
	u32 at;

	pthread_mutex_lock(&skep->lock);
	at = prog->prog.table_index;
	for (u32 i = 0; !at && i < PROG_TABLE_SIZE - 1; i++) {
		u32 candidate = 1 + (skep->progs_top + i) % (PROG_TABLE_SIZE - 1);

		if (skep->progs[candidate])
			continue;
		skep->progs_top = candidate;
		prog->prog.table_index = at = candidate;
		store_release(&skep->progs[candidate], &prog->prog);
	}
	pthread_mutex_unlock(&skep->lock);
	return at;
}

bool prog_array_accepts(struct map_object *mo, const struct prog_object *prog)
{
	bool fits;

	pthread_mutex_lock(&mo->update_lock);
	if (!mo->has_owner) {
		mo->has_owner = true;
		mo->owner_type = prog->prog.type;
		mo->owner_jited = prog->prog.jited;
		mo->owner_attach_type = prog->prog.attach_type;
	}
	fits = mo->owner_type == prog->prog.type && mo->owner_jited == prog->prog.jited &&
	       mo->owner_attach_type == prog->prog.attach_type;
	pthread_mutex_unlock(&mo->update_lock);
	return fits;
}

/* The kernel's own record of an element: what is in the store others may have spoilt. */
static struct prog_object **elem_of(struct map_object *mo, u32 index)
{
	return index < mo->map->facts.max_entries ? &mo->elems[index] : NULL;
}

int prog_array_lookup(struct map_object *mo, const void *key, void *value)
{
	struct prog_object **elem = elem_of(mo, *(const u32 *)key);
	int err = -ENOENT;

	pthread_mutex_lock(&mo->update_lock);
	if (elem && *elem) {
		*(u32 *)value = (*elem)->base.id;
		err = 0;
	}
	pthread_mutex_unlock(&mo->update_lock);
	return err;
}

/* Puts prog (NULL: empties) and gives the reference of what was there to the caller. */
static int exchange(struct map_object *mo, const void *key, struct prog_object *prog,
		    struct prog_object **old)
{
	struct prog_object **elem = elem_of(mo, *(const u32 *)key);
	int err;

	*old = NULL;
	pthread_mutex_lock(&mo->update_lock);
	if (prog)
		err = mo->map->ops->sys_update(mo->map, key, &prog->prog.table_index, BPF_ANY);
	else
		err = *elem ? mo->map->ops->sys_erase(mo->map, key) : -ENOENT;
	if (!err) {
		*old = *elem;
		*elem = prog;
		mo->n_elems += !!prog - !!*old;
	}
	pthread_mutex_unlock(&mo->update_lock);
	return err;
}

int prog_array_update(struct map_object *mo, const void *key, const void *value, u64 flags)
{
	struct prog_object *prog, *old;
	int err;

	if (flags != BPF_ANY)
		return -EINVAL;
	if (*(const u32 *)key >= mo->map->facts.max_entries)
		return -E2BIG;
	prog = prog_from_fd(mo->base.skep, *(const int *)value, &err);
	if (!prog)
		return err;
	err = -EINVAL;
	if (!prog_array_accepts(mo, prog))
		goto fail;
	err = prog_table_index(prog) ? exchange(mo, key, prog, &old) : -ENOSPC;
	if (err)
		goto fail;
	if (old)
		object_put(&old->base);
	return 0;

fail:
	object_put(&prog->base);
	return err;
}

int prog_array_erase(struct map_object *mo, const void *key)
{
	struct prog_object *old = NULL;
	int err;

	if (*(const u32 *)key >= mo->map->facts.max_entries)
		return -E2BIG;
	err = exchange(mo, key, NULL, &old);
	if (old)
		object_put(&old->base);
	return err;
}

void prog_array_clear(struct map_object *mo)
{
	for (u32 i = 0; mo->n_elems && i < mo->map->facts.max_entries; i++)
		prog_array_erase(mo, &i);
}
