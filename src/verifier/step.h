/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one instruction does to the state: one function a kind of instruction, in the file
 * of its name. A step reads and writes env->cur; before it the running frame is made
 * unshared, so its registers may be written in place. state_slots (a store to a slot not
 * used before) may move the frame: take register addresses anew after one.
 */
#ifndef SKEP_VERIFIER_STEP_H
#define SKEP_VERIFIER_STEP_H

#include "verifier/env.h"

static inline struct reg *cur_reg(struct env *env, u32 n)
{
	return &state_top(env->cur)->regs[n];
}

/* The register is written: for the log. */
static inline void reg_changed(struct env *env, u32 n)
{
	env->changed_regs |= (u16)(1u << n);
}

static inline void mark_precise(struct env *env, const struct reg *reg)
{
	if (reg->dep)
		dep_mark(&env->deps, reg->dep);
}

static inline u32 new_id(struct env *env)
{
	return ++env->next_id;
}

/* The value may not be looked at as a number by this program. */
static inline bool leaks_pointer(const struct env *env, const struct reg *reg)
{
	return !env->allow_ptr_leaks && reg_is_pointer(reg);
}

/* ---- explore.c ---- */

/* Fails with "R%d !read_ok" when the register was never written. */
int check_read(struct env *env, u32 reg);
/* Fails for r10. */
int check_write(struct env *env, u32 reg);
/* The register gets this value. */
void set_reg(struct env *env, u32 n, const struct reg *value);
/* Remembers the current state to be continued at insn later. NULL after a failure. */
struct state *push_path(struct env *env, u32 insn);
int explore_failed(struct env *env); /* the errno of a push or an allocation that failed */

/* ---- alu.c ---- */
/* Gives a value that is about to have a second holder an identity. */
void link_value(struct env *env, struct reg *src);
int alu_step(struct env *env, const struct bpf_insn *insn);

/* ---- branch.c ---- */
int branch_step(struct env *env, const struct bpf_insn *insn);
/* Scalars that hold the same value as *known (which was just narrowed) learn what it knows. */
int sync_linked(struct env *env, struct state *state, const struct reg *known);

/* ---- mem.c ---- */
int load_step(struct env *env, const struct bpf_insn *insn);
int store_step(struct env *env, const struct bpf_insn *insn);
int atomic_step(struct env *env, const struct bpf_insn *insn);

enum access {
	ACCESS_READ = 1,
	ACCESS_WRITE = 2,
	ACCESS_DIRECT = 4, /* by an instruction, not by a helper */
};

/* regno is for messages: the register that held the pointer. */
int check_map_value_access(struct env *env, u32 regno, const struct reg *ptr, s64 off, s64 size,
			   bool zero_size_ok, enum access access);
int check_mem_bounds(struct env *env, u32 regno, const struct reg *ptr, s64 off, s64 size,
		     u64 region, bool zero_size_ok);
int check_buf_access(struct env *env, u32 regno, const struct reg *ptr, s64 off, s64 size);
int check_packet_access(struct env *env, u32 regno, const struct reg *ptr, s64 off, s64 size,
			bool zero_size_ok);
int check_alignment(struct env *env, const struct reg *ptr, s64 off, u32 size, bool strict);
int check_pointer_off(struct env *env, u32 regno, const struct reg *ptr);

/* ---- stack.c ---- */
/* Load and store through a REG_STACK pointer; value is what is stored (NULL: unknown data). */
int stack_load(struct env *env, u32 regno, const struct reg *ptr, s64 off, u32 size,
	       struct reg *out);
int stack_store(struct env *env, u32 regno, const struct reg *ptr, s64 off, u32 size,
		const struct reg *value);
/* What a helper does with size bytes of stack: reads them, may also write, or fills them unread. */
enum stack_use { STACK_READ, STACK_UPDATE, STACK_FILL };
int stack_helper_access(struct env *env, u32 regno, const struct reg *ptr, s64 size,
			enum stack_use use, bool zero_size_ok);

/* ---- dynptr.c ---- */
/* A slot of that frame is about to be overwritten: the dynptr of which it is part ends. */
int dynptr_overwritten(struct env *env, u32 frame, u32 slot);

/* ---- ctx.c ---- */
int ctx_access(struct env *env, u32 regno, const struct reg *ptr, s64 off, u32 size,
	       enum access access, struct reg *loaded);

/* ---- kernel_var.c ---- */
/* A 64-bit immediate that names something of the kernel: is there such a thing? */
int kernel_var_check(struct env *env, u32 at);
/* What it is, once checked. */
struct reg kernel_var_pointer(const struct env *env, const struct bpf_insn *insn);
/* Makes it a plain constant. */
void kernel_var_fix(struct bpf_insn *insn);

/* ---- attach.c ---- */
/*
 * What a program may call depends on its target, too: the prototype, given the one by which
 * its type may call the helper (or NULL); and whether it may be called there at all.
 */
const struct helper_proto *attach_helper(const struct env *env, u32 id,
					 const struct helper_proto *proto);
bool attach_allows(const struct env *env, u32 id);
/* The arguments, which are of the right kind. */
int attach_check_args(struct env *env, u32 id);
/* The same for programs whose context is the prototype of what they attach to. */
int attach_access(struct env *env, s64 off, u32 size, bool write, struct reg *loaded);

/* ---- socket.c ---- */
int socket_access(struct env *env, u32 regno, const struct reg *ptr, s64 off, u32 size,
		  enum access access);
int flow_keys_access(struct env *env, const struct reg *ptr, s64 off, u32 size);

/* ---- btf_ptr.c ---- */
/* Whose ids a REG_BTF's btf_id is: the kernel's or the program's own. */
const struct btf *btf_of(const struct env *env, const struct reg *reg);
/* "?" without. */
const char *btf_struct_name(const struct btf *btf, u32 id);
/* What a read of size bytes at that offset of the object yields. */
int btf_object_load(struct env *env, const struct reg *ptr, s64 at, u32 size, struct reg *loaded);

/* ---- map_ptr.c ---- */
/* A read of the kernel's struct behind a map. */
int map_access(struct env *env, u32 regno, const struct reg *ptr, s64 off, u32 size,
	       enum access access, struct reg *loaded);
/* The object lives, and will while the program runs or until it releases it. */
bool btf_is_trusted(const struct reg *reg);
/* An argument: only a known distance from the object's start is allowed. */
int btf_fixed_offset(struct env *env, u32 regno, const struct reg *reg);
/* A read through a pointer to a presented kernel object. */
int btf_access(struct env *env, u32 regno, const struct reg *ptr, s64 off, u32 size,
	       enum access access, struct reg *loaded);

/* ---- call.c ---- */
int call_step(struct env *env, const struct bpf_insn *insn);
void forget_caller_saved(struct env *env);
int ld_packet_step(struct env *env, const struct bpf_insn *insn);
/* Copies of packet pointers in all frames are void: the packet may have moved. */
int forget_packet(struct env *env);

/* ---- args.c ---- */
/* A helper, or a global function, will access size bytes there. flags: enum arg_type's. */
int check_mem_arg(struct env *env, u32 regno, const struct reg *ptr, s64 size, bool zero_size_ok,
		  u32 flags);

/* ---- subprog.c ---- */
struct call_args;
int subprog_call(struct env *env);
int callback_call(struct env *env, const struct call_args *args);
/* A function of the program that runs later, on its own, with a value of that map. */
int async_callback(struct env *env, const struct async_entry *entry);
int exit_step(struct env *env);
int early_return(struct env *env);

/* ---- globals.c ---- */
/* A call of a global function: only its signature counts. */
int global_call(struct env *env, struct subprog *sub);
/* What a global function knows of its parameter. */
void global_arg_reg(struct env *env, const struct global_arg *arg, struct reg *reg);

/* ---- sections.c ---- */
/* May the program sleep at all? (Whether it may here: see in_rcu and env->cur's depths.) */
bool in_sleepable(const struct env *env);
/* Is RCU held, by a section or by the nature of the program? */
bool in_rcu(const struct env *env);
/* May that helper, or global function, be called inside the sections that are open? */
int helper_sections(struct env *env, const struct helper_proto *proto);
int global_call_sections(struct env *env, const struct subprog *sub);
/* Fails inside any section: at exit, and before a tail call. */
int sections_check_closed(struct env *env, const char *what);

/* ---- refs.c ---- */
/* A new object is held, or (as) interrupts are off; *id names it. */
int ref_acquire(struct env *env, u32 *id);
int ref_acquire_as(struct env *env, enum ref_kind kind, u32 *id);
bool ref_release(struct env *env, u32 id);
int ref_lock(struct env *env, enum ref_kind kind, u32 id, u32 object);
bool ref_unlock(struct env *env, enum ref_kind kind, u32 id, u32 object);
/* The latest of these kinds that is held; with an object given, that very one. Or NULL. */
const struct ref *ref_find(const struct state *state, u32 kinds, u32 id, const u32 *object);
bool refs_same(const struct ref *a, const struct ref *b);
/* Fails when anything is still held: at exit, before a tail call, ... ("what" in the message). */
int ref_check_none(struct env *env, const char *what);

/* ---- kptr.c ---- */
/* May size bytes at base + off of a value be touched, with the fields that are there? */
int check_fields_touched(struct env *env, const struct reg *ptr, s64 off, s64 size,
			 enum access access);
/* If a load or store is of a pointer field: of which value, or what it yields. */
int kptr_access(struct env *env, const struct reg *ptr, s64 off, enum access access, u32 regno,
		const struct reg *value, struct reg *loaded);

/* ---- own.c ---- */
/* An access to an object of the program's own, which lies inside it. */
int own_access(struct env *env, const struct reg *ptr, s64 at, u32 size, enum access access);

/* ---- locks.c ---- */
/* A lock or unlock of the lock that the register points to; kind: REF_LOCK and so on. */
int lock_step(struct env *env, u32 regno, enum ref_kind kind, bool lock);
/* May this be called while a lock is held? */
int check_call_with_lock(struct env *env, const struct bpf_insn *insn);
/* What of a register's memory is not plain data; NULL: all is. */
const struct btf_record *reg_record(struct env *env, const struct reg *reg);
/* Its id names a lock: it outlives the NULL check. */
bool reg_has_lock(struct env *env, const struct reg *reg);
/* The register must point to the field of that kind; call and field_name are for messages. */
int check_field_pointer(struct env *env, u32 regno, enum special_kind kind, const char *call,
			const char *field_name);

/* ---- liveness.c ---- */
/* The registers that an instruction writes. */
u16 insn_writes(const struct env *env, u32 at);

/* ---- loops.c ---- */
enum visit { VISIT_GO_ON = 0, VISIT_PRUNED = 1 };
/* At a prune point: compares with remembered states, perhaps remembers. enum visit or -errno. */
int loops_visit(struct env *env);
/*
 * In a loop that the engine ends (may_goto, callbacks), numbers that changed since the last
 * round and that nothing depends on so far become unknown, so that the rounds converge. The
 * state is about to reach insn again, or (here) stands at the current one.
 */
int loops_widen_at(struct env *env, struct state *state, u32 insn);
int loops_widen_here(struct env *env, struct state *state);
void loops_path_end(struct env *env);
/* Gives each number of the state a node of its own: its precision is then what paths from here need. */
int loops_own_nodes(struct env *env);
void loops_path_pushed(struct state *state);
/* Forgets what is not live in a frame. */
void frame_clear_dead(struct frame *frame, u16 live_regs, u64 live_slots);

#endif
