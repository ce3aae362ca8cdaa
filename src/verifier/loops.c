/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Remembered states. At a prune point the current state is compared with those that came
 * here before. If an old one, explored to its end, covers it, the path ends here: nothing
 * new can happen. An old one that is not finished yet is an ancestor of this path, so the
 * path went round a loop:
 *	- nothing changed since then: the loop never ends, refuse;
 *	- the engine itself ends this loop (may_goto, callbacks): covered by the ancestor
 *	  means safe, by induction over the rounds;
 *	- otherwise go on, the loop is explored round by round.
 *
 * branches counts the paths that begin at a checkpoint and are not finished. A finished
 * checkpoint below an ancestor it was cut at (entry) is only as final as that ancestor: its
 * marks of precision are not complete, so until then all its numbers count.
 */
#include "verifier/prune.h"
#include "verifier/stack_object.h"

struct checkpoint {
	struct checkpoint *next; /* at the same instruction */
	struct state state;	 /* state.parent: the checkpoint before */
	u32 insn;
	u32 depth;    /* checkpoints above it on its path */
	u32 branches;
	u32 hits, misses;
	u64 processed; /* instructions, when it was made */
	struct counted_run *run; /* the loop that begins here is proved by induction */
	struct checkpoint *entry; /* outermost ancestor that a path from here was cut at */
};

/* ---- bookkeeping of paths ---- */

/* What begins at c was cut at entry, c itself or one above it: the outermost one counts. */
static void note_entry(struct checkpoint *c, struct checkpoint *entry)
{
	if (c && entry->depth < c->depth && (!c->entry || entry->depth < c->entry->depth))
		c->entry = entry;
}

/* A checkpoint tells what its verdict waits for to the one above when it is finished. */
void loops_path_end(struct env *env)
{
	for (struct checkpoint *c = env->cur->parent; c; c = c->state.parent) {
		if (--c->branches)
			break;
		if (c->entry)
			note_entry(c->state.parent, c->entry);
	}
}

void loops_path_pushed(struct state *state)
{
	if (state->parent)
		state->parent->branches++;
}

/* The unfinished ancestor that c's verdict still waits for; NULL: final. */
static struct checkpoint *waits_for(struct checkpoint *c)
{
	while (c && !c->branches)
		c = c->entry;
	return c;
}

/* ---- remembering ---- */

/* Dead parts say nothing, and must not keep later states from being covered. */
void frame_clear_dead(struct frame *frame, u16 live_regs, u64 live_slots)
{
	for (u32 i = 0; i < 10; i++)
		if (!(live_regs & (1u << i)))
			frame->regs[i].kind = REG_UNINIT;
	for (u32 i = 0; i < frame->n_slots; i++)
		if (!(live_slots >> i & 1))
			memset(&frame->slots[i], 0, sizeof(frame->slots[i]));
	while (frame->n_slots && !(live_slots >> (frame->n_slots - 1) & 1))
		frame->n_slots--;
}

/* From here on the number's precision is asked of this checkpoint. */
static void renew_dep(struct env *env, struct reg *reg)
{
	if (reg->kind != REG_SCALAR)
		return;
	/* Anything at all: no bound to depend on. */
	if (!reg->id && scalar_is_unknown(&reg->val))
		reg->dep = 0;
	else
		reg->dep = dep_fresh(&env->deps, reg->dep);
}

static bool lacks_dep(const struct reg *reg)
{
	return reg->kind == REG_SCALAR && !reg->dep && (reg->id || !scalar_is_unknown(&reg->val));
}

static void renew_deps(struct env *env, struct frame *frame, u16 live_regs, u64 live_slots)
{
	for (u32 i = 0; i < 10; i++)
		if (live_regs & (1u << i))
			renew_dep(env, &frame->regs[i]);
	for (u32 i = 0; i < frame->n_slots; i++)
		if ((live_slots >> i & 1) && slot_is_spill(&frame->slots[i]))
			renew_dep(env, &frame->slots[i].reg);
}

/*
 * Callers' numbers keep the node they had at the call: shared by all checkpoints below, so
 * sometimes marked without need, never missed. One without a node (a constant, also one
 * stored by a callee) gets one here.
 */
static bool frame_lacks_dep(const struct frame *frame)
{
	for (u32 i = 0; i < 10; i++)
		if (lacks_dep(&frame->regs[i]))
			return true;
	for (u32 i = 0; i < frame->n_slots; i++)
		if (slot_is_spill(&frame->slots[i]) && lacks_dep(&frame->slots[i].reg))
			return true;
	return false;
}

static int renew_callers(struct env *env)
{
	for (u32 f = 0; f < env->cur->depth; f++) {
		struct frame *frame = env->cur->frames[f];

		if (!frame_lacks_dep(frame))
			continue;
		frame = state_frame_rw(&env->pool, env->cur, f);
		if (!frame)
			return explore_failed(env);
		for (u32 i = 0; i < 10; i++)
			if (lacks_dep(&frame->regs[i]))
				renew_dep(env, &frame->regs[i]);
		for (u32 i = 0; i < frame->n_slots; i++)
			if (slot_is_spill(&frame->slots[i]) && lacks_dep(&frame->slots[i].reg))
				renew_dep(env, &frame->slots[i].reg);
	}
	return 0;
}

int loops_own_nodes(struct env *env)
{
	for (u32 f = 0; f <= env->cur->depth; f++) {
		struct frame *frame = state_frame_rw(&env->pool, env->cur, f);

		if (!frame)
			return explore_failed(env);
		renew_deps(env, frame, UINT16_MAX, UINT64_MAX);
	}
	return 0;
}

static int remember(struct env *env)
{
	struct insn_aux *aux = &env->aux[env->at];
	struct checkpoint *c = arena_new(&env->pool.arena, struct checkpoint);
	struct frame *top = state_frame_rw(&env->pool, env->cur, env->cur->depth);

	if (!c || !top)
		return explore_failed(env);
	renew_deps(env, top, aux->live_regs, aux->live_slots);
	if (renew_callers(env))
		return -ENOMEM;
	state_share(&c->state, env->cur);
	top = state_frame_rw(&env->pool, &c->state, c->state.depth);
	if (!top)
		return explore_failed(env);
	frame_clear_dead(top, aux->live_regs, aux->live_slots);
	c->insn = env->at;
	c->processed = env->stats.insns_processed;
	c->branches = 1;
	c->depth = c->state.parent ? c->state.parent->depth + 1 : 0;
	c->next = aux->checkpoints;
	aux->checkpoints = c;
	env->cur->parent = c;
	env->jumps_then = env->any_jumps_then = env->jumps;
	env->insns_then = env->any_insns_then = env->stats.insns_processed;
	env->stats.total_states++;
	env->live_checkpoints++;
	env->stats.peak_states = MAX(env->stats.peak_states, env->live_checkpoints);
	env->stats.longest_chain = MAX(env->stats.longest_chain, c->depth);
	return 0;
}

static void evict(struct env *env, struct checkpoint **link)
{
	struct checkpoint *c = *link;

	*link = c->next;
	state_release(&env->pool, &c->state);
	env->live_checkpoints--;
}

/* ---- widening ---- */

/* all: also numbers that something depends on. */
static void widen(struct env *env, const struct reg *old, struct reg *cur, bool all)
{
	if (old->kind != REG_SCALAR || cur->kind != REG_SCALAR ||
	    scalar_eq(&old->val, &cur->val))
		return;
	if (!all && (dep_is_precise(&env->deps, old->dep) || dep_is_precise(&env->deps, cur->dep)))
		return;
	*cur = reg_unknown();
}

static int widen_frame(struct env *env, const struct frame *old, struct state *state, u32 index,
		       bool all)
{
	struct frame *cur = state_frame_rw(&env->pool, state, index);

	if (!cur)
		return explore_failed(env);
	for (u32 i = 0; i < 10; i++)
		widen(env, &old->regs[i], &cur->regs[i], all);
	for (u32 i = 0; i < old->n_slots && i < cur->n_slots; i++) {
		struct slot *slot = &cur->slots[i];

		if (!slot_is_spill(&old->slots[i]) || !slot_is_spill(slot))
			continue;
		widen(env, &old->slots[i].reg, &slot->reg, all);
		if (slot_spill_size(slot) < SLOT_BYTES)
			slot->reg.val = scalar_zext(&slot->reg.val, slot_spill_size(slot) * 8);
	}
	return 0;
}

/* The same of the current state but for one register, and of all numbers. */
static int widen_others(struct env *env, const struct frame *old, u32 index, u32 except)
{
	struct reg keep = env->cur->frames[index]->regs[except];
	int err = widen_frame(env, old, env->cur, index, true);

	if (!err)
		env->cur->frames[index]->regs[except] = keep;
	return err;
}

/*
 * Against the last round: the newest state at insn that this path came by, but for skip.
 * Those that are not finished are ancestors of the path, and newer ones stand in front.
 */
static int widen_since(struct env *env, struct state *state, const struct checkpoint *skip, u32 insn)
{
	const struct checkpoint *c = env->aux[insn].checkpoints;
	int err = 0;

	while (c && (!c->branches || c == skip || c->state.depth != state->depth)) {
		c = c->next;
		env->pool.work++;
	}
	for (u32 i = 0; c && i <= state->depth && !err; i++) {
		if (c->state.frames[i]->callsite != state->frames[i]->callsite)
			return 0;
		err = widen_frame(env, c->state.frames[i], state, i, false);
	}
	return err;
}

int loops_widen_at(struct env *env, struct state *state, u32 insn)
{
	return widen_since(env, state, NULL, insn);
}

int loops_widen_here(struct env *env, struct state *state)
{
	const struct checkpoint *c = state->parent;

	/* The one made on this very visit is this round's. */
	return widen_since(env, state, c && c->insn == env->at ? c : NULL, env->at);
}

/* ---- the visit ---- */

struct visit_plan {
	bool add;    /* remember this state */
	bool forced; /* in any case */
};

/* Beyond this much memory states are made ever rarer. */
#define SPACIOUS ((size_t)144 << 20)

/* Has enough happened since then to make a state worth its cost? */
static bool enough(const struct env *env, bool join, u32 jumps_then, u64 insns_then)
{
	u32 jumps = env->jumps - jumps_then, scarce = 1 + env->pool.arena.total / SPACIOUS;
	u64 insns = env->stats.insns_processed - insns_then;

	return join ? jumps >= scarce && insns >= 5 * scarce
		    : jumps >= 2 * scarce && insns >= 8 * scarce;
}

/*
 * Counted along this path, so that no two states of it are close together; and over all
 * paths, so that one that begins here, close behind its branch, may leave a state for those
 * that come after it.
 */
static struct visit_plan plan_visit(const struct env *env)
{
	const struct insn_aux *aux = &env->aux[env->at];
	struct visit_plan plan = { .forced = aux->force_checkpoint || env->req->test_state_freq };

	plan.add = plan.forced || aux->long_run ||
		   enough(env, aux->jump_target, env->jumps_then, env->insns_then) ||
		   enough(env, aux->jump_target, env->any_jumps_then, env->any_insns_then);
	return plan;
}

/* Is c an ancestor that covers this path, in a loop that ends? */
static bool closes_loop(struct env *env, struct checkpoint *c)
{
	const struct bpf_insn *insn = &env->insns[env->at];

	if (c->run && counted_running(env->cur, c->run))
		return state_covers(env, &c->state, env->cur, COVER_WITHIN);
	/* The helper ends its own rounds, not a loop of the program that comes back to the call. */
	if (env->aux[env->at].calls_callback)
		return state_top(&c->state)->callbacks_left == state_top(env->cur)->callbacks_left &&
		       state_covers(env, &c->state, env->cur, COVER_WITHIN);
	if (env->aux[env->at].next_element)
		/* One made anew in each round never ends. */
		return iter_is_active(env, env->cur) && iters_went_on(&c->state, env->cur) &&
		       state_covers(env, &c->state, env->cur, COVER_WITHIN);
	return insn->code == (BPF_JMP | BPF_JCOND) &&
	       c->state.may_goto_depth != env->cur->may_goto_depth &&
	       state_covers(env, &c->state, env->cur, COVER_WITHIN);
}

static bool never_ends(struct env *env, struct checkpoint *c)
{
	return !env->aux[env->at].calls_callback && !env->aux[env->at].next_element &&
	       c->state.may_goto_depth == env->cur->may_goto_depth &&
	       c->state.callback_unroll_depth == env->cur->callback_unroll_depth &&
	       state_covers(env, &c->state, env->cur, COVER_EXACT) &&
	       !iters_advanced(&c->state, env->cur);
}

/* Against one remembered state: enum visit or -errno. */
static int visit_one(struct env *env, struct checkpoint *c, struct visit_plan *plan)
{
	struct checkpoint *entry = waits_for(c);
	bool ancestor = c->branches;
	bool covered;

	/* For tests: every path is walked to its end, but loops must still end. */
	if (env->req->no_pruning && !ancestor)
		return VISIT_GO_ON;
	if (ancestor && !c->run && never_ends(env, c))
		return refuse(env, -EINVAL, "infinite-loop", "infinite loop detected at insn %u",
			      env->at);
	covered = ancestor ? closes_loop(env, c)
			   : state_covers(env, &c->state, env->cur,
					  entry ? COVER_WITHIN : COVER_PRECISE);
	if (covered) {
		c->hits++;
		state_share_precision(env, &c->state, env->cur, !entry);
		if (entry)
			note_entry(env->cur->parent, entry);
		return VISIT_PRUNED;
	}
	/* Inside a loop every round comes by: remember only some. */
	if (ancestor && !plan->forced && env->jumps - env->any_jumps_then < 20 &&
	    env->stats.insns_processed - env->any_insns_then < 100)
		plan->add = false;
	return VISIT_GO_ON;
}

/*
 * At the head of a loop that counts, in its second round or a later one: perhaps the rest is
 * proved by induction from here on. What the last round changed becomes any number.
 */
static int try_induction(struct env *env, struct counted_run **run)
{
	const struct checkpoint *c = env->aux[env->at].checkpoints;
	struct counted_loop *loop;
	int err = 0;

	while (c && (!c->branches || c->state.depth != env->cur->depth))
		c = c->next;
	if (!c || (c->run && !counted_running(env->cur, c->run)))
		return 0;
	loop = counted_worth_it(env, env->stats.insns_processed - c->processed, c->run);
	if (!loop)
		return 0;
	for (u32 i = 0; i <= env->cur->depth; i++)
		if (c->state.frames[i]->callsite != env->cur->frames[i]->callsite)
			return 0;
	/* Only from where the counter lies is the proof good. */
	if (!state_frame_rw(&env->pool, env->cur, env->cur->depth))
		return explore_failed(env);
	mark_precise(env, cur_reg(env, loop->reg));
	*run = counted_begin(env, loop);
	for (u32 i = 0; i <= env->cur->depth && *run && !err; i++)
		err = widen_others(env, c->state.frames[i], i, i == env->cur->depth ? loop->reg : 10);
	return *run ? err : explore_failed(env);
}

int loops_visit(struct env *env)
{
	struct visit_plan plan = plan_visit(env);
	struct counted_run *run = NULL;
	struct checkpoint **link = &env->aux[env->at].checkpoints, *c;
	u64 states = 0;

	while ((c = *link)) {
		int visit = visit_one(env, c, &plan);
		u32 patience = plan.forced && c->branches ? 64 : 3;

		if (visit)
			return visit;
		states++;
		if (UNLIKELY(env->req->missed))
			env->req->missed(env->req->trace_data, env, &c->state);
		if (plan.add)
			c->misses++;
		/* It never helped: stop comparing with it. */
		if (c->misses > c->hits * patience + patience)
			evict(env, link);
		else
			link = &c->next;
	}
	env->stats.max_states_per_insn = MAX(env->stats.max_states_per_insn, states);
	if (env->aux[env->at].counted) {
		int err = try_induction(env, &run);

		if (err)
			return err;
		plan.add |= run || !env->aux[env->at].checkpoints;
	}
	if (plan.add && remember(env))
		return -ENOMEM;
	if (run) {
		env->cur->parent->run = run;
		/* That the loop ends rests on it, even where no decision does. */
		mark_precise(env, cur_reg(env, run->loop.reg));
	}
	return VISIT_GO_ON;
}
