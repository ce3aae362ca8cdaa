/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every part of a state counts when states are compared. One field at a time differs between
 * two states; a field that this test does not know makes it fail: prune.c must learn of it,
 * or the reason why it need not stand here.
 */
#include <stdalign.h>
#include <stddef.h>

#include "lib/test.h"
#include "verifier/prune.h"

struct field {
	const char *name;
	size_t offset, size;
	bool compared;
};

#define SAME(type, field)   { #field, offsetof(type, field), sizeof(((type *)0)->field), true }
#define EITHER(type, field) { #field, offsetof(type, field), sizeof(((type *)0)->field), false }

static const struct field reg_fields[] = {
	SAME(struct reg, kind),	  SAME(struct reg, frame),	 SAME(struct reg, flags),
	SAME(struct reg, off),	  SAME(struct reg, id),		 SAME(struct reg, ref),
	SAME(struct reg, map),	  SAME(struct reg, slice),	 SAME(struct reg, val.bits.mask),
	SAME(struct reg, val.umax), SAME(struct reg, val.smax), SAME(struct reg, val.umax32),
	SAME(struct reg, val.smax32), SAME(struct reg, val.bits.value), SAME(struct reg, val.umin),
	SAME(struct reg, val.smin), SAME(struct reg, val.umin32), SAME(struct reg, val.smin32),
	/* Says how the value came to be, nothing of the value. */
	EITHER(struct reg, dep),
};

static const struct field object_fields[] = {
	SAME(struct stack_object, kind),  SAME(struct stack_object, first),
	SAME(struct stack_object, flags), SAME(struct stack_object, id),
	SAME(struct stack_object, ref),	  SAME(struct stack_object, btf_id),
	/* How many elements there were is nothing to those that follow. */
	EITHER(struct stack_object, depth),
};

static const struct field frame_fields[] = {
	SAME(struct frame, subprog),
	SAME(struct frame, callsite),
	SAME(struct frame, in_callback),
	SAME(struct frame, callback_depth),
	/* How it is stored. */
	EITHER(struct frame, refs),
	EITHER(struct frame, n_slots),
	EITHER(struct frame, cap),
	/* Where the path is in its own history: loops.c looks at it. */
	EITHER(struct frame, callbacks_left),
	/* Follow from the call site; references are compared by the states' lists below. */
	EITHER(struct frame, entry_refs),
	EITHER(struct frame, ret_min),
	EITHER(struct frame, ret_max),
	EITHER(struct frame, regs),
};

static const struct field state_fields[] = {
	SAME(struct state, entry),
	SAME(struct state, n_refs),
	SAME(struct state, rcu_depth),
	SAME(struct state, preempt_depth),
	/* Compared through what they point to, or counted from that. */
	EITHER(struct state, frames),
	EITHER(struct state, depth),
	EITHER(struct state, refs),
	EITHER(struct state, n_locks),
	/* Where the path is in its own history: loops.c looks at these. */
	EITHER(struct state, parent),
	EITHER(struct state, may_goto_depth),
	EITHER(struct state, callback_unroll_depth),
	EITHER(struct state, counted),
};

#define ROOM 4

static struct env env;
static alignas(16) u8 old_bytes[sizeof(struct frame) + ROOM * sizeof(struct slot)];
static alignas(16) u8 cur_bytes[sizeof(old_bytes)];
static struct frame *const old_frame = (struct frame *)old_bytes;
static struct state old_state, cur_state;

/* Two equal states: a pointer with all its parts in r1, and in slot 0 a part of an object. */
static void make_equal(void)
{
	struct frame *f = old_frame;

	memset(old_bytes, 0, sizeof(old_bytes));
	f->refs = 1;
	f->n_slots = 1;
	f->cap = ROOM;
	f->callsite = -1;
	f->regs[1] = reg_pointer(REG_MEM, 0);
	f->regs[1].id = f->regs[1].ref = f->regs[1].slice = 1;
	f->regs[1].val = scalar_unknown();
	memset(f->slots[0].kind, BYTE_DYNPTR, SLOT_BYTES);
	f->slots[0].object = (struct stack_object){ .id = 1, .ref = 1 };
	memcpy(cur_bytes, old_bytes, sizeof(old_bytes));
	old_state = (struct state){ .frames = { old_frame } };
	cur_state = (struct state){ .frames = { (struct frame *)cur_bytes } };
}

/* Padding at most: a field that nobody listed takes more. */
static void check_complete(const char *what, const struct field *fields, size_t n, size_t size,
			   size_t padding)
{
	size_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += fields[i].size;
	if (sum + padding != size)
		test_fail(__FILE__, __LINE__, "%s has %zu bytes, the fields listed here %zu and %zu between them",
			  what, size, sum, padding);
}

static void check_fields(const char *what, void *in_old, const struct field *fields, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		u8 *byte = (u8 *)in_old + fields[i].offset;

		if (!fields[i].compared)
			continue;
		make_equal();
		if (!state_covers(&env, &old_state, &cur_state, COVER_EXACT))
			test_fail(__FILE__, __LINE__, "equal states are not");
		*byte ^= 1;
		if (state_covers(&env, &old_state, &cur_state, COVER_EXACT))
			test_fail(__FILE__, __LINE__, "%s.%s is not compared", what, fields[i].name);
	}
}

TEST(every_part_of_a_register_counts)
{
	check_complete("struct reg", reg_fields, ARRAY_SIZE(reg_fields), sizeof(struct reg),
		       sizeof(struct reg) - offsetof(struct reg, val) - sizeof(struct scalar) +
			   offsetof(struct reg, val) - offsetof(struct reg, slice) - sizeof(u32));
	check_fields("reg", &old_frame->regs[1], reg_fields, ARRAY_SIZE(reg_fields));
}

TEST(every_part_of_an_object_counts)
{
	check_complete("struct stack_object", object_fields, ARRAY_SIZE(object_fields),
		       sizeof(struct stack_object), 0);
	check_fields("object", &old_frame->slots[0].object, object_fields, ARRAY_SIZE(object_fields));
}

TEST(every_part_of_a_frame_counts)
{
	check_complete("struct frame", frame_fields, ARRAY_SIZE(frame_fields), sizeof(struct frame), 7);
	check_fields("frame", old_frame, frame_fields, ARRAY_SIZE(frame_fields));
}

TEST(every_part_of_a_state_counts)
{
	check_complete("struct state", state_fields, ARRAY_SIZE(state_fields), sizeof(struct state), 0);
	check_fields("state", &old_state, state_fields, ARRAY_SIZE(state_fields));
}
