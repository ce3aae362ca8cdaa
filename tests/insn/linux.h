/* SPDX-License-Identifier: Apache-2.0 */
/* The Linux that the tests run on, as an oracle: loads a program, runs it once, lets it go. */
#ifndef SKEP_TESTS_INSN_LINUX_H
#define SKEP_TESTS_INSN_LINUX_H

#include "isa/asm.h"

/* NULL when this machine's bpf(2) can be used, else why not. */
const char *linux_unusable(void);

/* A program fd, or -errno; log (may be NULL) gets what the verifier says. */
int linux_load(u32 prog_type, const struct bpf_insn *insns, u32 n, u32 log_level, char *log,
	       u32 log_size);

/* PROG_TEST_RUN. data is changed to what the program made of it. 0 or -errno. */
int linux_run(int fd, u8 *data, u32 size, u32 *result);

#endif
