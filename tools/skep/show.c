/* SPDX-License-Identifier: Apache-2.0 */
#include "show.h"

#include <stdlib.h>
#include <string.h>

#include "hooks/syscall/calls.h"

#define MAX_DEPTH 8

static const struct btf_type *type_of(const struct shown *value)
{
	return value->btf ? btf_resolve(value->btf, value->type, NULL) : NULL;
}

static u32 size_of(const struct shown *value)
{
	s64 size = value->btf ? btf_size(value->btf, value->type) : (s64)value->size;

	return size < 0 ? 0 : (u32)size;
}

static const u8 *bytes_of(const struct shown *value, const void *data)
{
	return (const u8 *)data + value->bit_offset / 8;
}

static u64 read_bits(const struct shown *value, const void *data, u32 size)
{
	const u8 *bytes = bytes_of(value, data);
	u32 shift = value->bit_offset % 8;
	u64 number = 0;

	if (!value->bit_size) {
		memcpy(&number, bytes, size < 8 ? size : 8);
		return number;
	}
	for (u32 i = 0; i * 8 < shift + value->bit_size && i < 8; i++)
		number |= (u64)bytes[i] << (i * 8);
	number >>= shift;
	return value->bit_size < 64 ? number & ((1ull << value->bit_size) - 1) : number;
}

static s64 sign_extend(u64 number, u32 bits)
{
	return bits && bits < 64 ? (s64)(number << (64 - bits)) >> (64 - bits) : (s64)number;
}

static u32 int_encoding(const struct btf_type *t)
{
	return BTF_INT_ENCODING(*(const u32 *)(t + 1));
}

static bool is_char(const struct btf *btf, const struct btf_type *t)
{
	return t && btf_kind(t) == BTF_KIND_INT && t->size == 1 &&
	       !(int_encoding(t) & BTF_INT_BOOL) &&
	       ((int_encoding(t) & BTF_INT_CHAR) ||
		strcmp(btf_name(btf, t->name_off), "char") == 0);
}

static const struct btf_array *array_of(const struct btf_type *t)
{
	return t && btf_kind(t) == BTF_KIND_ARRAY ? (const struct btf_array *)(t + 1) : NULL;
}

static bool is_string(const struct shown *value)
{
	const struct btf_array *array = array_of(type_of(value));

	return array && is_char(value->btf, btf_resolve(value->btf, array->type, NULL));
}

bool show_number(const struct shown *value, const void *data, s64 *number, bool *is_signed)
{
	const struct btf_type *t = type_of(value);
	u32 size = size_of(value);

	if (size > 8 || !size || (value->btf && (!t || btf_kind(t) != BTF_KIND_INT)))
		return false;
	if (t && (int_encoding(t) & BTF_INT_BOOL))
		return false;
	*is_signed = t && (int_encoding(t) & BTF_INT_SIGNED);
	*number = (s64)read_bits(value, data, size);
	if (*is_signed)
		*number = sign_extend((u64)*number, value->bit_size ? value->bit_size : size * 8);
	return true;
}

void show_set_number(const struct shown *value, void *data, u64 number)
{
	if (!value->bit_size)
		memcpy((u8 *)data + value->bit_offset / 8, &number, size_of(value));
}

bool show_int_array(const struct shown *value, u32 *n, u32 *elem_size)
{
	const struct btf_array *array = array_of(type_of(value));
	const struct btf_type *elem;

	if (!array)
		return false;
	elem = btf_resolve(value->btf, array->type, NULL);
	if (!elem || btf_kind(elem) != BTF_KIND_INT || is_char(value->btf, elem) || elem->size > 8)
		return false;
	*n = array->nelems;
	*elem_size = elem->size;
	return true;
}

static struct shown member_of(const struct shown *value, const struct btf_type *t, u32 index)
{
	const struct btf_member *m = (const struct btf_member *)(t + 1) + index;
	bool packed = BTF_INFO_KFLAG(t->info);
	u32 offset = packed ? BTF_MEMBER_BIT_OFFSET(m->offset) : m->offset;

	return (struct shown){ .btf = value->btf,
			       .type = m->type,
			       .name = btf_name(value->btf, m->name_off),
			       .bit_offset = value->bit_offset + offset,
			       .bit_size = packed ? BTF_MEMBER_BITFIELD_SIZE(m->offset) : 0 };
}

static bool is_record(const struct btf_type *t)
{
	return t && (btf_kind(t) == BTF_KIND_STRUCT || btf_kind(t) == BTF_KIND_UNION);
}

static u32 add_parts(const struct shown *value, struct shown *parts, u32 max, u32 n, u32 depth)
{
	const struct btf_type *t = type_of(value);

	for (u32 i = 0; i < btf_vlen(t); i++) {
		struct shown member = member_of(value, t, i);

		if (!member.name[0] && is_record(type_of(&member)) && depth < MAX_DEPTH) {
			n = add_parts(&member, parts, max, n, depth + 1);
			continue;
		}
		if (n < max)
			parts[n] = member;
		n++;
	}
	return n;
}

u32 show_parts(const struct shown *value, struct shown *parts, u32 max)
{
	if (is_record(type_of(value)))
		return add_parts(value, parts, max, 0, 0);
	if (max)
		parts[0] = *value;
	return 1;
}

static const char *enumerator(const struct shown *value, const struct btf_type *t, u64 number)
{
	const struct btf_enum *e = (const struct btf_enum *)(t + 1);
	const struct btf_enum64 *e64 = (const struct btf_enum64 *)(t + 1);

	for (u32 i = 0; i < btf_vlen(t); i++) {
		if (btf_kind(t) == BTF_KIND_ENUM && (u32)e[i].val == (u32)number)
			return btf_name(value->btf, e[i].name_off);
		if (btf_kind(t) == BTF_KIND_ENUM64 &&
		    ((u64)e64[i].val_hi32 << 32 | e64[i].val_lo32) == number)
			return btf_name(value->btf, e64[i].name_off);
	}
	return NULL;
}

static const char *call_of(const struct shown *value, const void *data)
{
	bool is_signed;
	s64 nr;

	if (!value->name || strcmp(value->name, "syscall_nr") ||
	    !show_number(value, data, &nr, &is_signed))
		return NULL;
	return call_name(nr);
}

static void put_hex(FILE *out, const u8 *bytes, u32 n)
{
	for (u32 i = 0; i < n; i++)
		fprintf(out, "%02x", bytes[i]);
}

static void put_bytes(FILE *out, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		u8 c = (u8)bytes[i];

		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			fprintf(out, "\\x%02x", c);
		else
			fputc(c, out);
	}
}

static void put_string(FILE *out, const char *bytes, u32 size, bool bare)
{
	size_t len = strnlen(bytes, size);

	if (!bare)
		fputc('"', out);
	put_bytes(out, bytes, len);
	if (!bare)
		fputc('"', out);
}

/* How many elements there are before only zero bytes, or empty strings, follow. */
static u32 used_elements(const u8 *bytes, u32 n, u32 elem_size, bool strings)
{
	u32 significant = strings ? 1 : elem_size;

	for (; n; n--)
		for (u32 i = 0; i < significant; i++)
			if (bytes[(u64)(n - 1) * elem_size + i])
				return n;
	return 0;
}

static void put_value(FILE *out, const struct shown *value, const void *data, bool bare, bool json,
		      u32 depth);

static void put_array(FILE *out, const struct shown *value, const struct btf_array *array,
		      const void *data, bool json, u32 depth)
{
	s64 elem_size = btf_size(value->btf, array->type);
	struct shown first = { .btf = value->btf, .type = array->type };
	u32 n = elem_size <= 0 ? 0
			       : used_elements(bytes_of(value, data), array->nelems, (u32)elem_size,
					       is_string(&first));

	fputc('[', out);
	for (u32 i = 0; i < n; i++) {
		struct shown elem = { .btf = value->btf,
				      .type = array->type,
				      .bit_offset = value->bit_offset + i * (u32)elem_size * 8 };

		if (i)
			fputs(json ? "," : ", ", out);
		put_value(out, &elem, data, false, json, depth + 1);
	}
	fputc(']', out);
}

static void put_record(FILE *out, const struct shown *value, const struct btf_type *t,
		       const void *data, bool json, u32 depth)
{
	fputc('{', out);
	for (u32 i = 0; i < btf_vlen(t); i++) {
		struct shown member = member_of(value, t, i);
		const char *call = call_of(&member, data);

		if (i)
			fputs(json ? "," : ", ", out);
		fprintf(out, json ? "\"%s\":" : "%s=", member.name);
		put_value(out, &member, data, false, json, depth + 1);
		if (json && call)
			fprintf(out, ",\"syscall\":\"%s\"", call);
	}
	fputc('}', out);
}

static void put_float(FILE *out, u64 bits, u32 size)
{
	double wide = 0;
	float narrow;

	if (size == sizeof(narrow)) {
		memcpy(&narrow, &bits, sizeof(narrow));
		wide = (double)narrow;
	} else if (size == sizeof(wide)) {
		memcpy(&wide, &bits, sizeof(wide));
	}
	/* JSON has no numbers for the rest. */
	fprintf(out, wide - wide == 0 ? "%.9g" : "null", wide);
}

static void put_scalar(FILE *out, const struct shown *value, const struct btf_type *t,
		       const void *data, bool json)
{
	u64 number = read_bits(value, data, size_of(value));
	const char *name = NULL;
	u32 kind = t ? btf_kind(t) : BTF_KIND_INT;
	bool is_signed;
	s64 whole;

	if (kind == BTF_KIND_ENUM || kind == BTF_KIND_ENUM64)
		name = enumerator(value, t, number);
	if (!json && !name)
		name = call_of(value, data);
	if (name)
		fprintf(out, json ? "\"%s\"" : "%s", name);
	else if (kind == BTF_KIND_PTR)
		fprintf(out, json ? "\"0x%llx\"" : "0x%llx", (unsigned long long)number);
	else if (kind == BTF_KIND_FLOAT)
		put_float(out, number, size_of(value));
	else if (show_number(value, data, &whole, &is_signed) && is_signed)
		fprintf(out, "%lld", (long long)whole);
	else if (t && kind == BTF_KIND_INT && (int_encoding(t) & BTF_INT_BOOL))
		fputs(number ? "true" : "false", out);
	else
		fprintf(out, "%llu", (unsigned long long)number);
}

static void put_value(FILE *out, const struct shown *value, const void *data, bool bare, bool json,
		      u32 depth)
{
	const struct btf_type *t = type_of(value);
	u32 size = size_of(value);
	const struct btf_array *array = array_of(t);

	if (is_string(value) && json)
		show_json_string(out, (const char *)bytes_of(value, data),
				 strnlen((const char *)bytes_of(value, data), size));
	else if (is_string(value))
		put_string(out, (const char *)bytes_of(value, data), size, bare);
	else if (array && depth < MAX_DEPTH)
		put_array(out, value, array, data, json, depth);
	else if (is_record(t) && depth < MAX_DEPTH)
		put_record(out, value, t, data, json, depth);
	else if (size <= 8 && !array && !is_record(t))
		put_scalar(out, value, t, data, json);
	else {
		if (json)
			fputc('"', out);
		put_hex(out, bytes_of(value, data), size);
		if (json)
			fputc('"', out);
	}
}

void show_text(FILE *out, const struct shown *value, const void *data, bool bare)
{
	put_value(out, value, data, bare, false, 0);
}

void show_json(FILE *out, const struct shown *value, const void *data)
{
	put_value(out, value, data, false, true, 0);
}

static bool is_utf8(const u8 *bytes, size_t len)
{
	for (size_t i = 0; i < len;) {
		u8 c = bytes[i++];
		int more = c < 0x80         ? 0
			   : (c >> 5) == 6  ? 1
			   : (c >> 4) == 14 ? 2
			   : (c >> 3) == 30 ? 3
					    : -1;

		if (more < 0 || len - i < (size_t)more)
			return false;
		while (more--)
			if ((bytes[i++] & 0xc0) != 0x80)
				return false;
	}
	return true;
}

/* Where a string is not UTF-8, each byte above 0x7f becomes the code point of its number. */
void show_json_string(FILE *out, const char *bytes, size_t len)
{
	bool utf8 = is_utf8((const u8 *)bytes, len);

	fputc('"', out);
	for (size_t i = 0; i < len; i++) {
		u8 c = (u8)bytes[i];

		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c < 0x20 || c == 0x7f || (c > 0x7f && !utf8))
			fprintf(out, "\\u%04x", c);
		else
			fputc(c, out);
	}
	fputc('"', out);
}
