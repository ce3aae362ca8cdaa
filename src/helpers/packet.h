/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of packets, for helpers of more than one family. All answer 0 or as Linux's helpers do. */
#ifndef SKEP_HELPERS_PACKET_H
#define SKEP_HELPERS_PACKET_H

#include "model/ctx.h"

/* Where [offset, offset + len) of the packet lies; NULL when it is not all there. */
u8 *skb_bytes(const struct skb_run_ctx *skb, u32 offset, u32 len);
s64 skb_load(const struct skb_run_ctx *skb, u32 offset, void *to, u32 len);
s64 skb_store(struct skb_run_ctx *skb, u32 offset, const void *from, u32 len, u64 flags);
u64 skb_meta_len(const struct skb_run_ctx *skb);
/* The same of the metadata before it. */
u8 *skb_meta_bytes(const struct skb_run_ctx *skb, u32 offset, u32 len);
s64 xdp_bytes(const struct xdp_run_ctx *xdp, u32 offset, u32 len, u8 **at);

#endif
