/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kfuncs on zero-terminated strings at any kernel address. Strings end after STRING_MAX bytes,
 * or the call fails: -E2BIG; -ERANGE where no kernel memory can be, -EFAULT where there is none.
 * Memory is read in pieces, byte by byte near the end of what is there.
 */
#include "helpers/kfuncs.h"
#include "helpers/probe.h"

#define STRING_MAX 65536 /* as long as an extended attribute may be */
#define PIECE      32

struct string {
	struct run_ctx *rc;
	u64 addr;
	u32 at, len; /* piece: bytes [at, at + len) of the string */
	u8 piece[PIECE];
};

static struct string string_at(struct run_ctx *rc, u64 addr)
{
	return (struct string){ .rc = rc, .addr = addr };
}

/* The byte at index i, or -errno. */
static int byte_at(struct string *s, u32 i)
{
	if (i - s->at >= s->len) {
		int err;

		s->at = i;
		s->len = PIECE;
		err = probe_kernel(s->rc, s->piece, PIECE, s->addr + i);
		if (err) {
			s->len = 1;
			err = probe_kernel(s->rc, s->piece, 1, s->addr + i);
		}
		if (err) {
			s->len = 0;
			return i ? -EFAULT : err;
		}
	}
	return s->piece[i - s->at];
}

/* Both addresses are looked at first, whether the second string matters or not. */
static bool out_of_range(struct string *a, struct string *b)
{
	return byte_at(a, 0) == -ERANGE || byte_at(b, 0) == -ERANGE;
}

static u8 lower(u8 c)
{
	return c >= 'A' && c <= 'Z' ? (u8)(c + 'a' - 'A') : c;
}

/* -1, 0 or 1, or -errno. */
static s64 compare(struct run_ctx *rc, u64 r1, u64 r2, bool any_case)
{
	struct string a = string_at(rc, r1), b = string_at(rc, r2);

	if (out_of_range(&a, &b))
		return -ERANGE;
	for (u32 i = 0; i < STRING_MAX; i++) {
		int ca = byte_at(&a, i), cb = byte_at(&b, i);

		if (ca < 0 || cb < 0)
			return ca < 0 ? ca : cb;
		if (any_case) {
			ca = lower((u8)ca);
			cb = lower((u8)cb);
		}
		if (ca != cb)
			return ca < cb ? -1 : 1;
		if (!ca)
			return 0;
	}
	return -E2BIG;
}

u64 kfunc_run_bpf_strcmp(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	return (u64)compare(rc, r1, r2, false);
}

u64 kfunc_run_bpf_strcasecmp(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	return (u64)compare(rc, r1, r2, true);
}

enum find { FIND_FIRST, FIND_FIRST_OR_END, FIND_LAST };

/* Index of c among the first count bytes. */
static s64 find_char(struct run_ctx *rc, u64 r1, u64 count, u8 c, enum find what)
{
	struct string s = string_at(rc, r1);
	s64 found = -ENOENT;

	if (out_of_range(&s, &s))
		return -ERANGE;
	for (u32 i = 0; i < MIN(count, (u64)STRING_MAX); i++) {
		int at = byte_at(&s, i);

		if (at < 0)
			return at;
		if (at == c && what != FIND_LAST)
			return i;
		if (at == c)
			found = i;
		if (!at)
			return what == FIND_FIRST_OR_END ? i : found;
	}
	return count >= STRING_MAX ? -E2BIG : -ENOENT;
}

u64 kfunc_run_bpf_strchr(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	return (u64)find_char(rc, r1, STRING_MAX, (u8)r2, FIND_FIRST);
}

u64 kfunc_run_bpf_strchrnul(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	return (u64)find_char(rc, r1, STRING_MAX, (u8)r2, FIND_FIRST_OR_END);
}

u64 kfunc_run_bpf_strnchr(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	return (u64)find_char(rc, r1, r2, (u8)r3, FIND_FIRST);
}

u64 kfunc_run_bpf_strrchr(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	return (u64)find_char(rc, r1, STRING_MAX, (u8)r2, FIND_LAST);
}

static s64 length(struct run_ctx *rc, u64 r1, u64 count)
{
	struct string s = string_at(rc, r1);

	if (out_of_range(&s, &s))
		return -ERANGE;
	for (u32 i = 0; i < MIN(count, (u64)STRING_MAX); i++) {
		int at = byte_at(&s, i);

		if (at <= 0)
			return at ? at : i;
	}
	return count >= STRING_MAX ? -E2BIG : (s64)count;
}

u64 kfunc_run_bpf_strlen(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	return (u64)length(rc, r1, STRING_MAX);
}

u64 kfunc_run_bpf_strnlen(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	return (u64)length(rc, r1, r2);
}

/* Bytes at the start of r1 that are all in the set r2, or all not in it. */
static s64 span(struct run_ctx *rc, u64 r1, u64 r2, bool in_set)
{
	struct string s = string_at(rc, r1), set = string_at(rc, r2);

	if (out_of_range(&s, &set))
		return -ERANGE;
	for (u32 i = 0; i < STRING_MAX; i++) {
		int at = byte_at(&s, i);
		s64 found;

		if (at <= 0)
			return at ? at : i;
		found = find_char(rc, r2, STRING_MAX, (u8)at, FIND_FIRST);
		if (found < 0 && found != -ENOENT)
			return found;
		if ((found >= 0) != in_set)
			return i;
	}
	return -E2BIG;
}

u64 kfunc_run_bpf_strspn(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	return (u64)span(rc, r1, r2, true);
}

u64 kfunc_run_bpf_strcspn(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	return (u64)span(rc, r1, r2, false);
}

enum match { MATCH_NO, MATCH_YES, MATCH_END };

/* Does needle lie at index i of text, all of it before len? MATCH_END: nor anywhere behind. */
static int matches_at(struct string *text, struct string *needle, u32 i, u64 len)
{
	for (u32 j = 0; j < STRING_MAX; j++) {
		int want = byte_at(needle, j), at;

		if (want <= 0)
			return want ? want : MATCH_YES;
		if ((u64)i + j >= len)
			return MATCH_END;
		at = byte_at(text, i + j);
		if (at <= 0)
			return at ? at : MATCH_END;
		if (at != want)
			return MATCH_NO;
	}
	return -E2BIG;
}

static s64 find_string(struct run_ctx *rc, u64 r1, u64 r2, u64 len)
{
	struct string text = string_at(rc, r1), needle = string_at(rc, r2);

	if (out_of_range(&text, &needle))
		return -ERANGE;
	for (u32 i = 0; i < STRING_MAX; i++) {
		int match = matches_at(&text, &needle, i, len);

		if (match < 0)
			return match;
		if (match != MATCH_NO)
			return match == MATCH_YES ? (s64)i : -ENOENT;
	}
	return -E2BIG;
}

u64 kfunc_run_bpf_strstr(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	return (u64)find_string(rc, r1, r2, STRING_MAX);
}

u64 kfunc_run_bpf_strnstr(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	return (u64)find_string(rc, r1, r2, r3);
}

#define PAD_ZEROS 1 /* BPF_F_PAD_ZEROS */

/* (dst, size, user address, flags): bytes with the NUL, or -errno and dst all zero. */
u64 kfunc_run_bpf_copy_from_user_str(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	char *dst = (char *)(uintptr_t)r1;
	u32 size = (u32)r2;
	s64 n;

	if (r4 & ~(u64)PAD_ZEROS)
		return (u64)-EINVAL;
	if (!size)
		return 0;
	n = probe_user_str(rc, dst, size, r3);
	if (n < 0)
		memset(dst, 0, size);
	else if (r4 & PAD_ZEROS)
		memset(dst + n, 0, size - (u32)n);
	return (u64)n;
}
