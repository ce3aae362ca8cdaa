/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JIT against the interpreter on random programs that the verifier accepted, as they are
 * loaded: contexts at run-time offsets, constants folded, real maps and real helpers. One
 * program in eight is a mutant: the verifier refuses most of these, and what it does accept
 * must be as safe. It must mean the same in both engines, too, unless its result depends on
 * where something lies in memory, as a privileged program's may.
 *
 *	SKEP_PROGRAMS=1000000 SKEP_SEED=7 test-jit-verified
 */
#include "btf/btf.h"
#include "jit/jit.h"
#include "model/ctx.h"
#include "verifier/verifier.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/gen.h"
#include "lib/test.h"

#define CPUS   4
#define PACKET 128
#define MAPS   5
#define HASH   3 /* which of them */

static const struct map_facts map_facts[MAPS] = {
	{ .type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 64, .max_entries = 8 },
	{ .type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 48, .max_entries = 1 },
	{ .type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 40, .max_entries = 5 },
	{ .type = BPF_MAP_TYPE_HASH, .key_size = 4, .value_size = 32, .max_entries = 8 },
	{ .type = BPF_MAP_TYPE_PERCPU_ARRAY, .key_size = 4, .value_size = 24, .max_entries = 4 },
};

/* What a run changes, outside of the maps. */
struct surroundings {
	struct skb_run_ctx ctx;
	u8 packet[PACKET];
};

struct kernel {
	struct kernel_model *model;
	struct epoch *epoch;
	struct map *maps[MAPS];
	struct btf *btf;
	struct surroundings around;
};

struct outcome {
	u64 r0;
	u32 status;
	u32 cb[5];
	u8 packet[PACKET];
	u8 arrays[MAPS][1024];
	u64 hash[8]
		[5]; /* by key: 1 and the value, for keys below 8; others are added up in [0][0] */
};

struct totals {
	u64 programs, accepted, mutants, mutants_accepted, leaky, ended_early, insns;
	u64 features[GEN_N_FEATURES];
};

/* For the crash report: an unsafe program that was accepted ends the test. */
static u64 current_seed;
static u8 signal_stack[16384];

static void crashed(int number)
{
	char line[80];
	int n = snprintf(line, sizeof(line), "# signal %d at seed %llu\n", number,
			 (unsigned long long)current_seed);

	if (write(STDOUT_FILENO, line, (size_t)n) < 0)
		_exit(2);
	_exit(1);
}

/* On a stack of its own: the program's may be what is spoilt. */
static void report_crashes(void)
{
	const stack_t stack = { .ss_sp = signal_stack, .ss_size = sizeof(signal_stack) };
	const struct sigaction action = { .sa_handler = crashed, .sa_flags = SA_ONSTACK };

	sigaltstack(&stack, NULL);
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	sigaction(SIGILL, &action, NULL);
}

static u64 from_env(const char *name, u64 otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

static int resolve(void *data, s32 number, bool is_index, struct map **map)
{
	struct kernel *kernel = data;

	if (is_index || number < 0 || number >= MAPS)
		return -EBADF;
	*map = kernel->maps[number];
	return 0;
}

static void kernel_init(struct kernel *kernel)
{
	u8 btf[GEN_BTF_SIZE];

	memset(kernel, 0, sizeof(*kernel));
	gen_btf(btf);
	REQUIRE(model_skep_new(&kernel->model) == 0);
	REQUIRE(btf_parse(btf, sizeof(btf), NULL, NULL, &kernel->btf) == 0);
	kernel->epoch = os_alloc(sizeof(*kernel->epoch));
	REQUIRE(kernel->epoch);
	epoch_init(kernel->epoch, CPUS);
	for (u32 i = 0; i < MAPS; i++) {
		struct map_create_params params = { .facts = map_facts[i], .cpus = CPUS };

		REQUIRE(map_new(&params, kernel->epoch, &kernel->maps[i]) == 0);
	}
}

static void kernel_release(struct kernel *kernel)
{
	for (u32 i = 0; i < MAPS; i++)
		map_free(kernel->maps[i]);
	os_free(kernel->epoch);
	btf_free(kernel->btf);
	model_free(kernel->model);
}

/* -- filling and comparing -- */

static u32 value_bytes(const struct map *map)
{
	return (u32)map_sys_value_size(map);
}

static void fill_hash(struct map *map, struct gen_rng *rng)
{
	u64 value[4];
	u32 key;

	while (map->ops->sys_next(map, NULL, &key) == 0)
		CHECK_EQ(map->ops->sys_erase(map, &key), 0);
	for (key = 0; key < 4; key++) {
		for (u32 i = 0; i < 4; i++)
			value[i] = gen_value(rng);
		CHECK_EQ(map->ops->sys_update(map, &key, value, 0), 0);
	}
}

static void fill_array(struct map *map, struct gen_rng *rng)
{
	u64 value[64];

	for (u32 key = 0; key < map->facts.max_entries; key++) {
		for (u32 i = 0; i < value_bytes(map) / 8; i++)
			value[i] = gen_value(rng);
		CHECK_EQ(map->ops->sys_update(map, &key, value, 0), 0);
	}
}

static void fill(struct kernel *kernel, u64 seed)
{
	struct surroundings *around = &kernel->around;
	struct gen_rng rng = { seed };

	memset(around, 0, sizeof(*around));
	for (u32 i = 0; i < PACKET; i++)
		around->packet[i] = (u8)gen_value(&rng);
	for (u32 i = 0; i < ARRAY_SIZE(around->ctx.skb.cb); i++)
		around->ctx.skb.cb[i] = (u32)gen_value(&rng);
	around->ctx.data = around->ctx.data_meta = around->ctx.hard_start = around->packet;
	around->ctx.data_end = around->packet + 32 + gen_below(&rng, PACKET - 32 + 1);
	around->ctx.hard_end = around->packet + PACKET;
	around->ctx.skb.len = (u32)(around->ctx.data_end - around->ctx.data);
	for (u32 i = 0; i < MAPS; i++)
		if (i == HASH)
			fill_hash(kernel->maps[i], &rng);
		else
			fill_array(kernel->maps[i], &rng);
}

static void note_hash(struct map *map, struct outcome *out)
{
	u64 value[4];
	u32 key;

	for (const u32 *last = NULL; map->ops->sys_next(map, last, &key) == 0;) {
		static u32 previous;

		CHECK_EQ(map->ops->sys_lookup(map, &key, value, 0), 0);
		if (key > 0 && key < 8)
			memcpy(&out->hash[key][1], value, sizeof(value));
		out->hash[0][0] += (key + 1) * (value[0] ^ value[3]);
		previous = key;
		last = &previous;
	}
}

static void note_outcome(struct kernel *kernel, struct outcome *out)
{
	memcpy(out->cb, kernel->around.ctx.skb.cb, sizeof(out->cb));
	memcpy(out->packet, kernel->around.packet, PACKET);
	for (u32 i = 0; i < MAPS; i++) {
		struct map *map = kernel->maps[i];

		if (i == HASH)
			note_hash(map, out);
		else
			for (u32 key = 0; key < map->facts.max_entries; key++)
				CHECK_EQ(map->ops->sys_lookup(
					     map, &key, out->arrays[i] + key * value_bytes(map), 0),
					 0);
	}
}

static void run(struct kernel *kernel, u64 seed, struct prog *prog, s64 budget, struct outcome *out)
{
	struct run_ctx rc = { .budget = budget, .cpu = (u32)(seed % CPUS), .epoch = kernel->epoch };

	memset(out, 0, sizeof(*out));
	fill(kernel, seed);
	epoch_enter(kernel->epoch, rc.cpu);
	out->r0 = prog_run(prog, &kernel->around.ctx, &rc);
	epoch_leave(kernel->epoch, rc.cpu);
	out->status = rc.status;
	note_outcome(kernel, out);
}

/* -- programs -- */

static struct gen_opts options(u64 seed)
{
	static const struct gen_map maps[MAPS] = {
		{ .ref = 0, .ref_src = BPF_PSEUDO_MAP_FD, .value_size = 64, .max_entries = 8 },
		{ .ref = 1,
		  .ref_src = BPF_PSEUDO_MAP_FD,
		  .value_ref_src = BPF_PSEUDO_MAP_VALUE,
		  .value_size = 48,
		  .max_entries = 1 },
		{ .ref = 2, .ref_src = BPF_PSEUDO_MAP_FD, .value_size = 40, .max_entries = 5 },
		{ .ref = 3,
		  .ref_src = BPF_PSEUDO_MAP_FD,
		  .value_size = 32,
		  .max_entries = 8,
		  .hash = true },
		{ .ref = 4, .ref_src = BPF_PSEUDO_MAP_FD, .value_size = 24, .max_entries = 4 },
	};
	static const struct gen_helper helpers[] = { { BPF_FUNC_get_smp_processor_id, 0 } };
	struct gen_rng rng = { seed };
	struct gen_opts opts = {
		.seed = seed,
		.features = GEN_ALL,
		.maps = maps,
		.n_maps = MAPS,
		.helpers = helpers,
		.n_helpers = ARRAY_SIZE(helpers),
		.ctx = { .data = offsetof(struct __sk_buff, data),
			 .data_end = offsetof(struct __sk_buff, data_end),
			 .ptr_size = 4,
			 .scalars = offsetof(struct __sk_buff, cb),
			 .scalars_size = 20,
			 .writable_size = 20,
			 .wide = true,
			 .legacy_packet = true },
	};

	if (gen_chance(&rng, 50))
		opts.features &= (u32)gen_rand(&rng);
	opts.size = 8 + gen_below(&rng, gen_chance(&rng, 5) ? 500 : 120);
	return opts;
}

static struct image *load(struct kernel *kernel, const struct gen_prog *text, u64 seed, bool budget)
{
	struct bpf_func_info funcs[GEN_MAX_FUNCS];
	struct verify_result result = { 0 };
	struct verify_request request = {
		.model = kernel->model,
		.prog_type = BPF_PROG_TYPE_SCHED_CLS,
		.insns = text->insns,
		.insn_cnt = text->len,
		.gpl_compatible = true,
		.privileged = true,
		.btf = kernel->btf,
		.func_info = funcs,
		.func_info_rec_size = sizeof(funcs[0]),
		.func_info_cnt = gen_func_info(text, funcs),
		.resolver = { kernel, resolve },
		.want_budget = budget,
	};
	int err = verify(&request, &result);

	if (err && getenv("SKEP_REFUSED"))
		test_note("seed %llu refused: insn %d: %s", (unsigned long long)seed,
			  result.refusal.insn, result.refusal.message);
	return err ? NULL : result.image;
}

/* Whatever is read of the stack without having been written is not zero by chance. */
static NOINLINE void soil_stack(u8 byte)
{
	u8 junk[48 << 10];

	memset(junk, byte, sizeof(junk));
	__asm__ volatile("" ::"r"(junk) : "memory");
}

static NOINLINE void run_elsewhere(struct kernel *kernel, u64 seed, struct prog *prog, s64 budget,
				   struct outcome *out)
{
	u8 gap[3000];

	__asm__ volatile("" ::"r"(gap) : "memory");
	soil_stack(0xa5);
	run(kernel, seed, prog, budget, out);
	__asm__ volatile("" ::"r"(gap) : "memory");
}

/*
 * Does the interpreter alone come to different results when stack and elements of the hash lie
 * elsewhere? (The hash reuses what was freed last, so they move from run to run.)
 */
static bool tells_addresses(struct kernel *kernel, u64 seed, struct prog *prog, s64 budget,
			    const struct outcome *want)
{
	static struct outcome other;

	for (u32 i = 0; i < 8; i++) {
		if (i & 1)
			run(kernel, seed, prog, budget, &other);
		else
			run_elsewhere(kernel, seed, prog, budget, &other);
		if (memcmp(want, &other, sizeof(other)))
			return true;
	}
	return false;
}

static void compare(struct kernel *kernel, struct image *image, u64 seed, s64 budget, bool mutant,
		    struct totals *totals)
{
	static struct outcome want, got;
	struct prog interp = { .image = image }, jit = { .image = image };

	interp.type = jit.type = BPF_PROG_TYPE_SCHED_CLS;
	REQUIRE(interp_prepare(&interp) == 0);
	REQUIRE(jit_prepare(&jit) == 0);
	soil_stack(0x5a);
	run(kernel, seed, &interp, budget, &want);
	run(kernel, seed, &jit, budget, &got);
	totals->ended_early += want.status != RUN_OK;
	if (!memcmp(&want, &got, sizeof(want)))
		;
	else if (mutant && tells_addresses(kernel, seed, &interp, budget, &want))
		totals->leaky++;
	else
		test_fail(__FILE__, __LINE__, "seed %llu: r0 %llx, jit %llx; status %u, jit %u",
			  (unsigned long long)seed, (unsigned long long)want.r0,
			  (unsigned long long)got.r0, want.status, got.status);
	interp_release(&interp);
	jit_release(&jit);
}

/* A mutant always has a budget: it may be safe and still run for long. */
static void try_seed(struct kernel *kernel, u64 seed, struct totals *totals)
{
	static struct gen_prog text;
	struct gen_rng rng = { ~seed };
	struct gen_opts opts = options(seed);
	bool mutant = gen_chance(&rng, 12), budgeted = mutant || gen_chance(&rng, 50);
	s64 budget = gen_chance(&rng, 50) ? gen_below(&rng, 1u << gen_below(&rng, 7)) : 1 << 20;
	struct image *image;

	current_seed = seed;
	gen_program(&opts, &text);
	if (mutant)
		gen_mutate(&rng, text.insns, text.len);
	image = load(kernel, &text, seed, budgeted);
	*(mutant ? &totals->mutants : &totals->programs) += 1;
	if (!image)
		return;
	*(mutant ? &totals->mutants_accepted : &totals->accepted) += 1;
	totals->insns += image->len;
	for (u32 i = 0; i < GEN_N_FEATURES; i++)
		totals->features[i] += text.features >> i & 1;
	compare(kernel, image, seed, budget, mutant, totals);
	image_free(image);
}

static double percent(u64 part, u64 whole)
{
	return 100.0 * (double)part / (double)(whole ? whole : 1);
}

static void report(const struct totals *totals)
{
	u64 ran = totals->accepted + totals->mutants_accepted;

	test_note(
	    "accepted %.1f%% of %llu programs and %.1f%% of %llu mutants (%llu tell addresses)",
	    percent(totals->accepted, totals->programs), (unsigned long long)totals->programs,
	    percent(totals->mutants_accepted, totals->mutants), (unsigned long long)totals->mutants,
	    (unsigned long long)totals->leaky);
	test_note("%.1f instructions each, %.1f%% out of budget", percent(totals->insns, ran) / 100,
		  percent(totals->ended_early, ran));
	for (u32 i = 0; i < GEN_N_FEATURES; i++)
		test_note("%5.1f%% with %s", percent(totals->features[i], ran),
			  gen_feature_names[i]);
}

TEST(engines_agree_on_verified_programs)
{
	static struct kernel kernel;
	struct totals totals = { 0 };
	u64 first = from_env("SKEP_SEED", 1), n = from_env("SKEP_PROGRAMS", 4000);

	report_crashes();
	kernel_init(&kernel);
	for (u64 seed = first; seed < first + n; seed++)
		try_seed(&kernel, seed, &totals);
	report(&totals);
	CHECK(totals.accepted * 10 >= totals.programs * 9);
	kernel_release(&kernel);
}
