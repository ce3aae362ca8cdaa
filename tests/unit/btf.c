/* SPDX-License-Identifier: Apache-2.0 */
/* BTF: lookups, sizes, printing values and types, refusals, split BTF. */
#include <time.h>

#include "btf_samples.h"
#include "lib/test.h"

static struct btf *sample(struct btf_builder **builder)
{
	struct btf *btf = NULL;
	char line[512];
	struct text log = text_in(line, sizeof(line));
	uint32_t size;
	const void *data;

	*builder = sample_builder();
	data = btf_builder_data(*builder, &size);
	if (!data || btf_parse(data, size, NULL, &log, &btf)) {
		test_fail(__FILE__, __LINE__, "the sample is refused: %s", line);
		test_stop();
	}
	return btf;
}

TEST(types_are_found)
{
	struct btf_builder *b;
	struct btf *btf = sample(&b);
	struct btf_field field;
	u32 id;

	CHECK_EQ(btf_find(btf, "node", BTF_KIND_STRUCT), 4);
	CHECK_EQ(btf_find(btf, "node", 0), 4);
	CHECK_EQ(btf_find(btf, "node", BTF_KIND_UNION), -ENOENT);
	CHECK_EQ(btf_find(btf, "", 0), -ENOENT);
	CHECK_EQ(btf_find(btf, "nothing", 0), -ENOENT);
	CHECK_EQ(btf_size(btf, 4), 64);
	CHECK_EQ(btf_size(btf, 5), 8);   /* pointer */
	CHECK_EQ(btf_size(btf, 9), 4);   /* typedef of an enum */
	CHECK_EQ(btf_size(btf, 25), 48); /* char[3][16] */
	CHECK_EQ(btf_size(btf, 23), 16); /* volatile __int128 */
	CHECK_EQ(btf_size(btf, 0), -EINVAL);
	CHECK_EQ(btf_size(btf, 11), -EINVAL); /* forward */
	CHECK_EQ(btf_size(btf, 13), -EINVAL); /* function type */
	CHECK_EQ(btf_size(btf, 1000), -EINVAL);
	CHECK(btf_type(btf, btf->n_types) == NULL);
	CHECK(btf_resolve(btf, 23, &id) == btf_type(btf, 20));
	CHECK_EQ(id, 20);
	CHECK_STR(btf_name(btf, 0xfffffff), "");

	CHECK_EQ(btf_find_member(btf, 4, "high", &field), 0);
	CHECK_EQ(field.bit_offset, 99);
	CHECK_EQ(field.bit_size, 5);
	CHECK_EQ(btf_find_member(btf, 4, "half", &field), 0); /* in the anonymous union */
	CHECK_EQ(field.bit_offset, 320);
	CHECK_EQ(field.type_id, 1);
	CHECK_EQ(field.bit_size, 0);
	CHECK_EQ(btf_find_member(btf, 4, "", &field), -ENOENT);
	CHECK_EQ(btf_find_member(btf, 4, "none", &field), -ENOENT);
	CHECK_EQ(btf_find_member(btf, 1, "x", &field), -ENOENT);
	btf_free(btf);
	btf_builder_free(b);
}

static const char *shown(const struct btf *btf, u32 id, const void *data, u32 size,
			 struct btf_show_opts opts)
{
	static char buf[2048];
	struct text text = text_in(buf, sizeof(buf));

	btf_show(&text, btf, id, data, size, &opts);
	return buf;
}

#define COMPACT                 \
	(struct btf_show_opts)  \
	{                       \
		.compact = true \
	}
#define JSON                                  \
	(struct btf_show_opts)                \
	{                                     \
		.compact = true, .json = true \
	}

TEST(values_are_shown)
{
	struct btf_builder *b;
	struct btf *btf = sample(&b);
	unsigned char node[64] = { 0 };
	int numbers[2] = { -7, 0 };
	unsigned long u = ~0ul;
	s64 big = 1ll << 40;

	memcpy(node, "\x10\x20\0\0\0\0\0\0", 8); /* next */
	memcpy(node + 8, &numbers[0], 4);        /* value */
	node[12] = 0x2d;                         /* low 5 = -3 signed, high 5 */
	memcpy(node + 16, "sh \"x\"", 6);
	node[32] = 1;
	node[40] = 9;
	CHECK_STR(shown(btf, 4, node, 64, COMPACT),
		  "{.next = 0x2010, .value = -7, .low = -3, .high = 5, .comm = \"sh \\\"x\\\"\", "
		  ".color = GREEN, .count = 9, .half = 9}");
	CHECK_STR(
	    shown(btf, 4, node, 64, JSON),
	    "{\"next\":\"0x2010\",\"value\":-7,\"low\":-3,\"high\":5,\"comm\":\"sh \\\"x\\\"\","
	    "\"color\":\"GREEN\",\"count\":9,\"half\":9}");
	/* cut off: what is not there is not shown */
	CHECK_STR(shown(btf, 4, node, 12, COMPACT), "{.next = 0x2010, .value = -7}");
	CHECK_STR(shown(btf, 1, node, 2, COMPACT), "?");
	CHECK_STR(shown(btf, 1, node, 2, JSON), "null");
	/* zero members */
	memset(node, 0, sizeof(node));
	CHECK_STR(shown(btf, 4, node, 64, COMPACT), "{}");
	node[8] = 3;
	CHECK_STR(shown(btf, 4, node, 64, (struct btf_show_opts){ .indent = 1 }),
		  "{\n\t\t.value = 3\n\t}");
	CHECK_STR(shown(btf, 4, node, 16, (struct btf_show_opts){ .compact = 1, .names = 1 }),
		  "(struct node){.value = (int)3}");
	/* scalars */
	CHECK_STR(shown(btf, 3, &u, 8, COMPACT), "18446744073709551615");
	CHECK_STR(shown(btf, 1, numbers, 4, JSON), "-7");
	CHECK_STR(shown(btf, 9, numbers, 4, COMPACT), "4294967289"); /* no such colour */
	CHECK_STR(shown(btf, 15, &big, 8, COMPACT), "HUGE");
	big = -1;
	CHECK_STR(shown(btf, 15, &big, 8, JSON), "\"MINUS\"");
	CHECK_STR(shown(btf, 25, "ab\0.............cd\0.............ef\0.............", 48, JSON),
		  "[\"ab\",\"cd\",\"ef\"]");
	/* .bss with its variables; things without a value */
	CHECK_STR(shown(btf, 17, &u, 8, COMPACT), "{.counter = 18446744073709551615}");
	CHECK_STR(shown(btf, 13, &u, 8, COMPACT), "?");
	CHECK_STR(shown(btf, 0, &u, 8, JSON), "null");
	btf_free(btf);
	btf_builder_free(b);
}

static const char *type_text(const struct btf *btf, u32 id)
{
	static char buf[256];
	struct text text = text_in(buf, sizeof(buf));

	btf_type_text(&text, btf, id);
	return buf;
}

TEST(types_are_written_as_c)
{
	struct btf_builder *b = sample_builder();
	s32 func_ptr = btf_add_ptr(b, 13);
	s32 array_ptr = btf_add_ptr(b, 25);
	s32 const_ptr = btf_add_modifier(b, BTF_KIND_CONST, 5);
	struct btf *btf = NULL;
	uint32_t size;
	const void *data = btf_builder_data(b, &size);

	REQUIRE(!btf_parse(data, size, NULL, NULL, &btf));
	CHECK_STR(type_text(btf, 0), "void");
	CHECK_STR(type_text(btf, 3), "unsigned long");
	CHECK_STR(type_text(btf, 5), "struct node *");
	CHECK_STR(type_text(btf, 6), "const char");
	CHECK_STR(type_text(btf, 25), "const char[3][16]");
	CHECK_STR(type_text(btf, 12), "struct opaque *");
	CHECK_STR(type_text(btf, 13), "int(struct opaque *, unsigned long)");
	CHECK_STR(type_text(btf, func_ptr), "int (*)(struct opaque *, unsigned long)");
	CHECK_STR(type_text(btf, array_ptr), "const char (*)[3][16]");
	CHECK_STR(type_text(btf, const_ptr), "struct node *const");
	CHECK_STR(type_text(btf, 10), "union {...}");
	btf_free(btf);
	btf_builder_free(b);
}

/* Refusals say which type and why. */
static void refused(struct btf_builder *b, int err, const char *why)
{
	char line[512];
	struct text log = text_in(line, sizeof(line));
	struct btf *btf = NULL;
	uint32_t size;
	const void *data = btf_builder_data(b, &size);
	int got = btf_parse(data, size, NULL, &log, &btf);

	CHECK_EQ(got, err);
	if (!strstr(line, why))
		test_fail(__FILE__, __LINE__, "\"%s\" is not in \"%s\"", why, line);
	btf_free(btf);
	btf_builder_free(b);
}

TEST(what_does_not_fit_is_refused)
{
	struct btf_builder *b = btf_builder_new();

	btf_add_struct(b, "self", 8, false);
	btf_add_member(b, "inside", 1, 0, 0);
	refused(b, -EEXIST, "[1] STRUCT self size=8 vlen=1 Loop detected");

	b = btf_builder_new();
	btf_add_ptr(b, 2);
	btf_add_ptr(b, 1);
	refused(b, -EEXIST, "Loop detected");

	b = btf_builder_new();
	btf_add_int(b, "int", 4, 0);
	btf_add_struct(b, "s", 4, false);
	btf_add_member(b, "x", 1, 32, 0);
	refused(b, -EINVAL, "x type_id=1 bits_offset=32 Member exceeds struct_size");

	b = btf_builder_new();
	btf_add_int(b, "int", 4, 0);
	btf_add_array(b, 1, 1, 0x40000000);
	refused(b, -EINVAL, "Array size overflows U32_MAX");

	b = btf_builder_new();
	btf_add_int(b, "int", 4, 0);
	for (u32 i = 1; i < 40; i++)
		btf_add_modifier(b, BTF_KIND_CONST, i + 2);
	btf_add_modifier(b, BTF_KIND_CONST, 1);
	refused(b, -E2BIG, "Exceeded max resolving depth:32");

	b = btf_builder_new();
	btf_add_int(b, "1st", 4, 0);
	btf_add_typedef(b, "2nd", 1);
	refused(b, -EINVAL, "[2] TYPEDEF 2nd type_id=1 Invalid name");
}

TEST(odd_sizes_and_headers)
{
	struct btf_builder *b;
	struct btf *btf = sample(&b), *other = NULL;
	uint8_t big[4096] = { 0 };
	struct btf_header hdr;
	uint32_t size = btf->size;

	/* every length but the right one */
	for (uint32_t n = 0; n < size; n++)
		CHECK(btf_parse(btf->data, n, NULL, NULL, &other) < 0);
	CHECK_EQ(btf_parse(btf->data, 0x7fffffff, NULL, NULL, &other), -E2BIG);

	/* a longer header is fine as long as what is not known is zero; types unaligned, too */
	REQUIRE(size + 13 <= sizeof(big));
	memcpy(&hdr, btf->data, sizeof(hdr));
	hdr.hdr_len += 13;
	memcpy(big, &hdr, sizeof(hdr));
	memcpy(big + hdr.hdr_len, btf->data + sizeof(hdr), size - sizeof(hdr));
	CHECK_EQ(btf_parse(big, size + 13, NULL, NULL, &other), 0);
	CHECK_EQ(btf_find(other, "node", 0), 4);
	CHECK(!memcmp(other->data, big, size + 13));
	btf_free(other);
	big[30] = 1;
	CHECK_EQ(btf_parse(big, size + 13, NULL, NULL, &other), -E2BIG);
	btf_free(btf);
	btf_builder_free(b);
}

TEST(split_btf)
{
	struct btf_builder *b, *own = btf_builder_new();
	struct btf *base = sample(&b), *split = NULL;
	uint32_t size;
	const void *data;
	u32 first = base->n_types, base_strings = base->strings_len;
	uint8_t *copy;
	struct btf_type *t;
	s32 id;

	btf_add_typedef(own, "module_node", 4);
	btf_add_ptr(own, first);
	data = btf_builder_data(own, &size);
	copy = malloc(size);
	memcpy(copy, data, size);
	t = (struct btf_type *)(copy + sizeof(struct btf_header));
	t->name_off += base_strings; /* its own strings come after the base's */
	REQUIRE(!btf_parse(copy, size, base, NULL, &split));
	id = btf_find(split, "module_node", BTF_KIND_TYPEDEF);
	CHECK_EQ(id, first);
	CHECK_EQ(btf_size(split, id), 64);
	CHECK_EQ(btf_find(split, "node", 0), 4); /* through the base */
	CHECK_STR(type_text(split, first + 1), "module_node *");
	CHECK_EQ(btf_find(base, "module_node", 0), -ENOENT);
	btf_free(split);
	btf_free(base);
	btf_builder_free(own);
	btf_builder_free(b);
	free(copy);
}

TEST(names_may_repeat_without_end)
{
	struct btf_builder *b = btf_builder_new();
	struct btf *btf = NULL;
	uint32_t size, n = 200000;
	const void *data;

	for (uint32_t i = 0; i < n; i++)
		btf_add_fwd(b, "same", i & 1);
	data = btf_builder_data(b, &size);
	REQUIRE(!btf_parse(data, size, NULL, NULL, &btf));
	CHECK_EQ(btf_find(btf, "same", BTF_KIND_FWD), 1);
	CHECK_EQ(btf_find(btf, "same", BTF_KIND_INT), -ENOENT);
	btf_free(btf);
	btf_builder_free(b);
}

/* Whatever survives the checks can be looked at and printed without harm. */
TEST(damaged_btf_can_be_used)
{
	struct btf_builder *b = sample_builder();
	struct mutator m = { 7 };
	static char out[1 << 12], data[256];
	uint32_t size, used = 0;
	const void *good = btf_builder_data(b, &size);
	uint8_t *bytes = malloc(size);

	memset(data, 0x5a, sizeof(data));
	for (uint32_t i = 0; i < 20000; i++) {
		struct btf *btf = NULL;
		struct btf_field field;
		uint32_t cut;

		memcpy(bytes, good, size);
		cut = mutate(&m, bytes, size);
		if (btf_parse(bytes, cut, NULL, NULL, &btf))
			continue;
		used++;
		for (u32 id = 0; id < btf->n_types; id++) {
			struct text text = text_in(out, sizeof(out));

			btf_show(&text, btf, id, data, mutator_next(&m, sizeof(data)), NULL);
			btf_type_text(&text, btf, id);
			btf_find_member(btf, id, "half", &field);
			btf_size(btf, id);
		}
		btf_free(btf);
	}
	CHECK(used > 1000);
	free(bytes);
	btf_builder_free(b);
}

static uint8_t *read_vmlinux(uint32_t *size)
{
	FILE *f = fopen("/sys/kernel/btf/vmlinux", "r");
	size_t room = 32 << 20;
	uint8_t *bytes;

	if (!f)
		SKIP("no /sys/kernel/btf/vmlinux here");
	bytes = malloc(room);
	*size = fread(bytes, 1, room, f);
	fclose(f);
	return bytes;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* A real kernel's BTF, whole and damaged. SKEP_CAMPAIGN=1 damages it more often. */
TEST(a_real_kernels_btf)
{
	uint32_t size, rounds = getenv("SKEP_CAMPAIGN") ? 2000 : 25, accepted = 0;
	uint8_t *good = read_vmlinux(&size), *bytes = malloc(size);
	struct mutator m = { 11 };
	struct btf *btf = NULL;
	struct btf_field field;
	double start = now();
	s32 task;

	REQUIRE(!btf_parse(good, size, NULL, NULL, &btf));
	test_note("%u types, %u bytes: parsed in %.1f ms", btf->n_types, size,
		  (now() - start) * 1000);
	task = btf_find(btf, "task_struct", BTF_KIND_STRUCT);
	REQUIRE(task > 0);
	CHECK(btf_size(btf, task) > 1000);
	CHECK_EQ(btf_find_member(btf, task, "pid", &field), 0);
	CHECK_STR(type_text(btf, field.type_id), "pid_t");
	btf_free(btf);
	for (uint32_t i = 0; i < rounds; i++) {
		uint32_t cut;

		memcpy(bytes, good, size);
		cut = mutate(&m, bytes, size);
		if (btf_parse(bytes, cut, NULL, NULL, &btf))
			continue;
		accepted++;
		btf_free(btf);
	}
	test_note("%u damaged, %u accepted", rounds, accepted);
	free(good);
	free(bytes);
}
