/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pointers to presented kernel objects: read-only, and read by loads that cannot fault
 * (INSN_MODE_PROBE), so even a stale or NULL one is safe. What is checked is that the
 * program reads inside the object, and what comes out: a number or another such pointer.
 */
#include "btf/btf.h"
#include "verifier/step.h"

#define MAX_NESTING 16

/* The member that holds [off, off + size) whole, or NULL. */
static const struct btf_member *find_member(const struct btf *btf, const struct btf_type *type,
					    u64 off, u32 size, u64 *member_off)
{
	const struct btf_member *members = (const void *)(type + 1);

	for (u32 i = 0; i < btf_vlen(type); i++) {
		u64 bit = BTF_INFO_KFLAG(type->info) ? BTF_MEMBER_BIT_OFFSET(members[i].offset)
						     : members[i].offset;
		s64 bytes = btf_size(btf, members[i].type);

		if (bytes < 0 || off < bit / 8 || off + size > bit / 8 + (u64)bytes)
			continue;
		*member_off = bit / 8;
		return &members[i];
	}
	return NULL;
}

/* If the 8 bytes at off are a pointer to a struct, its id; else 0: a number. */
static u32 pointee_at(const struct btf *btf, u32 id, u64 off, u32 size)
{
	for (int depth = 0; depth < MAX_NESTING; depth++) {
		const struct btf_type *type = btf_resolve(btf, id, &id);
		const struct btf_member *member;
		u64 member_off;

		if (!type)
			return 0;
		switch (btf_kind(type)) {
		case BTF_KIND_STRUCT:
		case BTF_KIND_UNION:
			member = find_member(btf, type, off, size, &member_off);
			if (!member)
				return 0;
			off -= member_off;
			id = member->type;
			break;
		case BTF_KIND_PTR:
			if (off || size != 8)
				return 0;
			type = btf_resolve(btf, type->type, &id);
			return type && btf_kind(type) == BTF_KIND_STRUCT ? id : 0;
		default:
			return 0;
		}
	}
	return 0;
}

int btf_access(struct env *env, u32 regno, const struct reg *ptr, s64 off, u32 size,
	       enum access access, struct reg *loaded)
{
	const struct btf *btf = env->req->model->btf;
	const struct btf_type *type = btf ? btf_type(btf, ptr->btf_id) : NULL;
	s64 at = (s64)ptr->off + off, bytes = type ? btf_size(btf, ptr->btf_id) : -1;
	const char *name = type ? btf_name(btf, type->name_off) : "?";
	u32 pointee;

	if (!env->allow_ptr_leaks)
		return refuse(env, -EPERM, "unprivileged",
			      "'struct %s' access is allowed only to CAP_PERFMON and CAP_SYS_ADMIN", name);
	if (!env->req->gpl_compatible)
		return refuse(env, -EINVAL, "gpl-only", "Cannot access kernel 'struct %s' from non-GPL compatible program",
			      name);
	if (!reg_has_fixed_off(ptr))
		return refuse(env, -EACCES, "variable-offset",
			      "R%u is ptr_%s invalid variable offset", regno, name);
	if (access != ACCESS_READ)
		return refuse(env, -EACCES, "readonly-memory", "only read is supported");
	if (at < 0)
		return refuse(env, -EACCES, "out-of-bounds",
			      "R%u is ptr_%s invalid negative access: off=%lld", regno, name,
			      (long long)at);
	if (bytes < 0 || at + size > bytes)
		return refuse(env, -EACCES, "out-of-bounds",
			      "access beyond struct %s at off %lld size %u", name, (long long)at, size);
	env->aux[env->at].probe = true;
	pointee = pointee_at(btf, ptr->btf_id, (u64)at, size);
	if (!pointee)
		return 0;
	/* Loading through it cannot fault, so NULL and stale pointers need no check. */
	*loaded = reg_pointer(REG_BTF, 0);
	loaded->btf_id = pointee;
	return 0;
}
