/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PROG_TEST_RUN of packet programs. Sizes and limits are those of Linux's own test frames: a
 * packet and its rooms share one page.
 */
#include "kernel/test_run.h"

#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "model/ctx.h"

#define PAGE           4096
#define TAILROOM       320 /* where Linux has its skb_shared_info */
#define SKB_HEADROOM   64
#define XDP_HEADROOM   256
#define XDP_FRAME_SIZE 40
#define XDP_MAX_FRAGS  17
#define ETH_HEADER     14
#define LOOPBACK       1
#define MAX_WIRE_LEN   65536
#define MAX_GSO_SEGS   65535

#define F_SKB_CHECKSUM_COMPLETE (1u << 2)
#define F_XDP_LIVE_FRAMES       (1u << 1)

/* Two addresses of one member: where it begins and ends. */
#define BEGIN(type, field) offsetof(type, field)
#define END(type, field)   (offsetof(type, field) + sizeof(((type *)0)->field))

static bool zero_between(const void *base, size_t from, size_t to)
{
	const u8 *bytes = base;

	for (size_t i = from; i < to; i++)
		if (bytes[i])
			return false;
	return true;
}

bool device_exists(u32 ifindex)
{
	char name[IF_NAMESIZE];

	return if_indextoname(ifindex, name);
}

/* ---- the packet's memory ---- */

struct frame {
	u8 *memory;
	u8 *data;
	u32 total;
};

/* A page at least, so that there is room to grow into as on Linux. */
static int frame_init(struct frame *frame, const struct test_run *run, u32 size, u32 headroom)
{
	u32 need = headroom + (u32)align_up(size, 64) + TAILROOM;

	frame->total = MAX(need, (u32)PAGE);
	frame->memory = calloc(1, frame->total);
	if (!frame->memory)
		return -ENOMEM;
	frame->data = frame->memory + headroom;
	if (user_read(frame->data, run->attr->data_in, size)) {
		free(frame->memory);
		return -EFAULT;
	}
	return 0;
}

/* ---- socket filters, tc ---- */

/* Only these fields of the client's __sk_buff mean something. */
static bool skb_fields_are_sound(const struct __sk_buff *skb)
{
	typedef struct __sk_buff t;

	return zero_between(skb, 0, BEGIN(t, mark)) &&
	       zero_between(skb, END(t, mark), BEGIN(t, priority)) &&
	       zero_between(skb, END(t, ifindex), BEGIN(t, cb)) &&
	       zero_between(skb, END(t, cb), BEGIN(t, tstamp)) &&
	       zero_between(skb, END(t, gso_segs), BEGIN(t, gso_size)) &&
	       zero_between(skb, END(t, gso_size), BEGIN(t, hwtstamp)) &&
	       zero_between(skb, END(t, hwtstamp), sizeof(t));
}

static int skb_check(const struct __sk_buff *skb, u32 len)
{
	if (!skb_fields_are_sound(skb) || skb->gso_segs > MAX_GSO_SEGS)
		return -EINVAL;
	if (skb->wire_len && (skb->wire_len < len || skb->wire_len > MAX_WIRE_LEN))
		return -EINVAL;
	return 0;
}

/* Who the frame is for, as a loopback device sees it: its address, and that of all, is 0. */
static u32 packet_type(const u8 *frame)
{
	static const u8 own[6];

	if (!memcmp(frame, own, 6))
		return 0; /* PACKET_HOST */
	return frame[0] & 1 ? 2 /* PACKET_MULTICAST */ : 3 /* PACKET_OTHERHOST */;
}

/* The network header must be there when the frame says what it is. */
static bool header_fits(const u8 *frame, u32 size)
{
	u32 protocol = (u32)frame[12] << 8 | frame[13];

	return protocol == 0x0800   ? size >= ETH_HEADER + 20
	       : protocol == 0x86dd ? size >= ETH_HEADER + 40
				    : true;
}

static void skb_begin(struct skb_run_ctx *rc, const struct frame *frame, u32 size, bool is_l2,
		      bool has_ctx)
{
	struct __sk_buff *skb = &rc->skb;
	u16 protocol;

	memcpy(&protocol, frame->data + 12, sizeof(protocol));
	rc->data = frame->data + (is_l2 ? 0 : ETH_HEADER);
	rc->data_end = frame->data + size;
	rc->data_meta = rc->data;
	rc->hard_start = frame->memory;
	rc->mac = frame->data;
	rc->network = frame->data + ETH_HEADER;
	rc->hard_end = frame->memory + frame->total;
	skb->len = size - (is_l2 ? 0 : ETH_HEADER);
	skb->protocol = protocol;
	skb->pkt_type = packet_type(frame->data);
	skb->ifindex = skb->ifindex ? skb->ifindex : LOOPBACK;
	if (has_ctx && !skb->wire_len)
		skb->wire_len = skb->len;
}

static void skb_fill_answer(const struct skb_run_ctx *rc, struct __sk_buff *out)
{
	const struct __sk_buff *skb = &rc->skb;

	out->mark = skb->mark;
	out->priority = skb->priority;
	out->ingress_ifindex = skb->ingress_ifindex;
	out->ifindex = skb->ifindex;
	out->tstamp = skb->tstamp;
	memcpy(out->cb, skb->cb, sizeof(out->cb));
	out->wire_len = skb->wire_len;
	out->gso_segs = skb->gso_segs;
	out->gso_size = skb->gso_size;
	out->hwtstamp = skb->hwtstamp;
}

static int skb_run(const struct test_run *run, const struct frame *frame, struct __sk_buff *ctx,
		   bool has_ctx)
{
	bool is_l2 = run->prog->prog.type != BPF_PROG_TYPE_SOCKET_FILTER;
	u32 size = run->attr->data_size_in, retval, duration;
	struct skb_run_ctx rc = { .skb = *ctx };
	struct test_packet packet;
	u8 *start;
	int err;

	skb_begin(&rc, frame, size, is_l2, has_ctx);
	err = test_repeat(run, &rc, &retval, &duration);
	if (err)
		return err;
	start = rc.data;
	if (!is_l2) {
		start -= ETH_HEADER;
		memset(start, 0, ETH_HEADER);
	}
	skb_fill_answer(&rc, ctx);
	packet = (struct test_packet){ .data = start, .size = (u32)(rc.data_end - start) };
	err = test_answer(run, &packet, retval, duration);
	return err ? err : test_ctx_answer(run, ctx, sizeof(*ctx), has_ctx);
}

int test_run_skb(const struct test_run *run)
{
	const struct attr_test_run *a = run->attr;
	u32 size = a->data_size_in;
	u32 l3_len = size - (run->prog->prog.type == BPF_PROG_TYPE_SOCKET_FILTER ? ETH_HEADER : 0);
	struct __sk_buff ctx;
	struct frame frame;
	bool has_ctx;
	int err;

	if ((a->flags & ~F_SKB_CHECKSUM_COMPLETE) || a->cpu || a->batch_size)
		return -EINVAL;
	if (size < ETH_HEADER || size > PAGE - SKB_HEADROOM - TAILROOM)
		return -EINVAL;
	err = frame_init(&frame, run, size, SKB_HEADROOM);
	if (err)
		return err;
	err = test_ctx_read(run, &ctx, sizeof(ctx), &has_ctx);
	if (!err && ctx.ifindex > LOOPBACK && !device_exists(ctx.ifindex))
		err = -ENODEV;
	if (!err && !header_fits(frame.data, size))
		err = -EINVAL;
	if (!err)
		err = skb_check(&ctx, l3_len);
	if (!err)
		err = skb_run(run, &frame, &ctx, has_ctx);
	free(frame.memory);
	return err;
}

/* ---- XDP ---- */

struct xdp_test {
	struct xdp_md md;
	bool has_md;
	u32 meta, headroom, linear;
};

/* ctx.data bytes of the client's data are metadata; the packet ends at ctx.data_end. */
static int xdp_layout(const struct test_run *run, struct xdp_test *t)
{
	u32 size = run->attr->data_size_in;
	u32 most;

	t->headroom = XDP_HEADROOM;
	t->linear = size;
	t->meta = 0;
	if (t->has_md) {
		t->meta = t->md.data;
		if (t->md.data_meta || t->md.data_end > size || t->md.data > t->md.data_end ||
		    t->meta % 4 || t->meta > XDP_HEADROOM - XDP_FRAME_SIZE)
			return -EINVAL;
		t->headroom -= t->meta;
		t->linear = t->md.data_end;
	}
	most = PAGE - t->headroom - TAILROOM;
	t->linear = MIN(t->linear, most);
	return size - t->meta < ETH_HEADER ? -EINVAL : 0;
}

/* What does not fit the page lies in others, which only so many of can be. */
static int xdp_read(const struct test_run *run, const struct xdp_test *t, struct frame *frame)
{
	u32 size = run->attr->data_size_in, most = t->linear + XDP_MAX_FRAGS * PAGE;
	int err = frame_init(frame, run, MIN(size, most), t->headroom);

	if (!err && size > most) {
		free(frame->memory);
		err = -ENOMEM;
	}
	return err;
}

static int xdp_device(const struct xdp_test *t)
{
	if (!t->has_md)
		return 0;
	if (t->md.egress_ifindex || (!t->md.ingress_ifindex && t->md.rx_queue_index))
		return -EINVAL;
	if (t->md.ingress_ifindex && !device_exists(t->md.ingress_ifindex))
		return -ENODEV;
	return t->md.rx_queue_index ? -EINVAL : 0;
}

static int xdp_run(const struct test_run *run, struct xdp_test *t, const struct frame *frame)
{
	u32 retval, duration, size = run->attr->data_size_in;
	struct xdp_run_ctx rc = {
		.md = { .ingress_ifindex = t->md.ingress_ifindex ? t->md.ingress_ifindex : LOOPBACK,
			.rx_queue_index = t->md.rx_queue_index },
		.data = frame->data + t->meta,
		.data_end = frame->data + t->linear,
		.data_meta = frame->data,
		.hard_start = frame->memory + XDP_FRAME_SIZE,
		.hard_end =
		    size == t->linear ? frame->memory + PAGE - TAILROOM : frame->data + t->linear,
	};
	struct test_packet packet;
	int err;

	err = test_repeat(run, &rc, &retval, &duration);
	if (err)
		return err;
	t->md.data = (u32)(rc.data - rc.data_meta);
	t->md.data_end = (u32)(rc.data_end - rc.data_meta);
	packet = (struct test_packet){ .data = rc.data_meta,
				       .size = t->md.data_end,
				       .more = frame->data + t->linear,
				       .more_size = size - t->linear };
	err = test_answer(run, &packet, retval, duration);
	return err ? err : test_ctx_answer(run, &t->md, sizeof(t->md), t->has_md);
}

int test_run_xdp(const struct test_run *run)
{
	const struct attr_test_run *a = run->attr;
	u32 expected = run->prog->prog.attach_type;
	struct xdp_test t;
	struct frame frame;
	int err;

	if (expected == BPF_XDP_DEVMAP || expected == BPF_XDP_CPUMAP)
		return -EINVAL;
	if (a->flags & ~F_XDP_LIVE_FRAMES)
		return -EINVAL;
	if (a->batch_size && !(a->flags & F_XDP_LIVE_FRAMES))
		return -EINVAL;
	if (a->flags) /* frames go nowhere from here */
		return -EOPNOTSUPP;
	err = test_ctx_read(run, &t.md, sizeof(t.md), &t.has_md);
	if (!err)
		err = xdp_layout(run, &t);
	if (err)
		return err;
	err = xdp_read(run, &t, &frame);
	if (err)
		return err;
	err = xdp_device(&t);
	if (!err)
		err = xdp_run(run, &t, &frame);
	free(frame.memory);
	return err;
}
