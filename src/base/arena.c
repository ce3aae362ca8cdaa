/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"
#include "base/str.h"
#include "os/os.h"

struct arena_block {
	struct arena_block *next;
	size_t size;
	alignas(16) u8 data[];
};

#define ARENA_FIRST_BLOCK ((size_t)16 << 10)
#define ARENA_LARGEST_STEP ((size_t)4 << 20)

static struct arena_block *block_add(struct arena *arena, size_t size)
{
	size_t want = arena->head ? MIN(arena->head->size * 2, ARENA_LARGEST_STEP) : ARENA_FIRST_BLOCK;
	struct arena_block *block;

	if (want < size)
		want = size;
	if (arena->limit && (want > arena->limit || arena->total > arena->limit - want))
		return NULL;
	block = os_alloc(sizeof(*block) + want);
	if (!block)
		return NULL;
	block->size = want;
	block->next = arena->head;
	arena->head = block;
	arena->used = 0;
	arena->total += want;
	return block;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	struct arena_block *block = arena->head;
	void *out;

	if (size > SIZE_MAX / 2)
		return NULL;
	size = align_up(size ? size : 1, 16);
	if (!block || block->size - arena->used < size) {
		block = block_add(arena, size);
		if (!block)
			return NULL;
	}
	out = block->data + arena->used;
	arena->used += size;
	return out;
}

void *arena_alloc_array(struct arena *arena, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes))
		return NULL;
	return arena_alloc(arena, bytes);
}

char *arena_strdup(struct arena *arena, const char *s)
{
	size_t n = str_len(s) + 1;
	char *copy = arena_alloc(arena, n);

	if (copy)
		memcpy(copy, s, n);
	return copy;
}

void arena_release(struct arena *arena)
{
	struct arena_block *block = arena->head;

	while (block) {
		struct arena_block *next = block->next;

		os_free(block);
		block = next;
	}
	arena->head = NULL;
	arena->used = 0;
	arena->total = 0;
}
