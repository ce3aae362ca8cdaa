/* SPDX-License-Identifier: Apache-2.0 */
/*
 * User ring buffers: a producer that writes sense and nonsense, and a program that drains, in
 * Linux, Skep's JIT and Skep's interpreter. Result, what the callbacks read, and the consumer's
 * position must be the same. ROUNDS and SEED in the environment make a longer campaign.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/atomic.h"
#include "kernel/support.h"
#include "lib/gen.h"
#include "lib/test.h"

#define RING 4096u
#define PAGE 4096u

struct place {
	struct world world;
	int ring, out, prog;
	u64 *consumer, *producer;
	u8 *data; /* of the producer's mapping: twice RING */
};

enum { LINUX, JIT, INTERPRETER, PLACES };
static struct place places[PLACES];

/* What the program takes and leaves. */
struct outcome {
	s64 ret;
	u64 hash;
	u64 flags;
};

static const char drains[] = "*(u32 *)(r10 - 12) = 0\n"
			     "*(u64 *)(r10 - 8) = 0\n"
			     "r2 = r10\n"
			     "r2 += -12\n"
			     "r1 = map[fd:%d]\n"
			     "call bpf_map_lookup_elem\n"
			     "if r0 == 0 goto none\n"
			     "r6 = r0\n"
			     "r1 = map[fd:%d]\n"
			     "r2 = func cb\n"
			     "r3 = r10\n"
			     "r3 += -8\n"
			     "r4 = *(u64 *)(r6 + 16)\n"
			     "call bpf_user_ringbuf_drain\n"
			     "*(u64 *)(r6 + 0) = r0\n"
			     "r1 = *(u64 *)(r10 - 8)\n"
			     "*(u64 *)(r6 + 8) = r1\n"
			     "none:\n"
			     "r0 = 0\n"
			     "exit\n"
			     "cb:\n"
			     "r6 = r2\n"
			     "r3 = r1\n"
			     "*(u64 *)(r10 - 8) = 0\n"
			     "r1 = r10\n"
			     "r1 += -8\n"
			     "r2 = 8\n"
			     "r4 = 0\n"
			     "r5 = 0\n"
			     "call bpf_dynptr_read\n"
			     "r1 = *(u64 *)(r6 + 0)\n"
			     "r1 *= 31\n"
			     "r1 += r0\n"
			     "r2 = *(u64 *)(r10 - 8)\n"
			     "r1 ^= r2\n"
			     "*(u64 *)(r6 + 0) = r1\n"
			     "r2 &= 15\n"
			     "r0 = 0\n"
			     "if r2 != 7 goto on\n"
			     "r0 = 1\n"
			     "on:\n"
			     "exit\n";

static void open_place(struct place *place, struct world world)
{
	char text[sizeof(drains) + 32];
	u8 *rest;

	place->world = world;
	place->ring = map_create(&world, BPF_MAP_TYPE_USER_RINGBUF, 0, 0, RING, 0);
	if (place->ring == -EINVAL && !world.skep)
		SKIP("this machine's Linux has no user ring buffers");
	place->out = map_create(&world, BPF_MAP_TYPE_ARRAY, 4, sizeof(struct outcome), 1, 0);
	REQUIRE(place->ring >= 0 && place->out >= 0);
	snprintf(text, sizeof(text), drains, place->out, place->ring);
	place->prog = prog_load_text(&world, text, true);
	REQUIRE(place->prog >= 0);
	/* As libbpf maps it. */
	place->consumer = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, place->ring, 0);
	rest = mmap(NULL, PAGE + 2 * RING, PROT_READ | PROT_WRITE, MAP_SHARED, place->ring, PAGE);
	REQUIRE((void *)place->consumer != MAP_FAILED && (void *)rest != MAP_FAILED);
	place->producer = (u64 *)(void *)rest;
	place->data = rest + PAGE;
}

static void close_place(struct place *place)
{
	munmap((void *)place->consumer, PAGE);
	munmap((void *)place->producer, PAGE + 2 * RING);
	close(place->ring);
	close(place->out);
	close(place->prog);
	if (place->world.skep)
		world_end(&place->world);
}

static void open_places(void)
{
	struct skep_opts opts = { .size = sizeof(opts), .flags = SKEP_NO_JIT };
	struct world interpreter = { .name = "interpreter" };

	open_place(&places[LINUX], world_linux());
	open_place(&places[JIT], world_skep());
	interpreter.skep = skep_new(&opts);
	REQUIRE(interpreter.skep);
	open_place(&places[INTERPRETER], interpreter);
}

/*
 * Where the data wrap, Linux shows the same memory twice, and Skep two memories: behind a header
 * that lies they differ, unless the producer writes to both.
 */
static void put(struct place *place, u64 position, const void *bytes, u32 size)
{
	for (u32 i = 0; i < size; i++) {
		u64 at = (position + i) & (RING - 1);

		place->data[at] = place->data[at + RING] = bytes ? ((const u8 *)bytes)[i] : 0;
	}
}

/* One record, the same everywhere; now and then one that lies about its length. */
static u64 produce(struct gen_rng *rng, u64 position)
{
	u32 free = RING - (u32)(position - load_acquire(places[LINUX].consumer));
	u32 size = gen_below(rng, 10) ? gen_below(rng, 40) : gen_below(rng, RING);
	u32 header = size, odd = gen_below(rng, 60);
	u64 word = gen_rand(rng), bytes = align_up(size + 8, 8);

	if (bytes > free || free > RING)
		return position;
	if (gen_below(rng, 8) == 0)
		header |= BPF_RINGBUF_DISCARD_BIT;
	if (odd == 0)
		header |= BPF_RINGBUF_BUSY_BIT;
	else if (odd == 1)
		header = (u32)gen_rand(rng);
	else if (odd == 2)
		header += 8;
	for (u32 i = 0; i < PLACES; i++) {
		put(&places[i], position + 8, NULL, (u32)bytes - 8);
		put(&places[i], position + 8, &word, MIN(size, 8u));
		put(&places[i], position, &header, sizeof(header));
	}
	return position + bytes + (odd == 3 ? 4 : 0);
}

static void drain(struct place *place, u64 position, u64 flags, struct outcome *out)
{
	u8 packet[64] = { 0 };
	u32 key = 0;

	*out = (struct outcome){ .flags = flags };
	store_release(place->producer, position);
	CHECK_EQ(map_update(&place->world, place->out, &key, out, 0), 0);
	CHECK_EQ(BPF(&place->world, BPF_PROG_TEST_RUN, attr_test_run, .prog_fd = (u32)place->prog,
		     .data_in = address(packet), .data_size_in = sizeof(packet), .repeat = 1),
		 0);
	CHECK_EQ(map_lookup(&place->world, place->out, &key, out), 0);
}

/* After nonsense nothing moves any more: what was produced is taken back. */
static u64 recover(u64 position)
{
	u64 consumed = load_acquire(places[LINUX].consumer);

	return position % 8 || consumed < position ? consumed : position;
}

TEST(drains_as_linux_does)
{
	static const u64 flags[] = { 0, 0, 0, BPF_RB_NO_WAKEUP, BPF_RB_FORCE_WAKEUP, 4, 1ull << 33 };
	const char *count = getenv("ROUNDS"), *first = getenv("SEED");
	u32 rounds = count ? (u32)atoi(count) : 20000, samples = 0, errors = 0;
	struct gen_rng rng = { first ? strtoull(first, NULL, 0) : 1 };
	struct outcome out[PLACES];
	bool agree = true;
	u64 position = 0;

	open_places();
	for (u32 round = 0; round < rounds && agree; round++) {
		u64 flag = flags[gen_below(&rng, ARRAY_SIZE(flags))];

		for (u32 n = gen_below(&rng, 12); n > 0 && position % 8 == 0; n--)
			position = produce(&rng, position);
		for (u32 i = 0; i < PLACES; i++)
			drain(&places[i], position, flag, &out[i]);
		for (u32 i = 1; i < PLACES; i++) {
			CHECK_EQ(out[i].ret, out[LINUX].ret);
			CHECK_EQ(out[i].hash, out[LINUX].hash);
			CHECK_EQ(*places[i].consumer, *places[LINUX].consumer);
			agree &= out[i].ret == out[LINUX].ret && out[i].hash == out[LINUX].hash &&
				 *places[i].consumer == *places[LINUX].consumer;
		}
		samples += out[LINUX].ret > 0 ? (u32)out[LINUX].ret : 0;
		errors += out[LINUX].ret < 0;
		if (gen_below(&rng, 3) == 0 || out[LINUX].ret < 0)
			position = recover(position);
	}
	test_note("%u rounds, %u samples, %u errors", rounds, samples, errors);
	CHECK(samples > rounds / 2 && errors > rounds / 50);
	for (u32 i = 0; i < PLACES; i++)
		close_place(&places[i]);
}

TEST(elements_there_are_none_of)
{
	struct world worlds[] = { world_skep(), world_linux() };
	u64 word = 0;

	for (u32 i = 0; i < ARRAY_SIZE(worlds); i++) {
		const struct world *w = &worlds[i];
		int fd = map_create(w, BPF_MAP_TYPE_USER_RINGBUF, 0, 0, RING, 0);

		REQUIRE(fd >= 0);
		CHECK_EQ(map_create(w, BPF_MAP_TYPE_USER_RINGBUF, 4, 0, RING, 0), -EINVAL);
		CHECK_EQ(map_create(w, BPF_MAP_TYPE_USER_RINGBUF, 0, 4, RING, 0), -EINVAL);
		CHECK_EQ(map_create(w, BPF_MAP_TYPE_USER_RINGBUF, 0, 0, RING + 1, 0), -EINVAL);
		CHECK_EQ(map_create(w, BPF_MAP_TYPE_USER_RINGBUF, 0, 0, 0, 0), -EINVAL);
		CHECK_EQ(map_create(w, BPF_MAP_TYPE_USER_RINGBUF, 0, 0, RING, BPF_F_MMAPABLE), -EINVAL);
		CHECK_EQ(map_lookup(w, fd, NULL, &word), -ENOTSUPP);
		CHECK_EQ(map_update(w, fd, NULL, &word, 0), -ENOTSUPP);
		CHECK_EQ(map_delete(w, fd, NULL), -ENOTSUPP);
		CHECK_EQ(map_next(w, fd, NULL, &word), -ENOTSUPP);
		close(fd);
	}
	world_end(&worlds[0]);
}
