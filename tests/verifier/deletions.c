/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deleting a check must fail a test. The verifier is built once more with a table of all places that
 * refuse a program (SKEP_CHECK_SITES in verifier/env.h); one at a time does nothing here, and the
 * cases of tests/verifier/cases are judged. The check is covered when a verdict changes, or at
 * least the words and the place of a refusal, which the cases name.
 *
 *	deletions [-v] [FILE[:LINE]]
 *
 * What survives is printed, and must stand in deletions.txt with the reason why no test can miss
 * it: a check behind another one, a limit that takes gigabytes to reach.
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

#define SECONDS_EACH 20

extern const struct check_site __start_check_sites[], __stop_check_sites[];
const struct check_site *check_deleted;

static struct verifier_case *cases;
static u32 n_cases;

enum outcome { SURVIVES, SAYS_OTHERWISE, CHANGES_VERDICT, CRASHES };

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
		_exit((int)judge_all());
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

/* Is it in deletions.txt? Its lines are "FILE function or text of the line: reason". */
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

int main(int argc, char **argv)
{
	u32 n[4] = { 0 }, total = 0, undetected = 0;
	bool verbose = argc > 1 && !strcmp(argv[1], "-v");
	const char *only = argc > 1 + verbose ? argv[1 + verbose] : NULL;
	char line[300];

	read_cases();
	printf("1..1\n");
	for (u32 i = 0; i < n_cases; i++)
		if (judge(&cases[i])) {
			printf("not ok 1 - \"%s\" fails with nothing deleted\n",
			       cases[i].subject.name);
			return 1;
		}
	for (const struct check_site *s = __start_check_sites; s < __stop_check_sites; s++) {
		enum outcome o;

		if (!selected(s, only))
			continue;
		o = without(s);
		total++;
		n[o]++;
		if (o == SURVIVES || (verbose && o == SAYS_OTHERWISE)) {
			source_line_of(s, line, sizeof(line));
			printf("# %s %s:%u: %s\n", o ? "only other words" : "no test misses", file_of(s),
			       s->line, line);
		}
		undetected += o == SURVIVES;
	}
	printf("# of %u checks deleted: %u change a verdict, %u crash or hang it, %u change the words, %u no test "
	       "misses; %u cases\n",
	       total, n[CHANGES_VERDICT], n[CRASHES], n[SAYS_OTHERWISE], undetected, n_cases);
	printf("%sok 1 - each check is missed when it is deleted\n", undetected ? "not " : "");
	return undetected > 0;
}
