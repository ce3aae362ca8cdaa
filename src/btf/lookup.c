/* SPDX-License-Identifier: Apache-2.0 */
/* Asking a struct btf about its types. */
#include "btf/check.h"
#include "base/str.h"

const struct btf_type *btf_type(const struct btf *btf, u32 id)
{
	if (id >= btf->n_types)
		return NULL;
	while (id < btf->start_id)
		btf = btf->base;
	return btf->types[id - btf->start_id];
}

bool btf_name_in_range(const struct btf *btf, u32 offset)
{
	return offset <= BTF_MAX_NAME_OFFSET && offset < btf->start_str + btf->strings_len;
}

const char *btf_name(const struct btf *btf, u32 name_off)
{
	if (!btf_name_in_range(btf, name_off))
		return "";
	while (name_off < btf->start_str)
		btf = btf->base;
	return btf->strings + (name_off - btf->start_str);
}

size_t btf_essential_len(const char *name)
{
	size_t n = str_len(name);

	for (size_t i = n < 5 ? 0 : n - 4; i-- > 0;)
		if (name[i] != '_' && name[i + 1] == '_' && name[i + 2] == '_' &&
		    name[i + 3] == '_' && name[i + 4] != '_')
			return i + 1;
	return n;
}

/* Letters are those of Latin-1, as everywhere in Linux. */
static bool is_name_char(u8 c, bool first)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '.' ||
	       (c >= 0xc0 && c != 0xd7 && c != 0xf7) || (!first && c >= '0' && c <= '9');
}

bool btf_name_is_identifier(const struct btf *btf, u32 offset)
{
	const char *name = btf_name(btf, offset);
	u32 n = 0;

	for (; name[n] && n < BTF_NAME_MAX; n++)
		if (!is_name_char(name[n], n == 0))
			return false;
	return n && !name[n];
}

bool btf_int_is_regular(const struct btf_type *t)
{
	u32 data = btf_int_data(t), bits = BTF_INT_BITS(data);

	return !BTF_INT_OFFSET(data) &&
	       (bits == 8 || bits == 16 || bits == 32 || bits == 64 || bits == 128);
}

const struct btf_type *btf_resolve(const struct btf *btf, u32 id, u32 *out_id)
{
	const struct btf_type *t = btf_type(btf, id);

	while (t && btf_is_modifier(t)) {
		id = t->type;
		t = btf_type(btf, id);
	}
	if (out_id)
		*out_id = id;
	return t;
}

s64 btf_size(const struct btf *btf, u32 id)
{
	if (id >= btf->n_types)
		return -EINVAL;
	while (id < btf->start_id)
		btf = btf->base;
	if (btf->sizes[id - btf->start_id] == BTF_NO_SIZE)
		return -EINVAL;
	return btf->sizes[id - btf->start_id];
}

const char *btf_kind_name(u32 kind)
{
	static const char *const names[BTF_KINDS] = {
		"UNKNOWN", "INT",     "PTR",      "ARRAY",    "STRUCT",   "UNION",  "ENUM",
		"FWD",     "TYPEDEF", "VOLATILE", "CONST",    "RESTRICT", "FUNC",   "FUNC_PROTO",
		"VAR",     "DATASEC", "FLOAT",    "DECL_TAG", "TYPE_TAG", "ENUM64",
	};

	return kind < BTF_KINDS ? names[kind] : names[0];
}

#define FIND_DEPTH 32         /* of anonymous structs inside each other */
#define FIND_STEPS (1u << 20) /* hostile BTF could make one take for ever */

struct member_search {
	const struct btf *btf;
	const char *name;
	u32 steps;
	struct btf_field *out;
};

static int search_members(struct member_search *search, u32 id, u32 depth)
{
	const struct btf *btf = search->btf;
	const struct btf_type *t = btf_resolve(btf, id, NULL);
	const struct btf_member *m;

	if (!t || !btf_is_composite(t) || depth > FIND_DEPTH)
		return -ENOENT;
	m = btf_members(t);
	for (u32 i = 0; i < btf_vlen(t) && search->steps++ < FIND_STEPS; i++, m++) {
		const char *own = btf_name(btf, m->name_off);

		if (own[0] ? !str_eq(own, search->name)
			   : search_members(search, m->type, depth + 1))
			continue;
		if (own[0])
			*search->out = (struct btf_field){ .type_id = m->type,
							   .bit_size = btf_member_width(t, m) };
		search->out->bit_offset += btf_member_bits(t, m);
		return 0;
	}
	return -ENOENT;
}

int btf_find_member(const struct btf *btf, u32 struct_id, const char *name, struct btf_field *out)
{
	struct member_search search = { .btf = btf, .name = name, .out = out };

	return name[0] ? search_members(&search, struct_id, 0) : -ENOENT;
}
