/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"
#include "base/str.h"

struct spec {
	bool left, zero, plus, space, alt, upper;
	bool has_precision;
	int width;
	int precision;
	int length; /* size of the integer argument in bytes */
	unsigned base;
};

static void note_len(struct text *text, size_t n)
{
	text->len += n;
	if (text->len > text->peak)
		text->peak = text->len;
}

/* A ring of size - 1 bytes. Text that was dropped by setting len back is gone for good. */
static void ring_bytes(struct text *text, const char *bytes, size_t n)
{
	size_t ring = text->size - 1;

	if (text->start > text->len)
		text->start = text->len;
	for (size_t done = 0; done < n;) {
		size_t at = (text->len + done) % ring;
		size_t step = MIN(n - done, ring - at);

		memcpy(text->buf + at, bytes + done, step);
		done += step;
	}
	note_len(text, n);
	if (text->len - text->start > ring)
		text->start = text->len - ring;
}

static void reverse(char *from, size_t n)
{
	for (size_t i = 0; i < n / 2; i++) {
		char c = from[i];

		from[i] = from[n - 1 - i];
		from[n - 1 - i] = c;
	}
}

void text_unroll(struct text *text)
{
	size_t ring = text->size ? text->size - 1 : 0;
	size_t shift, kept;

	if (!text->keep_end || !ring)
		return;
	if (text->start > text->len)
		text->start = text->len;
	shift = text->start % ring;
	kept = text->len - text->start;
	if (shift) {
		reverse(text->buf, shift);
		reverse(text->buf + shift, ring - shift);
		reverse(text->buf, ring);
	}
	text->buf[kept] = 0;
	text->keep_end = false;
}

void text_bytes(struct text *text, const char *bytes, size_t n)
{
	if (text->keep_end && text->size > 1) {
		ring_bytes(text, bytes, n);
		return;
	}
	if (text->size && text->len < text->size - 1) {
		size_t room = text->size - 1 - text->len;
		size_t fits = MIN(n, room);

		memcpy(text->buf + text->len, bytes, fits);
		text->buf[text->len + fits] = 0;
	}
	note_len(text, n);
}

void text_put(struct text *text, const char *s)
{
	text_bytes(text, s, str_len(s));
}

static void pad(struct text *text, char c, int n)
{
	while (n-- > 0)
		text_bytes(text, &c, 1);
}

static void put_string(struct text *text, const struct spec *spec, const char *s)
{
	size_t n;

	if (!s)
		s = "(null)";
	n = spec->has_precision ? str_nlen(s, spec->precision) : str_len(s);
	if (!spec->left)
		pad(text, ' ', spec->width - (int)n);
	text_bytes(text, s, n);
	if (spec->left)
		pad(text, ' ', spec->width - (int)n);
}

static int digits_of(char *out, u64 value, unsigned base, bool upper)
{
	const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	int n = 0;

	do {
		out[n++] = digits[value % base];
		value /= base;
	} while (value);
	return n;
}

static void put_number(struct text *text, const struct spec *spec, u64 value, const char *sign)
{
	char digits[24];
	int n = digits_of(digits, value, spec->base, spec->upper);
	int least = spec->has_precision ? spec->precision : 1;
	int zeros, blank;

	if (spec->has_precision && !spec->precision && !value)
		n = 0;
	zeros = MAX(least - n, 0);
	blank = spec->width - (int)str_len(sign) - zeros - n;
	if (spec->zero && !spec->left && !spec->has_precision && blank > 0) {
		zeros += blank;
		blank = 0;
	}
	if (!spec->left)
		pad(text, ' ', blank);
	text_put(text, sign);
	pad(text, '0', zeros);
	while (n)
		text_bytes(text, &digits[--n], 1);
	if (spec->left)
		pad(text, ' ', blank);
}

static void put_signed(struct text *text, const struct spec *spec, s64 value)
{
	const char *sign = value < 0 ? "-" : spec->plus ? "+" : spec->space ? " " : "";

	put_number(text, spec, value < 0 ? 0 - (u64)value : (u64)value, sign);
}

static const char *parse_flags(struct spec *spec, const char *fmt)
{
	for (;; fmt++) {
		switch (*fmt) {
		case '-':
			spec->left = true;
			break;
		case '0':
			spec->zero = true;
			break;
		case '+':
			spec->plus = true;
			break;
		case ' ':
			spec->space = true;
			break;
		case '#':
			spec->alt = true;
			break;
		default:
			return fmt;
		}
	}
}

static const char *parse_count(const char *fmt, int *out)
{
	int n = 0;

	while (*fmt >= '0' && *fmt <= '9' && n < 100000)
		n = n * 10 + (*fmt++ - '0');
	*out = n;
	return fmt;
}

static const char *parse_length(struct spec *spec, const char *fmt)
{
	spec->length = sizeof(int);
	for (;; fmt++) {
		switch (*fmt) {
		case 'h':
			spec->length /= 2;
			break;
		case 'l':
		case 'z':
		case 't':
		case 'j':
			spec->length = sizeof(u64);
			break;
		default:
			return fmt;
		}
	}
}

static s64 narrow_signed(s64 value, int length)
{
	return length == 1 ? (s8)value : length == 2 ? (s16)value : length == 4 ? (s32)value : value;
}

static u64 narrow_unsigned(u64 value, int length)
{
	return length == 1 ? (u8)value : length == 2 ? (u16)value : length == 4 ? (u32)value : value;
}

void text_vprintf(struct text *text, const char *fmt, va_list args)
{
	while (*fmt) {
		struct spec spec = { .base = 10 };
		const char *start = fmt;

		while (*fmt && *fmt != '%')
			fmt++;
		text_bytes(text, start, fmt - start);
		if (!*fmt)
			return;
		fmt = parse_flags(&spec, fmt + 1);
		if (*fmt == '*') {
			spec.width = va_arg(args, int);
			if (spec.width < 0) {
				spec.left = true;
				spec.width = -spec.width;
			}
			fmt++;
		} else {
			fmt = parse_count(fmt, &spec.width);
		}
		if (*fmt == '.') {
			spec.has_precision = true;
			if (fmt[1] == '*') {
				spec.precision = va_arg(args, int);
				spec.has_precision = spec.precision >= 0;
				fmt += 2;
			} else {
				fmt = parse_count(fmt + 1, &spec.precision);
			}
		}
		fmt = parse_length(&spec, fmt);
		switch (*fmt) {
		case 'd':
		case 'i':
			put_signed(text, &spec,
				   spec.length == 8 ? va_arg(args, s64)
						    : narrow_signed(va_arg(args, int), spec.length));
			break;
		case 'x':
		case 'X':
		case 'o':
		case 'u': {
			u64 v = spec.length == 8
				    ? va_arg(args, u64)
				    : narrow_unsigned(va_arg(args, unsigned), spec.length);

			spec.upper = *fmt == 'X';
			spec.base = *fmt == 'u' ? 10 : *fmt == 'o' ? 8 : 16;
			put_number(text, &spec, v, spec.alt && spec.base == 16 && v ? "0x" : "");
			break;
		}
		case 'p':
			spec.base = 16;
			put_number(text, &spec, (uintptr_t)va_arg(args, void *), "0x");
			break;
		case 'c': {
			char c = (char)va_arg(args, int);

			text_bytes(text, &c, 1);
			break;
		}
		case 's':
			put_string(text, &spec, va_arg(args, const char *));
			break;
		case '%':
			text_put(text, "%");
			break;
		default:
			return;
		}
		fmt++;
	}
}

void text_printf(struct text *text, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	text_vprintf(text, fmt, args);
	va_end(args);
}

size_t text_format(char *buf, size_t size, const char *fmt, ...)
{
	struct text text = text_in(buf, size);
	va_list args;

	va_start(args, fmt);
	text_vprintf(&text, fmt, args);
	va_end(args);
	return text.len;
}
