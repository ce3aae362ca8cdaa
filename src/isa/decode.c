/* SPDX-License-Identifier: Apache-2.0 */
/* From struct bpf_insn to one operation number, with the checks that need no context. */
#include "base/str.h"
#include "isa/insn.h"

enum select_field { SELECT_NONE, SELECT_SRC, SELECT_OFF, SELECT_IMM };

static const struct {
	u8 uses;
	u8 select; /* enum select_field */
	const char *reserved;
} forms[] = {
#define ISA_FORM(name, uses, select, reserved) [FORM_##name] = { uses, SELECT_##select, reserved },
	ISA_FORMS(ISA_FORM)
};

#define FORM_USES(name, uses, select, reserved) FORM_USES_##name = (uses),
enum { ISA_FORMS(FORM_USES) };

/* clang-format off */
const struct isa_op_info isa_ops[OP_COUNT] = {
	[OP_INVALID] = { .name = "INVALID", .text = "" },
#define ISA_INFO(name, code, select, form, group, text) \
	[OP_##name] = { code, FORM_##form, GROUP_##group, FORM_USES_##form, select, #name, text },
	ISA_OPS(ISA_INFO, ISA_INFO)
};
/* clang-format on */

const char *const isa_group_names[] = {
#define ISA_GROUP(name) #name,
	ISA_GROUPS(ISA_GROUP)
};

/* The first operation of each code byte. */
static const u8 first_op[256] = {
#define ISA_FIRST(name, code, select, form, group, text) [code] = OP_##name,
#define ISA_FURTHER(name, code, select, form, group, text)
	ISA_OPS(ISA_FIRST, ISA_FURTHER)
};

_Static_assert(OP_COUNT <= 256, "operation numbers fit a byte");

static bool selects(const struct isa_op_info *info, const struct bpf_insn *insn)
{
	switch (forms[info->form].select) {
	case SELECT_SRC:
		return insn->src_reg == info->select;
	case SELECT_OFF:
		return (u16)insn->off == info->select;
	case SELECT_IMM:
		return (u32)insn->imm == info->select;
	default:
		return true;
	}
}

enum isa_op isa_op_of(const struct bpf_insn *insn)
{
	for (u32 op = first_op[insn->code]; op && op < OP_COUNT; op++) {
		if (isa_ops[op].code != insn->code)
			break;
		if (selects(&isa_ops[op], insn))
			return op;
	}
	return OP_INVALID;
}

bool isa_code_known(u8 code)
{
	u32 op = first_op[code];

	return op && isa_ops[op].group != GROUP_image && op != OP_CALLX;
}

static int refuse(struct text *why, const char *message)
{
	if (why)
		text_put(why, message);
	return -EINVAL;
}

static int refuse_code(const struct bpf_insn *insn, struct text *why)
{
	if (why) {
		text_printf(why, "unknown opcode %02x", insn->code);
		if (first_op[insn->code] == OP_CALLX)
			text_put(why, " (callx: calls through a register are not supported)");
	}
	return -EINVAL;
}

static bool reserved_is_zero(u32 uses, u32 select, const struct bpf_insn *insn)
{
	return ((uses & USES_DST) || !insn->dst_reg) &&
	       ((uses & USES_SRC) || select == SELECT_SRC || !insn->src_reg) &&
	       ((uses & USES_OFF) || select == SELECT_OFF || !insn->off) &&
	       ((uses & USES_IMM) || select == SELECT_IMM || !insn->imm);
}

static int refuse_atomic(const struct bpf_insn *insn, struct text *why)
{
	struct bpf_insn wide = *insn;

	wide.code = BPF_STX | BPF_ATOMIC | BPF_DW;
	if (isa_op_of(&wide) != OP_INVALID)
		return refuse(why, "invalid atomic operand size");
	if (why)
		text_printf(why, "BPF_ATOMIC uses invalid atomic opcode %02x", insn->imm);
	return -EINVAL;
}

/* No operation has this selecting value: the words depend on which field it was. */
static int refuse_select(const struct bpf_insn *insn, struct text *why)
{
	const struct isa_op_info *info = &isa_ops[first_op[insn->code]];

	switch (info->form) {
	case FORM_IMM64:
		return refuse(why, "unrecognized bpf_ld_imm64 insn");
	case FORM_LOAD_ACQ:
	case FORM_ATOMIC:
		return refuse_atomic(insn, why);
	case FORM_MAY_GOTO:
		if (why)
			text_printf(why, "invalid may_goto imm %d", insn->imm);
		return -EINVAL;
	default:
		return refuse(why, forms[info->form].reserved);
	}
}

static int check_register(bool used, u8 reg, struct text *why)
{
	if (!used || reg < BPF_REGS)
		return 0;
	if (why)
		text_printf(why, "R%d is invalid", reg);
	return -EINVAL;
}

static int check_reserved(const struct isa_op_info *info, const struct bpf_insn *insn,
			  struct text *why)
{
	if (reserved_is_zero(info->uses, forms[info->form].select, insn))
		return 0;
	if (info->form != FORM_MAY_GOTO)
		return refuse(why, forms[info->form].reserved);
	if (why)
		text_printf(why, "invalid may_goto imm %d", insn->imm);
	return -EINVAL;
}

static int check_imm64(enum isa_op op, const struct bpf_insn *insn, u32 left, struct text *why)
{
	if (left < 2 || insn[1].code || insn[1].dst_reg || insn[1].src_reg || insn[1].off)
		return refuse(why, "invalid bpf_ld_imm64 insn");
	if ((op == OP_IMM64_MAP_FD || op == OP_IMM64_MAP_IDX) && insn[1].imm)
		return refuse(why, "unrecognized bpf_ld_imm64 insn");
	return 0;
}

/* Constants that a division or shift may not have. */
static int check_alu_constant(const struct bpf_insn *insn, struct text *why)
{
	s32 width = insn_class(insn) == BPF_ALU64 ? 64 : 32;

	switch (BPF_OP(insn->code)) {
	case BPF_DIV:
	case BPF_MOD:
		return insn->imm ? 0 : refuse(why, "div by zero");
	case BPF_LSH:
	case BPF_RSH:
	case BPF_ARSH:
		if (insn->imm >= 0 && insn->imm < width)
			return 0;
		if (why)
			text_printf(why, "invalid shift %d", insn->imm);
		return -EINVAL;
	default:
		return 0;
	}
}

static int check_cast(const struct bpf_insn *insn, struct text *why)
{
	if (insn->imm != 1 && insn->imm != 1 << 16)
		return refuse(why, "addr_space_cast insn can only convert between address space "
				   "1 and 0");
	return refuse(why, "addr_space_cast insn can only be used in a program that has an "
			   "associated arena");
}

/* Linux looks at the loads' mode before it looks the code up. */
static bool is_odd_load(const struct bpf_insn *insn)
{
	u8 mode = BPF_MODE(insn->code);

	return insn_class(insn) == BPF_LDX && ((mode != BPF_MEM && mode != BPF_MEMSX) || insn->imm);
}

/* What else must hold for this form. */
static int check_form(enum isa_op op, const struct bpf_insn *insn, u32 left, struct text *why)
{
	switch (isa_ops[op].form) {
	case FORM_IMM64:
		return check_imm64(op, insn, left, why);
	case FORM_CAST:
		return check_cast(insn, why);
	default:
		return 0;
	}
}

/* The order of the checks is Linux's, as the first one decides what is said. */
int isa_decode(const struct bpf_insn *insn, u32 left, struct text *why)
{
	enum isa_op op = isa_op_of(insn);
	const struct isa_op_info *info = &isa_ops[op];
	bool uses_dst = info->uses & USES_DST, uses_src = info->uses & USES_SRC;
	bool is_jcc = info->form == FORM_JCC_K || info->form == FORM_JCC_X;
	int err;

	if (is_odd_load(insn))
		return refuse(why, forms[FORM_LDX].reserved);
	if (!isa_code_known(insn->code))
		return refuse_code(insn, why);
	if (op == OP_INVALID)
		return refuse_select(insn, why);
	err = check_register(is_jcc, insn->dst_reg, why);
	if (!err)
		err = check_form(op, insn, left, why);
	if (!err)
		err = check_reserved(info, insn, why);
	if (!err)
		err = check_register(uses_src, insn->src_reg, why);
	if (!err)
		err = check_register(uses_dst, insn->dst_reg, why);
	if (!err && info->form == FORM_ALU_K)
		err = check_alu_constant(insn, why);
	return err ? err : (int)op;
}
