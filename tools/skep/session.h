/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One run of `skep run`: a kernel, an object loaded into it, its programs attached, the
 * traced tree, and what is printed about it.
 */
#ifndef SKEP_TOOLS_SESSION_H
#define SKEP_TOOLS_SESSION_H

#include "hooks/syscall/hook.h"
#include "loader/loader.h"
#include "print.h"
#include "embed/ring.h"

#define MAX_NAMES 64

struct session_opts {
	const char *path;
	pid_t pid; /* 0: start argv */
	char *const *argv;
	const char *output;              /* a file; NULL: standard error */
	const char *only[MAX_NAMES + 1]; /* programs; none: all */
	const char *maps[MAX_NAMES + 1]; /* to print; none: all but .rodata and such */
	char *flags[MAX_NAMES + 1];      /* for clang */
	bool json, no_jit, verbose;
	u32 top;
	u64 seconds; /* 0: until the end */
	u64 budget;
};

struct session_ring {
	struct ring ring;
	const char *name;
	struct shown record;
};

struct session {
	const struct session_opts *opts;
	struct skep *skep;
	struct loader_kernel kernel;
	struct loader *loader;
	struct btf *btf; /* of the object; NULL without */
	struct syscall_hook *hook;
	int *links; /* as many as programs */
	struct session_ring *rings;
	u32 n_rings;
	FILE *out;
	u64 floor_ns;
	bool started, attached;
	int status; /* of the command, as waitpid has it */
};

/* Each prints its own messages. 0 or -errno; session_close in any case. */
int session_open(struct session *session, const struct session_opts *opts);
int session_attach(struct session *session);
int session_trace(struct session *session);
/* -errno when the report could not be written. */
int session_report(struct session *session);
void session_close(struct session *session);

#endif
