/* SPDX-License-Identifier: Apache-2.0 */
/* The types of <linux/bpf.h> in the presented BTF. */
#ifndef SKEP_MODEL_UAPI_H
#define SKEP_MODEL_UAPI_H

#include "btf/btf.h"
#include "model/presented.h"

/*
 * Adds what programs use that include vmlinux.h alone: __u8 to __s64, bool and such, flags as
 * enumerators, struct __sk_buff and other contexts. number: the ids of KERNEL_NUMBERS;
 * presented: those of KERNEL_STRUCTS.
 */
void uapi_add(struct btf_builder *b, const u32 number[KERNEL_NUMBER_COUNT],
	      const u32 presented[KERNEL_STRUCT_COUNT]);
/* The part of it that is structs of other headers (uapi_structs.c). */
void uapi_add_structs(struct btf_builder *b, const u32 number[KERNEL_NUMBER_COUNT],
		      const u32 presented[KERNEL_STRUCT_COUNT]);

#endif
