/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The context of SEC("skep/NAME") without the embedding program that adds it: made from the type
 * of the program's parameter.
 */
#ifndef SKEP_TOOLS_CONTEXT_H
#define SKEP_TOOLS_CONTEXT_H

#include <skep/skep.h>

#include "btf/btf.h"

#define CONTEXT_MAX_FIELDS 256

/* The struct that the function's first parameter points to; 0: the BTF does not tell. */
u32 context_struct(const struct btf *btf, const char *function);
/*
 * Its members that can be fields: whole numbers, to be read and written, and pointers, which are
 * left without access (0): how much is behind one, BTF does not tell. Sorted; answers how many.
 */
u32 context_fields(const struct btf *btf, u32 struct_id, struct skep_field *fields, u32 max);

#endif
