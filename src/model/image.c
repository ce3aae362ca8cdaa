/* SPDX-License-Identifier: Apache-2.0 */
#include "model/image.h"

#include "os/os.h"

void image_free(struct image *image)
{
	if (!image)
		return;
	os_free(image->insns);
	os_free(image->subprogs);
	os_free(image->maps);
	os_free(image->calls);
	os_free(image->orig_idx);
	os_free(image);
}

#define PROLOGUE 3

static const struct bpf_insn prologue[PROLOGUE] = {
	{ .code = BPF_LDX | BPF_MEM | BPF_DW, .dst_reg = 2, .src_reg = 1, .off = 8 },
	{ .code = BPF_LDX | BPF_MEM | BPF_DW, .dst_reg = 3, .src_reg = 1, .off = 16 },
	{ .code = BPF_LDX | BPF_MEM | BPF_DW, .dst_reg = 1, .src_reg = 1, .off = 0 },
};

/* The function behind the prologue, then all functions as they were: shift behind their places. */
static void copy_code(struct image *out, const struct image *image,
		      const struct image_subprog *sub, u32 shift)
{
	struct bpf_insn *body = out->insns + PROLOGUE;

	memcpy(out->insns, prologue, sizeof(prologue));
	memcpy(body, image->insns + sub->start, sub->len * sizeof(*body));
	memcpy(out->insns + shift, image->insns, image->len * sizeof(*body));
	for (u32 i = 0; i < PROLOGUE; i++)
		out->orig_idx[i] = image->orig_idx[sub->start];
	memcpy(out->orig_idx + PROLOGUE, image->orig_idx + sub->start, sub->len * sizeof(u32));
	memcpy(out->orig_idx + shift, image->orig_idx, image->len * sizeof(u32));
	/* What the copy calls, and hands out as callbacks, is where the rest is. */
	for (u32 i = 0; i < sub->len; i += insn_slots(&body[i]))
		if (insn_is_subprog_call(&body[i]) ||
		    (insn_is_ldimm64(&body[i]) && body[i].src_reg == BPF_PSEUDO_FUNC))
			body[i].imm += (s32)(sub->start + shift - PROLOGUE);
}

struct image *image_of_callback(const struct image *image, u32 subprog)
{
	const struct image_subprog *sub = &image->subprogs[subprog];
	u32 shift = PROLOGUE + sub->len;
	struct image *out = os_alloc(sizeof(*out));

	if (!out)
		return NULL;
	*out = *image;
	out->len = shift + image->len;
	out->n_subprogs = image->n_subprogs + 1;
	out->insns = os_alloc((size_t)out->len * sizeof(*out->insns));
	out->orig_idx = os_alloc((size_t)out->len * sizeof(*out->orig_idx));
	out->subprogs = os_alloc(out->n_subprogs * sizeof(*out->subprogs));
	out->maps = os_alloc((image->n_maps + 1) * sizeof(*out->maps));
	out->calls = os_alloc((image->n_calls + 1) * sizeof(*out->calls));
	if (!out->insns || !out->orig_idx || !out->subprogs || !out->maps || !out->calls) {
		image_free(out);
		return NULL;
	}
	copy_code(out, image, sub, shift);
	out->subprogs[0] = *sub;
	out->subprogs[0].start = 0;
	out->subprogs[0].len = shift;
	for (u32 i = 0; i < image->n_subprogs; i++) {
		out->subprogs[i + 1] = image->subprogs[i];
		out->subprogs[i + 1].start += shift;
	}
	memcpy(out->maps, image->maps, image->n_maps * sizeof(*out->maps));
	memcpy(out->calls, image->calls, image->n_calls * sizeof(*out->calls));
	out->max_ctx_offset = 3 * sizeof(u64);
	return out;
}
