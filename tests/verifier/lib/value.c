/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/lib/value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "btf/record.h"

#define MAX_MEMBERS 32

struct parser {
	struct values *values;
	struct btf_builder *b;
	const char *at;
};

struct member {
	u32 type, size, align, bits;
};

static const struct {
	const char *word;
	enum special_kind kind;
} words[] = {
	{ "lock", SPECIAL_SPIN_LOCK }, { "res_lock", SPECIAL_RES_SPIN_LOCK },
	{ "timer", SPECIAL_TIMER },    { "wq", SPECIAL_WORKQUEUE },
	{ "work", SPECIAL_TASK_WORK }, { "list", SPECIAL_LIST_HEAD },
	{ "root", SPECIAL_RB_ROOT },   { "refcount", SPECIAL_REFCOUNT },
};

static const struct {
	u32 size, align;
} shapes[] = {
#define SPECIAL(kind, name, size, align, once) { size, align },
	SPECIAL_STRUCTS(SPECIAL)
#undef SPECIAL
};

static bool parse_struct(struct parser *p, const char *name, struct member *out);

static struct member special(struct parser *p, enum special_kind kind)
{
	struct member m = { 0, shapes[kind].size, shapes[kind].align, 0 };

	m.type = (u32)btf_add_struct(p->b, special_name(kind), m.size, false);
	return m;
}

static struct member pointer(struct parser *p, const char *tag, const char *target)
{
	u32 id = 0;

	for (u32 i = 0; i < p->values->n_named; i++)
		if (!strcmp(p->values->named[i].name, target))
			id = p->values->named[i].id;
	if (!id)
		id = (u32)btf_add_struct(p->b, target, 0, false);
	id = (u32)btf_add_type_tag(p->b, tag, id);
	return (struct member){ (u32)btf_add_ptr(p->b, id), 8, 8, 0 };
}

static bool parse_word(struct parser *p, const char *word, struct member *out)
{
	static const char *const tags[][2] = {
		{ "kptr", "kptr" }, { "ukptr", "kptr_untrusted" },
		{ "pkptr", "percpu_kptr" }, { "uptr", "uptr" },
	};
	const char *colon = strchr(word, ':'), *second = colon ? strchr(colon + 1, ':') : NULL;
	char tag[40];

	for (u32 i = 0; i < ARRAY_SIZE(words); i++)
		if (!strcmp(word, words[i].word)) {
			*out = special(p, words[i].kind);
			return true;
		}
	if (!strcmp(word, "int"))
		*out = (struct member){ p->values->int_id, 4, 4, 0 };
	else if (!strcmp(word, "bits"))
		*out = (struct member){ p->values->int_id, 4, 4, 4 };
	else if (!strcmp(word, "long"))
		*out = (struct member){ p->values->long_id, 8, 8, 0 };
	else if (second) {
		snprintf(tag, sizeof(tag), "%.*s", (int)(second - colon - 1), colon + 1);
		*out = pointer(p, tag, second + 1);
	} else {
		for (u32 i = 0; colon && i < ARRAY_SIZE(tags); i++)
			if (strlen(tags[i][0]) == (size_t)(colon - word) &&
			    !strncmp(word, tags[i][0], (size_t)(colon - word))) {
				*out = pointer(p, tags[i][1], colon + 1);
				return true;
			}
		return false;
	}
	return true;
}

/* The next member; false at the end of the struct, or at an error (then at is NULL). */
static bool next_member(struct parser *p, struct member *out)
{
	char word[64];
	size_t n;

	p->at += strspn(p->at, " ");
	if (!*p->at || *p->at == '}')
		return false;
	if (*p->at == '{') {
		p->at++;
		if (!parse_struct(p, "value", out) || *p->at != '}') {
			p->at = NULL;
			return false;
		}
		p->at++;
	} else {
		n = strcspn(p->at, " []{}");
		snprintf(word, sizeof(word), "%.*s", (int)n, p->at);
		p->at += n;
		if (!parse_word(p, word, out)) {
			p->at = NULL;
			return false;
		}
	}
	if (*p->at == '[') {
		u32 count = (u32)strtoul(p->at + 1, (char **)&p->at, 10);

		p->at++;
		out->type = (u32)btf_add_array(p->b, out->type, p->values->int_id, count);
		out->size *= count;
	}
	return true;
}

/* Members first, for a struct's own are added right behind it. */
static bool parse_struct(struct parser *p, const char *name, struct member *out)
{
	struct member members[MAX_MEMBERS];
	u32 n = 0, off = 0, offs[MAX_MEMBERS];

	*out = (struct member){ .align = 1 };
	while (n < MAX_MEMBERS && next_member(p, &members[n])) {
		off = (u32)align_up(off, members[n].align);
		offs[n] = off;
		off += members[n].size;
		out->align = MAX(out->align, members[n].align);
		n++;
	}
	if (!p->at)
		return false;
	out->size = (u32)align_up(off, out->align);
	out->type = (u32)btf_add_struct(p->b, name, out->size, false);
	for (u32 i = 0; i < n; i++)
		btf_add_member(p->b, "m", members[i].type, offs[i] * 8 + (members[i].bits ? 2 : 0),
			       members[i].bits);
	return true;
}

bool values_begin(struct values *values)
{
	memset(values, 0, sizeof(*values));
	values->builder = btf_builder_new();
	if (!values->builder)
		return false;
	values->int_id = (u32)btf_add_int(values->builder, "int", 4, BTF_INT_SIGNED);
	values->long_id = (u32)btf_add_int(values->builder, "long", 8, BTF_INT_SIGNED);
	return true;
}

bool value_add(struct values *values, const char *name, const char *text, u32 *id, u32 *size)
{
	struct parser p = { .values = values, .b = values->builder, .at = text };
	struct member value;

	if (!parse_struct(&p, name ? name : "value", &value) || *p.at)
		return false;
	*id = value.type;
	*size = value.size;
	if (name && values->n_named < ARRAY_SIZE(values->named)) {
		snprintf(values->named[values->n_named].name, sizeof(values->named[0].name), "%s",
			 name);
		values->named[values->n_named++].id = value.type;
	}
	return true;
}
