/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts are true: random accepted programs run in the machine that knows what each number
 * is (verifier/lib/concrete.h), and before every instruction all that facts say must hold.
 * SKEP_PROGRAMS and SKEP_SEED make a campaign of it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "facts/facts.h"
#include "isa/asm.h"
#include "lib/gen.h"
#include "lib/test.h"
#include "verifier/lib/concrete.h"

#define RUNS_EACH 4
#define MAX_STEPS 20000

static struct fact_state known[GEN_MAX];
static bool reachable[GEN_MAX];
static enum branch branches[GEN_MAX];
static struct {
	u64 accepted, steps, values, narrow, pointers, slots, dead, decided, bad;
} count;

/* ---- what holds ---- */

static bool number_holds(const struct fact *fact, u64 value)
{
	return scalar_has(&fact->val, value);
}

static bool pointer_holds(const struct machine *m, const struct fact *fact, struct concrete c)
{
	if (fact->maybe_null && !c.value)
		return true;
	if (fact->kind == FACT_MAP || fact->kind == FACT_FUNC)
		return true;
	if (fact->kind == FACT_STACK && c.base != m->frames[m->depth].regs[10].base)
		return false;
	if (fact->kind == FACT_CTX && c.base != (u64)(uintptr_t)m->ctx)
		return false;
	if (fact->kind == FACT_PACKET && c.base != (u64)(uintptr_t)m->packet)
		return false;
	if (fact->kind == FACT_PACKET_END)
		return c.value - (u64)(uintptr_t)(m->packet + m->packet_len) == fact->val.umin ||
		       scalar_has(&fact->val,
				  c.value - (u64)(uintptr_t)(m->packet + m->packet_len));
	return c.base && scalar_has(&fact->val, c.value - c.base);
}

static bool fact_holds(const struct machine *m, const struct fact *fact, struct concrete c)
{
	count.values++;
	if (fact->kind == FACT_ANY)
		return true;
	if (fact->kind != FACT_NUMBER) {
		count.pointers++;
		return pointer_holds(m, fact, c);
	}
	count.narrow += !scalar_is_unknown(&fact->val);
	return number_holds(fact, c.value);
}

/* Places with one id hold one value. */
static bool ids_hold(const struct fact_state *state, const struct concrete_frame *f)
{
	for (u32 i = 0; i < BPF_REGS; i++)
		for (u32 k = 0; state->regs[i].id && k < i; k++)
			if (state->regs[k].id == state->regs[i].id &&
			    f->regs[k].value != f->regs[i].value)
				return false;
	return true;
}

static bool slot_holds(const struct machine *m, const struct fact_slot *slot, u32 index)
{
	const struct concrete_frame *f = &m->frames[m->depth];
	struct concrete c = { 0, f->slot_base[index] };

	memcpy(&c.value, f->stack + sizeof(f->stack) - 8 * (index + 1) + slot->first, slot->size);
	count.slots += slot->size != 0;
	return !slot->size || fact_holds(m, &slot->value, c);
}

static bool state_holds(const struct machine *m, u32 *where)
{
	const struct fact_state *state = &known[m->pc];
	const struct concrete_frame *f = &m->frames[m->depth];

	*where = 100;
	if (!reachable[m->pc])
		return false;
	for (u32 i = 0; i < BPF_REGS; i++)
		if (*where = i, !fact_holds(m, &state->regs[i], f->regs[i]))
			return false;
	for (u32 i = 0; i < state->n_slots; i++)
		if (*where = 200 + i, !slot_holds(m, &state->slots[i], i))
			return false;
	*where = 101;
	return ids_hold(state, f);
}

/* ---- running ---- */

static void show(const struct machine *m, u32 where)
{
	printf("# at %u the facts do not hold: %s %u\n", m->pc,
	       where == 100   ? "not reachable"
	       : where == 101 ? "ids"
	       : where >= 200 ? "slot"
			      : "register",
	       where >= 200 ? where - 200 : where);
	for (u32 pc = 0; m->insns[pc].code; pc += insn_slots(&m->insns[pc])) {
		char line[200];
		struct text out = text_in(line, sizeof(line));

		isa_disasm(&out, &m->insns[pc], NULL);
		printf("#\t%3u: %s\n", pc, line);
	}
}

static bool run(const struct subject *s, u64 seed)
{
	static struct machine m;
	enum step_result result = STEP_ON;
	u32 where;

	machine_start(&m, s, seed);
	for (u32 n = 0; n < MAX_STEPS && result == STEP_ON; n++) {
		u32 at = m.pc;

		count.steps++;
		if (!state_holds(&m, &where)) {
			show(&m, where);
			return false;
		}
		result = machine_step(&m);
		if (branches[at] != BRANCH_UNKNOWN &&
		    (m.pc != at + 1) != (branches[at] == BRANCH_ALWAYS) && s->insns[at].off) {
			printf("# the branch at %u goes the other way\n", at);
			return false;
		}
	}
	return true;
}

struct under_test {
	const struct subject *subject;
	u64 seed;
	bool good;
};

static void check_image(void *data, const struct image *image)
{
	struct under_test *t = data;
	struct facts *facts;

	if (facts_compute(image, NULL, 0, &facts)) {
		t->good = false;
		return;
	}
	for (u32 at = 0; at < image->len; at += insn_slots(&image->insns[at])) {
		reachable[at] = facts_at(facts, at, &known[at]);
		branches[at] = reachable[at] ? facts_branch(facts, &known[at], at) : BRANCH_UNKNOWN;
		count.dead += !reachable[at];
		count.decided += branches[at] != BRANCH_UNKNOWN;
	}
	for (u32 i = 0; i < RUNS_EACH && t->good; i++)
		t->good = run(t->subject, t->seed * RUNS_EACH + i);
	facts_free(facts);
	count.accepted++;
}

static bool check_program(u64 seed)
{
	static const struct gen_map maps[] = {
		{ .ref = SKEP_FIXTURE_FD(FIXTURE_array_64b),
		  .ref_src = BPF_PSEUDO_MAP_FD,
		  .value_size = 64,
		  .max_entries = 8 },
		{ .ref = SKEP_FIXTURE_FD(FIXTURE_array_48b),
		  .ref_src = BPF_PSEUDO_MAP_FD,
		  .value_ref_src = BPF_PSEUDO_MAP_VALUE,
		  .value_size = 48,
		  .max_entries = 1 },
		{ .ref = SKEP_FIXTURE_FD(FIXTURE_hash_4_16),
		  .ref_src = BPF_PSEUDO_MAP_FD,
		  .hash = true,
		  .value_size = 16,
		  .max_entries = 8 },
	};
	static const struct gen_helper helpers[] = { { BPF_FUNC_get_prandom_u32, 0 },
						     { BPF_FUNC_get_smp_processor_id, 0 } };
	static struct gen_prog program;
	static struct subject subject;
	struct gen_rng rng = { seed };
	struct gen_opts opts = {
		.seed = seed,
		.features = GEN_ALL & ~(GEN_MAY_GOTO | GEN_LD_ABS | GEN_ORDERED),
		.size = 10 + gen_below(&rng, 70),
		.max_iterations = 4,
		.maps = maps,
		.n_maps = ARRAY_SIZE(maps),
		.helpers = helpers,
		.n_helpers = ARRAY_SIZE(helpers),
		.ctx = { .data = offsetof(struct __sk_buff, data),
			 .data_end = offsetof(struct __sk_buff, data_end),
			 .ptr_size = 4,
			 .scalars = offsetof(struct __sk_buff, cb),
			 .scalars_size = 20,
			 .writable_size = 20 },
	};
	struct under_test test = { &subject, seed, true };
	struct judge_options judge = { .accepted = check_image, .data = &test };
	struct verdict v;

	gen_program(&opts, &program);
	if (gen_chance(&rng, 50))
		gen_mutate(&rng, program.insns, program.len);
	memset(&subject, 0, sizeof(subject));
	subject.prog_type = BPF_PROG_TYPE_SCHED_CLS;
	subject.gpl = true;
	subject.insns = program.insns;
	subject.n_insns = program.len;
	memset(&program.insns[program.len], 0, sizeof(program.insns[0]));
	subject_describe_functions(&subject);
	judge_skep_with(&subject, &judge, &v);
	if (!test.good)
		printf("# seed %llu\n", (unsigned long long)seed);
	return test.good;
}

TEST(facts_hold_in_every_run)
{
	const char *programs = getenv("SKEP_PROGRAMS"), *first = getenv("SKEP_SEED");
	u64 n = programs ? strtoull(programs, NULL, 0) : 1500;
	u64 seed = first ? strtoull(first, NULL, 0) : 1;

	for (u64 i = 0; i < n && count.bad < 3; i++)
		count.bad += !check_program(seed + i);
	printf(
	    "# %llu of %llu programs accepted; %llu steps, %llu values, of which %llu narrow "
	    "numbers and %llu pointers; %llu slots, %llu dead instructions, %llu decided jumps\n",
	    (unsigned long long)count.accepted, (unsigned long long)n,
	    (unsigned long long)count.steps, (unsigned long long)count.values,
	    (unsigned long long)count.narrow, (unsigned long long)count.pointers,
	    (unsigned long long)count.slots, (unsigned long long)count.dead,
	    (unsigned long long)count.decided);
	CHECK_EQ(count.bad, 0);
	CHECK(count.accepted > n / 4);
	/* Facts that say nothing would be true, too. */
	CHECK(count.narrow + count.pointers > count.values / 3);
	CHECK(count.slots && count.dead && count.decided);
}
