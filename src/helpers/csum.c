/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Internet checksums (RFC 1071): sums in ones' complement, where 2^16 - 1 counts as nothing,
 * so carries wrap around and subtracting is adding the complement (RFC 1624).
 */
#include "helpers/helpers.h"
#include "model/ctx.h"

static u32 fold64(u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	return (sum & 0xffffffff) + (sum >> 32);
}

static u16 fold32(u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

static u32 sum_words(const u8 *bytes, u32 size, u32 seed)
{
	u64 sum = seed;

	for (u32 i = 0; i < size; i += 4) {
		u32 word;

		memcpy(&word, bytes + i, 4);
		sum += word;
	}
	return fold64(sum);
}

/* (from, from_size, to, to_size, seed): what takes from out of the seed and puts to in */
u64 helper_csum_diff(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	const u8 *from = (const u8 *)(uintptr_t)r1, *to = (const u8 *)(uintptr_t)r3;
	u32 from_size = r2, to_size = r4, sum = r5;

	if ((from_size | to_size) & 3)
		return -EINVAL;
	/* Zero has two forms, 0 and 0xffff; taken out alone, the difference is formed so that the
	 * form is Linux's. */
	if (!to_size && from_size)
		return fold32(~sum_words(from, from_size, ~sum));
	if (to_size)
		sum = sum_words(to, to_size, sum);
	if (from_size)
		sum = fold64((u64)sum + (u32)~sum_words(from, from_size, 0));
	return fold32(sum);
}

/* The checksum field at that offset, or NULL; it lies at an even offset of the packet. */
static u8 *csum_field(const struct skb_run_ctx *skb, u32 offset)
{
	if (offset > 0xffff || offset & 1 || offset + 2 > skb->data_end - skb->data)
		return NULL;
	return skb->data + offset;
}

static u16 load16(const u8 *at)
{
	u16 value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static void replace(u8 *field, u32 from, u32 to)
{
	u16 sum = ~fold32(fold64((u64)(u16)~load16(field) + (u32)~from + to));

	memcpy(field, &sum, sizeof(sum));
}

/* flags say how long the value is that changed: 2, 4, or 0 when to is a difference already. */
static s64 replace_field(u8 *field, u64 from, u64 to, u64 size)
{
	switch (size) {
	case 0:
		if (from)
			return -EINVAL;
		replace(field, 0xffffffff, to);
		return 0;
	case 2:
		replace(field, (u16)from, (u16)to);
		return 0;
	case 4:
		replace(field, from, to);
		return 0;
	}
	return -EINVAL;
}

/* (skb, offset, from, to, flags) */
u64 helper_l3_csum_replace(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	u8 *field = csum_field((const struct skb_run_ctx *)(uintptr_t)r1, r2);

	if (r5 & ~(u64)BPF_F_HDR_FIELD_MASK)
		return -EINVAL;
	return field ? replace_field(field, r3, r4, r5) : -EFAULT;
}

/* (skb, offset, from, to, flags): a UDP checksum of 0 is none, and stays so */
u64 helper_l4_csum_replace(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	u8 *field = csum_field((const struct skb_run_ctx *)(uintptr_t)r1, r2);
	bool is_mangled_zero = r5 & BPF_F_MARK_MANGLED_0;
	s64 err;

	if (r5 & ~(u64)(BPF_F_MARK_MANGLED_0 | BPF_F_MARK_ENFORCE | BPF_F_PSEUDO_HDR |
			BPF_F_HDR_FIELD_MASK | 1ull << 7 /* BPF_F_IPV6 */))
		return -EINVAL;
	if (!field)
		return -EFAULT;
	if (is_mangled_zero && !(r5 & BPF_F_MARK_ENFORCE) && !load16(field))
		return 0;
	err = replace_field(field, r3, r4, r5 & BPF_F_HDR_FIELD_MASK);
	if (!err && is_mangled_zero && !load16(field))
		memset(field, 0xff, 2);
	return err;
}
