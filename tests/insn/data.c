/* SPDX-License-Identifier: Apache-2.0 */
#include "insn/data.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/test.h"

struct reader {
	const char *path;
	const char *base; /* file name without .data */
	u32 line;
	bool failed;
};

static bool bad(struct reader *in, const char *what, const char *text)
{
	test_fail(in->path, (int)in->line, "%s: %s", what, text);
	in->failed = true;
	return false;
}

static struct vector *current(struct vectors *vectors)
{
	return vectors->n ? &vectors->v[vectors->n - 1] : NULL;
}

static void begin_vector(struct reader *in, struct vectors *vectors, const char *name)
{
	struct vector *v;

	vectors->v = realloc(vectors->v, (vectors->n + 1) * sizeof(*v));
	v = &vectors->v[vectors->n++];
	memset(v, 0, sizeof(*v));
	snprintf(v->name, sizeof(v->name), "%s: %s", in->base, name);
	v->line = in->line;
	v->source = calloc(1, 1);
}

static void add_source(struct vector *v, const char *line)
{
	size_t have = strlen(v->source), more = strlen(line);

	v->source = realloc(v->source, have + more + 2);
	memcpy(v->source + have, line, more);
	strcpy(v->source + have + more, "\n");
}

static bool read_word(const char **p, u64 *out)
{
	char *end;

	while (isspace((unsigned char)**p))
		(*p)++;
	if (!isdigit((unsigned char)**p) && **p != '-')
		return false;
	*out = **p == '-' ? (u64)strtoll(*p, &end, 0) : strtoull(*p, &end, 0);
	*p = end;
	return true;
}

/* "[01 02 ff]": at most VECTOR_MEMORY bytes; -1 when there is no list. */
static int read_bytes(const char **p, u8 *out)
{
	int n = 0;

	while (isspace((unsigned char)**p))
		(*p)++;
	if (**p != '[')
		return -1;
	for ((*p)++; **p && **p != ']';) {
		unsigned byte;
		int used;

		if (n == VECTOR_MEMORY || sscanf(*p, " %2x%n", &byte, &used) != 1)
			return -1;
		out[n++] = (u8)byte;
		*p += used;
		while (isspace((unsigned char)**p))
			(*p)++;
	}
	*p += **p == ']';
	return n;
}

static bool read_before(struct vector_run *run, const char **p)
{
	int n = read_bytes(p, run->before);

	if (n >= 0) {
		run->size = (u32)n;
		return true;
	}
	while (run->n_words < 8 && read_word(p, &run->words[run->n_words]))
		run->n_words++;
	run->size = run->n_words * 8;
	memcpy(run->before, run->words, run->size);
	return true;
}

static bool add_run(struct reader *in, struct vector *v, const char *text)
{
	struct vector_run run = { .line = in->line };
	const char *p = text;
	int after;

	read_before(&run, &p);
	while (isspace((unsigned char)*p))
		p++;
	if (strncmp(p, "=>", 2) != 0)
		return bad(in, "words or [bytes] and => expected", text);
	p += 2;
	if (!read_word(&p, &run.r0))
		return bad(in, "expected r0 is missing", text);
	memcpy(run.after, run.before, sizeof(run.after));
	after = read_bytes(&p, run.after);
	while (isspace((unsigned char)*p))
		p++;
	if (*p || (after >= 0 && (u32)after != run.size))
		return bad(in, "rubbish, or memory of another size afterwards", text);
	v->runs = realloc(v->runs, (v->n_runs + 1) * sizeof(run));
	v->runs[v->n_runs++] = run;
	return true;
}

static bool add_option(struct reader *in, struct vector *v, const char *line)
{
	if (strncmp(line, "no-linux: ", 10) == 0)
		snprintf(v->no_linux, sizeof(v->no_linux), "%s", line + 10);
	else if (strncmp(line, "no-skep: ", 9) == 0)
		snprintf(v->no_skep, sizeof(v->no_skep), "%s", line + 9);
	else if (strcmp(line, "mode: plain") == 0)
		v->mode = VECTOR_PLAIN;
	else if (strcmp(line, "mode: skb") == 0)
		v->mode = VECTOR_SKB;
	else if (strcmp(line, "registers: all") == 0)
		v->all_registers = true;
	else
		return false;
	return true;
}

static void read_line(struct reader *in, struct vectors *vectors, char *line)
{
	struct vector *v = current(vectors);

	line[strcspn(line, "\n")] = 0;
	while (isspace((unsigned char)*line))
		line++;
	if (!*line || *line == '#')
		return;
	if (strncmp(line, "-- ", 3) == 0)
		begin_vector(in, vectors, line + 3);
	else if (!v)
		bad(in, "a vector starts with --", line);
	else if (strstr(line, "=>"))
		add_run(in, v, line);
	else if (!add_option(in, v, line))
		add_source(v, line);
}

static void check_vectors(struct reader *in, const struct vectors *vectors)
{
	for (u32 i = 0; i < vectors->n; i++) {
		in->line = vectors->v[i].line;
		if (!vectors->v[i].n_runs)
			bad(in, "no run", vectors->v[i].name);
	}
}

bool vectors_read(struct vectors *vectors, const char *path)
{
	const char *slash = strrchr(path, '/');
	char base[64], line[1024];
	struct reader in = { .path = path, .base = base };
	FILE *file = fopen(path, "r");

	snprintf(base, sizeof(base), "%s", slash ? slash + 1 : path);
	base[strcspn(base, ".")] = 0;
	if (!file)
		return bad(&in, "cannot open", path);
	while (fgets(line, sizeof(line), file)) {
		in.line++;
		read_line(&in, vectors, line);
	}
	fclose(file);
	check_vectors(&in, vectors);
	return !in.failed;
}

void vectors_free(struct vectors *vectors)
{
	for (u32 i = 0; i < vectors->n; i++) {
		free(vectors->v[i].source);
		free(vectors->v[i].runs);
	}
	free(vectors->v);
	*vectors = (struct vectors){ 0 };
}

u32 vector_variants(const struct vector *v)
{
	return v->all_registers ? 90 : 1;
}

static bool is_register(const struct vector *v, const char *p)
{
	return v->all_registers && (*p == 'r' || *p == 'w') && (p[1] == 'D' || p[1] == 'S') &&
	       !isalnum((unsigned char)p[2]);
}

/* The pairs in order: (0, 1) (0, 2) ... (9, 8). */
static u32 register_of(u32 variant, char role)
{
	u32 dst = variant / 9, src = variant % 9;

	return role == 'D' ? dst : src + (src >= dst);
}

char *vector_source(const struct vector *v, const struct vector_run *run, u32 variant)
{
	char *out = malloc(strlen(v->source) * 12 + 1), *to = out;

	for (const char *p = v->source; *p; p++) {
		u32 n = (u32)(p[1] - '1');

		if (*p == '$' && n < run->n_words) {
			to += sprintf(to, "%lld", (long long)run->words[n]);
			p++;
		} else if (is_register(v, p)) {
			to += sprintf(to, "%c%u", *p, register_of(variant, p[1]));
			p++;
		} else {
			*to++ = *p;
		}
	}
	*to = 0;
	return out;
}
