/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Maps that are only described: a program is to be verified against them, and nobody will run
 * it. They have facts, which are checked as Linux checks them, and no elements: what a loader
 * writes is forgotten, and nothing is ever found. So types that Skep has no implementation of
 * can be described as well.
 */
#include "maps/types.h"

/* Newer than some systems' <linux/bpf.h>. */
#define TYPE_CGRP_STORAGE 32
#define TYPE_ARENA        33
#define F_PRESERVE_ELEMS  (1u << 11)
#define SYS_FLAGS         ((u32)(BPF_F_NUMA_NODE | BPF_F_RDONLY | BPF_F_WRONLY))
#define ARENA_FLAGS       ((1u << 10) | (1u << 15) | (1u << 17) | (1u << 18))

#define SOCK_KEY_MAX     512
#define STORAGE_VALUE_MAX 65407 /* of one element of a socket's, task's, inode's storage */
#define CGROUP_KEY        16    /* struct bpf_cgroup_storage_key */
#define CPUS_MAX          8192

static int bad_if(bool bad)
{
	return bad ? -EINVAL : 0;
}

/* perf_event_array, cgroup_array, prog_array: each element is a file descriptor. */
static int check_fds(const struct map_facts *facts)
{
	u32 flags = BPF_F_NUMA_NODE | BPF_F_RDONLY | BPF_F_WRONLY;

	if (facts->type == BPF_MAP_TYPE_PERF_EVENT_ARRAY)
		flags |= F_PRESERVE_ELEMS;
	return bad_if(!facts->max_entries || facts->key_size != 4 || facts->value_size != 4 ||
		      facts->flags & ~flags);
}

/* Elements are a number (a device, a CPU, a socket's cookie), maybe with a program's fd. */
static bool is_number_or_pair(u32 value_size)
{
	return value_size == 4 || value_size == 8;
}

static int check_redirect(const struct map_facts *facts)
{
	u32 flags = facts->type == BPF_MAP_TYPE_CPUMAP ? (u32)BPF_F_NUMA_NODE : SYS_FLAGS;

	if (!facts->max_entries || facts->key_size != 4 || facts->flags & ~flags)
		return -EINVAL;
	if (facts->type == BPF_MAP_TYPE_XSKMAP)
		return bad_if(facts->value_size != 4);
	if (!is_number_or_pair(facts->value_size))
		return -EINVAL;
	return facts->type == BPF_MAP_TYPE_CPUMAP && facts->max_entries > CPUS_MAX ? -E2BIG : 0;
}

static int check_sockets(const struct map_facts *facts)
{
	bool hash = facts->type == BPF_MAP_TYPE_SOCKHASH;

	if (!facts->max_entries || !facts->key_size || (!hash && facts->key_size != 4) ||
	    !is_number_or_pair(facts->value_size) || facts->flags & ~SYS_FLAGS)
		return -EINVAL;
	return facts->key_size > SOCK_KEY_MAX ? -E2BIG : 0;
}

static int check_reuseport(const struct map_facts *facts)
{
	return bad_if(!facts->max_entries || facts->key_size != 4 ||
		      !is_number_or_pair(facts->value_size) ||
		      facts->flags & ~(SYS_FLAGS | MAP_ACCESS_FLAGS) ||
		      !map_access_flags_ok(facts->flags));
}

static int check_cgroup_storage(const struct map_facts *facts)
{
	bool percpu = facts->type == BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE;

	if ((facts->key_size != CGROUP_KEY && facts->key_size != 8) || !facts->value_size)
		return -EINVAL;
	if (facts->value_size > (percpu ? MAP_PERCPU_VALUE_MAX : STORAGE_VALUE_MAX))
		return -E2BIG;
	return bad_if(facts->flags & ~((u32)BPF_F_NUMA_NODE | MAP_ACCESS_FLAGS) ||
		      !map_access_flags_ok(facts->flags) || facts->max_entries);
}

/* Data kept with a kernel object: the key is the object's fd. */
static int check_local_storage(const struct map_facts *facts)
{
	if (facts->flags & ~(u32)(BPF_F_NO_PREALLOC | BPF_F_CLONE) ||
	    !(facts->flags & BPF_F_NO_PREALLOC) || facts->max_entries || facts->key_size != 4 ||
	    !facts->value_size)
		return -EINVAL;
	return facts->value_size > STORAGE_VALUE_MAX ? -E2BIG : 0;
}

static int check_arena(const struct map_facts *facts)
{
	return bad_if(facts->key_size || facts->value_size || !facts->max_entries ||
		      !(facts->flags & BPF_F_MMAPABLE) || facts->flags & ~ARENA_FLAGS);
}

static int check_struct_ops(const struct map_facts *facts)
{
	return bad_if(facts->key_size != 4 || facts->max_entries != 1 || !facts->value_size);
}

static int (*const checks[])(const struct map_facts *facts) = {
	[BPF_MAP_TYPE_PERF_EVENT_ARRAY] = check_fds,
	[BPF_MAP_TYPE_CGROUP_ARRAY] = check_fds,
	[BPF_MAP_TYPE_DEVMAP] = check_redirect,
	[BPF_MAP_TYPE_DEVMAP_HASH] = check_redirect,
	[BPF_MAP_TYPE_CPUMAP] = check_redirect,
	[BPF_MAP_TYPE_XSKMAP] = check_redirect,
	[BPF_MAP_TYPE_SOCKMAP] = check_sockets,
	[BPF_MAP_TYPE_SOCKHASH] = check_sockets,
	[BPF_MAP_TYPE_REUSEPORT_SOCKARRAY] = check_reuseport,
	[BPF_MAP_TYPE_CGROUP_STORAGE] = check_cgroup_storage,
	[BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE] = check_cgroup_storage,
	[BPF_MAP_TYPE_SK_STORAGE] = check_local_storage,
	[BPF_MAP_TYPE_INODE_STORAGE] = check_local_storage,
	[BPF_MAP_TYPE_TASK_STORAGE] = check_local_storage,
	[TYPE_CGRP_STORAGE] = check_local_storage,
	[BPF_MAP_TYPE_STRUCT_OPS] = check_struct_ops,
	[TYPE_ARENA] = check_arena,
};

int map_check_facts(const struct map_facts *facts, bool described)
{
	const struct map_ops *ops = map_ops_of(facts->type);

	if (ops)
		return ops->check(facts);
	if (!described || facts->type >= ARRAY_SIZE(checks) || !checks[facts->type] ||
	    (facts->flags & BPF_F_RDONLY && facts->flags & BPF_F_WRONLY))
		return -EINVAL;
	return checks[facts->type](facts);
}

bool map_can_describe(u32 type)
{
	return map_ops_of(type) || (type < ARRAY_SIZE(checks) && checks[type]);
}

/* ---- a map without elements ---- */

static int check_described(const struct map_facts *facts)
{
	return map_check_facts(facts, true);
}

static int no_memory(const struct map *map, struct map_sizes *sizes)
{
	return 0;
}

static int no_lookup(struct map *map, const void *key, void *value, u64 flags)
{
	return -ENOENT;
}

static int forget(struct map *map, const void *key, const void *value, u64 flags)
{
	return 0;
}

static int no_erase(struct map *map, const void *key)
{
	return -ENOENT;
}

static int no_next(struct map *map, const void *key, void *next)
{
	return -ENOENT;
}

const struct map_ops described_map_ops = {
	.name = "described",
	.size = sizeof(struct map),
	.check = check_described,
	.layout = no_memory,
	.sys_lookup = no_lookup,
	.sys_update = forget,
	.sys_erase = no_erase,
	.sys_next = no_next,
};
