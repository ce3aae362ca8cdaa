/* SPDX-License-Identifier: Apache-2.0 */
/* Tail calls and callbacks: the same programs in Linux and in Skep, with and without its JIT. */
#include <stdlib.h>
#include <unistd.h>

#include "insn/kernel.h"
#include "lib/test.h"

#define PACKET 64

/* The first packet byte counts who was here; then comes what the program is about. */
static const char body[] = "r6 = r1\n"
			   "r7 = *(u32 *)(r1 +0)\n"
			   "r3 = *(u32 *)(r1 +4)\n"
			   "r4 = r7\n"
			   "r4 += 2\n"
			   "r0 = 0\n"
			   "if r4 <= r3 goto inside\n"
			   "exit\n"
			   "inside:\n"
			   "r2 = *(u8 *)(r7 +0)\n"
			   "r2 += 1\n"
			   "*(u8 *)(r7 +0) = r2\n"
			   "%s"
			   "exit\n";
static const char direct[] = "r1 = r6\n"
			     "r2 = map[fd:%d]\n"
			     "r3 = %d ll\n"
			     "call bpf_tail_call\n"
			     "r0 = 5\n";
/* What the target returns comes back here, and is added to. */
static const char from_function[] = "r1 = r6\n"
				    "call jump\n"
				    "r0 += 100\n"
				    "exit\n"
				    "jump: r2 = map[fd:%d]\n"
				    "r3 = %d ll\n"
				    "call bpf_tail_call\n"
				    "r0 = 5\n";

struct outcome {
	u32 result;
	u8 count;
};

static int make_array(const struct kernel *kernel)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = BPF_MAP_TYPE_PROG_ARRAY;
	attr.key_size = 4;
	attr.value_size = 4;
	attr.max_entries = 4;
	return kernel_bpf(kernel, BPF_MAP_CREATE, &attr);
}

static int put(const struct kernel *kernel, int array, u32 index, int prog)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (u32)array;
	attr.key = (uintptr_t)&index;
	attr.value = (uintptr_t)&prog;
	return kernel_bpf(kernel, BPF_MAP_UPDATE_ELEM, &attr);
}

static int load_text(const struct kernel *kernel, const char *source)
{
	static char log[1 << 16];
	insn_vec insns = { 0 };
	struct asm_error err;
	int fd;

	if (isa_assemble(source, &insns, &err)) {
		test_fail(__FILE__, __LINE__, "line %u: %s", err.line, err.message);
		return -1;
	}
	fd = kernel_load_functions(kernel, BPF_PROG_TYPE_XDP, insns.data, (u32)insns.len, log,
				   sizeof(log));
	if (fd < 0)
		test_fail(__FILE__, __LINE__, "%s: %d %s", kernel->name, fd, log);
	vec_release(&insns);
	return fd;
}

static int load(const struct kernel *kernel, const char *tail, int array, int index)
{
	char text[1024], whole[2048];

	snprintf(text, sizeof(text), tail, array, index);
	snprintf(whole, sizeof(whole), body, text);
	return load_text(kernel, whole);
}

/* A program that tail calls `index`, where it stands itself at 1, and a plain one at 2. */
static struct outcome run(const struct kernel *kernel, const char *tail, int index)
{
	int array = make_array(kernel);
	int caller = load(kernel, tail, array, index);
	int plain = load(kernel, "r0 = 23\n", 0, 0);
	u8 packet[PACKET] = { 0 };
	struct outcome out = { 0 };

	CHECK_EQ(put(kernel, array, 1, caller), 0);
	CHECK_EQ(put(kernel, array, 2, plain), 0);
	CHECK_EQ(kernel_run(kernel, caller, packet, sizeof(packet), &out.result), 0);
	out.count = packet[0];
	close(array);
	close(caller);
	close(plain);
	return out;
}

static void check(const struct kernel *kernel, const char *tail, int index, u32 result, u8 count)
{
	struct outcome out = run(kernel, tail, index);

	if (out.result != result || out.count != count)
		test_fail(__FILE__, __LINE__,
			  "%s: element %d: %u after %u programs, not %u after %u", kernel->name,
			  index, out.result, out.count, result, count);
}

static const struct {
	const char *source;
	u32 result;
} callbacks[] = {
	/* the sum of the indices, in the caller's stack */
	{ "r1 = 100\nr2 = func body\nr3 = r10\nr3 += -8\n*(u64 *)(r10 -8) = 0\nr4 = 0\n"
	  "call bpf_loop\nr0 = *(u64 *)(r10 -8)\nexit\n"
	  "body: r3 = *(u64 *)(r2 +0)\nr3 += r1\n*(u64 *)(r2 +0) = r3\nr0 = 0\nexit\n",
	  4950 },
	/* a loop in a loop */
	{ "r1 = 5\nr2 = func outer\nr3 = r10\nr3 += -8\n*(u64 *)(r10 -8) = 0\nr4 = 0\n"
	  "call bpf_loop\nr0 = *(u64 *)(r10 -8)\nexit\n"
	  "outer: *(u64 *)(r10 -64) = -1\nr1 = 7\nr3 = r2\nr2 = func inner\nr4 = 0\n"
	  "call bpf_loop\nr0 = 0\nexit\n"
	  "inner: r3 = *(u64 *)(r2 +0)\nr3 += 1\n*(u64 *)(r2 +0) = r3\nr0 = 0\nexit\n",
	  35 },
	/* a callback that calls a function, and stops the loop */
	{ "r1 = 100\nr2 = func body\nr3 = 0\nr4 = 0\ncall bpf_loop\nexit\n"
	  "body: call stop\nexit\n"
	  "stop: r0 = 0\nif r1 != 41 goto pc+1\nr0 = 1\nexit\n",
	  42 },
	/* callee-saved registers survive the helper and its callbacks */
	{ "r6 = 1\nr7 = 2\nr8 = 3\nr9 = 4\nr1 = 9\nr2 = func body\nr3 = 0\nr4 = 0\ncall bpf_loop\n"
	  "r0 += r6\nr0 += r7\nr0 += r8\nr0 += r9\nexit\n"
	  "body: r6 = 50\nr7 = 50\nr8 = 50\nr9 = 50\nr0 = 0\nexit\n",
	  19 },
};

static void check_callbacks(const struct kernel *kernel)
{
	for (u32 i = 0; i < ARRAY_SIZE(callbacks); i++) {
		int fd = load_text(kernel, callbacks[i].source);
		u8 packet[PACKET] = { 0 };
		u32 result = 0;

		CHECK_EQ(kernel_run(kernel, fd, packet, sizeof(packet), &result), 0);
		if (result != callbacks[i].result)
			test_fail(__FILE__, __LINE__, "%s: callback program %u: %u, not %u",
				  kernel->name, i, result, callbacks[i].result);
		close(fd);
	}
}

static void check_tail_calls(const struct kernel *kernel)
{
	check(kernel, direct, 0, 5, 1);  /* empty */
	check(kernel, direct, 1, 5, 34); /* 33 calls, then it goes on */
	check(kernel, direct, 2, 23, 2);
	check(kernel, direct, 4, 5, 1); /* outside */
	check(kernel, direct, -1, 5, 1);
	check(kernel, from_function, 0, 105, 1);
	check(kernel, from_function, 2, 123, 2);
	/* the last one adds 100 to 5, and each that was left waiting adds 100 more */
	check(kernel, from_function, 1, 5 + 34 * 100, 34);
}

static void check_in(const char *why, struct kernel *kernel)
{
	if (!why) {
		check_tail_calls(kernel);
		check_callbacks(kernel);
	}
	kernel_release(kernel);
	if (why)
		SKIP("%s", why);
}

TEST(linux_calls)
{
	struct kernel kernel;
	const char *why = kernel_linux(&kernel);

	check_in(why, &kernel);
}

TEST(skep_calls)
{
	struct kernel kernel;
	const char *why = kernel_skep(&kernel, true);

	REQUIRE(!why);
	check_in(why, &kernel);
}

TEST(skep_calls_interpreted)
{
	struct kernel kernel;
	const char *why = kernel_skep(&kernel, false);

	REQUIRE(!why);
	check_in(why, &kernel);
}
