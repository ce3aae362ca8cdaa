/* SPDX-License-Identifier: Apache-2.0 */
/*
 * State embedding: random programs, and mutants of them, that the verifier accepts run in a machine that knows
 * what each number is (lib/concrete.h), and before every instruction the machine's state
 * must be one that the verifier thought possible there. Pruning is off, so what the
 * verifier saw on all its paths together is all there can be.
 *
 *	embedding [-n PROGRAMS] [-t SECONDS] [-s SEED]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "isa/asm.h"
#include "lib/gen.h"
#include "verifier/lib/concrete.h"
#include "verifier/state.h"

#define MAX_STATES 4000
#define RUNS_EACH 6
#define MAX_STEPS 20000

struct snapshot {
	struct snapshot *next;
	u32 depth;
	struct frame *frames[BPF_MAX_FRAMES];
};

static struct snapshot *seen[GEN_MAX];
static u32 n_states;
static bool too_many;
static u32 programs, accepted, checked, with[GEN_N_FEATURES];
static u64 steps, searched;

/* ---- recording ---- */

static struct frame *copy_frame(const struct frame *f)
{
	size_t size = sizeof(*f) + f->n_slots * sizeof(f->slots[0]);
	struct frame *copy = malloc(size);

	memcpy(copy, f, size);
	return copy;
}

static void record(void *data, u32 insn, const struct state *state)
{
	struct snapshot *s;

	if (++n_states > MAX_STATES) {
		too_many = true;
		return;
	}
	s = malloc(sizeof(*s));
	s->next = seen[insn];
	s->depth = state->depth;
	for (u32 i = 0; i <= state->depth; i++)
		s->frames[i] = copy_frame(state->frames[i]);
	seen[insn] = s;
}

static void forget(void)
{
	for (u32 i = 0; i < GEN_MAX; i++)
		while (seen[i]) {
			struct snapshot *s = seen[i];

			seen[i] = s->next;
			for (u32 d = 0; d <= s->depth; d++)
				free(s->frames[d]);
			free(s);
		}
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

static bool reg_holds(const struct machine *m, const struct reg *reg, struct concrete c,
		      struct links *links)
{
	if (reg->kind == REG_UNINIT)
		return true;
	if (reg->kind != REG_SCALAR)
		return pointer_holds(m, reg, c);
	if (!scalar_has(&reg->val, c.value))
		return false;
	return !reg->id ||
	       link_holds(links, reg->id,
			  c.value - (reg->flags & REG_ADD_CONST ? (u64)(s64)reg->off : 0));
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

/* why: what did not fit; a frame, and in it a register or (from 100 on) a stack slot. */
static bool state_holds(const struct machine *m, const struct snapshot *s, u32 *why)
{
	struct links links = { 0 };

	*why = 99;
	if (s->depth != (u32)m->depth)
		return false;
	for (u32 d = 0; d <= s->depth; d++) {
		const struct frame *abstract = s->frames[d];
		const struct concrete_frame *f = &m->frames[d];

		if (abstract->callsite != f->callsite)
			return false;
		for (u32 i = 0; i < 11; i++)
			if (*why = d * 1000 + i, !reg_holds(m, &abstract->regs[i], f->regs[i], &links))
				return false;
		for (u32 i = 0; i < abstract->n_slots; i++)
			if (*why = d * 1000 + 100 + i,
			    !slot_holds(m, &abstract->slots[i], f, i, &links))
				return false;
	}
	return true;
}

static bool embedded(const struct machine *m)
{
	u32 why;

	for (const struct snapshot *s = seen[m->pc]; s; s = s->next) {
		searched++;
		if (state_holds(m, s, &why))
			return true;
	}
	return false;
}

/* ---- running ---- */

static void print_program(const struct subject *s)
{
	char line[200];

	for (u32 i = 0; i < s->n_insns; i += insn_slots(&s->insns[i])) {
		struct text out = text_in(line, sizeof(line));

		isa_disasm(&out, &s->insns[i], NULL);
		printf("#\t%3u: %s\n", i, line);
	}
}

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
	u32 why, shown = 0;

	for (const struct snapshot *s = seen[m->pc]; s && shown < 10; s = s->next, shown++) {
		const struct frame *f;
		const struct reg *reg;

		state_holds(m, s, &why);
		if (why == 99) {
			printf("#\tanother call stack\n");
			continue;
		}
		f = s->frames[why / 1000];
		reg = why % 1000 >= 100 ? &f->slots[why % 100].reg : &f->regs[why % 100];
		printf("#\tframe %u %s %u: kind %u flags %x off %d id %u, %llx..%llx, %lld..%lld, "
		       "low %x..%x, bits %llx/%llx\n",
		       why / 1000, why % 1000 >= 100 ? "slot" : "r", why % 100, reg->kind,
		       reg->flags, reg->off, reg->id, (unsigned long long)reg->val.umin,
		       (unsigned long long)reg->val.umax, (long long)reg->val.smin,
		       (long long)reg->val.smax, reg->val.umin32, reg->val.umax32,
		       (unsigned long long)reg->val.bits.value,
		       (unsigned long long)reg->val.bits.mask);
	}
}

static bool run(const struct subject *s, u64 seed)
{
	static struct machine m;
	enum step_result result = STEP_ON;

	machine_start(&m, s->insns, seed);
	for (u32 n = 0; n < MAX_STEPS && result == STEP_ON; n++) {
		steps++;
		if (!embedded(&m)) {
			printf("# at %u no abstract state holds the concrete one\n", m.pc);
			print_program(s);
			print_machine(&m);
			explain(&m);
			return false;
		}
		result = machine_step(&m);
	}
	if (result != STEP_FAULT)
		return true;
	printf("# the instruction before %u touches memory that is not its own\n", m.pc);
	print_program(s);
	print_machine(&m);
	return false;
}

static bool check_program(u64 seed)
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
			 .data_end = offsetof(struct __sk_buff, data_end), .ptr_size = 4,
			 .scalars = offsetof(struct __sk_buff, cb), .scalars_size = 20,
			 .writable_size = 20 },
	};
	struct judge_options judge = { .no_pruning = true, .observe = record };
	struct verdict v;
	bool good = true;

	if (gen_chance(&rng, 50))
		opts.features &= (u32)gen_rand(&rng);
	gen_program(&opts, &program);
	if (gen_chance(&rng, 60))
		gen_mutate(&rng, program.insns, program.len);
	memset(&subject, 0, sizeof(subject));
	subject.prog_type = BPF_PROG_TYPE_SCHED_CLS;
	subject.gpl = true;
	subject.insns = program.insns;
	subject.n_insns = program.len;
	subject_describe_functions(&subject);
	judge_skep_with(&subject, &judge, &v);
	programs++;
	accepted += verdict_accepts(&v);
	if (verdict_accepts(&v) && !too_many) {
		checked++;
		for (u32 i = 0; i < GEN_N_FEATURES; i++)
			with[i] += program.features >> i & 1;
		for (u32 i = 0; i < RUNS_EACH && good; i++)
			good = run(&subject, seed * RUNS_EACH + i);
	}
	if (v.err && getenv("SKEP_VERBOSE"))
		printf("# seed %llu refused at %d: %s\n", (unsigned long long)seed, v.insn,
		       v.message);
	if (!good)
		printf("# seed %llu\n", (unsigned long long)seed);
	forget();
	return good;
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	double limit = 3, start = seconds();
	u64 seed = 1, n = ~0ull;
	u32 bad = 0;
	int c;

	while ((c = getopt(argc, argv, "n:t:s:")) != -1) {
		if (c == 'n')
			n = strtoull(optarg, NULL, 0), limit = 1e9;
		else if (c == 't')
			limit = atof(optarg);
		else if (c == 's')
			seed = strtoull(optarg, NULL, 0);
		else
			return 2;
	}
	printf("1..1\n");
	while (n-- > 0 && seconds() - start < limit && bad < 3)
		bad += !check_program(seed++);
	printf("# %u programs, %.1f%% accepted, %u of them checked in %llu steps (%.1f states tried a "
	       "step);",
	       programs, 100.0 * accepted / programs, checked, (unsigned long long)steps,
	       (double)searched / (double)(steps + !steps));
	for (u32 i = 0; i < GEN_N_FEATURES; i++)
		printf(" %s %.0f%%", gen_feature_names[i], 100.0 * with[i] / (checked + !checked));
	printf("\n%sok 1 - every concrete state lies in an abstract one\n", bad ? "not " : "");
	return bad > 0;
}
