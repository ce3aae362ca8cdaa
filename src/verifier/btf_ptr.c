/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pointers to kernel objects. Loads through them are made by instructions that cannot fault
 * (INSN_MODE_PROBE), so even a stale or NULL one is safe to read through; what is checked is that
 * the program reads inside the object. What matters more is whom such a pointer may be handed to,
 * and so what a load of a pointer yields:
 *
 *	trusted		the object lives, and is not NULL: a reference, or the kernel's promise
 *	rcu		the same until the RCU section ends
 *	no flag		given by old program types that promise nothing in writing; what is loaded
 *			through it is of the same kind
 *	untrusted	nothing is known but its type
 *
 * A pointer that is read out of a trusted object is not trusted by that: only members of which
 * the kernel's BTF promises it (btf_trust.h), and those that it tags __rcu, are.
 */
#include "verifier/btf_trust.h"
#include "verifier/btf_walk.h"
#include "verifier/ctx_type.h"
#include "verifier/kfunc.h"

const struct btf *btf_of(const struct env *env, const struct reg *reg)
{
	return reg->flags & REG_OWN_TYPE ? env->req->btf : env->req->model->btf;
}

const char *btf_struct_name(const struct btf *btf, u32 id)
{
	const struct btf_type *type = btf ? btf_type(btf, id) : NULL;

	return type ? btf_name(btf, type->name_off) : "?";
}

bool btf_is_trusted(const struct reg *reg)
{
	const u32 unsafe = REG_UNTRUSTED | REG_PERCPU | REG_USER | REG_RCU;

	if (reg_ref(reg))
		return true;
	if (reg->kind == REG_MAP || reg_kind_is_socket(reg->kind))
		return !(reg->flags & REG_UNTRUSTED);
	return (reg->flags & (REG_TRUSTED | REG_OWN_TYPE)) && !(reg->flags & unsafe);
}

/* ---- what a load of a pointer yields ---- */

/* flags of a pointer read through a trusted or RCU pointer. */
static u32 member_flags(struct env *env, const struct reg *ptr, const struct walk *walk)
{
	enum member_trust trust =
	    btf_member_trust(btf_of(env, ptr), ptr->btf_id, walk->field, walk->struct_id);
	u32 tagged = (walk->in_union ? REG_UNTRUSTED : 0) |
		     (walk->tags & WALK_TAG_PERCPU ? REG_PERCPU : 0) |
		     (walk->tags & WALK_TAG_USER ? REG_USER : 0);

	if (btf_is_trusted(ptr) && trust == TRUST_TRUSTED)
		return tagged | REG_TRUSTED;
	if (btf_is_trusted(ptr) && trust == TRUST_TRUSTED_OR_NULL)
		return tagged | REG_TRUSTED | REG_MAYBE_NULL;
	if (!in_rcu(env) || (ptr->flags & REG_MAYBE_NULL))
		return REG_UNTRUSTED;
	if (trust == TRUST_RCU)
		return tagged | REG_RCU;
	if (trust == TRUST_RCU_OR_NULL)
		return (tagged & ~(u32)REG_UNTRUSTED) | REG_RCU | REG_MAYBE_NULL;
	if (walk->tags & WALK_TAG_RCU)
		return tagged | REG_RCU | REG_MAYBE_NULL;
	return tagged & (REG_PERCPU | REG_USER) ? tagged : tagged & REG_UNTRUSTED;
}

static u32 loaded_flags(struct env *env, const struct reg *ptr, const struct walk *walk)
{
	if (ptr->flags & REG_UNTRUSTED)
		return REG_UNTRUSTED;
	if (btf_is_trusted(ptr) || (ptr->flags & REG_RCU))
		return member_flags(env, ptr, walk);
	return (walk->in_union ? REG_UNTRUSTED : 0) |
	       (walk->tags & WALK_TAG_PERCPU ? REG_PERCPU : 0) |
	       (walk->tags & WALK_TAG_USER ? REG_USER : 0);
}

static void load_result(struct env *env, const struct reg *ptr, const struct walk *walk, int what,
			struct reg *loaded)
{
	u32 own = ptr->flags & (REG_OWN_TYPE | REG_UNTRUSTED);

	/* Bytes of which only the address is known: every load from there is a probing one. */
	if (what == WALK_MEM) {
		*loaded = reg_pointer(REG_MEM, REG_RDONLY | REG_UNTRUSTED);
		return;
	}
	/* In an object of the program's own, pointers are numbers. */
	if (what != WALK_PTR || own == REG_OWN_TYPE)
		return;
	*loaded = reg_pointer(REG_BTF, loaded_flags(env, ptr, walk) | (own & REG_OWN_TYPE));
	loaded->btf_id = walk->struct_id;
	if (loaded->flags & REG_MAYBE_NULL)
		loaded->id = new_id(env);
}

/* ---- accesses ---- */

static int check_rights(struct env *env, const struct reg *ptr, const char *name)
{
	if (!env->allow_ptr_leaks)
		return refuse(env, -EPERM, "unprivileged",
			      "'struct %s' access is allowed only to CAP_PERFMON and CAP_SYS_ADMIN",
			      name);
	if (!env->req->gpl_compatible && !(ptr->flags & REG_OWN_TYPE))
		return refuse(env, -EINVAL, "gpl-only",
			      "Cannot access kernel 'struct %s' from non-GPL compatible program",
			      name);
	return 0;
}

static int check_address(struct env *env, u32 regno, const struct reg *ptr, s64 off,
			 const char *name, s64 *at)
{
	if (off + ptr->off < 0)
		return refuse(env, -EACCES, "out-of-bounds",
			      "R%u is ptr_%s invalid negative access: off=%lld", regno, name,
			      (long long)(off + ptr->off));
	if (!scalar_is_const(&ptr->val))
		return refuse(env, -EACCES, "variable-offset",
			      "R%u is ptr_%s invalid variable offset: off=%lld", regno, name,
			      (long long)(off + ptr->off));
	*at = (s64)((u64)(off + ptr->off) + ptr->val.umin);
	if (*at < 0 || *at > INT32_MAX)
		return refuse(env, -EACCES, "out-of-bounds",
			      "access beyond struct %s at off %lld size", name, (long long)*at);
	if (ptr->flags & REG_USER)
		return refuse(env, -EACCES, "user-pointer",
			      "R%u is ptr_%s access user memory: off=%lld", regno, name,
			      (long long)*at);
	if (ptr->flags & REG_PERCPU)
		return refuse(env, -EACCES, "percpu-pointer",
			      "R%u is ptr_%s access percpu memory: off=%lld", regno, name,
			      (long long)*at);
	return 0;
}

int btf_object_load(struct env *env, const struct reg *ptr, s64 at, u32 size, struct reg *loaded)
{
	struct walk walk;
	int what = btf_walk(env, btf_of(env, ptr), ptr->btf_id, (u32)at, size, &walk);

	if (what < 0)
		return what;
	env->aux[env->at].probe = !(ptr->flags & REG_OWN_TYPE) || (ptr->flags & REG_UNTRUSTED);
	if (loaded)
		load_result(env, ptr, &walk, what, loaded);
	return 0;
}

/* The members that programs of some types may write. */
static const struct {
	const char *owner, *member;
	u64 prog_types;
} writable[] = {
#define NETWORK (1u << BPF_PROG_TYPE_SCHED_CLS | 1u << BPF_PROG_TYPE_SCHED_ACT | 1u << BPF_PROG_TYPE_XDP)
	{ "nf_conn", "mark", NETWORK },
	{ "nf_conn___init", "mark", NETWORK },
};

static int check_write_to(struct env *env, const struct reg *ptr, const char *name, s64 at, u32 size)
{
	const struct btf *btf = btf_of(env, ptr);

	/* Who knows what an untrusted one points to. */
	for (u32 i = 0; i < ARRAY_SIZE(writable) && !(ptr->flags & REG_UNTRUSTED); i++) {
		s32 id = btf_find(btf, "nf_conn", BTF_KIND_STRUCT);
		struct btf_field field;
		s64 end;

		if (!str_eq(writable[i].owner, name) || env->type->type >= 64 ||
		    !(writable[i].prog_types >> env->type->type & 1))
			continue;
		if (id <= 0 || btf_find_member(btf, (u32)id, writable[i].member, &field) ||
		    at != field.bit_offset / 8)
			return refuse(env, -EACCES, "readonly-memory",
				      "no write support to nf_conn at off %lld", (long long)at);
		end = at + btf_size(btf, field.type_id);
		if (at + size <= end)
			return 0;
		return refuse(env, -EACCES, "out-of-bounds",
			      "write access at off %lld with size %u beyond the member of nf_conn ended at %lld",
			      (long long)at, size, (long long)end);
	}
	return refuse(env, -EACCES, "readonly-memory", "only read is supported");
}

int btf_access(struct env *env, u32 regno, const struct reg *ptr, s64 off, u32 size,
	       enum access access, struct reg *loaded)
{
	const char *name = btf_struct_name(btf_of(env, ptr), ptr->btf_id);
	s64 at = 0;
	int err = check_rights(env, ptr, name);

	if (!err)
		err = check_address(env, regno, ptr, off, name, &at);
	if (err)
		return err;
	if (ptr->flags & REG_OWN_TYPE)
		err = own_access(env, ptr, at, size, access);
	else if (access != ACCESS_READ)
		return check_write_to(env, ptr, name, at, size);
	return err ? err : btf_object_load(env, ptr, at, size, loaded);
}

/* ---- arguments ---- */

int btf_fixed_offset(struct env *env, u32 regno, const struct reg *reg)
{
	char name[REG_NAME_SIZE];

	if (reg->off < 0)
		return refuse(env, -EACCES, "modified-pointer",
			      "negative offset %s ptr R%u off=%d disallowed",
			      reg_name(env, reg, name), regno, reg->off);
	if (!reg_has_fixed_off(reg))
		return refuse(env, -EACCES, "variable-offset",
			      "variable %s access var_off is disallowed", reg_name(env, reg, name));
	return 0;
}

/* The kernel's struct behind a pointer, in the model's BTF; 0: not there. */
static u32 kernel_struct(const struct env *env, const struct reg *reg)
{
	static const struct {
		u8 kind;
		const char *name;
	} structs[] = {
		{ REG_SOCKET, "sock" },	      { REG_SOCK_COMMON, "sock_common" },
		{ REG_TCP_SOCK, "tcp_sock" }, { REG_MAP, "bpf_map" },
	};
	const struct btf *btf = env->req->model->btf;

	if (reg->kind == REG_BTF)
		return reg->btf_id;
	for (u32 i = 0; i < ARRAY_SIZE(structs); i++) {
		s32 id;

		if (structs[i].kind != reg->kind)
			continue;
		id = btf ? btf_find(btf, structs[i].name, BTF_KIND_STRUCT) : -ENOENT;
		return id > 0 ? (u32)id : 0;
	}
	return 0;
}

/* Structs that are laid out alike and yet are not the same: one becomes the other by a kfunc. */
static bool is_alias(const char *a, const char *b)
{
	size_t n = str_len(a);

	return str_starts(b, a) && str_eq(b + n, "___init");
}

int kfunc_btf_arg(struct env *env, struct kfunc_call *call, struct kfunc_arg *arg)
{
	const struct reg *reg = &arg->reg;
	u32 want = arg->target_id, id = kernel_struct(env, reg);
	const struct btf *btf = btf_of(env, reg);
	const char *name = btf_struct_name(btf, id), *want_name = arg->target_name;
	char text[REG_NAME_SIZE];
	bool strict;

	if (!id || (reg->kind == REG_BTF && (reg->flags & (REG_UNTRUSTED | REG_PERCPU | REG_USER)) &&
		    !(reg->flags & REG_RCU)))
		return refuse(env, -EINVAL, "argument-type",
			      "arg#%u is %s expected ptr_ or socket", arg->index,
			      reg_name(env, reg, text));
	strict = ((call->kfunc->flags & KF_RELEASE) && reg->ref) || is_alias(name, want_name) ||
		 is_alias(want_name, name);
	if (btf_struct_matches(btf, id, reg->off, call->btf, want, strict) ||
	    ctx_is_projection(want_name, name))
		return 0;
	return refuse(env, -EINVAL, "argument-type",
		      "kernel function %s args#%u expected pointer to STRUCT %s but R%u has a pointer to STRUCT %s",
		      call->kfunc->call.name, arg->index, want_name, arg->regno, name);
}
