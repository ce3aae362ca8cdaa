/* SPDX-License-Identifier: Apache-2.0 */
/* What a test expects. */
#include "test_script.h"
#include "value.h"

#include "base/str.h"
#include "kernel/kernel.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void print_hex(char *out, size_t size, const u8 *bytes, u32 n)
{
	struct text text = text_in(out, size);

	for (u32 i = 0; i < n; i++)
		text_printf(&text, "%s%02x", i ? " " : "", bytes[i]);
}

static void shown(const struct script *s, char *out, size_t size, u32 type, const u8 *value, u32 n)
{
	struct btf_show_opts opts = { .compact = true, .zeroes = true };
	struct text text = text_in(out, size);

	if (s->run.btf && type)
		btf_show(&text, s->run.btf, type, value, n, &opts);
	else
		print_hex(out, size, value, n);
}

/* Per-CPU numbers are compared by their sum, everything else by any one copy. */
static bool same_value(struct script *s, const struct loader_map *map, u8 *got, const u8 *want)
{
	u32 stride = stride_of(map);
	u64 sum = 0;

	if (!is_percpu(map->type))
		return !memcmp(got, want, map->value_size);
	if (map->value_size > 8) {
		for (u32 cpu = 0; cpu < copies_of(s, map); cpu++)
			if (!memcmp(got + (u64)cpu * stride, want, map->value_size))
				return true;
		return false;
	}
	for (u32 cpu = 0; cpu < copies_of(s, map); cpu++) {
		u64 one = 0;

		memcpy(&one, got + (u64)cpu * stride, map->value_size);
		sum += one;
	}
	memcpy(got, &sum, map->value_size);
	return !memcmp(got, want, map->value_size);
}

static u64 count_elements(struct script *s, const struct loader_map *map)
{
	u8 key[1024];
	u64 n = 0;
	int err = skep_map_next(s->run.skep, map->fd, NULL, key);

	for (; !err; n++)
		err = skep_map_next(s->run.skep, map->fd, key, key);
	return n;
}

static void expect_value(struct script *s, const struct element *e, const char *at)
{
	u8 *got = value_buffer(s, e->map), *want = value_buffer(s, e->map);
	char is[1024], should[1024];

	if (!got || !want) {
		misuse(s, "out of memory");
	} else if (parse(s, &at, s->run.btf, e->map->value_type, want, e->map->value_size) &&
		   at_end(s, at)) {
		if (skep_map_lookup(s->run.skep, e->map->fd, e->key, got)) {
			failure(s, "map %s: the key is absent", e->map->name);
		} else if (!same_value(s, e->map, got, want)) {
			shown(s, is, sizeof(is), e->map->value_type, got, e->map->value_size);
			shown(s, should, sizeof(should), e->map->value_type, want,
			      e->map->value_size);
			failure(s, "map %s: expected %s, it is %s", e->map->name, should, is);
		}
	}
	free(got);
	free(want);
}

static void expect_map(struct script *s, const char *at)
{
	struct element e;
	u8 *value;
	u64 n, count;

	if (!take_element(s, &at, &e))
		return;
	if (!e.has_key && take_keyword(&at, "count")) {
		if (!parse(s, &at, NULL, 0, &n, sizeof(n)) || !at_end(s, at))
			return;
		count = count_elements(s, e.map);
		if (count != n)
			failure(s, "map %s: expected %llu elements, it has %llu", e.map->name,
				(unsigned long long)n, (unsigned long long)count);
	} else if (e.has_key && take_keyword(&at, "absent")) {
		value = value_buffer(s, e.map);
		if (at_end(s, at) && value &&
		    !skep_map_lookup(s->run.skep, e.map->fd, e.key, value))
			failure(s, "map %s: the key is there", e.map->name);
		free(value);
	} else if (e.has_key && take_char(&at, '=')) {
		expect_value(s, &e, at);
	} else {
		misuse(s, "expected: expect map NAME [KEY] = VALUE, or absent; or NAME count N");
	}
}

static void expect_return(struct script *s, const char *at)
{
	u64 want;

	if (!s->run.has_run && !s->failures) {
		misuse(s, "expect return comes after run");
		return;
	}
	if (!parse(s, &at, s->run.btf, 0, &want, sizeof(want)) || !at_end(s, at))
		return;
	/* Programs return int: the low half decides. */
	if ((u32)want != (u32)s->run.result)
		failure(s, "expected return %d, it is %d", (int)want, (int)s->run.result);
}

static void expect_packet(struct script *s, const char *at)
{
	static u8 want[TEST_PACKET_MAX];
	char is[512], should[512];
	u32 len = 0;
	u64 n;

	if (take_keyword(&at, "length")) {
		if (parse(s, &at, NULL, 0, &n, sizeof(n)) && at_end(s, at) &&
		    n != s->run.packet_len)
			failure(s, "expected a packet of %llu bytes, it has %u",
				(unsigned long long)n, s->run.packet_len);
		return;
	}
	if (!take_packet(s, at, want, &len))
		return;
	if (len == s->run.packet_len && !memcmp(want, s->run.packet, len))
		return;
	print_hex(is, sizeof(is), s->run.packet, s->run.packet_len);
	print_hex(should, sizeof(should), want, len);
	failure(s, "expected packet %s, it is %s", should, is);
}

static void expect_ctx(struct script *s, const char *at)
{
	struct test_pointer *pointer = pointer_named(s, at);
	u8 want[TEST_CTX_MAX] = { 0 }, *got;
	char is[512], should[512];
	struct btf_field field;
	u32 ctx_size, size;

	if (!take_member(s, &at, &field, &ctx_size))
		return;
	if (!take_char(&at, '=')) {
		misuse(s, "expected: expect ctx MEMBER = VALUE");
		return;
	}
	got = pointer ? pointer->memory : s->run.ctx + field.bit_offset / 8;
	size = pointer ? pointer->size : (u32)btf_size(s->run.btf, field.type_id);
	if (size > sizeof(want)) {
		misuse(s, "the member is larger than %zu bytes", sizeof(want));
		return;
	}
	if (!(pointer ? take_memory(s, &at, want, size)
		      : parse(s, &at, s->run.btf, field.type_id, want, size)) ||
	    !at_end(s, at) || !memcmp(got, want, size))
		return;
	shown(s, is, sizeof(is), pointer ? 0 : field.type_id, got, size);
	shown(s, should, sizeof(should), pointer ? 0 : field.type_id, want, size);
	failure(s, "expected %s, it is %s", should, is);
}

void do_expect(struct script *s, const char *at)
{
	static const struct action expectations[] = { { "map", expect_map },
						      { "return", expect_return },
						      { "packet", expect_packet },
						      { "ctx", expect_ctx } };

	if (!dispatch(s, expectations, ARRAY_SIZE(expectations), at))
		misuse(s, "expected one of: expect return, map, packet, ctx");
}
