/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open-coded iterators: kfuncs bpf_iter_X_new, _next and _destroy around an opaque
 * struct bpf_iter_X on the program's stack. Nothing here knows what X is: the size comes
 * from BTF, what is done from the kfunc's flags.
 *
 * An iterator holds a reference from new to destroy. next gives a pointer or NULL, and
 * that is where the path forks: with an element the iterator stays active, without one it is
 * drained, and every later next gives NULL. So a loop over it has a path out at each round; and
 * that path is walked first, for it tells which numbers the proof depends on.
 *
 * The loop ends by itself, at some unknown time. So it is enough to find one round that begins
 * in a state covered by an earlier round's: by induction all later rounds are safe, too
 * (loops.c). To get there, numbers that changed since the last round and that nothing depends
 * on become unknown.
 */
#include "verifier/call.h"
#include "verifier/kfunc.h"
#include "verifier/stack_object.h"

#define PREFIX "bpf_iter_"

/* "num" of struct bpf_iter_num. */
const char *iter_name(const struct env *env, u32 btf_id)
{
	const struct btf *btf = env->req->model->btf;
	const struct btf_type *type = btf ? btf_type(btf, btf_id) : NULL;
	const char *name = type ? btf_name(btf, type->name_off) : "";

	return str_starts(name, PREFIX) ? name + sizeof(PREFIX) - 1 : "?";
}

/* How many slots the iterator that the argument points to takes; 0: it is none. */
static u32 slots_of(const struct kfunc_call *call, const struct kfunc_arg *arg)
{
	s64 size;

	if (!arg->target || btf_kind(arg->target) != BTF_KIND_STRUCT ||
	    !str_starts(arg->target_name, PREFIX))
		return 0;
	size = btf_size(call->btf, arg->target_id);
	return size > 0 && size <= BPF_STACK_SIZE && size % SLOT_BYTES == 0
		   ? (u32)size / SLOT_BYTES
		   : 0;
}

/* ---- making one ---- */

static bool holds_iter(const struct env *env, const struct reg *ptr, u32 slot, u32 n)
{
	for (u32 i = 0; i < n; i++) {
		const struct slot *at = stack_object_slot_at(env, ptr, slot - i);

		if (at && at->kind[0] == BYTE_ITER)
			return true;
	}
	return false;
}

static int iter_make(struct env *env, const struct kfunc_call *call, const struct kfunc_arg *arg,
		     u32 n)
{
	struct stack_object object = { .kind = ITER_ACTIVE, .btf_id = arg->target_id };
	const char *name = iter_name(env, arg->target_id);
	int slot = stack_object_slot(env, &arg->reg, n, "iter"), err;

	if (slot < 0) {
		refuse_more(env, "expected uninitialized iter_%s as arg #%u", name, arg->index);
		return slot;
	}
	if (holds_iter(env, &arg->reg, (u32)slot, n))
		return refuse(env, -EINVAL, "iter-init",
			      "expected uninitialized iter_%s as arg #%u", name, arg->index);
	err = stack_object_clear(env, arg->regno, n);
	if (!err)
		err = ref_acquire(env, &object.ref);
	if (err)
		return err;
	if (call->kfunc->flags & KF_RCU_PROTECTED)
		object.flags = in_rcu(env) ? REG_RCU : REG_UNTRUSTED;
	return stack_object_put(env, &arg->reg, (u32)slot, n, BYTE_ITER, &object);
}

/* ---- using it ---- */

/* The whole iterator of that type that begins in this slot; NULL: there is none. */
static const struct stack_object *iter_at(const struct env *env, const struct reg *ptr, u32 slot,
					  u32 n, u32 btf_id)
{
	const struct slot *first = stack_object_slot_at(env, ptr, slot);

	for (u32 i = 0; i < n; i++) {
		const struct slot *at = stack_object_slot_at(env, ptr, slot - i);

		if (!at || at->kind[0] != BYTE_ITER || at->object.btf_id != btf_id ||
		    at->object.first != !i || at->object.ref != first->object.ref)
			return NULL;
	}
	return &first->object;
}

static int iter_use(struct env *env, struct kfunc_call *call, const struct kfunc_arg *arg, u32 n)
{
	const struct stack_object *object = NULL;
	const char *name = iter_name(env, arg->target_id);
	int slot = stack_object_slot(env, &arg->reg, n, "iter");

	if (slot < 0) {
		refuse_more(env, "expected an initialized iter_%s as arg #%u", name, arg->index);
		return slot;
	}
	object = iter_at(env, &arg->reg, (u32)slot, n, arg->target_id);
	if (!object)
		return refuse(env, -EINVAL, "iter-init", "expected an initialized iter_%s as arg #%u",
			      name, arg->index);
	if (object->flags & REG_UNTRUSTED)
		return refuse(env, -EPROTO, "section", "expected an RCU CS when using %s",
			      call->kfunc->call.name);
	call->iter_frame = arg->reg.frame;
	call->iter_slot = (u32)slot;
	call->iter_slots = n;
	call->iter_flags = object->flags;
	call->ref = object->ref;
	return 0;
}

static int iter_end(struct env *env, const struct kfunc_call *call)
{
	int err;

	if (!ref_release(env, call->ref))
		return explore_failed(env);
	err = forget_reference(env, call->ref);
	return err ? err
		   : stack_object_remove(env, call->iter_frame, call->iter_slot,
					 call->iter_slots);
}

int kfunc_iter(struct env *env, struct kfunc_call *call, struct kfunc_arg *arg)
{
	u32 n = slots_of(call, arg);
	int err;

	if (arg->reg.kind != REG_STACK)
		return refuse(env, -EINVAL, "iter-init",
			      "arg#%u expected pointer to an iterator on stack", arg->index);
	if (!n)
		return refuse(env, -EINVAL, "iter-init", "expected valid iter pointer as arg #%u",
			      arg->index);
	if (call->kfunc->flags & KF_ITER_NEW)
		return iter_make(env, call, arg, n);
	err = iter_use(env, call, arg, n);
	return err || !(call->kfunc->flags & KF_ITER_DESTROY) ? err : iter_end(env, call);
}

/* ---- the next element, or none ---- */

static struct frame *set_iter(struct env *env, struct state *state, const struct kfunc_call *call,
			      u8 kind, u32 more)
{
	struct frame *frame = state_frame_rw(&env->pool, state, call->iter_frame);

	for (u32 i = 0; frame && i < call->iter_slots; i++) {
		struct stack_object *object = &frame->slots[call->iter_slot - i].object;

		object->kind = kind;
		object->depth += more;
	}
	return frame;
}

int iter_next(struct env *env, const struct kfunc_call *call)
{
	const struct frame *frame = env->cur->frames[call->iter_frame];
	struct state *found;
	struct frame *top;
	struct reg none = reg_const(0);
	int err;

	if (frame->slots[call->iter_slot].object.kind == ITER_ACTIVE) {
		found = push_path(env, env->at + 1);
		if (!found || !set_iter(env, found, call, ITER_ACTIVE, 1))
			return explore_failed(env);
		err = loops_widen_here(env, found);
		if (err)
			return err;
		top = state_frame_rw(&env->pool, found, found->depth);
		if (!top)
			return explore_failed(env);
		top->regs[0].flags &= (u16)~REG_MAYBE_NULL;
		top->regs[0].id = 0;
	}
	if (!set_iter(env, env->cur, call, ITER_DRAINED, 0) ||
	    !state_frame_rw(&env->pool, env->cur, env->cur->depth))
		return explore_failed(env);
	set_reg(env, 0, &none);
	return 0;
}

/* ---- for loops.c and sections.c ---- */

bool iter_is_active(const struct env *env, const struct state *state)
{
	const struct reg *r1 = &state_top(state)->regs[1];
	const struct frame *frame;
	s64 off;

	if (r1->kind != REG_STACK || !scalar_is_const(&r1->val))
		return false;
	frame = state->frames[r1->frame];
	off = r1->off + (s64)r1->val.umin;
	if (off >= 0 || off < -BPF_STACK_SIZE || (-off - 1) / SLOT_BYTES >= frame->n_slots)
		return false;
	return frame->slots[(-off - 1) / SLOT_BYTES].kind[0] == BYTE_ITER &&
	       frame->slots[(-off - 1) / SLOT_BYTES].object.kind == ITER_ACTIVE;
}

static bool is_active(const struct slot *slot)
{
	return slot->kind[0] == BYTE_ITER && slot->object.kind == ITER_ACTIVE;
}

bool iters_advanced(const struct state *old, const struct state *cur)
{
	for (u32 f = 0; f <= old->depth && f <= cur->depth; f++) {
		const struct frame *a = old->frames[f], *b = cur->frames[f];

		for (u32 i = 0; i < a->n_slots && i < b->n_slots; i++)
			if (is_active(&a->slots[i]) && b->slots[i].kind[0] == BYTE_ITER &&
			    a->slots[i].object.depth != b->slots[i].object.depth)
				return true;
	}
	return false;
}

bool iters_went_on(const struct state *old, const struct state *cur)
{
	for (u32 f = 0; f <= old->depth && f <= cur->depth; f++) {
		const struct frame *a = old->frames[f], *b = cur->frames[f];

		for (u32 i = 0; i < a->n_slots && i < b->n_slots; i++)
			if (is_active(&a->slots[i]) && b->slots[i].kind[0] == BYTE_ITER &&
			    a->slots[i].object.ref == b->slots[i].object.ref &&
			    a->slots[i].object.depth != b->slots[i].object.depth)
				return true;
	}
	return false;
}

int iters_leave_rcu(struct env *env)
{
	for (u32 f = 0; f <= env->cur->depth; f++) {
		struct frame *frame = env->cur->frames[f];

		for (u32 i = 0; i < env->cur->frames[f]->n_slots; i++) {
			frame = env->cur->frames[f];
			if (frame->slots[i].kind[0] != BYTE_ITER ||
			    !(frame->slots[i].object.flags & REG_RCU))
				continue;
			frame = state_frame_rw(&env->pool, env->cur, f);
			if (!frame)
				return explore_failed(env);
			frame->slots[i].object.flags = REG_UNTRUSTED;
		}
	}
	return 0;
}
