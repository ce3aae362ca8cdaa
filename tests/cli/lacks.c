/* SPDX-License-Identifier: Apache-2.0 */
/* What Skep lacks is called by its name, not by an errno. */
#define _GNU_SOURCE
#include "cli/shell.h"

#include <stdlib.h>

#include "lib/test.h"

static struct ran with(const char *flags, const char *command)
{
	setenv("TEST_SOURCES", test_source_path("tests/cli/bpf"), 1);
	return shell(false,
		     "clang -target bpf -g -O2 -idirafter /usr/include/$(uname -m)-linux-gnu %s "
		     "-c \"$TEST_SOURCES/lacks.bpf.c\" -o x.bpf.o && %s",
		     flags, command);
}

TEST(a_map_type)
{
	struct ran run = with("-DLACKS_MAP", "\"$SKEP\" run x.bpf.o -- true");
	struct ran verify = with("-DLACKS_MAP", "\"$SKEP\" verify x.bpf.o");
	const char *message = "map 'out' has type perf_event_array, which Skep does not have yet "
			      "(docs/STATUS.md); use a ringbuf";

	EXPECT_EXIT(&run, 125);
	CHECK(complains(&run, message));
	EXPECT_EXIT(&verify, 1);
	CHECK(says(&verify, message) || complains(&verify, message));
	ran_free(&run);
	ran_free(&verify);
}

TEST(a_program_type)
{
	struct ran run = with("-DLACKS_TYPE", "\"$SKEP\" run x.bpf.o -- true");
	struct ran verify = with("-DLACKS_TYPE", "\"$SKEP\" verify x.bpf.o");

	EXPECT_EXIT(&run, 125);
	CHECK(complains(&run, "SEC(\"fentry/do_unlinkat\") has no hook here"));
	EXPECT_EXIT(&verify, 1);
	CHECK(says(&verify, "this kernel has no 'do_unlinkat' to attach to"));
	ran_free(&run);
	ran_free(&verify);
}

TEST(programs)
{
	struct ran run = with("", "\"$SKEP\" run x.bpf.o -- true");
	struct ran verify = with("", "\"$SKEP\" verify x.bpf.o");

	EXPECT_EXIT(&run, 125);
	CHECK(complains(&run, "x.bpf.o has no programs"));
	CHECK(!complains(&run, "cannot run"));
	CHECK(exit_of(&verify) > 0);
	CHECK(complains(&verify, "x.bpf.o has no programs"));
	ran_free(&run);
	ran_free(&verify);
}
