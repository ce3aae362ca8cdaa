/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/btf_walk.h"

#define MAX_NESTING 32

/* One access on its way down through nested structs. */
struct access_at {
	const struct btf *btf;
	const struct btf_type *type; /* struct or union */
	u32 id;
	u32 off, size;
	const struct btf_member *member; /* found */
	u32 member_off, member_end;
	struct env *env; /* NULL: no messages */
};

#define walk_refuse(a, err, ...)                                                                   \
	((a)->env ? refuse((a)->env, err, "out-of-bounds", __VA_ARGS__) : (err))

static const char *type_name(const struct access_at *a)
{
	return btf_name(a->btf, a->type->name_off);
}

enum found { FOUND_MEMBER = 16, FOUND_SCALAR, GO_DEEPER };

/*
 * Behind the end of the struct: fine where its last member is an array without bound. The
 * access then is one into an element of it.
 */
static int flexible_tail(struct access_at *a)
{
	const struct btf_member *last = btf_members(a->type) + btf_vlen(a->type) - 1;
	const struct btf_type *array, *element;
	u32 off, id;

	if (!btf_vlen(a->type))
		goto beyond;
	array = btf_resolve(a->btf, last->type, NULL);
	off = btf_member_bits(a->type, last) / 8;
	if (!array || btf_kind(array) != BTF_KIND_ARRAY || btf_array_of(array)->nelems ||
	    a->off < off)
		goto beyond;
	element = btf_resolve(a->btf, btf_array_of(array)->type, &id);
	if (element && btf_kind(element) == BTF_KIND_INT)
		return FOUND_SCALAR;
	if (!element || !btf_is_composite(element) || !element->size)
		goto beyond;
	a->off = (a->off - off) % element->size;
	a->type = element;
	a->id = id;
	return GO_DEEPER;
beyond:
	return walk_refuse(a, -EACCES, "access beyond struct %s at off %u size %u", type_name(a),
			   a->off, a->size);
}

/* The member that the access begins in. */
static int find_member(struct access_at *a)
{
	const struct btf_member *members = btf_members(a->type);

	for (u32 i = 0; i < btf_vlen(a->type); i++) {
		u32 bit = btf_member_bits(a->type, &members[i]), off = bit / 8;
		u32 width = btf_member_width(a->type, &members[i]);
		s64 bytes;

		if (a->off + a->size <= off)
			break;
		if (width) {
			/* All of a bitfield, perhaps with its neighbours. */
			if (a->off <= off && (bit + width + 7) / 8 <= a->off + a->size)
				return FOUND_SCALAR;
			continue;
		}
		if (a->off < off)
			break;
		bytes = btf_size(a->btf, members[i].type);
		if (bytes < 0)
			return walk_refuse(a, -EFAULT, "field %s doesn't have size",
					   btf_name(a->btf, members[i].name_off));
		if (a->off >= off + (u64)bytes)
			continue;
		a->member = &members[i];
		a->member_off = off;
		a->member_end = off + (u32)bytes;
		return FOUND_MEMBER;
	}
	return walk_refuse(a, -EINVAL, "struct %s doesn't have field at offset %u", type_name(a),
			   a->off);
}

/* The type of the member, or of the array element that the access begins in. */
static const struct btf_type *element_at(struct access_at *a, u32 *id)
{
	const struct btf_type *type = btf_resolve(a->btf, a->member->type, id);

	for (u32 depth = 0; type && btf_kind(type) == BTF_KIND_ARRAY && depth < MAX_NESTING; depth++) {
		s64 bytes = btf_size(a->btf, btf_array_of(type)->type);

		if (bytes <= 0)
			return NULL;
		a->member_off += (a->off - a->member_off) / (u32)bytes * (u32)bytes;
		type = btf_resolve(a->btf, btf_array_of(type)->type, id);
	}
	return type;
}

static u32 pointee_tags(const struct btf *btf, const struct btf_type *pointer)
{
	const struct btf_type *tag = btf_type(btf, pointer->type);
	const char *name;

	if (!tag || btf_kind(tag) != BTF_KIND_TYPE_TAG || btf_kflag(tag))
		return 0;
	name = btf_name(btf, tag->name_off);
	return str_eq(name, "user")     ? WALK_TAG_USER
	       : str_eq(name, "percpu") ? WALK_TAG_PERCPU
	       : str_eq(name, "rcu")    ? WALK_TAG_RCU
					: 0;
}

static int walk_pointer(struct access_at *a, const struct btf_type *pointer, struct walk *out)
{
	const struct btf_type *target;
	u32 id;

	if (a->size != 8 || a->off != a->member_off)
		return walk_refuse(a, -EACCES,
				   "cannot access ptr member %s with moff %u in struct %s with off %u size %u",
				   btf_name(a->btf, a->member->name_off), a->member_off,
				   type_name(a), a->off, a->size);
	target = btf_resolve(a->btf, pointer->type, &id);
	if (!target || !btf_is_composite(target))
		return WALK_MEM;
	out->struct_id = id;
	out->field = btf_name(a->btf, a->member->name_off);
	out->tags = pointee_tags(a->btf, pointer);
	return WALK_PTR;
}

/* As far as the next struct that begins where the access does, or what is there instead. */
static int walk_step(struct access_at *a, struct walk *out)
{
	for (u32 depth = 0; depth < MAX_NESTING; depth++) {
		const struct btf_type *type;
		u32 id;
		int found;

		if (btf_kind(a->type) == BTF_KIND_UNION && btf_vlen(a->type) != 1)
			out->in_union = true;
		found = a->off + (u64)a->size > a->type->size ? flexible_tail(a) : find_member(a);
		if (found == FOUND_SCALAR)
			return WALK_SCALAR;
		if (found == GO_DEEPER)
			continue;
		if (found < 0)
			return found;
		type = element_at(a, &id);
		if (!type)
			break;
		if (btf_kind(type) == BTF_KIND_PTR)
			return walk_pointer(a, type, out);
		if (!btf_is_composite(type)) {
			if (a->off + a->size <= a->member_end || out->in_union)
				return WALK_SCALAR;
			return walk_refuse(a, -EACCES,
					   "access beyond the end of member %s (mend:%u) in struct %s with off %u size %u",
					   btf_name(a->btf, a->member->name_off), a->member_end,
					   type_name(a), a->off, a->size);
		}
		a->off -= a->member_off;
		a->type = type;
		a->id = id;
		if (!a->off) {
			out->struct_id = id;
			return WALK_STRUCT;
		}
	}
	return walk_refuse(a, -EINVAL, "struct %s is nested too deeply", type_name(a));
}

static bool begin(struct access_at *a, u32 id)
{
	a->type = btf_resolve(a->btf, id, &a->id);
	return a->type && btf_is_composite(a->type);
}

int btf_walk(struct env *env, const struct btf *btf, u32 struct_id, u32 off, u32 size,
	     struct walk *out)
{
	struct access_at a = { .btf = btf, .off = off, .size = size, .env = env };
	int result = WALK_STRUCT;

	*out = (struct walk){ 0 };
	if (!begin(&a, struct_id))
		return refuse(env, -EINVAL, "invalid-access", "Type id %u is not a struct", struct_id);
	for (u32 depth = 0; result == WALK_STRUCT && depth < MAX_NESTING; depth++)
		result = walk_step(&a, out);
	return result == WALK_STRUCT ? -EINVAL : result;
}

static bool same_type(const struct btf *a, u32 a_id, const struct btf *b, u32 b_id)
{
	return a == b && a_id == b_id;
}

bool btf_struct_matches(const struct btf *btf, u32 id, s64 off, const struct btf *want_btf,
			u32 want_id, bool strict)
{
	struct access_at a = { .btf = btf, .off = (u32)off, .size = 1 };
	struct walk walk = { 0 };

	if (!off && same_type(btf, id, want_btf, want_id))
		return true;
	if (strict || off < 0 || !begin(&a, id))
		return false;
	while (walk_step(&a, &walk) == WALK_STRUCT)
		if (same_type(btf, walk.struct_id, want_btf, want_id))
			return true;
	return false;
}
