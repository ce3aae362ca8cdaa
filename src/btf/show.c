/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Printing memory by its type, as text ("{.pid = 3, .comm = "sh"}", the way of
 * bpf_snprintf_btf) or as JSON. Neither the type nor the bytes are trusted: what lies behind
 * the end of the data is not shown, depth and number of values are bounded.
 */
#include "base/str.h"
#include "btf/check.h"

#define SHOW_DEPTH 32
#define SHOW_STEPS (1u << 20)

struct show {
	struct text *out;
	const struct btf *btf;
	const struct btf_show_opts *opts;
	u32 depth, steps;
};

/* A value: where it starts and how many bytes there are from there on. */
struct place {
	const u8 *data;
	u64 size;
};

static void show_value(struct show *s, u32 id, struct place at);

static struct place place_at(struct place at, u64 offset)
{
	if (offset > at.size)
		return (struct place){ at.data, 0 };
	return (struct place){ at.data + offset, at.size - offset };
}

static void newline(struct show *s)
{
	u32 indent = s->opts->indent + s->depth;

	text_put(s->out, "\n");
	while (indent--)
		text_put(s->out, "\t");
}

/* Brackets with items between them: each item but the first after a comma. */
struct list {
	bool any;
	bool inline_items;
	const char *close;
};

static struct list list_open(struct show *s, const char *open, const char *close, bool inline_items)
{
	text_put(s->out, open);
	s->depth++;
	return (struct list){ .close = close, .inline_items = inline_items || s->opts->compact };
}

static void list_item(struct show *s, struct list *list)
{
	if (list->any)
		text_put(s->out,
			 list->inline_items && !(s->opts->json && s->opts->compact) ? ", " : ",");
	if (!list->inline_items)
		newline(s);
	list->any = true;
}

static void list_end(struct show *s, struct list *list)
{
	s->depth--;
	if (list->any && !list->inline_items)
		newline(s);
	text_put(s->out, list->close);
}

static void put_char(struct text *out, u8 c)
{
	if (c == '"' || c == '\\')
		text_printf(out, "\\%c", c);
	else if (c == '\n')
		text_put(out, "\\n");
	else if (c == '\t')
		text_put(out, "\\t");
	else if (c < ' ' || c == 0x7f)
		text_printf(out, "\\u%04x", c);
	else
		text_bytes(out, (const char *)&c, 1);
}

static void put_string(struct text *out, const u8 *s, u64 n)
{
	text_put(out, "\"");
	for (u64 i = 0; i < n; i++)
		put_char(out, s[i]);
	text_put(out, "\"");
}

/* Names, addresses and what has no number: quoted in JSON only. */
static void put_word(struct show *s, const char *word)
{
	if (s->opts->json)
		put_string(s->out, (const u8 *)word, str_len(word));
	else
		text_put(s->out, word);
}

static void put_hex(struct show *s, const u8 *bytes, u32 n)
{
	char hex[40];
	struct text text = text_in(hex, sizeof(hex));

	text_put(&text, "0x");
	while (n > 1 && !bytes[n - 1])
		n--;
	text_printf(&text, "%x", bytes[n - 1]);
	while (n-- > 1)
		text_printf(&text, "%02x", bytes[n - 1]);
	put_word(s, hex);
}

static u64 load(struct place at, u32 size)
{
	u64 value = 0;

	memcpy(&value, at.data, MIN(size, 8u)); /* little endian, as BPF is here */
	return value;
}

static void put_number(struct show *s, u64 value, u32 bits, bool is_signed)
{
	if (bits < 64)
		value &= (1ull << bits) - 1;
	if (is_signed && bits && bits < 64 && value >> (bits - 1))
		value -= 1ull << bits;
	text_printf(s->out, is_signed ? "%lld" : "%llu", (unsigned long long)value);
}

static void put_int(struct show *s, const struct btf_type *t, u64 value, u32 bits)
{
	u32 encoding = BTF_INT_ENCODING(btf_int_data(t));

	if (encoding & BTF_INT_BOOL && value <= 1)
		text_put(s->out, value ? "true" : "false");
	else
		put_number(s, value, bits, encoding & BTF_INT_SIGNED);
}

static const char *enum_name(const struct btf *btf, const struct btf_type *t, u64 value)
{
	const struct btf_enum *e = (const struct btf_enum *)(t + 1);
	const struct btf_enum64 *e64 = (const struct btf_enum64 *)(t + 1);
	bool wide = btf_kind(t) == BTF_KIND_ENUM64;

	for (u32 i = 0; i < btf_vlen(t); i++) {
		u64 own = wide ? e64[i].val_lo32 | (u64)e64[i].val_hi32 << 32 : (u32)e[i].val;

		if (own == (wide ? value : (u32)value))
			return btf_name(btf, wide ? e64[i].name_off : e[i].name_off);
	}
	return NULL;
}

static void put_enum(struct show *s, const struct btf_type *t, u64 value, u32 bits)
{
	bool is_signed = btf_kflag(t);
	const char *name;

	if (is_signed && bits && bits < 64 && value >> (bits - 1) & 1)
		value |= ~0ull << bits; /* narrow enums hold their sign at their own width */
	name = enum_name(s->btf, t, value);
	if (name)
		put_word(s, name);
	else
		put_number(s, value, bits, is_signed);
}

static void show_scalar(struct show *s, const struct btf_type *t, struct place at)
{
	switch (btf_kind(t)) {
	case BTF_KIND_INT:
		if (t->size > 8)
			put_hex(s, at.data, MIN(t->size, 16u));
		else
			put_int(s, t, load(at, t->size) >> BTF_INT_OFFSET(btf_int_data(t)),
				BTF_INT_BITS(btf_int_data(t)));
		break;
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
		put_enum(s, t, load(at, t->size), t->size * 8);
		break;
	case BTF_KIND_PTR:
		put_hex(s, at.data, 8);
		break;
	default: /* a float: its bits, as there is no floating point here */
		put_hex(s, at.data, MIN(t->size, 16u));
	}
}

/* A bitfield of at most 64 bits that starts at any bit. */
static void show_bitfield(struct show *s, u32 id, struct place at, u32 bits, u32 width)
{
	const struct btf_type *t = btf_resolve(s->btf, id, NULL);
	u64 value = 0;

	at = place_at(at, bits / 8);
	bits %= 8;
	for (u32 i = 0; i < width && i < 64 && (bits + i) / 8 < at.size; i++)
		value |= (u64)(at.data[(bits + i) / 8] >> (bits + i) % 8 & 1) << i;
	if (btf_kind(t) == BTF_KIND_INT)
		put_int(s, t, value, width);
	else
		put_enum(s, t, value, width);
}

static bool is_char(const struct btf *btf, const struct btf_type *t)
{
	return btf_kind(t) == BTF_KIND_INT && t->size == 1 &&
	       (BTF_INT_ENCODING(btf_int_data(t)) & (BTF_INT_SIGNED | BTF_INT_CHAR) ||
		str_eq(btf_name(btf, t->name_off), "char"));
}

/* Length of the text up to a NUL; -1 when it is no text. */
static s64 text_length(struct place at, u64 n)
{
	u64 len = 0;

	while (len < n && at.data[len])
		if (at.data[len] < ' ' && at.data[len] != '\n' && at.data[len] != '\t')
			return -1;
		else
			len++;
	return len;
}

static bool is_zero(struct place at, u64 n)
{
	for (u64 i = 0; i < n && i < at.size; i++)
		if (at.data[i])
			return false;
	return true;
}

static void show_array(struct show *s, const struct btf_type *t, struct place at)
{
	const struct btf_array *array = btf_array_of(t);
	const struct btf_type *elem = btf_resolve(s->btf, array->type, NULL);
	s64 step = btf_size(s->btf, array->type), len;
	struct list list;

	if (is_char(s->btf, elem)) {
		len = text_length(at, MIN((u64)array->nelems, at.size));
		if (len >= 0) {
			put_string(s->out, at.data, len);
			return;
		}
	}
	list = list_open(s, "[", "]", !btf_is_composite(elem) && btf_kind(elem) != BTF_KIND_ARRAY);
	for (u64 i = 0; i < array->nelems && s->steps < SHOW_STEPS; i++) {
		struct place item = place_at(at, i * step);

		if (item.size < (u64)step || (!step && i))
			break;
		list_item(s, &list);
		show_value(s, array->type, item);
	}
	list_end(s, &list);
}

static void put_key(struct show *s, const char *name)
{
	if (!s->opts->json) {
		text_printf(s->out, ".%s = ", name);
		return;
	}
	put_string(s->out, (const u8 *)name, str_len(name));
	text_put(s->out, s->opts->compact ? ":" : ": ");
}

static void show_members(struct show *s, const struct btf_type *t, struct place at,
			 struct list *list);

static void show_member(struct show *s, const struct btf_type *t, const struct btf_member *m,
			struct place at, struct list *list)
{
	const struct btf_type *type = btf_resolve(s->btf, m->type, NULL);
	u32 bits = btf_member_bits(t, m), width = btf_member_width(t, m);
	const char *name = btf_name(s->btf, m->name_off);
	struct place value = place_at(at, bits / 8);
	s64 size = width ? (width + bits % 8 + 7) / 8 : btf_size(s->btf, m->type);

	if (size < 0 || (u64)size > value.size)
		return;
	if (!s->opts->json && !s->opts->zeroes && is_zero(value, size))
		return;
	if (!name[0] && btf_is_composite(type)) { /* its members are the parent's, too */
		if (s->depth < SHOW_DEPTH) {
			s->depth++;
			show_members(s, type, value, list);
			s->depth--;
		}
		return;
	}
	if (!name[0] && width)
		return;
	list_item(s, list);
	put_key(s, name);
	if (width)
		show_bitfield(s, m->type, at, bits, width);
	else
		show_value(s, m->type, value);
}

static void show_members(struct show *s, const struct btf_type *t, struct place at,
			 struct list *list)
{
	const struct btf_member *m = btf_members(t);

	for (u32 i = 0; i < btf_vlen(t) && s->steps++ < SHOW_STEPS; i++)
		show_member(s, t, &m[i], at, list);
}

static void show_struct(struct show *s, const struct btf_type *t, struct place at)
{
	struct list list = list_open(s, "{", "}", false);

	show_members(s, t, at, &list);
	list_end(s, &list);
}

static void show_datasec(struct show *s, const struct btf_type *t, struct place at)
{
	const struct btf_var_secinfo *info = btf_var_secinfos(t);
	struct list list = list_open(s, "{", "}", false);

	for (u32 i = 0; i < btf_vlen(t) && s->steps < SHOW_STEPS; i++) {
		const struct btf_type *var = btf_type(s->btf, info[i].type);

		list_item(s, &list);
		put_key(s, btf_name(s->btf, var->name_off));
		show_value(s, var->type, place_at(at, info[i].offset));
	}
	list_end(s, &list);
}

static void show_resolved(struct show *s, const struct btf_type *t, u32 id, struct place at)
{
	switch (btf_kind(t)) {
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		show_struct(s, t, at);
		return;
	case BTF_KIND_ARRAY:
		show_array(s, t, at);
		return;
	case BTF_KIND_DATASEC:
		show_datasec(s, t, at);
		return;
	case BTF_KIND_VAR:
		show_value(s, t->type, at);
		return;
	case BTF_KIND_INT:
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
	case BTF_KIND_PTR:
	case BTF_KIND_FLOAT:
		if ((u64)btf_size(s->btf, id) <= at.size) {
			show_scalar(s, t, at);
			return;
		}
	}
	text_put(s->out, s->opts->json ? "null" : "?");
}

static void show_value(struct show *s, u32 id, struct place at)
{
	u32 resolved;
	const struct btf_type *t = btf_resolve(s->btf, id, &resolved);

	if (!t || s->depth > SHOW_DEPTH || s->steps++ >= SHOW_STEPS) {
		text_put(s->out, s->opts->json ? "null" : "...");
		return;
	}
	if (s->opts->names && !s->opts->json) {
		text_put(s->out, "(");
		btf_type_text(s->out, s->btf, id);
		text_put(s->out, ")");
	}
	show_resolved(s, t, resolved, at);
}

void btf_show(struct text *out, const struct btf *btf, u32 type_id, const void *data, u32 size,
	      const struct btf_show_opts *opts)
{
	static const struct btf_show_opts plain;
	struct show s = { .out = out, .btf = btf, .opts = opts ? opts : &plain };

	show_value(&s, type_id, (struct place){ data, size });
}
