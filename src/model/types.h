/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vocabulary of prototypes and contexts: what a helper wants in each argument, what
 * it returns, and what a context field is. The verifier checks with it; the tables in
 * helpers/defs.h, model/ctx.c and an embedder's own registrations are written in it.
 * The names follow Linux's; the numbers are Skep's own and never leave the process.
 */
#ifndef SKEP_MODEL_TYPES_H
#define SKEP_MODEL_TYPES_H

#include "base/types.h"

/* An argument: one base kind, or'ed with flags. */
enum arg_type {
	ARG_DONTCARE = 0, /* not an argument; the register may hold anything, even nothing */

	ARG_ANYTHING,                 /* any initialised value */
	ARG_CONST_MAP_PTR,            /* a map (CONST_PTR_TO_MAP) */
	ARG_PTR_TO_MAP_KEY,           /* key_size readable bytes */
	ARG_PTR_TO_MAP_VALUE,         /* value_size bytes */
	ARG_PTR_TO_MEM,               /* memory whose size is the next argument, or fixed */
	ARG_CONST_SIZE,               /* byte count of the memory argument before it, > 0 */
	ARG_CONST_SIZE_OR_ZERO,       /* the same, may be 0 */
	ARG_CONST_ALLOC_SIZE_OR_ZERO, /* a constant: the size of the memory returned */
	ARG_PTR_TO_CTX,
	ARG_PTR_TO_RINGBUF_MEM, /* a reserved, not yet submitted ringbuf record */
	ARG_PTR_TO_FUNC,        /* a callback: PTR_TO_FUNC */
	ARG_PTR_TO_STACK,       /* pointer into the stack (callback context) */
	ARG_PTR_TO_CONST_STR,   /* zero-terminated string in a read-only map */
	ARG_PTR_TO_SPIN_LOCK,
	ARG_PTR_TO_TIMER,
	ARG_PTR_TO_KPTR,
	ARG_PTR_TO_DYNPTR,
	ARG_PTR_TO_BTF_ID,
	ARG_PTR_TO_BTF_ID_SOCK_COMMON,
	ARG_PTR_TO_SOCK_COMMON,
	ARG_PTR_TO_SOCKET,
	ARG_PTR_TO_PERCPU_BTF_ID,
	ARG_TYPE_COUNT,

	ARG_BASE_MASK = 0xff,
	ARG_MAYBE_NULL = 1 << 8,      /* NULL is fine */
	ARG_MEM_UNINIT = 1 << 9,      /* the helper fills the memory; it need not be initialised */
	ARG_MEM_RDONLY = 1 << 10,     /* the helper only reads it */
	ARG_MEM_WRITE = 1 << 11,      /* the helper writes it; read-only memory is refused */
	ARG_RELEASES = 1 << 12,       /* takes the reference in this argument away */
	ARG_MEM_FIXED_SIZE = 1 << 13, /* size comes from arg_size[] of the prototype */
	ARG_MEM_ALIGNED = 1 << 14,    /* and the address is a multiple of that size */
	/* dynptr flavours */
	ARG_DYNPTR_LOCAL = 1 << 15,
	ARG_DYNPTR_RINGBUF = 1 << 16,
	ARG_DYNPTR_SKB = 1 << 17,
	ARG_DYNPTR_XDP = 1 << 18,
	ARG_DYNPTR_SKB_META = 1 << 19,
};

enum ret_type {
	RET_INTEGER = 0,
	RET_VOID,
	RET_PTR_TO_MAP_VALUE,
	RET_PTR_TO_MEM,         /* of proto->ret_size bytes */
	RET_PTR_TO_ALLOC_MEM,   /* of the size in the ARG_CONST_ALLOC_SIZE_OR_ZERO argument */
	RET_PTR_TO_RINGBUF_MEM, /* the same, and a reference to release */
	RET_PTR_TO_BTF_ID,      /* proto->ret_btf_name */
	RET_PTR_TO_SOCKET,
	RET_PTR_TO_TCP_SOCK,
	RET_PTR_TO_SOCK_COMMON,
	RET_PTR_TO_DYNPTR_MEM,
	RET_PTR_TO_MEM_OR_BTF_ID,

	RET_BASE_MASK = 0xff,
	RET_MAYBE_NULL = 1 << 8,
	RET_ACQUIRES = 1 << 9, /* the caller must release it */
	RET_TRUSTED = 1 << 10,
	RET_RDONLY = 1 << 11,
};

enum helper_flag {
	HELPER_GPL_ONLY = 1 << 0,
	HELPER_MIGHT_SLEEP = 1 << 1,
	HELPER_CHANGES_PACKET = 1 << 2, /* packet pointers are void after it */
	HELPER_RET_RANGE = 1 << 3,      /* R0 lies in ret_min..ret_max */
	HELPER_CALLBACK = 1 << 4,       /* calls a function of the program */
	HELPER_TAIL_CALL = 1 << 5,
	HELPER_ABSENT = 1 << 6, /* known to the verifier, nothing behind it in Skep: refused at
				   load, with a message that says so */
	HELPER_PACKET_ACCESS = 1 << 7,  /* memory arguments may point into the packet */
	HELPER_ASYNC = 1 << 9, /* gives a function of the program to something that calls it later */
	HELPER_RET_SIZE_BOUND = 1 << 8, /* R0 lies in -4095..the size argument's maximum */
};

/* What a load of a context field yields. */
enum field_kind {
	FIELD_SCALAR,
	FIELD_PACKET, /* pointer to packet data */
	FIELD_PACKET_END,
	FIELD_PACKET_META,
	FIELD_SOCK_COMMON, /* pointers, maybe NULL */
	FIELD_SOCKET,
	FIELD_FLOW_KEYS,
	FIELD_BTF_ID, /* pointer to the struct btf_name in the model's BTF */
	FIELD_TP_BUFFER, /* memory whose size the tracepoint knows */
	FIELD_MEM,    /* embedder: pointer to mem_size bytes */
};

enum field_access {
	FIELD_READ = 1 << 0,
	FIELD_WRITE = 1 << 1,
	FIELD_NARROW = 1 << 2, /* may be read in smaller pieces */
	FIELD_NULLABLE = 1 << 3,
	FIELD_MEM_WRITE = 1 << 4, /* FIELD_MEM: the program may write there */
	FIELD_ANY_SIZE = 1 << 5,  /* 1, 2, 4 and 8 aligned bytes anywhere in it, written too */
	FIELD_NARROW_START = 1 << 6, /* may be read in smaller pieces that begin where it begins */
	FIELD_WIDE = 1 << 7,         /* of an array: two elements at once */
};

/* What the loader of a program may do, each including the ones before it. */
enum privilege {
	PRIVILEGE_NONE,    /* unprivileged_bpf: socket_filter and cgroup_skb only */
	PRIVILEGE_BPF,     /* CAP_BPF */
	PRIVILEGE_PERFMON, /* CAP_BPF and CAP_PERFMON, or CAP_SYS_ADMIN */
};

#endif
