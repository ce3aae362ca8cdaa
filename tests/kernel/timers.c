/* SPDX-License-Identifier: Apache-2.0 */
/* Timers that fire: callbacks get their map, key and value, may set themselves again, and end. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "kernel/support.h"
#include "lib/test.h"
#include "os/os.h"
#include "verifier/lib/value.h"

struct timed {
	u64 timer[2];
	u64 fired, key;
};

/* The element of key 2 gets a timer; r0 is what the steps answered, one byte each. */
static const char sets[] = "*(u32 *)(r10 - 4) = 2\n"
			   "r1 = map[fd:%d]\n"
			   "r2 = r10\n"
			   "r2 += -4\n"
			   "call bpf_map_lookup_elem\n"
			   "if r0 == 0 goto none\n"
			   "r6 = r0\n"
			   "r1 = r6\n"
			   "r2 = map[fd:%d]\n"
			   "r3 = 1\n"
			   "call bpf_timer_init\n"
			   "r7 = r0\n"
			   "r1 = r6\n"
			   "r2 = func cb\n"
			   "call bpf_timer_set_callback\n"
			   "r7 |= r0\n"
			   "r1 = r6\n"
			   "r2 = %d\n"
			   "r3 = 0\n"
			   "call bpf_timer_start\n"
			   "r7 |= r0\n"
			   "r0 = r7\n"
			   "exit\n"
			   "none:\n"
			   "r0 = 99\n"
			   "exit\n"
			   "cb:\n"
			   "r4 = *(u32 *)(r2 + 0)\n"
			   "*(u64 *)(r3 + 24) = r4\n"
			   "r4 = *(u64 *)(r3 + 16)\n"
			   "r4 += 1\n"
			   "*(u64 *)(r3 + 16) = r4\n"
			   "if r4 > 4 goto end\n"
			   "r1 = r3\n"
			   "r2 = 100000\n"
			   "r3 = 0\n"
			   "call bpf_timer_start\n"
			   "end:\n"
			   "r0 = 0\n"
			   "exit\n";

static const char cancels[] = "*(u32 *)(r10 - 4) = 2\n"
			      "r1 = map[fd:%d]\n"
			      "r2 = r10\n"
			      "r2 += -4\n"
			      "call bpf_map_lookup_elem\n"
			      "if r0 == 0 goto none\n"
			      "r1 = r0\n"
			      "call bpf_timer_cancel\n"
			      "none:\n"
			      "exit\n";

static int map_of(const struct world *w, u32 type, const char *text)
{
	struct values values;
	u32 size, id, value_size;
	int btf, fd;

	REQUIRE(values_begin(&values) && value_add(&values, NULL, text, &id, &value_size));
	btf = BPF(w, BPF_BTF_LOAD, attr_btf_load,
		  .btf = address(btf_builder_data(values.builder, &size)), .btf_size = size);
	btf_builder_free(values.builder);
	fd = BPF(w, BPF_MAP_CREATE, attr_map_create, .map_type = type, .key_size = 4,
		 .value_size = value_size, .max_entries = 8, .btf_fd = (u32)btf,
		 .btf_key_type_id = values.int_id, .btf_value_type_id = id);
	REQUIRE(fd >= 0);
	close(btf);
	return fd;
}

static s32 run(const struct world *w, int prog)
{
	u8 packet[64] = { 0 };
	union {
		union attr whole;
		struct attr_test_run run;
	} attr = { .run = { .prog_fd = (u32)prog, .data_in = address(packet),
			    .data_size_in = sizeof(packet), .repeat = 1 } };

	REQUIRE(world_bpf(w, BPF_PROG_TEST_RUN, &attr.whole, sizeof(attr.whole)) == 0);
	return (s32)attr.run.retval;
}

static struct timed element(const struct world *w, int map)
{
	struct timed value = { 0 };
	u32 key = 2;

	CHECK_EQ(map_lookup(w, map, &key, &value), 0);
	return value;
}

static u64 fired_within(const struct world *w, int map, u64 want, u32 ms)
{
	for (u32 i = 0; i < ms && element(w, map).fired < want; i++)
		usleep(1000);
	return element(w, map).fired;
}

static void check_type(u32 type, u32 flags)
{
	struct skep_opts opts = { .size = sizeof(opts), .flags = flags };
	struct world w = { .name = "skep", .skep = skep_new(&opts) };
	struct timed zero = { 0 }, seen;
	int map, set, cancel;
	char text[2048];
	u32 key = 2;

	REQUIRE(w.skep);
	map = map_of(&w, type, "timer long long");
	CHECK_EQ(map_update(&w, map, &key, &zero, 0), 0);
	snprintf(text, sizeof(text), sets, map, map, 100000);
	REQUIRE((set = prog_load_text(&w, text, true)) >= 0);
	snprintf(text, sizeof(text), cancels, map);
	REQUIRE((cancel = prog_load_text(&w, text, false)) >= 0);
	CHECK_EQ(run(&w, cancel), -EINVAL); /* never made */
	CHECK_EQ(run(&w, set), 0);
	CHECK_EQ(fired_within(&w, map, 5, 2000), 5);
	seen = element(&w, map);
	CHECK_EQ(seen.key, 2);
	CHECK_EQ(seen.timer[0], 0); /* what stands in the field is nobody's business */
	/* There already: but callback and time are set anew. */
	CHECK_EQ(run(&w, set), -EBUSY);
	CHECK_EQ(fired_within(&w, map, 6, 2000), 6);
	CHECK_EQ(run(&w, cancel), 0);
	/* One that would fire in an hour, cancelled; and one whose element goes. */
	snprintf(text, sizeof(text), sets, map, map, INT32_MAX);
	close(set);
	REQUIRE((set = prog_load_text(&w, text, true)) >= 0);
	CHECK_EQ(run(&w, set), -EBUSY);
	CHECK_EQ(run(&w, cancel), 1);
	CHECK_EQ(run(&w, set), -EBUSY);
	CHECK_EQ(map_update(&w, map, &key, &zero, 0), 0);
	CHECK_EQ(run(&w, cancel), -EINVAL);
	CHECK_EQ(run(&w, set), 0);
	close(cancel);
	close(set);
	close(map);
	skep_free(w.skep);
}

TEST(timers_of_an_array)
{
	check_type(BPF_MAP_TYPE_ARRAY, 0);
}

TEST(timers_of_a_hash)
{
	check_type(BPF_MAP_TYPE_HASH, 0);
}

TEST(timers_of_an_lru_hash_interpreted)
{
	check_type(BPF_MAP_TYPE_LRU_HASH, SKEP_NO_JIT);
}

/* A work queue calls as soon as it can. */
TEST(a_work_queue_calls)
{
	static const char queues[] = "*(u32 *)(r10 - 4) = 2\n"
				     "r1 = map[fd:%d]\n"
				     "r2 = r10\n"
				     "r2 += -4\n"
				     "call bpf_map_lookup_elem\n"
				     "if r0 == 0 goto none\n"
				     "r6 = r0\n"
				     "r1 = r6\n"
				     "r2 = map[fd:%d]\n"
				     "r3 = 0\n"
				     "r9 = 0x5eed0000\n"
				     "r7 = r0\n"
				     "r1 = r6\n"
				     "r2 = func cb\n"
				     "r3 = 0\n"
				     "r4 = 0\n"
				     "r9 = 0x5eed0001\n"
				     "r7 |= r0\n"
				     "r1 = r6\n"
				     "r2 = 0\n"
				     "r9 = 0x5eed0002\n"
				     "r7 |= r0\n"
				     "r0 = r7\n"
				     "exit\n"
				     "none:\n"
				     "r0 = 99\n"
				     "exit\n"
				     "cb:\n"
				     "r4 = *(u32 *)(r2 + 0)\n"
				     "*(u64 *)(r3 + 24) = r4\n"
				     "*(u64 *)(r3 + 16) = 1\n"
				     "r0 = 0\n"
				     "exit\n";
	struct world w = world_skep();
	struct timed zero = { 0 };
	char text[2048];
	u32 key = 2;
	int map = map_of(&w, BPF_MAP_TYPE_HASH, "wq long long"), set;

	CHECK_EQ(map_update(&w, map, &key, &zero, 0), 0);
	snprintf(text, sizeof(text), queues, map, map);
	REQUIRE((set = prog_load_text(&w, text, true)) >= 0);
	CHECK_EQ(run(&w, set), 0);
	CHECK_EQ(fired_within(&w, map, 1, 2000), 1);
	CHECK_EQ(element(&w, map).key, 2);
	close(set);
	close(map);
	world_end(&w);
}

/* A timer keeps its program, the program its map: what ends that is the map's last user. */
TEST(a_map_without_users_lets_its_timers_go)
{
	struct world w = world_skep();
	struct timed zero = { 0 };
	char text[2048];
	u32 key = 2, id;
	int map = map_of(&w, BPF_MAP_TYPE_ARRAY, "timer long long"), set;

	CHECK_EQ(map_update(&w, map, &key, &zero, 0), 0);
	snprintf(text, sizeof(text), sets, map, map, INT32_MAX);
	REQUIRE((set = prog_load_text(&w, text, true)) >= 0);
	id = id_of(&w, set);
	CHECK_EQ(run(&w, set), 0);
	close(set);
	CHECK(id_is_listed(&w, BPF_PROG_GET_NEXT_ID, id)); /* the timer has it */
	close(map);
	for (u32 i = 0; i < 500 && id_is_listed(&w, BPF_PROG_GET_NEXT_ID, id); i++)
		usleep(1000);
	CHECK(!id_is_listed(&w, BPF_PROG_GET_NEXT_ID, id));
	world_end(&w);
}

/* Its timer has expired and waits for the only CPU, which the program leaves after the element went. */
TEST(an_element_that_goes_while_its_timer_waits_is_not_called_for)
{
	static const char waits[] = "*(u32 *)(r10 - 4) = 2\n"
				    "r1 = map[fd:%d]\n"
				    "r2 = r10\n"
				    "r2 += -4\n"
				    "call bpf_map_lookup_elem\n"
				    "if r0 == 0 goto none\n"
				    "r6 = r0\n"
				    "r1 = r6\n"
				    "r2 = map[fd:%d]\n"
				    "r3 = 1\n"
				    "call bpf_timer_init\n"
				    "r1 = r6\n"
				    "r2 = func cb\n"
				    "call bpf_timer_set_callback\n"
				    "r1 = r6\n"
				    "r2 = 0\n"
				    "r3 = 0\n"
				    "call bpf_timer_start\n"
				    "r6 = 0\n"
				    "again:\n"
				    "r6 += 1\n"
				    "if r6 < 8000000 goto again\n"
				    "r1 = map[fd:%d]\n"
				    "r2 = r10\n"
				    "r2 += -4\n"
				    "call bpf_map_delete_elem\n"
				    "r0 = 0\n"
				    "exit\n"
				    "none:\n"
				    "r0 = 99\n"
				    "exit\n"
				    "cb:\n"
				    "r1 = map[fd:%d][0]+0\n"
				    "*(u64 *)(r1 + 0) = 1\n"
				    "r0 = 0\n"
				    "exit\n";
	struct skep_opts opts = { .size = sizeof(opts), .cpus = 1 };
	struct world w = { .name = "skep", .skep = skep_new(&opts) };
	struct timed zero = { 0 };
	char text[2048];
	u32 key = 2, first = 0;
	u64 called = 0;
	int map, seen, set;

	REQUIRE(w.skep);
	map = map_of(&w, BPF_MAP_TYPE_HASH, "timer long long");
	seen = map_create(&w, BPF_MAP_TYPE_ARRAY, 4, 8, 1, 0);
	snprintf(text, sizeof(text), waits, map, map, map, seen);
	REQUIRE((set = prog_load_text(&w, text, true)) >= 0);
	for (u32 i = 0; i < 3; i++) {
		CHECK_EQ(map_update(&w, map, &key, &zero, 0), 0);
		CHECK_EQ(run(&w, set), 0);
		usleep(2000);
	}
	CHECK_EQ(map_lookup(&w, seen, &first, &called), 0);
	CHECK_EQ(called, 0);
	close(set);
	close(seen);
	close(map);
	skep_free(w.skep);
}
