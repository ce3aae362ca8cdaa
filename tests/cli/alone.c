/* SPDX-License-Identifier: Apache-2.0 */
/* What `skep btf c` prints is all that programs need besides libbpf's headers. */
#define _GNU_SOURCE
#include "cli/shell.h"

#include <stdlib.h>

#include "lib/test.h"

static void compiles(const char *name)
{
	struct ran ran;

	setenv("ALONE", test_source_path("tests/cli/bpf/alone"), 1);
	ran = shell(
	    false,
	    "\"$SKEP\" btf c >vmlinux.h && clang -target bpf -D__TARGET_ARCH_x86 -g -O2 -Wall "
	    "-Wno-unused-function -Werror -I. -c \"$ALONE/%s.bpf.c\" -o x.bpf.o",
	    name);
	EXPECT_EXIT(&ran, 0);
	ran_free(&ran);
}

TEST(a_tool_with_maps_of_many_types)
{
	compiles("opens");
}

TEST(a_tool_that_looks_at_packets)
{
	compiles("packets");
}

TEST(layouts_are_those_of_linux)
{
	compiles("sizes");
}

TEST(what_is_not_presented_is_refused_by_name)
{
	struct ran ran = shell(
	    false,
	    "\"$SKEP\" btf c >vmlinux.h; ! grep -E 'loginuid|fdtable|kernfs_node|exit_code;' vmlinux.h");

	EXPECT_EXIT(&ran, 0);
	ran_free(&ran);
}
