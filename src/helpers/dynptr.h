/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the 16 opaque bytes of a struct bpf_dynptr hold. The verifier keeps programs from
 * writing them, so they are trusted; the packet behind a dynptr of one may change its size,
 * though, and is asked each time.
 */
#ifndef SKEP_HELPERS_DYNPTR_H
#define SKEP_HELPERS_DYNPTR_H

#include "vm/run.h"

enum dynptr_source { DYNPTR_MEMORY = 1, DYNPTR_RECORD, DYNPTR_OF_SKB, DYNPTR_OF_XDP, DYNPTR_OF_META };

#define DYNPTR_MAX_SIZE ((1u << 24) - 1)

struct dynptr {
	void *data; /* memory, or the context of the packet. NULL: a null dynptr, good for nothing */
	u32 size : 24;
	u32 source : 4; /* enum dynptr_source */
	u32 rdonly : 1;
	u32 offset; /* where it begins in data */
};

_Static_assert(sizeof(struct dynptr) == 16, "the size of struct bpf_dynptr");

void dynptr_init(struct dynptr *ptr, void *data, u32 source, u32 offset, u32 size);
void dynptr_set_null(struct dynptr *ptr);
/* Does [offset, offset + len) lie in it? */
bool dynptr_has(const struct dynptr *ptr, u32 offset, u32 len);
s64 dynptr_read(const struct dynptr *src, u32 offset, void *dst, u32 len);
s64 dynptr_write(const struct dynptr *dst, u32 offset, const void *src, u32 len, u64 flags);
/* The bytes themselves, where they lie in one piece: NULL else, or when they are not all in it. */
void *dynptr_bytes(const struct dynptr *ptr, u32 offset, u32 len);

#endif
