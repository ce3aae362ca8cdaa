/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a value came from: the chain of definitions, walked backwards on the path. At each
 * step the last change of the location is looked up; the instruction before that change made
 * it, and says from which location it goes on: the source of a copy, the slot of a fill, the
 * register of a spill, the argument in the caller. Branches that narrowed the value, and
 * operations that took its bounds away, are noted on the way.
 */
#include "explain/origins.h"

#include "base/str.h"
#include "isa/insn.h"

struct walk {
	const struct verify_request *request;
	const struct path *path;
	struct explanation *e;
	struct loc loc;
	u32 step;	 /* the value is that which this step finds */
	bool bounds;	 /* of a pointer plus a number the number is of interest */
	bool done;
};

static const struct bpf_insn *insn_at(const struct walk *w, u32 step)
{
	return &w->request->insns[w->path->steps.data[step].insn];
}

/* ---- which value ---- */

/* "R3 ..." anywhere in the message. */
static bool register_in(const char *message, u32 *reg)
{
	for (const char *s = message; *s; s++) {
		if (*s != 'R' || s[1] < '0' || s[1] > '9' || (s != message && s[-1] != ' '))
			continue;
		*reg = (u32)(s[1] - '0');
		if (*reg == 1 && s[2] == '0')
			*reg = 10;
		return true;
	}
	return false;
}

/* The register that holds the address that an instruction uses. */
static bool address_register(const struct bpf_insn *insn, u32 *reg)
{
	switch (BPF_CLASS(insn->code)) {
	case BPF_LDX:
		*reg = insn->src_reg;
		return true;
	case BPF_ST:
	case BPF_STX:
		*reg = insn->dst_reg;
		return true;
	default:
		return false;
	}
}

/* Of an addition to a pointer that was refused, the number. */
static bool added_register(const struct bpf_insn *insn, u32 *reg)
{
	*reg = insn->src_reg;
	return BPF_CLASS(insn->code) == BPF_ALU64 && BPF_SRC(insn->code) == BPF_X;
}

bool offending_value(const struct verify_request *request, const struct path *path,
		     const struct explanation *e, struct loc *out)
{
	const struct path_step *last;
	const struct bpf_insn *insn;
	u32 reg;

	if (!path->found || !path->steps.len)
		return false;
	last = vec_last(&path->steps);
	insn = &request->insns[last->insn];
	if (insn_is_call(insn) && !register_in(e->message, &reg) && argument_in_message(e->message)) {
		*out = (struct loc){ last->depth, (u8)argument_in_message(e->message) };
		return true;
	}
	if (!register_in(e->message, &reg) && !address_register(insn, &reg) &&
	    !added_register(insn, &reg)) {
		if (!insn_is_exit(insn) || str_eq(e->cause, "unreleased-reference"))
			return false;
		reg = 0;
	}
	*out = (struct loc){ last->depth, (u8)reg };
	return true;
}

/* ---- the chain ---- */

static struct origin *add(struct walk *w, u32 step)
{
	struct explanation *e = w->e;
	struct origin *origin;

	if (e->n_origins == EXPLAIN_ORIGINS) {
		w->done = true;
		return NULL;
	}
	origin = &e->origins[e->n_origins++];
	origin->at = place_of(w->request, w->path->steps.data[step].insn);
	origin->lost = false;
	origin->text[0] = 0;
	return origin;
}

static void say(struct walk *w, u32 step, bool lost, const char *what, const struct reg *value)
{
	struct origin *origin = add(w, step);
	struct text text;

	if (!origin)
		return;
	origin->lost = lost;
	text = text_in(origin->text, sizeof(origin->text));
	text_put(&text, what);
	if (value) {
		text_put(&text, ": ");
		describe_reg(&text, w->path, value);
	}
}

PRINTF_LIKE(5, 6)
static void say_of(struct walk *w, u32 step, bool lost, const struct reg *value, const char *fmt, ...)
{
	char words[EXPLAIN_LINE];
	struct text text = text_in(words, sizeof(words));
	va_list args;

	va_start(args, fmt);
	text_vprintf(&text, fmt, args);
	va_end(args);
	say(w, step, lost, words, value);
}

static const struct reg *value_at(const struct walk *w, u32 step, struct loc loc)
{
	const struct change *change = path_change(w->path, step, loc);

	return change ? &change->value.reg : NULL;
}

static bool is_bounded(const struct reg *reg)
{
	return reg && reg->kind == REG_SCALAR && (reg->val.umax < 1u << 29 || reg->val.smax < 1 << 29);
}

static bool is_wide(const struct reg *reg)
{
	return !reg || reg->kind != REG_SCALAR || !scalar_is_const(&reg->val);
}

static void follow(struct walk *w, u32 step, u32 frame, u32 at)
{
	w->loc = (struct loc){ (u8)frame, (u8)at };
	w->step = step;
}

/* An operation: goes on with the operand that matters most. */
static void through_alu(struct walk *w, u32 step, const struct bpf_insn *insn, const struct reg *after)
{
	u32 frame = w->loc.frame, op = BPF_OP(insn->code);
	bool has_src = BPF_SRC(insn->code) == BPF_X && op != BPF_NEG && op != BPF_END;
	const struct reg *dst = value_at(w, step, (struct loc){ (u8)frame, insn->dst_reg });
	const struct reg *src =
	    has_src ? value_at(w, step, (struct loc){ (u8)frame, insn->src_reg }) : NULL;
	char words[EXPLAIN_LINE];
	struct text text = text_in(words, sizeof(words));
	bool lost;

	if (op == BPF_MOV) {
		if (!has_src) {
			say(w, step, false, "set to a constant", after);
			w->done = true;
			return;
		}
		if (src && after && src->kind == REG_SCALAR && after->kind == REG_SCALAR &&
		    !scalar_eq(&src->val, &after->val))
			say_of(w, step, is_bounded(src) && !is_bounded(after), after,
			       "copied from r%u as %s number", insn->src_reg,
			       insn->off ? "a signed" : "a 32-bit");
		follow(w, step, frame, insn->src_reg);
		return;
	}
	lost = has_src ? (is_bounded(dst) && is_bounded(src) && !is_bounded(after) && after &&
			  after->kind == REG_SCALAR)
		       : is_bounded(dst) && !is_bounded(after);
	if (after && after->kind != REG_SCALAR && has_src && is_wide(src) && src &&
	    src->kind == REG_SCALAR) {
		text_printf(&text, "r%u, ", insn->src_reg);
		describe_reg(&text, w->path, src);
		text_put(&text, ", is added to the pointer");
		say(w, step, !is_bounded(src), words, NULL);
		follow(w, step, frame, w->bounds ? insn->src_reg : insn->dst_reg);
		return;
	}
	describe_insn(&text, w->request, w->path->steps.data[step].insn);
	if (!(after && after->kind != REG_SCALAR && !has_src))
		say_of(w, step, lost, after, "after %s", words + (words[0] == '(' ? 5 : 0));
	/* A constant, or the pointer itself, says less than what varies. */
	if (has_src && dst && src && reg_is_scalar(src) && !scalar_is_const(&src->val) &&
	    ((reg_is_scalar(dst) && (scalar_is_const(&dst->val) || (is_bounded(dst) && !is_bounded(src)))) ||
	     (!reg_is_scalar(dst) && w->bounds)))
		follow(w, step, frame, insn->src_reg);
	else
		follow(w, step, frame, insn->dst_reg);
}

static const char *region_of(const struct reg *ptr)
{
	switch (ptr ? ptr->kind : REG_UNINIT) {
	case REG_CTX:
		return "the context";
	case REG_MAP_VALUE:
		return "a map value";
	case REG_MAP_KEY:
		return "a map key";
	case REG_PACKET:
	case REG_PACKET_META:
		return "the packet";
	case REG_BTF:
		return "a kernel object";
	case REG_SCALAR:
	case REG_UNINIT:
		return "memory";
	default:
		return "the object";
	}
}

/* Slot of a stack pointer at a fixed offset; false: not a stack access. */
static bool stack_slot(const struct reg *ptr, s64 off, struct loc *out)
{
	s64 at;

	if (!ptr || ptr->kind != REG_STACK || !scalar_is_const(&ptr->val))
		return false;
	at = (s64)ptr->off + (s64)ptr->val.umin + off;
	if (at >= 0 || at < -BPF_STACK_SIZE)
		return false;
	*out = (struct loc){ ptr->frame, (u8)(LOC_SLOT + (-at - 1) / SLOT_BYTES) };
	return true;
}

static void through_load(struct walk *w, u32 step, const struct bpf_insn *insn,
			 const struct reg *after)
{
	const struct reg *ptr = value_at(w, step, (struct loc){ w->loc.frame, insn->src_reg });
	const struct change *change;
	struct loc slot;

	if (stack_slot(ptr, insn->off, &slot)) {
		change = path_change(w->path, step, slot);
		if (change && slot_is_spill(&change->value)) {
			bool lost = is_bounded(&change->value.reg) && !is_bounded(after);

			if (lost)
				say_of(w, step, true, after, "read back from the stack, only %u bytes of it",
				       insn_access_size(insn));
			w->loc = slot;
			w->step = step;
			return;
		}
		say(w, step, true, "read from stack whose contents are not known", after);
		w->done = true;
		return;
	}
	say_of(w, step, false, after, "loaded from %s", region_of(ptr));
	w->done = true;
}

static void through_call(struct walk *w, u32 step, const struct bpf_insn *insn,
			 const struct reg *after)
{
	char callee[80];
	struct text text = text_in(callee, sizeof(callee));
	u32 depth = w->path->steps.data[step].depth;

	describe_callee(&text, w->request, w->path, w->path->steps.data[step].insn);
	if (insn->src_reg == BPF_PSEUDO_CALL && w->loc.frame == depth + 1 && w->loc.at >= 1 &&
	    w->loc.at <= 5) {
		say_of(w, step, false, after, "argument %u of %s", w->loc.at, callee);
		follow(w, step, depth, w->loc.at);
		return;
	}
	w->done = true;
	if (w->loc.frame > depth) {
		say_of(w, step, false, after, "given to the callback by %s", callee);
		return;
	}
	if (w->loc.at == 0 && after && after->kind != REG_UNINIT)
		say_of(w, step, false, after, "result of %s", callee);
	else if (w->loc.at <= 5)
		say_of(w, step, true, NULL, "overwritten by the call of %s: calls keep r6 to r9 only",
		       callee);
	else if (after && after->kind == REG_SCALAR)
		say_of(w, step, true, NULL,
		       "%s made this pointer void: it released the object, or moved the packet", callee);
	else
		say_of(w, step, false, after, "written by %s", callee);
}

/* The callee's r0 becomes the caller's. */
static void through_exit(struct walk *w, u32 step, const struct reg *after)
{
	if (w->loc.at != 0) {
		w->done = true;
		return;
	}
	say(w, step, false, "returned", after);
	follow(w, step, w->path->steps.data[step].depth, 0);
}

static void through_branch(struct walk *w, u32 step, const struct bpf_insn *insn,
			   const struct reg *after)
{
	char words[60];
	struct text text = text_in(words, sizeof(words));
	bool taken = w->path->steps.data[step + 1].insn != w->path->steps.data[step].insn + 1;

	if (BPF_OP(insn->code) != BPF_JA) {
		describe_condition(&text, insn);
		say_of(w, step, false, after, "known because %s is %s", words, taken ? "true" : "false");
	}
	w->step = step;
}

static void through_store(struct walk *w, u32 step, const struct bpf_insn *insn,
			  const struct reg *after)
{
	const struct change *change = path_change(w->path, step + 1, w->loc);

	if (BPF_CLASS(insn->code) == BPF_STX && BPF_MODE(insn->code) == BPF_MEM && change &&
	    slot_is_spill(&change->value)) {
		const struct reg *src = value_at(
		    w, step, (struct loc){ w->path->steps.data[step].depth, insn->src_reg });

		say_of(w, step, is_bounded(src) && !is_bounded(after), after,
		       "stored on the stack from r%u", insn->src_reg);
		follow(w, step, w->path->steps.data[step].depth, insn->src_reg);
		return;
	}
	say(w, step, false, "stored", after);
	w->done = true;
}

static void one_link(struct walk *w)
{
	const struct change *change = path_change(w->path, w->step, w->loc);
	const struct bpf_insn *insn;
	const struct reg *after;
	u32 step;

	if (!change || !change->step) {
		const struct reg *reg = change ? &change->value.reg : NULL;

		if (reg && reg->kind != REG_UNINIT)
			say(w, 0, false, w->path->captured ? "earlier" : "given to the program", reg);
		w->done = true;
		return;
	}
	step = change->step - 1;
	after = &change->value.reg;
	insn = insn_at(w, step);
	switch (BPF_CLASS(insn->code)) {
	case BPF_ALU:
	case BPF_ALU64:
		through_alu(w, step, insn, after);
		break;
	case BPF_LDX:
		through_load(w, step, insn, after);
		break;
	case BPF_ST:
	case BPF_STX:
		if (w->loc.at < LOC_SLOT && BPF_MODE(insn->code) == BPF_MEM) {
			w->step = step; /* an id was given: nothing happened to the value */
			break;
		}
		through_store(w, step, insn, after);
		break;
	case BPF_JMP:
	case BPF_JMP32:
		if (insn_is_exit(insn))
			through_exit(w, step, after);
		else if (insn_is_call(insn))
			through_call(w, step, insn, after);
		else
			through_branch(w, step, insn, after);
		break;
	default:
		say(w, step, false, insn_is_ldimm64(insn) ? "set to" : "loaded from the packet", after);
		w->done = true;
		break;
	}
	/* Every link goes back. */
	if (!w->done && w->step > step)
		w->done = true;
}

static void reverse(struct origin *origins, u32 n)
{
	for (u32 i = 0; i < n / 2; i++) {
		struct origin tmp = origins[i];

		origins[i] = origins[n - 1 - i];
		origins[n - 1 - i] = tmp;
	}
}

/* Rounds of a loop say the same again and again: one of a kind is enough. */
static void fold(struct explanation *e)
{
	u32 n = 0;

	for (u32 i = 0; i < e->n_origins; i++) {
		bool again = false;

		for (u32 k = 0; k < n && !again; k++)
			again = e->origins[k].at.insn == e->origins[i].at.insn &&
				!e->origins[i].lost;
		if (!again)
			e->origins[n++] = e->origins[i];
	}
	e->n_origins = n;
}

static bool wants_bounds(const char *cause)
{
	return !str_eq(cause, "null-check") && !str_eq(cause, "invalid-access") &&
	       !str_eq(cause, "argument-type") && !str_eq(cause, "uninit-register");
}

static void reference_origin(struct walk *w)
{
	for (u32 i = 0; i < w->path->n_refs; i++)
		for (u32 step = (u32)w->path->steps.len; step-- > 0;) {
			char callee[80];
			struct text text = text_in(callee, sizeof(callee));

			if ((s32)w->path->steps.data[step].insn != w->path->refs[i].insn)
				continue;
			if (insn_is_call(insn_at(w, step)))
				describe_callee(&text, w->request, w->path,
						w->path->steps.data[step].insn);
			say_of(w, step, false, NULL, "acquired by %s", callee);
			break;
		}
}

void find_origins(const struct verify_request *request, const struct path *path,
		  struct explanation *e)
{
	struct walk w = { .request = request, .path = path, .e = e,
			  .bounds = wants_bounds(e->cause) };
	struct text detail = text_in(e->detail, sizeof(e->detail));

	if (!path->found)
		return;
	if (str_eq(e->cause, "unreleased-reference")) {
		reference_origin(&w);
		return;
	}
	if (!offending_value(request, path, e, &w.loc))
		return;
	w.step = (u32)path->steps.len - 1;
	describe_loc(&detail, w.loc);
	/* A helper or iterator gave nothing on this path. */
	if (str_eq(e->cause, "invalid-access") && value_at(&w, w.step, w.loc) &&
	    reg_is_null(value_at(&w, w.step, w.loc))) {
		e->what = "this pointer is NULL on this path";
		e->advice = cause_find("null-check")->advice;
	}
	text_put(&detail, " is ");
	describe_reg(&detail, path, value_at(&w, w.step, w.loc));
	while (!w.done)
		one_link(&w);
	reverse(e->origins, e->n_origins);
	fold(e);
}

/* ---- the number in a pointer ---- */

bool find_addition(const struct verify_request *request, const struct path *path, struct loc loc,
		   u32 *out_step, u32 *out_reg)
{
	struct explanation scratch = { .n_origins = 0 };
	struct walk w = { .request = request, .path = path, .e = &scratch, .loc = loc,
			  .step = (u32)path->steps.len - 1 };

	while (!w.done) {
		const struct change *change = path_change(path, w.step, w.loc);
		const struct bpf_insn *insn;
		const struct reg *src;

		if (!change || !change->step)
			return false;
		insn = insn_at(&w, change->step - 1);
		if (insn->code == (BPF_ALU64 | BPF_ADD | BPF_X) && w.loc.at == insn->dst_reg) {
			u32 step = change->step - 1;

			src = value_at(&w, step, (struct loc){ w.loc.frame, insn->src_reg });
			if (src && reg_is_scalar(src) && !scalar_is_const(&src->val)) {
				*out_step = step;
				*out_reg = insn->src_reg;
				return true;
			}
			/* number += pointer */
			if (src && reg_is_pointer(src) && is_wide(value_at(&w, step, w.loc))) {
				const struct reg *dst = value_at(&w, step, w.loc);

				if (dst && reg_is_scalar(dst)) {
					*out_step = step;
					*out_reg = insn->dst_reg;
					return true;
				}
			}
		}
		scratch.n_origins = 0;
		one_link(&w);
	}
	return false;
}
