/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JIT against the interpreter on random programs: the same result, status and memory.
 * With BMI2 and without, with and without a budget that may run out anywhere.
 *
 *	test-jit-differential			50,000 programs
 *	SKEP_PROGRAMS=1000000 SKEP_SEED=7 test-jit-differential
 */
#include "jit/jit.h"

#include <stdlib.h>

#include "jit/world.h"
#include "lib/test.h"

static u64 from_env(const char *name, u64 otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

/* Totals over a campaign, to show that it tried something. */
struct totals {
	u64 programs, insns, ended_early, code_bytes;
	u64 features[GEN_N_FEATURES];
};

static bool compile(struct prog *prog, u32 features, struct totals *totals)
{
	const struct jit_target *target = jit_host_target();
	struct jit_code code;

	if (jit_compile(target, prog->image, features, &code))
		return false;
	totals->code_bytes += code.len;
	if (jit_install(target, &code, prog)) {
		jit_code_release(&code);
		return false;
	}
	jit_code_release(&code);
	return true;
}

/* Half of the runs have no budget; others may end anywhere. */
static s64 choose_budget(struct gen_rng *rng, u32 *flags)
{
	*flags = gen_chance(rng, 50) ? IMAGE_BUDGET : 0;
	return *flags && gen_chance(rng, 50) ? gen_below(rng, 1u << gen_below(rng, 7)) : 1 << 24;
}

static void compare(struct world *world, struct prog *interp, struct prog *jit, u64 seed,
		    s64 budget, struct totals *totals)
{
	static struct outcome want, got;
	const char *what;

	world_run(world, seed, interp, budget, &want);
	world_run(world, seed, jit, budget, &got);
	totals->ended_early += want.status != RUN_OK;
	what = outcome_differs(&want, &got);
	if (what)
		test_fail(__FILE__, __LINE__, "seed %llu: %s differs: r0 %llx, jit %llx",
			  (unsigned long long)seed, what, (unsigned long long)want.r0,
			  (unsigned long long)got.r0);
}

static void try_seed(struct world *world, u64 seed, struct totals *totals)
{
	static struct gen_prog text;
	struct gen_rng rng = { ~seed };
	struct gen_opts opts = world_gen_opts(seed);
	struct test_image_opts image_opts = world_image_opts(world);
	s64 budget = choose_budget(&rng, &image_opts.flags);
	u32 features = gen_chance(&rng, 50) ? jit_host_target()->detect() : 0;
	struct prog interp = { 0 }, jit = { 0 };

	gen_program(&opts, &text);
	interp.image = jit.image = test_image(text.insns, text.len, &image_opts);
	REQUIRE(interp.image);
	REQUIRE(interp_prepare(&interp) == 0);
	REQUIRE(compile(&jit, features, totals));
	compare(world, &interp, &jit, seed, budget, totals);
	totals->programs++;
	totals->insns += text.len;
	for (u32 i = 0; i < GEN_N_FEATURES; i++)
		totals->features[i] += text.features >> i & 1;
	interp_release(&interp);
	jit_release(&jit);
	image_free(jit.image);
}

static void report(const struct totals *totals)
{
	test_note(
	    "%llu programs, %.1f instructions and %.0f bytes of code each, %.1f%% out of budget",
	    (unsigned long long)totals->programs, (double)totals->insns / (double)totals->programs,
	    (double)totals->code_bytes / (double)totals->programs,
	    100.0 * (double)totals->ended_early / (double)totals->programs);
	for (u32 i = 0; i < GEN_N_FEATURES; i++)
		test_note("%5.1f%% with %s",
			  100.0 * (double)totals->features[i] / (double)totals->programs,
			  gen_feature_names[i]);
}

TEST(jit_equals_interpreter)
{
	static struct world world;
	struct totals totals = { 0 };
	u64 first = from_env("SKEP_SEED", 1), n = from_env("SKEP_PROGRAMS", 50000);

	world_init(&world);
	for (u64 seed = first; seed < first + n; seed++)
		try_seed(&world, seed, &totals);
	report(&totals);
}
