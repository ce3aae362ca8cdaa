/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/btf_trust.h"
#include "base/str.h"

static const struct {
	const char *suffix;
	enum member_trust trust;
} promises[] = {
	{ "__safe_trusted", TRUST_TRUSTED },
	{ "__safe_trusted_or_null", TRUST_TRUSTED_OR_NULL },
	{ "__safe_rcu", TRUST_RCU },
	{ "__safe_rcu_or_null", TRUST_RCU_OR_NULL },
};

static bool lists_member(const struct btf *btf, const struct btf_type *list, const char *member,
			 u32 target_id)
{
	const struct btf_member *members = btf_members(list);

	for (u32 i = 0; i < btf_vlen(list); i++) {
		const struct btf_type *pointer = btf_resolve(btf, members[i].type, NULL);
		u32 id;

		if (!pointer || btf_kind(pointer) != BTF_KIND_PTR ||
		    !btf_resolve(btf, pointer->type, &id))
			continue;
		if (id == target_id && str_eq(btf_name(btf, members[i].name_off), member))
			return true;
	}
	return false;
}

enum member_trust btf_member_trust(const struct btf *btf, u32 struct_id, const char *member,
				   u32 target_id)
{
	const struct btf_type *type = btf_type(btf, struct_id);
	char name[128];

	for (u32 i = 0; type && i < ARRAY_SIZE(promises); i++) {
		s32 list;

		text_format(name, sizeof(name), "%s%s", btf_name(btf, type->name_off),
			    promises[i].suffix);
		list = btf_find(btf, name, btf_kind(type));
		if (list > 0 && lists_member(btf, btf_type(btf, (u32)list), member, target_id))
			return promises[i].trust;
	}
	return TRUST_NONE;
}
