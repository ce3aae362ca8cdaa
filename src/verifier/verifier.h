/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verifier: decides whether a program is safe, and makes the image engines run.
 * It trusts nothing in the request. It is freestanding, keeps no globals, and may run in
 * any number of threads at once.
 */
#ifndef SKEP_VERIFIER_VERIFIER_H
#define SKEP_VERIFIER_VERIFIER_H

#include "base/arena.h"
#include "base/text.h"
#include "isa/insn.h"
#include "maps/map.h"
#include "model/image.h"
#include "model/model.h"

struct env;   /* verifier/env.h */
struct state; /* verifier/state.h */

/* Log levels of bpf(2). */
#define VERIFIER_LOG_LEVEL1 1
#define VERIFIER_LOG_LEVEL2 2
#define VERIFIER_LOG_STATS 4
#define VERIFIER_LOG_FIXED 8

/* A file descriptor in the program's instructions turned into what it stands for. */
struct verifier_resolver {
	void *data;
	/* 0 and *map (kept referenced by the caller until the image is freed), or -EBADF, -EINVAL.
	 * is_index: number is an index into the request's fd_array. */
	int (*map)(void *data, s32 number, bool is_index, struct map **map);
};

struct verify_request {
	const struct kernel_model *model;
	u32 prog_type, expected_attach_type, prog_flags; /* BPF_F_* of PROG_LOAD */
	const struct bpf_insn *insns; /* copied */
	u32 insn_cnt;
	bool gpl_compatible;
	bool privileged; /* false: unprivileged_bpf rules (smaller limits, no pointer leaks) */
	const struct ctx_layout *ctx; /* overrides the program type's (embedders) */

	const struct btf *btf; /* of the program; NULL without */
	const void *func_info;
	u32 func_info_rec_size, func_info_cnt;
	const void *line_info;
	u32 line_info_rec_size, line_info_cnt;
	u32 attach_btf_id;	      /* what the program attaches to, where its type has that */
	const struct btf *attach_btf; /* where that is; NULL: the model's */
	bool attach_to_prog;	      /* it is a program: freplace, or fentry of a program */

	struct verifier_resolver resolver;
	bool want_budget; /* IMAGE_BUDGET */

	u32 log_level;
	struct text *log; /* may be NULL when log_level is 0 */

	size_t memory_limit; /* bytes for states; 0: default (256 MiB) */
	bool verify_only; /* helpers that Skep lacks may be called: the image cannot run */
	/* Testing knobs. */
	bool no_pruning;
	bool always_induction; /* loops that count are never walked round by round */
	bool test_state_freq;
	/*
	 * Each observed state has precision nodes of its own. Otherwise it shares them with the
	 * checkpoint before it, where other paths that begin there leave their marks.
	 */
	bool own_nodes;
	/* Sees each abstract state before the instruction it is about to execute. */
	void (*observe)(void *data, u32 insn, const struct state *state);
	/* The program is accepted, and what was learnt about it (env.h) still there. */
	void (*observe_end)(void *data, struct env *env);
	void *observe_data;
	/*
	 * Records paths (src/explain/path.c): called before each instruction, env->at, with the
	 * number that it gave to the step before; 0 where a function begins. Its answer is this
	 * step's number, or TRACE_STOP: the path is not followed further, as if it had ended.
	 */
	u32 (*trace)(void *data, const struct env *env, u32 from);
	/* A remembered state did not cover the one that came: what --why-slow counts. */
	void (*missed)(void *data, const struct env *env, const struct state *old);
	void *trace_data;
};

#define TRACE_STOP UINT32_MAX

struct verify_stats {
	u64 insns_processed;
	u64 total_states, peak_states, max_states_per_insn, mark_read;
	u64 time_ns;
	u64 peak_memory;
	u32 longest_chain;
};

/* Why a program was refused: one stable id a cause, so tools need not parse the log. */
struct verify_refusal {
	s32 insn;	   /* index, or -1 */
	u32 line;	   /* of the source, 0 without line info */
	char file[128];
	char source[128];  /* text of that line */
	char message[256]; /* the log's own line, e.g. "R1 invalid mem access 'scalar'" */
	char cause[48];	   /* id: "null-check", "out-of-bounds", "uninit-register", ... */
};

struct verify_result {
	struct image *image; /* owned by the caller on success; image_free */
	struct verify_stats stats;
	struct verify_refusal refusal;
};

/*
 * 0 and result->image; or the -errno that Linux gives: -EINVAL, -EACCES, -EPERM, -E2BIG,
 * -ENOMEM, -EFAULT, -ENOSPC, -EBADF; then result->refusal says why.
 */
int verify(const struct verify_request *request, struct verify_result *result);

#endif
