/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ring buffer against a model (a queue of records), with a consumer that sees only the
 * visible memory, and against Linux's by a program that both run. SKEP_MAPS_OPS sets the
 * number of operations.
 */
#include "unit/linux_prog.h"
#include "unit/ring_consumer.h"

struct notices {
	u32 count, handle;
};

static void count_notice(struct run_ctx *rc, u32 handle)
{
	struct notices *notices = rc->world_data;

	notices->count++;
	notices->handle = handle;
}

static const struct world_ops counting_world = { .notify = count_notice };

#define MAX_RECORDS 4096

enum record_state { BUSY, SUBMITTED, DISCARDED };

struct record {
	u8 *at; /* where the program sees it */
	u64 position;
	u32 size, seed;
	enum record_state state;
};

struct model {
	struct map *map;
	struct ring_consumer consumer;
	struct run_ctx rc;
	struct notices notices;
	u64 random, size, produced, consumed;
	struct record record[MAX_RECORDS]; /* a queue */
	u32 first, end;
	struct record *held[RUN_MAX_HELD];
	u64 refused, full_held, woken, spilled;
};

static struct record *record_at(struct model *m, u32 i)
{
	return &m->record[i % MAX_RECORDS];
}

static void fill(u8 *to, u32 size, u32 seed)
{
	for (u32 i = 0; i < size; i++)
		to[i] = (u8)(seed + i * 7);
}

static bool filled(const u8 *at, u32 size, u32 seed)
{
	for (u32 i = 0; i < size; i++)
		if (at[i] != (u8)(seed + i * 7))
			return false;
	return true;
}

static u32 random_size(struct model *m)
{
	switch (rnd_below(&m->random, 8)) {
	case 0:
		return rnd_below(&m->random, (u32)m->size + 64);
	case 1:
		return (u32)m->size / 3;
	default:
		return rnd_below(&m->random, 200);
	}
}

static struct record *model_reserve(struct model *m, u32 size)
{
	u64 bytes = align_up((u64)size + 8, 8);
	struct record *record = record_at(m, m->end);

	if (bytes > m->size || m->produced + bytes - m->consumed > m->size - 1) {
		m->refused++;
		return NULL;
	}
	REQUIRE(m->end - m->first < MAX_RECORDS);
	m->end++;
	*record = (struct record){ .position = m->produced, .size = size,
				   .seed = (u32)rnd(&m->random) };
	m->spilled += (m->produced & (m->size - 1)) + bytes > m->size;
	m->produced += bytes;
	return record;
}

static void expect_notice(struct model *m, const struct record *record, u64 flags, u32 before)
{
	bool want = flags & BPF_RB_FORCE_WAKEUP ||
		    (!(flags & BPF_RB_NO_WAKEUP) &&
		     (m->consumed & (m->size - 1)) == (record->position & (m->size - 1)));

	m->woken += want;
	CHECK_EQ(m->notices.count - before, want);
	CHECK(!want || m->notices.handle == 77);
}

static void op_reserve(struct model *m)
{
	u32 size = random_size(m), held = m->rc.n_held;
	struct record *record;
	u8 *at;

	if (held == RUN_MAX_HELD) {
		CHECK(!ringbuf_reserve(m->map, size, 0, &m->rc));
		m->full_held++;
		return;
	}
	CHECK(!ringbuf_reserve(m->map, size, 1, &m->rc));
	record = model_reserve(m, size);
	at = ringbuf_reserve(m->map, size, 0, &m->rc);
	CHECK_EQ(at != NULL, record != NULL);
	REQUIRE(!at == !record);
	if (!at)
		return;
	CHECK_EQ(m->rc.n_held, held + 1);
	CHECK_EQ((uintptr_t)at % 8, 0);
	fill(at, size, record->seed);
	record->at = at;
	m->held[held] = record;
}

static void op_finish(struct model *m)
{
	static const u64 flags[] = { 0, 0, BPF_RB_NO_WAKEUP, BPF_RB_FORCE_WAKEUP };
	u64 flag = flags[rnd_below(&m->random, 4)];
	u32 n = m->rc.n_held, i, before = m->notices.count;
	struct record *record;

	if (!n)
		return;
	i = rnd_below(&m->random, n);
	record = m->held[i];
	m->held[i] = m->held[n - 1];
	if (rnd(&m->random) & 3) {
		ringbuf_submit(record->at, flag, &m->rc);
		record->state = SUBMITTED;
	} else {
		ringbuf_discard(record->at, flag, &m->rc);
		record->state = DISCARDED;
	}
	CHECK_EQ(m->rc.n_held, n - 1);
	expect_notice(m, record, flag, before);
}

static void op_output(struct model *m)
{
	static u8 data[1 << 17];
	u32 size = random_size(m), before = m->notices.count;
	struct record *record = model_reserve(m, size);

	CHECK_EQ(ringbuf_output(m->map, data, size, 4, &m->rc), -EINVAL);
	if (record)
		fill(data, size, record->seed);
	CHECK_EQ(ringbuf_output(m->map, data, size, 0, &m->rc), record ? 0 : -EAGAIN);
	if (!record)
		return;
	record->state = SUBMITTED;
	expect_notice(m, record, 0, before);
}

/* An aborted run drops what it holds. */
static void op_abort(struct model *m)
{
	while (m->rc.n_held) {
		struct held *held = &m->rc.held[m->rc.n_held - 1];

		m->held[m->rc.n_held - 1]->state = DISCARDED;
		held->drop(held->what, &m->rc);
	}
}

static void op_consume(struct model *m)
{
	u32 most = rnd_below(&m->random, 20), size = 0;
	const u8 *at;
	bool discarded;

	while (most-- && (at = ring_next(&m->consumer, &size, &discarded))) {
		struct record *record = record_at(m, m->first++);

		CHECK(record->state != BUSY);
		CHECK_EQ(discarded, record->state == DISCARDED);
		CHECK_EQ(size, record->size);
		CHECK(discarded || filled(at, size, record->seed));
		ring_advance(&m->consumer, size);
		m->consumed += align_up((u64)size + 8, 8);
	}
	if (m->first != m->end && record_at(m, m->first)->state == BUSY)
		CHECK(!ring_next(&m->consumer, &size, &discarded));
}

static void op_query(struct model *m)
{
	CHECK_EQ(ringbuf_query(m->map, BPF_RB_AVAIL_DATA), m->produced - m->consumed);
	CHECK_EQ(ringbuf_query(m->map, BPF_RB_RING_SIZE), m->size);
	CHECK_EQ(ringbuf_query(m->map, BPF_RB_CONS_POS), m->consumed);
	CHECK_EQ(ringbuf_query(m->map, BPF_RB_PROD_POS), m->produced);
	CHECK_EQ(ringbuf_query(m->map, 99), 0);
}

static void drive(u64 size, u64 ops)
{
	static void (*const operations[])(struct model *) = {
		op_reserve, op_reserve, op_reserve, op_finish,	op_finish, op_finish,
		op_output,  op_output,	op_consume, op_consume, op_query,
	};
	static struct model m;

	memset(&m, 0, sizeof(m));
	m.size = size;
	m.random = size;
	m.map = map_make(BPF_MAP_TYPE_RINGBUF, 0, 0, (u32)size, 0, 4);
	REQUIRE(m.map);
	m.map->handle = 77;
	m.rc = (struct run_ctx){ .world = &counting_world, .world_data = &m.notices };
	REQUIRE(ring_open(&m.consumer, m.map->visible.fd, size));
	for (u64 i = 0; i < ops; i++) {
		m.rc.cpu = rnd_below(&m.random, 4);
		if (rnd_below(&m.random, 64) == 0)
			op_abort(&m);
		else
			operations[rnd_below(&m.random, ARRAY_SIZE(operations))](&m);
	}
	test_note("%llu bytes: %llu operations, %u records, %llu refused, %llu spilled, %llu wakeups",
		  (unsigned long long)size, (unsigned long long)ops, m.end,
		  (unsigned long long)m.refused, (unsigned long long)m.spilled,
		  (unsigned long long)m.woken);
	CHECK(m.end > ops / 50 && m.refused > ops / 100 && m.spilled > ops / 5000 && m.woken);
	ring_close(&m.consumer);
	map_free(m.map);
}

TEST(ringbuf_agrees_with_the_model)
{
	u64 ops = campaign("SKEP_MAPS_OPS", 50000);

	drive(4096, ops / 2);
	drive(8192, ops / 4);
	drive(65536, ops / 4);
}

TEST(ringbuf_refuses_what_cannot_fit)
{
	struct map *map = map_make(BPF_MAP_TYPE_RINGBUF, 0, 0, 4096, 0, 1);
	struct run_ctx rc = { 0 };

	REQUIRE(map);
	CHECK(!ringbuf_reserve(map, ~0ull, 0, &rc));
	CHECK(!ringbuf_reserve(map, UINT32_MAX, 0, &rc));
	CHECK(!ringbuf_reserve(map, 4089, 0, &rc));
	CHECK(!ringbuf_reserve(map, 4088, 0, &rc)); /* one byte at least stays free */
	CHECK(ringbuf_reserve(map, 4080, 0, &rc));
	CHECK(!ringbuf_reserve(map, 0, 0, &rc));
	map_free(map);
}

TEST(ringbuf_sweep_discards_what_one_slot_left)
{
	struct map *map = map_make(BPF_MAP_TYPE_RINGBUF, 0, 0, 4096, 0, 3);
	struct run_ctx dead = { .cpu = 1 }, alive = { .cpu = 2 };
	struct ring_consumer consumer;
	void *kept;
	u32 size = 0;
	bool discarded = false;

	REQUIRE(map && ring_open(&consumer, map->visible.fd, 4096));
	CHECK_EQ(ringbuf_sweep(map, 1), 0);
	ringbuf_reserve(map, 16, 0, &dead);
	kept = ringbuf_reserve(map, 24, 0, &alive);
	ringbuf_reserve(map, 32, 0, &dead);
	ringbuf_output(map, "hello", 5, 0, &alive);
	CHECK(!ring_next(&consumer, &size, &discarded));
	CHECK_EQ(ringbuf_sweep(map, 1), 2);
	CHECK_EQ(ringbuf_sweep(map, 1), 0);
	CHECK(ring_next(&consumer, &size, &discarded) && discarded && size == 16);
	ring_advance(&consumer, size);
	CHECK(!ring_next(&consumer, &size, &discarded));
	ringbuf_submit(kept, 0, &alive);
	CHECK(ring_next(&consumer, &size, &discarded) && !discarded && size == 24);
	ring_advance(&consumer, size);
	CHECK(ring_next(&consumer, &size, &discarded) && discarded && size == 32);
	ring_advance(&consumer, size);
	CHECK(ring_next(&consumer, &size, &discarded) && !discarded && size == 5);
	ring_close(&consumer);
	map_free(map);
}

/* ---- Linux's, by a program that does one output as told in an mmapable array ---- */

struct order {
	u64 size, flags;
	s64 result;
	u8 data[4096];
};

static const char output_prog[] = "*(u32 *)(r10 -4) = 0\n"
				  "r1 = 0x1000000001 ll\n"
				  "r2 = r10\n"
				  "r2 += -4\n"
				  "call 1\n"
				  "if r0 != 0 goto go\n"
				  "exit\n"
				  "go:\n"
				  "r6 = r0\n"
				  "r1 = 0x1000000000 ll\n"
				  "r2 = r6\n"
				  "r2 += 24\n"
				  "r3 = *(u64 *)(r6 +0)\n"
				  "r3 &= 4095\n"
				  "r4 = *(u64 *)(r6 +8)\n"
				  "call 130\n"
				  "*(u64 *)(r6 +16) = r0\n"
				  "r0 = 0\n"
				  "exit\n";

static void same_next(struct ring_consumer *ours, struct ring_consumer *theirs, u64 *seen)
{
	u32 size = 0, their_size = 0;
	bool discarded = false, their_discarded = false;
	const void *at = ring_next(ours, &size, &discarded);
	const void *their_at = ring_next(theirs, &their_size, &their_discarded);

	CHECK_EQ(at != NULL, their_at != NULL);
	if (!at || !their_at)
		return;
	CHECK_EQ(size, their_size);
	CHECK_EQ(discarded, their_discarded);
	CHECK_EQ(memcmp(at, their_at, size), 0);
	ring_advance(ours, size);
	ring_advance(theirs, size);
	++*seen;
}

TEST(ringbuf_output_agrees_with_linux)
{
	enum { SIZE = 8192 };
	static const u64 flags[] = { 0, 0, 0, BPF_RB_NO_WAKEUP, BPF_RB_FORCE_WAKEUP, 3, 4, 1ull << 50 };
	u64 ops = campaign("SKEP_MAPS_OPS", 20000), random = 4, refused = 0, seen = 0;
	const char *why = linux_refuses();
	struct map *map;
	struct run_ctx rc = { 0 };
	struct ring_consumer ours, theirs;
	struct order *order;
	int fd[2], prog;

	if (why)
		SKIP("bpf(2) of this machine: %s", why);
	map = map_make(BPF_MAP_TYPE_RINGBUF, 0, 0, SIZE, 0, 1);
	fd[0] = linux_map(BPF_MAP_TYPE_RINGBUF, 0, 0, SIZE, 0);
	fd[1] = linux_map(BPF_MAP_TYPE_ARRAY, 4, sizeof(*order), 1, BPF_F_MMAPABLE);
	REQUIRE(map && fd[0] >= 0 && fd[1] >= 0);
	order = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd[1], 0);
	prog = linux_prog_load(output_prog, fd, 2);
	REQUIRE(order != MAP_FAILED && prog >= 0);
	REQUIRE(ring_open(&ours, map->visible.fd, SIZE) && ring_open(&theirs, fd[0], SIZE));
	for (u64 i = 0; i < ops; i++) {
		u32 result;

		order->size = rnd(&random) & 3 ? rnd_below(&random, 100) : rnd_below(&random, 4096);
		order->flags = flags[rnd_below(&random, ARRAY_SIZE(flags))];
		fill(order->data, (u32)order->size, (u32)i);
		REQUIRE(!linux_prog_run(prog, 1, &result, NULL));
		CHECK_EQ(ringbuf_output(map, order->data, order->size, order->flags, &rc),
			 order->result);
		refused += order->result == -EAGAIN;
		CHECK_EQ(load_relaxed(ours.producer), load_relaxed(theirs.producer));
		for (u32 n = rnd_below(&random, 5) < 2; n; n--)
			same_next(&ours, &theirs, &seen);
	}
	test_note("%llu outputs, %llu without room, %llu records compared", (unsigned long long)ops,
		  (unsigned long long)refused, (unsigned long long)seen);
	CHECK(refused > ops / 100 && seen > ops / 10);
	ring_close(&ours);
	ring_close(&theirs);
	munmap(order, 8192);
	close(prog);
	close(fd[0]);
	close(fd[1]);
	map_free(map);
}
