/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BTF, the BPF Type Format (Linux Documentation/bpf/btf.rst): parsing and checking raw
 * bytes, looking types up, sizes and members. A struct btf is immutable once made, so
 * any number of threads may read it.
 */
#ifndef SKEP_BTF_BTF_H
#define SKEP_BTF_BTF_H

#include <linux/btf.h>

#include "base/text.h"
#include "base/types.h"


struct btf {
	u8 *data; /* own copy: header, types, strings */
	u32 size;
	const struct btf_type **types; /* by id; [0] is void */
	u32 n_types;
	const char *strings;
	u32 strings_len;
	u32 *sizes;  /* resolved byte size per id; 0 where there is none */
	u32 *hash;   /* name lookup */
	u32 hash_mask;
	const struct btf *base; /* split BTF: ids below base->n_types are there */
};

/*
 * Parses and checks raw BTF as Linux's BTF_LOAD does. log receives one line on error
 * (may be NULL). 0, -EINVAL, -E2BIG, -ENOMEM. The bytes are copied.
 */
int btf_parse(const void *data, u32 size, const struct btf *base, struct text *log,
	      struct btf **out);
void btf_free(struct btf *btf);

/* NULL when id is out of range. */
const struct btf_type *btf_type(const struct btf *btf, u32 id);
/* Never NULL: "" for anonymous or invalid offsets. */
const char *btf_name(const struct btf *btf, u32 name_off);
static inline u32 btf_kind(const struct btf_type *t)
{
	return BTF_INFO_KIND(t->info);
}
static inline u32 btf_vlen(const struct btf_type *t)
{
	return BTF_INFO_VLEN(t->info);
}

/* Id of the type of that name and kind (kind 0: any), or -ENOENT. */
s32 btf_find(const struct btf *btf, const char *name, u32 kind);
/* Follows typedefs and qualifiers (const, volatile, restrict, type tags). */
const struct btf_type *btf_resolve(const struct btf *btf, u32 id, u32 *resolved_id);
/* Byte size of a value of this type, or -EINVAL (void, functions, forward declarations). */
s64 btf_size(const struct btf *btf, u32 id);
const char *btf_kind_name(u32 kind);

/* A member found by name, also inside anonymous structs and unions. */
struct btf_field {
	u32 type_id;
	u32 bit_offset;
	u32 bit_size; /* 0 unless a bitfield */
};
int btf_find_member(const struct btf *btf, u32 struct_id, const char *name, struct btf_field *out);

/* Prints a value of that type from data (size bytes; stops there) as bpftool and %Tx do. */
struct btf_show_opts {
	bool json;
	bool compact;	/* one line */
	bool names;	/* type names in front, as bpf_snprintf_btf does */
	bool zeroes;	/* also members that are zero */
	u32 indent;
};
void btf_show(struct text *out, const struct btf *btf, u32 type_id, const void *data, u32 size,
	      const struct btf_show_opts *opts);
/* The C declaration of a type: "struct task_struct *". */
void btf_type_text(struct text *out, const struct btf *btf, u32 type_id);

/* Building BTF (the presented kernel's, tests). Ids are returned; negative errno on failure. */
struct btf_builder;
struct btf_builder *btf_builder_new(void);
void btf_builder_free(struct btf_builder *b);
s32 btf_add_int(struct btf_builder *b, const char *name, u32 size, u32 encoding);
s32 btf_add_ptr(struct btf_builder *b, u32 type);
s32 btf_add_array(struct btf_builder *b, u32 elem, u32 index, u32 n);
s32 btf_add_struct(struct btf_builder *b, const char *name, u32 size, bool is_union);
/* Adds to the struct added last. */
s32 btf_add_member(struct btf_builder *b, const char *name, u32 type, u32 bit_offset, u32 bits);
s32 btf_add_fwd(struct btf_builder *b, const char *name, bool is_union);
s32 btf_add_enum(struct btf_builder *b, const char *name, u32 size, bool is_signed);
s32 btf_add_enumerator(struct btf_builder *b, const char *name, s64 value);
s32 btf_add_typedef(struct btf_builder *b, const char *name, u32 type);
s32 btf_add_modifier(struct btf_builder *b, u32 kind, u32 type);
s32 btf_add_func_proto(struct btf_builder *b, u32 ret);
s32 btf_add_param(struct btf_builder *b, const char *name, u32 type);
s32 btf_add_func(struct btf_builder *b, const char *name, u32 proto, u32 linkage);
/* The finished bytes, owned by the builder. */
const void *btf_builder_data(struct btf_builder *b, u32 *size);

#endif
