/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Queues, stacks and bloom filters: the types without keys. Random operations beside a model,
 * and beside Linux's own maps. SKEP_MAPS_OPS sets the number of operations a type.
 */
#include <pthread.h>

#include "unit/maps_common.h"

#define MAX_ENTRIES 64
#define MAX_VALUE 1000

struct model {
	u32 type, value_size, max_entries;
	u32 count;
	u8 value[MAX_ENTRIES][MAX_VALUE]; /* oldest first */
	struct map *map;
	int linux_fd; /* -1: not compared */
	u64 random;
	u64 full, empty, popped;
};

/* ---- the model ---- */

static void model_remove(struct model *m, u32 at)
{
	memmove(m->value[at], m->value[at + 1], (m->count - at - 1) * sizeof(m->value[0]));
	m->count--;
}

static int model_push(struct model *m, const u8 *value, u64 flags)
{
	if (flags != BPF_ANY && flags != BPF_EXIST)
		return -EINVAL;
	if (m->count == m->max_entries && flags != BPF_EXIST)
		return -E2BIG;
	if (m->count == m->max_entries)
		model_remove(m, 0);
	memcpy(m->value[m->count++], value, m->value_size);
	return 0;
}

static u32 model_next(const struct model *m)
{
	return m->type == BPF_MAP_TYPE_STACK ? m->count - 1 : 0;
}

/* ---- operations, each on all three ---- */

static void op_push(struct model *m)
{
	static const u64 flags[] = { BPF_ANY, BPF_ANY, BPF_ANY, BPF_EXIST, BPF_NOEXIST, 3, 1ull << 33 };
	u64 flag = flags[rnd_below(&m->random, ARRAY_SIZE(flags))];
	u8 value[MAX_VALUE];
	int want;

	rnd_bytes(&m->random, value, m->value_size);
	want = model_push(m, value, flag);
	m->full += want == -E2BIG;
	CHECK_EQ(m->map->ops->push(m->map, value, flag), want);
	if (m->linux_fd >= 0)
		CHECK_EQ(linux_elem(BPF_MAP_UPDATE_ELEM, m->linux_fd, NULL, value, flag), want);
}

static void op_take(struct model *m, bool pop)
{
	int cmd = pop ? BPF_MAP_LOOKUP_AND_DELETE_ELEM : BPF_MAP_LOOKUP_ELEM;
	int want = m->count ? 0 : -ENOENT;
	static const u8 zero[MAX_VALUE];
	u8 expected[MAX_VALUE], value[MAX_VALUE];
	u32 size = m->value_size;

	memcpy(expected, want ? zero : m->value[model_next(m)], size);
	memset(value, 0xa5, sizeof(value));
	CHECK_EQ((pop ? m->map->ops->pop : m->map->ops->peek)(m->map, value), want);
	CHECK_EQ(memcmp(value, expected, size), 0);
	if (m->linux_fd >= 0) {
		CHECK_EQ(linux_elem(cmd, m->linux_fd, NULL, value, 0), want);
		if (!want)
			CHECK_EQ(memcmp(value, expected, size), 0);
	}
	m->empty += want != 0;
	m->popped += pop && !want;
	if (pop && !want)
		model_remove(m, model_next(m));
}

static void op_refused(struct model *m)
{
	u32 key = 0;

	CHECK_EQ(m->map->ops->sys_erase(m->map, NULL), -EINVAL);
	CHECK_EQ(m->map->ops->sys_next(m->map, NULL, &key), -EINVAL);
	if (m->linux_fd < 0)
		return;
	CHECK_EQ(linux_elem(BPF_MAP_DELETE_ELEM, m->linux_fd, NULL, NULL, 0), -EINVAL);
	CHECK_EQ(linux_elem(BPF_MAP_GET_NEXT_KEY, m->linux_fd, NULL, &key, 0), -EINVAL);
}

static void drive(u32 type, bool with_linux)
{
	static const u32 values[] = { 4, 8, 1, 13, 64, 1000 }, entries[] = { 1, 2, 7, 64, 33 };
	static struct model m;
	u64 ops = campaign("SKEP_MAPS_OPS", 50000), done = 0, full = 0, empty = 0, popped = 0;

	m.random = 99 + type;
	for (u32 round = 0; done < ops; round++) {
		u64 random = m.random;

		memset(&m, 0, sizeof(m));
		m = (struct model){ .type = type, .random = random, .linux_fd = -1,
				    .value_size = values[round % ARRAY_SIZE(values)],
				    .max_entries = entries[round % ARRAY_SIZE(entries)] };
		m.map = map_make(type, 0, m.value_size, m.max_entries, 0, 2);
		REQUIRE(m.map);
		if (with_linux)
			m.linux_fd = linux_map(type, 0, m.value_size, m.max_entries, 0);
		REQUIRE(!with_linux || m.linux_fd >= 0);
		for (u64 i = 0; i < ops / 16 + 1; i++, done++) {
			/* long ways up and down, so that both ends are met */
			u32 dice = rnd_below(&m.random, 16), up = done / 200 & 1 ? 11 : 4;

			if (dice < up)
				op_push(&m);
			else if (dice < 15)
				op_take(&m, rnd(&m.random) & 1);
			else
				op_refused(&m);
		}
		full += m.full;
		empty += m.empty;
		popped += m.popped;
		map_free(m.map);
		if (m.linux_fd >= 0)
			close(m.linux_fd);
	}
	test_note("%llu operations: %llu met a full one, %llu an empty one, %llu popped",
		  (unsigned long long)done, (unsigned long long)full, (unsigned long long)empty,
		  (unsigned long long)popped);
	CHECK(full > done / 200 && empty > done / 200 && popped > done / 20);
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

DRIVE(queue, BPF_MAP_TYPE_QUEUE)
DRIVE(stack, BPF_MAP_TYPE_STACK)

/* ---- threads ---- */

#define THREADS 4
#define PER_THREAD 20000
#define WORDS 5

struct crowd {
	struct map *map;
	u32 number;
	u64 pushed, popped, sum_pushed, sum_popped, torn, reordered, odd;
	u64 last[THREADS];
};

static void crowd_pop(struct crowd *c)
{
	u64 value[WORDS];
	int err = c->map->ops->pop(c->map, value);
	u64 from = value[0] >> 32;

	c->odd += err && err != -ENOENT;
	if (err)
		return;
	for (u32 i = 1; i < WORDS; i++)
		c->torn += value[i] != value[0] * (i + 1);
	c->popped++;
	c->sum_popped += value[0];
	if (from >= THREADS)
		return;
	/* what one thread pushed, another pops in that order: of a queue */
	c->reordered += value[0] <= c->last[from];
	c->last[from] = value[0];
}

static void *crowd_run(void *arg)
{
	struct crowd *c = arg;

	for (u64 i = 1; i <= PER_THREAD; i++) {
		u64 value[WORDS];
		int err;

		for (u32 w = 0; w < WORDS; w++)
			value[w] = ((u64)c->number << 32 | i) * (w + 1);
		err = c->map->ops->push(c->map, value, BPF_ANY);
		c->odd += err && err != -E2BIG;
		if (!err) {
			c->pushed++;
			c->sum_pushed += value[0];
		}
		crowd_pop(c);
		if (i % 3 == 0)
			crowd_pop(c);
	}
	return NULL;
}

static void crowd(u32 type)
{
	struct map *map = map_make(type, 0, WORDS * 8, 5, 0, 4);
	struct crowd c[THREADS] = { 0 }, all = { .map = map };
	pthread_t thread[THREADS];
	u64 value[WORDS];

	REQUIRE(map);
	for (u32 i = 0; i < THREADS; i++) {
		c[i].map = map;
		c[i].number = i;
		REQUIRE(!pthread_create(&thread[i], NULL, crowd_run, &c[i]));
	}
	for (u32 i = 0; i < THREADS; i++) {
		pthread_join(thread[i], NULL);
		all.pushed += c[i].pushed;
		all.popped += c[i].popped;
		all.sum_pushed += c[i].sum_pushed;
		all.sum_popped += c[i].sum_popped;
		all.torn += c[i].torn;
		all.reordered += c[i].reordered;
		all.odd += c[i].odd;
	}
	while (!map->ops->peek(map, value))
		crowd_pop(&all);
	CHECK_EQ(all.torn, 0);
	CHECK_EQ(all.odd, 0);
	CHECK_EQ(all.popped, all.pushed);
	CHECK_EQ(all.sum_popped, all.sum_pushed);
	CHECK(type == BPF_MAP_TYPE_STACK || all.reordered == 0);
	CHECK(all.pushed > PER_THREAD);
	map_free(map);
}

TEST(threads_lose_and_double_nothing_in_a_queue)
{
	crowd(BPF_MAP_TYPE_QUEUE);
}

TEST(threads_lose_and_double_nothing_in_a_stack)
{
	crowd(BPF_MAP_TYPE_STACK);
}

/* ---- bloom filters ---- */

static int linux_bloom(u32 value_size, u32 entries, u64 extra)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = BPF_MAP_TYPE_BLOOM_FILTER;
	attr.value_size = value_size;
	attr.max_entries = entries;
	attr.map_extra = extra;
	return linux_bpf(BPF_MAP_CREATE, &attr);
}

static struct map *bloom_make(u32 value_size, u32 entries, u64 extra)
{
	struct map_create_params params =
		map_params(BPF_MAP_TYPE_BLOOM_FILTER, 0, value_size, entries, 0, 2);
	struct map *map = NULL;

	params.facts.extra = extra;
	return map_new(&params, NULL, &map) ? NULL : map;
}

/* Whether `value` was put in: half of all values are. */
static bool is_member(const u8 *value)
{
	return value[0] & 1;
}

/* Nothing that went in is denied; of what did not, no more than the theory's part is claimed. */
static void bloom_holds(u32 value_size, u32 entries, u64 extra, double most_wrong)
{
	struct map *map = bloom_make(value_size, entries, extra);
	u64 random = 5;
	u32 wrong = 0, tried = 0;
	u8 value[64];

	REQUIRE(map);
	for (u32 i = 0; i < entries;) {
		rnd_bytes(&random, value, value_size);
		CHECK(map->ops->peek(map, value) == 0 || map->ops->peek(map, value) == -ENOENT);
		if (!is_member(value))
			continue;
		CHECK_EQ(map->ops->push(map, value, BPF_ANY), 0);
		i++;
	}
	random = 5;
	for (u32 i = 0; i < 2 * entries; i++) {
		int got;

		rnd_bytes(&random, value, value_size);
		got = map->ops->peek(map, value);
		if (is_member(value) && i < entries)
			CHECK_EQ(got, 0);
		tried += !is_member(value);
		wrong += !is_member(value) && !got;
	}
	test_note("%u of %u strangers let in", wrong, tried);
	CHECK(wrong < most_wrong * tried);
	map_free(map);
}

TEST(bloom_filter_forgets_nothing_and_claims_little)
{
	bloom_holds(8, 10000, 0, 0.02);
	bloom_holds(13, 10000, 3, 0.08);
	bloom_holds(64, 1000, 15, 0.001);
}

TEST(bloom_filter_answers_as_linux)
{
	static const u64 flags[] = { BPF_ANY, BPF_NOEXIST, BPF_EXIST, 3, 1ull << 40 };
	const char *why = linux_refuses();
	u64 random = 8;

	if (why)
		SKIP("bpf(2) of this machine: %s", why);
	for (u64 extra = 0; extra < 20; extra++) {
		struct map *map = bloom_make(8, 100, extra);
		int fd = linux_bloom(8, 100, extra);

		CHECK_EQ(map != NULL, fd >= 0);
		for (u32 i = 0; map && fd >= 0 && i < 100; i++) {
			u64 flag = flags[rnd_below(&random, ARRAY_SIZE(flags))], key;
			u64 value = rnd_below(&random, 1000);
			int want = linux_elem(BPF_MAP_UPDATE_ELEM, fd, NULL, &value, flag);

			CHECK_EQ(map->ops->push(map, &value, flag), want);
			if (!want) {
				CHECK_EQ(linux_elem(BPF_MAP_LOOKUP_ELEM, fd, NULL, &value, 0), 0);
				CHECK_EQ(map->ops->peek(map, &value), 0);
			}
			CHECK_EQ(map->ops->sys_erase(map, NULL),
				 linux_elem(BPF_MAP_DELETE_ELEM, fd, NULL, NULL, 0));
			CHECK_EQ(map->ops->sys_next(map, NULL, &key),
				 linux_elem(BPF_MAP_GET_NEXT_KEY, fd, NULL, &key, 0));
		}
		map_free(map);
		if (fd >= 0)
			close(fd);
	}
}
