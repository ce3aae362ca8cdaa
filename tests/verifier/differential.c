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
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "verifier/lib/parents.h"

#define MAX_INSNS PARENT_MAX_INSNS

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

static struct parents parents;
static struct gen_rng rng = { 1 };
static struct subject *current; /* for the crash report */

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
	subject_print(current);
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

/*
 * Linux 6.18.44 dereferences NULL (check_kfunc_call) over some mutants of programs with work
 * queues: a map without special fields where a kfunc wants one. Of the other kfuncs only the
 * arguments change, never which function is called.
 */
static bool is_fragile(const struct subject *s)
{
	u32 calls = 0;

	for (u32 i = 0; i < s->n_insns; i++)
		calls += insn_is_call(&s->insns[i]) && s->insns[i].src_reg == BPF_PSEUDO_KFUNC_CALL;
	for (u32 i = 0; i < s->n_kfuncs; i++) {
		const struct subject_kfunc *k = &s->kfuncs[i];
		const struct bpf_insn *insn = &s->insns[k->insn];

		if (!insn_is_call(insn) || insn->src_reg != BPF_PSEUDO_KFUNC_CALL || insn->off ||
		    strstr(k->name, "wq") || strstr(k->name, "task_work"))
			return true;
	}
	return calls != s->n_kfuncs;
}

static void judge_mutant(struct subject *s, bool verbose, struct outcome *o)
{
	struct verdict ours, theirs;

	if (is_fragile(s))
		return;
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
		subject_print(s);
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
	subject_print(s);
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
			rng.state = strtoull(optarg, NULL, 0);
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
	parents_read_cases(&parents);
	if (optind < argc)
		parents_read_entries(&parents, argv[optind]);
	printf("1..1\n");
	while (parents.len && n-- > 0 && seconds() - start < limit) {
		parents_mutant(&parents, &rng, &mutant, insns);
		judge_mutant(&mutant, verbose, &o);
	}
	printf("# %u mutants of %u programs in %.1f s: both accept %u, both refuse %u, we alone refuse %u, "
	       "we alone accept %u for a known reason, %u for none\n",
	       o.programs, parents.len, seconds() - start, o.both_accept, o.both_refuse, o.stricter,
	       o.better, o.holes);
	printf("%sok 1 - mutants\n", o.holes ? "not " : "");
	return o.holes > 0;
}
