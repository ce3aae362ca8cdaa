/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions of the program that run later: timers', work queues' and task works' callbacks. Each
 * starts from nothing but a map, a key and a value of it, on a stack of its own: whatever the
 * program held or knew when it set the callback may be gone by then. So a function is verified
 * once for each map, as an entry beside the program, and may set itself again for ever.
 */
#include "verifier/kfunc.h"

int async_callback(struct env *env, const struct async_entry *entry)
{
	struct subprog *sub = &env->subprogs[entry->subprog];

	sub->callback = sub->async = true;
	vec_for_each(known, &env->asyncs)
		if (known->subprog == entry->subprog && known->map == entry->map &&
		    known->sleepable == entry->sleepable && known->any_result == entry->any_result)
			return 0;
	return vec_push(&env->asyncs, *entry) ? 0 : explore_failed(env);
}

/* ---- kfuncs ---- */

int kfunc_async_field(struct env *env, struct kfunc_call *call, struct kfunc_arg *arg)
{
	bool queue = str_eq(arg->target_name, "bpf_wq");
	enum special_kind kind = queue ? SPECIAL_WORKQUEUE : SPECIAL_TASK_WORK;

	if (arg->reg.kind != REG_MAP_VALUE || (arg->reg.flags & REG_MAYBE_NULL))
		return refuse(env, -EINVAL, "argument-type", "arg#%u doesn't point to a map value",
			      arg->index);
	call->has_field = true;
	call->field_map = arg->reg.map;
	call->field_uid = arg->reg.uid;
	return check_field_pointer(env, arg->regno, kind, special_name(kind), special_name(kind));
}

/* The map given with a field must be the one that the field's value is in. */
int kfunc_map(struct env *env, struct kfunc_call *call, struct kfunc_arg *arg)
{
	const struct reg *reg = &arg->reg;

	if (reg->kind == REG_MAP && call->has_field &&
	    (reg->map != call->field_map || reg->uid != call->field_uid)) {
		const struct btf_record *record = &env->maps.data[reg->map].facts->record;

		if (btf_record_has(record, SPECIAL_BIT(SPECIAL_TASK_WORK)))
			return refuse(env, -EINVAL, "map-type",
				      "bpf_task_work pointer in R2 map_uid=%u doesn't match map pointer in R3 map_uid=%u",
				      call->field_uid, reg->uid);
		return refuse(env, -EINVAL, "map-type",
			      "workqueue pointer in R1 map_uid=%u doesn't match map pointer in R2 map_uid=%u",
			      call->field_uid, reg->uid);
	}
	if (reg->kind != REG_MAP)
		return refuse(env, -EINVAL, "argument-type", "pointer in R%u isn't map pointer",
			      arg->regno);
	call->has_map = true;
	call->map = reg->map;
	return 0;
}

int kfunc_callback(struct env *env, const struct kfunc_call *call)
{
	struct async_entry entry = { .subprog = call->callback, .map = call->field_map,
				     .sleepable = true };

	switch (call->kfunc->id) {
	case KFUNC_bpf_wq_set_callback_impl:
		return async_callback(env, &entry);
	case KFUNC_bpf_task_work_schedule_signal_impl:
	case KFUNC_bpf_task_work_schedule_resume_impl:
		entry.any_result = true;
		return async_callback(env, &entry);
	default:
		return refuse(env, -EINVAL, "unsupported", "callbacks of %s are not supported yet",
			      call->kfunc->call.name);
	}
}
