/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/image.h"

#include "lib/test.h"
#include "os/os.h"

static bool add_call(struct image *image, struct bpf_insn *insn, const struct test_image_opts *opts)
{
	const struct helper_proto *const *proto = opts->helpers;

	for (; proto && *proto; proto++) {
		if ((*proto)->id != (u32)insn->imm)
			continue;
		image->calls[image->n_calls] = *proto;
		insn->imm = (s32)image->n_calls++;
		return true;
	}
	test_fail(__FILE__, __LINE__, "test_image: no helper %d given", insn->imm);
	return false;
}

static bool lower(struct image *image, u32 at, const struct test_image_opts *opts)
{
	struct bpf_insn *insn = &image->insns[at];

	switch (isa_ops[isa_op_of(insn)].form) {
	case FORM_NONE:
	case FORM_CALLX:
	case FORM_CAST:
		test_fail(__FILE__, __LINE__, "test_image: insn %u (code %02x) cannot run", at,
			  insn->code);
		return false;
	case FORM_CALL:
		if (insn->src_reg == BPF_PSEUDO_CALL)
			return true;
		if (insn->imm != BPF_FUNC_tail_call)
			return add_call(image, insn, opts);
		*insn = (struct bpf_insn){ .code = INSN_TAIL_CALL };
		image->flags |= IMAGE_HAS_TAIL_CALL;
		return true;
	case FORM_MAY_GOTO:
		image->flags |= IMAGE_HAS_MAY_GOTO;
		return true;
	case FORM_ABS:
	case FORM_IND:
		image->flags |= IMAGE_HAS_LEGACY_PACKET;
		return true;
	}
	return true;
}

/* Marks where functions start: 1, and 2 for callbacks. */
static bool mark_functions(const struct image *image, u8 *starts)
{
	starts[0] = 1;
	for (u32 i = 0; i < image->len; i += insn_slots(&image->insns[i])) {
		enum isa_op op = isa_op_of(&image->insns[i]);
		s64 target = (s64)i + 1 + image->insns[i].imm;

		if (op != OP_CALL_FUNC && op != OP_IMM64_FUNC)
			continue;
		if (target < 0 || target >= image->len) {
			test_fail(__FILE__, __LINE__, "test_image: call out of the program");
			return false;
		}
		starts[target] |= op == OP_IMM64_FUNC ? 3 : 1;
	}
	return true;
}

static void describe_function(const struct image *image, struct image_subprog *sub)
{
	for (u32 i = sub->start; i < sub->start + sub->len; i += insn_slots(&image->insns[i])) {
		enum isa_op op = isa_op_of(&image->insns[i]);

		sub->has_tail_call |= op == OP_TAIL_CALL;
		sub->has_may_goto |= op == OP_MAY_GOTO;
	}
}

static bool find_functions(struct image *image, u32 stack_depth)
{
	u8 *starts = os_alloc(image->len);
	u32 n = 0;

	if (!starts || !mark_functions(image, starts)) {
		os_free(starts);
		return false;
	}
	for (u32 i = 0; i < image->len; i++)
		n += starts[i] != 0;
	image->subprogs = os_alloc(n * sizeof(*image->subprogs));
	for (u32 i = 0; image->subprogs && i < image->len; i++) {
		if (starts[i])
			image->subprogs[image->n_subprogs++] = (struct image_subprog){
				.start = i, .stack_depth = stack_depth, .is_callback = starts[i] > 1
			};
		image->subprogs[image->n_subprogs - 1].len++;
	}
	for (u32 i = 0; i < image->n_subprogs; i++)
		describe_function(image, &image->subprogs[i]);
	os_free(starts);
	return image->subprogs != NULL;
}

static bool fill(struct image *image, const struct bpf_insn *insns, u32 n,
		 const struct test_image_opts *opts)
{
	image->insns = os_alloc(n * sizeof(*insns));
	image->orig_idx = os_alloc(n * sizeof(u32));
	image->calls = os_alloc(n * sizeof(*image->calls));
	image->maps = os_alloc((opts->n_maps + 1) * sizeof(*image->maps));
	if (!image->insns || !image->orig_idx || !image->calls || !image->maps)
		return false;
	memcpy(image->insns, insns, n * sizeof(*insns));
	image->len = n;
	image->flags = opts->flags;
	image->load_packet = opts->load_packet;
	for (u32 i = 0; i < opts->n_maps; i++)
		image->maps[image->n_maps++] = opts->maps[i];
	for (u32 i = 0; i < n; i++)
		image->orig_idx[i] = i;
	for (u32 i = 0; i < n; i += insn_slots(&image->insns[i]))
		if (!lower(image, i, opts))
			return false;
	return find_functions(image, opts->stack_depth ? opts->stack_depth : BPF_STACK_SIZE);
}

struct image *test_image(const struct bpf_insn *insns, u32 n, const struct test_image_opts *opts)
{
	static const struct test_image_opts defaults;
	struct image *image = os_alloc(sizeof(*image));

	if (n && image && fill(image, insns, n, opts ? opts : &defaults))
		return image;
	test_fail(__FILE__, __LINE__, "test_image: no image");
	image_free(image);
	return NULL;
}

struct image *test_image_text(const char *source, const struct test_image_opts *opts)
{
	struct asm_error err;
	struct image *image = NULL;
	insn_vec insns = { 0 };

	if (isa_assemble(source, &insns, &err))
		test_fail(__FILE__, __LINE__, "test_image: line %u: %s", err.line, err.message);
	else
		image = test_image(insns.data, (u32)insns.len, opts);
	vec_release(&insns);
	return image;
}
