/* SPDX-License-Identifier: Apache-2.0 */
/* Programs of which each has a trouble of its own, and two that have none. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, 4);
	__uint(value_size, 4);
} lacking SEC(".maps");

/* Its loader would say how many. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, __u32);
	__type(value, __u64);
} unsized SEC(".maps");

extern void bpf_not_there(void) __ksym;

SEC("raw_tracepoint/sys_enter")
int good(void *ctx)
{
	__u32 key = 1;

	return bpf_map_lookup_elem(&unsized, &key) != 0;
}

SEC("raw_tracepoint/sys_enter")
int lacks_map(void *ctx)
{
	__u32 word = 1;

	return bpf_perf_event_output(ctx, &lacking, BPF_F_CURRENT_CPU, &word, sizeof(word));
}

SEC("tc")
int lacks_extern(struct __sk_buff *skb)
{
	bpf_not_there();
	return 0;
}

SEC("fentry/not_there_at_all")
int lacks_target(void *ctx)
{
	return 0;
}

SEC("a_section_that_nobody_knows")
int lacks_type(void *ctx)
{
	return 0;
}

SEC("another_one")
int guessed(struct xdp_md *xdp)
{
	return XDP_PASS;
}

SEC("?fentry")
int lacks_name(void *ctx)
{
	return 0;
}

SEC("?tcx/ingress")
int optional(struct __sk_buff *skb)
{
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
