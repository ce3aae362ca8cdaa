/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

static struct test_case *first, **last = &first;
static jmp_buf stop;
static int number, failed_cases, failures;
static char skip_reason[256];

void test_register(struct test_case *test)
{
	*last = test;
	last = &test->next;
}

void test_fail(const char *file, int line, const char *fmt, ...)
{
	va_list args;

	failures++;
	if (failures > 20)
		return;
	printf("# %s:%d: ", file, line);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf("\n");
}

void test_note(const char *fmt, ...)
{
	va_list args;

	printf("# ");
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf("\n");
}

void test_stop(void)
{
	longjmp(stop, 1);
}

void test_skip(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(skip_reason, sizeof(skip_reason), fmt, args);
	va_end(args);
	longjmp(stop, 1);
}

void test_run_named(const char *name, void (*run)(void *arg), void *arg)
{
	failures = 0;
	skip_reason[0] = 0;
	if (!setjmp(stop))
		run(arg);
	number++;
	if (failures)
		failed_cases++;
	printf("%s %d - %s%s%s\n", failures ? "not ok" : "ok", number, name,
	       !failures && skip_reason[0] ? " # SKIP " : "", failures ? "" : skip_reason);
	fflush(stdout);
}

static void run_plain(void *arg)
{
	((struct test_case *)arg)->run();
}

static const char *in_root(const char *variable, const char *path, char *out, size_t size)
{
	const char *root = getenv(variable);

	snprintf(out, size, "%s/%s", root ? root : ".", path);
	return out;
}

const char *test_source_path(const char *path)
{
	static char out[4096];

	return in_root("SKEP_SOURCE_ROOT", path, out, sizeof(out));
}

const char *test_build_path(const char *path)
{
	static char out[4096];

	return in_root("SKEP_BUILD_ROOT", path, out, sizeof(out));
}

/* Arguments are substrings: only cases whose name contains one of them run. */
static bool wanted(const char *name, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strstr(name, argv[i]))
			return true;
	return argc < 2;
}

/* A case that runs others by test_run_named is named for_each_*: it is not counted itself. */
int main(int argc, char **argv)
{
	for (struct test_case *t = first; t; t = t->next) {
		if (!wanted(t->name, argc, argv))
			continue;
		if (strncmp(t->name, "for_each_", 9) == 0)
			t->run();
		else
			test_run_named(t->name, run_plain, t);
	}
	printf("1..%d\n", number);
	return failed_cases ? 1 : 0;
}
