/* SPDX-License-Identifier: Apache-2.0 */
/* Verdicts for people: text as they come, and the sums of all formats. */
#include "verify/verify.h"

#include <string.h>

#include "commands.h"

const char *judgement_name(enum judgement judgement)
{
	static const char *const names[] = { "accepted", "refused", "unjudged", "error" };

	return names[judgement];
}

bool verdicts_differ(const struct record *record)
{
	bool both =
	    record->ours.judgement <= JUDGED_REFUSED && record->theirs.judgement <= JUDGED_REFUSED;

	return record->asked_linux && both && record->ours.judgement != record->theirs.judgement;
}

static void count(struct report *report, const struct record *record)
{
	bool own = record->ours.judgement <= JUDGED_REFUSED;
	bool accepted = record->ours.judgement == JUDGED_ACCEPTED;

	report->accepted += accepted;
	report->refused += record->ours.judgement == JUDGED_REFUSED;
	report->unjudged += record->ours.judgement == JUDGED_NOT;
	report->errors += record->ours.judgement == JUDGED_ERROR;
	if (!record->asked_linux || !own)
		return;
	if (record->theirs.judgement == JUDGED_NOT)
		report->linux_silent++;
	else if (verdicts_differ(record))
		report->disagree++;
	else
		report->agree++;
	report->unsafe += verdicts_differ(record) && accepted;
}

static u64 in_us(u64 ns)
{
	return (ns + 999) / 1000;
}

static void put_linux(FILE *out, const struct record *record)
{
	const struct judged *judged = &record->theirs;

	if (judged->judgement == JUDGED_NOT)
		fprintf(out, "    Linux: no verdict: %s\n", record->linux_reason);
	else
		fprintf(out, "    %sLinux: %s, %llu instructions in %llu us%s%s\n",
			verdicts_differ(record) ? "DIFFERS: " : "",
			judgement_name(judged->judgement), (unsigned long long)judged->insns,
			(unsigned long long)in_us(judged->ns), record->linux_reason[0] ? ": " : "",
			record->linux_reason);
}

static void put_text(FILE *out, const char *file, const struct record *record)
{
	static const char *const verdicts[] = { "accepted", "REFUSED ", "UNJUDGED" };
	const struct judged *own = &record->ours;

	fprintf(out, "%s: %s %s", file, verdicts[own->judgement], record->program);
	if (record->section[0])
		fprintf(out, " (%s)", record->section);
	if (own->judgement != JUDGED_NOT)
		fprintf(out, ", %llu instructions in %llu us", (unsigned long long)own->insns,
			(unsigned long long)in_us(own->ns));
	fputc('\n', out);
	if (record->reason[0])
		fprintf(out, "    %s\n", record->reason);
	if (record->note[0])
		fprintf(out, "    %s\n", record->note);
	if (record->where[0])
		fprintf(out, "    at %s\n", record->where);
	if (record->explanation[0])
		fprintf(out, "\n%s\n", record->explanation);
	if (record->asked_linux)
		put_linux(out, record);
	fputs(record->log, out);
}

void report_begin(struct report *report)
{
	if (report->opts->format != VERIFY_TEXT)
		rows_begin(report);
}

void report_record(struct report *report, const char *file, const struct record *record)
{
	count(report, record);
	if (report->opts->format != VERIFY_TEXT)
		row_of(report, file, record);
	else if (record->ours.judgement == JUDGED_ERROR)
		complain("%s%s%s", strstr(record->reason, file) ? "" : file,
			 strstr(record->reason, file) ? "" : ": ", record->reason);
	else
		put_text(report->out, file, record);
	report->rows++;
	fflush(report->out);
}

static void put_sums(const struct report *report)
{
	fprintf(report->out, "%u accepted, %u refused, %u unjudged", report->accepted,
		report->refused, report->unjudged);
	if (report->errors)
		fprintf(report->out, ", %u files not readable", report->errors);
	if (report->opts->against_linux)
		fprintf(
		    report->out,
		    "; Linux: agree %u of %u, %u accepted that it refuses, %u without its verdict",
		    report->agree, report->agree + report->disagree, report->unsafe,
		    report->linux_silent);
	fputc('\n', report->out);
}

void report_end(struct report *report)
{
	if (report->opts->format != VERIFY_TEXT)
		rows_end(report);
	else if (report->rows > 1)
		put_sums(report);
}
