/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The instruction as it is stored (struct bpf_insn, RFC 9669 section 3) and the tests
 * that every reader of instructions needs. Decoding to one operation number, the
 * disassembler and the assembler come from the table in ops.h.
 */
#ifndef SKEP_ISA_INSN_H
#define SKEP_ISA_INSN_H

#include <linux/bpf.h>

#include "base/types.h"

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

#define BPF_REG_AX 11 /* scratch register of engines; never in a program */
#define BPF_REGS 11   /* r0 to r10 */
#define BPF_STACK_SIZE 512
#define BPF_MAX_FRAMES 8
#define BPF_MAX_SUBPROGS 256
#define BPF_MAX_TAIL_CALLS 33
#define BPF_MAX_LOOP_COUNT (8u << 20) /* may_goto and bpf_loop */

/*
 * Forms that exist only in a loaded image, after the verifier accepted the program
 * (model/image.h says what they mean).
 */
#define INSN_TAIL_CALL (BPF_JMP | 0xf0) /* bpf_tail_call, performed by the engine */
#define INSN_MODE_PROBE 0x20		/* BPF_LDX mode: load that reads 0 instead of faulting */

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
