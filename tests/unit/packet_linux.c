/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packet helpers against the running Linux's: a sched_cls program under PROG_TEST_RUN makes
 * one call. Its numbers come in skb->cb, r0 goes back in cb[3] and cb[4]; the packet comes
 * back as data_out.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "helpers/helpers.h"
#include "lib/test.h"
#include "model/ctx.h"

#define PACKET 128
#define STACK  128 /* bytes of the packet that are copied to the stack first, and back after */

/* CTX; cb[at]; cb[at] below 64 and a multiple of 4; cb[at] in 1..64; a stack address */
enum arg_source { CTX, CB, CB_WORDS, CB_SIZE, ADDRESS };

struct call {
	u32 id, n;
	struct {
		enum arg_source from;
		u32 at;
	} arg[5];
	bool copy_back; /* the stack into the packet, to see what the helper left there */
};

struct state {
	struct __sk_buff skb;
	u8 packet[PACKET + 64];
	u32 len;
	u64 result;
};

struct code {
	struct bpf_insn insns[64];
	u32 n;
};

static void put(struct code *c, u8 code, u8 dst, u8 src, s16 off, s32 imm)
{
	c->insns[c->n++] = (struct bpf_insn){ code, dst, src, off, imm };
}

static void put_mov(struct code *c, u8 dst, s32 imm)
{
	put(c, BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, imm);
}

static void put_stack_address(struct code *c, u8 dst, u32 at)
{
	put(c, BPF_ALU64 | BPF_MOV | BPF_X, dst, BPF_REG_10, 0, 0);
	put(c, BPF_ALU64 | BPF_ADD | BPF_K, dst, 0, 0, (s32)at - STACK);
}

/* skb_load_bytes or skb_store_bytes of the whole stack buffer. */
static void put_copy(struct code *c, u32 id)
{
	put(c, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_1, BPF_REG_6, 0, 0);
	put_mov(c, BPF_REG_2, 0);
	put_stack_address(c, BPF_REG_3, 0);
	put_mov(c, BPF_REG_4, STACK);
	put_mov(c, BPF_REG_5, 0);
	put(c, BPF_JMP | BPF_CALL, 0, 0, 0, id);
}

static void put_arg(struct code *c, u8 reg, enum arg_source from, u32 at)
{
	if (from == CTX) {
		put(c, BPF_ALU64 | BPF_MOV | BPF_X, reg, BPF_REG_6, 0, 0);
		return;
	}
	if (from == ADDRESS) {
		put_stack_address(c, reg, at);
		return;
	}
	put(c, BPF_LDX | BPF_MEM | BPF_W, reg, BPF_REG_6, offsetof(struct __sk_buff, cb[at]), 0);
	if (from == CB_WORDS)
		put(c, BPF_ALU64 | BPF_AND | BPF_K, reg, 0, 0, 0x3c);
	if (from == CB_SIZE) {
		put(c, BPF_ALU64 | BPF_AND | BPF_K, reg, 0, 0, 63);
		put(c, BPF_ALU64 | BPF_ADD | BPF_K, reg, 0, 0, 1);
	}
}

static void build(struct code *c, const struct call *call)
{
	s16 cb = offsetof(struct __sk_buff, cb[3]);

	c->n = 0;
	put(c, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_6, BPF_REG_1, 0, 0);
	put_copy(c, HELPER_skb_load_bytes);
	for (u32 i = 0; i < call->n; i++)
		put_arg(c, i + 1, call->arg[i].from, call->arg[i].at);
	put(c, BPF_JMP | BPF_CALL, 0, 0, 0, call->id);
	put(c, BPF_STX | BPF_MEM | BPF_W, BPF_REG_6, BPF_REG_0, cb, 0);
	put(c, BPF_ALU64 | BPF_RSH | BPF_K, BPF_REG_0, 0, 0, 32);
	put(c, BPF_STX | BPF_MEM | BPF_W, BPF_REG_6, BPF_REG_0, cb + 4, 0);
	if (call->copy_back)
		put_copy(c, HELPER_skb_store_bytes);
	put_mov(c, BPF_REG_0, 0);
	put(c, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static long bpf(int cmd, union bpf_attr *attr)
{
	long ret = syscall(__NR_bpf, cmd, attr, sizeof(*attr));

	return ret < 0 ? -errno : ret;
}

static int require_program(const struct call *call)
{
	static char log_text[1 << 14];
	struct code code;
	union bpf_attr attr = { .prog_type = BPF_PROG_TYPE_SCHED_CLS,
				.insns = (uintptr_t)code.insns,
				.license = (uintptr_t) "GPL",
				.log_buf = (uintptr_t)log_text,
				.log_size = sizeof(log_text),
				.log_level = 1 };
	int prog;

	build(&code, call);
	attr.insn_cnt = code.n;
	prog = bpf(BPF_PROG_LOAD, &attr);
	if (prog == -EPERM || prog == -ENOSYS)
		SKIP("Linux's bpf(2) is not ours to ask: %s", strerror(-prog));
	if (prog < 0) {
		test_fail(__FILE__, __LINE__, "%s: %.400s", helper_protos[call->id]->name,
			  log_text);
		test_stop();
	}
	return prog;
}

static int run_linux(int prog, struct state *s)
{
	struct __sk_buff in = { 0 };
	u8 data[PACKET];
	union bpf_attr attr;
	long err;

	memcpy(in.cb, s->skb.cb, sizeof(in.cb));
	memcpy(data, s->packet, PACKET);
	attr = (union bpf_attr){ .test = { .prog_fd = prog,
					   .data_in = (uintptr_t)data,
					   .data_size_in = PACKET,
					   .data_out = (uintptr_t)s->packet,
					   .data_size_out = sizeof(s->packet),
					   .ctx_in = (uintptr_t)&in,
					   .ctx_size_in = sizeof(in),
					   .ctx_out = (uintptr_t)&s->skb,
					   .ctx_size_out = sizeof(s->skb) } };
	err = bpf(BPF_PROG_TEST_RUN, &attr);
	s->len = attr.test.data_size_out;
	s->result = s->skb.cb[3] | (u64)s->skb.cb[4] << 32;
	return err;
}

static void run_ours(const struct call *call, struct state *s)
{
	struct skb_run_ctx skb = { .data = s->packet,
				   .data_end = s->packet + PACKET,
				   .hard_start = s->packet,
				   .hard_end = s->packet + sizeof(s->packet) };
	struct run_ctx rc = { 0 };
	u8 stack[STACK];
	u64 arg[5] = { 0 };

	memcpy(stack, s->packet, STACK);
	for (u32 i = 0; i < call->n; i++) {
		u32 cb = s->skb.cb[call->arg[i].at % 5];

		switch (call->arg[i].from) {
		case CTX:
			arg[i] = (uintptr_t)&skb;
			break;
		case ADDRESS:
			arg[i] = (uintptr_t)(stack + call->arg[i].at);
			break;
		case CB:
			arg[i] = cb;
			break;
		case CB_WORDS:
			arg[i] = cb & 0x3c;
			break;
		case CB_SIZE:
			arg[i] = (cb & 63) + 1;
			break;
		}
	}
	s->result = helper_protos[call->id]->fn(arg[0], arg[1], arg[2], arg[3], arg[4], &rc);
	s->len = skb.data_end - skb.data;
	if (call->copy_back)
		memcpy(s->packet, stack, MIN(STACK, s->len));
}

static bool same(const struct call *call, int prog, const struct state *input)
{
	struct state ours = *input, theirs = *input;

	REQUIRE(!run_linux(prog, &theirs));
	run_ours(call, &ours);
	if (ours.result == theirs.result && ours.len == theirs.len &&
	    !memcmp(ours.packet, theirs.packet, ours.len))
		return true;
	test_fail(__FILE__, __LINE__,
		  "%s(%#x %#x %#x %#x): ours %#llx (%u bytes), Linux %#llx (%u bytes)%s",
		  helper_protos[call->id]->name, input->skb.cb[0], input->skb.cb[1],
		  input->skb.cb[2], input->skb.cb[3], (unsigned long long)ours.result, ours.len,
		  (unsigned long long)theirs.result, theirs.len,
		  memcmp(ours.packet, theirs.packet, ours.len) ? ", another packet" : "");
	return false;
}

static u32 next_random(u64 *state)
{
	*state = *state * 6364136223846793005ull + 1442695040888963407ull;
	return *state >> 33 ^ *state >> 20;
}

/* limits[i]: cb[i] is below it; 0: any 32 bits */
static void compare(const struct call *call, const u32 limits[5])
{
	int prog = require_program(call);
	u64 random = call->id;
	u32 wrong = 0;

	for (u32 i = 0; i < 3000 && wrong < 10; i++) {
		struct state s = { .len = PACKET };
		bool zeroes = next_random(&random) % 4 == 0;

		for (u32 k = 0; k < PACKET; k++)
			s.packet[k] =
			    zeroes ? -(next_random(&random) % 8 == 0) : next_random(&random);
		/* no IP version in sight: Linux looks at the protocol of some packets */
		s.packet[12] = 0x88;
		s.packet[13] = 0xb5;
		for (u32 k = 0; k < 5; k++)
			s.skb.cb[k] =
			    limits[k] ? next_random(&random) % limits[k] : next_random(&random);
		wrong += !same(call, prog, &s);
	}
	close(prog);
}

TEST(csum_diff_agrees)
{
	struct call call = { .id = HELPER_csum_diff,
			     .n = 5,
			     .arg = { { ADDRESS, 0 },
				      { CB_WORDS, 0 },
				      { ADDRESS, 64 },
				      { CB_WORDS, 1 },
				      { CB, 2 } } };

	compare(&call, (u32[5]){ 0 });
	compare(&call, (u32[5]){ 1, 64, 0 }); /* nothing to take out */
	compare(&call, (u32[5]){ 64, 1, 0 }); /* nothing to put in */
	compare(&call, (u32[5]){ 0, 0, 2 });
}

TEST(l3_csum_replace_agrees)
{
	struct call call = { .id = HELPER_l3_csum_replace,
			     .n = 5,
			     .arg = { { CTX }, { CB, 0 }, { CB, 1 }, { CB, 2 }, { CB, 3 } } };

	compare(&call, (u32[5]){ 130, 0, 0, 8 });
	compare(&call, (u32[5]){ 128, 1, 0, 5 });
	compare(&call, (u32[5]){ 0, 0, 0, 0 });
}

TEST(l4_csum_replace_agrees)
{
	struct call call = { .id = HELPER_l4_csum_replace,
			     .n = 5,
			     .arg = { { CTX }, { CB, 0 }, { CB, 1 }, { CB, 2 }, { CB, 3 } } };

	compare(&call, (u32[5]){ 130, 0, 0, 128 });
	compare(&call, (u32[5]){ 128, 1, 0, 128 });
	compare(&call, (u32[5]){ 128, 0, 0, 256 });
}

TEST(bytes_agree)
{
	struct call load = { .id = HELPER_skb_load_bytes,
			     .n = 4,
			     .copy_back = true,
			     .arg = { { CTX }, { CB, 0 }, { ADDRESS, 0 }, { CB_SIZE, 1 } } };
	struct call relative = {
		.id = HELPER_skb_load_bytes_relative,
		.n = 5,
		.copy_back = true,
		.arg = { { CTX }, { CB, 0 }, { ADDRESS, 0 }, { CB_SIZE, 1 }, { CB, 2 } }
	};
	struct call store = { .id = HELPER_skb_store_bytes,
			      .n = 5,
			      .arg = {
				  { CTX }, { CB, 0 }, { ADDRESS, 0 }, { CB_SIZE, 1 }, { CB, 2 } } };

	compare(&load, (u32[5]){ 140 });
	compare(&load, (u32[5]){ 0 });
	compare(&relative, (u32[5]){ 140, 64, 3 });
	compare(&store, (u32[5]){ 140, 64, 4 });
	compare(&store, (u32[5]){ 0, 64, 4 });
}

TEST(lengths_agree)
{
	struct call pull = { .id = HELPER_skb_pull_data, .n = 2, .arg = { { CTX }, { CB, 0 } } };
	struct call tail = { .id = HELPER_skb_change_tail,
			     .n = 3,
			     .arg = { { CTX }, { CB, 0 }, { CB, 1 } } };

	compare(&pull, (u32[5]){ 140 });
	compare(&tail, (u32[5]){ 190, 2 });
}
