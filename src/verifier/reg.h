/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the verifier knows of one register: a kind, and then either a number (struct
 * scalar) or a pointer = base of that kind + off (known) + val (a number within bounds).
 */
#ifndef SKEP_VERIFIER_REG_H
#define SKEP_VERIFIER_REG_H

#include "verifier/scalar.h"

/* REG_KIND(enumerator, how Linux's log names it) */
#define REG_KINDS(REG_KIND)                                                                        \
	REG_KIND(REG_UNINIT, "?")                                                                  \
	REG_KIND(REG_SCALAR, "scalar")                                                             \
	REG_KIND(REG_CTX, "ctx")                                                                   \
	REG_KIND(REG_MAP, "map_ptr")                                                               \
	REG_KIND(REG_MAP_VALUE, "map_value")                                                       \
	REG_KIND(REG_MAP_KEY, "map_key")                                                           \
	REG_KIND(REG_STACK, "fp")                                                                  \
	REG_KIND(REG_PACKET, "pkt")                                                                \
	REG_KIND(REG_PACKET_META, "pkt_meta")                                                      \
	REG_KIND(REG_PACKET_END, "pkt_end")                                                        \
	REG_KIND(REG_MEM, "mem")                                                                   \
	REG_KIND(REG_BUF, "buf")                                                                   \
	REG_KIND(REG_TP_BUFFER, "tp_buffer")                                                       \
	REG_KIND(REG_FUNC, "func")                                                                 \
	REG_KIND(REG_BTF, "ptr_")                                                                  \
	REG_KIND(REG_SOCK_COMMON, "sock_common")                                                   \
	REG_KIND(REG_SOCKET, "sock")                                                               \
	REG_KIND(REG_TCP_SOCK, "tcp_sock")                                                         \
	REG_KIND(REG_XDP_SOCK, "xdp_sock")                                                         \
	REG_KIND(REG_FLOW_KEYS, "flow_keys")                                                       \
	REG_KIND(REG_DYNPTR, "dynptr_ptr")

enum reg_kind {
#define REG_KIND(name, text) name,
	REG_KINDS(REG_KIND)
#undef REG_KIND
	REG_KIND_COUNT
};

enum reg_flag {
	REG_MAYBE_NULL = 1 << 0, /* id groups the copies that one null check decides */
	REG_RDONLY = 1 << 1,	 /* REG_MEM: stores are refused */
	REG_RINGBUF = 1 << 2,	 /* REG_MEM: a reserved ringbuf record */
	REG_TRUSTED = 1 << 3,	 /* REG_BTF: not NULL, alive */
	REG_ADD_CONST = 1 << 4,	 /* scalar with id: is the id's value + off (linked scalars) */
	REG_ADD_CONST32 = 1 << 14, /* with it: that sum cut to 32 bits, of a value below 2^32 */
	REG_AT_END = 1 << 5,	 /* packet: this address is known to be >= the packet's end */
	REG_BEYOND_END = 1 << 6, /* and > */
	/*
	 * REG_BTF without TRUSTED, RCU or a reference: a pointer that a program type gives with
	 * the promise that the object lives (Linux's old ptr_). With REG_UNTRUSTED nothing is
	 * promised: loads through it are made so that they cannot fault.
	 */
	REG_UNTRUSTED = 1 << 7,
	REG_RCU = 1 << 8,     /* alive as long as the RCU section lasts */
	REG_PERCPU = 1 << 9,  /* REG_BTF: the variable of one CPU is found by per_cpu_ptr */
	REG_USER = 1 << 10,   /* REG_BTF: an address in user memory */
	REG_OWN_TYPE = 1 << 11, /* REG_BTF: allocated by the program; btf_id is in its own BTF */
	REG_NON_OWNING = 1 << 12, /* REG_OWN_TYPE: alive as long as the lock is held */
	REG_IN_PACKET = 1 << 13, /* REG_MEM: a slice of a packet, void when the packet may move */
};

struct reg {
	u8 kind;   /* enum reg_kind */
	u8 frame;  /* REG_STACK: whose stack; REG_MAP_KEY: which callback's */
	u16 flags; /* enum reg_flag */
	s32 off;  /* pointers: the known part; scalars: delta with REG_ADD_CONST */
	u32 id;	  /* same id, same value: nullness, packet ranges, linked scalars. 0: none */
	union {
		u32 ref; /* acquired reference that this pointer stands for. 0: none */
		u32 uid; /* REG_MAP, REG_MAP_VALUE: which inner map it is, where that matters */
	};
	u32 dep;  /* scalars: node in the precision graph (precision.h). 0: nothing to track */
	union {
		u32 map;     /* REG_MAP, REG_MAP_VALUE, REG_MAP_KEY: index into env->maps */
		u32 range;   /* packet: bytes from base that are known to be in the packet */
		u32 size;    /* REG_MEM */
		u32 btf_id;  /* REG_BTF: in the model's BTF */
		u32 subprog; /* REG_FUNC */
		u32 dynptr;  /* REG_DYNPTR: enum dynptr_kind; id names it, as in its slots */
	};
	u32 slice; /* REG_MEM: id of the dynptr that it is a slice of. 0: none */
	struct scalar val; /* scalars: the value; pointers: the variable part of the offset */
};

/* The reference that it stands for; 0: none. */
static inline u32 reg_ref(const struct reg *reg)
{
	return reg->kind == REG_MAP || reg->kind == REG_MAP_VALUE ? 0 : reg->ref;
}

static inline bool reg_is_scalar(const struct reg *reg)
{
	return reg->kind == REG_SCALAR;
}

static inline bool reg_is_pointer(const struct reg *reg)
{
	return reg->kind != REG_SCALAR && reg->kind != REG_UNINIT;
}

static inline bool reg_is_packet(const struct reg *reg)
{
	return reg->kind == REG_PACKET || reg->kind == REG_PACKET_META;
}

static inline bool reg_kind_is_socket(u32 kind)
{
	return kind == REG_SOCKET || kind == REG_SOCK_COMMON || kind == REG_TCP_SOCK ||
	       kind == REG_XDP_SOCK;
}

static inline bool reg_is_const(const struct reg *reg)
{
	return reg->kind == REG_SCALAR && scalar_is_const(&reg->val);
}

/* The constant 0: what a NULL check compares with, and what it leaves behind. */
static inline bool reg_is_null(const struct reg *reg)
{
	return reg_is_const(reg) && reg->val.umin == 0;
}

static inline bool reg_has_fixed_off(const struct reg *reg)
{
	return scalar_is_const(&reg->val) && reg->val.umin == 0;
}

/* A register that holds a number of which nothing is known. */
static inline struct reg reg_unknown(void)
{
	return (struct reg){ .kind = REG_SCALAR, .val = scalar_unknown() };
}

static inline struct reg reg_const(u64 value)
{
	return (struct reg){ .kind = REG_SCALAR, .val = scalar_const(value) };
}

static inline struct reg reg_scalar(const struct scalar *val, u32 dep)
{
	return (struct reg){ .kind = REG_SCALAR, .val = *val, .dep = dep };
}

/* A pointer to the start of an object of that kind. */
static inline struct reg reg_pointer(enum reg_kind kind, u32 flags)
{
	return (struct reg){ .kind = kind, .flags = flags, .val = scalar_const(0) };
}

#endif
