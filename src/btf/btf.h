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
	void *memory;                  /* that data lies in, placed so that the types are aligned */
	const struct btf_type **types; /* types[id - start_id]; without a base [0] is void */
	u32 start_id;                  /* first own id: 0, or base->n_types */
	u32 n_types;                   /* ids are below this, the base's included */
	const char *strings;
	u32 strings_len;
	u32 start_str; /* first own string offset: 0, or the end of the base's */
	u32 *resolved; /* per own id: what modifiers, pointers and variables lead to */
	u32 *sizes;    /* per own id: size in bytes, BTF_NO_SIZE where there is none */
	u32 *buckets;  /* name lookup: first id of a chain, 0 ends it */
	u32 *chain;    /* per own id: the next one */
	u32 bucket_mask;
	const struct btf *base; /* split BTF: ids below start_id are there */
};

#define BTF_NO_SIZE 0xffffffffu

/*
 * Parses and checks raw BTF as Linux's BTF_LOAD does. log receives one line on error
 * (may be NULL). 0, -EINVAL, -E2BIG, -ENOTSUPP, -ELOOP, -ENOMEM. The bytes are copied; base
 * must outlive the result.
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
static inline bool btf_kflag(const struct btf_type *t)
{
	return BTF_INFO_KFLAG(t->info);
}
static inline const struct btf_member *btf_members(const struct btf_type *t)
{
	return (const struct btf_member *)(t + 1);
}
static inline const struct btf_array *btf_array_of(const struct btf_type *t)
{
	return (const struct btf_array *)(t + 1);
}
static inline const struct btf_param *btf_params(const struct btf_type *t)
{
	return (const struct btf_param *)(t + 1);
}
static inline const struct btf_var_secinfo *btf_var_secinfos(const struct btf_type *t)
{
	return (const struct btf_var_secinfo *)(t + 1);
}
static inline u32 btf_int_data(const struct btf_type *t)
{
	return *(const u32 *)(t + 1);
}
/* Where a member starts in its struct, in bits; its width when it is a bitfield, else 0. */
static inline u32 btf_member_bits(const struct btf_type *t, const struct btf_member *m)
{
	return btf_kflag(t) ? BTF_MEMBER_BIT_OFFSET(m->offset) : m->offset;
}
static inline u32 btf_member_width(const struct btf_type *t, const struct btf_member *m)
{
	return btf_kflag(t) ? BTF_MEMBER_BITFIELD_SIZE(m->offset) : 0;
}
/* const, volatile, restrict, typedef, type tag. */
static inline bool btf_is_modifier(const struct btf_type *t)
{
	u32 kind = btf_kind(t);

	return kind == BTF_KIND_CONST || kind == BTF_KIND_VOLATILE || kind == BTF_KIND_RESTRICT ||
	       kind == BTF_KIND_TYPEDEF || kind == BTF_KIND_TYPE_TAG;
}
static inline bool btf_is_composite(const struct btf_type *t)
{
	return btf_kind(t) == BTF_KIND_STRUCT || btf_kind(t) == BTF_KIND_UNION;
}

/* Id of the type of that name and kind (kind 0: any), or -ENOENT. */
s32 btf_find(const struct btf *btf, const char *name, u32 kind);
/* Length of a name without what follows "___": the flavor, by which programs tell several
 * views of one type apart. */
size_t btf_essential_len(const char *name);
/*
 * A chain, in the order of ids, that has all own types whose names have the same essential
 * part, and others: the first one, 0 at the end.
 */
u32 btf_first_alike(const struct btf *btf, const char *name);
static inline u32 btf_next_alike(const struct btf *btf, u32 id)
{
	return btf->chain[id - btf->start_id];
}
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
	bool compact; /* one line */
	bool names;   /* type names in front, as bpf_snprintf_btf does */
	bool zeroes;  /* also members that are zero */
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
s32 btf_add_type_tag(struct btf_builder *b, const char *tag, u32 type);
s32 btf_add_func_proto(struct btf_builder *b, u32 ret);
s32 btf_add_param(struct btf_builder *b, const char *name, u32 type);
s32 btf_add_func(struct btf_builder *b, const char *name, u32 proto, u32 linkage);
s32 btf_add_var(struct btf_builder *b, const char *name, u32 type, u32 linkage);
s32 btf_add_datasec(struct btf_builder *b, const char *name, u32 size);
s32 btf_add_secinfo(struct btf_builder *b, u32 var, u32 offset, u32 size);
s32 btf_add_float(struct btf_builder *b, const char *name, u32 size);
s32 btf_add_decl_tag(struct btf_builder *b, const char *tag, u32 type, s32 component);
/* The finished bytes, owned by the builder; NULL when an addition failed. */
const void *btf_builder_data(struct btf_builder *b, u32 *size);

#endif
