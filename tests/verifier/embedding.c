/* SPDX-License-Identifier: Apache-2.0 */
/*
 * State embedding: accepted programs run in a machine that knows what each number is
 * (lib/concrete.h), and before every instruction the machine's state must be one that the
 * verifier thought possible there.
 *
 * Without pruning, what the verifier saw on all its paths together is all there can be, in
 * every number that is read again (rounds of callbacks are not all walked: they are equal in
 * what is read). With pruning (-p) a path may have been cut at a remembered state that it
 * shares only what the proof depends on with: of the numbers those marked precise count;
 * pointers, zero bytes, call stacks always.
 *
 * The programs: random ones, mutants of them, and mutants of real programs (the cases, and
 * Linux's own tests when ENTRIES are given).
 *
 *	embedding [-p] [-n CHECKED_PROGRAMS] [-t SECONDS] [-s SEED] [ENTRIES]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "verifier/env.h"
#include "verifier/lib/concrete.h"
#include "verifier/lib/parents.h"

#define MAX_STATES 4000
#define RUNS_EACH 3
#define MAX_STEPS 4000

struct snapshot {
	struct snapshot *next;
	struct state state;
};

static bool pruning, all_counts;
static struct snapshot snapshots[MAX_STATES], *seen[GEN_MAX];
static u32 n_states;
static bool too_many;
static const struct env *env; /* while the programs it accepted run */
static const struct subject *subject;
static u64 seed;
static bool good, checked_this;
static struct parents parents;

static struct {
	u64 programs, accepted, checked, mutants, runs, steps, searched, compared, skipped;
	u64 ended, unsupported, sampled, by_pruning;
	u64 with[GEN_N_FEATURES];
} total;

/* ---- recording ---- */

/* Frames are shared with the verifier, which copies what it is about to change. */
static void record(void *data, u32 insn, const struct state *state)
{
	struct snapshot *s = &snapshots[n_states];

	if (n_states == MAX_STATES) {
		too_many = true;
		return;
	}
	n_states++;
	s->next = seen[insn];
	state_share(&s->state, state);
	seen[insn] = s;
}

static void forget(u32 len)
{
	memset(seen, 0, len * sizeof(seen[0]));
	n_states = 0;
	too_many = false;
}

/* ---- comparing ---- */

/* Registers with one id hold one value, but for a known distance. */
struct links {
	u32 n;
	struct {
		u32 id;
		u64 value;
	} known[200];
};

static bool link_holds(struct links *links, u32 id, u64 value)
{
	for (u32 i = 0; i < links->n; i++)
		if (links->known[i].id == id)
			return links->known[i].value == value;
	if (links->n < ARRAY_SIZE(links->known)) {
		links->known[links->n].id = id;
		links->known[links->n++].value = value;
	}
	return true;
}

static bool pointer_holds(const struct machine *m, const struct reg *reg, struct concrete c)
{
	u64 offset = c.value - c.base - (u64)(s64)reg->off;

	if (reg->flags & REG_MAYBE_NULL && c.value == 0)
		return true;
	switch (reg->kind) {
	case REG_MAP:
	case REG_FUNC:
		return true;
	case REG_STACK:
		return reg->frame <= m->depth && c.base == m->frames[reg->frame].regs[10].base &&
		       scalar_has(&reg->val, offset);
	case REG_CTX:
		return c.base == (u64)(uintptr_t)m->ctx && scalar_has(&reg->val, offset);
	case REG_PACKET:
		/* range: that many bytes after the pointer without its known offset. */
		return c.base == (u64)(uintptr_t)m->packet && scalar_has(&reg->val, offset) &&
		       (!reg->range || c.value - (u64)(s64)reg->off + reg->range <=
					   c.base + m->packet_len);
	case REG_PACKET_END:
		return c.value == (u64)(uintptr_t)m->packet + m->packet_len;
	default:
		return c.base && scalar_has(&reg->val, offset);
	}
}

/* With pruning, only what the proof depends on is what the verifier says it is. */
static bool counts(const struct reg *reg)
{
	if (!pruning || all_counts || dep_is_precise(&env->deps, reg->dep)) {
		total.compared++;
		return true;
	}
	total.skipped++;
	return false;
}

static bool reg_holds(const struct machine *m, const struct reg *reg, struct concrete c,
		      struct links *links)
{
	if (reg->kind == REG_UNINIT)
		return true;
	if (reg->kind != REG_SCALAR)
		return pointer_holds(m, reg, c);
	if (!counts(reg))
		return true;
	if (!scalar_has(&reg->val, c.value))
		return false;
	if (!reg->id)
		return true;
	if (reg->flags & REG_ADD_CONST)
		c.value -= (u64)(s64)reg->off;
	if (reg->flags & REG_ADD_CONST32)
		c.value = (u32)c.value;
	return link_holds(links, reg->id, c.value);
}

static bool slot_holds(const struct machine *m, const struct slot *slot,
		       const struct concrete_frame *f, u32 index, struct links *links)
{
	const u8 *bytes = f->stack + sizeof(f->stack) - 8 * (index + 1);
	struct concrete c = { 0, f->slot_base[index] };
	u32 size = slot_spill_size(slot);

	for (u32 i = 0; i < 8; i++)
		if (slot->kind[i] == BYTE_ZERO && bytes[i])
			return false;
	memcpy(&c.value, bytes, size);
	return !size || reg_holds(m, &slot->reg, c, links);
}

struct mismatch {
	bool call_stack;
	u32 frame;
	bool in_slot;
	u32 index; /* of the register or the slot */
};

/*
 * Is it read later? (If the verifier is wrong to think that it is not, the read will show.) A
 * caller's frame has lost what is dead when it called.
 */
static bool reg_is_live(const struct machine *m, u32 depth, u32 i)
{
	return depth != (u32)m->depth || env->aux[m->pc].live_regs >> i & 1;
}

static bool slot_is_live(const struct machine *m, u32 depth, u32 i)
{
	return depth != (u32)m->depth || env->aux[m->pc].live_slots >> i & 1;
}

static bool frame_holds(const struct machine *m, const struct frame *abstract, u32 d,
			struct links *links, struct mismatch *why)
{
	const struct concrete_frame *f = &m->frames[d];

	for (u32 i = 0; i < 11; i++) {
		*why = (struct mismatch){ .frame = d, .index = i };
		if (reg_is_live(m, d, i) && !reg_holds(m, &abstract->regs[i], f->regs[i], links))
			return false;
	}
	for (u32 i = 0; i < abstract->n_slots; i++) {
		*why = (struct mismatch){ .frame = d, .index = i, .in_slot = true };
		if (slot_is_live(m, d, i) && !slot_holds(m, &abstract->slots[i], f, i, links))
			return false;
	}
	return true;
}

static bool state_holds(const struct machine *m, const struct state *s, struct mismatch *why)
{
	struct links links;

	links.n = 0;
	*why = (struct mismatch){ .call_stack = true };
	if (s->depth != (u32)m->depth)
		return false;
	for (u32 d = 0; d <= s->depth; d++)
		if (s->frames[d]->callsite != m->frames[d].callsite)
			return false;
	for (u32 d = 0; d <= s->depth; d++)
		if (!frame_holds(m, s->frames[d], d, &links, why))
			return false;
	return true;
}

static bool any_holds(const struct machine *m)
{
	struct mismatch why;

	for (const struct snapshot *s = seen[m->pc]; s; s = s->next) {
		total.searched++;
		if (state_holds(m, &s->state, &why))
			return true;
	}
	return false;
}

/* How often is it only pruning that makes the concrete state one of those seen? */
static void sample_pruning(const struct machine *m)
{
	all_counts = true;
	total.sampled++;
	total.by_pruning += !any_holds(m);
	all_counts = false;
}

static bool embedded(const struct machine *m)
{
	if (pruning && !(total.steps & 31))
		sample_pruning(m);
	return any_holds(m);
}

/* ---- running ---- */

static void print_machine(const struct machine *m)
{
	for (s32 d = 0; d <= m->depth; d++)
		for (u32 i = 0; i < 11; i++) {
			struct concrete c = m->frames[d].regs[i];

			printf("#\tframe %d r%u = %llx%s%lld\n", d, i,
			       (unsigned long long)c.value, c.base ? " base+" : " ",
			       (long long)(c.value - c.base));
		}
}

/* What keeps the concrete state out of each abstract one. */
static void explain(const struct machine *m)
{
	struct mismatch why;
	u32 shown = 0;

	for (const struct snapshot *s = seen[m->pc]; s && shown < 10; s = s->next, shown++) {
		const struct frame *f;
		const struct reg *reg;

		state_holds(m, &s->state, &why);
		if (why.call_stack) {
			printf("#\tanother call stack\n");
			continue;
		}
		f = s->state.frames[why.frame];
		reg = why.in_slot ? &f->slots[why.index].reg : &f->regs[why.index];
		printf("#\tframe %u %s %u: kind %u flags %x off %d id %u, %llx..%llx, %lld..%lld, "
		       "low %x..%x, bits %llx/%llx\n",
		       why.frame, why.in_slot ? "slot" : "r", why.index, reg->kind, reg->flags,
		       reg->off, reg->id, (unsigned long long)reg->val.umin,
		       (unsigned long long)reg->val.umax, (long long)reg->val.smin,
		       (long long)reg->val.smax, reg->val.umin32, reg->val.umax32,
		       (unsigned long long)reg->val.bits.value,
		       (unsigned long long)reg->val.bits.mask);
	}
}

static bool run(u64 run_seed)
{
	static struct machine m;
	enum step_result result = STEP_ON;

	machine_start(&m, subject, run_seed);
	total.runs++;
	for (u32 n = 0; n < MAX_STEPS && result == STEP_ON; n++) {
		total.steps++;
		if (!embedded(&m)) {
			printf("# at %u no abstract state holds the concrete one\n", m.pc);
			subject_print(subject);
			print_machine(&m);
			explain(&m);
			return false;
		}
		result = machine_step(&m);
	}
	total.ended += result == STEP_END;
	total.unsupported += result == STEP_UNSUPPORTED;
	if (result != STEP_FAULT)
		return true;
	printf("# the instruction before %u touches memory that is not its own\n", m.pc);
	subject_print(subject);
	print_machine(&m);
	return false;
}

/* The program is accepted. */
/* Verified once by itself, for any arguments: its states have no callers' frames. */
static bool has_global_function(void)
{
	for (u32 i = 1; i < env->n_subprogs; i++)
		if (env->subprogs[i].global)
			return true;
	return false;
}

static void run_accepted(void *data, struct env *accepted_by)
{
	env = accepted_by;
	if (too_many || has_global_function())
		return;
	checked_this = true;
	for (u32 i = 0; i < RUNS_EACH && good; i++)
		good = run(seed * RUNS_EACH + i);
}

/* ---- programs ---- */

static u32 random_program(struct gen_rng *rng, struct subject *s)
{
	static const struct gen_map maps[] = {
		{ .ref = SKEP_FIXTURE_FD(FIXTURE_array_64b), .ref_src = BPF_PSEUDO_MAP_FD,
		  .value_size = 64, .max_entries = 8 },
		{ .ref = SKEP_FIXTURE_FD(FIXTURE_array_48b), .ref_src = BPF_PSEUDO_MAP_FD,
		  .value_ref_src = BPF_PSEUDO_MAP_VALUE, .value_size = 48, .max_entries = 1 },
		{ .ref = SKEP_FIXTURE_FD(FIXTURE_hash_4_16), .ref_src = BPF_PSEUDO_MAP_FD,
		  .hash = true, .value_size = 16, .max_entries = 8 },
	};
	static const struct gen_helper helpers[] = { { BPF_FUNC_get_prandom_u32, 0 },
						     { BPF_FUNC_ktime_get_ns, 0 },
						     { BPF_FUNC_get_smp_processor_id, 0 } };
	static struct gen_prog program;
	struct gen_opts opts = {
		.seed = seed,
		.features = GEN_ALL & ~(GEN_LD_ABS | GEN_ORDERED),
		.size = 6 + gen_below(rng, gen_chance(rng, 30) ? 80 : 30),
		.max_iterations = 3,
		.maps = maps,
		.n_maps = ARRAY_SIZE(maps),
		.helpers = helpers,
		.n_helpers = ARRAY_SIZE(helpers),
		.ctx = { .data = offsetof(struct __sk_buff, data),
			 .data_end = offsetof(struct __sk_buff, data_end), .ptr_size = 4,
			 .scalars = offsetof(struct __sk_buff, cb), .scalars_size = 20,
			 .writable_size = 20 },
	};

	if (gen_chance(rng, 50))
		opts.features &= (u32)gen_rand(rng);
	gen_program(&opts, &program);
	if (gen_chance(rng, 50))
		gen_mutate(rng, program.insns, program.len);
	memset(s, 0, sizeof(*s));
	s->prog_type = BPF_PROG_TYPE_SCHED_CLS;
	s->gpl = true;
	s->insns = program.insns;
	s->n_insns = program.len;
	if (program.features & GEN_CALLBACKS)
		subject_describe_functions(s);
	return program.features;
}

/* What is in a mutant, counted as the generator counts what it makes. */
static u32 features_of(const struct subject *s)
{
	u32 features = 0;

	for (u32 i = 0; i < s->n_insns; i += insn_slots(&s->insns[i])) {
		const struct bpf_insn *insn = &s->insns[i];
		u32 class = BPF_CLASS(insn->code);

		if (insn_is_subprog_call(insn))
			features |= GEN_SUBPROGS;
		else if (insn_is_call(insn))
			features |= GEN_HELPERS;
		else if (insn_is_ldimm64(insn) && insn->src_reg == BPF_PSEUDO_FUNC)
			features |= GEN_CALLBACKS;
		else if (insn_is_ldimm64(insn) && insn->src_reg)
			features |= GEN_MAPS;
		else if ((class == BPF_JMP || class == BPF_JMP32) && !insn_is_exit(insn) &&
			 insn->off < 0)
			features |= GEN_LOOPS;
		else if (class == BPF_STX && insn->dst_reg == 10)
			features |= GEN_SPILLS;
	}
	return features;
}

static bool check_program(void)
{
	static struct bpf_insn insns[PARENT_MAX_INSNS];
	static struct subject one;
	struct judge_options judge = { .no_pruning = !pruning, .own_nodes = pruning,
				       .max_processed = MAX_STATES,
				       .always_induction = seed & 1,
				       .observe = record,
				       .observe_end = run_accepted };
	struct gen_rng rng = { ~seed }; /* not the generator's own numbers */
	bool mutant = parents.len && gen_chance(&rng, 60);
	struct verdict v;
	u32 features;

	good = true;
	checked_this = false;
	subject = &one;
	if (mutant) {
		parents_mutant(&parents, &rng, &one, insns);
		features = features_of(&one);
	} else {
		features = random_program(&rng, &one);
	}
	judge_skep_with(&one, &judge, &v);
	forget(one.n_insns);
	total.programs++;
	total.accepted += verdict_accepts(&v);
	if (checked_this) {
		total.checked++;
		total.mutants += mutant;
		for (u32 i = 0; i < GEN_N_FEATURES; i++)
			total.with[i] += features >> i & 1;
	}
	if (v.err && getenv("SKEP_VERBOSE"))
		printf("# seed %llu refused at %d: %s\n", (unsigned long long)seed, v.insn,
		       v.message);
	if (!good)
		printf("# seed %llu\n", (unsigned long long)seed);
	return good;
}

static bool can_run(const struct subject *s)
{
	return machine_runs_type(s->prog_type) && !s->n_kfuncs && s->n_insns < GEN_MAX;
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void report(double took)
{
	double checked = (double)(total.checked + !total.checked);

	printf("# pruning %s: %llu programs in %.1f s, %.1f%% accepted; %llu checked (%.0f a second), %.0f%% of "
	       "them mutants of %u real ones\n",
	       pruning ? "on" : "off", (unsigned long long)total.programs, took,
	       100.0 * (double)total.accepted / (double)(total.programs + !total.programs),
	       (unsigned long long)total.checked, (double)total.checked / took,
	       100.0 * (double)total.mutants / checked, parents.len);
	printf("# %llu steps of %llu runs (%.0f%% to the end, %.0f%% to what the machine lacks), %.1f states "
	       "tried a step, %.0f%% of numbers compared\n",
	       (unsigned long long)total.steps, (unsigned long long)total.runs,
	       100.0 * (double)total.ended / (double)(total.runs + !total.runs),
	       100.0 * (double)total.unsupported / (double)(total.runs + !total.runs),
	       (double)total.searched / (double)(total.steps + !total.steps),
	       100.0 * (double)total.compared / (double)(total.compared + total.skipped + 1));
	if (pruning)
		printf("# in %.1f%% of %llu sampled steps the numbers were none that had been explored\n",
		       100.0 * (double)total.by_pruning / (double)(total.sampled + !total.sampled),
		       (unsigned long long)total.sampled);
	printf("#");
	for (u32 i = 0; i < GEN_N_FEATURES; i++)
		printf(" %s %.0f%%", gen_feature_names[i], 100.0 * (double)total.with[i] / checked);
	printf("\n");
}

int main(int argc, char **argv)
{
	double limit = 2, start = seconds();
	u64 n = ~0ull;
	u32 bad = 0;
	int c;

	seed = 1;
	while ((c = getopt(argc, argv, "pn:t:s:")) != -1) {
		if (c == 'p')
			pruning = true;
		else if (c == 'n')
			n = strtoull(optarg, NULL, 0), limit = 1e9;
		else if (c == 't')
			limit = atof(optarg);
		else if (c == 's')
			seed = strtoull(optarg, NULL, 0);
		else
			return 2;
	}
	parents.wanted = can_run;
	parents_read_cases(&parents);
	if (optind < argc)
		parents_read_entries(&parents, argv[optind]);
	printf("1..1\n");
	for (; total.checked < n && seconds() - start < limit && bad < 3; seed++)
		bad += !check_program();
	report(seconds() - start);
	printf("%sok 1 - every concrete state lies in an abstract one\n", bad ? "not " : "");
	return bad > 0;
}
