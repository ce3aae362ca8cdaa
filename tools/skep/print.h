/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Maps for people: hashes as tables sorted by their first number, arrays by index; an array
 * of integers that is called "slots", and an array map whose name ends in "hist", as a
 * histogram with a slot per power of two. A unit in the name (_ns, _us, _ms, _bytes) is
 * shown. For machines: one JSON object.
 */
#ifndef SKEP_TOOLS_PRINT_H
#define SKEP_TOOLS_PRINT_H

#include "snapshot.h"

struct print_opts {
	FILE *out;
	u32 top;      /* rows of a table; 0: all */
	u32 hists;    /* histograms of a map; 0: all */
	u64 floor_ns; /* beside histograms of times; 0: not known */
};

void print_map(const struct print_opts *opts, struct snapshot *snapshot);
/* "name":{"type":...,"entries":[{"key":...,"value":...},...]} */
void print_map_json(FILE *out, struct snapshot *snapshot);
/* The variables of .data, .bss, .rodata: a line each. */
void print_variables(FILE *out, const struct snapshot *snapshot);

#endif
