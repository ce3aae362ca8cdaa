/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records: the parts of a map's value, or of an allocated object, that are not plain data.
 * Locks, timers, pointers that the kernel owns, list and tree links: a program that could
 * write them would forge an object of the kernel. Where they lie is told by the BTF of the
 * value, found here by Linux's rules; who may have which, and use it how, is told elsewhere
 * (kernel/map_cmd.c, verifier/map_fields.c).
 */
#ifndef SKEP_BTF_RECORD_H
#define SKEP_BTF_RECORD_H

#include "btf/btf.h"

/*
 * SPECIAL(enumerator, name, size, align, once): structs that are known by their name; "once"
 * ones may be in a struct a single time.
 */
#define SPECIAL_STRUCTS(SPECIAL)                                                                   \
	SPECIAL(SPIN_LOCK, "bpf_spin_lock", 4, 4, true)                                            \
	SPECIAL(RES_SPIN_LOCK, "bpf_res_spin_lock", 4, 4, true)                                    \
	SPECIAL(TIMER, "bpf_timer", 16, 8, true)                                                   \
	SPECIAL(WORKQUEUE, "bpf_wq", 16, 8, true)                                                  \
	SPECIAL(TASK_WORK, "bpf_task_work", 8, 8, true)                                            \
	SPECIAL(LIST_HEAD, "bpf_list_head", 16, 8, false)                                          \
	SPECIAL(LIST_NODE, "bpf_list_node", 24, 8, false)                                          \
	SPECIAL(RB_ROOT, "bpf_rb_root", 16, 8, false)                                              \
	SPECIAL(RB_NODE, "bpf_rb_node", 32, 8, false)                                              \
	SPECIAL(REFCOUNT, "bpf_refcount", 4, 4, false)

/* POINTER(enumerator, tag of the pointer's target, name in messages) */
#define SPECIAL_POINTERS(POINTER)                                                                  \
	POINTER(KPTR_UNTRUSTED, "kptr_untrusted", "kptr")                                          \
	POINTER(KPTR, "kptr", "kptr")                                                              \
	POINTER(PERCPU_KPTR, "percpu_kptr", "percpu_kptr")                                         \
	POINTER(UPTR, "uptr", "uptr")

enum special_kind {
#define SPECIAL(name, ...) SPECIAL_##name,
	SPECIAL_STRUCTS(SPECIAL) SPECIAL_POINTERS(SPECIAL)
#undef SPECIAL
	    SPECIAL_COUNT
};

#define SPECIAL_BIT(kind) (1u << (kind))
#define SPECIAL_LOCKS     (SPECIAL_BIT(SPECIAL_SPIN_LOCK) | SPECIAL_BIT(SPECIAL_RES_SPIN_LOCK))
#define SPECIAL_ROOTS     (SPECIAL_BIT(SPECIAL_LIST_HEAD) | SPECIAL_BIT(SPECIAL_RB_ROOT))
#define SPECIAL_NODES     (SPECIAL_BIT(SPECIAL_LIST_NODE) | SPECIAL_BIT(SPECIAL_RB_NODE))
/* What calls a function of the program later. */
#define SPECIAL_ASYNC                                                                              \
	(SPECIAL_BIT(SPECIAL_TIMER) | SPECIAL_BIT(SPECIAL_WORKQUEUE) |                             \
	 SPECIAL_BIT(SPECIAL_TASK_WORK))
#define SPECIAL_KPTRS                                                                              \
	(SPECIAL_BIT(SPECIAL_KPTR_UNTRUSTED) | SPECIAL_BIT(SPECIAL_KPTR) |                         \
	 SPECIAL_BIT(SPECIAL_PERCPU_KPTR))
/* What a map's value may hold, and what an object made by bpf_obj_new. */
#define SPECIAL_IN_VALUES                                                                          \
	(SPECIAL_LOCKS | SPECIAL_ASYNC | SPECIAL_ROOTS | SPECIAL_KPTRS |                           \
	 SPECIAL_BIT(SPECIAL_UPTR) | SPECIAL_BIT(SPECIAL_REFCOUNT))
#define SPECIAL_IN_OBJECTS                                                                         \
	(SPECIAL_BIT(SPECIAL_SPIN_LOCK) | SPECIAL_BIT(SPECIAL_RES_SPIN_LOCK) | SPECIAL_ROOTS |     \
	 SPECIAL_NODES | SPECIAL_BIT(SPECIAL_REFCOUNT) | SPECIAL_KPTRS)

struct special_field {
	u32 kind; /* enum special_kind */
	u32 off, size;
	u32 type_id; /* pointers: the struct, in the kernel's BTF, or (local) in the value's */
	bool local;
};

#define RECORD_MAX_FIELDS 11 /* Linux's BTF_FIELDS_MAX */

struct btf_record {
	u32 kinds; /* bit per special_kind that is in it */
	u32 n;
	struct special_field fields[RECORD_MAX_FIELDS]; /* by offset */
};

/* The kernel that a record's pointers may lead to. */
struct record_kernel {
	const struct btf *btf; /* NULL: no types of a kernel */
	/* Names of its structs that a map may own, for it can let go of them; NULL ends. */
	const char *const *owned;
};

/*
 * Finds what of `kinds` lies in a type. 0; or as Linux: -EINVAL, -E2BIG (too many, or one twice
 * that may be there once), -EEXIST (they overlap), -ENOENT (a pointer to
 * something no map may own, or a list of nothing).
 */
int btf_record_parse(const struct btf *btf, u32 type_id, u32 kinds,
		     const struct record_kernel *kernel, struct btf_record *out);

/*
 * The same of a type whose objects programs make (bpf_obj_new): only a struct that itself, not
 * in a struct inside, has such a member, has a record. Whoever loads BTF has all its structs
 * checked. 0 or btf_record_parse's errors.
 */
int btf_object_record(const struct btf *btf, u32 id, const struct record_kernel *kernel,
		      struct btf_record *out);
int btf_check_objects(const struct btf *btf, const struct record_kernel *kernel);

/* The field of that kind, the last where structs inside bring more, or NULL; also of no record. */
const struct special_field *btf_record_find(const struct btf_record *record,
					    enum special_kind kind);
/* The first field that [lo, hi) touches, or NULL. */
const struct special_field *btf_record_at(const struct btf_record *record, s64 lo, s64 hi);
/* "bpf_timer", "kptr", ... as messages have it. */
const char *special_name(u32 kind);

static inline bool btf_record_has(const struct btf_record *record, u32 kinds)
{
	return record && (record->kinds & kinds);
}

bool btf_record_equal(const struct btf_record *a, const struct btf_record *b);

#endif
