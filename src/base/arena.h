/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bump allocator: many small allocations that die together. Not thread-safe.
 * A zeroed struct arena is an empty arena.
 */
#ifndef SKEP_BASE_ARENA_H
#define SKEP_BASE_ARENA_H

#include "base/types.h"

struct arena_block;

struct arena {
	struct arena_block *head;
	size_t used;  /* bytes handed out from head */
	size_t total; /* bytes asked of the system so far */
	size_t limit; /* when not 0: total never exceeds it */
};

/* Zeroed memory aligned to 16, or NULL (out of memory, over the limit, or n * size overflows). */
void *arena_alloc(struct arena *arena, size_t size);
void *arena_alloc_array(struct arena *arena, size_t n, size_t size);
char *arena_strdup(struct arena *arena, const char *s);
/* Gives everything back; the arena is empty again. */
void arena_release(struct arena *arena);

#define arena_new(arena, type) ((type *)arena_alloc(arena, sizeof(type)))
#define arena_array(arena, type, n) ((type *)arena_alloc_array(arena, n, sizeof(type)))

#endif
