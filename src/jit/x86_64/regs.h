/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registers of x86-64, and where BPF's live.
 *
 * r1 to r5 are where the System V ABI passes arguments, r0 is where it returns, r6 to r9
 * are callee-saved in both: calling a helper moves nothing. r9 of the CPU is its sixth
 * argument, the run_ctx, which lives in r12 (callee-saved, so it survives helpers).
 * r9, r10 and r11 are free between instructions.
 *
 * rbp is an ordinary frame pointer. BPF's r10 is not in a register: it is rbp minus the
 * saved registers of the frame, a constant per function (abi.c).
 */
#ifndef SKEP_JIT_X86_64_REGS_H
#define SKEP_JIT_X86_64_REGS_H

#include "base/types.h"

/* clang-format off */
enum x86_reg {
	RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI,
	R8, R9, R10, R11, R12, R13, R14, R15,
};
/* clang-format on */

#define X86_RC R12 /* struct run_ctx * */

/* BPF register to CPU register. r10 has none (x86_operand): its entry harms nobody. */
static const u8 x86_of_bpf[16] = { RAX, RDI, RSI, RDX, RCX, R8,	 RBX, R13,
				   R14, R15, R11, R11, R11, R11, R11, R11 };

/* [base + index * scale + disp]; scale 0: no index. */
struct x86_mem {
	u8 base;
	u8 index;
	u8 scale;
	s32 disp;
};

/* Condition codes as the CPU numbers them; ^ 1 negates. */
/* clang-format off */
enum x86_cc {
	CC_O, CC_NO, CC_B, CC_AE, CC_E, CC_NE, CC_BE, CC_A,
	CC_S, CC_NS, CC_P, CC_NP, CC_L, CC_GE, CC_LE, CC_G,
};
/* clang-format on */

#endif
