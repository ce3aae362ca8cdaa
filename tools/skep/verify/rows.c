/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verdicts for programs: a row or an object each. Columns and members keep their names and
 * order; new ones are added behind them.
 */
#include "verify/verify.h"

#include <string.h>

#include "show.h"

/* Backslash, tab and line ends are written \\ \t \n \r. */
static void put_field(FILE *out, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '\\':
			fputs("\\\\", out);
			break;
		case '\t':
			fputs("\\t", out);
			break;
		case '\n':
			fputs("\\n", out);
			break;
		case '\r':
			fputs("\\r", out);
			break;
		default:
			fputc(*text, out);
		}
	}
}

static u64 in_us(u64 ns)
{
	return (ns + 999) / 1000;
}

static void put_numbers(FILE *out, const struct judged *judged)
{
	fprintf(out, "\t%s\t%llu\t%llu\t%llu", judgement_name(judged->judgement),
		(unsigned long long)in_us(judged->ns), (unsigned long long)judged->insns,
		(unsigned long long)judged->states);
}

static const char *agreement(const struct record *record)
{
	if (verdicts_differ(record))
		return record->ours.judgement == JUDGED_ACCEPTED ? "unsafe" : "refused";
	return record->theirs.judgement <= JUDGED_REFUSED &&
		       record->ours.judgement <= JUDGED_REFUSED
		   ? "agree"
		   : "";
}

static void put_tsv(FILE *out, const char *file, const struct record *record)
{
	put_field(out, file);
	fputc('\t', out);
	put_field(out, record->program[0] ? record->program : "-");
	put_numbers(out, &record->ours);
	fprintf(out, "\t%llu\t", (unsigned long long)record->ours.memory);
	put_field(out, record->reason);
	if (record->where[0] && record->ours.judgement == JUDGED_REFUSED) {
		fputs(" at ", out);
		put_field(out, record->where);
	}
	if (record->asked_linux) {
		put_numbers(out, &record->theirs);
		fputc('\t', out);
		put_field(out, record->linux_reason);
		fprintf(out, "\t%s", agreement(record));
	}
	fputc('\n', out);
}

static void put_string(FILE *out, const char *name, const char *text)
{
	if (!text[0])
		return;
	fprintf(out, ",\"%s\":", name);
	show_json_string(out, text, strlen(text));
}

static void put_judged(FILE *out, const struct judged *judged)
{
	fprintf(out, "\"verdict\":\"%s\"", judgement_name(judged->judgement));
	if (judged->judgement > JUDGED_REFUSED)
		return;
	fprintf(out,
		",\"errno\":%d,\"time_us\":%llu,\"instructions\":%llu,\"states\":%llu,"
		"\"peak_states\":%llu",
		-judged->err, (unsigned long long)in_us(judged->ns),
		(unsigned long long)judged->insns, (unsigned long long)judged->states,
		(unsigned long long)judged->peak_states);
}

static void put_json(FILE *out, const char *file, const struct record *record)
{
	fputs("{\"file\":", out);
	show_json_string(out, file, strlen(file));
	put_string(out, "program", record->program);
	put_string(out, "section", record->section);
	put_string(out, "type", record->type);
	fputc(',', out);
	put_judged(out, &record->ours);
	if (record->ours.memory)
		fprintf(out, ",\"peak_memory\":%llu", (unsigned long long)record->ours.memory);
	put_string(out, "reason", record->reason);
	put_string(out, "note", record->note);
	put_string(out, "cause", record->cause);
	put_string(out, "where", record->where);
	if (record->line)
		fprintf(out, ",\"line\":%u", record->line);
	if (record->explanation[0])
		fprintf(out, ",\"explanation\":%s", record->explanation);
	put_string(out, "log", record->log);
	if (record->asked_linux) {
		fputs(",\"linux\":{", out);
		put_judged(out, &record->theirs);
		put_string(out, "reason", record->linux_reason);
		fprintf(out, "},\"agreement\":\"%s\"", agreement(record));
	}
	fputc('}', out);
}

void rows_begin(struct report *report)
{
	if (report->opts->format == VERIFY_JSON) {
		fputc('[', report->out);
		return;
	}
	fputs("file\tprogram\tverdict\ttime_us\tinstructions\tstates\tpeak_memory\treason",
	      report->out);
	if (report->opts->against_linux)
		fputs(
		    "\tlinux_verdict\tlinux_time_us\tlinux_instructions\tlinux_states\tlinux_reason"
		    "\tagreement",
		    report->out);
	fputc('\n', report->out);
}

void row_of(struct report *report, const char *file, const struct record *record)
{
	if (report->opts->format == VERIFY_TSV) {
		put_tsv(report->out, file, record);
		return;
	}
	fputs(report->rows ? ",\n" : "\n", report->out);
	put_json(report->out, file, record);
}

void rows_end(struct report *report)
{
	if (report->opts->format == VERIFY_JSON)
		fputs(report->rows ? "\n]\n" : "]\n", report->out);
}
