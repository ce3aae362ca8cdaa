/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walking kernel structs by their BTF: what lies at an offset, and whether one struct begins
 * with another. Nothing here knows registers.
 */
#ifndef SKEP_VERIFIER_BTF_WALK_H
#define SKEP_VERIFIER_BTF_WALK_H

#include "btf/btf.h"
#include "verifier/env.h"

enum walk_result {
	WALK_SCALAR, /* a number, or part of one */
	WALK_PTR,    /* a pointer to a struct */
	WALK_MEM,    /* a pointer to anything else */
	WALK_STRUCT, /* the beginning of a struct (one step only) */
};

enum walk_tag { WALK_TAG_USER = 1 << 0, WALK_TAG_PERCPU = 1 << 1, WALK_TAG_RCU = 1 << 2 };

struct walk {
	u32 struct_id;	   /* WALK_PTR: what it points to; WALK_STRUCT: the struct */
	const char *field; /* WALK_PTR: the member's name */
	u32 tags;	   /* enum walk_tag, on what is pointed to */
	bool in_union;	   /* reached through a union: which of its members is valid is not known */
};

/*
 * What an access of size bytes at off in the struct touches. enum walk_result, or -errno after
 * refuse().
 */
int btf_walk(struct env *env, const struct btf *btf, u32 struct_id, u32 off, u32 size,
	     struct walk *out);

/*
 * Is what lies at off in the struct id of btf (also) a struct want_id of want_btf? strict: only
 * when the whole struct is that one.
 */
bool btf_struct_matches(const struct btf *btf, u32 id, s64 off, const struct btf *want_btf,
			u32 want_id, bool strict);

#endif
