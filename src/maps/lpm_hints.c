/* SPDX-License-Identifier: Apache-2.0 */
#include "maps/lpm_hints.h"

#define MIN_SLOT_BITS 6
#define MAX_SLOT_BITS 22

static u32 slot_bits_of(u64 entries)
{
	u32 bits = MIN_SLOT_BITS;

	while (bits < MAX_SLOT_BITS && (1ull << bits) < 2 * entries)
		bits++;
	return bits;
}

u64 lpm_hints_bytes(u32 bits, u64 entries)
{
	return sizeof(u32) << slot_bits_of(entries);
}

void lpm_hints_bind(struct lpm_hints *hints, void *slots, u32 bits, u64 entries)
{
	u32 slot_bits = slot_bits_of(entries);

	*hints = (struct lpm_hints){ .slots = slots, .slot_bits = slot_bits };
	/* Of an IPv4 address the slot is its first bits; of longer keys a hash of more of them. */
	hints->top = bits <= 32 ? MIN(bits, slot_bits) : 32;
	hints->top_bytes = MIN(bits / 8, 4u);
	hints->always = hints->top > LPM_SPREAD ? hints->top - LPM_SPREAD : 0;
	while ((bits - 1) >> hints->shift >= LPM_HINT_BITS)
		hints->shift++;
}

void lpm_hints_add(struct lpm_hints *hints, const u8 *data, u32 len)
{
	u32 top = lpm_hints_top(hints, data), spread = len < hints->top ? hints->top - len : 0;

	if (len <= hints->always)
		return;
	top = top >> spread << spread;
	for (u32 i = 0; i < 1u << spread; i++) {
		u32 *slot = &hints->slots[lpm_hints_slot(hints, top + i)];

		if (!(load_relaxed(slot) & lpm_hint_bit(hints, len)))
			fetch_or_seq_cst(slot, lpm_hint_bit(hints, len));
	}
}
