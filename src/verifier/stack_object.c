/* SPDX-License-Identifier: Apache-2.0 */
/* Where objects may lie on the stack, and how they get there. */
#include "verifier/stack_object.h"

int stack_object_slot(struct env *env, const struct reg *ptr, u32 n, const char *what)
{
	s64 off;

	if (!scalar_is_const(&ptr->val))
		return refuse(env, -EINVAL, "object-offset", "%s has to be at a constant offset", what);
	off = ptr->off + (s64)ptr->val.umin;
	if (off % SLOT_BYTES || off > -(s64)(n * SLOT_BYTES) || off < INT32_MIN)
		return refuse(env, -EINVAL, "object-offset", "cannot pass in %s at an offset=%lld", what,
			      (long long)off);
	return (int)((-off - 1) / SLOT_BYTES);
}

const struct slot *stack_object_slot_at(const struct env *env, const struct reg *ptr, u32 slot)
{
	const struct frame *frame = env->cur->frames[ptr->frame];

	return slot < frame->n_slots ? &frame->slots[slot] : NULL;
}

int stack_object_clear(struct env *env, u32 regno, u32 n)
{
	struct reg ptr = *cur_reg(env, regno);
	int err = 0;

	for (u32 i = 0; i < n && !err; i++)
		err = stack_store(env, regno, &ptr, (s64)i * SLOT_BYTES, SLOT_BYTES, NULL);
	return err;
}

int stack_object_put(struct env *env, const struct reg *ptr, u32 slot, u32 n, u8 byte_kind,
	       const struct stack_object *object)
{
	struct frame *frame = state_slots(&env->pool, env->cur, ptr->frame, slot);

	if (!frame)
		return explore_failed(env);
	for (u32 i = 0; i < n; i++) {
		struct slot *to = &frame->slots[slot - i];

		memset(to, 0, sizeof(*to));
		memset(to->kind, byte_kind, SLOT_BYTES);
		to->object = *object;
		to->object.first = !i;
	}
	return 0;
}

int stack_object_remove(struct env *env, u32 frame_index, u32 slot, u32 n)
{
	struct frame *frame = state_slots(&env->pool, env->cur, frame_index, slot);

	if (!frame)
		return explore_failed(env);
	for (u32 i = 0; i < n; i++) {
		memset(&frame->slots[slot - i], 0, sizeof(frame->slots[slot - i]));
		if (frame_index == env->cur->depth)
			env->changed_slots |= 1ull << (slot - i);
	}
	return 0;
}
