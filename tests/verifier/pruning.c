/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pruning cuts work, never a refusal: what is accepted with it is accepted without. Random
 * programs and their mutants are verified both ways. SKEP_CAMPAIGN=n tries n times as many.
 */
#include <stddef.h>
#include <stdlib.h>

#include "lib/gen.h"
#include "lib/test.h"
#include "verifier/verifier.h"

#define MUTANTS 4

static struct map maps[] = {
	{ .facts = { .type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 48,
		     .max_entries = 1 } },
	{ .facts = { .type = BPF_MAP_TYPE_HASH, .key_size = 4, .value_size = 16,
		     .max_entries = 8 } },
};
static const struct gen_map gen_maps[] = {
	{ .ref = 0, .ref_src = BPF_PSEUDO_MAP_FD, .value_ref_src = BPF_PSEUDO_MAP_VALUE,
	  .value_size = 48, .max_entries = 1 },
	{ .ref = 1, .ref_src = BPF_PSEUDO_MAP_FD, .hash = true, .value_size = 16, .max_entries = 8 },
};
static const struct gen_helper gen_helpers[] = { { BPF_FUNC_get_smp_processor_id, 0 },
						 { BPF_FUNC_get_prandom_u32, 0 } };

static struct kernel_model *model;

static int resolve(void *data, s32 number, bool is_index, struct map **map)
{
	if (number < 0 || number >= (s32)ARRAY_SIZE(maps))
		return -EBADF;
	*map = &maps[number];
	return 0;
}

static int judge(const struct bpf_insn *insns, u32 n, bool prune, struct verify_result *result)
{
	struct verify_request request = { .model = model, .prog_type = BPF_PROG_TYPE_SCHED_CLS,
					  .insns = insns, .insn_cnt = n, .gpl_compatible = true,
					  .privileged = true, .resolver = { NULL, resolve },
					  .no_pruning = !prune };
	int err = verify(&request, result);

	image_free(result->image);
	return err;
}

static void generate(u64 seed, struct gen_rng *rng, struct gen_prog *out)
{
	struct gen_opts opts = {
		.seed = seed,
		.features = GEN_ALL & ~GEN_LD_ABS,
		.size = 10 + gen_below(rng, 100),
		.max_iterations = 4,
		.maps = gen_maps,
		.n_maps = ARRAY_SIZE(gen_maps),
		.helpers = gen_helpers,
		.n_helpers = ARRAY_SIZE(gen_helpers),
		.ctx = { .data = offsetof(struct __sk_buff, data),
			 .data_end = offsetof(struct __sk_buff, data_end), .ptr_size = 4,
			 .scalars = offsetof(struct __sk_buff, cb), .scalars_size = 20,
			 .writable_size = 20 },
	};

	gen_program(&opts, out);
}

TEST(what_pruning_accepts_is_accepted_without)
{
	static struct gen_prog program;
	static struct bpf_insn insns[GEN_MAX];
	const char *campaign = getenv("SKEP_CAMPAIGN");
	u32 n = 150 * (u32)(campaign && atoi(campaign) > 0 ? atoi(campaign) : 1);
	u32 accepted = 0, too_large = 0;
	u64 with = 0, without = 0;

	REQUIRE(model || model_skep_new(&model) == 0);
	for (u32 i = 0; i < n * MUTANTS; i++) {
		struct gen_rng rng = { i / MUTANTS };
		struct verify_result pruned, full;
		int err;

		generate(i / MUTANTS, &rng, &program);
		memcpy(insns, program.insns, program.len * sizeof(*insns));
		rng.state += i;
		if (i % MUTANTS)
			gen_mutate(&rng, insns, program.len);
		if (judge(insns, program.len, true, &pruned))
			continue;
		accepted++;
		err = judge(insns, program.len, false, &full);
		with += pruned.stats.insns_processed;
		without += full.stats.insns_processed;
		too_large += err == -E2BIG;
		if (err && err != -E2BIG)
			test_fail(__FILE__, __LINE__, "seed %u, mutant %u: %s at %d", i / MUTANTS,
				  i % MUTANTS, full.refusal.message, full.refusal.insn);
	}
	test_note("%u of %u accepted (%u too large without pruning); %llu instructions with, %llu without",
		  accepted, n * MUTANTS, too_large, (unsigned long long)with,
		  (unsigned long long)without);
	CHECK(accepted > n / 2);
	CHECK(without > 2 * with);
}
