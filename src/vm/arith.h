/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arithmetic as RFC 9669 defines it, where C does not: division by zero, the one signed
 * quotient that does not fit, shifts by more than the width. Pure functions of unsigned
 * words; nothing here is undefined for any input.
 */
#ifndef SKEP_VM_ARITH_H
#define SKEP_VM_ARITH_H

#include "base/types.h"

/* One set of functions for each width. */
#define ARITH(bits)                                                         \
	static ALWAYS_INLINE u##bits arith_div##bits(u##bits a, u##bits b)  \
	{                                                                   \
		return b ? a / b : 0;                                       \
	}                                                                   \
	static ALWAYS_INLINE u##bits arith_mod##bits(u##bits a, u##bits b)  \
	{                                                                   \
		return b ? a % b : a;                                       \
	}                                                                   \
	/* by -1 is negation, so that the least number stays itself */      \
	static ALWAYS_INLINE u##bits arith_sdiv##bits(u##bits a, u##bits b) \
	{                                                                   \
		if ((s##bits)b == -1)                                       \
			return 0 - a;                                       \
		return b ? (u##bits)((s##bits)a / (s##bits)b) : 0;          \
	}                                                                   \
	/* the sign is the dividend's */                                    \
	static ALWAYS_INLINE u##bits arith_smod##bits(u##bits a, u##bits b) \
	{                                                                   \
		if ((s##bits)b == -1)                                       \
			return 0;                                           \
		return b ? (u##bits)((s##bits)a % (s##bits)b) : a;          \
	}                                                                   \
	static ALWAYS_INLINE u##bits arith_lsh##bits(u##bits a, u##bits b)  \
	{                                                                   \
		return a << (b & (bits - 1));                               \
	}                                                                   \
	static ALWAYS_INLINE u##bits arith_rsh##bits(u##bits a, u##bits b)  \
	{                                                                   \
		return a >> (b & (bits - 1));                               \
	}                                                                   \
	static ALWAYS_INLINE u##bits arith_arsh##bits(u##bits a, u##bits b) \
	{                                                                   \
		return (u##bits)((s##bits)a >> (b & (bits - 1)));           \
	}

ARITH(32)
ARITH(64)
#undef ARITH

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define arith_be16(v) __builtin_bswap16((u16)(v))
#define arith_be32(v) __builtin_bswap32((u32)(v))
#define arith_be64(v) __builtin_bswap64(v)
#define arith_le16(v) ((u16)(v))
#define arith_le32(v) ((u32)(v))
#define arith_le64(v) (v)
#else
#define arith_be16(v) ((u16)(v))
#define arith_be32(v) ((u32)(v))
#define arith_be64(v) (v)
#define arith_le16(v) __builtin_bswap16((u16)(v))
#define arith_le32(v) __builtin_bswap32((u32)(v))
#define arith_le64(v) __builtin_bswap64(v)
#endif

#endif
