/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Offsets, lengths and results without bounds: what the largest value is that still fits is
 * known, so the check can be written out.
 */
#include "base/str.h"
#include "explain/fixer.h"

/* By how much the number was multiplied before it was added: an index into elements. */
static u32 scale_of(const struct fixer *f, u32 step, u32 reg)
{
	const struct change *change =
	    path_change(f->path, step, (struct loc){ f->path->steps.data[step].depth, (u8)reg });
	const struct bpf_insn *insn;

	if (!change || !change->step)
		return 1;
	insn = &f->request->insns[f->path->steps.data[change->step - 1].insn];
	if (insn->dst_reg != reg)
		return 1;
	if (insn->code == (BPF_ALU64 | BPF_LSH | BPF_K) && insn->imm > 0 && insn->imm < 16)
		return 1u << insn->imm;
	if (insn->code == (BPF_ALU64 | BPF_MUL | BPF_K) && insn->imm > 0 && insn->imm < 65536)
		return (u32)insn->imm;
	return 1;
}

/* Bytes behind the pointer before the number is added, less those that the access takes. */
static s64 room_for(const struct fixer *f, u32 step, u32 reg, s64 taken)
{
	const struct bpf_insn *add = &f->request->insns[f->path->steps.data[step].insn];
	u32 other = add->dst_reg == reg ? add->src_reg : add->dst_reg;
	const struct reg *ptr = reg_before(f, step, other);

	if (!ptr || !reg_is_pointer(ptr))
		return -1;
	if (ptr->kind == REG_STACK)
		return -(s64)ptr->off - (scalar_is_const(&ptr->val) ? (s64)ptr->val.umin : 0) - taken;
	if (!scalar_is_const(&ptr->val) || !object_size(f, ptr))
		return -1;
	return (s64)object_size(f, ptr) - ptr->off - (s64)ptr->val.umin - taken;
}

static bool on_stack(const struct fixer *f, u32 step, u32 reg)
{
	const struct bpf_insn *add = &f->request->insns[f->path->steps.data[step].insn];
	const struct reg *ptr = reg_before(f, step, add->dst_reg == reg ? add->src_reg : add->dst_reg);

	return ptr && ptr->kind == REG_STACK;
}

static bool leave_if_larger(struct fixer *f, u32 step, u32 reg, s64 room)
{
	u32 at = f->path->steps.data[step].insn, scale = scale_of(f, step, reg);
	struct code code = { .n = 0 };
	char variable[48], buf[48], number[16];
	struct place place = place_of(f->request, at);

	const char *index =
	    index_variable(&f->e->at, index_variable(&place, "index", variable), variable);
	const char *array = on_stack(f, step, reg) ? array_variable(&f->e->at, NULL, buf) : NULL;

	put_check_imm(&code, f, BPF_JLE, reg, (s32)room);
	/* Of the stack it is known where it ends, not where the array does: that is less. */
	if (array)
		return propose_before(f, at, &code, EDIT_ALL, at, "leave when the index is too large",
				      "if (%s >= sizeof(%s) / sizeof(%s[0]))   /* unsigned */\n    return %s;",
				      index, array, array, plain_result_name(f, number));
	return propose_before(f, at, &code, EDIT_ALL, at, "leave when the index is too large",
			      "if (%s > %lld)   /* as an unsigned number */\n    return %s;", index,
			      (long long)(room / scale), plain_result_name(f, number));
}

static bool mask_it(struct fixer *f, u32 step, u32 reg, s64 room)
{
	u32 at = f->path->steps.data[step].insn, scale = scale_of(f, step, reg);
	struct code code = { .n = 0 };
	char variable[48];
	u32 mask = 1;

	/* A power of two leaves the low bits of the product zero: they may stay in the mask. */
	if (!(scale & (scale - 1)))
		room |= scale - 1;
	while ((s64)mask * 2 <= room + 1)
		mask *= 2;
	mask--;
	if (!(mask / scale))
		return false;
	code.insns[code.n++] = (struct bpf_insn){ .code = BPF_ALU64 | BPF_AND | BPF_K,
						  .dst_reg = reg & 15, .imm = (s32)mask };
	return propose_before(f, at, &code, EDIT_ALL, at, "cut the index with a mask",
			      "%s &= %u;", index_variable(&f->e->at, "index", variable), mask / scale);
}

/* The access that refused: how far behind the pointer it ends; what is not known yet is guessed. */
static s64 bytes_taken(const struct fixer *f)
{
	u32 size = insn_access_size(f->insn);

	if (size)
		return (s64)f->insn->off + size;
	/* An addition: what is accessed next through its result. */
	for (u32 i = f->at + 1; i < f->request->insn_cnt && i < f->at + 16; i++) {
		const struct bpf_insn *insn = &f->request->insns[i];
		u32 class = BPF_CLASS(insn->code);

		size = insn_access_size(insn);
		if (size && f->insn->dst_reg == (class == BPF_LDX ? insn->src_reg : insn->dst_reg))
			return (s64)insn->off + size;
		if (insn_is_exit(insn) || insn_is_call(insn) ||
		    (insn->dst_reg == f->insn->dst_reg && class == BPF_LDX))
			break;
	}
	return 8;
}

/* What a pointer gained after the number was added belongs to the access, too. */
static s64 gained_since(const struct fixer *f, u32 step, u32 reg)
{
	const struct bpf_insn *add = &f->request->insns[f->path->steps.data[step].insn];
	u32 other = add->dst_reg == reg ? add->src_reg : add->dst_reg;
	const struct reg *before = reg_before(f, step, other), *now;

	if (f->value.at >= LOC_SLOT || str_eq(f->e->cause, "unbounded-pointer"))
		return 0;
	now = reg_before(f, f->last, f->value.at);
	return before && now && before->kind == now->kind ? (s64)now->off - before->off : 0;
}

static bool find_number(const struct fixer *f, u32 *step, u32 *reg)
{
	if (str_eq(f->e->cause, "unbounded-pointer")) {
		const struct reg *src = reg_before(f, f->last, f->insn->src_reg);

		*step = f->last;
		*reg = src && reg_is_scalar(src) ? f->insn->src_reg : f->insn->dst_reg;
		return BPF_CLASS(f->insn->code) == BPF_ALU64 && BPF_SRC(f->insn->code) == BPF_X;
	}
	return find_addition(f->request, f->path, f->value, step, reg);
}

void fix_bounds(struct fixer *f)
{
	static const s64 more[] = { 0, 8, 16, 64 };
	u32 step, reg;
	s64 room;

	if (!f->has_value || !find_number(f, &step, &reg) || insn_is_call(f->insn))
		return;
	for (u32 i = 0; i < ARRAY_SIZE(more) && !fixes_done(f); i++) {
		room = room_for(f, step, reg, bytes_taken(f) + gained_since(f, step, reg) + more[i]);
		if (room < 0 || room > INT32_MAX)
			continue;
		if (leave_if_larger(f, step, reg, room) || mask_it(f, step, reg, room))
			return;
	}
}

/* ---- lengths ---- */

/* Bytes that a call may touch behind a pointer argument; negative: not known. */
static s64 room_behind(const struct fixer *f, const struct reg *ptr)
{
	s64 off = (s64)ptr->off + (scalar_is_const(&ptr->val) ? (s64)ptr->val.umin : ptr->val.smax);

	if (ptr->kind == REG_STACK)
		return -off;
	if (reg_is_packet(ptr))
		return scalar_is_const(&ptr->val) ? (s64)ptr->range - off : -1;
	return object_size(f, ptr) ? (s64)object_size(f, ptr) - off : -1;
}

/* Is the argument after a pointer a length that varies? The register; 0: there is none. */
static u32 length_register(const struct fixer *f)
{
	u32 reg = f->value.at;
	const struct reg *value = reg_before(f, f->last, reg);

	if (value && reg_is_pointer(value) && reg < 5) {
		value = reg_before(f, f->last, ++reg);
		if (!value || !reg_is_scalar(value) || scalar_is_const(&value->val))
			return 0;
	}
	return value && reg_is_scalar(value) && reg >= 2 && reg <= 5 ? reg : 0;
}

static const char *call_argument(const struct place *at, u32 n, char buf[48])
{
	const char *s = at->text, *from;
	u32 depth = 0;

	while (*s && *s != '(')
		s++;
	if (!*s)
		return "len";
	for (from = ++s; *s; s++) {
		if (*s == '(')
			depth++;
		if ((*s == ',' || *s == ')') && !depth) {
			if (!--n) {
				size_t len = (size_t)(s - from);

				if (!len || len > 40)
					return "len";
				memcpy(buf, from, len);
				buf[len] = 0;
				return buf;
			}
			for (from = s + 1; *from == ' ';)
				from++;
		}
		if (*s == ')' && depth)
			depth--;
	}
	return "len";
}

static bool is_name(const char *s)
{
	if (!*s)
		return false;
	for (; *s; s++)
		if (!(*s >= 'a' && *s <= 'z') && !(*s >= 'A' && *s <= 'Z') && *s != '_' &&
		    !(*s >= '0' && *s <= '9'))
			return false;
	return true;
}

/* Of the stack it is known where it ends, not where the variable does: its size is less. */
static void buffer_limit(const struct fixer *f, const struct reg *ptr, u32 reg, s64 room, char out[64])
{
	char buffer[48];
	const char *name = call_argument(&f->e->at, reg - 1, buffer);

	if (ptr->kind == REG_STACK && is_name(name) && !str_eq(name, "len"))
		text_format(out, 64, "sizeof(%s)", name);
	else
		text_format(out, 64, "%lld", (long long)room);
}

/* A call that touches so many bytes of the stack whatever comes. */
static void advise_size(struct fixer *f)
{
	const char *s = f->e->message;
	u32 size = 0;

	if (!str_eq(f->e->cause, "stack-bounds"))
		return;
	while (*s && !str_starts(s, " size="))
		s++;
	for (s += *s ? 6 : 0; *s >= '0' && *s <= '9' && size < 1u << 24; s++)
		size = size * 10 + (u32)(*s - '0');
	if (size)
		advise(f, f->at, "pass the address of something as large as the call takes it to be",
		       "/* it is taken to have %u bytes */", size);
}

void fix_length(struct fixer *f)
{
	char argument[48], number[16], limit[64];
	struct code code = { .n = 0 };
	const struct reg *ptr;
	const char *name;
	u32 reg;
	s64 room;

	if (!f->has_value || !insn_is_call(f->insn) || f->value.at >= LOC_SLOT)
		return;
	reg = length_register(f);
	if (!reg)
		advise_size(f);
	ptr = reg ? reg_before(f, f->last, reg - 1) : NULL;
	room = ptr ? room_behind(f, ptr) : -1;
	if (room <= 0 || room > INT32_MAX)
		return;
	name = call_argument(&f->e->at, reg, argument);
	put_check_imm(&code, f, BPF_JLE, reg, (s32)room);
	buffer_limit(f, ptr, reg, room, limit);
	if (propose_before(f, f->at, &code, EDIT_ALL, f->at, "leave when the length does not fit",
			   "if (%s > %s)   /* as an unsigned number */\n    return %s;", name, limit,
			   plain_result_name(f, number)))
		return;
	put_check_imm(&code, f, BPF_JNE, reg, 0);
	propose_before(f, f->at, &code, EDIT_ALL, f->at, "leave when the length does not fit",
		       "if (!%s || %s > %s)   /* as an unsigned number */\n    return %s;", name, name,
		       limit, plain_result_name(f, number));
}

/* ---- results ---- */

void fix_result(struct fixer *f)
{
	const struct prog_type_model *type =
	    model_prog_type(f->request->model, f->request->prog_type);
	const struct return_range *range =
	    type ? model_return_range(type, f->request->expected_attach_type) : NULL;
	s64 min = range ? range->min : 0, max = range ? range->max : 1;
	struct code code = { .n = 0 };

	/* A callback answers 0 or 1; the message knows what was asked for. */
	if (!range_in_message(f->e->message, &min, &max) && f->depth) {
		min = 0;
		max = 1;
	}
	if (!insn_is_exit(f->insn) || min > max || max > INT32_MAX || min < INT32_MIN)
		return;
	put_jump_imm(&code, BPF_JSGT, 0, (s32)max, 1);
	put_jump_imm(&code, BPF_JSGE, 0, (s32)min, 1);
	put_mov_imm(&code, 0, (s32)(max >= 1 && min <= 1 ? 1 : min));
	if (min == max) {
		propose_before(f, f->at, &code, EDIT_ALL, f->at,
			       "return only what the hook understands", "return %lld;", (long long)min);
		return;
	}
	propose_before(f, f->at, &code, EDIT_ALL, f->at, "return only what the hook understands",
		       "if (ret < %lld || ret > %lld)\n    ret = %lld;\nreturn ret;", (long long)min,
		       (long long)max, (long long)(max >= 1 && min <= 1 ? 1 : min));
}
