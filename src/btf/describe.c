/* SPDX-License-Identifier: Apache-2.0 */
/* Is one type description well-formed, by itself? One function a kind. */
#include "btf/check.h"

/* What a kind may have; each rule is checked in this order, with Linux's words. */
enum rule {
	NO_NAME = 1 << 0,
	NO_VLEN = 1 << 1,
	NO_KFLAG = 1 << 2,
	NEEDS_NAME = 1 << 3, /* an identifier */
	MAY_NAME = 1 << 4,   /* none, or an identifier */
};

static int check_name(struct btf_check *check, const struct btf_type *t, u32 rules)
{
	if (rules & NO_NAME)
		return t->name_off ? btf_refuse(check, t, "Invalid name") : 0;
	if (!t->name_off ? rules & NEEDS_NAME : !btf_name_is_identifier(check->btf, t->name_off))
		return btf_refuse(check, t, "Invalid name");
	return 0;
}

static int check_bare(struct btf_check *check, const struct btf_type *t, u32 rules)
{
	if (rules & NO_VLEN && btf_vlen(t))
		return btf_refuse(check, t, "vlen != 0");
	if (rules & NO_KFLAG && btf_kflag(t))
		return btf_refuse(check, t, "Invalid btf_info kind_flag");
	return 0;
}

static bool id_in_range(u32 id)
{
	return id <= BTF_MAX_TYPE;
}

static int describe_int(struct btf_check *check, const struct btf_type *t)
{
	u32 data = btf_int_data(t);
	u32 encoding = BTF_INT_ENCODING(data);
	u32 bits = BTF_INT_BITS(data) + BTF_INT_OFFSET(data);
	int err = check_bare(check, t, NO_VLEN | NO_KFLAG);

	if (err)
		return err;
	if (data & ~BTF_INT_MASK)
		return btf_refuse(check, t, "Invalid int_data:%x", data);
	if (bits > 128)
		return btf_refuse(check, t, "nr_bits exceeds 128");
	if ((bits + 7) / 8 > t->size)
		return btf_refuse(check, t, "nr_bits exceeds type_size");
	if (encoding & (encoding - 1) || encoding > BTF_INT_BOOL) {
		btf_refuse(check, t, "Unsupported encoding");
		return -ENOTSUPP;
	}
	return 0;
}

/* Pointers and modifiers. */
static int describe_reference(struct btf_check *check, const struct btf_type *t)
{
	u32 kind = btf_kind(t);
	int err = check_bare(check, t, kind == BTF_KIND_TYPE_TAG ? NO_VLEN : NO_VLEN | NO_KFLAG);

	if (err)
		return err;
	if (!id_in_range(t->type))
		return btf_refuse(check, t, "Invalid type_id");
	if (kind == BTF_KIND_TYPEDEF)
		return check_name(check, t, NEEDS_NAME);
	if (kind != BTF_KIND_TYPE_TAG)
		return check_name(check, t, NO_NAME);
	return btf_name(check->btf, t->name_off)[0] ? 0 : btf_refuse(check, t, "Invalid name");
}

static int describe_fwd(struct btf_check *check, const struct btf_type *t)
{
	int err = check_bare(check, t, NO_VLEN);

	if (!err && t->type)
		err = btf_refuse(check, t, "type != 0");
	return err ? err : check_name(check, t, NEEDS_NAME);
}

static int describe_array(struct btf_check *check, const struct btf_type *t)
{
	const struct btf_array *array = btf_array_of(t);
	int err = check_name(check, t, NO_NAME);

	if (!err)
		err = check_bare(check, t, NO_VLEN | NO_KFLAG);
	if (err)
		return err;
	if (t->size)
		return btf_refuse(check, t, "size != 0");
	if (!array->type || !id_in_range(array->type))
		return btf_refuse(check, t, "Invalid elem");
	if (!array->index_type || !id_in_range(array->index_type))
		return btf_refuse(check, t, "Invalid index");
	return 0;
}

static const char *member_fault(const struct btf *btf, const struct btf_type *t,
				const struct btf_member *m, u32 last_bits)
{
	u32 bits = btf_member_bits(t, m);

	if (!btf_name_in_range(btf, m->name_off))
		return "Invalid member name_offset";
	if (m->name_off && !btf_name_is_identifier(btf, m->name_off))
		return "Invalid name";
	if (!m->type || !id_in_range(m->type))
		return "Invalid type_id";
	if (btf_kind(t) == BTF_KIND_UNION && bits)
		return "Invalid member bits_offset";
	if (bits < last_bits) /* not <=: two may share a place, the last one may be a[0] */
		return "Invalid member bits_offset";
	if (((u64)bits + 7) / 8 > t->size)
		return "Member bits_offset exceeds its struct size";
	return NULL;
}

static int describe_struct(struct btf_check *check, const struct btf_type *t)
{
	const struct btf_member *m = btf_members(t);
	u32 last_bits = 0;
	int err = check_name(check, t, MAY_NAME);

	if (err)
		return err;
	for (u32 i = 0; i < btf_vlen(t); i++, m++) {
		const char *fault = member_fault(check->btf, t, m, last_bits);

		if (fault)
			return btf_refuse_member(check, t, m, fault);
		last_bits = btf_member_bits(t, m);
	}
	return 0;
}

/* Both kinds of enum: name_off comes first in either's entries. */
static int describe_enum(struct btf_check *check, const struct btf_type *t)
{
	u32 step =
	    btf_kind(t) == BTF_KIND_ENUM64 ? sizeof(struct btf_enum64) : sizeof(struct btf_enum);
	const u8 *entry = (const u8 *)(t + 1);
	int err;

	if (t->size > 8 || !t->size || t->size & (t->size - 1))
		return btf_refuse(check, t, "Unexpected size");
	err = check_name(check, t, MAY_NAME);
	for (u32 i = 0; !err && i < btf_vlen(t); i++, entry += step) {
		u32 name = *(const u32 *)entry;

		if (!btf_name_in_range(check->btf, name))
			err = btf_refuse(check, t, "Invalid name_offset:%u", name);
		else if (!name || !btf_name_is_identifier(check->btf, name))
			err = btf_refuse(check, t, "Invalid name");
	}
	return err;
}

static int describe_func_proto(struct btf_check *check, const struct btf_type *t)
{
	int err = check_name(check, t, NO_NAME);

	return err ? err : check_bare(check, t, NO_KFLAG);
}

static int describe_func(struct btf_check *check, const struct btf_type *t)
{
	int err = check_name(check, t, NEEDS_NAME);

	if (!err && btf_vlen(t) > BTF_FUNC_GLOBAL)
		err = btf_refuse(check, t, "Invalid func linkage");
	return err ? err : check_bare(check, t, NO_KFLAG);
}

static int describe_var(struct btf_check *check, const struct btf_type *t)
{
	u32 linkage = ((const struct btf_var *)(t + 1))->linkage;
	int err = check_bare(check, t, NO_VLEN | NO_KFLAG);

	if (!err)
		err = check_name(check, t, NEEDS_NAME);
	if (err)
		return err;
	if (!t->type || !id_in_range(t->type))
		return btf_refuse(check, t, "Invalid type_id");
	if (linkage != BTF_VAR_STATIC && linkage != BTF_VAR_GLOBAL_ALLOCATED)
		return btf_refuse(check, t, "Linkage not supported");
	return 0;
}

/* A section may be called anything that can be printed, in Latin-1. */
static bool is_section_name(const struct btf *btf, u32 offset)
{
	const u8 *name = (const u8 *)btf_name(btf, offset);
	u32 n = 0;

	while (name[n] && n < BTF_NAME_MAX) {
		if (name[n] < ' ' || (name[n] > '~' && name[n] < 0xa0))
			return false;
		n++;
	}
	return n && n < BTF_NAME_MAX;
}

static const char *secinfo_fault(const struct btf_type *t, const struct btf_var_secinfo *info,
				 u64 last_end)
{
	if (!info->type || !id_in_range(info->type))
		return "Invalid type_id";
	if (info->offset < last_end || info->offset >= t->size)
		return "Invalid offset";
	if (!info->size || info->size > t->size)
		return "Invalid size";
	if ((u64)info->offset + info->size > t->size)
		return "Invalid offset+size";
	return NULL;
}

static int describe_datasec(struct btf_check *check, const struct btf_type *t)
{
	const struct btf_var_secinfo *info = btf_var_secinfos(t);
	u64 last_end = 0;
	int err;

	if (!t->size)
		return btf_refuse(check, t, "size == 0");
	err = check_bare(check, t, NO_KFLAG);
	if (!err && (!t->name_off || !is_section_name(check->btf, t->name_off)))
		err = btf_refuse(check, t, "Invalid name");
	for (u32 i = 0; !err && i < btf_vlen(t); i++, info++) {
		const char *fault = secinfo_fault(t, info, last_end);

		if (fault)
			err = btf_refuse(check, t, "type_id=%u offset=%u size=%u %s", info->type,
					 info->offset, info->size, fault);
		last_end = (u64)info->offset + info->size;
	}
	return err;
}

static int describe_float(struct btf_check *check, const struct btf_type *t)
{
	int err = check_bare(check, t, NO_VLEN | NO_KFLAG);
	u32 size = t->size;

	if (err || size == 2 || size == 4 || size == 8 || size == 12 || size == 16)
		return err;
	return btf_refuse(check, t, "Invalid type_size");
}

static int describe_decl_tag(struct btf_check *check, const struct btf_type *t)
{
	int err;

	if (!btf_name(check->btf, t->name_off)[0])
		return btf_refuse(check, t, "Invalid value");
	err = check_bare(check, t, NO_VLEN);
	if (!err && ((const struct btf_decl_tag *)(t + 1))->component_idx < -1)
		err = btf_refuse(check, t, "Invalid component_idx");
	return err;
}

/* Bytes behind struct btf_type: fixed, and for each of vlen. */
static const struct {
	u8 fixed, each;
	int (*describe)(struct btf_check *check, const struct btf_type *t);
} kinds[BTF_KINDS] = {
	[BTF_KIND_INT] = { 4, 0, describe_int },
	[BTF_KIND_PTR] = { 0, 0, describe_reference },
	[BTF_KIND_ARRAY] = { sizeof(struct btf_array), 0, describe_array },
	[BTF_KIND_STRUCT] = { 0, sizeof(struct btf_member), describe_struct },
	[BTF_KIND_UNION] = { 0, sizeof(struct btf_member), describe_struct },
	[BTF_KIND_ENUM] = { 0, sizeof(struct btf_enum), describe_enum },
	[BTF_KIND_FWD] = { 0, 0, describe_fwd },
	[BTF_KIND_TYPEDEF] = { 0, 0, describe_reference },
	[BTF_KIND_VOLATILE] = { 0, 0, describe_reference },
	[BTF_KIND_CONST] = { 0, 0, describe_reference },
	[BTF_KIND_RESTRICT] = { 0, 0, describe_reference },
	[BTF_KIND_FUNC] = { 0, 0, describe_func },
	[BTF_KIND_FUNC_PROTO] = { 0, sizeof(struct btf_param), describe_func_proto },
	[BTF_KIND_VAR] = { sizeof(struct btf_var), 0, describe_var },
	[BTF_KIND_DATASEC] = { 0, sizeof(struct btf_var_secinfo), describe_datasec },
	[BTF_KIND_FLOAT] = { 0, 0, describe_float },
	[BTF_KIND_DECL_TAG] = { sizeof(struct btf_decl_tag), 0, describe_decl_tag },
	[BTF_KIND_TYPE_TAG] = { 0, 0, describe_reference },
	[BTF_KIND_ENUM64] = { 0, sizeof(struct btf_enum64), describe_enum },
};

s64 btf_describe(struct btf_check *check, const struct btf_type *t, u32 left)
{
	u32 kind = btf_kind(t);
	u32 needed;
	int err;

	if (kind == BTF_KIND_UNKN || kind >= BTF_KINDS)
		return btf_refuse(check, NULL, "Invalid kind:%u", kind);
	if (!btf_name_in_range(check->btf, t->name_off))
		return btf_refuse(check, NULL, "Invalid name_offset:%u", t->name_off);
	needed = kinds[kind].fixed + kinds[kind].each * btf_vlen(t);
	if (left < needed)
		return btf_refuse(check, NULL, "meta_left:%u meta_needed:%u", left, needed);
	err = kinds[kind].describe(check, t);
	return err ? err : (s64)needed;
}
