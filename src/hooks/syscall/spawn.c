/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting a tree. The child waits until it is seized, puts the filter on itself and
 * executes the command, so that the filter covers all of the command's life and none of
 * ours. What the child may not reach (an execve that fails) comes back through a pipe that
 * execve closes.
 */
#define _GNU_SOURCE
#include "hooks/syscall/internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FLOOR_CALLS 256

struct start {
	struct tracer *tracer;
	char path[4096];
	char *const *argv;
	int (*body)(void *arg);
	void *arg;
	int go[2];   /* parent to child: you are seized */
	int told[2]; /* child to parent: struct failure */
};

struct failure {
	int err;
	bool exec;
};

static bool is_program(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* As execvp looks for it, but here: each of its failing execve calls would be an event. */
static int find_program(const char *name, char *out, size_t size)
{
	const char *dirs = getenv("PATH");
	int err = -ENOENT;

	if (strlen(name) >= size)
		return -ENAMETOOLONG;
	if (strchr(name, '/')) {
		memcpy(out, name, strlen(name) + 1);
		return access(name, F_OK) ? -errno : 0;
	}
	for (dirs = dirs ? dirs : "/usr/local/bin:/usr/bin:/bin"; *dirs;) {
		size_t len = strcspn(dirs, ":");

		snprintf(out, size, "%.*s/%s", len ? (int)len : 1, len ? dirs : ".", name);
		if (is_program(out))
			return 0;
		if (access(out, F_OK) == 0)
			err = -EACCES;
		dirs += len + (dirs[len] == ':');
	}
	return err;
}

/* A script without #! runs in a shell, as execvp has it. */
static void exec_command(const struct start *start)
{
	char *const *argv = start->argv;
	size_t n = 0;
	char **shell;

	execv(start->path, argv);
	if (errno != ENOEXEC)
		return;
	while (argv[n])
		n++;
	shell = calloc(n + 2, sizeof(*shell));
	if (!shell)
		return;
	shell[0] = "/bin/sh";
	shell[1] = (char *)start->path;
	for (size_t i = 1; i < n; i++)
		shell[i + 1] = argv[i];
	execv(shell[0], shell);
}

/* The execve itself is the command's first call, and is seen under its name. */
static void name_after(const char *path)
{
	const char *slash = strrchr(path, '/');

	prctl(PR_SET_NAME, slash ? slash + 1 : path);
}

_Noreturn static void child(struct start *start)
{
	struct failure failure = { 0 };
	char byte;

	close(start->go[1]);
	close(start->told[0]);
	if (read(start->go[0], &byte, 1) != 1)
		_exit(127);
	close(start->go[0]);
	failure.err = filter_install(&start->tracer->wants, &start->tracer->watched);
	if (!failure.err && start->body)
		_exit(start->body(start->arg));
	if (!failure.err) {
		name_after(start->path);
		exec_command(start);
		failure = (struct failure){ -errno, true };
	}
	if (write(start->told[1], &failure, sizeof(failure)) < 0)
		_exit(126);
	_exit(127);
}

static int seize_child(struct tracer *tracer, pid_t pid)
{
	struct tracee *tracee = tracee_add(tracer, pid);

	if (!tracee)
		return -ENOMEM;
	tracee->fresh = false;
	if (ptrace(PTRACE_SEIZE, pid, NULL,
		   (void *)(long)(TRACER_OPTIONS | PTRACE_O_TRACESECCOMP | PTRACE_O_EXITKILL)) == 0)
		return 0;
	return -errno;
}

static int fork_child(struct tracer *tracer, struct start *start)
{
	pid_t pid = fork();
	int err;

	if (pid == 0)
		child(start);
	if (pid < 0)
		return -errno;
	tracer->root = pid;
	tracer->filtered = true;
	err = seize_child(tracer, pid);
	if (err) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, __WALL);
	} else if (write(start->go[1], "", 1) != 1) {
		err = -EIO;
	}
	return err;
}

static int start_tree(struct tracer *tracer, struct start *start)
{
	int err = -EMFILE;

	start->go[0] = start->go[1] = start->told[0] = start->told[1] = -1;
	if (pipe2(start->go, O_CLOEXEC) == 0 && pipe2(start->told, O_CLOEXEC) == 0)
		err = fork_child(tracer, start);
	close(start->go[0]);
	close(start->go[1]);
	close(start->told[1]);
	if (err)
		close(start->told[0]);
	else
		tracer->told = start->told[0];
	return err;
}

int tracer_spawn(struct tracer *tracer, char *const argv[])
{
	struct start start = { .tracer = tracer, .argv = argv };
	int err = find_program(argv[0], start.path, sizeof(start.path));

	tracer->exec_failed = err != 0;
	return err ? err : start_tree(tracer, &start);
}

int tracer_spawn_call(struct tracer *tracer, int (*body)(void *arg), void *arg)
{
	struct start start = { .tracer = tracer, .body = body, .arg = arg };

	return start_tree(tracer, &start);
}

/* What the child had to say before it ended, if it never became the command. */
int spawn_result(struct tracer *tracer)
{
	struct failure failure = { 0 };

	if (tracer->told < 0)
		return 0;
	if (read(tracer->told, &failure, sizeof(failure)) == sizeof(failure))
		tracer->exec_failed = failure.exec;
	close(tracer->told);
	tracer->told = -1;
	return failure.err;
}

static u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000000u + (u64)ts.tv_nsec;
}

struct floor {
	u64 entered;
	u64 cost[FLOOR_CALLS];
	u32 n;
};

static void floor_enter(void *data, struct tracee *tracee)
{
	((struct floor *)data)->entered = now_ns();
}

static void floor_exit(void *data, struct tracee *tracee)
{
	struct floor *floor = data;

	if (floor->n < FLOOR_CALLS)
		floor->cost[floor->n++] = now_ns() - floor->entered;
}

static int call_often(void *arg)
{
	for (int i = 0; i < FLOOR_CALLS; i++)
		syscall(SYS_getppid);
	return 0;
}

static int by_value(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return (x > y) - (x < y);
}

u64 tracer_floor_ns(void)
{
	static const struct tracer_ops ops = { .enter = floor_enter, .exit = floor_exit };
	struct tracer_wants wants = { 0 };
	struct floor floor = { 0 };
	struct tracer *tracer = malloc(sizeof(*tracer));

	if (!tracer)
		return 0;
	call_set_add(&wants.enter, SYS_getppid);
	call_set_add(&wants.exit, SYS_getppid);
	tracer_init(tracer, &ops, &floor, &wants);
	if (tracer_spawn_call(tracer, call_often, NULL) == 0)
		tracer_loop(tracer);
	tracer_release(tracer);
	free(tracer);
	qsort(floor.cost, floor.n, sizeof(floor.cost[0]), by_value);
	return floor.n ? floor.cost[floor.n / 2] : 0;
}
