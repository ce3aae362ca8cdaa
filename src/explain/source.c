/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program's source, as far as line_info has it: a record tells file, line and the text of
 * that line for the instructions from insn_off up to the next record. Lines without code are
 * not there. The records may be anything (a refused program is not a checked one), so
 * nothing is taken for granted but their size.
 */
#include "base/str.h"
#include "btf/btf.h"
#include "explain/words.h"

static const struct bpf_line_info *record(const struct verify_request *request, u32 i)
{
	return (const void *)((const u8 *)request->line_info +
			      (size_t)i * request->line_info_rec_size);
}

static u32 n_records(const struct verify_request *request)
{
	bool usable = request->btf && request->line_info &&
		      request->line_info_rec_size >= sizeof(struct bpf_line_info);

	return usable ? request->line_info_cnt : 0;
}

/* The function of func_info that an instruction lies in. */
static const char *function_of(const struct verify_request *request, u32 insn)
{
	const char *name = "";

	if (!request->btf || !request->func_info ||
	    request->func_info_rec_size < sizeof(struct bpf_func_info))
		return name;
	for (u32 i = 0; i < request->func_info_cnt; i++) {
		const struct bpf_func_info *info =
		    (const void *)((const u8 *)request->func_info +
				   (size_t)i * request->func_info_rec_size);
		const struct btf_type *type = btf_type(request->btf, info->type_id);

		if (info->insn_off > insn)
			break;
		if (type)
			name = btf_name(request->btf, type->name_off);
	}
	return name;
}

static void fill(const struct verify_request *request, const struct bpf_line_info *line,
		 struct place *out)
{
	out->line = BPF_LINE_INFO_LINE_NUM(line->line_col);
	out->column = BPF_LINE_INFO_LINE_COL(line->line_col);
	out->file = btf_name(request->btf, line->file_name_off);
	out->text = btf_name(request->btf, line->line_off);
	while (*out->text == ' ' || *out->text == '\t')
		out->text++;
}

struct place place_of(const struct verify_request *request, s64 insn)
{
	struct place place = { .insn = (s32)insn, .file = "", .text = "", .function = "" };
	u32 lo = 0, hi = n_records(request);

	if (insn < 0 || insn >= request->insn_cnt)
		return place;
	while (lo < hi) {
		u32 mid = (lo + hi) / 2;

		if (record(request, mid)->insn_off <= (u32)insn)
			lo = mid + 1;
		else
			hi = mid;
	}
	/* Line 0 is the compiler's way to say "from several lines": the one before is closest. */
	while (lo > 1 && !BPF_LINE_INFO_LINE_NUM(record(request, lo - 1)->line_col))
		lo--;
	if (lo)
		fill(request, record(request, lo - 1), &place);
	place.function = function_of(request, (u32)insn);
	return place;
}

static void insert(struct place *out, u32 *n, u32 max, const struct place *place,
		   const struct place *at)
{
	u32 i = 0;

	while (i < *n && out[i].line < place->line)
		i++;
	if (i < *n && out[i].line == place->line)
		return;
	if (*n == max) {
		/* Keep those that are nearest. */
		u32 first = at->line - out[0].line, last = out[*n - 1].line - at->line;

		if (i == 0 || i == *n)
			return;
		if (first > last) {
			memmove(&out[0], &out[1], (i - 1) * sizeof(*out));
			out[i - 1] = *place;
		} else {
			memmove(&out[i + 1], &out[i], (*n - 1 - i) * sizeof(*out));
			out[i] = *place;
		}
		return;
	}
	memmove(&out[i + 1], &out[i], (*n - i) * sizeof(*out));
	out[i] = *place;
	++*n;
}

#define NEAR 4

u32 places_around(const struct verify_request *request, const struct place *at, struct place *out,
		  u32 max)
{
	u32 n = 0;

	if (!at->line)
		return 0;
	insert(out, &n, max, at, at);
	for (u32 i = 0; i < n_records(request); i++) {
		struct place place = { .insn = -1, .file = "", .text = "", .function = "" };

		fill(request, record(request, i), &place);
		if (!place.line || !str_eq(place.file, at->file) || !*place.text)
			continue;
		if (place.line + NEAR >= at->line && place.line <= at->line + NEAR)
			insert(out, &n, max, &place, at);
	}
	return n;
}
