/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CO-RE inside PROG_LOAD ("compile once, run everywhere", Linux Documentation/bpf/btf.rst and
 * libbpf's): a record says which field, type or enumerator of the program's own BTF an
 * instruction was compiled for, and the loader, here the kernel, puts in what that is in the
 * kernel's BTF. Loaders usually do it themselves; light skeletons leave it to the kernel.
 */
#ifndef SKEP_BTF_CORE_H
#define SKEP_BTF_CORE_H

#include <linux/bpf.h>

#include "btf/btf.h"

/* A relocated instruction that has no meaning in this kernel becomes a call of this helper. */
#define CORE_POISON 195896080

/*
 * Applies record number `nr` to insns (n_insns of them). local: the program's BTF; target: the
 * kernel's. 0, or -EINVAL, -E2BIG, -ERANGE, -EOPNOTSUPP with a line in log: the record is not
 * sound, the instruction is none that can be relocated, or several types of the kernel fit and
 * disagree. What fits no type of the kernel is no error: the instruction is poisoned, and the
 * verifier refuses it where it can be reached.
 */
int core_relocate(const struct btf *local, const struct btf *target,
		  const struct bpf_core_relo *relo, u32 nr, struct bpf_insn *insns, u32 n_insns,
		  struct text *log);

#endif
