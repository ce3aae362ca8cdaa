/* SPDX-License-Identifier: Apache-2.0 */
#include "helpers/format.h"
#include "helpers/helpers.h"

#define LINE_SIZE 1024 /* what one call can print */

/* Prints one line; answers the length the whole text has, or -errno. */
static s64 print(struct run_ctx *rc, const char *fmt, u64 size, const u64 *args, u32 n)
{
	char line[LINE_SIZE];
	struct text text = text_in(line, sizeof(line));
	int err = format_args(&text, fmt, size, args, n, rc);
	size_t len = MIN(text.len, sizeof(line) - 1);

	if (err)
		return err;
	if (len && line[len - 1] == '\n')
		len--;
	if (rc->world && rc->world->trace)
		rc->world->trace(rc, line, len);
	return text.len;
}

/* (fmt, fmt_size, up to three numbers) */
u64 helper_trace_printk(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	u64 args[3] = { r3, r4, r5 };

	return print(rc, (const char *)(uintptr_t)r1, (u32)r2, args, 3);
}

/* (fmt, fmt_size, data, data_len): data is an array of u64 */
u64 helper_trace_vprintk(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	u32 len = r4;

	if (len % 8 || len > FORMAT_MAX_ARGS * 8 || (len && !r3))
		return -EINVAL;
	return print(rc, (const char *)(uintptr_t)r1, (u32)r2, (const u64 *)(uintptr_t)r3, len / 8);
}

/* (str, str_size, fmt, data, data_len): the length with its NUL, whether it fitted or not */
u64 helper_snprintf(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	struct text text = text_in((char *)(uintptr_t)r1, (u32)r2);
	u32 len = r5;
	int err;

	if (len % 8 || len > FORMAT_MAX_ARGS * 8 || (len && !r4))
		return -EINVAL;
	/* The verifier has seen that the format ends within its read-only map. */
	err = format_args(&text, (const char *)(uintptr_t)r3, UINT32_MAX,
			  (const u64 *)(uintptr_t)r4, len / 8, rc);
	return err ? (u64)err : text.len + 1;
}
