/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values as text and as JSON, by their BTF type: numbers, enumerators by name, char arrays
 * as strings, structs by member name; trailing zero elements of an array are left out. A
 * member named syscall_nr is shown with the call's name. Without a type, up to 8 bytes are
 * a number, and more are hex digits.
 */
#ifndef SKEP_TOOLS_SHOW_H
#define SKEP_TOOLS_SHOW_H

#include <stdio.h>

#include "btf/btf.h"

struct shown {
	const struct btf *btf; /* may be NULL, then type is not used */
	u32 type;
	const char *name; /* of the member or map, or NULL */
	u32 bit_offset;   /* of the value in data */
	u32 bit_size;     /* 0 unless a bitfield */
	u32 size;         /* bytes, when there is no type */
};

/* bare: strings without quotes, for the cell of a table. */
void show_text(FILE *out, const struct shown *value, const void *data, bool bare);
void show_json(FILE *out, const struct shown *value, const void *data);
void show_json_string(FILE *out, const char *bytes, size_t len);

/* Members of a struct or union, anonymous ones flattened; else the value itself, once. Returns
 * how many there are; at most max are written. */
u32 show_parts(const struct shown *value, struct shown *parts, u32 max);

/* True for what is a plain number (not an enum, not a bool); *number receives it. */
bool show_number(const struct shown *value, const void *data, s64 *number, bool *is_signed);
/* Stores one back (byte-aligned only). */
void show_set_number(const struct shown *value, void *data, u64 number);

/* An array of integers: its element count and size, or false. */
bool show_int_array(const struct shown *value, u32 *n, u32 *elem_size);

#endif
