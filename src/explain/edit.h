/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changing a program: instructions are put in between others, and jumps, calls, line_info
 * and func_info follow. The result is verified like any other program.
 */
#ifndef SKEP_EXPLAIN_EDIT_H
#define SKEP_EXPLAIN_EDIT_H

#include "base/vec.h"
#include "isa/insn.h"
#include "verifier/verifier.h"

struct edit {
	VEC(struct bpf_insn) insns;
	u8 *lines, *funcs; /* copies of the request's records */
	const struct verify_request *request;
	bool gpl;	   /* as if the licence were compatible */
	bool failed;	   /* out of memory, or a jump is too far now */
};

/* Who runs through what is put before an instruction. */
enum edit_way {
	EDIT_ALL,	   /* whoever comes to the instruction */
	EDIT_FALL_THROUGH, /* who comes from the instruction before, not who jumps to it */
};

void edit_init(struct edit *edit, const struct verify_request *request);
void edit_release(struct edit *edit);

/* Puts n instructions before the one at `at`. */
void edit_insert(struct edit *edit, u32 at, const struct bpf_insn *code, u32 n, enum edit_way way);
/*
 * Puts n instructions on the way that the conditional jump at `from` takes when it is taken:
 * behind the function that ends at `end`, with a jump to the old target after them.
 */
void edit_insert_on_jump(struct edit *edit, u32 from, u32 end, const struct bpf_insn *code, u32 n);

/* Verifies the changed program: as verify(). The image, if there is one, is freed. */
int edit_verify(const struct edit *edit, struct verify_result *result);

#endif
