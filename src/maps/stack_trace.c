/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stack traces. A trace's id is its hash, cut to the number of buckets; a bucket is the index of
 * the element with the trace, 0 when empty. bpf_get_stackid writes a new element, brings it to
 * life (its link word is dead in the pool and while it is written), and exchanges it for what
 * the bucket had. A reader copies, and then sees by the link whether the element was the same
 * all the time.
 *
 * Elements hold addresses only. With BPF_F_STACK_BUILD_ID they are shown as frames whose build id
 * is not known, which Linux does as well when a file has none that it can read just then.
 */
#include "maps/array.h"
#include "maps/hashfn.h"
#include "maps/pool.h"
#include "maps/words.h"

#define F_STACK_BUILD_ID (1u << 5)
#define STACK_FLAGS	 ((u32)(BPF_F_NUMA_NODE | BPF_F_RDONLY | BPF_F_WRONLY) | F_STACK_BUILD_ID)
#define STACK_BUCKETS_MAX (1u << 31)
#define STACK_TRIES	  1000 /* to copy an element that changes all the time */

struct stack_elem {
	u64 link;
	u32 hash, n;
	u64 ip[];
};

struct stack_map {
	struct map map;
	struct pool pool;
	u32 *buckets;
	u32 mask;
	u32 frame_size;
};

struct stack_layout {
	u64 buckets, elems, end;
	u32 n_buckets, elem_size;
};

static struct stack_map *stack_of(const struct map *map)
{
	return CONTAINER_OF((struct map *)map, struct stack_map, map);
}

static u32 frame_size(const struct map_facts *facts)
{
	return facts->flags & F_STACK_BUILD_ID ? (u32)sizeof(struct bpf_stack_build_id)
					       : (u32)sizeof(u64);
}

static int stack_check(const struct map_facts *facts)
{
	if (facts->flags & ~STACK_FLAGS || !map_access_flags_ok(facts->flags))
		return -EINVAL;
	if (!facts->max_entries || facts->key_size != 4 || facts->value_size < sizeof(u64) ||
	    facts->value_size % frame_size(facts) ||
	    facts->value_size / frame_size(facts) > STACK_FRAMES_MAX)
		return -EINVAL;
	return 0;
}

static struct stack_layout stack_layout_of(const struct map *map)
{
	struct stack_layout at = { .buckets = pool_control_bytes(map->cpus) };
	u32 entries = map->facts.max_entries;

	at.n_buckets = entries <= 1 ? 1 : 1u << (32 - __builtin_clz(entries - 1));
	at.elem_size = (u32)sizeof(struct stack_elem) +
		       map->facts.value_size / frame_size(&map->facts) * (u32)sizeof(u64);
	at.elems = align_up(at.buckets + (u64)at.n_buckets * sizeof(u32), 64);
	at.end = at.elems + (u64)entries * at.elem_size;
	return at;
}

static int stack_layout(const struct map *map, struct map_sizes *sizes)
{
	if (map->facts.max_entries > STACK_BUCKETS_MAX)
		return -E2BIG;
	sizes->store = stack_layout_of(map).end;
	return 0;
}

static int stack_bind(struct map *map, bool fresh)
{
	struct stack_map *stack = stack_of(map);
	struct stack_layout at = stack_layout_of(map);
	u8 *store = map->store.addr;

	stack->pool = (struct pool){
		.base = store + at.elems,
		.count = map->facts.max_entries,
		.elem_size = at.elem_size,
		.ordinary = map->facts.max_entries,
		.slots = map->cpus,
		.ctl = (void *)store,
		.lane = (void *)(store + sizeof(struct pool_ctl)),
	};
	stack->buckets = (void *)(store + at.buckets);
	stack->mask = at.n_buckets - 1;
	stack->frame_size = frame_size(&map->facts);
	return 0;
}

/* ---- elements ---- */

static u32 depth_of(const struct stack_map *stack)
{
	return stack->map.facts.value_size / stack->frame_size;
}

/* A consistent copy of what a bucket has: 0, -ENOENT, -EBUSY. */
static int elem_copy(const struct stack_map *stack, u32 id, u32 *hash, u32 *n, u64 *ip)
{
	for (u32 i = 0; i < STACK_TRIES; i++) {
		u32 index = load_acquire(&stack->buckets[id]);
		struct stack_elem *elem = (void *)pool_at(&stack->pool, index);
		u64 link = elem ? load_acquire(&elem->link) : 0;

		if (!elem)
			return -ENOENT;
		*hash = load_acquire(&elem->hash);
		*n = MIN(load_acquire(&elem->n), depth_of(stack));
		words_load(ip, elem->ip, *n * sizeof(u64));
		if (!(link & LINK_DEAD) && load_acquire(&elem->link) == link &&
		    load_acquire(&stack->buckets[id]) == index)
			return 0;
	}
	return -EBUSY;
}

static void give_back(struct stack_map *stack, u32 index, u32 lane)
{
	pool_give(&stack->pool, lane, (struct pool_elem){ index, false });
}

/* A fresh element with that trace, alive and nowhere yet; 0 when there is none left. */
static u32 elem_new(struct stack_map *stack, u32 hash, const u64 *ip, u32 n, u32 lane)
{
	u32 index = pool_take(&stack->pool, lane);
	struct stack_elem *elem = (void *)pool_at(&stack->pool, index);

	if (!elem)
		return 0;
	/* One that was never used has no mark of death yet. */
	store_release(&elem->link, link_next(load_relaxed(&elem->link), 0, LINK_DEAD));
	store_release(&elem->hash, hash);
	store_release(&elem->n, n);
	words_store(elem->ip, ip, n * sizeof(u64));
	store_release(&elem->link, link_next(load_relaxed(&elem->link), 0, 0));
	return index;
}

u32 stack_trace_depth(const struct map *map)
{
	return depth_of(stack_of(map));
}

s64 stack_trace_put(struct map *map, const u64 *ip, u32 n, u64 flags, struct run_ctx *rc)
{
	static const u64 secret[2] = { 0x9ae16a3b2f90404full, 0xd1342543de82ef95ull };
	struct stack_map *stack = stack_of(map);
	u32 hash = (u32)hash_key((const u8 *)ip, n * (u32)sizeof(u64), secret);
	u32 id = hash & stack->mask, old_hash, old_n, index;
	u64 old_ip[STACK_FRAMES_MAX];
	int err = elem_copy(stack, id, &old_hash, &old_n, old_ip);

	if (!err && old_hash == hash &&
	    (flags & BPF_F_FAST_STACK_CMP ||
	     (old_n == n && !memcmp(old_ip, ip, n * sizeof(u64)))))
		return id;
	if (err != -ENOENT && !(flags & BPF_F_REUSE_STACKID))
		return -EEXIST;
	index = elem_new(stack, hash, ip, n, rc->cpu);
	if (!index)
		return -ENOMEM;
	give_back(stack, exchange_acq_rel(&stack->buckets[id], index), rc->cpu);
	return id;
}

/* ---- bpf(2)'s side ---- */

static void show(const struct stack_map *stack, const u64 *ip, u32 n, u8 *value)
{
	memset(value, 0, stack->map.facts.value_size);
	for (u32 i = 0; i < n; i++, value += stack->frame_size) {
		struct bpf_stack_build_id frame = { .status = BPF_STACK_BUILD_ID_IP, .ip = ip[i] };

		if (stack->frame_size == sizeof(frame))
			memcpy(value, &frame, sizeof(frame));
		else
			memcpy(value, &ip[i], sizeof(ip[i]));
	}
}

static int stack_sys_lookup(struct map *map, const void *key, void *value, u64 flags)
{
	struct stack_map *stack = stack_of(map);
	u32 id = array_index(key), hash, n;
	u64 ip[STACK_FRAMES_MAX];
	int err = map_lookup_flags_check(map, flags);

	if (!err)
		err = id > stack->mask ? -ENOENT : elem_copy(stack, id, &hash, &n, ip);
	if (!err)
		show(stack, ip, n, value);
	return err;
}

static int stack_sys_update(struct map *map, const void *key, const void *value, u64 flags)
{
	return -EINVAL;
}

static int stack_sys_erase(struct map *map, const void *key)
{
	struct stack_map *stack = stack_of(map);
	u32 id = array_index(key), index;

	if (id > stack->mask)
		return -E2BIG;
	index = exchange_acq_rel(&stack->buckets[id], 0);
	give_back(stack, index, stack->pool.slots);
	return index ? 0 : -ENOENT;
}

static int stack_sys_lookup_erase(struct map *map, const void *key, void *value, u64 flags)
{
	int err = stack_sys_lookup(map, key, value, flags);

	return err ? err : stack_sys_erase(map, key);
}

static int stack_sys_next(struct map *map, const void *key, void *next)
{
	struct stack_map *stack = stack_of(map);
	u32 id = key ? array_index(key) : UINT32_MAX;

	id = id > stack->mask || !load_acquire(&stack->buckets[id]) ? 0 : id + 1;
	while (id <= stack->mask && !load_acquire(&stack->buckets[id]))
		id++;
	if (id > stack->mask)
		return -ENOENT;
	memcpy(next, &id, sizeof(id));
	return 0;
}

static int stack_sweep(struct map *map)
{
	struct stack_map *stack = stack_of(map);
	struct pool_sweep sweep;
	int err = pool_sweep_begin(&sweep, &stack->pool);

	for (u64 id = 0; !err && id <= stack->mask; id++)
		pool_sweep_mark(&sweep, load_acquire(&stack->buckets[id]), false);
	return err ? err : (int)pool_sweep_end(&sweep);
}

static u64 stack_memory(const struct map *map)
{
	const struct stack_map *stack = stack_of(map);
	struct stack_layout at = stack_layout_of(map);

	return sizeof(*stack) + at.elems + (u64)pool_touched(&stack->pool) * at.elem_size;
}

const struct map_ops stack_trace_map_ops = {
	.name = "stack_trace",
	.size = sizeof(struct stack_map),
	.check = stack_check,
	.layout = stack_layout,
	.bind = stack_bind,
	.sys_lookup = stack_sys_lookup,
	.sys_update = stack_sys_update,
	.sys_erase = stack_sys_erase,
	.sys_lookup_erase = stack_sys_lookup_erase,
	.sys_next = stack_sys_next,
	.sweep = stack_sweep,
	.memory = stack_memory,
};
