/* SPDX-License-Identifier: Apache-2.0 */
/* The words in which layouts.c and sockets.c write their tables of context fields. */
#ifndef SKEP_MODEL_FIELDS_H
#define SKEP_MODEL_FIELDS_H

#include "model/ctx.h"
#include "model/layouts.h"

#define R         FIELD_READ
#define W         FIELD_WRITE
#define RW        (FIELD_READ | FIELD_WRITE)
#define NO        0
/* Numbers that may be read in smaller pieces. */
#define N(rights) ((rights) ? (rights) | FIELD_NARROW : 0)

#define UAPI_SIZE(type, field) sizeof(((type *)0)->field)

/* A number that sits in the run-time struct where programs see it. */
#define NUMBER(type, field, rights, ...)                                                         \
	{                                                                                        \
		.name = #field, .offset = offsetof(type, field), .size = UAPI_SIZE(type, field), \
		.run_offset = offsetof(type, field), .run_size = UAPI_SIZE(type, field),         \
		.kind = FIELD_SCALAR, .access = rights, __VA_ARGS__                              \
	}

/* A pointer: programs see the UAPI field, at run time it is a member of the run-time struct. */
#define POINTER(type, field, run_type, member, what, rights)                                     \
	{                                                                                        \
		.name = #field, .offset = offsetof(type, field), .size = UAPI_SIZE(type, field), \
		.run_offset = offsetof(run_type, member), .run_size = sizeof(void *),            \
		.kind = what, .access = rights                                                   \
	}

/* An array of u32. */
#define WORDS(type, field, rights, ...) NUMBER(type, field, rights, .unit = 4, __VA_ARGS__)

#define AT(attach_type) (1ull << (attach_type))

#define LAYOUT(id, type, table)                 \
	const struct ctx_layout layout_##id = { \
		.name = #type,                  \
		.size = sizeof(struct type),    \
		.fields = table,                \
		.n_fields = ARRAY_SIZE(table),  \
	}

#endif
