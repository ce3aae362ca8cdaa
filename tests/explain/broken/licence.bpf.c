/* SPDX-License-Identifier: Apache-2.0 */
/* A licence that does not suffice. */
#include "broken.h"

SEC("kprobe/do_exit")
int reads_kernel(void *ctx)
{
	char c = 0;

	bpf_probe_read_kernel(&c, 1, ctx); /* BAD gpl-only any */
	return c;
}

#ifdef FIXED
char LICENSE[] SEC("license") = "GPL";
#else
char LICENSE[] SEC("license") = "MIT";
#endif
