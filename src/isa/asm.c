/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text to instructions. Each line is matched against the text of every operation in the
 * table (isa/ops.h), in order; the first that fits the whole line is the instruction. So
 * the assembler reads what the disassembler prints, by construction.
 *
 * Blanks are free, except that words stay words: "gotol" is not "goto l". A code byte in
 * front, "(b7) r0 = 0", narrows the choice to operations with that code byte; that tells
 * a 64-bit immediate from a move. Without it a number that needs 64 bits is one, and so is
 * one followed by "ll".
 *
 * Jump targets that are labels are noted and filled in when the whole text is read.
 */
#include "isa/asm.h"
#include "base/str.h"

struct span {
	const char *start;
	u32 len;
};

struct label {
	struct span name;
	u32 at;
};

/* A jump to a label not yet known. */
struct fixup {
	struct span name;
	u32 at;
	u32 line;
	bool in_imm;
};

struct assembler {
	insn_vec *out;
	u32 line;
	VEC(struct label) labels;
	VEC(struct fixup) fixups;
	struct asm_error *err;
};

/* One attempt to read a line as one operation. */
struct match {
	const char *at;
	const char *end;
	struct bpf_insn insn[2];
	struct fixup fixup;
	bool has_fixup;
	bool dst_known, src_known;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	       c == '.' || c == '$';
}

static int digit_value(char c)
{
	if (is_digit(c))
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
}

static void skip_blanks(struct match *m)
{
	while (m->at < m->end && is_blank(*m->at))
		m->at++;
}

static bool next_is(struct match *m, char c)
{
	return m->at < m->end && *m->at == c;
}

static bool accept(struct match *m, char c)
{
	skip_blanks(m);
	if (!next_is(m, c))
		return false;
	m->at++;
	return true;
}

static bool accept_word(struct match *m, const char *word)
{
	u32 n = str_len(word);

	skip_blanks(m);
	if (m->end - m->at < n || memcmp(m->at, word, n) != 0)
		return false;
	if (m->at + n < m->end && is_word(m->at[n]))
		return false;
	m->at += n;
	return true;
}

/* Digits, decimal or 0x; false on none, on overflow, and when a word goes on behind them. */
static bool read_digits(struct match *m, u64 *out)
{
	u32 base = 10;
	u64 value = 0;
	const char *p = m->at;

	if (m->end - p > 2 && p[0] == '0' && (p[1] | 0x20) == 'x') {
		base = 16;
		p += 2;
	}
	if (p >= m->end || digit_value(*p) >= (int)base)
		return false;
	for (; p < m->end && is_word(*p); p++) {
		if (digit_value(*p) >= (int)base || __builtin_mul_overflow(value, base, &value) ||
		    __builtin_add_overflow(value, digit_value(*p), &value))
			return false;
	}
	m->at = p;
	*out = value;
	return true;
}

/* A number with an optional sign; *wide when it is not an s64 (2^63 and up). */
static bool read_number(struct match *m, s64 *out, bool *wide)
{
	bool negative;
	u64 magnitude;

	skip_blanks(m);
	negative = next_is(m, '-');
	if (negative || next_is(m, '+'))
		m->at++;
	skip_blanks(m);
	if (!read_digits(m, &magnitude))
		return false;
	*wide = magnitude > INT64_MAX;
	if (negative && magnitude > (u64)INT64_MAX + 1)
		return false;
	*out = (s64)(negative ? 0 - magnitude : magnitude);
	return true;
}

static bool read_ranged(struct match *m, s64 min, s64 max, s64 *out)
{
	bool wide;

	return read_number(m, out, &wide) && !wide && *out >= min && *out <= max;
}

static bool read_register(struct match *m, u8 *reg, bool *known)
{
	u64 number;

	if (m->at >= m->end || !is_digit(*m->at) || !read_digits(m, &number) || number > 15)
		return false;
	if (*known && *reg != number)
		return false;
	*reg = (u8)number;
	*known = true;
	return true;
}

static bool read_register_field(struct match *m, bool dst)
{
	u8 reg = dst ? m->insn->dst_reg : m->insn->src_reg;
	bool ok = read_register(m, &reg, dst ? &m->dst_known : &m->src_known);

	if (dst)
		m->insn->dst_reg = reg;
	else
		m->insn->src_reg = reg;
	return ok;
}

/* "+4", "-8", "+ 4", or nothing for 0. */
static bool read_offset(struct match *m)
{
	s64 value = 0;

	skip_blanks(m);
	if ((next_is(m, '+') || next_is(m, '-')) && !read_ranged(m, INT16_MIN, INT16_MAX, &value))
		return false;
	m->insn->off = (s16)value;
	return true;
}

static struct span read_name(struct match *m)
{
	struct span name = { .start = m->at };

	skip_blanks(m);
	name.start = m->at;
	while (m->at < m->end && is_word(*m->at))
		m->at++;
	name.len = (u32)(m->at - name.start);
	return name;
}

/* "pc+3", "+3", or a label. */
static bool read_target(struct match *m, bool in_imm)
{
	s64 value;

	accept_word(m, "pc");
	skip_blanks(m);
	if (next_is(m, '+') || next_is(m, '-')) {
		if (in_imm ? !read_ranged(m, INT32_MIN, INT32_MAX, &value)
			   : !read_ranged(m, INT16_MIN, INT16_MAX, &value))
			return false;
		if (in_imm)
			m->insn->imm = (s32)value;
		else
			m->insn->off = (s16)value;
		return true;
	}
	m->fixup = (struct fixup){ .name = read_name(m), .in_imm = in_imm };
	m->has_fixup = m->fixup.name.len > 0;
	return m->has_fixup;
}

/* "bpf_map_lookup_elem#1", "unknown#77", "#77", "77", or a name that the headers know. */
static bool read_helper(struct match *m)
{
	struct span name;
	s64 id;

	skip_blanks(m);
	if (m->at < m->end && is_digit(*m->at))
		return read_ranged(m, 0, UINT32_MAX, &id) && (m->insn->imm = (s32)id, true);
	name = read_name(m);
	if (accept(m, '#')) {
		if (name.len == 5 && memcmp(name.start, "kfunc", 5) == 0)
			return false;
		return read_ranged(m, INT32_MIN, UINT32_MAX, &id) && (m->insn->imm = (s32)id, true);
	}
	id = isa_helper_id(name.start, name.len);
	m->insn->imm = (s32)id;
	return id > 0;
}

static bool read_kfunc(struct match *m)
{
	s64 value;

	if (!accept_word(m, "kfunc") || !accept(m, '#') ||
	    !read_ranged(m, INT32_MIN, INT32_MAX, &value))
		return false;
	m->insn->imm = (s32)value;
	if (!accept_word(m, "fd_idx"))
		return true;
	if (!accept(m, ':') || !read_ranged(m, INT16_MIN, INT16_MAX, &value))
		return false;
	m->insn->off = (s16)value;
	return true;
}

static bool read_imm64(struct match *m)
{
	s64 value;
	bool wide;

	if (!read_number(m, &value, &wide))
		return false;
	accept_word(m, "ll");
	m->insn[0].imm = (s32)value;
	m->insn[1].imm = (s32)((u64)value >> 32);
	return true;
}

static bool read_imm(struct match *m, s64 min, s64 max)
{
	s64 value;

	if (!read_ranged(m, min, max, &value))
		return false;
	m->insn->imm = (s32)value;
	return true;
}

static bool read_next_imm(struct match *m)
{
	s64 value;

	if (!read_ranged(m, 0, UINT32_MAX, &value))
		return false;
	m->insn[1].imm = (s32)value;
	return true;
}

static bool read_half(struct match *m, u32 shift)
{
	s64 value;

	if (!read_ranged(m, 0, UINT16_MAX, &value))
		return false;
	m->insn->imm = (s32)((u32)m->insn->imm | (u32)value << shift);
	return true;
}

static bool read_field(struct match *m, char field)
{
	switch (field) {
	case '%':
		return accept(m, '%');
	case 'd':
		return read_register_field(m, true);
	case 's':
		return read_register_field(m, false);
	case 'i':
		return read_imm(m, INT32_MIN, INT32_MAX);
	case 'u':
	case 'x':
		return read_imm(m, INT32_MIN, UINT32_MAX);
	case 'f':
		return read_imm(m, 0, UINT32_MAX);
	case 'o':
		return read_offset(m);
	case 't':
		return read_target(m, false);
	case 'T':
		return read_target(m, true);
	case 'h':
		return read_helper(m);
	case 'k':
		return read_kfunc(m);
	case 'l':
		return read_imm64(m);
	case 'n':
		return read_next_imm(m);
	case 'a':
		return read_half(m, 16);
	default:
		return read_half(m, 0);
	}
}

/* Is there a word boundary where the text wants a blank? */
static bool at_boundary(const struct match *m, const char *line)
{
	return m->at == line || m->at == m->end || !is_word(m->at[-1]) || !is_word(*m->at);
}

static bool match_text(struct match *m, const char *text)
{
	const char *line = m->at;

	for (; *text; text++) {
		if (*text == ' ') {
			if (!at_boundary(m, line))
				return false;
			skip_blanks(m);
		} else if (*text == '%') {
			if (!read_field(m, *++text))
				return false;
		} else {
			/* blanks may stand before punctuation, never inside a word */
			if (!is_word(*text) || m->at == line || !is_word(m->at[-1]))
				skip_blanks(m);
			if (!next_is(m, *text))
				return false;
			m->at++;
		}
	}
	skip_blanks(m);
	return m->at == m->end;
}

static void apply_select(struct bpf_insn *insn, const struct isa_op_info *info)
{
	switch (info->form) {
	case FORM_IMM64:
	case FORM_MAY_GOTO:
	case FORM_CALL:
	case FORM_KFUNC:
		insn->src_reg = info->select & 0xf;
		break;
	case FORM_END:
	case FORM_ATOMIC:
	case FORM_LOAD_ACQ:
	case FORM_STORE_REL:
		insn->imm = (s32)info->select;
		break;
	default:
		if (info->select)
			insn->off = (s16)info->select;
	}
}

/* "(b7)" in front of a line: only operations with that code byte fit. -1: none there. */
static int read_code(struct match *m)
{
	int high, low;

	skip_blanks(m);
	if (m->end - m->at < 4 || m->at[0] != '(' || m->at[3] != ')')
		return -1;
	high = digit_value(m->at[1]);
	low = digit_value(m->at[2]);
	if (high > 15 || low > 15)
		return -1;
	m->at += 4;
	return high << 4 | low;
}

static int fail(struct assembler *as, const char *what, struct span where)
{
	as->err->line = as->line;
	text_format(as->err->message, sizeof(as->err->message), "%s: \"%.*s\"", what,
		    (int)MIN(where.len, 80u), where.start);
	return -EINVAL;
}

static int emit(struct assembler *as, const struct match *m, const struct isa_op_info *info)
{
	struct bpf_insn insn = m->insn[0];

	insn.code = info->code;
	apply_select(&insn, info);
	if (m->has_fixup) {
		struct fixup fixup = m->fixup;

		fixup.at = (u32)as->out->len;
		fixup.line = as->line;
		if (!vec_push(&as->fixups, fixup))
			return -ENOMEM;
	}
	if (!vec_push(as->out, insn))
		return -ENOMEM;
	if (info->form == FORM_IMM64 && !vec_push(as->out, m->insn[1]))
		return -ENOMEM;
	return 0;
}

static int assemble_insn(struct assembler *as, const char *start, const char *end)
{
	struct match begin = { .at = start, .end = end };
	int code = read_code(&begin);

	skip_blanks(&begin);
	for (u32 op = OP_INVALID + 1; op < OP_COUNT; op++) {
		struct match m = begin;

		if (code >= 0 && isa_ops[op].code != code)
			continue;
		if (match_text(&m, isa_ops[op].text))
			return emit(as, &m, &isa_ops[op]);
	}
	return fail(as, "no such instruction", (struct span){ start, (u32)(end - start) });
}

static const struct label *find_label(const struct assembler *as, struct span name)
{
	for (size_t i = 0; i < as->labels.len; i++) {
		const struct label *label = &as->labels.data[i];

		if (label->name.len == name.len &&
		    memcmp(label->name.start, name.start, name.len) == 0)
			return label;
	}
	return NULL;
}

/* Takes "name:" off the front of a line. */
static int take_label(struct assembler *as, const char **start, const char *end)
{
	struct match m = { .at = *start, .end = end };
	struct label label = { .name = read_name(&m), .at = (u32)as->out->len };

	if (!label.name.len || !accept(&m, ':'))
		return 0;
	if (find_label(as, label.name))
		return fail(as, "label defined twice", label.name);
	if (!vec_push(&as->labels, label))
		return -ENOMEM;
	*start = m.at;
	return 1;
}

static const char *comment_start(const char *line, const char *end)
{
	for (const char *p = line; p < end; p++)
		if (*p == ';' || (*p == '/' && p + 1 < end && p[1] == '/'))
			return p;
	return end;
}

static int assemble_line(struct assembler *as, const char *start, const char *end)
{
	int more;

	end = comment_start(start, end);
	do {
		more = take_label(as, &start, end);
		if (more < 0)
			return more;
	} while (more);
	while (start < end && is_blank(*start))
		start++;
	while (end > start && is_blank(end[-1]))
		end--;
	return start == end ? 0 : assemble_insn(as, start, end);
}

static int resolve(struct assembler *as)
{
	vec_for_each (fixup, &as->fixups) {
		const struct label *label = find_label(as, fixup->name);
		struct bpf_insn *insn = &as->out->data[fixup->at];
		s64 distance;

		as->line = fixup->line;
		if (!label)
			return fail(as, "no such label", fixup->name);
		distance = (s64)label->at - fixup->at - 1;
		if (fixup->in_imm)
			insn->imm = (s32)distance;
		else if (distance < INT16_MIN || distance > INT16_MAX)
			return fail(as, "label too far away", fixup->name);
		else
			insn->off = (s16)distance;
	}
	return 0;
}

int isa_assemble(const char *source, insn_vec *out, struct asm_error *err)
{
	struct assembler as = { .out = out, .err = err };
	size_t before = out->len;
	int result = 0;

	*err = (struct asm_error){ 0 };
	while (*source && !result) {
		const char *end = source;

		while (*end && *end != '\n')
			end++;
		as.line++;
		result = assemble_line(&as, source, end);
		source = *end ? end + 1 : end;
	}
	if (!result)
		result = resolve(&as);
	if (result == -ENOMEM)
		text_format(err->message, sizeof(err->message), "out of memory");
	if (result)
		out->len = before;
	vec_release(&as.labels);
	vec_release(&as.fixups);
	return result;
}
