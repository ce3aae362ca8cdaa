/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kernel to load programs into and run them once: the Linux that the tests run on, as an
 * oracle, or a Skep with its verifier and all. Nothing stays loaded.
 */
#ifndef SKEP_TESTS_INSN_KERNEL_H
#define SKEP_TESTS_INSN_KERNEL_H

#include "isa/asm.h"

struct skep;

struct kernel {
	const char *name;
	struct skep *skep; /* NULL: Linux */
	/* Does it know every instruction in isa/ops.h? */
	bool complete;
};

/* NULL, or why this machine's bpf(2) cannot be used. */
const char *kernel_linux(struct kernel *kernel);
const char *kernel_skep(struct kernel *kernel, bool jit);
void kernel_release(struct kernel *kernel);

/* What bpf(2) returns, or -errno. */
int kernel_bpf(const struct kernel *kernel, int cmd, union bpf_attr *attr);

/* A program fd, or -errno; log (may be NULL) gets what the verifier says. */
int kernel_load(const struct kernel *kernel, u32 prog_type, const struct bpf_insn *insns, u32 n,
		u32 log_level, char *log, u32 log_size);

/* The same with BTF that makes every function an int f(void *): callbacks, and tail calls out of
 * functions, need it. */
int kernel_load_functions(const struct kernel *kernel, u32 prog_type, const struct bpf_insn *insns,
			  u32 n, char *log, u32 log_size);

/* PROG_TEST_RUN. data is changed to what the program made of it. 0 or -errno. */
int kernel_run(const struct kernel *kernel, int fd, u8 *data, u32 size, u32 *result);

#endif
