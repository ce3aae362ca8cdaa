/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kernel model from any BTF, and programs that attach to whatever it has, read their contexts
 * and follow what they find there, use its variables and call its functions: each is judged,
 * and nothing breaks.
 */
#include <stdlib.h>

#include "btf/btf.h"
#include "verifier/verifier.h"

#define MAX_BYTES (1 << 16)
#define MAX_IDS	  96

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INSN(op, dst, src, o, i) \
	{ .code = (op), .dst_reg = (dst), .src_reg = (src), .off = (o), .imm = (i) }
#define LOAD(size, dst, src, off) INSN(BPF_LDX | BPF_MEM | BPF_##size, dst, src, off, 0)
#define SET(dst, imm)		  INSN(BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, imm)
#define EXIT			  INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

static const struct {
	u32 type, attach_type;
} kinds[] = {
	{ BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP }, { BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER },
	{ BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY }, { BPF_PROG_TYPE_TRACING, BPF_TRACE_FEXIT },
	{ BPF_PROG_TYPE_TRACING, BPF_MODIFY_RETURN }, { BPF_PROG_TYPE_LSM, BPF_LSM_MAC },
	{ BPF_PROG_TYPE_LSM, BPF_LSM_CGROUP },	      { BPF_PROG_TYPE_RAW_TRACEPOINT, 0 },
	{ BPF_PROG_TYPE_SCHED_CLS, 0 },
};

static void judge(const struct kernel_model *model, u32 kind, u32 id, u32 flags,
		  const struct bpf_insn *insns, u32 n)
{
	struct verify_result result;
	struct verify_request request = {
		.model = model,
		.prog_type = kinds[kind].type,
		.expected_attach_type = kinds[kind].attach_type,
		.prog_flags = flags,
		.insns = insns,
		.insn_cnt = n,
		.gpl_compatible = true,
		.privileged = true,
		.verify_only = true,
		.attach_btf_id = id,
	};

	if (verify(&request, &result) == 0)
		image_free(result.image);
}

/* The argument there, and what is behind it at that offset, and behind that. */
static void follow(const struct kernel_model *model, u32 kind, u32 id, u32 flags, s16 arg, s16 off)
{
	const struct bpf_insn insns[] = {
		LOAD(DW, 2, 1, arg),
		INSN(BPF_JMP | BPF_JNE | BPF_K, 2, 0, 2, 0),
		SET(0, 0),
		EXIT,
		LOAD(DW, 3, 2, off),
		INSN(BPF_JMP | BPF_JEQ | BPF_K, 3, 0, 2, 0),
		LOAD(W, 4, 3, off),
		LOAD(B, 5, 2, 1),
		SET(0, 0),
		EXIT,
	};

	judge(model, kind, id, flags, insns, ARRAY_SIZE(insns));
}

/* A variable of the kernel, read and handed to a helper; a function of it, called. */
static void use(const struct kernel_model *model, u32 id)
{
	const struct bpf_insn variable[] = {
		INSN(BPF_LD | BPF_IMM | BPF_DW, 1, BPF_PSEUDO_BTF_ID, 0, (s32)id),
		INSN(0, 0, 0, 0, 0),
		LOAD(W, 2, 1, 4),
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_this_cpu_ptr),
		LOAD(B, 2, 0, 0),
		SET(0, 0),
		EXIT,
	};
	const struct bpf_insn function[] = {
		SET(2, 8),
		SET(3, 0),
		SET(4, 0),
		SET(5, 0),
		INSN(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_KFUNC_CALL, 0, (s32)id),
		SET(0, 0),
		EXIT,
	};

	judge(model, 7, 0, 0, variable, ARRAY_SIZE(variable));
	judge(model, 7, 0, 0, variable + 3, 3);
	judge(model, 7, 0, 0, function, ARRAY_SIZE(function));
	judge(model, 8, 0, 0, function, ARRAY_SIZE(function));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kernel_model *model;

	if (size > MAX_BYTES || model_linux_new(data, (u32)size, NULL, &model))
		return 0;
	for (u32 id = 0; id <= MIN(model->btf->n_types, (u32)MAX_IDS); id++) {
		for (u32 kind = 0; kind < ARRAY_SIZE(kinds); kind++) {
			follow(model, kind, id, 0, 0, 0);
			follow(model, kind, id, BPF_F_SLEEPABLE, (s16)(8 * (id % 4)), (s16)(id % 64));
		}
		use(model, id);
	}
	model_free(model);
	return 0;
}
