/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs with the mistakes that people make. Each is refused at the line that says
 *
 *	BAD cause [input | any] [advice] ["text"]
 *
 * with that cause. input: there is an input on which it really fails, and the explanation must
 * find it; any: it is wrong without running; neither: the program is right, or fails too
 * seldom, and no input is asked for. Compiled with -DFIXED, each loads.
 * advice: Skep gives words only; without it, it must give a change that it has verified.
 * text: it stands in the explanation.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/in.h>
#include <linux/tcp.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

struct counter {
	__u64 packets;
	__u32 cells[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, struct counter);
} counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, struct counter);
} table SEC(".maps");

struct event {
	__u32 pid, size;
	char text[56];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

/* Keeps clang from knowing the value. */
#define HIDE(x) asm volatile("" : "+r"(x))

#define DATA(ctx)     ((void *)(long)(ctx)->data)
#define DATA_END(ctx) ((void *)(long)(ctx)->data_end)
