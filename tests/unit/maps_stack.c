/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stack traces: the walk by frame pointers over a stack that the test lays out, what the helpers
 * answer to flags, and the map beside a model.
 */
#include "helpers/helpers.h"
#include "unit/maps_common.h"

#define FRAMES 200
#define BASE   0x10000ull /* where the traced task's stack is */

/* A task: frame i returns to 0x400000 + 16 * i, or as `seed` wants it. */
struct stack {
	u64 memory[FRAMES][2];
	u32 depth;
	u64 seed;
};

static u64 ip_of(const struct stack *stack, u32 i)
{
	return 0x400000 + 16 * i + (stack->seed << 20);
}

static int user_frame(struct run_ctx *rc, u64 *ip, u64 *frame)
{
	struct stack *stack = rc->world_data;

	if (!stack->depth)
		return -EFAULT;
	*ip = ip_of(stack, 0);
	*frame = BASE;
	for (u32 i = 0; i < FRAMES; i++) {
		stack->memory[i][0] = i + 2 < stack->depth ? BASE + 16 * (i + 1ull) : 0;
		stack->memory[i][1] = ip_of(stack, i + 1);
	}
	return 0;
}

static int read_user(struct run_ctx *rc, void *dst, u64 src, u32 size)
{
	struct stack *stack = rc->world_data;

	if (stack->depth < 2 || src < BASE || src + size > BASE + sizeof(stack->memory))
		return -EFAULT;
	memcpy(dst, (u8 *)stack->memory + (src - BASE), size);
	return 0;
}

static const struct world_ops world = { .user_frame = user_frame, .read_user = read_user };

static s64 stackid(struct stack *stack, struct map *map, u64 flags)
{
	struct run_ctx rc = { .world = &world, .world_data = stack };

	return (s64)helper_get_stackid(0, (u64)(uintptr_t)map, flags, 0, 0, &rc);
}

static s64 get_stack(struct stack *stack, void *buf, u32 size, u64 flags)
{
	struct run_ctx rc = { .world = &world, .world_data = stack };

	return (s64)helper_get_stack(0, (u64)(uintptr_t)buf, size, flags, 0, &rc);
}

TEST(get_stack_gives_what_there_is)
{
	struct stack stack = { .depth = 5 };
	u64 ip[8];
	struct bpf_stack_build_id frames[3];

	memset(ip, 0xff, sizeof(ip));
	CHECK_EQ(get_stack(&stack, ip, sizeof(ip), BPF_F_USER_STACK), 5 * 8);
	for (u32 i = 0; i < 8; i++)
		CHECK_EQ(ip[i], i < 5 ? ip_of(&stack, i) : 0);
	CHECK_EQ(get_stack(&stack, ip, sizeof(ip), BPF_F_USER_STACK | 2), 3 * 8);
	CHECK_EQ(ip[0], ip_of(&stack, 2));
	CHECK_EQ(ip[3], 0);
	CHECK_EQ(get_stack(&stack, ip, 16, BPF_F_USER_STACK | 1), 16);
	CHECK_EQ(ip[1], ip_of(&stack, 2));
	CHECK_EQ(get_stack(&stack, ip, sizeof(ip), BPF_F_USER_STACK | 5), 0);
	CHECK_EQ(get_stack(&stack, ip, sizeof(ip), BPF_F_USER_STACK | 6), -EFAULT);
	CHECK_EQ(get_stack(&stack, ip, 12, BPF_F_USER_STACK), -EINVAL);
	CHECK_EQ(get_stack(&stack, ip, 16, BPF_F_USER_STACK | 1ull << 40), -EINVAL);
	CHECK_EQ(get_stack(&stack, ip, 16, BPF_F_USER_BUILD_ID), -EINVAL);
	/* Nobody has a kernel stack here; what the buffer had is gone. */
	ip[0] = 1;
	CHECK_EQ(get_stack(&stack, ip, 16, 0), -EFAULT);
	CHECK_EQ(ip[0], 0);
	CHECK_EQ(get_stack(&stack, frames, sizeof(frames), BPF_F_USER_STACK | BPF_F_USER_BUILD_ID),
		 sizeof(frames));
	CHECK_EQ(frames[2].status, BPF_STACK_BUILD_ID_IP);
	CHECK_EQ(frames[2].ip, ip_of(&stack, 2));
	stack.depth = 1;
	CHECK_EQ(get_stack(&stack, ip, sizeof(ip), BPF_F_USER_STACK), 8);
	stack.depth = 0;
	CHECK_EQ(get_stack(&stack, ip, sizeof(ip), BPF_F_USER_STACK), -EFAULT);
	stack.depth = FRAMES;
	CHECK_EQ(get_stack(&stack, ip, sizeof(ip), BPF_F_USER_STACK | 126), 8);
	CHECK_EQ(get_stack(&stack, ip, sizeof(ip), BPF_F_USER_STACK | 127), 0);
}

TEST(one_trace_has_one_id)
{
	struct map *map = map_make(BPF_MAP_TYPE_STACK_TRACE, 4, 10 * 8, 64, 0, 2);
	struct stack stack = { .depth = 5 };
	u64 ip[10];
	s64 id = stackid(&stack, map, BPF_F_USER_STACK);
	u32 key = (u32)id;

	CHECK(id >= 0 && id < 64);
	CHECK_EQ(stackid(&stack, map, BPF_F_USER_STACK), id);
	CHECK_EQ(stackid(&stack, map, BPF_F_USER_STACK | BPF_F_FAST_STACK_CMP), id);
	CHECK_EQ(map->ops->sys_lookup(map, &key, ip, 0), 0);
	for (u32 i = 0; i < 10; i++)
		CHECK_EQ(ip[i], i < 5 ? ip_of(&stack, i) : 0);
	CHECK_EQ(stackid(&stack, map, BPF_F_USER_STACK | 5), -EFAULT);
	CHECK_EQ(stackid(&stack, map, BPF_F_USER_BUILD_ID), -EINVAL);
	CHECK_EQ(stackid(&stack, map, 0), -EFAULT);
	stack.depth = FRAMES;
	CHECK(stackid(&stack, map, BPF_F_USER_STACK | 120) >= 0);
	map_free(map);
}

#define ENTRIES 12
#define BUCKETS 16

/* What a bucket holds: a stack's seed plus one, 0 for none. */
struct model {
	u64 bucket[BUCKETS];
	u32 used;
};

static void op_put(struct map *map, struct model *model, u64 *random)
{
	struct stack stack = { .depth = 3, .seed = rnd_below(random, 40) };
	u64 reuse = rnd_below(random, 2) ? BPF_F_REUSE_STACKID : 0;
	s64 id = stackid(&stack, map, BPF_F_USER_STACK | reuse);
	u64 *bucket;

	if (id == -ENOMEM) {
		CHECK_EQ(model->used, ENTRIES);
		return;
	}
	if (id == -EEXIST) {
		CHECK(!reuse);
		return;
	}
	REQUIRE(id >= 0 && id < BUCKETS);
	bucket = &model->bucket[id];
	if (*bucket && *bucket != stack.seed + 1) {
		CHECK(reuse);
		CHECK(model->used < ENTRIES);
	}
	model->used += !*bucket;
	*bucket = stack.seed + 1;
}

static void op_lookup(struct map *map, struct model *model, u32 key)
{
	struct stack stack = { .seed = key < BUCKETS ? model->bucket[key] - 1 : 0 };
	bool there = key < BUCKETS && model->bucket[key];
	u64 ip[4];

	CHECK_EQ(map->ops->sys_lookup(map, &key, ip, 0), there ? 0 : -ENOENT);
	for (u32 i = 0; there && i < 4; i++)
		CHECK_EQ(ip[i], i < 3 ? ip_of(&stack, i) : 0);
}

static void op_erase(struct map *map, struct model *model, u32 key)
{
	bool there = key < BUCKETS && model->bucket[key];
	u64 ip[4];

	if (there && key & 1)
		CHECK_EQ(map->ops->sys_lookup_erase(map, &key, ip, 0), 0);
	else
		CHECK_EQ(map->ops->sys_erase(map, &key), key >= BUCKETS ? -E2BIG : there ? 0 : -ENOENT);
	if (there) {
		model->bucket[key] = 0;
		model->used--;
	}
}

static void op_walk(struct map *map, struct model *model)
{
	u32 key, next, n = 0, *last = NULL;

	while (n <= BUCKETS && !map->ops->sys_next(map, last, &next)) {
		CHECK(next < BUCKETS && model->bucket[next]);
		CHECK(!last || next > key);
		key = next;
		last = &key;
		n++;
	}
	CHECK_EQ(n, model->used);
}

TEST(the_map_agrees_with_the_model)
{
	struct map *map = map_make(BPF_MAP_TYPE_STACK_TRACE, 4, 4 * 8, ENTRIES, 0, 2);
	struct model model = { 0 };
	u64 random = 1, ops = campaign("SKEP_MAPS_OPS", 100000), value[4] = { 0 };

	for (u64 i = 0; i < ops; i++) {
		u32 key = rnd_below(&random, BUCKETS + 2);

		if (rnd_below(&random, 2))
			op_put(map, &model, &random);
		else if (rnd_below(&random, 2))
			op_lookup(map, &model, key);
		else if (rnd_below(&random, 2))
			op_erase(map, &model, key);
		else
			op_walk(map, &model);
	}
	CHECK_EQ(map->ops->sys_update(map, &model.used, value, 0), -EINVAL);
	map_free(map);
}

/* An empty one, beside Linux's: all that can be said to it from outside. */
TEST(errno_as_linux)
{
	static const u32 cases[][3] = { { 4, 8, 0 }, { 4, 127 * 8, 0 }, { 4, 128 * 8, 0 }, { 4, 12, 0 },
					{ 8, 8, 0 }, { 4, 4, 0 }, { 4, 32, 32 }, { 4, 48, 32 },
					{ 4, 127 * 32, 32 }, { 4, 128 * 32, 32 }, { 4, 8, 1 },
					{ 4, 8, BPF_F_RDONLY | BPF_F_WRONLY }, { 4, 8, BPF_F_ZERO_SEED } };
	const char *why = linux_refuses();

	if (why)
		SKIP("bpf(2) of this machine: %s", why);
	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		const u32 *c = cases[i];
		struct map_facts facts = { .type = BPF_MAP_TYPE_STACK_TRACE, .key_size = c[0],
					   .value_size = c[1], .max_entries = 5, .flags = c[2] };
		int fd = linux_map(facts.type, c[0], c[1], 5, c[2]);
		u8 value[32] = { 0 };
		u32 keys[] = { 0, 4, 7, 8, UINT32_MAX }, next;
		struct map *map;

		CHECK_EQ(map_check_facts(&facts, false), fd < 0 ? fd : 0);
		if (fd < 0)
			continue;
		map = map_make(facts.type, c[0], 8, 5, 0, 1);
		for (u32 k = 0; c[1] <= sizeof(value) && k < ARRAY_SIZE(keys); k++) {
			CHECK_EQ(map->ops->sys_lookup(map, &keys[k], value, 0),
				 linux_elem(BPF_MAP_LOOKUP_ELEM, fd, &keys[k], value, 0));
			CHECK_EQ(map->ops->sys_update(map, &keys[k], value, 0),
				 linux_elem(BPF_MAP_UPDATE_ELEM, fd, &keys[k], value, 0));
			CHECK_EQ(map->ops->sys_erase(map, &keys[k]),
				 linux_elem(BPF_MAP_DELETE_ELEM, fd, &keys[k], NULL, 0));
			CHECK_EQ(map->ops->sys_next(map, &keys[k], &next),
				 linux_elem(BPF_MAP_GET_NEXT_KEY, fd, &keys[k], &next, 0));
			CHECK_EQ(map->ops->sys_lookup_erase(map, &keys[k], value, 0),
				 linux_elem(BPF_MAP_LOOKUP_AND_DELETE_ELEM, fd, &keys[k], value, 0));
		}
		map_free(map);
		close(fd);
	}
}
