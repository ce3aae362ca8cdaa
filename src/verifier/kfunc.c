/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls of kfuncs: is there such a function, may this program call it here, are its arguments
 * what its BTF prototype wants (kfunc_args.c), and what is known afterwards (kfunc_ret.c).
 */
#include "verifier/kfunc.h"
#include "verifier/call.h"

/* Attach types and flags newer than the headers that we build with. */
#define PROG_DEV_BOUND_ONLY (1U << 6)

/* ---- which function ---- */

const struct kfunc_proto *kfunc_of(const struct env *env, const struct bpf_insn *insn)
{
	if (!insn_is_call(insn) || insn->src_reg != BPF_PSEUDO_KFUNC_CALL || insn->off)
		return NULL;
	return model_kfunc(env->req->model, (u32)insn->imm);
}

static const struct btf_type *func_type(const struct env *env, u32 id)
{
	const struct btf *btf = env->req->model->btf;
	const struct btf_type *type = btf ? btf_type(btf, id) : NULL;

	return type && btf_kind(type) == BTF_KIND_FUNC ? type : NULL;
}

bool kfunc_changes_packet(const struct kfunc_proto *kfunc)
{
	return kfunc && kfunc->id == KFUNC_bpf_xdp_pull_data;
}

const struct btf_type *kfunc_prototype(const struct env *env, const struct bpf_insn *insn)
{
	const struct kfunc_proto *kfunc = kfunc_of(env, insn);

	return kfunc ? btf_type(env->req->model->btf, func_type(env, kfunc->btf_id)->type) : NULL;
}

/* What Linux asks while it collects the functions that a program calls, reached or not. */
int kfunc_check_insn(struct env *env, const struct bpf_insn *insn)
{
	if (!env->req->privileged)
		return refuse(env, -EPERM, "unprivileged",
			      "loading/calling other bpf or kernel functions are allowed for CAP_BPF and CAP_SYS_ADMIN");
	if (!env->req->gpl_compatible)
		return refuse(env, -EINVAL, "gpl-only",
			      "cannot call kernel function from non-GPL compatible program");
	/* libbpf writes 0 where a weak kfunc is missing: such a call must not be reached. */
	if (!insn->imm && !insn->off)
		return 0;
	if (insn->off)
		return refuse(env, -EINVAL, "unsupported",
			      "negative or unknown fd_array index %d: kernel functions of modules are not supported",
			      insn->off);
	if (!env->req->model->btf)
		return refuse(env, -ENOTSUPP, "unsupported",
			      "calling kernel function is not supported without CONFIG_DEBUG_INFO_BTF");
	if (!func_type(env, (u32)insn->imm))
		return refuse(env, -EINVAL, "unknown-kfunc", "kernel btf_id %u is not a function",
			      insn->imm);
	return 0;
}

static int device_bound_check(struct env *env, const struct kfunc_proto *kfunc)
{
	if (kfunc->filter != KFUNC_FILTER_DEVICE_BOUND ||
	    (env->req->prog_flags & PROG_DEV_BOUND_ONLY))
		return 0;
	return refuse(env, -EINVAL, "kfunc-not-allowed",
		      "metadata kfuncs require device-bound program");
}

/* Fills in what BTF says of the function, if this program may call it. */
static int find_kfunc(struct env *env, const struct bpf_insn *insn, struct kfunc_call *call)
{
	const struct verify_request *req = env->req;
	const struct btf_type *func = func_type(env, (u32)insn->imm);

	if (!func)
		return refuse(env, -EINVAL, "unknown-kfunc",
			      "invalid kernel function call not eliminated in verifier pass");
	call->btf = req->model->btf;
	call->kfunc = kfunc_of(env, insn);
	call->proto = btf_type(call->btf, func->type);
	call->params = btf_params(call->proto);
	call->n_args = btf_vlen(call->proto);
	if (!call->kfunc ||
	    !model_kfunc_allowed(call->kfunc, req->prog_type, req->expected_attach_type))
		return refuse(env, -EACCES, "kfunc-not-allowed",
			      "calling kernel function %s is not allowed",
			      btf_name(call->btf, func->name_off));
	if (!call->kfunc->call.fn && !req->verify_only)
		return refuse(env, -EINVAL, "kfunc-absent",
			      "calling kernel function %s: Skep does not have it",
			      call->kfunc->call.name);
	return device_bound_check(env, call->kfunc);
}

/* ---- what may not be called at all ---- */

static int check_kfunc_itself(struct env *env, const struct kfunc_call *call)
{
	const struct kfunc_proto *kfunc = call->kfunc;

	if (kfunc->id == KFUNC___bpf_trap)
		return refuse(env, -EFAULT, "uninit-register",
			      "unexpected __bpf_trap() due to uninitialized variable?");
	if (kfunc->flags & KF_ARENA)
		return refuse(env, -EINVAL, "later-scope",
			      "kernel function %s: arena is not supported yet", kfunc->call.name);
	if (kfunc->id == KFUNC_bpf_throw)
		return refuse(env, -EINVAL, "later-scope",
			      "kernel function bpf_throw: exceptions are not supported yet");
	return 0;
}

static int check_sleepable(struct env *env, const struct kfunc_call *call)
{
	if (!(call->kfunc->flags & KF_SLEEPABLE) || in_sleepable(env))
		return 0;
	return refuse(env, -EACCES, "sleep-in-atomic",
		      "program must be sleepable to call sleepable kfunc %s",
		      call->kfunc->call.name);
}

/* ---- afterwards ---- */

static int release(struct env *env, const struct kfunc_call *call)
{
	if (!call->release_reg)
		return 0;
	if (!ref_release(env, call->release_ref))
		return refuse(env, -EINVAL, "release-unacquired",
			      "kfunc %s#%u reference has not been acquired before",
			      call->kfunc->call.name, call->kfunc->btf_id);
	return forget_reference(env, call->release_ref);
}

int kfunc_step(struct env *env, const struct bpf_insn *insn)
{
	struct kfunc_call call = { 0 };
	int err;

	err = find_kfunc(env, insn, &call);
	if (!err)
		err = check_kfunc_itself(env, &call);
	if (!err)
		err = note_call(env, kfunc_dynptr_proto(env, &call));
	if (!err)
		err = check_sleepable(env, &call);
	if (!err)
		err = res_lock_may_fail(env, &call);
	if (!err)
		err = kfunc_args_check(env, &call);
	if (!err)
		err = kfunc_sections(env, &call);
	if (!err)
		err = release(env, &call);
	if (!err && call.has_callback)
		err = kfunc_callback(env, &call);
	if (err)
		return err;
	forget_caller_saved(env);
	err = kfunc_set_result(env, &call);
	if (!err && kfunc_changes_packet(call.kfunc))
		err = forget_packet(env);
	if (!err && (call.kfunc->flags & KF_ITER_NEXT))
		err = iter_next(env, &call);
	return err;
}
