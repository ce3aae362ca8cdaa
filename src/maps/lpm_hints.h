/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which lengths are worth a probe: for each value of an address's first bits (its slot), the
 * lengths of all prefixes that cover it or lie in it, as a set. With them a search probes for
 * the one or two lengths that there are around its address, not for all that the map has.
 *
 * A set may hold too much, never too little: a prefix's bit is set in its slots before the
 * prefix is published, and nobody clears one (the map's own set of lengths in use, lpm.c,
 * keeps those out that are gone everywhere). So it needs no care when somebody is killed, and a
 * hostile sharer can make searches miss prefixes or be slow, which he can anyway.
 *
 * Short prefixes would have to be noted in very many slots; lengths up to `always` are not in
 * the sets and are always probed. Long keys have more lengths than a set has bits: some then
 * share one.
 */
#ifndef SKEP_MAPS_LPM_HINTS_H
#define SKEP_MAPS_LPM_HINTS_H

#include "base/atomic.h"

#define LPM_HINT_BITS 32 /* of a set */
#define LPM_SPREAD    12 /* a prefix is noted in up to 2^12 slots */

struct lpm_hints {
	u32 *slots;
	u32 slot_bits; /* 2^slot_bits slots */
	u32 top;       /* first bits of an address that choose the slot */
	u32 top_bytes; /* that can be read for them */
	u32 always;
	u32 shift; /* length - 1 by this is its bit */
};

/* bits: the longest prefix; how many bytes of a store the slots take. */
u64 lpm_hints_bytes(u32 bits, u64 entries);
void lpm_hints_bind(struct lpm_hints *hints, void *slots, u32 bits, u64 entries);
/* Before a prefix of that length is published. data: its bits. */
void lpm_hints_add(struct lpm_hints *hints, const u8 *data, u32 len);

static ALWAYS_INLINE u32 lpm_hints_top(const struct lpm_hints *hints, const u8 *data)
{
	u32 word = 0;

	if (LIKELY(hints->top_bytes == 4))
		memcpy(&word, data, 4);
	else
		memcpy(&word, data, hints->top_bytes);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	word = __builtin_bswap32(word);
#endif
	return word >> (32 - hints->top);
}

static ALWAYS_INLINE u32 lpm_hints_slot(const struct lpm_hints *hints, u32 top)
{
	if (hints->top <= hints->slot_bits)
		return top;
	return top * 0x9e3779b1u >> (32 - hints->slot_bits);
}

/* The set for an address. */
static ALWAYS_INLINE u32 lpm_hints_of(const struct lpm_hints *hints, const u8 *data)
{
	return load_acquire(&hints->slots[lpm_hints_slot(hints, lpm_hints_top(hints, data))]);
}

static ALWAYS_INLINE u32 lpm_hint_bit(const struct lpm_hints *hints, u32 len)
{
	return 1u << ((len - 1) >> hints->shift);
}

/* May there be a prefix of that length, given the address's set? */
static ALWAYS_INLINE bool lpm_hinted(const struct lpm_hints *hints, u32 set, u32 len)
{
	return len <= hints->always || set & lpm_hint_bit(hints, len);
}

#endif
