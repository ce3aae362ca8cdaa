/* SPDX-License-Identifier: Apache-2.0 */
/* A pointer that may be NULL: leave when it is, right behind where it comes from if possible. */
#include "base/str.h"
#include "explain/fixer.h"

/* The call that gave the pointer: its step; false: it was no call. */
static bool call_that_gave(const struct fixer *f, u32 *out)
{
	const struct reg *value = reg_before(f, f->last, f->value.at);

	if (!value || !(value->flags & REG_MAYBE_NULL))
		return false;
	for (u32 step = f->last; step-- > 0;) {
		const struct reg *r0 = path_reg(f->path, step + 1, f->path->steps.data[step].depth, 0);

		if (insn_is_call(&f->request->insns[f->path->steps.data[step].insn]) &&
		    f->path->steps.data[step + 1].depth == f->path->steps.data[step].depth && r0 &&
		    r0->id == value->id && (r0->flags & REG_MAYBE_NULL)) {
			*out = step;
			return true;
		}
	}
	return false;
}

void fix_null(struct fixer *f)
{
	char variable[48], number[16];
	const char *name, *result = plain_result_name(f, number);
	struct code code = { .n = 0 };
	struct place from;
	u32 step;

	if (!f->has_value || f->value.at >= LOC_SLOT)
		return;
	if (call_that_gave(f, &step)) {
		u32 call = f->path->steps.data[step].insn;

		from = place_of(f->request, call);
		name = assigned_variable(&from, "ptr", variable);
		put_check_imm(&code, f, BPF_JNE, 0, 0);
		if (propose_before(f, call + 1, &code, EDIT_FALL_THROUGH, call,
				   "check the pointer right behind the call that gives it",
				   "if (!%s)\n    return %s;", name, result))
			return;
	}
	code.n = 0;
	put_check_imm(&code, f, BPF_JNE, f->value.at, 0);
	propose_before(f, f->at, &code, EDIT_ALL, f->at, "check the pointer before it is used",
		       "if (!%s)\n    return %s;",
		       f->e->n_origins ? assigned_variable(&f->e->origins[0].at, "ptr", variable) : "ptr",
		       result);
}
