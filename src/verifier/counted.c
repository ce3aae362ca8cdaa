/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loops that count. Linux walks every loop round by round, and refuses one of a million
 * rounds whatever it does. Here a loop whose rounds would not fit into the limit is proved
 * by induction instead:
 *
 *	- It ends. In the code between its head and its only jump back, one register is written
 *	  by nothing but one `r += step`, which every round passes (no jump leads behind it). If r
 *	  lies within [lo, hi] whenever a round begins, there are at most (hi - lo) / step + 1.
 *	- Its rounds are safe. The state at the head is widened: r to [lo, hi], whatever else
 *	  changed in the last round to any number. From there one round is walked like any code.
 *	  When it comes back to the head with a state within the widened one, all is shown, the
 *	  range of r included. When something else changed in that round, it is widened, too.
 *
 * hi is guessed from the comparisons of r; a wrong guess shows as a state that is not within.
 * Then, and when the widened state proves too little, the program is refused as it would have been.
 * A path is in the loop as long as it does not leave the code of it but into functions
 * called from there (state.counted); only such a path may be cut at the head.
 */
#include "verifier/counted.h"
#include "verifier/step.h"

#define MAX_LOOPS  UINT16_MAX /* insn_aux.counted */
#define MAX_BODY   512	      /* instructions */
#define MAX_TRIES  64
#define MAX_BOUND  (1 << 30)  /* sums of it and a step stay within 32 bits */

/* ---- finding them ---- */

struct body {
	u16 bad;     /* registers that are written otherwise */
	u32 inc[10]; /* where r += step stands, + 1 */
	s64 step[10];
	u32 last_target; /* the last instruction that something jumps to */
};

static bool is_jump_on(const struct bpf_insn *insn)
{
	u32 class = insn_class(insn), op = BPF_OP(insn->code);

	return (class == BPF_JMP || class == BPF_JMP32) && op != BPF_CALL && op != BPF_EXIT &&
	       op != BPF_JCOND;
}

static s64 target_of(const struct bpf_insn *insn, u32 at)
{
	return (s64)at + 1 + (insn->code == (BPF_JMP32 | BPF_JA) ? insn->imm : insn->off);
}

static bool is_increment(const struct bpf_insn *insn)
{
	return (insn->code == (BPF_ALU64 | BPF_ADD | BPF_K) ||
		insn->code == (BPF_ALU | BPF_ADD | BPF_K)) &&
	       insn->imm > 0 && insn->imm < MAX_BOUND;
}

static void read_body(const struct env *env, const struct counted_loop *loop, struct body *body)
{
	for (u32 at = loop->head; at <= loop->back; at += insn_slots(&env->insns[at])) {
		const struct bpf_insn *insn = &env->insns[at];
		u16 written = insn_writes(env, at);

		if (at > loop->head && env->aux[at].jump_target)
			body->last_target = at;
		for (u32 r = 0; r < 10; r++) {
			if (!(written >> r & 1))
				continue;
			if (!is_increment(insn) || body->inc[r])
				body->bad |= (u16)(1u << r);
			body->inc[r] = at + 1;
			body->step[r] = insn->imm;
		}
	}
}

/* The largest r at the head that comparison n in the loop lets be; -1: it does not say. */
static s64 bound_by(const struct env *env, const struct counted_loop *loop, u32 n, u32 inc)
{
	const struct bpf_insn *insn = &env->insns[n];
	s64 target = target_of(insn, n), k = insn->imm, step = loop->step;
	bool goes_on = n == loop->back, behind = n > inc;

	if (!is_jump_on(insn) || BPF_SRC(insn->code) != BPF_K || insn->dst_reg != loop->reg ||
	    BPF_OP(insn->code) == BPF_JA || k < 0 || k >= MAX_BOUND)
		return -1;
	if (goes_on) {
		switch (BPF_OP(insn->code)) {
		case BPF_JLT:
		case BPF_JSLT:
			return k - 1;
		case BPF_JLE:
		case BPF_JSLE:
			return k;
		case BPF_JNE:
			return k - step;
		default:
			return -1;
		}
	}
	if (target >= loop->head && target <= loop->back)
		return -1;
	switch (BPF_OP(insn->code)) {
	case BPF_JGE:
	case BPF_JSGE:
		return behind ? k - 1 : k - 1 + step;
	case BPF_JGT:
	case BPF_JSGT:
		return behind ? k : k + step;
	case BPF_JEQ:
		return behind ? k - step : k;
	default:
		return -1;
	}
}

static bool find_bound(const struct env *env, struct counted_loop *loop, u32 inc)
{
	loop->hi = -1;
	for (u32 at = loop->head; at <= loop->back; at += insn_slots(&env->insns[at])) {
		s64 bound = bound_by(env, loop, at, inc);

		if (bound >= 0 && (loop->hi < 0 || bound < loop->hi))
			loop->hi = bound;
	}
	return loop->hi >= 0;
}

static void find_counter(const struct env *env, struct counted_loop *loop)
{
	struct body body = { 0 };

	if (loop->reg == COUNTED_NONE)
		return;
	loop->reg = COUNTED_NONE;
	read_body(env, loop, &body);
	for (u32 r = 0; r < 10 && loop->reg == COUNTED_NONE; r++) {
		/* A jump to the addition itself is fine. */
		if ((body.bad >> r & 1) || !body.inc[r] || body.last_target > body.inc[r] - 1)
			continue;
		loop->reg = (u8)r;
		loop->step = body.step[r];
		if (!find_bound(env, loop, body.inc[r] - 1))
			loop->reg = COUNTED_NONE;
	}
}

static int add_loop(struct env *env, u32 head, u32 back)
{
	struct insn_aux *aux = &env->aux[head];

	/* Two jumps back: no telling which rounds pass the addition. */
	if (aux->counted) {
		env->counted.data[aux->counted - 1].reg = COUNTED_NONE;
		return 0;
	}
	if (env->counted.len >= MAX_LOOPS)
		return 0;
	if (!vec_push(&env->counted, (struct counted_loop){
					     .head = head,
					     .back = back,
					     .reg = back - head < MAX_BODY ? 0 : COUNTED_NONE }))
		return -ENOMEM;
	aux->counted = (u16)env->counted.len;
	return 0;
}

int counted_find(struct env *env)
{
	int err = 0;

	for (u32 at = 0; at < env->len && !err; at += insn_slots(&env->insns[at])) {
		s64 target = target_of(&env->insns[at], at);

		if (is_jump_on(&env->insns[at]) && target <= at)
			err = add_loop(env, (u32)target, at);
	}
	vec_for_each(loop, &env->counted)
		find_counter(env, loop);
	return err;
}

/* ---- walking them ---- */

void counted_leave(struct env *env)
{
	struct state *cur = env->cur;

	while (cur->counted) {
		const struct counted_run *run = cur->counted;

		if (cur->depth > run->depth ||
		    (cur->depth == run->depth && env->at >= run->loop.head &&
		     env->at <= run->loop.back))
			return;
		cur->counted = run->outer;
	}
}

bool counted_running(const struct state *state, const struct counted_run *run)
{
	const struct counted_run *r = state->counted;

	while (r && r != run)
		r = r->outer;
	return r != NULL;
}

struct counted_loop *counted_worth_it(struct env *env, u64 round, bool again)
{
	u32 index = env->aux[env->at].counted;
	struct counted_loop *loop = &env->counted.data[index - 1];
	const struct reg *r;
	u64 left = env->req->model->max_insns_processed - env->stats.insns_processed;

	if (loop->reg == COUNTED_NONE || loop->tries >= MAX_TRIES)
		return NULL;
	r = cur_reg(env, loop->reg);
	if (!reg_is_scalar(r) || r->val.umax > (u64)loop->hi ||
	    (u64)loop->hi - r->val.umin > BPF_MAX_LOOP_COUNT)
		return NULL;
	if (again || env->req->always_induction)
		return loop;
	return ((u64)loop->hi - r->val.umin) / (u64)loop->step > left / MAX(round, 1ull) ? loop : NULL;
}

struct counted_run *counted_begin(struct env *env, struct counted_loop *loop)
{
	struct counted_run *run = arena_new(&env->pool.arena, struct counted_run);
	struct reg *r = cur_reg(env, loop->reg);
	struct scalar range = scalar_urange(r->val.umin, (u64)loop->hi);

	if (!run)
		return NULL;
	loop->tries++;
	*run = (struct counted_run){ env->cur->counted, *loop, env->cur->depth };
	env->cur->counted = run;
	*r = reg_scalar(&range, 0);
	return run;
}
