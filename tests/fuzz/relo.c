/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CO-RE records of any content, on any instructions and any BTF: they are refused, or applied inside
 * of the program. Then the verifier sees what came out.
 *
 * Input: byte 0 how many records, bytes 1 and 2 bytes of BTF (little endian; 0: a small one that is
 * sound), records of 16 bytes, the BTF, instructions.
 */
#include <stdlib.h>
#include <string.h>

#include "btf/btf.h"
#include "btf/core.h"
#include "verifier/verifier.h"

#define MAX_BYTES 8192
#define MAX_INSNS 512

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct kernel_model *model;
static struct btf *usual;

/* Types whose names and members the presented kernel has, and strings that say which member. */
static void setup(void)
{
	struct btf_builder *b = btf_builder_new();
	s32 number = btf_add_int(b, "int", 4, BTF_INT_SIGNED), task;
	const void *bytes;
	u32 size;

	task = btf_add_struct(b, "task_struct", 16, false);
	btf_add_member(b, "pid", number, 0, 0);
	btf_add_member(b, "tgid", number, 32, 0);
	btf_add_decl_tag(b, "0:0", task, -1);
	btf_add_decl_tag(b, "0:1", task, -1);
	btf_add_ptr(b, task);
	bytes = btf_builder_data(b, &size);
	if (model_skep_new(&model) || btf_parse(bytes, size, NULL, NULL, &usual))
		abort();
	btf_builder_free(b);
}

static void judge(const struct btf *btf, const struct bpf_insn *insns, u32 n)
{
	struct verify_result result;
	struct verify_request request = { .model = model, .prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT,
					  .insns = insns, .insn_cnt = n, .gpl_compatible = true,
					  .privileged = true, .btf = btf,
					  .memory_limit = (size_t)64 << 20 };

	verify(&request, &result);
	image_free(result.image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char log[1 << 14];
	struct text text = text_in(log, sizeof(log));
	struct bpf_insn insns[MAX_INSNS];
	struct btf *own = NULL;
	const struct btf *btf;
	size_t btf_size, at;
	u32 n_relos, n;
	void *copy;

	if (!model)
		setup();
	if (size < 3 || size > MAX_BYTES)
		return 0;
	n_relos = data[0];
	btf_size = data[1] | data[2] << 8;
	at = 3 + n_relos * sizeof(struct bpf_core_relo);
	if (size < at + btf_size + sizeof(insns[0]))
		return 0;
	copy = malloc(btf_size + 1);
	memcpy(copy, data + at, btf_size);
	btf = usual;
	if (btf_size && !btf_parse(copy, (u32)btf_size, NULL, NULL, &own))
		btf = own;
	at += btf_size;
	n = (u32)MIN((size - at) / sizeof(insns[0]), (size_t)MAX_INSNS);
	memcpy(insns, data + at, n * sizeof(insns[0]));
	for (u32 i = 0; i < n_relos; i++) {
		struct bpf_core_relo relo;

		memcpy(&relo, data + 3 + i * sizeof(relo), sizeof(relo));
		/* Half of them hit what is there. */
		if (relo.insn_off & 1u << 31)
			relo.insn_off = relo.insn_off % n * 8, relo.type_id %= 8;
		if (core_relocate(btf, model->btf, &relo, i, insns, n, &text))
			break;
	}
	judge(btf, insns, n);
	btf_free(own);
	free(copy);
	return 0;
}
