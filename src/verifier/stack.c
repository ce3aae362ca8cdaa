/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stack. A register stored whole into an aligned slot is remembered with all that is
 * known of it (a spill) and comes back as it was; other bytes are data or zeroes. Offsets
 * are relative to the frame's r10: -512 to -1. An offset that is not constant touches
 * every byte in its range: for reading all of them count, for writing none is certain.
 */
#include "verifier/step.h"

static u32 slot_of(s64 off)
{
	return (u32)((-off - 1) / SLOT_BYTES);
}

static u32 byte_of(s64 off)
{
	return (u32)((off + BPF_STACK_SIZE) % SLOT_BYTES);
}

struct range {
	s64 min, max; /* bytes touched: [min, max) */
	bool fixed;
};

/* Which bytes an access of size bytes at ptr + off may touch; all lie in the frame. */
static int access_range(struct env *env, u32 regno, const struct reg *ptr, s64 off, s64 size,
			const char *what, struct range *out)
{
	s64 base = (s64)ptr->off + off;
	struct subprog *sub = &env->subprogs[env->cur->frames[ptr->frame]->subprog];

	out->fixed = scalar_is_const(&ptr->val);
	if (!out->fixed && (ptr->val.smin <= -(1 << 29) || ptr->val.smax >= 1 << 29))
		return refuse(env, -EACCES, "stack-bounds",
			      "invalid unbounded variable-offset%s stack R%u", what, regno);
	/* A constant part beyond all bounds: caught when the pointer was made (check_sane_off). */
	out->min = base + ptr->val.smin;
	out->max = base + ptr->val.smax + size;
	/* Of no bytes, too, the address lies below the stack's end. */
	if (out->min < -BPF_STACK_SIZE || out->max > 0 || base + ptr->val.smax >= 0) {
		if (out->fixed)
			return refuse(env, -EACCES, "stack-bounds",
				      "invalid%s stack R%u off=%lld size=%lld", what, regno,
				      (long long)out->min, (long long)size);
		return refuse(env, -EACCES, "stack-bounds",
			      "invalid variable-offset%s stack R%u var_off=[%lld,%lld] off=%lld size=%lld",
			      what, regno, (long long)ptr->val.smin, (long long)ptr->val.smax,
			      (long long)base, (long long)size);
	}
	if (!out->fixed && !env->req->privileged)
		return refuse(env, -EACCES, "stack-bounds",
			      "R%u variable offset stack access prohibited for !root, var_off=[%lld,%lld]",
			      regno, (long long)ptr->val.smin, (long long)ptr->val.smax);
	sub->stack_depth = MAX(sub->stack_depth, (u32)-out->min);
	return 0;
}

static enum byte_kind byte_at(const struct frame *frame, s64 off)
{
	u32 slot = slot_of(off);

	return slot < frame->n_slots ? frame->slots[slot].kind[byte_of(off)] : BYTE_INVALID;
}

/* ---- reading ---- */

/* Bytes read as plain data: all zero, or a number of that size of which nothing is known. */
static int read_bytes(struct env *env, const struct frame *frame, const struct range *r, u32 size,
		      struct reg *out)
{
	bool zero = true;

	for (s64 off = r->min; off < r->max; off++) {
		switch (byte_at(frame, off)) {
		case BYTE_DYNPTR:
		case BYTE_ITER:
		case BYTE_IRQ:
			return refuse(env, -EACCES, "stack-object",
				      "invalid read from stack off %lld+%lld size %u",
				      (long long)r->min, (long long)(off - r->min), size);
		case BYTE_INVALID:
			if (!unwritten_ok(env))
				return refuse(env, -EACCES, "uninit-stack",
					      "invalid read from stack off %lld+%lld size %u",
					      (long long)r->min, (long long)(off - r->min), size);
			zero = false;
			break;
		case BYTE_SPILL:
			/* Part of an address: a number like any other, but not to be told. */
			if (!env->allow_ptr_leaks &&
			    reg_is_pointer(&frame->slots[slot_of(off)].reg))
				return refuse(env, -EACCES, "pointer-leak",
					      "corrupted spill memory off %lld size %u",
					      (long long)r->min, size);
			zero = false;
			break;
		case BYTE_MISC:
			zero = false;
			break;
		case BYTE_ZERO:
			break;
		}
	}
	*out = zero ? reg_const(0) : reg_unknown();
	out->val = scalar_zext(&out->val, size * 8);
	return 0;
}

/* A fill: the register comes back, or its low part. */
static int read_spill(struct env *env, const struct slot *slot, u32 size, struct reg *out)
{
	*out = slot->reg;
	if (size == slot_spill_size(slot))
		return 0;
	if (reg_is_pointer(out))
		return refuse(env, -EACCES, "partial-pointer", "invalid size of register fill");
	if (size < SLOT_BYTES && slot->reg.val.umax >> (size * 8)) {
		out->val = scalar_zext(&slot->reg.val, size * 8);
		out->id = 0;
		out->off = 0;
		out->flags = 0;
	}
	return 0;
}

int stack_load(struct env *env, u32 regno, const struct reg *ptr, s64 off, u32 size,
	       struct reg *out)
{
	const struct frame *frame = env->cur->frames[ptr->frame];
	struct range r;
	const struct slot *slot;
	int err;

	err = access_range(env, regno, ptr, off, size, " read from", &r);
	if (err)
		return err;
	if (!r.fixed || slot_of(r.min) >= frame->n_slots)
		return read_bytes(env, frame, &r, size, out);
	slot = &frame->slots[slot_of(r.min)];
	if (!slot_is_spill(slot))
		return read_bytes(env, frame, &r, size, out);
	if (byte_of(r.min) == 0 && size <= slot_spill_size(slot))
		return read_spill(env, slot, size, out);
	if (reg_is_pointer(&slot->reg))
		return refuse(env, -EACCES, "partial-pointer", "invalid size of register fill");
	return read_bytes(env, frame, &r, size, out);
}

/* ---- writing ---- */

static void slot_changed(struct env *env, u32 frame, u32 slot)
{
	if (frame == env->cur->depth)
		env->changed_slots |= 1ull << slot;
}

/* The spill or object in a slot is no more: what is left of it is data. */
static void slot_drop_spill(struct slot *slot)
{
	for (u32 i = 0; i < SLOT_BYTES; i++)
		if (slot->kind[i] >= BYTE_SPILL)
			slot->kind[i] = BYTE_MISC;
	slot->reg.kind = REG_UNINIT;
}

static void store_spill(struct slot *slot, const struct reg *value, u32 size)
{
	slot_drop_spill(slot);
	slot->reg = *value;
	if (size < SLOT_BYTES) {
		if (value->val.umax >> (size * 8)) {
			slot->reg.id = 0;
			slot->reg.off = 0;
			slot->reg.flags = 0;
		}
		slot->reg.val = scalar_zext(&value->val, size * 8);
	}
	memset(slot->kind, BYTE_SPILL, size);
}

static void store_data(struct slot *slot, u32 byte, u32 size, enum byte_kind kind)
{
	slot_drop_spill(slot);
	memset(slot->kind + byte, kind, size);
}

static int check_spill(struct env *env, const struct reg *ptr, const struct reg *value, u32 size)
{
	if (!value || !reg_is_pointer(value))
		return 0;
	if (size != SLOT_BYTES)
		return refuse(env, -EACCES, "partial-pointer", "invalid size of register spill");
	/* The pointer would outlive what it points to. */
	if (value->kind == REG_STACK && ptr->frame != env->cur->depth)
		return refuse(env, -EINVAL, "stack-escape",
			      "cannot spill pointers to stack into stack frame of the caller");
	return 0;
}

static int store_fixed(struct env *env, const struct reg *ptr, const struct range *r, u32 size,
		       const struct reg *value)
{
	u32 index = slot_of(r->min), byte = byte_of(r->min);
	struct frame *frame;
	struct slot *slot;
	int err;

	err = check_spill(env, ptr, value, size);
	if (!err)
		err = dynptr_overwritten(env, ptr->frame, index);
	if (err)
		return err;
	frame = state_slots(&env->pool, env->cur, ptr->frame, index);
	if (!frame)
		return explore_failed(env);
	slot = &frame->slots[index];
	if (!env->allow_ptr_leaks && slot_is_spill(slot) && reg_is_pointer(&slot->reg) &&
	    size != SLOT_BYTES)
		return refuse(env, -EACCES, "partial-pointer",
			      "attempt to corrupt spilled pointer on stack");
	slot_changed(env, ptr->frame, index);
	if (value && byte == 0) {
		store_spill(slot, value, size);
	} else if (value && reg_is_null(value)) {
		/* Zero bytes carry no node of their own, so the number is pinned now. */
		mark_precise(env, value);
		store_data(slot, byte, size, BYTE_ZERO);
	} else {
		store_data(slot, byte, size, BYTE_MISC);
	}
	return 0;
}

/* A store whose place is not known: every byte in reach may hold the old or the new. */
static int store_anywhere(struct env *env, u32 frame_index, const struct range *r, bool zero)
{
	u32 last = slot_of(r->min);
	struct frame *frame;

	for (u32 index = slot_of(r->max - 1); index <= last; index++) {
		int err = dynptr_overwritten(env, frame_index, index);

		if (err)
			return err;
	}
	frame = state_slots(&env->pool, env->cur, frame_index, last);
	if (!frame)
		return explore_failed(env);
	for (u32 index = slot_of(r->max - 1); index <= last; index++) {
		struct slot *slot = &frame->slots[index];

		slot_changed(env, frame_index, index);
		/* A spilled zero overwritten by zeroes stays one. */
		if (zero && slot_is_spill(slot) && reg_is_null(&slot->reg)) {
			mark_precise(env, &slot->reg);
			continue;
		}
		slot_drop_spill(slot);
	}
	for (s64 off = r->min; off < r->max; off++) {
		u8 *kind = &frame->slots[slot_of(off)].kind[byte_of(off)];

		if (*kind == BYTE_SPILL || (zero && *kind == BYTE_ZERO))
			continue;
		if (*kind == BYTE_INVALID && !unwritten_ok(env))
			return refuse(env, -EINVAL, "uninit-stack",
				      "uninit stack in range of var-offset write prohibited for !root; ptr off: %lld",
				      (long long)r->min);
		*kind = BYTE_MISC;
	}
	return 0;
}

int stack_store(struct env *env, u32 regno, const struct reg *ptr, s64 off, u32 size,
		const struct reg *value)
{
	bool zero = value && reg_is_null(value);
	struct range r;
	int err;

	err = access_range(env, regno, ptr, off, size, " write to", &r);
	if (err)
		return err;
	if (r.fixed)
		return store_fixed(env, ptr, &r, size, value);
	if (zero)
		mark_precise(env, value);
	return store_anywhere(env, ptr->frame, &r, zero);
}

/* ---- helpers ---- */

static int fill_bytes(struct env *env, u32 frame_index, const struct range *r)
{
	struct frame *frame = state_slots(&env->pool, env->cur, frame_index, slot_of(r->min));

	if (!frame)
		return explore_failed(env);
	for (s64 off = r->min; off < r->max; off++) {
		u32 index = slot_of(off);
		struct slot *slot = &frame->slots[index];

		if (!env->allow_ptr_leaks && slot_is_spill(slot) && reg_is_pointer(&slot->reg))
			return refuse(env, -EACCES, "partial-pointer",
				      "attempt to corrupt spilled pointer on stack");
		slot_changed(env, frame_index, index);
		slot_drop_spill(slot);
		slot->kind[byte_of(off)] = BYTE_MISC;
	}
	return 0;
}

/* A helper that fills memory knows nothing of the dynptr that lies there. */
static int check_no_dynptr(struct env *env, const struct frame *frame, const struct range *r)
{
	for (s64 off = r->min; off < r->max; off++)
		if (byte_at(frame, off) == BYTE_DYNPTR)
			return refuse(env, -EACCES, "stack-object",
				      "potential write to dynptr at off=%lld disallowed",
				      (long long)off);
	return 0;
}

static int check_initialised(struct env *env, u32 regno, const struct frame *frame,
			     const struct range *r, s64 size)
{
	for (s64 off = r->min; off < r->max; off++) {
		enum byte_kind kind = byte_at(frame, off);

		if (kind >= BYTE_DYNPTR || (kind == BYTE_INVALID && !unwritten_ok(env)))
			return refuse(env, -EACCES,
				      kind == BYTE_INVALID ? "uninit-stack" : "stack-object",
				      "invalid read from stack R%u off %lld+%lld size %lld",
				      regno, (long long)r->min, (long long)(off - r->min),
				      (long long)size);
		if (kind == BYTE_SPILL && !env->allow_ptr_leaks &&
		    reg_is_pointer(&frame->slots[slot_of(off)].reg))
			return refuse(env, -EACCES, "pointer-leak",
				      "invalid read from stack R%u off %lld+%lld size %lld",
				      regno, (long long)r->min, (long long)(off - r->min),
				      (long long)size);
	}
	return 0;
}

int stack_helper_access(struct env *env, u32 regno, const struct reg *ptr, s64 size,
			enum stack_use use, bool zero_size_ok)
{
	struct range r;
	int err;

	if (!size && !zero_size_ok)
		return refuse(env, -EACCES, "zero-size", "invalid zero-sized read");
	err = access_range(env, regno, ptr, 0, size,
			   use == STACK_READ ? " read from" : " write to", &r);
	if (err || !size)
		return err;
	/* Where it goes is unknown: what is not written keeps its old value, so that must be one. */
	if (use != STACK_FILL || !r.fixed)
		err = check_initialised(env, regno, env->cur->frames[ptr->frame], &r, size);
	else
		err = check_no_dynptr(env, env->cur->frames[ptr->frame], &r);
	if (!err && use != STACK_READ)
		err = fill_bytes(env, ptr->frame, &r);
	return err;
}
