/* SPDX-License-Identifier: Apache-2.0 */
/* Each command of bpf(2) does what it says. What Linux says is in abi.c. */
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/core.h"
#include "kernel/pin.h"
#include "kernel/sha256.h"
#include "kernel/support.h"
#include "lib/test.h"

TEST(a_new_kernel_is_empty_and_leaves_nothing_behind)
{
	u32 fds = count_fds();
	struct world w = world_skep();

	CHECK_EQ(count_ids(&w, BPF_MAP_GET_NEXT_ID), 0);
	CHECK_EQ(count_ids(&w, BPF_PROG_GET_NEXT_ID), 0);
	CHECK_EQ(count_ids(&w, BPF_BTF_GET_NEXT_ID), 1); /* vmlinux */
	CHECK_EQ(count_ids(&w, BPF_LINK_GET_NEXT_ID), 0);
	world_end(&w);
	CHECK_EQ(count_fds(), fds);
}

TEST(freeing_a_kernel_frees_what_is_still_open)
{
	u32 fds = count_fds();
	struct world w = world_skep();
	int map = map_create(&w, BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 2, 0);
	int prog = prog_load_return(&w, BPF_PROG_TYPE_SOCKET_FILTER, 1);
	u32 zero = 0;

	REQUIRE(map >= 0 && prog >= 0);
	CHECK_EQ(map_update(&w, map, &zero, &prog, BPF_ANY), 0);
	world_end(&w);
	CHECK_EQ(fcntl(map, F_GETFD), FD_CLOEXEC);
	close(map);
	close(prog);
	CHECK_EQ(count_fds(), fds);
}

TEST(handles_are_named_as_in_linux)
{
	struct world w = world_skep();
	struct {
		int fd;
		const char *name;
	} handles[] = {
		{ map_create(&w, BPF_MAP_TYPE_HASH, 4, 4, 1, 0), "bpf-map" },
		{ map_create(&w, BPF_MAP_TYPE_RINGBUF, 0, 0, 4096, 0), "bpf-map" },
		{ map_create(&w, BPF_MAP_TYPE_ARRAY, 4, 4, 1, BPF_F_MMAPABLE), "bpf-map" },
		{ prog_load_return(&w, BPF_PROG_TYPE_XDP, 2), "bpf-prog" },
		{ btf_load(&w), "btf" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(handles); i++) {
		char path[64], link[128] = "";

		snprintf(path, sizeof(path), "/proc/self/fd/%d", handles[i].fd);
		CHECK(readlink(path, link, sizeof(link) - 1) > 0);
		CHECK(strstr(link, handles[i].name));
		close(handles[i].fd);
	}
	world_end(&w);
}

TEST(elements_of_a_hash)
{
	struct world w = world_skep();
	int map = map_create(&w, BPF_MAP_TYPE_HASH, 4, 8, 2, 0);
	u32 key = 7, next;
	u64 value = 70, got = 0;

	CHECK_EQ(map_lookup(&w, map, &key, &got), -ENOENT);
	CHECK_EQ(map_update(&w, map, &key, &value, BPF_EXIST), -ENOENT);
	CHECK_EQ(map_update(&w, map, &key, &value, BPF_NOEXIST), 0);
	CHECK_EQ(map_update(&w, map, &key, &value, BPF_NOEXIST), -EEXIST);
	CHECK_EQ(map_lookup(&w, map, &key, &got), 0);
	CHECK_EQ(got, 70);
	CHECK_EQ(map_next(&w, map, NULL, &next), 0);
	CHECK_EQ(next, 7);
	CHECK_EQ(map_next(&w, map, &key, &next), -ENOENT);
	CHECK_EQ(map_lookup(&w, map, (void *)8, &got), -EFAULT);
	CHECK_EQ(map_lookup(&w, map, &key, (void *)8), -EFAULT);
	CHECK_EQ(map_update(&w, map, &key, (void *)8, 0), -EFAULT);
	CHECK_EQ(map_delete(&w, map, &key), 0);
	CHECK_EQ(map_delete(&w, map, &key), -ENOENT);
	CHECK_EQ(map_lookup(&w, -1, &key, &got), -EBADF);
	CHECK_EQ(map_lookup(&w, 0, &key, &got), -EINVAL);
	world_end(&w);
}

static int batch(const struct world *w, int cmd, int map, void *in, void *out, void *keys,
		 void *values, u32 *count)
{
	union attr attr = { .batch = { .map_fd = (u32)map,
				       .in_batch = address(in),
				       .out_batch = address(out),
				       .keys = address(keys),
				       .values = address(values),
				       .count = *count } };
	int err = world_bpf(w, cmd, &attr, sizeof(attr));

	*count = attr.batch.count;
	return err;
}

TEST(batches_of_a_hash_with_large_keys)
{
	enum { N = 100 };
	struct key {
		u32 n;
		char more[60];
	} keys[N] = { 0 }, got_keys[N];
	u64 values[N], got_values[N], sum = 0;
	struct world w = world_skep();
	int map = map_create(&w, BPF_MAP_TYPE_HASH, sizeof(struct key), 8, N, 0);
	struct {
		u32 cursor, guard;
	} out = { 0, 0x12345678 };
	u32 count = N, seen = 0;
	int err;

	for (u32 i = 0; i < N; i++) {
		keys[i].n = i;
		values[i] = i;
	}
	CHECK_EQ(batch(&w, BPF_MAP_UPDATE_BATCH, map, NULL, NULL, keys, values, &count), 0);
	CHECK_EQ(count, N);
	do {
		count = 7;
		err = batch(&w, BPF_MAP_LOOKUP_BATCH, map, seen ? &out : NULL, &out, got_keys,
			    got_values, &count);
		for (u32 i = 0; i < count; i++) {
			CHECK_EQ(got_keys[i].n, got_values[i]);
			sum += got_values[i];
		}
		seen += count;
	} while (!err);
	CHECK_EQ(err, -ENOENT);
	CHECK_EQ(seen, N);
	CHECK_EQ(sum, N * (N - 1) / 2);
	CHECK_EQ(out.guard, 0x12345678);
	count = N;
	CHECK_EQ(batch(&w, BPF_MAP_LOOKUP_AND_DELETE_BATCH, map, NULL, &out, got_keys, got_values,
		       &count),
		 -ENOENT);
	CHECK_EQ(count, N);
	CHECK_EQ(map_next(&w, map, NULL, got_keys), -ENOENT);
	world_end(&w);
}

TEST(batches_of_an_array_go_by_key)
{
	u32 keys[4] = { 0, 1, 2, 3 }, values[4] = { 10, 11, 12, 13 }, got[4] = { 0 }, at, count = 4;
	struct world w = world_skep();
	int map = map_create(&w, BPF_MAP_TYPE_ARRAY, 4, 4, 4, 0);

	CHECK_EQ(batch(&w, BPF_MAP_UPDATE_BATCH, map, NULL, NULL, keys, values, &count), 0);
	count = 3;
	CHECK_EQ(batch(&w, BPF_MAP_LOOKUP_BATCH, map, NULL, &at, keys, got, &count), 0);
	CHECK_EQ(count, 3);
	CHECK_EQ(at, 2);
	CHECK_EQ(batch(&w, BPF_MAP_LOOKUP_BATCH, map, &at, &at, keys, got + 3, &count), -ENOENT);
	CHECK_EQ(count, 1);
	CHECK(!memcmp(got, values, sizeof(got)));
	CHECK_EQ(batch(&w, BPF_MAP_DELETE_BATCH, map, NULL, NULL, keys, NULL, &count), -ENOTSUPP);
	keys[1] = 99;
	count = 4;
	CHECK_EQ(batch(&w, BPF_MAP_UPDATE_BATCH, map, NULL, NULL, keys, values, &count), -E2BIG);
	CHECK_EQ(count, 1);
	world_end(&w);
}

TEST(fds_for_reading_or_writing_only)
{
	struct world w = world_skep();
	int rd = map_create(&w, BPF_MAP_TYPE_ARRAY, 4, 4, 1, BPF_F_RDONLY), wr;
	u32 key = 0, value = 5;

	CHECK_EQ(map_update(&w, rd, &key, &value, 0), -EPERM);
	CHECK_EQ(map_lookup(&w, rd, &key, &value), 0);
	wr = BPF(&w, BPF_MAP_GET_FD_BY_ID, attr_get_id, .id = id_of(&w, rd),
		 .open_flags = BPF_F_WRONLY);
	REQUIRE(wr >= 0);
	value = 5;
	CHECK_EQ(map_update(&w, wr, &key, &value, 0), 0);
	CHECK_EQ(map_lookup(&w, wr, &key, &value), -EPERM);
	CHECK_EQ(map_lookup(&w, rd, &key, &value), 0);
	CHECK_EQ(value, 5);
	CHECK_EQ(map_create(&w, BPF_MAP_TYPE_ARRAY, 4, 4, 1, BPF_F_RDONLY | BPF_F_WRONLY), -EINVAL);
	world_end(&w);
}

TEST(a_frozen_map_is_for_programs_only)
{
	struct world w = world_skep();
	int map = map_create(&w, BPF_MAP_TYPE_ARRAY, 4, 4, 1, BPF_F_MMAPABLE | BPF_F_RDONLY_PROG);
	u32 key = 0, value = 5, *shown;

	CHECK_EQ(map_update(&w, map, &key, &value, 0), 0);
	shown = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);
	REQUIRE(shown != MAP_FAILED);
	CHECK_EQ(*shown, 5);
	CHECK_EQ(map_freeze_fd(&w, map), -EBUSY);
	munmap(shown, 4096);
	CHECK_EQ(map_freeze_fd(&w, map), 0);
	CHECK_EQ(map_freeze_fd(&w, map), -EPERM);
	CHECK_EQ(map_update(&w, map, &key, &value, 0), -EPERM);
	CHECK_EQ(map_delete(&w, map, &key), -EPERM);
	CHECK_EQ(map_lookup(&w, map, &key, &value), 0);
	shown = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);
	CHECK(shown == MAP_FAILED && errno == EPERM);
	shown = mmap(NULL, 4096, PROT_READ, MAP_SHARED, map, 0);
	REQUIRE(shown != MAP_FAILED);
	CHECK_EQ(*shown, 5);
	munmap(shown, 4096);
	world_end(&w);
}

TEST(prog_arrays_hold_programs_and_show_ids)
{
	struct world w = world_skep();
	int map = map_create(&w, BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 4, 0);
	int a = prog_load_return(&w, BPF_PROG_TYPE_XDP, 1);
	int b = prog_load_return(&w, BPF_PROG_TYPE_SCHED_CLS, 1);
	u32 key = 1, id = id_of(&w, a), got = 0;

	CHECK_EQ(map_lookup(&w, map, &key, &got), -ENOENT);
	CHECK_EQ(map_update(&w, map, &key, &a, BPF_ANY), 0);
	CHECK_EQ(map_update(&w, map, &key, &b, BPF_ANY), -EINVAL);
	CHECK_EQ(map_update(&w, map, &key, &map, BPF_ANY), -EINVAL);
	CHECK_EQ(map_update(&w, map, &key, &a, BPF_NOEXIST), -EINVAL);
	key = 4;
	CHECK_EQ(map_update(&w, map, &key, &a, BPF_ANY), -E2BIG);
	key = 1;
	CHECK_EQ(map_lookup(&w, map, &key, &got), 0);
	CHECK_EQ(got, id);
	close(a);
	CHECK(id_is_listed(&w, BPF_PROG_GET_NEXT_ID, id));
	CHECK_EQ(map_delete(&w, map, &key), 0);
	CHECK_EQ(map_delete(&w, map, &key), -ENOENT);
	CHECK(!id_is_listed(&w, BPF_PROG_GET_NEXT_ID, id));
	world_end(&w);
}

/* A program in an array that it uses itself must not keep both alive. */
TEST(a_prog_array_lets_its_programs_go_with_its_last_fd)
{
	struct world w = world_skep();
	int map = map_create(&w, BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 1, 0);
	struct bpf_insn insns[] = { LD_MAP_FD(BPF_REG_2, map), MOV_IMM(BPF_REG_3, 0),
				    INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_tail_call),
				    MOV_IMM(BPF_REG_0, 0), EXIT };
	int prog = prog_load(&w, BPF_PROG_TYPE_XDP, insns, ARRAY_SIZE(insns));
	u32 key = 0;

	REQUIRE(prog >= 0);
	CHECK_EQ(map_update(&w, map, &key, &prog, BPF_ANY), 0);
	close(prog);
	CHECK_EQ(count_ids(&w, BPF_PROG_GET_NEXT_ID), 1);
	close(map);
	CHECK_EQ(count_ids(&w, BPF_PROG_GET_NEXT_ID), 0);
	CHECK_EQ(count_ids(&w, BPF_MAP_GET_NEXT_ID), 0);
	world_end(&w);
}

TEST(ids_go_up_and_are_not_used_again_at_once)
{
	struct world w = world_skep();
	int a = map_create(&w, BPF_MAP_TYPE_ARRAY, 4, 4, 1, 0), b, c;
	u32 first = id_of(&w, a);

	close(a);
	b = map_create(&w, BPF_MAP_TYPE_ARRAY, 4, 4, 1, 0);
	CHECK_EQ(id_of(&w, b), first + 1);
	w.skep->ids[OBJECT_MAP].last = INT32_MAX;
	c = map_create(&w, BPF_MAP_TYPE_ARRAY, 4, 4, 1, 0);
	CHECK_EQ(id_of(&w, c), 1);
	w.skep->ids[OBJECT_MAP].last = first;
	a = map_create(&w, BPF_MAP_TYPE_ARRAY, 4, 4, 1, 0);
	CHECK_EQ(id_of(&w, a), first + 2);
	CHECK_EQ(BPF(&w, BPF_MAP_GET_FD_BY_ID, attr_get_id, .id = 77), -ENOENT);
	world_end(&w);
}

TEST(names_are_checked)
{
	static const struct {
		const char *name;
		int result;
	} cases[] = {
		{ "fine_name.1", 0 },     { "", 0 },
		{ "exactly_15chars", 0 }, { "sixteen_chars_xx", -EINVAL },
		{ "a-b", -EINVAL },       { "a b", -EINVAL },
	};
	struct world w = world_skep();

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		union attr attr = { .map_create = { .map_type = BPF_MAP_TYPE_ARRAY,
						    .key_size = 4,
						    .value_size = 4,
						    .max_entries = 1 } };
		int fd;

		memcpy(attr.map_create.map_name, cases[i].name,
		       strnlen(cases[i].name, BPF_OBJ_NAME_LEN));
		fd = world_bpf(&w, BPF_MAP_CREATE, &attr, sizeof(attr));
		CHECK_EQ(fd < 0 ? fd : 0, cases[i].result);
	}
	world_end(&w);
}

TEST(pins_keep_objects_alive)
{
	struct world w = world_skep();
	int map = map_create(&w, BPF_MAP_TYPE_ARRAY, 4, 4, 1, 0), again;
	u32 id = id_of(&w, map);

	CHECK_EQ(BPF(&w, BPF_OBJ_PIN, attr_obj, .bpf_fd = (u32)map,
		     .pathname = address("/sys/fs/bpf/dir//map")),
		 0);
	CHECK_EQ(BPF(&w, BPF_OBJ_PIN, attr_obj, .bpf_fd = (u32)map,
		     .pathname = address("/sys/fs/bpf/dir/map")),
		 -EEXIST);
	CHECK_EQ(
	    BPF(&w, BPF_OBJ_PIN, attr_obj, .bpf_fd = (u32)map, .pathname = address("/tmp/map")),
	    -EPERM);
	CHECK_EQ(BPF(&w, BPF_OBJ_PIN, attr_obj, .bpf_fd = (u32)map,
		     .pathname = address("/no/such/dir/map")),
		 -ENOENT);
	close(map);
	CHECK(id_is_listed(&w, BPF_MAP_GET_NEXT_ID, id));
	again = BPF(&w, BPF_OBJ_GET, attr_obj, .pathname = address("/sys/fs/bpf/dir/map"));
	REQUIRE(again >= 0);
	CHECK_EQ(id_of(&w, again), id);
	close(again);
	CHECK_EQ(skep_unpin(w.skep, "/sys/fs/bpf/dir/map"), 0);
	CHECK_EQ(skep_unpin(w.skep, "/sys/fs/bpf/dir/map"), -ENOENT);
	CHECK(!id_is_listed(&w, BPF_MAP_GET_NEXT_ID, id));
	CHECK_EQ(BPF(&w, BPF_OBJ_GET, attr_obj, .pathname = address("/sys/fs/bpf/dir/map")),
		 -ENOENT);
	world_end(&w);
}

TEST(info_of_a_program)
{
	struct world w = world_skep();
	struct bpf_insn insns[] = { MOV_IMM(BPF_REG_0, 3), EXIT }, shown[8];
	struct abi_prog_info info = { 0 };
	u32 size = sizeof(info), n_maps = 0;
	u8 digest[SHA256_SIZE];
	int map = map_create(&w, BPF_MAP_TYPE_ARRAY, 4, 4, 1, 0);
	int prog = prog_load(&w, BPF_PROG_TYPE_SOCKET_FILTER, insns, 2);

	REQUIRE(prog >= 0);
	CHECK_EQ(info_of(&w, prog, &info, &size), 0);
	CHECK_EQ(size, sizeof(info));
	CHECK_EQ(info.type, BPF_PROG_TYPE_SOCKET_FILTER);
	CHECK_STR(info.name, "test");
	CHECK_EQ(info.xlated_prog_len, sizeof(insns));
	CHECK_EQ(info.verified_insns, 2);
	CHECK_EQ(info.gpl_compatible, 1);
	CHECK_EQ(info.nr_prog_tags, 1);
	sha256(digest, insns, sizeof(insns));
	CHECK(!memcmp(info.tag, digest, sizeof(info.tag)));
	CHECK_EQ(BPF(&w, BPF_PROG_BIND_MAP, attr_prog_bind_map, .prog_fd = (u32)prog,
		     .map_fd = (u32)map),
		 0);
	CHECK_EQ(BPF(&w, BPF_PROG_BIND_MAP, attr_prog_bind_map, .prog_fd = (u32)prog,
		     .map_fd = (u32)map),
		 0);
	info = (struct abi_prog_info){ .xlated_prog_len = sizeof(shown),
				       .xlated_prog_insns = address(shown),
				       .nr_map_ids = 1,
				       .map_ids = address(&n_maps) };
	size = sizeof(info);
	CHECK_EQ(info_of(&w, prog, &info, &size), 0);
	CHECK_EQ(info.nr_map_ids, 1);
	CHECK_EQ(n_maps, id_of(&w, map));
	CHECK(!memcmp(shown, insns, sizeof(insns)));
	world_end(&w);
}

TEST(the_presented_btf_is_found_by_its_id)
{
	struct world w = world_skep();
	char name[16] = "";
	struct abi_btf_info info = { .name = address(name), .name_len = sizeof(name) };
	int fd = BPF(&w, BPF_BTF_GET_FD_BY_ID, attr_get_id, .id = 1);
	u32 size = sizeof(info);

	REQUIRE(fd >= 0);
	CHECK_EQ(info_of(&w, fd, &info, &size), 0);
	CHECK_STR(name, "vmlinux");
	CHECK_EQ(info.kernel_btf, 1);
	CHECK(info.btf_size > 1000);
	CHECK_EQ(BPF(&w, BPF_MAP_CREATE, attr_map_create, .map_type = BPF_MAP_TYPE_ARRAY,
		     .key_size = 4, .value_size = 4, .max_entries = 1, .btf_fd = (u32)fd,
		     .btf_key_type_id = 1, .btf_value_type_id = 1),
		 -EACCES);
	close(fd);
	CHECK_EQ(count_ids(&w, BPF_BTF_GET_NEXT_ID), 1);
	world_end(&w);
}

TEST(statistics_count_while_somebody_wants_them)
{
	struct world w = world_skep();
	int prog = prog_load_return(&w, BPF_PROG_TYPE_XDP, 2), stats;
	struct abi_prog_info info = { 0 };
	u8 packet[64] = { 0 };
	u32 size = sizeof(info);

#define RUN(times)                                                      \
	BPF(&w, BPF_PROG_TEST_RUN, attr_test_run, .prog_fd = (u32)prog, \
	    .data_in = address(packet), .data_size_in = sizeof(packet), .repeat = times)
	CHECK_EQ(RUN(5), 0);
	CHECK_EQ(info_of(&w, prog, &info, &size), 0);
	CHECK_EQ(info.run_cnt, 0);
	stats = BPF(&w, BPF_ENABLE_STATS, attr_enable_stats, .type = BPF_STATS_RUN_TIME);
	REQUIRE(stats >= 0);
	CHECK_EQ(RUN(5), 0);
	memset(&info, 0, sizeof(info));
	CHECK_EQ(info_of(&w, prog, &info, &size), 0);
	CHECK_EQ(info.run_cnt, 5);
	CHECK(info.run_time_ns > 0);
	close(stats);
	CHECK_EQ(count_ids(&w, BPF_LINK_GET_NEXT_ID), 0);
	CHECK_EQ(RUN(5), 0);
	memset(&info, 0, sizeof(info));
	CHECK_EQ(info_of(&w, prog, &info, &size), 0);
	CHECK_EQ(info.run_cnt, 5);
#undef RUN
	world_end(&w);
}

TEST(a_test_run_answers_packet_size_and_what_does_not_fit)
{
	struct world w = world_skep();
	int prog = prog_load_return(&w, BPF_PROG_TYPE_SCHED_CLS, 7);
	u8 in[100], out[100] = { 0 };
	struct __sk_buff ctx = { .mark = 9 }, ctx_out = { 0 };
	union attr attr = { .test = { .prog_fd = (u32)prog,
				      .data_in = address(in),
				      .data_size_in = sizeof(in),
				      .data_out = address(out),
				      .data_size_out = sizeof(out),
				      .ctx_in = address(&ctx),
				      .ctx_size_in = sizeof(ctx),
				      .ctx_out = address(&ctx_out),
				      .ctx_size_out = sizeof(ctx_out),
				      .repeat = 3 } };

	memset(in, 0x5a, sizeof(in));
	CHECK_EQ(world_bpf(&w, BPF_PROG_TEST_RUN, &attr, sizeof(attr)), 0);
	CHECK_EQ(attr.test.retval, 7);
	CHECK_EQ(attr.test.data_size_out, sizeof(in));
	CHECK(!memcmp(in, out, sizeof(in)));
	CHECK_EQ(ctx_out.mark, 9);
	CHECK_EQ(ctx_out.ifindex, 1);
	CHECK_EQ(ctx_out.wire_len, sizeof(in));
	memset(out, 0, sizeof(out));
	attr.test.data_size_out = 10;
	CHECK_EQ(world_bpf(&w, BPF_PROG_TEST_RUN, &attr, sizeof(attr)), -ENOSPC);
	CHECK_EQ(attr.test.data_size_out, sizeof(in));
	CHECK(!memcmp(in, out, 10) && !out[10]);
	world_end(&w);
}

/* r0 = task->tgid, by way of bpf_get_current_task and bpf_probe_read_kernel. */
TEST(a_run_in_this_process_has_a_task)
{
	struct world w = world_skep();
	const struct bpf_insn insns[] = {
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_get_current_task),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_3, BPF_REG_0, 0, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_3, 0, 0,
		     offsetof(struct kernel_task_struct, tgid)),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_1, BPF_REG_10, 0, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_1, 0, 0, -8),
		MOV_IMM(BPF_REG_2, 4),
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_probe_read_kernel),
		INSN(BPF_LDX | BPF_MEM | BPF_W, BPF_REG_0, BPF_REG_10, -8, 0),
		EXIT,
	};
	int prog = prog_load(&w, BPF_PROG_TYPE_RAW_TRACEPOINT, insns, ARRAY_SIZE(insns));
	union attr attr = { .test = { .prog_fd = (u32)prog } };

	REQUIRE(prog >= 0);
	CHECK_EQ(world_bpf(&w, BPF_PROG_TEST_RUN, &attr, sizeof(attr)), 0);
	CHECK_EQ(attr.test.retval, getpid());
	world_end(&w);
}

TEST(a_custom_context_is_run_by_its_bytes)
{
	struct world w = world_skep();
	static const struct ctx_field fields[] = {
		{ .name = "a", .size = 8, .run_size = 8, .access = FIELD_READ },
		{ .name = "b",
		  .offset = 8,
		  .size = 8,
		  .run_offset = 8,
		  .run_size = 8,
		  .access = FIELD_READ | FIELD_WRITE },
	};
	static const struct ctx_layout layout = {
		.name = "request", .size = 16, .fields = fields, .n_fields = 2
	};
	u64 ctx[2] = { 40, 2 };
	struct bpf_insn insns[] = {
		INSN(BPF_LDX | BPF_MEM | BPF_DW, BPF_REG_0, BPF_REG_1, 0, 0),
		INSN(BPF_LDX | BPF_MEM | BPF_DW, BPF_REG_2, BPF_REG_1, 8, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_X, BPF_REG_0, BPF_REG_2, 0, 0),
		INSN(BPF_STX | BPF_MEM | BPF_DW, BPF_REG_1, BPF_REG_0, 8, 0),
		EXIT,
	};
	union attr attr = { .load = { .prog_type = PROG_TYPE_CUSTOM,
				      .expected_attach_type = 1,
				      .insn_cnt = ARRAY_SIZE(insns),
				      .insns = address(insns),
				      .license = address("") } };
	int prog;

	REQUIRE(custom_add_context(skep_custom(w.skep), &layout) == 1);
	prog = world_bpf(&w, BPF_PROG_LOAD, &attr, sizeof(attr));
	REQUIRE(prog >= 0);
	attr = (union attr){
		.test = { .prog_fd = (u32)prog, .ctx_in = address(ctx), .ctx_size_in = sizeof(ctx) }
	};
	CHECK_EQ(world_bpf(&w, BPF_PROG_TEST_RUN, &attr, sizeof(attr)), 0);
	CHECK_EQ(attr.test.retval, 42);
	CHECK_EQ(ctx[1], 42);
	attr.test.ctx_size_in = 8;
	CHECK_EQ(world_bpf(&w, BPF_PROG_TEST_RUN, &attr, sizeof(attr)), -EINVAL);
	world_end(&w);
}

TEST(a_log_that_does_not_fit_keeps_its_end)
{
	struct world w = world_skep();
	struct bpf_insn insns[] = { MOV_IMM(BPF_REG_0, 1), MOV_IMM(BPF_REG_0, 2),
				    MOV_IMM(BPF_REG_0, 3), EXIT };
	char whole[4096] = "", part[64] = "";
	union attr attr = { .load = { .prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
				      .insn_cnt = ARRAY_SIZE(insns),
				      .insns = address(insns),
				      .license = address("GPL"),
				      .log_level = 2,
				      .log_buf = address(whole),
				      .log_size = sizeof(whole) } };
	int fd = world_bpf(&w, BPF_PROG_LOAD, &attr, sizeof(attr));

	REQUIRE(fd >= 0);
	CHECK_EQ(attr.load.log_true_size, strlen(whole) + 1);
	REQUIRE(strlen(whole) > sizeof(part));
	attr.load.log_buf = address(part);
	attr.load.log_size = sizeof(part);
	CHECK_EQ(world_bpf(&w, BPF_PROG_LOAD, &attr, sizeof(attr)), -ENOSPC);
	CHECK_EQ(attr.load.log_true_size, strlen(whole) + 1);
	CHECK_STR(part, whole + strlen(whole) - (sizeof(part) - 1));
	attr.load.log_level = 2 | 8;
	CHECK_EQ(world_bpf(&w, BPF_PROG_LOAD, &attr, sizeof(attr)), -ENOSPC);
	CHECK(!memcmp(part, whole, sizeof(part) - 1) && !part[sizeof(part) - 1]);
	attr.load.log_buf = 8;
	CHECK_EQ(world_bpf(&w, BPF_PROG_LOAD, &attr, sizeof(attr)), -EFAULT);
	attr.load.log_buf = 0;
	attr.load.log_size = 0;
	fd = world_bpf(&w, BPF_PROG_LOAD, &attr, sizeof(attr));
	CHECK(fd >= 0);
	CHECK_EQ(attr.load.log_true_size, strlen(whole) + 1);
	world_end(&w);
}

TEST(exclusive_maps_know_their_program)
{
	struct world w = world_skep();
	struct bpf_insn insns[] = { LD_MAP_FD(BPF_REG_1, 0), MOV_IMM(BPF_REG_0, 0), EXIT };
	u8 hash[SHA256_SIZE];
	int map, prog;

	sha256(hash, insns, sizeof(insns));
	map = BPF(&w, BPF_MAP_CREATE, attr_map_create, .map_type = BPF_MAP_TYPE_ARRAY,
		  .key_size = 4, .value_size = 4, .max_entries = 1, .excl_prog_hash = address(hash),
		  .excl_prog_hash_size = sizeof(hash));
	REQUIRE(map >= 0);
	insns[0].imm = map;
	prog = prog_load(&w, BPF_PROG_TYPE_SOCKET_FILTER, insns, ARRAY_SIZE(insns));
	CHECK(prog >= 0);
	insns[2].imm = 1;
	CHECK_EQ(prog_load(&w, BPF_PROG_TYPE_SOCKET_FILTER, insns, ARRAY_SIZE(insns)), -EACCES);
	world_end(&w);
}

TEST(sha256_of_known_texts)
{
	static const u8 empty[4] = { 0xe3, 0xb0, 0xc4, 0x42 }, abc[4] = { 0xba, 0x78, 0x16, 0xbf };
	static const u8 million[4] = { 0xcd, 0xc7, 0x6e, 0x5c };
	u8 digest[SHA256_SIZE], *as = malloc(1000000);

	sha256(digest, "", 0);
	CHECK(!memcmp(digest, empty, 4));
	sha256(digest, "abc", 3);
	CHECK(!memcmp(digest, abc, 4));
	memset(as, 'a', 1000000);
	sha256(digest, as, 1000000);
	CHECK(!memcmp(digest, million, 4));
	free(as);
}
