/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three engines on the same random programs: the interpreter, the JIT, and the Linux this
 * runs on, through PROG_TEST_RUN of the same bytecode as a tc program. Result, packet, context
 * and maps must be equal. What Linux's verifier refuses is only counted.
 *
 *	SKEP_PROGRAMS=100000 SKEP_SEED=7 test-jit-linux
 */
#define _GNU_SOURCE
#include "jit/jit.h"

#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "jit/world.h"
#include "lib/test.h"

#define CB_WORDS 5 /* __sk_buff.cb is the context's plain memory */
#define HASH     3 /* which map */

static char verifier_log[1 << 16];

/* A union's initialiser says nothing of the bytes behind the member: only those up to it go. */
#define BPF(cmd, attr, last) \
	((int)syscall(SYS_bpf, cmd, attr, offsetof(union bpf_attr, last) + sizeof((attr)->last)))

static u64 ptr(const void *p)
{
	return (u64)(uintptr_t)p;
}

static u64 from_env(const char *name, u64 otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

/* -- maps -- */

static int make_map(const struct map *map)
{
	union bpf_attr attr = { .map_type = map->facts.type,
				.key_size = 4,
				.value_size = map->facts.value_size,
				.max_entries = map->facts.max_entries };

	return BPF(BPF_MAP_CREATE, &attr, max_entries);
}

static void put(int fd, u32 key, const void *value)
{
	union bpf_attr attr = { .map_fd = (u32)fd, .key = ptr(&key), .value = ptr(value) };

	CHECK_EQ(BPF(BPF_MAP_UPDATE_ELEM, &attr, flags), 0);
}

static bool get(int fd, u32 key, void *value)
{
	union bpf_attr attr = { .map_fd = (u32)fd, .key = ptr(&key), .value = ptr(value) };

	return BPF(BPF_MAP_LOOKUP_ELEM, &attr, flags) == 0;
}

static bool next_key(int fd, const u32 *key, u32 *next)
{
	union bpf_attr attr = { .map_fd = (u32)fd, .key = ptr(key), .next_key = ptr(next) };

	return BPF(BPF_MAP_GET_NEXT_KEY, &attr, next_key) == 0;
}

static void empty_hash(int fd)
{
	u32 key;

	while (next_key(fd, NULL, &key)) {
		union bpf_attr attr = { .map_fd = (u32)fd, .key = ptr(&key) };

		CHECK_EQ(BPF(BPF_MAP_DELETE_ELEM, &attr, key), 0);
	}
}

/* Linux's maps get what the world's memory holds. */
static void copy_maps_out(const struct world *world, const int *fds)
{
	for (u32 m = 0; m < HASH; m++)
		for (u32 i = 0; i < world->maps[m].facts.max_entries; i++)
			put(fds[m], i, world->maps[m].values + i * world->maps[m].stride);
	empty_hash(fds[HASH]);
	for (u32 i = 0; i < ARRAY_SIZE(world->memory.hash); i++)
		if (world->memory.hash[i].used)
			put(fds[HASH], world->memory.hash[i].key, world->memory.hash[i].value);
}

static bool arrays_equal(const struct world *world, const int *fds)
{
	u8 value[64];

	for (u32 m = 0; m < HASH; m++)
		for (u32 i = 0; i < world->maps[m].facts.max_entries; i++)
			if (!get(fds[m], i, value) ||
			    memcmp(value, world->maps[m].values + i * world->maps[m].stride,
				   world->maps[m].stride))
				return false;
	return true;
}

static bool hashes_equal(const struct world *world, int fd)
{
	u32 here = 0, there = 0, key;
	u64 value[4];

	for (const u32 *last = NULL; next_key(fd, last, &key); last = &key)
		there++;
	for (u32 i = 0; i < ARRAY_SIZE(world->memory.hash); i++) {
		if (!world->memory.hash[i].used)
			continue;
		here++;
		if (!get(fd, world->memory.hash[i].key, value) ||
		    memcmp(value, world->memory.hash[i].value, sizeof(value)))
			return false;
	}
	return here == there;
}

/* -- programs -- */

static int load_btf(void)
{
	u8 btf[GEN_BTF_SIZE];
	union bpf_attr attr = { .btf = ptr(btf), .btf_size = sizeof(btf) };

	gen_btf(btf);
	return BPF(BPF_BTF_LOAD, &attr, btf_log_level);
}

static int load_prog(const struct gen_prog *text, int btf)
{
	struct bpf_func_info funcs[GEN_MAX_FUNCS];
	union bpf_attr attr = { .prog_type = BPF_PROG_TYPE_SCHED_CLS,
				.insns = ptr(text->insns),
				.insn_cnt = text->len,
				.license = ptr("GPL"),
				.log_buf = ptr(verifier_log),
				.log_size = sizeof(verifier_log),
				.log_level = 4,
				.prog_btf_fd = (u32)btf,
				.func_info_rec_size = sizeof(funcs[0]),
				.func_info = ptr(funcs) };

	attr.func_info_cnt = gen_func_info(text, funcs);
	return BPF(BPF_PROG_LOAD, &attr, func_info_cnt);
}

/* Runs it in Linux on the world's memory; packet and context come back into it. */
static bool test_run(int fd, struct world *world, u32 *r0)
{
	struct world_memory *memory = &world->memory;
	struct __sk_buff skb = { 0 }, skb_out = { 0 };
	u32 len = (u32)(memory->ctx.data_end - memory->ctx.data);
	union bpf_attr attr = { .test = { .prog_fd = (u32)fd,
					  .data_in = ptr(memory->packet),
					  .data_size_in = len,
					  .data_out = ptr(memory->packet),
					  .data_size_out = len,
					  .ctx_in = ptr(&skb),
					  .ctx_size_in = sizeof(skb),
					  .ctx_out = ptr(&skb_out),
					  .ctx_size_out = sizeof(skb_out) } };

	memcpy(skb.cb, memory->ctx.scalars, sizeof(skb.cb));
	if (BPF(BPF_PROG_TEST_RUN, &attr, test.ctx_out))
		return false;
	memcpy(memory->ctx.scalars, skb_out.cb, sizeof(skb_out.cb));
	*r0 = attr.test.retval;
	return true;
}

/* -- the comparison -- */

struct linux_kernel {
	int maps[WORLD_MAPS];
	int btf;
};

struct totals {
	u64 programs, accepted, features[GEN_N_FEATURES];
};

static struct gen_opts options(u64 seed)
{
	struct gen_opts opts = world_gen_opts(seed);

	opts.features &= ~(u32)GEN_HELPERS;
	opts.n_maps = WORLD_MAPS - 1; /* which CPU Linux runs it on is not ours to say */
	opts.n_helpers = 0;
	opts.ctx.scalars_size = opts.ctx.writable_size = 4 * CB_WORDS;
	return opts;
}

/* The same program in Linux's terms: other offsets and names, same choices. */
static struct gen_opts linux_options(const struct gen_opts *ours, struct gen_map *maps,
				     const struct linux_kernel *kernel)
{
	struct gen_opts opts = *ours;

	for (u32 i = 0; i < ours->n_maps; i++) {
		maps[i] = ours->maps[i];
		maps[i].ref = kernel->maps[i];
		maps[i].ref_src = BPF_PSEUDO_MAP_FD;
		if (maps[i].value_ref_src)
			maps[i].value_ref_src = BPF_PSEUDO_MAP_VALUE;
	}
	opts.maps = maps;
	opts.ctx.data = offsetof(struct __sk_buff, data);
	opts.ctx.data_end = offsetof(struct __sk_buff, data_end);
	opts.ctx.ptr_size = 4;
	opts.ctx.scalars = offsetof(struct __sk_buff, cb);
	return opts;
}

static void compare(struct world *world, const struct image *image, int fd, u64 seed,
		    const struct linux_kernel *kernel)
{
	static struct outcome outcomes[2];
	struct prog progs[2] = { { .image = (struct image *)image },
				 { .image = (struct image *)image } };
	const char *what;
	u32 r0;

	REQUIRE(interp_prepare(&progs[0]) == 0 && jit_prepare(&progs[1]) == 0);
	world_fill(world, seed);
	copy_maps_out(world, kernel->maps);
	REQUIRE(test_run(fd, world, &r0));
	for (u32 i = 0; i < 2; i++) {
		static struct world_memory linux_memory;

		if (!i)
			linux_memory = world->memory;
		world_run(world, seed, &progs[i], 0, &outcomes[i]);
		what = (u32)outcomes[i].r0 != r0                                         ? "r0"
		       : memcmp(world->memory.packet, linux_memory.packet, WORLD_PACKET) ? "packet"
		       : memcmp(world->memory.ctx.scalars, linux_memory.ctx.scalars, 4 * CB_WORDS)
			   ? "context"
		       : !arrays_equal(world, kernel->maps)       ? "array"
		       : !hashes_equal(world, kernel->maps[HASH]) ? "hash"
								  : NULL;
		if (what)
			test_fail(__FILE__, __LINE__, "seed %llu: %s and Linux: %s differs",
				  (unsigned long long)seed, i ? "jit" : "interpreter", what);
	}
	interp_release(&progs[0]);
	jit_release(&progs[1]);
}

static void try_seed(struct world *world, u64 seed, const struct linux_kernel *kernel,
		     struct totals *totals)
{
	static struct gen_prog ours, theirs;
	struct gen_map maps[WORLD_MAPS];
	struct gen_opts opts = options(seed), linux_opts = linux_options(&opts, maps, kernel);
	struct test_image_opts image_opts = world_image_opts(world);
	struct image *image;
	int fd;

	gen_program(&opts, &ours);
	gen_program(&linux_opts, &theirs);
	REQUIRE(ours.len == theirs.len);
	image = test_image(ours.insns, ours.len, &image_opts);
	REQUIRE(image);
	totals->programs++;
	fd = load_prog(&theirs, kernel->btf);
	if (fd >= 0) {
		totals->accepted++;
		for (u32 i = 0; i < GEN_N_FEATURES; i++)
			totals->features[i] += ours.features >> i & 1;
		compare(world, image, fd, seed, kernel);
		close(fd);
	} else if (getenv("SKEP_REFUSED")) {
		test_note("seed %llu refused: %s", (unsigned long long)seed, strerror(errno));
	}
	image_free(image);
}

static bool open_kernel(struct linux_kernel *kernel, const struct world *world)
{
	kernel->btf = load_btf();
	for (u32 i = 0; i < WORLD_MAPS; i++) {
		kernel->maps[i] = make_map(&world->maps[i]);
		if (kernel->maps[i] < 0)
			return false;
	}
	return kernel->btf >= 0;
}

static void report(const struct totals *totals)
{
	test_note("Linux accepted %llu of %llu", (unsigned long long)totals->accepted,
		  (unsigned long long)totals->programs);
	for (u32 i = 0; i < GEN_N_FEATURES; i++)
		test_note("%5.1f%% with %s",
			  100.0 * (double)totals->features[i] / (double)totals->accepted,
			  gen_feature_names[i]);
}

TEST(both_engines_equal_linux)
{
	static struct world world;
	struct linux_kernel kernel;
	struct totals totals = { 0 };
	u64 first = from_env("SKEP_SEED", 1), n = from_env("SKEP_PROGRAMS", 500);

	world_init(&world);
	if (!open_kernel(&kernel, &world))
		SKIP("bpf(2) is not permitted here: %s", strerror(errno));
	for (u64 seed = first; seed < first + n; seed++)
		try_seed(&world, seed, &kernel, &totals);
	CHECK(totals.accepted > 0);
	report(&totals);
	for (u32 i = 0; i < WORLD_MAPS; i++)
		close(kernel.maps[i]);
	close(kernel.btf);
}
