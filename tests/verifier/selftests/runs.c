/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runs [-v]: runs the entries of Linux's verifier tests that say what they return, through
 * bpf(2) of a struct skep: Linux's own test program (from the installed linux-source package)
 * fills the maps, loads and calls; its libbpf's syscall() comes here. Compiled only when the
 * tests run, as dump.c is.
 *
 * Ends with "runs: N runs of M entries, W wrong; ..."; the exit status is 1 when W > 0.
 */
#include "base/types.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <skep/bpf.h>
#include <skep/skep.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

static int counted_run(int prog_fd, struct bpf_test_run_opts *opts);

#define main		       selftests_main
#define bpf_prog_test_run_opts counted_run
#include "test_verifier.c"
#undef main
#undef bpf_prog_test_run_opts

static struct skep *skep;
static bool loaded;
/* of the entry being run */
static unsigned int n_runs;
static struct {
	int err;
	unsigned int retval;
} runs[MAX_TEST_RUNS];

long __real_syscall(long nr, ...);
long __wrap_syscall(long nr, ...);

long __wrap_syscall(long nr, ...)
{
	long arg[6];
	va_list args;
	int ret;

	va_start(args, nr);
	for (int i = 0; i < 6; i++)
		arg[i] = va_arg(args, long);
	va_end(args);
	if (nr != SYS_bpf)
		return __real_syscall(nr, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
	ret = skep_bpf(skep, (int)arg[0], (union bpf_attr *)arg[1], (unsigned int)arg[2]);
	return ret;
}

static int counted_run(int prog_fd, struct bpf_test_run_opts *opts)
{
	int err = bpf_prog_test_run_opts(prog_fd, opts);

	loaded = true;
	if (n_runs < MAX_TEST_RUNS) {
		runs[n_runs].err = err ? errno : 0;
		runs[n_runs++].retval = opts->retval;
	}
	return err;
}

/* What the test program has to say is about verdicts: others look at these. */
static void run_quietly(struct bpf_test *test, int out, int null)
{
	int passes = 0, errors = 0;

	n_runs = 0;
	loaded = false;
	fflush(stdout);
	dup2(null, STDOUT_FILENO);
	do_test_single(test, false, &passes, &errors);
	fflush(stdout);
	dup2(out, STDOUT_FILENO);
}

static bool is_wrong(const struct bpf_test *test, unsigned int i)
{
	return runs[i].err || (test->retvals[i].retval != POINTER_VALUE &&
			       runs[i].retval != test->retvals[i].retval);
}

int main(int argc, char **argv)
{
	bool verbose_runs = argc > 1 && !strcmp(argv[1], "-v");
	int out = dup(STDOUT_FILENO), null = open("/dev/null", O_WRONLY);
	unsigned int right = 0, wrong = 0, entries = 0, not_loaded = 0, no_run = 0;

	skep = skep_new(NULL);
	if (!skep)
		return 2;
	srand(1);
	for (size_t i = 0; i < ARRAY_SIZE(tests); i++) {
		struct bpf_test *test = &tests[i];

		if (test->result == REJECT || test->runs < 0)
			continue;
		run_quietly(test, out, null);
		entries += n_runs && runs[0].err != 524;
		not_loaded += !loaded;
		no_run += n_runs && runs[0].err == 524;
		if (verbose_runs && !loaded)
			printf("not loaded: %s\n", test->descr);
		for (unsigned int r = 0; r < n_runs && runs[r].err != 524; r++) {
			if (!is_wrong(test, r)) {
				right++;
				continue;
			}
			wrong++;
			printf("run %u of \"%s\": %s%u, expected %u\n", r, test->descr,
			       runs[r].err ? strerror(runs[r].err) : "", runs[r].retval,
			       test->retvals[r].retval);
		}
	}
	printf("runs: %u runs of %u entries, %u wrong; apart: %u do not load into Skep's own "
	       "kernel, %u of types without TEST_RUN\n",
	       right + wrong, entries, wrong, not_loaded, no_run);
	fflush(stdout);
	skep_free(skep);
	return wrong > 0;
}
