/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEP_MODEL_PRESENTED_KFUNCS_H
#define SKEP_MODEL_PRESENTED_KFUNCS_H

struct btf_builder;

/* Adds the kfuncs of KFUNC_RUNS to a BTF that already holds the types of their prototypes. */
int kfuncs_add(struct btf_builder *b);

#endif
