/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects of the kernel that a program keeps on its stack: dynptrs and iterators. Each of
 * their slots holds a struct stack_object; the program's own loads, and helpers' memory
 * arguments, must stay away from them, and stores end them.
 */
#ifndef SKEP_VERIFIER_STACK_OBJECT_H
#define SKEP_VERIFIER_STACK_OBJECT_H

#include "verifier/step.h"

#define DYNPTR_SLOTS 2

/*
 * The slot with the lowest address of an object of n slots that a REG_STACK pointer leads to
 * (the others are the n - 1 before it in frame->slots). Its index may be STACK_SLOTS or more:
 * below the stack. -EINVAL: refused, an object cannot be there.
 */
int stack_object_slot(struct env *env, const struct reg *ptr, u32 n, const char *what);
/* The slot there; NULL when it was never written. */
const struct slot *stack_object_slot_at(const struct env *env, const struct reg *ptr, u32 slot);
/* Writes n slots from ptr on, as stores would: what was there is no more. */
int stack_object_clear(struct env *env, u32 regno, u32 n);
/* Puts the object into the n slots; each then gets its own *first. NULL: out of memory. */
int stack_object_put(struct env *env, const struct reg *ptr, u32 slot, u32 n, u8 byte_kind,
	       const struct stack_object *object);
/* The n slots hold nothing any more. */
int stack_object_remove(struct env *env, u32 frame, u32 slot, u32 n);

/* ---- dynptr.c ---- */

/* A dynptr as an argument. */
struct dynptr_arg {
	u8 kind; /* enum dynptr_kind */
	u16 flags; /* REG_IN_PACKET: it may be one of a packet, whatever its kind says */
	u32 id, ref;
};

/*
 * Argument regno is a dynptr. flags are enum arg_type's: ARG_MEM_UNINIT makes one (of the kind
 * that they name; a clone of an acquired one shares its reference), ARG_MEM_RDONLY only looks
 * at it. *out describes it.
 */
int dynptr_arg_check(struct env *env, u32 regno, u32 flags, u32 clone_ref, struct dynptr_arg *out);
/* Does the argument hold a reference that could be given away? */
int dynptr_check_release(struct env *env, u32 regno);
/* The argument gives its reference away: the dynptr, its clones and slices are no more. */
int dynptr_release(struct env *env, u32 regno);
/* ARG_DYNPTR_* for that kind. */
u32 dynptr_kind_flags(u32 kind);
const char *dynptr_kind_name(u32 kind);
/* size bytes of that dynptr as memory. flags: REG_RDONLY, REG_IN_PACKET */
struct reg dynptr_slice(const struct dynptr_arg *dynptr, u64 size, u32 flags);
/*
 * Slots that are part of dynptrs. Where nobody reads them any more they still say what a store
 * there ends: the slices.
 */
u64 frame_dynptr_slots(const struct frame *frame);
/* A register that points to a dynptr which the program may only read. flags: REG_IN_PACKET */
struct reg dynptr_const_reg(struct env *env, u32 kind, u32 flags);

/* ---- iter.c ---- */

/* "num" of struct bpf_iter_num. */
const char *iter_name(const struct env *env, u32 btf_id);
/* Before a call of some next: is the iterator in r1 one that may give more? */
bool iter_is_active(const struct env *env, const struct state *state);
/* Has an active iterator of old given more in cur? Then rounds of its loop are no endless loop. */
bool iters_advanced(const struct state *old, const struct state *cur);
/* Did one that was there in old, itself, give elements since? Else no loop ends by it. */
bool iters_went_on(const struct state *old, const struct state *cur);
/* An RCU section ended: iterators over what it protected may only be destroyed. */
int iters_leave_rcu(struct env *env);

#endif
