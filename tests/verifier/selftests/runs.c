/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runs [-v]: the entries of Linux's verifier tests through bpf(2) of a struct skep: Linux's own
 * test program (from the installed linux-source package) makes the maps, loads and calls; its
 * libbpf's syscall() comes here. Compiled only when the tests run, as dump.c is.
 *
 *	verdicts	of a kernel that only verifies, by this machine's BTF, beside this machine's
 *			Linux, or where that does not verify, what the entry expects
 *	results		of Skep's own kernel: entries that say what they return are run
 *
 * Ends with "runs: N runs of M entries, W wrong; ..." and "selftests: agree A of B, unsafe accepts
 * U"; the exit status is 1 when W or U > 0.
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
static int counted_load(enum bpf_prog_type type, const char *name, const char *license,
			const struct bpf_insn *insns, size_t n, const struct bpf_prog_load_opts *opts);

#define main		       selftests_main
#define bpf_prog_test_run_opts counted_run
#define bpf_prog_load	       counted_load
#include "test_verifier.c"
#undef main
#undef bpf_prog_test_run_opts
#undef bpf_prog_load

/* Which kernel bpf(2) reaches; NULL: this machine's. */
static struct skep *kernel;
static struct skep *own, *verifier;
static bool verbose_runs;

/* of the entry being tried */
static struct bpf_test tried; /* a copy: filling in an entry changes it */
static bool was_tried;	/* was PROG_LOAD asked for its program? (And not for one in a prog array.) */
static int load_err;
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

	va_start(args, nr);
	for (int i = 0; i < 6; i++)
		arg[i] = va_arg(args, long);
	va_end(args);
	if (nr != SYS_bpf || !kernel)
		return __real_syscall(nr, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
	return skep_bpf(kernel, (int)arg[0], (union bpf_attr *)arg[1], (unsigned int)arg[2]);
}

/* The last one of an entry is its own: others go into prog arrays before it. */
static int counted_load(enum bpf_prog_type type, const char *name, const char *license,
			const struct bpf_insn *insns, size_t n, const struct bpf_prog_load_opts *opts)
{
	int fd = bpf_prog_load(type, name, license, insns, n, opts);

	was_tried = true;
	load_err = fd < 0 ? errno : 0;
	return fd;
}

static int counted_run(int prog_fd, struct bpf_test_run_opts *opts)
{
	int err = 524;

	if (kernel != own) {
		errno = err;
		return -1;
	}
	err = bpf_prog_test_run_opts(prog_fd, opts);
	if (n_runs < MAX_TEST_RUNS) {
		runs[n_runs].err = err ? errno : 0;
		runs[n_runs++].retval = opts->retval;
	}
	return err;
}

/* What the test program itself has to say: its sums are ours to make. */
static void try_quietly(struct bpf_test *test, struct skep *by)
{
	static int out = -1, null;
	int passes = 0, errors = 0;

	if (out < 0) {
		out = dup(STDOUT_FILENO);
		null = open("/dev/null", O_WRONLY);
	}
	kernel = by;
	n_runs = 0;
	was_tried = false;
	fflush(stdout);
	dup2(null, STDOUT_FILENO);
	tried = *test;
	bpf_vlog[0] = 0;
	do_test_single(&tried, false, &passes, &errors);
	fflush(stdout);
	dup2(out, STDOUT_FILENO);
	kernel = NULL;
}

/* ---- results ---- */

static struct {
	unsigned int right, wrong, entries, not_loaded, no_run;
} results;

static bool is_wrong(unsigned int i)
{
	return runs[i].err || (tried.retvals[i].retval != POINTER_VALUE &&
			       runs[i].retval != tried.retvals[i].retval);
}

static void try_result(struct bpf_test *test)
{
	bool loaded;

	if (test->result == REJECT || test->runs < 0)
		return;
	try_quietly(test, own);
	loaded = was_tried && !load_err;
	results.not_loaded += !loaded;
	results.no_run += n_runs && runs[0].err == 524;
	results.entries += n_runs && runs[0].err != 524;
	if (verbose_runs && !loaded)
		printf("not loaded: %s\n", test->descr);
	for (unsigned int r = 0; r < n_runs && runs[r].err != 524; r++) {
		if (!is_wrong(r)) {
			results.right++;
			continue;
		}
		results.wrong++;
		printf("run %u of \"%s\": %s%u, expected %u\n", r, test->descr,
		       runs[r].err ? strerror(runs[r].err) : "", runs[r].retval,
		       tried.retvals[r].retval);
	}
}

/* ---- verdicts ---- */

static struct {
	unsigned int agree, all, unsafe, by_linux;
} verdicts;

/* Does this machine's Linux answer before it looks at the program? */
static bool is_silent(const struct bpf_test *test)
{
	bool has_target = test->prog_type == BPF_PROG_TYPE_TRACING ||
			  test->prog_type == BPF_PROG_TYPE_LSM || test->prog_type == BPF_PROG_TYPE_EXT;

	return !was_tried || (load_err == EPERM && has_target) || load_err == 524;
}

/* The last line of the log that is not a sum. */
static const char *reason(void)
{
	char *best = "", *line, *rest = bpf_vlog;

	while ((line = strsep(&rest, "\n")) != NULL)
		if (*line && strncmp(line, "processed ", 10) && strncmp(line, "peak memory", 11) &&
		    strncmp(line, "stack depth", 11) && strncmp(line, "verification time", 17))
			best = line;
	return *best ? best : strerror(load_err);
}

static void try_verdict(struct bpf_test *test, bool have_linux)
{
	bool wanted = test->result != REJECT, by_linux = false, accepted;

	if (have_linux) {
		try_quietly(test, NULL);
		by_linux = !is_silent(test);
		if (by_linux)
			wanted = !load_err;
	}
	try_quietly(test, verifier);
	accepted = was_tried && !load_err;
	verdicts.all++;
	verdicts.by_linux += by_linux;
	verdicts.agree += accepted == wanted;
	verdicts.unsafe += accepted && !wanted;
	if (accepted != wanted)
		printf("%s, but %s %s: %s: %s\n", accepted ? "ACCEPTED" : "refused",
		       by_linux ? "Linux" : "the entry", wanted ? "accepts" : "refuses",
		       test->descr, reason());
}

static bool linux_loads_programs(void)
{
	static const struct bpf_insn insns[] = { BPF_MOV64_IMM(BPF_REG_0, 0), BPF_EXIT_INSN() };
	int fd = bpf_prog_load(BPF_PROG_TYPE_KPROBE, NULL, "GPL", insns, 2, NULL);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* A struct skep over this machine's BTF: declared here, so that no header clashes with Linux's. */
struct kernel_model;
struct text;
int model_linux_new(const void *btf, u32 size, struct text *log, struct kernel_model **out);
struct skep *skep_new_verifier(struct kernel_model *model);

static struct skep *new_verifier(void)
{
	int fd = open("/sys/kernel/btf/vmlinux", O_RDONLY);
	size_t size = 0, cap = 64 << 20;
	char *btf = malloc(cap);
	struct kernel_model *model;

	while (fd >= 0 && btf && size < cap) {
		ssize_t n = read(fd, btf + size, cap - size);

		if (n <= 0)
			break;
		size += n;
	}
	if (fd < 0 || !btf || model_linux_new(btf, size, NULL, &model))
		return NULL;
	free(btf);
	return skep_new_verifier(model);
}

int main(int argc, char **argv)
{
	bool have_linux = linux_loads_programs();

	verbose_runs = argc > 1 && !strcmp(argv[1], "-v");
	own = skep_new(NULL);
	verifier = new_verifier();
	if (!own || !verifier) {
		printf("runs: no kernel: %s\n", own ? "no BTF of this machine's" : strerror(errno));
		return 77;
	}
	srand(1);
	for (size_t i = 0; i < ARRAY_SIZE(tests); i++) {
		try_verdict(&tests[i], have_linux);
		try_result(&tests[i]);
	}
	printf("runs: %u runs of %u entries, %u wrong; apart: %u do not load into Skep's own "
	       "kernel, %u of types without TEST_RUN\n",
	       results.right + results.wrong, results.entries, results.wrong, results.not_loaded,
	       results.no_run);
	printf("selftests: agree %u of %u, unsafe accepts %u\n", verdicts.agree, verdicts.all,
	       verdicts.unsafe);
	fflush(stdout);
	skep_free(own);
	skep_free(verifier);
	return results.wrong || verdicts.unsafe;
}
