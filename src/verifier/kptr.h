/* SPDX-License-Identifier: Apache-2.0 */
/* Pointers that the kernel keeps in values for programs, and objects that programs make. */
#ifndef SKEP_VERIFIER_KPTR_H
#define SKEP_VERIFIER_KPTR_H

#include "btf/btf.h"
#include "btf/record.h"
#include "verifier/call.h"

/* A pointer field, and the BTF that its type is in. */
struct kptr_place {
	const struct special_field *field;
	const struct btf *btf;
};

/* ---- kptr.c ---- */

/* The kptr at that offset, or NULL. */
const struct special_field *kptr_at(const struct btf_record *record, s64 at);
/* May what the register holds stand in that field? regno: for messages. */
int kptr_match(struct env *env, const struct kptr_place *to, u32 regno, const struct reg *reg);
int kptr_xchg_place(struct env *env, u32 regno, struct kptr_place *out);
int kptr_handed_over(struct env *env, u32 ref);
void kptr_xchg_result(const struct kptr_place *place, struct reg *out);

/* ---- own.c ---- */

/* What of a type of the program's BTF is not plain data; NULL: all is. */
const struct btf_record *own_record(struct env *env, u32 btf_id);

#endif
