/* SPDX-License-Identifier: Apache-2.0 */
/*
 * selftests ENTRIES [-v] [-u] [NAME...]: every entry of Linux's verifier tests through Skep's
 * verifier, compared with what this machine's Linux says, or where that cannot say, with
 * what the entry itself expects. Each program is judged in a process of its own.
 *
 *	-v	also both logs of the entries whose name contains NAME
 *	-u	the unprivileged verdicts instead (the reference is then the expectation)
 *
 * Ends with "selftests: agree A of B, unsafe accepts U"; the exit status is 1 when U > 0.
 */
#include "verifier/selftests/entry.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool verbose, unprivileged;
static u32 agree, judged, unsafe, refused, unjudged, same_message, refusals, crashed;
static u64 skep_ns, linux_ns;

/* Messages with numbers blanked out, counted. */
struct reason {
	char text[200];
	char example[160];
	u32 count;
};

static struct reason reasons[2000];
static u32 n_reasons;

static void count_reason(const char *message, const char *example)
{
	char text[200];
	u32 n = 0;

	for (const char *p = message; *p && n < sizeof(text) - 1; p++) {
		bool digit = *p >= '0' && *p <= '9';

		if (digit && n && text[n - 1] == 'N')
			continue;
		text[n++] = digit ? 'N' : *p;
	}
	text[n] = 0;
	for (u32 i = 0; i < n_reasons; i++)
		if (!strcmp(reasons[i].text, text)) {
			reasons[i].count++;
			return;
		}
	if (n_reasons < ARRAY_SIZE(reasons)) {
		snprintf(reasons[n_reasons].text, sizeof(text), "%s", text);
		snprintf(reasons[n_reasons].example, 160, "%s", example);
		reasons[n_reasons++].count = 1;
	}
}

static int by_count(const void *a, const void *b)
{
	return (int)((const struct reason *)b)->count - (int)((const struct reason *)a)->count;
}

/* Does the log line contain the first of the tab-separated texts an entry expects? */
static bool has_expected(const char *message, const char *expected)
{
	char first[300];

	snprintf(first, sizeof(first), "%.*s", (int)strcspn(expected, "\t"), expected);
	return strstr(message, first) != NULL;
}

static void show_logs(struct subject *s)
{
	struct verdict v;

	judge_skep(s, 2, &v);
	printf("---- skep: %s %s\n%s\n", v.err ? strerror(-v.err) : "accepted", v.message,
	       v.log ? v.log : "");
	free(v.log);
	judge_linux(s, 2, &v);
	printf("---- linux: %s %s\n%s\n", v.err ? strerror(-v.err) : "accepted", v.message,
	       v.log ? v.log : "");
	free(v.log);
}

static void compare(struct selftest_entry *e)
{
	struct subject *s = &e->subject;
	struct verdict ours, theirs;
	bool expected = unprivileged ? e->expect_accept_unprivileged : e->expect_accept;
	bool by_linux, accept;

	s->unprivileged = unprivileged;
	judge_linux(s, 0, &theirs);
	judge_skep_apart(s, 20, &ours);
	by_linux = theirs.judged;
	accept = by_linux ? verdict_accepts(&theirs) : expected;
	if (!ours.judged) {
		unjudged++;
		return;
	}
	judged++;
	if (verbose)
		printf("%s: skep %s, linux %s, expected %s: %s\n", s->name,
		       ours.err ? "refuses" : "accepts",
		       !theirs.judged ? "silent" :
		       theirs.err     ? "refuses" :
					"accepts",
		       expected ? "accept" : "refuse", ours.message);
	if (ours.err == -EFAULT && !strcmp(ours.message, "CRASH"))
		crashed++;
	if (by_linux && !ours.err && !theirs.err) {
		skep_ns += ours.ns;
		linux_ns += theirs.ns;
	}
	if (!accept && ours.err) {
		refusals++;
		same_message += has_expected(ours.message, e->expect_message);
	}
	if (verdict_accepts(&ours) == accept) {
		agree++;
	} else if (accept) {
		refused++;
		count_reason(ours.message, s->name);
	} else {
		unsafe++;
		free(theirs.log);
		judge_linux(s, 1, &theirs);
		printf("ACCEPTED, but %s refuses: %s: %s\n", by_linux ? "Linux" : "the entry", s->name,
		       by_linux ? theirs.message : e->expect_message);
		free(theirs.log);
	}
	if (verbose)
		show_logs(s);
}

static bool wanted(const char *name, int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		if (strstr(name, argv[i]))
			return true;
	return argc == 0;
}

static void report(void)
{
	const char *why = linux_unavailable();

	qsort(reasons, n_reasons, sizeof(reasons[0]), by_count);
	for (u32 i = 0; i < n_reasons; i++)
		printf("refused, but should be accepted: %4u x %s   (%s)\n", reasons[i].count,
		       reasons[i].text, reasons[i].example);
	if (why)
		printf("Linux is not asked: %s\n", why);
	if (unjudged)
		printf("unjudged: %u\n", unjudged);
	printf("crashes: %u; refusals whose message holds the expected text: %u of %u\n", crashed,
	       same_message, refusals);
	if (linux_ns)
		printf("time on programs both accept: %.1f ms, Linux %.1f ms\n", skep_ns / 1e6,
		       linux_ns / 1e6);
	printf("selftests: agree %u of %u, unsafe accepts %u\n", agree, judged, unsafe);
}

int main(int argc, char **argv)
{
	static struct selftest_entry e;
	FILE *in;
	int at = 2;

	if (argc < 2 || !(in = fopen(argv[1], "r"))) {
		fprintf(stderr, "usage: selftests ENTRIES [-v] [-u] [NAME...]\n");
		return 2;
	}
	for (; at < argc && argv[at][0] == '-'; at++) {
		verbose |= !strcmp(argv[at], "-v");
		unprivileged |= !strcmp(argv[at], "-u");
	}
	while (fread(&e, sizeof(e), 1, in) == 1) {
		struct subject *s = &e.subject;

		s->insns = calloc(s->n_insns, sizeof(struct bpf_insn));
		if (fread(s->insns, sizeof(struct bpf_insn), s->n_insns, in) != s->n_insns)
			break;
		if (wanted(s->name, argc - at, argv + at) && (!unprivileged || e.has_unprivileged))
			compare(&e);
		free(s->insns);
	}
	fclose(in);
	report();
	return unsafe > 0;
}
