/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One call of a kfunc while it is checked: what its BTF prototype says, and what its arguments
 * say about its result. kfunc.c is the call as a whole, kfunc_args.c finds out what each
 * argument must be and has a table with one check a kind, kfunc_ret.c makes the result.
 */
#ifndef SKEP_VERIFIER_KFUNC_H
#define SKEP_VERIFIER_KFUNC_H

#include "btf/btf.h"
#include "model/kfuncs.h"
#include "verifier/stack_object.h"

/* What an argument is, from its type and the suffix of its name. */
enum karg_kind {
	KARG_IGNORED, /* __ign, __prog: the register may hold anything */
	KARG_SCALAR,
	KARG_NULL, /* __nullable, and NULL it is */
	KARG_CTX,
	KARG_ALLOC_OBJ, /* __alloc: an object of the program's own */
	KARG_REFCOUNTED, /* __refcounted_kptr */
	KARG_DYNPTR,
	KARG_ITER,
	KARG_LIST_HEAD,
	KARG_LIST_NODE,
	KARG_RB_ROOT,
	KARG_RB_NODE,
	KARG_CONST_STR, /* __str */
	KARG_MAP,	/* __map */
	KARG_WORKQUEUE,
	KARG_TIMER,
	KARG_TASK_WORK,
	KARG_IRQ_FLAG,
	KARG_RES_LOCK,
	KARG_BTF,      /* a kernel object */
	KARG_CALLBACK,
	KARG_MEM,      /* memory of the size of the type that is pointed to */
	KARG_MEM_SIZE, /* memory whose size is the next argument: __sz, __szk */
	KARG_COUNT
};

struct kfunc_call {
	const struct kfunc_proto *kfunc;
	const struct btf *btf;
	const struct btf_type *proto;
	const struct btf_param *params;
	u32 n_args;
	/* what the arguments said: */
	u32 ref;	 /* reference of a pointer among them; 0: none */
	u32 release_reg; /* register with the reference that KF_RELEASE takes; 0: none */
	u32 release_ref; /* that reference */
	bool has_const;	 /* __k, __szk */
	u64 constant;
	u32 ret_size; /* rdonly_buf_size, rdwr_buf_size: bytes behind the result */
	bool ret_rdonly;
	bool has_map;
	u32 map;	 /* index into env->maps */
	bool has_field;	 /* a work queue and the like, in a value of: */
	u32 field_map, field_uid;
	bool has_callback;
	u32 callback;	 /* subprogram */
	u32 ret_btf_id;	 /* cast_to_kern_ctx, rdonly_cast: what the result points to */
	u32 arg_btf_id;	 /* KARG_ALLOC_OBJ, KARG_REFCOUNTED: type of the object, in the program's BTF */
	bool arg_is_owning;
	struct dynptr_arg dynptr; /* KARG_DYNPTR: an initialised one among the arguments */
	u32 iter_frame, iter_slot, iter_slots; /* KARG_ITER: where it is */
	u16 iter_flags;			       /* REG_RCU */
};

/* One argument while it is checked; kind_type is what it points to (modifiers skipped). */
struct kfunc_arg {
	u32 index, regno;
	const struct btf_param *param;
	const char *name;
	u32 target_id;
	const struct btf_type *target; /* NULL: void */
	const char *target_name;
	struct reg reg; /* a copy */
	bool skip_next; /* set by a check that has taken the next argument, too */
};

typedef int (*karg_check)(struct env *env, struct kfunc_call *call, struct kfunc_arg *arg);

/* ---- kfunc.c ---- */
int kfunc_step(struct env *env, const struct bpf_insn *insn);
/* The kfunc that an instruction calls; NULL: none of this model's, or no such call at all. */
const struct kfunc_proto *kfunc_of(const struct env *env, const struct bpf_insn *insn);
/* Its prototype in the model's BTF; NULL when kfunc_of is. */
const struct btf_type *kfunc_prototype(const struct env *env, const struct bpf_insn *insn);
/* The packet may lie elsewhere after it. NULL: no. */
bool kfunc_changes_packet(const struct kfunc_proto *kfunc);
/* At load: is there such a function? Asked also for calls that no path reaches. */
int kfunc_check_insn(struct env *env, const struct bpf_insn *insn);

/* ---- kfunc_args.c ---- */
int kfunc_args_check(struct env *env, struct kfunc_call *call);
/* "len__sz": the size of the memory in the parameter before it. */
bool karg_is_size_name(const char *name);
/* Does the parameter's name end in suffix ("__sz")? */
bool karg_has_suffix(const struct kfunc_call *call, u32 index, const char *suffix);

/* ---- kfunc_ret.c ---- */
int kfunc_set_result(struct env *env, struct kfunc_call *call);

/* ---- kinds whose rules stand in other files ---- */
int kfunc_btf_arg(struct env *env, struct kfunc_call *call, struct kfunc_arg *arg); /* btf_ptr.c */
int kfunc_irq_flag(struct env *env, struct kfunc_call *call, struct kfunc_arg *arg); /* sections.c */

int kfunc_dynptr(struct env *env, struct kfunc_call *call, struct kfunc_arg *arg); /* dynptr_kfunc.c */
int kfunc_iter(struct env *env, struct kfunc_call *call, struct kfunc_arg *arg);   /* iter.c */

/* ---- dynptr_kfunc.c ---- */
/* r0 of bpf_dynptr_slice and bpf_dynptr_slice_rdwr. */
int kfunc_slice_result(struct env *env, const struct kfunc_call *call, struct reg *out);
/* What runs for the kfunc in this program, where that depends on its type. */
const struct helper_proto *kfunc_dynptr_proto(const struct env *env, const struct kfunc_call *call);

/* ---- iter.c ---- */
/* After a call of next: this path goes on without an element, another one with it in r0. */
int iter_next(struct env *env, const struct kfunc_call *call);
int kfunc_res_lock(struct env *env, struct kfunc_call *call, struct kfunc_arg *arg); /* locks.c */
int kfunc_own_object(struct env *env, struct kfunc_call *call, struct kfunc_arg *arg); /* own.c */
int kfunc_refcounted(struct env *env, struct kfunc_call *call, struct kfunc_arg *arg);
/* r0 of what makes objects of the program's own; false: this kfunc does not. */
bool own_result(struct env *env, const struct kfunc_call *call, struct reg *out, int *err);
int res_lock_may_fail(struct env *env, const struct kfunc_call *call); /* locks.c */
/* async.c: fields that call a function later, the map given with them, and that function */
int kfunc_async_field(struct env *env, struct kfunc_call *call, struct kfunc_arg *arg);
int kfunc_map(struct env *env, struct kfunc_call *call, struct kfunc_arg *arg);
int kfunc_callback(struct env *env, const struct kfunc_call *call);

/* ---- sections.c: RCU, preemption, interrupts ---- */
/* What only RCU keeps alive is untrusted from now on. */
int forget_rcu(struct env *env);
int kfunc_sections(struct env *env, struct kfunc_call *call);

#endif
