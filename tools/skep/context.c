/* SPDX-License-Identifier: Apache-2.0 */
#include "context.h"

#include <stdlib.h>

static u32 resolved(const struct btf *btf, u32 id, u32 kind)
{
	u32 out = 0;
	const struct btf_type *t = btf_resolve(btf, id, &out);

	return t && btf_kind(t) == kind ? out : 0;
}

u32 context_struct(const struct btf *btf, const char *function)
{
	s32 func = btf_find(btf, function, BTF_KIND_FUNC);
	const struct btf_type *proto;
	u32 pointer;

	if (func < 0)
		return 0;
	proto = btf_type(btf, btf_type(btf, (u32)func)->type);
	if (!proto || !btf_vlen(proto))
		return 0;
	pointer = resolved(btf, btf_params(proto)->type, BTF_KIND_PTR);
	return pointer ? resolved(btf, btf_type(btf, pointer)->type, BTF_KIND_STRUCT) : 0;
}

static int compare_fields(const void *a, const void *b)
{
	const struct skep_field *x = a, *y = b;

	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

u32 context_fields(const struct btf *btf, u32 struct_id, struct skep_field *fields, u32 max)
{
	const struct btf_type *t = btf_type(btf, struct_id);
	const struct btf_member *members = btf_members(t);
	u32 n = 0;

	for (u32 i = 0; i < btf_vlen(t) && n < max; i++) {
		u32 bits = btf_member_bits(t, &members[i]);
		s64 size = btf_size(btf, members[i].type);
		bool is_pointer = resolved(btf, members[i].type, BTF_KIND_PTR) != 0;

		if (btf_member_width(t, &members[i]) || bits % 8)
			continue;
		if (size != 1 && size != 2 && size != 4 && size != 8)
			continue;
		fields[n++] = (struct skep_field){
			.name = btf_name(btf, members[i].name_off),
			.offset = bits / 8,
			.size = (u32)size,
			.access = is_pointer ? 0 : SKEP_READ | SKEP_WRITE,
		};
	}
	qsort(fields, n, sizeof(*fields), compare_fields);
	return n;
}
