/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contexts as they are at run time. A program addresses its context by the UAPI layout
 * (struct __sk_buff, struct xdp_md); where that holds pointers in 32-bit fields, the
 * run-time struct is the UAPI struct with the real pointers behind it, and the tables in
 * ctx.c map field to field. Tracepoint, raw tracepoint and kprobe contexts are passed as
 * the program sees them.
 */
#ifndef SKEP_MODEL_CTX_H
#define SKEP_MODEL_CTX_H

#include <linux/bpf.h>

#include "base/types.h"

struct xdp_run_ctx {
	struct xdp_md md; /* data, data_end, data_meta here are unused */
	u8 *data;
	u8 *data_end;
	u8 *data_meta;
	u8 *hard_start; /* adjust_head may go back to here */
	u8 *hard_end;   /* adjust_tail may go up to here */
};

struct skb_run_ctx {
	struct __sk_buff skb;
	u8 *data; /* what programs see; for LD_ABS also the start of the packet */
	u8 *data_end;
	u8 *data_meta;
	void *sk;
	void *flow_keys;
	u8 *hard_start;
	u8 *hard_end;
	u8 *mac; /* headers, for LD_ABS with SKF_LL_OFF and SKF_NET_OFF; NULL: none */
	u8 *network;
};

/* struct bpf_sock_ops of Linux 6.2 on: the headers we build with may or may not have its end. */
struct sock_ops_run_ctx {
	union {
		struct bpf_sock_ops ops;
		struct {
			u8 older[216];
			u64 skb_hwtstamp;
		};
	};
};

/* image->load_packet of program types whose context is a struct skb_run_ctx. */
bool skb_load_packet(const void *ctx, s32 offset, u32 size, u64 *out);

/* x86-64's user struct pt_regs: r15 first, ss last; the layout kprobe programs are compiled for. */
#define CTX_PT_REGS_SIZE (21 * 8)

/* SEC("syscall"): the caller's buffer, as the program sees it. */

#endif
