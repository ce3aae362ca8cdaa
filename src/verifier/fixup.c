/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The accepted program becomes the image that engines run: context accesses at run-time
 * offsets, helpers as indices, instructions that no path reached as `ja -1`.
 */
#include "model/ctx.h"
#include "verifier/step.h"

static u8 size_code(u32 bytes)
{
	return bytes == 1 ? BPF_B : bytes == 2 ? BPF_H : bytes == 4 ? BPF_W : BPF_DW;
}

static void fix_memory(struct bpf_insn *insn, const struct insn_aux *aux)
{
	if (aux->mem_kind == REG_CTX && aux->ctx_size) {
		insn->off = (s16)aux->ctx_offset;
		insn->code = (u8)((insn->code & ~0x18) | size_code(aux->ctx_size));
	} else if (aux->mem_kind == REG_BTF && insn_class(insn) == BPF_LDX) {
		u8 mode = BPF_MODE(insn->code) == BPF_MEMSX ? INSN_MODE_PROBE_SX : INSN_MODE_PROBE;

		insn->code = (u8)(BPF_LDX | BPF_SIZE(insn->code) | mode);
	}
}

static void fix_call(struct env *env, struct image *image, struct bpf_insn *insn,
		     const struct insn_aux *aux)
{
	const struct helper_proto *proto;

	if (insn->src_reg == BPF_PSEUDO_CALL)
		return;
	insn->src_reg = 0; /* a kfunc is called like a helper */
	proto = env->calls.data[aux->call - 1];
	if (proto->flags & HELPER_TAIL_CALL) {
		*insn = (struct bpf_insn){ .code = INSN_TAIL_CALL };
		image->flags |= IMAGE_HAS_TAIL_CALL;
	} else {
		insn->imm = (s32)aux->call - 1;
	}
}

/* The program types that have these instructions all run on a struct skb_run_ctx. */
static void fix_legacy_packet(struct image *image)
{
	image->flags |= IMAGE_HAS_LEGACY_PACKET;
	image->load_packet = skb_load_packet;
}

/* Who calls it later knows functions by number. */
static void fix_async(struct bpf_insn *insn, u32 subprog)
{
	insn->src_reg = 0;
	insn[0].imm = (s32)subprog;
	insn[1].imm = 0;
}

static void fix_insn(struct env *env, struct image *image, u32 at)
{
	struct bpf_insn *insn = &image->insns[at];
	const struct insn_aux *aux = &env->aux[at];
	u32 class = insn_class(insn);

	if (!aux->seen) {
		*insn = (struct bpf_insn){ .code = BPF_JMP | BPF_JA, .off = -1 };
		if (insn_is_ldimm64(&env->insns[at]))
			image->insns[at + 1] = *insn;
		return;
	}
	if (class == BPF_LDX || class == BPF_ST || class == BPF_STX)
		fix_memory(insn, aux);
	else if (insn_is_call(insn))
		fix_call(env, image, insn, aux);
	else if (insn_is_ldimm64(insn) && insn->src_reg == BPF_PSEUDO_FUNC &&
		 env->subprogs[aux->subprog].async)
		fix_async(insn, aux->subprog);
	else if (insn_is_ldimm64(insn) && insn->src_reg == BPF_PSEUDO_BTF_ID)
		kernel_var_fix(insn);
	else if (class == BPF_LD && !insn_is_ldimm64(insn))
		fix_legacy_packet(image);
	else if (insn->code == (BPF_JMP | BPF_JCOND))
		image->flags |= IMAGE_HAS_MAY_GOTO;
}

static void fill_subprogs(struct env *env, struct image *image)
{
	for (u32 i = 0; i < env->n_subprogs; i++) {
		const struct subprog *from = &env->subprogs[i];
		struct image_subprog *to = &image->subprogs[i];

		to->start = from->start;
		to->len = from->end - from->start;
		to->stack_depth = (u16)align_up(from->stack_depth, 8);
		to->is_callback = from->callback;
		to->is_async = from->async;
		for (u32 at = from->start; at < from->end; at++) {
			const struct bpf_insn *insn = &image->insns[at];

			to->has_tail_call |= insn->code == INSN_TAIL_CALL;
			to->has_may_goto |= insn->code == (BPF_JMP | BPF_JCOND);
			if (insn_is_ldimm64(insn))
				at++;
		}
	}
}

static struct image *image_alloc(const struct env *env)
{
	struct image *image = os_alloc(sizeof(*image));

	if (!image)
		return NULL;
	image->len = env->len;
	image->insns = os_alloc((size_t)env->len * sizeof(*image->insns));
	image->orig_idx = os_alloc((size_t)env->len * sizeof(*image->orig_idx));
	image->subprogs = os_alloc(env->n_subprogs * sizeof(*image->subprogs));
	image->maps = os_alloc((env->maps.len + 1) * sizeof(*image->maps));
	image->calls = os_alloc((env->calls.len + 1) * sizeof(*image->calls));
	if (image->insns && image->orig_idx && image->subprogs && image->maps && image->calls)
		return image;
	image_free(image);
	return NULL;
}

int fixup_image(struct env *env)
{
	struct image *image;

	for (u32 i = 0; i < env->n_subprogs; i++)
		if (env->subprogs[i].async && env->subprogs[i].sync && !env->req->verify_only)
			return refuse_at(env, env->subprogs[i].start, -EINVAL, "unsupported",
					 "Skep does not run a function that is both a timer's callback and a helper's");
	image = image_alloc(env);
	if (!image)
		return -ENOMEM;
	memcpy(image->insns, env->insns, (size_t)env->len * sizeof(*image->insns));
	for (u32 at = 0; at < env->len; at++)
		image->orig_idx[at] = at;
	for (u32 at = 0; at < env->len; at += insn_slots(&env->insns[at]))
		fix_insn(env, image, at);
	image->n_subprogs = env->n_subprogs;
	fill_subprogs(env, image);
	image->n_maps = env->n_maps;
	for (u32 i = 0; i < image->n_maps; i++)
		image->maps[i] = env->maps.data[i].map;
	image->n_calls = (u32)env->calls.len;
	for (u32 i = 0; i < image->n_calls; i++)
		image->calls[i] = env->calls.data[i];
	image->max_ctx_offset = env->max_ctx_offset;
	if (env->req->want_budget)
		image->flags |= IMAGE_BUDGET;
	if (env->reads_unwritten)
		image->flags |= IMAGE_ZERO_STACK;
	env->result->image = image;
	return 0;
}
