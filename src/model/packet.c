/* SPDX-License-Identifier: Apache-2.0 */
/* Legacy packet access: where LD_ABS and LD_IND read. */
#include "model/ctx.h"

#define SKF_NET_OFF (-0x100000) /* from here up: relative to the network header */
#define SKF_LL_OFF  (-0x200000) /* from here up: relative to the link layer's */

/* What an offset is relative to, and the distance from there; NULL when it means nothing. */
static const u8 *packet_base(const struct skb_run_ctx *skb, s32 offset, s64 *distance)
{
	*distance = offset;
	if (offset >= 0)
		return skb->data;
	if (offset >= SKF_NET_OFF) {
		*distance = (s64)offset - SKF_NET_OFF;
		return skb->network;
	}
	*distance = (s64)offset - SKF_LL_OFF;
	return offset >= SKF_LL_OFF ? skb->mac : NULL;
}

bool skb_load_packet(const void *ctx, s32 offset, u32 size, u64 *out)
{
	const struct skb_run_ctx *skb = ctx;
	s64 distance;
	const u8 *base = packet_base(skb, offset, &distance);

	if (!base || base > skb->data_end || distance + size > skb->data_end - base)
		return false;
	*out = 0;
	for (u32 i = 0; i < size; i++)
		*out = *out << 8 | base[distance + i];
	return true;
}
