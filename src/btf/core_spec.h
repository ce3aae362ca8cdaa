/* SPDX-License-Identifier: Apache-2.0 */
/* Within the room: what a CO-RE record refers to, in the program's BTF and in the kernel's. */
#ifndef SKEP_BTF_CORE_SPEC_H
#define SKEP_BTF_CORE_SPEC_H

#include "btf/core.h"

#define CORE_SPEC_MAX 64

/* One step of the way: a named member, an array's element, an enumerator. */
struct core_step {
	u32 type_id; /* the struct that has the member; the element's type; the enum */
	u32 index;
	const char *name; /* NULL: an array's element, also the type as a whole */
};

/* A place in a type, or a type, or an enumerator. */
struct core_spec {
	const struct btf *btf;
	u32 kind; /* enum bpf_core_relo_kind */
	u32 root; /* type */
	u32 len;
	u32 bit_offset;
	struct core_step steps[CORE_SPEC_MAX];
};

bool core_is_field(u32 kind);
bool core_is_type(u32 kind);
bool core_is_enum_value(u32 kind);

static inline bool btf_is_any_enum(const struct btf_type *t)
{
	return btf_kind(t) == BTF_KIND_ENUM || btf_kind(t) == BTF_KIND_ENUM64;
}

/* The same but for the flavor. */
bool core_names_match(const char *a, const char *b);
/* One kind of type, or both enums of whatever size. */
bool core_kinds_match(const struct btf_type *a, const struct btf_type *b);

/* The record's spec ("0:1:3": indices of array, members, elements) in the program's BTF. */
int core_spec_parse(const struct btf *btf, u32 type_id, const char *text, u32 kind,
		    struct core_spec *spec);
/* The same place in another type: 1 found, 0 it has none, or -errno. */
int core_spec_match(const struct core_spec *local, const struct btf *target, u32 type_id,
		    struct core_spec *spec);

/* core_types.c: 1 yes, 0 no, -EINVAL: too deep or broken. */
int core_types_compatible(const struct btf *local, u32 local_id, const struct btf *target,
			  u32 target_id);
int core_types_match(const struct btf *local, u32 local_id, const struct btf *target,
		     u32 target_id);

/* Name of enumerator `index`. */
const char *core_enumerator(const struct btf *btf, const struct btf_type *t, u32 index);
u64 core_enum_value(const struct btf_type *t, u32 index);

#endif
