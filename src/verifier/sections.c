/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sections that a program opens and closes: RCU, no preemption, no interrupts. Inside none of
 * the last two, and in no RCU section, may anything sleep; each is closed before the program
 * ends, interrupts in the opposite order of their saving. What RCU protected is, outside, a
 * pointer of which nothing is promised.
 */
#include "verifier/kfunc.h"

bool in_sleepable(const struct env *env)
{
	return env->req->prog_flags & BPF_F_SLEEPABLE;
}

/* Programs that do not sleep run inside an RCU section from beginning to end. */
bool in_rcu(const struct env *env)
{
	return env->cur->rcu_depth || !in_sleepable(env);
}

/* The innermost bpf_local_irq_save that is not yet undone. */
static const struct ref *irq_saved(const struct env *env)
{
	return ref_find(env->cur, REF_BIT(REF_IRQ), 0, NULL);
}

/* ---- RCU ---- */

/* At the end of the section its pointers may go stale; a NULL check proves nothing any more. */
static int forget_rcu(struct env *env)
{
	struct reg_iter it = REG_ITER(env->cur);
	const struct reg *reg;

	while ((reg = reg_iter_next(&it))) {
		struct reg *rw;

		if (!(reg->flags & REG_RCU))
			continue;
		rw = reg_iter_rw(&env->pool, &it);
		if (!rw)
			return explore_failed(env);
		rw->flags &= (u16) ~(REG_RCU | REG_MAYBE_NULL);
		rw->flags |= REG_UNTRUSTED;
	}
	return 0;
}

static int rcu_section(struct env *env, const struct kfunc_proto *kfunc)
{
	struct state *cur = env->cur;

	if (kfunc->id == KFUNC_bpf_rcu_read_lock) {
		if (cur->rcu_depth)
			return refuse(env, -EINVAL, "section",
				      "nested rcu read lock (kernel function %s)",
				      kfunc->call.name);
		cur->rcu_depth++;
	} else if (kfunc->id == KFUNC_bpf_rcu_read_unlock) {
		if (!cur->rcu_depth)
			return refuse(env, -EINVAL, "section",
				      "unmatched rcu read unlock (kernel function %s)",
				      kfunc->call.name);
		cur->rcu_depth--;
		return forget_rcu(env);
	} else if (cur->rcu_depth && (kfunc->flags & KF_SLEEPABLE)) {
		return refuse(env, -EACCES, "sleep-in-atomic",
			      "kernel func %s is sleepable within rcu_read_lock region",
			      kfunc->call.name);
	}
	return 0;
}

/* ---- preemption ---- */

static int preempt_section(struct env *env, const struct kfunc_proto *kfunc)
{
	struct state *cur = env->cur;

	if (kfunc->id == KFUNC_bpf_preempt_disable) {
		cur->preempt_depth++;
	} else if (kfunc->id == KFUNC_bpf_preempt_enable) {
		if (!cur->preempt_depth)
			return refuse(env, -EINVAL, "section",
				      "unmatched attempt to enable preemption (kernel function %s)",
				      kfunc->call.name);
		cur->preempt_depth--;
	} else if (cur->preempt_depth && (kfunc->flags & KF_SLEEPABLE)) {
		return refuse(env, -EACCES, "sleep-in-atomic",
			      "kernel func %s is sleepable within non-preemptible region",
			      kfunc->call.name);
	}
	return 0;
}

int kfunc_sections(struct env *env, struct kfunc_call *call)
{
	const struct kfunc_proto *kfunc = call->kfunc;
	int err = rcu_section(env, kfunc);

	if (!err)
		err = preempt_section(env, kfunc);
	if (err)
		return err;
	if (irq_saved(env) && (kfunc->flags & KF_SLEEPABLE))
		return refuse(env, -EACCES, "sleep-in-atomic",
			      "kernel func %s is sleepable within IRQ-disabled region",
			      kfunc->call.name);
	if ((kfunc->flags & KF_RCU_PROTECTED) && !in_rcu(env))
		return refuse(env, -EACCES, "section",
			      "kernel func %s requires RCU critical section protection",
			      kfunc->call.name);
	return 0;
}

/* ---- the end ---- */

int sections_check_closed(struct env *env, const char *what)
{
	const char *open = irq_saved(env)	     ? "bpf_local_irq_save"
			   : env->cur->rcu_depth     ? "bpf_rcu_read_lock"
			   : env->cur->preempt_depth ? "bpf_preempt_disable"
						     : NULL;

	if (!open)
		return 0;
	return refuse(env, -EINVAL, "section", "%s cannot be used inside %s-ed region", what, open);
}

/* ---- interrupts ---- */

int kfunc_irq_flag(struct env *env, struct kfunc_call *call, struct kfunc_arg *arg)
{
	return refuse(env, -EINVAL, "unsupported", "irq flags are not supported yet");
}
