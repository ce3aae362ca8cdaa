/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The embedding API (skep/skep.h) over the kernel: one file a topic. Here is what they share:
 * errors with a message, in the style of errno.
 */
#ifndef SKEP_EMBED_EMBED_H
#define SKEP_EMBED_EMBED_H

#include <skep/skep.h>

#include "kernel/kernel.h"

/* Sets errno to -err and the thread's message; gives -1. */
PRINTF_LIKE(2, 3) int embed_fail(int err, const char *fmt, ...);
/* The same for functions that return pointers. */
#define embed_fail_ptr(...) (embed_fail(__VA_ARGS__), NULL)

#endif
