/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Types as C writes them. A C declaration grows from the name outwards: pointers to the left,
 * arrays and parameters to the right, brackets where the two meet. Without a name that is
 *
 *	base type, then what stands left of the missing name, then what stands right of it
 *
 * so one recursion prints the left part before and the right part after its inner type.
 */
#include "btf/check.h"

#define TEXT_DEPTH 32

static void put_left(struct text *out, const struct btf *btf, u32 id, u32 depth);
static void put_right(struct text *out, const struct btf *btf, u32 id, u32 depth);

/* Is the type written to the right of a name? Then a pointer to it needs brackets. */
static bool is_right_sided(const struct btf_type *t)
{
	return t && (btf_kind(t) == BTF_KIND_ARRAY || btf_kind(t) == BTF_KIND_FUNC_PROTO);
}

static void put_named(struct text *out, const struct btf *btf, const char *keyword,
		      const struct btf_type *t)
{
	const char *name = btf_name(btf, t->name_off);

	text_printf(out, "%s%s", keyword, name[0] ? name : "{...}");
}

static const char *qualifier(const struct btf_type *t)
{
	switch (btf_kind(t)) {
	case BTF_KIND_CONST:
		return "const";
	case BTF_KIND_VOLATILE:
		return "volatile";
	case BTF_KIND_RESTRICT:
		return "restrict";
	}
	return "";
}

static void put_qualified(struct text *out, const struct btf *btf, const struct btf_type *t,
			  u32 depth)
{
	const struct btf_type *to = btf_type(btf, t->type);

	if (to && btf_kind(to) == BTF_KIND_PTR) { /* "char *const": the pointer is what is const */
		put_left(out, btf, t->type, depth);
		text_put(out, qualifier(t));
		return;
	}
	text_printf(out, "%s ", qualifier(t));
	put_left(out, btf, t->type, depth);
}

static void put_left(struct text *out, const struct btf *btf, u32 id, u32 depth)
{
	const struct btf_type *t = btf_type(btf, id);

	if (!t || depth-- == 0) {
		text_put(out, "...");
		return;
	}
	switch (btf_kind(t)) {
	case BTF_KIND_UNKN:
		text_put(out, "void");
		return;
	case BTF_KIND_STRUCT:
		put_named(out, btf, "struct ", t);
		return;
	case BTF_KIND_UNION:
		put_named(out, btf, "union ", t);
		return;
	case BTF_KIND_FWD:
		put_named(out, btf, btf_kflag(t) ? "union " : "struct ", t);
		return;
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
		put_named(out, btf, "enum ", t);
		return;
	case BTF_KIND_PTR:
		put_left(out, btf, t->type, depth);
		text_put(out, is_right_sided(btf_type(btf, t->type)) ? " (*" : " *");
		return;
	case BTF_KIND_ARRAY:
		put_left(out, btf, btf_array_of(t)->type, depth);
		return;
	case BTF_KIND_CONST:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_RESTRICT:
		put_qualified(out, btf, t, depth);
		return;
	case BTF_KIND_TYPE_TAG:
	case BTF_KIND_VAR:
	case BTF_KIND_FUNC:
	case BTF_KIND_FUNC_PROTO:
		put_left(out, btf, t->type, depth);
		return;
	default:
		text_put(out, btf_name(btf, t->name_off));
	}
}

static void put_params(struct text *out, const struct btf *btf, const struct btf_type *t, u32 depth)
{
	text_put(out, "(");
	for (u32 i = 0; i < btf_vlen(t); i++) {
		u32 type = btf_params(t)[i].type;

		text_put(out, i ? ", " : "");
		if (!type) {
			text_put(out, "...");
			continue;
		}
		put_left(out, btf, type, depth);
		put_right(out, btf, type, depth);
	}
	text_put(out, btf_vlen(t) ? ")" : "void)");
}

static void put_right(struct text *out, const struct btf *btf, u32 id, u32 depth)
{
	const struct btf_type *t = btf_type(btf, id);

	if (!t || depth-- == 0)
		return;
	switch (btf_kind(t)) {
	case BTF_KIND_PTR:
		if (is_right_sided(btf_type(btf, t->type)))
			text_put(out, ")");
		put_right(out, btf, t->type, depth);
		return;
	case BTF_KIND_ARRAY:
		text_printf(out, "[%u]", btf_array_of(t)->nelems);
		put_right(out, btf, btf_array_of(t)->type, depth);
		return;
	case BTF_KIND_FUNC_PROTO:
		put_params(out, btf, t, depth);
		put_right(out, btf, t->type, depth);
		return;
	case BTF_KIND_CONST:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_TYPE_TAG:
	case BTF_KIND_VAR:
	case BTF_KIND_FUNC:
		put_right(out, btf, t->type, depth);
	}
}

void btf_type_text(struct text *out, const struct btf *btf, u32 type_id)
{
	put_left(out, btf, type_id, TEXT_DEPTH);
	put_right(out, btf, type_id, TEXT_DEPTH);
}
