/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PROG_TEST_RUN against the oracle: the same programs on the same packets and contexts, in
 * Skep and in this machine's Linux, must give the same errno, return value, packet, context
 * and sizes.
 */
#include <stdlib.h>
#include <unistd.h>

#include "kernel/support.h"
#include "lib/test.h"

#define LDX_W(dst, off) INSN(BPF_LDX | BPF_MEM | BPF_W, dst, BPF_REG_1, off, 0)
#define SKB(field)      offsetof(struct __sk_buff, field)

struct run_case {
	const char *name;
	u32 type;
	struct bpf_insn insns[16];
	u32 n;
	/* Its helper works on the last piece of a packet, Skep's on the first: only whole ones. */
	enum { ANY_PACKET, ONE_PAGE, ONE_PIECE } packets;
};

#define LARGEST_PAGE 3456 /* with all the metadata there can be */

#define RETURNS_FIELD(prog_type, field)                                             \
	{                                                                           \
		"skb " #field, prog_type, { LDX_W(BPF_REG_0, SKB(field)), EXIT }, 2 \
	}

/* Writes 0xab to byte 3 of the packet, when there is one, and returns the packet's length. */
#define WRITES_PACKET(name, type, data, end)                                         \
	{                                                                            \
		name, type,                                                          \
		    { LDX_W(BPF_REG_2, data),                                        \
		      LDX_W(BPF_REG_3, end),                                         \
		      INSN(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_4, BPF_REG_2, 0, 0), \
		      INSN(BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_4, 0, 0, 4),         \
		      MOV_IMM(BPF_REG_0, 1),                                         \
		      INSN(BPF_JMP | BPF_JGT | BPF_X, BPF_REG_4, BPF_REG_3, 1, 0),   \
		      INSN(BPF_ST | BPF_MEM | BPF_B, BPF_REG_2, 0, 3, 0xab),         \
		      EXIT },                                                        \
		    8                                                                \
	}

static const struct run_case cases[] = {
	RETURNS_FIELD(BPF_PROG_TYPE_SCHED_CLS, len),
	RETURNS_FIELD(BPF_PROG_TYPE_SCHED_CLS, pkt_type),
	RETURNS_FIELD(BPF_PROG_TYPE_SCHED_CLS, mark),
	RETURNS_FIELD(BPF_PROG_TYPE_SCHED_CLS, queue_mapping),
	RETURNS_FIELD(BPF_PROG_TYPE_SCHED_CLS, protocol),
	RETURNS_FIELD(BPF_PROG_TYPE_SCHED_CLS, vlan_present),
	RETURNS_FIELD(BPF_PROG_TYPE_SCHED_CLS, vlan_tci),
	RETURNS_FIELD(BPF_PROG_TYPE_SCHED_CLS, priority),
	RETURNS_FIELD(BPF_PROG_TYPE_SCHED_CLS, ingress_ifindex),
	RETURNS_FIELD(BPF_PROG_TYPE_SCHED_CLS, ifindex),
	RETURNS_FIELD(BPF_PROG_TYPE_SCHED_CLS, tc_index),
	RETURNS_FIELD(BPF_PROG_TYPE_SCHED_CLS, cb[2]),
	RETURNS_FIELD(BPF_PROG_TYPE_SCHED_CLS, hash),
	RETURNS_FIELD(BPF_PROG_TYPE_SCHED_CLS, tc_classid),
	RETURNS_FIELD(BPF_PROG_TYPE_SCHED_CLS, napi_id),
	RETURNS_FIELD(BPF_PROG_TYPE_SCHED_CLS, wire_len),
	RETURNS_FIELD(BPF_PROG_TYPE_SCHED_CLS, gso_segs),
	RETURNS_FIELD(BPF_PROG_TYPE_SCHED_CLS, gso_size),
	RETURNS_FIELD(BPF_PROG_TYPE_SOCKET_FILTER, len),
	RETURNS_FIELD(BPF_PROG_TYPE_SOCKET_FILTER, protocol),
	RETURNS_FIELD(BPF_PROG_TYPE_SOCKET_FILTER, pkt_type),
	RETURNS_FIELD(BPF_PROG_TYPE_SOCKET_FILTER, ifindex),
	WRITES_PACKET("writes the packet", BPF_PROG_TYPE_SCHED_CLS, SKB(data), SKB(data_end)),
	WRITES_PACKET("writes the frame", BPF_PROG_TYPE_XDP, 0, 4),
	{ "changes mark, priority, cb",
	  BPF_PROG_TYPE_SCHED_CLS,
	  { MOV_IMM(BPF_REG_0, 77),
	    INSN(BPF_STX | BPF_MEM | BPF_W, BPF_REG_1, BPF_REG_0, SKB(mark), 0),
	    INSN(BPF_STX | BPF_MEM | BPF_W, BPF_REG_1, BPF_REG_0, SKB(priority), 0),
	    INSN(BPF_STX | BPF_MEM | BPF_W, BPF_REG_1, BPF_REG_0, SKB(cb[1]), 0), EXIT },
	  5 },
	{ "length of the metadata",
	  BPF_PROG_TYPE_XDP,
	  { LDX_W(BPF_REG_2, 0), LDX_W(BPF_REG_3, 8),
	    INSN(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_0, BPF_REG_2, 0, 0),
	    INSN(BPF_ALU64 | BPF_SUB | BPF_X, BPF_REG_0, BPF_REG_3, 0, 0), EXIT },
	  5 },
	{ "length of the frame",
	  BPF_PROG_TYPE_XDP,
	  { LDX_W(BPF_REG_2, 0), LDX_W(BPF_REG_3, 4),
	    INSN(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_0, BPF_REG_3, 0, 0),
	    INSN(BPF_ALU64 | BPF_SUB | BPF_X, BPF_REG_0, BPF_REG_2, 0, 0), EXIT },
	  5 },
	{ "ingress_ifindex", BPF_PROG_TYPE_XDP, { LDX_W(BPF_REG_0, 12), EXIT }, 2 },
	{ "rx_queue_index", BPF_PROG_TYPE_XDP, { LDX_W(BPF_REG_0, 16), EXIT }, 2 },
	{ "adjusts the head",
	  BPF_PROG_TYPE_XDP,
	  { MOV_IMM(BPF_REG_2, -20), INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_xdp_adjust_head),
	    EXIT },
	  3,
	  ONE_PAGE },
	{ "cuts the tail",
	  BPF_PROG_TYPE_XDP,
	  { MOV_IMM(BPF_REG_2, -10), INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_xdp_adjust_tail),
	    EXIT },
	  3,
	  ONE_PIECE },
	{ "grows the tail",
	  BPF_PROG_TYPE_XDP,
	  { MOV_IMM(BPF_REG_2, 10), INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_xdp_adjust_tail),
	    EXIT },
	  3,
	  ONE_PIECE },
	{ "adds metadata",
	  BPF_PROG_TYPE_XDP,
	  { MOV_IMM(BPF_REG_2, -8), INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_xdp_adjust_meta),
	    EXIT },
	  3,
	  ONE_PAGE },
	{ "second byte of the packet",
	  BPF_PROG_TYPE_SOCKET_FILTER,
	  { INSN(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_6, BPF_REG_1, 0, 0),
	    INSN(BPF_LD | BPF_ABS | BPF_B, 0, 0, 0, 1), EXIT },
	  3 },
	{ "type of the frame",
	  BPF_PROG_TYPE_SCHED_CLS,
	  { INSN(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_6, BPF_REG_1, 0, 0),
	    INSN(BPF_LD | BPF_ABS | BPF_H, 0, 0, 0, 12), EXIT },
	  3 },
	{ "link layer from the network's view",
	  BPF_PROG_TYPE_SOCKET_FILTER,
	  { INSN(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_6, BPF_REG_1, 0, 0),
	    INSN(BPF_LD | BPF_ABS | BPF_H, 0, 0, 0, -0x200000 + 12), EXIT },
	  3 },
	{ "beyond the packet",
	  BPF_PROG_TYPE_SOCKET_FILTER,
	  { INSN(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_6, BPF_REG_1, 0, 0), MOV_IMM(BPF_REG_0, 5),
	    INSN(BPF_LD | BPF_ABS | BPF_W, 0, 0, 0, 100000), MOV_IMM(BPF_REG_0, 6), EXIT },
	  5 },
};

/* ---- inputs ---- */

enum frame_kind { PLAIN, IPV4, IPV6, BROADCAST, MULTICAST, OTHER_HOST, FRAME_KINDS };

static void make_frame(u8 *frame, enum frame_kind kind)
{
	for (u32 i = 0; i < 8192; i++)
		frame[i] = (u8)(i * 7);
	memset(frame, kind == BROADCAST ? 0xff : 0, 6);
	if (kind == MULTICAST)
		frame[0] = 1;
	if (kind == OTHER_HOST)
		frame[5] = 9;
	frame[12] = kind == IPV6 ? 0x86 : 0x08;
	frame[13] = kind == IPV6 ? 0xdd : kind == PLAIN ? 0x06 : 0x00;
}

struct run_result {
	int result;
	union attr attr;
	u8 data[8192];
	u8 ctx[256];
};

static void run_in(const struct world *w, int prog, const u8 *frame, u32 size, const void *ctx,
		   u32 ctx_size, u32 room, struct run_result *out)
{
	memset(out, 0, sizeof(*out));
	out->attr.test = (struct attr_test_run){
		.prog_fd = (u32)prog,
		.data_in = address(frame),
		.data_size_in = size,
		.data_out = address(out->data),
		.data_size_out = room,
		.ctx_in = ctx ? address(ctx) : 0,
		.ctx_size_in = ctx ? ctx_size : 0,
		.ctx_out = ctx ? address(out->ctx) : 0,
		.ctx_size_out = ctx ? ctx_size : 0,
	};
	out->result = world_bpf(w, BPF_PROG_TEST_RUN, &out->attr, sizeof(out->attr));
}

static struct world skep, oracle;
static u32 runs;

static void compare(const char *what, u32 size, const struct run_result *s,
		    const struct run_result *l)
{
	const struct attr_test_run *a = &s->attr.test, *b = &l->attr.test;

	runs++;
	if (s->result != l->result)
		test_fail(__FILE__, __LINE__, "%s, %u bytes: skep %d, linux %d", what, size,
			  s->result, l->result);
	if (a->retval != b->retval)
		test_fail(__FILE__, __LINE__, "%s, %u bytes: retval: skep 0x%x, linux 0x%x", what,
			  size, a->retval, b->retval);
	if (a->data_size_out != b->data_size_out || a->ctx_size_out != b->ctx_size_out)
		test_fail(__FILE__, __LINE__, "%s, %u bytes: sizes: skep %u %u, linux %u %u", what,
			  size, a->data_size_out, a->ctx_size_out, b->data_size_out,
			  b->ctx_size_out);
	if (memcmp(s->data, l->data, sizeof(s->data)))
		test_fail(__FILE__, __LINE__, "%s, %u bytes: another packet", what, size);
	for (u32 i = 0; i < sizeof(s->ctx); i += 4)
		if (memcmp(s->ctx + i, l->ctx + i, 4))
			test_fail(__FILE__, __LINE__, "%s, %u bytes: context at %u: 0x%x, 0x%x",
				  what, size, i, *(const u32 *)(s->ctx + i),
				  *(const u32 *)(l->ctx + i));
}

static const u32 sizes[] = { 0,    13,   14,   15,   33,   34,   53,   54,   60,   64,   200,
			     1514, 3456, 3457, 3519, 3520, 3521, 3711, 3712, 3713, 4096, 8000 };

static void run_frames(const struct run_case *c, int skep_fd, int oracle_fd, const void *ctx,
		       u32 ctx_size, const char *what)
{
	static struct run_result s, l;
	static u8 frame[8192];
	char where[160];

	for (u32 kind = 0; kind < FRAME_KINDS; kind++) {
		make_frame(frame, kind);
		for (u32 i = 0; i < ARRAY_SIZE(sizes); i++) {
			u32 room = i % 3 == 2 ? 40 : sizeof(s.data);

			if (c->packets && sizes[i] > LARGEST_PAGE)
				break;
			snprintf(where, sizeof(where), "%s%s, frame %u", c->name, what, kind);
			run_in(&skep, skep_fd, frame, sizes[i], ctx, ctx_size, room, &s);
			run_in(&oracle, oracle_fd, frame, sizes[i], ctx, ctx_size, room, &l);
			compare(where, sizes[i], &s, &l);
		}
	}
}

static void run_contexts(const struct run_case *c, int skep_fd, int oracle_fd)
{
	const struct __sk_buff skbs[] = {
		{ .mark = 5,
		  .priority = 6,
		  .ingress_ifindex = 1,
		  .ifindex = 1,
		  .cb = { 1, 2, 3, 4, 5 } },
		{ .wire_len = 5000, .gso_segs = 3, .gso_size = 100, .tstamp = 12345 },
		{ .wire_len = 1 },
		{ .wire_len = 65537 },
		{ .gso_segs = 65536 },
		{ .ifindex = 0x7fffffff },
		{ .len = 1 },
		{ .hash = 1 },
		{ .hwtstamp = 99 },
	};
	const struct xdp_md mds[] = {
		{ .data = 0, .data_end = 64 },
		{ .data = 8, .data_end = 64 },
		{ .data = 7, .data_end = 64 },
		{ .data = 216, .data_end = 1514 },
		{ .data = 220, .data_end = 1514 },
		{ .data = 4, .data_end = 100000 },
		{ .data = 8, .data_end = 4 },
		{ .data_end = 60, .data_meta = 1 },
		{ .data_end = 14, .ingress_ifindex = 1 },
		{ .data_end = 14, .ingress_ifindex = 1, .rx_queue_index = 5 },
		{ .data_end = 14, .rx_queue_index = 1 },
		{ .data_end = 14, .ingress_ifindex = 0x7fffffff },
		{ .data_end = 14, .egress_ifindex = 1 },
		{ .data = 64, .data_end = 64 },
	};
	bool xdp = c->type == BPF_PROG_TYPE_XDP;
	char what[32];

	for (u32 i = 0; i < (xdp ? ARRAY_SIZE(mds) : ARRAY_SIZE(skbs)); i++) {
		snprintf(what, sizeof(what), ", context %u", i);
		run_frames(c, skep_fd, oracle_fd, xdp ? (const void *)&mds[i] : &skbs[i],
			   xdp ? sizeof(mds[i]) : sizeof(skbs[i]), what);
	}
}

static void case_body(void *arg)
{
	const struct run_case *c = arg;
	int a = prog_load(&skep, c->type, c->insns, c->n);
	int b = prog_load(&oracle, c->type, c->insns, c->n);

	if (b < 0)
		SKIP("this machine's Linux refuses the program: %s", strerror(-b));
	REQUIRE(a >= 0);
	run_frames(c, a, b, NULL, 0, "");
	if (c->packets != ONE_PIECE)
		run_contexts(c, a, b);
	close(a);
	close(b);
}

static void no_oracle(void *arg)
{
	test_skip("%s", (const char *)arg);
}

TEST(for_each_program)
{
	int probe = prog_load_return(&(struct world){ .name = "linux" }, BPF_PROG_TYPE_XDP, 0);

	if (probe < 0) {
		test_run_named("test runs", no_oracle, "needs a Linux that lets us load programs");
		return;
	}
	close(probe);
	skep = world_skep();
	oracle = (struct world){ .name = "linux" };
	for (u32 i = 0; i < ARRAY_SIZE(cases); i++)
		test_run_named(cases[i].name, case_body, (void *)&cases[i]);
	test_note("%u runs in each world", runs);
	world_end(&skep);
}
