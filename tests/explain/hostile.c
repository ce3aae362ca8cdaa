/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The explainer on anything: mutants of the broken programs, most of them refused for reasons
 * that nobody thought of, with debug information that no longer fits. It must come back, in
 * bounded time, with a text; what it calls verified must load. And the two other ways to
 * look at a program, --why-slow and --show-states.
 *
 * MUTANTS=n in the environment: how many of each program (6).
 */
#include <stdlib.h>
#include <string.h>

#include "explain/study.h"
#include "kernel/kernel.h"
#include "lib/test.h"
#include "loader/loader.h"

static const char *const objects[] = { "maps", "packets", "lengths", "held", "flow", "licence", "newer" };

struct campaign {
	u32 mutants;
	u64 random;
	u32 tried, refused, found, verified, wrong;
	u64 slowest_ns;
	char slowest[48];
};

static u32 next_random(struct campaign *c)
{
	c->random ^= c->random << 13;
	c->random ^= c->random >> 7;
	c->random ^= c->random << 17;
	return (u32)(c->random >> 16);
}

static void mutate(struct campaign *c, struct bpf_insn *insns, u32 n)
{
	for (u32 k = 1 + next_random(c) % 3; k > 0; k--) {
		struct bpf_insn *insn = &insns[next_random(c) % n];
		u32 r = next_random(c);

		switch (next_random(c) % 8) {
		case 0:
			insn->dst_reg = r % 11;
			break;
		case 1:
			insn->src_reg = r % 11;
			break;
		case 2:
			insn->off = (s16)(insn->off + (s16)(r % 17) - 8);
			break;
		case 3:
			insn->imm = r & 1 ? (s32)(insn->imm + (s32)(r % 9) - 4) : (s32)r;
			break;
		case 4:
			*insn = insns[r % n];
			break;
		case 5:
			insn->code ^= (u8)(1u << (r % 8));
			break;
		case 6:
			/* Conditions the other way. */
			if (BPF_CLASS(insn->code) == BPF_JMP)
				insn->code = (u8)((insn->code & 0x0f) | (r & 0xd0));
			break;
		default:
			*insn = (struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV | BPF_K,
						   .dst_reg = r % 10, .imm = (s32)(r >> 8) };
			break;
		}
	}
}

static void check_fixes(struct campaign *c, const struct verify_request *request,
			const struct explanation *e)
{
	for (u32 i = 0; i < e->n_fixes; i++)
		c->verified += e->fixes[i].state == FIX_VERIFIED;
	if (e->input_state == INPUT_FOUND) {
		static char text[1 << 20];
		struct text out = text_in(text, sizeof(text));
		char words[200];
		s32 insn;

		c->found++;
		explain_input_text(e, &out);
		/* A run that ends for lack of room for its input ends so again. */
		if (out.len < sizeof(text) &&
		    !explain_replay(request, text, e->cause, &insn, words, sizeof(words)))
			c->wrong++;
	}
}

static void explain_mutant(struct campaign *c, const struct verify_request *request,
			   const struct verify_result *result)
{
	static char text[1 << 18];
	struct text out;
	struct explanation *e;
	u64 start = os_clock_ns(OS_CLOCK_MONOTONIC), ns;

	if (explain(request, result, &(struct explain_opts){ .input_ms = 3 }, &e))
		return;
	ns = os_clock_ns(OS_CLOCK_MONOTONIC) - start;
	if (ns > c->slowest_ns) {
		c->slowest_ns = ns;
		snprintf(c->slowest, sizeof(c->slowest), "%s", e->cause);
	}
	out = text_in(text, sizeof(text));
	explain_text(e, &out);
	CHECK(out.len > 40 && out.len < sizeof(text));
	out = text_in(text, sizeof(text));
	explain_json(e, &out);
	CHECK(out.len > 40 && text[0] == '{' && text[out.len - 1] == '}');
	check_fixes(c, request, e);
	explain_free(e);
}

static void on_verified(void *data, const struct verify_request *request,
			const struct verify_result *result, int err)
{
	struct campaign *c = data;
	struct verify_request mutant = *request;
	size_t size = request->insn_cnt * sizeof(struct bpf_insn);
	struct bpf_insn *insns = malloc(size);

	REQUIRE(insns);
	mutant.insns = insns;
	mutant.log = NULL;
	mutant.log_level = 0;
	for (u32 i = 0; i < c->mutants; i++) {
		struct verify_result again;

		memcpy(insns, request->insns, size);
		mutate(c, insns, request->insn_cnt);
		mutant.privileged = next_random(c) % 8 != 0;
		c->tried++;
		if (!verify(&mutant, &again)) {
			image_free(again.image);
			continue;
		}
		c->refused++;
		explain_mutant(c, &mutant, &again);
	}
	free(insns);
}

static void ignore(void *data, const struct loader_prog *prog)
{
}

static void judge_all(verified_fn *fn, void *data, const char *kind)
{
	for (u32 i = 0; i < ARRAY_SIZE(objects); i++) {
		struct skep *skep = skep_new_verifier(NULL);
		struct loader_judge how = { .seen = ignore };
		struct loader_kernel kernel;
		struct loader_error error = { 0 };
		struct loader_source source = { 0 };
		char path[600];

		REQUIRE(skep);
		loader_kernel_of(skep, &kernel);
		skep_on_verified(skep, fn, data);
		snprintf(path, sizeof(path), "tests/explain/%s-%s.bpf.o", kind, objects[i]);
		source.path = test_build_path(path);
		if (loader_judge(&kernel, &source, &how, &error))
			test_fail(__FILE__, __LINE__, "%s", error.text);
		skep_free(skep);
	}
}

TEST(mutants_are_explained)
{
	const char *argument = getenv("MUTANTS");
	struct campaign c = { .mutants = argument ? (u32)atoi(argument) : 6,
			      .random = 0x9e3779b97f4a7c15ull };

	judge_all(on_verified, &c, "broken");
	test_note("%u mutants, %u refused and explained; %u inputs found, %u changes verified; slowest %llu ms (%s)",
		  c.tried, c.refused, c.found, c.verified,
		  (unsigned long long)c.slowest_ns / 1000000, c.slowest);
	CHECK(c.refused > c.mutants * 40);
	CHECK_EQ(c.wrong, 0);
}

/* ---- studies ---- */

static char slow_text[1 << 17], states_text[1 << 17];

static void on_study(void *data, const struct verify_request *request,
		     const struct verify_result *result, int err)
{
	struct place at = place_of(request, 0);
	struct text out;

	if (strcmp(at.function, "as_often_as_the_map_says") == 0) {
		out = text_in(slow_text, sizeof(slow_text));
		CHECK(!study_slow(request, &out));
	}
	if (strcmp(at.function, "off_by_one") == 0) {
		out = text_in(states_text, sizeof(states_text));
		CHECK(!study_states(request, (u32)result->refusal.line, &out));
	}
}

TEST(slow_loops_are_found)
{
	judge_all(on_study, NULL, "broken");
	CHECK(strstr(slow_text, " instructions walked, of a program of "));
	CHECK(strstr(slow_text, "for (__u32 i = 0; i < n; i++)"));
	CHECK(strstr(slow_text, " differs "));
	CHECK(strstr(slow_text, "bpf_for(i, 0, n)"));
}

TEST(states_are_shown_in_words)
{
	judge_all(on_study, NULL, "broken");
	CHECK(strstr(states_text, "a pointer to a value of map 'table' (72 bytes)"));
	CHECK(strstr(states_text, "a number from 0 to 16"));
}
