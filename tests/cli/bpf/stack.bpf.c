/* SPDX-License-Identifier: Apache-2.0 */
/* The user stack of the task that makes a call, by both helpers. */
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#define FRAMES 8

struct stack {
	__s64 bytes, id, same_id, of_kernel;
	__u64 ip0, ip1, ip2;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct stack);
} seen SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(max_entries, 16);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, FRAMES * sizeof(__u64));
} stacks SEC(".maps");

SEC("raw_tracepoint/sys_enter")
int on_enter(struct bpf_raw_tracepoint_args *ctx)
{
	struct pt_regs *regs = (struct pt_regs *)ctx->args[0];
	__u64 ip[FRAMES] = { 0 };
	__u32 zero = 0;
	struct stack *stack = bpf_map_lookup_elem(&seen, &zero);

	/* getpgid(4243) marks the call this test is about */
	if (!stack || ctx->args[1] != 121 || BPF_CORE_READ(regs, di) != 4243)
		return 0;
	stack->bytes = bpf_get_stack(ctx, ip, sizeof(ip), BPF_F_USER_STACK);
	stack->ip0 = ip[0];
	stack->ip1 = ip[1];
	stack->ip2 = ip[2];
	stack->id = bpf_get_stackid(ctx, &stacks, BPF_F_USER_STACK);
	stack->same_id = bpf_get_stackid(ctx, &stacks, BPF_F_USER_STACK);
	stack->of_kernel = bpf_get_stackid(ctx, &stacks, 0);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
