/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a program acquired and must release: ringbuf records. The list is immutable and
 * shared between states; releasing rebuilds the part in front of the released one.
 */
#include "verifier/step.h"

#define MAX_REFS 1024 /* held at once: states are compared reference by reference */

static struct ref *ref_push(struct env *env, struct ref *next, u32 id, s32 insn)
{
	struct ref *ref = arena_new(&env->pool.arena, struct ref);

	if (ref)
		*ref = (struct ref){ .next = next, .id = id, .insn = insn };
	return ref;
}

int ref_acquire(struct env *env, u32 *id)
{
	struct ref *ref;

	if (env->cur->n_refs >= MAX_REFS)
		return refuse(env, -E2BIG, "too-complex", "more than %u references are held",
			      MAX_REFS);
	ref = ref_push(env, env->cur->refs, new_id(env), (s32)env->at);
	if (!ref)
		return explore_failed(env);
	env->cur->refs = ref;
	env->cur->n_refs++;
	*id = ref->id;
	return 0;
}

bool ref_release(struct env *env, u32 id)
{
	struct ref *found = env->cur->refs, *head = NULL, **link = &head;

	while (found && found->id != id)
		found = found->next;
	if (!found)
		return false;
	for (struct ref *ref = env->cur->refs; ref != found; ref = ref->next) {
		*link = ref_push(env, NULL, ref->id, ref->insn);
		if (!*link)
			return false;
		link = &(*link)->next;
	}
	*link = found->next;
	env->cur->refs = head;
	env->cur->n_refs--;
	return true;
}

int ref_check_none(struct env *env, const char *what)
{
	const struct ref *ref = env->cur->refs;
	int err;

	if (!ref)
		return 0;
	err = refuse(env, -EINVAL, "unreleased-reference", "Unreleased reference id=%u alloc_insn=%d",
		     ref->id, ref->insn);
	if (what)
		refuse_more(env, "%s would lead to reference leak", what);
	return err;
}
