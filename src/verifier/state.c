/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/state.h"

/* Slots a frame of that class has room for; the last holds a whole stack. */
static const u16 class_slots[] = { 0, 2, 4, 8, 16, 32, STACK_SLOTS };

static u32 class_of(u32 slots)
{
	u32 class = 0;

	while (class_slots[class] < slots)
		class++;
	return class;
}

static struct frame *frame_alloc(struct state_pool *pool, u32 slots)
{
	u32 class = class_of(slots);
	struct frame *frame = pool->free[class];

	if (frame) {
		memcpy(&pool->free[class], frame->regs, sizeof(frame));
	} else {
		frame = arena_alloc(&pool->arena, sizeof(*frame) +
						      class_slots[class] * sizeof(struct slot));
		if (!frame)
			return NULL;
	}
	frame->cap = class_slots[class];
	frame->refs = 1;
	pool->live_frames++;
	return frame;
}

struct frame *frame_new(struct state_pool *pool)
{
	struct frame *frame = frame_alloc(pool, 0);
	u16 cap;

	if (!frame)
		return NULL;
	cap = frame->cap;
	memset(frame, 0, sizeof(*frame));
	frame->cap = cap;
	frame->refs = 1;
	return frame;
}

void frame_put(struct state_pool *pool, struct frame *frame)
{
	struct frame **list;

	if (!frame || --frame->refs)
		return;
	/* The link lives in the registers, which nobody reads any more. */
	list = &pool->free[class_of(frame->cap)];
	memcpy(frame->regs, list, sizeof(frame));
	*list = frame;
	pool->live_frames--;
}

static struct frame *frame_clone(struct state_pool *pool, const struct frame *from, u32 slots)
{
	struct frame *frame = frame_alloc(pool, MAX(slots, from->n_slots));
	u16 cap;

	if (!frame)
		return NULL;
	cap = frame->cap;
	pool->work += from->n_slots + BPF_REGS;
	memcpy(frame, from, sizeof(*from) + from->n_slots * sizeof(struct slot));
	frame->cap = cap;
	frame->refs = 1;
	return frame;
}

struct frame *state_frame_rw(struct state_pool *pool, struct state *state, u32 index)
{
	struct frame *frame = state->frames[index];
	struct frame *copy;

	if (LIKELY(frame->refs == 1))
		return frame;
	copy = frame_clone(pool, frame, 0);
	if (!copy)
		return NULL;
	frame_put(pool, frame);
	state->frames[index] = copy;
	return copy;
}

struct frame *state_slots(struct state_pool *pool, struct state *state, u32 index, u32 slot)
{
	struct frame *frame = state->frames[index];

	if (slot < frame->n_slots)
		return state_frame_rw(pool, state, index);
	if (frame->refs > 1 || slot >= frame->cap) {
		struct frame *copy = frame_clone(pool, frame, slot + 1);

		if (!copy)
			return NULL;
		frame_put(pool, frame);
		state->frames[index] = frame = copy;
	}
	memset(&frame->slots[frame->n_slots], 0,
	       (slot + 1 - frame->n_slots) * sizeof(struct slot));
	frame->n_slots = slot + 1;
	return frame;
}

void state_share(struct state *out, const struct state *state)
{
	*out = *state;
	for (u32 i = 0; i <= state->depth; i++)
		out->frames[i]->refs++;
}

void state_release(struct state_pool *pool, struct state *state)
{
	for (u32 i = 0; i <= state->depth; i++)
		frame_put(pool, state->frames[i]);
}

const struct reg *reg_iter_next(struct reg_iter *it)
{
	for (; it->frame <= it->state->depth; it->frame++, it->at = 0) {
		const struct frame *frame = it->state->frames[it->frame];

		while (it->at < BPF_REGS + frame->n_slots) {
			u32 at = it->at++;

			if (at < BPF_REGS) {
				if (frame->regs[at].kind)
					return &frame->regs[at];
			} else if (slot_is_spill(&frame->slots[at - BPF_REGS])) {
				return &frame->slots[at - BPF_REGS].reg;
			}
		}
	}
	return NULL;
}

struct reg *reg_iter_rw(struct state_pool *pool, struct reg_iter *it)
{
	struct frame *frame = state_frame_rw(pool, it->state, it->frame);
	u32 at = it->at - 1;

	if (!frame)
		return NULL;
	return at < BPF_REGS ? &frame->regs[at] : &frame->slots[at - BPF_REGS].reg;
}
