/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEP_JIT_X86_64_TARGET_H
#define SKEP_JIT_X86_64_TARGET_H

#include "jit/jit.h"

/* Bits of features. */
enum x86_feature {
	X86_BMI2 = 1 << 0, /* shifts by any register */
};

extern const struct jit_target jit_x86_64;

#endif
