/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encoding. An instruction is: prefixes, REX, opcode, ModRM, SIB, displacement, immediate
 * (Intel SDM volume 2, chapter 2). struct enc collects the first six from a description of
 * the opcode; the immediate is appended by whoever knows its size.
 */
#include "jit/x86_64/emit.h"

/* An opcode with what it needs: 0x0f in the second byte means the two-byte map. */
enum {
	OP_W = 1 << 16,  /* REX.W: 64-bit operands */
	OP_66 = 1 << 17, /* operand size prefix: 16-bit operands */
	OP_LOCK = 1 << 18,
	OP_REG8 = 1 << 19, /* the ModRM reg operand is a byte register */
	OP_RM8 = 1 << 20,  /* the ModRM rm operand is a byte register */
};

struct enc {
	u8 len;
	u8 bytes[23];
};

static void enc_u8(struct enc *e, u8 byte)
{
	e->bytes[e->len++] = byte;
}

static void enc_u32(struct enc *e, u32 value)
{
	memcpy(e->bytes + e->len, &value, 4);
	e->len += 4;
}

static void enc_imm(struct enc *e, u8 size, s32 imm)
{
	memcpy(e->bytes + e->len, &imm, size);
	e->len += size;
}

static void enc_flush(struct codebuf *b, const struct enc *e)
{
	codebuf_put(b, e->bytes, e->len);
}

static bool fits8(s32 value)
{
	return value == (s8)value;
}

static u32 op_w(bool w)
{
	return w ? OP_W : 0;
}

/* spl, bpl, sil, dil need a REX prefix; without one the same numbers mean ah, ch, dh, bh. */
static bool byte_needs_rex(u8 reg)
{
	return reg >= RSP && reg <= RDI;
}

static void enc_opcode(struct enc *e, u32 op, u8 reg, u8 index, u8 base, bool force_rex)
{
	u8 rex = (u8)((op & OP_W ? 8 : 0) | (reg >> 3) << 2 | (index >> 3) << 1 | base >> 3);

	if (op & OP_LOCK)
		enc_u8(e, 0xf0);
	if (op & OP_66)
		enc_u8(e, 0x66);
	if (rex || force_rex)
		enc_u8(e, 0x40 | rex);
	if ((op & 0xff00) == 0x0f00)
		enc_u8(e, 0x0f);
	enc_u8(e, (u8)op);
}

static void enc_modrm(struct enc *e, u8 mod, u8 reg, u8 rm)
{
	enc_u8(e, (u8)(mod << 6 | (reg & 7) << 3 | (rm & 7)));
}

static struct enc enc_rr(u32 op, u8 reg, u8 rm)
{
	struct enc e = { 0 };

	enc_opcode(&e, op, reg, 0, rm,
		   (op & OP_REG8 && byte_needs_rex(reg)) || (op & OP_RM8 && byte_needs_rex(rm)));
	enc_modrm(&e, 3, reg, rm);
	return e;
}

/* No displacement, or 1 or 4 bytes of it. Base rbp and r13 have no form without. */
static u8 disp_mod(const struct x86_mem *mem)
{
	if (!mem->disp && (mem->base & 7) != RBP)
		return 0;
	return fits8(mem->disp) ? 1 : 2;
}

static u8 log2_scale(u8 scale)
{
	return scale == 8 ? 3 : scale == 4 ? 2 : scale == 2 ? 1 : 0;
}

static struct enc enc_rm(u32 op, u8 reg, struct x86_mem mem)
{
	u8 index = mem.scale ? mem.index : RSP; /* rsp as index: none */
	u8 mod = disp_mod(&mem);
	struct enc e = { 0 };

	enc_opcode(&e, op, reg, mem.scale ? index : 0, mem.base,
		   op & OP_REG8 && byte_needs_rex(reg));
	if (mem.scale || (mem.base & 7) == RSP) {
		enc_modrm(&e, mod, reg, RSP);
		enc_u8(&e, (u8)(log2_scale(mem.scale) << 6 | (index & 7) << 3 | (mem.base & 7)));
	} else {
		enc_modrm(&e, mod, reg, mem.base);
	}
	if (mod)
		enc_imm(&e, mod == 1 ? 1 : 4, mem.disp);
	return e;
}

static void put_rr(struct codebuf *b, u32 op, u8 reg, u8 rm)
{
	struct enc e = enc_rr(op, reg, rm);

	enc_flush(b, &e);
}

static void put_rm(struct codebuf *b, u32 op, u8 reg, struct x86_mem mem)
{
	struct enc e = enc_rm(op, reg, mem);

	enc_flush(b, &e);
}

static void put_rr_imm(struct codebuf *b, u32 op, u8 reg, u8 rm, u8 size, s32 imm)
{
	struct enc e = enc_rr(op, reg, rm);

	enc_imm(&e, size, imm);
	enc_flush(b, &e);
}

static void put_rm_imm(struct codebuf *b, u32 op, u8 reg, struct x86_mem mem, u8 size, s32 imm)
{
	struct enc e = enc_rm(op, reg, mem);

	enc_imm(&e, size, imm);
	enc_flush(b, &e);
}

/* An opcode that holds its register in its low three bits. */
static void put_r(struct codebuf *b, u32 op, u8 reg)
{
	struct enc e = { 0 };

	enc_opcode(&e, op + (reg & 7), 0, 0, reg, false);
	enc_flush(b, &e);
}

/* -- arithmetic -- */

void x86_alu_rr(struct codebuf *b, enum x86_alu op, bool w, u8 dst, u8 src)
{
	put_rr(b, ((u32)op << 3 | 1) | op_w(w), src, dst);
}

void x86_alu_mr(struct codebuf *b, enum x86_alu op, bool w, struct x86_mem dst, u8 src)
{
	put_rm(b, ((u32)op << 3 | 1) | op_w(w), src, dst);
}

void x86_alu_rm(struct codebuf *b, enum x86_alu op, bool w, u8 dst, struct x86_mem src)
{
	put_rm(b, ((u32)op << 3 | 3) | op_w(w), dst, src);
}

void x86_alu_ri(struct codebuf *b, enum x86_alu op, bool w, u8 dst, s32 imm)
{
	struct enc e = { 0 };

	if (fits8(imm)) {
		put_rr_imm(b, 0x83 | op_w(w), op, dst, 1, imm);
	} else if (dst == RAX) {
		enc_opcode(&e, ((u32)op << 3 | 5) | op_w(w), 0, 0, 0, false);
		enc_u32(&e, (u32)imm);
		enc_flush(b, &e);
	} else {
		put_rr_imm(b, 0x81 | op_w(w), op, dst, 4, imm);
	}
}

void x86_alu_mi(struct codebuf *b, enum x86_alu op, bool w, struct x86_mem dst, s32 imm)
{
	if (fits8(imm))
		put_rm_imm(b, 0x83 | op_w(w), op, dst, 1, imm);
	else
		put_rm_imm(b, 0x81 | op_w(w), op, dst, 4, imm);
}

void x86_test_rr(struct codebuf *b, bool w, u8 a, u8 c)
{
	put_rr(b, 0x85 | op_w(w), c, a);
}

/* Sets ZF as a full-width test would, but narrows when imm's upper bits are 0. */
void x86_test_ri(struct codebuf *b, bool w, u8 reg, s32 imm)
{
	struct enc e = { 0 };

	w = w && imm < 0;
	if (imm >= 0 && imm < 0x80 && reg == RAX) {
		enc_u8(&e, 0xa8);
		enc_u8(&e, (u8)imm);
		enc_flush(b, &e);
	} else if (imm >= 0 && imm < 0x80) {
		put_rr_imm(b, 0xf6 | OP_RM8, 0, reg, 1, imm);
	} else if (reg == RAX) {
		enc_opcode(&e, 0xa9 | op_w(w), 0, 0, 0, false);
		enc_u32(&e, (u32)imm);
		enc_flush(b, &e);
	} else {
		put_rr_imm(b, 0xf7 | op_w(w), 0, reg, 4, imm);
	}
}

void x86_unary(struct codebuf *b, enum x86_unary op, bool w, u8 reg)
{
	put_rr(b, 0xf7 | op_w(w), op, reg);
}

void x86_imul_rr(struct codebuf *b, bool w, u8 dst, u8 src)
{
	put_rr(b, 0x0faf | op_w(w), dst, src);
}

void x86_imul_rri(struct codebuf *b, bool w, u8 dst, u8 src, s32 imm)
{
	if (fits8(imm))
		put_rr_imm(b, 0x6b | op_w(w), dst, src, 1, imm);
	else
		put_rr_imm(b, 0x69 | op_w(w), dst, src, 4, imm);
}

void x86_sign_into_rdx(struct codebuf *b, bool w)
{
	struct enc e = { 0 };

	enc_opcode(&e, 0x99 | op_w(w), 0, 0, 0, false);
	enc_flush(b, &e);
}

void x86_shift_ri(struct codebuf *b, enum x86_shift op, bool w, u8 dst, u8 count)
{
	if (count == 1)
		put_rr(b, 0xd1 | op_w(w), op, dst);
	else
		put_rr_imm(b, 0xc1 | op_w(w), op, dst, 1, count);
}

void x86_shift_cl(struct codebuf *b, enum x86_shift op, bool w, u8 dst)
{
	put_rr(b, 0xd3 | op_w(w), op, dst);
}

/* VEX.LZ.pp.0F38.W F7 /r: the prefix pp says which shift. */
void x86_shiftx(struct codebuf *b, enum x86_shift op, bool w, u8 dst, u8 src, u8 count)
{
	u8 pp = op == SHIFT_SHL ? 1 : op == SHIFT_SAR ? 2 : 3;
	struct enc e = { 0 };

	enc_u8(&e, 0xc4);
	enc_u8(&e, (u8)((dst < 8) << 7 | 1 << 6 | (src < 8) << 5 | 2));
	enc_u8(&e, (u8)(w << 7 | (~count & 15) << 3 | pp));
	enc_u8(&e, 0xf7);
	enc_modrm(&e, 3, dst, src);
	enc_flush(b, &e);
}

void x86_bswap(struct codebuf *b, bool w, u8 reg)
{
	put_r(b, 0x0fc8 | op_w(w), reg);
}

void x86_ror16_8(struct codebuf *b, u8 reg)
{
	put_rr_imm(b, 0xc1 | OP_66, SHIFT_ROR, reg, 1, 8);
}

void x86_dec_m(struct codebuf *b, bool w, struct x86_mem mem)
{
	put_rm(b, 0xff | op_w(w), 1, mem);
}

/* -- moves -- */

void x86_mov_rr(struct codebuf *b, bool w, u8 dst, u8 src)
{
	put_rr(b, 0x89 | op_w(w), src, dst);
}

void x86_mov_ri(struct codebuf *b, u8 dst, u64 imm)
{
	struct enc e = { 0 };

	if (!imm) {
		x86_alu_rr(b, ALU_XOR, false, dst, dst);
	} else if (imm <= UINT32_MAX) {
		enc_opcode(&e, 0xb8 + (dst & 7), 0, 0, dst, false);
		enc_u32(&e, (u32)imm);
		enc_flush(b, &e);
	} else if ((u64)(s64)(s32)imm == imm) {
		put_rr_imm(b, 0xc7 | OP_W, 0, dst, 4, (s32)imm);
	} else {
		put_r(b, 0xb8 | OP_W, dst);
		codebuf_put(b, &imm, 8);
	}
}

void x86_mov_reloc(struct codebuf *b, u8 dst, struct code_reloc reloc)
{
	u64 later = 0;

	put_r(b, 0xb8 | OP_W, dst);
	reloc.kind = JIT_RELOC_ABS64;
	codebuf_reloc(b, reloc);
	codebuf_put(b, &later, 8);
}

void x86_movzx_rr(struct codebuf *b, u8 size, u8 dst, u8 src)
{
	put_rr(b, size == 1 ? 0x0fb6 | OP_RM8 : 0x0fb7, dst, src);
}

void x86_movsx_rr(struct codebuf *b, u8 size, bool w, u8 dst, u8 src)
{
	if (size == 4)
		put_rr(b, 0x63 | OP_W, dst, src);
	else
		put_rr(b, (size == 1 ? 0x0fbe | OP_RM8 : 0x0fbf) | op_w(w), dst, src);
}

void x86_load(struct codebuf *b, u8 size, u8 dst, struct x86_mem src)
{
	if (size >= 4)
		put_rm(b, 0x8b | op_w(size == 8), dst, src);
	else
		put_rm(b, size == 1 ? 0x0fb6 : 0x0fb7, dst, src);
}

void x86_load_signed(struct codebuf *b, u8 size, u8 dst, struct x86_mem src)
{
	if (size == 4)
		put_rm(b, 0x63 | OP_W, dst, src);
	else
		put_rm(b, (size == 1 ? 0x0fbe : 0x0fbf) | OP_W, dst, src);
}

void x86_store(struct codebuf *b, u8 size, struct x86_mem dst, u8 src)
{
	switch (size) {
	case 1:
		put_rm(b, 0x88 | OP_REG8, src, dst);
		break;
	case 2:
		put_rm(b, 0x89 | OP_66, src, dst);
		break;
	default:
		put_rm(b, 0x89 | op_w(size == 8), src, dst);
	}
}

void x86_store_imm(struct codebuf *b, u8 size, struct x86_mem dst, s32 imm)
{
	switch (size) {
	case 1:
		put_rm_imm(b, 0xc6, 0, dst, 1, imm);
		break;
	case 2:
		put_rm_imm(b, 0xc7 | OP_66, 0, dst, 2, imm);
		break;
	default:
		put_rm_imm(b, 0xc7 | op_w(size == 8), 0, dst, 4, imm);
	}
}

void x86_lea(struct codebuf *b, u8 dst, struct x86_mem src)
{
	put_rm(b, 0x8d | OP_W, dst, src);
}

void x86_lea32(struct codebuf *b, u8 dst, struct x86_mem src)
{
	put_rm(b, 0x8d, dst, src);
}

void x86_lea_label(struct codebuf *b, u8 dst, code_label label)
{
	struct enc e = { 0 };

	enc_opcode(&e, 0x8d | OP_W, dst, 0, 0, false);
	enc_modrm(&e, 0, dst, RBP); /* rip-relative */
	enc_flush(b, &e);
	codebuf_branch(b, BRANCH_ADDRESS, label);
}

/* -- atomics -- */

void x86_lock_alu(struct codebuf *b, enum x86_alu op, bool w, struct x86_mem dst, u8 src)
{
	put_rm(b, ((u32)op << 3 | 1) | OP_LOCK | op_w(w), src, dst);
}

void x86_lock_xadd(struct codebuf *b, bool w, struct x86_mem dst, u8 src)
{
	put_rm(b, 0x0fc1 | OP_LOCK | op_w(w), src, dst);
}

void x86_xchg(struct codebuf *b, bool w, struct x86_mem dst, u8 src)
{
	put_rm(b, 0x87 | op_w(w), src, dst);
}

void x86_lock_cmpxchg(struct codebuf *b, bool w, struct x86_mem dst, u8 src)
{
	put_rm(b, 0x0fb1 | OP_LOCK | op_w(w), src, dst);
}

/* -- control -- */

void x86_push(struct codebuf *b, u8 reg)
{
	put_r(b, 0x50, reg);
}

void x86_pop(struct codebuf *b, u8 reg)
{
	put_r(b, 0x58, reg);
}

void x86_rep_stosq(struct codebuf *b)
{
	codebuf_put(b, "\xf3\x48\xab", 3);
}

void x86_leave(struct codebuf *b)
{
	codebuf_put(b, "\xc9", 1);
}

void x86_ret(struct codebuf *b)
{
	codebuf_put(b, "\xc3", 1);
}

void x86_endbr64(struct codebuf *b)
{
	codebuf_put(b, "\xf3\x0f\x1e\xfa", 4);
}

void x86_call_reg(struct codebuf *b, u8 reg)
{
	put_rr(b, 0xff, 2, reg);
}

void x86_jmp_reg(struct codebuf *b, u8 reg)
{
	put_rr(b, 0xff, 4, reg);
}

void x86_jmp_mem(struct codebuf *b, struct x86_mem mem)
{
	put_rm(b, 0xff, 4, mem);
}

void x86_call_reloc(struct codebuf *b, struct code_reloc reloc)
{
	codebuf_put(b, "\xe8", 1);
	reloc.kind = JIT_RELOC_CALL;
	codebuf_reloc(b, reloc);
	codebuf_put(b, "\0\0\0\0", 4);
}

void x86_jmp_through(struct codebuf *b, struct code_reloc reloc)
{
	u64 later = 0;

	codebuf_put(b, "\xff\x25\0\0\0\0", 6); /* jmp [rip + 0] */
	reloc.kind = JIT_RELOC_ABS64;
	codebuf_reloc(b, reloc);
	codebuf_put(b, &later, 8);
}

void x86_patch_call(u8 *at, u64 pc, u64 target, u64 veneer)
{
	s64 distance = (s64)(target - (pc + 4));
	s32 operand = (s32)distance;

	if (distance != operand)
		operand = (s32)(veneer - (pc + 4));
	memcpy(at, &operand, 4);
}

/* -- branches -- */

#define REACH8 .near_min = INT8_MIN, .near_max = INT8_MAX

static const struct code_branch_form branch_forms[BRANCH_KINDS] = {
	[0 ... 15] = { .near_size = 2, .far_size = 6, REACH8 }, /* jcc */
	[BRANCH_JMP] = { .near_size = 2, .far_size = 5, REACH8 },
	[BRANCH_CALL] = { .far_size = 5 },
	[BRANCH_ADDRESS] = { .far_size = 4 },
};

static void branch_write(u8 *at, u8 kind, bool far, s32 distance)
{
	if (kind < BRANCH_JMP && far)
		*at++ = 0x0f;
	if (kind < BRANCH_JMP)
		*at++ = (far ? 0x80 : 0x70) + kind;
	else if (kind == BRANCH_JMP)
		*at++ = far ? 0xe9 : 0xeb;
	else if (kind == BRANCH_CALL)
		*at++ = 0xe8;
	memcpy(at, &distance, far ? 4 : 1);
}

const struct code_branch_ops x86_branches = { branch_forms, branch_write };
