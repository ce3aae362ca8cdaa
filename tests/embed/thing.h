/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_EMBED_THING_H
#define TESTS_EMBED_THING_H

#include <linux/types.h>

#define THING_DATA 16

struct thing {
	__u32 a, b;   /* read */
	__u64 out;    /* read and write */
	void *data;   /* NULL, or THING_DATA bytes */
	__u64 hidden; /* not in the context */
};

#endif
