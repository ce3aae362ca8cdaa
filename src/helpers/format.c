/* SPDX-License-Identifier: Apache-2.0 */
#include "helpers/format.h"
#include "helpers/probe.h"

enum spec_kind { SPEC_NUMBER, SPEC_CHAR, SPEC_STRING, SPEC_POINTER, SPEC_SYMBOL, SPEC_IP };
enum space { SPACE_ANY, SPACE_KERNEL, SPACE_USER };

struct spec {
	enum spec_kind kind;
	enum space space; /* of a string */
	bool left, zero, plus, blank;
	bool is_signed, upper, wide; /* of a number: %d, %X, 64 bits */
	bool six, lead;              /* of an address: IPv6; %pi: leading zeroes, no colons */
	u32 width;
};

struct format {
	struct text *out; /* NULL: only check */
	struct run_ctx *rc;
	const u64 *args;
	u32 n, used;
	u32 room; /* bytes left of FORMAT_ARG_BYTES */
	char string[FORMAT_ARG_BYTES];
};

static bool is_space(u8 c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_printable(u8 c)
{
	return c >= ' ' && c <= '~';
}

static bool is_punct(u8 c)
{
	return is_printable(c) && c != ' ' && !(c >= '0' && c <= '9') && !(c >= 'A' && c <= 'Z') &&
	       !(c >= 'a' && c <= 'z');
}

/* Strings and plain pointers must be followed by something that cannot belong to them. */
static bool ends_spec(u8 c)
{
	return !c || is_space(c) || is_punct(c);
}

static const char *parse_flags(const char *at, struct spec *spec)
{
	for (;; at++) {
		if (*at == '0')
			spec->zero = true;
		else if (*at == '+')
			spec->plus = true;
		else if (*at == '-')
			spec->left = true;
		else if (*at == ' ')
			spec->blank = true;
		else
			break;
	}
	for (; *at >= '0' && *at <= '9'; at++)
		if (spec->width < 100000)
			spec->width = spec->width * 10 + (*at - '0');
	return at;
}

/* Behind the p. NULL: not a format; else the first character behind the conversion. */
static const char *parse_pointer(const char *at, struct spec *spec)
{
	spec->kind = SPEC_POINTER;
	if (ends_spec(at[0]))
		return at;
	if ((at[0] == 'k' || at[0] == 'u') && at[1] == 's') {
		spec->kind = SPEC_STRING;
		spec->space = at[0] == 'k' ? SPACE_KERNEL : SPACE_USER;
		return ends_spec(at[2]) ? at + 2 : NULL;
	}
	if (at[0] == 'K' || at[0] == 'x')
		return at + 1;
	if (at[0] == 's' || at[0] == 'S' || at[0] == 'B') {
		spec->kind = SPEC_SYMBOL;
		return at + 1;
	}
	if ((at[0] == 'i' || at[0] == 'I') && (at[1] == '4' || at[1] == '6')) {
		spec->kind = SPEC_IP;
		spec->lead = at[0] == 'i';
		spec->six = at[1] == '6';
		return at + 2;
	}
	return NULL;
}

static const char *parse_number(const char *at, struct spec *spec)
{
	spec->kind = SPEC_NUMBER;
	for (u32 i = 0; i < 2 && *at == 'l'; i++, at++)
		spec->wide = true;
	spec->is_signed = *at == 'd' || *at == 'i';
	spec->upper = *at == 'X';
	spec->lead = *at == 'x' || *at == 'X'; /* hexadecimal */
	return spec->is_signed || spec->lead || *at == 'u' ? at + 1 : NULL;
}

/* Behind the %. */
static const char *parse_spec(const char *at, struct spec *spec)
{
	*spec = (struct spec){ 0 };
	at = parse_flags(at, spec);
	if (*at == 'p')
		return parse_pointer(at + 1, spec);
	if (*at == 's') {
		spec->kind = SPEC_STRING;
		return ends_spec(at[1]) ? at + 1 : NULL;
	}
	if (*at == 'c') {
		spec->kind = SPEC_CHAR;
		return at + 1;
	}
	return parse_number(at, spec);
}

/* A wide field costs only what fits. */
static void pad(struct text *out, char c, u64 n)
{
	u64 room = out->size > out->len ? out->size - out->len : 0;

	for (u64 i = 0; i < MIN(n, room); i++)
		text_bytes(out, &c, 1);
	out->len += n - MIN(n, room);
}

static void put_field(struct text *out, const struct spec *spec, const char *text, u32 len)
{
	u32 fill = spec->width > len ? spec->width - len : 0;

	if (!spec->left)
		pad(out, ' ', fill);
	text_bytes(out, text, len);
	if (spec->left)
		pad(out, ' ', fill);
}

static u32 digits_of(char *end, u64 value, bool hex, bool upper)
{
	const char *set = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	u32 n = 0;

	do {
		end[-(s32)++n] = set[value % (hex ? 16 : 10)];
		value /= hex ? 16 : 10;
	} while (value);
	return n;
}

static void put_number(struct text *out, const struct spec *spec, u64 value)
{
	char digits[24], sign = 0;
	u32 n, len, fill;

	if (!spec->wide)
		value = spec->is_signed ? (u64)(s64)(s32)value : (u32)value;
	if (spec->is_signed && (s64)value < 0) {
		sign = '-';
		value = -value;
	} else if (spec->is_signed && (spec->plus || spec->blank)) {
		sign = spec->plus ? '+' : ' ';
	}
	n = digits_of(digits + sizeof(digits), value, spec->lead, spec->upper);
	len = n + (sign != 0);
	fill = spec->width > len ? spec->width - len : 0;
	if (!spec->left && !spec->zero)
		pad(out, ' ', fill);
	text_bytes(out, &sign, sign != 0);
	if (!spec->left && spec->zero)
		pad(out, '0', fill);
	text_bytes(out, digits + sizeof(digits) - n, n);
	if (spec->left)
		pad(out, ' ', fill);
}

static void put_pointer(struct text *out, const struct spec *spec, u64 value)
{
	struct spec hex = *spec;

	hex.wide = hex.lead = true;
	hex.is_signed = hex.upper = false;
	if (spec->kind == SPEC_SYMBOL) { /* an address that has no name */
		text_put(out, "0x");
	} else if (!hex.width) {
		hex.width = 16;
		hex.zero = true;
	}
	put_number(out, &hex, value);
}

static void put_ip4(struct text *out, const struct spec *spec, const u8 *ip)
{
	for (u32 i = 0; i < 4; i++)
		text_printf(out, spec->lead ? "%s%03u" : "%s%u", i ? "." : "", ip[i]);
}

static void put_ip6(struct text *out, const struct spec *spec, const u8 *ip)
{
	for (u32 i = 0; i < 16; i += 2)
		text_printf(out, "%s%02x%02x", i && !spec->lead ? ":" : "", ip[i], ip[i + 1]);
}

/* Takes n bytes, at a multiple of 4 when they are a number, of the room for arguments. */
static int take_room(struct format *f, u32 n, bool number)
{
	u32 room = number ? f->room & ~3u : f->room;

	if (!room || room < n)
		return -ENOSPC;
	f->room = room - n;
	return 0;
}

/*
 * What comes from %p and letters Linux has formatted before it prints: no width applies, and
 * once the buffer is full it is not even counted.
 */
static void put_formatted(struct text *out, const char *text, u32 len)
{
	if (out->len < out->size)
		text_bytes(out, text, len);
}

static int put_string(struct format *f, const struct spec *spec, u64 address)
{
	s64 len;

	if (!f->room)
		return -ENOSPC;
	if (spec->space == SPACE_KERNEL)
		len = probe_kernel_str(f->rc, f->string, f->room, address);
	else if (spec->space == SPACE_USER)
		len = probe_user_str(f->rc, f->string, f->room, address);
	else
		len = probe_any_str(f->rc, f->string, f->room, address);
	if (len <= 0) { /* what cannot be read is shown as nothing */
		f->string[0] = 0;
		len = 1;
	}
	if (spec->space == SPACE_ANY)
		put_field(f->out, spec, f->string, len - 1);
	else
		put_formatted(f->out, f->string, len - 1);
	return take_room(f, len, false);
}

static int put_ip(struct format *f, const struct spec *spec, u64 address)
{
	char formatted[48];
	struct text text = text_in(formatted, sizeof(formatted));
	u8 ip[16];
	u32 size = spec->six ? 16 : 4;

	if (f->room < size)
		return -ENOSPC;
	probe_kernel(f->rc, ip, size, address); /* zeroes on failure */
	if (spec->six)
		put_ip6(&text, spec, ip);
	else
		put_ip4(&text, spec, ip);
	put_formatted(f->out, formatted, text.len);
	return take_room(f, text.len + 1, false);
}

static int put_arg(struct format *f, const struct spec *spec, u64 value)
{
	char c = value;
	int err = 0;

	switch (spec->kind) {
	case SPEC_STRING:
		return put_string(f, spec, value);
	case SPEC_IP:
		return put_ip(f, spec, value);
	case SPEC_CHAR:
		err = take_room(f, 1, false);
		put_field(f->out, spec, &c, 1);
		return err;
	case SPEC_NUMBER:
		err = take_room(f, spec->wide ? 8 : 4, true);
		put_number(f->out, spec, value);
		return err;
	default:
		err = take_room(f, 8, true);
		put_pointer(f->out, spec, value);
		return err;
	}
}

static int walk(struct format *f, const char *fmt, u64 size)
{
	const char *at = fmt;
	struct spec spec;
	u64 len = 0;

	while (len < size && fmt[len])
		len++;
	if (len == size)
		return -EINVAL;
	while (*at) {
		u8 c = *at++;
		int err;

		if (c < 0x80 && !is_printable(c) && !is_space(c))
			return -EINVAL;
		if (c != '%' || *at == '%') {
			at += c == '%';
			if (f->out)
				text_bytes(f->out, (const char *)&c, 1);
			continue;
		}
		if (f->used >= f->n)
			return -EINVAL;
		at = parse_spec(at, &spec);
		if (!at)
			return -EINVAL;
		err = f->out ? put_arg(f, &spec, f->args[f->used]) : 0;
		if (err)
			return err;
		f->used++;
	}
	return 0;
}

int format_args(struct text *out, const char *fmt, u64 size, const u64 *args, u32 n,
		struct run_ctx *rc)
{
	struct format f = { .out = out, .rc = rc, .args = args, .n = n, .room = FORMAT_ARG_BYTES };

	return walk(&f, fmt, size);
}

int format_check(const char *fmt, u64 size, u32 n)
{
	struct format f = { .n = n };

	return walk(&f, fmt, size);
}
