/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The BTF of the kernel that Skep presents, made from presented.h. Types refer to each other
 * in circles, so ids are dealt out first, in blocks, and the types are then added in that
 * order:
 *
 *	void *, char index type | integers and their typedefs | structs | pointers to structs |
 *	pointers to numbers | typedefs of structs | arrays, in the order members have them | enums |
 *	what <linux/bpf.h> has (uapi.c)
 */
#include "model/presented.h"
#include "base/str.h"
#include "btf/btf.h"
#include "helpers/helpers.h"
#include "model/presented_kfuncs.h"
#include "model/uapi.h"
#include "os/os.h"

#define D_NUM(type)     KERNEL_NUMBER_##type
#define D_NUMPTR(type)  KERNEL_NUMBER_##type
#define D_NUMS(type)    KERNEL_NUMBER_##type
#define D_OBJ(type)     KERNEL_STRUCT_##type
#define D_PTR(type)     KERNEL_STRUCT_##type
#define D_OBJS(type)    KERNEL_STRUCT_##type
#define D_PTRS(type)    KERNEL_STRUCT_##type
#define D_VOIDPTR(type) 0
#define D_MEMBER(what, of, field, count) \
	{ .name = #field,                \
	  .kind = MEMBER_##what,         \
	  .type = D_##what(of),          \
	  .n = count,                    \
	  .offset = offsetof(this_struct, field) },

/* One function a struct, so that offsetof knows which one it is in. */
#define DESCRIBE(text, typedefed, united)                                                       \
	static const struct kernel_struct_desc *describe_##text(void)                           \
	{                                                                                       \
		typedef struct kernel_##text this_struct;                                       \
		static const struct kernel_member_desc members[] = { KERNEL_##text(D_MEMBER) }; \
		static const struct kernel_struct_desc desc = {                                 \
			.name = #text,                                                          \
			.size = sizeof(this_struct),                                            \
			.is_typedef = typedefed,                                                \
			.is_union = united,                                                     \
			.n_members = ARRAY_SIZE(members),                                       \
			.members = members,                                                     \
		};                                                                              \
		return &desc;                                                                   \
	}
#define DESCRIBE_STRUCT(name)  DESCRIBE(name, false, false)
#define DESCRIBE_TYPEDEF(name) DESCRIBE(name, true, false)
#define DESCRIBE_UNION(name)   DESCRIBE(name, false, true)
KERNEL_STRUCTS(DESCRIBE_STRUCT, DESCRIBE_TYPEDEF, DESCRIBE_UNION)

const struct kernel_struct_desc *kernel_struct_desc(enum kernel_struct which)
{
	static const struct kernel_struct_desc *(*const all[])(void) = {
#define X(name) describe_##name,
		KERNEL_STRUCTS(X, X, X)
#undef X
	};

	return all[which]();
}

static const struct {
	const char *base, *typedef_name;
	u8 size, encoding;
} numbers[KERNEL_NUMBER_COUNT] = {
#define X(word, ctype, name, bits, alias) { name, alias, sizeof(ctype), bits },
	KERNEL_NUMBERS(X)
#undef X
};

struct maker {
	struct btf_builder *b;
	u32 number[KERNEL_NUMBER_COUNT];
	u32 pointer[KERNEL_NUMBER_COUNT]; /* to a number */
	u32 first_struct, first_pointer, first_array;
	u32 alias[KERNEL_STRUCT_COUNT]; /* what members refer to: the typedef where there is one */
	u32 void_pointer;
	u32 n_arrays;
};

static bool is_array(const struct kernel_member_desc *m)
{
	return m->kind == MEMBER_NUMS || m->kind == MEMBER_OBJS || m->kind == MEMBER_PTRS;
}

static u32 element_id(const struct maker *maker, const struct kernel_member_desc *m)
{
	switch (m->kind) {
	case MEMBER_NUM:
	case MEMBER_NUMS:
		return maker->number[m->type];
	case MEMBER_OBJ:
	case MEMBER_OBJS:
		return maker->alias[m->type];
	case MEMBER_PTR:
	case MEMBER_PTRS:
		return maker->first_pointer + m->type;
	case MEMBER_NUMPTR:
		return maker->pointer[m->type];
	}
	return maker->void_pointer;
}

static s32 same_integer(const struct maker *maker, u32 word)
{
	for (u32 i = 0; i < word; i++)
		if (!numbers[i].typedef_name && numbers[i].size == numbers[word].size &&
		    str_eq(numbers[i].base, numbers[word].base))
			return maker->number[i];
	return -ENOENT;
}

static u32 add_numbers(struct maker *maker)
{
	u32 last = maker->void_pointer = btf_add_ptr(maker->b, 0);

	for (u32 i = 0; i < KERNEL_NUMBER_COUNT; i++) {
		s32 id = same_integer(maker, i);

		if (id < 0)
			id = last = btf_add_int(maker->b, numbers[i].base, numbers[i].size,
						numbers[i].encoding);
		if (numbers[i].typedef_name)
			id = last = btf_add_typedef(maker->b, numbers[i].typedef_name, id);
		maker->number[i] = id;
	}
	return last;
}

/* Deals out the ids behind the numbers. */
static void assign_ids(struct maker *maker, u32 next)
{
	maker->first_struct = next;
	next += KERNEL_STRUCT_COUNT;
	maker->first_pointer = next;
	next += KERNEL_STRUCT_COUNT;
	for (u32 i = 0; i < KERNEL_NUMBER_COUNT; i++)
		maker->pointer[i] = next++;
	for (u32 i = 0; i < KERNEL_STRUCT_COUNT; i++)
		maker->alias[i] =
		    kernel_struct_desc(i)->is_typedef ? next++ : maker->first_struct + i;
	maker->first_array = next;
}

static void add_struct(struct maker *maker, const struct kernel_struct_desc *desc)
{
	btf_add_struct(maker->b, desc->is_typedef ? NULL : desc->name, desc->size, desc->is_union);
	for (u32 i = 0; i < desc->n_members; i++) {
		const struct kernel_member_desc *m = &desc->members[i];
		u32 type =
		    is_array(m) ? maker->first_array + maker->n_arrays++ : element_id(maker, m);

		btf_add_member(maker->b, m->name, type, m->offset * 8, 0);
	}
}

static void add_arrays(struct maker *maker, const struct kernel_struct_desc *desc)
{
	for (u32 i = 0; i < desc->n_members; i++)
		if (is_array(&desc->members[i]))
			btf_add_array(maker->b, element_id(maker, &desc->members[i]),
				      maker->number[KERNEL_NUMBER_UINT], desc->members[i].n);
}

static void add_structs(struct maker *maker)
{
	for (u32 i = 0; i < KERNEL_STRUCT_COUNT; i++)
		add_struct(maker, kernel_struct_desc(i));
	for (u32 i = 0; i < KERNEL_STRUCT_COUNT; i++)
		btf_add_ptr(maker->b, maker->alias[i]);
	for (u32 i = 0; i < KERNEL_NUMBER_COUNT; i++)
		btf_add_ptr(maker->b, maker->number[i]);
	for (u32 i = 0; i < KERNEL_STRUCT_COUNT; i++)
		if (kernel_struct_desc(i)->is_typedef)
			btf_add_typedef(maker->b, kernel_struct_desc(i)->name,
					maker->first_struct + i);
	for (u32 i = 0; i < KERNEL_STRUCT_COUNT; i++)
		add_arrays(maker, kernel_struct_desc(i));
}

/* What bpf_core_enum_value_exists asks: the helpers that Skep has. */
static void add_helper_enum(struct btf_builder *b)
{
	char name[64];

	btf_add_enum(b, "bpf_func_id", 4, false);
	btf_add_enumerator(b, "BPF_FUNC_unspec", 0);
	for (u32 id = 1; id < HELPER_COUNT; id++) {
		if (helper_protos[id]->flags & HELPER_ABSENT)
			continue;
		text_format(name, sizeof(name), "BPF_FUNC_%s", helper_protos[id]->name);
		btf_add_enumerator(b, name, id);
	}
}

int model_skep_btf(void **data, u32 *size)
{
	struct maker maker = { .b = btf_builder_new() };
	const void *bytes;
	int err;

	if (!maker.b)
		return -ENOMEM;
	assign_ids(&maker, add_numbers(&maker) + 1);
	add_structs(&maker);
	add_helper_enum(maker.b);
	uapi_add(maker.b, maker.number, maker.alias);
	err = kfuncs_add(maker.b);
	bytes = err ? NULL : btf_builder_data(maker.b, size);
	if (!err)
		err = -ENOMEM;
	if (bytes)
		*data = os_alloc(*size);
	if (bytes && *data) {
		memcpy(*data, bytes, *size);
		err = 0;
	}
	btf_builder_free(maker.b);
	return err;
}
