/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many threads on one map. Keys are chosen to meet in one bucket, so that insertions,
 * replacements and deletions all touch neighbouring links. What each test checks holds for
 * every interleaving. SKEP_MAPS_MS sets how long each runs.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "maps/table.h"
#include "unit/ring_consumer.h"

#define THREADS 4
#define WORDS 16 /* of a value */

static atomic_bool stop;

static void run_for_a_while(void *(*body)(void *), void *args, size_t arg_size, u32 n)
{
	u64 ms = campaign("SKEP_MAPS_MS", 400);
	struct timespec pause = { (time_t)(ms / 1000), (long)(ms % 1000) * 1000000 };
	pthread_t thread[16];

	stop = false;
	for (u32 i = 0; i < n; i++)
		REQUIRE(!pthread_create(&thread[i], NULL, body, (u8 *)args + i * arg_size));
	nanosleep(&pause, NULL);
	stop = true;
	for (u32 i = 0; i < n; i++)
		pthread_join(thread[i], NULL);
}

/* n keys of 8 bytes that fall into one bucket. The secret is the first thing in the store. */
static void colliding_keys(const struct map *map, u64 *keys, u32 n)
{
	const u64 *secret = map->store.addr;
	u64 mask = 1;

	while (mask < map->facts.max_entries + map->facts.max_entries / 2)
		mask *= 2;
	for (u64 key = 1, found = 0; found < n; key++)
		if (!(hash_key((const u8 *)&key, 8, secret) & (mask - 1)))
			keys[found++] = key;
}

/* After all: no element has been lost and none is there twice. */
static void check_capacity(struct map *map)
{
	u64 key, value[WORDS] = { 0 }, keys = 0, filled = 0;

	for (int err = map->ops->sys_next(map, NULL, &key); !err; keys++) {
		u64 next;

		CHECK_EQ(map->ops->sys_lookup(map, &key, value, 0), 0);
		err = map->ops->sys_next(map, &key, &next);
		key = next;
		REQUIRE(keys <= map->facts.max_entries);
	}
	for (key = 1ull << 40; map->ops->sys_update(map, &key, value, BPF_NOEXIST) == 0; key++)
		filled++;
	CHECK_EQ(map->ops->sys_update(map, &key, value, BPF_NOEXIST), -E2BIG);
	CHECK_EQ(keys + filled, map->facts.max_entries);
}

/* ---- each thread its own keys: what a thread sees of them is what it did ---- */

struct owner {
	struct map *map;
	u64 keys[4];
	u32 slot;
	u64 ops, wrong;
};

static void expect(struct owner *o, bool right)
{
	o->wrong += !right;
	o->ops++;
}

static void fill_value(u64 *value, u64 key, u64 number)
{
	for (u32 i = 0; i < WORDS; i++)
		value[i] = key * 1000003 + number;
}

static bool value_is(const u64 *value, u64 key, u64 number)
{
	for (u32 i = 0; i < WORDS; i++)
		if (value[i] != key * 1000003 + number)
			return false;
	return true;
}

static void own_round(struct owner *o, u64 number, u64 *random)
{
	const struct map_ops *ops = o->map->ops;
	struct run_ctx rc = { .cpu = o->slot };
	u64 value[WORDS], key = o->keys[rnd_below(random, 4)];

	fill_value(value, key, number);
	expect(o, ops->sys_lookup(o->map, &key, value, 0) == -ENOENT);
	expect(o, ops->erase(o->map, &key, &rc) == -ENOENT);
	expect(o, ops->update(o->map, &key, value, BPF_EXIST, &rc) == -ENOENT);
	fill_value(value, key, number);
	expect(o, ops->update(o->map, &key, value, BPF_NOEXIST, &rc) == 0);
	expect(o, ops->update(o->map, &key, value, BPF_NOEXIST, &rc) == -EEXIST);
	expect(o, ops->sys_lookup(o->map, &key, value, 0) == 0 && value_is(value, key, number));
	fill_value(value, key, number + 1);
	expect(o, ops->update(o->map, &key, value, BPF_ANY, &rc) == 0);
	expect(o, ops->sys_lookup(o->map, &key, value, 0) == 0 && value_is(value, key, number + 1));
	expect(o, ops->lookup(o->map, &key, &rc) != NULL);
	expect(o, ops->sys_lookup_erase(o->map, &key, value, 0) == 0 &&
			  value_is(value, key, number + 1));
}

static void *own_keys(void *arg)
{
	struct owner *o = arg;
	u64 random = o->slot;

	for (u64 number = 0; !stop; number += 2)
		own_round(o, number, &random);
	return NULL;
}

TEST(threads_see_what_they_did_to_keys_of_their_own)
{
	struct map *map = map_make(BPF_MAP_TYPE_HASH, 8, 8 * WORDS, 64, 0, THREADS);
	struct owner owner[THREADS];
	u64 keys[THREADS * 4], ops = 0;

	REQUIRE(map);
	colliding_keys(map, keys, ARRAY_SIZE(keys));
	for (u32 i = 0; i < THREADS; i++) {
		owner[i] = (struct owner){ .map = map, .slot = i };
		for (u32 j = 0; j < 4; j++)
			owner[i].keys[j] = keys[j * THREADS + i];
	}
	run_for_a_while(own_keys, owner, sizeof(*owner), THREADS);
	for (u32 i = 0; i < THREADS; i++) {
		CHECK_EQ(owner[i].wrong, 0);
		ops += owner[i].ops;
	}
	test_note("%llu operations", (unsigned long long)ops);
	CHECK(ops > 1000);
	check_capacity(map);
	map_free(map);
}

/* ---- all threads on the same keys: values whole, insertions and deletions in balance ---- */

struct rival {
	struct map *map;
	u64 keys[8];
	u32 slot;
	s64 there[8]; /* insertions less deletions */
	u64 reads, torn;
	int odd_error; /* one that no order of events explains */
};

static void note_error(struct rival *r, int err)
{
	if (err && err != -ENOENT)
		r->odd_error = err;
}

static void rival_write(struct rival *r, u32 k, u64 number)
{
	struct run_ctx rc = { .cpu = r->slot };
	u64 value[WORDS];
	int err;

	fill_value(value, r->keys[k], number);
	err = r->map->ops->update(r->map, &r->keys[k], value, BPF_NOEXIST, &rc);
	r->there[k] += !err;
	if (err == -EEXIST)
		err = r->map->ops->update(r->map, &r->keys[k], value, BPF_EXIST, &rc);
	note_error(r, err);
}

static void rival_read(struct rival *r, u32 k)
{
	u64 value[WORDS];
	int err = r->map->ops->sys_lookup(r->map, &r->keys[k], value, 0);

	note_error(r, err);
	if (err)
		return;
	r->reads++;
	r->torn += !value_is(value, r->keys[k], value[0] - r->keys[k] * 1000003);
	r->torn += value[0] - r->keys[k] * 1000003 > 1ull << 40; /* another key's */
}

static void rival_erase(struct rival *r, u32 k)
{
	struct run_ctx rc = { .cpu = r->slot };
	u64 value[WORDS];
	int err;

	if (k & 1) {
		err = r->map->ops->erase(r->map, &r->keys[k], &rc);
	} else {
		err = r->map->ops->sys_lookup_erase(r->map, &r->keys[k], value, 0);
		r->torn += !err && !value_is(value, r->keys[k], value[0] - r->keys[k] * 1000003);
	}
	r->there[k] -= !err;
	note_error(r, err);
}

static void *rivals(void *arg)
{
	struct rival *r = arg;
	u64 random = r->slot + 99;

	for (u64 number = 0; !stop; number++) {
		u32 k = rnd_below(&random, 8);

		switch (rnd_below(&random, 4)) {
		case 0:
			rival_erase(r, k);
			break;
		case 1:
			rival_write(r, k, number);
			break;
		default:
			rival_read(r, k);
		}
	}
	return NULL;
}

TEST(threads_on_the_same_keys_see_whole_values)
{
	struct map *map = map_make(BPF_MAP_TYPE_HASH, 8, 8 * WORDS, 32, 0, THREADS);
	struct rival rival[THREADS];
	u64 reads = 0;

	REQUIRE(map);
	memset(rival, 0, sizeof(rival));
	colliding_keys(map, rival[0].keys, 8);
	for (u32 i = 0; i < THREADS; i++) {
		rival[i].map = map;
		rival[i].slot = i;
		memcpy(rival[i].keys, rival[0].keys, sizeof(rival[0].keys));
	}
	run_for_a_while(rivals, rival, sizeof(*rival), THREADS);
	for (u32 k = 0; k < 8; k++) {
		u64 value[WORDS];
		s64 there = 0;

		for (u32 i = 0; i < THREADS; i++)
			there += rival[i].there[k];
		CHECK_EQ(there, map->ops->sys_lookup(map, &rival[0].keys[k], value, 0) == 0);
	}
	for (u32 i = 0; i < THREADS; i++) {
		CHECK_EQ(rival[i].torn, 0);
		CHECK_EQ(rival[i].odd_error, 0);
		reads += rival[i].reads;
	}
	test_note("%llu values read", (unsigned long long)reads);
	CHECK(reads > 1000);
	check_capacity(map);
	map_free(map);
}

/* ---- keys that are always there are always found, by lookup and by every walk ---- */

struct witness {
	struct map *map;
	u64 stable[4], churn[4];
	u32 slot;
	u64 rounds, missed, visits;
};

static u64 see_stable(struct run_ctx *rc, u64 func, u64 map, u64 key, u64 value, u64 arg, u64 r5)
{
	struct witness *w = (struct witness *)(uintptr_t)arg;
	u64 k;

	memcpy(&k, (void *)(uintptr_t)key, sizeof(k));
	for (u32 i = 0; i < 4; i++)
		w->visits += k == w->stable[i];
	return 0;
}

static void watch(struct witness *w)
{
	struct run_ctx rc = { .cpu = w->slot, .call = see_stable };
	u64 key, value[WORDS];

	for (u32 i = 0; i < 4; i++)
		w->missed += !w->map->ops->lookup(w->map, &w->stable[i], &rc);
	w->visits = 0;
	w->map->ops->for_each(w->map, 0, (u64)(uintptr_t)w, 0, &rc);
	w->missed += w->visits != 4;
	for (u32 position = 0; !w->map->ops->sys_walk(w->map, &position, &key, value);)
		for (u32 i = 0; i < 4; i++)
			w->missed += key == w->stable[i] && value[0] != value[WORDS - 1];
	w->rounds++;
}

static void disturb(struct witness *w, u64 number)
{
	struct run_ctx rc = { .cpu = w->slot };
	u64 value[WORDS];

	for (u32 i = 0; i < 4; i++) {
		fill_value(value, w->stable[i], number);
		w->missed += w->map->ops->update(w->map, &w->stable[i], value, BPF_EXIST, &rc) != 0;
		fill_value(value, w->churn[i], number);
		w->map->ops->update(w->map, &w->churn[i], value, BPF_ANY, &rc);
		w->map->ops->erase(w->map, &w->churn[(i * 3 + number) % 4], &rc);
	}
	w->rounds++;
}

static void *witnesses(void *arg)
{
	struct witness *w = arg;

	for (u64 number = 0; !stop; number++)
		if (w->slot & 1)
			watch(w);
		else
			disturb(w, number);
	return NULL;
}

TEST(keys_that_stay_are_always_found)
{
	struct map *map = map_make(BPF_MAP_TYPE_HASH, 8, 8 * WORDS, 32, 0, THREADS);
	struct witness witness[THREADS];
	u64 keys[8], value[WORDS] = { 0 };

	REQUIRE(map);
	colliding_keys(map, keys, 8);
	memset(witness, 0, sizeof(witness));
	for (u32 i = 0; i < THREADS; i++) {
		witness[i].map = map;
		witness[i].slot = i;
		for (u32 j = 0; j < 4; j++) {
			witness[i].stable[j] = keys[j * 2];
			witness[i].churn[j] = keys[j * 2 + 1];
			map->ops->sys_update(map, &keys[j * 2], value, BPF_ANY);
		}
	}
	run_for_a_while(witnesses, witness, sizeof(*witness), THREADS);
	for (u32 i = 0; i < THREADS; i++) {
		CHECK_EQ(witness[i].missed, 0);
		CHECK(witness[i].rounds > 100);
	}
	check_capacity(map);
	map_free(map);
}

/* ---- per-CPU values: every slot counts for itself ---- */

struct counter {
	struct map *map;
	u32 slot;
	u64 added;
};

static void *count_up(void *arg)
{
	struct counter *c = arg;
	struct run_ctx rc = { .cpu = c->slot };

	while (!stop) {
		u32 key = (u32)c->added % 8;
		u64 zero = 0, *value = c->map->ops->lookup(c->map, &key, &rc);

		if (!value) {
			c->map->ops->update(c->map, &key, &zero, BPF_NOEXIST, &rc);
			continue;
		}
		store_relaxed(value, load_relaxed(value) + 1);
		c->added++;
	}
	return NULL;
}

static void count_on(u32 type)
{
	struct map *map = map_make(type, 4, 8, 8, 0, THREADS);
	struct counter counter[THREADS];
	u64 value[THREADS], sum[THREADS] = { 0 };

	REQUIRE(map);
	for (u32 i = 0; i < THREADS; i++)
		counter[i] = (struct counter){ .map = map, .slot = i };
	run_for_a_while(count_up, counter, sizeof(*counter), THREADS);
	for (u32 key = 0; key < 8; key++) {
		CHECK_EQ(map->ops->sys_lookup(map, &key, value, 0), 0);
		for (u32 i = 0; i < THREADS; i++)
			sum[i] += value[i];
	}
	for (u32 i = 0; i < THREADS; i++)
		CHECK(sum[i] == counter[i].added && sum[i] > 1000);
	map_free(map);
}

TEST(percpu_array_slots_do_not_disturb_each_other)
{
	count_on(BPF_MAP_TYPE_PERCPU_ARRAY);
}

TEST(percpu_hash_slots_do_not_disturb_each_other)
{
	count_on(BPF_MAP_TYPE_PERCPU_HASH);
}

/* ---- ring buffer: producers in any number, each in its own order, nothing lost ---- */

struct message {
	u64 number;
	u32 producer, words;
	u64 word[];
};

struct producer {
	struct map *map;
	u32 slot;
	u64 sent, discarded, refused;
};

static void send(struct producer *p, struct run_ctx *rc, u64 *random)
{
	u32 words = rnd_below(random, 30);
	u64 size = sizeof(struct message) + words * 8;
	struct message *message = ringbuf_reserve(p->map, size, 0, rc);

	if (!message) {
		p->refused++;
		sched_yield();
		return;
	}
	if (rnd_below(random, 8) == 0) {
		ringbuf_discard(message, 0, rc);
		p->discarded++;
		return;
	}
	*message = (struct message){ .number = p->sent++, .producer = p->slot, .words = words };
	for (u32 i = 0; i < words; i++)
		message->word[i] = message->number * 31 + i;
	ringbuf_submit(message, 0, rc);
}

static void *produce(void *arg)
{
	struct producer *p = arg;
	struct run_ctx rc = { .cpu = p->slot };
	u64 random = p->slot;

	while (!stop)
		send(p, &rc, &random);
	return NULL;
}

struct reader {
	struct ring_consumer ring;
	u64 next[THREADS], wrong, discarded;
	atomic_bool finish;
};

static void check_message(struct reader *r, const struct message *message, u32 size)
{
	if (message->producer >= THREADS || message->number != r->next[message->producer] ||
	    size != sizeof(*message) + message->words * 8) {
		r->wrong++;
		return;
	}
	r->next[message->producer]++;
	for (u32 i = 0; i < message->words; i++)
		r->wrong += message->word[i] != message->number * 31 + i;
}

static void *consume(void *arg)
{
	struct reader *r = arg;
	bool finish, discarded;

	do {
		const struct message *message;
		u32 size;

		finish = r->finish; /* before looking: nothing comes after it */
		while ((message = ring_next(&r->ring, &size, &discarded))) {
			if (discarded)
				r->discarded++;
			else
				check_message(r, message, size);
			ring_advance(&r->ring, size);
		}
	} while (!finish);
	return NULL;
}

/* ThreadSanitizer knows memory by address: there the consumer shares the map's own mapping. */
static bool open_reader(struct ring_consumer *ring, const struct map *map, u32 size)
{
#if defined(__SANITIZE_THREAD__)
	u8 *visible = map->visible.addr;

	*ring = (struct ring_consumer){ (void *)visible, (void *)(visible + 4096), visible + 8192,
					size };
	return true;
#else
	return ring_open(ring, map->visible.fd, size);
#endif
}

static void close_reader(struct ring_consumer *ring)
{
#if !defined(__SANITIZE_THREAD__)
	ring_close(ring);
#endif
}

static void produce_into(u32 size)
{
	struct map *map = map_make(BPF_MAP_TYPE_RINGBUF, 0, 0, size, 0, THREADS);
	struct producer producer[THREADS];
	struct reader reader;
	u64 discarded = 0, sent = 0;
	pthread_t thread;

	REQUIRE(map);
	memset(&reader, 0, sizeof(reader));
	REQUIRE(open_reader(&reader.ring, map, size));
	for (u32 i = 0; i < THREADS; i++)
		producer[i] = (struct producer){ .map = map, .slot = i };
	REQUIRE(!pthread_create(&thread, NULL, consume, &reader));
	run_for_a_while(produce, producer, sizeof(*producer), THREADS);
	reader.finish = true;
	pthread_join(thread, NULL);
	for (u32 i = 0; i < THREADS; i++) {
		CHECK_EQ(reader.next[i], producer[i].sent);
		discarded += producer[i].discarded;
		sent += producer[i].sent;
	}
	CHECK_EQ(reader.wrong, 0);
	CHECK_EQ(reader.discarded, discarded);
	CHECK_EQ(ringbuf_query(map, BPF_RB_AVAIL_DATA), 0);
	test_note("%u bytes: %llu records", size, (unsigned long long)sent);
	CHECK(sent > 100); /* on a busy machine the consumer seldom runs */
	close_reader(&reader.ring);
	map_free(map);
}

TEST(ringbuf_keeps_every_producers_records_in_order)
{
	produce_into(4096);
	produce_into(1 << 18);
}
