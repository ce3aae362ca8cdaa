/* SPDX-License-Identifier: Apache-2.0 */
/* Helpers on maps: bpf-helpers(7)'s semantics are the map types' own. */
#include "helpers/helpers.h"
#include "maps/map.h"

static struct map *map_arg(u64 r)
{
	return (struct map *)(uintptr_t)r;
}

static void *ptr_arg(u64 r)
{
	return (void *)(uintptr_t)r;
}

u64 helper_map_lookup_elem(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	struct map *map = map_arg(r1);

	if (UNLIKELY(!map->ops->lookup))
		return 0;
	return (u64)(uintptr_t)map->ops->lookup(map, ptr_arg(r2), rc);
}

u64 helper_map_lookup_percpu_elem(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	struct map *map = map_arg(r1);

	if (UNLIKELY(!map->ops->lookup_percpu))
		return 0;
	return (u64)(uintptr_t)map->ops->lookup_percpu(map, ptr_arg(r2), (u32)r3);
}

u64 helper_map_update_elem(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	struct map *map = map_arg(r1);

	if (UNLIKELY(!map->ops->update))
		return (u64)-ENOTSUPP;
	return (u64)(s64)map->ops->update(map, ptr_arg(r2), ptr_arg(r3), r4, rc);
}

u64 helper_map_delete_elem(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	struct map *map = map_arg(r1);

	if (UNLIKELY(!map->ops->erase))
		return (u64)-ENOTSUPP;
	return (u64)(s64)map->ops->erase(map, ptr_arg(r2), rc);
}

u64 helper_map_push_elem(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	struct map *map = map_arg(r1);

	return (u64)(s64)(map->ops->push ? map->ops->push(map, ptr_arg(r2), r3) : -ENOTSUPP);
}

u64 helper_map_pop_elem(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	struct map *map = map_arg(r1);

	return (u64)(s64)(map->ops->pop ? map->ops->pop(map, ptr_arg(r2)) : -ENOTSUPP);
}

u64 helper_map_peek_elem(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	struct map *map = map_arg(r1);

	return (u64)(s64)(map->ops->peek ? map->ops->peek(map, ptr_arg(r2)) : -ENOTSUPP);
}

u64 helper_for_each_map_elem(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	struct map *map = map_arg(r1);

	if (UNLIKELY(!map->ops->for_each))
		return (u64)-EINVAL;
	return (u64)map->ops->for_each(map, r2, r3, r4, rc);
}
