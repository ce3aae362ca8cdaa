/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands of skep. Each is one file cmd_NAME.c with a function and its help text:
 * cmd_NAME gets argv[0] = NAME and returns the exit status. Options come before operands;
 * "--" ends them. Everywhere: 0 fine, 1 it did not work out, 2 wrong usage.
 */
#ifndef SKEP_TOOLS_COMMANDS_H
#define SKEP_TOOLS_COMMANDS_H

#define COMMANDS(X)                                                                                \
	X(run, "run a program, or watch a process, under eBPF programs")                           \
	X(verify, "would these programs load, and if not, why")                                    \
	X(test, "run programs on given inputs and compare results")                                \
	X(prog, "show a program as it runs, beside its source, with what is known of it")          \
	X(btf, "show the types of the presented kernel or of an object file")

#define DECLARE_COMMAND(name, summary)                                                             \
	int cmd_##name(int argc, char **argv);                                                     \
	extern const char help_##name[];
COMMANDS(DECLARE_COMMAND)
#undef DECLARE_COMMAND

enum { EXIT_FINE = 0, EXIT_PROBLEM = 1, EXIT_USAGE = 2 };

/* "skep: ..." on standard error. */
void complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The same, and where to read more; returns EXIT_USAGE. */
int bad_usage(const char *command, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
