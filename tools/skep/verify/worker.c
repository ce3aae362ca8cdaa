/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole trees hold objects that break things: a libbpf that trusts what it reads, a verifier
 * that does not end. So judges are forked: one judges file after file for as long as it
 * lives. When it dies, or is killed because a program took too long, that program gets a
 * verdict of its own, and a new worker goes on behind it.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "commands.h"
#include "verify/verify.h"

#define FILE_SECONDS 60 /* for what is not judging: reading, compiling, relocating */

struct herd {
	const struct verify_opts *opts;
	const struct files *files;
	void (*seen)(void *data, const char *file, const struct record *record);
	void *data;
	u32 at;     /* file that the worker is at, or will begin with */
	bool fresh; /* the worker has not begun with it yet */
	bool finished;
	/* programs of it that have their verdict */
	char **done;
	u32 n_done;
	char program[128]; /* being judged; "" between two */
};

static u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000000u + (u64)ts.tv_nsec;
}

/* ---- the worker ---- */

static int work(const struct herd *herd, int out)
{
	struct judge *judge;
	int err = judge_new(herd->opts, out, &judge);

	if (err)
		return EXIT_USAGE;
	for (u32 i = herd->at; i < herd->files->n; i++) {
		bool first = i == herd->at;

		record_write(out, &(struct record){ .kind = RECORD_FILE });
		judge_file(judge, herd->files, i, first ? herd->done : NULL,
			   first ? herd->n_done : 0);
	}
	record_write(out, &(struct record){ .kind = RECORD_DONE });
	return EXIT_FINE;
}

static pid_t start_worker(const struct herd *herd, int *from)
{
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		close(fds[0]);
		/* Not exit: what is buffered is the parent's. */
		_exit(work(herd, fds[1]));
	}
	close(fds[1]);
	*from = fds[0];
	if (pid < 0)
		close(fds[0]);
	return pid < 0 ? -errno : pid;
}

/* ---- its keeper ---- */

static void forget_done(struct herd *herd)
{
	for (u32 i = 0; i < herd->n_done; i++)
		free(herd->done[i]);
	free(herd->done);
	herd->done = NULL;
	herd->n_done = 0;
	herd->program[0] = 0;
}

static void note_done(struct herd *herd, const char *program)
{
	char **grown = realloc(herd->done, (herd->n_done + 1) * sizeof(char *));

	if (!grown)
		return;
	herd->done = grown;
	grown[herd->n_done] = strdup(program);
	herd->n_done += grown[herd->n_done] != NULL;
}

static void next_file(struct herd *herd)
{
	herd->at++;
	forget_done(herd);
}

static void take(struct herd *herd, const struct record *record)
{
	switch (record->kind) {
	case RECORD_FILE:
		/* A worker begins with the file that the last one died at. */
		if (!herd->fresh)
			next_file(herd);
		herd->fresh = false;
		break;
	case RECORD_BEGIN:
		snprintf(herd->program, sizeof(herd->program), "%s", record->program);
		break;
	case RECORD_VERDICT:
		herd->program[0] = 0;
		note_done(herd, record->program);
		herd->seen(herd->data, herd->files->paths[herd->at], record);
		break;
	case RECORD_DONE:
		herd->finished = true;
		break;
	}
}

static void listen_to(struct herd *herd, int from, bool *slow)
{
	struct record record;
	void *memory;
	int err;

	do {
		u32 seconds = herd->program[0] ? herd->opts->seconds : FILE_SECONDS;

		err = record_read(from, now_ns() + (u64)seconds * 1000000000u, &record, &memory);
		if (!err)
			take(herd, &record);
		free(memory);
	} while (!err && !herd->finished);
	*slow = err == -ETIME;
}

static void tell_death(struct herd *herd, int status, bool slow)
{
	struct record record = { .kind = RECORD_VERDICT };
	bool of_program = herd->program[0] != 0;
	char program[sizeof(herd->program)], reason[200];

	memcpy(program, herd->program, sizeof(program));
	if (slow)
		snprintf(reason, sizeof(reason), "no verdict within %u s",
			 of_program ? herd->opts->seconds : FILE_SECONDS);
	else if (WIFSIGNALED(status))
		snprintf(reason, sizeof(reason), "judging it crashed: %s",
			 strsignal(WTERMSIG(status)));
	else
		snprintf(reason, sizeof(reason), "judging it ended with status %d",
			 WEXITSTATUS(status));
#define NONE(name) record.name = "";
	RECORD_STRINGS(NONE)
#undef NONE
	record.reason = reason;
	record.program = program;
	record.ours.judgement = of_program ? JUDGED_NOT : JUDGED_ERROR;
	herd->seen(herd->data, herd->files->paths[herd->at], &record);
	if (of_program)
		note_done(herd, program);
	else
		next_file(herd);
	herd->program[0] = 0;
}

static int run_worker(struct herd *herd)
{
	bool slow;
	int status, from = -1;
	pid_t pid = start_worker(herd, &from);

	herd->fresh = true;
	if (pid < 0) {
		complain("cannot fork: %s", strerror(-pid));
		return pid;
	}
	listen_to(herd, from, &slow);
	if (slow)
		kill(pid, SIGKILL);
	close(from);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	/* It has said why. */
	if (herd->fresh && !herd->finished && WIFEXITED(status) &&
	    WEXITSTATUS(status) == EXIT_USAGE)
		return -EINVAL;
	if (!herd->finished)
		tell_death(herd, status, slow);
	return 0;
}

int judge_all(const struct verify_opts *opts, const struct files *files,
	      void (*seen)(void *data, const char *file, const struct record *record), void *data)
{
	struct herd herd = { .opts = opts, .files = files, .seen = seen, .data = data };
	int err = 0;

	while (!err && !herd.finished && herd.at < files->n)
		err = run_worker(&herd);
	forget_done(&herd);
	return err;
}
