/* SPDX-License-Identifier: Apache-2.0 */
/* The BTF of a kernel with one of each kind of thing that programs attach to. */
#ifndef SKEP_TESTS_KERNEL_SMALL_KERNEL_H
#define SKEP_TESTS_KERNEL_SMALL_KERNEL_H

#include "btf/btf.h"

struct btf_builder *small_kernel(void);

#endif
