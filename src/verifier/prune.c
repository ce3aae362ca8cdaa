/* SPDX-License-Identifier: Apache-2.0 */
/*
 * old covers cur when each live register and byte of old describes at least the values
 * that cur's does. Identities (ids) are names: those of old are matched with those of cur,
 * one to one, so that what old knew to be equal is equal in cur too.
 */
#include "verifier/prune.h"
#include "verifier/step.h"

#define MAX_IDS (BPF_MAX_FRAMES * (BPF_REGS + STACK_SLOTS))

struct id_pair {
	u32 old, cur;
};

struct cover {
	struct env *env;
	enum cover_mode mode;
	u32 n_ids;
	u64 work;
	u32 fresh; /* stand-ins for numbers of cur that have no id */
	struct id_pair ids[MAX_IDS];
};

static bool ids_match(struct cover *c, u32 old, u32 cur)
{
	if (!old || !cur)
		return old == cur;
	for (u32 i = 0; i < c->n_ids; i++) {
		c->work++;
		if (c->ids[i].old == old)
			return c->ids[i].cur == cur;
		if (c->ids[i].cur == cur)
			return false;
	}
	if (c->n_ids == MAX_IDS)
		return false;
	c->ids[c->n_ids++] = (struct id_pair){ old, cur };
	return true;
}

/* An unlinked number of old asks nothing; an unlinked one of cur is linked with none. */
static bool links_match(struct cover *c, const struct reg *old, const struct reg *cur)
{
	if (!old->id)
		return true;
	if (((old->flags ^ cur->flags) & (REG_ADD_CONST | REG_ADD_CONST32)) || old->off != cur->off)
		return false;
	return ids_match(c, old->id, cur->id ? cur->id : --c->fresh);
}

static bool scalar_covers(struct cover *c, const struct reg *old, const struct reg *cur)
{
	if (c->mode == COVER_EXACT)
		return scalar_eq(&old->val, &cur->val) && links_match(c, old, cur);
	if (c->mode == COVER_PRECISE && !dep_is_precise(&c->env->deps, old->dep))
		return true;
	return scalar_within(&cur->val, &old->val) && links_match(c, old, cur);
}

static bool reg_covers(struct cover *c, const struct reg *old, const struct reg *cur)
{
	c->work++;
	if (old->kind == REG_UNINIT)
		return true;
	if (old->kind != cur->kind)
		return false;
	if (old->kind == REG_SCALAR)
		return scalar_covers(c, old, cur);
	if (old->flags != cur->flags || old->off != cur->off || old->frame != cur->frame)
		return false;
	/* More bytes known to be in the packet are fine, everything else of the union names what
	 * the pointer leads to. */
	if (reg_is_packet(old) ? old->range > cur->range : old->map != cur->map)
		return false;
	if (c->mode == COVER_EXACT ? !scalar_eq(&old->val, &cur->val)
				   : !scalar_within(&cur->val, &old->val))
		return false;
	return ids_match(c, old->id, cur->id) && ids_match(c, old->ref, cur->ref) &&
	       ids_match(c, old->slice, cur->slice);
}

/* ---- stack ---- */

static bool is_data(struct env *env, const struct slot *cur, u32 byte)
{
	switch (cur->kind[byte]) {
	case BYTE_INVALID:
		return unwritten_ok(env);
	case BYTE_DYNPTR:
	case BYTE_ITER:
	case BYTE_IRQ:
		return false;
	case BYTE_SPILL:
		/* Read as bytes, a number is a number. Linux's privileged may read pointers so, too;
		 * here a state with a pointer is explored on its own. */
		return reg_is_scalar(&cur->reg);
	default:
		return true;
	}
}

static bool byte_covers(struct cover *c, const struct slot *old, const struct slot *cur, u32 byte)
{
	switch (old->kind[byte]) {
	case BYTE_INVALID:
		return true;
	case BYTE_ZERO:
		return cur->kind[byte] == BYTE_ZERO;
	case BYTE_MISC:
		return is_data(c->env, cur, byte);
	default:
		return cur->kind[byte] == BYTE_SPILL;
	}
}

/* old spilled a number where cur has plain bytes: they are a number, too. */
static bool bytes_as_number(struct cover *c, const struct slot *old, const struct slot *cur)
{
	struct reg number = reg_unknown();
	u32 size = slot_spill_size(old);

	for (u32 i = 0; i < SLOT_BYTES; i++)
		if (!(i < size ? is_data(c->env, cur, i) && cur->kind[i] != BYTE_SPILL
			       : byte_covers(c, old, cur, i)))
			return false;
	number.val = scalar_zext(&number.val, size * 8);
	return scalar_covers(c, &old->reg, &number);
}

/*
 * Parts of the same kind of object, in the same state, and identities that match. How many
 * elements an iterator has given does not matter to what may follow.
 */
static bool object_covers(struct cover *c, const struct slot *old, const struct slot *cur)
{
	const struct stack_object *a = &old->object, *b = &cur->object;

	return old->kind[0] == cur->kind[0] && a->kind == b->kind && a->first == b->first &&
	       a->flags == b->flags && a->btf_id == b->btf_id && ids_match(c, a->id, b->id) &&
	       ids_match(c, a->ref, b->ref);
}

static bool slot_covers(struct cover *c, const struct slot *old, const struct slot *cur)
{
	c->work++;
	if (slot_is_object(old))
		return object_covers(c, old, cur);
	if (slot_is_spill(old) && !slot_is_spill(cur))
		return c->mode != COVER_EXACT && reg_is_scalar(&old->reg) &&
		       bytes_as_number(c, old, cur);
	for (u32 i = 0; i < SLOT_BYTES; i++)
		if (!byte_covers(c, old, cur, i))
			return false;
	if (!slot_is_spill(old))
		return c->mode != COVER_EXACT || !memcmp(old->kind, cur->kind, SLOT_BYTES);
	return slot_spill_size(old) == slot_spill_size(cur) && reg_covers(c, &old->reg, &cur->reg);
}

static bool stack_covers(struct cover *c, const struct frame *old, const struct frame *cur)
{
	static const struct slot invalid;

	for (u32 i = 0; i < old->n_slots; i++)
		if (!slot_covers(c, &old->slots[i], i < cur->n_slots ? &cur->slots[i] : &invalid))
			return false;
	return true;
}

/* ---- states ---- */

static bool refs_match(struct cover *c, const struct ref *old, const struct ref *cur)
{
	for (; old && cur; old = old->next, cur = cur->next)
		if (old->kind != cur->kind || old->object != cur->object ||
		    !ids_match(c, old->id, cur->id))
			return false;
	return old == cur;
}

static bool frame_covers(struct cover *c, const struct frame *old, const struct frame *cur)
{
	/* Fewer rounds left than cur has prove less. */
	if (old->callback_depth > cur->callback_depth)
		return false;
	for (u32 i = 0; i < 10; i++)
		if (!reg_covers(c, &old->regs[i], &cur->regs[i]))
			return false;
	return stack_covers(c, old, cur) && refs_match(c, old->entry_refs, cur->entry_refs);
}

static bool same_place(const struct state *old, const struct state *cur)
{
	if (old->depth != cur->depth || old->entry != cur->entry)
		return false;
	for (u32 i = 0; i <= old->depth; i++) {
		const struct frame *a = old->frames[i], *b = cur->frames[i];

		if (a->callsite != b->callsite || a->subprog != b->subprog ||
		    a->in_callback != b->in_callback)
			return false;
	}
	return true;
}

static bool frames_cover(struct cover *c, const struct state *old, const struct state *cur)
{
	/* The running frame differs most often. */
	for (u32 i = old->depth + 1; i-- > 0;)
		if (!frame_covers(c, old->frames[i], cur->frames[i]))
			return false;
	return true;
}

bool state_covers(struct env *env, const struct state *old, const struct state *cur,
		  enum cover_mode mode)
{
	struct cover c;
	bool covers;

	if (old->n_refs != cur->n_refs || old->rcu_depth != cur->rcu_depth ||
	    old->preempt_depth != cur->preempt_depth || !same_place(old, cur))
		return false;
	c.env = env;
	c.mode = mode;
	c.n_ids = 0;
	c.work = 1;
	c.fresh = UINT32_MAX;
	covers = frames_cover(&c, old, cur) && refs_match(&c, old->refs, cur->refs);
	env->pool.work += c.work;
	return covers;
}

static void share(struct env *env, const struct reg *old, const struct reg *cur, bool final)
{
	if (old->kind != REG_SCALAR || cur->kind != REG_SCALAR)
		return;
	if (dep_is_precise(&env->deps, old->dep))
		mark_precise(env, cur);
	else if (!final)
		dep_follow(&env->deps, old->dep, cur->dep);
}

void state_share_precision(struct env *env, const struct state *old, const struct state *cur,
			   bool final)
{
	for (u32 f = 0; f <= old->depth; f++) {
		const struct frame *a = old->frames[f], *b = cur->frames[f];

		for (u32 i = 0; i < 10; i++)
			share(env, &a->regs[i], &b->regs[i], final);
		for (u32 i = 0; i < a->n_slots && i < b->n_slots; i++)
			if (slot_is_spill(&a->slots[i]) && slot_is_spill(&b->slots[i]))
				share(env, &a->slots[i].reg, &b->slots[i].reg, final);
	}
}
