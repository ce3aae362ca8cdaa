/* SPDX-License-Identifier: Apache-2.0 */
/*
 * struct run_ctx: how a running program and its helpers reach the world. There are no
 * globals and no thread-local storage in the core: whatever a helper needs hangs here.
 * Whoever runs a program fills one in (run_begin), and it lives for that one run.
 *
 * Generated code reaches the first members by their offsets (offsetof, when it is compiled).
 */
#ifndef SKEP_VM_RUN_H
#define SKEP_VM_RUN_H

#include "base/epoch.h"
#include "base/types.h"

struct map;
struct prog;
struct run_ctx;

/* The task a program runs for: whose pid, uid, comm the helpers report. */
struct task_info {
	u32 pid;  /* thread id, as Linux's current->pid */
	u32 tgid; /* process id */
	u32 uid, gid;
	char comm[16];
	u64 task_addr; /* kernel-range address of its presented task_struct, or 0 */
	/* Its pid namespace (st_dev in the kernel's encoding, st_ino) and its ids there; 0: not known */
	u64 pidns_dev, pidns_ino;
	u32 ns_pid, ns_tgid;
};

/* What differs between a library run, a traced process and a test. Entries may be NULL. */
struct world_ops {
	/* 0 or -EFAULT. src and dst are addresses in the current task's user memory. */
	int (*read_user)(struct run_ctx *rc, void *dst, u64 src, u32 size);
	int (*write_user)(struct run_ctx *rc, u64 dst, const void *src, u32 size);
	/* Where the task is in its user code, and its frame pointer: 0 or -errno. */
	int (*user_frame)(struct run_ctx *rc, u64 *ip, u64 *frame);
	/* Reads presented kernel memory (design: one arena at kernel-range addresses). */
	int (*read_kernel)(struct run_ctx *rc, void *dst, u64 src, u32 size);
	/* One line of trace_printk, without its newline. */
	void (*trace)(struct run_ctx *rc, const char *line, u32 len);
	/* A map became readable and its consumer asked to be woken. */
	void (*notify)(struct run_ctx *rc, u32 map_handle);
	/* Fills rc->task on first use, for hooks where finding it costs. */
	void (*load_task)(struct run_ctx *rc);
};

/* What calls functions of a program later: timers and work queues in values. -errno or a result. */
struct async_ops {
	s64 (*init)(struct run_ctx *rc, struct map *map, void *field, u32 kind, u64 flags);
	s64 (*set_callback)(struct run_ctx *rc, void *field, u64 func);
	s64 (*start)(struct run_ctx *rc, void *field, u64 nsecs, u64 flags);
	s64 (*cancel)(struct run_ctx *rc, void *field);
};

enum run_status {
	RUN_OK = 0,
	RUN_BUDGET,    /* ran out of budget */
	RUN_CANCELLED,
};

/* A budget that ends the run at its next back edge or call, as RUN_CANCELLED. */
#define BUDGET_CANCEL (-((s64)1 << 62))

#define RUN_MAX_HELD 8 /* ringbuf records and the like, held by a run with a budget */
#define RUN_MAX_LOCKS 4 /* and beside them, locks in values */

/*
 * Ringbuf records are always here, whether or not the run has a budget: it is how submit
 * finds the map. drop takes its entry out.
 */
struct held {
	void *what;
	void (*drop)(void *what, struct run_ctx *rc);
	struct map *map; /* it belongs to */
};

struct run_ctx {
	/* -- known to generated code -- */
	/*
	 * Back edges and calls left (prog.h: what is counted); the run ends when it becomes
	 * negative. To cancel a run, store BUDGET_CANCEL; the engine's own decrement may
	 * overwrite that, so store it again until the run has ended.
	 */
	s64 budget;
	void *unwind_sp; /* engine's own: where to continue when the run ends early */
	/* ends the run: its entry returns 0. Set together with unwind_sp; only run_abort calls it */
	void (*unwind)(struct run_ctx *rc);
	u32 tail_calls;	 /* performed so far in this run */
	u32 cpu;	 /* claimed slot: smp_processor_id */
	/* calls a function of the running program; set by the engine that is running */
	u64 (*call)(struct run_ctx *rc, u64 func, u64 r1, u64 r2, u64 r3, u64 r4, u64 r5);
	struct prog *prog; /* that is running (changes with a tail call) */
	u8 *arena;	   /* base of the presented kernel objects */
	u64 arena_mask;
	/*
	 * Where the frames of the program's stack are, for helpers that are given the address of
	 * something on it (%s, probe_read_kernel). Set by the engine at entry; stack_low 0: they
	 * lie on the thread's own stack, from the helper's frame up to stack_high.
	 */
	u64 stack_low, stack_high;
	/* -- helpers only -- */
	const struct world_ops *world;
	const struct async_ops *async; /* NULL: there is nobody to call later */
	void *world_data;
	const struct task_info *task;
	void *ctx; /* as passed to the program */
	struct epoch *epoch;
	struct prog **progs; /* per-process table that prog arrays index; [0] is unused */
	u32 n_progs;	     /* indices from n_progs on are taken for empty */
	u64 cookie;	     /* bpf_get_attach_cookie */
	u64 func_ip;	     /* bpf_get_func_ip */
	void *user_data;     /* embedders' own */
	u32 status;	     /* enum run_status */
	u32 n_held;
	struct held held[RUN_MAX_HELD + RUN_MAX_LOCKS];
	u64 random;	     /* state of prandom_u32 for this run */
	void *engine;	     /* engine's own */
};

#endif
