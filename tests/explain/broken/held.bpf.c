/* SPDX-License-Identifier: Apache-2.0 */
/* What is acquired and must be released: records, sockets, locks. */
#include "broken.h"

SEC("tp/syscalls/sys_enter_write")
int reserve_unchecked(void *ctx)
{
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

#ifdef FIXED
	if (!e)
		return 0;
#endif
	e->pid = 1; /* BAD null-check input */
	bpf_ringbuf_submit(e, 0);
	return 0;
}

SEC("tp/syscalls/sys_enter_write")
int early_return(void *ctx)
{
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	if (!e)
		return 0;
	e->pid = bpf_get_current_pid_tgid() >> 32;
	if (e->pid == 1) {
#ifdef FIXED
		bpf_ringbuf_discard(e, 0);
#endif
		goto out;
	}
	bpf_ringbuf_submit(e, 0);
out:
	return 0;
} /* BAD unreleased-reference input */

SEC("tp/syscalls/sys_enter_write")
int never_submitted(void *ctx)
{
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	if (!e)
		goto out;
	e->pid = 7;
#ifdef FIXED
	bpf_ringbuf_submit(e, 0);
#endif
out:
	return 0; /* BAD unreleased-reference input */
}

SEC("tp/syscalls/sys_enter_write")
int used_after_submit(void *ctx)
{
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	__u32 pid = 0;

	if (!e)
		return 0;
	e->pid = 7;
#ifdef FIXED
	pid = e->pid;
	bpf_ringbuf_submit(e, 0);
#else
	bpf_ringbuf_submit(e, 0);
	pid = *(volatile __u32 *)&e->pid; /* BAD invalid-access input advice "call the object is gone" */
#endif
	return pid;
}

SEC("tp/syscalls/sys_enter_write")
int submitted_twice(void *ctx)
{
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	if (!e)
		return 0;
	bpf_ringbuf_submit(e, 0);
#ifndef FIXED
	bpf_ringbuf_discard(e, 0); /* BAD argument-type input advice */
#endif
	return 0;
}

SEC("tp/syscalls/sys_enter_write")
int advanced_pointer(void *ctx)
{
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	char *p;

	if (!e)
		return 0;
	p = (char *)e;
	*p = 1;
#ifndef FIXED
	p += 8;
#endif
	bpf_ringbuf_submit(p, 0); /* BAD modified-pointer input */
	return 0;
}

SEC("tp/syscalls/sys_enter_write")
int record_overrun(void *ctx)
{
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	__u32 i = bpf_get_prandom_u32();

	if (!e)
		return 0;
#ifdef FIXED
	if (i < 56)
		e->text[i] = 1;
#else
	e->text[i % 64] = 1; /* BAD out-of-bounds input */
#endif
	bpf_ringbuf_submit(e, 0);
	return 0;
}

SEC("tc")
int socket_leaked(struct __sk_buff *skb)
{
	struct bpf_sock_tuple t = {};
	struct bpf_sock *sk;

	t.ipv4.daddr = skb->mark;
	sk = bpf_sk_lookup_tcp(skb, &t, sizeof(t.ipv4), BPF_F_CURRENT_NETNS, 0);
	if (!sk)
		goto out;
#ifdef FIXED
	bpf_sk_release(sk);
#endif
out:
	return TC_ACT_OK; /* BAD unreleased-reference input */
}

SEC("tc")
int socket_unchecked(struct __sk_buff *skb)
{
	struct bpf_sock_tuple t = {};
	struct bpf_sock *sk;
	__u32 family;

	sk = bpf_sk_lookup_udp(skb, &t, sizeof(t.ipv4), BPF_F_CURRENT_NETNS, 0);
#ifdef FIXED
	if (!sk)
		return TC_ACT_OK;
#endif
	family = *(volatile __u32 *)&sk->family; /* BAD null-check input */
	bpf_sk_release(sk);
	return family == 2 ? TC_ACT_OK : TC_ACT_SHOT;
}

SEC("tc")
int socket_released_twice(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;

	if (!sk)
		return TC_ACT_OK;
	sk = bpf_sk_fullsock(sk);
	if (!sk)
		return TC_ACT_OK;
#ifndef FIXED
	bpf_sk_release(sk); /* BAD release-unacquired input advice */
#endif
	return TC_ACT_OK;
}

struct locked {
	struct bpf_spin_lock lock;
	__u32 n;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, struct locked);
} guarded SEC(".maps");

SEC("tc")
int lock_kept(struct __sk_buff *skb)
{
	__u32 key = skb->mark;
	struct locked *v = bpf_map_lookup_elem(&guarded, &key);

	if (!v)
		goto out;
	bpf_spin_lock(&v->lock);
	if (v->n++ > 100) {
#ifdef FIXED
		bpf_spin_unlock(&v->lock);
#endif
		goto out;
	}
	bpf_spin_unlock(&v->lock);
out:
	return TC_ACT_OK; /* BAD lock-held input advice */
}

SEC("tc")
int called_with_lock(struct __sk_buff *skb)
{
	__u32 key = skb->mark;
	struct locked *v = bpf_map_lookup_elem(&guarded, &key);
	__u32 n;

	if (!v)
		return TC_ACT_OK;
	bpf_spin_lock(&v->lock);
#ifndef FIXED
	v->n = bpf_get_prandom_u32(); /* BAD call-with-lock input advice */
#endif
	n = v->n;
	bpf_spin_unlock(&v->lock);
	return n ? TC_ACT_OK : TC_ACT_SHOT;
}

SEC("tc")
int unlocked_only(struct __sk_buff *skb)
{
	__u32 key = skb->mark;
	struct locked *v = bpf_map_lookup_elem(&guarded, &key);

	if (!v)
		return TC_ACT_OK;
#ifdef FIXED
	bpf_spin_lock(&v->lock);
#endif
	v->n++;
	bpf_spin_unlock(&v->lock); /* BAD lock-not-held input advice */
	return TC_ACT_OK;
}

SEC("tc")
int lock_overwritten(struct __sk_buff *skb)
{
	__u32 key = skb->mark;
	struct locked *v = bpf_map_lookup_elem(&guarded, &key);

	if (!v)
		return TC_ACT_OK;
#ifdef FIXED
	v->n = 0;
#else
	*(volatile __u64 *)v = 0; /* BAD special-field input advice */
#endif
	return TC_ACT_OK;
}

char LICENSE[] SEC("license") = "GPL";
