/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any number of threads may call bpf(2) and run programs at once. This test is most useful
 * under ThreadSanitizer (suite "threads").
 */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "kernel/core.h"
#include "kernel/support.h"
#include "lib/test.h"

#define THREADS 4

static u64 now_ms(void)
{
	return os_clock_ns(OS_CLOCK_MONOTONIC) / 1000000;
}

struct job {
	struct world *w;
	u64 until;
	u32 index;
	int map, hash, array;
	struct prog_list *list;
	struct prog_object *a, *b;
	u64 rounds;
};

static void in_threads(void *(*body)(void *), struct job *shared)
{
	pthread_t threads[THREADS];
	struct job jobs[THREADS];
	u64 rounds = 0;

	shared->until = now_ms() + 700;
	for (u32 i = 0; i < THREADS; i++) {
		jobs[i] = *shared;
		jobs[i].index = i;
		REQUIRE(!pthread_create(&threads[i], NULL, body, &jobs[i]));
	}
	for (u32 i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		rounds += jobs[i].rounds;
	}
	CHECK(rounds > 0);
	test_note("%llu rounds", (unsigned long long)rounds);
}

static bool time_left(struct job *job)
{
	job->rounds++;
	return now_ms() < job->until;
}

/* Objects made, found by id, and closed, while others do the same. */
static void *objects_come_and_go(void *arg)
{
	struct job *job = arg;

	do {
		int map = map_create(job->w, BPF_MAP_TYPE_HASH, 4, 4, 8, 0);
		int prog = prog_load_return(job->w, BPF_PROG_TYPE_XDP, 1);
		u32 id = id_of(job->w, map);
		int again = BPF(job->w, BPF_MAP_GET_FD_BY_ID, attr_get_id, .id = id);

		CHECK(map >= 0 && prog >= 0 && again >= 0);
		CHECK_EQ(id_of(job->w, again), id);
		count_ids(job->w, BPF_PROG_GET_NEXT_ID);
		close(map);
		close(prog);
		close(again);
	} while (time_left(job));
	return NULL;
}

TEST(objects_in_threads)
{
	struct world w = world_skep();
	struct job job = { .w = &w };

	in_threads(objects_come_and_go, &job);
	CHECK_EQ(count_ids(&w, BPF_MAP_GET_NEXT_ID), 0);
	CHECK_EQ(count_ids(&w, BPF_PROG_GET_NEXT_ID), 0);
	world_end(&w);
}

/* One map, one prog array, used by all; a program runs meanwhile. */
static void *elements_change(void *arg)
{
	struct job *job = arg;
	int prog = prog_load_return(job->w, BPF_PROG_TYPE_XDP, 1);
	u8 packet[64] = { 0 };

	do {
		u32 key = job->rounds % 8;
		u64 value = key;

		map_update(job->w, job->hash, &key, &value, 0);
		map_lookup(job->w, job->hash, &key, &value);
		map_delete(job->w, job->hash, &key);
		map_update(job->w, job->array, &key, &prog, 0);
		map_lookup(job->w, job->array, &key, &value);
		map_delete(job->w, job->array, &key);
		BPF(job->w, BPF_PROG_TEST_RUN, attr_test_run, .prog_fd = (u32)job->map,
		    .data_in = address(packet), .data_size_in = sizeof(packet));
	} while (time_left(job));
	close(prog);
	return NULL;
}

TEST(elements_and_tail_calls_in_threads)
{
	struct world w = world_skep();
	struct job job = { .w = &w };

	job.hash = map_create(&w, BPF_MAP_TYPE_HASH, 4, 8, 8, 0);
	job.array = map_create(&w, BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 8, 0);
	struct bpf_insn insns[] = { LD_MAP_FD(BPF_REG_2, job.array), MOV_IMM(BPF_REG_3, 1),
				    INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_tail_call),
				    MOV_IMM(BPF_REG_0, 2), EXIT };
	job.map = prog_load(&w, BPF_PROG_TYPE_XDP, insns, ARRAY_SIZE(insns));
	REQUIRE(job.map >= 0);
	in_threads(elements_change, &job);
	close(job.hash);
	close(job.array);
	close(job.map);
	CHECK_EQ(count_ids(&w, BPF_PROG_GET_NEXT_ID), 0);
	world_end(&w);
}

/* Programs run from a list that one thread changes all the time. */
static void *list_runs_and_changes(void *arg)
{
	struct job *job = arg;
	struct link_object link = { 0 };
	struct prog_list_item item = { .prog = job->a, .link = &link };

	do {
		if (job->index) {
			u64 r0 = prog_list_run_all(job->w->skep, job->list, NULL, NULL);

			CHECK(r0 == 0 || r0 == 1 || r0 == 2);
			continue;
		}
		CHECK_EQ(prog_list_add(job->w->skep, job->list, &item), 0);
		CHECK_EQ(prog_list_replace(job->w->skep, job->list, &link, job->b), 0);
		CHECK_EQ(prog_list_remove(job->w->skep, job->list, &link), 0);
		CHECK_EQ(prog_list_remove(job->w->skep, job->list, &link), -ENOENT);
		skep_reclaim(job->w->skep);
	} while (time_left(job));
	return NULL;
}

TEST(lists_change_while_they_run)
{
	struct world w = world_skep();
	struct prog_list list = { 0 };
	int a = prog_load_return(&w, BPF_PROG_TYPE_RAW_TRACEPOINT, 1), err;
	int b = prog_load_return(&w, BPF_PROG_TYPE_RAW_TRACEPOINT, 2);
	struct job job = { .w = &w, .list = &list };

	job.a = prog_from_fd(w.skep, a, &err);
	job.b = prog_from_fd(w.skep, b, &err);
	REQUIRE(job.a && job.b);
	in_threads(list_runs_and_changes, &job);
	CHECK(prog_list_empty(&list));
	object_put(&job.a->base);
	object_put(&job.b->base);
	close(a);
	close(b);
	world_end(&w);
}

/* ---- budget, cancelling, slots ---- */

/* Loops 2^23 times: long enough for a test, unless it is ended. */
static const struct bpf_insn long_loop[] = {
	MOV_IMM(BPF_REG_6, 0),
	INSN(BPF_JMP | 0xe0 /* may_goto */, 0, 0, 2, 0),
	INSN(BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_6, 0, 0, 1),
	INSN(BPF_JMP | BPF_JA, 0, 0, -3, 0),
	MOV_IMM(BPF_REG_0, 0),
	EXIT,
};

static struct world world_with_budget(u64 budget, u32 cpus)
{
	struct skep_opts opts = { .size = sizeof(opts), .budget = budget, .cpus = cpus };
	struct world w = { .name = "skep", .skep = skep_new(&opts) };

	REQUIRE(w.skep);
	return w;
}

TEST(a_run_ends_with_its_budget)
{
	struct world w = world_with_budget(1000, 0);
	int fd = prog_load(&w, BPF_PROG_TYPE_RAW_TRACEPOINT, long_loop, ARRAY_SIZE(long_loop)), err;
	struct prog_object *prog;
	u64 r0 = 9;

	REQUIRE(fd >= 0);
	prog = prog_from_fd(w.skep, fd, &err);
	CHECK_EQ(skep_run(w.skep, prog, NULL, NULL, &r0), -ETIME);
	CHECK_EQ(r0, 0);
	CHECK_EQ(prog->budget_ended, 1);
	CHECK_EQ(prog->cancelled, 0);
	object_put(&prog->base);
	world_end(&w);
}

struct runner {
	struct world *w;
	struct prog_object *prog;
	u32 *started;
	int result;
};

static void *run_for_ever(void *arg)
{
	struct runner *runner = arg;
	u64 r0;

	store_release(runner->started, 1);
	do {
		runner->result = skep_run(runner->w->skep, runner->prog, NULL, NULL, &r0);
	} while (!runner->result);
	return NULL;
}

TEST(a_run_is_cancelled_by_another_thread)
{
	struct world w = world_with_budget(1ull << 60, 0);
	int fd = prog_load(&w, BPF_PROG_TYPE_RAW_TRACEPOINT, long_loop, ARRAY_SIZE(long_loop)), err;
	struct prog_object *prog, *other;
	u32 started = 0;
	struct runner runner = { .w = &w, .started = &started };
	pthread_t thread;
	u64 r0;

	REQUIRE(fd >= 0);
	runner.prog = prog = prog_from_fd(w.skep, fd, &err);
	fd = prog_load_return(&w, BPF_PROG_TYPE_RAW_TRACEPOINT, 4);
	other = prog_from_fd(w.skep, fd, &err);
	CHECK_EQ(run_cancel(w.skep, prog), 0);
	REQUIRE(!pthread_create(&thread, NULL, run_for_ever, &runner));
	while (!load_acquire(&started))
		;
	while (!run_cancel(w.skep, prog)) {
		CHECK_EQ(skep_run(w.skep, other, NULL, NULL, &r0), 0);
		CHECK_EQ(r0, 4);
	}
	pthread_join(thread, NULL);
	CHECK_EQ(runner.result, -ECANCELED);
	CHECK_EQ(prog->cancelled, 1);
	object_put(&prog->base);
	object_put(&other->base);
	world_end(&w);
}

/* (*per_cpu_counter)++, without atomics: right only if nobody else is in the slot. */
static void *count_in_slots(void *arg)
{
	struct job *job = arg;
	u64 r0, done = 0;

	do {
		int err = skep_run(job->w->skep, job->a, NULL, NULL, &r0);

		CHECK(err == 0 || err == -EBUSY);
		done += !err;
	} while (time_left(job));
	job->rounds = done;
	return NULL;
}

TEST(more_threads_than_slots_take_them_from_each_other)
{
	struct world w = world_with_budget(0, 2);
	int map = map_create(&w, BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8, 1, 0), fd, err;
	struct bpf_insn insns[] = {
		INSN(BPF_ST | BPF_MEM | BPF_W, BPF_REG_10, 0, -4, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_2, BPF_REG_10, 0, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_2, 0, 0, -4),
		LD_MAP_FD(BPF_REG_1, map),
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem),
		INSN(BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_0, 0, 3, 0),
		INSN(BPF_LDX | BPF_MEM | BPF_DW, BPF_REG_1, BPF_REG_0, 0, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_1, 0, 0, 1),
		INSN(BPF_STX | BPF_MEM | BPF_DW, BPF_REG_0, BPF_REG_1, 0, 0),
		MOV_IMM(BPF_REG_0, 0),
		EXIT,
	};
	u64 counters[2] = { 0 };
	struct job job = { .w = &w };
	pthread_t threads[THREADS];
	struct job jobs[THREADS];
	u64 runs = 0;
	u32 key = 0;

	fd = prog_load(&w, BPF_PROG_TYPE_RAW_TRACEPOINT, insns, ARRAY_SIZE(insns));
	REQUIRE(fd >= 0);
	job.a = prog_from_fd(w.skep, fd, &err);
	job.until = now_ms() + 500;
	for (u32 i = 0; i < THREADS; i++) {
		jobs[i] = job;
		REQUIRE(!pthread_create(&threads[i], NULL, count_in_slots, &jobs[i]));
	}
	for (u32 i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		runs += jobs[i].rounds;
	}
	CHECK_EQ(map_lookup(&w, map, &key, counters), 0);
	CHECK(runs > 0);
	CHECK_EQ(counters[0] + counters[1], runs);
	test_note("%llu runs, %llu misses", (unsigned long long)runs,
		  (unsigned long long)job.a->prog.misses);
	object_put(&job.a->base);
	world_end(&w);
}

TEST(without_a_free_slot_a_run_is_a_miss)
{
	struct world w = world_with_budget(0, 1);
	int fd = prog_load_return(&w, BPF_PROG_TYPE_RAW_TRACEPOINT, 4), err;
	struct prog_object *prog = prog_from_fd(w.skep, fd, &err);
	struct run_slot *slot = run_enter(w.skep, NULL);
	u64 r0;

	REQUIRE(slot);
	CHECK_EQ(skep_run(w.skep, prog, NULL, NULL, &r0), -EBUSY);
	CHECK_EQ(prog->prog.misses, 1);
	CHECK_EQ(run_prog(slot, prog, NULL), 4);
	run_leave(slot);
	CHECK_EQ(skep_run(w.skep, prog, NULL, NULL, &r0), 0);
	object_put(&prog->base);
	world_end(&w);
}
