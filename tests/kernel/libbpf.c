/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stock libbpf, the system's own archive, with nothing but syscall(2) replaced
 * (-Wl,--wrap=syscall): its wrappers, its probes, and an object file from open to pinning.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel/support.h"
#include "lib/test.h"

static struct world w;

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

long __wrap_syscall(long number, ...)
{
	long a[6];
	va_list args;

	va_start(args, number);
	for (u32 i = 0; i < 6; i++)
		a[i] = va_arg(args, long);
	va_end(args);
	if (number == SYS_bpf && w.skep)
		return skep_bpf(w.skep, (int)a[0], (union bpf_attr *)a[1], (unsigned)a[2]);
	return __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static int quiet(enum libbpf_print_level level, const char *fmt, va_list args)
{
	return level == LIBBPF_WARN && getenv("V") ? vprintf(fmt, args) : 0;
}

static void begin(void)
{
	w = world_skep();
	libbpf_set_print(quiet);
}

TEST(wrappers)
{
	struct bpf_insn insns[] = { MOV_IMM(BPF_REG_0, 2), EXIT };
	struct bpf_map_info map_info = { 0 };
	struct bpf_prog_info prog_info = { 0 };
	u32 size = sizeof(map_info), key = 1, id = 0;
	u64 value = 7, got = 0;
	int map, prog;

	begin();
	map = bpf_map_create(BPF_MAP_TYPE_HASH, "a_map", 4, 8, 4, NULL);
	REQUIRE(map >= 0);
	CHECK_EQ(bpf_map_update_elem(map, &key, &value, BPF_NOEXIST), 0);
	CHECK_EQ(bpf_map_lookup_elem(map, &key, &got), 0);
	CHECK_EQ(got, 7);
	CHECK_EQ(bpf_map_lookup_and_delete_elem(map, &key, &got), 0);
	CHECK_EQ(bpf_map_lookup_elem(map, &key, &got), -ENOENT);
	CHECK_EQ(bpf_obj_get_info_by_fd(map, &map_info, &size), 0);
	CHECK_STR(map_info.name, "a_map");
	CHECK_EQ(bpf_map_get_next_id(0, &id), 0);
	CHECK_EQ(id, map_info.id);
	prog = bpf_prog_load(BPF_PROG_TYPE_XDP, "a_prog", "GPL", insns, 2, NULL);
	REQUIRE(prog >= 0);
	size = sizeof(prog_info);
	CHECK_EQ(bpf_obj_get_info_by_fd(prog, &prog_info, &size), 0);
	CHECK_STR(prog_info.name, "a_prog");
	CHECK_EQ(bpf_obj_pin(map, "/sys/fs/bpf/a_map"), 0);
	close(map);
	map = bpf_obj_get("/sys/fs/bpf/a_map");
	CHECK(map >= 0);
	close(map);
	close(prog);
	world_end(&w);
}

TEST(probes_find_what_is_there)
{
	begin();
	CHECK_EQ(libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_XDP, NULL), 1);
	CHECK_EQ(libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_TRACEPOINT, NULL), 1);
	CHECK_EQ(libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_LSM, NULL), 0);
	CHECK_EQ(libbpf_probe_bpf_map_type(BPF_MAP_TYPE_HASH, NULL), 1);
	CHECK_EQ(libbpf_probe_bpf_map_type(BPF_MAP_TYPE_RINGBUF, NULL), 1);
	CHECK_EQ(libbpf_probe_bpf_map_type(BPF_MAP_TYPE_SOCKMAP, NULL), 0);
	CHECK_EQ(libbpf_probe_bpf_helper(BPF_PROG_TYPE_XDP, BPF_FUNC_map_lookup_elem, NULL), 1);
	CHECK_EQ(libbpf_probe_bpf_helper(BPF_PROG_TYPE_XDP, 9999, NULL), 0);
	world_end(&w);
}

static int fd_of_prog(struct bpf_object *object, const char *name)
{
	return bpf_program__fd(bpf_object__find_program_by_name(object, name));
}

static int fd_of_map(struct bpf_object *object, const char *name)
{
	return bpf_map__fd(bpf_object__find_map_by_name(object, name));
}

/* The record as libbpf's ring_buffer reads it: positions on two pages, then the data. */
static u32 first_event(int fd)
{
	u8 *ring = mmap(NULL, 2 * 4096, PROT_READ, MAP_SHARED, fd, 4096);
	u32 event = 0;

	REQUIRE(ring != MAP_FAILED);
	if (*(const u64 *)ring >= 16)
		memcpy(&event, ring + 4096 + BPF_RINGBUF_HDR_SZ, sizeof(event));
	munmap(ring, 2 * 4096);
	return event;
}

static void check_first(struct bpf_object *object)
{
	struct {
		u32 first, second;
	} pair = { 0 };
	u8 packet[64] = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = packet, .data_size_in = sizeof(packet),
		    .repeat = 3);
	int second = fd_of_prog(object, "second");
	u32 index = 1, start = 5, cpu = 0;
	u64 counts[256] = { 0 }, sum = 0;

	CHECK_EQ(bpf_map_update_elem(fd_of_map(object, "next"), &index, &second, BPF_ANY), 0);
	CHECK_EQ(bpf_prog_test_run_opts(fd_of_prog(object, "first"), &run), 0);
	CHECK_EQ(run.retval, XDP_TX);
	CHECK_EQ(bpf_map_lookup_elem(fd_of_map(object, "pairs"), &start, &pair), 0);
	CHECK_EQ(pair.second, sizeof(packet));
	CHECK_EQ(bpf_map_lookup_elem(fd_of_map(object, "counts"), &cpu, counts), 0);
	for (u32 i = 0; i < w.cpus; i++)
		sum += counts[i];
	CHECK_EQ(sum, 3);
	CHECK_EQ(first_event(fd_of_map(object, "events")), 100);
}

/* Global variables are the memory of maps; a skeleton maps them like this. */
static void check_globals(struct bpf_object *object)
{
	struct bpf_map *bss = bpf_object__find_map_by_name(object, ".bss");
	struct bpf_map *rodata = bpf_object__find_map_by_name(object, ".rodata");
	const u64 *total =
	    mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(bss), 0);
	u32 key = 0;
	u8 value[64];

	REQUIRE(total != MAP_FAILED);
	CHECK_EQ(*total, 3 * 64);
	munmap((void *)total, 4096);
	CHECK_EQ(bpf_map_update_elem(bpf_map__fd(rodata), &key, value, 0), -EPERM);
}

static void check_syscall(struct bpf_object *object)
{
	u32 args[3] = { 40, 2, 0 };
	LIBBPF_OPTS(bpf_test_run_opts, run, .ctx_in = args, .ctx_size_in = sizeof(args));

	CHECK_EQ(bpf_prog_test_run_opts(fd_of_prog(object, "sum"), &run), 0);
	CHECK_EQ(args[2], 42);
	run.ctx_size_in = 8;
	CHECK_EQ(bpf_prog_test_run_opts(fd_of_prog(object, "sum"), &run), -EINVAL);
}

TEST(an_object_file_with_one_of_each)
{
	struct bpf_object *object;
	u32 fds = count_fds();

	begin();
	object = bpf_object__open_file(test_build_path("tests/kernel/kinds.bpf.o"), NULL);
	REQUIRE(object);
	REQUIRE(bpf_object__load(object) == 0);
	check_first(object);
	check_globals(object);
	check_syscall(object);
	bpf_object__close(object);
	CHECK_EQ(count_ids(&w, BPF_PROG_GET_NEXT_ID), 0);
	CHECK_EQ(count_ids(&w, BPF_MAP_GET_NEXT_ID), 0);
	CHECK_EQ(count_ids(&w, BPF_BTF_GET_NEXT_ID), 1);
	world_end(&w);
	CHECK_EQ(count_fds(), fds);
}
