/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The path to a refusal: its instructions, and what each of them changed in the abstract
 * state. The verifier is run again: once to number all steps and the step before each, then,
 * with a bound on the length of paths, to find a shorter way to the same refusal, and once
 * more to keep the states on the path that was chosen.
 */
#ifndef SKEP_EXPLAIN_PATH_H
#define SKEP_EXPLAIN_PATH_H

#include "base/vec.h"
#include "verifier/state.h"
#include "verifier/verifier.h"

/* Where a value is: a register, or a slot of the stack. */
#define LOC_SLOT 16
struct loc {
	u8 frame;
	u8 at; /* 0..10: register; LOC_SLOT + i: slot i */
};

/* A location has this value from this step on. */
struct change {
	struct loc loc;
	u32 step; /* index in path: the value that the instruction there finds */
	struct slot value; /* registers: .reg */
};

struct path_step {
	u32 insn;
	u32 n_refs;
	u8 depth;
};

struct path_map {
	const struct map_facts *facts;
	struct map *map; /* NULL: template of an inner map */
};

struct path_func {
	u32 start, end;
	const char *name;
	bool global;
};

/* What a load or a call was seen to leave in its register. */
struct path_result {
	u8 kind, flags;
	u32 size;
};

#define PATH_REFS 16

struct path {
	VEC(struct path_step) steps; /* the last one is the refused instruction */
	VEC(struct change) changes;  /* sorted by step */
	u32 captured;	/* states are known from this step on */
	bool found;	/* there is a path; else the program was refused before it was walked */
	u32 n_insns;
	u16 *live;	/* registers that are live before each instruction; NULL: not known */
	struct path_result *results; /* by instruction: the first pointer seen, else a number */
	VEC(struct path_map) maps;
	VEC(struct path_func) funcs;
	struct {
		u32 id;
		s32 insn;
	} refs[PATH_REFS]; /* held at the end */
	u32 n_refs;
};

/* 0 (also when the refusal came before any path), or -ENOMEM. */
int path_record(struct path *path, const struct verify_request *request,
		const struct verify_result *refused);
void path_release(struct path *path);

/* The last change of the location at or before that step; NULL: none known. */
const struct change *path_change(const struct path *path, u32 step, struct loc loc);
/* The register as the instruction of that step finds it; NULL: never set. */
const struct reg *path_reg(const struct path *path, u32 step, u32 frame, u32 reg);
/* The function that an instruction belongs to; NULL: not known. */
const struct path_func *path_func(const struct path *path, u32 insn);

/* The request for running the verifier once more, without log and observers. */
struct verify_request request_again(const struct verify_request *request);

#endif
