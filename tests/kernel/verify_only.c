/* SPDX-License-Identifier: Apache-2.0 */
/* A kernel that only verifies: everything can be described and judged, and nothing runs. */
#include "btf/btf.h"
#include "isa/asm.h"
#include "kernel/kernel.h"
#include "kernel/support.h"
#include "lib/test.h"
#include "model/model.h"

#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

static char log_text[1 << 14];

static int load_text(const struct world *w, u32 type, u32 attach_type, u32 flags, const char *fmt,
		     ...) __attribute__((format(printf, 5, 6)));
static int load_text(const struct world *w, u32 type, u32 attach_type, u32 flags, const char *fmt,
		     ...)
{
	struct asm_error error;
	insn_vec insns = { 0 };
	char text[1024];
	va_list args;
	int fd;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	REQUIRE(isa_assemble(text, &insns, &error) == 0);
	log_text[0] = 0;
	fd = BPF(w, BPF_PROG_LOAD, attr_prog_load, .prog_type = type, .insn_cnt = (u32)insns.len,
		 .insns = address(insns.data), .license = address("GPL"), .prog_flags = flags,
		 .expected_attach_type = attach_type, .log_buf = address(log_text),
		 .log_size = sizeof(log_text), .log_level = 1);
	vec_release(&insns);
	return fd;
}

static struct world verifier_world(struct kernel_model *model)
{
	struct world w = { .name = "verifier", .skep = skep_new_verifier(model) };

	REQUIRE(w.skep);
	w.cpus = skep_cpus(w.skep);
	return w;
}

static const struct {
	u32 type, key, value, entries, flags;
} maps[] = {
	{ BPF_MAP_TYPE_HASH, 4, 8, 1u << 27, 0 },
	{ BPF_MAP_TYPE_ARRAY, 4, 1 << 20, 1u << 20, 0 },
	{ BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 10, 0 },
	{ BPF_MAP_TYPE_PERF_EVENT_ARRAY, 4, 4, 10, 0 },
	{ BPF_MAP_TYPE_STACK_TRACE, 4, 8 * 127, 10, 0 },
	{ BPF_MAP_TYPE_CGROUP_ARRAY, 4, 4, 1, 0 },
	{ BPF_MAP_TYPE_DEVMAP, 4, 4, 1, 0 },
	{ BPF_MAP_TYPE_DEVMAP_HASH, 4, 8, 1, 0 },
	{ BPF_MAP_TYPE_CPUMAP, 4, 8, 1, 0 },
	{ BPF_MAP_TYPE_XSKMAP, 4, 4, 1, 0 },
	{ BPF_MAP_TYPE_SOCKMAP, 4, 8, 1, 0 },
	{ BPF_MAP_TYPE_SOCKHASH, 20, 4, 1, 0 },
	{ BPF_MAP_TYPE_REUSEPORT_SOCKARRAY, 4, 8, 1, 0 },
	{ BPF_MAP_TYPE_CGROUP_STORAGE, 16, 8, 0, 0 },
	{ BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE, 8, 8, 0, 0 },
	{ BPF_MAP_TYPE_SK_STORAGE, 4, 8, 0, BPF_F_NO_PREALLOC },
	{ BPF_MAP_TYPE_TASK_STORAGE, 4, 8, 0, BPF_F_NO_PREALLOC },
	{ 31 /* user_ringbuf */, 0, 0, 4096, 0 },
};
TEST(every_map_type_can_be_described)
{
	struct world w = verifier_world(NULL);

	for (u32 i = 0; i < ARRAY_SIZE(maps); i++) {
		u64 key[4] = { 0 };
		u8 value[1024] = { 0 };
		int fd = map_create(&w, maps[i].type, maps[i].key, maps[i].value, maps[i].entries,
				    maps[i].flags);

		/* what is kept with kernel objects must be described */
		if (maps[i].flags & BPF_F_NO_PREALLOC) {
			CHECK_EQ(fd, -EINVAL);
			continue;
		}
		if (fd < 0) {
			test_fail(__FILE__, __LINE__, "map type %u: %d", maps[i].type, fd);
			continue;
		}
		if (maps[i].key && maps[i].value <= sizeof(value)) {
			CHECK_EQ(map_update(&w, fd, key, value, 0), 0);
			CHECK_EQ(map_lookup(&w, fd, key, value), -ENOENT);
			CHECK_EQ(map_delete(&w, fd, key), -ENOENT);
		}
		close(fd);
	}
	CHECK_EQ(map_create(&w, BPF_MAP_TYPE_CPUMAP, 4, 16, 1, 0), -EINVAL);
	CHECK_EQ(map_create(&w, BPF_MAP_TYPE_SK_STORAGE, 4, 8, 0, 0), -EINVAL);
	CHECK_EQ(map_create(&w, 99, 4, 8, 1, 0), -EINVAL);
	world_end(&w);
	w = world_skep();
	CHECK_EQ(map_create(&w, BPF_MAP_TYPE_SOCKMAP, 4, 8, 1, 0), -EINVAL);
	world_end(&w);
}

/* char[size] */
static s32 bytes_type(struct btf_builder *b, s32 chars, s32 number, u32 size)
{
	return btf_add_array(b, (u32)chars, (u32)number, size);
}

static int create_with_btf(const struct world *w, u32 i, bool with_key)
{
	struct btf_builder *b = btf_builder_new();
	s32 number = btf_add_int(b, "int", 4, BTF_INT_SIGNED), chars = btf_add_int(b, "char", 1, 0), key,
	    value;
	const void *data;
	int btf, fd;
	u32 size;

	value = bytes_type(b, chars, number, maps[i].value);
	key = maps[i].key == 4 ? number : bytes_type(b, chars, number, maps[i].key);
	data = btf_builder_data(b, &size);
	btf = BPF(w, BPF_BTF_LOAD, attr_btf_load, .btf = address(data), .btf_size = size);
	REQUIRE(btf >= 0);
	fd = BPF(w, BPF_MAP_CREATE, attr_map_create, .map_type = maps[i].type,
		 .key_size = maps[i].key, .value_size = maps[i].value,
		 .max_entries = MIN(maps[i].entries, 8192u), .map_flags = maps[i].flags,
		 .btf_fd = (u32)btf, .btf_key_type_id = with_key ? (u32)key : 0,
		 .btf_value_type_id = (u32)value);
	if (fd >= 0)
		close(fd);
	close(btf);
	btf_builder_free(b);
	return fd < 0 ? fd : 0;
}

TEST(btf_of_maps_is_refused_as_linux_refuses_it)
{
	struct world theirs = world_linux(), ours = verifier_world(NULL);

	for (u32 i = 0; i < ARRAY_SIZE(maps); i++)
		for (u32 with_key = 0; with_key < 2; with_key++) {
			int a, b;

			if (!maps[i].key || !maps[i].value || maps[i].value > 4096)
				continue;
			a = create_with_btf(&ours, i, with_key);
			b = create_with_btf(&theirs, i, with_key);
			if (a != b)
				test_fail(__FILE__, __LINE__, "map type %u, %s key: ours %d, Linux %d",
					  maps[i].type, with_key ? "with" : "without", a, b);
		}
	world_end(&ours);
	world_end(&theirs);
}

/* The branch that the constant rules out holds what would be refused. */
TEST(constants_are_still_known)
{
	struct world w = verifier_world(NULL);
	u32 key = 0, value = 3;
	int map = map_create(&w, BPF_MAP_TYPE_ARRAY, 4, 4, 1, BPF_F_RDONLY_PROG), fd;

	REQUIRE(map >= 0);
	CHECK_EQ(map_update(&w, map, &key, &value, 0), 0);
	CHECK_EQ(map_freeze_fd(&w, map), 0);
	CHECK_EQ(map_update(&w, map, &key, &value, 0), -EPERM);
	fd = load_text(&w, BPF_PROG_TYPE_SOCKET_FILTER, 0, 0,
		       "r1 = map[fd:%d][0]+0\nr0 = *(u32 *)(r1 +0)\nif r0 == 3 goto end\n"
		       "r0 = *(u64 *)(r0 +0)\nend:\nexit\n",
		       map);
	CHECK(fd >= 0);
	close(fd);
	close(map);
	world_end(&w);
}

TEST(all_types_are_judged_and_none_runs)
{
	struct world w = verifier_world(NULL);
	int fd = load_text(&w, BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET4_CONNECT, 0,
			   "r0 = 1\nexit\n");

	CHECK(fd >= 0);
	close(fd);
	CHECK_EQ(load_text(&w, BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET4_CONNECT, 0,
			   "r0 = 7\nexit\n"),
		 -EINVAL);
	CHECK_EQ(load_text(&w, BPF_PROG_TYPE_CGROUP_SOCK_ADDR, 0, 0, "r0 = 1\nexit\n"), -EINVAL);
	CHECK_EQ(load_text(&w, 33, 0, 0, "r0 = 1\nexit\n"), -EINVAL);
	/* a helper that Skep does not have */
	fd = load_text(&w, BPF_PROG_TYPE_SCHED_CLS, 0, 0, "r2 = 0\nr3 = 0\ncall 13\nexit\n");
	CHECK(fd >= 0);
	CHECK_EQ(BPF(&w, BPF_PROG_TEST_RUN, attr_test_run, .prog_fd = (u32)fd), -ENOTSUPP);
	close(fd);
	fd = load_text(&w, BPF_PROG_TYPE_RAW_TRACEPOINT, 0, 0, "r0 = 0\nexit\n");
	CHECK(fd >= 0);
	CHECK_EQ(BPF(&w, BPF_RAW_TRACEPOINT_OPEN, attr_raw_tracepoint, .name = address("sys_enter"),
		     .prog_fd = (u32)fd),
		 -ENOTSUPP);
	close(fd);
	world_end(&w);
}

TEST(a_program_without_its_target_is_refused)
{
	struct world w = verifier_world(NULL);

	CHECK_EQ(load_text(&w, BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY, 0, "r0 = 0\nexit\n"),
		 -EINVAL);
	CHECK(strstr(log_text, "Tracing programs must provide btf_id"));
	CHECK_EQ(load_text(&w, BPF_PROG_TYPE_EXT, 0, 0, "r0 = 0\nexit\n"), -EINVAL);
	CHECK(strstr(log_text, "freplace programs come later"));
	CHECK_EQ(load_text(&w, BPF_PROG_TYPE_STRUCT_OPS, 0, 0, "r0 = 0\nexit\n"), -EINVAL);
	CHECK(strstr(log_text, "struct_ops programs come later"));
	world_end(&w);
}
