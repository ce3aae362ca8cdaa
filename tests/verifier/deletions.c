/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deleting a check must fail a test. The verifier is built once more with a table of all places that
 * refuse a program (SKEP_CHECK_SITES in verifier/env.h); one at a time does nothing here, and the
 * cases of tests/verifier/cases are judged. The check is covered when a verdict changes, or at
 * least the words and the place of a refusal, which the cases name.
 *
 * What no case misses is tried with further tests: programs given with -p, built the same way,
 * which take the number of the check from SKEP_DELETE; and Linux's own tests (-e ENTRIES), of which
 * a verdict must change. What survives all is printed.
 *
 *	deletions [-l] [-v] [-p PROGRAM] [-e ENTRIES] [FILE[:LINE]]
 */
#include <signal.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/types.h"
#include "verifier/env.h"
#include "verifier/lib/case.h"
#include "verifier/lib/deleted.h"
#include "verifier/lib/parents.h"

#define SECONDS_EACH 20

static struct verifier_case *cases;
static u32 n_cases;

enum outcome { SURVIVES, SAYS_OTHERWISE, CHANGES_VERDICT, CRASHES, OTHER_TEST, LINUX_TEST };

static struct parents entries;
static bool *entry_refused; /* with nothing deleted */
static const char *programs[8];
static u32 n_programs;

static void add_case(struct verifier_case *c, void *arg)
{
	struct bpf_insn *insns = malloc(c->subject.n_insns * sizeof(*insns));

	memcpy(insns, c->subject.insns, c->subject.n_insns * sizeof(*insns));
	cases = realloc(cases, (n_cases + 1) * sizeof(*cases));
	cases[n_cases] = *c;
	cases[n_cases++].subject.insns = insns;
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

/* As cases.c judges. */
static enum outcome judge(struct verifier_case *c)
{
	struct verdict v;

	judge_skep(&c->subject, 0, &v);
	if (!v.judged)
		return SURVIVES;
	if (c->accept != !v.err)
		return CHANGES_VERDICT;
	if (!c->accept && (!strstr(v.message, c->words) || (c->at >= 0 && v.insn != c->at)))
		return SAYS_OTHERWISE;
	return SURVIVES;
}

static enum outcome judge_all(void)
{
	enum outcome worst = SURVIVES;

	for (u32 i = 0; i < n_cases && worst != CHANGES_VERDICT; i++) {
		enum outcome o = judge(&cases[i]);

		worst = MAX(worst, o);
	}
	return worst;
}

static bool accepts(struct subject *s)
{
	struct verdict v;

	judge_skep(s, 0, &v);
	return verdict_accepts(&v);
}

static enum outcome judge_entries(void)
{
	for (u32 i = 0; i < entries.len; i++)
		if (accepts(&entries.data[i]) == entry_refused[i])
			return LINUX_TEST;
	return SURVIVES;
}

static enum outcome run_program(const char *path, u32 site)
{
	char number[20];
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		snprintf(number, sizeof(number), "%u", site);
		setenv("SKEP_DELETE", number, 1);
		alarm(SECONDS_EACH);
		if (freopen("/dev/null", "w", stderr) && freopen("/dev/null", "w", stdout))
			execl(path, path, (char *)NULL);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) < 0)
		return SURVIVES;
	return WIFEXITED(status) && !WEXITSTATUS(status) ? SURVIVES : OTHER_TEST;
}

static enum outcome judge_otherwise(u32 site)
{
	enum outcome o = SURVIVES;

	for (u32 i = 0; i < n_programs && !o; i++)
		o = run_program(programs[i], site);
	return o ? o : judge_entries();
}

static enum outcome without(const struct check_site *site)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		check_deleted = site;
		alarm(SECONDS_EACH);
		if (!freopen("/dev/null", "w", stderr))
			_exit(CRASHES);
		int o = (int)judge_all();

		_exit(o ? o : (int)judge_otherwise((u32)(site - __start_check_sites)));
	}
	if (waitpid(pid, &status, 0) < 0 || !WIFEXITED(status))
		return CRASHES;
	return (enum outcome)WEXITSTATUS(status);
}

static const char *file_of(const struct check_site *site)
{
	const char *slash = strrchr(site->file, '/');

	return slash ? slash + 1 : site->file;
}

static bool selected(const struct check_site *site, const char *only)
{
	char place[200];

	snprintf(place, sizeof(place), "%s:%u", file_of(site), site->line);
	return !only || !strcmp(only, file_of(site)) || !strcmp(only, place);
}

static void source_line_of(const struct check_site *site, char *out, size_t size)
{
	const char *root = getenv("SKEP_SOURCE_ROOT");
	char path[4096];
	u32 line = 0;
	FILE *in;

	snprintf(path, sizeof(path), "%s/src/verifier/%s", root ? root : ".", file_of(site));
	out[0] = 0;
	in = fopen(path, "r");
	while (in && line < site->line && fgets(out, (int)size, in))
		line++;
	if (in)
		fclose(in);
	out[strcspn(out, "\n")] = 0;
	memmove(out, out + strspn(out, "\t "), strlen(out + strspn(out, "\t ")) + 1);
}

/* A case that fails already says nothing. */
static void drop_failing_cases(void)
{
	u32 kept = 0;

	for (u32 i = 0; i < n_cases; i++) {
		if (judge(&cases[i]))
			printf("# \"%s\" fails with nothing deleted\n", cases[i].subject.name);
		else
			cases[kept++] = cases[i];
	}
	n_cases = kept;
}

static void read_linux_tests(const char *path)
{
	parents_read_entries(&entries, path);
	entry_refused = calloc(entries.len + 1, sizeof(*entry_refused));
	for (u32 i = 0; i < entries.len; i++)
		entry_refused[i] = !accepts(&entries.data[i]);
}

static void report(const struct check_site *site, enum outcome o, bool verbose)
{
	static const char *const names[] = { "NOT MISSED", "only other words", "verdict", "crash",
					     "another test", "Linux's tests" };
	char line[300];

	if (o != SURVIVES && !verbose)
		return;
	source_line_of(site, line, sizeof(line));
	printf("# %s: %s:%u: %s\n", names[o], file_of(site), site->line, line);
	fflush(stdout);
}

/* The numbers that SKEP_DELETE takes. */
static int list(void)
{
	for (const struct check_site *s = __start_check_sites; s < __stop_check_sites; s++)
		printf("%u %s:%u\n", (u32)(s - __start_check_sites), file_of(s), s->line);
	return 0;
}

int main(int argc, char **argv)
{
	u32 n[6] = { 0 }, total = 0;
	bool verbose = false;
	int c;

	while ((c = getopt(argc, argv, "lvp:e:")) != -1) {
		if (c == 'l')
			return list();
		if (c == 'v')
			verbose = true;
		else if (c == 'p' && n_programs < ARRAY_SIZE(programs))
			programs[n_programs++] = optarg;
		else if (c == 'e')
			read_linux_tests(optarg);
		else
			return 2;
	}
	read_cases();
	printf("1..1\n");
	drop_failing_cases();
	for (const struct check_site *s = __start_check_sites; s < __stop_check_sites; s++) {
		enum outcome o;

		if (!selected(s, argv[optind]))
			continue;
		o = without(s);
		total++;
		n[o]++;
		report(s, o, verbose);
	}
	printf("# %u checks deleted, one at a time: a case's verdict changes for %u, it crashes or hangs for %u, "
	       "it says something else for %u; another test fails for %u; one of Linux's %u verdicts "
	       "changes for %u; nobody misses %u (%u cases)\n",
	       total, n[CHANGES_VERDICT], n[CRASHES], n[SAYS_OTHERWISE], n[OTHER_TEST], entries.len,
	       n[LINUX_TEST], n[SURVIVES], n_cases);
	printf("%sok 1 - each check is missed when it is deleted\n", n[SURVIVES] ? "not " : "");
	return n[SURVIVES] > 0;
}
