/* SPDX-License-Identifier: Apache-2.0 */
#include "explain/input.h"

#include "base/str.h"

static const char *const words[] = {
#define X(name, word) [name] = word,
	INPUT_STREAMS(X)
#undef X
};

/* ---- streams ---- */

u32 input_random(struct input *input)
{
	/* xorshift64* */
	input->random ^= input->random >> 12;
	input->random ^= input->random << 25;
	input->random ^= input->random >> 27;
	return (u32)(input->random * 2685821657736338717ull >> 32);
}

static u8 fresh_byte(struct input *input, u32 at)
{
	u32 r;

	switch (input->style) {
	case STYLE_ZERO:
		return 0;
	case STYLE_ONES:
		return 0xff;
	case STYLE_SMALL:
		return at ? 0 : (u8)(input_random(input) % 8);
	default:
		r = input_random(input);
		return r & 0x300 ? (u8)(r & 0xc00 ? 0 : 0xff) : (u8)r;
	}
}

/* A packet is of an ordinary size and things are found, unless somebody chose otherwise. */
static void fresh(struct input *input, const struct stream *s)
{
	u8 *bytes = input->bytes.data + s->first;

	for (u32 i = 0; i < s->size; i++)
		bytes[i] = fresh_byte(input, i);
	if (s->kind == STREAM_PACKET_LEN) {
		bytes[0] = input->style == STYLE_RANDOM ? (u8)(14 + bytes[0] % 200) : 64;
		bytes[1] = 0;
	} else if (s->kind == STREAM_ENTRY) {
		bytes[0] = input->style != STYLE_RANDOM || (bytes[0] & 3);
	}
}

static u32 find(const struct input *input, u32 kind, u32 a, u32 b)
{
	for (u32 i = 0; i < input->streams.len; i++) {
		const struct stream *s = &input->streams.data[i];

		if (s->kind == kind && s->a == a && s->b == b)
			return i;
	}
	return UINT32_MAX;
}

static u32 append(struct input *input, u32 kind, u32 a, u32 b, u32 size)
{
	struct stream s = { .kind = (u8)kind, .a = a, .b = b, .size = size,
			    .first = (u32)input->bytes.len };

	if (input->streams.len >= INPUT_MAX_STREAMS || size > INPUT_MAX_BYTES - input->bytes.len ||
	    !vec_reserve(&input->bytes, input->bytes.len + size) || !vec_push(&input->streams, s))
		return UINT32_MAX;
	input->bytes.len += size;
	return (u32)input->streams.len - 1;
}

u32 input_stream(struct input *input, enum stream_kind kind, u32 a, u32 b, u32 size)
{
	u32 i = find(input, kind, a, b);

	if (i != UINT32_MAX && input->streams.data[i].size >= size)
		return i;
	/* Asked for more than before: the old one stays behind, unused. */
	if (i != UINT32_MAX)
		input->streams.data[i].kind = STREAM_KINDS;
	i = append(input, kind, a, b, size);
	if (i != UINT32_MAX)
		fresh(input, &input->streams.data[i]);
	return i;
}

void input_reset(struct input *input, enum input_style style, u64 seed)
{
	vec_clear(&input->streams);
	vec_clear(&input->bytes);
	input->style = (u8)style;
	input->random = seed * 0x9e3779b97f4a7c15ull + 0x1234567;
	input_random(input);
}

bool input_copy(struct input *to, const struct input *from)
{
	if (!vec_reserve(&to->streams, from->streams.len) || !vec_reserve(&to->bytes, from->bytes.len))
		return false;
	if (from->streams.len)
		memcpy(to->streams.data, from->streams.data,
		       from->streams.len * sizeof(*from->streams.data));
	if (from->bytes.len)
		memcpy(to->bytes.data, from->bytes.data, from->bytes.len);
	to->streams.len = from->streams.len;
	to->bytes.len = from->bytes.len;
	to->random = from->random;
	to->style = from->style;
	return true;
}

void input_release(struct input *input)
{
	vec_release(&input->streams);
	vec_release(&input->bytes);
}

/* ---- text ---- */

void input_text(const struct input *input, struct text *out)
{
	for (u32 i = 0; i < input->streams.len; i++) {
		const struct stream *s = &input->streams.data[i];

		if (s->kind == STREAM_KINDS || !s->used)
			continue;
		text_printf(out, "%s %u %u %u ", words[s->kind], s->a, s->b, s->size);
		for (u32 k = 0; k < s->used; k++)
			text_printf(out, "%02x", input->bytes.data[s->first + k]);
		text_put(out, "\n");
	}
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool parse_number(const char **s, u32 *out)
{
	u64 n = 0;

	while (**s == ' ')
		++*s;
	if (digit(**s) < 0 || digit(**s) > 9)
		return false;
	for (; digit(**s) >= 0 && digit(**s) <= 9; ++*s)
		if ((n = n * 10 + (u64)digit(**s)) > UINT32_MAX)
			return false;
	*out = (u32)n;
	return true;
}

static int parse_line(struct input *input, const char **at)
{
	const char *s = *at;
	u32 kind = 0, a, b, size, i, n = 0;

	for (; kind < STREAM_KINDS; kind++)
		if (str_starts(s, words[kind]) && s[str_len(words[kind])] == ' ')
			break;
	if (kind == STREAM_KINDS)
		return -EINVAL;
	s += str_len(words[kind]);
	if (!parse_number(&s, &a) || !parse_number(&s, &b) || !parse_number(&s, &size) || *s != ' ')
		return -EINVAL;
	i = append(input, kind, a, b, size);
	if (i == UINT32_MAX)
		return -EINVAL;
	memset(input->bytes.data + input->streams.data[i].first, 0, size);
	for (s++; digit(s[0]) >= 0 && digit(s[1]) >= 0 && n < size; s += 2)
		input->bytes.data[input->streams.data[i].first + n++] =
		    (u8)(digit(s[0]) << 4 | digit(s[1]));
	if (*s != '\n')
		return -EINVAL;
	*at = s + 1;
	return 0;
}

int input_parse(struct input *input, const char *text)
{
	int err = 0;

	input_reset(input, STYLE_ZERO, 1);
	while (*text && !err)
		err = parse_line(input, &text);
	return err;
}

/* ---- for people ---- */

static u64 number_of(const struct input *input, const struct stream *s)
{
	u64 value = 0;

	memcpy(&value, input->bytes.data + s->first, MIN(s->size, 8u));
	return value;
}

#define LEADING_ZEROES 32 /* so many are told by their number */

/* Bytes in hex; zeroes at the end are not worth a line. */
static void put_bytes(struct text *out, const u8 *bytes, u32 n)
{
	u32 shown = n, from = 0;

	while (shown && !bytes[shown - 1])
		shown--;
	if (!shown) {
		text_put(out, n ? "all zero" : "none");
		return;
	}
	while (!bytes[from])
		from++;
	if (from < LEADING_ZEROES)
		from = 0;
	else
		text_printf(out, "%u bytes of zero, then ", from);
	for (u32 i = from; i < shown && i < from + 40; i++)
		text_printf(out, "%s%02x", i > from ? " " : "", bytes[i]);
	if (shown > from + 40)
		text_put(out, " ...");
	else if (shown < n)
		text_put(out, ", then zero");
}

static void describe_stream(const struct input *input, const struct stream *s, struct text *out)
{
	const u8 *bytes = input->bytes.data + s->first;

	switch (s->kind) {
	case STREAM_PACKET_LEN:
		text_printf(out, "a packet of %llu bytes%s", (unsigned long long)number_of(input, s),
			    s->a ? ", after it moved" : "");
		return;
	case STREAM_ENTRY:
		/* Of no map: a pointer that may be NULL. */
		if (s->a == UINT32_MAX) {
			text_put(out, s->who);
			if (s->line)
				text_printf(out, " in line %u", s->line);
			text_printf(out, ": %s", bytes[0] & 1 ? "a pointer" : "NULL");
			return;
		}
		text_printf(out, "%s %s entry for key ", s->who, bytes[0] & 1 ? "has an" : "has no");
		put_bytes(out, s->key, s->key_size);
		return;
	case STREAM_VALUE:
		text_printf(out, "%s: value", s->who);
		if (s->key_size) {
			text_put(out, " of key ");
			put_bytes(out, s->key, s->key_size);
		}
		text_put(out, ": ");
		break;
	case STREAM_RESULT:
		if (s->line)
			text_printf(out, "%s in line %u returns ", s->who, s->line);
		else
			text_printf(out, "%s at instruction %u returns ", s->who, s->a);
		/* Of pointers one bit tells whether there is one. */
		if (s->size == 1)
			text_put(out, bytes[0] & 1 ? "a pointer" : "NULL");
		else
			text_printf(out, "%lld", s->has_shown ? (long long)s->shown
							      : (long long)number_of(input, s));
		if (s->b)
			text_printf(out, ", at call %u of it", s->b + 1);
		return;
	case STREAM_ARG:
		text_printf(out, "argument %u: %lld", s->a, (long long)number_of(input, s));
		return;
	case STREAM_CTX:
		text_put(out, "context: ");
		break;
	case STREAM_PACKET:
		text_put(out, "packet bytes: ");
		break;
	case STREAM_FILLED:
		text_printf(out, "%s fills memory with: ", s->who);
		break;
	default:
		text_put(out, "memory of the kernel: ");
		break;
	}
	put_bytes(out, bytes, s->used);
}

#define SHOWN_STREAMS 12

void input_describe(const struct input *input, struct text *out)
{
	u32 shown = 0, more = 0;

	for (u32 i = 0; i < input->streams.len; i++) {
		const struct stream *s = &input->streams.data[i];

		if (s->kind == STREAM_KINDS || !s->used)
			continue;
		if (shown == SHOWN_STREAMS) {
			more++;
			continue;
		}
		shown++;
		text_put(out, "    ");
		describe_stream(input, s, out);
		text_put(out, "\n");
	}
	if (more)
		text_printf(out, "    and %u more values (--json has all)\n", more);
	if (!shown)
		text_put(out, "    any\n");
}

void input_json(const struct input *input, struct text *out)
{
	bool first = true;

	text_put(out, "[");
	for (u32 i = 0; i < input->streams.len; i++) {
		const struct stream *s = &input->streams.data[i];

		if (s->kind == STREAM_KINDS || !s->used)
			continue;
		text_printf(out, "%s{\"kind\":\"%s\",\"a\":%u,\"b\":%u,\"size\":%u,\"bytes\":\"",
			    first ? "" : ",", words[s->kind], s->a, s->b, s->size);
		for (u32 k = 0; k < s->used; k++)
			text_printf(out, "%02x", input->bytes.data[s->first + k]);
		text_put(out, "\"}");
		first = false;
	}
	text_put(out, "]");
}
