/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/lib/parents.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "isa/asm.h"
#include "verifier/lib/case.h"
#include "verifier/selftests/entry.h"

static void add_parent(struct parents *parents, const struct subject *s)
{
	struct subject *copy;

	if (s->n_insns > PARENT_MAX_INSNS || s->unprivileged ||
	    (parents->wanted && !parents->wanted(s)))
		return;
	parents->data = realloc(parents->data, (parents->len + 1) * sizeof(*copy));
	copy = &parents->data[parents->len++];
	*copy = *s;
	copy->insns = malloc(s->n_insns * sizeof(*s->insns));
	memcpy(copy->insns, s->insns, s->n_insns * sizeof(*s->insns));
}

static void add_case(struct verifier_case *c, void *arg)
{
	add_parent(arg, &c->subject);
}

void parents_read_cases(struct parents *parents)
{
	const char *root = getenv("SKEP_SOURCE_ROOT");
	char pattern[4096];
	glob_t files;

	snprintf(pattern, sizeof(pattern), "%s/tests/verifier/cases/*.data", root ? root : ".");
	if (glob(pattern, 0, NULL, &files))
		return;
	for (size_t i = 0; i < files.gl_pathc; i++)
		cases_read(files.gl_pathv[i], add_case, parents);
	globfree(&files);
}

void parents_read_entries(struct parents *parents, const char *path)
{
	static struct selftest_entry e;
	FILE *in = fopen(path, "r");

	while (in && fread(&e, sizeof(e), 1, in) == 1) {
		e.subject.insns = calloc(e.subject.n_insns, sizeof(struct bpf_insn));
		if (fread(e.subject.insns, sizeof(struct bpf_insn), e.subject.n_insns, in) !=
		    e.subject.n_insns)
			break;
		if (!e.subject.attach_to[0] && !e.subject.n_kfuncs)
			add_parent(parents, &e.subject);
		free(e.subject.insns);
	}
	if (in)
		fclose(in);
}

static s32 near(struct gen_rng *rng, s32 value)
{
	static const s32 edges[] = { 0, 1, -1, 7, 8, 31, 32, 47, 48, 63, 64, 255, -8, -16,
				     0x7fff, 0xffff, 0x7fffffff, (s32)0x80000000 };

	switch (gen_below(rng, 6)) {
	case 0:
		return (s32)((u32)value + 1);
	case 1:
		return (s32)((u32)value - 1);
	case 2:
		return (s32)((u32)value + (1u << gen_below(rng, 8)));
	case 3:
		return value ^ (s32)(1u << gen_below(rng, 32));
	case 4:
		return (s32)-(u32)value;
	default:
		return edges[gen_below(rng, ARRAY_SIZE(edges))];
	}
}

static u8 other_code(struct gen_rng *rng, u8 code)
{
	static const u8 sizes[] = { BPF_B, BPF_H, BPF_W, BPF_DW };

	switch (BPF_CLASS(code)) {
	case BPF_ALU:
	case BPF_ALU64:
		if (gen_below(rng, 3) == 0)
			return code ^ (BPF_ALU ^ BPF_ALU64);
		return (u8)(gen_below(rng, 14) << 4 | (code & 0x0f));
	case BPF_JMP:
	case BPF_JMP32:
		if (gen_below(rng, 3) == 0)
			return code ^ (BPF_JMP ^ BPF_JMP32);
		if (BPF_OP(code) == BPF_CALL || BPF_OP(code) == BPF_EXIT)
			return code;
		return (u8)(gen_below(rng, 14) << 4 | (code & 0x0f));
	default:
		return (u8)((code & ~0x18) | sizes[gen_below(rng, 4)]);
	}
}

static void swap_with_next(struct subject *s, u32 i)
{
	struct bpf_insn *a = &s->insns[i], *b = &s->insns[i + 1], hold = *a;

	if (insn_is_ldimm64(a) || insn_is_ldimm64(b) || (i && insn_is_ldimm64(a - 1)))
		return;
	*a = *b;
	*b = hold;
}

static void mutate_field(struct gen_rng *rng, struct bpf_insn *insn)
{
	static const u32 helpers[] = { 1, 2, 3, 4, 5, 6, 7, 8, 12, 14, 25, 51, 65, 112, 113,
				       130, 131, 132, 133, 164, 181 };

	switch (gen_below(rng, 7)) {
	case 0:
		insn->dst_reg = gen_below(rng, 11);
		break;
	case 1:
		if (!insn_is_ldimm64(insn) && !insn_is_call(insn))
			insn->src_reg = gen_below(rng, 11);
		break;
	case 2:
	case 3:
		insn->off = (s16)near(rng, insn->off);
		break;
	case 4:
		if (insn_is_call(insn) && !insn->src_reg)
			insn->imm = (s32)helpers[gen_below(rng, ARRAY_SIZE(helpers))];
		else
			insn->imm = near(rng, insn->imm);
		break;
	case 5:
		insn->imm = near(rng, insn->imm);
		break;
	default:
		insn->code = other_code(rng, insn->code);
	}
}

static void mutate(struct gen_rng *rng, struct subject *s)
{
	for (u32 n = 1 + gen_below(rng, 3); n-- > 0;) {
		u32 i = gen_below(rng, s->n_insns);

		if (i && insn_is_ldimm64(&s->insns[i - 1]))
			continue;
		if (gen_below(rng, 10) == 0 && s->n_maps)
			s->maps[gen_below(rng, s->n_maps)].fixture = gen_below(rng, FIXTURE_COUNT);
		else if (gen_below(rng, 10) == 0 && i + 1 < s->n_insns)
			swap_with_next(s, i);
		else if (!(insn_is_ldimm64(&s->insns[i]) && s->insns[i].src_reg))
			mutate_field(rng, &s->insns[i]);
	}
}

void parents_mutant(const struct parents *parents, struct gen_rng *rng, struct subject *out,
		    struct bpf_insn *insns)
{
	*out = parents->data[gen_below(rng, parents->len)];
	memcpy(insns, out->insns, out->n_insns * sizeof(*insns));
	out->insns = insns;
	mutate(rng, out);
}

void subject_print(const struct subject *s)
{
	char line[200];

	for (u32 i = 0; i < s->n_insns; i += insn_slots(&s->insns[i])) {
		struct text out = text_in(line, sizeof(line));

		isa_disasm(&out, &s->insns[i], NULL);
		if (s->insns[i].code != (BPF_JMP | BPF_JA) || s->insns[i].off)
			printf("#\t%3u: %s\n", i, line);
	}
	for (u32 i = 0; i < s->n_maps; i++)
		printf("#\tmap at %u: %s\n", s->maps[i].insn, fixtures[s->maps[i].fixture].name);
}

