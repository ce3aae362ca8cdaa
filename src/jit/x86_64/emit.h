/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Machine instructions of x86-64, each in its shortest encoding. `w` is the operand width:
 * false 32 bits (which zero-extends), true 64 bits. Sizes of memory accesses are in bytes.
 */
#ifndef SKEP_JIT_X86_64_EMIT_H
#define SKEP_JIT_X86_64_EMIT_H

#include "jit/codebuf.h"
#include "jit/x86_64/regs.h"

/* The eight operations that share their encoding; the value is the /digit. */
enum x86_alu { ALU_ADD, ALU_OR, ALU_ADC, ALU_SBB, ALU_AND, ALU_SUB, ALU_XOR, ALU_CMP };
enum x86_shift { SHIFT_ROL, SHIFT_ROR, SHIFT_SHL = 4, SHIFT_SHR, SHIFT_SAR = 7 };
enum x86_unary { UNARY_NOT = 2, UNARY_NEG, UNARY_MUL, UNARY_IMUL, UNARY_DIV, UNARY_IDIV };

/* Kinds of branches: a condition code, or one of these. */
enum x86_branch { BRANCH_JMP = 16, BRANCH_CALL, BRANCH_ADDRESS, BRANCH_KINDS };

static inline struct x86_mem x86_at(u8 base, s32 disp)
{
	return (struct x86_mem){ .base = base, .disp = disp };
}

void x86_alu_rr(struct codebuf *b, enum x86_alu op, bool w, u8 dst, u8 src);
void x86_alu_ri(struct codebuf *b, enum x86_alu op, bool w, u8 dst, s32 imm);
void x86_alu_mr(struct codebuf *b, enum x86_alu op, bool w, struct x86_mem dst, u8 src);
void x86_alu_rm(struct codebuf *b, enum x86_alu op, bool w, u8 dst, struct x86_mem src);
void x86_alu_mi(struct codebuf *b, enum x86_alu op, bool w, struct x86_mem dst, s32 imm);
void x86_test_rr(struct codebuf *b, bool w, u8 a, u8 c);
void x86_test_ri(struct codebuf *b, bool w, u8 reg, s32 imm);
void x86_unary(struct codebuf *b, enum x86_unary op, bool w, u8 reg);
void x86_imul_rr(struct codebuf *b, bool w, u8 dst, u8 src);
void x86_imul_rri(struct codebuf *b, bool w, u8 dst, u8 src, s32 imm);
void x86_sign_into_rdx(struct codebuf *b, bool w); /* cdq, cqo */
void x86_shift_ri(struct codebuf *b, enum x86_shift op, bool w, u8 dst, u8 count);
void x86_shift_cl(struct codebuf *b, enum x86_shift op, bool w, u8 dst);
/* BMI2: dst = src shifted by count. */
void x86_shiftx(struct codebuf *b, enum x86_shift op, bool w, u8 dst, u8 src, u8 count);
void x86_bswap(struct codebuf *b, bool w, u8 reg);
void x86_ror16_8(struct codebuf *b, u8 reg); /* swaps the low two bytes */
void x86_dec_m(struct codebuf *b, bool w, struct x86_mem mem);

void x86_mov_rr(struct codebuf *b, bool w, u8 dst, u8 src);
void x86_mov_ri(struct codebuf *b, u8 dst, u64 imm);
/* mov dst, imm64 whose value the caller puts in by a relocation. */
void x86_mov_reloc(struct codebuf *b, u8 dst, struct code_reloc reloc);
void x86_movzx_rr(struct codebuf *b, u8 size, u8 dst, u8 src);         /* size 1, 2 */
void x86_movsx_rr(struct codebuf *b, u8 size, bool w, u8 dst, u8 src); /* size 1, 2, 4 */
void x86_load(struct codebuf *b, u8 size, u8 dst, struct x86_mem src); /* zero-extends */
void x86_load_signed(struct codebuf *b, u8 size, u8 dst, struct x86_mem src);
void x86_store(struct codebuf *b, u8 size, struct x86_mem dst, u8 src);
void x86_store_imm(struct codebuf *b, u8 size, struct x86_mem dst, s32 imm);
void x86_lea(struct codebuf *b, u8 dst, struct x86_mem src);
void x86_lea32(struct codebuf *b, u8 dst, struct x86_mem src);
/* dst = address of label */
void x86_lea_label(struct codebuf *b, u8 dst, code_label label);

/* Locked read-modify-write; xchg is locked by itself. */
void x86_lock_alu(struct codebuf *b, enum x86_alu op, bool w, struct x86_mem dst, u8 src);
void x86_lock_xadd(struct codebuf *b, bool w, struct x86_mem dst, u8 src);
void x86_xchg(struct codebuf *b, bool w, struct x86_mem dst, u8 src);
void x86_lock_cmpxchg(struct codebuf *b, bool w, struct x86_mem dst, u8 src);

void x86_push(struct codebuf *b, u8 reg);
void x86_pop(struct codebuf *b, u8 reg);
void x86_rep_stosq(struct codebuf *b);
void x86_leave(struct codebuf *b);
void x86_ret(struct codebuf *b);
void x86_endbr64(struct codebuf *b);
void x86_call_reg(struct codebuf *b, u8 reg);
void x86_jmp_reg(struct codebuf *b, u8 reg);
void x86_jmp_mem(struct codebuf *b, struct x86_mem mem);
/* call to an address known at install; veneer is reached when it is too far. */
void x86_call_reloc(struct codebuf *b, struct code_reloc reloc);
/* What a veneer consists of: a jump to the address in the 8 bytes after it. */
void x86_jmp_through(struct codebuf *b, struct code_reloc reloc);

extern const struct code_branch_ops x86_branches;
void x86_patch_call(u8 *at, u64 pc, u64 target, u64 veneer);

#endif
