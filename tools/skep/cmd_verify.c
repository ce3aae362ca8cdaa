/* SPDX-License-Identifier: Apache-2.0 */
/* skep verify: options; the work is in verify/. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "verify/verify.h"

#define DEFAULT_SECONDS 60
#define EXIT_UNJUDGED   3

const char help_verify[] =
    "usage: skep verify [--btf FILE] [--against-linux] [--tsv | --json] [-v] FILE|DIRECTORY...\n"
    "\n"
    "Would the programs in these object files (or C files), and in the objects (*.o) below these\n"
    "directories, load? Each program is judged alone.\n"
    "\n"
    "      --btf FILE       by the Linux whose BTF that is (/sys/kernel/btf/vmlinux: this\n"
    "                       machine's), not by the kernel that Skep presents\n"
    "      --against-linux  ask the kernel of this machine as well, and show where it differs\n"
    "      --tsv            a row a program, separated by tabs, below a heading: file, program,\n"
    "                       verdict (accepted, refused, unjudged; error: of a file), time_us,\n"
    "                       instructions the verifier went through, states, peak_memory, reason\n"
    "      --json           the same and more as an array of objects\n"
    "      --log-level N    with the verifier's log, also of what is accepted (1, 2; +4: figures)\n"
    "  -v, --verbose        --log-level 1\n"
    "      --why-slow       which lines verification walks most, which states did not merge\n"
    "                       there, and why\n"
    "      --show-states N  what is known of registers and stack at line N of the source\n"
    "      --seconds N      give up on a program after that long (60)\n"
    "\n"
    "The exit status is 0 when all are accepted, 1 when some are refused, 2 when a file cannot\n"
    "be read or the usage is wrong, 3 when none is refused but some could not be judged.\n";

enum { OPT_BTF = 256, OPT_LINUX, OPT_TSV, OPT_JSON, OPT_LEVEL, OPT_SECONDS, OPT_SLOW, OPT_STATES };

static const struct option options[] = { { "btf", required_argument, NULL, OPT_BTF },
					 { "against-linux", no_argument, NULL, OPT_LINUX },
					 { "tsv", no_argument, NULL, OPT_TSV },
					 { "json", no_argument, NULL, OPT_JSON },
					 { "log-level", required_argument, NULL, OPT_LEVEL },
					 { "seconds", required_argument, NULL, OPT_SECONDS },
					 { "why-slow", no_argument, NULL, OPT_SLOW },
					 { "show-states", required_argument, NULL, OPT_STATES },
					 { "verbose", no_argument, NULL, 'v' },
					 { NULL, 0, NULL, 0 } };

static int number(const char *option, u32 max, u32 *out)
{
	char *end;
	unsigned long value = strtoul(optarg, &end, 10);

	if (!*optarg || *end || value > max)
		return bad_usage("verify", "%s wants a number up to %u, not '%s'", option, max,
				 optarg);
	*out = (u32)value;
	return 0;
}

static int take_option(int option, struct verify_opts *opts)
{
	switch (option) {
	case OPT_BTF:
		opts->btf = optarg;
		return 0;
	case OPT_LINUX:
		opts->against_linux = true;
		return 0;
	case OPT_TSV:
		opts->format = VERIFY_TSV;
		return 0;
	case OPT_JSON:
		opts->format = VERIFY_JSON;
		return 0;
	case OPT_LEVEL:
		return number("--log-level", 7, &opts->log_level);
	case OPT_SECONDS:
		return number("--seconds", 86400, &opts->seconds);
	case OPT_SLOW:
		opts->why_slow = true;
		return 0;
	case OPT_STATES:
		return number("--show-states", 10000000, &opts->states_line);
	case 'v':
		opts->log_level = 1;
		return 0;
	default:
		return EXIT_USAGE;
	}
}

static int parse(int argc, char **argv, struct verify_opts *opts)
{
	int option, status = 0;

	argv[0] = "skep verify";
	while (!status && (option = getopt_long(argc, argv, "v", options, NULL)) != -1)
		status = take_option(option, opts);
	if (!status && optind == argc)
		return bad_usage("verify", "which files?");
	return status;
}

static int status_of(const struct report *report)
{
	if (report->errors)
		return EXIT_USAGE;
	if (report->refused)
		return EXIT_PROBLEM;
	return report->unjudged ? EXIT_UNJUDGED : EXIT_FINE;
}

static void on_record(void *data, const char *file, const struct record *record)
{
	report_record(data, file, record);
}

int cmd_verify(int argc, char **argv)
{
	struct verify_opts opts = { .seconds = DEFAULT_SECONDS };
	struct report report = { .opts = &opts, .out = stdout };
	struct files files = { 0 };
	int status = parse(argc, argv, &opts);

	if (status)
		return status;
	for (int i = optind; i < argc; i++)
		if (files_add(&files, argv[i]))
			status = EXIT_USAGE;
	if (files.n) {
		report_begin(&report);
		if (judge_all(&opts, &files, on_record, &report))
			status = EXIT_USAGE;
		report_end(&report);
	}
	files_release(&files);
	return status ? status : status_of(&report);
}
