/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values as people write them, turned into bytes by their BTF type:
 *
 *	12  -3  0x1f  'a'  true	numbers, into any integer
 *	XDP_PASS		an enumerator, also into an integer
 *	"text"			a char array, the rest zero
 *	[1, 2, 3]		an array, the rest zero
 *	{pid: 7, comm: "sh"}	a struct or union by member name, the rest zero
 *	hex:00ff10		the bytes themselves, the rest zero
 *
 * btf_show is the way back.
 */
#ifndef SKEP_TOOLS_VALUE_H
#define SKEP_TOOLS_VALUE_H

#include "btf/btf.h"

/* Where enumerators are looked for that the object's BTF does not have. May be NULL. */
extern const struct btf *value_more_enumerators;

struct value_error {
	char message[160];
};

/*
 * Parses one value of type_id at *text into out (size bytes) and moves *text behind it.
 * btf NULL or type_id 0: without a type; numbers and hex: are taken. 0 or -EINVAL.
 */
int value_parse(const char **text, const struct btf *btf, u32 type_id, void *out, u32 size,
		struct value_error *error);

/* Hex digits, blanks between them allowed, up to the first other character. The number of
 * bytes, which may be more than size (those are not written); -EINVAL for an odd digit. */
s64 value_parse_hex(const char **text, void *out, u64 size);

#endif
