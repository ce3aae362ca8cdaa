/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include <getopt.h>
#include <stdio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "commands.h"
#include "session.h"

#define DEFAULT_TOP    30
#define DEFAULT_BUDGET (100u << 20)

const char help_run[] =
    "usage: skep run PROG.bpf.c|PROG.bpf.o [OPTIONS] -- COMMAND [ARGUMENTS]\n"
    "       skep run PROG.bpf.c|PROG.bpf.o [OPTIONS] -p PID\n"
    "\n"
    "Runs COMMAND, or watches process PID, with all threads and children, while the eBPF\n"
    "programs of PROG run at its system calls. At the end their maps are printed.\n"
    "\n"
    "  -p, --pid PID        a process that runs already; it goes on unharmed afterwards\n"
    "  -d, --duration SECS  stop watching (or end COMMAND with SIGTERM) after that time\n"
    "  -o, --output FILE    print there instead of standard error\n"
    "      --json           one JSON object a line: records and trace lines as they come, maps last\n"
    "      --only PROGRAM   load only this program of PROG; may be repeated\n"
    "      --map MAP        print only this map (also .bss, .data, .rodata); may be repeated\n"
    "      --top N          rows of a table (30); at most 5 histograms of a map; 0: all\n"
    "      --budget N       loop iterations and calls one event may cost (104857600); 0: any\n"
    "      --no-jit         run in the interpreter\n"
    "  -I DIR, -D MACRO     for clang, when PROG is C\n"
    "  -v, --verbose        the verifier's log of what is refused; how often the tree stopped\n"
    "\n"
    "What can be attached: tracepoint/syscalls/sys_enter_NAME and sys_exit_NAME,\n"
    "tracepoint/raw_syscalls/sys_enter and sys_exit, raw_tracepoint/sys_enter and sys_exit.\n"
    "The exit status is COMMAND's; 125 when skep itself failed, 126 or 127 when COMMAND could\n"
    "not be executed or found. If COMMAND was killed by a signal, so is skep.\n";

/* As env(1) and nohup(1) tell their own failures from the command's. */
enum { STATUS_SKEP = 125, STATUS_NOT_EXECUTABLE = 126, STATUS_NOT_FOUND = 127 };

enum { OPT_JSON = 256, OPT_ONLY, OPT_MAP, OPT_TOP, OPT_BUDGET, OPT_NO_JIT };

static const struct option options[] = {
	{ "pid", required_argument, NULL, 'p' },
	{ "duration", required_argument, NULL, 'd' },
	{ "output", required_argument, NULL, 'o' },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "only", required_argument, NULL, OPT_ONLY },
	{ "map", required_argument, NULL, OPT_MAP },
	{ "top", required_argument, NULL, OPT_TOP },
	{ "budget", required_argument, NULL, OPT_BUDGET },
	{ "no-jit", no_argument, NULL, OPT_NO_JIT },
	{ "verbose", no_argument, NULL, 'v' },
	{ NULL, 0, NULL, 0 },
};

static bool parse_number(const char *text, u64 max, u64 *out)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, 0);
	return end != text && !*end && !errno && *out <= max && text[0] != '-';
}

static bool add_name(const char **names, const char *name)
{
	for (u32 i = 0; i < MAX_NAMES; i++)
		if (!names[i]) {
			names[i] = name;
			return true;
		}
	return false;
}

static bool add_flag(struct session_opts *opts, char letter, const char *value)
{
	char *flag = NULL;

	return asprintf(&flag, "-%c%s", letter, value) > 0 &&
	       add_name((const char **)opts->flags, flag);
}

static bool take_option(struct session_opts *opts, int option, const char *value)
{
	u64 number = 0;
	bool ok = true;

	switch (option) {
	case 'p':
		ok = parse_number(value, INT32_MAX, &number) && number;
		opts->pid = (pid_t)number;
		break;
	case 'd':
		ok = parse_number(value, INT32_MAX, &opts->seconds) && opts->seconds;
		break;
	case 'o':
		opts->output = value;
		break;
	case 'I':
	case 'D':
		ok = add_flag(opts, (char)option, value);
		break;
	case 'v':
		opts->verbose = true;
		break;
	case OPT_JSON:
		opts->json = true;
		break;
	case OPT_NO_JIT:
		opts->no_jit = true;
		break;
	case OPT_ONLY:
		ok = add_name(opts->only, value);
		break;
	case OPT_MAP:
		ok = add_name(opts->maps, value);
		break;
	case OPT_TOP:
		ok = parse_number(value, UINT32_MAX, &number);
		opts->top = (u32)number;
		break;
	case OPT_BUDGET:
		ok = parse_number(value, INT64_MAX, &opts->budget);
		break;
	}
	return ok;
}

/* Splits at "--" by itself: what follows is the command's, whatever it looks like. */
static int parse(int argc, char **argv, struct session_opts *opts)
{
	int own = 1, option;

	while (own < argc && strcmp(argv[own], "--"))
		own++;
	if (own + 1 < argc)
		opts->argv = argv + own + 1;
	argv[0] = "skep run";
	while ((option = getopt_long(own, argv, "p:d:o:I:D:v", options, NULL)) != -1) {
		if (option == '?')
			return EXIT_USAGE; /* getopt has said why */
		if (!take_option(opts, option, optarg))
			return bad_usage("run", "'%s' does not fit here", optarg);
	}
	if (optind >= own)
		return bad_usage("run", "which program? Give a .bpf.c or .bpf.o file");
	if (optind + 1 < own)
		return bad_usage("run", "'%s' is one too many; the command comes after --",
				 argv[optind + 1]);
	if (!opts->argv == !opts->pid)
		return bad_usage("run", "give either -- COMMAND or -p PID");
	opts->path = argv[optind];
	return 0;
}

/* The command's end becomes ours. */
static int pass_on(int status)
{
	struct rlimit no_core = { 0, 0 };
	sigset_t set;

	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	if (!WIFSIGNALED(status))
		return EXIT_FINE;
	setrlimit(RLIMIT_CORE, &no_core);
	signal(WTERMSIG(status), SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, WTERMSIG(status));
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	raise(WTERMSIG(status));
	return 128 + WTERMSIG(status);
}

static int run(struct session *session, const struct session_opts *opts)
{
	int err = session_open(session, opts);

	if (!err)
		err = session_attach(session);
	if (err)
		return STATUS_SKEP;
	err = session_trace(session);
	if (err && syscall_hook_tracer(session->hook)->exec_failed)
		return err == -ENOENT ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTABLE;
	if (err)
		return STATUS_SKEP;
	return session_report(session) ? STATUS_SKEP : EXIT_FINE;
}

int cmd_run(int argc, char **argv)
{
	struct session_opts opts = { .top = DEFAULT_TOP, .budget = DEFAULT_BUDGET };
	struct session session;
	int status = parse(argc, argv, &opts);

	if (status)
		return status;
	status = run(&session, &opts);
	session_close(&session);
	for (char **flag = opts.flags; *flag; flag++)
		free(*flag);
	if (status || opts.pid)
		return status;
	return pass_on(session.status);
}
