/* SPDX-License-Identifier: Apache-2.0 */
#include "helpers/helpers.h"

#define BASE_MASK  0x1f /* of flags of strtol and strtoul */
#define NUMBER_MAX 63   /* characters looked at */

/* (s1, size, s2): -1, 0 or 1 */
u64 helper_strncmp(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	const u8 *a = (const u8 *)(uintptr_t)r1, *b = (const u8 *)(uintptr_t)r3;

	for (u32 n = r2; n; n--, a++, b++) {
		if (*a != *b)
			return *a < *b ? -1 : 1;
		if (!*a)
			break;
	}
	return 0;
}

static bool is_space(u8 c)
{
	return c == ' ' || (c >= '\t' && c <= '\r') || c == 0xa0;
}

static u32 digit_of(u8 c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
}

/* Length of the base prefix at s; sets the base that 0 stands for. */
static u32 skip_prefix(const u8 *s, u32 len, u32 *base)
{
	bool hex = len > 1 && s[0] == '0' && (s[1] | 0x20) == 'x';

	if (*base == 0)
		*base = hex && len > 2 && digit_of(s[2]) < 16 ? 16 : s[0] == '0' ? 8 : 10;
	return *base == 16 && hex ? 2 : 0;
}

/* The digits at s: how many, or -ERANGE when they are more than 64 bits. */
static s64 parse_digits(const u8 *s, u32 len, u32 base, u64 *value)
{
	bool overflow = false;
	u32 n = 0;

	*value = 0;
	for (; n < len && digit_of(s[n]) < base; n++) {
		overflow |= __builtin_mul_overflow(*value, (u64)base, value);
		overflow |= __builtin_add_overflow(*value, (u64)digit_of(s[n]), value);
	}
	return overflow ? (s64)-ERANGE : n;
}

/* Characters used, or -EINVAL, -ERANGE. */
static s64 parse(const u8 *buf, u32 len, u64 flags, u64 *value, bool *negative)
{
	u32 base = flags & BASE_MASK, skip = 0, prefix;
	s64 digits;

	if ((base != 0 && base != 8 && base != 10 && base != 16) || flags & ~(u64)BASE_MASK)
		return -EINVAL;
	while (skip < len && is_space(buf[skip]))
		skip++;
	*negative = skip < len && buf[skip] == '-';
	skip += *negative;
	if (skip == len)
		return -EINVAL;
	len = MIN(len - skip, (u32)NUMBER_MAX);
	prefix = skip_prefix(buf + skip, len, &base);
	digits = parse_digits(buf + skip + prefix, len - prefix, base, value);
	if (digits <= 0)
		return digits ? digits : -EINVAL;
	return skip + prefix + digits;
}

/* (buf, len, flags, s64 *res) */
u64 helper_strtol(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	s64 *res = (s64 *)(uintptr_t)r4;
	bool negative;
	u64 value;
	s64 used;

	*res = 0;
	used = parse((const u8 *)(uintptr_t)r1, r2, r3, &value, &negative);
	if (used < 0)
		return used;
	if (negative ? (s64)-value > 0 : (s64)value < 0)
		return -ERANGE;
	*res = negative ? -value : value;
	return used;
}

/* (buf, len, flags, u64 *res) */
u64 helper_strtoul(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	u64 *res = (u64 *)(uintptr_t)r4;
	bool negative;
	u64 value;
	s64 used;

	*res = 0;
	used = parse((const u8 *)(uintptr_t)r1, r2, r3, &value, &negative);
	if (used < 0)
		return used;
	if (negative)
		return -EINVAL;
	*res = value;
	return used;
}
