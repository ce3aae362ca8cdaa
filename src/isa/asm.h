/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text to instructions and back, in the syntax of the LLVM BPF assembler and of Linux's
 * verifier log ("r0 = *(u32 *)(r1 +4)"). What isa_disasm prints, isa_assemble reads.
 */
#ifndef SKEP_ISA_ASM_H
#define SKEP_ISA_ASM_H

#include "base/text.h"
#include "base/vec.h"
#include "isa/insn.h"

typedef VEC(struct bpf_insn) insn_vec;

struct asm_error {
	u32 line; /* from 1 */
	char message[120];
};

/*
 * Assembles a whole program: one instruction a line, labels "name:" as jump and call
 * targets, ';' or '//' comments, numbers decimal or 0x. Appends to out.
 * 0, -EINVAL with *err filled, or -ENOMEM.
 */
int isa_assemble(const char *source, insn_vec *out, struct asm_error *err);

/* How the disassembler names what an index or id stands for; entries may be NULL. */
struct disasm_names {
	void *data;
	const char *(*helper)(void *data, const struct bpf_insn *insn); /* "bpf_map_lookup_elem" */
	/* Text for a 64-bit immediate ("map[name:hist]"), or NULL for the plain number. */
	const char *(*imm64)(void *data, const struct bpf_insn *insn, u64 value);
};

/* Prints one instruction as Linux's verifier log does: "(bf) r6 = r1" without the index. */
void isa_disasm(struct text *out, const struct bpf_insn *insn, const struct disasm_names *names);

#endif
