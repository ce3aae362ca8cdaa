/* SPDX-License-Identifier: Apache-2.0 */
/* What the makers of suggestions share: see fixes.c. */
#ifndef SKEP_EXPLAIN_FIXER_H
#define SKEP_EXPLAIN_FIXER_H

#include "explain/edit.h"
#include "explain/fixes.h"
#include "explain/origins.h"

struct fixer {
	const struct verify_request *request;
	const struct path *path;
	struct explanation *e;
	u32 last;		     /* step of the refused instruction */
	u32 at;			     /* the refused instruction */
	u32 depth;		     /* its frame */
	const struct bpf_insn *insn; /* it */
	bool has_value;
	struct loc value; /* what the refusal is about */
	u64 deadline;
};

#define CODE_MAX 24

/* Instructions to be put somewhere. */
struct code {
	struct bpf_insn insns[CODE_MAX];
	u32 n;
};

/* ---- writing code: by operation, registers, offset, immediate ---- */
void put_mov(struct code *c, u32 dst, u32 src);
void put_mov_imm(struct code *c, u32 dst, s32 imm);
void put_add_imm(struct code *c, u32 dst, s32 imm);
void put_load(struct code *c, u32 size, u32 dst, u32 src, s32 off);
void put_store(struct code *c, u32 size, u32 dst, s32 off, u32 src);
void put_jump_imm(struct code *c, u32 op, u32 reg, s32 imm, s32 off);
void put_jump_reg(struct code *c, u32 op, u32 reg, u32 other, s32 off);
void put_call(struct code *c, s32 helper);
/* return K: two instructions. */
void put_return(struct code *c, const struct fixer *f);
/* if (!(reg op imm)) return K: four. */
void put_check_imm(struct code *c, const struct fixer *f, u32 op, u32 reg, s32 imm);

/* What a program of this type returns when it has nothing to do. */
s32 plain_result(const struct fixer *f);
/* The same as a person writes it: "XDP_PASS". */
const char *plain_result_name(const struct fixer *f, char buf[16]);

/* ---- what is known ---- */
const struct reg *reg_before(const struct fixer *f, u32 step, u32 reg);
/* A register that nobody needs before that instruction; not one of `not`. -1: none. */
int free_register(const struct fixer *f, u32 at, u32 not_these);
/* The bytes that a pointer to the start of that object may touch; 0: not known. */
u32 object_size(const struct fixer *f, const struct reg *reg);
/* The end of the function that an instruction belongs to. */
u32 function_end(const struct fixer *f, u32 at);
/* Lowest byte of stack that the function uses, as offset; so far as its r10 tells. */
s32 stack_used(const struct fixer *f, u32 at);
/* The variable that is assigned in that line ("c = bpf_..."); `otherwise` when none is seen. */
const char *assigned_variable(const struct place *at, const char *otherwise, char buf[48]);
/* The variable that indexes, "[i", or is added in that line. */
const char *index_variable(const struct place *at, const char *otherwise, char buf[48]);
/* The array that is indexed, "buf[". */
const char *array_variable(const struct place *at, const char *otherwise, char buf[48]);

/* ---- proposing ---- */

/* Verifies the edit and, when it helps, adds the suggestion. Takes the edit over. True: with it the
 * program loads. */
PRINTF_LIKE(5, 6)
bool propose(struct fixer *f, struct edit *edit, s64 place, const char *title, const char *fmt, ...);
/* code put before an instruction, proposed. */
PRINTF_LIKE(7, 8)
bool propose_before(struct fixer *f, u32 at, const struct code *c, enum edit_way way, s64 place,
		    const char *title, const char *fmt, ...);
/* Words only. */
PRINTF_LIKE(4, 5) void advise(struct fixer *f, s64 place, const char *title, const char *fmt, ...);
bool fixes_done(const struct fixer *f);

/* ---- the makers, one for each family of causes ---- */
void fix_null(struct fixer *f);	       /* fix_null.c */
void fix_packet(struct fixer *f);      /* fix_packet.c */
void fix_stale_packet(struct fixer *f);
void fix_bounds(struct fixer *f);      /* fix_bounds.c */
void fix_length(struct fixer *f);
void fix_result(struct fixer *f);
void fix_reference(struct fixer *f);   /* fix_held.c */
void fix_lock(struct fixer *f);
void fix_section(struct fixer *f);
void fix_modified(struct fixer *f);
void fix_unset(struct fixer *f);       /* fix_misc.c */
void fix_unset_stack(struct fixer *f);
void fix_licence(struct fixer *f);
void fix_probe_read(struct fixer *f);
void fix_sleep(struct fixer *f);
void fix_loop(struct fixer *f);
void fix_context(struct fixer *f);
void fix_helper(struct fixer *f);
void fix_map_type(struct fixer *f);

#endif
