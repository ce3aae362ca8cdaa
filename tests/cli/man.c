/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The examples of the man pages do what the pages say. In a literal block under EXAMPLES a
 * line "$ command" is run, in a directory with the example programs, and what follows is what
 * it prints: "..." stands for any text, and alone on a line for any lines.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "cli/shell.h"
#include "lib/test.h"

#define MAX_LINES 128

static const char *const pages[] = { "skep.1", "skep-run.1", "skep-verify.1", "skep-btf.1",
				    "skep-prog.1" };

struct example {
	char *command;
	char *expected[MAX_LINES];
	int n_expected;
};

struct page {
	struct example examples[32];
	int n;
};

static void take_line(struct page *page, const char *line)
{
	struct example *last = page->n ? &page->examples[page->n - 1] : NULL;

	if (strncmp(line, "\\&", 2) == 0)
		line += 2;
	if (strncmp(line, "$ ", 2) == 0) {
		REQUIRE(page->n < 32);
		page->examples[page->n++].command = strdup(line + 2);
	} else if (last) {
		REQUIRE(last->n_expected < MAX_LINES);
		last->expected[last->n_expected++] = strdup(line);
	}
}

static void read_page(const char *name, struct page *page)
{
	char path[4096], *line = NULL;
	bool in_examples = false, literal = false;
	size_t size = 0;
	FILE *in;

	snprintf(path, sizeof(path), "%s/%s", test_source_path("docs/man"), name);
	in = fopen(path, "r");
	REQUIRE(in);
	while (getline(&line, &size, in) > 0) {
		line[strcspn(line, "\n")] = 0;
		if (strncmp(line, ".Sh", 3) == 0)
			in_examples = strcmp(line, ".Sh EXAMPLES") == 0;
		else if (strncmp(line, ".Bd -literal", 12) == 0)
			literal = true;
		else if (strncmp(line, ".Ed", 3) == 0)
			literal = false;
		else if (in_examples && literal)
			take_line(page, line);
	}
	free(line);
	fclose(in);
}

/* "a ... b" against a line, "..." for any text. */
static bool line_fits(const char *pattern, const char *line)
{
	const char *dots = strstr(pattern, "...");
	size_t len = dots ? (size_t)(dots - pattern) : strlen(pattern);

	if (strncmp(pattern, line, len))
		return false;
	if (!dots)
		return strlen(line) == len;
	for (const char *at = line + len; at; at = *at ? at + 1 : NULL)
		if (line_fits(dots + 3, at))
			return true;
	return false;
}

static bool lines_fit(char **pattern, int n_pattern, char **lines, int n)
{
	if (!n_pattern)
		return !n;
	if (strcmp(pattern[0], "...") == 0)
		return lines_fit(pattern + 1, n_pattern - 1, lines, n) ||
		       (n && lines_fit(pattern, n_pattern, lines + 1, n - 1));
	return n && line_fits(pattern[0], lines[0]) &&
	       lines_fit(pattern + 1, n_pattern - 1, lines + 1, n - 1);
}

static void check_output(const struct example *example, char *output)
{
	char *lines[1024];
	int n = 0;

	for (char *line = strtok(output, "\n"); line && n < 1024; line = strtok(NULL, "\n"))
		lines[n++] = line;
	if (example->n_expected &&
	    !lines_fit((char **)example->expected, example->n_expected, lines, n)) {
		test_fail(__FILE__, __LINE__, "%s: prints something else", example->command);
		for (int i = 0; i < n && i < 30; i++)
			test_note("%s", lines[i]);
	}
}

/* Output of command i stands between the markers. */
static void run_page(const struct page *page)
{
	char *script = NULL, *at, marker[32];
	size_t size;
	FILE *out = open_memstream(&script, &size);
	struct ran ran;

	fputs("PATH=$(dirname \"$SKEP\"):$PATH; cp \"$SOURCES\"/*.[ch] .; set -e\n", out);
	for (int i = 0; i < page->n; i++)
		fprintf(out, "echo '@@%d'\n%s\n", i, page->examples[i].command);
	fputs("echo '@@end'\n", out);
	fclose(out);
	setenv("SCRIPT", script, 1);
	ran = shell(false, "exec 2>&1; eval \"$SCRIPT\"");
	EXPECT_EXIT(&ran, 0);
	for (int i = 0; i < page->n && exit_of(&ran) == 0; i++) {
		char *end;

		snprintf(marker, sizeof(marker), "@@%d\n", i);
		at = strstr(ran.out, marker);
		REQUIRE(at);
		at += strlen(marker);
		end = strstr(at, "@@");
		REQUIRE(end);
		at = strndup(at, (size_t)(end - at));
		check_output(&page->examples[i], at);
		free(at);
	}
	ran_free(&ran);
	free(script);
}

static void check_page(void *arg)
{
	struct page page = { 0 };

	need("clang");
	read_page(arg, &page);
	CHECK(page.n > 0);
	run_page(&page);
	for (int i = 0; i < page.n; i++) {
		free(page.examples[i].command);
		for (int j = 0; j < page.examples[i].n_expected; j++)
			free(page.examples[i].expected[j]);
	}
}

TEST(for_each_page)
{
	char name[64];

	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		snprintf(name, sizeof(name), "examples of %s", pages[i]);
		test_run_named(name, check_page, (void *)pages[i]);
	}
}
