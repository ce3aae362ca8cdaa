/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A verifier's log ends, for a refused program, with
 *
 *	; value = *p; @ prog.bpf.c:12		the source line (older kernels: without @)
 *	5: (61) r1 = *(u32 *)(r0 +0)
 *	R0 invalid mem access 'map_value_or_null'
 *	processed 6 insns (limit 1000000) max_states_per_insn 0 ...
 *
 * so the reason is the last line that is neither an instruction, a source line, a
 * register state nor statistics; and the place is the last source line before it.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loader/reason.h"

struct line {
	const char *start;
	size_t len;
};

/* "12: (bf) r1 = r2", "12: R1=ctx() R10=fp0", "from 3 to 5: R0=..." */
static bool is_trace(const struct line *line)
{
	size_t digits = strspn(line->start, "0123456789");

	if (digits && digits < line->len && line->start[digits] == ':')
		return true;
	return line->len > 5 && strncmp(line->start, "from ", 5) == 0 &&
	       memmem(line->start, line->len, " to ", 4);
}

static bool is_noise(const struct line *line)
{
	static const char *const starts[] = { "processed ",   "verification time ",
					      "stack depth ", "last_idx ",
					      "regs=",        "mark_precise",
					      "func#",        "Validating ",
					      "peak_states",  "peak memory " };

	if (!line->len)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(starts); i++)
		if (line->len >= strlen(starts[i]) &&
		    strncmp(line->start, starts[i], strlen(starts[i])) == 0)
			return true;
	return false;
}

static struct line next_line(const char **at)
{
	struct line line = { *at, strcspn(*at, "\n") };

	*at += line.len + ((*at)[line.len] == '\n');
	return line;
}

/* "text; @ file.c:12" becomes "file.c:12: text". */
static void place_of(const struct line *line, char *out, size_t size)
{
	const char *text = line->start + 1;
	const char *end = line->start + line->len;
	const char *at = NULL;

	while (text < end && *text == ' ')
		text++;
	for (const char *p = text; p + 3 <= end; p++)
		if (memcmp(p, " @ ", 3) == 0)
			at = p;
	if (!at)
		snprintf(out, size, "%.*s", (int)(end - text), text);
	else
		snprintf(out, size, "%.*s: %.*s", (int)(end - at - 3), at + 3, (int)(at - text),
			 text);
}

void reason_from_log(struct loader_prog *prog, const char *cause)
{
	struct line reason = { 0 }, source = { 0 }, place = { 0 };
	const char *at = prog->log ? prog->log : "";

	while (*at) {
		struct line line = next_line(&at);

		if (line.len && line.start[0] == ';') {
			source = line;
		} else if (!is_trace(&line) && !is_noise(&line)) {
			reason = line;
			place = source;
		}
	}
	if (place.start)
		place_of(&place, prog->where, sizeof(prog->where));
	if (reason.start)
		snprintf(prog->reason, sizeof(prog->reason), "%.*s", (int)reason.len, reason.start);
	else
		snprintf(prog->reason, sizeof(prog->reason), "%s",
			 cause[0] ? cause : strerror(-prog->err));
	figures_from_log(prog, prog->log ? prog->log : "");
}

static u64 number_after(const char *text, const char *label)
{
	const char *at = strstr(text, label);

	return at ? strtoull(at + strlen(label), NULL, 10) : 0;
}

void figures_from_log(struct loader_prog *prog, const char *log)
{
	const char *last = NULL;

	for (const char *at = log; (at = strstr(at, "processed ")) != NULL; at++)
		last = at;
	if (!last)
		return;
	prog->insns = number_after(last, "processed ");
	prog->states = number_after(last, "total_states ");
	prog->peak_states = number_after(last, "peak_states ");
	if (strstr(log, "verification time "))
		prog->load_ns = 1000 * number_after(log, "verification time ");
}
