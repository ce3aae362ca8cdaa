/* SPDX-License-Identifier: Apache-2.0 */
/* Lengths given to helpers, and arrays on the stack. */
#include "broken.h"

SEC("tp/syscalls/sys_enter_write")
int length_unbounded(void *ctx)
{
	__u32 key = 0;
	char buf[64] = {};
	struct counter *c = bpf_map_lookup_elem(&table, &key);
	__u32 len;

	if (!c)
		return 0;
	len = c->cells[0];
#ifdef FIXED
	if (len > sizeof(buf))
		len = sizeof(buf);
#endif
	bpf_probe_read_user(buf, len, (void *)c->packets); /* BAD unbounded-size input */
	return buf[0];
}

SEC("tp/syscalls/sys_enter_write")
int length_negative(void *ctx)
{
	__u32 key = 0;
	char buf[64] = {};
	struct counter *c = bpf_map_lookup_elem(&table, &key);
	__s64 len;

	if (!c)
		return 0;
	len = (__s32)c->cells[0];
	HIDE(len);
#ifdef FIXED
	if (len < 0)
		return 0;
#endif
	if (len > 64)
		return 0;
	bpf_probe_read_user(buf, len, (void *)c->packets); /* BAD negative-size input */
	return buf[0];
}

SEC("tp/syscalls/sys_enter_open")
int string_length_unchecked(void *ctx)
{
	__u32 key = 0;
	char buf[64] = {};
	struct counter *c = bpf_map_lookup_elem(&table, &key);
	long len;

	if (!c)
		return 0;
	len = bpf_probe_read_user_str(buf, sizeof(buf), (void *)c->packets);
#ifdef FIXED
	if (len < 0)
		return 0;
#endif
	bpf_ringbuf_output(&events, buf, len, 0); /* BAD negative-size input */
	return 0;
}

SEC("tp/syscalls/sys_enter_open")
int string_end_written(void *ctx)
{
	__u32 key = 0;
	struct counter *c = bpf_map_lookup_elem(&table, &key);
	struct event *e;
	long len;

	if (!c)
		return 0;
	e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	if (!e)
		return 0;
	len = bpf_probe_read_user_str(e->text, sizeof(e->text), (void *)c->packets);
#ifdef FIXED
	if (len <= 0 || len >= sizeof(e->text)) {
		bpf_ringbuf_discard(e, 0);
		return 0;
	}
#endif
	e->text[len] = '.'; /* BAD negative-offset input */
	bpf_ringbuf_submit(e, 0);
	return 0;
}

SEC("tp/syscalls/sys_enter_open")
int buffer_too_small(void *ctx)
{
	char comm[8] = {};

#ifdef FIXED
	bpf_get_current_comm(comm, sizeof(comm));
#else
	bpf_get_current_comm(comm, 16); /* BAD stack-bounds input advice "to have 16 bytes" */
#endif
	return comm[0];
}

SEC("tp/syscalls/sys_enter_open")
int length_off_by_one(void *ctx)
{
	__u32 key = 0, len;
	char buf[64] = {};
	struct counter *c = bpf_map_lookup_elem(&table, &key);

	if (!c)
		return 0;
	len = c->cells[1];
#ifdef FIXED
	if (len > 64)
#else
	if (len > 80)
#endif
		return 0;
	bpf_probe_read_user(buf, len, (void *)c->packets); /* BAD stack-bounds input */
	return buf[0];
}

SEC("tc")
int length_zero(struct __sk_buff *skb)
{
	char buf[64] = {};
	__u32 len = skb->mark;

	HIDE(len);
	len &= 63;
#ifdef FIXED
	if (!len)
		return TC_ACT_OK;
#endif
	bpf_skb_load_bytes(skb, 0, buf, len); /* BAD zero-size input */
	return buf[0] ? TC_ACT_OK : TC_ACT_SHOT;
}

SEC("tp/syscalls/sys_enter_open")
int two_parts(void *ctx)
{
	__u32 key = 0;
	char buf[64] = {};
	struct counter *c = bpf_map_lookup_elem(&table, &key);
	__u64 first, second;

	if (!c)
		return 0;
	first = c->cells[0] & 31;
	second = c->cells[1];
	HIDE(first);
	HIDE(second);
#ifdef FIXED
	if (first > 31 || second > 32)
#else
	if (first > 31 || second > 48)
#endif
		return 0;
	bpf_probe_read_user(buf + first, second, (void *)c->packets); /* BAD stack-bounds input */
	return buf[0];
}

SEC("tp/syscalls/sys_enter_open")
int record_of_any_size(void *ctx)
{
	__u64 size = bpf_get_prandom_u32() & 63;
	void *e;

#ifdef FIXED
	size = 64;
#endif
	e = bpf_ringbuf_reserve(&events, size, 0); /* BAD not-constant any advice */
	if (e)
		bpf_ringbuf_submit(e, 0);
	return 0;
}

SEC("tc")
int local_array(struct __sk_buff *skb)
{
	volatile char buf[16] = {};
	__u32 i = skb->mark;

#ifdef FIXED
	if (i > 15)
		return TC_ACT_OK;
#endif
	buf[i] = 1; /* BAD stack-bounds input */
	return buf[3];
}

SEC("tc")
int local_array_off_by_one(struct __sk_buff *skb)
{
	volatile __u64 buf[60] = {};
	__u64 i = skb->mark;

	HIDE(i);
#ifdef FIXED
	if (i > 59)
#else
	if (i > 64)
#endif
		return TC_ACT_OK;
	buf[i] = 1; /* BAD stack-bounds input */
	return buf[3] != 0;
}

SEC("tp/syscalls/sys_enter_write")
int value_overrun(void *ctx)
{
	__u32 key = 0, len;
	struct counter *c = bpf_map_lookup_elem(&table, &key);

	if (!c)
		return 0;
	len = c->cells[0];
#ifdef FIXED
	if (len > sizeof(c->cells))
#else
	if (len > sizeof(*c))
#endif
		return 0;
	bpf_probe_read_user(c->cells, len, (void *)c->packets); /* BAD out-of-bounds input */
	return 0;
}

SEC("tc")
int bound_lost_in_array(struct __sk_buff *skb)
{
	__u32 key = 0, which = skb->mark & 3;
	volatile __u64 kept[4] = {};
	struct counter *c = bpf_map_lookup_elem(&table, &key);
	__u64 i;

	if (!c)
		return TC_ACT_OK;
	kept[which] = skb->len & 15;
	i = kept[which];
#ifdef FIXED
	if (i > 15)
		return TC_ACT_OK;
#endif
	*((char *)c->cells + i) = 1; /* BAD unbounded-pointer */
	return TC_ACT_OK;
}

SEC("tp/syscalls/sys_enter_write")
int format_on_stack(void *ctx)
{
	char out[16];
	char local[] = "%d";
	__u64 args[1] = { 1 };
	static const char constant[] = "%d";

	HIDE(ctx);
#ifdef FIXED
	bpf_snprintf(out, sizeof(out), constant, args, sizeof(args));
#else
	bpf_snprintf(out, sizeof(out), local, args, sizeof(args)); /* BAD argument-type input advice */
#endif
	return out[0];
}

char LICENSE[] SEC("license") = "GPL";
