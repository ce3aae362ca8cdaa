/* SPDX-License-Identifier: Apache-2.0 */
#include "jit/x86_64/target.h"

#include "jit/x86_64/emit.h"
#include "jit/x86_64/isel.h"

#if defined(__x86_64__)
#include <cpuid.h>

static u32 detect(void)
{
	u32 eax, ebx, ecx, edx;

	if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx))
		return 0;
	return ebx & bit_BMI2 ? X86_BMI2 : 0;
}
#else
static u32 detect(void)
{
	return 0;
}
#endif

const struct jit_target jit_x86_64 = {
	.name = "x86_64",
	.branches = &x86_branches,
	.detect = detect,
	.compile = x86_compile,
	.patch_call = x86_patch_call,
	.thunk = x86_thunk,
};
