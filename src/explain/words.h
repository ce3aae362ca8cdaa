/* SPDX-License-Identifier: Apache-2.0 */
/* Instructions, values and places in words: what all parts of an explanation are written in. */
#ifndef SKEP_EXPLAIN_WORDS_H
#define SKEP_EXPLAIN_WORDS_H

#include "explain/explain.h"
#include "explain/path.h"

/* ---- source.c ---- */

/* Where an instruction comes from; insn -1 gives an empty place. */
struct place place_of(const struct verify_request *request, s64 insn);
/* Lines of the same file near it that line_info knows, in order, at most max. */
u32 places_around(const struct verify_request *request, const struct place *at, struct place *out,
		  u32 max);

/* ---- what the verifier's messages tell (describe.c) ---- */

/* "... should have been in [0, 1]" */
bool range_in_message(const char *message, s64 *min, s64 *max);
/* "arg#0", "trusted arg0": the number of the register, 1 to 5; 0: no such word. */
u32 argument_in_message(const char *message);

/* ---- describe.c ---- */

/* "a number from 0 to 255", "a packet pointer, ...". path (for names of maps) may be NULL. */
void describe_reg(struct text *out, const struct path *path, const struct reg *reg);
/* The instruction as the verifier's log prints it. */
void describe_insn(struct text *out, const struct verify_request *request, u32 insn);
/* "r1 > r2": the condition of a jump. */
void describe_condition(struct text *out, const struct bpf_insn *insn);
/* "r1", "the stack at fp-8". */
void describe_loc(struct text *out, struct loc loc);
/* "bpf_map_lookup_elem", the function's name, "a kernel function". */
void describe_callee(struct text *out, const struct verify_request *request,
		     const struct path *path, u32 insn);
/* Bytes that a load or store touches; 0 for others. */
u32 insn_access_size(const struct bpf_insn *insn);
/* All words of one state of the program, for --show-states. */
void describe_frame(struct text *out, const struct path *path, const struct frame *frame);

#endif
