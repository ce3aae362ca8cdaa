/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every case of the files in cases/ (lib/case.h): Skep's verdict, message and instruction, and
 * where this machine's Linux can be asked, that it agrees.
 */
#include <glob.h>
#include <stdlib.h>

#include "lib/test.h"
#include "verifier/lib/case.h"

static void check_skep(struct verifier_case *c)
{
	struct verdict v;

	judge_skep(&c->subject, 0, &v);
	if (!v.judged && c->subject.linux_model)
		test_skip("%s", v.message);
	REQUIRE(v.judged);
	if (c->accept) {
		if (v.err)
			test_fail(__FILE__, (int)c->line, "refused (%d) at %d: %s", v.err, v.insn,
				  v.message);
		return;
	}
	if (!v.err) {
		test_fail(__FILE__, (int)c->line, "accepted; expected: %s", c->words);
		return;
	}
	if (!strstr(v.message, c->words))
		test_fail(__FILE__, (int)c->line, "\"%s\" does not say \"%s\"", v.message, c->words);
	if (c->at >= 0)
		CHECK_EQ(v.insn, c->at);
}

static void check_linux(struct verifier_case *c)
{
	bool accept = c->linux_view == LINUX_ACCEPTS ||
		      (c->linux_view == LINUX_SAME && c->accept);
	const char *words = c->linux_words[0] ? c->linux_words : c->words;
	struct verdict v;

	if (c->linux_view == LINUX_SKIPPED)
		return;
	judge_linux(&c->subject, 1, &v);
	if (v.judged && accept != !v.err)
		test_fail(__FILE__, (int)c->line, "Linux %s (%d): %s",
			  v.err ? "refuses" : "accepts", v.err, v.message);
	else if (v.judged && v.err && c->linux_view == LINUX_SAME && !strstr(v.log, words))
		test_fail(__FILE__, (int)c->line, "Linux says \"%s\", not \"%s\"", v.message, words);
	free(v.log);
}

static void run_case(void *arg)
{
	struct verifier_case *c = arg;

	if (!getenv("SKEP_LINUX_ONLY"))
		check_skep(c);
	if (!c->subject.unprivileged && !linux_unavailable())
		check_linux(c);
}

static void add_case(struct verifier_case *c, void *arg)
{
	char name[300];

	snprintf(name, sizeof(name), "%s: %s", (const char *)arg, c->subject.name);
	test_run_named(name, run_case, c);
}

static bool file_is_good;

static void file_read(void *arg)
{
	CHECK(file_is_good);
}

TEST(for_each_case)
{
	const char *only = getenv("SKEP_CASES");
	glob_t files;

	if (linux_unavailable())
		test_note("Linux is not asked: %s", linux_unavailable());
	if (glob(test_source_path("tests/verifier/cases/*.data"), 0, NULL, &files))
		return;
	for (size_t i = 0; i < files.gl_pathc; i++) {
		const char *path = files.gl_pathv[i], *name = strrchr(path, '/') + 1;

		if (only && !strstr(name, only))
			continue;
		file_is_good = cases_read(path, add_case, (void *)name);
		test_run_named(name, file_read, NULL);
	}
	globfree(&files);
}
