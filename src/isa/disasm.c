/* SPDX-License-Identifier: Apache-2.0 */
/* Instructions to text: the table's text, with the fields put in. */
#include "isa/asm.h"

static void put_helper(struct text *out, const struct bpf_insn *insn,
		       const struct disasm_names *names)
{
	const char *name = names && names->helper ? names->helper(names->data, insn) : NULL;

	if (name) {
		text_printf(out, "%s#%d", name, insn->imm);
		return;
	}
	name = isa_helper_name((u32)insn->imm);
	text_printf(out, "%s%s#%d", name ? "bpf_" : "", name ? name : "unknown", insn->imm);
}

static void put_kfunc(struct text *out, const struct bpf_insn *insn,
		      const struct disasm_names *names)
{
	const char *name = names && names->helper ? names->helper(names->data, insn) : NULL;

	text_printf(out, "%s#%d", name ? name : "kfunc", insn->imm);
	if (!name && insn->off)
		text_printf(out, " fd_idx:%d", insn->off);
}

static void put_field(struct text *out, char field, const struct bpf_insn *insn,
		      const struct disasm_names *names)
{
	switch (field) {
	case '%':
		text_put(out, "%");
		break;
	case 'd':
		text_printf(out, "%d", insn->dst_reg);
		break;
	case 's':
		text_printf(out, "%d", insn->src_reg);
		break;
	case 'i':
	case 'u':
		text_printf(out, "%d", insn->imm);
		break;
	case 'x':
		text_printf(out, "0x%x", insn->imm);
		break;
	case 'o':
		text_printf(out, "%+d", insn->off);
		break;
	case 't':
		text_printf(out, "pc%+d", insn->off);
		break;
	case 'T':
		text_printf(out, "pc%+d", insn->imm);
		break;
	case 'h':
		put_helper(out, insn, names);
		break;
	case 'k':
		put_kfunc(out, insn, names);
		break;
	case 'l':
		text_printf(out, "0x%llx", (unsigned long long)insn_imm64(insn));
		break;
	case 'f':
		text_printf(out, "%u", insn->imm);
		break;
	case 'n':
		text_printf(out, "%u", insn[1].imm);
		break;
	case 'a':
		text_printf(out, "%u", (u32)insn->imm >> 16);
		break;
	case 'b':
		text_printf(out, "%u", insn->imm & 0xffff);
		break;
	}
}

static void put_text(struct text *out, const char *text, const struct bpf_insn *insn,
		     const struct disasm_names *names)
{
	for (; *text; text++) {
		if (*text == '%')
			put_field(out, *++text, insn, names);
		else
			text_bytes(out, text, 1);
	}
}

/* Linux prints codes that it has no text for like this. */
static void put_unknown(struct text *out, const struct bpf_insn *insn)
{
	text_printf(out, "(%02x) BUG_%02x", insn->code, insn->code);
}

void isa_disasm(struct text *out, const struct bpf_insn *insn, const struct disasm_names *names)
{
	enum isa_op op = isa_op_of(insn);
	const struct isa_op_info *info = &isa_ops[op];
	const char *value = NULL;

	if (op == OP_INVALID) {
		put_unknown(out, insn);
		return;
	}
	text_printf(out, "(%02x) ", insn->code);
	if (info->form == FORM_IMM64 && names && names->imm64)
		value = names->imm64(names->data, insn, insn_imm64(insn));
	if (value)
		text_printf(out, "r%d = %s", insn->dst_reg, value);
	else
		put_text(out, info->text, insn, names);
}
