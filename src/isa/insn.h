/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The instruction as it is stored (struct bpf_insn, RFC 9669 section 3) and the tests
 * that every reader of instructions needs. Decoding to one operation number, the
 * disassembler and the assembler come from the table in ops.h.
 */
#ifndef SKEP_ISA_INSN_H
#define SKEP_ISA_INSN_H

#include <linux/bpf.h>

#include "base/text.h"
#include "base/types.h"
#include "isa/ops.h"

/* Newer than some systems' <linux/bpf.h>. Same values as the enumerators there. */
#ifndef BPF_MEMSX
#define BPF_MEMSX 0x80 /* sign-extending load (cpu v4) */
#endif
#ifndef BPF_JCOND
#define BPF_JCOND 0xe0 /* conditional pseudo-jump: may_goto */
#endif
#ifndef BPF_LOAD_ACQ
#define BPF_LOAD_ACQ 0x100
#endif
#ifndef BPF_STORE_REL
#define BPF_STORE_REL 0x110
#endif
#ifndef BPF_MAY_GOTO
#define BPF_MAY_GOTO 0
#endif
#ifndef BPF_PSEUDO_KFUNC_CALL
#define BPF_PSEUDO_KFUNC_CALL 2
#endif

#define BPF_REG_AX         11 /* scratch register of engines; never in a program */
#define BPF_REGS           11 /* r0 to r10 */
#define BPF_STACK_SIZE     512
#define BPF_MAX_FRAMES     8
#define BPF_MAX_SUBPROGS   256
#define BPF_MAX_TAIL_CALLS 33
#define BPF_MAX_LOOP_COUNT (8u << 20) /* may_goto and bpf_loop */

/*
 * Forms that exist only in a loaded image, after the verifier accepted the program
 * (model/image.h says what they mean).
 */
#define INSN_TAIL_CALL     (BPF_JMP | 0xf0) /* bpf_tail_call, performed by the engine */
#define INSN_MODE_PROBE    0x20 /* BPF_LDX mode: load that reads 0 instead of faulting */
#define INSN_MODE_PROBE_SX 0x40 /* the same, sign-extending */

/* One line of the table. */
struct isa_op_info {
	u8 code;
	u8 form;  /* enum isa_form */
	u8 group; /* enum isa_group */
	u8 uses;  /* USES_*: fields that are operands */
	u32 select;
	const char *name; /* "ADD64_K" */
	const char *text;
};
extern const struct isa_op_info isa_ops[OP_COUNT];
extern const char *const isa_group_names[];

/* Which operation the code byte and the selecting field name; OP_INVALID: none. Checks nothing
 * else: for engines and printing. Knows the forms of a loaded image, too. */
enum isa_op isa_op_of(const struct bpf_insn *insn);

/* Is this code byte one that a program may contain? Linux asks this of all instructions first. */
bool isa_code_known(u8 code);

/*
 * Which operation this instruction of a program is: > 0 (enum isa_op), or -EINVAL when there is
 * no such operation or a reserved field is not zero; then why (may be NULL) gets Linux's words
 * for it, without a newline. left: slots from insn to the end of the program, at least 1.
 */
int isa_decode(const struct bpf_insn *insn, u32 left, struct text *why);

/* "map_lookup_elem" for 1; NULL for ids this build does not know. */
const char *isa_helper_name(u32 id);
/* The id of "map_lookup_elem" or "bpf_map_lookup_elem" (len bytes), or -ENOENT. */
s32 isa_helper_id(const char *name, size_t len);

static inline bool insn_is_ldimm64(const struct bpf_insn *insn)
{
	return insn->code == (BPF_LD | BPF_IMM | BPF_DW);
}

static inline bool insn_is_call(const struct bpf_insn *insn)
{
	return insn->code == (BPF_JMP | BPF_CALL);
}

static inline bool insn_is_subprog_call(const struct bpf_insn *insn)
{
	return insn_is_call(insn) && insn->src_reg == BPF_PSEUDO_CALL;
}

static inline bool insn_is_exit(const struct bpf_insn *insn)
{
	return insn->code == (BPF_JMP | BPF_EXIT);
}

static inline u8 insn_class(const struct bpf_insn *insn)
{
	return BPF_CLASS(insn->code);
}

/* How many struct bpf_insn the instruction takes: 2 for a 64-bit immediate load, else 1. */
static inline u32 insn_slots(const struct bpf_insn *insn)
{
	return insn_is_ldimm64(insn) ? 2 : 1;
}

static inline u64 insn_imm64(const struct bpf_insn *insn)
{
	return (u32)insn[0].imm | (u64)(u32)insn[1].imm << 32;
}

#endif
