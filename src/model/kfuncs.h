/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kfuncs: functions of a kernel that programs may call by their BTF id. What they are called,
 * what they promise and who may call them is in kfuncs.def; their prototypes are in the BTF of
 * the kernel. Skep's own kernel has those that helpers/kfuncs.h can run.
 */
#ifndef SKEP_MODEL_KFUNCS_H
#define SKEP_MODEL_KFUNCS_H

#include "model/model.h"

struct btf;

/* KFUNC_bpf_task_acquire, ... */
enum kfunc_id {
#define KFUNC(name, flags, sets, filter) KFUNC_##name,
#include "model/kfuncs.def"
	KFUNC_COUNT,
	KFUNC_NONE = KFUNC_COUNT,
};

/* As Linux names them. */
enum kfunc_flag {
	KF_ACQUIRE = 1 << 0,	   /* the result is a reference */
	KF_RELEASE = 1 << 1,	   /* takes the reference among its arguments away */
	KF_RET_NULL = 1 << 2,	   /* a pointer that it returns may be NULL */
	KF_TRUSTED_ARGS = 1 << 3,  /* pointers must be alive, unmodified and not NULL */
	KF_SLEEPABLE = 1 << 4,
	KF_DESTRUCTIVE = 1 << 5,   /* needs CAP_SYS_BOOT */
	KF_RCU = 1 << 6,	   /* as TRUSTED_ARGS, and RCU pointers will do */
	KF_ITER_NEW = 1 << 7,
	KF_ITER_NEXT = 1 << 8,
	KF_ITER_DESTROY = 1 << 9,
	KF_RCU_PROTECTED = 1 << 10, /* only where RCU is held */
	KF_FASTCALL = 1 << 11,	    /* changes no register but r0 */
	KF_ARENA = 1 << 12,	    /* about arena memory */
};

/* A kfunc of one model. call is what engines and logs see of it. */
struct kfunc_proto {
	struct helper_proto call; /* id: KFUNC_FIRST_CALL + kfunc; fn NULL: verify only */
	enum kfunc_id id;
	u32 btf_id;   /* of the function in the model's BTF; 0: this kernel does not have it */
	u32 flags;    /* enum kfunc_flag */
	u64 types;    /* bit per enum bpf_prog_type that may call it */
	u8 filter;    /* enum kfunc_filter */
};

/* helper_proto.id of kfuncs begins here. */
#define KFUNC_FIRST_CALL 0x20000

/* What a program must be beside its type. */
enum kfunc_filter {
	KFUNC_FILTER_ANY,
	KFUNC_FILTER_LSM,	   /* the type is LSM */
	KFUNC_FILTER_ITER,	   /* attaches as an iterator */
	KFUNC_FILTER_SESSION,	   /* attaches as a kprobe or uprobe session */
	KFUNC_FILTER_DEVICE_BOUND, /* loaded for one network device */
};

/* The kfuncs of a model: made by model_kfuncs_init, freed by model_kfuncs_release. */
int model_kfuncs_init(struct kernel_model *model);
void model_kfuncs_release(struct kernel_model *model);

/* The kfunc whose BTF function has that id; NULL: none. */
const struct kfunc_proto *model_kfunc(const struct kernel_model *model, u32 btf_id);
/* May programs of that type and attach type call it? */
bool model_kfunc_allowed(const struct kfunc_proto *kfunc, u32 prog_type, u32 attach_type);
/* As in kfuncs.def. */
const char *kfunc_name(enum kfunc_id id);
u32 kfunc_flags(enum kfunc_id id);

#endif
