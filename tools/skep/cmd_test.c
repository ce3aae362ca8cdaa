/* SPDX-License-Identifier: Apache-2.0 */
/*
 * skep test: runs programs of an object file on inputs that a script gives, and compares what
 * comes out. A line of the script starts with what to do; docs/man/skep-test.1 describes it.
 * Every test starts with freshly loaded maps.
 */
#include "commands.h"
#include "test_script.h"
#include "value.h"

#include "base/str.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char help_test[] =
    "usage: skep test OBJECT.bpf.o [TESTS]\n"
    "\n"
    "Runs programs of an object file on the inputs that the script TESTS gives, and compares\n"
    "what comes out. Without TESTS, x.bpf.test is read for x.bpf.o; '-' is standard input.\n"
    "\n"
    "  test NAME                      starts a test, with fresh maps\n"
    "  map MAP [KEY] = VALUE          sets an element\n"
    "  packet BYTES | file PATH       the packet, in hex; 'packet + BYTES' appends\n"
    "  ctx MEMBER = VALUE             a member of the context\n"
    "  run PROGRAM [times N]\n"
    "  expect return VALUE\n"
    "  expect map MAP [KEY] = VALUE | [KEY] absent | count N\n"
    "  expect packet BYTES | length N\n"
    "  expect ctx MEMBER = VALUE\n"
    "\n"
    "Exit status: 0 all passed, 1 some failed, 2 the object does not load or the script is wrong.\n";

/* "pointer CONTEXT.MEMBER SIZE [write]" */
static void do_pointer(struct script *s, const char *at)
{
	struct test_pointer *p = &s->setup.pointers[s->setup.n_pointers];
	char word[130], *dot;
	u64 size;

	if (s->setup.n_pointers == TEST_MAX_POINTERS) {
		misuse(s, "at most %d pointers", TEST_MAX_POINTERS);
		return;
	}
	dot = take_word(&at, word, sizeof(word)) ? strchr(word, '.') : NULL;
	if (!dot || !parse(s, &at, NULL, 0, &size, 8) || !size || size > 1 << 20) {
		misuse(s, "expected: pointer CONTEXT.MEMBER SIZE [write]");
		return;
	}
	*dot = 0;
	str_copy(p->context, word, sizeof(p->context));
	str_copy(p->member, dot + 1, sizeof(p->member));
	p->size = (u32)size;
	p->writable = take_keyword(&at, "write");
	if (at_end(s, at))
		s->setup.n_pointers++;
}

static bool take_argument(const char **at, enum skep_arg *arg, u32 *size)
{
	static const struct {
		const char *word;
		enum skep_arg arg;
	} kinds[] = { { "value", SKEP_ARG_VALUE },    { "ctx", SKEP_ARG_CTX },
		      { "map", SKEP_ARG_MAP },        { "read", SKEP_ARG_READ },
		      { "write", SKEP_ARG_WRITE },    { "size", SKEP_ARG_SIZE },
		      { "size0", SKEP_ARG_SIZE_OR_0 } };
	char word[32], *colon;

	if (!take_word(at, word, sizeof(word)))
		return false;
	colon = strchr(word, ':');
	if (colon) {
		*colon = 0;
		*size = (u32)strtoul(colon + 1, NULL, 0);
		*arg = str_eq(word, "read") ? SKEP_ARG_READ_FIXED : SKEP_ARG_WRITE_FIXED;
		return *size && (str_eq(word, "read") || str_eq(word, "write"));
	}
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (str_eq(kinds[i].word, word)) {
			*arg = kinds[i].arg;
			return true;
		}
	}
	return false;
}

/* "helper N [ARGUMENT...] = RESULT" */
static void do_helper(struct script *s, const char *at)
{
	struct test_helper *h = &s->setup.helpers[s->setup.n_helpers];
	u64 n;
	int i = 0;

	if (s->setup.n_helpers == TEST_MAX_HELPERS) {
		misuse(s, "at most %d helpers", TEST_MAX_HELPERS);
		return;
	}
	memset(h, 0, sizeof(*h));
	if (!parse(s, &at, NULL, 0, &n, 8))
		return;
	if (n >= TEST_MAX_HELPERS) {
		misuse(s, "skep test has stand-ins for helpers 0 to %d", TEST_MAX_HELPERS - 1);
		return;
	}
	while (!take_char(&at, '=')) {
		if (i == 5 || !take_argument(&at, &h->helper.arg[i], &h->helper.arg_size[i])) {
			misuse(s,
			       "expected: helper N [value|ctx|map|read|write|size|size0|read:BYTES|"
			       "write:BYTES]... = RESULT");
			return;
		}
		i++;
	}
	if (!parse(s, &at, NULL, 0, &h->result, 8) || !at_end(s, at))
		return;
	h->helper.size = sizeof(h->helper);
	h->helper.n = (u32)n;
	h->helper.name = "stand_in";
	h->helper.fn = test_helper_function((u32)n);
	s->setup.n_helpers++;
}

static void end_test(struct script *s)
{
	if (!s->open)
		return;
	test_run_close(&s->run);
	s->open = false;
	if (s->failures)
		s->failed++;
	else
		s->passed++;
	printf("%sok %d - %s\n", s->failures ? "not " : "", s->passed + s->failed, s->name);
	fflush(stdout);
}

static void do_test(struct script *s, const char *at)
{
	struct loader_error error = { 0 };

	end_test(s);
	snprintf(s->name, sizeof(s->name), "%s", *at ? at : "test");
	s->failures = 0;
	if (test_run_open(&s->run, &s->setup, &error)) {
		s->unusable = true;
		fprintf(stderr, "skep test: %s\n", error.text);
		test_run_close(&s->run);
		return;
	}
	s->open = true;
}

static void do_line(struct script *s)
{
	static const struct action outside[] = { { "test", do_test },
						 { "pointer", do_pointer },
						 { "helper", do_helper } };
	static const struct action inside[] = { { "test", do_test },     { "map", do_map },
						{ "packet", do_packet }, { "ctx", do_ctx },
						{ "run", do_run },       { "expect", do_expect } };
	const char *at = skip_blanks(s->text);

	if (!*at || *at == '#')
		return;
	if (s->open) {
		if (!dispatch(s, inside, ARRAY_SIZE(inside), at))
			misuse(s, "expected test, map, packet, ctx, run or expect");
	} else if (!dispatch(s, outside, ARRAY_SIZE(outside), at)) {
		misuse(s, "expected test, pointer or helper before the first test");
	}
}

static int run_file(struct script *s)
{
	s->file = str_eq(s->path, "-") ? stdin : fopen(s->path, "r");
	if (!s->file) {
		fprintf(stderr, "skep test: %s: %s\n", s->path, strerror(errno));
		return 2;
	}
	while (!s->unusable && fgets(s->text, sizeof(s->text), s->file)) {
		size_t n = strlen(s->text);

		s->line++;
		if (n == sizeof(s->text) - 1 && s->text[n - 1] != '\n')
			misuse(s, "the line is longer than %zu bytes", sizeof(s->text) - 2);
		s->text[strcspn(s->text, "\r\n")] = 0;
		do_line(s);
	}
	if (s->unusable && s->open)
		test_run_close(&s->run);
	else
		end_test(s);
	if (s->file != stdin)
		fclose(s->file);
	if (s->unusable)
		return 2;
	if (!s->passed && !s->failed) {
		fprintf(stderr, "skep test: %s has no test\n", s->path);
		return 2;
	}
	printf("1..%d\n%d passed, %d failed\n", s->passed + s->failed, s->passed, s->failed);
	return s->failed ? 1 : 0;
}

/* x.bpf.o is tested by x.bpf.test, beside it. */
static void default_path(const char *object, char *out, size_t size)
{
	size_t n = strlen(object);

	if (n > 2 && str_eq(object + n - 2, ".o"))
		n -= 2;
	snprintf(out, size, "%.*s.test", (int)n, object);
}

int cmd_test(int argc, char **argv)
{
	static struct script script;
	char path[4096];

	if (argc < 2 || argc > 3 || argv[1][0] == '-')
		return bad_usage("test", "expected an object file, and maybe a script");
	if (access(argv[1], R_OK)) {
		complain("%s: %s", argv[1], strerror(errno));
		return EXIT_USAGE;
	}
	if (strlen(argv[1]) > 2 && str_eq(argv[1] + strlen(argv[1]) - 2, ".c"))
		return bad_usage("test", "%s is C: compile it first (clang -target bpf -g -O2 -c)",
				 argv[1]);
	script.setup.object_path = argv[1];
	default_path(argv[1], path, sizeof(path));
	script.path = argc == 3 ? argv[2] : path;
	return run_file(&script);
}
