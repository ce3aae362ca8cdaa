/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random operation sequences on each keyed map type, compared operation by operation with a
 * simple model, and where the machine lets us with Linux's own map of the same shape.
 * SKEP_MAPS_OPS sets the number of operations a type.
 */
#include "unit/maps_common.h"

#define MAX_KEYS 256
#define MAX_KEY 64
#define MAX_VALUE 1024
#define MAX_CPUS 8

/* ---- the model: every key that a sequence may use, and what the map holds for it ---- */

struct model {
	u32 type, key_size, value_size, max_entries, flags, cpus;
	u32 stride; /* of a CPU's copy in a bpf(2) value */
	u32 n_keys, count;
	u8 key[MAX_KEYS][MAX_KEY];
	bool there[MAX_KEYS];
	u8 value[MAX_KEYS][MAX_CPUS * MAX_VALUE]; /* as bpf(2) shows it */
	struct map *map;
	int linux_fd; /* -1: not compared */
	u64 random;
	bool evicts; /* the update to come makes room first: which key goes is the map's choice */
	u64 found, full; /* what the sequence met: a campaign must be able to fail */
};

static bool is_percpu(const struct model *m)
{
	return m->type == BPF_MAP_TYPE_PERCPU_HASH || m->type == BPF_MAP_TYPE_PERCPU_ARRAY ||
	       m->type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

static bool is_lru(const struct model *m)
{
	return m->type == BPF_MAP_TYPE_LRU_HASH || m->type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

static bool is_array(const struct model *m)
{
	return m->type == BPF_MAP_TYPE_ARRAY || m->type == BPF_MAP_TYPE_PERCPU_ARRAY;
}

static u32 sys_size(const struct model *m)
{
	return is_percpu(m) ? m->stride * m->cpus : m->value_size;
}

static int model_update(struct model *m, u32 k, u64 flags)
{
	if (flags > BPF_EXIST)
		return -EINVAL;
	if (is_array(m))
		return k >= m->max_entries ? -E2BIG : flags == BPF_NOEXIST ? -EEXIST : 0;
	if (m->there[k] && flags == BPF_NOEXIST)
		return -EEXIST;
	if (!m->there[k] && flags == BPF_EXIST)
		return -ENOENT;
	if (!m->there[k] && m->count == m->max_entries && is_lru(m))
		m->evicts = true;
	else if (!m->there[k] && m->count == m->max_entries)
		return -E2BIG;
	if (!m->there[k]) {
		m->there[k] = true;
		m->count++;
		memset(m->value[k], 0, sizeof(m->value[k]));
	}
	return 0;
}

static int model_erase(struct model *m, u32 k)
{
	if (is_array(m))
		return -EINVAL;
	if (!m->there[k])
		return -ENOENT;
	m->there[k] = false;
	m->count--;
	return 0;
}

/* After an update of a full LRU map: exactly one other key has gone. */
static void model_evicted(struct model *m, u32 k)
{
	u8 value[MAX_CPUS * MAX_VALUE];
	u32 gone = 0;

	if (!m->evicts)
		return;
	m->evicts = false;
	m->full++;
	for (u32 i = 0; i < m->n_keys; i++) {
		if (!m->there[i] || m->map->ops->sys_lookup(m->map, m->key[i], value, 0) == 0)
			continue;
		CHECK(i != k);
		m->there[i] = false;
		m->count--;
		gone++;
	}
	CHECK_EQ(gone, 1);
}

/* ---- operations, each on all three ---- */

static u64 random_flags(struct model *m)
{
	static const u64 flags[] = { BPF_ANY, BPF_ANY, BPF_ANY, BPF_NOEXIST, BPF_EXIST, 3, BPF_F_LOCK,
				     BPF_F_LOCK | BPF_EXIST, 1ull << 40 };

	return flags[rnd_below(&m->random, ARRAY_SIZE(flags))];
}

static void op_sys_update(struct model *m, u32 k)
{
	u8 value[MAX_CPUS * MAX_VALUE];
	u64 flags = random_flags(m);
	int want, got;

	rnd_bytes(&m->random, value, sys_size(m));
	want = flags & BPF_F_LOCK ? -EINVAL : model_update(m, k, flags);
	if (!want)
		memcpy(m->value[k], value, sys_size(m));
	m->full += want == -E2BIG;
	got = m->map->ops->sys_update(m->map, m->key[k], value, flags);
	if (is_array(m) && flags & BPF_F_LOCK && got == -E2BIG)
		got = -EINVAL; /* bpf(2) looks at this flag before the map does */
	CHECK_EQ(got, want);
	model_evicted(m, k);
	if (m->linux_fd >= 0)
		CHECK_EQ(linux_elem(BPF_MAP_UPDATE_ELEM, m->linux_fd, m->key[k], value, flags), want);
}

/* Linux has no bpf(2) command that writes one CPU's copy; this leaves the same map behind. */
static int linux_prog_update(struct model *m, u32 k, u32 cpu, const u8 *value, u64 flags)
{
	u8 all[MAX_CPUS * MAX_VALUE];

	if (linux_elem(BPF_MAP_LOOKUP_ELEM, m->linux_fd, m->key[k], all, 0))
		memset(all, 0, sizeof(all));
	memcpy(all + cpu * m->stride, value, m->value_size);
	return linux_elem(BPF_MAP_UPDATE_ELEM, m->linux_fd, m->key[k], all, flags);
}

static void op_prog_update(struct model *m, u32 k)
{
	struct run_ctx rc = { .cpu = rnd_below(&m->random, m->cpus) };
	u8 value[MAX_VALUE];
	u64 flags = random_flags(m) & ~(u64)BPF_F_LOCK;
	u32 at = is_percpu(m) ? rc.cpu * m->stride : 0;
	int want;

	rnd_bytes(&m->random, value, m->value_size);
	want = model_update(m, k, flags);
	if (!want) {
		memset(m->value[k] + at, 0, is_percpu(m) ? m->stride : m->value_size);
		memcpy(m->value[k] + at, value, m->value_size);
	}
	CHECK_EQ(m->map->ops->update(m->map, m->key[k], value, flags, &rc), want);
	model_evicted(m, k);
	if (m->linux_fd >= 0) {
		/* the bytes between value_size and its stride are nobody's: make them alike */
		int got = is_percpu(m) ? linux_prog_update(m, k, rc.cpu, value, flags)
				       : linux_elem(BPF_MAP_UPDATE_ELEM, m->linux_fd, m->key[k],
						    value, flags);
		CHECK_EQ(got, want);
	}
}

static void check_value(struct model *m, u32 k, const u8 *value)
{
	for (u32 cpu = 0; cpu < (is_percpu(m) ? m->cpus : 1); cpu++)
		if (memcmp(value + cpu * m->stride, m->value[k] + cpu * m->stride, m->value_size))
			test_fail(__FILE__, __LINE__, "type %u key %u cpu %u: another value", m->type, k,
				  cpu);
}

static void op_sys_lookup(struct model *m, u32 k)
{
	u8 value[MAX_CPUS * MAX_VALUE + 16];
	int want = m->there[k] ? 0 : -ENOENT;

	memset(value, 0xa5, sizeof(value));
	CHECK_EQ(m->map->ops->sys_lookup(m->map, m->key[k], value, 0), want);
	if (!want)
		check_value(m, k, value);
	CHECK_EQ(value[sys_size(m)], 0xa5);
	m->found += !want;
	if (m->linux_fd < 0)
		return;
	CHECK_EQ(linux_elem(BPF_MAP_LOOKUP_ELEM, m->linux_fd, m->key[k], value, 0), want);
	if (!want)
		check_value(m, k, value);
}

static void op_prog_lookup(struct model *m, u32 k)
{
	struct run_ctx rc = { .cpu = rnd_below(&m->random, m->cpus) };
	u32 at = is_percpu(m) ? rc.cpu * m->stride : 0;
	u8 *value = m->map->ops->lookup(m->map, m->key[k], &rc);

	CHECK_EQ(value != NULL, m->there[k]);
	if (value && m->there[k])
		CHECK_EQ(memcmp(value, m->value[k] + at, m->value_size), 0);
	if (is_percpu(m)) {
		CHECK(m->map->ops->lookup_percpu(m->map, m->key[k], rc.cpu) == value);
		CHECK(!m->map->ops->lookup_percpu(m->map, m->key[k], m->cpus));
	}
}

static void op_erase(struct model *m, u32 k)
{
	struct run_ctx rc = { .cpu = rnd_below(&m->random, m->cpus) };
	int want = model_erase(m, k);

	if (rnd(&m->random) & 1)
		CHECK_EQ(m->map->ops->sys_erase(m->map, m->key[k]), want);
	else
		CHECK_EQ(m->map->ops->erase(m->map, m->key[k], &rc), want);
	if (m->linux_fd >= 0)
		CHECK_EQ(linux_elem(BPF_MAP_DELETE_ELEM, m->linux_fd, m->key[k], NULL, 0), want);
}

static void op_lookup_erase(struct model *m, u32 k)
{
	u8 value[MAX_CPUS * MAX_VALUE];
	bool there = m->there[k];
	int want = is_array(m) ? -ENOTSUPP : model_erase(m, k);

	if (is_array(m))
		CHECK(!m->map->ops->sys_lookup_erase);
	else
		CHECK_EQ(m->map->ops->sys_lookup_erase(m->map, m->key[k], value, 0), want);
	if (there && !want)
		check_value(m, k, value);
	if (m->linux_fd < 0)
		return;
	CHECK_EQ(linux_elem(BPF_MAP_LOOKUP_AND_DELETE_ELEM, m->linux_fd, m->key[k], value, 0), want);
	if (there && !want)
		check_value(m, k, value);
}

static u32 key_number(const struct model *m, const u8 *key)
{
	for (u32 k = 0; k < m->n_keys; k++)
		if (!memcmp(m->key[k], key, m->key_size))
			return k;
	return MAX_KEYS;
}

/* All keys, each once, then -ENOENT; a key that is not there counts as none. */
static void op_walk(struct model *m, u32 absent)
{
	u8 key[2][MAX_KEY], *last = NULL;
	bool seen[MAX_KEYS + 1] = { false };
	u32 n = 0;
	int err;

	if (!m->there[absent] && rnd(&m->random) & 1)
		last = m->key[absent];
	while (!(err = m->map->ops->sys_next(m->map, last, key[n & 1])) && n <= m->n_keys) {
		u32 k = key_number(m, key[n & 1]);

		CHECK(k < MAX_KEYS && m->there[k] && !seen[k]);
		seen[k] = true;
		last = key[n++ & 1];
	}
	CHECK_EQ(err, -ENOENT);
	CHECK_EQ(n, m->count);
}

/* The same by position, with values. */
static void op_walk_positions(struct model *m, u32 k)
{
	u8 key[MAX_KEY], value[MAX_CPUS * MAX_VALUE];
	bool seen[MAX_KEYS + 1] = { false };
	u32 n = 0, position = 0;

	if (is_array(m))
		return;
	while (!m->map->ops->sys_walk(m->map, &position, key, value) && n <= m->n_keys) {
		k = key_number(m, key);
		CHECK(k < MAX_KEYS && m->there[k] && !seen[k]);
		check_value(m, k, value);
		seen[k] = true;
		n++;
	}
	CHECK_EQ(n, m->count);
}

struct visit {
	struct model *m;
	bool seen[MAX_KEYS + 1];
	u32 stop_at, n;
	bool erase;
};

/* Plays the program's callback. */
static u64 visit_elem(struct run_ctx *rc, u64 func, u64 map, u64 key, u64 value, u64 arg, u64 r5)
{
	struct visit *visit = (struct visit *)(uintptr_t)arg;
	struct model *m = visit->m;
	u32 k = key_number(m, (const u8 *)(uintptr_t)key);
	u32 at = is_percpu(m) ? rc->cpu * m->stride : 0;

	CHECK_EQ(map, (u64)(uintptr_t)m->map);
	CHECK(k < MAX_KEYS && m->there[k] && !visit->seen[k]);
	CHECK_EQ(memcmp((void *)(uintptr_t)value, m->value[k] + at, m->value_size), 0);
	visit->seen[k] = true;
	if (visit->erase && model_erase(m, k) == 0) {
		CHECK_EQ(m->map->ops->erase(m->map, (void *)(uintptr_t)key, rc), 0);
		if (m->linux_fd >= 0)
			linux_elem(BPF_MAP_DELETE_ELEM, m->linux_fd, m->key[k], NULL, 0);
	}
	return ++visit->n == visit->stop_at;
}

static void op_for_each(struct model *m, u32 k)
{
	u32 count = m->count;
	struct visit visit = { .m = m, .erase = rnd_below(&m->random, 4) == 0 };
	struct run_ctx rc = { .cpu = rnd_below(&m->random, m->cpus), .call = visit_elem };

	visit.stop_at = 1 + rnd_below(&m->random, m->max_entries + 4);
	CHECK_EQ(m->map->ops->for_each(m->map, 7, (u64)(uintptr_t)&visit, 0, &rc),
		 MIN(count, visit.stop_at));
	CHECK_EQ(m->map->ops->for_each(m->map, 7, (u64)(uintptr_t)&visit, 1, &rc), -EINVAL);
}

static void model_open(struct model *m, u32 type, u32 key_size, u32 value_size, u32 max_entries,
		       u32 flags, bool with_linux)
{
	u64 random = m->random;

	memset(m, 0, sizeof(*m));
	*m = (struct model){ .type = type, .key_size = key_size, .value_size = value_size,
			     .max_entries = max_entries, .flags = flags, .random = random,
			     .cpus = MIN(linux_possible_cpus(), (u32)MAX_CPUS), .linux_fd = -1 };
	m->stride = (u32)align_up(value_size, 8);
	m->n_keys = MIN(max_entries + 1 + rnd_below(&m->random, max_entries + 4), (u32)MAX_KEYS);
	for (u32 k = 0; k < m->n_keys; k++) {
		u8 *key = m->key[k];

		/* neighbours that differ in one byte, at either end */
		memset(key, 7, key_size);
		memcpy(key + (is_array(m) || k & 1 ? 0 : key_size - 1), &k,
		       is_array(m) ? 4 : 1);
		m->there[k] = is_array(m) && k < max_entries;
		m->count += m->there[k];
	}
	for (u32 k = 0; !is_array(m) && k < m->n_keys; k++)
		if (key_number(m, m->key[k]) != k)
			m->n_keys = k; /* one-byte keys run out */
	m->map = map_make(type, key_size, value_size, max_entries, flags, m->cpus);
	REQUIRE(m->map);
	if (with_linux) {
		m->linux_fd = linux_map(type, key_size, value_size, max_entries, flags);
		REQUIRE(m->linux_fd >= 0);
	}
}

static void model_close(struct model *m)
{
	map_free(m->map);
	if (m->linux_fd >= 0)
		close(m->linux_fd);
}

typedef void (*operation)(struct model *m, u32 k);

static void run_ops(struct model *m, u64 ops)
{
	static const operation walks[] = { op_walk, op_walk_positions, op_for_each };
	static const operation usual[] = { op_sys_update, op_prog_update, op_prog_update,
					   op_sys_lookup, op_prog_lookup, op_erase, op_lookup_erase };

	for (u64 i = 0; i < ops; i++) {
		u32 k = rnd_below(&m->random, m->n_keys);

		if (rnd_below(&m->random, 64) == 0)
			walks[rnd_below(&m->random, ARRAY_SIZE(walks))](m, k);
		else
			usual[rnd_below(&m->random, ARRAY_SIZE(usual))](m, k);
	}
}

static const u32 key_sizes[] = { 4, 8, 16, 40, 1, 3, 5, 12, 64 };
static const u32 value_sizes[] = { 8, 4, 64, 1, 13, 1000, 24 };
static const u32 entry_counts[] = { 100, 7, 1, 2, 33 };

static void drive(u32 type, bool with_linux)
{
	static struct model m;
	u64 ops = campaign("SKEP_MAPS_OPS", 50000), done = 0, found = 0, full = 0;
	bool array = type == BPF_MAP_TYPE_ARRAY || type == BPF_MAP_TYPE_PERCPU_ARRAY;
	bool lru = type == BPF_MAP_TYPE_LRU_HASH || type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
	u32 round = 0;

	m.random = 12345 + type;
	for (; done < ops; round++, done += ops / 32 + 1) {
		u32 key = array ? 4 : key_sizes[round % ARRAY_SIZE(key_sizes)];
		u32 value = value_sizes[round % ARRAY_SIZE(value_sizes)];
		u32 entries = entry_counts[round % ARRAY_SIZE(entry_counts)];

		model_open(&m, type, key, value, entries,
			   lru ? 0 : !array && round & 1 ? BPF_F_NO_PREALLOC : 0, with_linux);
		run_ops(&m, ops / 32 + 1);
		found += m.found;
		full += m.full;
		model_close(&m);
	}
	test_note("%llu operations on %u maps, %llu lookups found, %llu updates met a full map",
		  (unsigned long long)done, round, (unsigned long long)found,
		  (unsigned long long)full);
	CHECK(found > done / 50 && full > done / 200);
}

#define DRIVE(name, type)                                                                          \
	TEST(name##_agrees_with_the_model)                                                         \
	{                                                                                          \
		drive(type, false);                                                                \
	}                                                                                          \
	TEST(name##_agrees_with_linux)                                                             \
	{                                                                                          \
		const char *why = linux_refuses();                                                 \
		if (why)                                                                           \
			SKIP("bpf(2) of this machine: %s", why);                                   \
		drive(type, true);                                                                 \
	}

DRIVE(array, BPF_MAP_TYPE_ARRAY)
DRIVE(percpu_array, BPF_MAP_TYPE_PERCPU_ARRAY)
DRIVE(hash, BPF_MAP_TYPE_HASH)
DRIVE(percpu_hash, BPF_MAP_TYPE_PERCPU_HASH)

/* Which key goes is Linux's choice in Linux, so these stand beside the model only. */
TEST(lru_hash_agrees_with_the_model)
{
	drive(BPF_MAP_TYPE_LRU_HASH, false);
}

TEST(lru_percpu_hash_agrees_with_the_model)
{
	drive(BPF_MAP_TYPE_LRU_PERCPU_HASH, false);
}
