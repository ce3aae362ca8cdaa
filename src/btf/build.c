/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making BTF. Types are appended as they will be stored; what is added to the last one (a
 * member, an enumerator, a parameter) counts its vlen up. The first failure sticks: every
 * later call returns it and the builder has no data.
 */
#include "base/str.h"
#include "base/vec.h"
#include "btf/btf.h"

struct btf_builder {
	VEC(u8) types;
	VEC(char) strings;
	VEC(u8) bytes; /* the finished BTF */
	u32 n_types;
	size_t last; /* where the type added last starts */
	s32 err;
};

struct btf_builder *btf_builder_new(void)
{
	struct btf_builder *b = os_alloc(sizeof(*b));

	if (!b)
		return NULL;
	if (!vec_push(&b->strings, '\0')) {
		os_free(b);
		return NULL;
	}
	return b;
}

void btf_builder_free(struct btf_builder *b)
{
	if (!b)
		return;
	vec_release(&b->types);
	vec_release(&b->strings);
	vec_release(&b->bytes);
	os_free(b);
}

static u32 add_string(struct btf_builder *b, const char *s)
{
	size_t n = s ? str_len(s) + 1 : 1, at = b->strings.len;

	if (n == 1)
		return 0;
	for (size_t i = 1; i + n <= at; i += str_len(&b->strings.data[i]) + 1)
		if (!memcmp(&b->strings.data[i], s, n))
			return i;
	if (!vec_reserve(&b->strings, at + n)) {
		b->err = -ENOMEM;
		return 0;
	}
	memcpy(&b->strings.data[at], s, n);
	b->strings.len += n;
	return at;
}

static void append(struct btf_builder *b, const void *bytes, size_t n)
{
	if (!b->err && !vec_reserve(&b->types, b->types.len + n))
		b->err = -ENOMEM;
	if (b->err || !n)
		return;
	memcpy(&b->types.data[b->types.len], bytes, n);
	b->types.len += n;
}

static s32 add_type(struct btf_builder *b, u32 kind, bool kflag, const char *name, u32 size_or_type,
		    const void *more, size_t n)
{
	struct btf_type t = {
		.name_off = add_string(b, name),
		.info = kind << 24 | (u32)kflag << 31,
		.size = size_or_type,
	};

	b->last = b->types.len;
	append(b, &t, sizeof(t));
	append(b, more, n);
	return b->err ? b->err : (s32)++b->n_types;
}

/* Adds an entry to the type added last. */
static s32 add_entry(struct btf_builder *b, const void *entry, size_t n)
{
	struct btf_type *t;

	append(b, entry, n);
	if (b->err)
		return b->err;
	t = (struct btf_type *)&b->types.data[b->last];
	if (btf_vlen(t) == BTF_MAX_VLEN)
		return b->err = -E2BIG;
	t->info++;
	return 0;
}

s32 btf_add_int(struct btf_builder *b, const char *name, u32 size, u32 encoding)
{
	u32 data = encoding << 24 | size * 8;

	return add_type(b, BTF_KIND_INT, false, name, size, &data, sizeof(data));
}

s32 btf_add_ptr(struct btf_builder *b, u32 type)
{
	return add_type(b, BTF_KIND_PTR, false, NULL, type, NULL, 0);
}

s32 btf_add_array(struct btf_builder *b, u32 elem, u32 index, u32 n)
{
	struct btf_array array = { .type = elem, .index_type = index, .nelems = n };

	return add_type(b, BTF_KIND_ARRAY, false, NULL, 0, &array, sizeof(array));
}

s32 btf_add_struct(struct btf_builder *b, const char *name, u32 size, bool is_union)
{
	return add_type(b, is_union ? BTF_KIND_UNION : BTF_KIND_STRUCT, true, name, size, NULL, 0);
}

s32 btf_add_member(struct btf_builder *b, const char *name, u32 type, u32 bit_offset, u32 bits)
{
	struct btf_member m = {
		.name_off = add_string(b, name),
		.type = type,
		.offset = bits << 24 | bit_offset,
	};

	if (bits > 0xff || bit_offset > 0xffffff)
		return b->err = -EINVAL;
	if (bits && !b->err) /* how all of the struct's offsets are to be read */
		((struct btf_type *)&b->types.data[b->last])->info |= 1u << 31;
	return add_entry(b, &m, sizeof(m));
}

s32 btf_add_fwd(struct btf_builder *b, const char *name, bool is_union)
{
	return add_type(b, BTF_KIND_FWD, is_union, name, 0, NULL, 0);
}

s32 btf_add_enum(struct btf_builder *b, const char *name, u32 size, bool is_signed)
{
	return add_type(b, size == 8 ? BTF_KIND_ENUM64 : BTF_KIND_ENUM, is_signed, name, size, NULL,
			0);
}

s32 btf_add_enumerator(struct btf_builder *b, const char *name, s64 value)
{
	u32 name_off = add_string(b, name);

	if (!b->err && btf_kind((struct btf_type *)&b->types.data[b->last]) == BTF_KIND_ENUM64) {
		struct btf_enum64 e = { name_off, value, (u64)value >> 32 };

		return add_entry(b, &e, sizeof(e));
	} else {
		struct btf_enum e = { name_off, value };

		return add_entry(b, &e, sizeof(e));
	}
}

s32 btf_add_typedef(struct btf_builder *b, const char *name, u32 type)
{
	return add_type(b, BTF_KIND_TYPEDEF, false, name, type, NULL, 0);
}

s32 btf_add_modifier(struct btf_builder *b, u32 kind, u32 type)
{
	return add_type(b, kind, false, NULL, type, NULL, 0);
}

s32 btf_add_type_tag(struct btf_builder *b, const char *tag, u32 type)
{
	return add_type(b, BTF_KIND_TYPE_TAG, false, tag, type, NULL, 0);
}

s32 btf_add_func_proto(struct btf_builder *b, u32 ret)
{
	return add_type(b, BTF_KIND_FUNC_PROTO, false, NULL, ret, NULL, 0);
}

s32 btf_add_param(struct btf_builder *b, const char *name, u32 type)
{
	struct btf_param param = { add_string(b, name), type };

	return add_entry(b, &param, sizeof(param));
}

s32 btf_add_func(struct btf_builder *b, const char *name, u32 proto, u32 linkage)
{
	s32 id = add_type(b, BTF_KIND_FUNC, false, name, proto, NULL, 0);

	if (id > 0) /* FUNC keeps its linkage where others count entries */
		((struct btf_type *)&b->types.data[b->last])->info |= linkage;
	return id;
}

s32 btf_add_var(struct btf_builder *b, const char *name, u32 type, u32 linkage)
{
	return add_type(b, BTF_KIND_VAR, false, name, type, &linkage, sizeof(linkage));
}

s32 btf_add_datasec(struct btf_builder *b, const char *name, u32 size)
{
	return add_type(b, BTF_KIND_DATASEC, false, name, size, NULL, 0);
}

s32 btf_add_secinfo(struct btf_builder *b, u32 var, u32 offset, u32 size)
{
	struct btf_var_secinfo info = { var, offset, size };

	return add_entry(b, &info, sizeof(info));
}

s32 btf_add_float(struct btf_builder *b, const char *name, u32 size)
{
	return add_type(b, BTF_KIND_FLOAT, false, name, size, NULL, 0);
}

s32 btf_add_decl_tag(struct btf_builder *b, const char *tag, u32 type, s32 component)
{
	return add_type(b, BTF_KIND_DECL_TAG, false, tag, type, &component, sizeof(component));
}

const void *btf_builder_data(struct btf_builder *b, u32 *size)
{
	struct btf_header hdr = {
		.magic = BTF_MAGIC,
		.version = BTF_VERSION,
		.hdr_len = sizeof(hdr),
		.type_len = b->types.len,
		.str_off = b->types.len,
		.str_len = b->strings.len,
	};
	size_t all = sizeof(hdr) + b->types.len + b->strings.len;

	if (b->err || !vec_reserve(&b->bytes, all))
		return NULL;
	memcpy(b->bytes.data, &hdr, sizeof(hdr));
	memcpy(b->bytes.data + sizeof(hdr), b->types.data, b->types.len);
	memcpy(b->bytes.data + sizeof(hdr) + b->types.len, b->strings.data, b->strings.len);
	b->bytes.len = all;
	*size = all;
	return b->bytes.data;
}
