/* SPDX-License-Identifier: Apache-2.0 */
/* Packet data: bounds forgotten, wrong, or lost. */
#include "broken.h"

SEC("xdp")
int no_check(struct xdp_md *ctx)
{
	struct ethhdr *eth = DATA(ctx);

#ifdef FIXED
	if ((void *)(eth + 1) > DATA_END(ctx))
		return XDP_PASS;
#endif
	return eth->h_proto == bpf_htons(ETH_P_IP) ? XDP_PASS : XDP_DROP; /* BAD packet-bounds input */
}

SEC("xdp")
int only_ethernet_checked(struct xdp_md *ctx)
{
	struct ethhdr *eth = DATA(ctx);
	struct iphdr *ip = (void *)(eth + 1);

#ifdef FIXED
	if ((void *)(ip + 1) > DATA_END(ctx))
#else
	if ((void *)(eth + 1) > DATA_END(ctx))
#endif
		return XDP_PASS;
	if (eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	return ip->protocol == IPPROTO_UDP ? XDP_DROP : XDP_PASS; /* BAD packet-bounds input "data + 24 > data_end" */
}

SEC("xdp")
int one_byte_short(struct xdp_md *ctx)
{
	__u8 *p = DATA(ctx);

#ifdef FIXED
	if ((void *)(p + 15) > DATA_END(ctx))
#else
	if ((void *)(p + 14) > DATA_END(ctx))
#endif
		return XDP_PASS;
	return p[14] ? XDP_DROP : XDP_PASS; /* BAD packet-bounds input */
}

SEC("xdp")
int check_reversed(struct xdp_md *ctx)
{
	__u8 *p = DATA(ctx);

#ifdef FIXED
	if ((void *)(p + 20) > DATA_END(ctx))
#else
	if ((void *)(p + 20) < DATA_END(ctx))
#endif
		return XDP_PASS;
	return p[19] ? XDP_DROP : XDP_PASS; /* BAD packet-bounds input */
}

SEC("xdp")
int header_length_added(struct xdp_md *ctx)
{
	struct ethhdr *eth = DATA(ctx);
	struct iphdr *ip = (void *)(eth + 1);
	struct tcphdr *tcp;

	if ((void *)(ip + 1) > DATA_END(ctx))
		return XDP_PASS;
	tcp = (void *)ip + ip->ihl * 4;
#ifdef FIXED
	if ((void *)(tcp + 1) > DATA_END(ctx))
		return XDP_PASS;
#endif
	return tcp->dest == bpf_htons(80) ? XDP_DROP : XDP_PASS; /* BAD packet-bounds input */
}

SEC("xdp")
int total_length_added(struct xdp_md *ctx)
{
	struct ethhdr *eth = DATA(ctx);
	struct iphdr *ip = (void *)(eth + 1);
	__u32 len;
	__u8 *p;

	if ((void *)(ip + 1) > DATA_END(ctx))
		return XDP_PASS;
	len = bpf_ntohs(ip->tot_len);
#ifdef FIXED
	if (len > 1500)
		return XDP_PASS;
#else
	len *= 4;
#endif
	p = (__u8 *)ip + len;
	if ((void *)(p + 1) > DATA_END(ctx))
		return XDP_PASS;
	return *p ? XDP_DROP : XDP_PASS; /* BAD packet-bounds */
}

SEC("xdp")
int length_compared(struct xdp_md *ctx)
{
	__u8 *p = DATA(ctx);
	__u64 len = (__u64)DATA_END(ctx) - (__u64)DATA(ctx);

#ifdef FIXED
	if ((void *)(p + 20) > DATA_END(ctx))
#else
	if (len < 20)
#endif
		return XDP_PASS;
	return p[12] ? XDP_DROP : XDP_PASS; /* BAD packet-bounds */
}

SEC("xdp")
int head_adjusted(struct xdp_md *ctx)
{
	__u8 *p = DATA(ctx);

	if ((void *)(p + 40) > DATA_END(ctx))
		return XDP_PASS;
	if (bpf_xdp_adjust_head(ctx, 20))
		return XDP_DROP;
#ifdef FIXED
	p = DATA(ctx);
	if ((void *)(p + 20) > DATA_END(ctx))
		return XDP_DROP;
#endif
	p[0] = 4; /* BAD invalid-access input */
	return XDP_PASS;
}

SEC("tc")
int data_pulled(struct __sk_buff *skb)
{
	struct ethhdr *eth = DATA(skb);

	if ((void *)(eth + 1) > DATA_END(skb))
		return TC_ACT_OK;
	bpf_skb_pull_data(skb, 54);
#ifdef FIXED
	eth = DATA(skb);
	if ((void *)(eth + 1) > DATA_END(skb))
		return TC_ACT_OK;
#endif
	return eth->h_proto ? TC_ACT_OK : TC_ACT_SHOT; /* BAD invalid-access input */
}

SEC("xdp")
int loop_without_check(struct xdp_md *ctx)
{
	__u8 *p = DATA(ctx), sum = 0;

	if ((void *)(p + 8) > DATA_END(ctx))
		return XDP_PASS;
	for (int i = 0; i < 64; i++) {
#ifdef FIXED
		if ((void *)(p + i + 1) > DATA_END(ctx))
			break;
#endif
		sum += p[i]; /* BAD packet-bounds input */
		HIDE(sum);
	}
	return sum ? XDP_PASS : XDP_DROP;
}

SEC("tc")
int packet_into_helper(struct __sk_buff *skb)
{
	__u32 *p = DATA(skb);
	__s64 sum;

#ifdef FIXED
	if ((void *)(p + 5) > DATA_END(skb))
		return TC_ACT_OK;
#endif
	sum = bpf_csum_diff(0, 0, p, 20, 0); /* BAD packet-bounds input */
	return sum < 0 ? TC_ACT_SHOT : TC_ACT_OK;
}

SEC("tc")
int wrong_pointer_checked(struct __sk_buff *skb)
{
	__u8 *p = DATA(skb), *q;
	__u32 off = skb->mark & 63;

	q = p + off;
#ifdef FIXED
	if ((void *)(q + 4) > DATA_END(skb))
#else
	if ((void *)(p + 4) > DATA_END(skb))
#endif
		return TC_ACT_OK;
	return *(__u32 *)q ? TC_ACT_SHOT : TC_ACT_OK; /* BAD packet-bounds input */
}

SEC("cgroup_skb/egress")
int writes_packet(struct __sk_buff *skb)
{
	__u8 *p = DATA(skb);

	if ((void *)(p + 4) > DATA_END(skb))
		return 1;
#ifdef FIXED
	return p[0] != 0;
#else
	p[0] = 1; /* BAD packet-readonly input advice */
	return 1;
#endif
}

SEC("xdp")
int atomic_in_packet(struct xdp_md *ctx)
{
	__u32 *p = DATA(ctx);

	if ((void *)(p + 4) > DATA_END(ctx))
		return XDP_PASS;
#ifdef FIXED
	p[0] += 1;
#else
	__sync_fetch_and_add(p, 1); /* BAD atomic-target input advice */
#endif
	return XDP_PASS;
}

SEC("xdp")
int word_at_the_end(struct xdp_md *ctx)
{
	__u8 *p = DATA(ctx);

#ifdef FIXED
	if ((void *)(p + 8) > DATA_END(ctx))
#else
	if ((void *)(p + 4) > DATA_END(ctx))
#endif
		return XDP_PASS;
	return *(__u64 *)p ? XDP_DROP : XDP_PASS; /* BAD packet-bounds input */
}

char LICENSE[] SEC("license") = "GPL";
