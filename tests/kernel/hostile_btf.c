/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernel models from damaged BTF (tests/fuzz/model.c): a small kernel's, some bytes of which are
 * others. Most useful under AddressSanitizer. SKEP_RANDOM_ROUNDS makes it longer.
 */
#include <stdint.h>
#include <stdlib.h>

#include "kernel/small_kernel.h"
#include "lib/test.h"
#include "model/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t state = 0x9e3779b97f4a7c15u;

static uint32_t random32(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 32);
}

/* A byte, or a whole number: ids and sizes are such. */
static void damage(uint8_t *bytes, uint32_t size)
{
	uint32_t at = 24 + random32() % (size - 28), word = random32() % 64;

	if (random32() % 2)
		bytes[at] = (uint8_t)random32();
	else
		memcpy(bytes + at / 4 * 4, &word, 4);
}

TEST(damaged_btf_does_no_harm)
{
	const char *rounds = getenv("SKEP_RANDOM_ROUNDS");
	uint32_t n = rounds ? (uint32_t)atoi(rounds) : 1500, size, models = 0;
	struct btf_builder *b = small_kernel();
	const uint8_t *whole = btf_builder_data(b, &size);
	uint8_t *bytes = malloc(size);

	REQUIRE(whole && bytes);
	for (uint32_t i = 0; i < n; i++) {
		struct kernel_model *model;

		memcpy(bytes, whole, size);
		for (uint32_t k = random32() % 4; k; k--)
			damage(bytes, size);
		LLVMFuzzerTestOneInput(bytes, size);
		if (model_linux_new(bytes, size, NULL, &model) == 0) {
			model_free(model);
			models++;
		}
	}
	test_note("%u kernels, of %u", models, n);
	CHECK(models > n / 4);
	free(bytes);
	btf_builder_free(b);
}
