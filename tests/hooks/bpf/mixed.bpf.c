/* SPDX-License-Identifier: Apache-2.0 */
/* One program that any kernel accepts and one that none does: a missing null check. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

const volatile __u32 step = 1;

SEC("raw_tracepoint/sys_enter") int good(void *ctx)
{
	__u32 key = 0;
	__u64 *value = bpf_map_lookup_elem(&counts, &key);

	if (value)
		*value += step;
	return 0;
}

SEC("raw_tracepoint/sys_enter") int bad(void *ctx)
{
	__u32 key = 0;
	__u64 *value = bpf_map_lookup_elem(&counts, &key);

	*value += 1; /* no check */
	return 0;
}

SEC("tcx/ingress") int newer(struct __sk_buff *skb)
{
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
