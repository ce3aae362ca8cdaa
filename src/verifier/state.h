/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The abstract machine at one point of one path: a stack of call frames, and what the
 * program has acquired. Frames are shared between states and copied on the first write
 * (frame->refs), so remembering a state and taking a branch both cost a few pointers.
 */
#ifndef SKEP_VERIFIER_STATE_H
#define SKEP_VERIFIER_STATE_H

#include "base/arena.h"
#include "isa/insn.h"
#include "verifier/reg.h"

struct ref;

#define SLOT_BYTES 8
#define STACK_SLOTS (BPF_STACK_SIZE / SLOT_BYTES)

/* What one byte of stack holds. */
enum byte_kind {
	BYTE_INVALID = 0, /* never written, or dead */
	BYTE_MISC,	  /* data of which nothing is known */
	BYTE_ZERO,
	BYTE_SPILL, /* part of the slot's spilled register */
	/* Part of an object of the kernel (dynptr.c, iter.c): always whole slots. Nobody but the
	 * functions made for it may read or write it. */
	BYTE_DYNPTR,
	BYTE_ITER,
	BYTE_IRQ, /* what bpf_local_irq_save saved */
};

enum dynptr_kind {
	DYNPTR_NONE,
	DYNPTR_LOCAL, /* memory of a map's value */
	DYNPTR_RINGBUF,
	DYNPTR_SKB,
	DYNPTR_XDP,
	DYNPTR_SKB_META,
	DYNPTR_KINDS,
};

enum iter_state { ITER_ACTIVE = 1, ITER_DRAINED };

/* Who saved the state of interrupts: the other kind may not restore it. */
enum irq_saver { IRQ_BY_SAVE, IRQ_BY_LOCK };

/* What is known of an object, in each of its slots. */
struct stack_object {
	u8 kind;    /* dynptr: enum dynptr_kind; iterator: enum iter_state; irq: enum irq_saver */
	bool first; /* the slot with its lowest address */
	u16 flags;  /* iterator: enum reg_flag of what it gives */
	u32 id;	    /* dynptr: the same in its slices, no other dynptr's */
	u32 ref;    /* reference that it stands for. 0: none */
	u32 btf_id; /* iterator: its struct, in the model's BTF */
	u32 depth;  /* iterator: elements seen on this path */
};

/*
 * Eight bytes of stack. A spill of w bytes is the w lowest: kind[0..w-1] == BYTE_SPILL and
 * reg holds its value; kind[0] tells whether there is one. The same with parts of objects.
 */
struct slot {
	u8 kind[SLOT_BYTES]; /* by address */
	union {
		struct reg reg;
		struct stack_object object;
	};
};

struct frame {
	u32 refs;
	u32 subprog;
	s32 callsite; /* instruction of the call, in the caller; -1 in the outermost */
	u16 n_slots;  /* slot i covers fp - 8(i+1) .. fp - 8i; those beyond are invalid */
	u16 cap;      /* room for slots: size class of the allocation */
	bool in_callback;
	u32 callback_depth;	   /* how often the callback called here was entered in a row */
	u32 callbacks_left;	   /* calls with a callback that this path has behind it */
	struct ref *entry_refs;	   /* what was held when it was entered */
	s64 ret_min, ret_max;	   /* callback: what r0 must be at exit */
	struct reg regs[BPF_REGS];
	struct slot slots[];
};

enum ref_kind {
	REF_OBJECT, /* a pointer stands for it (reg.ref) */
	REF_IRQ,    /* interrupts are off */
	REF_LOCK,   /* bpf_spin_lock */
	REF_RES_LOCK,
	REF_RES_LOCK_IRQ,
};

#define REF_BIT(kind) (1u << (kind))
#define REF_LOCKS     (REF_BIT(REF_LOCK) | REF_BIT(REF_RES_LOCK) | REF_BIT(REF_RES_LOCK_IRQ))

/* What must be given back before the end (refs.c). Lists are shared, so immutable. */
struct ref {
	struct ref *next;
	u32 kind; /* enum ref_kind */
	u32 id;
	u32 object; /* locks: what it lies in: the map, or type */
	s32 insn;   /* that acquired it */
};

static inline bool ref_is_lock(const struct ref *ref)
{
	return REF_LOCKS & REF_BIT(ref->kind);
}

struct checkpoint;
struct counted_run;

struct state {
	struct frame *frames[BPF_MAX_FRAMES];
	u32 depth; /* index of the running frame */
	u32 entry; /* which beginning it comes from: what may be done here depends on that, too */
	struct ref *refs;
	u32 n_refs, n_locks;
	u32 rcu_depth;	   /* bpf_rcu_read_lock without its unlock */
	u32 preempt_depth; /* bpf_preempt_disable without its enable */
	struct checkpoint *parent; /* last remembered state on this path (loops.c) */
	u32 may_goto_depth;
	u32 callback_unroll_depth;
	struct counted_run *counted; /* loops proved by induction that this path is in (counted.c) */
};

/* Where frames come from: blocks by size class, reused. */
struct state_pool {
	struct arena arena;
	struct frame *free[8];
	size_t live_frames;
	/* Registers, slots and references copied or compared: what time is spent on beside the
	 * instructions themselves. Bounded as those are (explore.c). */
	u64 work;
};

/* A frame with registers and stack all uninitialised, one reference. NULL: out of memory. */
struct frame *frame_new(struct state_pool *pool);
void frame_put(struct state_pool *pool, struct frame *frame);
/* The frame at index, not shared with anybody else. NULL: out of memory. */
struct frame *state_frame_rw(struct state_pool *pool, struct state *state, u32 index);
/* Makes room for slot index (< STACK_SLOTS) in an unshared frame, which may move. */
struct frame *state_slots(struct state_pool *pool, struct state *state, u32 frame, u32 slot);
/* *out becomes another reference to the same frames. */
void state_share(struct state *out, const struct state *state);
void state_release(struct state_pool *pool, struct state *state);

static inline struct frame *state_top(const struct state *state)
{
	return state->frames[state->depth];
}

static inline bool slot_is_spill(const struct slot *slot)
{
	return slot->kind[0] == BYTE_SPILL;
}

/* BYTE_DYNPTR or the like: part of an object. */
static inline bool slot_is_object(const struct slot *slot)
{
	return slot->kind[0] >= BYTE_DYNPTR;
}

/* Bytes of the slot's spill, 0 without. */
static inline u32 slot_spill_size(const struct slot *slot)
{
	u32 n = 0;

	while (n < SLOT_BYTES && slot->kind[n] == BYTE_SPILL)
		n++;
	return n;
}

/* Walks every register and spilled register of every frame, without writing. */
struct reg_iter {
	struct state *state;
	u32 frame;
	u32 at; /* 0..10 registers, then slots */
};

#define REG_ITER(st) ((struct reg_iter){ .state = (st) })

/* The next one, or NULL after the last. */
const struct reg *reg_iter_next(struct reg_iter *it);
/* The one that reg_iter_next returned last, writable. NULL: out of memory. */
struct reg *reg_iter_rw(struct state_pool *pool, struct reg_iter *it);

#endif
