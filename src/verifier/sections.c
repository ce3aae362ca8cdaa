/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sections that a program opens and closes: RCU, no preemption, no interrupts. Inside none of
 * the last two, and in no RCU section, may anything sleep; each is closed before the program
 * ends, interrupts in the opposite order of their saving. What RCU protected is, outside, a
 * pointer of which nothing is promised.
 */
#include "verifier/kfunc.h"
#include "verifier/stack_object.h"

bool in_sleepable(const struct env *env)
{
	return env->sleepable;
}

/* Programs that do not sleep run inside an RCU section from beginning to end. */
bool in_rcu(const struct env *env)
{
	return env->cur->rcu_depth || env->cur->n_locks || !in_sleepable(env);
}

/* The innermost bpf_local_irq_save that is not yet undone. */
static const struct ref *irq_saved(const struct env *env)
{
	return ref_find(env->cur, REF_BIT(REF_IRQ), 0, NULL);
}

/* ---- RCU ---- */

/* At the end of the section its pointers may go stale; a NULL check proves nothing any more. */
int forget_rcu(struct env *env)
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
		/* The memory of the program's own objects is real: nobody may follow it there. */
		if (rw->flags & REG_OWN_TYPE) {
			*rw = reg_unknown();
			continue;
		}
		rw->flags &= (u16) ~(REG_RCU | REG_MAYBE_NULL);
		rw->flags |= REG_UNTRUSTED;
	}
	return iters_leave_rcu(env);
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

/* ---- who may sleep where ---- */

int helper_sections(struct env *env, const struct helper_proto *proto)
{
	const char *where = env->cur->rcu_depth	      ? "rcu_read_lock region"
			    : env->cur->preempt_depth ? "non-preemptible region"
			    : irq_saved(env)	      ? "IRQ-disabled region"
						      : NULL;

	if (!(proto->flags & HELPER_MIGHT_SLEEP) || !where)
		return 0;
	return refuse(env, -EINVAL, "sleep-in-atomic", "sleepable helper bpf_%s#%u in %s", proto->name,
		      proto->id, where);
}

int global_call_sections(struct env *env, const struct subprog *sub)
{
	if (!sub->might_sleep || (in_sleepable(env) && !env->cur->rcu_depth &&
				  !env->cur->preempt_depth && !irq_saved(env)))
		return 0;
	return refuse(env, -EINVAL, "sleep-in-atomic",
		      "global functions that may sleep are not allowed in non-sleepable context, i.e., in a RCU/IRQ/preempt-disabled section, or in a non-sleepable BPF program context");
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

static int irq_save(struct env *env, const struct kfunc_arg *arg, u32 slot, u32 saver)
{
	const struct slot *there = stack_object_slot_at(env, &arg->reg, slot);
	struct stack_object object = { .kind = (u8)saver };
	int err;

	if (there && there->kind[0] == BYTE_IRQ)
		return refuse(env, -EINVAL, "irq-flag", "expected uninitialized irq flag as arg#%u",
			      arg->index);
	err = stack_object_clear(env, arg->regno, 1);
	if (!err)
		err = ref_acquire_as(env, REF_IRQ, &object.ref);
	return err ? err : stack_object_put(env, &arg->reg, slot, 1, BYTE_IRQ, &object);
}

static int irq_restore(struct env *env, const struct kfunc_arg *arg, u32 slot, u32 saver)
{
	static const char *const names[] = { [IRQ_BY_SAVE] = "native", [IRQ_BY_LOCK] = "lock" };
	const struct slot *there = stack_object_slot_at(env, &arg->reg, slot);
	const struct ref *last = irq_saved(env);

	if (!there || there->kind[0] != BYTE_IRQ)
		return refuse(env, -EINVAL, "irq-flag", "expected an initialized irq flag as arg#%u",
			      arg->index);
	if (there->object.kind != saver)
		return refuse(env, -EINVAL, "irq-flag",
			      "irq flag acquired by %s kfuncs cannot be restored with %s kfuncs",
			      names[there->object.kind], names[saver]);
	if (!last || last->id != there->object.ref)
		return refuse(env, -EACCES, "irq-flag",
			      "cannot restore irq state out of order, expected id=%u acquired at insn_idx=%d",
			      last ? last->id : 0, last ? last->insn : -1);
	if (!ref_release(env, there->object.ref))
		return explore_failed(env);
	return stack_object_remove(env, arg->reg.frame, slot, 1);
}

int kfunc_irq_flag(struct env *env, struct kfunc_call *call, struct kfunc_arg *arg)
{
	enum kfunc_id id = call->kfunc->id;
	bool by_lock = id == KFUNC_bpf_res_spin_lock_irqsave ||
		       id == KFUNC_bpf_res_spin_unlock_irqrestore;
	bool save = id == KFUNC_bpf_local_irq_save || id == KFUNC_bpf_res_spin_lock_irqsave;
	u32 saver = by_lock ? IRQ_BY_LOCK : IRQ_BY_SAVE;
	int slot;

	if (arg->reg.kind != REG_STACK)
		return refuse(env, -EINVAL, "irq-flag", "arg#%u doesn't point to an irq flag on stack",
			      arg->index);
	slot = stack_object_slot(env, &arg->reg, 1, "irq_flag");
	if (slot < 0)
		return slot;
	return save ? irq_save(env, arg, (u32)slot, saver) : irq_restore(env, arg, (u32)slot, saver);
}
