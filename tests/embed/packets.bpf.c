/* SPDX-License-Identifier: Apache-2.0 */
/* Packet programs for the tests of skep test. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

enum kind { SHORT_KIND = 1, LONG_KIND = 700 };

struct config {
	__u32 limit;
	char name[16];
	__u16 ports[4];
	enum kind kind;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct config);
} config SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u64);
} sizes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} per_cpu SEC(".maps");

SEC("xdp")
int count(struct xdp_md *ctx)
{
	__u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 size = end - data, zero = 0;
	struct config *c = bpf_map_lookup_elem(&config, &zero);
	__u32 *seen = bpf_map_lookup_elem(&per_cpu, &zero);
	__u64 one = 1;

	if (seen)
		++*seen;
	bpf_map_update_elem(&sizes, &size, &one, BPF_ANY);
	if (data + 1 > end)
		return XDP_ABORTED;
	data[0] = 0x55;
	return c && c->limit && size > c->limit ? XDP_DROP : XDP_PASS;
}

SEC("tc")
int mark(struct __sk_buff *skb)
{
	return (int)skb->mark++;
}

char LICENSE[] SEC("license") = "GPL";
