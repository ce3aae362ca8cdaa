/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking an object over before libbpf does. Older versions of libbpf trust what is inside
 * an object's BTF and follow it anywhere; whatever passes here has offsets that lie inside,
 * type ids that exist, and no type that contains itself.
 */
#ifndef SKEP_LOADER_CHECK_H
#define SKEP_LOADER_CHECK_H

#include "base/types.h"

/* NULL, or what is wrong: in why, which is also returned. Bytes need not be aligned. */
const char *check_object(const void *bytes, size_t size, char *why, size_t why_size);

#endif
