/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions of the program: static ones are explored at each call as if they stood there,
 * global ones are verified once, alone, and then only their signature counts. Callbacks
 * are entered from the helper that calls them, as often as it takes until nothing new can
 * happen (loops.c ends that).
 */
#include "btf/btf.h"
#include "verifier/args.h"

static int push_frame(struct env *env, struct state *state, u32 subprog, u32 callsite)
{
	struct frame *frame;

	if (state->depth + 1 >= BPF_MAX_FRAMES)
		return refuse(env, -E2BIG, "call-depth", "the call stack of %u frames is too deep",
			      state->depth + 2);
	frame = frame_new(&env->pool);
	if (!frame)
		return explore_failed(env);
	frame->subprog = subprog;
	frame->callsite = (s32)callsite;
	frame->entry_refs = state->refs;
	frame->regs[10] = reg_pointer(REG_STACK, 0);
	frame->regs[10].frame = (u8)(state->depth + 1);
	state->frames[++state->depth] = frame;
	return 0;
}

/* ---- calls ---- */

int subprog_call(struct env *env)
{
	u32 target = env->aux[env->at].subprog;
	struct subprog *sub = &env->subprogs[target];
	struct frame *caller, *callee;
	int err;

	if (sub->global && env->cur->n_locks)
		return refuse(env, -EINVAL, "call-with-lock",
			      "global function calls are not allowed while holding a lock,\nuse static function instead");
	if (sub->global)
		return global_call(env, sub);
	err = push_frame(env, env->cur, target, env->at);
	if (err)
		return err;
	callee = state_top(env->cur);
	caller = env->cur->frames[env->cur->depth - 1];
	for (u32 i = 1; i <= 5; i++)
		callee->regs[i] = caller->regs[i];
	for (u32 i = 0; i <= 5; i++)
		caller->regs[i].kind = REG_UNINIT;
	frame_clear_dead(caller, env->aux[env->at].call_regs,
			 env->aux[env->at].call_slots | frame_dynptr_slots(caller));
	env->changed_regs = 0x7ff;
	env->next = sub->start;
	env->print_full = true;
	return 0;
}

/* ---- callbacks ---- */

/* What bpf_find_vma found: it holds the lock under which the object lives. */
static int vma_reg(struct env *env, struct reg *out)
{
	const struct btf *btf = env->req->model->btf;
	s32 id = btf ? btf_find(btf, "vm_area_struct", BTF_KIND_STRUCT) : -ENOENT;

	if (id <= 0)
		return refuse(env, -EINVAL, "unsupported", "no BTF of struct vm_area_struct");
	*out = reg_pointer(REG_BTF, 0);
	out->btf_id = (u32)id;
	return 0;
}

/* What a helper hands to the function it calls, from its own arguments. */
static int callback_regs(struct env *env, const struct call_args *args, const struct frame *caller,
			 struct frame *callee)
{
	struct reg *regs = callee->regs;

	switch (args->proto->id) {
	case BPF_FUNC_loop:
		regs[1] = reg_unknown();
		regs[2] = caller->regs[3];
		return 0;
	case BPF_FUNC_for_each_map_elem:
		regs[1] = caller->regs[1];
		regs[2] = reg_pointer(REG_MAP_KEY, 0);
		regs[2].map = args->map;
		regs[2].frame = callee->regs[10].frame;
		regs[3] = reg_pointer(REG_MAP_VALUE, 0);
		regs[3].map = args->map;
		regs[3].uid = args->map_uid;
		if (reg_has_lock(env, &regs[3]))
			regs[3].id = new_id(env);
		regs[4] = caller->regs[3];
		return 0;
	case BPF_FUNC_find_vma:
		regs[1] = caller->regs[1];
		regs[3] = caller->regs[4];
		return vma_reg(env, &regs[2]);
	case BPF_FUNC_user_ringbuf_drain:
		regs[1] = dynptr_const_reg(env, DYNPTR_LOCAL, 0);
		regs[2] = caller->regs[3];
		return 0;
	default:
		return refuse(env, -EINVAL, "unsupported",
			      "callbacks of bpf_%s are not supported yet", args->proto->name);
	}
}

/* Have as many rounds been walked as bpf_loop can make? */
static bool rounds_done(struct env *env, const struct call_args *args)
{
	const struct reg *rounds = cur_reg(env, 1);

	if (args->proto->id != BPF_FUNC_loop ||
	    state_top(env->cur)->callback_depth < rounds->val.umax)
		return false;
	mark_precise(env, rounds);
	return true;
}

/*
 * This path goes on behind the call, as after the last round; another one enters the
 * function and comes back to the call, where its arguments still stand in r1 to r5.
 */
int callback_call(struct env *env, const struct call_args *args)
{
	struct frame *caller, *callee;
	struct state *round;
	int err;

	if (args->proto->id == BPF_FUNC_timer_set_callback)
		return async_callback(env, &(struct async_entry){ .subprog = args->callback,
								  .map = args->field_map });
	/* Only a number says how often the function runs. */
	if (args->proto->id == BPF_FUNC_loop && !reg_is_scalar(cur_reg(env, 1)))
		return refuse(env, -EACCES, "argument-type", "R1 type=%s expected=scalar",
			      reg_kind_name(cur_reg(env, 1)->kind));
	env->aux[env->at].calls_callback = true;
	env->subprogs[args->callback].callback = env->subprogs[args->callback].sync = true;
	if (rounds_done(env, args)) {
		state_top(env->cur)->callback_depth = 0;
		state_top(env->cur)->callbacks_left++;
		return 0;
	}
	round = push_path(env, env->subprogs[args->callback].start);
	if (!round)
		return explore_failed(env);
	err = push_frame(env, round, args->callback, env->at);
	if (err)
		return err;
	caller = state_frame_rw(&env->pool, round, round->depth - 1);
	if (!caller)
		return explore_failed(env);
	/* The round comes back to this call: what is live before it. */
	frame_clear_dead(caller, env->aux[env->at].live_regs,
			 env->aux[env->at].live_slots | frame_dynptr_slots(caller));
	callee = state_top(round);
	err = callback_regs(env, args, caller, callee);
	if (err)
		return err;
	callee->in_callback = true;
	callee->ret_min = 0;
	callee->ret_max = 1;
	caller->callback_depth++;
	round->callback_unroll_depth++;
	/* push_path unshared nothing: the frame of this path is made its own again. */
	if (!state_frame_rw(&env->pool, env->cur, env->cur->depth))
		return explore_failed(env);
	state_top(env->cur)->callback_depth = 0;
	state_top(env->cur)->callbacks_left++;
	return 0;
}

/* ---- returns ---- */

static int check_callback_result(struct env *env, const struct frame *callee)
{
	const struct reg *r0 = &callee->regs[0];

	if (!reg_is_scalar(r0))
		return refuse(env, -EACCES, "callback-result", "R0 not a scalar value");
	mark_precise(env, r0);
	if (r0->val.smin < callee->ret_min || r0->val.smax > callee->ret_max)
		return refuse(env, -EINVAL, "return-range",
			      "At callback return the register R0 has smin=%lld smax=%lld should have been in [%lld, %lld]",
			      (long long)r0->val.smin, (long long)r0->val.smax,
			      (long long)callee->ret_min, (long long)callee->ret_max);
	/* The next round would be a call. */
	if (env->cur->n_locks)
		return refuse(env, -EINVAL, "call-with-lock",
			      "function calls are not allowed while holding a lock");
	/* It runs any number of times, also never: it may not change what is held. */
	if (!refs_same(env->cur->refs, callee->entry_refs))
		return refuse(env, -EINVAL, "unreleased-reference",
			      "Unreleased reference id=%u alloc_insn=%d: a callback must release what it acquired, and nothing else",
			      env->cur->refs ? env->cur->refs->id : 0,
			      env->cur->refs ? env->cur->refs->insn : -1);
	return 0;
}

/* The key that a callback gets lives as long as the call: copies of its address are void then. */
static int forget_keys(struct env *env, u32 frame)
{
	struct reg_iter it = REG_ITER(env->cur);
	const struct reg *reg;

	while ((reg = reg_iter_next(&it))) {
		struct reg *rw;

		if (reg->kind != REG_MAP_KEY || reg->frame != frame)
			continue;
		rw = reg_iter_rw(&env->pool, &it);
		if (!rw)
			return explore_failed(env);
		*rw = reg_unknown();
	}
	return 0;
}

static int leave_frame(struct env *env)
{
	struct frame *callee = state_top(env->cur), *caller;
	bool in_callback = callee->in_callback;
	struct reg r0 = callee->regs[0];
	u32 callsite = (u32)callee->callsite;
	int err;

	if (in_callback) {
		err = check_callback_result(env, callee);
		if (err)
			return err;
	} else if (r0.kind == REG_STACK) {
		return refuse(env, -EINVAL, "stack-escape",
			      "cannot return stack pointer to the caller");
	}
	frame_put(&env->pool, callee);
	env->cur->depth--;
	caller = state_frame_rw(&env->pool, env->cur, env->cur->depth);
	if (!caller)
		return explore_failed(env);
	env->changed_regs = 0x7ff;
	env->print_full = true;
	if (in_callback) {
		err = forget_keys(env, env->cur->depth + 1);
		if (err)
			return err;
		env->next = callsite;
		return loops_widen_at(env, env->cur, callsite);
	}
	caller->regs[0] = r0;
	env->next = callsite + 1;
	return 0;
}

/* ---- the end of the program ---- */

/* What the program may return; false: anything. */
static bool result_range(const struct env *env, s64 *min, s64 *max)
{
	const struct ctx_layout *own = env->req->ctx;
	const struct return_range *range =
	    env->attach.checks_result
		? &env->attach.result
		: model_return_range(env->type, env->req->expected_attach_type);

	if (own && own->checks_return) {
		*min = own->ret_min;
		*max = own->ret_max;
		return true;
	}
	if (!range)
		return false;
	*min = range->min;
	*max = range->max;
	return true;
}

static int check_result(struct env *env)
{
	const struct reg *r0 = cur_reg(env, 0);
	bool is_32bit = env->attach.result_is_32bit;
	s64 min, max, low, high;

	if (!result_range(env, &min, &max))
		return 0;
	if (!reg_is_scalar(r0))
		return refuse(env, -EINVAL, "return-range",
			      "At program exit the register R0 is not a known value (%s)",
			      reg_kind_name(r0->kind));
	mark_precise(env, r0);
	low = is_32bit ? r0->val.smin32 : r0->val.smin;
	high = is_32bit ? r0->val.smax32 : r0->val.smax;
	if (low >= min && high <= max)
		return 0;
	return refuse(env, -EINVAL, "return-range",
		      "At program exit the register R0 has smin=%lld smax=%lld should have been in [%lld, %lld]",
		      (long long)low, (long long)high, (long long)min, (long long)max);
}

/* Timers and work queues take nothing but 0 for an answer. */
static int end_async(struct env *env)
{
	const struct reg *r0 = cur_reg(env, 0);
	int err = check_read(env, 0);

	if (err)
		return err;
	if (!reg_is_scalar(r0))
		return refuse(env, -EINVAL, "return-range",
			      "At async callback return the register R0 is not a known value (%s)",
			      reg_kind_name(r0->kind));
	mark_precise(env, r0);
	if (reg_is_null(r0) ||
	    (env->any_result && r0->val.smin >= INT32_MIN && r0->val.smax <= INT32_MAX))
		return 0;
	return refuse(env, -EINVAL, "return-range",
		      "At async callback return the register R0 has smin=%lld smax=%lld should have been in %s",
		      (long long)r0->val.smin, (long long)r0->val.smax,
		      env->any_result ? "[-2147483648, 2147483647]" : "[0, 0]");
}

static int end_global(struct env *env)
{
	int err = check_read(env, 0);

	if (!err && !reg_is_scalar(cur_reg(env, 0)))
		err = refuse(env, -EINVAL, "return-range",
			     "At subprogram exit the register R0 is not a scalar value (%s)",
			     reg_kind_name(cur_reg(env, 0)->kind));
	return err;
}

int exit_step(struct env *env)
{
	int err;

	env->jumps++;
	if (env->cur->depth)
		return leave_frame(env);
	err = ref_check_none(env, "BPF_EXIT instruction in main prog");
	if (err)
		return err;
	env->path_done = true;
	if (env->in_async)
		return end_async(env);
	if (env->main_subprog)
		return end_global(env);
	if (env->attach.returns_nothing)
		return 0;
	err = check_read(env, 0);
	if (err)
		return err;
	if (leaks_pointer(env, cur_reg(env, 0)))
		return refuse(env, -EACCES, "pointer-leak", "R0 leaks addr as return value");
	return check_result(env);
}

/* Another path on which the running function returns 0 here (LD_ABS outside the packet). */
int early_return(struct env *env)
{
	struct state *returned, *cur = env->cur;
	struct frame *callee = state_top(cur);

	if (callee->in_callback)
		return refuse(env, -EINVAL, "unsupported",
			      "BPF_LD_[ABS|IND] in a callback is not supported");
	returned = push_path(env, (u32)callee->callsite + 1);
	if (!returned)
		return explore_failed(env);
	frame_put(&env->pool, state_top(returned));
	returned->depth--;
	if (!state_frame_rw(&env->pool, returned, returned->depth))
		return explore_failed(env);
	state_top(returned)->regs[0] = reg_const(0);
	return 0;
}
