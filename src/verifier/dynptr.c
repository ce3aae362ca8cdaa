/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dynptrs: memory with its bounds, kept in 16 opaque bytes on the program's stack. Helpers
 * check the bounds at run time, so all that has to be proved here is that those bytes are
 * what a helper made of them:
 *	- loads do not see them, and helpers do not fill them (stack.c);
 *	- a store to either half ends both halves, and the slices taken from it. One that holds
 *	  a reference may not be lost like that: its ringbuf record would never be released;
 *	- releasing the record ends every clone of the dynptr, in whatever frame, and all
 *	  slices of them: the memory is the consumer's from there on.
 * A slice of a packet is like a pointer into it: void when the packet may have moved.
 */
#include "verifier/call.h"

#define X_KINDS(X)                                                                                 \
	X(LOCAL, local)                                                                            \
	X(RINGBUF, ringbuf)                                                                        \
	X(SKB, skb)                                                                                \
	X(XDP, xdp)                                                                                \
	X(SKB_META, skb_meta)

const char *dynptr_kind_name(u32 kind)
{
	static const char *const names[DYNPTR_KINDS] = {
#define X(KIND, name) [DYNPTR_##KIND] = #name,
		X_KINDS(X)
#undef X
	};

	return kind < DYNPTR_KINDS && names[kind] ? names[kind] : "unknown";
}

u32 dynptr_kind_flags(u32 kind)
{
	static const u32 flags[DYNPTR_KINDS] = {
#define X(KIND, name) [DYNPTR_##KIND] = ARG_DYNPTR_##KIND,
		X_KINDS(X)
#undef X
	};

	return kind < DYNPTR_KINDS ? flags[kind] : 0;
}

static u32 kind_of_flags(u32 flags)
{
	for (u32 kind = 1; kind < DYNPTR_KINDS; kind++)
		if (flags & dynptr_kind_flags(kind))
			return kind;
	return DYNPTR_NONE;
}

static bool holds_reference(u32 kind)
{
	return kind == DYNPTR_RINGBUF;
}

struct reg dynptr_const_reg(struct env *env, u32 kind, u32 flags)
{
	struct reg reg = reg_pointer(REG_DYNPTR, flags);

	reg.dynptr = kind;
	reg.id = new_id(env);
	return reg;
}

struct reg dynptr_slice(const struct dynptr_arg *dynptr, u64 size, u32 flags)
{
	struct reg reg = reg_pointer(REG_MEM, flags);

	/* The functions take 32 bits of it, too. */
	reg.size = (u32)size;
	/* It lives as long as the dynptr, and a record only until it is released. */
	reg.slice = dynptr->id;
	reg.ref = dynptr->ref;
	return reg;
}

/* ---- slots ---- */

static bool is_dynptr_slot(const struct slot *slot)
{
	return slot->kind[0] == BYTE_DYNPTR;
}

/* The whole dynptr that begins in this slot; NULL: there is none. */
static const struct stack_object *dynptr_at(const struct frame *frame, u32 slot)
{
	const struct slot *low, *high;

	if (!slot || slot >= frame->n_slots)
		return NULL;
	low = &frame->slots[slot];
	high = &frame->slots[slot - 1];
	if (!is_dynptr_slot(low) || !low->object.first || !is_dynptr_slot(high) ||
	    high->object.first || high->object.id != low->object.id)
		return NULL;
	return &low->object;
}

u64 frame_dynptr_slots(const struct frame *frame)
{
	u64 slots = 0;

	for (u32 i = 0; i < frame->n_slots; i++)
		if (is_dynptr_slot(&frame->slots[i]))
			slots |= 1ull << i;
	return slots;
}

/* Slices taken from that dynptr are numbers now. only_plain: as Linux does it for one overwritten,
 * those of packets and the read-only ones stay: what they lead to does not end with it. */
static int forget_slices(struct env *env, u32 id, bool only_plain)
{
	struct reg_iter it = REG_ITER(env->cur);
	const struct reg *reg;

	while ((reg = reg_iter_next(&it))) {
		struct reg *rw;

		if (reg->kind != REG_MEM || reg->slice != id ||
		    (only_plain && (reg->flags & (REG_RDONLY | REG_IN_PACKET))))
			continue;
		rw = reg_iter_rw(&env->pool, &it);
		if (!rw)
			return explore_failed(env);
		*rw = env->allow_ptr_leaks || it.at > BPF_REGS ? reg_unknown() : (struct reg){ 0 };
	}
	return 0;
}

int dynptr_overwritten(struct env *env, u32 frame_index, u32 slot)
{
	const struct frame *frame = env->cur->frames[frame_index];
	struct stack_object object;
	u32 first, n = 1;
	int err;

	if (slot >= frame->n_slots || !is_dynptr_slot(&frame->slots[slot]))
		return 0;
	object = frame->slots[slot].object;
	if (holds_reference(object.kind))
		return refuse(env, -EINVAL, "dynptr-overwritten", "cannot overwrite referenced dynptr");
	/* The other half may be gone: forgotten at a call because nobody reads it any more. */
	first = object.first ? slot : slot + 1;
	if (dynptr_at(frame, first))
		n = DYNPTR_SLOTS;
	else
		first = slot;
	err = stack_object_remove(env, frame_index, first, n);
	return err ? err : forget_slices(env, object.id, true);
}

/* ---- arguments ---- */

static int dynptr_make(struct env *env, u32 regno, u32 flags, u32 clone_ref, struct dynptr_arg *out)
{
	struct reg ptr = *cur_reg(env, regno);
	struct stack_object object = { .kind = (u8)kind_of_flags(flags) };
	int slot = -EINVAL, err;

	if (ptr.kind == REG_STACK)
		slot = stack_object_slot(env, &ptr, DYNPTR_SLOTS, "dynptr");
	else
		refuse(env, -EINVAL, "dynptr-init", "Dynptr has to be an uninitialized dynptr");
	if (slot < 0) {
		refuse_more(env, "Dynptr has to be an uninitialized dynptr");
		return slot;
	}
	err = stack_object_clear(env, regno, DYNPTR_SLOTS);
	if (err)
		return err;
	object.id = new_id(env);
	object.ref = clone_ref;
	if (holds_reference(object.kind) && !clone_ref) {
		err = ref_acquire(env, &object.ref);
		if (err)
			return err;
	}
	*out = (struct dynptr_arg){ .kind = object.kind, .id = object.id, .ref = object.ref };
	return stack_object_put(env, &ptr, (u32)slot, DYNPTR_SLOTS, BYTE_DYNPTR, &object);
}

static int find_dynptr(struct env *env, u32 regno, struct dynptr_arg *out)
{
	const struct reg *ptr = cur_reg(env, regno);
	const struct stack_object *object;
	int slot;

	if (ptr->kind == REG_DYNPTR) {
		*out = (struct dynptr_arg){ .kind = (u8)ptr->dynptr, .flags = ptr->flags,
					    .id = ptr->id };
		return 0;
	}
	slot = stack_object_slot(env, ptr, DYNPTR_SLOTS, "dynptr");
	if (slot < 0) {
		refuse_more(env, "Expected an initialized dynptr as arg #%u", regno - 1);
		return slot;
	}
	object = dynptr_at(env->cur->frames[ptr->frame], (u32)slot);
	if (!object)
		return refuse(env, -EINVAL, "dynptr-init",
			      "Expected an initialized dynptr as arg #%u", regno - 1);
	*out = (struct dynptr_arg){ .kind = object->kind, .id = object->id, .ref = object->ref };
	return 0;
}

int dynptr_arg_check(struct env *env, u32 regno, u32 flags, u32 clone_ref, struct dynptr_arg *out)
{
	u32 kind = cur_reg(env, regno)->kind, want;
	int err;

	if (kind != REG_STACK && kind != REG_DYNPTR)
		return refuse(env, -EINVAL, "argument-type",
			      "arg#%u expected pointer to stack or const struct bpf_dynptr",
			      regno - 1);
	if (flags & ARG_MEM_UNINIT)
		return dynptr_make(env, regno, flags, clone_ref, out);
	if (kind == REG_DYNPTR && !(flags & ARG_MEM_RDONLY))
		return refuse(env, -EINVAL, "dynptr-const",
			      "cannot pass pointer to const bpf_dynptr, the helper mutates it");
	err = find_dynptr(env, regno, out);
	if (err)
		return err;
	want = kind_of_flags(flags);
	if (want && want != out->kind)
		return refuse(env, -EINVAL, "dynptr-kind",
			      "Expected a dynptr of type %s as arg #%u", dynptr_kind_name(want),
			      regno - 1);
	return 0;
}

/* ---- releasing ---- */

/* Every dynptr of the frame that stands for this reference, and its slices. */
static int remove_clones(struct env *env, u32 frame_index, u32 ref)
{
	for (u32 slot = 0; slot < env->cur->frames[frame_index]->n_slots; slot++) {
		const struct slot *at = &env->cur->frames[frame_index]->slots[slot];
		u32 id = at->object.id;
		int err;

		if (!is_dynptr_slot(at) || at->object.ref != ref)
			continue;
		err = stack_object_remove(env, frame_index, slot, 1);
		if (!err)
			err = forget_slices(env, id, false);
		if (err)
			return err;
	}
	return 0;
}

/* Linux says which of them it misses before it looks at the dynptr as such. */
int dynptr_check_release(struct env *env, u32 regno)
{
	const struct reg *ptr = cur_reg(env, regno);
	const struct slot *at;
	int slot;

	if (ptr->kind == REG_DYNPTR)
		return refuse(env, -EINVAL, "dynptr-const", "cannot release unowned const bpf_dynptr");
	slot = stack_object_slot(env, ptr, DYNPTR_SLOTS, "dynptr");
	if (slot < 0) {
		refuse_more(env, "arg %u is an unacquired reference", regno);
		return slot;
	}
	at = stack_object_slot_at(env, ptr, (u32)slot);
	if (at && (slot_is_spill(at) ? at->reg.ref : is_dynptr_slot(at) && at->object.ref))
		return 0;
	return refuse(env, -EINVAL, "release-unacquired", "arg %u is an unacquired reference", regno);
}

int dynptr_release(struct env *env, u32 regno)
{
	struct dynptr_arg dynptr;
	int err = find_dynptr(env, regno, &dynptr);

	if (err)
		return err;
	if (!dynptr.ref || !ref_release(env, dynptr.ref))
		return refuse(env, -EINVAL, "release-unacquired",
			      "arg %u is an unacquired reference", regno);
	err = forget_reference(env, dynptr.ref);
	for (u32 i = 0; i <= env->cur->depth && !err; i++)
		err = remove_clones(env, i, dynptr.ref);
	return err;
}
