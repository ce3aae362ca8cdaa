/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of causes: each cause that the verifier's source gives has a line in it, each
 * line is somebody's, and docs/refusals.md is made of it (SKEP_WRITE_DOCS=1 writes the file).
 */
#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "explain/explain.h"
#include "lib/test.h"

#define MAX_CAUSES 400

static struct {
	char id[48];
	char file[64];
} used[MAX_CAUSES];
static u32 n_used;

static void note(const char *id, size_t len, const char *file)
{
	for (u32 i = 0; i < n_used; i++)
		if (strlen(used[i].id) == len && !strncmp(used[i].id, id, len))
			return;
	if (n_used == MAX_CAUSES || len >= sizeof(used[0].id))
		return;
	snprintf(used[n_used].id, sizeof(used[0].id), "%.*s", (int)len, id);
	snprintf(used[n_used++].file, sizeof(used[0].file), "%s", file);
}

/* "null-check": small letters, digits and dashes; messages have blanks. */
static bool looks_like_id(const char *s, size_t len)
{
	bool letter = false;

	for (size_t i = 0; i < len; i++) {
		if (!islower((unsigned char)s[i]) && !isdigit((unsigned char)s[i]) && s[i] != '-')
			return false;
		letter |= !!islower((unsigned char)s[i]);
	}
	return letter && s[0] != '-' && len > 2;
}

/* From "refuse" up to the end of the statement. */
static void scan_call(const char *s, const char *file)
{
	while (*s && *s != ';') {
		const char *end;

		if (*s != '"') {
			s++;
			continue;
		}
		for (end = ++s; *end && *end != '"'; end++)
			if (*end == '\\')
				end++;
		/* Ids come before the message. */
		if (!looks_like_id(s, (size_t)(end - s)))
			return;
		if (*end && (end[1] == ',' || end[1] == ' '))
			note(s, (size_t)(end - s), file);
		s = end + (*end == '"');
	}
}

static void scan_file(const char *dir, const char *name)
{
	static char text[1 << 20];
	char path[600];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "r");
	REQUIRE(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = 0;
	fclose(f);
	for (const char *s = text; (s = strstr(s, "refuse")); s++) {
		const char *open = s + strspn(s, "abcdefghijklmnopqrstuvwxyz_");

		if (*open == '(')
			scan_call(open, name);
	}
}

static void scan_source(void)
{
	const char *dir = test_source_path("src/verifier");
	char kept[512];
	struct dirent *entry;
	DIR *d;

	snprintf(kept, sizeof(kept), "%s", dir);
	n_used = 0;
	d = opendir(kept);
	REQUIRE(d);
	while ((entry = readdir(d)))
		if (strlen(entry->d_name) > 2 && !strcmp(entry->d_name + strlen(entry->d_name) - 2, ".c"))
			scan_file(kept, entry->d_name);
	closedir(d);
}

TEST(every_cause_has_an_entry)
{
	scan_source();
	CHECK(n_used > 60);
	for (u32 i = 0; i < n_used; i++)
		if (!cause_find(used[i].id))
			test_fail(__FILE__, __LINE__,
				  "\"%s\" (src/verifier/%s) has no line in src/verifier/causes.h",
				  used[i].id, used[i].file);
}

TEST(entries_are_whole)
{
	for (u32 i = 0; i < n_causes; i++) {
		const struct cause *c = &causes[i];

		CHECK(cause_find(c->id) == c); /* unique */
		CHECK(strlen(c->id) < sizeof(((struct verify_refusal *)0)->cause));
		CHECK(strlen(c->what) > 10 && strlen(c->doc) > 10 && strlen(c->advice) > 3);
	}
	CHECK(n_causes >= 60);
}

static void put_advice(struct text *out, const char *advice)
{
	bool code = false;

	text_put(out, "To do: ");
	while (*advice) {
		size_t n = strcspn(advice, "\n");
		bool indented = !strncmp(advice, "    ", 4);

		if (indented != code)
			text_put(out, code ? "```\n\n" : "\n```c\n");
		code = indented;
		text_bytes(out, advice + (indented ? 4 : 0), n - (indented ? 4 : 0));
		text_put(out, "\n");
		advice += n + (advice[n] == '\n');
	}
	text_put(out, code ? "```\n\n" : "\n");
}

static void put_page(struct text *out)
{
	text_put(out,
		 "# Refusals\n\n"
		 "Why programs are refused: the id that `skep verify` prints in brackets (and as `cause` in\n"
		 "its JSON), what could not be proved, why it is asked, and what to do. Made of\n"
		 "`src/verifier/causes.h` by `tests/explain/causes.c`.\n\n");
	for (u32 i = 0; i < n_causes; i++) {
		text_printf(out, "## %s\n\n**%c%s.** %s\n\n", causes[i].id,
			    toupper((unsigned char)causes[i].what[0]), causes[i].what + 1, causes[i].doc);
		put_advice(out, causes[i].advice);
	}
}

TEST(the_page_is_in_step)
{
	static char made[131072], kept[131072];
	struct text out = text_in(made, sizeof(made));
	const char *path = test_source_path("docs/refusals.md");
	FILE *f;

	put_page(&out);
	CHECK(out.len < sizeof(made));
	f = fopen(path, getenv("SKEP_WRITE_DOCS") ? "w" : "r");
	REQUIRE(f);
	if (getenv("SKEP_WRITE_DOCS")) {
		fputs(made, f);
	} else {
		kept[fread(kept, 1, sizeof(kept) - 1, f)] = 0;
		if (strcmp(kept, made))
			test_fail(__FILE__, __LINE__,
				  "docs/refusals.md is old: SKEP_WRITE_DOCS=1 meson test explain-causes");
	}
	fclose(f);
}
