/* SPDX-License-Identifier: Apache-2.0 */
/* Loops, calls, contexts, results. */
#include "broken.h"

SEC("tc")
int waits_for_ever(struct __sk_buff *skb)
{
	volatile __u32 *p = &skb->mark;

#ifdef FIXED
	for (int i = 0; i < 100 && *p; i++)
		asm volatile("");
#else
	while (*p) /* BAD infinite-loop input */
		asm volatile("");
#endif
	return TC_ACT_OK;
}

SEC("tc")
int as_often_as_the_map_says(struct __sk_buff *skb)
{
	__u32 key = 0, n, sum = 0;
	struct counter *c = bpf_map_lookup_elem(&table, &key);

	if (!c)
		return TC_ACT_OK;
	n = c->cells[0];
#ifdef FIXED
	if (n > 64)
		n = 64;
#endif
	for (__u32 i = 0; i < n; i++) { /* BAD too-complex input */
		sum += i;
		sum ^= sum << 3;
		HIDE(sum);
	}
	return sum & 1;
}

SEC("tc")
int millions_of_rounds(struct __sk_buff *skb)
{
	__u32 sum = skb->mark;

#ifdef FIXED
	for (__u32 i = 0; i < 2000; i++) {
#else
	for (__u32 i = 0; i < 2000000; i++) { /* BAD too-complex input advice */
#endif
		if (bpf_get_prandom_u32() & 1)
			sum += i;
		else
			sum ^= i;
		HIDE(sum);
	}
	return sum & 1;
}

static __noinline int deepest(struct __sk_buff *skb)
{
	volatile char buf[200];

	buf[skb->len & 127] = 1;
	return buf[3];
}

static __noinline int deeper(struct __sk_buff *skb)
{
	volatile char buf[200];

	buf[skb->mark & 127] = deepest(skb);
	return buf[2];
}

SEC("tc")
int stack_of_three(struct __sk_buff *skb) /* BAD stack-depth any advice */
{
#ifdef FIXED
	volatile char buf[64];

	buf[skb->hash & 63] = deeper(skb);
#else
	volatile char buf[200];

	buf[skb->hash & 127] = deeper(skb);
#endif
	return buf[1];
}

static __noinline int even(struct __sk_buff *skb, int n);

static __noinline int odd(struct __sk_buff *skb, int n)
{
#ifdef FIXED
	return n & 1;
#else
	return n ? even(skb, n - 1) + (int)skb->mark : 0;
#endif
}

static __noinline int even(struct __sk_buff *skb, int n)
{
	return n ? odd(skb, n - 1) ^ (int)skb->len : 1; /* BAD call-depth input advice */
}

SEC("tc")
int calls_itself(struct __sk_buff *skb)
{
	return even(skb, skb->hash & 7);
}

SEC("tc")
int wrong_context(struct __sk_buff *skb)
{
#ifdef FIXED
	return skb->mark;
#else
	return ((volatile struct xdp_md *)((void *)skb + 300))->data; /* BAD invalid-ctx-access input advice */
#endif
}

SEC("tc")
int length_set(struct __sk_buff *skb)
{
#ifdef FIXED
	skb->mark = 5;
#else
	*(volatile __u32 *)&skb->len = 5; /* BAD invalid-ctx-access input advice */
#endif
	return TC_ACT_OK;
}

SEC("xdp")
int pointer_as_long(struct xdp_md *ctx)
{
#ifdef FIXED
	return DATA(ctx) == DATA_END(ctx) ? XDP_DROP : XDP_PASS;
#else
	__u64 data;

	asm volatile("%0 = *(u64 *)(%1 + 0)" : "=r"(data) : "r"(ctx)); /* BAD invalid-ctx-access input advice */
	return data ? XDP_DROP : XDP_PASS;
#endif
}

SEC("tc")
int control_block_by_index(struct __sk_buff *skb)
{
	__u32 i = skb->mark & 3;

	HIDE(i);
#ifdef FIXED
	return i == 0 ? skb->cb[0] : 0;
#else
	return skb->cb[i & 3]; /* BAD variable-offset input advice */
#endif
}

SEC("tc")
int context_moved(struct __sk_buff *skb)
{
	char *p = (char *)skb;

#ifndef FIXED
	p += 8;
	HIDE(p);
#endif
	return bpf_skb_pull_data((struct __sk_buff *)p, 0); /* BAD modified-pointer input */
}

SEC("cgroup_skb/ingress")
int verdict_of_length(struct __sk_buff *skb)
{
#ifdef FIXED
	return skb->len > 100;
#else
	return skb->len; /* BAD return-range input */
#endif
}

SEC("tc")
int never_set(struct __sk_buff *skb)
{
	skb->mark = 5;
#ifdef FIXED
	return TC_ACT_OK;
#endif
} /* BAD uninit-register input */

struct task {
	char pad[1000];
	__u32 pid;
};

SEC("kprobe/do_exit")
int kernel_pointer(void *ctx)
{
	struct task *t = (void *)bpf_get_current_task();
	__u32 pid = 0;

#ifdef FIXED
	bpf_probe_read_kernel(&pid, sizeof(pid), &t->pid);
#else
	pid = t->pid; /* BAD invalid-access input "sizeof(value), &t->pid);" */
#endif
	return pid == 1;
}

struct enter {
	__u64 pad;
	long id;
	unsigned long args[6];
};

SEC("tp/syscalls/sys_enter_openat")
int user_pointer(struct enter *ctx)
{
	const char *name = (const char *)ctx->args[1];
	char first = 0;

#ifdef FIXED
	bpf_probe_read_user(&first, 1, name);
#else
	first = *name; /* BAD invalid-access input "sizeof(value), name);" */
#endif
	return first == '/';
}

SEC("tc")
int helper_of_xdp(struct __sk_buff *skb)
{
#ifdef FIXED
	return bpf_skb_change_tail(skb, 100, 0);
#else
	return bpf_xdp_adjust_tail((void *)skb, -4); /* BAD helper-not-allowed any advice */
#endif
}

SEC("kprobe/do_exit")
int helper_that_sleeps(void *ctx)
{
	char c = 0;

#ifdef FIXED
	bpf_probe_read_user(&c, 1, 0);
#else
	bpf_copy_from_user(&c, 1, 0); /* BAD sleep-in-atomic input */
#endif
	return c;
}

static int two(__u32 i, void *ctx)
{
#ifdef FIXED
	return i > 2;
#else
	return i * 2; /* BAD return-range input */
#endif
}

SEC("tc")
int callback_returns(struct __sk_buff *skb)
{
	return bpf_loop(10, two, 0, 0);
}

__noinline int first_cell(struct counter *c)
{
#ifdef FIXED
	if (!c)
		return 0;
#endif
	return c->cells[0]; /* BAD null-check input */
}

SEC("tc")
int global_argument(struct __sk_buff *skb)
{
	__u32 key = 0;
	struct counter *c = bpf_map_lookup_elem(&table, &key);

	return c ? first_cell(c) : 0;
}

struct odd_value {
	char tag;
	__u64 n __attribute__((packed));
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, char[24]);
} bytes SEC(".maps");

SEC("tc")
int counter_misaligned(struct __sk_buff *skb)
{
	__u32 key = 0;
	char *v = bpf_map_lookup_elem(&bytes, &key);

	if (!v)
		return TC_ACT_OK;
#ifdef FIXED
	__sync_fetch_and_add((__u64 *)(v + 8), 1);
#else
	__sync_fetch_and_add((__u64 *)(v + 1), 1); /* BAD misaligned input advice */
#endif
	return TC_ACT_OK;
}

SEC("tc")
int pointer_scaled(struct __sk_buff *skb)
{
	__u32 key = 0;
	struct counter *c = bpf_map_lookup_elem(&table, &key);
	__u64 n;

	if (!c)
		return TC_ACT_OK;
	n = c->packets;
	HIDE(n);
#ifdef FIXED
	n &= 15;
#endif
	c = (void *)c + n * 4; /* BAD unbounded-pointer input */
	return c->packets & 1;
}

char LICENSE[] SEC("license") = "GPL";
