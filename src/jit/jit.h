/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an image to native code, in two steps. jit_compile makes bytes and relocations and
 * knows no address; jit_install copies them into code memory of this process, writes the
 * addresses in, and seals it read-execute. jit_prepare (vm/prog.h) does both for a prog.
 *
 *	image -- target->compile --> struct codebuf -- codebuf_link --> struct jit_code
 *	jit_code -- copy, relocate, os_code_publish --> prog->entry
 *
 * A CPU is one const struct jit_target (x86_64/target.c); this folder's other files know
 * nothing of any CPU.
 */
#ifndef SKEP_JIT_JIT_H
#define SKEP_JIT_JIT_H

#include "jit/codebuf.h"
#include "vm/prog.h"

#ifndef ENOTSUPP
#define ENOTSUPP 524 /* Linux's own "not supported", absent from <errno.h> */
#endif

/* struct code_reloc, linked. */
struct jit_reloc {
	u32 offset; /* of the bytes to patch */
	u8 kind;    /* enum jit_reloc_kind */
	u8 symbol;  /* enum jit_symbol */
	u32 index;
	u32 addend;
	u32 veneer; /* offset */
};

/* Compiled and not yet anywhere. Zeroed: empty. */
struct jit_code {
	u8 *bytes;
	u32 len;
	u32 text_len; /* instructions; after them come veneers and constants */
	u32 entry;    /* offset of the function for prog->entry */
	u32 tail_entry;
	struct jit_reloc *relocs;
	u32 n_relocs;
	u32 *insn_offset; /* by instruction: where its code starts, UINT32_MAX: none of its own */
};

/* Labels of the places that others need to know. */
struct jit_entries {
	code_label entry, tail_entry, text_end;
};

/* As features: those of this CPU, asked for only if one is wanted (CPUID can take 20 us in a
 * virtual machine). */
#define JIT_DETECT UINT32_MAX

struct jit_target {
	const char *name;
	const struct code_branch_ops *branches;
	/* Bits of this CPU's optional extensions. */
	u32 (*detect)(void);
	/* Emits the whole image. buf has labels: i for instruction i, image->len + i for the
	 * function that starts with it. */
	void (*compile)(const struct image *image, u32 features, struct codebuf *buf,
			struct jit_entries *entries);
	/* Patches the call operand at `at`, which will run at address `pc`. */
	void (*patch_call)(u8 *at, u64 pc, u64 target, u64 veneer);
	/* A function u64 (void *ctx) that continues as fn(ctx, arg). */
	void (*thunk)(struct codebuf *buf, u64 fn, u64 arg);
};

/* The CPU this code runs on, or NULL when Skep has no JIT for it. */
const struct jit_target *jit_host_target(void);

/*
 * features: what target->detect() gives, a part of it, or JIT_DETECT. 0 or -errno; -ENOTSUPP
 * for an instruction the target does not know.
 */
int jit_compile(const struct jit_target *target, const struct image *image, u32 features,
		struct jit_code *out);
void jit_code_release(struct jit_code *code);
/* Makes prog runnable with that code: entry, tail_entry, code, code_len, jited. */
int jit_install(const struct jit_target *target, const struct jit_code *code, struct prog *prog);

/*
 * Makes a native function u64 (*)(void *ctx) at code->rx that calls fn(ctx, arg).
 * os_code_release frees it. -ENOTSUPP without a JIT.
 */
int jit_thunk(struct os_code *code, u64 (*fn)(void *ctx, void *arg), void *arg);

#endif
