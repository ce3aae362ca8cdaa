/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The buffer that machine code is emitted into. Emitters return nothing: the buffer keeps
 * the first error, and codebuf_link reports it.
 *
 * Bytes are appended; a branch appends none. It is only noted as "here, to that label", and
 * codebuf_link chooses the short or the long form of each and lays the code out around
 * them. So an address inside the buffer is a place: how many plain bytes and how many
 * branches stand before it.
 *
 *	offset(place) = place.pos + size of the first place.branches branches
 *
 * What depends on where the code or its data will live is left as a relocation; linked code
 * is position independent otherwise (struct jit_code).
 */
#ifndef SKEP_JIT_CODEBUF_H
#define SKEP_JIT_CODEBUF_H

#include "base/vec.h"

struct jit_code;

struct code_place {
	u32 pos;      /* plain bytes before it */
	u32 branches; /* branches before it */
};

/* A label is an index: codebuf_init makes the first ones, codebuf_label the others. */
typedef u32 code_label;

struct code_branch {
	u32 pos;
	code_label target;
	u8 kind; /* the target CPU's */
	bool far;
};

/* What a relocation stands for; index and addend say which. jit.c knows the values. */
enum jit_symbol {
	JIT_SYM_MAP,        /* image->maps[index]: the struct map */
	JIT_SYM_MAP_VALUE,  /* address of byte addend in the value of single-value array index */
	JIT_SYM_MAP_VALUES, /* first element of array map index */
	JIT_SYM_PROG,       /* the struct prog itself */
	JIT_SYM_HELPER,     /* function of image->calls[index] */
	JIT_SYM_RUNTIME,    /* function index of enum jit_runtime */
};

enum jit_runtime {
	JIT_RUN_ABORT,       /* run_abort */
	JIT_RUN_TAIL_TARGET, /* run_tail_target */
	JIT_RUN_LOAD_PACKET, /* image->load_packet */
	JIT_RUNTIME_MAX,
};

enum jit_reloc_kind {
	JIT_RELOC_ABS64, /* 8 bytes: the symbol's address */
	JIT_RELOC_CALL,  /* operand of a call: the symbol, or its veneer when that is too far */
};

struct code_reloc {
	struct code_place at;
	u8 kind;   /* enum jit_reloc_kind */
	u8 symbol; /* enum jit_symbol */
	u32 index;
	u32 addend;
	code_label veneer; /* with JIT_RELOC_CALL: code that jumps there from anywhere */
};

/* How branches of one kind may be written. Reach is counted from the end of the branch. */
struct code_branch_form {
	u8 near_size; /* 0: there is no short form */
	u8 far_size;
	s32 near_min, near_max;
};

struct code_branch_ops {
	const struct code_branch_form *forms; /* by kind */
	/* Writes a branch of that kind and form to at; distance is from its end. */
	void (*write)(u8 *at, u8 kind, bool far, s32 distance);
};

struct codebuf {
	int err; /* the first that happened */
	VEC(u8) bytes;
	VEC(struct code_place) labels;
	VEC(struct code_branch) branches;
	VEC(struct code_reloc) relocs;
};

/* Labels 0 to labels - 1 exist from the start (one per instruction). */
void codebuf_init(struct codebuf *buf, u32 labels);
void codebuf_release(struct codebuf *buf);

/* Notes an error, unless there is one already. */
void codebuf_fail(struct codebuf *buf, int err);
void codebuf_put(struct codebuf *buf, const void *bytes, size_t n);

code_label codebuf_label(struct codebuf *buf);
/* The label is here. */
void codebuf_bind(struct codebuf *buf, code_label label);
void codebuf_branch(struct codebuf *buf, u8 kind, code_label target);
/* The bytes that are emitted next will be patched. */
void codebuf_reloc(struct codebuf *buf, struct code_reloc reloc);

/*
 * Lays out and closes all branches. Fills bytes, len, relocs and n_relocs of *out, and
 * where[i] = offset of label i when where is not NULL. 0 or the buffer's error.
 */
int codebuf_link(struct codebuf *buf, const struct code_branch_ops *ops, struct jit_code *out,
		 u32 *where);

#endif
