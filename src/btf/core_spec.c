/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a record's spec, and finding the same place in another type: by the names of
 * members, whatever anonymous structs they lie in, and by the indices of elements.
 */
#include "btf/core_spec.h"

#include "base/str.h"

bool core_is_field(u32 kind)
{
	return kind <= BPF_CORE_FIELD_RSHIFT_U64;
}

bool core_is_type(u32 kind)
{
	return (kind >= BPF_CORE_TYPE_ID_LOCAL && kind <= BPF_CORE_TYPE_SIZE) ||
	       kind == BPF_CORE_TYPE_MATCHES;
}

bool core_is_enum_value(u32 kind)
{
	return kind == BPF_CORE_ENUMVAL_EXISTS || kind == BPF_CORE_ENUMVAL_VALUE;
}

bool core_names_match(const char *a, const char *b)
{
	size_t n = btf_essential_len(a);

	return n == btf_essential_len(b) && memcmp(a, b, n) == 0;
}

bool core_kinds_match(const struct btf_type *a, const struct btf_type *b)
{
	return btf_kind(a) == btf_kind(b) || (btf_is_any_enum(a) && btf_is_any_enum(b));
}

const char *core_enumerator(const struct btf *btf, const struct btf_type *t, u32 index)
{
	if (btf_kind(t) == BTF_KIND_ENUM)
		return btf_name(btf, ((const struct btf_enum *)(t + 1))[index].name_off);
	return btf_name(btf, ((const struct btf_enum64 *)(t + 1))[index].name_off);
}

u64 core_enum_value(const struct btf_type *t, u32 index)
{
	const struct btf_enum64 *wide = (const struct btf_enum64 *)(t + 1) + index;

	if (btf_kind(t) == BTF_KIND_ENUM)
		return (u64)(s64)((const struct btf_enum *)(t + 1))[index].val;
	return (u64)wide->val_hi32 << 32 | wide->val_lo32;
}

static int push(struct core_spec *spec, u32 type_id, u32 index, const char *name)
{
	if (spec->len == CORE_SPEC_MAX)
		return -E2BIG;
	spec->steps[spec->len++] = (struct core_step){ type_id, index, name };
	return 0;
}

/* Element `index` of that type. */
static int push_element(struct core_spec *spec, u32 type_id, u32 index)
{
	s64 size = btf_size(spec->btf, type_id);
	int err = push(spec, type_id, index, NULL);

	if (size < 0)
		return (int)size;
	spec->bit_offset += index * (u32)size * 8;
	return err;
}

/* An array without a size at the end of a struct has any number of elements. */
static bool has_element(const struct core_spec *spec, const struct btf_array *array, u32 index)
{
	const struct core_step *last = &spec->steps[spec->len - 1];

	if (index < array->nelems)
		return true;
	return last->name && !array->nelems &&
	       last->index + 1 == btf_vlen(btf_type(spec->btf, last->type_id));
}

/* ---- the record's own ---- */

/* The next of the numbers between colons; false at the end. */
static bool next_index(const char **text, u32 *index, int *err)
{
	const char *s = *text;
	u64 value = 0;

	if (!*s)
		return false;
	if (*s == ':')
		s++;
	if (*s < '0' || *s > '9')
		*err = -EINVAL;
	for (; *s >= '0' && *s <= '9' && value <= INT32_MAX; s++)
		value = value * 10 + (u64)(*s - '0');
	if (value > INT32_MAX || (*s && *s != ':'))
		*err = -EINVAL;
	*text = s;
	*index = (u32)value;
	return !*err;
}

/* One step from a struct or array; *type_id becomes what is there. */
static int step_into(struct core_spec *spec, u32 *type_id, u32 index)
{
	const struct btf *btf = spec->btf;
	const struct btf_type *t = btf_resolve(btf, *type_id, type_id);
	const struct btf_member *m;

	if (!t)
		return -EINVAL;
	if (btf_kind(t) == BTF_KIND_ARRAY) {
		const struct btf_array *array = btf_array_of(t);
		u32 elem;

		if (!btf_resolve(btf, array->type, &elem) || !has_element(spec, array, index))
			return -EINVAL;
		*type_id = elem;
		return push_element(spec, elem, index);
	}
	if (!btf_is_composite(t) || index >= btf_vlen(t))
		return -EINVAL;
	m = &btf_members(t)[index];
	spec->bit_offset += btf_member_bits(t, m);
	if (btf_name(btf, m->name_off)[0]) {
		int err = push(spec, *type_id, index, btf_name(btf, m->name_off));

		if (err)
			return err;
	}
	*type_id = m->type;
	return 0;
}

static int parse_enumerator(struct core_spec *spec, u32 id, u32 index, const char *rest)
{
	const struct btf_type *t = btf_type(spec->btf, id);

	if (!btf_is_any_enum(t) || *rest || index >= btf_vlen(t))
		return -EINVAL;
	return push(spec, id, index, core_enumerator(spec->btf, t, index));
}

int core_spec_parse(const struct btf *btf, u32 type_id, const char *text, u32 kind,
		    struct core_spec *spec)
{
	int err = 0;
	u32 id = type_id, index, n = 1;

	spec->btf = btf;
	spec->kind = kind;
	spec->root = type_id;
	spec->len = spec->bit_offset = 0;
	if (core_is_type(kind))
		return str_eq(text, "0") ? 0 : -EINVAL;
	if (!next_index(&text, &index, &err) || !btf_resolve(btf, id, &id))
		return -EINVAL;
	if (core_is_enum_value(kind))
		return parse_enumerator(spec, id, index, text);
	if (!core_is_field(kind))
		return -EINVAL;
	err = push_element(spec, id, index);
	while (!err && next_index(&text, &index, &err)) {
		if (++n > CORE_SPEC_MAX)
			return -E2BIG;
		err = step_into(spec, &id, index);
	}
	return err;
}

/* ---- the same place in another type ---- */

/* May a member of one type stand for one of the other? Only the shape counts. */
static int members_compatible(const struct btf *local, u32 local_id, const struct btf *target,
			      u32 target_id)
{
	for (u32 depth = 0; depth < 32; depth++) {
		const struct btf_type *a = btf_resolve(local, local_id, NULL);
		const struct btf_type *b = btf_resolve(target, target_id, NULL);
		const char *name_a, *name_b;

		if (!a || !b)
			return -EINVAL;
		if (btf_is_composite(a) && btf_is_composite(b))
			return 1;
		if (!core_kinds_match(a, b))
			return 0;
		switch (btf_kind(a)) {
		case BTF_KIND_PTR:
		case BTF_KIND_FLOAT:
			return 1;
		case BTF_KIND_FWD:
		case BTF_KIND_ENUM:
		case BTF_KIND_ENUM64:
			name_a = btf_name(local, a->name_off);
			name_b = btf_name(target, b->name_off);
			return !name_a[0] || !name_b[0] || core_names_match(name_a, name_b);
		case BTF_KIND_INT:
			return !BTF_INT_OFFSET(btf_int_data(a)) && !BTF_INT_OFFSET(btf_int_data(b));
		case BTF_KIND_ARRAY:
			local_id = btf_array_of(a)->type;
			target_id = btf_array_of(b)->type;
			break;
		default:
			return 0;
		}
	}
	return 0;
}

/* The member of that name, in anonymous members too; *type_id: of the struct, then its own. */
static int find_member(const struct btf *local, const struct core_step *step,
		       struct core_spec *spec, u32 *type_id, u32 depth)
{
	u32 id;
	const struct btf_type *t = btf_resolve(spec->btf, *type_id, &id);
	const struct btf_member *m, *own;

	if (!t)
		return -EINVAL;
	if (!btf_is_composite(t))
		return 0;
	if (depth > CORE_SPEC_MAX)
		return -E2BIG;
	m = btf_members(t);
	own = &btf_members(btf_type(local, step->type_id))[step->index];
	for (u32 i = 0; i < btf_vlen(t); i++) {
		const char *name = btf_name(spec->btf, m[i].name_off);
		u32 before = spec->bit_offset, inner = m[i].type;
		int found = 0;

		spec->bit_offset += btf_member_bits(t, &m[i]);
		if (!name[0]) {
			found = find_member(local, step, spec, &inner, depth + 1);
			*type_id = found > 0 ? inner : *type_id;
		} else if (str_eq(name, step->name)) {
			found = push(spec, id, i, name);
			*type_id = m[i].type;
			return found ? found
				     : members_compatible(local, own->type, spec->btf, m[i].type);
		}
		if (found)
			return found;
		spec->bit_offset = before;
	}
	return 0;
}

static int match_element(struct core_spec *spec, u32 *type_id, u32 index, bool first)
{
	const struct btf_type *t = btf_resolve(spec->btf, *type_id, type_id);

	if (!t)
		return -EINVAL;
	/* The first index counts whole objects, which are no array. */
	if (!first) {
		if (btf_kind(t) != BTF_KIND_ARRAY || !has_element(spec, btf_array_of(t), index))
			return 0;
		if (!btf_resolve(spec->btf, btf_array_of(t)->type, type_id))
			return -EINVAL;
	}
	return push_element(spec, *type_id, index) ?: 1;
}

static int match_enumerator(const struct core_spec *local, struct core_spec *spec)
{
	u32 id;
	const struct btf_type *t = btf_resolve(spec->btf, spec->root, &id);

	if (!t || !btf_is_any_enum(t))
		return 0;
	for (u32 i = 0; i < btf_vlen(t); i++) {
		const char *name = core_enumerator(spec->btf, t, i);

		if (core_names_match(local->steps[0].name, name))
			return push(spec, id, i, name) ?: 1;
	}
	return 0;
}

int core_spec_match(const struct core_spec *local, const struct btf *target, u32 type_id,
		    struct core_spec *spec)
{
	int found = 1;

	spec->btf = target;
	spec->kind = local->kind;
	spec->root = type_id;
	spec->len = spec->bit_offset = 0;
	if (local->kind == BPF_CORE_TYPE_MATCHES)
		return core_types_match(local->btf, local->root, target, type_id);
	if (core_is_type(local->kind))
		return core_types_compatible(local->btf, local->root, target, type_id);
	if (core_is_enum_value(local->kind))
		return match_enumerator(local, spec);
	for (u32 i = 0; i < local->len && found > 0; i++) {
		const struct core_step *step = &local->steps[i];

		found = step->name ? find_member(local->btf, step, spec, &type_id, 0)
				   : match_element(spec, &type_id, step->index, i == 0);
	}
	return found;
}
