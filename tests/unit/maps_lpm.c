/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LPM tries: random operations beside a model that looks at every prefix, and beside Linux's
 * own map. SKEP_MAPS_OPS sets the number of operations.
 */
#include <pthread.h>

#include "unit/maps_common.h"

#define MAX_KEYS 300
#define MAX_KEY 260

struct model {
	u32 key_size, max_entries, bits;
	u32 count;
	u8 key[MAX_KEYS][MAX_KEY]; /* as given */
	u64 value[MAX_KEYS];
	struct map *map;
	int linux_fd;
	u64 random;
	u64 found, full, replaced;
};

static u32 len_of(const u8 *key)
{
	u32 len;

	memcpy(&len, key, sizeof(len));
	return len;
}

static bool bit_of(const u8 *key, u32 i)
{
	return key[4 + i / 8] >> (7 - i % 8) & 1;
}

static bool same_bits(const u8 *a, const u8 *b, u32 n)
{
	for (u32 i = 0; i < n; i++)
		if (bit_of(a, i) != bit_of(b, i))
			return false;
	return true;
}

/* The entry with exactly that prefix; MAX_KEYS: none. */
static u32 model_exact(const struct model *m, const u8 *key)
{
	for (u32 i = 0; i < m->count; i++)
		if (len_of(m->key[i]) == len_of(key) && same_bits(m->key[i], key, len_of(key)))
			return i;
	return MAX_KEYS;
}

static u32 model_longest(const struct model *m, const u8 *key)
{
	u32 best = MAX_KEYS;

	for (u32 i = 0; i < m->count && len_of(key) <= m->bits; i++) {
		u32 len = len_of(m->key[i]);

		if (len <= len_of(key) && same_bits(m->key[i], key, len) &&
		    (best == MAX_KEYS || len > len_of(m->key[best])))
			best = i;
	}
	return best;
}

/* Few different bits, so that prefixes contain each other; what lies behind them is noise. */
static void random_key(struct model *m, u8 *key)
{
	u32 len = rnd_below(&m->random, m->bits + 1), n = rnd_below(&m->random, 3);

	if (rnd_below(&m->random, 3) && m->bits >= 32)
		len = 16 + rnd_below(&m->random, 17);
	if (rnd_below(&m->random, 200) == 0)
		len = m->bits + 1 + rnd_below(&m->random, 3);
	memset(key, 0, m->key_size);
	for (u32 i = 0; i < n; i++) {
		u32 bit = rnd_below(&m->random, MIN(m->bits, 40u));

		key[4 + bit / 8] |= (u8)(1 << bit % 8);
	}
	for (u32 i = len / 8 + 1; i < m->key_size - 4; i++)
		key[4 + i] = (u8)rnd(&m->random);
	memcpy(key, &len, sizeof(len));
}

static void op_update(struct model *m)
{
	static const u64 flags[] = { BPF_ANY, BPF_ANY, BPF_ANY, BPF_NOEXIST, BPF_EXIST, 3, BPF_F_LOCK };
	u64 flag = flags[rnd_below(&m->random, ARRAY_SIZE(flags))], value = rnd(&m->random);
	struct run_ctx rc = { .cpu = rnd_below(&m->random, 2) };
	u8 key[MAX_KEY];
	int want = 0;
	u32 at;

	random_key(m, key);
	at = len_of(key) > m->bits ? MAX_KEYS : model_exact(m, key);
	if (flag > BPF_EXIST || len_of(key) > m->bits)
		want = -EINVAL;
	else if (at < MAX_KEYS ? flag == BPF_NOEXIST : flag == BPF_EXIST)
		want = at < MAX_KEYS ? -EEXIST : -ENOENT;
	else if (at == MAX_KEYS && m->count == m->max_entries)
		want = -ENOSPC;
	m->full += want == -ENOSPC;
	m->replaced += !want && at < MAX_KEYS;
	if (!want) {
		at = at < MAX_KEYS ? at : m->count++;
		memcpy(m->key[at], key, m->key_size);
		m->value[at] = value;
	}
	if (rnd(&m->random) & 1)
		CHECK_EQ(m->map->ops->sys_update(m->map, key, &value, flag), want);
	else
		CHECK_EQ(m->map->ops->update(m->map, key, &value, flag, &rc), want);
	if (m->linux_fd >= 0)
		CHECK_EQ(linux_elem(BPF_MAP_UPDATE_ELEM, m->linux_fd, key, &value, flag), want);
}

static void op_lookup(struct model *m)
{
	struct run_ctx rc = { 0 };
	u64 value = 0, *at;
	u8 key[MAX_KEY];
	u32 want, full;

	random_key(m, key);
	if (rnd(&m->random) & 1) {
		full = m->bits;
		memcpy(key, &full, sizeof(full));
	}
	want = model_longest(m, key);
	m->found += want < MAX_KEYS;
	at = m->map->ops->lookup(m->map, key, &rc);
	CHECK_EQ(at != NULL, want < MAX_KEYS);
	if (at && want < MAX_KEYS)
		CHECK_EQ(*at, m->value[want]);
	CHECK_EQ(m->map->ops->sys_lookup(m->map, key, &value, 0), want < MAX_KEYS ? 0 : -ENOENT);
	if (want < MAX_KEYS)
		CHECK_EQ(value, m->value[want]);
	if (m->linux_fd < 0)
		return;
	CHECK_EQ(linux_elem(BPF_MAP_LOOKUP_ELEM, m->linux_fd, key, &value, 0),
		 want < MAX_KEYS ? 0 : -ENOENT);
	if (want < MAX_KEYS)
		CHECK_EQ(value, m->value[want]);
}

static void op_erase(struct model *m)
{
	struct run_ctx rc = { .cpu = rnd_below(&m->random, 2) };
	u8 key[MAX_KEY];
	int want = 0;
	u32 at;

	random_key(m, key);
	if (m->count && rnd(&m->random) & 1)
		memcpy(key, m->key[rnd_below(&m->random, m->count)], m->key_size);
	at = len_of(key) > m->bits ? MAX_KEYS : model_exact(m, key);
	want = len_of(key) > m->bits ? -EINVAL : at == MAX_KEYS ? -ENOENT : 0;
	if (!want) {
		memcpy(m->key[at], m->key[--m->count], m->key_size);
		m->value[at] = m->value[m->count];
	}
	if (rnd(&m->random) & 1)
		CHECK_EQ(m->map->ops->sys_erase(m->map, key), want);
	else
		CHECK_EQ(m->map->ops->erase(m->map, key, &rc), want);
	if (m->linux_fd >= 0)
		CHECK_EQ(linux_elem(BPF_MAP_DELETE_ELEM, m->linux_fd, key, NULL, 0), want);
}

/* All keys in Linux's order, with the bytes they were given. */
static void op_walk(struct model *m)
{
	u8 key[2][MAX_KEY], other[MAX_KEY], *last = NULL;
	u32 n = 0;
	int err;

	random_key(m, key[1]);
	if (rnd(&m->random) & 1)
		last = key[1];
	/* one that is there may be asked for as well: then these are the keys behind it */
	for (u32 i = 0; i <= MAX_KEYS; i++) {
		err = m->map->ops->sys_next(m->map, last, key[n & 1]);
		if (m->linux_fd >= 0) {
			CHECK_EQ(linux_elem(BPF_MAP_GET_NEXT_KEY, m->linux_fd, last, other, 0), err);
			if (!err)
				CHECK_EQ(memcmp(other, key[n & 1], m->key_size), 0);
		}
		if (err)
			break;
		CHECK(model_exact(m, key[n & 1]) < MAX_KEYS);
		last = key[n++ & 1];
	}
	CHECK_EQ(err, -ENOENT);
	CHECK(n <= m->count);
}

/* From the beginning: each exactly once, those inside others first. */
static void op_walk_all(struct model *m)
{
	u8 key[2][MAX_KEY], *last = NULL;
	u32 n = 0;

	while (n <= m->count && !m->map->ops->sys_next(m->map, last, key[n & 1])) {
		const u8 *now = key[n & 1];

		if (last && len_of(last) < len_of(now))
			CHECK(!same_bits(last, now, len_of(last)));
		last = key[n++ & 1];
	}
	CHECK_EQ(n, m->count);
}

static void drive(bool with_linux)
{
	static const u32 keys[] = { 8, 20, 5, 7, 12, 260, 8, 36 }, entries[] = { 40, 100, 250, 3, 1, 20 };
	static struct model m;
	u64 ops = campaign("SKEP_MAPS_OPS", 50000), done = 0, found = 0, full = 0, replaced = 0;

	m.random = 4711;
	for (u32 round = 0; done < ops; round++) {
		u64 random = m.random;

		memset(&m, 0, sizeof(m));
		m = (struct model){ .random = random, .linux_fd = -1,
				    .key_size = keys[round % ARRAY_SIZE(keys)],
				    .max_entries = entries[round % ARRAY_SIZE(entries)] };
		m.bits = (m.key_size - 4) * 8;
		m.map = map_make(BPF_MAP_TYPE_LPM_TRIE, m.key_size, 8, m.max_entries,
				 BPF_F_NO_PREALLOC, 2);
		REQUIRE(m.map);
		if (with_linux)
			m.linux_fd = linux_map(BPF_MAP_TYPE_LPM_TRIE, m.key_size, 8, m.max_entries,
					       BPF_F_NO_PREALLOC);
		REQUIRE(!with_linux || m.linux_fd >= 0);
		for (u64 i = 0; i < ops / 32 + 1; i++, done++) {
			u32 dice = rnd_below(&m.random, 200);

			if (dice == 0)
				op_walk(&m);
			else if (dice == 1)
				op_walk_all(&m);
			else if (dice < 100)
				op_lookup(&m);
			else if (dice < 170)
				op_update(&m);
			else
				op_erase(&m);
		}
		found += m.found;
		full += m.full;
		replaced += m.replaced;
		map_free(m.map);
		if (m.linux_fd >= 0)
			close(m.linux_fd);
	}
	test_note("%llu operations, %llu lookups found, %llu updates met a full map, %llu replaced",
		  (unsigned long long)done, (unsigned long long)found, (unsigned long long)full,
		  (unsigned long long)replaced);
	CHECK(found > done / 20 && full > done / 200 && replaced > done / 200);
}

TEST(lpm_trie_agrees_with_the_model)
{
	drive(false);
}

TEST(lpm_trie_agrees_with_linux)
{
	const char *why = linux_refuses();

	if (why)
		SKIP("bpf(2) of this machine: %s", why);
	drive(true);
}

/* More keys than one scan of get_next_key takes, some of them gone before they are reached. */
TEST(a_long_walk_deletes_what_it_meets)
{
	struct map *map = map_make(BPF_MAP_TYPE_LPM_TRIE, 8, 8, 5000, BPF_F_NO_PREALLOC, 2);
	u8 key[8] = { 24 }, next[8];
	u64 value = 0;
	u32 n = 0;

	REQUIRE(map);
	for (u32 i = 0; i < 5000; i++) {
		key[4] = (u8)(i >> 8);
		key[5] = (u8)i;
		CHECK_EQ(map->ops->sys_update(map, key, &value, BPF_ANY), 0);
	}
	while (n < 5001 && !map->ops->sys_next(map, n ? key : NULL, next)) {
		CHECK_EQ(next[4] << 8 | next[5], (int)n);
		if (n && n % 3 == 0)
			CHECK_EQ(map->ops->sys_erase(map, key), 0);
		memcpy(key, next, sizeof(key));
		n++;
	}
	CHECK_EQ(n, 5000);
	map_free(map);
}

/* ---- a route is replaced by two more specific ones, and back: no lookup may miss ---- */

struct routes {
	struct map *map;
	u32 stop;
	u64 looked, missed;
};

static void *look(void *arg)
{
	struct routes *r = arg;
	u8 key[8] = { 32, 0, 0, 0, 10, 1, 2, 3 };
	struct run_ctx rc = { .cpu = 1 };

	while (!load_acquire(&r->stop)) {
		key[6] = (u8)(key[6] + 128);
		r->missed += !r->map->ops->lookup(r->map, key, &rc);
		r->looked++;
	}
	return NULL;
}

TEST(make_before_break_never_misses)
{
	struct map *map = map_make(BPF_MAP_TYPE_LPM_TRIE, 8, 8, 8, BPF_F_NO_PREALLOC, 2);
	u8 wide[8] = { 16, 0, 0, 0, 10, 1 }, low[8] = { 17, 0, 0, 0, 10, 1, 0 };
	u8 high[8] = { 17, 0, 0, 0, 10, 1, 128 };
	struct routes r = { .map = map };
	struct run_ctx rc = { 0 };
	pthread_t thread;
	u64 value = 1;

	REQUIRE(map);
	CHECK_EQ(map->ops->update(map, wide, &value, BPF_ANY, &rc), 0);
	REQUIRE(!pthread_create(&thread, NULL, look, &r));
	for (u32 i = 0; i < 50000; i++) {
		map->ops->update(map, low, &value, BPF_NOEXIST, &rc);
		map->ops->update(map, high, &value, BPF_NOEXIST, &rc);
		map->ops->erase(map, wide, &rc);
		map->ops->update(map, wide, &value, BPF_NOEXIST, &rc);
		map->ops->erase(map, low, &rc);
		map->ops->erase(map, high, &rc);
	}
	store_release(&r.stop, 1);
	pthread_join(thread, NULL);
	test_note("%llu lookups", (unsigned long long)r.looked);
	CHECK_EQ(r.missed, 0);
	CHECK(r.looked > 0);
	map_free(map);
}
