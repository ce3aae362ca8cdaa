/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kfuncs that read memory which may not be there into a dynptr: (dynptr, offset, size, source).
 * Unlike the helpers that fill a buffer of the program, they leave the dynptr as it was when
 * nothing can be read.
 */
#include "helpers/dynptr.h"
#include "helpers/kfuncs.h"
#include "helpers/probe.h"

#define PIECE 256u

typedef int (*read_fn)(struct run_ctx *rc, void *dst, u32 size, u64 src);
typedef s64 (*str_fn)(struct run_ctx *rc, char *dst, u32 size, u64 src);

static void *room(const struct dynptr *to, u32 offset, u32 size)
{
	return to->rdonly ? NULL : dynptr_bytes(to, offset, size);
}

static s64 readable(read_fn read, struct run_ctx *rc, u32 size, u64 src)
{
	u8 first;

	return size ? read(rc, &first, 1, src) : 0;
}

static u64 copy(read_fn read, u64 ptr, u32 offset, u32 size, u64 src, struct run_ctx *rc)
{
	const struct dynptr *to = (const struct dynptr *)(uintptr_t)ptr;
	void *dst = room(to, offset, size);
	u8 piece[PIECE];
	s64 err = readable(read, rc, size, src);

	if (dst)
		return (u32)(err ? err : read(rc, dst, size, src));
	if (!dynptr_has(to, offset, size))
		return (u32)-E2BIG;
	for (u32 at = 0; at < size && !err; at += PIECE) {
		u32 n = MIN(size - at, PIECE);

		err = read(rc, piece, n, src + at);
		if (!err)
			err = dynptr_write(to, offset + at, piece, n, 0);
	}
	return (u32)err;
}

static u64 copy_str(read_fn read, str_fn read_str, u64 ptr, u32 offset, u32 size, u64 src,
		    struct run_ctx *rc)
{
	const struct dynptr *to = (const struct dynptr *)(uintptr_t)ptr;
	char *dst = room(to, offset, size);
	char piece[PIECE];
	u32 at = 0;
	s64 n = readable(read, rc, size, src);

	if (dst)
		return (u32)(n ? n : read_str(rc, dst, size, src));
	if (!dynptr_has(to, offset, size))
		return (u32)-E2BIG;
	/* Pieces overlap by one: the NUL that ends one is where the next one begins. */
	while (at < size) {
		u32 want = MIN(size - at, PIECE);
		s64 err;

		n = read_str(rc, piece, want, src + at);
		if (n < 0)
			return (u32)n;
		err = dynptr_write(to, offset + at, piece, (u32)n, 0);
		if (err)
			return (u32)err;
		if (n < want || want == 1)
			return at + (u32)n;
		at += want - 1;
	}
	return at;
}

#define COPIES(name, read)                                                                         \
	u64 kfunc_run_bpf_##name(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)       \
	{                                                                                          \
		return copy(read, r1, (u32)r2, (u32)r3, r4, rc);                                   \
	}
#define COPIES_STR(name, read)                                                                     \
	u64 kfunc_run_bpf_##name(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)       \
	{                                                                                          \
		return copy_str(read, read##_str, r1, (u32)r2, (u32)r3, r4, rc);                   \
	}

COPIES(probe_read_user_dynptr, probe_user)
COPIES(probe_read_kernel_dynptr, probe_kernel)
COPIES(copy_from_user_dynptr, probe_user)
COPIES_STR(probe_read_user_str_dynptr, probe_user)
COPIES_STR(probe_read_kernel_str_dynptr, probe_kernel)
COPIES_STR(copy_from_user_str_dynptr, probe_user)
