/* SPDX-License-Identifier: Apache-2.0 */
/* Which values MAP_CREATE takes for which types of map: as this machine's Linux, and as written. */
#include <errno.h>
#include <unistd.h>

#include "kernel/support.h"
#include "lib/test.h"
#include "verifier/lib/value.h"

#define HASH     BPF_MAP_TYPE_HASH
#define ARRAY    BPF_MAP_TYPE_ARRAY
#define LRU      BPF_MAP_TYPE_LRU_HASH
#define PERCPU   BPF_MAP_TYPE_PERCPU_ARRAY
#define LPM      BPF_MAP_TYPE_LPM_TRIE
#define RDONLY   BPF_F_RDONLY_PROG
#define NOT_HERE (-EOPNOTSUPP)

static const struct {
	const char *value;
	u32 type, flags;
	int err;
} cases[] = {
	{ "int lock", HASH, 0, 0 },
	{ "int lock", ARRAY, 0, 0 },
	{ "int lock", LRU, 0, NOT_HERE },
	{ "int lock", PERCPU, 0, NOT_HERE },
	{ "int lock", ARRAY, RDONLY, -EACCES },
	{ "res_lock int", HASH, 0, 0 },
	{ "res_lock int", LRU, 0, NOT_HERE },
	{ "timer", HASH, 0, 0 },
	{ "timer", LRU, 0, 0 },
	{ "timer", ARRAY, 0, 0 },
	{ "timer", PERCPU, 0, NOT_HERE },
	{ "wq", LRU, 0, 0 },
	{ "wq", PERCPU, 0, NOT_HERE },
	{ "work", HASH, 0, 0 },
	{ "work", PERCPU, 0, NOT_HERE },
	{ "timer lock wq", HASH, 0, 0 },
	{ "timer lock wq", LRU, 0, NOT_HERE },
	{ "ukptr:task_struct", LRU, 0, 0 },
	{ "ukptr:task_struct", PERCPU, 0, 0 },
	{ "kptr:task_struct", PERCPU, 0, 0 },
	{ "kptr:task_struct", PERCPU, RDONLY, -EACCES },
	{ "kptr:own_object", HASH, 0, 0 },
	{ "pkptr:own_object", HASH, 0, 0 },
	{ "uptr:own_object", HASH, 0, NOT_HERE },
	{ "refcount int", HASH, 0, 0 },
	{ "{ int { lock } }", HASH, 0, 0 },
	{ "{ int { lock } }", LRU, 0, NOT_HERE },
	{ "{ lock int }[1]", LRU, 0, NOT_HERE },
	/* Refused as the type of an object, by BTF_LOAD. */
	{ "lock lock", HASH, 0, -E2BIG },
	{ "lock bits", HASH, 0, -EINVAL },
	{ "lock res_lock", HASH, 0, -EINVAL },
	{ "kptr:file", HASH, 0, -ENOENT },
	{ "lock tag:user:x", HASH, 0, -EINVAL },
	{ "lock list", HASH, 0, -EINVAL },
	/* Linux finds no sense in these either, but takes them as plain data. */
	{ "{ lock }[2]", LRU, 0, 0 },
	{ "timer timer", PERCPU, 0, 0 },
	{ "timer bits", PERCPU, 0, 0 },
	{ "{ kptr:file }", PERCPU, 0, -ENOENT },
	{ "tag:user:x timer", PERCPU, 0, 0 },
	{ "{ int lock } lock", HASH, 0, 0 },
	{ "{ int lock } timer { lock }", HASH, 0, 0 },
	{ "refcount refcount", HASH, 0, 0 },
	{ "uptr:x ukptr:x[11]", HASH, RDONLY, 0 },
	{ "uptr:x ukptr:x[10]", HASH, RDONLY, -EACCES },
	{ "uptr:x { ukptr:x int }[5] timer", HASH, 0, NOT_HERE },
	{ "uptr:x { ukptr:x int }[5]", HASH, 0, NOT_HERE },
	{ "int", HASH, RDONLY, 0 },
	{ "kptr:task_struct", BPF_MAP_TYPE_QUEUE, 0, -EINVAL },
};

static int create(const struct world *w, const char *text, u32 type, u32 flags)
{
	struct values values;
	u32 size, id, value_size;
	const void *raw;
	int btf, fd;

	REQUIRE(values_begin(&values) && value_add(&values, NULL, text, &id, &value_size));
	raw = btf_builder_data(values.builder, &size);
	btf = BPF(w, BPF_BTF_LOAD, attr_btf_load, .btf = address(raw), .btf_size = size);
	btf_builder_free(values.builder);
	if (btf < 0)
		return btf;
	fd = BPF(w, BPF_MAP_CREATE, attr_map_create, .map_type = type, .key_size = 4,
		 .value_size = value_size, .max_entries = 4, .map_flags = flags,
		 .btf_fd = (u32)btf, .btf_key_type_id = values.int_id,
		 .btf_value_type_id = id);
	if (fd >= 0)
		close(fd);
	close(btf);
	return fd < 0 ? fd : 0;
}

static void check_world(const struct world *w)
{
	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		int err = create(w, cases[i].value, cases[i].type, cases[i].flags);

		if (err != cases[i].err)
			test_fail(__FILE__, __LINE__, "%s: \"%s\" in map type %u, flags %#x: %d, not %d",
				  w->name, cases[i].value, cases[i].type, cases[i].flags, err,
				  cases[i].err);
	}
}

TEST(skep_takes_what_linux_takes)
{
	struct world w = world_skep();

	check_world(&w);
	world_end(&w);
}

TEST(linux_takes_it)
{
	struct world w = world_linux();

	check_world(&w);
	world_end(&w);
}
