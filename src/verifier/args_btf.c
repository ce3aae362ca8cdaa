/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernel objects as arguments of helpers. The struct must be the one that the helper wants, or
 * begin with it at the pointer's offset; and the object must live: trusted, under RCU, or given
 * by an old program type. Of an untrusted pointer nothing of that is known, so none is accepted.
 */
#include "btf/btf.h"
#include "verifier/args.h"
#include "verifier/btf_walk.h"

static const char *type_name(const struct btf *btf, u32 id)
{
	const struct btf_type *type = btf ? btf_type(btf, id) : NULL;

	return type ? btf_name(btf, type->name_off) : "?";
}

/* Which of the flags a pointer carries that say how far it may be trusted. */
static u32 trust_flags(const struct reg *reg)
{
	return reg->flags & (REG_TRUSTED | REG_UNTRUSTED | REG_RCU | REG_PERCPU | REG_USER |
			     REG_OWN_TYPE | REG_NON_OWNING);
}

/* May a pointer of that trust be such an argument at all? */
static bool trust_fits(const struct env *env, const struct reg *reg, u32 base)
{
	u32 flags = trust_flags(reg);

	switch (base) {
	case ARG_PTR_TO_BTF_ID:
		return !flags || flags == REG_TRUSTED || flags == REG_RCU;
	case ARG_PTR_TO_BTF_ID_SOCK_COMMON:
		return !flags || flags == REG_TRUSTED;
	case ARG_PTR_TO_PERCPU_BTF_ID:
		/* What the program allocated, only while RCU keeps it: its owner may free it. */
		return flags == REG_PERCPU || flags == (REG_PERCPU | REG_TRUSTED) ||
		       (flags & ~(u32)REG_OWN_TYPE) == (REG_PERCPU | REG_RCU);
	default: /* memory, which Skep's own helpers cannot reach */
		return flags == REG_TRUSTED && env->req->verify_only;
	}
}

static int check_struct(struct env *env, const struct helper_proto *proto, u32 i,
			const struct reg *reg, u32 arg)
{
	const struct btf *kernel = env->req->model->btf, *btf = btf_of(env, reg);
	const char *want = (arg & ARG_BASE_MASK) == ARG_PTR_TO_BTF_ID ? proto->arg_btf[i]
								     : "sock_common";
	s32 want_id = kernel && want ? btf_find(kernel, want, BTF_KIND_STRUCT) : -ENOENT;
	/* Sockets of all kinds begin with a sock_common. */
	bool strict = (arg & ARG_RELEASES) && proto->id != BPF_FUNC_sk_release;

	if (want_id > 0 &&
	    btf_struct_matches(btf, reg->btf_id, reg->off, kernel, (u32)want_id, strict))
		return 0;
	return refuse(env, -EACCES, "argument-type", "R%u is of type %s but %s is expected", i + 1,
		      type_name(btf, reg->btf_id), want ? want : "?");
}

int check_btf_kind(struct env *env, const struct helper_proto *proto, u32 i, const struct reg *reg,
		   u32 arg)
{
	u32 base = arg & ARG_BASE_MASK;
	bool maybe_null = reg->flags & REG_MAYBE_NULL;

	if (!trust_fits(env, reg, base))
		return refuse_kind(env, i + 1, reg, base);
	if (base != ARG_PTR_TO_BTF_ID && base != ARG_PTR_TO_BTF_ID_SOCK_COMMON) {
		if (maybe_null && !(arg & ARG_MAYBE_NULL))
			return refuse_kind(env, i + 1, reg, base);
		if (base != ARG_PTR_TO_PERCPU_BTF_ID && !(arg & ARG_MEM_RDONLY))
			return refuse(env, -EACCES, "readonly-memory",
				      "bpf_%s() may write into memory pointed by R%u type=trusted_ptr_",
				      proto->name, i + 1);
		return btf_fixed_offset(env, i + 1, reg);
	}
	if (maybe_null && (!(arg & ARG_MAYBE_NULL) || (arg & ARG_RELEASES)))
		return refuse(env, -EACCES, "null-check", "Possibly NULL pointer passed to helper arg%u",
			      i + 1);
	if ((arg & ARG_RELEASES) && reg->off)
		return refuse(env, -EINVAL, "modified-pointer",
			      "R%u must have zero offset when passed to release func or trusted arg to kfunc",
			      i + 1);
	return check_struct(env, proto, i, reg, arg) ?: btf_fixed_offset(env, i + 1, reg);
}
