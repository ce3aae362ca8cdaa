/* SPDX-License-Identifier: Apache-2.0 */
/*
 * skep verify: verdicts for objects and whole trees of them.
 *
 *	cmd_verify.c	options
 *	tree.c		which files: what is named, and objects below directories
 *	judge.c		the judge of one file: a kernel that only verifies, and this machine's Linux
 *	worker.c	judges live in a process of their own: it may crash or never end,
 *			and the next one goes on behind the program that it did so at
 *	record.c	what a worker tells of a program, through a pipe
 *	report.c	text, and the sums;  rows.c	--tsv and --json
 */
#ifndef SKEP_TOOLS_VERIFY_H
#define SKEP_TOOLS_VERIFY_H

#include <stdio.h>

#include "base/types.h"

enum verify_format { VERIFY_TEXT, VERIFY_TSV, VERIFY_JSON };

struct verify_opts {
	const char *btf; /* file with the BTF of a Linux; NULL: the kernel that Skep presents */
	bool against_linux;
	enum verify_format format;
	u32 log_level;
	u32 seconds;     /* that judging a program may take */
	bool why_slow;   /* where verification goes */
	u32 states_line; /* show the abstract states at this line; 0: none */
};

/* ---- tree.c ---- */

struct files {
	char **paths;
	bool *found; /* below a directory, not named: objects without programs are no news */
	u32 n, cap;
};

/* A file as it is, or all eBPF objects below a directory. 0 or -errno, after a message. */
int files_add(struct files *files, const char *path);
void files_release(struct files *files);

/* ---- record.c ---- */

enum judgement {
	JUDGED_ACCEPTED,
	JUDGED_REFUSED,
	JUDGED_NOT,   /* reason says why there is no verdict */
	JUDGED_ERROR, /* of a file, not of a program */
};

/* What one kernel says. */
struct judged {
	enum judgement judgement;
	int err;                                    /* refused: -errno */
	u64 ns, insns, states, peak_states, memory; /* 0: not known */
};

enum record_kind {
	RECORD_FILE,  /* the next file is begun */
	RECORD_BEGIN, /* the program of that name is begun */
	RECORD_VERDICT,
	RECORD_DONE, /* nothing is left to do */
};

/* Strings of a record, each "" when there is none. */
#define RECORD_STRINGS(X)                               \
	X(program)                                      \
	X(section)                                      \
	X(type)                                         \
	X(reason) /* one line */                        \
	X(note)   /* what an accepted program was accepted with */                                 \
	X(cause)  /* id of the refusal: "null-check" */ \
	X(where)  /* "file.c:12: source text" */        \
	X(log)                                          \
	X(explanation)                                  \
	X(linux_reason)

struct record {
	enum record_kind kind;
	struct judged ours, theirs;
	bool asked_linux;
	u32 line; /* of where */
#define MEMBER(name) const char *name;
	RECORD_STRINGS(MEMBER)
#undef MEMBER
};

int record_write(int fd, const struct record *record);
/* 0; -EPIPE when the writer is gone; -ETIME when nothing comes until then (monotonic ns). *memory
 * holds the strings: free it. */
int record_read(int fd, u64 deadline, struct record *record, void **memory);

/* ---- judge.c ---- */

struct judge;

/* 0 or -errno, after a message. */
int judge_new(const struct verify_opts *opts, int out, struct judge **judge);
void judge_free(struct judge *judge);
/* Writes a RECORD_BEGIN and a RECORD_VERDICT for each program that is not in skip (a list of
 * names), or one verdict without program about the file. */
void judge_file(struct judge *judge, const struct files *files, u32 index, char *const *skip,
		u32 n_skip);

/* ---- machine.c ---- */

/* What the kernel of this machine was built and started with. */
struct machine {
	bool locked_down;     /* programs may not write to other processes' memory */
	bool hides_variables; /* it knows no addresses of its variables */
};

void machine_look(struct machine *machine);

/* ---- worker.c ---- */

/* Judges all files, and tells each verdict. 0 or -errno, after a message. */
int judge_all(const struct verify_opts *opts, const struct files *files,
	      void (*seen)(void *data, const char *file, const struct record *record), void *data);

/* ---- report.c ---- */

struct report {
	const struct verify_opts *opts;
	FILE *out;
	u32 accepted, refused, unjudged, errors, rows;
	/* with --against-linux, of programs that both judged */
	u32 agree, disagree, unsafe, linux_silent;
};

void report_begin(struct report *report);
void report_record(struct report *report, const char *file, const struct record *record);
void report_end(struct report *report);

/* "accepted", "refused", "unjudged", "error" */
const char *judgement_name(enum judgement judgement);
/* Of programs that both kernels judged: do they differ? */
bool verdicts_differ(const struct record *record);

/* ---- rows.c ---- */

void rows_begin(struct report *report);
void row_of(struct report *report, const char *file, const struct record *record);
void rows_end(struct report *report);

#endif
