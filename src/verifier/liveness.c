/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may still be read: registers and stack slots, for every instruction, before any
 * path is walked. Two passes over each function:
 *
 * forwards: which registers certainly hold r10 + constant, or possibly something derived
 * from r10 (a tiny lattice, joined where paths meet). With it the stack slots that each
 * instruction reads and overwrites are known. Unknown means: reads all, overwrites none.
 *
 * backwards: live before = (live after - overwritten) + read, until nothing changes.
 *
 * A slot is only reached through addresses derived from its own r10. Functions that get
 * one may read everything of that frame, and never count as overwriting.
 */
#include "verifier/step.h"

#define ALL_SLOTS (~0ull)
#define MAX_ROUNDS 64 /* then everything is live: sound, and no program of a compiler gets there */

enum origin { NONE, OTHER, FRAME_ANY, FRAME, CONST, MAP };

/* What a register holds: NONE joins with nothing; FRAME: r10 + v; CONST: v; MAP: index v. */
struct fact {
	u8 origin;
	s32 v;
};

struct facts {
	struct fact regs[BPF_REGS];
};

struct effect {
	u64 use, def; /* slots */
	bool passes_frame; /* a call that hands out addresses of this frame */
};

struct live {
	struct env *env;
	struct facts **at;	/* at jump targets and function starts */
	struct effect *effects; /* by instruction */
	u64 spilled;		/* slots of this function that may hold addresses of it */
	bool changed;
};

/* ---- slots ---- */

/* Slots that [off, off + size) overlaps, off relative to r10. */
static u64 slots_touched(s64 off, s64 size)
{
	u64 mask = 0;

	if (off >= 0 || off < -BPF_STACK_SIZE || size <= 0)
		return off < 0 ? ALL_SLOTS : 0;
	for (s64 at = off; at < off + size && at < 0; at++)
		mask |= 1ull << ((-at - 1) / SLOT_BYTES);
	return mask;
}

/* Slots that lie wholly in it. */
static u64 slots_covered(s64 off, s64 size)
{
	u64 mask = 0;

	if (off < -BPF_STACK_SIZE || off + size > 0 || size <= 0)
		return 0;
	for (s64 at = (s64)align_up((u64)(off + BPF_STACK_SIZE), SLOT_BYTES) - BPF_STACK_SIZE;
	     at + SLOT_BYTES <= off + size; at += SLOT_BYTES)
		mask |= 1ull << ((-at - 1) / SLOT_BYTES);
	return mask;
}

static bool is_frame(struct fact f)
{
	return f.origin == FRAME || f.origin == FRAME_ANY;
}

static struct fact join(struct fact a, struct fact b)
{
	if (a.origin == NONE || (a.origin == b.origin && a.v == b.v))
		return b;
	if (b.origin == NONE)
		return a;
	return (struct fact){ is_frame(a) || is_frame(b) ? FRAME_ANY : OTHER, 0 };
}

/* ---- forwards ---- */

static void alu_facts(struct facts *f, const struct bpf_insn *insn)
{
	u32 op = BPF_OP(insn->code);
	bool wide = insn_class(insn) == BPF_ALU64, reg = BPF_SRC(insn->code) == BPF_X;
	struct fact *dst = &f->regs[insn->dst_reg];
	struct fact src = reg && op != BPF_END ? f->regs[insn->src_reg]
					       : (struct fact){ CONST, insn->imm };

	if (op == BPF_MOV && wide && !insn->off) {
		*dst = src;
	} else if (op == BPF_MOV && !wide && !insn->off && src.origin == CONST && src.v >= 0) {
		*dst = src;
	} else if (wide && (op == BPF_ADD || op == BPF_SUB) && dst->origin == FRAME &&
		   src.origin == CONST) {
		s64 off = op == BPF_ADD ? (s64)dst->v + src.v : (s64)dst->v - src.v;

		*dst = off == (s32)off ? (struct fact){ FRAME, (s32)off }
				       : (struct fact){ FRAME_ANY, 0 };
	} else if (wide && op == BPF_ADD && dst->origin == CONST && src.origin == FRAME) {
		s64 off = (s64)dst->v + src.v;

		*dst = off == (s32)off ? (struct fact){ FRAME, (s32)off }
				       : (struct fact){ FRAME_ANY, 0 };
	} else if (is_frame(*dst) || (reg && op != BPF_END && is_frame(src))) {
		*dst = (struct fact){ FRAME_ANY, 0 };
	} else {
		*dst = (struct fact){ OTHER, 0 };
	}
}

static u32 size_of(const struct bpf_insn *insn)
{
	u32 size = BPF_SIZE(insn->code);

	return size == BPF_B ? 1 : size == BPF_H ? 2 : size == BPF_W ? 4 : 8;
}

static void load_facts(struct live *live, struct facts *f, const struct bpf_insn *insn, u32 dst,
		       struct effect *e)
{
	struct fact ptr = f->regs[insn->src_reg];
	bool may_fill = false;

	if (ptr.origin == FRAME) {
		e->use = slots_touched((s64)ptr.v + insn->off, size_of(insn));
		may_fill = e->use & live->spilled;
	} else if (ptr.origin == FRAME_ANY) {
		e->use = ALL_SLOTS;
		may_fill = live->spilled;
	}
	f->regs[dst] = (struct fact){ may_fill ? FRAME_ANY : OTHER, 0 };
}

static void spill_facts(struct live *live, u64 slots)
{
	live->changed |= (slots & ~live->spilled) != 0;
	live->spilled |= slots;
}

static void store_facts(struct live *live, struct facts *f, const struct bpf_insn *insn,
			struct effect *e)
{
	struct fact ptr = f->regs[insn->dst_reg];
	bool spills = insn_class(insn) == BPF_STX && is_frame(f->regs[insn->src_reg]);
	s64 off = (s64)ptr.v + insn->off;
	u32 size = size_of(insn);

	if (ptr.origin == FRAME) {
		e->def = slots_covered(off, size);
		/* What stays of a slot decides whether an unprivileged store may be. */
		if (!live->env->req->privileged && !e->def)
			e->use = slots_touched(off, size);
		if (spills)
			spill_facts(live, slots_touched(off, size));
	} else if (ptr.origin == FRAME_ANY) {
		if (!live->env->req->privileged)
			e->use = ALL_SLOTS;
		if (spills)
			spill_facts(live, ALL_SLOTS);
	}
}

static void atomic_facts(struct live *live, struct facts *f, const struct bpf_insn *insn,
			 struct effect *e)
{
	struct fact ptr = f->regs[insn->dst_reg];

	if (insn->imm == BPF_LOAD_ACQ) {
		load_facts(live, f, insn, insn->dst_reg, e);
		return;
	}
	if (insn->imm == BPF_STORE_REL) {
		store_facts(live, f, insn, e);
		return;
	}
	if (ptr.origin == FRAME)
		e->use = slots_touched((s64)ptr.v + insn->off, size_of(insn));
	else if (ptr.origin == FRAME_ANY)
		e->use = ALL_SLOTS;
	if (insn->imm & BPF_FETCH)
		f->regs[insn->imm == BPF_CMPXCHG ? 0 : insn->src_reg] =
		    (struct fact){ e->use & live->spilled ? FRAME_ANY : OTHER, 0 };
}

/* ---- calls ---- */

static const struct helper_proto *helper_of(const struct env *env, const struct bpf_insn *insn)
{
	return model_prog_helper(env->req->model, env->type, env->req->expected_attach_type,
				 env->req->privileged ? PRIVILEGE_PERFMON : PRIVILEGE_NONE,
				 (u32)insn->imm);
}

/* Bytes of memory that argument i of a helper names; -1: not known. */
static s64 arg_bytes(const struct live *live, const struct facts *f,
		     const struct helper_proto *proto, u32 i)
{
	u32 base = proto->arg[i] & ARG_BASE_MASK;

	if (base == ARG_PTR_TO_MAP_KEY || base == ARG_PTR_TO_MAP_VALUE) {
		for (u32 k = 0; k < i; k++) {
			struct fact map = f->regs[k + 1];
			const struct map_facts *facts;

			if ((proto->arg[k] & ARG_BASE_MASK) != ARG_CONST_MAP_PTR || map.origin != MAP)
				continue;
			facts = live->env->maps.data[map.v].facts;
			return base == ARG_PTR_TO_MAP_KEY ? facts->key_size : facts->value_size;
		}
		return -1;
	}
	if (base == ARG_PTR_TO_MEM && (proto->arg[i] & ARG_MEM_FIXED_SIZE))
		return proto->arg_size[i];
	if (base == ARG_PTR_TO_MEM && i < 4 && f->regs[i + 2].origin == CONST && f->regs[i + 2].v >= 0)
		return f->regs[i + 2].v;
	return -1;
}

static void arg_effect(struct live *live, const struct facts *f, const struct helper_proto *proto,
		       u32 i, struct effect *e)
{
	struct fact arg = f->regs[i + 1];
	u32 type = proto->arg[i];
	s64 bytes;

	if (!is_frame(arg) || (type & ARG_BASE_MASK) == ARG_DONTCARE)
		return;
	bytes = arg_bytes(live, f, proto, i);
	if (arg.origin == FRAME_ANY) {
		e->use = ALL_SLOTS;
	} else if (bytes < 0) {
		/* Up to the top of the stack. */
		e->use |= slots_touched(arg.v, -(s64)arg.v);
	} else if (type & ARG_MEM_UNINIT) {
		e->def |= slots_covered(arg.v, bytes);
		if (!live->env->req->privileged)
			e->use |= slots_touched(arg.v, bytes) & ~slots_covered(arg.v, bytes);
	} else {
		e->use |= slots_touched(arg.v, bytes);
	}
}

static void call_facts(struct live *live, struct facts *f, const struct bpf_insn *insn,
		       struct effect *e)
{
	const struct helper_proto *proto = NULL;
	bool passes = false;

	if (!insn->src_reg)
		proto = helper_of(live->env, insn);
	for (u32 i = 1; i <= 5; i++)
		passes |= is_frame(f->regs[i]);
	if (!proto || (proto->flags & HELPER_CALLBACK)) {
		/* A function of the program gets the address: it may read anything there. */
		e->passes_frame = passes;
		if (passes)
			e->use = ALL_SLOTS;
	} else {
		for (u32 i = 0; i < 5; i++)
			arg_effect(live, f, proto, i, e);
	}
	/* Read and overwritten: read first. */
	for (u32 i = 0; i <= 5; i++)
		f->regs[i] = (struct fact){ OTHER, 0 };
}

static void insn_facts(struct live *live, u32 at, struct facts *f)
{
	const struct bpf_insn *insn = &live->env->insns[at];
	struct effect *e = &live->effects[at];

	*e = (struct effect){ 0 };
	switch (insn_class(insn)) {
	case BPF_ALU:
	case BPF_ALU64:
		alu_facts(f, insn);
		break;
	case BPF_LD:
		if (!insn_is_ldimm64(insn)) {
			for (u32 i = 0; i <= 5; i++)
				f->regs[i] = (struct fact){ OTHER, 0 };
		} else if (insn->src_reg == BPF_PSEUDO_MAP_IDX) {
			f->regs[insn->dst_reg] =
			    (struct fact){ MAP, (s32)live->env->aux[at].map };
		} else {
			f->regs[insn->dst_reg] = (struct fact){ OTHER, 0 };
		}
		break;
	case BPF_LDX:
		load_facts(live, f, insn, insn->dst_reg, e);
		break;
	case BPF_ST:
		store_facts(live, f, insn, e);
		break;
	case BPF_STX:
		if (BPF_MODE(insn->code) == BPF_ATOMIC)
			atomic_facts(live, f, insn, e);
		else
			store_facts(live, f, insn, e);
		break;
	default:
		if (insn_is_call(insn))
			call_facts(live, f, insn, e);
		break;
	}
}

/* ---- edges ---- */

/* Successors within the function: at most two. */
static u32 successors(const struct env *env, u32 at, u32 out[2])
{
	const struct bpf_insn *insn = &env->insns[at];
	u32 class = insn_class(insn), op = BPF_OP(insn->code);

	if (insn_is_exit(insn))
		return 0;
	out[0] = at + insn_slots(insn);
	if ((class != BPF_JMP && class != BPF_JMP32) || op == BPF_CALL)
		return 1;
	out[1] = at + 1 + (insn->code == (BPF_JMP32 | BPF_JA) ? insn->imm : insn->off);
	if (op != BPF_JA)
		return 2;
	out[0] = out[1];
	return 1;
}

static int flow_into(struct live *live, u32 to, const struct facts *f)
{
	struct facts *there = live->at[to];

	if (!there) {
		there = live->at[to] = arena_new(&live->env->arena, struct facts);
		if (!there)
			return -ENOMEM;
	}
	for (u32 i = 0; i < BPF_REGS; i++) {
		struct fact joined = join(there->regs[i], f->regs[i]);

		if (joined.origin == there->regs[i].origin && joined.v == there->regs[i].v)
			continue;
		there->regs[i] = joined;
		live->changed = true;
	}
	return 0;
}

/* One pass over a function, in order. */
static int forward_round(struct live *live, const struct subprog *sub)
{
	struct env *env = live->env;
	struct facts f = { 0 };
	bool reached = false;

	for (u32 at = sub->start; at < sub->end; at += insn_slots(&env->insns[at])) {
		u32 next[2], n;

		if (live->at[at]) {
			f = *live->at[at];
			reached = true;
		}
		if (!reached)
			continue;
		insn_facts(live, at, &f);
		n = successors(env, at, next);
		reached = false;
		for (u32 i = 0; i < n; i++) {
			if (next[i] == at + insn_slots(&env->insns[at]) &&
			    !env->aux[next[i]].jump_target) {
				reached = true;
				continue;
			}
			if (flow_into(live, next[i], &f))
				return -ENOMEM;
		}
	}
	return 0;
}

static int forward(struct live *live, const struct subprog *sub)
{
	struct facts entry;
	int rounds = 0, err;

	for (u32 i = 0; i < BPF_REGS; i++)
		entry.regs[i] = (struct fact){ OTHER, 0 };
	entry.regs[10] = (struct fact){ FRAME, 0 };
	live->spilled = 0;
	err = flow_into(live, sub->start, &entry);
	do {
		if (err)
			return err;
		live->changed = false;
		err = forward_round(live, sub);
	} while (!err && live->changed && ++rounds < MAX_ROUNDS);
	if (!err && live->changed)
		for (u32 at = sub->start; at < sub->end; at++)
			live->effects[at] = (struct effect){ .use = ALL_SLOTS, .passes_frame = true };
	return err;
}

/* ---- registers ---- */

static void alu_regs(const struct bpf_insn *insn, u16 *use, u16 *def)
{
	u32 op = BPF_OP(insn->code);

	*def = (u16)(1u << insn->dst_reg);
	if (op != BPF_MOV)
		*use |= *def;
	if (BPF_SRC(insn->code) == BPF_X && op != BPF_END)
		*use |= (u16)(1u << insn->src_reg);
}

static void atomic_regs(const struct bpf_insn *insn, u16 *use, u16 *def)
{
	*use = (u16)(1u << insn->dst_reg | 1u << insn->src_reg);
	if (insn->imm == BPF_LOAD_ACQ) {
		*use = (u16)(1u << insn->src_reg);
		*def = (u16)(1u << insn->dst_reg);
	} else if (insn->imm == BPF_CMPXCHG) {
		*use |= 1;
		*def = 1;
	} else if (insn->imm != BPF_STORE_REL && (insn->imm & BPF_FETCH)) {
		*def = (u16)(1u << insn->src_reg);
	}
}

static u16 helper_args(const struct env *env, const struct bpf_insn *insn)
{
	const struct helper_proto *proto = helper_of(env, insn);
	u16 use = 0;

	if (!proto)
		return 0x3e;
	for (u32 i = 0; i < 5; i++)
		if ((proto->arg[i] & ARG_BASE_MASK) != ARG_DONTCARE)
			use |= (u16)(2u << i);
	return use;
}

static void jump_regs(const struct env *env, u32 at, u16 *use, u16 *def)
{
	const struct bpf_insn *insn = &env->insns[at];
	u32 op = BPF_OP(insn->code);

	if (insn_is_exit(insn)) {
		*use = 1;
	} else if (insn_is_call(insn)) {
		*def = 0x3f;
		if (insn_is_subprog_call(insn))
			*use = env->aux[env->subprogs[env->aux[at].subprog].start].live_regs & 0x3e;
		else
			*use = helper_args(env, insn);
		/* Also what a global function's types say, whether its code reads it or not. */
		if (insn_is_subprog_call(insn) && env->subprogs[env->aux[at].subprog].global)
			*use = 0x3e;
	} else if (op != BPF_JA && op != BPF_JCOND) {
		*use = (u16)(1u << insn->dst_reg);
		if (BPF_SRC(insn->code) == BPF_X)
			*use |= (u16)(1u << insn->src_reg);
	}
}

static void insn_regs(const struct env *env, u32 at, u16 *use, u16 *def)
{
	const struct bpf_insn *insn = &env->insns[at];

	*use = *def = 0;
	switch (insn_class(insn)) {
	case BPF_ALU:
	case BPF_ALU64:
		alu_regs(insn, use, def);
		return;
	case BPF_LD:
		if (insn_is_ldimm64(insn)) {
			*def = (u16)(1u << insn->dst_reg);
			return;
		}
		*use = 1u << 6;
		if (BPF_MODE(insn->code) == BPF_IND)
			*use |= (u16)(1u << insn->src_reg);
		*def = 0x3f;
		return;
	case BPF_LDX:
		*use = (u16)(1u << insn->src_reg);
		*def = (u16)(1u << insn->dst_reg);
		return;
	case BPF_ST:
		*use = (u16)(1u << insn->dst_reg);
		return;
	case BPF_STX:
		if (BPF_MODE(insn->code) == BPF_ATOMIC)
			atomic_regs(insn, use, def);
		else
			*use = (u16)(1u << insn->dst_reg | 1u << insn->src_reg);
		return;
	default:
		jump_regs(env, at, use, def);
	}
}

/* ---- backwards ---- */

static void backward_insn(struct live *live, u32 at)
{
	struct env *env = live->env;
	struct insn_aux *aux = &env->aux[at];
	const struct effect *e = &live->effects[at];
	u16 regs = 0, use, def;
	u64 slots = 0;
	u32 next[2], n = successors(env, at, next);

	for (u32 i = 0; i < n; i++) {
		regs |= env->aux[next[i]].live_regs;
		slots |= env->aux[next[i]].live_slots;
	}
	aux->call_regs = regs & ~0x3fu;
	aux->call_slots = slots | (e->passes_frame ? ALL_SLOTS : 0);
	insn_regs(env, at, &use, &def);
	regs = (u16)((regs & ~def) | use);
	slots = (slots & ~e->def) | e->use;
	if (regs == aux->live_regs && slots == aux->live_slots)
		return;
	aux->live_regs = regs;
	aux->live_slots = slots;
	live->changed = true;
}

static void backward(struct live *live)
{
	struct env *env = live->env;
	int rounds = 0;

	do {
		live->changed = false;
		for (u32 at = env->len; at-- > 0;)
			if (!env->aux[at].ldimm64_second)
				backward_insn(live, at);
	} while (live->changed && ++rounds < MAX_ROUNDS);
	if (!live->changed)
		return;
	for (u32 at = 0; at < env->len; at++) {
		env->aux[at].live_regs = env->aux[at].call_regs = 0x7ff;
		env->aux[at].live_slots = env->aux[at].call_slots = ALL_SLOTS;
	}
}

int liveness_compute(struct env *env)
{
	struct live live = { .env = env };
	int err = 0;

	live.at = arena_array(&env->arena, struct facts *, env->len + 1);
	live.effects = arena_array(&env->arena, struct effect, env->len + 1);
	if (!live.at || !live.effects)
		return -ENOMEM;
	for (u32 i = 0; i < env->n_subprogs && !err; i++)
		err = forward(&live, &env->subprogs[i]);
	if (!err)
		backward(&live);
	return err;
}
