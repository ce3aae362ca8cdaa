/* SPDX-License-Identifier: Apache-2.0 */
/*
 * struct kernel_model: the kernel a program is verified against. There is one for Skep
 * itself; others may be made from a Linux BTF for verifying only. It holds the BTF, the
 * program types with their contexts and helpers, and the language limits. Nobody tests a
 * kernel version: what differs between kernels is data here.
 */
#ifndef SKEP_MODEL_MODEL_H
#define SKEP_MODEL_MODEL_H

#include <linux/bpf.h>

#include "base/text.h"
#include "model/types.h"

struct btf;
struct run_ctx;
struct map_facts;
struct kernel_model;
struct kfunc_proto;

/*
 * A helper as the engines call it: five BPF arguments, then the run. What it returns
 * becomes r0.
 */
typedef u64 (*helper_fn)(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc);

struct helper_proto {
	u32 id;                 /* enum bpf_func_id; embedders' own start at HELPER_FIRST_CUSTOM */
	const char *name;       /* without "bpf_" */
	helper_fn fn;           /* NULL when HELPER_ABSENT */
	u32 flags;              /* enum helper_flag */
	u32 ret;                /* enum ret_type */
	u32 arg[5];             /* enum arg_type */
	u32 arg_size[5];        /* with ARG_MEM_FIXED_SIZE */
	const char *arg_btf[5]; /* type name of an ARG_PTR_TO_BTF_ID */
	const char *ret_btf_name; /* of a RET_PTR_TO_BTF_ID */
	u32 ret_size;
	s64 ret_min, ret_max;
};

#define HELPER_FIRST_CUSTOM 0x10000
/* The program type of SEC("skep/NAME"): its context is an embedder's, given with the request. */
#define PROG_TYPE_CUSTOM    0x10000

/* "A program of this type may call that helper": one entry of a helper set. */
struct helper_grant {
	u16 id;
	u8 needs;         /* enum privilege */
	u8 variant;       /* enum helper_variant: which prototype; 0: the helper's own */
	u64 attach_types; /* bit per enum bpf_attach_type; 0: all */
};

struct helper_set {
	const struct helper_grant *grants;
	u32 n_grants;
};

/*
 * One field of a context. Programs see [offset, offset + size); at run time the value is
 * at run_offset with run_size bytes in the struct that hooks pass (model/ctx.h), so the
 * verifier's fixup turns a field access into one plain load or store.
 */
struct ctx_field {
	const char *name;
	u16 offset, size;
	u16 run_offset, run_size;
	u8 unit;              /* of an array: the size of an element; 0: not an array */
	u8 kind;              /* enum field_kind */
	u8 access;            /* enum field_access */
	u8 piece_min;         /* FIELD_NARROW: no smaller pieces than this */
	u8 pieces_end;        /* FIELD_NARROW: pieces lie in that many first bytes; 0: in all */
	u64 read_at, write_at; /* bit per enum bpf_attach_type that may; 0: all of them */
	u32 mem_size;         /* FIELD_MEM */
	const char *btf_name; /* FIELD_BTF_ID */
};

struct ctx_layout {
	const char *name;               /* C type of the context, as programs write it: "xdp_md" */
	u32 size;                       /* bytes a program may address */
	const struct ctx_field *fields; /* sorted by offset; NULL: plain bytes */
	u32 n_fields;
	/* Without fields: readable as plain scalars of 1, 2, 4, 8 aligned bytes, from first up to
	 * size; bytes below writable_size may be written. */
	u32 first;
	u32 writable_size;
	/* Embedders': what the program returns must lie in ret_min..ret_max. */
	bool checks_return;
	s64 ret_min, ret_max;
};

/* What programs of some attach types return. */
struct return_range {
	u64 attach_types; /* bit per enum bpf_attach_type; 0: all, and ends the list */
	bool any;
	s64 min, max;
};

struct prog_type_model {
	u32 type;                     /* enum bpf_prog_type */
	const char *name;             /* as bpftool prints it: "sched_cls" */
	const struct ctx_layout *ctx; /* NULL: the program gets no context it may read */
	const struct helper_set *const *helper_sets; /* NULL-terminated: ask model_prog_helper */
	bool packet;                                 /* has direct packet access */
	bool packet_write;                           /* and may write it */
	bool legacy_packet;                          /* LD_ABS and LD_IND */
	bool can_attach; /* Skep has a hook for it (STATUS.md says so) */
	const struct return_range *returns; /* the first that fits; NULL: anything */
	u64 attach_types; /* bit per enum bpf_attach_type it may be loaded with; 0: any */
	u32 default_attach_type; /* what an attach type of 0 stands for */
};

struct kernel_model {
	const char *name;
	bool is_linux; /* made from a Linux BTF: for verifying, nothing is there to run with */
	struct btf *btf;
	const char *const *owned_types; /* structs that maps may own (__kptr); NULL ends */
	const struct prog_type_model *const
	    *prog_types; /* by enum bpf_prog_type; NULL entries: unknown */
	u32 n_prog_types;
	const struct helper_proto *const *helpers; /* by id; NULL entries: no such helper */
	u32 n_helpers;
	const struct helper_proto *const *helper_variants; /* by helper_grant.variant */
	/* Embedders' own: helper ids from HELPER_FIRST_CUSTOM. */
	const struct helper_proto *const *custom_helpers;
	u32 n_custom_helpers;
	const struct kfunc_proto *kfuncs; /* KFUNC_COUNT of them (model/kfuncs.h); NULL: none */
	const struct prog_type_model *custom_type; /* of PROG_TYPE_CUSTOM; NULL: not here */
	/* Bits of helpers and program types that this Linux was built or started without. */
	u64 lacks_helpers[4];
	u64 lacks_types;
	bool hides_variables; /* no address is known of its variables: CONFIG_KALLSYMS_ALL=n */
	/* limits */
	u32 max_insns;           /* of a program: 1,000,000 privileged */
	u32 max_insns_processed; /* complexity limit: 1,000,000 */
};

/*
 * May a program of that attach type read (write) size bytes at that offset of its context?
 * *field is what it touches, NULL where the context is plain bytes; the bytes then are at the same distance from
 * field->run_offset as from field->offset, but for pointers, which are read as a whole.
 */
bool model_ctx_access(const struct ctx_layout *layout, u32 attach_type, s64 offset, u32 size,
		      bool write, const struct ctx_field **field);

/* The attach type that a loader means by this one. */
u32 model_attach_type(const struct prog_type_model *type, u32 attach_type);
/* May a program of that type be loaded with that expected_attach_type? */
bool model_attach_type_fits(const struct prog_type_model *type, u32 attach_type);

/* What a program of that type and attach type may return; NULL: anything. */
const struct return_range *model_return_range(const struct prog_type_model *type, u32 attach_type);

/*
 * NULL when the kernel has no such program type or helper. PROG_TYPE_CUSTOM gives custom_type,
 * ids from HELPER_FIRST_CUSTOM the custom_helpers.
 */
const struct prog_type_model *model_prog_type(const struct kernel_model *model, u32 type);
const struct helper_proto *model_helper(const struct kernel_model *model, u32 id);
/*
 * The prototype by which a program of this type and attach type, loaded with that
 * privilege, may call the helper; NULL: "program of this type cannot use helper".
 * HELPER_ABSENT is the caller's to check. Custom helpers are PROG_TYPE_CUSTOM's.
 */
const struct helper_proto *model_prog_helper(const struct kernel_model *model,
					     const struct prog_type_model *type, u32 attach_type,
					     enum privilege privilege, u32 id);

/* Linux's owned_types. */
extern const char *const model_owned_types[];

/* Skep's own kernel: 0 or -ENOMEM. */
int model_skep_new(struct kernel_model **out);
/*
 * A Linux, from raw BTF (what /sys/kernel/btf/vmlinux holds), for verifying only. log receives
 * one line when the BTF is refused (may be NULL). 0 or btf_parse's errors. The language is that
 * of Linux 6.18; what BTF does not tell is in linux_facts.h. The bytes are copied.
 */
int model_linux_new(const void *btf, u32 size, struct text *log, struct kernel_model **out);
/*
 * What BTF does not tell of a running Linux: it is locked down (integrity), it knows no
 * addresses of its variables.
 */
void model_restrict(struct kernel_model *model, bool locked_down, bool hides_variables);
/* NULL is fine. */
void model_free(struct kernel_model *model);
/* Raw BTF of the kernel that Skep presents: os_free(*data). */
int model_skep_btf(void **data, u32 *size);

#endif
