/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kill -9 at random instants: processes that share a map die in the middle of what they do to
 * it, again and again. The one that lives on must never wait for a dead one, never read a
 * torn value, and get the dead ones' ring buffer records out of its way.
 * SKEP_MAPS_KILLS sets how many.
 */
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "maps/hashfn.h"
#include "unit/ring_consumer.h"

#define WORDS 8
#define KEYS 24
#define CHILDREN 2
#define RING_BYTES (1u << 20)
#define SLOTS (CHILDREN + 1) /* the parent's is 0 */

struct sharing {
	struct map *map;
	struct map_create_params params;
	u64 keys[KEYS];
	pid_t child[CHILDREN];
	u64 random;
};

typedef void (*child_body)(struct map *map, const u64 *keys, u32 slot, u64 *random);

/* A process with a view of its own, at an address of its own, until it is killed. */
static void spawn(struct sharing *s, u32 n, child_body body)
{
	u64 seed = rnd(&s->random);

	s->child[n] = fork();
	REQUIRE(s->child[n] >= 0);
	if (s->child[n])
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	{
		int visible = s->map->visible.fd;
		struct map *map;

		if (map_attach(&s->params, NULL, dup(s->map->store.fd),
			       visible < 0 ? -1 : dup(visible), &map))
			_exit(1);
		for (;;)
			body(map, s->keys, n + 1, &seed);
	}
}

static void bury(struct sharing *s, u32 n)
{
	int status;

	kill(s->child[n], SIGKILL);
	REQUIRE(waitpid(s->child[n], &status, 0) == s->child[n]);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static u64 cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (u64)ts.tv_sec * 1000000000u + (u64)ts.tv_nsec;
}

static void share(struct sharing *s, u32 type, u32 key, u32 value, u32 entries)
{
	memset(s, 0, sizeof(*s));
	s->params = map_params(type, key, value, entries, 0, SLOTS);
	s->params.shareable = true;
	s->random = 17;
	REQUIRE(!map_new(&s->params, NULL, &s->map));
}

/* ---- hash ---- */

/* Values tell their key and number in each word. */
static void fill_value(u64 *value, u64 key, u64 number)
{
	for (u32 i = 0; i < WORDS; i++)
		value[i] = key << 32 | (number & 0xffffffff);
}

static bool value_is_whole(const u64 *value, u64 key)
{
	for (u32 i = 1; i < WORDS; i++)
		if (value[i] != value[0])
			return false;
	return value[0] >> 32 == key;
}

static void change_hash(struct map *map, const u64 *keys, u32 slot, u64 *random)
{
	struct run_ctx rc = { .cpu = slot };
	u64 key = keys[rnd_below(random, KEYS)], value[WORDS];

	fill_value(value, key, rnd(random));
	if (rnd(random) & 1)
		map->ops->update(map, &key, value, BPF_ANY, &rc);
	else
		map->ops->erase(map, &key, &rc);
}

/* Keys in a few buckets: dead neighbours are what this is about. */
static void meeting_keys(struct sharing *s, u32 entries)
{
	const u64 *secret = s->map->store.addr;
	u64 mask = 1;
	u32 found = 0;

	while (mask < entries + entries / 2)
		mask *= 2;
	for (u64 key = 1; found < KEYS; key++)
		if ((hash_key((const u8 *)&key, 8, secret) & (mask - 1)) < 2)
			s->keys[found++] = key;
}

struct watch {
	u64 reads, torn, errors, longest;
};

static void watch_hash(struct sharing *s, struct watch *w, u32 operations)
{
	struct map *map = s->map;

	for (u32 i = 0; i < operations; i++) {
		u64 key = s->keys[rnd_below(&s->random, KEYS)], value[WORDS];
		u64 start = cpu_ns();
		int err;

		if (rnd_below(&s->random, 4)) {
			err = map->ops->sys_lookup(map, &key, value, 0);
			w->torn += !err && !value_is_whole(value, key);
			w->reads += !err;
			w->errors += err && err != -ENOENT;
		} else {
			fill_value(value, key, i);
			w->errors += map->ops->sys_update(map, &key, value, 0) != 0;
		}
		w->longest = MAX(w->longest, cpu_ns() - start);
	}
}

/* Elements in no list any more. */
static u32 lost_elements(struct map *map)
{
	u64 key, value[WORDS] = { 0 };
	u32 there = 0;
	int err;

	for (err = map->ops->sys_next(map, NULL, &key); !err; there++) {
		u64 last = key;

		err = map->ops->sys_next(map, &last, &key);
	}
	for (key = 1ull << 40; map->ops->sys_update(map, &key, value, BPF_NOEXIST) == 0; key++)
		there++;
	return map->facts.max_entries - there;
}

TEST(hash_survives_kill_9)
{
	u64 kills = campaign("SKEP_MAPS_KILLS", 200);
	struct watch w = { 0 };
	struct sharing s;
	u32 lost;
	int swept;

	share(&s, BPF_MAP_TYPE_HASH, 8, 8 * WORDS, 8192);
	meeting_keys(&s, 8192);
	for (u32 n = 0; n < CHILDREN; n++)
		spawn(&s, n, change_hash);
	for (u64 i = 0; i < kills; i++) {
		watch_hash(&s, &w, 200 + rnd_below(&s.random, 2000));
		bury(&s, i % CHILDREN);
		watch_hash(&s, &w, 50);
		spawn(&s, i % CHILDREN, change_hash);
	}
	for (u32 n = 0; n < CHILDREN; n++)
		bury(&s, n);
	watch_hash(&s, &w, 1000);
	swept = s.map->ops->sweep(s.map);
	lost = lost_elements(s.map);
	test_note("%llu kills, %llu values read, longest operation %llu us, %d elements swept",
		  (unsigned long long)kills, (unsigned long long)w.reads,
		  (unsigned long long)w.longest / 1000, swept);
	CHECK(w.reads > kills * 50);
	CHECK_EQ(w.torn, 0);
	CHECK_EQ(w.errors, 0);
	CHECK(w.longest < 100000000);
	CHECK(swept >= 0 && (u32)swept <= 2 * kills);
	CHECK_EQ(lost, 0);
	map_free(s.map);
}

/* ---- the sweep of every type that has elements ---- */

/* Keys as an lpm_trie's: a length, then as many bits. For the others they are just bytes. */
#define PREFIX_BITS 32

static void change_keyed(struct map *map, const u64 *keys, u32 slot, u64 *random)
{
	struct run_ctx rc = { .cpu = slot };
	u64 value[WORDS] = { 0 };
	u32 key[2] = { PREFIX_BITS, rnd_below(random, 2 * map->facts.max_entries) };

	if (rnd_below(random, 3))
		map->ops->update(map, key, value, BPF_ANY, &rc);
	else
		map->ops->erase(map, key, &rc);
}

static void change_queue(struct map *map, const u64 *keys, u32 slot, u64 *random)
{
	u64 value[WORDS] = { 0 };

	if (rnd(random) & 1)
		map->ops->push(map, value, BPF_EXIST);
	else
		map->ops->pop(map, value);
}

static bool is_queue(const struct map *map)
{
	return map->ops->push;
}

/* As many as it may hold, and not one more. A map that makes room instead has them all. */
static void check_room(struct map *map)
{
	u32 entries = map->facts.max_entries, there = 0;
	u64 value[SLOTS * WORDS] = { 0 }; /* a per-CPU value is as many */
	u32 key[2] = { PREFIX_BITS, 0 }, next[2];

	if (is_queue(map)) {
		while (map->ops->pop(map, value) == 0)
			CHECK(there++ < entries);
		for (there = 0; there < entries; there++)
			CHECK_EQ(map->ops->push(map, value, BPF_ANY), 0);
		CHECK_EQ(map->ops->push(map, value, BPF_ANY), -E2BIG);
		return;
	}
	for (u32 i = 0; i < 2 * entries; i++) {
		key[1] = i;
		map->ops->sys_erase(map, key);
	}
	CHECK_EQ(map->ops->sys_next(map, NULL, next), -ENOENT);
	for (key[1] = 0; key[1] < entries; key[1]++)
		CHECK_EQ(map->ops->sys_update(map, key, value, BPF_NOEXIST), 0);
	/* Each can be replaced, so there are spares; and there is room for no other. */
	for (key[1] = 0; key[1] < entries; key[1]++)
		CHECK_EQ(map->ops->sys_update(map, key, value, BPF_EXIST), 0);
	for (u32 i = 0; i < entries; i++, there++) {
		key[1] = i;
		if (map->ops->sys_lookup(map, key, value, 0))
			break;
	}
	CHECK_EQ(there, entries);
	if (map->facts.type == BPF_MAP_TYPE_LRU_HASH || map->facts.type == BPF_MAP_TYPE_LRU_PERCPU_HASH)
		return;
	key[1] = entries;
	CHECK(map->ops->sys_update(map, key, value, BPF_NOEXIST) < 0);
}

static void kill_and_sweep(u32 type, u32 key, u32 flags, child_body body)
{
	u64 kills = campaign("SKEP_MAPS_KILLS", 64), end;
	u32 swept = 0, some = 0;
	struct sharing s;

	memset(&s, 0, sizeof(s));
	s.params = map_params(type, key, 8 * WORDS, 64, flags, SLOTS);
	s.params.shareable = true;
	s.random = 23;
	REQUIRE(!map_new(&s.params, NULL, &s.map));
	for (u64 i = 0; i < kills; i++) {
		int n;

		for (u32 c = 0; i % 8 == 0 && c < CHILDREN; c++)
			spawn(&s, c, body);
		end = cpu_ns() + 200000 + rnd_below(&s.random, 300000);
		while (cpu_ns() < end)
			body(s.map, s.keys, 0, &s.random);
		bury(&s, i % CHILDREN);
		if (i % 8 != 7) {
			spawn(&s, i % CHILDREN, body);
			continue;
		}
		bury(&s, (i + 1) % CHILDREN);
		n = s.map->ops->sweep(s.map);
		CHECK(n >= 0);
		swept += (u32)n;
		some += n > 0;
		CHECK_EQ(s.map->ops->sweep(s.map), 0);
		check_room(s.map);
	}
	for (u32 c = 0; kills % 8 && c < CHILDREN; c++)
		bury(&s, c);
	test_note("%llu kills, %u elements swept, something in %u of %llu sweeps",
		  (unsigned long long)kills, swept, some, (unsigned long long)kills / 8);
	map_free(s.map);
}

#define SWEEP(name, type, key, flags, body)                                                        \
	TEST(name##_gets_back_what_the_killed_had)                                                 \
	{                                                                                          \
		kill_and_sweep(BPF_MAP_TYPE_##type, key, flags, body);                             \
	}

SWEEP(hash, HASH, 8, 0, change_keyed)
SWEEP(percpu_hash, PERCPU_HASH, 8, 0, change_keyed)
SWEEP(lru_hash, LRU_HASH, 8, 0, change_keyed)
SWEEP(lpm_trie, LPM_TRIE, 8, BPF_F_NO_PREALLOC, change_keyed)
SWEEP(queue, QUEUE, 0, 0, change_queue)
SWEEP(stack, STACK, 0, 0, change_queue)

/* ---- ring buffer ---- */

struct message {
	u64 check;
	u64 words;
	u64 word[];
};

static u64 checksum(const struct message *m)
{
	u64 sum = m->words;

	for (u64 i = 0; i < m->words; i++)
		sum = sum * 31 + m->word[i];
	return sum;
}

static void produce(struct map *map, const u64 *keys, u32 slot, u64 *random)
{
	struct run_ctx rc = { .cpu = slot };
	u32 words = rnd_below(random, 60);
	struct message *m = ringbuf_reserve(map, sizeof(*m) + words * 8, 0, &rc);

	if (!m) {
		sched_yield();
		return;
	}
	m->words = words;
	for (u32 i = 0; i < words; i++)
		m->word[i] = rnd(random);
	m->check = checksum(m);
	ringbuf_submit(m, 0, &rc);
}

struct intake {
	u64 records, discarded, wrong;
};

static bool take_in(const struct ring_consumer *ring, struct intake *in)
{
	bool discarded = false;
	u32 size = 0;
	const struct message *m = ring_next(ring, &size, &discarded);

	if (!m)
		return false;
	if (discarded)
		in->discarded++;
	else if (size != sizeof(*m) + m->words * 8 || m->check != checksum(m))
		in->wrong++;
	else
		in->records++;
	ring_advance((struct ring_consumer *)(uintptr_t)ring, size);
	return true;
}

/* The other child lives, so it gets out of the way in the end. */
static u64 sweep(struct map *map, u32 slot)
{
	for (int tries = 0; tries < 200; tries++) {
		int swept = ringbuf_sweep(map, slot);

		if (swept != -EAGAIN)
			return (u64)swept;
	}
	CHECK(!"the sweep came to an end");
	return 0;
}

TEST(ringbuf_survives_kill_9)
{
	int err;
	u64 kills = campaign("SKEP_MAPS_KILLS", 200), swept = 0, stuck = 0;
	struct ring_consumer ring;
	struct intake in = { 0 };
	struct sharing s;

	share(&s, BPF_MAP_TYPE_RINGBUF, 0, 0, RING_BYTES);
	REQUIRE(ring_open(&ring, s.map->visible.fd, RING_BYTES));
	for (u32 n = 0; n < CHILDREN; n++)
		spawn(&s, n, produce);
	for (u64 i = 0; i < kills; i++) {
		u64 before = in.records, end;
		time_t patience = time(NULL) + 10;

		while (in.records < before + 20 + i % 50 && time(NULL) < patience)
			if (!take_in(&ring, &in))
				sched_yield();
		while (take_in(&ring, &in))
			; /* so that the producers have room, and die at work */
		end = cpu_ns() + rnd_below(&s.random, 50000);
		while (cpu_ns() < end)
			;
		bury(&s, i % CHILDREN);
		swept += sweep(s.map, i % CHILDREN + 1);
		stuck += in.records == before;
		spawn(&s, i % CHILDREN, produce);
	}
	for (u32 n = 0; n < CHILDREN; n++)
		bury(&s, n);
	/* now that both are dead, each may be in the other's way */
	for (u32 n = 0; n < 2 * CHILDREN; n++)
		if ((err = ringbuf_sweep(s.map, n % CHILDREN + 1)) > 0)
			swept += (u64)err;
	CHECK_EQ(ringbuf_sweep(s.map, 1), 0);
	CHECK_EQ(ringbuf_sweep(s.map, 2), 0);
	while (take_in(&ring, &in))
		;
	CHECK_EQ(ringbuf_query(s.map, BPF_RB_AVAIL_DATA), 0);
	/* nothing of the dead is in the way of new records */
	CHECK_EQ(ringbuf_output(s.map, "still here", 11, 0, &(struct run_ctx){ .cpu = 0 }), 0);
	CHECK(ringbuf_query(s.map, BPF_RB_AVAIL_DATA) >= 24);
	test_note("%llu kills, %llu records, %llu swept, %llu discarded", (unsigned long long)kills,
		  (unsigned long long)in.records, (unsigned long long)swept,
		  (unsigned long long)in.discarded);
	CHECK_EQ(in.wrong, 0);
	CHECK_EQ(in.discarded, swept);
	CHECK_EQ(stuck, 0);
	CHECK(in.records > kills * 10);
	ring_close(&ring);
	map_free(s.map);
}
