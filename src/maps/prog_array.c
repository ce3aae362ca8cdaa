/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prog arrays. Elements are indices into run_ctx.progs, the process-local table of programs
 * that is filled before an index is published here; 0 is an empty element. Which program an
 * index stands for is the kernel's to say, so sys_lookup and sys_update speak of indices and
 * the kernel translates them from and to fds and ids.
 */
#include "maps/array.h"

static u32 *prog_slot(const struct map *map, const void *key)
{
	u32 index = array_index(key);

	return index < map->facts.max_entries ? (u32 *)(void *)map->values + index : NULL;
}

static int prog_array_check(const struct map_facts *facts)
{
	const u32 refused = BPF_F_MMAPABLE | BPF_F_INNER_MAP | BPF_F_RDONLY_PROG |
			    BPF_F_WRONLY_PROG;

	if (facts->value_size != sizeof(u32) || facts->flags & refused)
		return -EINVAL;
	return array_check(facts);
}

static int prog_array_layout(const struct map *map, struct map_sizes *sizes)
{
	sizes->store = (u64)map->facts.max_entries * sizeof(u32);
	return 0;
}

static int prog_array_bind(struct map *map, bool fresh)
{
	map->values = map->store.addr;
	map->stride = sizeof(u32);
	return 0;
}

static int prog_array_sys_lookup(struct map *map, const void *key, void *value, u64 flags)
{
	int err = map_lookup_flags_check(map, flags);
	u32 *slot = prog_slot(map, key);
	u32 prog = slot ? load_acquire(slot) : 0;

	if (!err && !prog)
		err = -ENOENT;
	if (!err)
		memcpy(value, &prog, sizeof(prog));
	return err;
}

static int prog_array_sys_update(struct map *map, const void *key, const void *value, u64 flags)
{
	u32 *slot = prog_slot(map, key);
	u32 prog;

	if (flags != BPF_ANY)
		return -EINVAL;
	if (!slot)
		return -E2BIG;
	memcpy(&prog, value, sizeof(prog));
	store_release(slot, prog);
	return 0;
}

static int prog_array_sys_erase(struct map *map, const void *key)
{
	u32 *slot = prog_slot(map, key);

	if (!slot)
		return -E2BIG;
	return exchange_acq_rel(slot, 0) ? 0 : -ENOENT;
}

const struct map_ops prog_array_map_ops = {
	.name = "prog_array",
	.size = sizeof(struct map),
	.check = prog_array_check,
	.layout = prog_array_layout,
	.bind = prog_array_bind,
	.sys_lookup = prog_array_sys_lookup,
	.sys_update = prog_array_sys_update,
	.sys_erase = prog_array_sys_erase,
	.sys_next = array_sys_next,
	.memory = array_memory,
};
