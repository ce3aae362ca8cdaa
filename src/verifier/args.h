/* SPDX-License-Identifier: Apache-2.0 */
/* The arguments of one helper call as they are checked, and what they say about its result. */
#ifndef SKEP_VERIFIER_ARGS_H
#define SKEP_VERIFIER_ARGS_H

#include "verifier/stack_object.h"

struct special_field;

struct call_args {
	const struct helper_proto *proto;
	bool has_map;
	u32 map;	  /* index into env->maps */
	u32 map_uid;
	s64 mem_max;	  /* largest byte count of a memory argument */
	u64 alloc_size;	  /* ARG_CONST_ALLOC_SIZE_OR_ZERO */
	u32 release_ref;  /* reference that ARG_RELEASES takes; 0: none */
	u32 release_dynptr; /* register with the dynptr that ARG_RELEASES takes; 0: none */
	struct dynptr_arg dynptr; /* an initialised one among the arguments */
	u32 percpu_btf_id; /* ARG_PTR_TO_PERCPU_BTF_ID: type of the variable */
	bool percpu_own;  /* it is in the program's own BTF */
	u32 held;	  /* reference of a pointer among the arguments; 0: none */
	bool has_field;	  /* a timer, in a value of: */
	u32 field_map;
	u32 field_uid;
	const struct special_field *kptr; /* of bpf_kptr_xchg, whose type is in: */
	const struct btf *kptr_btf;
	bool has_callback;
	u32 callback;	  /* subprogram */
	bool has_key;	  /* the key is a known number: */
	u64 key;
	struct reg key_reg;
};

/* Beside enum arg_type's flags: the helper takes packet memory. */
#define ARG_PACKET_OK (1u << 31)
/* A kfunc or a global function: also the context, where that is plain bytes. */
#define ARG_CTX_OK (1u << 30)

int args_check(struct env *env, struct call_args *args);
/* "R1 type=scalar expected=fp, ...": base is an enum arg_type. */
int refuse_kind(struct env *env, u32 regno, const struct reg *reg, u32 base);

/* ---- args_btf.c ---- */
/* Argument i is a REG_BTF: may it be, by its trust and its struct? */
int check_btf_kind(struct env *env, const struct helper_proto *proto, u32 i, const struct reg *reg,
		   u32 arg);

/* ---- args_mem.c ---- */
/* Is an argument of this type a byte count? */
bool is_size(u32 arg);
/* Argument i is a byte count, and the one before it memory. */
int check_size(struct env *env, struct call_args *args, u32 i, u32 arg);
/* Argument i is a key or a value of the map before it. */
int check_map_mem(struct env *env, struct call_args *args, u32 i, u32 arg);
/* Memory that a kfunc reads and writes: of known size, or of the size in the next register. */
int check_kfunc_mem(struct env *env, u32 regno, const struct reg *reg, s64 size);
int check_kfunc_mem_size(struct env *env, u32 regno, const struct reg *reg, const struct reg *size);

/* ---- args_map.c ---- */
bool holds_sockets(u32 map_type);

/* A zero-terminated string in a read-only map. */
int check_const_string(struct env *env, u32 regno, const struct reg *ptr);
/* May that helper be used with that type of map? */
int map_func_check(struct env *env, const struct helper_proto *proto,
		   const struct map_facts *facts);

#endif
