/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of r0 after the call of a kfunc: from the type in its BTF prototype, the kfunc's
 * flags, and for a few from what they do.
 */
#include "verifier/kfunc.h"
#include "verifier/btf_walk.h"

/* bpf_rdonly_cast(obj, type): loads are made not to fault, so any number will do for obj. */
static int rdonly_cast(struct env *env, const struct kfunc_call *call, struct reg *out)
{
	const struct btf_type *type = btf_type(call->btf, (u32)call->constant);

	/* Of void: bytes, as many as one likes. */
	if (!call->constant) {
		*out = reg_pointer(REG_MEM, REG_RDONLY | REG_UNTRUSTED);
		return 0;
	}
	if (!type || call->constant > UINT32_MAX)
		return refuse(env, -EINVAL, "argument-type",
			      "Unknown type ID %lld passed to kfunc bpf_rdonly_cast",
			      (long long)call->constant);
	if (btf_kind(type) != BTF_KIND_STRUCT)
		return refuse(env, -EINVAL, "argument-type",
			      "kfunc bpf_rdonly_cast type ID argument must be of a struct or void");
	*out = reg_pointer(REG_BTF, REG_UNTRUSTED);
	out->btf_id = (u32)call->constant;
	return 0;
}

/* Kfuncs whose result is not what their prototype says. false: this is none of them. */
static bool special_result(struct env *env, const struct kfunc_call *call, struct reg *out, int *err)
{
	*err = 0;
	switch (call->kfunc->id) {
	case KFUNC_bpf_cast_to_kern_ctx:
		*out = reg_pointer(REG_BTF, REG_TRUSTED);
		out->btf_id = call->ret_btf_id;
		return true;
	case KFUNC_bpf_rdonly_cast:
		*err = rdonly_cast(env, call, out);
		return true;
	case KFUNC_bpf_dynptr_slice:
	case KFUNC_bpf_dynptr_slice_rdwr:
		*err = kfunc_slice_result(env, call, out);
		return true;
	default:
		return own_result(env, call, out, err);
	}
}

/* ---- by the prototype ---- */

static int memory_result(struct env *env, const struct kfunc_call *call,
			 const struct btf_type *target, u32 target_id, struct reg *out)
{
	s64 size = btf_size(call->btf, target_id);
	bool rdonly = call->ret_rdonly;

	if (call->kfunc->id == KFUNC_bpf_session_cookie) {
		size = 8; /* the program's own: it may write it */
	} else if (call->ret_size) {
		size = call->ret_size;
	} else if (size > 0 && size <= INT32_MAX) {
		rdonly = true;
	} else {
		return refuse(env, -EINVAL, "bad-prototype",
			      "kernel function %s returns pointer type %s %s is not supported",
			      call->kfunc->call.name, btf_kind_name(btf_kind(target)),
			      btf_name(call->btf, target->name_off));
	}
	*out = reg_pointer(REG_MEM, rdonly ? REG_RDONLY : 0);
	out->size = (u32)size;
	/* Goes with the object that it belongs to. */
	out->ref = call->ref && !call->release_reg ? call->ref : 0;
	if (call->kfunc->flags & KF_RCU_PROTECTED)
		out->flags |= REG_RCU;
	return 0;
}

static void object_result(const struct kfunc_call *call, u32 target_id, struct reg *out)
{
	*out = reg_pointer(REG_BTF, 0);
	out->btf_id = target_id;
	if (call->kfunc->id == KFUNC_bpf_get_kmem_cache)
		out->flags |= REG_UNTRUSTED;
	else if ((call->kfunc->flags & KF_RCU_PROTECTED) || (call->iter_flags & REG_RCU))
		out->flags |= REG_RCU;
	else if (call->kfunc->flags & KF_ITER_NEXT)
		out->flags |= REG_TRUSTED;
}

static int acquire(struct env *env, struct reg *out)
{
	int err = ref_acquire(env, &out->ref);

	/* NULL stands for no reference: branch.c. */
	if (!err && (out->flags & REG_MAYBE_NULL))
		out->id = out->ref;
	if (!err && !out->id && reg_has_lock(env, out))
		out->id = new_id(env);
	return err;
}

static int pointer_result(struct env *env, const struct kfunc_call *call,
			  const struct btf_type *pointer, struct reg *out)
{
	const struct kfunc_proto *kfunc = call->kfunc;
	const struct btf_type *target;
	u32 target_id;
	int err;

	if (!special_result(env, call, out, &err)) {
		target = btf_resolve(call->btf, pointer->type, &target_id);
		if (!target || btf_kind(target) == BTF_KIND_UNKN) {
			*out = reg_unknown(); /* void *: a number */
			return 0;
		}
		if (btf_is_composite(target))
			object_result(call, target_id, out);
		else
			err = memory_result(env, call, target, target_id, out);
	}
	if (err)
		return err;
	if ((kfunc->flags & KF_RET_NULL) && !call->arg_is_owning) {
		out->flags |= REG_MAYBE_NULL;
		out->id = new_id(env);
	}
	return kfunc->flags & KF_ACQUIRE ? acquire(env, out) : 0;
}

int kfunc_set_result(struct env *env, struct kfunc_call *call)
{
	const struct btf_type *type = btf_resolve(call->btf, call->proto->type, NULL);
	struct reg out = reg_unknown();
	int err = 0;

	if (!type || btf_kind(type) == BTF_KIND_UNKN)
		return 0;
	if (btf_kind(type) == BTF_KIND_PTR)
		err = pointer_result(env, call, type, &out);
	else if (call->kfunc->flags & KF_ACQUIRE)
		err = refuse(env, -EINVAL, "bad-prototype",
			     "acquire kernel function does not return PTR_TO_BTF_ID");
	if (err)
		return err;
	/* Where it failed, another path goes on (locks.c). */
	if (call->kfunc->id == KFUNC_bpf_res_spin_lock ||
	    call->kfunc->id == KFUNC_bpf_res_spin_lock_irqsave)
		out = reg_const(0);
	set_reg(env, 0, &out);
	return 0;
}
