/* SPDX-License-Identifier: Apache-2.0 */
/* Ways out of the sandbox that once were open: each was found by an attacker, and is closed. */
#include "isa/asm.h"
#include "kernel/support.h"
#include "lib/test.h"
#include "model/model.h"

#include <stdarg.h>
#include <unistd.h>

/* Loads a program given as text; expected_attach_type chooses the context of skep/NAME. */
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
	fd = BPF(w, BPF_PROG_LOAD, attr_prog_load, .prog_type = type, .insn_cnt = (u32)insns.len,
		 .insns = address(insns.data), .license = address("GPL"), .prog_flags = flags,
		 .expected_attach_type = attach_type);
	vec_release(&insns);
	return fd;
}

/* A program that touches nothing of its context goes to one that touches far more of it. */
static void tail_call_beyond_the_context(u32 flags)
{
	struct skep_opts opts = { .size = sizeof(opts), .flags = flags };
	struct world w = { .name = "skep", .skep = skep_new(&opts) };
	u64 ctx = 0;
	u32 zero = 0;
	int array, far, near;

	REQUIRE(w.skep);
	array = map_create(&w, BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 1, 0);
	/* With the largest contexts of all, those of syscall programs, there are no tail calls. */
	CHECK_EQ(load_text(&w, BPF_PROG_TYPE_SYSCALL, 0, BPF_F_SLEEPABLE,
			   "r2 = map[fd:%d]\nr3 = 0\ncall 12\nr0 = 7\nexit\n", array),
		 -EINVAL);
	far = load_text(&w, BPF_PROG_TYPE_RAW_TRACEPOINT, 0, 0, "r0 = *(u64 *)(r1 +88)\nexit\n");
	near = load_text(&w, BPF_PROG_TYPE_RAW_TRACEPOINT, 0, 0,
			 "r2 = map[fd:%d]\nr3 = 0\ncall 12\nr0 = 7\nexit\n", array);
	REQUIRE(array >= 0 && far >= 0 && near >= 0);
	REQUIRE(map_update(&w, array, &zero, &far, 0) == 0);
	/* Alone it is told that the context is too small; by a tail call it has room. */
	CHECK_EQ(BPF(&w, BPF_PROG_TEST_RUN, attr_test_run, .prog_fd = (u32)far,
		     .ctx_in = address(&ctx), .ctx_size_in = sizeof(ctx)),
		 -EINVAL);
	CHECK_EQ(BPF(&w, BPF_PROG_TEST_RUN, attr_test_run, .prog_fd = (u32)near,
		     .ctx_in = address(&ctx), .ctx_size_in = sizeof(ctx)),
		 0);
	close(array);
	close(far);
	close(near);
	skep_free(w.skep);
}

TEST(a_tail_call_stays_within_the_context)
{
	tail_call_beyond_the_context(0);
	tail_call_beyond_the_context(SKEP_NO_JIT);
}

/* skep/a has a number where skep/b has a pointer. */
TEST(a_tail_call_stays_with_its_kind_of_context)
{
	static const struct skep_field number = { "x", 0, 8, SKEP_READ | SKEP_WRITE, 0 };
	static const struct skep_field pointer = { "p", 0, 8, SKEP_READ | SKEP_MEM_WRITE, 4096 };
	struct skep_context a = { sizeof(a), "a", 8, &number, 1, 0, 0 };
	struct skep_context b = { sizeof(b), "b", 8, &pointer, 1, 0, 0 };
	struct world w = world_skep();
	u32 zero = 0;
	int array, from, to;

	REQUIRE(skep_add_context(w.skep, &a) == 0 && skep_add_context(w.skep, &b) == 0);
	array = map_create(&w, BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 1, 0);
	from = load_text(
	    &w, PROG_TYPE_CUSTOM, 1, 0,
	    "*(u64 *)(r1 +0) = 1094795585\nr2 = map[fd:%d]\nr3 = 0\ncall 12\nr0 = 7\nexit\n",
	    array);
	to = load_text(&w, PROG_TYPE_CUSTOM, 2, 0,
		       "r2 = *(u64 *)(r1 +0)\n*(u64 *)(r2 +8) = 99\nr0 = 0\nexit\n");
	REQUIRE(array >= 0 && from >= 0 && to >= 0);
	CHECK_EQ(map_update(&w, array, &zero, &to, 0), -EINVAL);
	close(array);
	close(from);
	close(to);
	world_end(&w);
}

/* Each visit deletes its element and puts another one behind it. */
TEST(a_walk_ends_though_elements_are_put_behind_it)
{
	struct world w = world_skep();
	u64 key = 1, value = 5;
	u8 packet[64] = { 0 };
	int map, fd;

	map = map_create(&w, BPF_MAP_TYPE_HASH, 8, 8, 1, 0);
	REQUIRE(map >= 0 && map_update(&w, map, &key, &value, 0) == 0);
	fd = load_text(&w, BPF_PROG_TYPE_XDP, 0, 0,
		       "r1 = map[fd:%d]\nr2 = func each\nr3 = 0\nr4 = 0\ncall 164\nexit\n"
		       "each:\nr6 = r1\nr7 = *(u64 *)(r2 +0)\n*(u64 *)(r10 -8) = r7\n"
		       "*(u64 *)(r10 -16) = 1\nr2 = r10\nr2 += -8\ncall 3\nr7 += 1\n"
		       "*(u64 *)(r10 -8) = r7\nr1 = r6\nr2 = r10\nr2 += -8\nr3 = r10\nr3 += -16\n"
		       "r4 = 0\ncall 2\nr0 = 0\nexit\n",
		       map);
	REQUIRE(fd >= 0);
	CHECK_EQ(BPF(&w, BPF_PROG_TEST_RUN, attr_test_run, .prog_fd = (u32)fd,
		     .data_in = address(packet), .data_size_in = sizeof(packet)),
		 0);
	close(fd);
	close(map);
	world_end(&w);
}
