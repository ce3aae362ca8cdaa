/* SPDX-License-Identifier: Apache-2.0 */
/* MAP_CREATE and MAP_FREEZE. The order of the checks is Linux's: it decides which errno. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/async.h"
#include "kernel/commands.h"
#include "kernel/map_obj.h"
#include "kernel/sha256.h"

/* Newer than some systems' <linux/bpf.h>. */
#define MAP_TYPE_ARENA     33
#define BPF_MAP_TYPE_CGRP  32 /* CGRP_STORAGE */
#define F_TOKEN_FD         (1u << 16)
#define F_VTYPE_BTF_OBJ_FD (1u << 15)

static size_t elems_size(const struct map *map)
{
	return (size_t)map->facts.max_entries * sizeof(struct prog_object *);
}

static void map_object_free(void *what)
{
	struct map_object *mo = what;

	if (mo->table_index)
		store_release(&mo->base.skep->maps[mo->table_index], NULL);
	if (mo->elems) {
		prog_array_clear(mo);
		os_unreserve(mo->elems, elems_size(mo->map));
	}
	inner_maps_release(mo);
	if (mo->btf)
		object_put(&mo->btf->base);
	map_free(mo->map);
	if (mo->event_fd >= 0)
		close(mo->event_fd);
	pthread_mutex_destroy(&mo->update_lock);
	free(mo);
}

/* Programs use what they have found in a map of maps to the end of their run. */
static void map_destroy(struct object *object)
{
	struct map_object *mo = CONTAINER_OF(object, struct map_object, base);

	async_map_release(mo);
	if (mo->table_index)
		skep_retire(object->skep, map_object_free, mo);
	else
		map_object_free(mo);
}

/* Nobody can reach it from outside: its programs, which may use it themselves, are let go. */
static void map_released(struct object *object)
{
	struct map_object *mo = CONTAINER_OF(object, struct map_object, base);

	if (mo->elems)
		prog_array_clear(mo);
	async_map_release(mo);
}

/* ---- BTF of keys and values ---- */

static bool btf_is_u32(const struct btf *btf, u32 type_id)
{
	u32 id;
	const struct btf_type *t = btf_resolve(btf, type_id, &id);
	u32 data;

	if (!t || btf_kind(t) != BTF_KIND_INT)
		return false;
	data = *(const u32 *)(t + 1);
	return BTF_INT_BITS(data) == 32 && !BTF_INT_OFFSET(data);
}

static bool is_unsigned_at(const struct btf *btf, const struct btf_type *owner, u32 member, u32 bits,
			   u32 size)
{
	const struct btf_member *m = &btf_members(owner)[member];
	const struct btf_type *type = btf_resolve(btf, m->type, NULL);

	return btf_member_bits(owner, m) == bits && !btf_member_width(owner, m) && type &&
	       (btf_kind(type) == BTF_KIND_INT || btf_kind(type) == BTF_KIND_ENUM) &&
	       type->size == size;
}

/* A cgroup's number, or that and an attach type (struct bpf_cgroup_storage_key). */
static bool is_cgroup_key(const struct map_facts *facts)
{
	const struct btf_type *key = btf_resolve(facts->btf, facts->btf_key_type_id, NULL);

	if (!key || !facts->btf_key_type_id)
		return false;
	if (facts->key_size == 8)
		return btf_kind(key) == BTF_KIND_INT;
	return btf_kind(key) == BTF_KIND_STRUCT && btf_vlen(key) == 2 &&
	       is_unsigned_at(facts->btf, key, 0, 0, 8) && is_unsigned_at(facts->btf, key, 1, 64, 4);
}

/* What each type asks of its BTF beyond the sizes. */
static int check_btf_of_type(const struct map_facts *facts)
{
	const struct btf_type *key, *value;

	switch (facts->type) {
	case BPF_MAP_TYPE_PERF_EVENT_ARRAY:
	case BPF_MAP_TYPE_STACK_TRACE:
	case BPF_MAP_TYPE_CGROUP_ARRAY:
	case BPF_MAP_TYPE_DEVMAP:
	case BPF_MAP_TYPE_DEVMAP_HASH:
	case BPF_MAP_TYPE_CPUMAP:
	case BPF_MAP_TYPE_XSKMAP:
	case BPF_MAP_TYPE_SOCKMAP:
	case BPF_MAP_TYPE_SOCKHASH:
		return -ENOTSUPP;
	case BPF_MAP_TYPE_CGROUP_STORAGE:
	case BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE:
		return is_cgroup_key(facts) ? 0 : -EINVAL;
	case BPF_MAP_TYPE_SK_STORAGE:
	case BPF_MAP_TYPE_INODE_STORAGE:
	case BPF_MAP_TYPE_TASK_STORAGE:
	case BPF_MAP_TYPE_CGRP:
		return btf_is_u32(facts->btf, facts->btf_key_type_id) ? 0 : -EINVAL;
	case BPF_MAP_TYPE_ARRAY:
	case BPF_MAP_TYPE_PERCPU_ARRAY:
		if (facts->btf_key_type_id)
			return btf_is_u32(facts->btf, facts->btf_key_type_id) ? 0 : -EINVAL;
		/* .data, .bss, .rodata: one value, described by a section, without a key */
		value = btf_type(facts->btf, facts->btf_value_type_id);
		return facts->type == BPF_MAP_TYPE_ARRAY && facts->max_entries == 1 && value &&
			       btf_kind(value) == BTF_KIND_DATASEC
			   ? 0
			   : -EINVAL;
	case BPF_MAP_TYPE_LPM_TRIE:
		key = btf_type(facts->btf, facts->btf_key_type_id);
		return facts->btf_key_type_id && key && btf_kind(key) == BTF_KIND_STRUCT ? 0
											 : -EINVAL;
	case BPF_MAP_TYPE_BLOOM_FILTER:
		return facts->btf_key_type_id ? -EINVAL : 0;
	case BPF_MAP_TYPE_ARRAY_OF_MAPS:
	case BPF_MAP_TYPE_HASH_OF_MAPS:
		return -ENOTSUPP;
	default:
		return facts->btf_key_type_id ? 0 : -EINVAL;
	}
}

#define TYPE(name) (1ull << BPF_MAP_TYPE_##name)
#define STORAGES   (TYPE(SK_STORAGE) | TYPE(INODE_STORAGE) | TYPE(TASK_STORAGE) | TYPE(CGRP))

/* The map types whose values may hold a field of that kind. */
static u64 types_for(u32 kind)
{
	switch (kind) {
	case SPECIAL_SPIN_LOCK:
	case SPECIAL_RES_SPIN_LOCK:
		return TYPE(HASH) | TYPE(ARRAY) | TYPE(CGROUP_STORAGE) | STORAGES;
	case SPECIAL_TIMER:
	case SPECIAL_WORKQUEUE:
	case SPECIAL_TASK_WORK:
	case SPECIAL_LIST_HEAD:
	case SPECIAL_RB_ROOT:
		return TYPE(HASH) | TYPE(LRU_HASH) | TYPE(ARRAY);
	case SPECIAL_UPTR:
		return TYPE(TASK_STORAGE);
	default:
		return TYPE(HASH) | TYPE(PERCPU_HASH) | TYPE(LRU_HASH) | TYPE(LRU_PERCPU_HASH) |
		       TYPE(ARRAY) | TYPE(PERCPU_ARRAY) | STORAGES;
	}
}

#undef STORAGES
#undef TYPE

/*
 * A value whose fields Linux cannot make sense of has none: its program then hears that there
 * is no valid lock, and so on.
 */
static int check_special_fields(const struct skep *skep, struct map_facts *facts)
{
	const struct record_kernel kernel = { skep->model.btf, skep->model.owned_types };

	if (btf_record_parse(facts->btf, facts->btf_value_type_id, SPECIAL_IN_VALUES, &kernel,
			     &facts->record) ||
	    !facts->record.n)
		return 0;
	if (facts->flags & (BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG))
		return -EACCES;
	for (u32 i = 0; i < facts->record.n; i++)
		if (!(types_for(facts->record.fields[i].kind) >> facts->type & 1))
			return -EOPNOTSUPP;
	return 0;
}

static int check_btf(const struct skep *skep, struct map_facts *facts)
{
	int err;

	if (facts->btf_key_type_id &&
	    btf_size(facts->btf, facts->btf_key_type_id) != (s64)facts->key_size)
		return -EINVAL;
	if (btf_size(facts->btf, facts->btf_value_type_id) != (s64)facts->value_size)
		return -EINVAL;
	err = check_special_fields(skep, facts);
	return err ? err : check_btf_of_type(facts);
}

static int take_btf(struct skep *skep, const struct attr_map_create *a, struct map_facts *facts,
		    struct btf_object **btf)
{
	int err;

	if (!a->btf_key_type_id && !a->btf_value_type_id && !a->btf_vmlinux_value_type_id)
		return 0;
	*btf = btf_from_fd(skep, (int)a->btf_fd, &err);
	if (!*btf)
		return err;
	if ((*btf)->kernel_btf)
		return -EACCES;
	facts->btf = (*btf)->btf;
	facts->btf_key_type_id = a->btf_key_type_id;
	facts->btf_value_type_id = a->btf_value_type_id;
	return a->btf_value_type_id ? check_btf(skep, facts) : 0;
}

/* ---- MAP_CREATE ---- */

static int check_create(const struct attr_map_create *a)
{
	if (a->btf_vmlinux_value_type_id) {
		if (a->map_type != BPF_MAP_TYPE_STRUCT_OPS || a->btf_key_type_id ||
		    a->btf_value_type_id)
			return -EINVAL;
	} else if (a->btf_key_type_id && !a->btf_value_type_id) {
		return -EINVAL;
	}
	if (a->map_extra && a->map_type != BPF_MAP_TYPE_BLOOM_FILTER &&
	    a->map_type != MAP_TYPE_ARENA)
		return -EINVAL;
	if (open_flags_of(a->map_flags) < 0)
		return -EINVAL;
	/* One node is presented: all memory is near. */
	if ((a->map_flags & BPF_F_NUMA_NODE) && a->numa_node)
		return -EINVAL;
	return 0;
}

/* Maps that live in a network device: there is none that offers it. */
static int offload_error(const struct attr_map_create *a)
{
	return (a->map_type == BPF_MAP_TYPE_ARRAY || a->map_type == BPF_MAP_TYPE_HASH) &&
		       device_exists(a->map_ifindex)
		   ? -EOPNOTSUPP
		   : -EINVAL;
}

/* Only a program with that hash may use the map (prog_load.c). */
static int take_exclusive(const struct attr_map_create *a, u8 hash[SHA256_SIZE])
{
	if (!a->excl_prog_hash)
		return a->excl_prog_hash_size ? -EINVAL : 0;
	if (a->excl_prog_hash_size != SHA256_SIZE)
		return -EINVAL;
	return user_read(hash, a->excl_prog_hash, SHA256_SIZE);
}

/* Data kept with kernel objects must be described. */
static bool lacks_btf(const struct attr_map_create *a)
{
	switch (a->map_type) {
	case BPF_MAP_TYPE_SK_STORAGE:
	case BPF_MAP_TYPE_INODE_STORAGE:
	case BPF_MAP_TYPE_TASK_STORAGE:
	case BPF_MAP_TYPE_CGRP:
		return !a->btf_key_type_id || !a->btf_value_type_id;
	default:
		return false;
	}
}

static int map_object_new(struct skep *skep, struct map_create_params *params,
			  struct btf_object *btf, struct map_object *template,
			  struct map_object **out)
{
	struct map_object *mo = calloc(1, sizeof(*mo));
	int err;

	if (!mo)
		return -ENOMEM;
	err = map_new(params, &skep->epoch, &mo->map);
	if (err)
		goto fail;
	if (map_is_prog_array(mo->map) && !map_is_described(mo->map)) {
		err = -ENOMEM;
		mo->elems = os_reserve(elems_size(mo->map));
		if (!mo->elems)
			goto fail_map;
	}
	err = object_init(skep, &mo->base, OBJECT_MAP, "bpf-map", mo->map->visible.fd);
	if (err)
		goto fail_elems;
	if (template)
		err = inner_maps_init(mo, template);
	if (err)
		goto fail_object;
	async_map_init(mo);
	mo->base.destroy = map_destroy;
	mo->base.released = map_released;
	mo->btf = btf;
	mo->event_fd = -1;
	pthread_mutex_init(&mo->update_lock, NULL);
	*out = mo;
	return 0;

fail_object:
	object_discard(&mo->base);
fail_elems:
	os_unreserve(mo->elems, elems_size(mo->map));
fail_map:
	map_free(mo->map);
fail:
	free(mo);
	return err;
}

static void facts_from_attr(struct map_facts *facts, const struct attr_map_create *a)
{
	*facts = (struct map_facts){
		.type = a->map_type,
		.key_size = a->key_size,
		.value_size = a->value_size,
		.max_entries = a->max_entries,
		.flags = a->map_flags,
		.extra = a->map_extra,
	};
}

/* Global data: what is frozen in it is known to the verifier, so it is kept in any case. */
static bool holds_constants(const struct map_facts *facts)
{
	return facts->type == BPF_MAP_TYPE_ARRAY && facts->max_entries == 1;
}

int cmd_map_create(struct skep *skep, struct bpf_call *call)
{
	struct attr_map_create *a = &call->attr.map_create;
	struct map_create_params params = { .cpus = skep->cpus };
	bool wants_token = a->map_flags & F_TOKEN_FD;
	struct map_object *mo, *template = NULL;
	struct btf_object *btf = NULL;
	u8 hash[SHA256_SIZE];
	int err;

	a->map_flags &= ~F_TOKEN_FD;
	err = check_create(a);
	if (err)
		return err;
	facts_from_attr(&params.facts, a);
	params.no_storage = skep->verify_only && !holds_constants(&params.facts);
	err = map_check_facts(&params.facts, skep->verify_only);
	if (!err && lacks_btf(a))
		err = -EINVAL;
	if (!err && (a->map_flags & F_VTYPE_BTF_OBJ_FD))
		err = -EINVAL;
	if (!err && wants_token)
		err = token_error(a->map_token_fd);
	if (!err && a->map_ifindex)
		err = offload_error(a);
	if (!err && (a->map_type == BPF_MAP_TYPE_ARRAY_OF_MAPS ||
		     a->map_type == BPF_MAP_TYPE_HASH_OF_MAPS))
		err = inner_template(skep, (int)a->inner_map_fd, &template);
	if (!err)
		err = object_name_copy(params.facts.name, a->map_name);
	if (!err)
		err = take_btf(skep, a, &params.facts, &btf);
	if (!err)
		err = take_exclusive(a, hash);
	if (err)
		goto fail;
	params.facts.flags &= ~(u32)(BPF_F_RDONLY | BPF_F_WRONLY);
	err = map_object_new(skep, &params, btf, template, &mo);
	if (err)
		goto fail;
	if (template)
		object_put(&template->base);
	mo->exclusive = a->excl_prog_hash != 0;
	if (mo->exclusive)
		memcpy(mo->excl_hash, hash, SHA256_SIZE);
	return object_publish(&mo->base, open_flags_of(a->map_flags));

fail:
	if (template)
		object_put(&template->base);
	if (btf)
		object_put(&btf->base);
	return err;
}

/* ---- MAP_FREEZE ---- */

/* Is the map's memory mapped writable by somebody in this process, beside the kernel itself? */
static bool mapped_writable(const struct map_object *mo)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[512], perms[8];
	unsigned long long ino;
	u32 found = 0;

	while (maps && fgets(line, sizeof(line), maps))
		if (sscanf(line, "%*x-%*x %7s %*x %*x:%*x %llu", perms, &ino) == 2 &&
		    ino == mo->base.ino && perms[1] == 'w' && perms[3] == 's')
			found++;
	if (maps)
		fclose(maps);
	return found > 1;
}

static int freeze_unwritten(struct map_object *mo)
{
	int err;

	if (load_seq_cst(&mo->writers))
		return -EBUSY;
	if (mo->map->visible.fd >= 0 && mapped_writable(mo))
		return -EBUSY;
	err = map_freeze(mo->map);
	/* From now on nobody gets a writable mapping: mmap says EPERM, as Linux's. */
	if (!err && mo->map->visible.fd >= 0)
		fcntl(mo->map->visible.fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE);
	return err;
}

/*
 * A write announces itself in writers before it asks whether it may; freezing announces itself
 * before it asks whether somebody writes. So one of the two sees the other, and no write
 * begins between that question and the end of the copy.
 */
static int map_object_freeze(struct map_object *mo)
{
	int err;

	if (mo->map->facts.frozen)
		return -EPERM;
	store_seq_cst(&mo->freezing, true);
	err = freeze_unwritten(mo);
	store_seq_cst(&mo->freezing, false);
	return err;
}

int cmd_map_freeze(struct skep *skep, struct bpf_call *call)
{
	struct map_object *mo;
	int err;

	mo = map_from_fd(skep, (int)call->attr.freeze.map_fd, &err);
	if (!mo)
		return err;
	if (btf_record_has(&mo->map->facts.record, SPECIAL_ASYNC)) {
		err = -ENOTSUPP;
	} else if (!object_fd_allows(&mo->base, (int)call->attr.freeze.map_fd, true)) {
		err = -EPERM;
	} else {
		pthread_mutex_lock(&mo->update_lock);
		err = map_object_freeze(mo);
		pthread_mutex_unlock(&mo->update_lock);
	}
	object_put(&mo->base);
	return err;
}
