/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verifier on any instructions, function and line records: it answers, and soon.
 *
 * Input: byte 0 program type, byte 1 flags, bytes 2 and 3 how many func_info and line_info
 * records come first (8 and 16 bytes each), then instructions. Map fds 0 to 3 exist.
 */
#include <stdlib.h>

#include "btf/btf.h"
#include "os/os.h"
#include "verifier/verifier.h"

#define MAX_BYTES 8192

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct kernel_model *model;
static struct btf *btf;
static struct map maps[4];

/* Types for func_info to name: functions static and global, of a number, a struct and a context. */
static void make_btf(void)
{
	struct btf_builder *b = btf_builder_new();
	s32 number = btf_add_int(b, "int", 4, BTF_INT_SIGNED), proto, pair;
	const void *bytes;
	u32 size;

	proto = btf_add_func_proto(b, number);
	btf_add_param(b, "x", number);
	btf_add_func(b, "file.c", proto, 0);
	btf_add_func(b, "numbers", proto, 1);
	pair = btf_add_struct(b, "pair", 8, false);
	btf_add_member(b, "a", number, 0, 0);
	btf_add_member(b, "b", number, 32, 0);
	pair = btf_add_ptr(b, pair);
	proto = btf_add_func_proto(b, number);
	btf_add_param(b, "p", pair);
	btf_add_func(b, "memory", proto, 1);
	bytes = btf_builder_data(b, &size);
	if (btf_parse(bytes, size, NULL, NULL, &btf))
		abort();
	btf_builder_free(b);
}

static void setup(void)
{
	static const struct map_facts facts[] = {
		{ .type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 48, .max_entries = 1 },
		{ .type = BPF_MAP_TYPE_HASH, .key_size = 8, .value_size = 16, .max_entries = 8 },
		{ .type = BPF_MAP_TYPE_RINGBUF, .max_entries = 4096 },
		{ .type = BPF_MAP_TYPE_PROG_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 4 },
	};

	if (model_skep_new(&model))
		abort();
	make_btf();
	for (u32 i = 0; i < 4; i++) {
		maps[i].facts = facts[i];
	}
}

static int resolve(void *data, s32 number, bool is_index, struct map **map)
{
	if (number < 0 || number > 3)
		return -EBADF;
	*map = &maps[number];
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char log[1 << 16];
	struct text text = text_in(log, sizeof(log));
	struct verify_result result;
	struct verify_request request = { .resolver = { NULL, resolve }, .log = &text };
	size_t records;
	u8 *copy;

	if (!model)
		setup();
	if (size < 4 + 8 || size > MAX_BYTES)
		return 0;
	records = data[2] * 8 + data[3] * 16;
	if (size - 4 < records + 8)
		return 0;
	/* Exactly as long as they are said to be: reading beyond shows. */
	copy = malloc(size - 4);
	memcpy(copy, data + 4, size - 4);
	request.model = model;
	request.btf = btf;
	request.prog_type = data[0] % 36;
	request.privileged = data[1] & 1;
	request.gpl_compatible = data[1] & 2;
	request.prog_flags = (data[1] & 4 ? BPF_F_STRICT_ALIGNMENT : 0) |
			     (data[1] & 8 ? BPF_F_SLEEPABLE : 0);
	request.log_level = data[1] >> 4 & 7;
	request.test_state_freq = data[1] & 128;
	request.memory_limit = (size_t)64 << 20;
	request.func_info = copy;
	request.func_info_cnt = data[2];
	request.func_info_rec_size = 8;
	request.line_info = copy + data[2] * 8;
	request.line_info_cnt = data[3];
	request.line_info_rec_size = 16;
	request.insns = (const void *)(copy + records);
	request.insn_cnt = (u32)((size - 4 - records) / 8);
	verify(&request, &result);
	image_free(result.image);
	free(copy);
	return 0;
}
