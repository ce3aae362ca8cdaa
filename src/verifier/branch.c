/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conditional jumps. A jump whose outcome the bounds decide is followed one way, and the
 * proof then depends on those bounds (mark_precise). Otherwise both ways are explored, and
 * each learns something: a smaller range, that a pointer is or is not NULL, how many bytes
 * lie before the packet's end. What is learned of a value goes to all its copies.
 */
#include "verifier/step.h"

#define MAX_PACKET_OFF 0xffff

struct compare {
	u32 op;
	bool is32, self, has_src;
	u32 dst, src;	   /* register numbers */
	struct reg a, b;   /* values before the jump; b may be the immediate */
	struct scalar at[2][2]; /* [taken][operand] when both are numbers */
	bool refined;
};

/* ---- copies of the same value ---- */

static bool is_linked(const struct reg *reg, const struct reg *known)
{
	return reg != known && reg->kind == REG_SCALAR && reg->id == known->id;
}

/* What known tells of another register with its id: back to the value of the id, and from there. */
static struct scalar through_link(const struct reg *known, const struct reg *other)
{
	struct scalar value, off;

	if (!((known->flags | other->flags) & REG_ADD_CONST32)) {
		if (known->off == other->off)
			return known->val;
		return scalar_add_const(&known->val, (s64)other->off - known->off);
	}
	off = scalar_const((u64)(s64)known->off);
	value = scalar_alu(BPF_SUB, known->flags & REG_ADD_CONST32, &known->val, &off);
	off = scalar_const((u64)(s64)other->off);
	return scalar_alu(BPF_ADD, other->flags & REG_ADD_CONST32, &value, &off);
}

/*
 * Sound because equal ids mean: both were made from one value v, as v + off modulo 2^64
 * (off is 0 without REG_ADD_CONST) by 64-bit moves and additions; or, with
 * REG_ADD_CONST32, as v + off modulo 2^32 where v itself is below 2^32.
 */
int sync_linked(struct env *env, struct state *state, const struct reg *known)
{
	struct reg_iter it = REG_ITER(state);
	struct reg source = *known;
	const struct reg *reg;

	if (!source.id || source.kind != REG_SCALAR)
		return 0;
	while ((reg = reg_iter_next(&it))) {
		struct scalar val, learned;
		struct reg *rw;

		if (!is_linked(reg, known))
			continue;
		learned = through_link(&source, reg);
		val = reg->val;
		if (!scalar_meet(&val, &learned) || scalar_eq(&val, &reg->val))
			continue;
		rw = reg_iter_rw(&env->pool, &it);
		if (!rw)
			return explore_failed(env);
		rw->val = val;
		rw->dep = dep_join(&env->deps, rw->dep, source.dep);
	}
	return 0;
}

/* ---- pointers that may be NULL ---- */

/* Decides every copy of the pointer with that id. */
static int decide_null(struct env *env, struct state *state, u32 id, u32 ref, bool is_null)
{
	struct reg_iter it = REG_ITER(state);
	const struct reg *reg;

	/* There is nothing to release behind NULL. */
	if (is_null && ref) {
		struct state *cur = env->cur;

		env->cur = state;
		ref_release(env, ref);
		env->cur = cur;
	}
	while ((reg = reg_iter_next(&it))) {
		struct reg *rw;

		if (!(reg->flags & REG_MAYBE_NULL) || reg->id != id)
			continue;
		rw = reg_iter_rw(&env->pool, &it);
		if (!rw)
			return explore_failed(env);
		if (is_null) {
			*rw = reg_const(0);
		} else {
			rw->flags &= ~(u32)REG_MAYBE_NULL;
			if (!reg_has_lock(env, rw))
				rw->id = 0;
		}
	}
	return 0;
}

/* A pointer that cannot be NULL, whatever the program does: those of which Linux says so. */
static bool never_null(const struct reg *reg)
{
	if (!reg_is_pointer(reg) || (reg->flags & REG_MAYBE_NULL))
		return false;
	switch (reg->kind) {
	case REG_MAP:
	case REG_MAP_VALUE:
	case REG_MAP_KEY:
	case REG_BUF:
	case REG_SOCKET:
	case REG_SOCK_COMMON:
	case REG_TCP_SOCK:
		return true;
	case REG_MEM:
		return !(reg->flags & REG_UNTRUSTED);
	case REG_BTF:
		return btf_is_trusted(reg);
	default:
		return false;
	}
}

/*
 * Not NULL when the program runs, though a check of it may still be walked. A number may be 0, what
 * bpf_rdonly_cast made of one, too; functions that are called later are handed out as numbers.
 */
static bool is_address(const struct reg *reg)
{
	return reg_is_pointer(reg) && reg->kind != REG_BTF && reg->kind != REG_FUNC &&
	       !(reg->flags & (REG_MAYBE_NULL | REG_UNTRUSTED));
}

/* ---- packet bounds ---- */

/* Every pointer with that base learns that range bytes from it are in the packet. */
static int widen_range(struct env *env, struct state *state, const struct reg *ptr, bool open)
{
	struct reg_iter it = REG_ITER(state);
	struct reg base = *ptr;
	const struct reg *reg;
	u32 range;

	if (base.off < 0 || (base.off == 0 && open))
		return 0;
	/* The sum must not wrap around: the address would come out below the end again. */
	if (base.val.umax > MAX_PACKET_OFF || base.val.umax + (u32)base.off > MAX_PACKET_OFF)
		return 0;
	range = (u32)base.off + open;
	while ((reg = reg_iter_next(&it))) {
		struct reg *rw;

		if (reg->kind != base.kind || reg->id != base.id || reg->range >= range)
			continue;
		rw = reg_iter_rw(&env->pool, &it);
		if (!rw)
			return explore_failed(env);
		rw->range = range;
	}
	return 0;
}

static bool is_packet_start(const struct reg *reg)
{
	return reg->kind == REG_PACKET && !reg->id && !reg->off && reg_has_fixed_off(reg);
}

/* Is end an end for p: pkt_end for packet pointers, the packet's start for metadata. */
static bool bounds_packet(const struct reg *p, const struct reg *end)
{
	return (p->kind == REG_PACKET && end->kind == REG_PACKET_END) ||
	       (p->kind == REG_PACKET_META && is_packet_start(end));
}

/* dst op src with the packet pointer on the left. */
static u32 packet_op(u32 op, const struct reg *dst, const struct reg *src)
{
	if (!bounds_packet(src, dst))
		return op;
	return op == BPF_JGT ? BPF_JLT : op == BPF_JLT ? BPF_JGT : op == BPF_JGE ? BPF_JLE : BPF_JGE;
}

/* The register's address is not before the packet's end here. */
static int mark_end(struct env *env, struct state *state, u32 regno, u32 flags)
{
	struct frame *frame = state_frame_rw(&env->pool, state, state->depth);

	if (!frame)
		return explore_failed(env);
	if (frame->regs[regno].kind == REG_PACKET)
		frame->regs[regno].flags |= (u16)flags;
	return 0;
}

/*
 * `p op end` with op one of > >= < <=. The side on which p <= end holds learns p's offset
 * as the range; where p < end holds, one byte more. The other side learns that p is out.
 */
static int refine_packet(struct env *env, struct state *taken, struct state *fall, u32 op,
			 const struct compare *c)
{
	bool swapped = bounds_packet(&c->b, &c->a);
	const struct reg *p = swapped ? &c->b : &c->a;
	u32 regno = swapped ? c->src : c->dst;
	bool out_taken = op == BPF_JGT || op == BPF_JGE;
	bool open = op == BPF_JGE || op == BPF_JLT; /* p < end on the good side */
	int err = widen_range(env, out_taken ? fall : taken, p, open);

	return err ? err
		   : mark_end(env, out_taken ? taken : fall, regno,
			      open ? REG_AT_END : REG_AT_END | REG_BEYOND_END);
}

static bool is_packet_compare(u32 op, const struct reg *a, const struct reg *b)
{
	return (op == BPF_JGT || op == BPF_JGE || op == BPF_JLT || op == BPF_JLE) &&
	       (bounds_packet(a, b) || bounds_packet(b, a));
}

/* ---- deciding ---- */

/* Both operands are numbers: the outcome, and what each side learns. */
static enum branch decide_scalars(struct compare *c)
{
	enum branch way = c->self ? scalar_branch_self(c->op, c->is32, &c->a.val)
				  : scalar_branch(c->op, c->is32, &c->a.val, &c->b.val);
	bool possible[2];

	if (way != BRANCH_UNKNOWN || c->self)
		return way;
	for (int taken = 0; taken < 2; taken++) {
		c->at[taken][0] = c->a.val;
		c->at[taken][1] = c->b.val;
		possible[taken] = scalar_refine(c->op, c->is32, taken, &c->at[taken][0],
						&c->at[taken][1]);
	}
	c->refined = true;
	/* Both impossible cannot be: the operands are not empty. Explore both then. */
	if (possible[0] == possible[1]) {
		c->refined = possible[0];
		return BRANCH_UNKNOWN;
	}
	return possible[1] ? BRANCH_ALWAYS : BRANCH_NEVER;
}

/* A pointer already found to be past the end, compared once more. */
static enum branch decide_packet(const struct compare *c)
{
	u32 op = packet_op(c->op, &c->a, &c->b);
	u16 flags = (bounds_packet(&c->b, &c->a) ? &c->b : &c->a)->flags;

	if (op == BPF_JGT || op == BPF_JLE) {
		if (flags & REG_BEYOND_END)
			return op == BPF_JGT ? BRANCH_ALWAYS : BRANCH_NEVER;
	} else if (flags & REG_AT_END) {
		return op == BPF_JGE ? BRANCH_ALWAYS : BRANCH_NEVER;
	}
	return BRANCH_UNKNOWN;
}

static enum branch decide(struct compare *c)
{
	bool eq = c->op == BPF_JEQ, ne = c->op == BPF_JNE;

	if (reg_is_scalar(&c->a) && reg_is_scalar(&c->b))
		return decide_scalars(c);
	if (c->is32)
		return BRANCH_UNKNOWN;
	if (c->has_src && is_packet_compare(c->op, &c->a, &c->b))
		return decide_packet(c);
	if (!(eq || ne))
		return BRANCH_UNKNOWN;
	if ((reg_is_null(&c->b) && never_null(&c->a)) || (reg_is_null(&c->a) && never_null(&c->b)))
		return eq ? BRANCH_NEVER : BRANCH_ALWAYS;
	return BRANCH_UNKNOWN;
}

/* ---- learning ---- */

static int learn_scalar(struct env *env, struct state *state, u32 regno, const struct reg *before,
			const struct scalar *val, u32 other_dep)
{
	struct frame *frame;
	struct reg *reg;

	if (scalar_eq(val, &before->val))
		return 0;
	frame = state_frame_rw(&env->pool, state, state->depth);
	if (!frame)
		return explore_failed(env);
	reg = &frame->regs[regno];
	reg->val = *val;
	reg->dep = dep_join(&env->deps, before->dep, other_dep);
	return sync_linked(env, state, reg);
}

static int learn_scalars(struct env *env, struct state *state, const struct compare *c, int taken)
{
	int err = learn_scalar(env, state, c->dst, &c->a, &c->at[taken][0], c->b.dep);

	if (!err && c->has_src)
		err = learn_scalar(env, state, c->src, &c->b, &c->at[taken][1], c->a.dep);
	return err;
}

static int learn_null(struct env *env, struct state *taken, struct state *fall,
		      const struct compare *c)
{
	bool eq = c->op == BPF_JEQ;
	const struct reg *p = c->a.flags & REG_MAYBE_NULL ? &c->a : &c->b;
	const struct reg *q = p == &c->a ? &c->b : &c->a;
	int err = 0;

	if (reg_is_null(q)) {
		/* Comparing with a register that holds 0 teaches Linux nothing. */
		if (c->has_src)
			return 0;
		/* A cast that failed leaves the reference of what it was made from. */
		err = decide_null(env, eq ? taken : fall, p->id, p->id == p->ref ? p->ref : 0,
				  true);
		if (!err)
			err = decide_null(env, eq ? fall : taken, p->id, p->ref, false);
	} else if (p->kind != REG_BTF && is_address(q)) {
		/* Equal to something that is not NULL. */
		err = decide_null(env, eq ? taken : fall, p->id, p->ref, false);
	}
	return err;
}

static int learn(struct env *env, struct state *taken, struct state *fall, const struct compare *c)
{
	int err;

	if (reg_is_scalar(&c->a) && reg_is_scalar(&c->b)) {
		if (!c->refined)
			return 0;
		err = learn_scalars(env, taken, c, 1);
		return err ? err : learn_scalars(env, fall, c, 0);
	}
	if (c->is32)
		return 0;
	if ((c->op == BPF_JEQ || c->op == BPF_JNE) && !c->self &&
	    ((c->a.flags | c->b.flags) & REG_MAYBE_NULL) &&
	    reg_is_scalar(&c->a) + reg_is_scalar(&c->b) < 2)
		return learn_null(env, taken, fall, c);
	if (c->has_src && is_packet_compare(c->op, &c->a, &c->b))
		return refine_packet(env, taken, fall, packet_op(c->op, &c->a, &c->b), c);
	return 0;
}

/* Comparing addresses tells them: for the unprivileged only NULL checks and packet bounds. */
static int check_comparable(struct env *env, const struct compare *c)
{
	bool null_check = !c->has_src && (c->op == BPF_JEQ || c->op == BPF_JNE) && !c->is32 &&
			  reg_is_null(&c->b) && (c->a.flags & REG_MAYBE_NULL);

	if (env->allow_ptr_leaks || null_check)
		return 0;
	if (c->has_src && !c->is32 && is_packet_compare(c->op, &c->a, &c->b))
		return 0;
	if (!reg_is_pointer(&c->a) && !reg_is_pointer(&c->b))
		return 0;
	return refuse(env, -EACCES, "pointer-leak", "R%u pointer comparison prohibited",
		      reg_is_pointer(&c->a) ? c->dst : c->src);
}

static int read_operands(struct env *env, const struct bpf_insn *insn, struct compare *c)
{
	int err = 0;

	c->op = BPF_OP(insn->code);
	c->is32 = insn_class(insn) == BPF_JMP32;
	c->dst = insn->dst_reg;
	c->src = insn->src_reg;
	c->has_src = BPF_SRC(insn->code) == BPF_X;
	c->self = c->has_src && c->src == c->dst;
	if (c->has_src)
		err = check_read(env, c->src);
	if (!err)
		err = check_read(env, c->dst);
	if (err)
		return err;
	c->a = *cur_reg(env, c->dst);
	c->b = c->has_src ? *cur_reg(env, c->src) : reg_const((u64)(s64)insn->imm);
	return check_comparable(env, c);
}

static int conditional(struct env *env, const struct bpf_insn *insn)
{
	u32 target = env->at + 1 + insn->off;
	struct compare c = { 0 };
	struct state *other;
	enum branch way;
	int err;

	err = read_operands(env, insn, &c);
	if (err)
		return err;
	way = decide(&c);
	if (way != BRANCH_UNKNOWN) {
		mark_precise(env, &c.a);
		mark_precise(env, &c.b);
		if (way == BRANCH_ALWAYS)
			env->next = target;
		return 0;
	}
	other = push_path(env, target);
	if (!other)
		return explore_failed(env);
	return learn(env, other, env->cur, &c);
}

/* may_goto: the engine's counter ends the loop, so both ways are possible at any time. */
static int may_goto(struct env *env, const struct bpf_insn *insn)
{
	struct state *again = push_path(env, env->at + 1);

	if (!again)
		return explore_failed(env);
	/* The way out first: it tells which numbers the proof depends on. */
	env->next = env->at + 1 + insn->off;
	again->may_goto_depth++;
	return loops_widen_here(env, again);
}

int branch_step(struct env *env, const struct bpf_insn *insn)
{
	env->jumps++;
	switch (BPF_OP(insn->code)) {
	case BPF_JA:
		env->next = env->at + 1 +
			    (insn_class(insn) == BPF_JMP32 ? insn->imm : insn->off);
		return 0;
	case BPF_JCOND:
		return may_goto(env, insn);
	default:
		return conditional(env, insn);
	}
}
