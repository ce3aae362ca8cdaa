/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Explanations of refusals: what could not be proved, where, on which path, where the value
 * comes from, an input that makes the program fail, and what to change. Everything here is
 * made after the fact: a refused program is verified again with recording on, so that
 * ordinary verification costs nothing.
 *
 *	path.c		the path that leads to the refusal, and the states on it
 *	source.c	lines of the program's source, from line_info
 *	describe.c	abstract values in words
 *	origins.c	where the offending value came from
 *	machine.c	an interpreter that checks each access, and knows what each number is made of
 *	search.c	looks for an input that makes it fail
 *	edit.c, fixes.c	changes to the program, and the verifier's verdict about each
 *	text.c, json.c	for people, for programs
 *	slow.c, states.c	why verification is slow, abstract states (study.h)
 */
#ifndef SKEP_EXPLAIN_EXPLAIN_H
#define SKEP_EXPLAIN_EXPLAIN_H

#include "base/text.h"
#include "verifier/verifier.h"

/* One cause of a refusal: a line of verifier/causes.h. */
struct cause {
	const char *id, *what, *doc, *advice;
};

extern const struct cause causes[];
extern const u32 n_causes;
/* NULL when there is none of that id: a test sees to it that there is. */
const struct cause *cause_find(const char *id);

/* A place in the program. */
struct place {
	s32 insn;	   /* -1: none */
	u32 line, column;  /* 0 without line_info */
	const char *file;  /* "" without */
	const char *text;  /* of the line, without leading blanks; "" without */
	const char *function; /* "" when there is no BTF */
};

#define EXPLAIN_LINE 200

struct branch_taken {
	struct place at;
	s32 to;		     /* line that the path goes on with; 0: not known */
	bool taken;	     /* the jump */
	u32 times;	     /* how often this branch went this way, one after the other */
	bool enters, leaves; /* a call of a function of the program, or its return */
	char condition[EXPLAIN_LINE];
};

struct origin {
	struct place at;
	bool lost; /* here it lost what would have been needed */
	char text[EXPLAIN_LINE];
};

enum fix_state {
	FIX_ADVICE,   /* words only */
	FIX_VERIFIED, /* with this change the program was verified again and accepted */
	FIX_STEP,     /* this refusal is gone with it, but another one comes after it */
};

#define EXPLAIN_CODE 600

struct fix {
	enum fix_state state;
	struct place at;
	char title[EXPLAIN_LINE];
	char code[EXPLAIN_CODE]; /* in C, as a person would write it; several lines */
	char after[256];	 /* FIX_STEP: the refusal that comes next */
	struct bpf_insn *insns;	 /* the changed program; NULL for advice */
	u32 n_insns;
	bool gpl; /* it declares the licence */
};

struct fault;
struct input;

enum input_state {
	INPUT_NONE,	 /* not looked for */
	INPUT_FOUND,	 /* running the program on it does the bad thing */
	INPUT_NOT_FOUND, /* none found: the program may be right, and the proof too weak */
	INPUT_ANY,	 /* refused whatever the input is: nothing to look for */
};

#define EXPLAIN_BRANCHES 64
#define EXPLAIN_ORIGINS	 24
#define EXPLAIN_FIXES	 4
#define EXPLAIN_AROUND	 7

struct explanation {
	char cause[48];
	const char *what;   /* a clause: "this pointer may be NULL here" */
	char message[256];  /* the log's words */
	char detail[EXPLAIN_LINE]; /* what is known of the offending value; may be empty */
	struct place at;
	struct place around[EXPLAIN_AROUND];
	u32 n_around;
	struct branch_taken branches[EXPLAIN_BRANCHES];
	u32 n_branches;
	u32 branches_left_out; /* from the beginning */
	u32 path_steps;
	struct origin origins[EXPLAIN_ORIGINS];
	u32 n_origins;
	enum input_state input_state;
	struct input *input;
	char fault[EXPLAIN_LINE]; /* INPUT_FOUND: what then happens */
	s32 fault_insn;
	u64 runs, search_ns;
	struct fix fixes[EXPLAIN_FIXES];
	u32 n_fixes;
	const char *advice;
};

struct explain_opts {
	u32 input_ms;	 /* how long to look for an input; 0: 200 */
	bool no_input, no_fixes;
};

/*
 * Explains why verify(request) refused with that result. The request must still be valid, and
 * so must its BTF as long as the explanation is used: places point into it. 0 or -ENOMEM.
 */
int explain(const struct verify_request *request, const struct verify_result *refused,
	    const struct explain_opts *opts, struct explanation **out);
void explain_free(struct explanation *e);

/* One screen for a terminal. */
void explain_text(const struct explanation *e, struct text *out);
/* One JSON object, without a newline. */
void explain_json(const struct explanation *e, struct text *out);

/*
 * Runs the request's program on an input as the explanation printed it (the lines of
 * "input": input_text). True: it fails, and *insn is where; what gets the words.
 */
bool explain_replay(const struct verify_request *request, const char *input, const char *cause,
		    s32 *insn, char *what, size_t size);
/* The input in lines that explain_replay reads. */
void explain_input_text(const struct explanation *e, struct text *out);

#endif
