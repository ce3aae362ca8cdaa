/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packet bounds. What is written is what every packet program does: compute the end of the
 * access, compare it with data_end, leave if it lies behind. data_end comes from a register
 * that still holds it, or is loaded again from the context, which is in a register, or is
 * kept on the stack from the beginning for the purpose.
 */
#include "base/str.h"
#include "explain/fixer.h"

static const struct ctx_field *packet_field(const struct fixer *f, u32 kind)
{
	const struct prog_type_model *type =
	    model_prog_type(f->request->model, f->request->prog_type);
	const struct ctx_layout *layout = f->request->ctx ? f->request->ctx : type ? type->ctx : NULL;

	for (u32 i = 0; layout && layout->fields && i < layout->n_fields; i++)
		if (layout->fields[i].kind == kind)
			return &layout->fields[i];
	return NULL;
}

static int register_of_kind(const struct fixer *f, u32 step, enum reg_kind kind)
{
	for (u32 i = 0; i < 10; i++) {
		const struct reg *reg = reg_before(f, step, i);

		if (reg && reg->kind == kind && !(reg->flags & REG_MAYBE_NULL) && !reg->off &&
		    reg_has_fixed_off(reg))
			return (int)i;
	}
	return -1;
}

/* The furthest byte that is accessed through this register from here on: a field may be read in pieces. */
static s64 bytes_accessed(const struct fixer *f, u32 reg)
{
	s64 most = 0;

	for (u32 i = f->at; i < f->request->insn_cnt && i < f->at + 64; i++) {
		const struct bpf_insn *insn = &f->request->insns[i];
		u32 class = BPF_CLASS(insn->code), size = insn_access_size(insn);

		if (size && reg == (class == BPF_LDX ? insn->src_reg : insn->dst_reg))
			most = MAX(most, (s64)insn->off + size);
		if (insn_is_exit(insn) || insn_is_call(insn) ||
		    (insn->dst_reg == reg && (class == BPF_LDX || class == BPF_ALU || class == BPF_ALU64)))
			break;
	}
	return most;
}

/* Bytes behind the pointer that must be there: "off=14 size=1" says how the access was seen. */
static s64 bytes_behind(const struct fixer *f, const struct reg *ptr)
{
	const char *s = f->e->message;
	s64 off = 0, size = 0;
	u32 access = insn_access_size(f->insn);

	if (access)
		return bytes_accessed(f, f->value.at);
	for (; *s; s++)
		if (str_starts(s, "off=") && !off)
			for (s += 4; *s >= '0' && *s <= '9'; s++)
				off = off * 10 + (*s - '0');
		else if (str_starts(s, "size=")) {
			for (s += 5; *s >= '0' && *s <= '9'; s++)
				size = size * 10 + (*s - '0');
			break;
		}
	return off - ptr->off + size;
}

/* if (ptr + n > data_end) leave; from the registers that there are. False: too few. */
static bool put_packet_check(const struct fixer *f, struct code *c, u32 at, u32 ptr, s64 n,
			     int end, int ctx, s32 ctx_slot)
{
	const struct ctx_field *field = packet_field(f, FIELD_PACKET_END);
	int sum = free_register(f, at, 1u << ptr), limit = end;

	if (sum < 0 || !field || n <= 0 || n > INT32_MAX)
		return false;
	if (limit < 0) {
		limit = free_register(f, at, 1u << ptr | 1u << sum);
		if (limit < 0 || (ctx < 0 && !ctx_slot))
			return false;
		if (ctx < 0)
			put_load(c, 8, (u32)limit, 10, ctx_slot);
		put_load(c, field->size, (u32)limit, ctx < 0 ? (u32)limit : (u32)ctx, field->offset);
	}
	put_mov(c, (u32)sum, ptr);
	put_add_imm(c, (u32)sum, (s32)n);
	put_jump_reg(c, BPF_JLE, (u32)sum, (u32)limit, 2);
	put_return(c, f);
	return true;
}

/* The context, kept at the beginning of the main function; the offset of its slot, 0: no room. */
static s32 keep_context(const struct fixer *f, struct edit *edit)
{
	s32 slot = (stack_used(f, 0) & ~7) - 8;
	struct code code = { .n = 0 };

	if (slot < -BPF_STACK_SIZE || f->depth || f->path->steps.data[0].insn)
		return 0;
	put_store(&code, 8, 10, slot, 1);
	edit_insert(edit, 0, code.insns, code.n, EDIT_ALL);
	return slot;
}

static void pointer_name(const struct fixer *f, char buf[48])
{
	const char *s = f->e->at.text, *arrow = NULL, *name;

	for (; *s && !arrow; s++)
		if (s[0] == '-' && s[1] == '>')
			arrow = s;
	str_copy(buf, "p", 48);
	if (!arrow)
		return;
	for (name = arrow; name > f->e->at.text &&
			   ((name[-1] >= 'a' && name[-1] <= 'z') || name[-1] == '_' ||
			    (name[-1] >= 'A' && name[-1] <= 'Z') || (name[-1] >= '0' && name[-1] <= '9'));)
		name--;
	if (name < arrow && arrow - name < 40)
		text_format(buf, 48, "%.*s", (int)(arrow - name), name);
}

/* Does a later jump of the function lead back to that instruction, or before it? */
static bool in_loop(const struct fixer *f, u32 at)
{
	u32 end = function_end(f, at);

	for (u32 i = at; i < end && i < f->request->insn_cnt; i++) {
		const struct bpf_insn *insn = &f->request->insns[i];
		u32 class = BPF_CLASS(insn->code);
		s64 off = insn->code == (BPF_JMP32 | BPF_JA) ? insn->imm : insn->off;

		if ((class == BPF_JMP || class == BPF_JMP32) && !insn_is_call(insn) &&
		    !insn_is_exit(insn) && (s64)i + 1 + off <= at)
			return true;
	}
	return false;
}

/*
 * What the check is written with: clang adds offsets where it likes, so that a register with a
 * fixed offset need not be what the line calls ptr in "ptr->field"; the packet's start is certain.
 */
static s64 place_in_packet(const struct fixer *f, const struct reg *ptr, s64 n, char name[48])
{
	pointer_name(f, name);
	if (str_eq(name, "p") || ptr->id || !reg_has_fixed_off(ptr) || in_loop(f, f->at))
		return n;
	str_copy(name, "data", 48);
	return n + ptr->off;
}

static bool check_before_access(struct fixer *f, u32 bounded_step, u32 bounded_reg)
{
	const struct reg *ptr = reg_before(f, f->last, f->value.at);
	int end = register_of_kind(f, f->last, REG_PACKET_END);
	int ctx = register_of_kind(f, f->last, REG_CTX);
	struct code check = { .n = 0 }, bound = { .n = 0 };
	char name[48], number[16];
	const char *result = plain_result_name(f, number);
	struct edit edit;
	s64 n = bytes_behind(f, ptr);
	s32 slot = 0;
	u32 at = f->at, moved = 0;

	edit_init(&edit, f->request);
	if (end < 0 && ctx < 0) {
		slot = keep_context(f, &edit);
		moved = slot ? 1 : 0;
	}
	if (!put_packet_check(f, &check, at, f->value.at, n, end, ctx, slot)) {
		edit_release(&edit);
		return false;
	}
	edit_insert(&edit, at + moved, check.insns, check.n, EDIT_ALL);
	n = place_in_packet(f, ptr, n, name);
	if (bounded_reg == UINT32_MAX)
		return propose(f, &edit, f->at, "compare the end of the access with data_end",
			       "if ((void *)%s + %lld > data_end)\n    return %s;", name, (long long)n,
			       result);
	/* Addresses may not wrap around: what is added must be small. */
	put_check_imm(&bound, f, BPF_JLE, bounded_reg, 0xfff);
	edit_insert(&edit, f->path->steps.data[bounded_step].insn + moved, bound.insns, bound.n, EDIT_ALL);
	return propose(f, &edit, f->at, "bound what is added, then compare with data_end",
		       "if (off > 0xfff)\n    return %s;\n%s = base + off;\n"
		       "if ((void *)%s + %lld > data_end)\n    return %s;",
		       result, name, name, (long long)n, result);
}

void fix_packet(struct fixer *f)
{
	const struct reg *ptr;
	u32 step, reg;

	if (!f->has_value || f->value.at >= LOC_SLOT)
		return;
	ptr = reg_before(f, f->last, f->value.at);
	if (!ptr || ptr->kind != REG_PACKET)
		return;
	if (check_before_access(f, 0, UINT32_MAX))
		return;
	if (find_addition(f->request, f->path, f->value, &step, &reg) && !fixes_done(f))
		check_before_access(f, step, reg);
}

/* ---- after a call that moves the packet ---- */

/* The call that made the pointer void, and what it was before. */
static const struct reg *void_since(const struct fixer *f, u32 *out)
{
	struct loc loc = f->value;

	for (u32 i = 0; i < 8; i++) {
		const struct change *change = path_change(f->path, *out, loc);
		const struct bpf_insn *insn;

		if (!change || !change->step)
			return NULL;
		insn = &f->request->insns[f->path->steps.data[change->step - 1].insn];
		*out = change->step - 1;
		if (insn_is_call(insn)) {
			change = path_change(f->path, *out, loc);
			return change ? &change->value.reg : NULL;
		}
		if (insn->code == (BPF_ALU64 | BPF_MOV | BPF_X) && insn->dst_reg == loc.at)
			loc.at = insn->src_reg;
		else if (insn->code != (BPF_ALU64 | BPF_ADD | BPF_K))
			return NULL;
	}
	return NULL;
}

/* r = data + offset again, and its bounds. */
static bool put_reload(const struct fixer *f, struct code *c, u32 reg, s64 off, int ctx, s32 slot, s64 n)
{
	const struct ctx_field *data = packet_field(f, FIELD_PACKET);

	if (!data || off < 0 || off > 0xffff)
		return false;
	if (ctx < 0)
		put_load(c, 8, reg, 10, slot);
	put_load(c, data->size, reg, ctx < 0 ? reg : (u32)ctx, data->offset);
	if (off)
		put_add_imm(c, reg, (s32)off);
	return put_packet_check(f, c, f->at, reg, n, -1, ctx, slot);
}

void fix_stale_packet(struct fixer *f)
{
	struct code code = { .n = 0 };
	const struct reg *before, *now;
	char name[48], number[16];
	u32 call = f->last, moved = 0;
	struct edit edit;
	s32 slot = 0;
	int ctx;

	if (!f->has_value || f->value.at >= LOC_SLOT || !insn_access_size(f->insn))
		return;
	before = void_since(f, &call);
	now = reg_before(f, f->last, f->value.at);
	if (before && reg_is_pointer(before) && !reg_is_packet(before)) {
		advise(f, f->path->steps.data[call].insn, "behind this call the object is gone",
		       "put what uses it before the call");
		f->e->advice = "use the object before the call that gives it back";
		return;
	}
	if (!before || !now || before->kind != REG_PACKET || before->id || !reg_has_fixed_off(before))
		return;
	ctx = register_of_kind(f, f->last, REG_CTX);
	edit_init(&edit, f->request);
	if (ctx < 0) {
		slot = keep_context(f, &edit);
		moved = slot ? 1 : 0;
	}
	if ((ctx < 0 && !slot) ||
	    !put_reload(f, &code, f->value.at, before->off, ctx, slot,
			bytes_accessed(f, f->value.at))) {
		edit_release(&edit);
		return;
	}
	edit_insert(&edit, f->at + moved, code.insns, code.n, EDIT_ALL);
	pointer_name(f, name);
	propose(f, &edit, f->path->steps.data[call].insn,
		"take the packet's pointers again behind the call, and check them again",
		"data = (void *)(long)ctx->data;\ndata_end = (void *)(long)ctx->data_end;\n"
		"%s = data + %d;\nif ((void *)%s + %lld > data_end)\n    return %s;",
		name, before->off, name, (long long)bytes_accessed(f, f->value.at),
		plain_result_name(f, number));
}
