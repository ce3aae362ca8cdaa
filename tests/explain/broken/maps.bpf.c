/* SPDX-License-Identifier: Apache-2.0 */
/* Map values: NULL, and indexes without bounds. */
#include "broken.h"

SEC("xdp")
int lookup_unchecked(struct xdp_md *ctx)
{
	__u32 key = ctx->ingress_ifindex;
	struct counter *c = bpf_map_lookup_elem(&counts, &key);

#ifdef FIXED
	if (!c)
		return XDP_PASS;
#endif
	c->packets++; /* BAD null-check input */
	return XDP_PASS;
}

SEC("xdp")
int wrong_one_checked(struct xdp_md *ctx)
{
	__u32 one = 1, two = 2;
	struct counter *a = bpf_map_lookup_elem(&counts, &one);
	struct counter *b = bpf_map_lookup_elem(&counts, &two);

#ifdef FIXED
	if (!a || !b)
#else
	if (!a)
#endif
		return XDP_PASS;
	a->packets++;
	b->packets++; /* BAD null-check input */
	return XDP_PASS;
}

SEC("tc")
int checked_on_one_way(struct __sk_buff *skb)
{
	__u32 key = skb->mark;
	struct counter *c = bpf_map_lookup_elem(&counts, &key);

#ifdef FIXED
	if (!c)
		return TC_ACT_OK;
#else
	if (skb->len > 100 && !c)
		return TC_ACT_OK;
#endif
	c->packets += skb->len; /* BAD null-check input */
	return TC_ACT_OK;
}

SEC("tc")
int used_before_checked(struct __sk_buff *skb)
{
	__u32 key = skb->priority;
	struct counter *c = bpf_map_lookup_elem(&counts, &key);
	__u64 n;

#ifdef FIXED
	if (!c)
		return TC_ACT_OK;
#endif
	n = *(volatile __u64 *)&c->packets; /* BAD null-check input */
	HIDE(n);
	if (!c)
		return TC_ACT_OK;
	c->packets = n + 1;
	return TC_ACT_OK;
}

SEC("tc")
int null_into_helper(struct __sk_buff *skb)
{
	__u32 from = 1, to = 2;
	struct counter *c = bpf_map_lookup_elem(&counts, &from);

#ifdef FIXED
	if (!c)
		return TC_ACT_OK;
#endif
	bpf_map_update_elem(&counts, &to, c, BPF_ANY); /* BAD null-check input */
	return TC_ACT_OK;
}

SEC("tc")
int array_key_too_large(struct __sk_buff *skb)
{
	__u32 key = skb->queue_mapping;
	struct counter *c = bpf_map_lookup_elem(&table, &key);

#ifdef FIXED
	if (!c)
		return TC_ACT_OK;
#endif
	c->cells[0] = 1; /* BAD null-check input */
	return TC_ACT_OK;
}

SEC("tc")
int index_from_packet_field(struct __sk_buff *skb)
{
	__u32 key = 0, i = skb->mark;
	struct counter *c = bpf_map_lookup_elem(&table, &key);

	if (!c)
		return TC_ACT_OK;
#ifdef FIXED
	if (i >= 16)
		return TC_ACT_OK;
#endif
	c->cells[i] += 1; /* BAD unbounded-access input */
	return TC_ACT_OK;
}

SEC("tc")
int index_from_map_value(struct __sk_buff *skb)
{
	__u32 key = 0;
	struct counter *c = bpf_map_lookup_elem(&table, &key);
	__u64 i;

	if (!c)
		return TC_ACT_OK;
	i = c->packets;
#ifdef FIXED
	if (i >= 16)
		return TC_ACT_OK;
#endif
	c->cells[(__u32)i] = 1; /* BAD unbounded-access input */
	return TC_ACT_OK;
}

SEC("tc")
int off_by_one(struct __sk_buff *skb)
{
	__u32 key = 0, i = skb->mark;
	struct counter *c = bpf_map_lookup_elem(&table, &key);

	if (!c)
		return TC_ACT_OK;
#ifdef FIXED
	if (i >= 16)
#else
	if (i > 16)
#endif
		return TC_ACT_OK;
	c->cells[i] = 1; /* BAD out-of-bounds input */
	return TC_ACT_OK;
}

SEC("tc")
int signed_compare(struct __sk_buff *skb)
{
	__u32 key = 0;
	int i = skb->mark;
	struct counter *c = bpf_map_lookup_elem(&table, &key);

	if (!c)
		return TC_ACT_OK;
	HIDE(i);
#ifdef FIXED
	if (i < 0 || i > 15)
#else
	if (i > 15)
#endif
		return TC_ACT_OK;
	c->cells[i] = 1; /* BAD unbounded-pointer input "if (i > 15)" */
	return TC_ACT_OK;
}

SEC("tc")
int mask_too_wide(struct __sk_buff *skb)
{
	__u32 key = 0, i = skb->hash;
	struct counter *c = bpf_map_lookup_elem(&table, &key);

	if (!c)
		return TC_ACT_OK;
#ifdef FIXED
	c->cells[i & 15] = 1;
#else
	c->cells[i & 31] = 1; /* BAD out-of-bounds input */
#endif
	return TC_ACT_OK;
}

SEC("tc")
int checked_low_half(struct __sk_buff *skb)
{
	__u32 key = 0;
	struct counter *c = bpf_map_lookup_elem(&table, &key);
	__u64 i;

	if (!c)
		return TC_ACT_OK;
	i = c->packets;
	HIDE(i);
#ifdef FIXED
	if (i > 15)
#else
	if ((__u32)i > 15)
#endif
		return TC_ACT_OK;
	*(__u32 *)((char *)c->cells + i) = 1; /* BAD unbounded-pointer input */
	return TC_ACT_OK;
}

SEC("tc")
int scaled_after_check(struct __sk_buff *skb)
{
	__u32 key = 0, i = skb->mark;
	struct counter *c = bpf_map_lookup_elem(&table, &key);

	if (!c)
		return TC_ACT_OK;
	if (i > 15)
		return TC_ACT_OK;
	HIDE(i);
#ifndef FIXED
	i *= 2;
#endif
	c->cells[i] = 1; /* BAD out-of-bounds input */
	return TC_ACT_OK;
}

volatile __u32 chosen;

SEC("tc")
int read_again_after_check(struct __sk_buff *skb)
{
	__u32 key = 0;
	struct counter *c = bpf_map_lookup_elem(&table, &key);
	__u32 i;

	if (!c)
		return TC_ACT_OK;
#ifdef FIXED
	i = chosen;
	if (i > 15)
		return TC_ACT_OK;
#else
	if (chosen > 15)
		return TC_ACT_OK;
	i = chosen;
#endif
	c->cells[i] = 1; /* BAD unbounded-access */
	return TC_ACT_OK;
}

SEC("tc")
int larger_struct(struct __sk_buff *skb)
{
	__u32 key = 0;
	struct counter *c = bpf_map_lookup_elem(&table, &key);

	if (!c)
		return TC_ACT_OK;
#ifdef FIXED
	c->cells[15] = skb->len;
#else
	((__u32 *)c)[18] = skb->len; /* BAD out-of-bounds input advice */
#endif
	return TC_ACT_OK;
}

SEC("tc")
int before_the_value(struct __sk_buff *skb)
{
	__u32 key = 0, i = skb->mark & 7;
	struct counter *c = bpf_map_lookup_elem(&table, &key);

	if (!c)
		return TC_ACT_OK;
#ifdef FIXED
	i += 1;
#endif
	HIDE(i);
	c->cells[(__u64)i - 1 - 2] = 1; /* BAD out-of-bounds input advice */
	return TC_ACT_OK;
}

const volatile __u32 limit = 5;

SEC("tc")
int writes_constant(struct __sk_buff *skb)
{
#ifndef FIXED
	*(volatile __u32 *)&limit = skb->len; /* BAD map-access-mode input advice */
#endif
	return TC_ACT_OK;
}

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u32);
} programs SEC(".maps");

SEC("tc")
int lookup_of_program(struct __sk_buff *skb)
{
	__u32 key = 0;

#ifdef FIXED
	return bpf_map_lookup_elem(&counts, &key) ? TC_ACT_OK : TC_ACT_SHOT;
#else
	return bpf_map_lookup_elem(&programs, &key) ? TC_ACT_OK : TC_ACT_SHOT; /* BAD map-type any advice */
#endif
}

static __u64 walk(struct counter *c)
{
	__u64 sum = 0;
	__u32 *p = c->cells;

#ifdef FIXED
	for (int i = 0; i < 16 && p[i]; i++)
		sum += p[i];
#else
	while (*p) { /* BAD out-of-bounds input advice */
		sum += *p++;
	}
#endif
	return sum;
}

SEC("tc")
int until_zero(struct __sk_buff *skb)
{
	__u32 key = 0;
	struct counter *c = bpf_map_lookup_elem(&table, &key);

	return c && walk(c) > 100 ? TC_ACT_SHOT : TC_ACT_OK;
}

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} inner SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 4);
	__type(key, __u32);
	__array(values, struct inner);
} outer SEC(".maps") = { .values = { &inner } };

SEC("tc")
int inner_map_unchecked(struct __sk_buff *skb)
{
	__u32 zero = 0, which = skb->mark;
	void *map = bpf_map_lookup_elem(&outer, &which);
	__u64 *v;

#ifdef FIXED
	if (!map)
		return TC_ACT_OK;
#endif
	v = bpf_map_lookup_elem(map, &zero); /* BAD null-check input */
	return v && *v ? TC_ACT_SHOT : TC_ACT_OK;
}

char LICENSE[] SEC("license") = "GPL";
