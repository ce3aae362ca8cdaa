/* SPDX-License-Identifier: Apache-2.0 */
/* The embedding examples say what they should, and skep test judges as its man page says. */
#include "lib/test.h"

#include <stdarg.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static char output[16384];

/* Runs a shell command; its standard output and errors are in output. The exit status, or -1. */
static int shell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static int shell(const char *fmt, ...)
{
	char command[8192];
	va_list args;
	size_t n;
	int status;
	FILE *p;

	va_start(args, fmt);
	vsnprintf(command, sizeof(command), fmt, args);
	va_end(args);
	p = popen(command, "r");
	if (!p)
		return -1;
	n = fread(output, 1, sizeof(output) - 1, p);
	output[n] = 0;
	status = pclose(p);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static const char *root(void)
{
	static char path[4096];

	snprintf(path, sizeof(path), "%s", test_build_path(""));
	return path;
}

TEST(hello_runs_with_the_shared_and_the_static_library)
{
	CHECK_EQ(shell("%s/examples/hello 2>&1", root()), 0);
	CHECK_STR(output, "twice(21) = 42\n");
	CHECK_EQ(shell("%s/examples/hello-static 2>&1", root()), 0);
	CHECK_STR(output, "twice(21) = 42\n");
}

TEST(libraries_show_only_their_interface)
{
	CHECK_EQ(shell("nm -D --defined-only %s/src/libskep.so | awk '$2 != \"A\" { print $3 }' | "
		       "grep -v '^skep_' | head",
		       root()),
		 0);
	CHECK_STR(output, "");
	CHECK_EQ(shell("nm -g --defined-only %s/src/libskep.a | awk 'NF == 3 { print $3 }' | "
		       "grep -v '^skep_' | grep -v '^__odr_asan' | head",
		       root()),
		 0);
	CHECK_STR(output, "");
}

TEST(the_server_with_a_filter_runs)
{
	CHECK_EQ(shell("%s/examples/filter %s/examples/filter.bpf.o 2>&1", root(), root()), 0);
	CHECK_STR(output, "/        client a000001: allowed, priority 0\n"
			  "/        client a000001: allowed, priority 10\n"
			  "/        client a000001: allowed, priority 10\n"
			  "/        client a000001: denied, priority 0\n"
			  "/        client a000001: denied, priority 0\n"
			  "  log: admin refused for /admin\n"
			  "/admin   client a000001: denied, priority 0\n"
			  "/admin   client 7f000001: allowed, priority 0\n"
			  "client a000001 made 5 requests\n"
			  "/admin   client a000001: allowed, priority 0\n");
	CHECK_EQ(shell("%s/examples/filter /nonexistent.o 2>&1", root()), 1);
	CHECK(strstr(output, "/nonexistent.o"));
}

/* skep test of an object with a script from here. */
static int skep_test(const char *object, const char *script)
{
	return shell("%s/tools/skep/skep test %s/%s - 2>&1 <<'END'\n%s\nEND", root(), root(),
		     object, script);
}

TEST(skep_test_passes_the_examples_own_tests)
{
	CHECK_EQ(shell("%s/tools/skep/skep test %s/examples/filter.bpf.o %s 2>&1", root(), root(),
		       test_source_path("examples/embed/filter.bpf.test")),
		 0);
	CHECK(strstr(output, "4 passed, 0 failed\n"));
}

TEST(skep_test_runs_packets_contexts_and_maps)
{
	int status = skep_test(
	    "tests/embed/packets.bpf.o",
	    "test values of every kind\n"
	    "  map config [0] = {limit: 20, name: \"eth0\", ports: [80, 443], kind: LONG_KIND}\n"
	    "  expect map config [0] = {limit: 20, name: \"eth0\", ports: [80, 443], "
	    "kind: LONG_KIND}\n"
	    "test a packet\n"
	    "  map config [0] = {limit: 20}\n"
	    "  packet 00010203 0405 060708090a0b 0800\n"
	    "  run count\n"
	    "  expect return XDP_PASS\n"
	    "  packet + ffff ffff ffff ff\n"
	    "  run count\n"
	    "  expect return XDP_DROP\n"
	    "  expect packet length 21\n"
	    "  expect packet 55010203 0405 060708090a0b 0800 ffff ffff ffff ff\n"
	    "  expect map sizes [14] = 1\n"
	    "  expect map sizes [21] = 1\n"
	    "  expect map sizes [15] absent\n"
	    "  expect map sizes count 2\n"
	    "  expect map per_cpu [0] = 2\n"
	    "test a context\n"
	    "  ctx mark = 5\n"
	    "  packet 000102030405060708090a0b88b5\n"
	    "  run mark\n"
	    "  expect return 5\n"
	    "  expect ctx mark = 6\n");
	CHECK_EQ(status, 0);
	if (!strstr(output, "3 passed, 0 failed\n"))
		test_fail(__FILE__, __LINE__, "%s", output);
}

TEST(skep_test_tells_failures_from_mistakes)
{
	const char *object = "tests/embed/packets.bpf.o";

	CHECK_EQ(skep_test(object,
			   "test wrong\n  packet 000102030405060708090a0b0800\n  run count\n"
			   "  expect return XDP_DROP\n  expect map per_cpu [0] = 7\n"),
		 1);
	CHECK(strstr(output, "-:4: expected return 1, it is 2\n"));
	CHECK(strstr(output, "-:5: map per_cpu: expected 7, it is 1\n"));
	CHECK(strstr(output, "not ok 1 - wrong\n"));
	CHECK_EQ(skep_test(object, "test x\n  map nothing [0] = 1\n"), 2);
	CHECK(strstr(output, "-:2: the object has no map nothing"));
	CHECK_EQ(skep_test(object, "test x\n  map per_cpu [0] = 1 2\n"), 2);
	CHECK_EQ(skep_test(object, "test x\n  map per_cpu [0] = WHATEVER\n"), 2);
	CHECK_EQ(skep_test(object, "test x\n  map sizes [0x1ffffffff] = 1\n"), 2);
	CHECK(strstr(output, "does not fit"));
	CHECK_EQ(skep_test(object, "test x\n  map config [0] = {nothing: 1}\n"), 2);
	CHECK_EQ(skep_test(object, "test x\n  packet 0\n"), 2);
	CHECK_EQ(skep_test(object, "test x\n  expect return 1\n"), 2);
	CHECK_EQ(skep_test(object, "run count\n"), 2);
	CHECK_EQ(skep_test(object, "test x\n  jump\n"), 2);
	CHECK_EQ(skep_test(object, "# nothing\n"), 2);
	CHECK_EQ(skep_test("tests/embed/bad-NO_NULL_CHECK.bpf.o", "helper 1 = 0\ntest x\n"), 2);
	CHECK_EQ(shell("%s/tools/skep/skep test 2>&1", root()), 2);
	CHECK_EQ(shell("%s/tools/skep/skep test /nonexistent.o - 2>&1 </dev/null", root()), 2);
}
