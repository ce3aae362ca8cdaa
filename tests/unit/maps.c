/* SPDX-License-Identifier: Apache-2.0 */
/* Making, sharing, freezing and freeing maps; what each type says to bad requests. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "maps/table.h"
#include "unit/maps_common.h"

/* ---- what may be created: Linux is asked the same ---- */

static const u32 types[] = { BPF_MAP_TYPE_HASH,	       BPF_MAP_TYPE_ARRAY,
			     BPF_MAP_TYPE_PROG_ARRAY,  BPF_MAP_TYPE_PERCPU_HASH,
			     BPF_MAP_TYPE_PERCPU_ARRAY, BPF_MAP_TYPE_RINGBUF,
			     BPF_MAP_TYPE_QUEUE,       BPF_MAP_TYPE_STACK,
			     BPF_MAP_TYPE_LRU_HASH,    BPF_MAP_TYPE_LRU_PERCPU_HASH,
			     BPF_MAP_TYPE_LPM_TRIE,    BPF_MAP_TYPE_BLOOM_FILTER,
			     /* these can only be described; cpumap's size depends on Linux's
			      * configuration */
			     BPF_MAP_TYPE_PERF_EVENT_ARRAY, BPF_MAP_TYPE_STACK_TRACE,
			     BPF_MAP_TYPE_CGROUP_ARRAY, BPF_MAP_TYPE_DEVMAP,
			     BPF_MAP_TYPE_DEVMAP_HASH, BPF_MAP_TYPE_XSKMAP,
			     BPF_MAP_TYPE_SOCKMAP, BPF_MAP_TYPE_SOCKHASH,
			     BPF_MAP_TYPE_REUSEPORT_SOCKARRAY, BPF_MAP_TYPE_CGROUP_STORAGE,
			     BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE, 31 /* user_ringbuf */,
			     33 /* arena */ };

static int check_only(u32 type, u32 key, u32 value, u32 entries, u32 flags)
{
	struct map_create_params params = map_params(type, key, value, entries, flags, 2);
	struct map *map = NULL;
	int err;

	params.no_storage = true;
	err = map_new(&params, NULL, &map);
	CHECK_EQ(!err, map != NULL);
	CHECK(!map || (!map->store.addr && !map->visible.addr));
	map_free(map);
	return err;
}

static u32 any_flags(u64 *random)
{
	u32 flags = 0;

	if (rnd(random) & 1)
		return rnd(random) & 1 ? BPF_F_NO_PREALLOC : 0;
	for (u32 n = rnd_below(random, 3); n; n--)
		flags |= 1u << rnd_below(random, 15);
	return flags;
}

TEST(creation_is_refused_as_linux_refuses_it)
{
	static const u32 keys[] = { 0, 1, 4, 4, 4, 4, 5, 8, 64, 600, 4000000, 4194303, 4194304 };
	static const u32 values[] = { 0, 1, 4, 8, 8, 0, 32760, 32761, 32768, 32769, 300, 194251, 194252,
				      194255, 194256, 194257, 4194304 - 48 - 4, 4194304 - 48 - 3,
				      4194304 - 48 - 5, 0x7fffffff, 0x80000000u };
	static const u32 entries[] = { 0, 1, 2, 3, 4096, 8192, 4097, 12288, 1, 1, (1u << 27) + 1,
				       1u << 31, UINT32_MAX };
	const char *why = linux_refuses();
	u64 random = 3, ops = MIN(campaign("SKEP_MAPS_OPS", 2000), 100000ull), refused = 0, made = 0;

	if (why)
		SKIP("bpf(2) of this machine: %s", why);
	for (u64 i = 0; i < ops; i++) {
		u32 type = types[rnd_below(&random, ARRAY_SIZE(types))];
		bool ring = type == BPF_MAP_TYPE_RINGBUF && rnd_below(&random, 4);
		bool keyless = type == BPF_MAP_TYPE_QUEUE || type == BPF_MAP_TYPE_STACK ||
			       type == BPF_MAP_TYPE_BLOOM_FILTER;
		u32 key = ring || (keyless && rnd_below(&random, 4)) ? 0 : keys[rnd_below(&random, ARRAY_SIZE(keys))];
		u32 value = ring ? 0 : values[rnd_below(&random, ARRAY_SIZE(values))];
		u32 n = entries[rnd_below(&random, ARRAY_SIZE(entries))];
		u32 flags = any_flags(&random);
		int want, got;

		/* what would make Linux reserve gigabytes */
		if (n > 4 && (value > 1000 || key > 1000))
			n = 1;
		if (n > 100000 && value < 0x7fffffff && type != BPF_MAP_TYPE_HASH && type != BPF_MAP_TYPE_PERCPU_HASH)
			n = 4;
		want = linux_map(type, key, value, n, flags);
		got = check_only(type, key, value, n, flags);
		if (want >= 0)
			close(want);
		if (want == -ENOMEM)
			continue;
		refused += want < 0;
		made += want >= 0;
		if ((want < 0 ? want : 0) != got)
			test_fail(__FILE__, __LINE__,
				  "type %u key %u value %u entries %u flags %#x: Linux %d, Skep %d",
				  type, key, value, n, flags, want, got);
	}
	test_note("%llu made, %llu refused", (unsigned long long)made, (unsigned long long)refused);
	CHECK(made > ops / 50 && refused > ops / 10);
}

TEST(types_have_linux_names_and_others_are_absent)
{
	struct map_create_params params;
	struct map *map = NULL;

	CHECK_STR(map_ops_of(BPF_MAP_TYPE_HASH)->name, "hash");
	CHECK_STR(map_ops_of(BPF_MAP_TYPE_PERCPU_ARRAY)->name, "percpu_array");
	CHECK(!map_ops_of(BPF_MAP_TYPE_UNSPEC));
	CHECK(!map_ops_of(BPF_MAP_TYPE_CGROUP_ARRAY));
	CHECK(!map_ops_of(UINT32_MAX));
	/* described it may be, and not made */
	CHECK_EQ(check_only(BPF_MAP_TYPE_CGROUP_ARRAY, 4, 4, 8, 0), 0);
	params = map_params(BPF_MAP_TYPE_CGROUP_ARRAY, 4, 4, 8, 0, 1);
	CHECK_EQ(map_new(&params, NULL, &map), -EINVAL);
}

/* ---- memory ---- */

TEST(arrays_begin_zeroed_and_lie_as_inlined_lookups_expect)
{
	struct map *map = map_make(BPF_MAP_TYPE_ARRAY, 4, 12, 5, 0, 2);
	struct map *percpu = map_make(BPF_MAP_TYPE_PERCPU_ARRAY, 4, 12, 5, 0, 3);
	struct run_ctx rc = { .cpu = 2 };

	REQUIRE(map && percpu);
	CHECK_EQ(map->stride, 16);
	CHECK_EQ(map->index_mask, 7);
	CHECK_EQ(percpu->cpu_stride % 64, 0);
	for (u32 i = 0; i < 5; i++) {
		u8 *value = map->ops->lookup(map, &i, &rc);

		CHECK(value == map->values + i * map->stride);
		for (u32 j = 0; j < 12; j++)
			CHECK_EQ(value[j], 0);
		CHECK((u8 *)percpu->ops->lookup(percpu, &i, &rc) ==
		      percpu->values + i * percpu->stride + 2 * percpu->cpu_stride);
	}
	CHECK_EQ(map_sys_value_size(map), 12);
	CHECK_EQ(map_sys_value_size(percpu), 48);
	map_free(map);
	map_free(percpu);
}

TEST(mmapable_array_shows_its_values_and_nothing_else)
{
	struct map *map = map_make(BPF_MAP_TYPE_ARRAY, 4, 100, 3, BPF_F_MMAPABLE, 2);
	struct map *plain = map_make(BPF_MAP_TYPE_ARRAY, 4, 100, 3, 0, 2);
	u8 value[100], *seen;
	u32 key = 2;

	REQUIRE(map && plain);
	CHECK_EQ(plain->visible.fd, -1);
	REQUIRE(map->visible.fd >= 0);
	seen = mmap(NULL, map->visible.size, PROT_READ | PROT_WRITE, MAP_SHARED, map->visible.fd, 0);
	REQUIRE(seen != MAP_FAILED);
	memset(value, 0x5a, sizeof(value));
	CHECK_EQ(map->ops->sys_update(map, &key, value, 0), 0);
	CHECK_EQ(memcmp(seen + 2 * 104, value, 100), 0);
	seen[2 * 104 + 7] = 1;
	CHECK_EQ(map->ops->sys_lookup(map, &key, value, 0), 0);
	CHECK_EQ(value[7], 1);
	CHECK_EQ(ftruncate(map->visible.fd, 0), -1); /* sealed */
	munmap(seen, map->visible.size);
	map_free(map);
	map_free(plain);
}

TEST(value_addr_is_for_single_values_only)
{
	struct map *one = map_make(BPF_MAP_TYPE_ARRAY, 4, 100, 1, BPF_F_MMAPABLE, 2);
	struct map *two = map_make(BPF_MAP_TYPE_ARRAY, 4, 100, 2, 0, 2);

	REQUIRE(one && two);
	CHECK(one->ops->value_addr(one, 99) == one->values + 99);
	CHECK(!one->ops->value_addr(one, 100));
	CHECK(!two->ops->value_addr(two, 0));
	map_free(one);
	map_free(two);
}

static void freeze_with(bool shareable, u32 value_size)
{
	struct map_create_params params = map_params(BPF_MAP_TYPE_ARRAY, 4, value_size, 1,
						     BPF_F_MMAPABLE | BPF_F_RDONLY_PROG, 2);
	struct map *map;
	u32 key = 0;
	u8 *value = calloc(1, value_size), *seen;

	params.shareable = shareable;
	REQUIRE(value && !map_new(&params, NULL, &map));
	value[0] = 42;
	CHECK_EQ(map->ops->sys_update(map, &key, value, 0), 0);
	CHECK(!map->facts.const_values);
	CHECK_EQ(map_freeze(map), 0);
	CHECK_EQ(map_freeze(map), -EBUSY);
	REQUIRE(map->facts.frozen && map->facts.const_values);
	CHECK(map->facts.const_size >= value_size && map->facts.const_values[0] == 42);
	/* a writable mapping that somebody kept changes nothing for programs */
	seen = mmap(NULL, map->visible.size, PROT_READ | PROT_WRITE, MAP_SHARED, map->visible.fd, 0);
	REQUIRE(seen != MAP_FAILED);
	seen[0] = 66;
	CHECK_EQ(map->facts.const_values[0], 42);
	CHECK_EQ(map->ops->value_addr(map, 0)[0], 42);
	munmap(seen, map->visible.size);
	map_free(map);
	free(value);
}

TEST(freezing_gives_programs_a_copy_that_nobody_can_write)
{
	freeze_with(false, 16);
	freeze_with(true, 16);
	freeze_with(false, 300000);
}

TEST(prog_array_holds_indices)
{
	struct map *map = map_make(BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 3, 0, 2);
	u32 key = 1, prog = 17, far = 3, got = 0;

	REQUIRE(map);
	CHECK_EQ(map_prog_index(map, 1), 0);
	CHECK_EQ(map->ops->sys_lookup(map, &key, &got, 0), -ENOENT);
	CHECK_EQ(map->ops->sys_erase(map, &key), -ENOENT);
	CHECK_EQ(map->ops->sys_update(map, &key, &prog, BPF_NOEXIST), -EINVAL);
	CHECK_EQ(map->ops->sys_update(map, &far, &prog, 0), -E2BIG);
	CHECK_EQ(map->ops->sys_erase(map, &far), -E2BIG);
	CHECK_EQ(map->ops->sys_update(map, &key, &prog, 0), 0);
	CHECK_EQ(map_prog_index(map, 1), 17);
	CHECK_EQ(map_prog_index(map, 3), 0);
	CHECK_EQ(map_prog_index(map, UINT32_MAX), 0);
	CHECK_EQ(map->ops->sys_lookup(map, &key, &got, 0), 0);
	CHECK_EQ(got, 17);
	CHECK_EQ(map->ops->sys_erase(map, &key), 0);
	CHECK_EQ(map_prog_index(map, 1), 0);
	CHECK(!map->ops->lookup && !map->ops->update && !map->ops->erase);
	map_free(map);
}

/* ---- one map, seen twice at different addresses ---- */

static struct map *attach(const struct map *map)
{
	struct map_create_params params = { .facts = map->facts, .cpus = map->cpus,
					    .shareable = true };
	int store = map->store.fd >= 0 ? dup(map->store.fd) : -1;
	int visible = map->visible.fd >= 0 ? dup(map->visible.fd) : -1;
	struct map *other = NULL;

	CHECK_EQ(map_attach(&params, NULL, store, visible, &other), 0);
	return other;
}

static void both_ways(u32 type, u32 flags, u32 entries)
{
	struct map_create_params params = map_params(type, 4, 64, entries, flags, 2);
	struct run_ctx rc = { 0 };
	struct map *map = NULL, *other, *view[2];
	u64 random = type, value[32], got[32];

	params.shareable = true;
	REQUIRE(!map_new(&params, NULL, &map));
	other = attach(map);
	REQUIRE(other);
	CHECK(other->store.addr != map->store.addr || other->visible.addr != map->visible.addr);
	view[0] = map;
	view[1] = other;
	for (u32 i = 0; i < 20000; i++) {
		struct map *here = view[rnd(&random) & 1], *there = view[rnd(&random) & 1];
		u32 key = rnd_below(&random, entries);

		rnd_bytes(&random, value, 128);
		switch (rnd_below(&random, 3)) {
		case 0:
			CHECK_EQ(here->ops->sys_update(here, &key, value, 0), 0);
			CHECK_EQ(there->ops->sys_lookup(there, &key, got, 0), 0);
			CHECK_EQ(memcmp(value, got, map_sys_value_size(map)), 0);
			break;
		case 1:
			CHECK_EQ(here->ops->update(here, &key, value, 0, &rc), 0);
			REQUIRE(there->ops->lookup(there, &key, &rc));
			CHECK_EQ(memcmp(value, there->ops->lookup(there, &key, &rc), 64), 0);
			break;
		default:
			if (here->ops->sys_erase(here, &key) == 0)
				CHECK_EQ(there->ops->sys_lookup(there, &key, got, 0), -ENOENT);
		}
	}
	map_free(map); /* the other view lives on */
	CHECK_EQ(other->ops->sys_update(other, &(u32){ 1 }, value, 0), 0);
	map_free(other);
}

TEST(two_views_of_a_store_are_one_map)
{
	both_ways(BPF_MAP_TYPE_HASH, 0, 300);
	both_ways(BPF_MAP_TYPE_PERCPU_HASH, 0, 300);
	both_ways(BPF_MAP_TYPE_ARRAY, 0, 300);
	both_ways(BPF_MAP_TYPE_ARRAY, BPF_F_MMAPABLE, 300);
	both_ways(BPF_MAP_TYPE_PERCPU_ARRAY, 0, 300);
}

TEST(a_store_that_is_too_small_is_refused)
{
	struct map_create_params params = map_params(BPF_MAP_TYPE_HASH, 4, 64, 1000, 0, 2);
	int fd = memfd_create("short", 0);
	struct map *map = NULL;

	REQUIRE(fd >= 0 && !ftruncate(fd, 4096));
	CHECK(map_attach(&params, NULL, fd, -1, &map) < 0);
	CHECK(!map && fcntl(fd, F_GETFD) >= 0); /* still ours */
	close(fd);
}

/* ---- a store that somebody scribbles over ---- */

static u64 stop_soon(struct run_ctx *rc, u64 func, u64 map, u64 key, u64 value, u64 arg, u64 r5)
{
	return ++*(u64 *)(uintptr_t)arg > 1000;
}

static void use_all(struct map *map, u64 *random)
{
	struct run_ctx rc = { .cpu = 1, .call = stop_soon };
	u8 value[64], next[8], *at;
	u32 key = rnd_below(random, 64), position = 0;
	u64 calls = 0;

	map->ops->sys_update(map, &key, value, 0);
	map->ops->update(map, &key, value, 0, &rc);
	map->ops->sys_lookup(map, &key, value, 0);
	at = map->ops->lookup(map, &key, &rc);
	if (at)
		at[0]++;
	map->ops->sys_next(map, &key, next);
	map->ops->for_each(map, 0, (u64)(uintptr_t)&calls, 0, &rc);
	while (!map->ops->sys_walk(map, &position, next, value) && ++calls < 2000)
		;
	map->ops->sys_erase(map, &key);
	map->ops->memory(map);
}

static void scribble_over(u32 type)
{
	struct map_create_params params = map_params(type, 4, 16, 40, 0, 2);
	u64 random = type, rounds = campaign("SKEP_MAPS_OPS", 50000) / 50;
	struct map *map, *hostile;

	params.shareable = true;
	REQUIRE(!map_new(&params, NULL, &map));
	hostile = attach(map);
	REQUIRE(hostile);
	for (u64 i = 0; i < rounds; i++) {
		for (u32 n = rnd_below(&random, 40); n; n--) {
			u8 *at = (u8 *)hostile->store.addr + rnd_below(&random, 4000);

			/* small numbers make links that look right */
			if (rnd(&random) & 1)
				*at = (u8)rnd_below(&random, 50);
			else
				*at = (u8)rnd(&random);
		}
		use_all(map, &random);
	}
	map_free(map);
	map_free(hostile);
}

TEST(scribbled_stores_are_harmless)
{
	scribble_over(BPF_MAP_TYPE_HASH);
	scribble_over(BPF_MAP_TYPE_PERCPU_HASH);
}

TEST(scribbled_ring_buffers_are_harmless)
{
	struct map_create_params params = map_params(BPF_MAP_TYPE_RINGBUF, 0, 0, 4096, 0, 2);
	u64 random = 5, rounds = campaign("SKEP_MAPS_OPS", 50000), made = 0;
	struct run_ctx rc = { .cpu = 1 };
	struct map *map;

	params.shareable = true;
	REQUIRE(!map_new(&params, NULL, &map));
	for (u64 i = 0; i < rounds; i++) {
		u8 *record;

		((u64 *)map->store.addr)[rnd_below(&random, 40)] = rnd(&random) >> rnd_below(&random, 64);
		((u64 *)map->visible.addr)[rnd_below(&random, 2)] = rnd(&random) >> rnd_below(&random, 64);
		((u64 *)map->visible.addr)[512] = rnd(&random) >> rnd_below(&random, 64);
		((u64 *)map->visible.addr)[1024 + rnd_below(&random, 512)] = rnd(&random);
		record = ringbuf_reserve(map, rnd_below(&random, 5000), 0, &rc);
		if (record && ++made) {
			CHECK(record >= (u8 *)map->visible.addr + 8200 &&
			      record < (u8 *)map->visible.addr + map->visible.size);
			((u32 *)(void *)record)[-2] = (u32)rnd(&random);
			ringbuf_submit(record, 0, &rc);
		}
		if (i % 1000 == 0) /* may wait for others, who are not there */
			ringbuf_sweep(map, rnd_below(&random, 2));
	}
	CHECK_EQ(rc.n_held, 0);
	CHECK(made > rounds / 1000);
	map_free(map);
}

/* ---- out of memory, out of file descriptors, at every step ---- */

static int fail_in = -1; /* so many calls from now one fails */
static int fail_errno;

static bool failing(void)
{
	if (fail_in < 0 || fail_in-- > 0)
		return false;
	errno = fail_errno;
	return true;
}

/* The test's own versions of what os/linux.c calls come before libc's. */
void *mmap(void *addr, size_t size, int prot, int flags, int fd, off_t offset)
{
	if (failing())
		return MAP_FAILED;
	return (void *)syscall(SYS_mmap, addr, size, prot, flags, fd, offset);
}

int memfd_create(const char *name, unsigned flags)
{
	return failing() ? -1 : (int)syscall(SYS_memfd_create, name, flags);
}

int ftruncate(int fd, off_t size)
{
	return failing() ? -1 : (int)syscall(SYS_ftruncate, fd, size);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
void *__libc_calloc(size_t n, size_t size);

void *calloc(size_t n, size_t size)
{
	return failing() ? NULL : __libc_calloc(n, size);
}
#endif

static u32 open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	u32 n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

static u32 mappings(void)
{
	FILE *f = fopen("/proc/self/maps", "r");
	u32 n = 0;

	for (int c; f && (c = fgetc(f)) != EOF;)
		n += c == '\n';
	if (f)
		fclose(f);
	return n;
}

static void fail_everywhere(u32 type, u32 flags, bool shareable, int with)
{
	bool ring = type == BPF_MAP_TYPE_RINGBUF;
	struct map_create_params params = map_params(type, ring ? 0 : 4, ring ? 0 : 64,
						     ring ? 65536 : 4096, flags, 2);
	u32 fds = open_fds(), maps = mappings();
	struct map *map = NULL;
	int step = 0, err;

	params.shareable = shareable;
	do {
		fail_in = step++;
		fail_errno = with;
		err = map_new(&params, NULL, &map);
		fail_in = -1;
		CHECK(!err || err == -ENOMEM || err == -with);
		CHECK_EQ(!err, map != NULL);
	} while (err && step < 100);
	CHECK(step > 1 && step < 20);
	map_free(map);
	CHECK_EQ(open_fds(), fds);
	/* malloc may have grown its heap; a sanitizer's has a life of its own. */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	CHECK(mappings() <= maps + 1);
#else
	(void)maps;
#endif
}

TEST(running_out_leaves_nothing_behind)
{
	static const int errors[] = { ENOMEM, EMFILE };

	for (u32 i = 0; i < 4; i++) {
		bool shareable = i & 1;
		int with = errors[i / 2];

		fail_everywhere(BPF_MAP_TYPE_HASH, 0, shareable, with);
		fail_everywhere(BPF_MAP_TYPE_PERCPU_ARRAY, 0, shareable, with);
		fail_everywhere(BPF_MAP_TYPE_ARRAY, BPF_F_MMAPABLE, shareable, with);
		fail_everywhere(BPF_MAP_TYPE_RINGBUF, 0, shareable, with);
	}
}

TEST(a_map_too_large_for_anybody_is_refused)
{
	struct map_create_params params = map_params(BPF_MAP_TYPE_ARRAY, 4, 0x7fffffff, UINT32_MAX, 0,
						     2);
	struct map *map = NULL;

	CHECK_EQ(map_new(&params, NULL, &map), -ENOMEM);
	CHECK(!map);
}

TEST(memory_is_what_has_been_used)
{
	struct map *map = map_make(BPF_MAP_TYPE_HASH, 8, 8, 1 << 20, 0, 2);
	u64 empty, before;

	REQUIRE(map);
	empty = map->ops->memory(map);
	for (u64 key = 0; key < 1000; key++)
		map->ops->sys_update(map, &key, &key, 0);
	before = map->ops->memory(map);
	CHECK(before - empty == 1000 * 32);
	for (u64 key = 0; key < 1000; key++)
		map->ops->sys_erase(map, &key);
	for (u64 key = 5000; key < 6000; key++)
		map->ops->sys_update(map, &key, &key, 0);
	CHECK_EQ(map->ops->memory(map), before);
	map_free(map);
}

TEST(hundred_thousand_small_maps_exist_at_once)
{
	enum { MANY = 100000 };
	static struct map *maps[MANY];
	u32 made = 0, mapped = mappings();

	for (; made < MANY; made++) {
		struct map_create_params params = map_params(BPF_MAP_TYPE_HASH, 4, 8, 4, 0, 2);

		if (map_new(&params, NULL, &maps[made]))
			break;
		maps[made]->ops->sys_update(maps[made], &made, &(u64){ made }, 0);
	}
	CHECK_EQ(made, MANY);
	CHECK(mappings() < mapped + 1000);
	for (u32 i = 0; i < made; i++) {
		u64 value = 0;

		REQUIRE(maps[i]->ops->sys_lookup(maps[i], &i, &value, 0) == 0 && value == i);
		map_free(maps[i]);
	}
}
