/* SPDX-License-Identifier: Apache-2.0 */
/* Which C type the context of a program is, as programs write it and as the kernel has it. */
#ifndef SKEP_VERIFIER_CTX_TYPE_H
#define SKEP_VERIFIER_CTX_TYPE_H

#include "verifier/env.h"

/*
 * Is "struct name" this program's context? Also in the kernel's own words for it: a kfunc of a
 * packet takes struct __sk_buff * or struct sk_buff *.
 */
bool ctx_is_struct(const struct env *env, const char *name);
/* The kernel's struct behind the context, in the model's BTF; 0: there is none. */
u32 ctx_kernel_type(const struct env *env);
/* Is a name that programs use (struct __sk_buff) a stand-in for a struct of the kernel? */
bool ctx_is_projection(const char *name, const char *kernel_name);

#endif
