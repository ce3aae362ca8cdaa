/* SPDX-License-Identifier: Apache-2.0 */
/* Each program here must be refused; the message names this file and the line marked BAD. */
#include "thing.h"

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <skep/prog.h>

static long (*add_up)(const void *bytes, __u32 size) = (void *)SKEP_HELPER(0);
static void *(*scratch)(void) = (void *)SKEP_HELPER(1);
static long (*unknown)(void) = (void *)SKEP_HELPER(77);

#ifdef READ_OUTSIDE
SEC("skep/thing")
int bad(struct thing *t)
{
	return *(volatile __u32 *)((char *)t + sizeof(*t)); /* BAD */
}
#elif defined(WRITE_READONLY)
SEC("skep/thing")
int bad(struct thing *t)
{
	t->a = 1; /* BAD */
	return 1;
}
#elif defined(NO_NULL_CHECK)
SEC("skep/thing")
int bad(struct thing *t)
{
	*(volatile __u64 *)scratch() = 1; /* BAD */
	return 1;
}
#elif defined(PAST_DATA)
SEC("skep/thing")
int bad(struct thing *t)
{
	volatile __u8 *p = t->data;

	if (!p)
		return 0;
	return p[THING_DATA] ? 1 : 0; /* BAD */
}
#elif defined(CTX_AS_MEMORY)
SEC("skep/thing")
int bad(struct thing *t)
{
	add_up((void *)t, 4); /* BAD */
	return 1;
}
#elif defined(UNKNOWN_HELPER)
SEC("skep/thing")
int bad(struct thing *t)
{
	unknown(); /* BAD */
	return 1;
}
#elif defined(RETURN_RANGE)
SEC("skep/thing")
int bad(struct thing *t)
{
	return t->a; /* BAD */
}
#elif defined(NO_CONTEXT)
SEC("skep/nothing")
int bad(void *t)
{
	return 1;
}
#endif

char LICENSE[] SEC("license") = "GPL";
