/* SPDX-License-Identifier: Apache-2.0 */
/* Who drains a user ring buffer: one at a time, and nobody who is dead, gone or the same. */
#include "maps/value.h"
#include "unit/maps_common.h"

static struct map *ring_new(struct epoch *epoch)
{
	struct map_create_params params = map_params(BPF_MAP_TYPE_USER_RINGBUF, 0, 0, 4096, 0, 2);
	struct map *map = NULL;

	CHECK_EQ(map_new(&params, epoch, &map), 0);
	REQUIRE(map);
	return map;
}

static struct epoch epoch;

TEST(one_drains_at_a_time)
{
	struct run_ctx a = { .cpu = 0, .epoch = &epoch }, b = { .cpu = 1, .epoch = &epoch };
	struct map *map;

	epoch_init(&epoch, 2);
	epoch.slot[0].owner = epoch.slot[1].owner = 1;
	map = ring_new(&epoch);
	CHECK_EQ(user_ringbuf_enter(map, &a), 0);
	CHECK_EQ(user_ringbuf_enter(map, &b), -EBUSY);
	CHECK_EQ(user_ringbuf_enter(map, &a), -EBUSY); /* from its own callback */
	CHECK_EQ(a.n_held, 1);
	user_ringbuf_leave(map, true, 0, &a);
	CHECK_EQ(a.n_held, 0);
	CHECK_EQ(user_ringbuf_enter(map, &b), 0);
	CHECK_EQ(user_ringbuf_enter(map, &a), -EBUSY);
	user_ringbuf_leave(map, true, 0, &b);
	map_free(map);
}

TEST(who_died_there_keeps_nobody_out)
{
	struct run_ctx dead = { .cpu = 0, .epoch = &epoch }, b = { .cpu = 1, .epoch = &epoch };
	struct run_ctx heir = { .cpu = 0, .epoch = &epoch };
	struct map *map;

	epoch_init(&epoch, 2);
	epoch.slot[0].owner = epoch.slot[1].owner = 1;
	map = ring_new(&epoch);
	/* Its slot is free again. */
	CHECK_EQ(user_ringbuf_enter(map, &dead), 0);
	epoch.slot[0].owner = 0;
	CHECK_EQ(user_ringbuf_enter(map, &b), 0);
	user_ringbuf_leave(map, true, 0, &b);
	/* Another run has its slot. */
	dead.n_held = 0;
	epoch.slot[0].owner = 1;
	CHECK_EQ(user_ringbuf_enter(map, &dead), 0);
	CHECK_EQ(user_ringbuf_enter(map, &heir), 0);
	user_ringbuf_leave(map, true, 0, &heir);
	/* What a run cut short held is dropped. */
	dead.n_held = 0;
	CHECK_EQ(user_ringbuf_enter(map, &dead), 0);
	dead.held[0].drop(dead.held[0].what, &dead);
	CHECK_EQ(dead.n_held, 0);
	CHECK_EQ(user_ringbuf_enter(map, &b), 0);
	user_ringbuf_leave(map, true, 0, &b);
	map_free(map);
}

/* Whatever stands in the visible memory, a sample lies in it, and there is an end. */
TEST(nonsense_stays_in_bounds)
{
	struct map *map = ring_new(NULL);
	u64 random = 7, *words = map->visible.addr, taken = 0;
	u8 *low = (u8 *)map->visible.addr + 2 * 4096, *high = low + 2 * 4096;

	for (u32 i = 0; i < 200000; i++) {
		struct user_sample sample;
		u64 *at = &words[rnd_below(&random, 4) ? 1024 + rnd_below(&random, 1024)
						      : 512 * rnd_below(&random, 2)];

		*at = rnd_below(&random, 3) ? rnd_below(&random, 9000) : rnd(&random);
		if (rnd_below(&random, 8) == 0)
			words[512] = words[0] + 8 * rnd_below(&random, 600);
		if (user_ringbuf_peek(map, &sample))
			continue;
		CHECK((u8 *)sample.data >= low && (u8 *)sample.data + sample.size <= high);
		user_ringbuf_release(map, &sample);
		taken++;
	}
	test_note("%llu samples", (unsigned long long)taken);
	CHECK(taken > 1000);
	map_free(map);
}
