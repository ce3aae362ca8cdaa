/* SPDX-License-Identifier: Apache-2.0 */
/* An explanation as one JSON object. */
#include "base/str.h"
#include "explain/explain.h"
#include "explain/input.h"

static void put_string(struct text *out, const char *s)
{
	text_put(out, "\"");
	for (; *s; s++) {
		u8 c = (u8)*s;

		if (c == '"' || c == '\\')
			text_printf(out, "\\%c", c);
		else if (c == '\n')
			text_put(out, "\\n");
		else if (c < 32 || c == 127)
			text_printf(out, "\\u%04x", c);
		else
			text_printf(out, "%c", c);
	}
	text_put(out, "\"");
}

static void put_member(struct text *out, const char *name, const char *value)
{
	text_printf(out, "\"%s\":", name);
	put_string(out, value ? value : "");
}

static void put_place(struct text *out, const struct place *at)
{
	text_printf(out, "{\"insn\":%d,\"line\":%u,", at->insn, at->line);
	put_member(out, "file", at->file);
	text_put(out, ",");
	put_member(out, "text", at->text);
	text_put(out, ",");
	put_member(out, "function", at->function);
	text_put(out, "}");
}

static void put_source(const struct explanation *e, struct text *out)
{
	text_put(out, ",\"source\":[");
	for (u32 i = 0; i < e->n_around; i++) {
		text_printf(out, "%s{\"line\":%u,", i ? "," : "", e->around[i].line);
		put_member(out, "text", e->around[i].text);
		text_put(out, "}");
	}
	text_put(out, "]");
}

static void put_path(const struct explanation *e, struct text *out)
{
	text_printf(out, ",\"path\":{\"instructions\":%u,\"left_out\":%u,\"branches\":[",
		    e->path_steps, e->branches_left_out);
	for (u32 i = 0; i < e->n_branches; i++) {
		const struct branch_taken *b = &e->branches[i];

		text_printf(out, "%s{\"at\":", i ? "," : "");
		put_place(out, &b->at);
		text_printf(out, ",\"kind\":\"%s\",", b->enters ? "call" : b->leaves ? "return" : "branch");
		put_member(out, "condition", b->condition);
		text_printf(out, ",\"taken\":%s,\"to_line\":%d,\"times\":%u}", b->taken ? "true" : "false",
			    b->to, b->times);
	}
	text_put(out, "]}");
}

static void put_origins(const struct explanation *e, struct text *out)
{
	text_put(out, ",\"origins\":[");
	for (u32 i = 0; i < e->n_origins; i++) {
		text_printf(out, "%s{\"at\":", i ? "," : "");
		put_place(out, &e->origins[i].at);
		text_printf(out, ",\"lost\":%s,", e->origins[i].lost ? "true" : "false");
		put_member(out, "text", e->origins[i].text);
		text_put(out, "}");
	}
	text_put(out, "]");
}

static void put_input(const struct explanation *e, struct text *out)
{
	static const char *const states[] = { "not-searched", "found", "not-found", "any" };

	text_printf(out, ",\"input\":{\"state\":\"%s\",\"runs\":%llu", states[e->input_state],
		    (unsigned long long)e->runs);
	if (e->input_state == INPUT_FOUND) {
		text_printf(out, ",\"fault_insn\":%d,", e->fault_insn);
		put_member(out, "fault", e->fault);
		text_put(out, ",\"streams\":");
		input_json(e->input, out);
	}
	text_put(out, "}");
}

static void put_fixes(const struct explanation *e, struct text *out)
{
	static const char *const states[] = { "advice", "verified", "step" };

	text_put(out, ",\"fixes\":[");
	for (u32 i = 0; i < e->n_fixes; i++) {
		const struct fix *fix = &e->fixes[i];

		text_printf(out, "%s{\"state\":\"%s\",\"at\":", i ? "," : "", states[fix->state]);
		put_place(out, &fix->at);
		text_put(out, ",");
		put_member(out, "title", fix->title);
		text_put(out, ",");
		put_member(out, "code", fix->code);
		text_put(out, "}");
	}
	text_put(out, "],");
	put_member(out, "advice", e->advice);
}

void explain_json(const struct explanation *e, struct text *out)
{
	text_put(out, "{");
	put_member(out, "cause", e->cause);
	text_put(out, ",");
	put_member(out, "what", e->what);
	text_put(out, ",");
	put_member(out, "message", e->message);
	text_put(out, ",");
	put_member(out, "value", e->detail);
	text_put(out, ",\"at\":");
	put_place(out, &e->at);
	put_source(e, out);
	put_path(e, out);
	put_origins(e, out);
	put_input(e, out);
	put_fixes(e, out);
	text_put(out, "}");
}
