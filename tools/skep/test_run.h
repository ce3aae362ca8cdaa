/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One test of `skep test`: a fresh kernel with the object loaded, the inputs set so far, and
 * what the last run gave.
 */
#ifndef SKEP_TOOLS_TEST_RUN_H
#define SKEP_TOOLS_TEST_RUN_H

#include "btf/btf.h"
#include "loader/loader.h"

#include <skep/skep.h>

#define TEST_PACKET_MAX 65536
#define TEST_CTX_MAX 65536 /* the largest context any program may touch */
#define TEST_MAX_POINTERS 32
#define TEST_MAX_HELPERS 16

/* A pointer member of a context of SEC("skep/NAME"), declared by the test file. */
struct test_pointer {
	char context[64], member[64];
	u32 size;
	bool writable;
	u8 *memory; /* of the running test */
};

/* A stand-in for a helper of the embedding program: returns a constant, fills with zeroes. */
struct test_helper {
	struct skep_helper helper;
	u64 result;
};

/* What a test file declares before its first test. */
struct test_setup {
	const char *object_path;
	struct test_pointer pointers[TEST_MAX_POINTERS];
	u32 n_pointers;
	struct test_helper helpers[TEST_MAX_HELPERS];
	u32 n_helpers;
};

struct test_run {
	struct test_setup *setup;
	struct skep *skep;
	struct loader_kernel kernel;
	struct loader *loader;
	struct btf *btf; /* of the object; NULL without */

	u8 packet[TEST_PACKET_MAX]; /* input of the next run, output of the last */
	u32 packet_len;
	u8 ctx[TEST_CTX_MAX];
	bool ctx_set;
	u64 result; /* r0 of the last run */
	bool has_run;
};

/* Makes the kernel and loads the object. 0, or -errno with a message. */
int test_run_open(struct test_run *run, struct test_setup *setup, struct loader_error *error);
void test_run_close(struct test_run *run);

/* Runs a program on the inputs. 0 or -errno with a message. */
int test_run_program(struct test_run *run, const char *name, struct loader_error *error);

/* The struct a program's context is, by the type of its function's parameter; 0: not told. */
u32 test_ctx_type(const struct test_run *run, const char *program);

/* A stand-in that is called as helper n. */
skep_helper_fn test_helper_function(u32 n);

#endif
