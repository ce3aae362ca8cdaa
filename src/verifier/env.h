/* SPDX-License-Identifier: Apache-2.0 */
/*
 * struct env: one run of the verifier, shared by its passes. verifier.c says in which
 * order they come and what each requires.
 *
 * A pass returns 0 or -errno. Whoever finds the program wrong calls refuse() once, with
 * the sentence that Linux prints and a stable id of the cause, and returns its result.
 */
#ifndef SKEP_VERIFIER_ENV_H
#define SKEP_VERIFIER_ENV_H

#include "base/str.h"
#include "base/vec.h"
#include "verifier/counted.h"
#include "verifier/precision.h"
#include "verifier/state.h"
#include "verifier/verifier.h"

struct btf;
struct checkpoint;

/* What the passes learn about one instruction. */
struct insn_aux {
	bool seen;	     /* explored at least once */
	bool ldimm64_second; /* the upper half of a 64-bit immediate */
	bool bad_fields;     /* refused as soon as a path comes here */
	bool jump_target;
	bool prune_point;    /* compare and remember states here */
	bool loop_head;	     /* a jump back leads here */
	bool force_checkpoint;
	bool long_run;	     /* a prune point with much code before the next one */
	u8 mem_kind;	     /* enum reg_kind of the pointer that this load or store uses; 0: none yet */
	bool probe;	     /* load through a BTF pointer: INSN_MODE_PROBE */
	u16 ctx_offset;	     /* REG_CTX: run-time offset and size */
	u8 ctx_size;
	bool next_element;   /* the kfunc called here gives an iterator's next element */
	bool calls_callback; /* the helper called here enters a function of the program */
	u16 live_regs;	     /* registers read later, before this instruction runs */
	u64 live_slots;	     /* stack slots of its own frame, the same */
	u64 call_slots;	     /* calls: slots that are live while the callee runs */
	u16 call_regs;	     /* calls: registers of the caller, the same */
	u16 counted;	     /* a loop's head: index into env->counted, + 1 */
	u32 subprog;	     /* calls of and addresses of functions: which */
	u32 map;	     /* ldimm64 of a map: index into env->maps */
	u32 call;	     /* helper call: index into env->calls */
	struct checkpoint *checkpoints; /* states remembered before this instruction */
};

/* A parameter of a global function, from BTF. */
enum global_arg_kind {
	GLOBAL_ARG_SCALAR,
	GLOBAL_ARG_CTX,
	GLOBAL_ARG_MEM,
	GLOBAL_ARG_DYNPTR,
	GLOBAL_ARG_BTF,		  /* a kernel object, trusted */
	GLOBAL_ARG_UNTRUSTED_BTF, /* any number, taken for the address of one */
	GLOBAL_ARG_UNTRUSTED_MEM, /* any number, taken for the address of anything */
};

/* Declaration tags of a parameter: "arg:nonnull" and so on. */
enum arg_tag {
	ARG_TAG_CTX = 1 << 0,
	ARG_TAG_NONNULL = 1 << 1,
	ARG_TAG_NULLABLE = 1 << 2,
	ARG_TAG_TRUSTED = 1 << 3,
	ARG_TAG_UNTRUSTED = 1 << 4,
	ARG_TAG_ARENA = 1 << 5,
	ARG_TAG_OTHER = 1 << 6,
};

struct global_arg {
	u8 kind; /* enum global_arg_kind */
	u8 tags; /* enum arg_tag */
	bool nonnull;
	union {
		u32 size;   /* GLOBAL_ARG_MEM */
		u32 btf_id; /* GLOBAL_ARG_BTF, GLOBAL_ARG_UNTRUSTED_BTF: in the model's BTF */
	};
};

struct subprog {
	u32 start, end;
	u32 stack_depth; /* bytes below its r10 that were touched */
	u32 btf_id;	 /* of the BTF function; 0 without */
	const char *name;
	bool global;	  /* verified alone, from its BTF types */
	bool called;	  /* global: some verified code calls it */
	bool verified;
	bool callback;
	bool sync;  /* a helper calls it before it returns */
	bool async; /* a timer or a work queue calls it: it has a stack of its own */
	bool has_tail_call;
	bool has_ld_abs;
	bool has_may_goto;
	bool changes_packet, might_sleep; /* it, or what it calls */
	u8 n_args;
	int unusable; /* global: the errno for its signature when it is called */
	struct global_arg args[5];
};

/* A path that is still to be explored. */
struct pending {
	struct state state;
	u32 insn, prev;
	u32 step; /* that it branched off from (verify_request.trace) */
	u32 jumps_since; /* since its last checkpoint */
	u64 insns_since;
	size_t log_len;
};

/* A callback that runs on its own: entered with a map, a key and a value of it. */
struct async_entry {
	u32 subprog;
	u32 map;
	bool sleepable;
	bool any_result; /* else it must return 0 */
	bool verified;
};

/* A type of the program's own objects; record NULL: plain data. */
struct own_type {
	u32 btf_id;
	const struct btf_record *record;
};

struct map_ref {
	struct map *map;
	const struct map_facts *facts;
};

/* What the program attaches to, when that is its context (attach.c). */
struct attach {
	const char *name; /* of the function, tracepoint or hook */
	const struct btf *btf;
	const struct btf_type *proto; /* NULL: the context is that of the program type */
	u32 skip;		      /* leading parameters that programs do not see */
	u32 facts;		      /* enum hook_fact */
	bool returns_nothing; /* nobody looks at r0 */
	bool checks_result, result_is_32bit;
	struct return_range result;
};

struct env {
	const struct verify_request *req;
	struct verify_result *result;
	const struct prog_type_model *type;
	const struct ctx_layout *ctx;
	struct attach attach;
	bool allow_ptr_leaks;	 /* privileged: pointers may be looked at as numbers */
	bool allow_uninit_stack; /* privileged: uninitialised stack reads as unknown data */
	bool strict_alignment;
	bool reads_unwritten; /* it did read such stack, or may: IMAGE_ZERO_STACK */

	struct bpf_insn *insns; /* becomes the image's */
	u32 len;
	struct insn_aux *aux;
	struct subprog subprogs[BPF_MAX_SUBPROGS + 1];
	u32 n_subprogs;
	VEC(struct map_ref) maps; /* the program's, then templates of inner maps (map NULL) */
	u32 n_maps;		  /* the program's */
	VEC(const struct helper_proto *) calls;
	VEC(struct counted_loop) counted;
	VEC(struct async_entry) asyncs;
	VEC(struct own_type) own_types;
	struct arena arena; /* tables that live as long as the verifier runs */

	/* exploration */
	struct state_pool pool;
	struct deps deps;
	struct state *cur;
	struct state cur_state;
	VEC(struct pending) stack;
	u32 at, prev; /* instruction, and where from */
	u32 step;     /* number that verify_request.trace gave */
	u32 next;     /* set by a step: where to go on */
	bool path_done;
	u32 next_id;
	u32 jumps;	/* processed */
	u32 jumps_then; /* at the last checkpoint of this path, and of any */
	u64 insns_then;
	u32 any_jumps_then;
	u64 any_insns_then;
	u64 live_checkpoints;
	size_t memory_limit;
	u32 max_ctx_offset;
	u32 main_subprog; /* the function that is being verified */
	u32 entries;	  /* how many were begun */
	bool in_async;	  /* as a callback that runs on its own */
	bool any_result;  /* which may return anything */
	bool sleepable;	  /* it may sleep */
	struct verify_stats stats;

	/* log */
	struct text *log;
	u32 log_level;
	u16 changed_regs;   /* since the last printed state */
	u64 changed_slots;
	u32 last_line;	    /* line record printed last, + 1 */
	bool print_full;
	size_t insn_line, line_end; /* where the last instruction's line begins and ends */
	char helper_name[64];
	bool refused;
	bool push_refused;   /* too many paths wait */
	bool lines_checked;  /* line_info may be used */
};

/* May stack be read that was never written? Asked only where it would be. */
static inline bool unwritten_ok(struct env *env)
{
	env->reads_unwritten |= env->allow_uninit_stack;
	return env->allow_uninit_stack;
}

/* Bytes that paths and states take: what request.memory_limit bounds. */
static inline size_t states_memory(const struct env *env)
{
	return env->pool.arena.total + deps_memory(&env->deps) +
	       env->stack.cap * sizeof(struct pending);
}

/* ---- explain.c, log.c ---- */

/* Records why the program is refused and puts the sentence into the log; returns err. */
PRINTF_LIKE(5, 6)
int refuse_at(struct env *env, s64 insn, int err, const char *cause, const char *fmt, ...);
#define refuse(env, err, cause, ...) refuse_at(env, (env)->at, err, cause, __VA_ARGS__)

#ifdef SKEP_CHECK_SITES
/*
 * Only in the build of tests/verifier/deletions.c: each place that refuses is listed in a table, and
 * the chosen one does nothing, as if its check were not there.
 */
struct check_site {
	const char *file;
	u32 line;
};
extern const struct check_site *check_deleted;

#define refuse_at(env, insn, err, cause, ...)                                                      \
	({                                                                                         \
		static const struct check_site site_                                               \
		    __attribute__((used, section("check_sites"))) = { __FILE__, __LINE__ };        \
		check_deleted == &site_ ? 0 : (refuse_at)(env, insn, err, cause, __VA_ARGS__);     \
	})
#endif

/* A further sentence about the refusal, as Linux prints on a line of its own. */
PRINTF_LIKE(2, 3) void refuse_more(struct env *env, const char *fmt, ...);

PRINTF_LIKE(2, 3) void log_line(struct env *env, const char *fmt, ...);
/* The instruction about to be executed, with its source line and how we came here. */
void log_insn(struct env *env);
/* What the instruction changed. */
void log_step(struct env *env);
void log_stats(struct env *env);
void log_pruned(struct env *env);
/* A path ended: at level 1 what it wrote is dropped. */
void log_rewind(struct env *env, size_t len);
/* "map_value_or_null" and the like, in a buffer of the caller. */
#define REG_NAME_SIZE 64
const char *reg_name(const struct env *env, const struct reg *reg, char buf[REG_NAME_SIZE]);
const char *reg_kind_name(u32 kind);

/* The record of line_info for an instruction: NULL without. *line_col, *file, *source filled. */
struct source_line {
	const char *file, *text;
	u32 line;
	u32 record; /* index + 1 */
};
bool source_line(const struct env *env, u32 insn, struct source_line *out);

/* ---- passes ---- */

int cfg_find_subprogs(struct env *env); /* cfg.c */
int cfg_check_jumps(struct env *env);
int cfg_check_paths(struct env *env);
int insn_refuse(struct env *env);	/* insns.c: why the instruction with bad_fields is wrong */
int insns_check(struct env *env);	/* insns.c: reserved fields, opcodes, maps and functions in ldimm64 */
int btf_check_info(struct env *env);	/* btf_info.c: func_info and line_info */
int btf_prepare_globals(struct env *env); /* globals.c: parameters of global functions */
int attach_check(struct env *env);	/* attach.c: what the program attaches to */
int counted_find(struct env *env);	/* counted.c */
int liveness_compute(struct env *env);	/* liveness.c */
int explore_subprog(struct env *env, u32 subprog); /* explore.c */
int explore_async(struct env *env, const struct async_entry *entry);
int stack_depth_check(struct env *env);	/* depth.c */
int fixup_image(struct env *env);	/* fixup.c */

#endif
