/* SPDX-License-Identifier: Apache-2.0 */
/*
 * docs/maps.md is made from the map types' own operations and checks: this test makes it and
 * compares. After a change of them run it with SKEP_WRITE_DOCS=1 to write the file.
 */
#include <stdlib.h>

#include "base/text.h"
#include "lib/map_types.h"
#include "lib/test.h"
#include "maps/map.h"

/* Facts that a type takes, to be varied. Those not here: key 4, value 4, 1 entry. */
static const struct map_facts samples[] = {
	{ .type = BPF_MAP_TYPE_LPM_TRIE, .key_size = 8, .value_size = 4, .flags = BPF_F_NO_PREALLOC },
	{ .type = BPF_MAP_TYPE_STACK_TRACE, .key_size = 4, .value_size = 32 },
	{ .type = BPF_MAP_TYPE_QUEUE, .value_size = 4 },
	{ .type = BPF_MAP_TYPE_STACK, .value_size = 4 },
	{ .type = BPF_MAP_TYPE_BLOOM_FILTER, .value_size = 4 },
	{ .type = BPF_MAP_TYPE_RINGBUF, .max_entries = 4096 },
	{ .type = BPF_MAP_TYPE_USER_RINGBUF, .max_entries = 4096 },
};

static struct map_facts sample_of(u32 type)
{
	struct map_facts facts = { .type = type, .key_size = 4, .value_size = 4 };

	for (u32 i = 0; i < ARRAY_SIZE(samples); i++)
		if (samples[i].type == type)
			facts = samples[i];
	facts.max_entries = MAX(facts.max_entries, 1u);
	return facts;
}

static const struct {
	const char *name;
	u32 bit;
} flags[] = {
	{ "NO_PREALLOC", BPF_F_NO_PREALLOC },	{ "NO_COMMON_LRU", BPF_F_NO_COMMON_LRU },
	{ "NUMA_NODE", BPF_F_NUMA_NODE },	{ "RDONLY", BPF_F_RDONLY },
	{ "WRONLY", BPF_F_WRONLY },		{ "STACK_BUILD_ID", BPF_F_STACK_BUILD_ID },
	{ "ZERO_SEED", BPF_F_ZERO_SEED },	{ "RDONLY_PROG", BPF_F_RDONLY_PROG },
	{ "WRONLY_PROG", BPF_F_WRONLY_PROG },	{ "MMAPABLE", BPF_F_MMAPABLE },
	{ "PRESERVE_ELEMS", BPF_F_PRESERVE_ELEMS }, { "INNER_MAP", BPF_F_INNER_MAP },
};

static void put_item(struct text *out, const char **comma, const char *item)
{
	text_printf(out, "%s%s", *comma, item);
	*comma = ", ";
}

static void put_flags(struct text *out, u32 type)
{
	struct map_facts facts = sample_of(type);
	const char *comma = "";

	CHECK_EQ(map_check_facts(&facts, false), 0);
	for (u32 i = 0; i < ARRAY_SIZE(flags); i++) {
		struct map_facts with = facts;

		with.flags |= flags[i].bit;
		if (!map_check_facts(&with, false))
			put_item(out, &comma, flags[i].name);
	}
	text_put(out, *comma ? "" : "-");
}

/* Of an empty map: an answer about an element, or about the operation itself? */
static bool does(int err)
{
	return err != -EINVAL && err != -ENOTSUPP && err != -EOPNOTSUPP;
}

static u8 key[8], value[64];

static void put_commands(struct text *out, struct map *map)
{
	const struct map_ops *ops = map->ops;
	const char *comma = "";

	if (ops->peek || (ops->sys_lookup && does(ops->sys_lookup(map, key, value, 0))))
		put_item(out, &comma, "lookup");
	if (ops->push || (ops->sys_update && does(ops->sys_update(map, key, value, 0))))
		put_item(out, &comma, "update");
	if (ops->sys_erase && does(ops->sys_erase(map, key)))
		put_item(out, &comma, "delete");
	if (ops->pop || (ops->sys_lookup_erase && does(ops->sys_lookup_erase(map, key, value, 0))))
		put_item(out, &comma, "lookup and delete");
	if (ops->sys_next && does(ops->sys_next(map, NULL, value)))
		put_item(out, &comma, "next key");
	text_put(out, *comma ? "" : "none");
}

/* Those that are a type's own. */
static const char *own_helpers(u32 type)
{
	switch (type) {
	case BPF_MAP_TYPE_PROG_ARRAY:
		return "tail_call";
	case BPF_MAP_TYPE_RINGBUF:
		return "ringbuf_*";
	case BPF_MAP_TYPE_USER_RINGBUF:
		return "user_ringbuf_drain";
	case BPF_MAP_TYPE_STACK_TRACE:
		return "get_stackid";
	default:
		return NULL;
	}
}

static void put_helpers(struct text *out, struct map *map)
{
	const struct map_ops *ops = map->ops;
	struct run_ctx rc = { .cpu = 0 };
	const char *comma = "";

	if (own_helpers(map->facts.type))
		put_item(out, &comma, own_helpers(map->facts.type));
	if (ops->lookup)
		put_item(out, &comma, "lookup");
	/* The verifier lets programs do no more with maps of maps. */
	if (map->facts.type == BPF_MAP_TYPE_HASH_OF_MAPS)
		return;
	if (ops->lookup_percpu)
		put_item(out, &comma, "lookup_percpu");
	if (ops->update && does(ops->update(map, key, value, 0, &rc)))
		put_item(out, &comma, "update");
	if (ops->erase && does(ops->erase(map, key, &rc)))
		put_item(out, &comma, "delete");
	if (ops->push)
		put_item(out, &comma, "push");
	if (ops->pop)
		put_item(out, &comma, "pop");
	if (ops->peek)
		put_item(out, &comma, "peek");
	if (ops->for_each)
		put_item(out, &comma, "for_each");
	CHECK(*comma);
}

static void put_type(struct text *out, u32 type)
{
	const struct map_ops *ops = map_ops_of(type);
	struct map_create_params params = { .facts = sample_of(type), .cpus = 1 };
	struct map *map;

	text_printf(out, "| %u | `%s` | ", type, map_types[type]);
	if (!ops) {
		text_printf(out, "%s | - | - | - | - |\n",
			    map_can_describe(type) ? "verify only" : "-");
		return;
	}
	CHECK_STR(ops->name, map_types[type]);
	text_put(out, "yes | ");
	REQUIRE(!map_new(&params, NULL, &map));
	put_commands(out, map);
	text_put(out, " | ");
	put_helpers(out, map);
	text_put(out, " | ");
	put_flags(out, type);
	text_printf(out, " | %s |\n", ops->sweep ? "swept"
			  : type == BPF_MAP_TYPE_RINGBUF ? "swept, by `ringbuf_sweep`"
							 : "-");
	map_free(map);
}

static void make(struct text *out)
{
	u32 n = 0;

	for (u32 i = 1; i < ARRAY_SIZE(map_types); i++)
		n += map_ops_of(i) != NULL;
	text_put(out, "# Maps\n\nMade from the operations and checks of src/maps by tests/unit/maps_doc.c; not to "
		      "be edited.\n\n");
	text_printf(out,
		    "Skep has %u of the %u map types of Linux 6.18. \"Verify only\": `skep verify` knows "
		    "the type, and MAP_CREATE answers EINVAL, as for a type that a kernel lacks.\n\n",
		    n, (u32)ARRAY_SIZE(map_types) - 1);
	text_put(out,
		 "Commands: those of bpf(2) on elements; what each answers where it does nothing is "
		 "Linux's errno. Helpers: what programs may call, without `bpf_` and `map_..._elem`. Flags: "
		 "what MAP_CREATE takes, of BPF_F_... Killed: \"swept\" where a process that is killed may have "
		 "an element in its hands, and a sweep returns it.\n\n"
		 "| number | type | in Skep | commands | helpers | flags | killed |\n"
		 "|---|---|---|---|---|---|---|\n");
	for (u32 i = 1; i < ARRAY_SIZE(map_types); i++)
		put_type(out, i);
}

static char made[1 << 15], committed[1 << 15];

TEST(the_document_is_in_step)
{
	const char *path = test_source_path("docs/maps.md");
	struct text text = text_in(made, sizeof(made));
	FILE *f;

	make(&text);
	REQUIRE(text.len < sizeof(made));
	if (getenv("SKEP_WRITE_DOCS")) {
		f = fopen(path, "w");
		REQUIRE(f);
		fputs(made, f);
		fclose(f);
	}
	f = fopen(path, "r");
	REQUIRE(f);
	committed[fread(committed, 1, sizeof(committed) - 1, f)] = 0;
	fclose(f);
	if (strcmp(made, committed))
		test_fail(__FILE__, __LINE__,
			  "docs/maps.md is not what the tables say; SKEP_WRITE_DOCS=1 writes it");
}
