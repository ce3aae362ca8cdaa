/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Maps of maps: what bpf(2) says, in Skep and in Linux, and programs that look through them
 * while the maps inside are exchanged and closed.
 */
#include <pthread.h>
#include <unistd.h>

#include "base/atomic.h"
#include "kernel/support.h"
#include "lib/test.h"

static int outer_create(const struct world *w, u32 type, u32 entries, int inner, u32 flags)
{
	return BPF(w, BPF_MAP_CREATE, attr_map_create, .map_type = type, .key_size = 4,
		   .value_size = 4, .max_entries = entries, .inner_map_fd = (u32)inner,
		   .map_flags = flags);
}

static int lookup_batch(const struct world *w, int fd, u32 *keys, u32 *values, u32 *count)
{
	union attr attr = { 0 };
	u32 cursor;
	int err;

	attr.batch = (struct attr_map_batch){ .out_batch = address(&cursor),
					      .keys = address(keys),
					      .values = address(values),
					      .count = *count,
					      .map_fd = (u32)fd };
	err = world_bpf(w, BPF_MAP_LOOKUP_BATCH, &attr, sizeof(attr));
	*count = attr.batch.count;
	return err;
}

/* ---- commands: both worlds run this ---- */

static void what_may_be_inside(const struct world *w, u32 type)
{
	int array = map_create(w, BPF_MAP_TYPE_ARRAY, 4, 8, 4, 0);
	int progs = map_create(w, BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 4, 0);
	int ring = map_create(w, BPF_MAP_TYPE_RINGBUF, 0, 0, 4096, 0);
	int outer = outer_create(w, type, 4, array, 0);
	int of_ring = outer_create(w, type, 4, ring, 0);
	int pipes[2];

	CHECK(outer >= 0 && of_ring >= 0);
	REQUIRE(pipe(pipes) == 0);
	CHECK_EQ(outer_create(w, type, 4, outer, 0), -EINVAL);
	CHECK_EQ(outer_create(w, type, 4, progs, 0), -ENOTSUPP);
	CHECK_EQ(outer_create(w, type, 4, pipes[0], 0), -EINVAL);
	CHECK_EQ(outer_create(w, type, 4, -1, 0), -EBADF);
	CHECK_EQ(outer_create(w, type, 0, array, 0), -EINVAL);
	CHECK_EQ(BPF(w, BPF_MAP_CREATE, attr_map_create, .map_type = type, .key_size = 4,
		     .value_size = 8, .max_entries = 4, .inner_map_fd = (u32)array),
		 -EINVAL);
	CHECK_EQ(outer_create(w, type, 4, array, BPF_F_INNER_MAP), -EINVAL);
	close(pipes[0]);
	close(pipes[1]);
	close(array);
	close(progs);
	close(ring);
	close(outer);
	close(of_ring);
}

static void which_maps_fit(const struct world *w, u32 type)
{
	int array = map_create(w, BPF_MAP_TYPE_ARRAY, 4, 8, 4, 0);
	int alike = map_create(w, BPF_MAP_TYPE_ARRAY, 4, 8, 4, 0);
	int larger = map_create(w, BPF_MAP_TYPE_ARRAY, 4, 8, 5, 0);
	int wider = map_create(w, BPF_MAP_TYPE_ARRAY, 4, 16, 4, 0);
	int flagged = map_create(w, BPF_MAP_TYPE_ARRAY, 4, 8, 4, BPF_F_INNER_MAP);
	int any = map_create(w, BPF_MAP_TYPE_ARRAY, 4, 8, 9, BPF_F_INNER_MAP);
	int hash = map_create(w, BPF_MAP_TYPE_HASH, 4, 8, 4, 0);
	int larger_hash = map_create(w, BPF_MAP_TYPE_HASH, 4, 8, 9, 0);
	int outer = outer_create(w, type, 4, array, 0);
	int outer_any = outer_create(w, type, 4, flagged, 0);
	int outer_hash = outer_create(w, type, 4, hash, 0);
	int fds[] = { array,	   alike,      larger,	   wider,	flagged,
		      any,	   hash,       larger_hash, outer,	outer_any, outer_hash };
	u32 key = 1;
	int none = -1;

	CHECK_EQ(map_update(w, outer, &key, &alike, BPF_ANY), 0);
	CHECK_EQ(map_update(w, outer, &key, &array, BPF_ANY), 0);
	CHECK_EQ(map_update(w, outer, &key, &larger, BPF_ANY), -EINVAL);
	CHECK_EQ(map_update(w, outer, &key, &wider, BPF_ANY), -EINVAL);
	CHECK_EQ(map_update(w, outer, &key, &flagged, BPF_ANY), -EINVAL);
	CHECK_EQ(map_update(w, outer, &key, &hash, BPF_ANY), -EINVAL);
	CHECK_EQ(map_update(w, outer, &key, &outer, BPF_ANY), -EINVAL);
	CHECK_EQ(map_update(w, outer, &key, &none, BPF_ANY), -EBADF);
	CHECK_EQ(map_update(w, outer_any, &key, &any, BPF_ANY), 0);
	CHECK_EQ(map_update(w, outer_any, &key, &array, BPF_ANY), -EINVAL);
	CHECK_EQ(map_update(w, outer_hash, &key, &larger_hash, BPF_ANY), 0);
	for (u32 i = 0; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
}

static void elements(const struct world *w, u32 type)
{
	bool is_hash = type == BPF_MAP_TYPE_HASH_OF_MAPS;
	int a = map_create(w, BPF_MAP_TYPE_ARRAY, 4, 8, 4, 0);
	int b = map_create(w, BPF_MAP_TYPE_ARRAY, 4, 8, 4, 0);
	int outer = outer_create(w, type, 2, a, 0);
	u32 key = 0, got = 0, next = 7, id_a = id_of(w, a), id_b = id_of(w, b);
	u32 keys[4], values[4], count = 4;

	CHECK_EQ(map_lookup(w, outer, &key, &got), -ENOENT);
	CHECK_EQ(map_delete(w, outer, &key), -ENOENT);
	CHECK_EQ(map_update(w, outer, &key, &a, BPF_EXIST), is_hash ? -ENOENT : -EINVAL);
	CHECK_EQ(map_update(w, outer, &key, &a, BPF_NOEXIST), is_hash ? 0 : -EINVAL);
	CHECK_EQ(map_update(w, outer, &key, &a, BPF_ANY), 0);
	CHECK_EQ(map_lookup(w, outer, &key, &got), 0);
	CHECK_EQ(got, id_a);
	CHECK_EQ(map_update(w, outer, &key, &b, BPF_ANY), 0);
	CHECK_EQ(map_lookup(w, outer, &key, &got), 0);
	CHECK_EQ(got, id_b);
	CHECK_EQ(map_update(w, outer, &key, &b, BPF_NOEXIST), is_hash ? -EEXIST : -EINVAL);
	CHECK_EQ(BPF(w, BPF_MAP_LOOKUP_AND_DELETE_ELEM, attr_map_elem, .map_fd = (u32)outer,
		     .key = address(&key), .value = address(&got)),
		 -ENOTSUPP);
	CHECK_EQ(map_next(w, outer, NULL, &next), 0);
	CHECK_EQ(next, 0);
	CHECK_EQ(map_next(w, outer, &key, &next), is_hash ? -ENOENT : 0);
	CHECK_EQ(lookup_batch(w, outer, keys, values, &count), -ENOENT);
	CHECK_EQ(count, 1);
	CHECK_EQ(values[0], id_b);
	key = 5;
	CHECK_EQ(map_update(w, outer, &key, &a, BPF_ANY), is_hash ? 0 : -E2BIG);
	CHECK_EQ(map_delete(w, outer, &key), is_hash ? 0 : -E2BIG);
	/* a map inside lives on without an fd of its own */
	close(b);
	CHECK(id_is_listed(w, BPF_MAP_GET_NEXT_ID, id_b));
	key = 0;
	CHECK_EQ(map_delete(w, outer, &key), 0);
	CHECK_EQ(map_delete(w, outer, &key), -ENOENT);
	close(a);
	close(outer);
}

static void both_types(const struct world *w)
{
	static const u32 types[] = { BPF_MAP_TYPE_ARRAY_OF_MAPS, BPF_MAP_TYPE_HASH_OF_MAPS };

	for (u32 i = 0; i < ARRAY_SIZE(types); i++) {
		what_may_be_inside(w, types[i]);
		which_maps_fit(w, types[i]);
		elements(w, types[i]);
	}
}

TEST(commands_answer_as_expected)
{
	struct world w = world_skep();

	both_types(&w);
	CHECK_EQ(count_ids(&w, BPF_MAP_GET_NEXT_ID), 0);
	world_end(&w);
}

TEST(linux_answers_the_same)
{
	struct world w = world_linux();

	both_types(&w);
	world_end(&w);
}

/* ---- programs ---- */

/* r0 = outer[0][0], 1 without an inner map, 2 without an element. */
static int load_reader(const struct world *w, int outer)
{
	struct bpf_insn insns[] = {
		INSN(BPF_ST | BPF_MEM | BPF_W, BPF_REG_10, 0, -4, 0),
		LD_MAP_FD(BPF_REG_1, outer),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_2, BPF_REG_10, 0, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_2, 0, 0, -4),
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem),
		INSN(BPF_JMP | BPF_JNE | BPF_K, BPF_REG_0, 0, 2, 0),
		MOV_IMM(BPF_REG_0, 1),
		EXIT,
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_1, BPF_REG_0, 0, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_2, BPF_REG_10, 0, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_2, 0, 0, -4),
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem),
		INSN(BPF_JMP | BPF_JNE | BPF_K, BPF_REG_0, 0, 2, 0),
		MOV_IMM(BPF_REG_0, 2),
		EXIT,
		INSN(BPF_LDX | BPF_MEM | BPF_DW, BPF_REG_0, BPF_REG_0, 0, 0),
		EXIT,
	};

	return prog_load(w, BPF_PROG_TYPE_XDP, insns, ARRAY_SIZE(insns));
}

static u32 run(const struct world *w, int prog)
{
	u8 packet[64] = { 0 };
	union attr attr = { 0 };

	attr.test = (struct attr_test_run){ .prog_fd = (u32)prog,
					    .data_in = address(packet),
					    .data_size_in = sizeof(packet) };
	CHECK_EQ(world_bpf(w, BPF_PROG_TEST_RUN, &attr, sizeof(attr)), 0);
	return attr.test.retval;
}

static int inner_with(const struct world *w, u32 type, u64 value)
{
	int fd = map_create(w, type, 4, 8, 1, 0);
	u32 key = 0;

	CHECK_EQ(map_update(w, fd, &key, &value, BPF_ANY), 0);
	return fd;
}

TEST(programs_look_through_maps_of_maps)
{
	static const u32 types[] = { BPF_MAP_TYPE_ARRAY_OF_MAPS, BPF_MAP_TYPE_HASH_OF_MAPS };
	struct world w = world_skep();
	u32 key = 0;

	for (u32 i = 0; i < 4; i++) {
		u32 inner_type = i & 1 ? BPF_MAP_TYPE_HASH : BPF_MAP_TYPE_ARRAY;
		int a = inner_with(&w, inner_type, 100), b = inner_with(&w, inner_type, 200);
		int outer = outer_create(&w, types[i / 2], 4, a, 0);
		int prog = load_reader(&w, outer);

		REQUIRE(prog >= 0);
		CHECK_EQ(run(&w, prog), 1);
		CHECK_EQ(map_update(&w, outer, &key, &a, BPF_ANY), 0);
		CHECK_EQ(run(&w, prog), 100);
		CHECK_EQ(map_update(&w, outer, &key, &b, BPF_ANY), 0);
		close(b);
		CHECK_EQ(run(&w, prog), 200);
		CHECK_EQ(map_delete(&w, outer, &key), 0);
		CHECK_EQ(run(&w, prog), 1);
		close(a);
		close(outer);
		close(prog);
	}
	CHECK_EQ(count_ids(&w, BPF_MAP_GET_NEXT_ID), 0);
	world_end(&w);
}

/* A map inside may have fewer entries than the one the verifier knew: no lookup is certain. */
TEST(inner_arrays_of_any_size_are_looked_up_with_care)
{
	struct world w = world_skep();
	int template = map_create(&w, BPF_MAP_TYPE_ARRAY, 4, 8, 8, BPF_F_INNER_MAP);
	int outer = outer_create(&w, BPF_MAP_TYPE_ARRAY_OF_MAPS, 1, template, 0);
	struct bpf_insn insns[] = {
		INSN(BPF_ST | BPF_MEM | BPF_W, BPF_REG_10, 0, -4, 0),
		LD_MAP_FD(BPF_REG_1, outer),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_2, BPF_REG_10, 0, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_2, 0, 0, -4),
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem),
		INSN(BPF_JMP | BPF_JNE | BPF_K, BPF_REG_0, 0, 1, 0),
		EXIT,
		INSN(BPF_ST | BPF_MEM | BPF_W, BPF_REG_10, 0, -4, 7),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_1, BPF_REG_0, 0, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_2, BPF_REG_10, 0, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_2, 0, 0, -4),
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem),
		INSN(BPF_LDX | BPF_MEM | BPF_DW, BPF_REG_0, BPF_REG_0, 0, 0),
		EXIT,
	};

	CHECK(outer >= 0);
	CHECK_EQ(prog_load(&w, BPF_PROG_TYPE_XDP, insns, ARRAY_SIZE(insns)), -EACCES);
	close(template);
	close(outer);
	world_end(&w);
}

/* ---- programs while the maps inside come and go ---- */

struct change {
	const struct world *w;
	int prog;
	u32 stop;
	u32 runs, odd;
};

static void *run_all_the_time(void *arg)
{
	struct change *c = arg;

	while (!load_acquire(&c->stop)) {
		u32 got = run(c->w, c->prog);

		c->odd += got > 2 && got != 100;
		c->runs++;
	}
	return NULL;
}

static void change(u32 type)
{
	struct world w = world_skep();
	int template = map_create(&w, BPF_MAP_TYPE_HASH, 4, 8, 1, 0);
	int other = map_create(&w, BPF_MAP_TYPE_ARRAY, 4, 4, 1, 0);
	int outer = outer_create(&w, type, 4, template, 0);
	int outer_other = outer_create(&w, type, 4, other, 0);
	struct change c = { .w = &w, .prog = load_reader(&w, outer) };
	pthread_t thread;
	u32 key = 0;

	REQUIRE(c.prog >= 0);
	REQUIRE(!pthread_create(&thread, NULL, run_all_the_time, &c));
	for (u32 i = 0; i < 1500; i++) {
		int inner = inner_with(&w, BPF_MAP_TYPE_HASH, 100);
		/* wants the place in the table that the last one has left */
		int stranger = map_create(&w, BPF_MAP_TYPE_ARRAY, 4, 4, 1, 0);

		CHECK_EQ(map_update(&w, outer, &key, &inner, BPF_ANY), 0);
		close(inner);
		CHECK_EQ(map_update(&w, outer_other, &key, &stranger, BPF_ANY), 0);
		close(stranger);
		if (i % 3 == 0)
			CHECK_EQ(map_delete(&w, outer, &key), 0);
	}
	store_release(&c.stop, 1);
	pthread_join(thread, NULL);
	CHECK_EQ(c.odd, 0);
	CHECK(c.runs > 0);
	close(c.prog);
	close(template);
	close(other);
	close(outer);
	close(outer_other);
	CHECK_EQ(count_ids(&w, BPF_MAP_GET_NEXT_ID), 0);
	world_end(&w);
}

TEST(arrays_of_maps_change_under_programs)
{
	change(BPF_MAP_TYPE_ARRAY_OF_MAPS);
}

TEST(hashes_of_maps_change_under_programs)
{
	change(BPF_MAP_TYPE_HASH_OF_MAPS);
}
