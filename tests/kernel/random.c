/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fuzz target of bpf(2) (tests/fuzz/attr.c) on inputs of a fixed seed: short, the same
 * everywhere, most useful under AddressSanitizer. SKEP_RANDOM_ROUNDS makes it longer.
 */
#include <stdint.h>
#include <stdlib.h>

#include "lib/test.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

uint32_t count_fds(void); /* support.c */

static uint64_t state = 0x9e3779b97f4a7c15u;

static uint32_t random32(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 32);
}

TEST(random_calls_do_no_harm)
{
	const char *rounds = getenv("SKEP_RANDOM_ROUNDS");
	uint32_t n = rounds ? (uint32_t)atoi(rounds) : 1000, fds;
	static uint8_t input[2048];

	LLVMFuzzerTestOneInput(input, 0);
	fds = count_fds();

	for (uint32_t i = 0; i < n; i++) {
		size_t size = random32() % sizeof(input);

		for (size_t at = 0; at < size; at++)
			input[at] = (uint8_t)(random32() % 4 ? random32() % 16 : random32());
		LLVMFuzzerTestOneInput(input, size);
	}
	CHECK(count_fds() == fds);
	test_note("%u inputs", n);
}
