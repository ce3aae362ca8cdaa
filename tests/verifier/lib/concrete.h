/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine that runs a program as it was loaded and knows, of every number, whether it is
 * a pointer and into what. It is written for one purpose, being compared with abstract
 * states, and shares nothing with the engines.
 */
#ifndef SKEP_TESTS_CONCRETE_H
#define SKEP_TESTS_CONCRETE_H

#include "verifier/lib/subject.h"

/* A value and the object it points into: that object's address, 0 for numbers. */
struct concrete {
	u64 value, base;
};

struct concrete_frame {
	struct concrete regs[11]; /* [10].base is the top of the stack below */
	u64 slot_base[64];	  /* of 8-byte words that hold a pointer; [0] is fp-8 */
	s32 callsite;
	u32 return_to;
	/* A callback of bpf_loop: which round it is in. */
	bool in_loop;
	u32 round, rounds;
	struct concrete loop_ctx;
	u8 stack[512] __attribute__((aligned(8)));
};

#define CONCRETE_PACKET 256
#define CONCRETE_ELEMENTS 8 /* of a hash; an array has its own number */
#define CONCRETE_RECORD 64 /* bytes of the largest ringbuf record */

struct machine {
	const struct bpf_insn *insns;
	u32 prog_type;
	u32 pc;
	s32 depth;
	u64 random;
	struct concrete_frame frames[8];
	u8 ctx[8192] __attribute__((aligned(8)));
	u8 packet[CONCRETE_PACKET] __attribute__((aligned(8)));
	u32 packet_len;
	u8 values[FIXTURE_COUNT][512] __attribute__((aligned(8)));
	u8 keys[FIXTURE_COUNT][CONCRETE_ELEMENTS][16];
	bool used[FIXTURE_COUNT][CONCRETE_ELEMENTS];
	u8 record[CONCRETE_RECORD] __attribute__((aligned(8)));
	u32 record_len; /* 0: none is reserved */
};

enum step_result { STEP_ON, STEP_END, STEP_UNSUPPORTED, STEP_FAULT };

/* Ready to run the program from the start, with memory and packet made from the seed. */
void machine_start(struct machine *m, const struct subject *s, u64 seed);
/* Does the machine know contexts of this program type? */
bool machine_runs_type(u32 prog_type);
/* FAULT: the instruction touches memory that is not the program's. */
enum step_result machine_step(struct machine *m);

#endif
