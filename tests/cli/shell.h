/* SPDX-License-Identifier: Apache-2.0 */
/* Running commands as a user does, and what comes of it. Commands are for /bin/sh. */
#ifndef SKEP_TESTS_CLI_SHELL_H
#define SKEP_TESTS_CLI_SHELL_H

#include <stdbool.h>
#include <stddef.h>

struct ran {
	int status; /* as waitpid has it */
	char *out, *err;
	size_t out_len, err_len;
};

/*
 * Runs it in an empty directory of its own (removed afterwards), with SKEP, EXAMPLES (compiled)
 * and SOURCES (examples as C) in its environment, and as nobody if so wanted.
 */
struct ran shell(bool as_nobody, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void ran_free(struct ran *ran);

/* Its exit status, or -1 when it did not exit. */
int exit_of(const struct ran *ran);
/* Output has these bytes in it. */
bool says(const struct ran *ran, const char *text);
bool complains(const struct ran *ran, const char *text);

/* Ends the test case with a reason when that program is not there, or we are not root. */
void need(const char *program);
void need_nobody(void);

/* Fails the case and shows what was printed unless the exit status is this. */
#define EXPECT_EXIT(ran, wanted)                                                          \
	do {                                                                              \
		if (exit_of(ran) != (wanted)) {                                           \
			test_fail(__FILE__, __LINE__, "wait status 0x%x, wanted exit %d", \
				  (ran)->status, (wanted));                               \
			test_note("out: %.2000s", (ran)->out);                            \
			test_note("err: %.2000s", (ran)->err);                            \
		}                                                                         \
	} while (0)

#endif
