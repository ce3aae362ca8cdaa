/* SPDX-License-Identifier: Apache-2.0 */
/* What a test gives: maps, packet, context; and running a program. */
#include "test_script.h"
#include "value.h"

#include "base/str.h"
#include "kernel/kernel.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool is_percpu(u32 type)
{
	return type == BPF_MAP_TYPE_PERCPU_ARRAY || type == BPF_MAP_TYPE_PERCPU_HASH ||
	       type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

/* "NAME [KEY]" */
bool take_element(struct script *s, const char **at, struct element *e)
{
	char name[128];
	int index;

	memset(e, 0, sizeof(*e));
	if (!take_word(at, name, sizeof(name))) {
		misuse(s, "expected a map's name");
		return false;
	}
	index = loader_find_map(s->run.loader, name);
	if (index < 0) {
		misuse(s, "the object has no map %s", name);
		return false;
	}
	e->map = loader_map(s->run.loader, (u32)index);
	if (e->map->key_size > sizeof(e->key)) {
		misuse(s, "keys of %s are larger than 1024 bytes", name);
		return false;
	}
	if (!take_char(at, '['))
		return true;
	if (!parse(s, at, s->run.btf, e->map->key_type, e->key, e->map->key_size))
		return false;
	e->has_key = take_char(at, ']');
	if (!e->has_key)
		misuse(s, "expected ] after the key");
	return e->has_key;
}

u32 copies_of(const struct script *s, const struct loader_map *map)
{
	return is_percpu(map->type) ? skep_cpus(s->run.skep) : 1;
}

u32 stride_of(const struct loader_map *map)
{
	return is_percpu(map->type) ? (u32)align_up(map->value_size, 8) : map->value_size;
}

u8 *value_buffer(const struct script *s, const struct loader_map *map)
{
	return calloc(copies_of(s, map), align_up(map->value_size, 8));
}

void do_map(struct script *s, const char *at)
{
	struct element e;
	u8 *value;

	if (!take_element(s, &at, &e))
		return;
	if (!e.has_key || !take_char(&at, '=')) {
		misuse(s, "expected: map NAME [KEY] = VALUE");
		return;
	}
	value = value_buffer(s, e.map);
	if (!value) {
		misuse(s, "out of memory");
		return;
	}
	if (parse(s, &at, s->run.btf, e.map->value_type, value, e.map->value_size) &&
	    at_end(s, at)) {
		for (u32 cpu = 1; cpu < copies_of(s, e.map); cpu++)
			memcpy(value + (u64)cpu * stride_of(e.map), value, e.map->value_size);
		if (skep_map_update(s->run.skep, e.map->fd, e.key, value, 0))
			failure(s, "map %s: %s", e.map->name, strerror(errno));
	}
	free(value);
}

static bool read_file(struct script *s, const char *path, u8 *out, u32 max, u32 *len)
{
	FILE *f = fopen(path, "rb");
	size_t n;

	if (!f) {
		misuse(s, "%s: %s", path, strerror(errno));
		return false;
	}
	n = fread(out, 1, max, f);
	if (n == max && fgetc(f) != EOF)
		misuse(s, "%s: a packet has at most %u bytes", path, max);
	fclose(f);
	*len = (u32)n;
	return !s->unusable;
}

/* Hex bytes, or "file PATH" relative to where skep runs. Appends at *len. */
bool take_packet(struct script *s, const char *at, u8 *out, u32 *len)
{
	char path[4096];
	s64 n;

	if (take_keyword(&at, "file")) {
		if (!take_word(&at, path, sizeof(path))) {
			misuse(s, "expected a path after file");
			return false;
		}
		return read_file(s, path, out, TEST_PACKET_MAX, len) && at_end(s, at);
	}
	n = value_parse_hex(&at, out + *len, TEST_PACKET_MAX - *len);
	if (n < 0 || n > TEST_PACKET_MAX - *len) {
		misuse(s, n < 0 ? "a byte has two hex digits"
				: "the packet is longer than 65536 bytes");
		return false;
	}
	*len += (u32)n;
	return at_end(s, at);
}

void do_packet(struct script *s, const char *at)
{
	if (take_char(&at, '+')) {
		take_packet(s, at, s->run.packet, &s->run.packet_len);
		return;
	}
	s->run.packet_len = 0;
	take_packet(s, at, s->run.packet, &s->run.packet_len);
}

/* A context member, of whichever program has one of that name: "PROG.MEMBER" or "MEMBER". */
bool take_member(struct script *s, const char **at, struct btf_field *field, u32 *ctx_size)
{
	char word[160], *dot;

	if (!take_word(at, word, sizeof(word))) {
		misuse(s, "expected a member of the context");
		return false;
	}
	dot = strchr(word, '.');
	for (u32 i = 0; i < loader_prog_count(s->run.loader); i++) {
		const char *prog = loader_prog(s->run.loader, i)->name;
		u32 type = test_ctx_type(&s->run, prog);

		if (dot && (strlen(prog) != (size_t)(dot - word) ||
			    strncmp(prog, word, (size_t)(dot - word)) != 0))
			continue;
		if (type && !btf_find_member(s->run.btf, type, dot ? dot + 1 : word, field)) {
			*ctx_size = (u32)btf_size(s->run.btf, type);
			return *ctx_size <= TEST_CTX_MAX;
		}
	}
	misuse(s, "no program's context has a member %s", word);
	return false;
}

/* A pointer member stands for the memory behind it. */
struct test_pointer *pointer_named(struct script *s, const char *at)
{
	char word[160], *member;

	if (!take_word(&at, word, sizeof(word)))
		return NULL;
	member = strchr(word, '.') ? strchr(word, '.') + 1 : word;
	for (u32 i = 0; i < s->setup.n_pointers; i++)
		if (str_eq(s->setup.pointers[i].member, member))
			return &s->setup.pointers[i];
	return NULL;
}

/* Text or hex: into plain memory. */
bool take_memory(struct script *s, const char **at, u8 *out, u32 size)
{
	memset(out, 0, size);
	if (**at != '"')
		return parse(s, at, NULL, 0, out, size);
	for (u32 n = 0; *++*at && **at != '"'; n++) {
		if (n == size) {
			misuse(s, "the text is longer than %u bytes", size);
			return false;
		}
		out[n] = (u8) * *at;
	}
	return take_char(at, '"');
}

void do_ctx(struct script *s, const char *at)
{
	struct test_pointer *pointer = pointer_named(s, at);
	struct btf_field field;
	u32 ctx_size, size;
	s64 n;

	if (take_keyword(&at, "bytes")) {
		memset(s->run.ctx, 0, sizeof(s->run.ctx));
		n = value_parse_hex(&at, s->run.ctx, sizeof(s->run.ctx));
		s->run.ctx_set = true;
		if (n < 0 || n > (s64)sizeof(s->run.ctx))
			misuse(s, "a byte has two hex digits, a context at most 65536 bytes");
		else
			at_end(s, at);
		return;
	}
	if (!take_member(s, &at, &field, &ctx_size))
		return;
	if (!take_char(&at, '=')) {
		misuse(s, "expected: ctx MEMBER = VALUE");
		return;
	}
	s->run.ctx_set = true;
	if (pointer) {
		if (take_memory(s, &at, pointer->memory, pointer->size))
			at_end(s, at);
		return;
	}
	size = (u32)btf_size(s->run.btf, field.type_id);
	if (field.bit_size)
		misuse(s, "bit fields can only be set with ctx bytes");
	else if (parse(s, &at, s->run.btf, field.type_id, s->run.ctx + field.bit_offset / 8, size))
		at_end(s, at);
}

void do_run(struct script *s, const char *at)
{
	struct loader_error error = { 0 };
	unsigned times = 1;
	char name[128];

	if (!take_word(&at, name, sizeof(name))) {
		misuse(s, "expected: run PROGRAM [times N]");
		return;
	}
	if (take_keyword(&at, "times"))
		times = (unsigned)strtoul(at, (char **)&at, 0);
	if (!at_end(s, at))
		return;
	if (loader_find_prog(s->run.loader, name) < 0) {
		misuse(s, "the object has no program %s", name);
		return;
	}
	while (times--) {
		if (test_run_program(&s->run, name, &error)) {
			failure(s, "%s: %s", name, error.text);
			return;
		}
	}
}
