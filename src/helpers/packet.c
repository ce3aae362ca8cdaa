/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Helpers on packets (model/ctx.h): linear buffers with room before and behind. The packet a
 * program sees begins at data; offsets count from there.
 */
#include "helpers/helpers.h"
#include "helpers/packet.h"

#define ETH_HLEN  14      /* an Ethernet header: no packet gets shorter */
#define MAX_META  255     /* metadata before an XDP packet: at most, in words of 4 */
#define XDP_MAX   0xffffu /* offsets and lengths of xdp_load_bytes */
#define SKB_MAX   0x7fffffffu
#define START_MAC 0 /* enum bpf_hdr_start_off */
#define START_NET 1

static u64 packet_len(const struct skb_run_ctx *skb)
{
	return skb->data_end - skb->data;
}

u8 *skb_bytes(const struct skb_run_ctx *skb, u32 offset, u32 len)
{
	if (offset > SKB_MAX || (u64)offset + len > packet_len(skb))
		return NULL;
	return skb->data + offset;
}

u64 skb_meta_len(const struct skb_run_ctx *skb)
{
	return skb->data_meta ? skb->data - skb->data_meta : 0;
}

u8 *skb_meta_bytes(const struct skb_run_ctx *skb, u32 offset, u32 len)
{
	if (!skb->data_meta || (u64)offset + len > skb_meta_len(skb))
		return NULL;
	return skb->data_meta + offset;
}

static s64 load_bytes(const u8 *from, void *to, u32 len)
{
	if (!from) {
		memset(to, 0, len);
		return -EFAULT;
	}
	memcpy(to, from, len);
	return 0;
}

s64 skb_load(const struct skb_run_ctx *skb, u32 offset, void *to, u32 len)
{
	return load_bytes(skb_bytes(skb, offset, len), to, len);
}

/* (skb, offset, to, len) */
u64 helper_skb_load_bytes(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	const struct skb_run_ctx *skb = (const struct skb_run_ctx *)(uintptr_t)r1;

	return skb_load(skb, r2, (void *)(uintptr_t)r3, r4);
}

/* (skb, offset, to, len, start) */
u64 helper_skb_load_bytes_relative(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	const struct skb_run_ctx *skb = (const struct skb_run_ctx *)(uintptr_t)r1;
	u32 offset = r2, start = r5;
	u8 *from = NULL;

	if (offset <= XDP_MAX && start <= START_NET)
		from = skb_bytes(skb, offset + (start == START_NET ? ETH_HLEN : 0), r4);
	return load_bytes(from, (void *)(uintptr_t)r3, r4);
}

/* Nothing here caches a checksum, so there is none to update. from may be part of the packet. */
s64 skb_store(struct skb_run_ctx *skb, u32 offset, const void *from, u32 len, u64 flags)
{
	u8 *to = skb_bytes(skb, offset, len);

	if (flags & ~(u64)(BPF_F_RECOMPUTE_CSUM | BPF_F_INVALIDATE_HASH))
		return -EINVAL;
	if (!to)
		return -EFAULT;
	memmove(to, from, len);
	if (flags & BPF_F_INVALIDATE_HASH)
		skb->skb.hash = 0;
	return 0;
}

/* (skb, offset, from, len, flags) */
u64 helper_skb_store_bytes(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	struct skb_run_ctx *skb = (struct skb_run_ctx *)(uintptr_t)r1;

	return skb_store(skb, r2, (const void *)(uintptr_t)r3, r4, r5);
}

/* (skb, len): packets are linear and writable already */
u64 helper_skb_pull_data(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	const struct skb_run_ctx *skb = (const struct skb_run_ctx *)(uintptr_t)r1;

	return (u32)r2 > packet_len(skb) ? -ENOMEM : 0;
}

/* (skb, len, flags): new bytes are zero */
u64 helper_skb_change_tail(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	struct skb_run_ctx *skb = (struct skb_run_ctx *)(uintptr_t)r1;
	u32 len = r2;
	u64 old = packet_len(skb);

	if (r3 || len < ETH_HLEN)
		return -EINVAL;
	if (len > (u64)(skb->hard_end - skb->data))
		return -ENOMEM;
	if (len > old)
		memset(skb->data_end, 0, len - old);
	skb->data_end = skb->data + len;
	skb->skb.len = len;
	return 0;
}

u64 helper_get_hash_recalc(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	return ((const struct skb_run_ctx *)(uintptr_t)r1)->skb.hash;
}

u64 helper_set_hash(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	((struct skb_run_ctx *)(uintptr_t)r1)->skb.hash = r2;
	return 0;
}

u64 helper_set_hash_invalid(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	((struct skb_run_ctx *)(uintptr_t)r1)->skb.hash = 0;
	return 0;
}

/* (xdp, s32 delta): the metadata before the packet moves along */
u64 helper_xdp_adjust_head(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	struct xdp_run_ctx *xdp = (struct xdp_run_ctx *)(uintptr_t)r1;
	s32 delta = r2;
	s64 meta = xdp->data - xdp->data_meta;

	if (delta < xdp->hard_start + meta - xdp->data ||
	    delta > xdp->data_end - ETH_HLEN - xdp->data)
		return -EINVAL;
	if (meta)
		memmove(xdp->data_meta + delta, xdp->data_meta, meta);
	xdp->data_meta += delta;
	xdp->data += delta;
	return 0;
}

/* (xdp, s32 delta): new bytes are zero */
u64 helper_xdp_adjust_tail(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	struct xdp_run_ctx *xdp = (struct xdp_run_ctx *)(uintptr_t)r1;
	s32 delta = r2;

	if (delta > xdp->hard_end - xdp->data_end || delta < xdp->data + ETH_HLEN - xdp->data_end)
		return -EINVAL;
	if (delta > 0)
		memset(xdp->data_end, 0, delta);
	xdp->data_end += delta;
	return 0;
}

/* (xdp, s32 delta) */
u64 helper_xdp_adjust_meta(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	struct xdp_run_ctx *xdp = (struct xdp_run_ctx *)(uintptr_t)r1;
	s32 delta = r2;
	s64 len = xdp->data - xdp->data_meta - delta;

	if (len < 0 || delta < xdp->hard_start - xdp->data_meta)
		return -EINVAL;
	if (len % 4 || len > MAX_META)
		return -EACCES;
	xdp->data_meta += delta;
	return 0;
}

u64 helper_xdp_get_buff_len(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	const struct xdp_run_ctx *xdp = (const struct xdp_run_ctx *)(uintptr_t)r1;

	return xdp->data_end - xdp->data;
}

s64 xdp_bytes(const struct xdp_run_ctx *xdp, u32 offset, u32 len, u8 **at)
{
	if (offset > XDP_MAX || len > XDP_MAX)
		return -EFAULT;
	if ((u64)offset + len > (u64)(xdp->data_end - xdp->data))
		return -EINVAL;
	*at = xdp->data + offset;
	return 0;
}

/* (xdp, offset, to, len) */
u64 helper_xdp_load_bytes(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	u8 *at;
	s64 err = xdp_bytes((const struct xdp_run_ctx *)(uintptr_t)r1, r2, r4, &at);

	if (!err)
		memcpy((void *)(uintptr_t)r3, at, (u32)r4);
	return err;
}

/* (xdp, offset, from, len) */
u64 helper_xdp_store_bytes(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	u8 *at;
	s64 err = xdp_bytes((const struct xdp_run_ctx *)(uintptr_t)r1, r2, r4, &at);

	if (!err)
		memmove(at, (const void *)(uintptr_t)r3, (u32)r4);
	return err;
}
