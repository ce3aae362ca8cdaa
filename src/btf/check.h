/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to the btf room: one check of raw BTF, from bytes to a struct btf.
 *
 *	parse.c		header, sections, strings; cuts the type section into descriptions and
 *			checks each by itself (describe.c)
 *	describe.c	is one description well-formed? Names, counts, sizes, flags; other types
 *			are not looked at
 *	resolve.c	do the descriptions fit together? No type contains itself, every member
 *			lies in its struct, everything has the size it needs
 *
 * The rules and their order are those of Linux's BTF_LOAD, so that errno and the line in the
 * log agree with it.
 */
#ifndef SKEP_BTF_CHECK_H
#define SKEP_BTF_CHECK_H

#include "base/vec.h"
#include "btf/btf.h"

/* Newer than some systems' <linux/btf.h>. */
#define BTF_MAX_SIZE      (16u << 20)
#define BTF_NAME_MAX      512 /* longest name, its end included */
#define BTF_RESOLVE_DEPTH 32
#define BTF_INFO_MASK     0x9f00ffffu
#define BTF_INT_MASK      0x0fffffffu
#define BTF_KINDS         (BTF_KIND_ENUM64 + 1)

struct btf_check {
	struct btf *btf;
	struct text *log; /* may be NULL */
	u32 id;           /* of the type that is being checked */
	VEC(const struct btf_type *) types;
};

/* Bytes that follow struct btf_type in this description, or -errno. */
s64 btf_describe(struct btf_check *check, const struct btf_type *t, u32 left);
int btf_resolve_all(struct btf_check *check);

/* Both log "[id] KIND name details message" and return -EINVAL. */
PRINTF_LIKE(3, 4)
int btf_refuse(struct btf_check *check, const struct btf_type *t, const char *fmt, ...);
int btf_refuse_member(struct btf_check *check, const struct btf_type *t, const struct btf_member *m,
		      const char *message);

bool btf_name_in_range(const struct btf *btf, u32 offset);
bool btf_name_is_identifier(const struct btf *btf, u32 offset);
bool btf_int_is_regular(const struct btf_type *t);

/*
 * The type with a size that id stands for, through modifiers and variables that are resolved
 * already; NULL when it has none. *id and *size are set when one is found.
 */
const struct btf_type *btf_sized(const struct btf *btf, u32 *id, u32 *size);

#endif
