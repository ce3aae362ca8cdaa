/* SPDX-License-Identifier: Apache-2.0 */
/*
 * skep: eBPF without the kernel, on the command line.
 *
 * A map of this folder:
 *	main.c		the table of commands, help
 *	cmd_run.c	compile, load, attach, run, print:
 *	  compile.c	  C to an object file with clang; finds headers, makes vmlinux.h
 *	  session.c	  an object loaded into a kernel and attached; a traced tree
 *	  print*.c	  maps as tables and histograms, records as they come
 *	cmd_verify.c	verdicts: verify/, whose header is its map
 *	cmd_test.c	scripts of inputs and expectations
 *	cmd_prog.c	programs beside their source, with facts
 *	cmd_btf.c	types as C
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"

#ifndef SKEP_VERSION
#error "the build defines SKEP_VERSION"
#endif

static const struct {
	const char *name, *summary, *help;
	int (*run)(int argc, char **argv);
} commands[] = {
#define COMMAND(name, summary) { #name, summary, help_##name, cmd_##name },
	COMMANDS(COMMAND)
#undef COMMAND
};

#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

void complain(const char *fmt, ...)
{
	va_list args;

	fputs("skep: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
}

int bad_usage(const char *command, const char *fmt, ...)
{
	va_list args;

	fprintf(stderr, "skep %s: ", command);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fprintf(stderr, "\nTry 'skep %s --help'.\n", command);
	return EXIT_USAGE;
}

static void print_help(FILE *out)
{
	fputs("usage: skep COMMAND [ARGUMENTS]\n\n", out);
	for (size_t i = 0; i < N_COMMANDS; i++)
		fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].summary);
	fputs("  version  print the version\n"
	      "\n'skep COMMAND --help' tells more, and so do the man pages: man skep-COMMAND.\n",
	      out);
}

static int find_command(const char *name)
{
	for (size_t i = 0; i < N_COMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0)
			return (int)i;
	return -1;
}

static int help_of(const char *name)
{
	int at = find_command(name);

	if (at < 0) {
		complain("there is no command '%s'; 'skep help' lists them", name);
		return EXIT_USAGE;
	}
	fputs(commands[at].help, stdout);
	return EXIT_FINE;
}

static int is_any(const char *arg, const char *a, const char *b, const char *c)
{
	return strcmp(arg, a) == 0 || strcmp(arg, b) == 0 || strcmp(arg, c) == 0;
}

int main(int argc, char **argv)
{
	int at;

	if (argc < 2) {
		print_help(stderr);
		return EXIT_USAGE;
	}
	if (is_any(argv[1], "help", "--help", "-h")) {
		if (argc > 2)
			return help_of(argv[2]);
		print_help(stdout);
		return EXIT_FINE;
	}
	if (is_any(argv[1], "version", "--version", "-V")) {
		puts("skep " SKEP_VERSION);
		return EXIT_FINE;
	}
	at = find_command(argv[1]);
	if (at < 0) {
		complain("there is no command '%s'; 'skep help' lists them", argv[1]);
		return EXIT_USAGE;
	}
	if (argc > 2 && is_any(argv[2], "--help", "-h", "--help"))
		return help_of(argv[1]);
	return commands[at].run(argc - 1, argv + 1);
}
