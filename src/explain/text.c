/* SPDX-License-Identifier: Apache-2.0 */
/* An explanation as one screen of text. */
#include "base/str.h"
#include "explain/explain.h"
#include "explain/input.h"

#define SHOWN_BRANCHES 12

static void put_place(struct text *out, const struct place *at)
{
	if (at->line)
		text_printf(out, "%s:%u", at->file, at->line);
	else if (at->insn >= 0)
		text_printf(out, "instruction %d", at->insn);
}

/* The file was named in full at the beginning: its last part will do. */
static void put_short(struct text *out, const struct place *at)
{
	const char *name = at->file;

	for (const char *s = at->file; *s; s++)
		if (*s == '/')
			name = s + 1;
	if (at->line)
		text_printf(out, "%s:%u", name, at->line);
	else if (at->insn >= 0)
		text_printf(out, "instruction %d", at->insn);
}

static void put_head(const struct explanation *e, struct text *out)
{
	text_printf(out, "  %s  [%s]\n", e->what, e->cause);
	text_printf(out, "    verifier: %s\n", e->message);
	if (e->detail[0])
		text_printf(out, "    %s\n", e->detail);
	if (e->at.insn < 0)
		return;
	text_put(out, "    at ");
	put_place(out, &e->at);
	if (*e->at.function)
		text_printf(out, " in %s()", e->at.function);
	if (e->at.line)
		text_printf(out, " (instruction %d)", e->at.insn);
	text_put(out, "\n");
}

static void put_source(const struct explanation *e, struct text *out)
{
	if (!e->n_around)
		return;
	text_put(out, "\n");
	for (u32 i = 0; i < e->n_around; i++)
		text_printf(out, "  %c %5u | %s\n", e->around[i].line == e->at.line ? '>' : ' ',
			    e->around[i].line, e->around[i].text);
}

static void put_branch(const struct branch_taken *b, struct text *out)
{
	text_put(out, "    ");
	put_short(out, &b->at);
	if (b->enters)
		text_printf(out, "  calls %s", b->condition);
	else if (b->leaves)
		text_printf(out, "  returns from %s", b->condition);
	else
		text_printf(out, "  %s  (%s is %s)", b->at.text, b->condition,
			    b->taken ? "true" : "false");
	if (b->to && !b->enters)
		text_printf(out, " -> line %d", b->to);
	if (b->times > 1)
		text_printf(out, ", %u times", b->times);
	text_put(out, "\n");
}

static void put_path(const struct explanation *e, struct text *out)
{
	u32 from = e->n_branches > SHOWN_BRANCHES ? e->n_branches - SHOWN_BRANCHES : 0;

	if (!e->path_steps)
		return;
	text_printf(out, "\n  The path (%u instructions):\n", e->path_steps);
	if (!e->n_branches)
		text_put(out, "    straight from the beginning, without a branch\n");
	if (e->branches_left_out + from)
		text_printf(out, "    ... %u branches before\n", e->branches_left_out + from);
	for (u32 i = from; i < e->n_branches; i++)
		put_branch(&e->branches[i], out);
}

static void put_origins(const struct explanation *e, struct text *out)
{
	if (!e->n_origins)
		return;
	text_put(out, "\n  Where the value comes from:\n");
	for (u32 i = 0; i < e->n_origins; i++) {
		const struct origin *origin = &e->origins[i];

		text_printf(out, "  %c ", origin->lost ? '!' : ' ');
		put_short(out, &origin->at);
		text_printf(out, "  %s\n", origin->text);
	}
}

static void put_input(const struct explanation *e, struct text *out)
{
	switch (e->input_state) {
	case INPUT_FOUND:
		text_put(out, "\n  An input on which the program fails:\n");
		input_describe(e->input, out);
		text_printf(out, "    then: %s\n", e->fault);
		break;
	case INPUT_NOT_FOUND:
		text_printf(out,
			    "\n  No input found on which it fails (%llu runs): the verifier could not prove\n"
			    "  it, but the program may be right.\n",
			    (unsigned long long)e->runs);
		break;
	case INPUT_ANY:
		text_put(out, "\n  This does not depend on the input.\n");
		break;
	default:
		break;
	}
}

static void put_code(struct text *out, const char *indent, const char *code)
{
	while (*code) {
		size_t n = 0;

		while (code[n] && code[n] != '\n')
			n++;
		text_put(out, indent);
		text_bytes(out, code, n);
		text_put(out, "\n");
		code += n + (code[n] == '\n');
	}
}

static void put_fix(const struct fix *fix, struct text *out)
{
	text_printf(out, "    %s", fix->title);
	if (fix->at.line || fix->at.insn >= 0) {
		text_put(out, ", ");
		put_short(out, &fix->at);
	}
	text_put(out, ":\n");
	put_code(out, "      ", fix->code);
	if (fix->state == FIX_VERIFIED)
		text_put(out, "    verified: with this change the program loads\n");
	else if (fix->state == FIX_STEP)
		text_printf(out, "    verified: this refusal is gone then; the next is: %s\n", fix->after);
}

static void put_fixes(const struct explanation *e, struct text *out)
{
	text_put(out, "\n  What to change:\n");
	for (u32 i = 0; i < e->n_fixes; i++)
		put_fix(&e->fixes[i], out);
	/* What goes for the cause in general: for want of what is known of this program. */
	if (!e->n_fixes && e->advice)
		put_code(out, "    ", e->advice);
}

void explain_text(const struct explanation *e, struct text *out)
{
	put_head(e, out);
	put_source(e, out);
	put_path(e, out);
	put_origins(e, out);
	put_input(e, out);
	put_fixes(e, out);
}
