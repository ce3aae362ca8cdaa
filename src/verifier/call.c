/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls of helpers: may this program call it, are the arguments right (args.c), and what
 * is known of the machine afterwards.
 */
#include "verifier/call.h"
#include "verifier/kptr.h"
#include "verifier/kfunc.h"

/* The prototype, if this program may call the helper. */
static int find_helper(struct env *env, u32 id, const struct helper_proto **out)
{
	const struct verify_request *req = env->req;
	const struct helper_proto *known = model_helper(req->model, id);
	const struct helper_proto *proto;
	enum privilege privilege = req->privileged ? PRIVILEGE_PERFMON : PRIVILEGE_NONE;

	if (!id)
		return refuse(env, -EINVAL, "unknown-helper",
			      "program of this type cannot use helper bpf_unspec#0");
	if (!known)
		return refuse(env, -EINVAL, "unknown-helper", "invalid func unknown#%d", (s32)id);
	proto = model_prog_helper(req->model, env->type, req->expected_attach_type, privilege, id);
	proto = attach_helper(env, id, proto);
	if (!proto)
		return refuse(env, -EINVAL, "helper-not-allowed",
			      "program of this type cannot use helper bpf_%s#%u", known->name, id);
	if ((proto->flags & HELPER_ABSENT) && !req->verify_only)
		return refuse(env, -EINVAL, "helper-absent",
			      "unknown func bpf_%s#%u: Skep does not have this helper", proto->name,
			      id);
	if ((proto->flags & HELPER_GPL_ONLY) && !req->gpl_compatible)
		return refuse(env, -EINVAL, "gpl-only",
			      "cannot call GPL-restricted function from non-GPL compatible program");
	if (!attach_allows(env, id))
		return refuse(env, -EINVAL, "helper-not-allowed",
			      "helper call is not allowed in probe");
	if ((proto->flags & HELPER_MIGHT_SLEEP) && !in_sleepable(env))
		return refuse(env, -EINVAL, "sleep-in-atomic",
			      "helper call might sleep in a non-sleepable prog");
	*out = proto;
	return 0;
}

int note_call(struct env *env, const struct helper_proto *proto)
{
	struct insn_aux *aux = &env->aux[env->at];

	if (aux->call)
		return 0;
	for (u32 i = 0; i < env->calls.len; i++) {
		if (env->calls.data[i] == proto) {
			aux->call = i + 1;
			return 0;
		}
	}
	if (!vec_push(&env->calls, proto))
		return -ENOMEM;
	aux->call = (u32)env->calls.len;
	return 0;
}

/* ---- what a call makes void ---- */

int forget_packet(struct env *env)
{
	struct reg_iter it = REG_ITER(env->cur);
	const struct reg *reg;

	while ((reg = reg_iter_next(&it))) {
		struct reg *rw;

		if (!reg_is_packet(reg) && reg->kind != REG_PACKET_END &&
		    !(reg->kind == REG_MEM && (reg->flags & REG_IN_PACKET)))
			continue;
		rw = reg_iter_rw(&env->pool, &it);
		if (!rw)
			return explore_failed(env);
		/* The privileged may still look at the number; in a spill the bytes stay anyway. */
		*rw = env->allow_ptr_leaks || it.at > BPF_REGS ? reg_unknown() : (struct reg){ 0 };
	}
	return 0;
}

int forget_reference(struct env *env, u32 ref)
{
	struct reg_iter it = REG_ITER(env->cur);
	const struct reg *reg;

	while ((reg = reg_iter_next(&it))) {
		struct reg *rw;

		if (reg->ref != ref)
			continue;
		rw = reg_iter_rw(&env->pool, &it);
		if (!rw)
			return explore_failed(env);
		*rw = env->allow_ptr_leaks || it.at > BPF_REGS ? reg_unknown() : (struct reg){ 0 };
	}
	return 0;
}

void forget_caller_saved(struct env *env)
{
	for (u32 i = 0; i <= 5; i++) {
		cur_reg(env, i)->kind = REG_UNINIT;
		reg_changed(env, i);
	}
}

static int release(struct env *env, const struct call_args *args)
{
	if (args->release_dynptr)
		return dynptr_release(env, args->release_dynptr);
	if (!args->release_ref)
		return 0;
	if (!ref_release(env, args->release_ref))
		return refuse(env, -EINVAL, "release-unacquired",
			      "func bpf_%s#%u reference has not been acquired before",
			      args->proto->name, args->proto->id);
	return args->kptr ? kptr_handed_over(env, args->release_ref)
			  : forget_reference(env, args->release_ref);
}

/* ---- bpf_tail_call ---- */

/*
 * The call replaces this function's frame, if it succeeds: its caller goes on with any r0,
 * and finds a packet that the other program may have moved. If it fails, this path goes on.
 */
static int tail_call(struct env *env)
{
	struct state *returned, *cur = env->cur;
	int err;

	err = ref_check_none(env, "tail_call");
	if (err || !env->cur->depth)
		return err;
	if (state_top(env->cur)->in_callback)
		return refuse(env, -EINVAL, "unsupported", "tail_call in a callback is not supported");
	returned = push_path(env, (u32)state_top(env->cur)->callsite + 1);
	if (!returned)
		return explore_failed(env);
	frame_put(&env->pool, state_top(returned));
	returned->depth--;
	env->cur = returned;
	if (!state_frame_rw(&env->pool, returned, returned->depth)) {
		err = explore_failed(env);
	} else {
		*cur_reg(env, 0) = reg_unknown();
		err = forget_packet(env);
	}
	env->cur = cur;
	return err;
}

/* Writing to a dynptr of an skb may move the packet: it is made writable first. */
/* A tail call that comes back has failed, and changed nothing. */
static bool changes_packet(const struct call_args *args)
{
	if (args->proto->flags & HELPER_TAIL_CALL)
		return false;
	return args->proto->flags & HELPER_CHANGES_PACKET ||
	       (args->proto->id == BPF_FUNC_dynptr_write &&
		(args->dynptr.kind == DYNPTR_SKB || args->dynptr.kind == DYNPTR_SKB_META));
}

static int helper_call(struct env *env, const struct bpf_insn *insn)
{
	struct call_args args = { 0 };
	int err;

	err = find_helper(env, (u32)insn->imm, &args.proto);
	if (!err)
		err = note_call(env, args.proto);
	if (!err)
		err = helper_sections(env, args.proto);
	if (!err)
		err = args_check(env, &args);
	if (!err)
		err = attach_check_args(env, args.proto->id);
	if (!err)
		err = release(env, &args);
	if (!err && (args.proto->flags & HELPER_TAIL_CALL))
		err = tail_call(env);
	if (!err && args.has_callback)
		err = callback_call(env, &args);
	if (err)
		return err;
	forget_caller_saved(env);
	err = set_result(env, &args);
	if (!err && changes_packet(&args))
		err = forget_packet(env);
	return err;
}

int call_step(struct env *env, const struct bpf_insn *insn)
{
	int err = check_call_with_lock(env, insn);

	if (err)
		return err;
	env->jumps++;
	if (insn->src_reg == BPF_PSEUDO_CALL)
		return subprog_call(env);
	if (insn->src_reg == BPF_PSEUDO_KFUNC_CALL)
		return kfunc_step(env, insn);
	return helper_call(env, insn);
}

/* ---- LD_ABS and LD_IND ---- */

int ld_packet_step(struct env *env, const struct bpf_insn *insn)
{
	struct reg out;
	int err;

	if (!env->type->legacy_packet)
		return refuse(env, -EINVAL, "legacy-packet",
			      "BPF_LD_[ABS|IND] instructions not allowed for this program type");
	/* They may end the program, and what is held then would be lost. */
	err = ref_check_none(env, "BPF_LD_[ABS|IND]");
	if (!err)
		err = check_read(env, 6);
	if (err)
		return err;
	if (cur_reg(env, 6)->kind != REG_CTX)
		return refuse(env, -EINVAL, "legacy-packet",
			      "at the time of BPF_LD_ABS|IND R6 != pointer to skb");
	err = check_pointer_off(env, 6, cur_reg(env, 6));
	if (!err && BPF_MODE(insn->code) == BPF_IND) {
		err = check_read(env, insn->src_reg);
		if (!err && leaks_pointer(env, cur_reg(env, insn->src_reg)))
			err = refuse(env, -EACCES, "pointer-leak",
				     "R%u leaks addr into helper function", insn->src_reg);
	}
	/* Outside the packet the function returns 0 at once. */
	if (!err && env->cur->depth)
		err = early_return(env);
	if (err)
		return err;
	forget_caller_saved(env);
	out = reg_unknown();
	out.val = scalar_load(BPF_SIZE(insn->code) == BPF_B   ? 8
			      : BPF_SIZE(insn->code) == BPF_H ? 16
							      : 32,
			      false);
	set_reg(env, 0, &out);
	return 0;
}
