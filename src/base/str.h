/* SPDX-License-Identifier: Apache-2.0 */
/* String functions for freestanding code; the names say what C's own do. */
#ifndef SKEP_BASE_STR_H
#define SKEP_BASE_STR_H

#include "base/types.h"

static inline size_t str_len(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

/* Length of s, at most max: never reads s[max]. */
static inline size_t str_nlen(const char *s, size_t max)
{
	size_t n = 0;

	while (n < max && s[n])
		n++;
	return n;
}

static inline int str_cmp(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return (u8)*a - (u8)*b;
}

static inline bool str_eq(const char *a, const char *b)
{
	return str_cmp(a, b) == 0;
}

static inline bool str_starts(const char *s, const char *prefix)
{
	while (*prefix)
		if (*s++ != *prefix++)
			return false;
	return true;
}

static inline bool str_ends(const char *s, const char *suffix)
{
	size_t n = str_len(s), tail = str_len(suffix);

	return n >= tail && str_eq(s + n - tail, suffix);
}

/* Copies at most size-1 bytes and always terminates (size > 0). */
static inline void str_copy(char *dst, const char *src, size_t size)
{
	size_t n = str_nlen(src, size - 1);

	memcpy(dst, src, n);
	dst[n] = 0;
}

#endif
