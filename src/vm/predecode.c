/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Image to iops: everything that can be looked up once is looked up here (handlers, map
 * and helper addresses, jump distances), so the loop only executes.
 *
 * A budget costs nothing where there is none: in an image with IMAGE_BUDGET each jump
 * backwards goes to an iop of its own behind the program, which counts and jumps on.
 */
#include "maps/map.h"
#include "vm/interp.h"

struct predecoder {
	const struct image *image;
	const s32 *handlers;
	struct decoded *out;
	u32 next_edge; /* index of the next free back edge iop */
};

static bool is_jump(u32 form)
{
	return form == FORM_JA || form == FORM_JA32 || form == FORM_JCC_K || form == FORM_JCC_X ||
	       form == FORM_MAY_GOTO;
}

static s32 jump_distance(const struct bpf_insn *insn)
{
	return isa_ops[isa_op_of(insn)].form == FORM_JA32 ? insn->imm : insn->off;
}

static u32 count_back_edges(const struct image *image)
{
	u32 n = 0;

	if (!(image->flags & IMAGE_BUDGET))
		return 0;
	for (u32 i = 0; i < image->len; i += insn_slots(&image->insns[i]))
		if (is_jump(isa_ops[isa_op_of(&image->insns[i])].form))
			n += jump_distance(&image->insns[i]) < 0;
	return n;
}

static void set_op(struct predecoder *p, struct iop *iop, u32 op)
{
	iop->op = (u16)op;
	iop->handler = p->handlers[op];
}

/* For the loop to add to the address of the jump. */
static s32 bytes_between(s64 from, s64 to)
{
	return (s32)((to - from) * (s64)sizeof(struct iop));
}

static int decode_jump(struct predecoder *p, u32 at, struct iop *iop, u32 op)
{
	s64 target = (s64)at + 1 + jump_distance(&p->image->insns[at]);

	if (target < 0 || target >= p->image->len)
		return -EINVAL;
	set_op(p, iop, op == OP_JA32 ? OP_JA : op);
	iop->off = bytes_between(at, target);
	if (target <= at && p->out->counted) {
		struct iop *edge = &p->out->ops[p->next_edge];

		set_op(p, edge, IOP_BACK_EDGE);
		edge->off = bytes_between(p->next_edge, target);
		iop->off = bytes_between(at, p->next_edge);
		p->next_edge++;
	}
	return 0;
}

/* Which subprogram starts at an instruction; n_subprogs when none does. */
static u32 subprog_at(const struct image *image, s64 start)
{
	u32 i = 0;

	while (i < image->n_subprogs && image->subprogs[i].start != start)
		i++;
	return i;
}

static int imm64_value(const struct image *image, u32 at, enum isa_op op, u64 *value)
{
	const struct bpf_insn *insn = &image->insns[at];
	struct map *map;
	u32 sub;

	switch (op) {
	case OP_IMM64:
		*value = insn_imm64(insn);
		return 0;
	case OP_IMM64_FUNC:
		sub = subprog_at(image, (s64)at + 1 + insn->imm);
		*value = sub; /* the handle that rc->call takes */
		return sub < image->n_subprogs ? 0 : -EINVAL;
	case OP_IMM64_MAP_IDX:
	case OP_IMM64_MAP_IDX_VALUE:
		if ((u32)insn->imm >= image->n_maps)
			return -EINVAL;
		map = image->maps[insn->imm];
		*value = (uintptr_t)map;
		if (op == OP_IMM64_MAP_IDX_VALUE)
			*value = (uintptr_t)map->ops->value_addr(map, (u32)insn[1].imm);
		return *value ? 0 : -EINVAL;
	default:
		return -EINVAL;
	}
}

static int decode_imm64(struct predecoder *p, u32 at, struct iop *iop, enum isa_op op)
{
	u64 value;
	int err = imm64_value(p->image, at, op, &value);

	if (err)
		return err;
	set_op(p, iop, OP_IMM64);
	iop->imm = (s32)value;
	iop->off = (s32)(value >> 32);
	return 0;
}

static int decode_call(struct predecoder *p, u32 at, struct iop *iop, enum isa_op op)
{
	const struct image *image = p->image;

	if (op == OP_CALL) {
		set_op(p, iop, OP_CALL);
		return (u32)iop->imm < image->n_calls ? 0 : -EINVAL;
	}
	if (op != OP_CALL_FUNC)
		return -EINVAL;
	set_op(p, iop, p->out->counted ? IOP_CALL_COUNTED : OP_CALL_FUNC);
	iop->imm = (s32)subprog_at(image, (s64)at + 1 + iop->imm);
	return (u32)iop->imm < image->n_subprogs ? 0 : -EINVAL;
}

static int decode_one(struct predecoder *p, u32 at)
{
	const struct bpf_insn *insn = &p->image->insns[at];
	enum isa_op op = isa_op_of(insn);
	struct iop *iop = &p->out->ops[at];

	iop->dst = insn->dst_reg;
	iop->src = insn->src_reg;
	iop->off = insn->off;
	iop->imm = insn->imm;
	if (iop->dst >= BPF_REGS || iop->src >= BPF_REGS)
		return -EINVAL;
	switch (isa_ops[op].form) {
	case FORM_JA:
	case FORM_JA32:
	case FORM_JCC_K:
	case FORM_JCC_X:
	case FORM_MAY_GOTO:
		return decode_jump(p, at, iop, op);
	case FORM_IMM64:
		return at + 1 < p->image->len ? decode_imm64(p, at, iop, op) : -EINVAL;
	case FORM_CALL:
	case FORM_KFUNC:
		return decode_call(p, at, iop, op);
	case FORM_ABS:
	case FORM_IND:
		set_op(p, iop, op);
		return p->image->load_packet ? 0 : -EINVAL;
	case FORM_NONE:
	case FORM_CALLX:
	case FORM_CAST:
		return -EINVAL;
	default:
		set_op(p, iop, op);
		return 0;
	}
}

/* Behind the last instruction there is no program: it must not go on. */
static bool ends(const struct image *image)
{
	u32 form = image->len ? isa_ops[isa_op_of(&image->insns[image->len - 1])].form : FORM_NONE;

	return form == FORM_EXIT || form == FORM_JA || form == FORM_JA32;
}

static int decode_all(struct predecoder *p)
{
	struct decoded *out = p->out;

	if (!ends(p->image))
		return -EINVAL;
	for (u32 i = 0; i < p->image->n_calls; i++)
		out->fns[i] = p->image->calls[i]->fn;
	for (u32 i = 0; i < p->image->n_subprogs; i++)
		out->subs[i] = (struct isub){
			.start = &out->ops[p->image->subprogs[i].start],
			.depth = (u32)align_up(p->image->subprogs[i].stack_depth, 16),
		};
	for (u32 i = 0; i < p->image->len; i += insn_slots(&p->image->insns[i])) {
		int err = decode_one(p, i);

		if (err)
			return err;
	}
	return 0;
}

int predecode(struct prog *prog, const s32 *handlers, struct decoded **out)
{
	const struct image *image = prog->image;
	u32 n_ops = image->len + count_back_edges(image);
	struct decoded *decoded = os_alloc(sizeof(*decoded));
	struct predecoder p = { .image = image, .handlers = handlers, .out = decoded };
	int err = -ENOMEM;

	if (!decoded)
		return -ENOMEM;
	*decoded = (struct decoded){
		.prog = prog,
		.counted = image->flags & IMAGE_BUDGET,
		.n_subs = image->n_subprogs,
		.len = image->len,
		.subs = os_alloc(image->n_subprogs * sizeof(*decoded->subs)),
		.fns = os_alloc((image->n_calls + 1) * sizeof(*decoded->fns)),
		.ops = os_alloc(n_ops * sizeof(*decoded->ops)),
	};
	p.next_edge = image->len;
	if (decoded->subs && decoded->fns && decoded->ops)
		err = decode_all(&p);
	if (err) {
		predecode_free(decoded);
		return err;
	}
	*out = decoded;
	return 0;
}

void predecode_free(struct decoded *decoded)
{
	if (!decoded)
		return;
	os_free(decoded->subs);
	os_free(decoded->fns);
	os_free(decoded->ops);
	os_free(decoded);
}
