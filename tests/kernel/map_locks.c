/* SPDX-License-Identifier: Apache-2.0 */
/* Spin locks at run time: programs and bpf(2) commands with BPF_F_LOCK see and make whole values. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "isa/asm.h"
#include "kernel/support.h"
#include "lib/test.h"
#include "maps/value.h"
#include "verifier/lib/value.h"

#define THREADS 3
#define ROUNDS	20000

struct guarded {
	u32 lock, pad;
	u64 a, b;
};

/* One more in a, a moment later in b. */
static const char counts[] = "*(u32 *)(r10 - 4) = 0\n"
			     "r1 = map[fd:%d]\n"
			     "r2 = r10\n"
			     "r2 += -4\n"
			     "call bpf_map_lookup_elem\n"
			     "if r0 == 0 goto out\n"
			     "r6 = r0\n"
			     "r1 = r0\n"
			     "call bpf_spin_lock\n"
			     "r1 = *(u64 *)(r6 + 8)\n"
			     "r1 += 1\n"
			     "*(u64 *)(r6 + 8) = r1\n"
			     "r2 = 8\n"
			     "wait:\n"
			     "r2 += -1\n"
			     "if r2 != 0 goto wait\n"
			     "*(u64 *)(r6 + 16) = r1\n"
			     "r1 = r6\n"
			     "call bpf_spin_unlock\n"
			     "out:\n"
			     "r0 = 0\n"
			     "exit\n";

static int load_text(const struct world *w, const char *fmt, int map)
{
	struct asm_error error;
	insn_vec insns = { 0 };
	char text[1024];
	int fd;

	snprintf(text, sizeof(text), fmt, map);
	REQUIRE(isa_assemble(text, &insns, &error) == 0);
	fd = prog_load(w, BPF_PROG_TYPE_SCHED_CLS, insns.data, (u32)insns.len);
	vec_release(&insns);
	REQUIRE(fd >= 0);
	return fd;
}

static int map_of(const struct world *w, u32 type, const char *text)
{
	struct values values;
	u32 size, id, value_size;
	const void *raw;
	int btf, fd;

	REQUIRE(values_begin(&values) && value_add(&values, NULL, text, &id, &value_size));
	raw = btf_builder_data(values.builder, &size);
	btf = BPF(w, BPF_BTF_LOAD, attr_btf_load, .btf = address(raw), .btf_size = size);
	btf_builder_free(values.builder);
	fd = BPF(w, BPF_MAP_CREATE, attr_map_create, .map_type = type, .key_size = 4,
		 .value_size = value_size, .max_entries = 4, .btf_fd = (u32)btf,
		 .btf_key_type_id = values.int_id, .btf_value_type_id = id);
	REQUIRE(fd >= 0);
	close(btf);
	return fd;
}

static int lookup(const struct world *w, int map, struct guarded *out, u64 flags)
{
	u32 key = 0;

	return BPF(w, BPF_MAP_LOOKUP_ELEM, attr_map_elem, .map_fd = (u32)map, .key = address(&key),
		   .value = address(out), .flags = flags);
}

struct job {
	const struct world *w;
	int map, prog;
	int failed;
};

static void *run_many(void *arg)
{
	struct job *job = arg;
	u8 packet[64] = { 0 };

	for (u32 i = 0; i < ROUNDS / 1000; i++) {
		int err;

		/* All CPUs may be taken for a moment. */
		while ((err = BPF(job->w, BPF_PROG_TEST_RUN, attr_test_run,
				  .prog_fd = (u32)job->prog, .data_in = address(packet),
				  .data_size_in = sizeof(packet), .repeat = 1000)) == -EBUSY)
			usleep(100);
		job->failed |= err;
	}
	return NULL;
}

static void check_whole(u32 type)
{
	struct world w = world_skep();
	struct job jobs[THREADS];
	pthread_t threads[THREADS];
	struct guarded value = { 0 }, seen = { 0 };
	u32 key = 0, torn = 0;
	int map = map_of(&w, type, "lock int long long");
	int prog = load_text(&w, counts, map);

	value.lock = 77; /* nobody sees, or writes, the lock's bytes */
	CHECK_EQ(map_update(&w, map, &key, &value, 0), 0);
	for (u32 i = 0; i < THREADS; i++) {
		jobs[i] = (struct job){ &w, map, prog, 0 };
		REQUIRE(!pthread_create(&threads[i], NULL, run_many, &jobs[i]));
	}
	for (u32 i = 0; i < ROUNDS; i++) {
		CHECK_EQ(lookup(&w, map, &seen, BPF_F_LOCK), 0);
		torn += seen.a != seen.b;
	}
	for (u32 i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		CHECK_EQ(jobs[i].failed, 0);
	}
	CHECK_EQ(torn, 0);
	CHECK_EQ(lookup(&w, map, &seen, 0), 0);
	CHECK_EQ(seen.lock, 0);
	CHECK_EQ(seen.a, THREADS * ROUNDS);
	CHECK_EQ(seen.b, THREADS * ROUNDS);
	/* In place: the counters change, the lock stays free for the next. */
	value.a = value.b = 5;
	CHECK_EQ(map_update(&w, map, &key, &value, BPF_F_LOCK | BPF_EXIST), 0);
	CHECK_EQ(lookup(&w, map, &seen, BPF_F_LOCK), 0);
	CHECK_EQ(seen.a, 5);
	close(prog);
	close(map);
	world_end(&w);
}

TEST(an_array_value_is_whole)
{
	check_whole(BPF_MAP_TYPE_ARRAY);
}

TEST(a_hash_value_is_whole)
{
	check_whole(BPF_MAP_TYPE_HASH);
}

TEST(the_flag_needs_a_lock)
{
	struct world w = world_skep();
	struct guarded value = { 0 };
	u32 key = 0;
	int map = map_create(&w, BPF_MAP_TYPE_ARRAY, 4, sizeof(value), 1, 0);

	CHECK_EQ(map_update(&w, map, &key, &value, BPF_F_LOCK), -EINVAL);
	CHECK_EQ(lookup(&w, map, &value, BPF_F_LOCK), -EINVAL);
	close(map);
	world_end(&w);
}

/* A run that is cut short gives its lock back. */
TEST(a_run_out_of_budget_holds_nothing)
{
	static const char loops[] = "*(u32 *)(r10 - 4) = 0\n"
				    "r1 = map[fd:%d]\n"
				    "r2 = r10\n"
				    "r2 += -4\n"
				    "call bpf_map_lookup_elem\n"
				    "if r0 == 0 goto out\n"
				    "r6 = r0\n"
				    "r1 = r0\n"
				    "call bpf_spin_lock\n"
				    "r2 = 1000\n"
				    "wait:\n"
				    "r2 += -1\n"
				    "if r2 != 0 goto wait\n"
				    "r1 = r6\n"
				    "call bpf_spin_unlock\n"
				    "out:\n"
				    "r0 = 0\n"
				    "exit\n";
	struct skep_opts opts = { .size = sizeof(opts), .budget = 100 };
	struct world w = { .name = "skep", .skep = skep_new(&opts) };
	struct guarded value = { 0 };
	u8 packet[64] = { 0 };
	u32 key = 0;
	u64 start;
	int map, prog;

	REQUIRE(w.skep);
	map = map_of(&w, BPF_MAP_TYPE_ARRAY, "lock int long long");
	prog = load_text(&w, loops, map);
	BPF(&w, BPF_PROG_TEST_RUN, attr_test_run, .prog_fd = (u32)prog, .data_in = address(packet),
	    .data_size_in = sizeof(packet), .repeat = 1);
	start = os_clock_ns(OS_CLOCK_MONOTONIC);
	CHECK_EQ(map_update(&w, map, &key, &value, BPF_F_LOCK), 0);
	CHECK(os_clock_ns(OS_CLOCK_MONOTONIC) - start < MAP_LOCK_PATIENCE_NS / 2);
	close(prog);
	close(map);
	skep_free(w.skep);
}

TEST(a_dead_holder_keeps_no_lock)
{
	static struct epoch epoch;
	u32 word = 0;

	epoch_init(&epoch, 4);
	map_lock_take(&word, 2, &epoch);
	/* Nobody is in slot 1: the lock is had at once. */
	CHECK_EQ(map_lock_try(&word, 3, &epoch, 100000000), 0);
	/* What was taken away is not given back by who had it. */
	map_lock_drop(&word, 2);
	CHECK_EQ(map_lock_try(&word, 3, &epoch, 1000), -EDEADLK);
	CHECK_EQ(epoch_claim(&epoch, 2), 2);
	CHECK_EQ(map_lock_try(&word, 1, &epoch, 1000000), -ETIMEDOUT);
	map_lock_drop(&word, 3);
	CHECK_EQ(map_lock_try(&word, 1, &epoch, 1000000), 0);
}
