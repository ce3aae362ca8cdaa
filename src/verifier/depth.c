/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How deep calls go: no recursion, at most eight frames, at most 512 bytes of stack along
 * any chain of calls. Needs the stack that each function was seen to touch.
 *
 * Tracing programs, which run on whatever stack there is, have a stack of their own for each
 * function that uses much: then 512 bytes is the limit of each, not of all. Engines give every
 * function its own frame anyway. What timers call is not among them.
 */
#include "verifier/env.h"

#define STACK_UNIT 16
#define PRIVATE_STACK	64  /* functions that use less share one */
#define TAIL_CALL_STACK 256 /* what callers of a function that tail calls may use */

struct chain {
	struct env *env;
	u32 *deepest; /* bytes below and in each function; 0: not computed */
	u8 *frames;
	u8 *mark; /* 1: on the chain, 2: done */
	bool *shared; /* uses the common stack, however much: a timer's callback gets there */
	bool private_stacks;
	u32 *above;  /* most bytes that callers of each function use together */
	u32 *order;  /* functions, each after all it calls */
	u32 n_order;
};

static u32 own_stack(const struct subprog *sub)
{
	u32 bytes = sub->stack_depth + (sub->has_may_goto ? 16 : 0);

	return (u32)align_up(bytes, STACK_UNIT);
}

/* Does it call a function on this stack, or have one called? Timers call theirs on another. */
static bool calls(const struct env *env, u32 at)
{
	const struct bpf_insn *insn = &env->insns[at];

	return insn_is_subprog_call(insn) ||
	       (insn_is_ldimm64(insn) && insn->src_reg == BPF_PSEUDO_FUNC &&
		!env->subprogs[env->aux[at].subprog].async);
}

/* Of a program of this type, and none that tail calls. */
static bool has_private_stacks(const struct env *env)
{
	for (u32 i = 0; i < env->n_subprogs; i++)
		if (env->subprogs[i].has_tail_call)
			return false;
	switch (env->type->type) {
	case BPF_PROG_TYPE_KPROBE:
	case BPF_PROG_TYPE_TRACEPOINT:
	case BPF_PROG_TYPE_PERF_EVENT:
	case BPF_PROG_TYPE_RAW_TRACEPOINT:
		return true;
	case BPF_PROG_TYPE_TRACING:
		return env->req->expected_attach_type != BPF_TRACE_ITER;
	default:
		return false;
	}
}

static void share(struct chain *chain, u32 index)
{
	if (chain->shared[index])
		return;
	chain->shared[index] = true;
	chain->order[chain->n_order++] = index;
}

/* Whatever a callback that runs on its own can reach; each function is looked through once. */
static void mark_shared(struct chain *chain)
{
	struct env *env = chain->env;

	for (u32 i = 0; i < env->n_subprogs; i++)
		if (env->subprogs[i].async)
			share(chain, i);
	for (u32 n = 0; n < chain->n_order; n++) {
		const struct subprog *sub = &env->subprogs[chain->order[n]];

		for (u32 at = sub->start; at < sub->end; at += insn_slots(&env->insns[at]))
			if (calls(env, at))
				share(chain, env->aux[at].subprog);
	}
	chain->n_order = 0;
}

/* What the function takes of the stack that its callers are on. */
static u32 common_stack(const struct chain *chain, u32 index)
{
	u32 own = own_stack(&chain->env->subprogs[index]);

	return chain->private_stacks && !chain->shared[index] && own >= PRIVATE_STACK ? 0 : own;
}

static int measure(struct chain *chain, u32 index);

static int measure_callee(struct chain *chain, u32 callee, u32 *below, u32 *frames)
{
	int err = measure(chain, callee);

	if (err)
		return err;
	*below = MAX(*below, chain->deepest[callee]);
	*frames = MAX(*frames, chain->frames[callee]);
	return 0;
}

/* The recursion is bounded: at most BPF_MAX_FRAMES + 1 deep before it refuses. */
static int measure(struct chain *chain, u32 index)
{
	struct env *env = chain->env;
	struct subprog *sub = &env->subprogs[index];
	u32 below = 0, frames = 0;

	if (chain->mark[index] == 2)
		return 0;
	if (chain->mark[index] == 1)
		return refuse_at(env, sub->start, -E2BIG, "recursion",
				 "the call stack of %u frames is too deep !: %s() calls itself, or back into its callers",
				 BPF_MAX_FRAMES, sub->name ? sub->name : "a function");
	chain->mark[index] = 1;
	for (u32 i = sub->start; i < sub->end; i += insn_slots(&env->insns[i])) {
		u32 callee = env->aux[i].subprog;
		int err;

		if (!calls(env, i))
			continue;
		err = measure_callee(chain, callee, &below, &frames);
		if (err)
			return err;
	}
	chain->mark[index] = 2;
	chain->order[chain->n_order++] = index;
	chain->frames[index] = (u8)MIN(frames + 1, 255u);
	if (!common_stack(chain, index) && own_stack(sub) > BPF_STACK_SIZE)
		return refuse_at(env, sub->start, -EACCES, "stack-depth",
				 "stack size of subprog %u is %u. Too large", index,
				 own_stack(sub));
	chain->deepest[index] = below + common_stack(chain, index);
	if (chain->frames[index] > BPF_MAX_FRAMES)
		return refuse_at(env, sub->start, -E2BIG, "call-depth",
				 "the call stack of %u frames is too deep !", chain->frames[index]);
	if (chain->deepest[index] > BPF_STACK_SIZE)
		return refuse_at(env, sub->start, -EACCES, "stack-depth",
				 "combined stack size of %u calls is %u. Too large",
				 chain->frames[index], chain->deepest[index]);
	return 0;
}

/* A tail call keeps the frames of its callers for as long as the chain of programs runs. */
static int check_tail_calls(struct chain *chain)
{
	struct env *env = chain->env;

	for (u32 n = chain->n_order; n-- > 0;) {
		u32 index = chain->order[n];
		const struct subprog *sub = &env->subprogs[index];
		u32 bytes = chain->above[index] + own_stack(sub);

		if (index && sub->has_tail_call && chain->above[index] >= TAIL_CALL_STACK)
			return refuse_at(env, sub->start, -EACCES, "stack-depth",
					 "tail_calls are not allowed when call stack of previous frames is %u bytes. Too large",
					 chain->above[index]);
		for (u32 i = sub->start; i < sub->end; i += insn_slots(&env->insns[i]))
			if (calls(env, i))
				chain->above[env->aux[i].subprog] =
				    MAX(chain->above[env->aux[i].subprog], bytes);
	}
	return 0;
}

int stack_depth_check(struct env *env)
{
	struct chain chain = { .env = env };
	int err = 0;

	chain.deepest = arena_array(&env->arena, u32, env->n_subprogs);
	chain.frames = arena_array(&env->arena, u8, env->n_subprogs);
	chain.mark = arena_array(&env->arena, u8, env->n_subprogs);
	chain.above = arena_array(&env->arena, u32, env->n_subprogs);
	chain.order = arena_array(&env->arena, u32, env->n_subprogs);
	chain.shared = arena_array(&env->arena, bool, env->n_subprogs);
	if (!chain.shared || !chain.deepest || !chain.frames || !chain.mark || !chain.above || !chain.order)
		return -ENOMEM;
	chain.private_stacks = has_private_stacks(env);
	mark_shared(&chain);
	for (u32 i = 0; i < env->n_subprogs && !err; i++)
		err = measure(&chain, i);
	return err ? err : check_tail_calls(&chain);
}
