/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arbitrary calls of bpf(2). The input is a small program of calls:
 *
 *	call:	command, number of words, then each word
 *	word:	0 zero | 1 n: a small number | 2 nnnn: any number | 3 n: an fd made so far
 *		4 n: a pointer (two words) into a buffer | 5: a pointer to nowhere (two words)
 *
 * Numbers are cut so that no two of them make the address of something of the test's own:
 * what a command writes there would not be a bug of the command.
 */
#include <skep/skep.h>

#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/attach.h"
#include "kernel/attr.h"
#include "kernel/commands.h"
#include "kernel/pin.h"

#define SLOTS       16
#define BUFFERS     8
#define BUFFER_SIZE 4096
#define NOWHERE     0x7ff000000000ull

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const u8 *at, *end;
};

struct fuzz {
	struct skep *skep;
	int slot[SLOTS];
	u32 next;
	u8 buffer[BUFFERS][BUFFER_SIZE];
};

static u8 take(struct input *in)
{
	return in->at < in->end ? *in->at++ : 0;
}

static u32 take32(struct input *in)
{
	u32 low = take(in);

	low |= (u32)take(in) << 8;
	return (low | (u32)take(in) << 24) & 0x8000ffff;
}

static u32 put_pointer(u32 *words, u32 n, u64 address)
{
	if (n % 2) /* pointers are aligned */
		words[n++] = 0;
	words[n] = (u32)address;
	words[n + 1] = (u32)(address >> 32);
	return n + 2;
}

static u32 put_word(struct fuzz *fuzz, struct input *in, u32 *words, u32 n)
{
	switch (take(in) % 6) {
	case 1:
		words[n] = take(in);
		return n + 1;
	case 2:
		words[n] = take32(in);
		return n + 1;
	case 3:
		words[n] = (u32)fuzz->slot[take(in) % SLOTS];
		return n + 1;
	case 4:
		return put_pointer(words, n, (u64)(uintptr_t)fuzz->buffer[take(in) % BUFFERS]);
	case 5:
		return put_pointer(words, n, NOWHERE);
	default:
		words[n] = 0;
		return n + 1;
	}
}

/* Work and memory that would only slow the campaign down. */
static void tame(int cmd, union attr *attr)
{
	if (cmd == BPF_PROG_TEST_RUN)
		attr->test.repeat &= 0xff;
	if (cmd == BPF_MAP_CREATE)
		attr->map_create.max_entries &= 0x1fff;
	if (cmd == BPF_MAP_CREATE && attr->map_create.value_size > 1 << 16)
		attr->map_create.value_size &= 0x800000ff;
}

static bool gives_fd(int cmd)
{
	switch (cmd) {
	case BPF_MAP_CREATE:
	case BPF_PROG_LOAD:
	case BPF_OBJ_GET:
	case BPF_PROG_GET_FD_BY_ID:
	case BPF_MAP_GET_FD_BY_ID:
	case BPF_RAW_TRACEPOINT_OPEN:
	case BPF_BTF_LOAD:
	case BPF_BTF_GET_FD_BY_ID:
	case BPF_LINK_CREATE:
	case BPF_LINK_GET_FD_BY_ID:
	case BPF_ENABLE_STATS:
	case BPF_ITER_CREATE:
		return true;
	default:
		return false;
	}
}

static void one_call(struct fuzz *fuzz, struct input *in)
{
	union {
		union attr attr;
		u32 words[ATTR_SIZE / 4 + 4];
	} a = { 0 };
	int cmd = take(in) % (SKEP_COMMAND_COUNT + 1);
	u32 words = take(in) % (ATTR_SIZE / 4 + 1), n = 0, size = 4 * words;
	int result;

	while (n < words)
		n = put_word(fuzz, in, a.words, n);
	tame(cmd, &a.attr);
	result = skep_bpf(fuzz->skep, cmd, (union bpf_attr *)&a, size);
	if (result < 0 || !gives_fd(cmd))
		return;
	fuzz->next = (fuzz->next + 1) % SLOTS;
	if (fuzz->slot[fuzz->next] >= 0)
		close(fuzz->slot[fuzz->next]);
	fuzz->slot[fuzz->next] = result;
}

/* What most calls need to get anywhere: objects of each kind, a program and a license. */
static void begin(struct fuzz *fuzz)
{
	static const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 1 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	static const u32 types[] = { BPF_MAP_TYPE_ARRAY, BPF_MAP_TYPE_HASH, BPF_MAP_TYPE_PROG_ARRAY,
				     BPF_MAP_TYPE_PERCPU_HASH };
	static const u32 progs[] = { BPF_PROG_TYPE_XDP, BPF_PROG_TYPE_SCHED_CLS,
				     BPF_PROG_TYPE_RAW_TRACEPOINT };

	for (u32 i = 0; i < SLOTS; i++)
		fuzz->slot[i] = -1;
	memset(fuzz->buffer, 0, sizeof(fuzz->buffer));
	memcpy(fuzz->buffer[0], insns, sizeof(insns));
	strcpy((char *)fuzz->buffer[1], "GPL");
	strcpy((char *)fuzz->buffer[2], "/sys/fs/bpf/pin");
	for (u32 i = 0; i < ARRAY_SIZE(types); i++) {
		union attr attr = { .map_create = { .map_type = types[i],
						    .key_size = 4,
						    .value_size = 4,
						    .max_entries = 8 } };

		fuzz->slot[fuzz->next++] =
		    skep_bpf(fuzz->skep, BPF_MAP_CREATE, (union bpf_attr *)&attr, sizeof(attr));
	}
	for (u32 i = 0; i < ARRAY_SIZE(progs); i++) {
		union attr attr = { .load = { .prog_type = progs[i],
					      .insn_cnt = 2,
					      .insns = (u64)(uintptr_t)fuzz->buffer[0],
					      .license = (u64)(uintptr_t)fuzz->buffer[1] } };

		fuzz->slot[fuzz->next++] =
		    skep_bpf(fuzz->skep, BPF_PROG_LOAD, (union bpf_attr *)&attr, sizeof(attr));
	}
}

/* Everything goes with its last fd and pin, as if a client had died. */
static void end(struct fuzz *fuzz)
{
	const char *path;

	for (u32 i = 0; i < SLOTS; i++)
		if (fuzz->slot[i] >= 0)
			close(fuzz->slot[i]);
	while ((path = skep_pin_path(fuzz->skep, 0)))
		skep_unpin(fuzz->skep, path);
	skep_sweep(fuzz->skep);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct skep_opts opts = { .size = sizeof(opts), .cpus = 2, .budget = 10000 };
	static struct fuzz fuzz;
	struct input in = { data, data + size };

	if (!fuzz.skep)
		fuzz.skep = skep_new(&opts);
	if (!fuzz.skep)
		abort();
	fuzz.next = 0;
	begin(&fuzz);
	/* The second half of the input lies in a buffer too: instructions, BTF, contexts. */
	memcpy(fuzz.buffer[3], data + size / 2,
	       size - size / 2 < BUFFER_SIZE ? size - size / 2 : BUFFER_SIZE);
	while (in.at < in.end)
		one_call(&fuzz, &in);
	end(&fuzz);
	return 0;
}
