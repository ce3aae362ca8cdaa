/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is acquired and not released: a call that releases it is put on the last edge of the
 * path where the thing can still be reached, and where that edge leads nowhere else. And what is
 * released with the wrong pointer.
 */
#include "base/str.h"
#include "btf/btf.h"
#include "explain/fixer.h"

/* How something is given back. */
struct release {
	struct bpf_insn call;
	bool on_stack;	/* its address is one of the stack: off */
	bool no_argument;
	bool flags;	/* r2: 0 */
	s32 off;	/* on_stack: from r10; else what to add to the pointer */
	char name[48];	/* the variable that holds it */
	char text[64];	/* "bpf_ringbuf_discard(%s, 0);" with the name in it */
};

static struct bpf_insn helper_call(s32 helper)
{
	return (struct bpf_insn){ .code = BPF_JMP | BPF_CALL, .imm = helper };
}

static const char *kernel_function(const struct fixer *f, const struct bpf_insn *insn)
{
	const struct btf *btf = f->request->model->btf;
	const struct btf_type *type = btf ? btf_type(btf, (u32)insn->imm) : NULL;

	return insn->src_reg == BPF_PSEUDO_KFUNC_CALL && type && btf_kind(type) == BTF_KIND_FUNC
		   ? btf_name(btf, type->name_off)
		   : NULL;
}

static bool kernel_call(const struct fixer *f, const char *name, struct bpf_insn *out)
{
	s32 id = f->request->model->btf ? btf_find(f->request->model->btf, name, BTF_KIND_FUNC) : -1;

	*out = (struct bpf_insn){ .code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_KFUNC_CALL,
				  .imm = id };
	return id > 0;
}

/* The counterpart of a kernel function by its name: _new and _destroy, _acquire and _release. */
static bool counterpart(const struct fixer *f, const char *name, const char *end, const char *other,
			struct bpf_insn *call, char text[64])
{
	size_t n = str_len(name), k = str_len(end);
	char partner[64];

	if (n < k || n - k + str_len(other) >= sizeof(partner) || !str_eq(name + n - k, end))
		return false;
	text_format(partner, sizeof(partner), "%.*s%s", (int)(n - k), name, other);
	str_copy(text, partner, 64);
	return kernel_call(f, partner, call);
}

/* The stack address that a call was given. */
static bool stack_argument(const struct fixer *f, u32 step, u32 reg, s32 *off)
{
	const struct reg *ptr = reg_before(f, step, reg);

	if (!ptr || ptr->kind != REG_STACK || !reg_has_fixed_off(ptr) ||
	    ptr->frame != f->path->steps.data[step].depth)
		return false;
	*off = ptr->off;
	return true;
}

/* The first argument of that call as the line writes it: "&v->lock". */
static const char *first_argument(const struct fixer *f, u32 step, const char *function,
				  const char *otherwise, char buf[32])
{
	struct place place = place_of(f->request, f->path->steps.data[step].insn);
	size_t k = str_len(function), n;

	for (const char *s = place.text; *s; s++) {
		if (!str_starts(s, function) || s[k] != '(')
			continue;
		for (s += k + 1, n = 0; s[n] && s[n] != ',' && s[n] != ')' && s[n] != '('; n++)
			;
		if (!n || n >= 32 || (s[n] != ',' && s[n] != ')'))
			break;
		memcpy(buf, s, n);
		buf[n] = 0;
		return buf;
	}
	return otherwise;
}

static bool release_of_helper(const struct fixer *f, u32 step, const struct bpf_insn *insn,
			      const char *name, struct release *out)
{
	const struct helper_proto *proto = model_helper(f->request->model, (u32)insn->imm);

	switch (insn->imm) {
	case BPF_FUNC_ringbuf_reserve:
		out->call = helper_call(BPF_FUNC_ringbuf_discard);
		out->flags = true;
		text_format(out->text, sizeof(out->text), "bpf_ringbuf_discard(%s, 0);", name);
		return true;
	case BPF_FUNC_ringbuf_reserve_dynptr:
		out->call = helper_call(BPF_FUNC_ringbuf_discard_dynptr);
		out->flags = out->on_stack = true;
		str_copy(out->text, "bpf_ringbuf_discard_dynptr(&ptr, 0);", sizeof(out->text));
		return stack_argument(f, step, 4, &out->off);
	default:
		break;
	}
	switch (proto ? proto->ret & RET_BASE_MASK : RET_VOID) {
	case RET_PTR_TO_SOCKET:
	case RET_PTR_TO_SOCK_COMMON:
	case RET_PTR_TO_TCP_SOCK:
		out->call = helper_call(BPF_FUNC_sk_release);
		text_format(out->text, sizeof(out->text), "bpf_sk_release(%s);", name);
		return true;
	default:
		return false;
	}
}

static bool release_of(const struct fixer *f, u32 step, struct release *out)
{
	u32 at = f->path->steps.data[step].insn;
	const struct bpf_insn *insn = &f->request->insns[at];
	struct place place = place_of(f->request, at);
	char variable[48], partner[64], argument[32];
	const char *function, *name = assigned_variable(&place, "rec", variable);

	memset(out, 0, sizeof(*out));
	str_copy(out->name, name, sizeof(out->name));
	if (!insn_is_call(insn))
		return false;
	if (!insn->src_reg)
		return release_of_helper(f, step, insn, name, out);
	function = kernel_function(f, insn);
	if (!function)
		return false;
	if (counterpart(f, function, "_new", "_destroy", &out->call, partner)) {
		out->on_stack = true;
		text_format(out->text, sizeof(out->text), "%.28s(%s);", partner,
			    first_argument(f, step, function, "&it", argument));
		return stack_argument(f, step, 1, &out->off);
	}
	if (!counterpart(f, function, "_acquire", "_release", &out->call, partner))
		return false;
	text_format(out->text, sizeof(out->text), "%.40s(%.20s);", partner, name);
	return true;
}

/* ---- where the pointer is ---- */

/* Where the pointer of that reference is in the state of a step. */
static bool find_reference(const struct fixer *f, u32 step, u32 ref, struct loc *out, bool *maybe_null)
{
	u32 frame = f->path->steps.data[step].depth;

	for (u32 at = 0; at < LOC_SLOT + STACK_SLOTS; at++) {
		const struct change *change;

		if (at > 9 && at < LOC_SLOT)
			continue;
		*out = (struct loc){ (u8)frame, (u8)at };
		change = path_change(f->path, step, *out);
		if (!change || change->value.reg.ref != ref)
			continue;
		if (at >= LOC_SLOT && !slot_is_spill(&change->value))
			continue;
		*maybe_null = change->value.reg.flags & REG_MAYBE_NULL;
		return true;
	}
	return false;
}

static void put_release(struct code *c, const struct release *r, struct loc loc, bool maybe_null)
{
	if (r->on_stack) {
		put_mov(c, 1, 10);
		put_add_imm(c, 1, r->off);
	} else if (loc.at >= LOC_SLOT) {
		put_load(c, 8, 1, 10, -(s32)(loc.at - LOC_SLOT + 1) * SLOT_BYTES);
	} else if (!r->no_argument) {
		put_mov(c, 1, loc.at);
	}
	if (!r->on_stack && r->off)
		put_add_imm(c, 1, r->off);
	if (maybe_null)
		put_jump_imm(c, BPF_JEQ, 1, 0, r->flags ? 2 : 1);
	if (r->flags)
		put_mov_imm(c, 2, 0);
	c->insns[c->n++] = r->call;
}

/* On the way from the step before to this one. */
static bool release_on_edge(struct fixer *f, u32 step, const struct release *r, struct loc loc,
			    bool maybe_null)
{
	u32 from = f->path->steps.data[step - 1].insn, to = f->path->steps.data[step].insn;
	const struct bpf_insn *insn = &f->request->insns[from];
	bool jump = (BPF_CLASS(insn->code) == BPF_JMP || BPF_CLASS(insn->code) == BPF_JMP32) &&
		    !insn_is_call(insn) && to != from + 1;
	struct code code = { .n = 0 };
	struct edit edit;

	put_release(&code, r, loc, maybe_null);
	/* The call takes r0 to r5: what they hold must be set anew, if it is a constant. */
	for (u32 i = 0; i <= 5; i++) {
		const struct reg *reg = reg_before(f, step, i);

		if (!f->path->live || !(f->path->live[to] >> i & 1))
			continue;
		if (!reg || !reg_is_const(reg) || reg->val.umin != (u64)(s64)(s32)reg->val.umin)
			return false;
		put_mov_imm(&code, i, (s32)reg->val.umin);
	}
	edit_init(&edit, f->request);
	if (jump && BPF_OP(insn->code) != BPF_JA)
		edit_insert_on_jump(&edit, from, function_end(f, from), code.insns, code.n);
	else if (jump)
		edit_insert(&edit, from, code.insns, code.n, EDIT_ALL);
	else
		edit_insert(&edit, to, code.insns, code.n, EDIT_FALL_THROUGH);
	return propose(f, &edit, from, "release it on this way out", "%s%s%s%s",
		       maybe_null ? "if (" : "", maybe_null ? r->name : "", maybe_null ? ")\n    " : "",
		       r->text);
}

#define EDGES 24 /* of the path's end that are tried */

static bool same_frame(const struct fixer *f, u32 step)
{
	return f->path->steps.data[step].depth == f->path->steps.data[step - 1].depth;
}

void fix_reference(struct fixer *f)
{
	u32 tries = 0;

	for (u32 i = 0; i < f->path->n_refs; i++) {
		u32 acquired = f->last;
		struct release r;

		while (acquired && (s32)f->path->steps.data[acquired].insn != f->path->refs[i].insn)
			acquired--;
		if (!release_of(f, acquired, &r))
			continue;
		for (u32 step = f->last; step > acquired && tries < EDGES && !fixes_done(f); step--) {
			struct loc loc = { 0 };
			bool maybe_null = false;

			if (!same_frame(f, step) ||
			    (!r.on_stack &&
			     !find_reference(f, step, f->path->refs[i].id, &loc, &maybe_null)))
				continue;
			tries++;
			if (release_on_edge(f, step, &r, loc, maybe_null))
				return;
		}
	}
}

/* ---- locks and sections ---- */

/* The last call on the path of that helper, or of a kernel function with that name. */
static bool last_call(const struct fixer *f, s32 helper, const char *name, u32 *out)
{
	for (u32 step = f->last; step-- > 0;) {
		const struct bpf_insn *insn = &f->request->insns[f->path->steps.data[step].insn];
		const char *function;

		if (!insn_is_call(insn))
			continue;
		function = kernel_function(f, insn);
		if ((helper && !insn->src_reg && insn->imm == helper) ||
		    (name && function && str_eq(function, name))) {
			*out = step;
			return true;
		}
	}
	return false;
}

/* A copy of that pointer, or one into the same object, in a register that lives on. */
static bool find_copy(const struct fixer *f, u32 step, const struct reg *ptr, struct loc *out, s32 *off)
{
	for (u32 i = 0; i < 10; i++) {
		const struct reg *reg = reg_before(f, step, i);

		if (!reg || reg->kind != ptr->kind || reg->flags != ptr->flags ||
		    reg->map != ptr->map || !reg_has_fixed_off(reg))
			continue;
		*out = (struct loc){ f->path->steps.data[step].depth, (u8)i };
		*off = ptr->off - reg->off;
		return true;
	}
	return false;
}

void fix_lock(struct fixer *f)
{
	struct release r = { .call = helper_call(BPF_FUNC_spin_unlock) };
	char argument[32];
	const struct reg *lock;
	u32 taken, tries = 0;

	if (!last_call(f, BPF_FUNC_spin_lock, NULL, &taken))
		return;
	lock = reg_before(f, taken, 1);
	text_format(r.text, sizeof(r.text), "bpf_spin_unlock(%s);",
		    first_argument(f, taken, "bpf_spin_lock", "&v->lock", argument));
	for (u32 step = f->last; lock && step > taken && tries < EDGES && !fixes_done(f); step--) {
		struct loc loc;

		if (!same_frame(f, step) || !find_copy(f, step, lock, &loc, &r.off))
			continue;
		tries++;
		if (release_on_edge(f, step, &r, loc, false))
			return;
	}
}

void fix_section(struct fixer *f)
{
	static const char *const pairs[][2] = {
		{ "bpf_rcu_read_lock", "bpf_rcu_read_unlock" },
		{ "bpf_preempt_disable", "bpf_preempt_enable" },
	};

	for (u32 i = 0; i < ARRAY_SIZE(pairs); i++) {
		struct release r = { .no_argument = true };
		u32 opened;

		if (!last_call(f, 0, pairs[i][0], &opened) || !kernel_call(f, pairs[i][1], &r.call))
			continue;
		text_format(r.text, sizeof(r.text), "%s();", pairs[i][1]);
		for (u32 step = f->last, tries = 0; step > opened && tries < EDGES && !fixes_done(f);
		     step--, tries++)
			if (same_frame(f, step) &&
			    release_on_edge(f, step, &r, (struct loc){ 0 }, false))
				return;
	}
}

/* ---- the wrong pointer ---- */

/* A pointer with a constant added: take it off again. */
void fix_modified(struct fixer *f)
{
	struct code code = { .n = 0 };
	const struct reg *ptr;

	if (!f->has_value || f->value.at >= LOC_SLOT || !insn_is_call(f->insn))
		return;
	ptr = reg_before(f, f->last, f->value.at);
	if (!ptr || !reg_is_pointer(ptr) || !ptr->off || !reg_has_fixed_off(ptr))
		return;
	put_add_imm(&code, f->value.at, -ptr->off);
	propose_before(f, f->at, &code, EDIT_ALL, f->at, "pass the pointer as it was given",
		       "the pointer that was received, which is the one passed here minus %d", ptr->off);
}
