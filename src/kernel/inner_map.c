/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Maps in maps. In the outer map's store an element is an index into the process's table of
 * maps (struct map.inner), which is filled before the index is published. Each element holds a
 * reference to its map. Clients write an fd and read an id, as on Linux.
 *
 * A program that has looked an inner map up uses it without a reference, to the end of its
 * run. So a map that was ever in the table is freed, and its place in the table given to
 * another one, only when no run is left that began before.
 */
#include "kernel/map_obj.h"

int inner_template(struct skep *skep, int fd, struct map_object **template)
{
	int err;
	struct map_object *inner = map_from_fd(skep, fd, &err);

	if (!inner)
		return err;
	err = 0;
	if (map_is_outer(inner->map))
		err = -EINVAL;
	else if (map_is_prog_array(inner->map))
		err = -ENOTSUPP;
	if (err)
		object_put(&inner->base);
	else
		*template = inner;
	return err;
}

int inner_maps_init(struct map_object *mo, struct map_object *template)
{
	mo->inner_facts = template->map->facts;
	mo->inner_facts.frozen = false;
	mo->inner_facts.const_values = NULL;
	mo->inner_facts.const_size = 0;
	mo->held = os_reserve(MAP_TABLE_SIZE * sizeof(*mo->held));
	if (!mo->held)
		return -ENOMEM;
	mo->inner_btf = template->btf;
	if (mo->inner_btf)
		object_get(&mo->inner_btf->base);
	mo->map->facts.inner = &mo->inner_facts;
	mo->map->inner = mo->base.skep->maps;
	mo->map->n_inner = MAP_TABLE_SIZE;
	return 0;
}

/* May a map of these facts stand where the verifier knew only the template? */
static bool fits(const struct map_facts *template, const struct map_facts *facts)
{
	return template->type == facts->type && template->key_size == facts->key_size &&
	       template->value_size == facts->value_size && template->flags == facts->flags &&
	       btf_record_equal(&template->record, &facts->record) &&
	       (template->type != BPF_MAP_TYPE_ARRAY || template->flags & BPF_F_INNER_MAP ||
		template->max_entries == facts->max_entries);
}

/* The map's place in the table, made on first use. 0 when the table is full. */
static u32 table_index(struct map_object *inner)
{
	struct skep *skep = inner->base.skep;
	u32 at;

	pthread_mutex_lock(&skep->lock);
	at = inner->table_index;
	for (u32 i = 0; !at && i < MAP_TABLE_SIZE - 1; i++) {
		u32 candidate = 1 + (skep->maps_top + i) % (MAP_TABLE_SIZE - 1);

		if (load_acquire(&skep->maps[candidate]))
			continue;
		skep->maps_top = candidate;
		inner->table_index = at = candidate;
		skep->map_objects[candidate] = inner;
		store_release(&skep->maps[candidate], inner->map);
	}
	pthread_mutex_unlock(&skep->lock);
	return at;
}

/* Takes back one of the references that this map's elements hold. */
static struct map_object *unhold(struct map_object *mo, u32 index)
{
	if (index >= MAP_TABLE_SIZE || !mo->held[index])
		return NULL;
	mo->held[index]--;
	mo->n_elems--;
	return mo->base.skep->map_objects[index];
}

int inner_map_id(struct map_object *mo, void *value)
{
	u32 index = *(u32 *)value;
	int err = -ENOENT;

	pthread_mutex_lock(&mo->update_lock);
	if (index < MAP_TABLE_SIZE && mo->held[index]) {
		*(u32 *)value = mo->base.skep->map_objects[index]->base.id;
		err = 0;
	}
	pthread_mutex_unlock(&mo->update_lock);
	return err;
}

int inner_map_lookup(struct map_object *mo, const void *key, void *value, u64 flags)
{
	int err = mo->map->ops->sys_lookup(mo->map, key, value, flags);

	return err ? err : inner_map_id(mo, value);
}

/* Writes index (0: erases) and gives the reference of what was there to the caller. */
static int exchange(struct map_object *mo, const void *key, u32 index, u64 flags,
		    struct map_object **old)
{
	const struct map_ops *ops = mo->map->ops;
	u32 before = 0;
	int err;

	*old = NULL;
	pthread_mutex_lock(&mo->update_lock);
	if (ops->sys_lookup(mo->map, key, &before, 0))
		before = 0;
	err = index ? ops->sys_update(mo->map, key, &index, flags) : ops->sys_erase(mo->map, key);
	if (!err) {
		*old = unhold(mo, before);
		if (index) {
			mo->held[index]++;
			mo->n_elems++;
		}
	}
	pthread_mutex_unlock(&mo->update_lock);
	return err;
}

int inner_map_update(struct map_object *mo, const void *key, const void *value, u64 flags)
{
	bool array = mo->map->facts.type == BPF_MAP_TYPE_ARRAY_OF_MAPS;
	struct map_object *inner, *old;
	u32 index;
	int err;

	if (array && flags != BPF_ANY)
		return -EINVAL;
	if (array && *(const u32 *)key >= mo->map->facts.max_entries)
		return -E2BIG;
	inner = map_from_fd(mo->base.skep, *(const int *)value, &err);
	if (!inner)
		return err;
	err = -EINVAL;
	if (map_is_outer(inner->map) || !fits(&mo->inner_facts, &inner->map->facts))
		goto fail;
	index = table_index(inner);
	err = index ? exchange(mo, key, index, flags, &old) : -ENOSPC;
	if (err)
		goto fail;
	if (old)
		object_put(&old->base);
	return 0;

fail:
	object_put(&inner->base);
	return err;
}

int inner_map_erase(struct map_object *mo, const void *key)
{
	struct map_object *old;
	int err = exchange(mo, key, 0, 0, &old);

	if (old)
		object_put(&old->base);
	return err;
}

void inner_maps_release(struct map_object *mo)
{
	for (u32 i = 1; mo->held && mo->n_elems && i < MAP_TABLE_SIZE; i++)
		while (mo->held[i])
			object_put(&unhold(mo, i)->base);
	if (mo->held)
		os_unreserve(mo->held, MAP_TABLE_SIZE * sizeof(*mo->held));
	if (mo->inner_btf)
		object_put(&mo->inner_btf->base);
}
