/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program to be judged, and the judges: Skep's verifier, called directly, and the Linux
 * this machine runs, through PROG_LOAD where it lets us. Both see the same instructions
 * and maps of the same shape. Nothing is attached or run, and every fd is closed again.
 */
#ifndef SKEP_TESTS_SUBJECT_H
#define SKEP_TESTS_SUBJECT_H

#include <linux/bpf.h>
#include <linux/btf.h>

#include "base/types.h"

/*
 * The maps a program may name. The first ones are in the order in which Linux's own
 * verifier tests number theirs. X(name, type, key size, value size, entries, flags,
 * id of the value's type in the fixtures' BTF or 0)
 */
#define FIXTURES(X)                                                                                \
	X(hash_8b, BPF_MAP_TYPE_HASH, 8, 8, 1, BPF_F_NO_PREALLOC, 0)                               \
	X(hash_48b, BPF_MAP_TYPE_HASH, 8, 48, 1, BPF_F_NO_PREALLOC, 0)                             \
	X(hash_16b, BPF_MAP_TYPE_HASH, 8, 16, 1, BPF_F_NO_PREALLOC, 0)                             \
	X(array_48b, BPF_MAP_TYPE_ARRAY, 4, 48, 1, 0, 0)                                           \
	X(prog1, BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 4, 0, 0)                                           \
	X(prog2, BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 8, 0, 0)                                           \
	X(map_in_map, BPF_MAP_TYPE_ARRAY_OF_MAPS, 4, 4, 1, 0, 0)                                   \
	X(cgroup_storage, BPF_MAP_TYPE_CGROUP_STORAGE, 16, 64, 0, 0, 0)                            \
	X(percpu_cgroup_storage, BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE, 16, 64, 0, 0, 0)              \
	X(sockmap, BPF_MAP_TYPE_SOCKMAP, 4, 4, 1, 0, 0)                                            \
	X(sockhash, BPF_MAP_TYPE_SOCKHASH, 4, 4, 1, 0, 0)                                          \
	X(xskmap, BPF_MAP_TYPE_XSKMAP, 4, 4, 1, 0, 0)                                              \
	X(stacktrace, BPF_MAP_TYPE_STACK_TRACE, 4, 8, 1, 0, 0)                                     \
	X(spin_lock, BPF_MAP_TYPE_ARRAY, 4, 8, 1, 0, 3)                                            \
	X(array_ro, BPF_MAP_TYPE_ARRAY, 4, 48, 1, BPF_F_RDONLY_PROG, 0)                            \
	X(array_wo, BPF_MAP_TYPE_ARRAY, 4, 48, 1, BPF_F_WRONLY_PROG, 0)                            \
	X(array_small, BPF_MAP_TYPE_ARRAY, 4, 1, 1, 0, 0)                                          \
	X(sk_storage, BPF_MAP_TYPE_SK_STORAGE, 4, 8, 0, BPF_F_NO_PREALLOC, 3)                      \
	X(event_output, BPF_MAP_TYPE_PERF_EVENT_ARRAY, 4, 4, 1, 0, 0)                              \
	X(reuseport_array, BPF_MAP_TYPE_REUSEPORT_SOCKARRAY, 4, 8, 1, 0, 0)                        \
	X(ringbuf, BPF_MAP_TYPE_RINGBUF, 0, 0, 4096, 0, 0)                                         \
	X(timer, BPF_MAP_TYPE_ARRAY, 4, 16, 1, 0, 5)                                               \
	X(kptr, BPF_MAP_TYPE_ARRAY, 4, 24, 1, 0, 14)                                               \
	X(array_8b, BPF_MAP_TYPE_ARRAY, 4, 8, 16, 0, 0)                                            \
	X(percpu_hash, BPF_MAP_TYPE_PERCPU_HASH, 8, 16, 16, 0, 0)                                  \
	X(percpu_array, BPF_MAP_TYPE_PERCPU_ARRAY, 4, 16, 16, 0, 0)                                \
	X(hash_key16, BPF_MAP_TYPE_HASH, 16, 8, 16, 0, 0)                                          \
	X(array_64b, BPF_MAP_TYPE_ARRAY, 4, 64, 8, 0, 0)                                           \
	X(hash_4_16, BPF_MAP_TYPE_HASH, 4, 16, 8, 0, 0)

enum fixture {
#define X(name, ...) FIXTURE_##name,
	FIXTURES(X)
#undef X
	FIXTURE_COUNT,
};

struct fixture_desc {
	const char *name;
	u32 type, key_size, value_size, max_entries, flags, value_type_id;
};

extern const struct fixture_desc fixtures[FIXTURE_COUNT];

/* Raw BTF that types the values of spin_lock, sk_storage, timer and kptr. */
const void *fixture_btf(u32 *size);

/* A map beside the fixtures: keys of four bytes, values described in the subject's BTF. */
struct own_map {
	char name[16];
	u32 type, max_entries, flags;
	u32 key_type_id, value_type_id, value_size;
	char inner[16]; /* maps of maps: the own map that is the template */
};

#define MAX_OWN_MAPS 4

struct subject_map {
	u32 insn; /* the 64-bit immediate load that gets this map */
	u32 fixture; /* from FIXTURE_COUNT on: own map */
};

struct subject_kfunc {
	u32 insn;
	char name[60];
};

/* A number that is an id of the kernel's BTF: of a struct, or (with slot 1 for its BTF) a variable. */
struct subject_type {
	u32 insn;
	char name[60];
};

struct subject {
	char name[160];
	u32 prog_type, attach_type, prog_flags;
	bool gpl, unprivileged;
	bool linux_model; /* Skep judges by this machine's BTF */
	bool to_run;	  /* it is not only to be verified */
	struct bpf_insn *insns;
	u32 n_insns;
	struct own_map own[MAX_OWN_MAPS];
	u32 n_own;
	u32 n_maps, n_kfuncs, n_types, n_func_info, btf_size;
	struct subject_map maps[64];
	struct subject_kfunc kfuncs[16];
	struct subject_type types[8];
	struct bpf_func_info func_info[32];
	char attach_to[60]; /* kernel function of a tracing or LSM program */
	u8 btf[4096];	    /* raw, of functions and own maps; btf_size 0: none */
};

struct verdict {
	bool judged; /* false: this judge cannot say; why is in message */
	int err;     /* 0: accepted; else -errno */
	s32 insn;    /* where it was refused, -1 when unknown */
	u64 ns;
	u64 processed;	   /* instructions; 0 when unknown */
	u64 states, peak_states, peak_memory; /* Skep's only */
	char message[256]; /* the line that says why it was refused */
	char *log;	   /* when asked for; free() */
};

struct image;
struct state;
struct env;

/* How Skep's verifier is asked, beyond what bpf(2) can say. */
struct judge_options {
	u32 log_level;
	bool no_pruning, always_induction, own_nodes;
	u32 max_processed; /* instructions; 0: the model's limit */
	void (*observe)(void *data, u32 insn, const struct state *state);
	void (*observe_end)(void *data, struct env *env);
	/* Sees the image of an accepted program, which is freed afterwards. */
	void (*accepted)(void *data, const struct image *image);
	void *data;
};

void judge_skep_with(struct subject *subject, const struct judge_options *options,
		     struct verdict *verdict);
/* Instructions name a fixture to Skep's verifier by this number. */
#define SKEP_FIXTURE_FD(fixture) ((s32)(fixture) + 100)
struct btf_builder;
/* Gives the program BTF and func_info: "int f(void)" for each function. */
void subject_describe_functions(struct subject *subject);
/* Adds the functions to BTF that has an int already, and fills func_info. */
void subject_add_functions(struct subject *subject, struct btf_builder *builder, u32 int_id);
/* Takes over the builder's bytes. False: they are too many. */
bool subject_take_btf(struct subject *subject, struct btf_builder *builder);

/* Where the member lies in that struct of this machine's kernel; -1: nowhere. */
int kernel_member_offset(const char *struct_name, const char *member);

/* log: also keep the log of that level (0: none). */
void judge_skep(struct subject *subject, u32 log_level, struct verdict *verdict);
void judge_linux(struct subject *subject, u32 log_level, struct verdict *verdict);
/* Why this machine's Linux cannot be asked at all, or NULL. */
const char *linux_unavailable(void);

/*
 * judge_skep in a process of its own: a crash, or more than that many seconds, is a verdict
 * too (err -EFAULT or -ETIME, and the message says so). No log.
 */
void judge_skep_apart(struct subject *subject, u32 seconds, struct verdict *verdict);

bool verdict_accepts(const struct verdict *verdict);

#endif
