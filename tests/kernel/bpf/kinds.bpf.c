/* SPDX-License-Identifier: Apache-2.0 */
/* One of each: what libbpf makes of an object file when it speaks to Skep. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct pair {
	__u32 first, second;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, struct pair);
} pairs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 2);
	__uint(key_size, 4);
	__uint(value_size, 4);
} next SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

const volatile __u32 limit = 100;
__u64 total;
__u32 start = 5;

SEC("xdp")
int first(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 key = 0, *event;
	struct pair pair = { 1, end - data };
	__u64 *count;

	total += end - data;
	bpf_map_update_elem(&pairs, &start, &pair, BPF_ANY);
	count = bpf_map_lookup_elem(&counts, &key);
	if (count)
		(*count)++;
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (event) {
		*event = limit;
		bpf_ringbuf_submit(event, 0);
	}
	bpf_tail_call(ctx, &next, 1);
	return XDP_ABORTED;
}

SEC("xdp")
int second(struct xdp_md *ctx)
{
	return limit > 99 ? XDP_TX : XDP_DROP;
}

SEC("syscall")
int sum(__u32 *args)
{
	args[2] = args[0] + args[1];
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
