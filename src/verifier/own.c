/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects that programs make themselves (bpf_obj_new): structs of the program's own BTF. Who
 * holds the reference may write them, and so may everybody while RCU keeps them alive; their
 * memory is real, so a pointer of which nothing is promised must not be followed there.
 */
#include "verifier/kfunc.h"
#include "verifier/kptr.h"

#define PERCPU_OBJECT_MAX 512

const struct btf_record *own_record(struct env *env, u32 btf_id)
{
	const struct record_kernel kernel = { env->req->model->btf, env->req->model->owned_types };
	struct btf_record record, *kept;

	vec_for_each(type, &env->own_types)
		if (type->btf_id == btf_id)
			return type->record;
	/* BTF_LOAD has refused types that make no sense. */
	if (!env->req->btf || btf_object_record(env->req->btf, btf_id, &kernel, &record) || !record.n)
		kept = NULL;
	else if ((kept = arena_new(&env->arena, struct btf_record)))
		*kept = record;
	vec_push(&env->own_types, (struct own_type){ btf_id, kept });
	return kept;
}

/* size bytes at `at` in the object; the caller checks that they are inside it. */
int own_access(struct env *env, const struct reg *ptr, s64 at, u32 size, enum access access)
{
	const struct special_field *field;
	bool alive = ptr->ref || (ptr->flags & (REG_RCU | REG_NON_OWNING));

	if (ptr->flags & REG_UNTRUSTED) {
		if (access != ACCESS_READ)
			return refuse(env, -EACCES, "readonly-memory", "only read is supported");
		return 0;
	}
	if (!alive)
		return refuse(env, -EACCES, "untrusted-pointer",
			      "ref_obj_id for allocated object must be non-zero");
	field = btf_record_at(own_record(env, ptr->btf_id), at, at + size);
	if (field)
		return refuse(env, -EACCES, "special-field", "direct access to %s is disallowed",
			      special_name(field->kind));
	return 0;
}

/* ---- arguments ---- */

static bool is_own_object(const struct reg *reg)
{
	return reg->kind == REG_BTF && (reg->flags & REG_OWN_TYPE) &&
	       !(reg->flags & REG_UNTRUSTED);
}

/* bpf_obj_drop, bpf_percpu_obj_drop. */
int kfunc_own_object(struct env *env, struct kfunc_call *call, struct kfunc_arg *arg)
{
	u32 flags = arg->reg.kind == REG_BTF ? arg->reg.flags : 0;
	bool percpu = flags == (REG_OWN_TYPE | REG_PERCPU);

	if (flags != REG_OWN_TYPE && !percpu)
		return refuse(env, -EINVAL, "argument-type",
			      "arg#%u expected pointer to allocated object", arg->index);
	if (percpu != (call->kfunc->id == KFUNC_bpf_percpu_obj_drop_impl))
		return refuse(env, -EINVAL, "argument-type", "arg#%u expected for %s()", arg->index,
			      percpu ? "bpf_percpu_obj_drop_impl" : "bpf_obj_drop_impl");
	if (!arg->reg.ref)
		return refuse(env, -EINVAL, "release-unacquired",
			      "allocated object must be referenced");
	call->arg_btf_id = arg->reg.btf_id;
	return 0;
}

int kfunc_refcounted(struct env *env, struct kfunc_call *call, struct kfunc_arg *arg)
{
	if (!is_own_object(&arg->reg))
		return refuse(env, -EINVAL, "argument-type",
			      "arg#%u is neither owning or non-owning ref", arg->index);
	if (!btf_record_find(own_record(env, arg->reg.btf_id), SPECIAL_REFCOUNT))
		return refuse(env, -EINVAL, "argument-type",
			      "arg#%u doesn't point to a type with bpf_refcount field", arg->index);
	/* Whoever owns it cannot be refused another reference. */
	call->arg_is_owning = !(arg->reg.flags & REG_NON_OWNING) && arg->reg.ref;
	call->arg_btf_id = arg->reg.btf_id;
	return 0;
}

/* ---- results ---- */

/* Any bytes are a value of it: numbers only. */
static bool is_plain(const struct btf *btf, const struct btf_type *type, u32 depth)
{
	for (u32 i = 0; i < btf_vlen(type); i++) {
		const struct btf_type *member = btf_resolve(btf, btf_members(type)[i].type, NULL);

		if (member && btf_kind(member) == BTF_KIND_STRUCT) {
			if (depth >= 3 || !is_plain(btf, member, depth + 1))
				return false;
			continue;
		}
		if (member && btf_kind(member) == BTF_KIND_ARRAY) {
			if (!btf_array_of(member)->nelems)
				return false;
			member = btf_resolve(btf, btf_array_of(member)->type, NULL);
		}
		if (!member || (btf_kind(member) != BTF_KIND_INT && btf_kind(member) != BTF_KIND_ENUM &&
				btf_kind(member) != BTF_KIND_ENUM64))
			return false;
	}
	return true;
}

static int check_percpu_type(struct env *env, const struct btf_type *type, u32 id)
{
	if (type->size > PERCPU_OBJECT_MAX)
		return refuse(env, -EINVAL, "argument-type",
			      "bpf_percpu_obj_new type size (%u) is greater than %u", type->size,
			      PERCPU_OBJECT_MAX);
	if (!is_plain(env->req->btf, type, 0))
		return refuse(env, -EINVAL, "argument-type",
			      "bpf_percpu_obj_new type ID argument must be of a struct of scalars");
	if (own_record(env, id))
		return refuse(env, -EINVAL, "argument-type",
			      "bpf_percpu_obj_new type ID argument must not contain special fields");
	return 0;
}

static int object_new(struct env *env, const struct kfunc_call *call, struct reg *out)
{
	bool percpu = call->kfunc->id == KFUNC_bpf_percpu_obj_new_impl;
	const struct btf *btf = env->req->btf;
	const struct btf_type *type;
	int err = 0;

	if (call->constant > UINT32_MAX)
		return refuse(env, -EINVAL, "argument-type",
			      "local type ID argument must be in range [0, U32_MAX]");
	if (!btf)
		return refuse(env, -EINVAL, "argument-type",
			      "bpf_obj_new/bpf_percpu_obj_new requires prog BTF");
	type = btf_type(btf, (u32)call->constant);
	if (!type || btf_kind(type) != BTF_KIND_STRUCT)
		return refuse(env, -EINVAL, "argument-type",
			      "bpf_obj_new/bpf_percpu_obj_new type ID argument must be of a struct");
	if (percpu)
		err = check_percpu_type(env, type, (u32)call->constant);
	*out = reg_pointer(REG_BTF, REG_OWN_TYPE | (percpu ? REG_PERCPU : 0));
	out->btf_id = (u32)call->constant;
	return err;
}

bool own_result(struct env *env, const struct kfunc_call *call, struct reg *out, int *err)
{
	*err = 0;
	switch (call->kfunc->id) {
	case KFUNC_bpf_obj_new_impl:
	case KFUNC_bpf_percpu_obj_new_impl:
		*err = object_new(env, call, out);
		return true;
	case KFUNC_bpf_refcount_acquire_impl:
		*out = reg_pointer(REG_BTF, REG_OWN_TYPE);
		out->btf_id = call->arg_btf_id;
		return true;
	default:
		return false;
	}
}
