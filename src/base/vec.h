/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Typed growable arrays: VEC(int) numbers = { 0 }; vec_push(&numbers, 7).
 * vec_push and vec_reserve answer false when memory is out, and then change nothing.
 */
#ifndef SKEP_BASE_VEC_H
#define SKEP_BASE_VEC_H

#include "base/types.h"
#include "os/os.h"

#define VEC(type)                                                                                  \
	struct {                                                                                   \
		type *data;                                                                        \
		size_t len;                                                                        \
		size_t cap;                                                                        \
	}

static inline bool vec_grow_raw(void **data, size_t *cap, size_t want, size_t elem)
{
	size_t grown = *cap ? *cap : 8;
	size_t bytes;
	void *moved;

	if (want <= *cap)
		return true;
	while (grown < want) {
		if (grown > SIZE_MAX / 2)
			return false;
		grown *= 2;
	}
	if (__builtin_mul_overflow(grown, elem, &bytes))
		return false;
	moved = os_realloc(*data, bytes);
	if (!moved)
		return false;
	*data = moved;
	*cap = grown;
	return true;
}

#define vec_reserve(v, n) vec_grow_raw((void **)&(v)->data, &(v)->cap, (n), sizeof(*(v)->data))
#define vec_push(v, ...)                                                                           \
	(vec_reserve(v, (v)->len + 1) ? ((v)->data[(v)->len++] = (__VA_ARGS__), true) : false)
#define vec_pop(v) ((v)->data[--(v)->len])
#define vec_last(v) (&(v)->data[(v)->len - 1])
#define vec_clear(v) ((v)->len = 0)
#define vec_release(v) (os_free((v)->data), (v)->data = NULL, (v)->len = (v)->cap = 0)
#define vec_for_each(item, v)                                                                      \
	for (__typeof__((v)->data) item = (v)->data; item < (v)->data + (v)->len; item++)

#endif
