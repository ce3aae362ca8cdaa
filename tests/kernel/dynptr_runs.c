/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dynptrs and iterators at run time: random sequences of their functions, as programs that
 * Linux, Skep's JIT and Skep's interpreter run on the same packet. Verdict, results of every
 * call, the bytes that came out, the map and the packet must be the same.
 * PROGRAMS and SEED in the environment make a longer campaign.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "btf/btf.h"
#include "kernel/support.h"
#include "lib/gen.h"
#include "lib/test.h"
#include "model/model.h"
#include "os/os.h"

#define PTRS	4   /* dynptrs, at fp - 16, fp - 32, ... */
#define BUFFER	64  /* bytes of stack that reads go to and writes come from */
#define MEM	64  /* bytes of the map's value that dynptrs are made of */
#define MEM_VALUE 4160 /* of it all: as many words as an iterator over bits takes, and more */
#define OUT	256 /* of the value with the results */
#define MAX_OPS 14
#define PACKET	94  /* bytes at most, at first */

enum { MAP_MEM, MAP_OUT, MAP_RING, MAPS };

/* The kfuncs, by name; each world has ids of its own. */
#define KFUNCS(X)                                                                                  \
	X(dynptr_from_skb) X(dynptr_from_xdp) X(dynptr_slice) X(dynptr_slice_rdwr)                 \
	X(dynptr_adjust) X(dynptr_is_null) X(dynptr_is_rdonly) X(dynptr_size) X(dynptr_clone)      \
	X(dynptr_copy) X(dynptr_memset) X(probe_read_user_dynptr) X(probe_read_kernel_dynptr)      \
	X(probe_read_user_str_dynptr) X(probe_read_kernel_str_dynptr)                              \
	X(iter_num_new) X(iter_num_next) X(iter_num_destroy)       \
	X(iter_bits_new) X(iter_bits_next) X(iter_bits_destroy)

enum kfunc {
#define X(name) KFUNC_##name,
	KFUNCS(X)
#undef X
	KFUNCS_COUNT,
};

static const char *const kfunc_names[] = {
#define X(name) "bpf_" #name,
	KFUNCS(X)
#undef X
};

struct place {
	struct world world;
	u32 kfuncs[KFUNCS_COUNT];
	int maps[MAPS];
};

enum { LINUX, JIT, INTERPRETER, PLACES };
static struct place places[PLACES];
static const char *const place_names[] = { "linux", "jit", "interpreter" };

/* ---- writing a program ---- */

struct program {
	struct gen_rng rng;
	struct bpf_insn insns[1024];
	u32 n;
	u32 type;
	u32 results;  /* stored so far */
	bool held[PTRS]; /* stands for a ringbuf record: may not be made anew */
};

static void put(struct program *p, u8 op, u8 dst, u8 src, s16 off, s32 imm)
{
	p->insns[p->n++] = INSN(op, dst, src, off, imm);
}

static void put_number(struct program *p, u8 dst, s32 value)
{
	put(p, BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, value);
}

static void put_copy(struct program *p, u8 dst, u8 src, s32 add)
{
	put(p, BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0);
	if (add)
		put(p, BPF_ALU64 | BPF_ADD | BPF_K, dst, 0, 0, add);
}

static void put_map(struct program *p, u8 dst, u32 map)
{
	put(p, BPF_LD | BPF_IMM | BPF_DW, dst, BPF_PSEUDO_MAP_FD, 0, (s32)map);
	put(p, 0, 0, 0, 0, 0);
}

static void put_helper(struct program *p, u32 id)
{
	put(p, BPF_JMP | BPF_CALL, 0, 0, 0, (s32)id);
}

static void put_kfunc(struct program *p, enum kfunc id)
{
	put(p, BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_KFUNC_CALL, 0, (s32)id);
}

static u32 below(struct program *p, u32 n)
{
	return gen_below(&p->rng, n);
}

/* Mostly sensible, sometimes at the edge, sometimes mad. */
static s32 number(struct program *p, u32 usual)
{
	static const s32 odd[] = { 0, 1, -1, 0x7fffffff, (s32)0x80000000, 0xffffff, 0x1000000,
				   48, 64, 0x10000 };

	return below(p, 5) ? (s32)below(p, usual) : odd[below(p, ARRAY_SIZE(odd))];
}

static void put_ptr(struct program *p, u8 dst, u32 ptr)
{
	put_copy(p, dst, BPF_REG_10, -16 * (s32)(ptr + 1));
}

static void put_buffer(struct program *p, u8 dst, u32 at)
{
	put_copy(p, dst, BPF_REG_10, -16 * PTRS - BUFFER + (s32)at);
}

/* The lower half of r0 is a result; r8 leads to where they go. */
static void put_result(struct program *p)
{
	put(p, BPF_STX | BPF_MEM | BPF_W, BPF_REG_8, BPF_REG_0, (s16)(4 * p->results++), 0);
}

static u32 flags(struct program *p)
{
	return below(p, 8) ? 0 : below(p, 6);
}

static void put_value(struct program *p, u32 map, u8 to)
{
	put(p, BPF_ST | BPF_MEM | BPF_W, BPF_REG_10, 0, -512, 0);
	put_copy(p, BPF_REG_2, BPF_REG_10, -512);
	put_map(p, BPF_REG_1, map);
	put_helper(p, BPF_FUNC_map_lookup_elem);
	put(p, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_0, 0, 1, 0);
	put(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	put_copy(p, to, BPF_REG_0, 0);
}

static void put_begin(struct program *p)
{
	put_copy(p, BPF_REG_6, BPF_REG_1, 0);
	put_value(p, MAP_MEM, BPF_REG_7);
	put_value(p, MAP_OUT, BPF_REG_8);
	for (s16 at = 0; at < BUFFER; at += 8) {
		put(p, BPF_ST | BPF_MEM | BPF_W, BPF_REG_10, 0, (s16)(-16 * PTRS - BUFFER + at),
		    (s32)gen_rand(&p->rng));
		put(p, BPF_ST | BPF_MEM | BPF_W, BPF_REG_10, 0,
		    (s16)(-16 * PTRS - BUFFER + at + 4), (s32)gen_rand(&p->rng));
	}
}

static void put_end(struct program *p)
{
	for (s16 at = 0; at < BUFFER; at += 8) {
		put(p, BPF_LDX | BPF_MEM | BPF_DW, BPF_REG_1, BPF_REG_10,
		    (s16)(-16 * PTRS - BUFFER + at), 0);
		put(p, BPF_STX | BPF_MEM | BPF_DW, BPF_REG_8, BPF_REG_1, (s16)(OUT - BUFFER + at), 0);
	}
	put_number(p, BPF_REG_0, 1);
	put(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

/* ---- making dynptrs ---- */

static void from_memory(struct program *p, u32 ptr)
{
	u32 at = below(p, MEM / 2);

	put_copy(p, BPF_REG_1, BPF_REG_7, (s32)at);
	put_number(p, BPF_REG_2, (s32)below(p, MEM - at + 1));
	put_number(p, BPF_REG_3, (s32)flags(p));
	put_ptr(p, BPF_REG_4, ptr);
	put_helper(p, BPF_FUNC_dynptr_from_mem);
	put_result(p);
}

static void from_packet(struct program *p, u32 ptr)
{
	put_copy(p, BPF_REG_1, BPF_REG_6, 0);
	put_number(p, BPF_REG_2, (s32)flags(p));
	put_ptr(p, BPF_REG_3, ptr);
	put_kfunc(p, p->type == BPF_PROG_TYPE_XDP ? KFUNC_dynptr_from_xdp : KFUNC_dynptr_from_skb);
	put_result(p);
}

static void from_ring(struct program *p, u32 ptr)
{
	put_map(p, BPF_REG_1, MAP_RING);
	put_number(p, BPF_REG_2, number(p, 64));
	put_number(p, BPF_REG_3, (s32)flags(p));
	put_ptr(p, BPF_REG_4, ptr);
	put_helper(p, BPF_FUNC_ringbuf_reserve_dynptr);
	put_result(p);
	p->held[ptr] = true;
	/* What a record holds at first is nobody's promise. */
	put_ptr(p, BPF_REG_1, ptr);
	put_kfunc(p, KFUNC_dynptr_size);
	put_copy(p, BPF_REG_3, BPF_REG_0, 0);
	put_ptr(p, BPF_REG_1, ptr);
	put_number(p, BPF_REG_2, 0);
	put_number(p, BPF_REG_4, 0x5a);
	put_kfunc(p, KFUNC_dynptr_memset);
	put_result(p);
}

static void make_clone(struct program *p, u32 ptr)
{
	u32 to = below(p, PTRS);

	if (to == ptr || p->held[to] || p->held[ptr])
		return;
	put_ptr(p, BPF_REG_1, ptr);
	put_ptr(p, BPF_REG_2, to);
	put_kfunc(p, KFUNC_dynptr_clone);
	put_result(p);
}

/* ---- using them ---- */

static void op_read(struct program *p, u32 ptr)
{
	u32 at = below(p, BUFFER / 2);

	put_buffer(p, BPF_REG_1, at);
	put_number(p, BPF_REG_2, (s32)below(p, BUFFER - at + 1));
	put_ptr(p, BPF_REG_3, ptr);
	put_number(p, BPF_REG_4, number(p, 40));
	put_number(p, BPF_REG_5, (s32)flags(p));
	put_helper(p, BPF_FUNC_dynptr_read);
	put_result(p);
}

static void op_write(struct program *p, u32 ptr)
{
	u32 at = below(p, BUFFER / 2);

	put_ptr(p, BPF_REG_1, ptr);
	put_number(p, BPF_REG_2, number(p, 40));
	put_buffer(p, BPF_REG_3, at);
	put_number(p, BPF_REG_4, (s32)below(p, BUFFER - at + 1));
	put_number(p, BPF_REG_5, (s32)flags(p));
	put_helper(p, BPF_FUNC_dynptr_write);
	put_result(p);
}

/* Reads the first and the last byte of the slice in r0, and writes the last one. */
static void use_slice(struct program *p, u32 size, bool writes)
{
	put_copy(p, BPF_REG_1, BPF_REG_0, 0);
	put_number(p, BPF_REG_0, 0x777);
	put(p, BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_1, 0, writes ? 6 : 5, 0);
	put(p, BPF_LDX | BPF_MEM | BPF_B, BPF_REG_0, BPF_REG_1, 0, 0);
	put(p, BPF_ALU64 | BPF_LSH | BPF_K, BPF_REG_0, 0, 0, 8);
	put(p, BPF_LDX | BPF_MEM | BPF_B, BPF_REG_2, BPF_REG_1, (s16)(size - 1), 0);
	put(p, BPF_ALU64 | BPF_OR | BPF_X, BPF_REG_0, BPF_REG_2, 0, 0);
	put(p, BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_2, 0, 0, 1);
	if (writes)
		put(p, BPF_STX | BPF_MEM | BPF_B, BPF_REG_1, BPF_REG_2, (s16)(size - 1), 0);
	put_result(p);
}

static void op_data(struct program *p, u32 ptr)
{
	u32 size = 1 + below(p, 24);

	put_ptr(p, BPF_REG_1, ptr);
	put_number(p, BPF_REG_2, number(p, 40));
	put_number(p, BPF_REG_3, (s32)size);
	put_helper(p, BPF_FUNC_dynptr_data);
	use_slice(p, size, true);
}

static void op_slice(struct program *p, u32 ptr)
{
	bool writes = below(p, 2) && p->type != BPF_PROG_TYPE_SOCKET_FILTER;
	u32 size = 1 + below(p, 24);

	put_ptr(p, BPF_REG_1, ptr);
	put_number(p, BPF_REG_2, number(p, 40));
	if (below(p, 2))
		put_buffer(p, BPF_REG_3, 0);
	else
		put_number(p, BPF_REG_3, 0);
	put_number(p, BPF_REG_4, (s32)size);
	put_kfunc(p, writes ? KFUNC_dynptr_slice_rdwr : KFUNC_dynptr_slice);
	use_slice(p, size, writes);
}

static void op_adjust(struct program *p, u32 ptr)
{
	put_ptr(p, BPF_REG_1, ptr);
	put_number(p, BPF_REG_2, number(p, 16));
	put_number(p, BPF_REG_3, number(p, 60));
	put_kfunc(p, KFUNC_dynptr_adjust);
	put_result(p);
}

static void op_ask(struct program *p, u32 ptr)
{
	static const enum kfunc questions[] = { KFUNC_dynptr_is_null, KFUNC_dynptr_is_rdonly,
						KFUNC_dynptr_size };
	u32 which = below(p, ARRAY_SIZE(questions));

	put_ptr(p, BPF_REG_1, ptr);
	put_kfunc(p, questions[which]);
	/* Of a bool, the lowest byte is all there is. */
	if (which < 2)
		put(p, BPF_ALU64 | BPF_AND | BPF_K, BPF_REG_0, 0, 0, 255);
	put_result(p);
}

static void op_copy(struct program *p, u32 ptr)
{
	put_ptr(p, BPF_REG_1, ptr);
	put_number(p, BPF_REG_2, number(p, 20));
	put_ptr(p, BPF_REG_3, below(p, PTRS));
	put_number(p, BPF_REG_4, number(p, 20));
	put_number(p, BPF_REG_5, number(p, 40));
	put_kfunc(p, KFUNC_dynptr_copy);
	put_result(p);
}

static void op_memset(struct program *p, u32 ptr)
{
	put_ptr(p, BPF_REG_1, ptr);
	put_number(p, BPF_REG_2, number(p, 30));
	put_number(p, BPF_REG_3, number(p, 40));
	put_number(p, BPF_REG_4, (s32)below(p, 1000));
	put_kfunc(p, KFUNC_dynptr_memset);
	put_result(p);
}

static char user_text[64] = "text that lies in the memory of this process\0and more";

/*
 * User memory, by the right or the wrong function; the map's beyond what dynptrs are made of,
 * which is kernel memory; or nothing.
 */
static void op_probe(struct program *p, u32 ptr)
{
	u64 at = (u64)(uintptr_t)user_text + below(p, 16);
	u32 from = below(p, 5);

	if (from < 2)
		put_copy(p, BPF_REG_4, BPF_REG_7, MEM + (s32)below(p, 100));
	if (from >= 2) {
		if (from == 4)
			at = below(p, 2) ? 0 : 0x10;
		put(p, BPF_LD | BPF_IMM | BPF_DW, BPF_REG_4, 0, 0, (s32)at);
		put(p, 0, 0, 0, 0, (s32)(at >> 32));
	}
	put_ptr(p, BPF_REG_1, ptr);
	put_number(p, BPF_REG_2, number(p, 20));
	put_number(p, BPF_REG_3, (s32)below(p, 40));
	put_kfunc(p, from >= 2 && below(p, 4)
			 ? KFUNC_probe_read_user_dynptr + 2 * below(p, 2)
			 : KFUNC_probe_read_kernel_dynptr + 2 * below(p, 2));
	put_result(p);
}

static void op_make(struct program *p, u32 ptr)
{
	if (p->held[ptr])
		return;
	if (below(p, 2))
		from_memory(p, ptr);
	else
		from_packet(p, ptr);
}

/*
 * The packet under the dynptr changes its size. It only grows: of one that got shorter, Linux's
 * bpf_dynptr_slice gives bytes from behind its end (seen with XDP and a buffer, and with an skb
 * and no buffer); Skep gives NULL.
 */
static void op_packet(struct program *p, u32 ptr)
{
	bool xdp = p->type == BPF_PROG_TYPE_XDP;

	put_copy(p, BPF_REG_1, BPF_REG_6, 0);
	put_number(p, BPF_REG_2, xdp ? -(s32)below(p, 16) : PACKET + (s32)below(p, 60));
	put_number(p, BPF_REG_3, 0);
	put_helper(p, p->type == BPF_PROG_TYPE_XDP ? BPF_FUNC_xdp_adjust_head
						   : BPF_FUNC_skb_change_tail);
	put_result(p);
}

static void dynptr_program(struct program *p)
{
	static void (*const ops[])(struct program *, u32) = {
		op_read, op_read, op_write, op_write, op_data,	 op_slice,  op_slice,
		op_ask,	 op_copy, op_copy,  op_memset, op_adjust, make_clone, op_make, op_probe,
	};
	u32 n = 4 + below(p, MAX_OPS - 4);

	put_begin(p);
	from_memory(p, 0);
	from_packet(p, 1);
	from_ring(p, 2);
	from_memory(p, 3);
	for (u32 i = 0; i < n; i++) {
		if (p->type != BPF_PROG_TYPE_SOCKET_FILTER && !below(p, 20))
			op_packet(p, 0);
		else
			ops[below(p, ARRAY_SIZE(ops))](p, below(p, PTRS));
	}
	put_ptr(p, BPF_REG_1, 2);
	put_number(p, BPF_REG_2, 0);
	put_helper(p, below(p, 2) ? BPF_FUNC_ringbuf_discard_dynptr : BPF_FUNC_ringbuf_submit_dynptr);
	put_end(p);
}

/* ---- iterators ---- */

static void put_iter(struct program *p)
{
	put_copy(p, BPF_REG_1, BPF_REG_10, -16);
}

/* The results: of new, then a number made of all elements. */
static void iterate(struct program *p, enum kfunc next, enum kfunc destroy, u32 stop)
{
	u32 again;

	put_result(p);
	put_number(p, BPF_REG_9, 0);
	again = p->n;
	put_iter(p);
	put_kfunc(p, next);
	put(p, BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_0, 0, 5, 0);
	put(p, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_1, BPF_REG_0, 0, 0);
	put(p, BPF_ALU64 | BPF_MUL | BPF_K, BPF_REG_9, 0, 0, 31);
	put(p, BPF_ALU64 | BPF_ADD | BPF_X, BPF_REG_9, BPF_REG_1, 0, 0);
	put(p, BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_1, 0, 1, (s32)stop);
	put(p, BPF_JMP | BPF_JA, 0, 0, (s16)((s32)again - (s32)p->n - 1), 0);
	put_copy(p, BPF_REG_0, BPF_REG_9, 0);
	put_result(p);
	put(p, BPF_ALU64 | BPF_RSH | BPF_K, BPF_REG_9, 0, 0, 32);
	put_copy(p, BPF_REG_0, BPF_REG_9, 0);
	put_result(p);
	put_iter(p);
	put_kfunc(p, destroy);
}

static void numbers(struct program *p)
{
	static const s32 starts[] = { 0, 5, -5, -0x7fffffff - 1, 0x7ffffff0, 0x7fffffff };
	s32 start = below(p, 3) ? starts[below(p, ARRAY_SIZE(starts))] : (s32)gen_rand(&p->rng);
	static const u32 spans[] = { 0, 1, 15, 300, 8 << 20, (8 << 20) + 1, 0x80000000, 0xffffffff };
	u32 span = spans[below(p, ARRAY_SIZE(spans))];

	put_iter(p);
	put_number(p, BPF_REG_2, start);
	put_number(p, BPF_REG_3, (s32)((u32)start + span));
	put_kfunc(p, KFUNC_iter_num_new);
	/* Eight million elements are a test of patience only. */
	iterate(p, KFUNC_iter_num_next, KFUNC_iter_num_destroy, (u32)start + below(p, 400));
}

static void bits(struct program *p)
{
	static const u32 words[] = { 0, 1, 1, 2, 7, 8, 511, 512, 0x7fffffff };

	put_iter(p);
	if (below(p, 10))
		put_copy(p, BPF_REG_2, BPF_REG_7, 8 * (s32)below(p, 2));
	else
		put_number(p, BPF_REG_2, 0);
	put_number(p, BPF_REG_3, (s32)words[below(p, 5 + below(p, 5))]);
	put_kfunc(p, KFUNC_iter_bits_new);
	iterate(p, KFUNC_iter_bits_next, KFUNC_iter_bits_destroy, below(p, 600));
}

static void iter_program(struct program *p)
{
	put_begin(p);
	for (u32 i = 0; i < 3; i++)
		if (below(p, 2))
			numbers(p);
		else
			bits(p);
	put_end(p);
}

/* ---- running it everywhere ---- */

struct outcome {
	int loaded, ran;
	u32 retval, size;
	u8 packet[256], mem[MEM_VALUE], out[OUT];
};

/* With its log, when somebody wants to know why a verdict is another one. */
static int load(const struct place *place, const struct program *p, char *log, u32 log_size)
{
	static struct bpf_insn insns[ARRAY_SIZE(p->insns)];

	memcpy(insns, p->insns, p->n * sizeof(insns[0]));
	for (u32 i = 0; i < p->n; i++) {
		if (insns[i].code == (BPF_LD | BPF_IMM | BPF_DW) && insns[i].src_reg)
			insns[i].imm = place->maps[insns[i].imm];
		else if (insns[i].code == (BPF_JMP | BPF_CALL) &&
			 insns[i].src_reg == BPF_PSEUDO_KFUNC_CALL)
			insns[i].imm = (s32)place->kfuncs[insns[i].imm];
	}
	return BPF(&place->world, BPF_PROG_LOAD, attr_prog_load, .prog_type = p->type,
		   .insn_cnt = p->n, .insns = address(insns), .license = address("GPL"),
		   .log_buf = address(log), .log_size = log_size, .log_level = log ? 1 : 0);
}

static void print_verdicts(const struct program *p)
{
	static char log[1 << 20];

	for (u32 i = 0; i < PLACES; i++) {
		int fd = load(&places[i], p, log, sizeof(log));
		size_t n = strlen(log);

		test_note("%s: %d ...%s", place_names[i], fd, log + (n > 600 ? n - 600 : 0));
		if (fd >= 0)
			close(fd);
	}
}

static void run(const struct place *place, const struct program *p, const u8 *packet, u32 size,
		struct outcome *out)
{
	static const u8 zero[OUT];
	static u8 mem[MEM_VALUE];
	union attr attr = { 0 };
	u32 key = 0;

	memset(out, 0, sizeof(*out));
	out->loaded = load(place, p, NULL, 0);
	if (out->loaded < 0)
		return;
	for (u32 i = 0; i < MEM_VALUE; i++)
		mem[i] = packet[i * 7 / 3 % 256];
	map_update(&place->world, place->maps[MAP_MEM], &key, mem, 0);
	map_update(&place->world, place->maps[MAP_OUT], &key, zero, 0);
	attr.test = (struct attr_test_run){
		.prog_fd = (u32)out->loaded, .data_in = address(packet), .data_size_in = size,
		.data_out = address(out->packet), .data_size_out = sizeof(out->packet) };
	out->ran = world_bpf(&place->world, BPF_PROG_TEST_RUN, &attr, sizeof(attr));
	out->retval = attr.test.retval;
	out->size = attr.test.data_size_out;
	map_lookup(&place->world, place->maps[MAP_MEM], &key, out->mem);
	map_lookup(&place->world, place->maps[MAP_OUT], &key, out->out);
	close(out->loaded);
	out->loaded = 0;
}

static u32 n_run, n_refused;

static u32 first_difference(const u8 *a, const u8 *b, u32 n)
{
	u32 i = 0;

	while (i < n && a[i] == b[i])
		i++;
	return i;
}

static bool same(u64 seed, const struct outcome *a, const struct outcome *b, const char *who)
{
	if (a->loaded != b->loaded || a->ran != b->ran || a->retval != b->retval ||
	    a->size != b->size) {
		test_fail(__FILE__, __LINE__,
			  "seed %llu: linux: load %d, run %d, %u, %u bytes; %s: load %d, run %d, %u, %u bytes",
			  (unsigned long long)seed, a->loaded, a->ran, a->retval, a->size, who,
			  b->loaded, b->ran, b->retval, b->size);
		return false;
	}
	for (u32 i = 0; i < OUT; i += 4)
		if (memcmp(a->out + i, b->out + i, 4)) {
			test_fail(__FILE__, __LINE__, "seed %llu: result %u: linux 0x%x, %s 0x%x",
				  (unsigned long long)seed, i / 4, *(const u32 *)(a->out + i), who,
				  *(const u32 *)(b->out + i));
			return false;
		}
	if (!memcmp(a->packet, b->packet, sizeof(a->packet)) && !memcmp(a->mem, b->mem, MEM_VALUE))
		return true;
	test_fail(__FILE__, __LINE__, "seed %llu: another packet (from byte %u) or map (%u) in %s",
		  (unsigned long long)seed, first_difference(a->packet, b->packet, sizeof(a->packet)),
		  first_difference(a->mem, b->mem, MEM_VALUE), who);
	return false;
}

static bool run_seed(u64 seed, void (*write)(struct program *))
{
	static struct program p;
	static struct outcome outcomes[PLACES];
	static const u32 types[] = { BPF_PROG_TYPE_SCHED_CLS, BPF_PROG_TYPE_XDP,
				     BPF_PROG_TYPE_SOCKET_FILTER };
	u8 packet[256];
	u32 size;

	p = (struct program){ .rng = { seed } };
	for (u32 i = 0; i < sizeof(packet); i++)
		packet[i] = (u8)gen_rand(&p.rng);
	memset(packet + 12, 0x88, 2); /* no protocol that Linux looks into */
	size = 14 + below(&p, PACKET - 13);
	p.type = types[below(&p, ARRAY_SIZE(types))];
	write(&p);
	for (u32 i = 0; i < PLACES; i++)
		run(&places[i], &p, packet, size, &outcomes[i]);
	n_run++;
	n_refused += outcomes[LINUX].loaded < 0;
	for (u32 i = 1; i < PLACES; i++)
		if (!same(seed, &outcomes[LINUX], &outcomes[i], place_names[i])) {
			if (outcomes[i].loaded != outcomes[LINUX].loaded)
				print_verdicts(&p);
			return false;
		}
	return true;
}

/* ---- mutants: verdicts only ---- */

static void mutate(struct program *p)
{
	struct bpf_insn *insn = &p->insns[below(p, p->n)];

	switch (below(p, 6)) {
	case 0:
		insn->dst_reg = below(p, 11);
		break;
	case 1:
		if (insn->code != (BPF_JMP | BPF_CALL) && insn->code != (BPF_LD | BPF_IMM | BPF_DW))
			insn->src_reg = below(p, 11);
		break;
	case 2:
		if (BPF_CLASS(insn->code) == BPF_LDX || BPF_CLASS(insn->code) == BPF_STX ||
		    BPF_CLASS(insn->code) == BPF_ST)
			insn->off = (s16)(insn->off + (s16)(8 * (s32)below(p, 5)) - 16);
		break;
	case 3:
		if (BPF_CLASS(insn->code) == BPF_ALU64)
			insn->imm += 8 * (s32)below(p, 5) - 16;
		break;
	case 4: /* another kfunc */
		if (insn->code == (BPF_JMP | BPF_CALL) && insn->src_reg == BPF_PSEUDO_KFUNC_CALL)
			insn->imm = (s32)below(p, KFUNCS_COUNT);
		break;
	default: /* left out */
		if (insn->code != (BPF_LD | BPF_IMM | BPF_DW) && insn->code)
			*insn = INSN(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_9, BPF_REG_9, 0, 0);
		break;
	}
}

static u32 n_accepted, n_stricter;

static bool judge_mutant(u64 seed)
{
	static const u32 types[] = { BPF_PROG_TYPE_SCHED_CLS, BPF_PROG_TYPE_XDP };
	static struct program p;
	int a, b;

	p = (struct program){ .rng = { seed } };
	p.type = types[below(&p, 2)];
	if (below(&p, 3))
		dynptr_program(&p);
	else
		iter_program(&p);
	for (u32 i = below(&p, 3) + 1; i > 0; i--)
		mutate(&p);
	a = load(&places[LINUX], &p, NULL, 0);
	b = load(&places[JIT], &p, NULL, 0);
	n_run++;
	n_accepted += a >= 0;
	n_stricter += a >= 0 && b < 0;
	if (b >= 0 && a < 0 && a != -E2BIG) {
		test_fail(__FILE__, __LINE__, "seed %llu: Linux refuses (%d), Skep accepts",
			  (unsigned long long)seed, a);
		print_verdicts(&p);
	}
	if (a >= 0 && b < 0 && getenv("VERBOSE")) {
		test_note("seed %llu: Skep refuses", (unsigned long long)seed);
		print_verdicts(&p);
	}
	if (a >= 0)
		close(a);
	if (b >= 0)
		close(b);
	return b < 0 || a >= 0 || a == -E2BIG;
}

/* ---- the worlds ---- */

static void find_kfuncs(struct place *place, const struct btf *btf)
{
	for (u32 i = 0; i < KFUNCS_COUNT; i++) {
		s32 id = btf_find(btf, kfunc_names[i], BTF_KIND_FUNC);

		if (id < 0)
			test_skip("%s has no %s", place->world.name, kfunc_names[i]);
		place->kfuncs[i] = (u32)id;
	}
}

static void linux_kfuncs(struct place *place)
{
	size_t room = 64 << 20, size;
	FILE *f = fopen("/sys/kernel/btf/vmlinux", "r");
	void *data = f ? malloc(room) : NULL;
	struct btf *btf;

	if (!data)
		test_skip("no BTF of this machine's Linux");
	size = fread(data, 1, room, f);
	fclose(f);
	REQUIRE(!btf_parse(data, (u32)size, NULL, NULL, &btf));
	free(data);
	find_kfuncs(place, btf);
	btf_free(btf);
}

static void skep_kfuncs(struct place *place)
{
	struct btf *btf;
	void *data;
	u32 size;

	REQUIRE(!model_skep_btf(&data, &size));
	REQUIRE(!btf_parse(data, size, NULL, NULL, &btf));
	os_free(data);
	find_kfuncs(place, btf);
	btf_free(btf);
}

static void make_maps(struct place *place)
{
	const struct world *w = &place->world;

	place->maps[MAP_MEM] = map_create(w, BPF_MAP_TYPE_ARRAY, 4, MEM_VALUE, 1, 0);
	place->maps[MAP_OUT] = map_create(w, BPF_MAP_TYPE_ARRAY, 4, OUT, 1, 0);
	place->maps[MAP_RING] = map_create(w, BPF_MAP_TYPE_RINGBUF, 0, 0, 4096, 0);
	for (u32 i = 0; i < MAPS; i++)
		REQUIRE(place->maps[i] >= 0);
}

static void open_places(void)
{
	struct skep_opts opts = { .size = sizeof(opts), .flags = SKEP_NO_JIT };

	if (places[JIT].world.skep)
		return;
	places[LINUX].world = world_linux();
	places[JIT].world = world_skep();
	places[INTERPRETER].world = (struct world){ .name = "skep", .skep = skep_new(&opts) };
	REQUIRE(places[INTERPRETER].world.skep);
	linux_kfuncs(&places[LINUX]);
	for (u32 i = JIT; i < PLACES; i++)
		skep_kfuncs(&places[i]);
	for (u32 i = 0; i < PLACES; i++)
		make_maps(&places[i]);
}

static void run_many(void (*write)(struct program *), u32 fewer)
{
	const char *count = getenv("PROGRAMS"), *first = getenv("SEED");
	u32 n = (count ? (u32)atoi(count) : 600) / fewer;
	u64 seed = first ? strtoull(first, NULL, 0) : 1;

	open_places();
	n_run = n_refused = 0;
	for (u32 i = 0; i < n; i++)
		if (!run_seed(seed + i, write))
			break;
	test_note("%u programs, %u refused by Linux and by Skep", n_run, n_refused);
	CHECK(n_refused * 10 <= n_run);
}

TEST(dynptrs_do_what_linux_does)
{
	run_many(dynptr_program, 1);
}

TEST(iterators_give_what_linux_does)
{
	run_many(iter_program, 2);
}

TEST(mutants_are_judged_as_by_linux)
{
	const char *count = getenv("PROGRAMS"), *first = getenv("SEED");
	u32 n = count ? (u32)atoi(count) : 600;
	u64 seed = first ? strtoull(first, NULL, 0) : 1;

	open_places();
	n_run = n_accepted = n_stricter = 0;
	for (u32 i = 0; i < n; i++)
		if (!judge_mutant(seed + i))
			break;
	test_note("%u mutants, %u accepted by Linux, %u of these refused by Skep", n_run, n_accepted,
		  n_stricter);
	CHECK(n_accepted * 10 >= n_run);
	CHECK(n_stricter * 50 <= n_run);
}
