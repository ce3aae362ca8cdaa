/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Do two types of one name mean the same? Compatible: of one kind, through pointers, arrays and
 * prototypes; what structs hold does not count. Matching is stricter: names, sizes and signs,
 * and all that the program's type has must be in the kernel's.
 */
#include "btf/core_spec.h"

#define CHAIN_MAX   32 /* pointers to pointers to ... */
#define PROTO_DEPTH 2  /* prototypes and structs inside each other, as in Linux */

struct pair {
	const struct btf *local, *target;
	u32 local_id, target_id;
};

static bool resolve(struct pair *pair, const struct btf_type **a, const struct btf_type **b)
{
	*a = btf_resolve(pair->local, pair->local_id, &pair->local_id);
	*b = btf_resolve(pair->target, pair->target_id, &pair->target_id);
	return *a && *b;
}

static void follow(struct pair *pair, u32 local_id, u32 target_id)
{
	pair->local_id = local_id;
	pair->target_id = target_id;
}

/* All parameters fulfil it; 1, 0 or -EINVAL. The result is the caller's to follow. */
static int params(const struct pair *pair, const struct btf_type *a, const struct btf_type *b,
		  int (*holds)(struct pair pair, bool behind_pointer, int level), int level)
{
	const struct btf_param *x = btf_params(a), *y = btf_params(b);
	int result = 1;

	if (btf_vlen(a) != btf_vlen(b))
		return 0;
	for (u32 i = 0; i < btf_vlen(a) && result > 0; i++)
		result =
		    level <= 1
			? -EINVAL
			: holds((struct pair){ pair->local, pair->target, x[i].type, y[i].type },
				false, level - 1);
	return result;
}

static int compatible(struct pair pair, bool behind_pointer, int level)
{
	const struct btf_type *a, *b;
	int ok;

	for (u32 n = 0; n < CHAIN_MAX; n++) {
		/* void is a type that is not there */
		if (!resolve(&pair, &a, &b))
			return -EINVAL;
		if (!core_kinds_match(a, b))
			return 0;
		switch (btf_kind(a)) {
		case BTF_KIND_UNKN:
		case BTF_KIND_STRUCT:
		case BTF_KIND_UNION:
		case BTF_KIND_ENUM:
		case BTF_KIND_ENUM64:
		case BTF_KIND_FWD:
			return 1;
		case BTF_KIND_INT:
			return !BTF_INT_OFFSET(btf_int_data(a)) && !BTF_INT_OFFSET(btf_int_data(b));
		case BTF_KIND_PTR:
			follow(&pair, a->type, b->type);
			break;
		case BTF_KIND_ARRAY:
			follow(&pair, btf_array_of(a)->type, btf_array_of(b)->type);
			break;
		case BTF_KIND_FUNC_PROTO:
			ok = params(&pair, a, b, compatible, level);
			if (ok <= 0)
				return ok;
			follow(&pair, a->type, b->type);
			break;
		default:
			return 0;
		}
	}
	return -EINVAL;
}

int core_types_compatible(const struct btf *local, u32 local_id, const struct btf *target,
			  u32 target_id)
{
	if (!core_kinds_match(btf_type(local, local_id), btf_type(target, target_id)))
		return 0;
	return compatible((struct pair){ local, target, local_id, target_id }, false, PROTO_DEPTH);
}

/* ---- matching ---- */

static int enums_match(const struct pair *pair, const struct btf_type *a, const struct btf_type *b)
{
	if (btf_vlen(a) > btf_vlen(b))
		return 0;
	for (u32 i = 0; i < btf_vlen(a); i++) {
		const char *name = core_enumerator(pair->local, a, i);
		u32 k = 0;

		while (k < btf_vlen(b) &&
		       !core_names_match(name, core_enumerator(pair->target, b, k)))
			k++;
		if (k == btf_vlen(b))
			return 0;
	}
	return 1;
}

static int match(struct pair pair, bool behind_pointer, int level);

static int member_matches(const struct pair *pair, const struct btf_member *m,
			  const struct btf_type *b, bool behind_pointer, int level)
{
	const char *name = btf_name(pair->local, m->name_off);

	for (u32 k = 0; k < btf_vlen(b); k++) {
		const struct btf_member *other = &btf_members(b)[k];

		if (core_names_match(name, btf_name(pair->target, other->name_off)) &&
		    match((struct pair){ pair->local, pair->target, m->type, other->type },
			  behind_pointer, level - 1) > 0)
			return 1;
	}
	return 0;
}

static int structs_match(const struct pair *pair, const struct btf_type *a,
			 const struct btf_type *b, bool behind_pointer, int level)
{
	if (btf_vlen(a) > btf_vlen(b))
		return 0;
	for (u32 i = 0; i < btf_vlen(a); i++)
		if (!member_matches(pair, &btf_members(a)[i], b, behind_pointer, level))
			return 0;
	return 1;
}

static int composites_match(const struct pair *pair, const struct btf_type *a,
			    const struct btf_type *b, bool behind_pointer, int level)
{
	if (!behind_pointer)
		return btf_kind(a) == btf_kind(b) ? structs_match(pair, a, b, behind_pointer, level)
						  : 0;
	if (btf_kind(a) == btf_kind(b))
		return 1;
	return btf_kind(b) == BTF_KIND_FWD && (btf_kind(a) == BTF_KIND_UNION) == btf_kflag(b);
}

/* A declaration; kflag says that it is a union's. */
static int forward_matches(const struct btf_type *a, const struct btf_type *b, bool behind_pointer)
{
	if (btf_kind(b) == BTF_KIND_FWD)
		return btf_kflag(a) == btf_kflag(b);
	return behind_pointer && btf_kind(b) == (btf_kflag(a) ? BTF_KIND_UNION : BTF_KIND_STRUCT);
}

static bool ints_match(const struct btf_type *a, const struct btf_type *b)
{
	return a->size == b->size && (BTF_INT_ENCODING(btf_int_data(a)) & BTF_INT_SIGNED) ==
					 (BTF_INT_ENCODING(btf_int_data(b)) & BTF_INT_SIGNED);
}

static int match(struct pair pair, bool behind_pointer, int level)
{
	const struct btf_type *a, *b;
	int ok;

	for (u32 n = 0; n < CHAIN_MAX && level > 0; n++) {
		if (!resolve(&pair, &a, &b))
			return -EINVAL;
		if (!core_names_match(btf_name(pair.local, a->name_off),
				      btf_name(pair.target, b->name_off)))
			return 0;
		if (btf_kind(a) == BTF_KIND_FWD)
			return forward_matches(a, b, behind_pointer);
		if (btf_is_any_enum(a))
			return btf_kind(a) == btf_kind(b) ? enums_match(&pair, a, b) : 0;
		if (btf_is_composite(a))
			return composites_match(&pair, a, b, behind_pointer, level);
		if (btf_kind(a) != btf_kind(b))
			return 0;
		switch (btf_kind(a)) {
		case BTF_KIND_UNKN:
			return 1;
		case BTF_KIND_INT:
			return ints_match(a, b);
		case BTF_KIND_PTR:
			behind_pointer = true;
			follow(&pair, a->type, b->type);
			break;
		case BTF_KIND_ARRAY:
			if (btf_array_of(a)->nelems != btf_array_of(b)->nelems)
				return 0;
			follow(&pair, btf_array_of(a)->type, btf_array_of(b)->type);
			break;
		case BTF_KIND_FUNC_PROTO:
			ok = params(&pair, a, b, match, level);
			if (ok <= 0)
				return ok;
			follow(&pair, a->type, b->type);
			break;
		default:
			return 0;
		}
	}
	return -EINVAL;
}

int core_types_match(const struct btf *local, u32 local_id, const struct btf *target, u32 target_id)
{
	return match((struct pair){ local, target, local_id, target_id }, false, PROTO_DEPTH);
}
