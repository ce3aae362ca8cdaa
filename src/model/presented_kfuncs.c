/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The functions in the presented BTF: each kfunc that Skep runs, with the prototype that
 * KFUNC_RUNS writes in C. The language of these prototypes is small:
 *
 *	prototype = type "(" [type name {"," type name}] ")"
 *	type      = "element_callback" | ["const"] (["struct"] name | words of an integer) {"*"}
 */
#include "model/presented_kfuncs.h"
#include "base/str.h"
#include "btf/btf.h"
#include "helpers/kfuncs.h"
#include "os/os.h"

#define MAX_PARAMS 5

/* C's words for integers that BTF calls otherwise. */
static const struct {
	const char *words, *name;
} integers[] = {
	{ "unsigned long", "long unsigned int" },
	{ "unsigned int", "unsigned int" },
	{ "unsigned", "unsigned int" },
	{ "long", "long int" },
	{ "size_t", "long unsigned int" },
	{ "bool", "_Bool" },
	{ "s64", "long long int" },
	{ "s32", "int" },
};

struct parser {
	const char *at;
	struct btf_builder *b;
	const struct btf *types; /* what the builder held before */
	char word[64];
};

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static void skip_space(struct parser *p)
{
	while (*p->at == ' ')
		p->at++;
}

/* The next word into p->word; "" when there is none. */
static const char *word(struct parser *p)
{
	u32 n = 0;

	skip_space(p);
	while (is_word(*p->at) && n + 1 < sizeof(p->word))
		p->word[n++] = *p->at++;
	p->word[n] = '\0';
	return p->word;
}

static bool accept(struct parser *p, char c)
{
	skip_space(p);
	if (*p->at != c)
		return false;
	p->at++;
	return true;
}

/* A name of one or, with "unsigned" in front, two words that is no struct. */
static s32 number_id(struct parser *p)
{
	char name[64];
	s32 id;

	text_format(name, sizeof(name), "%s", p->word);
	if (str_eq(name, "void"))
		return 0;
	if (str_eq(name, "unsigned"))
		text_format(name, sizeof(name), "unsigned %s", word(p));
	for (u32 i = 0; i < ARRAY_SIZE(integers); i++)
		if (str_eq(integers[i].words, name))
			text_format(name, sizeof(name), "%s", integers[i].name);
	id = btf_find(p->types, name, BTF_KIND_TYPEDEF);
	return id >= 0 ? id : btf_find(p->types, name, BTF_KIND_INT);
}

/* A function that is called later with an element: int (*)(void *map, int *key, void *value). */
static s32 element_callback(struct parser *p)
{
	s32 number = btf_find(p->types, "int", BTF_KIND_INT);
	s32 any = btf_add_ptr(p->b, 0), key = btf_add_ptr(p->b, (u32)number);
	s32 proto = btf_add_func_proto(p->b, (u32)number);

	btf_add_param(p->b, "map", (u32)any);
	btf_add_param(p->b, "key", (u32)key);
	btf_add_param(p->b, "value", (u32)any);
	return btf_add_ptr(p->b, (u32)proto);
}

static s32 type_id(struct parser *p)
{
	bool is_const = str_eq(word(p), "const");
	s32 id;

	if (is_const)
		word(p);
	if (str_eq(p->word, "element_callback"))
		id = element_callback(p);
	else if (str_eq(p->word, "struct"))
		id = btf_find(p->types, word(p), BTF_KIND_STRUCT);
	else
		id = number_id(p);
	if (id >= 0 && is_const)
		id = btf_add_modifier(p->b, BTF_KIND_CONST, (u32)id);
	while (id >= 0 && accept(p, '*'))
		id = btf_add_ptr(p->b, (u32)id);
	return id;
}

static int parse_params(struct parser *p, u32 *n, u32 types[MAX_PARAMS],
			char names[MAX_PARAMS][64])
{
	*n = 0;
	if (!accept(p, '('))
		return -EINVAL;
	while (!accept(p, ')')) {
		s32 id;

		if (*n == MAX_PARAMS || (*n && !accept(p, ',')))
			return -EINVAL;
		id = type_id(p);
		if (id < 0)
			return id;
		types[*n] = (u32)id;
		text_format(names[(*n)++], 64, "%s", word(p));
	}
	return 0;
}

static int add_function(struct parser *p, enum kfunc_id kfunc, u32 flags)
{
	char names[MAX_PARAMS][64];
	u32 types[MAX_PARAMS], n;
	s32 ret = type_id(p), proto, func;
	int err = ret < 0 ? ret : parse_params(p, &n, types, names);

	if (err)
		return err;
	proto = btf_add_func_proto(p->b, (u32)ret);
	for (u32 i = 0; i < n; i++)
		btf_add_param(p->b, names[i], types[i]);
	func = btf_add_func(p->b, kfunc_name(kfunc), (u32)proto, BTF_FUNC_STATIC);
	btf_add_decl_tag(p->b, "bpf_kfunc", (u32)func, -1);
	if (flags & KF_FASTCALL)
		btf_add_decl_tag(p->b, "bpf_fastcall", (u32)func, -1);
	return 0;
}

int kfuncs_add(struct btf_builder *b)
{
	struct parser p = { .b = b };
	struct btf *types = NULL;
	enum kfunc_id id;
	const void *data;
	u32 size;
	int err;

	data = btf_builder_data(b, &size);
	if (!data)
		return -ENOMEM;
	err = btf_parse(data, size, NULL, NULL, &types);
	p.types = types;
	for (u32 i = 0; !err && kfunc_run_at(i, &id, &p.at); i++)
		err = add_function(&p, id, kfunc_flags(id));
	btf_free(types);
	return err;
}
