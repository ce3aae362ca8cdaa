/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The BTF of a map's value, from a line of text: members in order, aligned as C does.
 *
 *	int long		plain data
 *	lock res_lock timer wq work list root refcount
 *	kptr:T ukptr:T pkptr:T uptr:T	a tagged pointer (T __kptr *p, untrusted, percpu, user)
 *	tag:NAME:T		a pointer with another tag
 *	{ ... }			a struct inside
 *	WORD[n]			an array of them
 *	bits			a bitfield of four bits
 *
 * T is a struct of that name: one that was added before, or an empty one.
 */
#ifndef SKEP_TESTS_VERIFIER_VALUE_H
#define SKEP_TESTS_VERIFIER_VALUE_H

#include "btf/btf.h"

/* BTF with any number of values; free with btf_builder_free(builder). */
struct values {
	struct btf_builder *builder;
	u32 int_id; /* for keys */
	u32 long_id;
	u32 n_named;
	struct {
		char name[32];
		u32 id;
	} named[8];
};

bool values_begin(struct values *values);
/*
 * A struct as text says; a name (may be NULL) makes it the target of later pointers to that.
 * False: the text is wrong.
 */
bool value_add(struct values *values, const char *name, const char *text, u32 *id, u32 *size);

#endif
