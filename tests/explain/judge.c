/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The explanations, judged: broken programs (broken/broken.h says how they are marked). Checked
 * for each: that it is refused at the marked line, with that cause; that the repaired
 * source loads; that a suggestion that says "verified" comes where one is expected; and that
 * the input, read back from its text, makes the program fail at the refused instruction.
 *
 * ONLY=name in the environment looks at that program alone and prints its explanation.
 */
#include <stdlib.h>
#include <string.h>

#include "explain/explain.h"
#include "kernel/kernel.h"
#include "lib/test.h"
#include "loader/loader.h"

static const char *const objects[] = { "maps", "packets", "lengths", "held", "flow", "licence", "newer" };

#define MAX_PROGS 120

enum wanted_input { WANT_NO_INPUT, WANT_INPUT, WANT_ANY };

struct expected {
	const char *object;
	char name[64];
	u32 line;
	char cause[48];
	enum wanted_input input;
	bool advice;
	char text[48]; /* of the explanation */
	/* what came */
	bool seen, refused, right_line, right_cause, repaired, found, any, replayed, has_text;
	enum fix_state fix;
	u32 got_line;
	char got_cause[48], got_message[200];
	u64 ns;
};

static struct expected expected[MAX_PROGS];
static u32 n_expected;

/* ---- the marks ---- */

static void take_mark(struct expected *e, const char *mark, u32 line)
{
	const char *quote = strchr(mark, '"');
	char words[200];
	char *word, *rest = words;

	if (quote)
		snprintf(e->text, sizeof(e->text), "%.*s", (int)strcspn(quote + 1, "\""),
			 quote + 1);
	snprintf(words, sizeof(words), "%.*s", (int)strcspn(mark, "*\""), mark);
	e->line = line;
	for (int i = 0; (word = strtok_r(rest, " ", &rest)); i++) {
		if (!i)
			snprintf(e->cause, sizeof(e->cause), "%s", word);
		else if (!strcmp(word, "input"))
			e->input = WANT_INPUT;
		else if (!strcmp(word, "any"))
			e->input = WANT_ANY;
		else if (!strcmp(word, "advice"))
			e->advice = true;
	}
}

static void read_marks(const char *object)
{
	struct expected next = { .object = object };
	bool section = false, inside = false;
	char path[600], text[400];
	FILE *f;

	snprintf(path, sizeof(path), "tests/explain/broken/%s.bpf.c", object);
	f = fopen(test_source_path(path), "r");
	REQUIRE(f);
	for (u32 line = 1; fgets(text, sizeof(text), f); line++) {
		const char *mark = strstr(text, "BAD ");

		if (mark)
			take_mark(&next, mark + 4, line);
		if (!strncmp(text, "SEC(", 4) && !strchr(text, ';'))
			section = true;
		else if (section && !strncmp(text, "int ", 4)) {
			snprintf(next.name, sizeof(next.name), "%.*s",
				 (int)strcspn(text + 4, "("), text + 4);
			section = false;
			inside = true;
		} else if (inside && text[0] == '}') {
			inside = false;
			REQUIRE(next.cause[0] && n_expected < MAX_PROGS);
			expected[n_expected++] = next;
			next = (struct expected){ .object = object };
		}
	}
	fclose(f);
}

static struct expected *find(const char *object, const char *name)
{
	for (u32 i = 0; i < n_expected; i++)
		if (!strcmp(expected[i].object, object) && !strcmp(expected[i].name, name))
			return &expected[i];
	return NULL;
}

/* ---- judging ---- */

struct judge {
	const char *object, *only;
	bool fixed;
	struct expected last; /* of the refusal before `seen` */
	char *text;
};

static void check_input(const struct verify_request *request, const struct explanation *e,
			struct expected *out)
{
	static char text[1 << 20];
	struct text buf = text_in(text, sizeof(text));
	char words[200];
	s32 insn = -1;

	out->found = e->input_state == INPUT_FOUND;
	out->any = e->input_state == INPUT_ANY;
	if (!out->found)
		return;
	explain_input_text(e, &buf);
	out->replayed = buf.len < sizeof(text) &&
			explain_replay(request, text, e->cause, &insn, words, sizeof(words)) &&
			insn == e->fault_insn;
}

static void on_verified(void *data, const struct verify_request *request,
		       const struct verify_result *result, int err)
{
	struct judge *judge = data;
	struct text text;
	struct explanation *e;
	u64 start = os_clock_ns(OS_CLOCK_MONOTONIC);

	free(judge->text);
	judge->text = NULL;
	memset(&judge->last, 0, sizeof(judge->last));
	if (!err || judge->fixed || explain(request, result, &(struct explain_opts){ .input_ms = 300 }, &e))
		return;
	judge->last.ns = os_clock_ns(OS_CLOCK_MONOTONIC) - start;
	judge->last.got_line = e->at.line;
	snprintf(judge->last.got_cause, sizeof(judge->last.got_cause), "%s", e->cause);
	snprintf(judge->last.got_message, sizeof(judge->last.got_message), "%.190s", e->message);
	for (u32 i = 0; i < e->n_fixes; i++)
		if (e->fixes[i].state == FIX_VERIFIED)
			judge->last.fix = FIX_VERIFIED;
	check_input(request, e, &judge->last);
	judge->text = calloc(1, 1 << 16);
	text = text_in(judge->text, 1 << 16);
	explain_text(e, &text);
	explain_free(e);
}

static void note_refused(struct judge *judge, struct expected *e, const struct loader_prog *prog)
{
	const struct expected *last = &judge->last;

	e->seen = true;
	e->refused = prog->verdict == LOADER_REFUSED;
	e->got_line = last->got_line;
	e->right_line = last->got_line == e->line;
	e->right_cause = !strcmp(last->got_cause, e->cause);
	memcpy(e->got_cause, last->got_cause, sizeof(e->got_cause));
	snprintf(e->got_message, sizeof(e->got_message), "%.190s",
		 last->got_message[0] ? last->got_message : prog->reason);
	e->found = last->found;
	e->any = last->any;
	e->replayed = last->replayed;
	e->fix = last->fix;
	e->ns = last->ns;
	e->has_text = judge->text && strstr(judge->text, e->text);
	if (judge->only && judge->text)
		puts(judge->text);
}

static void on_verdict(void *data, const struct loader_prog *prog)
{
	struct judge *judge = data;
	struct expected *e = find(judge->object, prog->name);

	if (!e || (judge->only && strcmp(judge->only, prog->name)))
		return;
	if (judge->fixed) {
		e->repaired = prog->verdict == LOADER_ACCEPTED;
		if (!e->repaired)
			test_note("%s: repaired, it is still refused: %s at %s", prog->name,
				  prog->reason, prog->where);
	} else {
		note_refused(judge, e, prog);
	}
	memset(&judge->last, 0, sizeof(judge->last));
}

static bool is_other(void *data, const char *name)
{
	const struct judge *judge = data;

	return judge->only && strcmp(judge->only, name);
}

static void judge_object(const char *object, bool fixed, const char *only)
{
	struct judge judge = { .object = object, .fixed = fixed, .only = only };
	struct skep *skep = skep_new_verifier(NULL);
	struct loader_kernel kernel;
	struct loader_error error = { 0 };
	struct loader_source source = { 0 };
	struct loader_judge how = { .seen = on_verdict, .skip = is_other, .data = &judge };
	char path[600];

	REQUIRE(skep);
	loader_kernel_of(skep, &kernel);
	skep_on_verified(skep, on_verified, &judge);
	snprintf(path, sizeof(path), "tests/explain/%s-%s.bpf.o", fixed ? "fixed" : "broken", object);
	source.path = test_build_path(path);
	if (loader_judge(&kernel, &source, &how, &error))
		test_fail(__FILE__, __LINE__, "%s", error.text);
	free(judge.text);
	skep_free(skep);
}

/* ---- the table ---- */

static bool is_right(const struct expected *e)
{
	return e->seen && e->refused && e->right_line && e->right_cause && e->repaired &&
	       e->has_text && (e->advice || e->fix == FIX_VERIFIED) &&
	       (e->input == WANT_NO_INPUT || (e->input == WANT_INPUT ? e->found : e->any)) &&
	       (!e->found || e->replayed);
}

static void print_row(const struct expected *e)
{
	test_note("%-24s %-20s line %-3s cause %-3s repair %-3s fix %-8s input %-9s %4llu ms%s%s", e->name,
		  e->cause, e->right_line ? "ok" : "NO", e->right_cause ? "ok" : "NO",
		  e->repaired ? "ok" : "NO", e->fix == FIX_VERIFIED ? "verified" : "advice",
		  e->found ? (e->replayed ? "confirmed" : "NOT SO") : e->any ? "any" : "none",
		  (unsigned long long)e->ns / 1000000, is_right(e) ? "" : "  <- ",
		  e->right_cause && e->right_line ? "" : e->got_message);
	if (!e->right_line || !e->right_cause)
		test_note("    wanted line %u, %s; got line %u, %s", e->line, e->cause, e->got_line,
			  e->got_cause);
	if (e->seen && !e->has_text)
		test_note("    the explanation lacks \"%s\"", e->text);
}

static void check_all(void)
{
	u32 lines = 0, cases = 0, repaired = 0, verified = 0, inputs = 0;

	for (u32 i = 0; i < n_expected; i++) {
		const struct expected *e = &expected[i];

		print_row(e);
		lines += e->right_line;
		cases += e->right_cause;
		repaired += e->repaired;
		verified += e->fix == FIX_VERIFIED;
		inputs += e->found && e->replayed;
		if (!is_right(e))
			test_fail(__FILE__, __LINE__, "%s is not explained as it should be", e->name);
	}
	test_note("%u programs: right line %u, right cause %u, repaired source loads %u, "
		  "change verified %u, failing input confirmed %u",
		  n_expected, lines, cases, repaired, verified, inputs);
	CHECK(n_expected >= 60);
	CHECK(inputs >= 40);
}

TEST(sixty_broken_programs)
{
	const char *only = getenv("ONLY");

	for (u32 i = 0; i < ARRAY_SIZE(objects); i++)
		read_marks(objects[i]);
	for (u32 i = 0; i < ARRAY_SIZE(objects); i++) {
		judge_object(objects[i], false, only);
		judge_object(objects[i], true, only);
	}
	if (!only)
		check_all();
}

/* ---- an embedder's log ---- */

static bool in_the_log;

static void look_at_log(void *data, const struct loader_prog *prog)
{
	in_the_log |= prog->log && strstr(prog->log, "R0 invalid mem access 'map_value_or_null'") &&
		      strstr(prog->log, "this pointer may be NULL here  [null-check]") &&
		      strstr(prog->log, "verified: with this change the program loads");
}

static bool log_explains(uint32_t flags)
{
	struct skep_opts opts = { .size = sizeof(opts), .flags = flags };
	struct skep *skep = skep_new(&opts);
	struct loader_kernel kernel;
	struct loader_error error = { 0 };
	struct loader_source source = { .path = test_build_path("tests/explain/broken-maps.bpf.o") };
	struct loader_judge how = { .log_level = 1, .seen = look_at_log };

	REQUIRE(skep);
	loader_kernel_of(skep, &kernel);
	in_the_log = false;
	CHECK(!loader_judge(&kernel, &source, &how, &error));
	skep_free(skep);
	return in_the_log;
}

TEST(a_log_explains_when_asked_to)
{
	CHECK(log_explains(SKEP_EXPLAIN));
	CHECK(!log_explains(0));
}
