/* SPDX-License-Identifier: Apache-2.0 */
/* What the JIT promises beyond the meaning of single instructions: frames, calls, leaving. */
#include "jit/jit.h"

#include "lib/image.h"
#include "lib/test.h"
#include "maps/map.h"

static u64 run_text(const char *text, const struct test_image_opts *opts, void *ctx)
{
	struct image *image = test_image_text(text, opts);
	struct prog prog = { .image = image };
	struct run_ctx rc = { .budget = 1000000 };
	u64 r0;

	REQUIRE(image);
	REQUIRE(jit_prepare(&prog) == 0);
	r0 = prog_run(&prog, ctx, &rc);
	jit_release(&prog);
	image_free(image);
	return r0;
}

TEST(returns_a_constant)
{
	CHECK_EQ(run_text("r0 = 42\nexit\n", NULL, NULL), 42);
}

TEST(loops_and_calls)
{
	CHECK_EQ(run_text("r6 = 10\nr7 = 0\nagain: r1 = r6\ncall add\nr7 += r0\nr6 += -1\n"
			  "if r6 != 0 goto again\nr0 = r7\nexit\nadd: r6 = 5\nr0 = r1\nr0 += r6\nexit\n",
			  NULL, NULL),
		 105);
}
