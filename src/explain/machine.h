/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checking machine: runs a program, also a refused one, on an input, and stops at the
 * first thing that a program must not do. It knows of each value whether it was set and, when
 * it is a pointer, into which object; of each object, its size and whether it is still there;
 * and of each number, of which bytes of the input it is made. It touches no memory but its own.
 *
 * It shares nothing with the engines, and has of maps and helpers only what matters for
 * safety: what a lookup finds, what a helper returns and what it writes are part of the input.
 */
#ifndef SKEP_EXPLAIN_MACHINE_H
#define SKEP_EXPLAIN_MACHINE_H

#include "base/arena.h"
#include "explain/expr.h"
#include "explain/path.h"

/* FAULT(enumerator, what happened) */
#define FAULTS(X)                                                                                  \
	X(FAULT_NONE, "")                                                                          \
	X(FAULT_NULL, "the pointer is NULL")                                                       \
	X(FAULT_BOUNDS, "the access lies outside of the object")                                   \
	X(FAULT_NO_POINTER, "a number is used as an address")                                      \
	X(FAULT_UNSET, "the register was never set")                                               \
	X(FAULT_UNSET_STACK, "stack is used that was never written")                               \
	X(FAULT_READONLY, "memory is written that may only be read")                               \
	X(FAULT_GONE, "the object is gone")                                                        \
	X(FAULT_LEAK, "something that was acquired is still held")                                 \
	X(FAULT_LOCK, "a lock is in the wrong state")                                              \
	X(FAULT_RELEASE, "something is released that is not held")                                 \
	X(FAULT_ARGUMENT, "the call gets an argument that it cannot take")                         \
	X(FAULT_RESULT, "the program returns a value that its hook does not understand")           \
	X(FAULT_ENDLESS, "the program does not end")                                               \
	X(FAULT_DEPTH, "the calls are nested too deeply")                                          \
	X(FAULT_FORBIDDEN, "the instruction does what is not allowed")

enum fault_kind {
#define X(name, text) name,
	FAULTS(X)
#undef X
};

/* A number or a pointer. */
struct value {
	struct term t;
	u16 obj; /* index of the object it points into; 0: a number */
	bool set;
};

enum object_is {
	OBJECT_CTX = 1,
	OBJECT_STACK,
	OBJECT_PACKET,
	OBJECT_PACKET_AFTER, /* its end: an address to compare with */
	OBJECT_VALUE,	     /* of a map */
	OBJECT_MEMORY,	     /* ringbuf record, buffers */
	OBJECT_THE_MAP,
	OBJECT_KERNEL,	     /* BTF pointers, sockets: readable anywhere */
	OBJECT_FUNCTION,
};

struct memory {
	u8 is; /* enum object_is */
	bool alive, writable, record, acquired, shown;
	u32 size;	 /* what may be touched */
	u32 backed;	 /* bytes that are kept; beyond, reads give 0 */
	struct term len; /* packets: the size as the input has it */
	u64 base;
	u32 stream;	 /* bytes that nobody wrote come from there; UINT32_MAX: they were never set */
	u32 map;	 /* OBJECT_VALUE, OBJECT_THE_MAP */
	u32 function;	 /* OBJECT_FUNCTION: its first instruction */
	u32 made_at;	 /* instruction */
	u16 parent;	 /* a slice: the dynptr's token; it goes with it. 0: none */
	bool of_packet;	 /* a dynptr's token: its slices go when the packet is written or moves */
	u8 *bytes, *written;
	u32 *syms;	 /* of each byte; NULL: none yet */
	u16 *pointers;	 /* object of the pointer in each aligned word; NULL: none yet */
};

struct machine_frame {
	struct value regs[BPF_REGS];
	u16 stack;	/* object */
	u32 return_to;	/* instruction */
	u32 call;	/* callbacks: the instruction of the helper call */
	bool callback;
	u32 round, rounds;
	u32 function;
	struct value loop_ctx;
};

/* A conditional jump that was met. */
struct met {
	u32 insn, visit;
	bool taken, open; /* open: the input decides it */
	struct condition condition;
};

#define MACHINE_OBJECTS 400
#define MACHINE_WISHES	64
#define MACHINE_KEYS	64

struct machine {
	/* given */
	const struct verify_request *request;
	const struct path *path; /* tables only; may be empty */
	struct input *input;
	const struct ctx_layout *ctx;
	const struct prog_type_model *type;
	u32 start;	/* function that runs: 0 or a global one, or a callback */
	u32 watched;	/* instruction whose execution is noted; UINT32_MAX: none */
	bool reaching;	/* coming there on the path below is the fault, if nothing else is */
	const u8 *path_jumps;	/* conditional jumps of that path: taken or not */
	const u32 *path_jump_at; /* and where */
	u32 n_path_jumps;
	bool wishes_later; /* wishes also of what comes behind the watched instruction */
	u32 no_null;	/* this argument of the watched call may not be NULL; 0: none */
	bool has_range; /* what the watched exit may return, where the program type does not say */
	s64 min, max;
	bool strict_stack; /* reading stack that was never written is a fault */
	u64 max_steps;

	/* the run */
	struct arena arena;
	struct exprs exprs;
	struct machine_frame frames[BPF_MAX_FRAMES];
	s32 depth;
	u32 pc;
	u64 steps;
	bool ended;
	struct memory objects[MACHINE_OBJECTS];
	u32 n_objects;
	u16 packet, ctx_object;
	u32 sections; /* of RCU, preemption, interrupts that are open */
	u32 packet_moves, fills, lock; /* lock: object of the value whose lock is held + 1 */
	u32 visits_total;
	u32 *visits; /* by instruction */
	struct {
		u32 map;
		u8 key[32];
		u8 size;
		u16 object; /* 0: absent */
		bool deleted;
	} keys[MACHINE_KEYS];
	u32 n_keys;
	bool out_of_memory;
	bool unsupported; /* something that the machine does not know: the run says nothing */

	enum fault_kind fault;
	u32 fault_insn;
	char words[160]; /* of the fault: "8 bytes at offset 16 of a value of 8 bytes" */

	/* what search wants to know */
	VEC(struct met) met;
	VEC(u32) visited; /* instructions in order, the first ones */
	bool reached;	  /* the watched instruction */
	struct condition wishes[MACHINE_WISHES]; /* each would make it fail there */
	u32 wish_after[MACHINE_WISHES];		 /* how many of met came before */
	u32 n_wishes;
};

/* 0, or -ENOMEM. */
int machine_init(struct machine *m, const struct verify_request *request, const struct path *path);
void machine_release(struct machine *m);
/* Runs from the start to the end, a fault, or max_steps. */
void machine_run(struct machine *m, struct input *input);

/* ---- for the parts of the machine ---- */

static inline struct machine_frame *machine_top(struct machine *m)
{
	return &m->frames[m->depth];
}

/* Register i of the running function. */
static inline struct value *machine_arg(struct machine *m, u32 i)
{
	return &machine_top(m)->regs[i];
}

static inline struct value machine_number(struct term t)
{
	return (struct value){ t, 0, true };
}

/* After a call. */
static inline void machine_forget_arguments(struct machine *m)
{
	for (u32 i = 1; i <= 5; i++)
		machine_top(m)->regs[i] = (struct value){ .set = false };
}

/* The run ends with this fault; false. */
PRINTF_LIKE(3, 4) bool machine_fault(struct machine *m, enum fault_kind kind, const char *fmt, ...);
/* Are wishes of the current instruction wanted? */
bool machine_wishes(const struct machine *m);
/* It would fail here if this held. */
void machine_wish(struct machine *m, u32 op, struct term a, struct term b);

/* memory.c: 0 when there is no room: the run then ends without a fault. */
u16 object_make(struct machine *m, enum object_is is, u32 size, u32 stream);
struct value object_address(struct machine *m, u16 obj);
/* Checks [p + off, + size): faults, and notes what would make it one. */
bool object_check(struct machine *m, const struct value *p, s64 off, struct term size, bool write,
		  const char *what);
bool object_load(struct machine *m, const struct value *p, s64 off, u32 size, struct value *out);
bool object_store(struct machine *m, const struct value *p, s64 off, u32 size,
		  const struct value *value);
/* Bytes [p + off, + n) become bytes of a fresh stream. */
void object_fill(struct machine *m, const struct value *p, u64 n, const char *who);
/* Were all of those bytes written? */
bool object_is_set(struct machine *m, const struct value *p, u64 n);
/* A number of that many bytes of the input. */
struct term input_number(struct machine *m, enum stream_kind kind, u32 a, u32 b, u32 size,
			 const char *who);
/* The packet and its end, as the context has them. */
struct value packet_pointer(struct machine *m, bool end);
/* A pointer of the kind that the verifier saw there: from ctx, globals' arguments, kfuncs. */
struct value value_of_kind(struct machine *m, const struct path_result *result, u32 map,
			   struct term number, u32 id, const char *who);

/* The source line of an instruction; 0: not known. */
u32 machine_line(const struct machine *m, u32 insn);

/*
 * tokens.c: objects on the stack that stand for something (a record's dynptr, an iterator). A
 * pointer to the token lies in their first word.
 */
bool token_take(struct machine *m, const struct value *p, bool record);
/* One that nobody has to give back. */
bool token_name(struct machine *m, const struct value *p, bool of_packet);
u16 token_at(struct machine *m, const struct value *p);
bool token_give(struct machine *m, const struct value *p);
/* Slices of a dynptr: gone with it, or (token 0) with the packet. */
void token_drop_slices(struct machine *m, u16 token);
/* A call of a kernel function. */
bool machine_kernel_call(struct machine *m);

/* calls.c */
bool machine_call(struct machine *m, const struct bpf_insn *insn);
bool machine_exit(struct machine *m);
bool machine_enter(struct machine *m, u32 target, u32 return_to);

#endif
