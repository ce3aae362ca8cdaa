/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One entry of Linux's verifier tests as dump.c writes it and selftests.c reads it: this
 * struct, then n_insns instructions. Both are built together, so the bytes may be raw.
 */
#ifndef SKEP_TESTS_SELFTEST_ENTRY_H
#define SKEP_TESTS_SELFTEST_ENTRY_H

#include "verifier/lib/subject.h"

struct selftest_entry {
	struct subject subject; /* insns is NULL in the file */
	bool expect_accept;
	bool has_unprivileged, expect_accept_unprivileged;
	bool needs_unaligned;
	s32 runs;
	u32 retval;
	char expect_message[300], expect_message_unprivileged[300];
};

#endif
