/* SPDX-License-Identifier: Apache-2.0 */
/* The one place that says which CPU this is. */
#include "jit/jit.h"

#include "jit/x86_64/target.h"

const struct jit_target *jit_host_target(void)
{
#if defined(__x86_64__) && defined(__LP64__)
	return &jit_x86_64;
#else
	return NULL;
#endif
}
