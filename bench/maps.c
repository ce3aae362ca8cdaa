/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nanoseconds per map operation, Skep beside Linux on the same machine: the same key
 * sequence, the same operation, one thread. Skep's side calls the helper functions from C, as
 * generated code does; Linux's side is a program under PROG_TEST_RUN, from its JIT. Of each,
 * the cost of the same loop without the operation is taken away, and the best of several
 * rounds counts.
 *
 * The last line is the geometric mean of Linux's time by Skep's over the hashed types and
 * sizes (lookup: hits and misses; update: updates, and deletions with insertions; lru: all
 * of these for the LRU types; lpm: lookups of addresses in IPv4 prefixes with the lengths of a
 * routing table), and Skep's time for one 64-byte ring buffer record. Arrays are in the table only: generated
 * code inlines their lookup.
 */
#include <math.h>
#include <sys/mman.h>
#include <time.h>

#include "helpers/helpers.h"
#include "unit/linux_prog.h"

#define BATCH 4096
#define ROUNDS 150
#define MULTIPLIER 6364136223846793005ull
#define INCREMENT 1442695040888963407ull

enum operation { NOTHING, LOOKUP, MISS, UPDATE, DELETE_INSERT, OPERATIONS };

static const char *const names[] = { "", "lookup", "miss", "update", "del+ins" };

/* What the tests' helpers report, a bench cannot go on with. */
static void complain(const char *fmt, va_list args)
{
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
}

void test_note(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	complain(fmt, args);
	va_end(args);
}

void test_fail(const char *file, int line, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	complain(fmt, args);
	va_end(args);
	exit(1);
}

static u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000000u + (u64)ts.tv_nsec;
}

static u64 arg(const void *p)
{
	return (u64)(uintptr_t)p;
}

/* ---- Skep ---- */

static u64 sink, state = 1;

/* Inlined for each operation, as a program would have it. */
static ALWAYS_INLINE void batch(struct map *map, enum operation op, u64 entries, struct run_ctx *rc)
{
	u64 x = state, sum = 0;

	for (u32 i = 0; i < BATCH; i++) {
		u64 key[1], value[1] = { i }, *at;

		x = x * MULTIPLIER + INCREMENT;
		key[0] = (x >> 33 & (entries - 1)) + (op == MISS ? entries : 0);
		__asm__ volatile("" : : "r"(key), "r"(value) : "memory");
		switch (op) {
		case LOOKUP:
		case MISS:
			at = (u64 *)(uintptr_t)helper_map_lookup_elem(arg(map), arg(key), 0, 0, 0, rc);
			sum += at ? *at : 0;
			break;
		case DELETE_INSERT:
			sum += helper_map_delete_elem(arg(map), arg(key), 0, 0, 0, rc);
			FALLTHROUGH;
		case UPDATE:
			sum += helper_map_update_elem(arg(map), arg(key), arg(value), 0, 0, rc);
			break;
		default:
			break;
		}
	}
	state = x;
	sink += sum;
}

static NOINLINE void run_batch(struct map *map, enum operation op, u64 entries, struct run_ctx *rc)
{
	switch (op) {
	case LOOKUP:
		batch(map, LOOKUP, entries, rc);
		break;
	case MISS:
		batch(map, MISS, entries, rc);
		break;
	case UPDATE:
		batch(map, UPDATE, entries, rc);
		break;
	case DELETE_INSERT:
		batch(map, DELETE_INSERT, entries, rc);
		break;
	default:
		batch(map, NOTHING, entries, rc);
	}
}

/* Batches are short, so that on a busy machine some of them run undisturbed. */
static double skep_ns(struct map *map, enum operation op, u64 entries)
{
	struct run_ctx rc = { 0 };
	double best = 1e9;

	for (int round = 0; round < ROUNDS; round++) {
		u64 start = now_ns();

		run_batch(map, op, entries, &rc);
		best = MIN(best, (double)(now_ns() - start) / BATCH);
	}
	return best;
}

/* ---- Linux ---- */

static const char *const linux_bodies[] = {
	[NOTHING] = "",
	[LOOKUP] = "r1 = 0x1000000000 ll\n r2 = r10\n r2 += -8\n call 1\n"
		   "if r0 == 0 goto none\n r0 = *(u64 *)(r0 +0)\n none:\n",
	[UPDATE] = "r1 = 0x1000000000 ll\n r2 = r10\n r2 += -8\n r3 = r10\n r3 += -16\n r4 = 0\n"
		   "call 2\n",
	[DELETE_INSERT] = "r1 = 0x1000000000 ll\n r2 = r10\n r2 += -8\n call 3\n"
			  "r1 = 0x1000000000 ll\n r2 = r10\n r2 += -8\n r3 = r10\n r3 += -16\n"
			  "r4 = 0\n call 2\n",
};

/* The second map, of one value, keeps the state of the key sequence between runs. */
static int linux_loop(int map, int state_map, enum operation op, u64 entries)
{
	const char *body = op == MISS ? linux_bodies[LOOKUP] : linux_bodies[op];
	int maps[] = { map, state_map };
	char text[2048];

	snprintf(text, sizeof(text),
		 "*(u32 *)(r10 -4) = 0\n r1 = 0x1000000001 ll\n r2 = r10\n r2 += -4\n call 1\n"
		 "if r0 != 0 goto begin\n exit\n"
		 "begin:\n r6 = r0\n r7 = *(u64 *)(r6 +0)\n r9 = 0\n"
		 "loop:\n r1 = %llu ll\n r7 *= r1\n r1 = %llu ll\n r7 += r1\n"
		 "r1 = r7\n r1 >>= 33\n r1 &= %llu\n r1 += %llu\n *(u64 *)(r10 -8) = r1\n"
		 "*(u64 *)(r10 -16) = r9\n %s"
		 "r9 += 1\n if r9 < %d goto loop\n"
		 "*(u64 *)(r6 +0) = r7\n r0 = 0\n exit\n",
		 MULTIPLIER, INCREMENT, (unsigned long long)entries - 1,
		 (unsigned long long)(op == MISS ? entries : 0), body, BATCH);
	return linux_prog_load(text, maps, 2);
}

static double linux_ns(int map, enum operation op, u64 entries)
{
	int state_map = linux_map(BPF_MAP_TYPE_ARRAY, 4, 8, 1, 0);
	int prog = state_map < 0 ? -1 : linux_loop(map, state_map, op, entries);
	u32 result, duration = 0;
	double best = 1e9;

	for (int round = 0; prog >= 0 && round < ROUNDS; round++)
		if (linux_prog_run(prog, 1, &result, &duration) == 0)
			best = MIN(best, (double)duration / BATCH);
	if (prog >= 0)
		close(prog);
	if (state_map >= 0)
		close(state_map);
	return best < 1e8 ? best : NAN;
}

/* ---- the table ---- */

struct mean {
	double log_sum;
	u32 n;
};

static void mean_add(struct mean *mean, double ratio)
{
	if (isfinite(ratio) && ratio > 0) {
		mean->log_sum += log(ratio);
		mean->n++;
	}
}

static double mean_of(const struct mean *mean)
{
	return mean->n ? exp(mean->log_sum / mean->n) : NAN;
}

struct kind {
	u32 type, key_size;
	bool hashed;
};

static const struct kind kinds[] = {
	{ BPF_MAP_TYPE_ARRAY, 4, false },
	{ BPF_MAP_TYPE_PERCPU_ARRAY, 4, false },
	{ BPF_MAP_TYPE_HASH, 8, true },
	{ BPF_MAP_TYPE_PERCPU_HASH, 8, true },
	{ BPF_MAP_TYPE_LRU_HASH, 8, true },
	{ BPF_MAP_TYPE_LRU_PERCPU_HASH, 8, true },
};

static bool is_lru(const struct kind *kind)
{
	return kind->type == BPF_MAP_TYPE_LRU_HASH || kind->type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

static void fill(struct map *map, int linux_fd, u32 entries)
{
	u64 value[64] = { 0 };

	for (u64 key = 0; key < entries; key++) {
		map->ops->sys_update(map, &key, value, 0);
		if (linux_fd >= 0)
			linux_elem(BPF_MAP_UPDATE_ELEM, linux_fd, &key, value, 0);
	}
}

static void bench_one(const struct kind *kind, u32 entries, struct mean *lookup, struct mean *update)
{
	struct map *map = map_make(kind->type, kind->key_size, 8, entries, 0,
				   linux_possible_cpus());
	int fd = linux_map(kind->type, kind->key_size, 8, entries, 0);
	double ours_empty, theirs_empty;

	fill(map, fd, entries);
	ours_empty = skep_ns(map, NOTHING, entries);
	theirs_empty = fd < 0 ? NAN : linux_ns(fd, NOTHING, entries);
	for (enum operation op = LOOKUP; op < OPERATIONS; op++) {
		double ours, theirs;

		if (!kind->hashed && op == DELETE_INSERT)
			continue;
		ours = skep_ns(map, op, entries) - ours_empty;
		theirs = fd < 0 ? NAN : linux_ns(fd, op, entries) - theirs_empty;
		printf("%-13s %8u  %-8s %8.1f %8.1f %8.2f\n", map->ops->name, entries, names[op], ours,
		       theirs, theirs / ours);
		fflush(stdout);
		if (kind->hashed)
			mean_add(op <= MISS ? lookup : update, theirs / ours);
	}
	if (fd >= 0)
		close(fd);
	map_free(map);
}

static double skep_ring(struct map *map)
{
	u64 *positions = map->visible.addr;
	struct run_ctx rc = { 0 };
	double best = 1e9;

	for (int round = 0; round < ROUNDS; round++) {
		u64 start = now_ns();

		for (u32 i = 0; i < BATCH; i++) {
			u64 *record = (u64 *)(uintptr_t)helper_ringbuf_reserve(arg(map), 64, 0, 0, 0, &rc);

			record[0] = i;
			helper_ringbuf_submit(arg(record), BPF_RB_NO_WAKEUP, 0, 0, 0, &rc);
		}
		best = MIN(best, (double)(now_ns() - start) / BATCH);
		positions[0] = positions[512]; /* all consumed */
	}
	return best;
}

static double linux_ring(int fd, u32 size)
{
	static const char text[] =
		"r9 = 0\n loop:\n r1 = 0x1000000000 ll\n r2 = 64\n r3 = 0\n call 131\n"
		"if r0 == 0 goto out\n *(u64 *)(r0 +0) = r9\n r1 = r0\n r2 = 1\n call 132\n"
		"r9 += 1\n if r9 < 4096 goto loop\n out:\n r0 = 0\n exit\n";
	u64 *consumer = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	u64 *producer = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 4096);
	int prog = linux_prog_load(text, &fd, 1);
	u32 result, duration = 0;
	double best = 1e9;

	for (int round = 0; prog >= 0 && round < ROUNDS; round++) {
		if (linux_prog_run(prog, 1, &result, &duration) == 0)
			best = MIN(best, (double)duration / BATCH);
		store_release(consumer, load_acquire(producer));
	}
	if (prog >= 0)
		close(prog);
	munmap(consumer, 4096);
	munmap(producer, 4096);
	return best < 1e8 ? best : NAN;
}

static double bench_ring(void)
{
	const u32 size = 1 << 20;
	struct map *map = map_make(BPF_MAP_TYPE_RINGBUF, 0, 0, size, 0, 2);
	int fd = linux_map(BPF_MAP_TYPE_RINGBUF, 0, 0, size, 0);
	double ours, theirs;

	ours = skep_ring(map);
	theirs = fd < 0 ? NAN : linux_ring(fd, size);
	printf("%-13s %8u  %-8s %8.1f %8.1f %8.2f\n", "ringbuf", size, "record", ours, theirs,
	       theirs / ours);
	if (fd >= 0)
		close(fd);
	map_free(map);
	return ours;
}

/* ---- longest prefix match ---- */

#define LPM_ADDRESSES 65536

struct lpm_key {
	u32 len;
	u8 data[4];
};

/* An IPv4 routing table's lengths: how many of a thousand prefixes have which. */
static u32 lpm_length(u64 random)
{
	static const struct {
		u32 len, share;
	} shape[] = { { 24, 590 }, { 23, 100 }, { 22, 120 }, { 21, 50 }, { 20, 45 }, { 19, 30 },
		      { 18, 18 },  { 17, 10 },	{ 16, 20 },  { 15, 3 },	 { 14, 3 },  { 13, 2 },
		      { 12, 2 },   { 11, 2 },	{ 32, 2 },   { 28, 1 },	 { 10, 1 },  { 8, 1 } };
	u32 x = (u32)(random >> 40) % 1000;

	for (u32 i = 0; i < ARRAY_SIZE(shape); i++) {
		if (x < shape[i].share)
			return shape[i].len;
		x -= shape[i].share;
	}
	return 24;
}

static u64 lpm_random(u64 *x)
{
	*x = *x * MULTIPLIER + INCREMENT;
	return *x;
}

/* Fills both maps with the same prefixes, and addresses with what lies in some of them. */
static void lpm_fill(struct map *map, int fd, u32 entries, u8 (*addresses)[4])
{
	u64 x = 7, value = 1;

	for (u32 i = 0; i < entries; i++) {
		u64 random = lpm_random(&x);
		u32 address = (u32)(lpm_random(&x) >> 32), len = lpm_length(random);
		u32 host = len == 32 ? 0 : UINT32_MAX >> len;
		u32 prefix = __builtin_bswap32(address & ~host);
		struct lpm_key key = { .len = len };

		memcpy(key.data, &prefix, 4);
		map->ops->sys_update(map, &key, &value, 0);
		if (fd >= 0)
			linux_elem(BPF_MAP_UPDATE_ELEM, fd, &key, &value, 0);
		address = __builtin_bswap32(address);
		memcpy(addresses[(x >> 20) % LPM_ADDRESSES], &address, 4);
	}
}

static NOINLINE void lpm_batch(struct map *map, bool nothing, const u8 (*addresses)[4],
			       struct run_ctx *rc)
{
	u64 x = state, sum = 0;

	for (u32 i = 0; i < BATCH; i++) {
		struct lpm_key key = { .len = 32 };
		const u64 *at;

		x = x * MULTIPLIER + INCREMENT;
		memcpy(key.data, addresses[x >> 33 & (LPM_ADDRESSES - 1)], 4);
		__asm__ volatile("" : : "r"(&key) : "memory");
		if (nothing)
			continue;
		at = (u64 *)(uintptr_t)helper_map_lookup_elem(arg(map), arg(&key), 0, 0, 0, rc);
		sum += at ? *at : 0;
	}
	state = x;
	sink += sum;
}

static double lpm_skep(struct map *map, bool nothing, const u8 (*addresses)[4])
{
	struct run_ctx rc = { 0 };
	double best = 1e9;

	for (int round = 0; round < ROUNDS; round++) {
		u64 start = now_ns();

		lpm_batch(map, nothing, addresses, &rc);
		best = MIN(best, (double)(now_ns() - start) / BATCH);
	}
	return best;
}

static double lpm_linux(int map, bool nothing, int addresses)
{
	int state_map = linux_map(BPF_MAP_TYPE_ARRAY, 4, 8, 1, 0);
	int maps[] = { map, state_map, addresses };
	u32 result, duration = 0;
	double best = 1e9;
	char text[2048];
	int prog;

	snprintf(text, sizeof(text),
		 "*(u32 *)(r10 -4) = 0\n r1 = 0x1000000001 ll\n r2 = r10\n r2 += -4\n call 1\n"
		 "if r0 != 0 goto begin\n exit\n"
		 "begin:\n r6 = r0\n r7 = *(u64 *)(r6 +0)\n r9 = 0\n *(u32 *)(r10 -16) = 32\n"
		 "loop:\n r1 = %llu ll\n r7 *= r1\n r1 = %llu ll\n r7 += r1\n"
		 "r1 = r7\n r1 >>= 33\n r1 &= %u\n *(u32 *)(r10 -4) = r1\n"
		 "r1 = 0x1000000002 ll\n r2 = r10\n r2 += -4\n call 1\n if r0 == 0 goto none\n"
		 "r1 = *(u32 *)(r0 +0)\n *(u32 *)(r10 -12) = r1\n %s none:\n"
		 "r9 += 1\n if r9 < %d goto loop\n"
		 "*(u64 *)(r6 +0) = r7\n r0 = 0\n exit\n",
		 MULTIPLIER, INCREMENT, LPM_ADDRESSES - 1,
		 nothing ? "" : "r1 = 0x1000000000 ll\n r2 = r10\n r2 += -16\n call 1\n"
				"if r0 == 0 goto none\n r0 = *(u64 *)(r0 +0)\n",
		 BATCH);
	prog = linux_prog_load(text, maps, 3);
	for (int round = 0; prog >= 0 && round < ROUNDS; round++)
		if (linux_prog_run(prog, 1, &result, &duration) == 0)
			best = MIN(best, (double)duration / BATCH);
	if (prog >= 0)
		close(prog);
	close(state_map);
	return best < 1e8 ? best : NAN;
}

static void bench_lpm(u32 entries, struct mean *mean)
{
	static u8 addresses[LPM_ADDRESSES][4];
	struct map *map = map_make(BPF_MAP_TYPE_LPM_TRIE, sizeof(struct lpm_key), 8, entries,
				   BPF_F_NO_PREALLOC, linux_possible_cpus());
	int fd = linux_map(BPF_MAP_TYPE_LPM_TRIE, sizeof(struct lpm_key), 8, entries,
			   BPF_F_NO_PREALLOC);
	int table = linux_map(BPF_MAP_TYPE_ARRAY, 4, 4, LPM_ADDRESSES, 0);
	double ours, theirs = NAN;

	memset(addresses, 0, sizeof(addresses));
	lpm_fill(map, fd, entries, addresses);
	for (u32 i = 0; table >= 0 && i < LPM_ADDRESSES; i++)
		linux_elem(BPF_MAP_UPDATE_ELEM, table, &i, addresses[i], 0);
	ours = lpm_skep(map, false, (const u8(*)[4])addresses) -
	       lpm_skep(map, true, (const u8(*)[4])addresses);
	if (fd >= 0 && table >= 0)
		theirs = lpm_linux(fd, false, table) - lpm_linux(fd, true, table);
	printf("%-13s %8u  %-8s %8.1f %8.1f %8.2f\n", "lpm_trie", entries, "lookup", ours, theirs,
	       theirs / ours);
	fflush(stdout);
	mean_add(mean, theirs / ours);
	if (fd >= 0)
		close(fd);
	if (table >= 0)
		close(table);
	map_free(map);
}

/* With an argument: only map types whose name contains it. */
int main(int argc, char **argv)
{
	static const u32 sizes[] = { 1 << 10, 1 << 16, 1 << 20 };
	struct mean lookup = { 0 }, update = { 0 }, lru = { 0 }, lpm = { 0 };
	const char *why = linux_refuses();

	if (why)
		printf("Linux's maps cannot be measured here: %s\n", why);
	printf("%-13s %8s  %-8s %8s %8s %8s\n", "map", "entries", "ns", "skep", "linux", "ratio");
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (argc < 2 || strstr(map_ops_of(kinds[i].type)->name, argv[1]))
			for (size_t j = 0; j < ARRAY_SIZE(sizes); j++)
				bench_one(&kinds[i], sizes[j], is_lru(&kinds[i]) ? &lru : &lookup,
					  is_lru(&kinds[i]) ? &lru : &update);
	if (argc < 2 || strstr("lpm_trie", argv[1]))
		for (size_t j = 0; j < ARRAY_SIZE(sizes); j++)
			bench_lpm(sizes[j], &lpm);
	printf("geomean linux/skep lookup %.2f update %.2f lpm %.2f lru %.2f ringbuf %.1f ns\n",
	       mean_of(&lookup), mean_of(&update), mean_of(&lpm), mean_of(&lru), bench_ring());
	return sink == 1;
}
