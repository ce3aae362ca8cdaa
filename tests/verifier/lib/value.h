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
 * T is a struct of that name, empty here.
 */
#ifndef SKEP_TESTS_VERIFIER_VALUE_H
#define SKEP_TESTS_VERIFIER_VALUE_H

#include "btf/btf.h"

struct value_type {
	struct btf_builder *builder;
	u32 int_id; /* for keys */
	u32 id;	    /* the value's */
	u32 size;
};

/* False: the text is wrong. builder is to be freed either way. */
bool value_parse(const char *text, struct value_type *out);

#endif
