/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a program acquired and must give back: objects (ringbuf records, sockets, whatever a
 * call handed out), interrupts it turned off, and locks. One list in the order of acquiring, the
 * latest first; immutable and shared between states, so giving back rebuilds the part in
 * front of what goes.
 *
 * An object and saved interrupts have an id of their own. A lock has the id of the pointer
 * to what it lies in, which may be 0 (a map with one value), and is told apart by kind, id and object.
 */
#include "verifier/step.h"

#define MAX_REFS 1024 /* held at once: states are compared reference by reference */

static struct ref *ref_push(struct env *env, struct ref *next, const struct ref *like)
{
	struct ref *ref = arena_new(&env->pool.arena, struct ref);

	if (ref) {
		*ref = *like;
		ref->next = next;
	}
	return ref;
}

static int ref_add(struct env *env, const struct ref *like)
{
	struct ref *ref;

	if (env->cur->n_refs >= MAX_REFS)
		return refuse(env, -E2BIG, "too-complex", "more than %u references are held",
			      MAX_REFS);
	ref = ref_push(env, env->cur->refs, like);
	if (!ref)
		return explore_failed(env);
	env->cur->refs = ref;
	env->cur->n_refs++;
	env->cur->n_locks += ref_is_lock(ref);
	return 0;
}

static bool ref_remove(struct env *env, const struct ref *gone)
{
	struct ref *head = NULL, **link = &head;

	for (struct ref *ref = env->cur->refs; ref != gone; ref = ref->next) {
		*link = ref_push(env, NULL, ref);
		env->pool.work++;
		if (!*link)
			return false;
		link = &(*link)->next;
	}
	*link = gone->next;
	env->cur->refs = head;
	env->cur->n_refs--;
	env->cur->n_locks -= ref_is_lock(gone);
	return true;
}

const struct ref *ref_find(const struct state *state, u32 kinds, u32 id, const u32 *object)
{
	const struct ref *ref = state->refs;

	while (ref && !((kinds & REF_BIT(ref->kind)) &&
			(!object || (ref->id == id && ref->object == *object))))
		ref = ref->next;
	return ref;
}

int ref_acquire_as(struct env *env, enum ref_kind kind, u32 *id)
{
	*id = new_id(env);
	return ref_add(env, &(struct ref){ .kind = kind, .id = *id, .insn = (s32)env->at });
}

int ref_acquire(struct env *env, u32 *id)
{
	return ref_acquire_as(env, REF_OBJECT, id);
}

bool ref_release(struct env *env, u32 id)
{
	const struct ref *ref = env->cur->refs;

	while (ref && (ref->id != id || ref_is_lock(ref)))
		ref = ref->next;
	return ref && ref_remove(env, ref);
}

int ref_lock(struct env *env, enum ref_kind kind, u32 id, u32 object)
{
	return ref_add(env, &(struct ref){ .kind = kind, .id = id, .object = object,
					   .insn = (s32)env->at });
}

bool ref_unlock(struct env *env, enum ref_kind kind, u32 id, u32 object)
{
	const struct ref *ref = ref_find(env->cur, REF_BIT(kind), id, &object);

	return ref && ref_remove(env, ref);
}

/* A callback may be entered any number of times, so what is held must be the same after it. */
bool refs_same(const struct ref *a, const struct ref *b)
{
	while (a != b) {
		if (!a || !b || a->kind != b->kind || a->id != b->id || a->object != b->object)
			return false;
		a = a->next;
		b = b->next;
	}
	return true;
}

int ref_check_none(struct env *env, const char *what)
{
	const struct ref *ref;
	int err;

	if (env->cur->n_locks)
		return refuse(env, -EINVAL, "lock-held",
			      "%s cannot be used inside bpf_spin_lock-ed region", what);
	ref = ref_find(env->cur, REF_BIT(REF_OBJECT), 0, NULL);
	if (ref) {
		err = refuse(env, -EINVAL, "unreleased-reference",
			     "Unreleased reference id=%u alloc_insn=%d", ref->id, ref->insn);
		refuse_more(env, "%s would lead to reference leak", what);
		return err;
	}
	return sections_check_closed(env, what);
}
