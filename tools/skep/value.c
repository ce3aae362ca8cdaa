/* SPDX-License-Identifier: Apache-2.0 */
#include "value.h"

#include "base/str.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct parser {
	const char *at;
	const struct btf *btf;
	struct value_error *error;
	int depth;
};

static int fail(struct parser *p, const char *what)
{
	if (!p->error->message[0])
		text_format(p->error->message, sizeof(p->error->message), "%s at \"%.20s\"", what,
			    p->at);
	return -EINVAL;
}

static void skip_blanks(struct parser *p)
{
	while (*p->at == ' ' || *p->at == '\t')
		p->at++;
}

static bool take(struct parser *p, char c)
{
	skip_blanks(p);
	if (*p->at != c)
		return false;
	p->at++;
	return true;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

s64 value_parse_hex(const char **text, void *out, u64 size)
{
	const char *at = *text;
	u64 n = 0;

	for (;;) {
		int high, low;

		while (*at == ' ' || *at == '\t' || *at == ':')
			at++;
		high = hex_digit(*at);
		if (high < 0)
			break;
		low = hex_digit(at[1]);
		if (low < 0)
			return -EINVAL;
		if (n < size)
			((u8 *)out)[n] = (u8)(high << 4 | low);
		n++;
		at += 2;
	}
	*text = at;
	return (s64)n;
}

static bool word_char(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

const struct btf *value_more_enumerators;

/* The value of an enumerator of any enum in the BTF. */
static bool enumerator(const struct btf *btf, const char *name, size_t len, u64 *value)
{
	for (u32 id = 1; btf && id < btf->n_types; id++) {
		const struct btf_type *t = btf_type(btf, id);
		bool wide = btf_kind(t) == BTF_KIND_ENUM64;

		if (!wide && btf_kind(t) != BTF_KIND_ENUM)
			continue;
		for (u32 i = 0; i < btf_vlen(t); i++) {
			const struct btf_enum *e32 = (const void *)(t + 1);
			const struct btf_enum64 *e64 = (const void *)(t + 1);
			const char *n = btf_name(btf, wide ? e64[i].name_off : e32[i].name_off);

			if (strlen(n) != len || strncmp(n, name, len) != 0)
				continue;
			*value = wide ? (u64)e64[i].val_hi32 << 32 | e64[i].val_lo32
				      : (u64)(s64)e32[i].val;
			return true;
		}
	}
	return false;
}

static int parse_word(struct parser *p, u64 *value)
{
	const char *start = p->at;
	size_t len;

	while (word_char(*p->at))
		p->at++;
	len = (size_t)(p->at - start);
	if (len == 4 && !strncmp(start, "true", 4)) {
		*value = 1;
	} else if (len == 5 && !strncmp(start, "false", 5)) {
		*value = 0;
	} else if (!enumerator(p->btf, start, len, value) &&
		   !enumerator(value_more_enumerators, start, len, value)) {
		p->at = start;
		return fail(p, "not a number and no enumerator of the object");
	}
	return 0;
}

static int parse_number(struct parser *p, u64 *value)
{
	bool negative;
	char *end;

	skip_blanks(p);
	if (p->at[0] == '\'' && p->at[1] && p->at[2] == '\'') {
		*value = (u8)p->at[1];
		p->at += 3;
		return 0;
	}
	negative = *p->at == '-';
	if (!negative && !isdigit((unsigned char)*p->at))
		return word_char(*p->at) ? parse_word(p, value) : fail(p, "expected a value");
	if (negative)
		p->at++;
	if (!isdigit((unsigned char)*p->at))
		return fail(p, "expected a number");
	errno = 0;
	*value = strtoull(p->at, &end, 0);
	if (errno || word_char(*end))
		return fail(p, "not a number that fits 64 bits");
	p->at = end;
	if (negative)
		*value = 0 - *value;
	return 0;
}

/* Does the number survive being stored in so many bytes, signed or unsigned? */
static bool number_fits(u64 value, u32 size)
{
	u32 bits = size * 8;

	return bits >= 64 || value >> bits == 0 || (s64)value >> (bits - 1) == -1;
}

static int put_number(struct parser *p, void *out, u32 size)
{
	u64 value;
	int err = parse_number(p, &value);

	if (err)
		return err;
	if (!number_fits(value, size))
		return fail(p, "the number does not fit the type, before");
	memcpy(out, &value, MIN(size, 8u)); /* little endian, as eBPF here */
	return 0;
}

static int parse_value(struct parser *p, u32 type_id, void *out, u32 size);

static int parse_string(struct parser *p, char *out, u32 size)
{
	u32 n = 0;

	p->at++;
	for (; *p->at && *p->at != '"'; p->at++) {
		if (*p->at == '\\' && (p->at[1] == '"' || p->at[1] == '\\'))
			p->at++;
		if (n == size)
			return fail(p, "the text is longer than its array");
		out[n++] = *p->at;
	}
	if (!take(p, '"'))
		return fail(p, "the text has no end");
	return 0;
}

static int parse_array(struct parser *p, const struct btf_array *array, void *out, u32 size)
{
	s64 elem = btf_size(p->btf, array->type);
	u32 n = 0;

	if (elem <= 0)
		return fail(p, "the array's elements have no size");
	skip_blanks(p);
	if (*p->at == '"' && elem == 1)
		return parse_string(p, out, size);
	if (!take(p, '['))
		return fail(p, "expected [ or \"");
	while (!take(p, ']')) {
		if (n && !take(p, ','))
			return fail(p, "expected , or ]");
		if ((u64)(n + 1) * (u64)elem > size)
			return fail(p, "more elements than the array has");
		if (parse_value(p, array->type, (u8 *)out + (u64)n * (u64)elem, (u32)elem))
			return -EINVAL;
		n++;
	}
	return 0;
}

static int parse_bitfield(struct parser *p, const struct btf_field *field, u8 *out, u32 size)
{
	u64 value;
	int err = parse_number(p, &value);

	if (err)
		return err;
	for (u32 bit = 0; bit < field->bit_size; bit++) {
		u32 at = field->bit_offset + bit;

		if (at / 8 < size && bit < 64 && (value >> bit & 1))
			out[at / 8] |= (u8)(1 << at % 8);
	}
	return 0;
}

static int parse_members(struct parser *p, u32 struct_id, void *out, u32 size)
{
	bool first = true;

	if (!take(p, '{'))
		return fail(p, "expected {");
	while (!take(p, '}')) {
		struct btf_field field;
		char name[128];
		u32 n = 0;
		s64 bytes;

		if (!first && !take(p, ','))
			return fail(p, "expected , or }");
		first = false;
		skip_blanks(p);
		while (word_char(*p->at) && n < sizeof(name) - 1)
			name[n++] = *p->at++;
		name[n] = 0;
		if (!n || btf_find_member(p->btf, struct_id, name, &field))
			return fail(p, "no such member, before");
		if (!take(p, ':'))
			return fail(p, "expected : after the member's name");
		if (field.bit_size) {
			if (parse_bitfield(p, &field, out, size))
				return -EINVAL;
			continue;
		}
		bytes = btf_size(p->btf, field.type_id);
		if (bytes <= 0 || field.bit_offset / 8 + (u64)bytes > size)
			return fail(p, "the member has no size");
		if (parse_value(p, field.type_id, (u8 *)out + field.bit_offset / 8, (u32)bytes))
			return -EINVAL;
	}
	return 0;
}

static int parse_raw(struct parser *p, void *out, u32 size)
{
	s64 n;

	p->at += 4;
	n = value_parse_hex(&p->at, out, size);
	if (n < 0)
		return fail(p, "a byte has two hex digits");
	return n > size ? fail(p, "more bytes than the type has") : 0;
}

static int parse_value(struct parser *p, u32 type_id, void *out, u32 size)
{
	const struct btf_type *t;
	u32 id;
	int err;

	if (p->depth > 16)
		return fail(p, "nested too deeply");
	skip_blanks(p);
	memset(out, 0, size);
	if (str_starts(p->at, "hex:"))
		return parse_raw(p, out, size);
	t = p->btf && type_id ? btf_resolve(p->btf, type_id, &id) : NULL;
	if (!t) {
		if (size > 8)
			return fail(p,
				    "without a type only hex: or a number of 8 bytes at most goes");
		return put_number(p, out, size);
	}
	p->depth++;
	switch (btf_kind(t)) {
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		err = parse_members(p, id, out, size);
		break;
	case BTF_KIND_ARRAY:
		err = parse_array(p, (const void *)(t + 1), out, size);
		break;
	default:
		err = size > 8 ? fail(p, "this type can only be given as hex:")
			       : put_number(p, out, size);
	}
	p->depth--;
	return err;
}

int value_parse(const char **text, const struct btf *btf, u32 type_id, void *out, u32 size,
		struct value_error *error)
{
	struct parser p = { .at = *text, .btf = btf, .error = error };
	int err;

	error->message[0] = 0;
	err = parse_value(&p, type_id, out, size);
	*text = p.at;
	return err;
}
