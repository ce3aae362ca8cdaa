/* SPDX-License-Identifier: Apache-2.0 */
/* Dynptrs, iterators, kernel functions. */
#include "broken.h"

/* Headers that know these loops have the struct, too. */
#ifndef bpf_for
struct bpf_iter_num {
	__u64 opaque[1];
} __attribute__((aligned(8)));
#endif

extern int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end) __ksym;
extern int *bpf_iter_num_next(struct bpf_iter_num *it) __ksym;
extern void bpf_iter_num_destroy(struct bpf_iter_num *it) __ksym;
extern void bpf_rcu_read_lock(void) __ksym;
extern void bpf_rcu_read_unlock(void) __ksym;

SEC("tp/syscalls/sys_enter_write")
int dynptr_leaked(void *ctx)
{
	struct bpf_dynptr ptr;

	bpf_ringbuf_reserve_dynptr(&events, 64, 0, &ptr);
#ifdef FIXED
	bpf_ringbuf_discard_dynptr(&ptr, 0);
#endif
	return 0; /* BAD unreleased-reference input advice */
}

SEC("tp/syscalls/sys_enter_write")
int slice_unchecked(void *ctx)
{
	struct bpf_dynptr ptr;
	__u32 *p;

	bpf_ringbuf_reserve_dynptr(&events, 64, 0, &ptr);
	p = bpf_dynptr_data(&ptr, 0, 8);
#ifdef FIXED
	if (!p) {
		bpf_ringbuf_discard_dynptr(&ptr, 0);
		return 0;
	}
#endif
	*p = 1; /* BAD null-check input advice */
	bpf_ringbuf_submit_dynptr(&ptr, 0);
	return 0;
}

SEC("tp/syscalls/sys_enter_write")
int slice_overrun(void *ctx)
{
	struct bpf_dynptr ptr;
	char *p;
	__u32 i = bpf_get_prandom_u32() & 15;

	bpf_ringbuf_reserve_dynptr(&events, 64, 0, &ptr);
	p = bpf_dynptr_data(&ptr, 0, 8);
	if (!p)
		goto out;
#ifdef FIXED
	i &= 7;
#endif
	p[i] = 1; /* BAD out-of-bounds input */
out:
	bpf_ringbuf_discard_dynptr(&ptr, 0);
	return 0;
}

SEC("tp/syscalls/sys_enter_write")
int slice_after_submit(void *ctx)
{
	struct bpf_dynptr ptr;
	__u32 *p, got = 0;

	bpf_ringbuf_reserve_dynptr(&events, 64, 0, &ptr);
	p = bpf_dynptr_data(&ptr, 0, 8);
#ifdef FIXED
	if (p)
		got = *p;
#endif
	bpf_ringbuf_submit_dynptr(&ptr, 0);
#ifndef FIXED
	if (p)
		got = *(volatile __u32 *)p; /* BAD invalid-access advice */
#endif
	return got & 1;
}

SEC("tc")
int iterator_unchecked(struct __sk_buff *skb)
{
	struct bpf_iter_num it;
	int *i, sum = 0;

	bpf_iter_num_new(&it, 0, 10);
	i = bpf_iter_num_next(&it);
#ifdef FIXED
	if (i)
#endif
		sum = *i; /* BAD invalid-access advice */
	bpf_iter_num_destroy(&it);
	return sum & 1;
}

SEC("tc")
int iterator_kept(struct __sk_buff *skb)
{
	struct bpf_iter_num it;
	int *i, sum = 0;

	bpf_iter_num_new(&it, 0, 10);
	while ((i = bpf_iter_num_next(&it)))
		sum += *i;
#ifdef FIXED
	bpf_iter_num_destroy(&it);
#endif
	return sum & 1; /* BAD unreleased-reference input advice "bpf_iter_num_new() in line" */
}

SEC("tc")
int iterated_index(struct __sk_buff *skb)
{
	__u32 key = 0;
	struct counter *c = bpf_map_lookup_elem(&table, &key);
	struct bpf_iter_num it;
	int *i;

	if (!c)
		return TC_ACT_OK;
	bpf_iter_num_new(&it, 0, 20);
	while ((i = bpf_iter_num_next(&it))) {
		__u32 at = *i;

#ifdef FIXED
		if (at < 16)
#else
		if (at < 20)
#endif
			c->cells[at] = 1; /* BAD out-of-bounds input "at &= 15;" */
	}
	bpf_iter_num_destroy(&it);
	return TC_ACT_OK;
}

SEC("tc")
int rcu_kept(struct __sk_buff *skb)
{
	bpf_rcu_read_lock();
#ifdef FIXED
	bpf_rcu_read_unlock();
#endif
	return TC_ACT_OK; /* BAD section input advice */
}

char LICENSE[] SEC("license") = "GPL";
