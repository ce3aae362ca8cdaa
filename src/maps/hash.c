/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hash and per-CPU hash, and their LRU forms, which never are full (lru.h). The store:
 *
 *	struct hash_ctl		the secret of the hash function
 *	pool control words	(pool.h)
 *	buckets			between 1.5 and 3 a max_entries
 *	LRU: its rings		(lru.h)
 *	elements		link, key, LRU: uses, and unless per-CPU the value
 *	planes			per-CPU hash: one a CPU, the values of all elements in a row, so
 *				that two CPUs never write to one cache line
 *
 * All of it is sparse: pages cost memory when they are first used, so preallocated and
 * BPF_F_NO_PREALLOC maps are the same here and a large, nearly empty map is small.
 *
 * An update of a plain hash puts a new element in the old one's place. A program that holds a
 * pointer to the old value keeps valid memory, which after some further updates holds another
 * value: as with Linux's preallocated maps. A per-CPU value is updated in place, as in Linux.
 */
#include "maps/lru.h"
#include "maps/table.h"
#include "maps/types.h"
#include "maps/value.h"

#define HASH_FLAGS                                                                                 \
	((u32)(BPF_F_NO_PREALLOC | BPF_F_NO_COMMON_LRU | BPF_F_NUMA_NODE | BPF_F_ZERO_SEED) |      \
	 MAP_ACCESS_FLAGS)
/* Linux: KMALLOC_MAX_SIZE - sizeof(struct htab_elem), the bound of key and value together. */
#define HASH_ELEM_MAX ((4u << 20) - 48)
/* Linux: buckets are 16 bytes and their table less than 4 GiB. */
#define HASH_ENTRIES_MAX (1u << 27)
/* Writers give up after so many lost races; Linux's bucket lock answers -EBUSY as well. */
#define HASH_TRIES 10000
/* for_each hands out copies of keys up to this size. */
#define HASH_KEY_COPY 512

struct hash_ctl {
	alignas(64) u64 secret[2];
};

struct hash_map {
	struct map map;
	struct table table;
	struct lru lru;	  /* LRU types */
	bool is_lru;
	u32 value_off;	  /* in the element */
	u32 value_stride; /* value_size in words, in bytes */
	u8 *planes;	  /* per-CPU hash, else NULL */
	u64 plane_bytes;
};

/* Where things are in the store; computed, never read from it. */
struct hash_layout {
	u64 pool, buckets, lru, elems, planes, end;
	u64 n_buckets, plane_bytes;
	u32 elems_count, elem_size;
};

static struct hash_map *hash_of(struct map *map)
{
	return CONTAINER_OF(map, struct hash_map, map);
}

static bool is_percpu(const struct map *map)
{
	return map->facts.type == BPF_MAP_TYPE_PERCPU_HASH ||
	       map->facts.type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

static bool is_lru_type(u32 type)
{
	return type == BPF_MAP_TYPE_LRU_HASH || type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

static int hash_check(const struct map_facts *facts)
{
	bool percpu = facts->type == BPF_MAP_TYPE_PERCPU_HASH ||
		      facts->type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
	bool no_common = facts->flags & BPF_F_NO_COMMON_LRU;

	if (facts->flags & ~HASH_FLAGS || !map_access_flags_ok(facts->flags))
		return -EINVAL;
	if (no_common && !is_lru_type(facts->type))
		return -EINVAL;
	if (is_lru_type(facts->type) && facts->flags & BPF_F_NO_PREALLOC)
		return -ENOTSUPP;
	if ((percpu || no_common) && facts->flags & BPF_F_NUMA_NODE)
		return -EINVAL;
	if (!facts->max_entries || !facts->key_size || !facts->value_size)
		return -EINVAL;
	if ((u64)facts->key_size + facts->value_size >= HASH_ELEM_MAX)
		return -E2BIG;
	if (percpu && align_up(facts->value_size, 8) > MAP_PERCPU_VALUE_MAX)
		return -E2BIG;
	return 0;
}

static int hash_any_check(const struct map_facts *facts)
{
	if (facts->type == BPF_MAP_TYPE_HASH_OF_MAPS && facts->value_size != sizeof(u32))
		return -EINVAL;
	return hash_check(facts);
}

static u64 pow2_at_least(u64 n)
{
	return n <= 1 ? 1 : 1ull << (64 - __builtin_clzll(n - 1));
}

/* Small elements do not straddle cache lines. */
static u32 elem_bytes(u64 used)
{
	return (u32)(used <= 64 ? pow2_at_least(used) : used);
}

/* Linux gives each CPU as many of a NO_COMMON_LRU map; here they are everybody's. */
static u32 entries_of(const struct map *map)
{
	u32 entries = map->facts.max_entries, rest = entries % map->cpus;

	if (!(map->facts.flags & BPF_F_NO_COMMON_LRU) || !rest)
		return entries;
	return entries <= UINT32_MAX - map->cpus ? entries - rest + map->cpus : entries - rest;
}

static u32 value_offset(const struct map *map)
{
	return (u32)(sizeof(u64) + align_up(map->facts.key_size, 8) +
		     (is_lru_type(map->facts.type) ? sizeof(u64) : 0));
}

static struct hash_layout hash_layout_of(const struct map *map)
{
	u64 value = align_up(map->facts.value_size, 8), entries = entries_of(map);
	struct hash_layout at = { .pool = sizeof(struct hash_ctl) };

	at.n_buckets = pow2_at_least(entries + entries / 2);
	at.elems_count = (u32)entries + pool_spares(map->cpus);
	at.elem_size = elem_bytes(value_offset(map) + (is_percpu(map) ? 0 : value));
	at.buckets = at.pool + pool_control_bytes(map->cpus);
	at.lru = align_up(at.buckets + at.n_buckets * sizeof(u64), 64);
	at.elems = at.lru + (is_lru_type(map->facts.type) ? lru_bytes(entries) : 0);
	at.planes = align_up(at.elems + (u64)at.elems_count * at.elem_size, 64);
	at.plane_bytes = is_percpu(map) ? align_up(at.elems_count * value, 64) : 0;
	at.end = at.planes + at.plane_bytes * map->cpus;
	return at;
}

static int hash_layout(const struct map *map, struct map_sizes *sizes)
{
	if (map->facts.max_entries > HASH_ENTRIES_MAX)
		return -E2BIG;
	sizes->store = hash_layout_of(map).end;
	return 0;
}

static void make_secret(const struct map *map, struct hash_ctl *ctl)
{
	for (int i = 0; i < 2; i++) {
		u64 random = (u64)os_random_u32() << 32 | os_random_u32();

		if (map->facts.flags & BPF_F_ZERO_SEED)
			random = 0;
		/* as a multiplier it must be odd and not small */
		ctl->secret[i] = random ^ 0xd1342543de82ef95ull;
		ctl->secret[i] |= 1;
	}
}

static int hash_bind(struct map *map, bool fresh)
{
	struct hash_map *hash = hash_of(map);
	struct hash_layout at = hash_layout_of(map);
	u8 *store = map->store.addr;
	struct hash_ctl *ctl = (void *)store;

	map->facts.max_entries = entries_of(map);
	hash->table = (struct table){
		.buckets = (void *)(store + at.buckets),
		.mask = at.n_buckets - 1,
		.key_size = map->facts.key_size,
		.pool = {
			.base = store + at.elems,
			.count = at.elems_count,
			.elem_size = at.elem_size,
			.ordinary = map->facts.max_entries,
			.slots = map->cpus,
			.ctl = (void *)(store + at.pool),
			.lane = (void *)(store + at.pool + sizeof(struct pool_ctl)),
		},
	};
	hash->value_off = value_offset(map);
	hash->is_lru = is_lru_type(map->facts.type);
	if (hash->is_lru)
		lru_bind(&hash->lru, store + at.lru, map->facts.max_entries,
			 hash->value_off - (u32)sizeof(u64));
	hash->value_stride = (u32)align_up(map->facts.value_size, 8);
	hash->planes = is_percpu(map) ? store + at.planes : NULL;
	hash->plane_bytes = at.plane_bytes;
	if (fresh) {
		make_secret(map, ctl);
		pool_format(&hash->table.pool);
	}
	memcpy(hash->table.secret, ctl->secret, sizeof(ctl->secret));
	hash->table.secret[1] |= 1;
	return 0;
}

/* ---- values ---- */

static ALWAYS_INLINE u8 *elem_value(const struct hash_map *hash, u64 *elem)
{
	return (u8 *)elem + hash->value_off;
}

static u8 *percpu_value(const struct hash_map *hash, u64 *elem, u32 cpu)
{
	u64 index = (u64)((u8 *)elem - hash->table.pool.base) / hash->table.pool.elem_size;

	return hash->planes + cpu * hash->plane_bytes + index * hash->value_stride;
}

/* What is written and for whom. */
struct hash_input {
	const void *value;
	bool all_cpus; /* per-CPU hash: value holds all copies */
	u32 cpu;       /* per-CPU hash: else the one that gets it; also the lane of the pool */
};

static void percpu_put(struct hash_map *hash, u8 *to, const u8 *value, u32 size)
{
	if (LIKELY(!hash->map.facts.record.n)) {
		words_store(to, value, size);
		return;
	}
	value_store_fields(&hash->map, to, value);
	value_drop_fields(&hash->map, to);
}

static void write_percpu(struct hash_map *hash, u64 *elem, const struct hash_input *in)
{
	const u8 *value = in->value;
	u32 size = hash->map.facts.value_size;

	if (!in->all_cpus) {
		percpu_put(hash, percpu_value(hash, elem, in->cpu), value, size);
		return;
	}
	for (u32 cpu = 0; cpu < hash->map.cpus; cpu++, value += hash->value_stride)
		percpu_put(hash, percpu_value(hash, elem, cpu), value, hash->value_stride);
}

static void write_new(struct hash_map *hash, u64 *elem, const void *key,
		      const struct hash_input *in)
{
	words_store(elem_key(elem), key, hash->map.facts.key_size);
	if (!hash->planes) {
		/* What was there before may have been given up too early, or too late. */
		value_gone(&hash->map, elem_value(hash, elem));
		value_store(&hash->map, elem_value(hash, elem), in->value);
		return;
	}
	for (u32 cpu = 0; cpu < hash->map.cpus; cpu++)
		if (!in->all_cpus && cpu != in->cpu)
			words_zero(percpu_value(hash, elem, cpu), hash->value_stride);
	write_percpu(hash, elem, in);
}

static void read_value(const struct hash_map *hash, u64 *elem, u8 *value)
{
	if (!hash->planes) {
		value_load(&hash->map, value, elem_value(hash, elem));
		return;
	}
	for (u32 cpu = 0; cpu < hash->map.cpus; cpu++, value += hash->value_stride) {
		words_load(value, percpu_value(hash, elem, cpu), hash->value_stride);
		if (UNLIKELY(hash->map.facts.record.n))
			value_hide_fields(&hash->map, value);
	}
}

/* ---- changes ---- */

static int insert_new(struct hash_map *hash, const void *key, const struct hash_input *in,
		      const struct table_place *place, bool *done)
{
	struct pool *pool = &hash->table.pool;
	struct pool_elem elem = { 0 };
	u64 word = 0;

	elem.index = hash->is_lru ? lru_take(&hash->lru, &hash->table, in->cpu)
				  : pool_take(pool, in->cpu);
	if (!elem.index)
		return hash->is_lru ? -ENOMEM : -E2BIG;
	write_new(hash, pool_at(pool, elem.index), key, in);
	if (hash->is_lru) {
		word = lru_first_word(&hash->lru, &hash->table, key);
		store_relaxed(lru_word(&hash->lru, pool_at(pool, elem.index)), word);
	}
	*done = table_insert(&hash->table, place, elem);
	if (!*done)
		pool_give(pool, in->cpu, elem);
	else if (word)
		lru_inserted(&hash->lru, &hash->table, elem.index, word);
	return 0;
}

/*
 * The element is about to go. Afterwards would be too late: somebody else may have it then. If
 * it stays after all, its timers are as after a deletion and an insertion.
 */
static void give_up_fields(struct hash_map *hash, u64 *elem)
{
	if (LIKELY(!hash->map.facts.record.n))
		return;
	if (!hash->planes)
		value_drop_fields(&hash->map, elem_value(hash, elem));
	for (u32 cpu = 0; hash->planes && cpu < hash->map.cpus; cpu++)
		value_drop_fields(&hash->map, percpu_value(hash, elem, cpu));
}

/*
 * BPF_F_LOCK: in place, under the value's lock. Once that is had, the element must still be the
 * key's, or it would be another one's value that changes.
 */
static bool store_in_place(struct hash_map *hash, const void *key, u64 *elem,
			   const struct hash_input *in)
{
	u32 owner = in->all_cpus ? MAP_LOCK_SYS : in->cpu + 1;
	u32 *lock = value_lock(&hash->map, elem_value(hash, elem));
	u64 link;
	bool still;

	map_lock_take(lock, owner, hash->map.epoch);
	still = table_lookup(&hash->table, key, &link) == elem;
	if (still)
		value_store_fields(&hash->map, elem_value(hash, elem), in->value);
	map_lock_drop(lock, owner);
	return still;
}

static int replace_old(struct hash_map *hash, const void *key, const struct hash_input *in,
		       const struct table_place *place, bool *done)
{
	struct pool *pool = &hash->table.pool;
	u64 *old = pool_at(pool, place->index);
	struct pool_elem elem;

	if (hash->is_lru)
		lru_touch(&hash->lru, old);
	if (hash->planes) {
		write_percpu(hash, old, in);
		*done = true;
		return 0;
	}
	elem = pool_take_spare(pool, in->cpu);
	if (!elem.index)
		return -EBUSY;
	write_new(hash, pool_at(pool, elem.index), key, in);
	if (hash->is_lru)
		store_relaxed(lru_word(&hash->lru, pool_at(pool, elem.index)),
			      load_relaxed(lru_word(&hash->lru, old)) & LRU_USES);
	give_up_fields(hash, old);
	*done = table_replace(&hash->table, in->cpu, key, place, elem);
	if (!*done)
		pool_give(pool, in->cpu, elem);
	return 0;
}

static int hash_put(struct hash_map *hash, const void *key, const struct hash_input *in, u64 flags)
{
	struct table_place place;
	bool done = false;
	int err;

	if (UNLIKELY((flags & ~(u64)(hash->planes || hash->is_lru ? 0 : BPF_F_LOCK)) > BPF_EXIST))
		return -EINVAL;
	err = map_lock_flag_check(&hash->map, flags);
	if (UNLIKELY(err))
		return err;
	for (u32 i = 0; !done && i < HASH_TRIES; i++) {
		int found = table_find(&hash->table, in->cpu, key, &place);

		if (found < 0)
			return found;
		if (found && (flags & BPF_NOEXIST))
			return -EEXIST;
		if (!found && (flags & BPF_EXIST))
			return -ENOENT;
		if (found && UNLIKELY(flags & BPF_F_LOCK)) {
			done = store_in_place(hash, key, pool_at(&hash->table.pool, place.index), in);
			continue;
		}
		err = found ? replace_old(hash, key, in, &place, &done)
			    : insert_new(hash, key, in, &place, &done);
		if (err)
			return err;
	}
	return done ? 0 : -EBUSY;
}

static int hash_remove(struct hash_map *hash, const void *key, u32 lane, void *value)
{
	struct table_place place;

	for (u32 i = 0; i < HASH_TRIES; i++) {
		int found = table_find(&hash->table, lane, key, &place);

		if (found <= 0)
			return found ? found : -ENOENT;
		/* what was read is the value if the link, and so the element, is still the same */
		if (value)
			read_value(hash, pool_at(&hash->table.pool, place.index), value);
		give_up_fields(hash, pool_at(&hash->table.pool, place.index));
		if (table_erase(&hash->table, lane, key, &place))
			return 0;
	}
	return -EBUSY;
}

/* ---- the program's side ---- */

static void *hash_lookup(struct map *map, const void *key, struct run_ctx *rc)
{
	struct hash_map *hash = hash_of(map);
	u64 link, *elem = table_lookup(&hash->table, key, &link);

	return elem ? elem_value(hash, elem) : NULL;
}

/* Values are indices, as in an array of maps (array_of_maps.c). */
static void *hash_of_maps_lookup(struct map *map, const void *key, struct run_ctx *rc)
{
	struct hash_map *hash = hash_of(map);

	for (u32 i = 0; i < HASH_TRIES; i++) {
		u64 link, *elem = table_lookup(&hash->table, key, &link);
		u32 inner;

		if (!elem)
			return NULL;
		words_load(&inner, elem_value(hash, elem), sizeof(inner));
		if (load_relaxed(elem) == link)
			return map_inner(map, inner);
	}
	return NULL;
}

static void *percpu_hash_lookup_percpu(struct map *map, const void *key, u32 cpu)
{
	struct hash_map *hash = hash_of(map);
	u64 link, *elem = table_lookup(&hash->table, key, &link);

	return elem && cpu < map->cpus ? percpu_value(hash, elem, cpu) : NULL;
}

static void *percpu_hash_lookup(struct map *map, const void *key, struct run_ctx *rc)
{
	return percpu_hash_lookup_percpu(map, key, rc->cpu);
}

/* Only what programs look up counts as used: bpf(2) may read a map without changing it. */
static ALWAYS_INLINE u64 *lru_lookup_elem(struct hash_map *hash, const void *key)
{
	u64 link, *elem = table_lookup(&hash->table, key, &link);

	if (elem)
		lru_touch(&hash->lru, elem);
	return elem;
}

static void *lru_hash_lookup(struct map *map, const void *key, struct run_ctx *rc)
{
	struct hash_map *hash = hash_of(map);
	u64 *elem = lru_lookup_elem(hash, key);

	return elem ? elem_value(hash, elem) : NULL;
}

static void *lru_percpu_hash_lookup_percpu(struct map *map, const void *key, u32 cpu)
{
	struct hash_map *hash = hash_of(map);
	u64 *elem = cpu < map->cpus ? lru_lookup_elem(hash, key) : NULL;

	return elem ? percpu_value(hash, elem, cpu) : NULL;
}

static void *lru_percpu_hash_lookup(struct map *map, const void *key, struct run_ctx *rc)
{
	return lru_percpu_hash_lookup_percpu(map, key, rc->cpu);
}

static int hash_update(struct map *map, const void *key, const void *value, u64 flags,
		       struct run_ctx *rc)
{
	struct hash_input in = { .value = value, .cpu = rc->cpu };

	return hash_put(hash_of(map), key, &in, flags);
}

static int hash_erase(struct map *map, const void *key, struct run_ctx *rc)
{
	return hash_remove(hash_of(map), key, rc->cpu, NULL);
}

/*
 * The callback may change the map, the current element included. So the walk holds on to
 * nothing but the last key: it goes on with the first key behind it.
 */
static s64 hash_for_each(struct map *map, u64 func, u64 arg, u64 flags, struct run_ctx *rc)
{
	struct hash_map *hash = hash_of(map);
	/* A callback that deletes and inserts could keep the walk going for ever. */
	const s64 most = 2 * (s64)map->facts.max_entries + 64;
	u64 keys[2][HASH_KEY_COPY / 8];
	s64 visited = 0;

	if (flags)
		return -EINVAL;
	if (map->facts.key_size > HASH_KEY_COPY)
		return -E2BIG;
	for (u64 bucket = 0; bucket <= hash->table.mask; bucket++) {
		void *last = NULL, *key = keys[0];
		u64 link, *elem;

		while ((elem = table_walk(&hash->table, bucket, last, 0, key, &link))) {
			u8 *value = hash->planes ? percpu_value(hash, elem, rc->cpu)
						 : elem_value(hash, elem);

			visited++;
			if (rc->call(rc, func, (u64)(uintptr_t)map, (u64)(uintptr_t)key,
				     (u64)(uintptr_t)value, arg, 0) ||
			    visited == most)
				return visited;
			last = key;
			key = key == keys[0] ? keys[1] : keys[0];
		}
	}
	return visited;
}

/* ---- bpf(2)'s side ---- */

/* bpf(2) has no CPU slot: it uses the pool's shared lane, number `slots`. */
static u32 sys_lane(const struct map *map)
{
	return map->cpus;
}

static int hash_sys_lookup(struct map *map, const void *key, void *value, u64 flags)
{
	struct hash_map *hash = hash_of(map);
	int err = map_lookup_flags_check(map, flags);
	u64 link, *elem;

	if (err)
		return err;
	for (u32 i = 0; i < HASH_TRIES; i++) {
		elem = table_lookup(&hash->table, key, &link);
		if (!elem)
			return -ENOENT;
		if (UNLIKELY(flags & BPF_F_LOCK))
			value_load_locked(map, value, elem_value(hash, elem), MAP_LOCK_SYS);
		else
			read_value(hash, elem, value);
		if (load_relaxed(elem) == link)
			return 0;
	}
	return -EBUSY;
}

static int hash_sys_update(struct map *map, const void *key, const void *value, u64 flags)
{
	struct hash_input in = { .value = value, .cpu = sys_lane(map), .all_cpus = true };

	return hash_put(hash_of(map), key, &in, flags);
}

static int hash_sys_erase(struct map *map, const void *key)
{
	return hash_remove(hash_of(map), key, sys_lane(map), NULL);
}

static int hash_sys_lookup_erase(struct map *map, const void *key, void *value, u64 flags)
{
	int err = map_lookup_flags_check(map, flags);

	return err ? err : hash_remove(hash_of(map), key, sys_lane(map), value);
}

/* From a bucket on, the first one that has an element behind `after`. */
static int hash_sys_next(struct map *map, const void *key, void *next)
{
	struct table *table = &hash_of(map)->table;
	u64 link, bucket = 0;

	if (key && table_lookup(table, key, &link))
		bucket = (u64)(table_bucket(table, key, table->key_size) - table->buckets);
	else
		key = NULL;
	for (; bucket <= table->mask; bucket++, key = NULL)
		if (LINK_INDEX(load_relaxed(&table->buckets[bucket])) &&
		    table_walk(table, bucket, key, 0, next, &link))
			return 0;
	return -ENOENT;
}

/*
 * A position is the bucket, and in the bits that its number leaves (four at least) the place
 * in the bucket's list. Honest lists are far shorter than that.
 */
static int hash_sys_walk(struct map *map, u32 *position, void *key, void *value)
{
	struct hash_map *hash = hash_of(map);
	u32 bits = (u32)__builtin_clz((u32)hash->table.mask | 1);
	u64 end = (hash->table.mask + 1) << bits, at = *position;

	while (at < end && at <= UINT32_MAX) {
		u64 link, bucket = at >> bits;
		u32 place = (u32)(at & ((1u << bits) - 1));
		u64 *elem = table_walk(&hash->table, bucket, NULL, place, key, &link);

		if (!elem) {
			at = (bucket + 1) << bits;
			continue;
		}
		read_value(hash, elem, value);
		if (load_relaxed(elem) != link)
			continue;
		*position = (u32)MIN(at + 1, (u64)UINT32_MAX);
		return 0;
	}
	return -ENOENT;
}

static void hash_value_key(const struct map *map, const void *value, void *key)
{
	const struct hash_map *hash = CONTAINER_OF(map, const struct hash_map, map);
	u64 *elem = (u64 *)((uintptr_t)value - hash->value_off);

	words_load(key, elem_key(elem), map->facts.key_size);
}

static int hash_sweep(struct map *map)
{
	return table_sweep(&hash_of(map)->table);
}

/* Pages that nobody has used take no memory, so this counts what has been used. */
static u64 hash_memory(const struct map *map)
{
	const struct hash_map *hash = CONTAINER_OF(map, const struct hash_map, map);
	struct hash_layout at = hash_layout_of(map);
	u64 elem = at.elem_size + (hash->planes ? (u64)hash->value_stride * map->cpus : 0);

	return sizeof(*hash) + at.elems + pool_touched(&hash->table.pool) * elem;
}

#define HASH_OPS(type_name, ...)                                                                   \
	{                                                                                          \
		.name = type_name,                                                                 \
		.size = sizeof(struct hash_map),                                                   \
		.check = hash_any_check,                                                           \
		.layout = hash_layout,                                                             \
		.bind = hash_bind,                                                                 \
		.update = hash_update,                                                             \
		.erase = hash_erase,                                                               \
		.for_each = hash_for_each,                                                         \
		.sys_lookup = hash_sys_lookup,                                                     \
		.sys_update = hash_sys_update,                                                     \
		.sys_erase = hash_sys_erase,                                                       \
		.sys_next = hash_sys_next,                                                         \
		.sys_walk = hash_sys_walk,                                                         \
		.value_key = hash_value_key,                                                               \
		.sweep = hash_sweep,                                                               \
		.memory = hash_memory,                                                             \
		__VA_ARGS__                                                                        \
	}

const struct map_ops hash_map_ops =
    HASH_OPS("hash", .lookup = hash_lookup, .sys_lookup_erase = hash_sys_lookup_erase);

const struct map_ops percpu_hash_map_ops =
    HASH_OPS("percpu_hash", .lookup = percpu_hash_lookup,
	     .lookup_percpu = percpu_hash_lookup_percpu,
	     .sys_lookup_erase = hash_sys_lookup_erase);

const struct map_ops lru_hash_map_ops = HASH_OPS(
    "lru_hash", .lookup = lru_hash_lookup, .sys_lookup_erase = hash_sys_lookup_erase);

const struct map_ops lru_percpu_hash_map_ops =
    HASH_OPS("lru_percpu_hash", .lookup = lru_percpu_hash_lookup,
	     .lookup_percpu = lru_percpu_hash_lookup_percpu,
	     .sys_lookup_erase = hash_sys_lookup_erase);

const struct map_ops hash_of_maps_map_ops = HASH_OPS("hash_of_maps", .lookup = hash_of_maps_lookup);
