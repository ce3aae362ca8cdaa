/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The formats of bpf_trace_printk, bpf_trace_vprintk and bpf_snprintf: what Linux allows of
 * printf (bpf-helpers(7)): %% %c %s %d %i %u %x %X with l or ll, flags [0 +-] and a width, %p
 * %px %pK %pS %ps %pB, %pi4 %pI4 %pi6 %pI6, and strings by address space %pks %pus.
 */
#ifndef SKEP_HELPERS_FORMAT_H
#define SKEP_HELPERS_FORMAT_H

#include "base/text.h"
#include "vm/run.h"

#define FORMAT_MAX_ARGS  12
#define FORMAT_ARG_BYTES 512 /* Linux's room for one call's arguments, strings included */

/*
 * Appends to out. fmt ends at its NUL, which must lie within size bytes. 0, -EINVAL for a
 * format that Linux refuses or that wants more than n arguments, -ENOSPC when the arguments
 * do not fit. rc is what strings are read through.
 */
int format_args(struct text *out, const char *fmt, u64 size, const u64 *args, u32 n,
		struct run_ctx *rc);
/* The same verdict on a format without its arguments: what the verifier asks for bpf_snprintf. */
int format_check(const char *fmt, u64 size, u32 n);

#endif
