/* SPDX-License-Identifier: Apache-2.0 */
/* Packet headers, from vmlinux.h alone. */
#include "vmlinux.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define ETH_P_IP   0x0800
#define ETH_P_IPV6 0x86dd

struct flow {
	struct in6_addr from, to;
	u16 sport, dport;
	u8 protocol;
};

struct entry {
	struct bpf_spin_lock lock;
	struct bpf_timer timer;
	u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct flow);
	__type(value, struct entry);
} flows SEC(".maps");

static int ports(struct flow *flow, void *l4, void *end)
{
	struct tcphdr *tcp = l4;
	struct udphdr *udp = l4;

	if (flow->protocol == IPPROTO_TCP && (void *)(tcp + 1) <= end && tcp->syn && !tcp->ack) {
		flow->sport = bpf_ntohs(tcp->source);
		flow->dport = bpf_ntohs(tcp->dest);
	} else if (flow->protocol == IPPROTO_UDP && (void *)(udp + 1) <= end) {
		flow->sport = bpf_ntohs(udp->source);
		flow->dport = bpf_ntohs(udp->dest);
	}
	return 0;
}

SEC("xdp")
int count(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	struct ipv6hdr *ip6 = (void *)(eth + 1);
	struct flow flow = { 0 };
	struct entry *entry;

	if ((void *)(eth + 1) > end)
		return XDP_PASS;
	if (eth->h_proto == bpf_htons(ETH_P_IP) && (void *)(ip + 1) <= end && ip->version == 4) {
		flow.from.in6_u.u6_addr32[3] = ip->saddr;
		flow.to.in6_u.u6_addr32[3] = ip->daddr;
		flow.protocol = ip->protocol;
		ports(&flow, data + sizeof(*eth) + ip->ihl * 4, end);
	} else if (eth->h_proto == bpf_htons(ETH_P_IPV6) && (void *)(ip6 + 1) <= end) {
		flow.from = ip6->saddr;
		flow.to = ip6->daddr;
		flow.protocol = ip6->nexthdr;
		ports(&flow, ip6 + 1, end);
	}
	entry = bpf_map_lookup_elem(&flows, &flow);
	if (entry) {
		bpf_spin_lock(&entry->lock);
		entry->bytes += end - data;
		bpf_spin_unlock(&entry->lock);
	}
	return XDP_PASS;
}

SEC("tc")
int mark(struct __sk_buff *skb)
{
	struct bpf_sock_tuple tuple = { .ipv4 = { .saddr = 1, .dport = 2 } };
	struct bpf_sock *sk = bpf_sk_lookup_tcp(skb, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);

	if (sk)
		bpf_sk_release(sk);
	return bpf_skb_store_bytes(skb, 0, &tuple, 4, BPF_F_RECOMPUTE_CSUM) ? BPF_DROP : BPF_OK;
}

SEC("tracepoint/syscalls/sys_enter_connect")
int on_connect(struct trace_event_raw_sys_enter *ctx)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} address;

	bpf_probe_read_user(&address, sizeof(address), (void *)ctx->args[1]);
	return address.any.sa_family == 2 ? address.v4.sin_addr.s_addr : address.v6.sin6_port;
}

char LICENSE[] SEC("license") = "GPL";
