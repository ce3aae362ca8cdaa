/* SPDX-License-Identifier: Apache-2.0 */
/* Why the program is refused: the sentence, the instruction, and the line of source it came from. */
#include "btf/btf.h"
#include "verifier/env.h"

/* The record of an instruction is the last one at or before it. */
static const struct bpf_line_info *line_record(const struct env *env, u32 insn, u32 *index)
{
	const struct verify_request *req = env->req;
	u32 lo = 0, hi = req->line_info_cnt;

	if (!env->lines_checked)
		return NULL;
	while (lo < hi) {
		u32 mid = (lo + hi) / 2;
		const struct bpf_line_info *line =
		    (const void *)((const u8 *)req->line_info + (size_t)mid * req->line_info_rec_size);

		if (line->insn_off <= insn)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo)
		return NULL;
	*index = lo;
	return (const void *)((const u8 *)req->line_info + (size_t)(lo - 1) * req->line_info_rec_size);
}

bool source_line(const struct env *env, u32 insn, struct source_line *out)
{
	const struct bpf_line_info *line = line_record(env, insn, &out->record);

	if (!line)
		return false;
	out->file = btf_name(env->req->btf, line->file_name_off);
	out->text = btf_name(env->req->btf, line->line_off);
	out->line = BPF_LINE_INFO_LINE_NUM(line->line_col);
	while (*out->text == ' ' || *out->text == '\t')
		out->text++;
	return true;
}

static void fill_refusal(struct env *env, s64 insn, const char *cause)
{
	struct verify_refusal *refusal = &env->result->refusal;
	struct source_line line;

	refusal->insn = (s32)insn;
	str_copy(refusal->cause, cause, sizeof(refusal->cause));
	if (insn < 0 || !source_line(env, (u32)insn, &line))
		return;
	refusal->line = line.line;
	str_copy(refusal->file, line.file, sizeof(refusal->file));
	str_copy(refusal->source, line.text, sizeof(refusal->source));
}

int (refuse_at)(struct env *env, s64 insn, int err, const char *cause, const char *fmt, ...)
{
	char message[sizeof(env->result->refusal.message)];
	va_list args;

	va_start(args, fmt);
	message[0] = 0;
	struct text text = text_in(message, sizeof(message));

	text_vprintf(&text, fmt, args);
	va_end(args);
	log_line(env, "%s\n", message);
	/* The first sentence is the reason; what follows from it is commentary. */
	if (!env->refused) {
		env->refused = true;
		memcpy(env->result->refusal.message, message, sizeof(message));
		fill_refusal(env, insn, cause);
	}
	return err;
}

void refuse_more(struct env *env, const char *fmt, ...)
{
	struct verify_refusal *refusal = &env->result->refusal;
	size_t len = str_len(refusal->message);
	char line[160];
	struct text text = text_in(line, sizeof(line));
	va_list args;

	va_start(args, fmt);
	text_vprintf(&text, fmt, args);
	va_end(args);
	log_line(env, "%s\n", line);
	text_format(refusal->message + len, sizeof(refusal->message) - len, "; %s", line);
}
