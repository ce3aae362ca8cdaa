/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A struct image straight from instructions, without the verifier: for tests of the
 * engines. What it runs must be safe by itself.
 */
#ifndef SKEP_TESTS_IMAGE_H
#define SKEP_TESTS_IMAGE_H

#include "isa/asm.h"
#include "model/image.h"

struct test_image_opts {
	/* Helpers that the program may call, by id; NULL ends the list. */
	const struct helper_proto *const *helpers;
	struct map **maps; /* for r1 = map[idx:N] */
	u32 n_maps;
	load_packet_fn load_packet;
	u32 flags; /* more of enum image_flag: IMAGE_BUDGET */
	/* Bytes of stack each function gets; 0: 512. */
	u32 stack_depth;
};

/*
 * Turns a program as PROG_LOAD takes it into an image: helper ids become indices,
 * helper 12 becomes the tail call form, subprograms and flags are found. The instructions
 * are copied. NULL after a test failure that says why.
 */
struct image *test_image(const struct bpf_insn *insns, u32 n, const struct test_image_opts *opts);
/* The same from text (isa/asm.h). opts may be NULL. */
struct image *test_image_text(const char *source, const struct test_image_opts *opts);

#endif
