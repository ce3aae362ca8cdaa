/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "print.h"

#include <stdlib.h>
#include <string.h>

#include "maps/map.h"

#define MAX_COLUMNS 48
#define MAX_CELL    60

struct column {
	struct shown what;
	bool of_key;
	bool right; /* numbers */
	u32 width;
};

struct table {
	struct column columns[MAX_COLUMNS];
	u32 n;
	struct shown hist; /* the "slots" of the value */
	bool has_hist;
};

/* ---- names with meaning ---- */

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n >= m && strcmp(text + n - m, end) == 0;
}

/* The unit that one of the words of a name is, or "". */
static const char *unit_of(const char *name)
{
	static const char *const units[] = { "ns", "us", "ms", "bytes" };

	while (*name) {
		size_t len = strcspn(name, "_");

		for (size_t i = 0; i < ARRAY_SIZE(units); i++)
			if (strlen(units[i]) == len && strncmp(name, units[i], len) == 0)
				return units[i];
		name += len + (name[len] == '_');
	}
	return "";
}

static bool is_slots(const struct shown *part)
{
	u32 n, elem_size;

	return part->name && strcmp(part->name, "slots") == 0 &&
	       show_int_array(part, &n, &elem_size) && n <= 64;
}

/* ---- cells ---- */

static char *cell(const struct shown *what, const void *data)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	show_text(out, what, data, true);
	fclose(out);
	return text;
}

static void add_columns(struct table *table, const struct shown *value, bool of_key)
{
	struct shown parts[MAX_COLUMNS];
	u32 n = show_parts(value, parts, MAX_COLUMNS);

	for (u32 i = 0; i < n && i < MAX_COLUMNS && table->n < MAX_COLUMNS; i++) {
		if (!of_key && is_slots(&parts[i])) {
			table->hist = parts[i];
			table->has_hist = true;
			continue;
		}
		table->columns[table->n++] =
		    (struct column){ .what = parts[i],
				     .of_key = of_key,
				     .width = parts[i].name ? (u32)strlen(parts[i].name) : 0 };
	}
}

static const void *data_of(const struct snapshot *s, const struct column *column, u32 row)
{
	return column->of_key ? snapshot_key(s, row) : snapshot_value(s, row);
}

static void measure(struct table *table, const struct snapshot *s, u32 rows)
{
	for (u32 c = 0; c < table->n; c++) {
		struct column *column = &table->columns[c];
		bool is_signed;
		s64 number;

		column->right =
		    s->n && show_number(&column->what, data_of(s, column, 0), &number, &is_signed);
		if (column->what.name && strcmp(column->what.name, "syscall_nr") == 0)
			column->right = false;
		for (u32 row = 0; row < rows; row++) {
			char *text = cell(&column->what, data_of(s, column, row));
			u32 len = text ? (u32)strlen(text) : 0;

			column->width = MAX(column->width, MIN(len, MAX_CELL));
			free(text);
		}
	}
}

static void put_cell(FILE *out, const struct column *column, const char *text, bool last)
{
	if (column->right)
		fprintf(out, "%*s", (int)column->width, text);
	else if (last)
		fprintf(out, "%s", text);
	else
		fprintf(out, "%-*.*s", (int)column->width, MAX_CELL, text);
	fputs(last ? "\n" : "  ", out);
}

static void put_rows(FILE *out, const struct table *table, const struct snapshot *s, u32 rows)
{
	for (u32 c = 0; c < table->n; c++)
		put_cell(out, &table->columns[c], table->columns[c].what.name, c + 1 == table->n);
	for (u32 row = 0; row < rows; row++) {
		for (u32 c = 0; c < table->n; c++) {
			const struct column *column = &table->columns[c];
			char *text = cell(&column->what, data_of(s, column, row));

			put_cell(out, column, text ? text : "?", c + 1 == table->n);
			free(text);
		}
	}
}

static void put_rest(FILE *out, u32 all, u32 shown, const char *what)
{
	if (all > shown)
		fprintf(out, "... and %u more %s (--top 0 shows all)\n", all - shown, what);
}

/* ---- histograms ---- */

struct hist {
	u64 slots[64];
	u32 n;
	const char *unit;
};

/* 2^n as people write it: 512, 4K, 1M */
static void put_power(char *out, size_t size, u32 n)
{
	static const char suffix[] = { 0, 'K', 'M', 'G', 'T', 'P', 'E' };

	snprintf(out, size, "%u%.1s", 1u << n % 10, &suffix[n / 10]);
}

static u32 log2_of(u64 value)
{
	return value ? 63 - (u32)__builtin_clzll(value) : 0;
}

/* The slot in which an empty call lies, or -1 when this is not a histogram of times. */
static int floor_slot(const struct hist *hist, u64 floor_ns)
{
	u64 per_unit = strcmp(hist->unit, "ns") == 0   ? 1
		       : strcmp(hist->unit, "us") == 0 ? 1000
		       : strcmp(hist->unit, "ms") == 0 ? 1000000
						       : 0;

	return floor_ns && per_unit ? (int)log2_of(floor_ns / per_unit) : -1;
}

static void put_bar(FILE *out, u64 count, u64 most)
{
	enum { WIDTH = 40 };
	u32 len = most ? (u32)((double)count * WIDTH / (double)most + 0.5) : 0;

	fputc('|', out);
	for (u32 i = 0; i < WIDTH; i++)
		fputc(i < len ? '#' : i == 0 && count ? '.' : ' ', out);
	fputc('|', out);
}

static void put_hist(const struct print_opts *opts, const struct hist *hist)
{
	u32 first = 0, last = 0;
	int floor = floor_slot(hist, opts->floor_ns);
	u64 most = 0;

	while (first < hist->n && !hist->slots[first])
		first++;
	for (u32 i = first; i < hist->n; i++) {
		last = hist->slots[i] ? i : last;
		most = MAX(most, hist->slots[i]);
	}
	for (u32 i = first; i <= last && i < hist->n; i++) {
		char low[16], high[16];

		put_power(low, sizeof(low), i);
		put_power(high, sizeof(high), i + 1);
		fprintf(opts->out, "  [%4s, %4s) %-5s %10llu ", i ? low : "0", high, hist->unit,
			(unsigned long long)hist->slots[i]);
		put_bar(opts->out, hist->slots[i], most);
		if ((int)i == floor)
			fprintf(opts->out, " an empty traced call: %.1f us",
				(double)opts->floor_ns / 1000);
		fputc('\n', opts->out);
	}
	if (floor >= 0 && (floor < (int)first || floor > (int)last))
		fprintf(opts->out, "  (an empty traced call: %.1f us)\n",
			(double)opts->floor_ns / 1000);
}

static void read_slots(const struct shown *slots, const u8 *value, struct hist *hist)
{
	u32 elem_size;

	show_int_array(slots, &hist->n, &elem_size);
	for (u32 i = 0; i < hist->n; i++)
		memcpy(&hist->slots[i], value + slots->bit_offset / 8 + i * elem_size, elem_size);
}

static void put_hist_title(FILE *out, const struct table *table, const struct snapshot *s, u32 row)
{
	fprintf(out, "\n%s", s->map->name);
	for (u32 c = 0; c < table->n; c++) {
		const struct column *column = &table->columns[c];
		char *text;

		if (!column->of_key)
			continue;
		text = cell(&column->what, data_of(s, column, row));
		fprintf(out, " %s", text ? text : "?");
		free(text);
	}
	fputc('\n', out);
}

static void put_hists(const struct print_opts *opts, const struct table *table,
		      const struct snapshot *s)
{
	u32 n = opts->hists ? MIN(opts->hists, s->n) : s->n;

	for (u32 row = 0; row < n; row++) {
		struct hist hist = { .unit = unit_of(s->map->name) };

		read_slots(&table->hist, snapshot_value(s, row), &hist);
		put_hist_title(opts->out, table, s, row);
		put_hist(opts, &hist);
	}
	put_rest(opts->out, s->n, n, "histograms");
}

/* An array map that is one histogram: slot n is element n. */
static bool is_hist_map(const struct snapshot *s)
{
	bool is_signed;
	s64 number;

	return s->n && s->n <= 64 && ends_with(s->map->name, "hist") &&
	       (s->map->type == BPF_MAP_TYPE_ARRAY || s->map->type == BPF_MAP_TYPE_PERCPU_ARRAY) &&
	       show_number(&s->value, snapshot_value(s, 0), &number, &is_signed);
}

static void put_hist_map(const struct print_opts *opts, const struct snapshot *s)
{
	struct hist hist = { .n = s->n, .unit = unit_of(s->map->name) };
	bool is_signed;

	for (u32 i = 0; i < s->n; i++)
		show_number(&s->value, snapshot_value(s, i), (s64 *)&hist.slots[i], &is_signed);
	fprintf(opts->out, "\n%s\n", s->map->name);
	put_hist(opts, &hist);
}

/* ---- maps ---- */

static bool is_array(const struct snapshot *s)
{
	return s->map->type == BPF_MAP_TYPE_ARRAY || s->map->type == BPF_MAP_TYPE_PERCPU_ARRAY;
}

static void put_table(const struct print_opts *opts, struct snapshot *s)
{
	struct table table = { 0 };
	u32 rows;

	if (!is_array(s) || s->map->max_entries > 1)
		add_columns(&table, &s->key, true);
	add_columns(&table, &s->value, false);
	rows = opts->top ? MIN(opts->top, s->n) : s->n;
	measure(&table, s, rows);
	if (table.n) {
		fprintf(opts->out, "\n%s\n", s->map->name);
		put_rows(opts->out, &table, s, rows);
		put_rest(opts->out, s->n, rows, "rows");
	}
	if (table.has_hist)
		put_hists(opts, &table, s);
}

void print_map(const struct print_opts *opts, struct snapshot *s)
{
	if (is_hist_map(s)) {
		put_hist_map(opts, s);
		return;
	}
	if (is_array(s))
		snapshot_drop_zeroes(s);
	else
		snapshot_sort(s);
	if (s->n)
		put_table(opts, s);
}

void print_map_json(FILE *out, struct snapshot *s)
{
	show_json_string(out, s->map->name, strlen(s->map->name));
	fprintf(out, ":{\"type\":\"%s\",\"entries\":[", map_ops_of(s->map->type)->name);
	if (is_array(s))
		snapshot_drop_zeroes(s);
	else
		snapshot_sort(s);
	for (u32 i = 0; i < s->n; i++) {
		fputs(i ? ",{\"key\":" : "{\"key\":", out);
		show_json(out, &s->key, snapshot_key(s, i));
		fputs(",\"value\":", out);
		show_json(out, &s->value, snapshot_value(s, i));
		fputc('}', out);
	}
	fputs("]}", out);
}

void print_variables(FILE *out, const struct snapshot *s)
{
	const struct btf_type *t = s->value.btf ? btf_type(s->value.btf, s->value.type) : NULL;
	const struct btf_var_secinfo *info;

	if (!t || btf_kind(t) != BTF_KIND_DATASEC || !s->n)
		return;
	fprintf(out, "\n%s\n", s->map->name);
	info = (const struct btf_var_secinfo *)(t + 1);
	for (u32 i = 0; i < btf_vlen(t); i++) {
		const struct btf_type *var = btf_type(s->value.btf, info[i].type);
		struct shown value = { .btf = s->value.btf, .bit_offset = info[i].offset * 8 };

		if (!var || btf_kind(var) != BTF_KIND_VAR ||
		    info[i].offset + info[i].size > s->map->value_size)
			continue;
		value.type = var->type;
		value.name = btf_name(s->value.btf, var->name_off);
		fprintf(out, "%s = ", value.name);
		show_text(out, &value, snapshot_value(s, 0), false);
		fputc('\n', out);
	}
}
