/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The test harness: TEST(name) { ... } registers a case, CHECK* report a failure and go on,
 * REQUIRE ends the case, SKIP says why it cannot run here. Output is TAP.
 */
#ifndef SKEP_TESTS_TEST_H
#define SKEP_TESTS_TEST_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct test_case {
	const char *name;
	void (*run)(void);
	struct test_case *next;
};

void test_register(struct test_case *test);
void test_fail(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
_Noreturn void test_stop(void);
_Noreturn void test_skip(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* A case found at run time (a data file): reported under that name. */
void test_run_named(const char *name, void (*run)(void *arg), void *arg);
/* A line of commentary in the output. */
void test_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* $SKEP_SOURCE_ROOT/path, in a static buffer. */
const char *test_source_path(const char *path);
const char *test_build_path(const char *path);

#define TEST(fn)                                                                                   \
	static void fn(void);                                                                      \
	__attribute__((constructor)) static void fn##_register(void)                               \
	{                                                                                          \
		static struct test_case test = { #fn, fn, NULL };                                  \
		test_register(&test);                                                              \
	}                                                                                          \
	static void fn(void)

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond))                                                                       \
			test_fail(__FILE__, __LINE__, "%s", #cond);                                \
	} while (0)
#define CHECK_EQ(a, b)                                                                             \
	do {                                                                                       \
		long long check_a_ = (long long)(a), check_b_ = (long long)(b);                    \
		if (check_a_ != check_b_)                                                          \
			test_fail(__FILE__, __LINE__, "%s == %s: %lld (0x%llx) != %lld (0x%llx)",  \
				  #a, #b, check_a_, check_a_, check_b_, check_b_);                 \
	} while (0)
#define CHECK_STR(a, b)                                                                            \
	do {                                                                                       \
		const char *check_a_ = (a), *check_b_ = (b);                                       \
		if (strcmp(check_a_, check_b_))                                                    \
			test_fail(__FILE__, __LINE__, "%s: \"%s\" != \"%s\"", #a, check_a_,        \
				  check_b_);                                                       \
	} while (0)
#define REQUIRE(cond)                                                                              \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			test_fail(__FILE__, __LINE__, "%s", #cond);                                \
			test_stop();                                                               \
		}                                                                                  \
	} while (0)
#define SKIP(...) test_skip(__VA_ARGS__)

#endif
