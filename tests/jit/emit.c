/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encodings, decoded by somebody else: each emitter, with all registers and displacements,
 * must give exactly one instruction that Zydis reads as what was meant, and that Zydis itself
 * would not encode in fewer bytes.
 */
#include "jit/jit.h"
#include "jit/x86_64/emit.h"

#include <Zydis/Zydis.h>
#include <stdarg.h>

#include "lib/test.h"

static const char *const names64[16] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
					 "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15" };
static const char *const names32[16] = { "eax",  "ecx",  "edx",  "ebx", "esp",  "ebp",
					 "esi",  "edi",  "r8d",  "r9d", "r10d", "r11d",
					 "r12d", "r13d", "r14d", "r15d" };
static const char *const names16[16] = { "ax",   "cx",   "dx",   "bx",  "sp",   "bp",
					 "si",   "di",   "r8w",  "r9w", "r10w", "r11w",
					 "r12w", "r13w", "r14w", "r15w" };
static const char *const names8[16] = {
	"al",  "cl",  "dl",   "bl",   "spl",  "bpl",  "sil",  "dil",
	"r8b", "r9b", "r10b", "r11b", "r12b", "r13b", "r14b", "r15b"
};
static const s32 disps[] = { 0, 1, -1, 8, 127, -128, 128, -129, 0x12345678, INT32_MIN };
static const s32 imms[] = { 0, 1, -1, 127, -128, 128, -129, 0x7fff, INT32_MAX, INT32_MIN };

static struct codebuf buf;

static const char *name(u8 size, u8 reg)
{
	return size == 8   ? names64[reg]
	       : size == 4 ? names32[reg]
	       : size == 2 ? names16[reg]
			   : names8[reg];
}

static const char *wname(bool w, u8 reg)
{
	return name(w ? 8 : 4, reg);
}

static u8 reencoded_length(const ZydisDecodedInstruction *insn, const ZydisDecodedOperand *ops)
{
	ZydisEncoderRequest request;
	u8 bytes[ZYDIS_MAX_INSTRUCTION_LENGTH];
	ZyanUSize len = sizeof(bytes);

	if (!ZYAN_SUCCESS(ZydisEncoderDecodedInstructionToEncoderRequest(
		insn, ops, insn->operand_count_visible, &request)) ||
	    !ZYAN_SUCCESS(ZydisEncoderEncodeInstruction(&request, bytes, &len)))
		return 0;
	return (u8)len;
}

/* Some versions of Zydis print a size before the address that lea takes. */
static void drop_size_of_lea(char *text)
{
	char *size = strncmp(text, "lea ", 4) ? NULL : strstr(text, ", ");

	if (size && strchr(size, '['))
		memmove(size + 2, strchr(size, '['), strlen(strchr(size, '[')) + 1);
}

/* What is in buf is that one instruction; empties buf. */
static void expect(const char *fmt, ...)
{
	ZydisDecoder decoder;
	ZydisFormatter formatter;
	ZydisDecodedInstruction insn;
	ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
	char want[128], got[128] = "undecodable";
	va_list args;

	va_start(args, fmt);
	vsnprintf(want, sizeof(want), fmt, args);
	va_end(args);
	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	ZydisFormatterInit(&formatter, ZYDIS_FORMATTER_STYLE_INTEL);
	ZydisFormatterSetProperty(&formatter, ZYDIS_FORMATTER_PROP_FORCE_SIZE, ZYAN_TRUE);
	if (ZYAN_SUCCESS(
		ZydisDecoderDecodeFull(&decoder, buf.bytes.data, buf.bytes.len, &insn, ops))) {
		ZydisFormatterFormatInstruction(&formatter, &insn, ops, insn.operand_count_visible,
						got, sizeof(got), ZYDIS_RUNTIME_ADDRESS_NONE, NULL);
		CHECK_EQ(insn.length, buf.bytes.len);
		if (insn.length > reencoded_length(&insn, ops))
			test_fail(__FILE__, __LINE__, "%s: %u bytes, Zydis needs %u", want,
				  insn.length, reencoded_length(&insn, ops));
	}
	drop_size_of_lea(got);
	CHECK_STR(got, want);
	CHECK_EQ(buf.err, 0);
	vec_clear(&buf.bytes);
}

/* A memory operand as Zydis prints it; size 0: an address only. */
static const char *mem_text(u8 size, struct x86_mem mem)
{
	static char out[96];
	static const char *const kinds[] = { [0] = "",
					     [1] = "byte ptr ",
					     [2] = "word ptr ",
					     [4] = "dword ptr ",
					     [8] = "qword ptr " };
	int n = snprintf(out, sizeof(out), "%s[%s", kinds[size], names64[mem.base]);

	if (mem.scale == 1)
		n += snprintf(out + n, sizeof(out) - n, "+%s*1", names64[mem.index]);
	else if (mem.scale)
		n += snprintf(out + n, sizeof(out) - n, "+%s*%u", names64[mem.index], mem.scale);
	if (mem.disp)
		n += snprintf(out + n, sizeof(out) - n, "%c0x%.2X", mem.disp < 0 ? '-' : '+',
			      mem.disp < 0 ? 0u - (u32)mem.disp : (u32)mem.disp);
	snprintf(out + n, sizeof(out) - n, "]");
	return out;
}

/* An immediate as Zydis prints it: unsigned, as wide as the operation. */
static const char *imm_text(u8 size, s32 imm)
{
	static char out[32];
	u64 value = (u64)(s64)imm;

	if (size < 8)
		value &= (1ull << 8 * size) - 1;
	snprintf(out, sizeof(out), "0x%.2llX", (unsigned long long)value);
	return out;
}

#define FOR_REGS(r)   for (u8 r = 0; r < 16; r++)
#define FOR_WIDTHS(w) for (int w = 0; w < 2; w++)
#define FOR_MEMS(mem)                                                                        \
	FOR_REGS(base_)                                                                      \
	for (u32 disp_ = 0; disp_ < ARRAY_SIZE(disps); disp_++)                              \
		for (struct x86_mem mem = x86_at(base_, disps[disp_]), *once_ = &mem; once_; \
		     once_ = NULL)
#define FOR_IMMS(imm) \
	for (u32 imm_ = 0, imm; imm_ < ARRAY_SIZE(imms) && (imm = (u32)imms[imm_], true); imm_++)

static const char *const alu_names[] = { "add", "or", "adc", "sbb", "and", "sub", "xor", "cmp" };

TEST(alu_between_registers)
{
	for (u32 op = ALU_ADD; op <= ALU_CMP; op++)
		FOR_WIDTHS(w) FOR_REGS(dst) FOR_REGS(src)
		{
			x86_alu_rr(&buf, op, w, dst, src);
			expect("%s %s, %s", alu_names[op], wname(w, dst), wname(w, src));
		}
	FOR_WIDTHS(w) FOR_REGS(dst) FOR_REGS(src)
	{
		x86_test_rr(&buf, w, dst, src);
		expect("test %s, %s", wname(w, dst), wname(w, src));
		x86_imul_rr(&buf, w, dst, src);
		expect("imul %s, %s", wname(w, dst), wname(w, src));
		x86_mov_rr(&buf, w, dst, src);
		expect("mov %s, %s", wname(w, dst), wname(w, src));
	}
}

TEST(alu_with_immediates)
{
	for (u32 op = ALU_ADD; op <= ALU_CMP; op++)
		FOR_WIDTHS(w) FOR_REGS(dst) FOR_IMMS(imm)
		{
			x86_alu_ri(&buf, op, w, dst, (s32)imm);
			expect("%s %s, %s", alu_names[op], wname(w, dst),
			       imm_text(w ? 8 : 4, (s32)imm));
		}
	FOR_WIDTHS(w) FOR_REGS(dst) FOR_REGS(src) FOR_IMMS(imm)
	{
		x86_imul_rri(&buf, w, dst, src, (s32)imm);
		expect("imul %s, %s, %s", wname(w, dst), wname(w, src),
		       imm_text(w ? 8 : 4, (s32)imm));
	}
}

/* Zero in the upper bits of the immediate leaves nothing to test there. */
TEST(test_is_narrowed)
{
	FOR_WIDTHS(w) FOR_REGS(reg) FOR_IMMS(imm)
	{
		s32 value = (s32)imm;
		u8 size = value >= 0 ? value < 0x80 ? 1 : 4 : w ? 8 : 4;

		x86_test_ri(&buf, w, reg, value);
		expect("test %s, %s", name(size, reg), imm_text(size, value));
	}
}

TEST(alu_with_memory)
{
	for (u32 op = ALU_ADD; op <= ALU_CMP; op++)
		FOR_WIDTHS(w) FOR_REGS(reg) FOR_MEMS(mem)
		{
			x86_alu_mr(&buf, op, w, mem, reg);
			expect("%s %s, %s", alu_names[op], mem_text(w ? 8 : 4, mem), wname(w, reg));
			x86_alu_rm(&buf, op, w, reg, mem);
			expect("%s %s, %s", alu_names[op], wname(w, reg), mem_text(w ? 8 : 4, mem));
		}
	FOR_WIDTHS(w) FOR_MEMS(mem) FOR_IMMS(imm)
	{
		x86_alu_mi(&buf, ALU_CMP, w, mem, (s32)imm);
		expect("cmp %s, %s", mem_text(w ? 8 : 4, mem), imm_text(w ? 8 : 4, (s32)imm));
	}
	FOR_WIDTHS(w) FOR_MEMS(mem)
	{
		x86_dec_m(&buf, w, mem);
		expect("dec %s", mem_text(w ? 8 : 4, mem));
	}
}

TEST(one_register)
{
	static const char *const unary[] = {
		NULL, NULL, "not", "neg", "mul", "imul", "div", "idiv"
	};

	FOR_WIDTHS(w) FOR_REGS(reg)
	{
		for (u32 op = UNARY_NOT; op <= UNARY_IDIV; op++) {
			x86_unary(&buf, op, w, reg);
			expect("%s %s", unary[op], wname(w, reg));
		}
		x86_bswap(&buf, w, reg);
		expect("bswap %s", wname(w, reg));
	}
	FOR_REGS(reg)
	{
		x86_ror16_8(&buf, reg);
		expect("ror %s, 0x08", names16[reg]);
		x86_push(&buf, reg);
		expect("push %s", names64[reg]);
		x86_pop(&buf, reg);
		expect("pop %s", names64[reg]);
		x86_call_reg(&buf, reg);
		expect("call %s", names64[reg]);
		x86_jmp_reg(&buf, reg);
		expect("jmp %s", names64[reg]);
	}
}

TEST(shifts)
{
	static const enum x86_shift ops[] = { SHIFT_ROL, SHIFT_ROR, SHIFT_SHL, SHIFT_SHR,
					      SHIFT_SAR };
	static const char *const texts[] = { "rol", "ror", "shl", "shr", "sar" };

	for (u32 i = 0; i < ARRAY_SIZE(ops); i++)
		FOR_WIDTHS(w) FOR_REGS(dst)
		{
			for (u8 count = 1; count < (w ? 64 : 32); count++) {
				x86_shift_ri(&buf, ops[i], w, dst, count);
				expect("%s %s, %s", texts[i], wname(w, dst), imm_text(1, count));
			}
			x86_shift_cl(&buf, ops[i], w, dst);
			expect("%s %s, cl", texts[i], wname(w, dst));
		}
	for (u32 i = 2; i < ARRAY_SIZE(ops); i++)
		FOR_WIDTHS(w) FOR_REGS(dst) FOR_REGS(src) FOR_REGS(count)
		{
			x86_shiftx(&buf, ops[i], w, dst, src, count);
			expect("%sx %s, %s, %s", texts[i], wname(w, dst), wname(w, src),
			       wname(w, count));
		}
}

TEST(extensions)
{
	FOR_REGS(dst) FOR_REGS(src)
	{
		for (u8 size = 1; size <= 2; size++) {
			x86_movzx_rr(&buf, size, dst, src);
			expect("movzx %s, %s", names32[dst], name(size, src));
			x86_movsx_rr(&buf, size, false, dst, src);
			expect("movsx %s, %s", names32[dst], name(size, src));
			x86_movsx_rr(&buf, size, true, dst, src);
			expect("movsx %s, %s", names64[dst], name(size, src));
		}
		x86_movsx_rr(&buf, 4, true, dst, src);
		expect("movsxd %s, %s", names64[dst], names32[src]);
	}
}

TEST(constants_in_the_shortest_form)
{
	FOR_REGS(reg)
	{
		x86_mov_ri(&buf, reg, 0);
		expect("xor %s, %s", names32[reg], names32[reg]);
		x86_mov_ri(&buf, reg, 0xffffffff);
		expect("mov %s, 0xFFFFFFFF", names32[reg]);
		x86_mov_ri(&buf, reg, (u64)-2);
		expect("mov %s, 0xFFFFFFFFFFFFFFFE", names64[reg]);
		x86_mov_ri(&buf, reg, 0x100000000);
		expect("mov %s, 0x100000000", names64[reg]);
		x86_mov_ri(&buf, reg, 0x8000000000000000);
		expect("mov %s, 0x8000000000000000", names64[reg]);
	}
}

TEST(loads_and_stores)
{
	FOR_REGS(reg) FOR_MEMS(mem)
	{
		for (u8 size = 1; size <= 8; size *= 2) {
			x86_load(&buf, size, reg, mem);
			expect("%s %s, %s", size < 4 ? "movzx" : "mov",
			       name(size < 4 ? 4 : size, reg), mem_text(size, mem));
			x86_store(&buf, size, mem, reg);
			expect("mov %s, %s", mem_text(size, mem), name(size, reg));
			if (size == 8)
				continue;
			x86_load_signed(&buf, size, reg, mem);
			expect("%s %s, %s", size == 4 ? "movsxd" : "movsx", names64[reg],
			       mem_text(size, mem));
		}
		x86_lea(&buf, reg, mem);
		expect("lea %s, %s", names64[reg], mem_text(0, mem));
	}
}

TEST(stores_of_constants)
{
	FOR_MEMS(mem) FOR_IMMS(imm)
	{
		s32 value = (s32)imm;

		for (u8 size = 1; size <= 8; size *= 2) {
			x86_store_imm(&buf, size, mem, value);
			expect("mov %s, %s", mem_text(size, mem), imm_text(size, value));
		}
	}
}

TEST(indexed_addresses)
{
	FOR_REGS(base)
	FOR_REGS(index)
	for (u8 scale = 1; scale <= 8; scale *= 2) for (u32 i = 0;
							i < ARRAY_SIZE(disps) && index != RSP; i++)
	{
		struct x86_mem mem = { base, index, scale, disps[i] };

		x86_load(&buf, 8, R9, mem);
		expect("mov r9, %s", mem_text(8, mem));
	}
}

TEST(atomics)
{
	FOR_WIDTHS(w) FOR_REGS(reg) FOR_MEMS(mem)
	{
		u8 size = w ? 8 : 4;

		x86_lock_alu(&buf, ALU_XOR, w, mem, reg);
		expect("lock xor %s, %s", mem_text(size, mem), wname(w, reg));
		x86_lock_alu(&buf, ALU_ADD, w, mem, reg);
		expect("lock add %s, %s", mem_text(size, mem), wname(w, reg));
		x86_lock_xadd(&buf, w, mem, reg);
		expect("lock xadd %s, %s", mem_text(size, mem), wname(w, reg));
		x86_xchg(&buf, w, mem, reg);
		expect("xchg %s, %s", mem_text(size, mem), wname(w, reg));
		x86_lock_cmpxchg(&buf, w, mem, reg);
		expect("lock cmpxchg %s, %s", mem_text(size, mem), wname(w, reg));
	}
}

TEST(single_instructions)
{
	x86_sign_into_rdx(&buf, false);
	expect("cdq");
	x86_sign_into_rdx(&buf, true);
	expect("cqo");
	x86_rep_stosq(&buf);
	expect("rep stosq");
	x86_leave(&buf);
	expect("leave");
	x86_ret(&buf);
	expect("ret");
	x86_endbr64(&buf);
	expect("endbr64");
	x86_lea32(&buf, RSI, x86_at(R8, 12));
	expect("lea esi, [r8+0x0C]");
	x86_jmp_mem(&buf, x86_at(RAX, 8));
	expect("jmp qword ptr [rax+0x08]");
}

/* -- layout -- */

/* n bytes of nop, then a branch of that kind over or back across them. */
static struct jit_code across(u8 kind, u32 n, bool back)
{
	struct codebuf b;
	struct jit_code code = { 0 };

	codebuf_init(&b, 1);
	if (back)
		codebuf_bind(&b, 0);
	else
		codebuf_branch(&b, kind, 0);
	for (u32 i = 0; i < n; i++)
		codebuf_put(&b, "\x90", 1);
	if (back)
		codebuf_branch(&b, kind, 0);
	else
		codebuf_bind(&b, 0);
	CHECK_EQ(codebuf_link(&b, &x86_branches, &code, NULL), 0);
	codebuf_release(&b);
	return code;
}

static void check_across(u8 kind, u32 n, bool back, u32 size)
{
	struct jit_code code = across(kind, n, back);
	ZydisDecoder decoder;
	ZydisDecodedInstruction insn;
	ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
	u64 target = 0;
	u32 at = back ? n : 0;

	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	CHECK_EQ(code.len, n + size);
	CHECK(ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, code.bytes + at, size, &insn, ops)));
	ZydisCalcAbsoluteAddress(&insn, &ops[0], at, &target);
	CHECK_EQ(target, back ? 0 : code.len);
	CHECK_EQ(insn.meta.category == ZYDIS_CATEGORY_COND_BR, kind < BRANCH_JMP);
	jit_code_release(&code);
}

TEST(branches_are_as_short_as_they_reach)
{
	check_across(CC_E, 0, false, 2);
	check_across(CC_E, 127, false, 2);
	check_across(CC_E, 128, false, 6);
	check_across(CC_G, 126, true, 2);
	check_across(CC_G, 127, true, 6);
	check_across(BRANCH_JMP, 127, false, 2);
	check_across(BRANCH_JMP, 128, false, 5);
	check_across(BRANCH_JMP, 126, true, 2);
	check_across(BRANCH_JMP, 127, true, 5);
	check_across(BRANCH_CALL, 3, false, 5);
}

/* Branches that reach only while others between them are short: all must still land. */
TEST(relaxation_settles)
{
	for (u32 gap = 110; gap < 135; gap++) {
		struct codebuf b;
		struct jit_code code = { 0 };
		u32 where[64];

		codebuf_init(&b, 64);
		for (u32 i = 0; i < 64; i++) {
			codebuf_bind(&b, i);
			codebuf_branch(&b, CC_E, (i * 7 + 13) % 64);
			for (u32 n = 0; n < gap % 7; n++)
				codebuf_put(&b, "\x90", 1);
		}
		REQUIRE(codebuf_link(&b, &x86_branches, &code, where) == 0);
		for (u32 i = 0; i < 64; i++) {
			const u8 *p = code.bytes + where[i];
			bool far = p[0] == 0x0f;
			s32 distance = (s8)p[1];

			if (far)
				memcpy(&distance, p + 2, 4);
			CHECK_EQ(where[i] + (far ? 6 : 2) + distance, where[(i * 7 + 13) % 64]);
			CHECK(!far || distance > 127 - 4 || distance < -128 + 4);
		}
		jit_code_release(&code);
		codebuf_release(&b);
	}
}

TEST(the_first_error_sticks)
{
	struct jit_code code = { 0 };
	struct codebuf b;

	codebuf_init(&b, 0);
	codebuf_fail(&b, -ENOTSUPP);
	codebuf_fail(&b, -ENOMEM);
	x86_ret(&b);
	CHECK_EQ(codebuf_link(&b, &x86_branches, &code, NULL), -ENOTSUPP);
	codebuf_release(&b);
}

TEST(an_unbound_label_is_an_error)
{
	struct jit_code code = { 0 };
	struct codebuf b;

	codebuf_init(&b, 1);
	codebuf_branch(&b, BRANCH_JMP, 0);
	CHECK_EQ(codebuf_link(&b, &x86_branches, &code, NULL), -EINVAL);
	codebuf_release(&b);
}

TEST(calls_out_of_reach_go_through_their_veneer)
{
	u8 operand[4];
	s32 value;

	x86_patch_call(operand, 0x1000, 0x1004 + 0x7fffffffll, 0x2000);
	memcpy(&value, operand, 4);
	CHECK_EQ(value, 0x7fffffff);
	x86_patch_call(operand, 0x1000, 0x1004 + 0x80000000ll, 0x2000);
	memcpy(&value, operand, 4);
	CHECK_EQ(value, 0xffc);
}
