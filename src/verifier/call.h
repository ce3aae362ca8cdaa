/* SPDX-License-Identifier: Apache-2.0 */
/* What calls of helpers and of kfuncs have in common. */
#ifndef SKEP_VERIFIER_CALL_H
#define SKEP_VERIFIER_CALL_H

#include "verifier/args.h"

/* The image will call this function here. */
int note_call(struct env *env, const struct helper_proto *proto);
/* Pointers that stand for a released reference are numbers now. */
int forget_reference(struct env *env, u32 ref);
/* call_ret.c: r0 of a helper. */
int set_result(struct env *env, const struct call_args *args);

#endif
