/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include "lib/test.h"

#define HELPER_TEST 0x10000

/* -- helpers -- */

static struct world *world_of(u64 map)
{
	struct map *m = (struct map *)(uintptr_t)map;

	return CONTAINER_OF(m - m->handle, struct world, maps[0]);
}

static u64 hash_find(struct world *world, u32 key, bool make)
{
	struct world_memory *memory = &world->memory;

	for (u32 i = 0; i < ARRAY_SIZE(memory->hash); i++)
		if (memory->hash[i].used && memory->hash[i].key == key)
			return i;
	for (u32 i = 0; make && i < ARRAY_SIZE(memory->hash); i++)
		if (!memory->hash[i].used)
			return i;
	return ARRAY_SIZE(memory->hash);
}

/* Damaged code (planted.c) may pass anything. */
static u32 read_key(u64 at)
{
	u32 key;

	memcpy(&key, (const void *)(uintptr_t)at, sizeof(key));
	return key;
}

static u8 *array_value(const struct map *map, u32 key, const struct run_ctx *rc)
{
	if (key >= map->facts.max_entries)
		return NULL;
	return map->values + (u64)key * map->stride + rc->cpu * map->cpu_stride;
}

static u64 lookup(u64 map, u64 key_at, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	const struct map *m = (const struct map *)(uintptr_t)map;
	u32 key = read_key(key_at);
	struct world *world = world_of(map);
	u64 i;

	if (m->values)
		return (u64)(uintptr_t)array_value(m, key, rc);
	i = hash_find(world, key, false);
	return i < ARRAY_SIZE(world->memory.hash) ? (u64)(uintptr_t)world->memory.hash[i].value : 0;
}

static u64 update(u64 map, u64 key_at, u64 value_at, u64 flags, u64 r5, struct run_ctx *rc)
{
	const struct map *m = (const struct map *)(uintptr_t)map;
	u32 key = read_key(key_at);
	struct world *world = world_of(map);
	void *value = (void *)(uintptr_t)value_at;
	u64 i;

	if (m->values) {
		u8 *at = array_value(m, key, rc);

		if (!at)
			return (u64)-E2BIG;
		memcpy(at, value, m->facts.value_size);
		return 0;
	}
	i = hash_find(world, key, true);
	if (i == ARRAY_SIZE(world->memory.hash))
		return (u64)-E2BIG;
	world->memory.hash[i].used = 1;
	world->memory.hash[i].key = key;
	memcpy(world->memory.hash[i].value, value, m->facts.value_size);
	return 0;
}

static u64 erase(u64 map, u64 key_at, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	struct world *world = world_of(map);
	u64 i = hash_find(world, read_key(key_at), false);

	if (i == ARRAY_SIZE(world->memory.hash))
		return (u64)-ENOENT;
	world->memory.hash[i].used = 0;
	return 0;
}

static u64 loop(u64 n, u64 func, u64 arg, u64 flags, u64 r5, struct run_ctx *rc)
{
	u64 i;

	for (i = 0; i < n; i++)
		if (rc->call(rc, func, i, arg, 0, 0, 0))
			return i + 1;
	return i;
}

/* Leaves nothing of what a callee may overwrite. */
static void trash_registers(void)
{
#if defined(__x86_64__)
	__asm__ volatile("mov $-1, %%rcx\n\tmov %%rcx, %%rdx\n\tmov %%rcx, %%rsi\n\t"
			 "mov %%rcx, %%rdi\n\tmov %%rcx, %%r8\n\tmov %%rcx, %%r9\n\t"
			 "mov %%rcx, %%r10\n\tmov %%rcx, %%r11\n\tmov %%rcx, %%rax" ::
			     : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "cc",
			       "memory");
#endif
}

static u64 constant(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	trash_registers();
	return 0x1122334455667788;
}

static u64 mix(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	u64 sum = r1 + 3 * r2 + 5 * r3 + 7 * r4 + 11 * r5;

	trash_registers();
	return sum ^ sum >> 29;
}

static u64 twice(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	return 2 * r1 + 1;
}

static const struct helper_proto proto_lookup = { .id = BPF_FUNC_map_lookup_elem, .fn = lookup };
static const struct helper_proto proto_update = { .id = BPF_FUNC_map_update_elem, .fn = update };
static const struct helper_proto proto_delete = { .id = BPF_FUNC_map_delete_elem, .fn = erase };
static const struct helper_proto proto_loop = { .id = BPF_FUNC_loop, .fn = loop };
static const struct helper_proto proto_constant = { .id = HELPER_TEST, .fn = constant };
static const struct helper_proto proto_mix = { .id = HELPER_TEST + 1, .fn = mix };
static const struct helper_proto proto_twice = { .id = HELPER_TEST + 2, .fn = twice };

static const struct helper_proto *const protos[] = { &proto_lookup,   &proto_update,
						     &proto_delete,   &proto_loop,
						     &proto_constant, &proto_mix,
						     &proto_twice,    NULL };

/* -- the world -- */

static u8 *value_addr(struct map *map, u32 offset)
{
	return offset < map->facts.value_size ? map->values + offset : NULL;
}

static const struct map_ops plain_ops = { .name = "plain", .value_addr = value_addr };

static void add_map(struct world *world, u32 i, u32 type, void *values, u32 value_size, u32 entries)
{
	world->maps[i] = (struct map){
		.ops = &plain_ops,
		.facts = { .type = type,
			   .key_size = 4,
			   .value_size = value_size,
			   .max_entries = entries },
		.handle = i,
		.values = values,
		.stride = value_size,
	};
	world->map_table[i] = &world->maps[i];
}

void world_init(struct world *world)
{
	struct world_memory *memory = &world->memory;

	memset(world, 0, sizeof(*world));
	add_map(world, 0, BPF_MAP_TYPE_ARRAY, memory->array, 64, 8);
	add_map(world, 1, BPF_MAP_TYPE_ARRAY, memory->single, 48, 1);
	add_map(world, 2, BPF_MAP_TYPE_ARRAY, memory->odd, 40, 5);
	add_map(world, 3, BPF_MAP_TYPE_HASH, NULL, 32, 8);
	add_map(world, 4, BPF_MAP_TYPE_PERCPU_ARRAY, memory->percpu, 24, 4);
	world->maps[4].cpu_stride = sizeof(memory->percpu[0]);
}

void world_fill(struct world *world, u64 seed)
{
	struct gen_rng rng = { seed };
	struct world_memory *memory = &world->memory;
	u64 *words = (u64 *)memory;

	for (size_t i = 0; i < sizeof(*memory) / 8; i++)
		words[i] = gen_value(&rng);
	for (u32 i = 0; i < ARRAY_SIZE(memory->hash); i++) {
		memory->hash[i].used = i < 4;
		memory->hash[i].key = i;
	}
	memory->ctx.data = memory->packet;
	memory->ctx.data_end = memory->packet + 32 + gen_below(&rng, WORLD_PACKET - 32 + 1);
}

struct gen_opts world_gen_opts(u64 seed)
{
	static const struct gen_map maps[] = {
		{ .ref = 0, .ref_src = BPF_PSEUDO_MAP_IDX, .value_size = 64, .max_entries = 8 },
		{ .ref = 1,
		  .ref_src = BPF_PSEUDO_MAP_IDX,
		  .value_size = 48,
		  .max_entries = 1,
		  .value_ref_src = BPF_PSEUDO_MAP_IDX_VALUE },
		{ .ref = 2, .ref_src = BPF_PSEUDO_MAP_IDX, .value_size = 40, .max_entries = 5 },
		{ .ref = 3,
		  .ref_src = BPF_PSEUDO_MAP_IDX,
		  .value_size = 32,
		  .max_entries = 8,
		  .hash = true },
		{ .ref = 4, .ref_src = BPF_PSEUDO_MAP_IDX, .value_size = 24, .max_entries = 4 },
	};
	static const struct gen_helper helpers[] = { { HELPER_TEST, 0 },
						     { HELPER_TEST + 1, 5 },
						     { HELPER_TEST + 2, 1 } };
	struct gen_rng rng = { seed };
	struct gen_opts opts = {
		.seed = seed,
		.features = GEN_ALL,
		.maps = maps,
		.n_maps = ARRAY_SIZE(maps),
		.helpers = helpers,
		.n_helpers = ARRAY_SIZE(helpers),
		.ctx = { .data = 0,
			 .data_end = 8,
			 .ptr_size = 8,
			 .scalars = 16,
			 .scalars_size = 64,
			 .writable_size = 64,
			 .wide = true,
			 .legacy_packet = true },
	};

	/* Half of the programs have a random subset of the features: others come out more often. */
	if (gen_chance(&rng, 50))
		opts.features &= (u32)gen_rand(&rng);
	opts.size = 8 + gen_below(&rng, gen_chance(&rng, 10) ? 1000 : 150);
	return opts;
}

static bool load_packet(const void *ctx, s32 offset, u32 size, u64 *out)
{
	const struct world_memory *memory = ctx;
	u64 len = (u64)(memory->ctx.data_end - memory->ctx.data);

	if (offset < 0 || (u64)offset + size > len)
		return false;
	*out = 0;
	for (u32 i = 0; i < size; i++)
		*out = *out << 8 | memory->ctx.data[(u32)offset + i];
	return true;
}

struct test_image_opts world_image_opts(struct world *world)
{
	return (struct test_image_opts){ .helpers = protos,
					 .maps = world->map_table,
					 .n_maps = WORLD_MAPS,
					 .load_packet = load_packet };
}

void world_run(struct world *world, u64 seed, struct prog *prog, s64 budget, struct outcome *out)
{
	struct run_ctx rc = { .budget = budget, .cpu = (u32)(seed % WORLD_CPUS) };

	world_fill(world, seed);
	out->r0 = prog_run(prog, &world->memory.ctx, &rc);
	out->status = rc.status;
	out->memory = world->memory;
}

const char *outcome_differs(const struct outcome *a, const struct outcome *b)
{
	if (a->status != b->status)
		return "status";
	if (a->r0 != b->r0)
		return "r0";
	if (memcmp(&a->memory.ctx, &b->memory.ctx, sizeof(a->memory.ctx)))
		return "context";
	if (memcmp(a->memory.packet, b->memory.packet, WORLD_PACKET))
		return "packet";
	if (memcmp(&a->memory, &b->memory, sizeof(a->memory)))
		return "maps";
	return NULL;
}
