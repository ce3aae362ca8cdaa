/* SPDX-License-Identifier: Apache-2.0 */
/*
 * skep test: runs programs of an object file on inputs that a test file gives, and compares
 * what comes out. The test file is a script, one word of action at the start of each line;
 * docs/man/skep-test.1 describes it, tables below list it. Every test starts with freshly loaded
 * maps.
 */
#include "test_run.h"
#include "value.h"

#include "base/str.h"
#include "commands.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char help_test[] =
    "usage: skep test OBJECT.bpf.o [TESTS]\n"
    "\n"
    "Runs programs of an object file on the inputs that the script TESTS gives, and compares\n"
    "what comes out. Without TESTS, x.bpf.test is read for x.bpf.o; '-' is standard input.\n"
    "\n"
    "  test NAME                      starts a test, with fresh maps\n"
    "  map MAP [KEY] = VALUE          sets an element\n"
    "  packet BYTES | file PATH       the packet, in hex; 'packet + BYTES' appends\n"
    "  ctx MEMBER = VALUE             a member of the context\n"
    "  run PROGRAM [times N]\n"
    "  expect return VALUE\n"
    "  expect map MAP [KEY] = VALUE | [KEY] absent | count N\n"
    "  expect packet BYTES | length N\n"
    "  expect ctx MEMBER = VALUE\n"
    "\n"
    "Exit status: 0 all passed, 1 some failed, 2 the object does not load or the script is wrong.\n";

struct script {
	const char *path;
	FILE *file;
	int line;
	char text[8192];
	struct test_setup setup;
	struct test_run run;
	bool open;      /* a test is under way */
	bool unusable;  /* a line could not be understood: nothing after it means anything */
	char name[256]; /* of the test */
	int failures;   /* of the test */
	int passed, failed;
};

/* The test fails, and goes on. */
PRINTF_LIKE(2, 3) static void failure(struct script *s, const char *fmt, ...)
{
	va_list args;

	s->failures++;
	printf("# %s:%d: ", s->path, s->line);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf("\n");
}

/* The file is wrong: everything stops. */
PRINTF_LIKE(2, 3) static void misuse(struct script *s, const char *fmt, ...)
{
	va_list args;

	s->unusable = true;
	fprintf(stderr, "skep test: %s:%d: ", s->path, s->line);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fprintf(stderr, "\n");
}

static const char *skip_blanks(const char *at)
{
	while (*at == ' ' || *at == '\t')
		at++;
	return at;
}

/* Copies the next word to out; *at moves behind it and the blanks after it. */
static bool take_word(const char **at, char *out, size_t size)
{
	const char *from = skip_blanks(*at);
	size_t n = 0;

	while (from[n] && !isspace((unsigned char)from[n]) && !strchr("[]=,", from[n]))
		n++;
	if (!n || n >= size)
		return false;
	memcpy(out, from, n);
	out[n] = 0;
	*at = skip_blanks(from + n);
	return true;
}

static bool take_char(const char **at, char c)
{
	const char *from = skip_blanks(*at);

	if (*from != c)
		return false;
	*at = skip_blanks(from + 1);
	return true;
}

static bool take_keyword(const char **at, const char *keyword)
{
	const char *from = *at;
	char word[32];

	if (take_word(&from, word, sizeof(word)) && str_eq(word, keyword)) {
		*at = from;
		return true;
	}
	return false;
}

static bool at_end(struct script *s, const char *at)
{
	if (!*skip_blanks(at))
		return true;
	misuse(s, "\"%s\" is too much here", at);
	return false;
}

static bool parse(struct script *s, const char **at, const struct btf *btf, u32 type, void *out,
		  u32 size)
{
	struct value_error error;

	if (!value_parse(at, btf, type, out, size, &error))
		return true;
	misuse(s, "%s", error.message);
	return false;
}

/* ---- values of the running test ---- */

struct element {
	const struct loader_map *map;
	u8 key[1024];
	bool has_key;
};

static bool is_percpu(u32 type)
{
	return type == BPF_MAP_TYPE_PERCPU_ARRAY || type == BPF_MAP_TYPE_PERCPU_HASH ||
	       type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

/* "NAME [KEY]" */
static bool take_element(struct script *s, const char **at, struct element *e)
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

static u32 copies_of(const struct script *s, const struct loader_map *map)
{
	return is_percpu(map->type) ? skep_cpus(s->run.skep) : 1;
}

static u32 stride_of(const struct loader_map *map)
{
	return is_percpu(map->type) ? (u32)align_up(map->value_size, 8) : map->value_size;
}

static u8 *value_buffer(const struct script *s, const struct loader_map *map)
{
	return calloc(copies_of(s, map), align_up(map->value_size, 8));
}

static void do_map(struct script *s, const char *at)
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
static bool take_packet(struct script *s, const char *at, u8 *out, u32 *len)
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

static void do_packet(struct script *s, const char *at)
{
	if (take_char(&at, '+')) {
		take_packet(s, at, s->run.packet, &s->run.packet_len);
		return;
	}
	s->run.packet_len = 0;
	take_packet(s, at, s->run.packet, &s->run.packet_len);
}

/* A context member, of whichever program has one of that name: "PROG.MEMBER" or "MEMBER". */
static bool take_member(struct script *s, const char **at, struct btf_field *field, u32 *ctx_size)
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
static struct test_pointer *pointer_named(struct script *s, const char *at)
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
static bool take_memory(struct script *s, const char **at, u8 *out, u32 size)
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

static void do_ctx(struct script *s, const char *at)
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
			misuse(s, "a byte has two hex digits, a context at most 8192 bytes");
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

static void do_run(struct script *s, const char *at)
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

/* ---- expectations ---- */

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

struct action {
	const char *word;
	void (*act)(struct script *s, const char *at);
};

static bool dispatch(struct script *s, const struct action *actions, size_t n, const char *at)
{
	char word[32];

	if (!take_word(&at, word, sizeof(word)))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (str_eq(actions[i].word, word)) {
			actions[i].act(s, at);
			return true;
		}
	}
	return false;
}

static void do_expect(struct script *s, const char *at)
{
	static const struct action expectations[] = { { "map", expect_map },
						      { "return", expect_return },
						      { "packet", expect_packet },
						      { "ctx", expect_ctx } };

	if (!s->run.has_run && !s->failures)
		misuse(s, "expect comes after run");
	else if (!dispatch(s, expectations, ARRAY_SIZE(expectations), at))
		misuse(s, "expected one of: expect return, map, packet, ctx");
}

/* ---- declarations and the file as a whole ---- */

/* "pointer CONTEXT.MEMBER SIZE [write]" */
static void do_pointer(struct script *s, const char *at)
{
	struct test_pointer *p = &s->setup.pointers[s->setup.n_pointers];
	char word[130], *dot;
	u64 size;

	if (s->setup.n_pointers == TEST_MAX_POINTERS) {
		misuse(s, "at most %d pointers", TEST_MAX_POINTERS);
		return;
	}
	dot = take_word(&at, word, sizeof(word)) ? strchr(word, '.') : NULL;
	if (!dot || !parse(s, &at, NULL, 0, &size, 8) || !size || size > 1 << 20) {
		misuse(s, "expected: pointer CONTEXT.MEMBER SIZE [write]");
		return;
	}
	*dot = 0;
	str_copy(p->context, word, sizeof(p->context));
	str_copy(p->member, dot + 1, sizeof(p->member));
	p->size = (u32)size;
	p->writable = take_keyword(&at, "write");
	if (at_end(s, at))
		s->setup.n_pointers++;
}

static bool take_argument(const char **at, enum skep_arg *arg, u32 *size)
{
	static const struct {
		const char *word;
		enum skep_arg arg;
	} kinds[] = { { "value", SKEP_ARG_VALUE },    { "ctx", SKEP_ARG_CTX },
		      { "map", SKEP_ARG_MAP },        { "read", SKEP_ARG_READ },
		      { "write", SKEP_ARG_WRITE },    { "size", SKEP_ARG_SIZE },
		      { "size0", SKEP_ARG_SIZE_OR_0 } };
	char word[32], *colon;

	if (!take_word(at, word, sizeof(word)))
		return false;
	colon = strchr(word, ':');
	if (colon) {
		*colon = 0;
		*size = (u32)strtoul(colon + 1, NULL, 0);
		*arg = str_eq(word, "read") ? SKEP_ARG_READ_FIXED : SKEP_ARG_WRITE_FIXED;
		return *size && (str_eq(word, "read") || str_eq(word, "write"));
	}
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (str_eq(kinds[i].word, word)) {
			*arg = kinds[i].arg;
			return true;
		}
	}
	return false;
}

/* "helper N [ARGUMENT...] = RESULT" */
static void do_helper(struct script *s, const char *at)
{
	struct test_helper *h = &s->setup.helpers[s->setup.n_helpers];
	u64 n;
	int i = 0;

	if (s->setup.n_helpers == TEST_MAX_HELPERS) {
		misuse(s, "at most %d helpers", TEST_MAX_HELPERS);
		return;
	}
	memset(h, 0, sizeof(*h));
	if (!parse(s, &at, NULL, 0, &n, 8))
		return;
	if (n >= TEST_MAX_HELPERS) {
		misuse(s, "skep test has stand-ins for helpers 0 to %d", TEST_MAX_HELPERS - 1);
		return;
	}
	while (!take_char(&at, '=')) {
		if (i == 5 || !take_argument(&at, &h->helper.arg[i], &h->helper.arg_size[i])) {
			misuse(s,
			       "expected: helper N [value|ctx|map|read|write|size|size0|read:BYTES|"
			       "write:BYTES]... = RESULT");
			return;
		}
		i++;
	}
	if (!parse(s, &at, NULL, 0, &h->result, 8) || !at_end(s, at))
		return;
	h->helper.size = sizeof(h->helper);
	h->helper.n = (u32)n;
	h->helper.name = "stand_in";
	h->helper.fn = test_helper_function((u32)n);
	s->setup.n_helpers++;
}

static void end_test(struct script *s)
{
	if (!s->open)
		return;
	test_run_close(&s->run);
	s->open = false;
	if (s->failures)
		s->failed++;
	else
		s->passed++;
	printf("%sok %d - %s\n", s->failures ? "not " : "", s->passed + s->failed, s->name);
	fflush(stdout);
}

static void do_test(struct script *s, const char *at)
{
	struct loader_error error = { 0 };

	end_test(s);
	snprintf(s->name, sizeof(s->name), "%s", *at ? at : "test");
	s->failures = 0;
	if (test_run_open(&s->run, &s->setup, &error)) {
		s->unusable = true;
		fprintf(stderr, "skep test: %s\n", error.text);
		test_run_close(&s->run);
		return;
	}
	s->open = true;
}

static void do_line(struct script *s)
{
	static const struct action outside[] = { { "test", do_test },
						 { "pointer", do_pointer },
						 { "helper", do_helper } };
	static const struct action inside[] = { { "test", do_test },     { "map", do_map },
						{ "packet", do_packet }, { "ctx", do_ctx },
						{ "run", do_run },       { "expect", do_expect } };
	const char *at = skip_blanks(s->text);

	if (!*at || *at == '#')
		return;
	if (s->open) {
		if (!dispatch(s, inside, ARRAY_SIZE(inside), at))
			misuse(s, "expected test, map, packet, ctx, run or expect");
	} else if (!dispatch(s, outside, ARRAY_SIZE(outside), at)) {
		misuse(s, "expected test, pointer or helper before the first test");
	}
}

static int run_file(struct script *s)
{
	s->file = str_eq(s->path, "-") ? stdin : fopen(s->path, "r");
	if (!s->file) {
		fprintf(stderr, "skep test: %s: %s\n", s->path, strerror(errno));
		return 2;
	}
	while (!s->unusable && fgets(s->text, sizeof(s->text), s->file)) {
		size_t n = strlen(s->text);

		s->line++;
		if (n == sizeof(s->text) - 1 && s->text[n - 1] != '\n')
			misuse(s, "the line is longer than %zu bytes", sizeof(s->text) - 2);
		s->text[strcspn(s->text, "\r\n")] = 0;
		do_line(s);
	}
	if (s->unusable && s->open)
		test_run_close(&s->run);
	else
		end_test(s);
	if (s->file != stdin)
		fclose(s->file);
	if (s->unusable)
		return 2;
	if (!s->passed && !s->failed) {
		fprintf(stderr, "skep test: %s has no test\n", s->path);
		return 2;
	}
	printf("1..%d\n%d passed, %d failed\n", s->passed + s->failed, s->passed, s->failed);
	return s->failed ? 1 : 0;
}

/* x.bpf.o is tested by x.bpf.test, beside it. */
static void default_path(const char *object, char *out, size_t size)
{
	size_t n = strlen(object);

	if (n > 2 && str_eq(object + n - 2, ".o"))
		n -= 2;
	snprintf(out, size, "%.*s.test", (int)n, object);
}

int cmd_test(int argc, char **argv)
{
	static struct script script;
	char path[4096];

	if (argc < 2 || argc > 3 || argv[1][0] == '-')
		return bad_usage("test", "expected an object file, and maybe a script");
	script.setup.object_path = argv[1];
	default_path(argv[1], path, sizeof(path));
	script.path = argc == 3 ? argv[2] : path;
	return run_file(&script);
}
