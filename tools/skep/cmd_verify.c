/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "compile.h"
#include "explain.h"
#include "kernel/kernel.h"
#include "loader/loader.h"

const char help_verify[] =
    "usage: skep verify [--tsv] [-v] FILE...\n"
    "\n"
    "Would the programs in these object files (or C files) load? Each program is judged alone.\n"
    "\n"
    "      --tsv      a row a program, separated by tabs, without a heading:\n"
    "                 file, program, accepted|refused, microseconds, instructions the verifier\n"
    "                 went through, reason (empty if accepted). A file that cannot be read is a\n"
    "                 row with '-' as program and 'error' as verdict.\n"
    "  -v, --verbose  with the verifier's log, also of what is accepted\n"
    "\n"
    "The exit status is 0 when all are accepted, 1 when some are refused, 2 when a file cannot\n"
    "be read or the usage is wrong.\n";

struct verdicts {
	const char *file;
	bool tsv, verbose;
	struct explainer explainer;
	u32 accepted, refused, unreadable;
};

/* Tabs and newlines would break a row. */
static void put_field(const char *text)
{
	for (; *text; text++)
		putchar(*text == '\t' || *text == '\n' ? ' ' : *text);
}

static void put_row(const char *file, const char *program, const char *verdict, u64 ns, u64 insns,
		    const char *reason)
{
	put_field(file);
	printf("\t%s\t%s\t%llu\t%llu\t", program, verdict, (unsigned long long)(ns + 999) / 1000,
	       (unsigned long long)insns);
	put_field(reason);
	putchar('\n');
}

static void put_text(const struct verdicts *v, const struct loader_prog *prog)
{
	bool accepted = prog->verdict == LOADER_ACCEPTED;

	printf("%s: %s %s (%s), %llu instructions in %llu us\n", v->file,
	       accepted ? "accepted" : "REFUSED ", prog->name, prog->section,
	       (unsigned long long)prog->insns, (unsigned long long)(prog->load_ns + 999) / 1000);
	if (!accepted)
		printf("    %s\n", prog->reason);
	if (!accepted && prog->where[0])
		printf("    at %s\n", prog->where);
	if (!accepted && v->explainer.text)
		printf("\n%s\n", v->explainer.text);
	if (v->verbose && prog->log)
		fputs(prog->log, stdout);
}

static void on_verdict(void *data, const struct loader_prog *prog)
{
	struct verdicts *v = data;
	bool accepted = prog->verdict == LOADER_ACCEPTED;
	char reason[1100];

	v->accepted += accepted;
	v->refused += !accepted;
	snprintf(reason, sizeof(reason), "%s%s%s", prog->reason, prog->where[0] ? " at " : "",
		 prog->where);
	if (v->tsv)
		put_row(v->file, prog->name, accepted ? "accepted" : "refused", prog->load_ns,
			prog->insns, accepted ? "" : reason);
	else
		put_text(v, prog);
	explainer_clear(&v->explainer);
}

static void on_unreadable(struct verdicts *v, const char *message)
{
	v->unreadable++;
	if (v->tsv)
		put_row(v->file, "-", "error", 0, 0, message);
	else
		complain("%s", message);
}

static void judge(const struct loader_kernel *kernel, struct verdicts *v)
{
	struct compile_opts opts = { .btf = kernel->btf, .btf_size = kernel->btf_size };
	struct loader_source source = { .path = v->file };
	struct loader_error error = { 0 };
	void *bytes = NULL;

	if (is_source(v->file)) {
		if (compile(v->file, &opts, &bytes, &source.size)) {
			on_unreadable(v, "it does not compile");
			return;
		}
		source.bytes = bytes;
	}
	if (loader_judge(kernel, &source, v->verbose ? 1 : 0, on_verdict, v, &error))
		on_unreadable(v, error.text);
	free(bytes);
	fflush(stdout);
}

static int parse(int argc, char **argv, struct verdicts *v)
{
	static const struct option options[] = { { "tsv", no_argument, NULL, 't' },
						 { "verbose", no_argument, NULL, 'v' },
						 { NULL, 0, NULL, 0 } };
	int option;

	argv[0] = "skep verify";
	while ((option = getopt_long(argc, argv, "v", options, NULL)) != -1) {
		if (option == '?')
			return EXIT_USAGE;
		v->tsv |= option == 't';
		v->verbose |= option == 'v';
	}
	if (optind == argc)
		return bad_usage("verify", "which files?");
	return 0;
}

int cmd_verify(int argc, char **argv)
{
	struct verdicts v = { 0 };
	struct loader_kernel kernel;
	struct skep *skep;
	int status = parse(argc, argv, &v);

	if (status)
		return status;
	skep = skep_new(NULL);
	if (!skep) {
		complain("cannot make a kernel: %s", strerror(errno));
		return EXIT_USAGE;
	}
	loader_kernel_of(skep, &kernel);
	if (!v.tsv)
		explainer_start(&v.explainer, skep);
	for (int i = optind; i < argc; i++) {
		v.file = argv[i];
		judge(&kernel, &v);
	}
	explainer_end(&v.explainer, skep);
	skep_free(skep);
	return v.unreadable ? EXIT_USAGE : v.refused ? EXIT_PROBLEM : EXIT_FINE;
}
