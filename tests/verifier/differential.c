/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mutants of real programs, judged by Skep and by this machine's Linux. A program that we
 * accept and Linux refuses is either a hole in our verifier or something it knows better;
 * what is known to be the latter stands in better_than_linux[] with its reason, anything
 * else fails. Each find is made as small as possible before it is printed.
 *
 *	differential [-n PROGRAMS] [-t SECONDS] [-s SEED] [-v] [ENTRIES]
 *
 * The parents are the accepted cases of cases/ and, when given, Linux's own tests
 * (selftests/prepare.sh makes ENTRIES). Without options a run of about two seconds.
 */
#include <errno.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "isa/asm.h"
#include "verifier/lib/case.h"
#include "verifier/selftests/entry.h"

#define MAX_INSNS 300

/* What Linux says when it refuses something that is in fact safe with us. */
static const struct {
	const char *linux_says;
	const char *why;
} better_than_linux[] = {
	{ "math between ", "bounds kept where Linux forgets them (division, modulo, joins)" },
	{ "unbounded memory access", "the same" },
	{ "value is negative", "the same" },
	{ "outside of the allowed memory range", "the same" },
	{ "pointer be out of bounds", "the same" },
	{ "map_value pointer offset", "the same" },
	{ " size=0", "no byte is touched" },
	{ "misaligned access off (0x0; 0xffffffffffffffff)",
	  "an atomic operation that loads into the register it takes its address from" },
	{ "verifier bug: backtracking misuse", "Linux trips over a count that is a pointer" },
	{ "BPF program is too large", "fewer states" },
	{ "infinite loop detected", "the loop ends, and we follow it" },
	{ "frames is too deep", "Linux counts calls in code that is never reached" },
};

static struct subject *parents;
static u32 n_parents;
static u64 seed = 1;
static struct subject *current; /* for the crash report */

static u64 next_random(void)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return seed * 0x2545f4914f6cdd1dull;
}

static u32 below(u32 n)
{
	return (u32)(next_random() >> 32) % n;
}

/* ---- parents ---- */

static void add_parent(const struct subject *s)
{
	struct subject *copy;

	if (s->n_insns > MAX_INSNS || s->unprivileged)
		return;
	parents = realloc(parents, (n_parents + 1) * sizeof(*parents));
	copy = &parents[n_parents++];
	*copy = *s;
	copy->insns = malloc(s->n_insns * sizeof(*s->insns));
	memcpy(copy->insns, s->insns, s->n_insns * sizeof(*s->insns));
}

static void add_case(struct verifier_case *c, void *arg)
{
	add_parent(&c->subject);
}

static void read_cases(void)
{
	const char *root = getenv("SKEP_SOURCE_ROOT");
	char pattern[4096];
	glob_t files;

	snprintf(pattern, sizeof(pattern), "%s/tests/verifier/cases/*.data", root ? root : ".");
	if (glob(pattern, 0, NULL, &files))
		return;
	for (size_t i = 0; i < files.gl_pathc; i++)
		cases_read(files.gl_pathv[i], add_case, NULL);
	globfree(&files);
}

static void read_entries(const char *path)
{
	static struct selftest_entry e;
	FILE *in = fopen(path, "r");

	while (in && fread(&e, sizeof(e), 1, in) == 1) {
		e.subject.insns = calloc(e.subject.n_insns, sizeof(struct bpf_insn));
		if (fread(e.subject.insns, sizeof(struct bpf_insn), e.subject.n_insns, in) !=
		    e.subject.n_insns)
			break;
		if (!e.subject.attach_to[0] && !e.subject.n_kfuncs)
			add_parent(&e.subject);
		free(e.subject.insns);
	}
	if (in)
		fclose(in);
}

/* ---- mutation ---- */

static s32 near(s32 value)
{
	static const s32 edges[] = { 0, 1, -1, 7, 8, 31, 32, 47, 48, 63, 64, 255, -8, -16,
				     0x7fff, 0xffff, 0x7fffffff, (s32)0x80000000 };

	switch (below(6)) {
	case 0:
		return value + 1;
	case 1:
		return value - 1;
	case 2:
		return value + (s32)(1u << below(8));
	case 3:
		return value ^ (s32)(1u << below(32));
	case 4:
		return -value;
	default:
		return edges[below(ARRAY_SIZE(edges))];
	}
}

static u8 other_code(u8 code)
{
	static const u8 sizes[] = { BPF_B, BPF_H, BPF_W, BPF_DW };

	switch (BPF_CLASS(code)) {
	case BPF_ALU:
	case BPF_ALU64:
		if (below(3) == 0)
			return code ^ (BPF_ALU ^ BPF_ALU64);
		return (u8)(below(14) << 4 | (code & 0x0f));
	case BPF_JMP:
	case BPF_JMP32:
		if (below(3) == 0)
			return code ^ (BPF_JMP ^ BPF_JMP32);
		if (BPF_OP(code) == BPF_CALL || BPF_OP(code) == BPF_EXIT)
			return code;
		return (u8)(below(14) << 4 | (code & 0x0f));
	default:
		return (u8)((code & ~0x18) | sizes[below(4)]);
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

static void mutate_field(struct bpf_insn *insn)
{
	static const u32 helpers[] = { 1, 2, 3, 4, 5, 6, 7, 8, 12, 14, 25, 51, 65, 112, 113,
				       130, 131, 132, 133, 164, 181 };

	switch (below(7)) {
	case 0:
		insn->dst_reg = below(11);
		break;
	case 1:
		if (!insn_is_ldimm64(insn) && !insn_is_call(insn))
			insn->src_reg = below(11);
		break;
	case 2:
	case 3:
		insn->off = (s16)near(insn->off);
		break;
	case 4:
		if (insn_is_call(insn) && !insn->src_reg)
			insn->imm = (s32)helpers[below(ARRAY_SIZE(helpers))];
		else
			insn->imm = near(insn->imm);
		break;
	case 5:
		insn->imm = near(insn->imm);
		break;
	default:
		insn->code = other_code(insn->code);
	}
}

static void mutate(struct subject *s)
{
	for (u32 n = 1 + below(3); n-- > 0;) {
		u32 i = below(s->n_insns);

		if (i && insn_is_ldimm64(&s->insns[i - 1]))
			continue;
		if (below(10) == 0 && s->n_maps)
			s->maps[below(s->n_maps)].fixture = below(FIXTURE_COUNT);
		else if (below(10) == 0 && i + 1 < s->n_insns)
			swap_with_next(s, i);
		else if (!(insn_is_ldimm64(&s->insns[i]) && s->insns[i].src_reg))
			mutate_field(&s->insns[i]);
	}
}

/* ---- finds ---- */

static bool is_find(struct subject *s)
{
	struct verdict ours, theirs;

	judge_skep(s, 0, &ours);
	if (!verdict_accepts(&ours))
		return false;
	judge_linux(s, 0, &theirs);
	return theirs.judged && theirs.err != 0;
}

/* Blanks out what the find does not need. */
static void shrink(struct subject *s)
{
	static const struct bpf_insn nop = { .code = BPF_JMP | BPF_JA };

	for (u32 i = 0; i < s->n_insns; i++) {
		struct bpf_insn keep = s->insns[i];

		if (insn_is_ldimm64(&keep) || (i && insn_is_ldimm64(&s->insns[i - 1])))
			continue;
		s->insns[i] = nop;
		if (!is_find(s))
			s->insns[i] = keep;
	}
}

static void print_program(const struct subject *s)
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

static int known_reason(const char *message)
{
	for (u32 i = 0; i < ARRAY_SIZE(better_than_linux); i++)
		if (strstr(message, better_than_linux[i].linux_says))
			return (int)i;
	return -1;
}

/* One find of a kind is enough to look at; a kind is Linux's message without its numbers. */
static u32 seen_before(const char *message)
{
	static struct {
		char text[200];
		u32 count;
	} kinds[1000];
	char text[200];
	u32 n = 0;

	for (; *message && n < sizeof(text) - 1; message++)
		if (*message < '0' || *message > '9')
			text[n++] = *message;
	text[n] = 0;
	for (u32 i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (!kinds[i].text[0])
			memcpy(kinds[i].text, text, n + 1);
		if (!strcmp(kinds[i].text, text))
			return kinds[i].count++;
	}
	return 1;
}

/* A crash, or a verdict that took more than 10 seconds of our own (SIGVTALRM). */
static void crashed(int signal)
{
	printf("# signal %d judging a mutant of \"%s\"\n", signal, current->name);
	print_program(current);
	printf("not ok 1 - mutants\n1..1\n");
	fflush(stdout);
	_exit(1);
}

static bool explored[MAX_INSNS];

static void mark_explored(void *data, u32 insn, const struct state *state)
{
	explored[insn] = true;
}

/* Does Linux object to an instruction that, as we know, never runs? */
static bool refused_dead_code(struct subject *s, const struct verdict *theirs)
{
	struct judge_options options = { .observe = mark_explored };
	struct verdict v;

	memset(explored, 0, sizeof(explored));
	judge_skep_with(s, &options, &v);
	return theirs->insn >= 0 && (u32)theirs->insn < s->n_insns && !explored[theirs->insn];
}

/*
 * Is it division or modulo, of which Linux remembers nothing, that makes the program
 * acceptable? Then we refuse it as well once their results are unknown to us, too.
 */
static bool rests_on_division(const struct subject *s)
{
	static struct bpf_insn insns[MAX_INSNS];
	struct subject blind = *s;
	bool any = false;
	struct verdict v;

	memcpy(insns, s->insns, s->n_insns * sizeof(*insns));
	blind.insns = insns;
	for (u32 i = 0; i < s->n_insns; i += insn_slots(&insns[i])) {
		u8 code = insns[i].code, class = BPF_CLASS(code);

		if ((class != BPF_ALU && class != BPF_ALU64) ||
		    (BPF_OP(code) != BPF_DIV && BPF_OP(code) != BPF_MOD))
			continue;
		insns[i].code = BPF_LDX | BPF_MEM | (class == BPF_ALU ? BPF_W : BPF_DW);
		insns[i].src_reg = 10;
		insns[i].off = -512;
		insns[i].imm = 0;
		any = true;
	}
	if (!any)
		return false;
	judge_skep(&blind, 0, &v);
	return v.judged && v.err && !strstr(v.message, "stack");
}

struct outcome {
	u32 programs, both_accept, both_refuse, better, stricter, holes;
};

static void judge_mutant(struct subject *s, bool verbose, struct outcome *o)
{
	struct verdict ours, theirs;

	current = s;
	setitimer(ITIMER_VIRTUAL, &(struct itimerval){ .it_value.tv_sec = 10 }, NULL);
	judge_skep(s, 0, &ours);
	/* What is too much for us can keep Linux busy for minutes: references gathered in a loop. */
	if (ours.err == -E2BIG)
		return;
	judge_linux(s, 0, &theirs);
	if (!ours.judged || !theirs.judged)
		return;
	o->programs++;
	o->both_accept += !ours.err && !theirs.err;
	o->both_refuse += ours.err && theirs.err;
	o->stricter += ours.err && !theirs.err;
	if (ours.err && !theirs.err && verbose && !seen_before(ours.message)) {
		printf("# we alone refuse at %d (%s); a mutant of \"%s\", type %u:\n", ours.insn,
		       ours.message, s->name, s->prog_type);
		print_program(s);
	}
	if (ours.err || !theirs.err)
		return;
	shrink(s);
	judge_linux(s, 1, &theirs);
	if (known_reason(theirs.message) >= 0 || refused_dead_code(s, &theirs) ||
	    rests_on_division(s)) {
		o->better++;
		if (!verbose)
			goto out;
	} else {
		o->holes++;
	}
	if (seen_before(theirs.message))
		goto out;
	printf("# we accept, Linux refuses (%s); a mutant of \"%s\", type %u:\n", theirs.message,
	       s->name, s->prog_type);
	print_program(s);
out:
	free(theirs.log);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	static struct bpf_insn insns[MAX_INSNS];
	static struct subject mutant;
	struct outcome o = { 0 };
	double limit = 2, start = seconds();
	u32 n = ~0u;
	bool verbose = false;
	int c;

	while ((c = getopt(argc, argv, "n:t:s:v")) != -1) {
		if (c == 'n')
			n = (u32)atoi(optarg), limit = 1e9;
		else if (c == 't')
			limit = atof(optarg);
		else if (c == 's')
			seed = strtoull(optarg, NULL, 0) * 2 + 1;
		else if (c == 'v')
			verbose = true;
		else
			return 2;
	}
	if (linux_unavailable()) {
		printf("1..0 # SKIP %s\n", linux_unavailable());
		return 0;
	}
	signal(SIGSEGV, crashed);
	signal(SIGABRT, crashed);
	signal(SIGFPE, crashed);
	signal(SIGBUS, crashed);
	signal(SIGVTALRM, crashed);
	read_cases();
	if (optind < argc)
		read_entries(argv[optind]);
	printf("1..1\n");
	while (n_parents && n-- > 0 && seconds() - start < limit) {
		mutant = parents[below(n_parents)];
		memcpy(insns, mutant.insns, mutant.n_insns * sizeof(*insns));
		mutant.insns = insns;
		mutate(&mutant);
		judge_mutant(&mutant, verbose, &o);
	}
	printf("# %u mutants of %u programs in %.1f s: both accept %u, both refuse %u, we alone refuse %u, "
	       "we alone accept %u for a known reason, %u for none\n",
	       o.programs, n_parents, seconds() - start, o.both_accept, o.both_refuse, o.stricter,
	       o.better, o.holes);
	printf("%sok 1 - mutants\n", o.holes ? "not " : "");
	return o.holes > 0;
}
