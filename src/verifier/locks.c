/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spin locks. A held lock is a reference (refs.c) named by what the lock lies in: the map or
 * type, and the id of the pointer, for each value that a lookup finds is another one (the
 * same one perhaps: then taking both would wait for ever, so there is only ever one; of
 * bpf_res_spin_lock, which notices, there may be several). While one is held the program runs on,
 * but calls nothing that could wait for it, and does not end.
 */
#include "btf/record.h"
#include "verifier/kfunc.h"
#include "verifier/kptr.h"

/* What of a register's memory is not plain data; NULL: all is. */
const struct btf_record *reg_record(struct env *env, const struct reg *reg)
{
	if (reg->kind == REG_MAP_VALUE)
		return &env->maps.data[reg->map].facts->record;
	if (reg->kind == REG_BTF && (reg->flags & REG_OWN_TYPE))
		return own_record(env, reg->btf_id);
	return NULL;
}

bool reg_has_lock(struct env *env, const struct reg *reg)
{
	return btf_record_has(reg_record(env, reg), SPECIAL_LOCKS);
}

/*
 * The register must point to the field of that kind, of which there is one. call: as messages
 * name what the field is for.
 */
int check_field_pointer(struct env *env, u32 regno, enum special_kind kind, const char *call,
			const char *field_name)
{
	const struct reg *reg = cur_reg(env, regno);
	const struct map_facts *facts =
	    reg->kind == REG_MAP_VALUE ? env->maps.data[reg->map].facts : NULL;
	const struct special_field *field;
	s64 at = (s64)reg->off + (s64)reg->val.umin;

	if (!reg_has_fixed_off(reg) && !scalar_is_const(&reg->val))
		return refuse(env, -EINVAL, "variable-offset",
			      "R%u doesn't have constant offset. %s has to be at the constant offset",
			      regno, call);
	if (facts && !facts->btf)
		return refuse(env, -EINVAL, "special-field",
			      "map '%s' has to have BTF in order to use %s", facts->name, call);
	field = btf_record_find(reg_record(env, reg), kind);
	if (!field)
		return refuse(env, -EINVAL, "special-field", "%s '%s' has no valid %s",
			      facts ? "map" : "local", facts ? facts->name : "kptr", call);
	if (at != (s64)field->off)
		return refuse(env, -EINVAL, "special-field",
			      "off %lld doesn't point to 'struct %s' that is at %u", (long long)at,
			      field_name, field->off);
	return 0;
}

/* Of an object of the program's own; its id tells which. */
#define LOCK_IN_OBJECT UINT32_MAX

static int take_lock(struct env *env, enum ref_kind kind, u32 id, u32 object)
{
	struct state *state = env->cur;

	if (kind == REF_LOCK && ref_find(state, REF_BIT(REF_LOCK), 0, NULL))
		return refuse(env, -EINVAL, "lock-held",
			      "Locking two bpf_spin_locks are not allowed");
	if (kind != REF_LOCK &&
	    ref_find(state, REF_BIT(REF_RES_LOCK) | REF_BIT(REF_RES_LOCK_IRQ), id, &object))
		return refuse(env, -EINVAL, "lock-held",
			      "Acquiring the same lock again, AA deadlock detected");
	return ref_lock(env, kind, id, object);
}

static int drop_lock(struct env *env, enum ref_kind kind, u32 id, u32 object, const char *name)
{
	const struct ref *last = ref_find(env->cur, REF_LOCKS, 0, NULL);

	if (!last)
		return refuse(env, -EINVAL, "lock-not-held", "%s_unlock without taking a lock", name);
	if (!ref_find(env->cur, REF_BIT(kind), id, &object))
		return refuse(env, -EINVAL, "lock-not-held", "%s_unlock of different lock", name);
	if (last->id != id || last->object != object)
		return refuse(env, -EINVAL, "lock-order", "%s_unlock cannot be out of order", name);
	if (!ref_unlock(env, kind, id, object))
		return explore_failed(env);
	/* A held lock was an RCU section, too. */
	return in_rcu(env) ? 0 : forget_rcu(env);
}

int lock_step(struct env *env, u32 regno, enum ref_kind kind, bool lock)
{
	const struct reg *reg = cur_reg(env, regno);
	const char *name = kind == REF_LOCK ? "bpf_spin" : "bpf_res_spin";
	char call[24];
	u32 object;
	int err;

	text_format(call, sizeof(call), "%s_lock", name);
	err = check_field_pointer(env, regno,
				  kind == REF_LOCK ? SPECIAL_SPIN_LOCK : SPECIAL_RES_SPIN_LOCK, call,
				  call);
	if (err)
		return err;
	object = reg->kind == REG_MAP_VALUE ? reg->map : LOCK_IN_OBJECT;
	return lock ? take_lock(env, kind, reg->id, object)
		    : drop_lock(env, kind, reg->id, object, name);
}

/* ---- bpf_res_spin_lock ---- */

static bool takes_res_lock(u32 id)
{
	return id == KFUNC_bpf_res_spin_lock || id == KFUNC_bpf_res_spin_lock_irqsave;
}

int kfunc_res_lock(struct env *env, struct kfunc_call *call, struct kfunc_arg *arg)
{
	const struct reg *reg = &arg->reg;
	u32 id = call->kfunc->id;
	bool irq = id == KFUNC_bpf_res_spin_lock_irqsave ||
		   id == KFUNC_bpf_res_spin_unlock_irqrestore;

	if ((reg->kind != REG_MAP_VALUE || reg->flags) &&
	    (reg->kind != REG_BTF || reg->flags != REG_OWN_TYPE))
		return refuse(env, -EINVAL, "argument-type",
			      "arg#%u doesn't point to map value or allocated object", arg->index);
	return lock_step(env, arg->regno, irq ? REF_RES_LOCK_IRQ : REF_RES_LOCK, takes_res_lock(id));
}

/* Another path, on which the lock was not to be had: r0 is an error, and nothing is held. */
int res_lock_may_fail(struct env *env, const struct kfunc_call *call)
{
	struct state *failed, *cur = env->cur;
	struct reg error = reg_unknown();

	if (!takes_res_lock(call->kfunc->id))
		return 0;
	failed = push_path(env, env->at + 1);
	if (!failed || !state_frame_rw(&env->pool, failed, failed->depth))
		return explore_failed(env);
	env->cur = failed;
	forget_caller_saved(env);
	error.val = scalar_srange(-4095, -1);
	set_reg(env, 0, &error);
	env->cur = cur;
	/* The frames are shared with that path now. */
	return state_frame_rw(&env->pool, cur, cur->depth) ? 0 : explore_failed(env);
}

/* ---- calls ---- */

/* Kfuncs about what a lock guards, and those that wait for nothing. */
static bool is_fine_with_lock(const struct kfunc_proto *kfunc)
{
	static const char *const names[] = { "bpf_list_", "bpf_rbtree_", "bpf_iter_num_",
					     "bpf_res_spin_", "bpf_refcount_acquire_impl",
					     "bpf_arena_", "bpf_stream_" };

	for (u32 i = 0; kfunc && i < ARRAY_SIZE(names); i++)
		if (str_starts(kfunc->call.name, names[i]))
			return true;
	return false;
}

/* Whoever is called could wait for the same lock, or keep it for long. */
int check_call_with_lock(struct env *env, const struct bpf_insn *insn)
{
	if (!env->cur->n_locks || insn->src_reg == BPF_PSEUDO_CALL)
		return 0;
	if (insn->src_reg == BPF_PSEUDO_KFUNC_CALL && is_fine_with_lock(kfunc_of(env, insn)))
		return 0;
	if (!insn->src_reg &&
	    (insn->imm == BPF_FUNC_spin_unlock || insn->imm == BPF_FUNC_kptr_xchg))
		return 0;
	return refuse(env, -EINVAL, "call-with-lock",
		      "function calls are not allowed while holding a lock");
}
