/* SPDX-License-Identifier: Apache-2.0 */
#include "explain/edit.h"

#include "explain/path.h"

#define MAX_PUT 32

static void *copy_of(const void *from, size_t size)
{
	void *to = size ? os_alloc(size) : NULL;

	if (to)
		memcpy(to, from, size);
	return to;
}

void edit_init(struct edit *edit, const struct verify_request *request)
{
	size_t lines = (size_t)request->line_info_cnt * request->line_info_rec_size;
	size_t funcs = (size_t)request->func_info_cnt * request->func_info_rec_size;

	memset(edit, 0, sizeof(*edit));
	edit->request = request;
	edit->gpl = request->gpl_compatible;
	edit->lines = copy_of(request->line_info, lines);
	edit->funcs = copy_of(request->func_info, funcs);
	if (!vec_reserve(&edit->insns, request->insn_cnt + MAX_PUT) || (lines && !edit->lines) ||
	    (funcs && !edit->funcs)) {
		edit->failed = true;
		return;
	}
	memcpy(edit->insns.data, request->insns, request->insn_cnt * sizeof(struct bpf_insn));
	edit->insns.len = request->insn_cnt;
}

void edit_release(struct edit *edit)
{
	vec_release(&edit->insns);
	os_free(edit->lines);
	os_free(edit->funcs);
}

/* ---- moving ---- */

/* Where the instruction that was at `pos` is now; jumps to `at` may go to what was put there. */
static s64 moved(s64 pos, u32 at, u32 n, bool to_block)
{
	return pos < at || (pos == at && to_block) ? pos : pos + n;
}

static bool has_target(const struct bpf_insn *insn, bool *in_imm)
{
	u32 class = BPF_CLASS(insn->code), op = BPF_OP(insn->code);

	*in_imm = false;
	if (insn_is_ldimm64(insn) && insn->src_reg == BPF_PSEUDO_FUNC)
		return *in_imm = true;
	if (class != BPF_JMP && class != BPF_JMP32)
		return false;
	if (op == BPF_EXIT)
		return false;
	if (op == BPF_CALL)
		return *in_imm = insn->src_reg == BPF_PSEUDO_CALL;
	if (class == BPF_JMP32 && op == BPF_JA)
		*in_imm = true;
	return true;
}

static void fix_target(struct edit *edit, struct bpf_insn *insn, s64 old_at, s64 new_at, u32 at, u32 n,
		       bool to_block)
{
	bool in_imm;
	s64 target, off;

	if (!has_target(insn, &in_imm))
		return;
	target = old_at + 1 + (in_imm ? insn->imm : insn->off);
	/* Calls of the function that begins here go to its new beginning. */
	off = moved(target, at, n, to_block) - new_at - 1;
	if (in_imm) {
		insn->imm = (s32)off;
	} else {
		edit->failed |= off != (s16)off;
		insn->off = (s16)off;
	}
}

/* Records name the instruction that they begin at in their first word. */
static void move_records(u8 *records, u32 size, u32 count, u32 at, u32 n, bool to_block)
{
	for (u32 i = 0; records && i < count; i++) {
		u32 off;

		memcpy(&off, records + (size_t)i * size, sizeof(off));
		off = (u32)moved(off, at, n, to_block);
		memcpy(records + (size_t)i * size, &off, sizeof(off));
	}
}

void edit_insert(struct edit *edit, u32 at, const struct bpf_insn *code, u32 n, enum edit_way way)
{
	bool to_block = way == EDIT_ALL;
	u32 old = (u32)edit->insns.len;
	struct bpf_insn *insns;

	if (edit->failed || at > old || !vec_reserve(&edit->insns, old + n)) {
		edit->failed = true;
		return;
	}
	insns = edit->insns.data;
	for (u32 i = 0; i < old; i++) {
		fix_target(edit, &insns[i], i, moved(i, at, n, false), at, n, to_block);
		if (insn_is_ldimm64(&insns[i]))
			i++;
	}
	memmove(&insns[at + n], &insns[at], (old - at) * sizeof(*insns));
	memcpy(&insns[at], code, n * sizeof(*insns));
	edit->insns.len = old + n;
	move_records(edit->lines, edit->request->line_info_rec_size, edit->request->line_info_cnt, at, n,
		     to_block);
	move_records(edit->funcs, edit->request->func_info_rec_size, edit->request->func_info_cnt, at, n,
		     to_block);
}

void edit_insert_on_jump(struct edit *edit, u32 from, u32 end, const struct bpf_insn *code, u32 n)
{
	struct bpf_insn block[MAX_PUT];
	s64 target, off;

	if (edit->failed || n + 1 > MAX_PUT || from >= end) {
		edit->failed = true;
		return;
	}
	target = (s64)from + 1 + edit->insns.data[from].off;
	memcpy(block, code, n * sizeof(*code));
	block[n] = (struct bpf_insn){ .code = BPF_JMP | BPF_JA, .off = (s16)(target - (end + n) - 1) };
	edit_insert(edit, end, block, n + 1, EDIT_FALL_THROUGH);
	off = (s64)end - from - 1;
	edit->failed |= off != (s16)off || target - (end + n) - 1 != block[n].off || target > end;
	if (!edit->failed)
		edit->insns.data[from].off = (s16)off;
}

int edit_verify(const struct edit *edit, struct verify_result *result)
{
	struct verify_request again = request_again(edit->request);
	int err;

	again.insns = edit->insns.data;
	again.insn_cnt = (u32)edit->insns.len;
	again.line_info = edit->lines;
	again.func_info = edit->funcs;
	again.gpl_compatible = edit->gpl;
	err = verify(&again, result);
	if (result->image)
		image_free(result->image);
	result->image = NULL;
	return err;
}
