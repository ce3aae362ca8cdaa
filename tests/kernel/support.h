/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of bpf(2) speak to a struct world: a Skep kernel, or this machine's Linux as the
 * oracle. Every function answers as the system call does, but with -errno.
 */
#ifndef SKEP_TESTS_KERNEL_SUPPORT_H
#define SKEP_TESTS_KERNEL_SUPPORT_H

#include <skep/skep.h>

#include "kernel/attr.h"
#include "kernel/info_abi.h"

struct world {
	const char *name;
	struct skep *skep; /* NULL: Linux */
	u32 cpus; /* that the world presents */
};

/* A fresh Skep kernel; free with world_end. */
struct world world_skep(void);
/* This machine's Linux. Skips the case, saying why, when it does not let us use bpf(2). */
struct world world_linux(void);
void world_end(struct world *world);

int world_bpf(const struct world *world, int cmd, void *attr, u32 size);

static inline u64 address(const void *p)
{
	return (u64)(uintptr_t)p;
}

/* An attr of the given fields; the rest is zero. */
#define BPF(world, cmd, type, ...)                            \
	({                                                    \
		union attr attr_ = { 0 };                     \
		struct type fields_ = { __VA_ARGS__ };        \
		memcpy(&attr_, &fields_, sizeof(fields_));    \
		world_bpf(world, cmd, &attr_, sizeof(attr_)); \
	})

int map_create(const struct world *w, u32 type, u32 key, u32 value, u32 entries, u32 flags);
int map_update(const struct world *w, int fd, const void *key, const void *value, u64 flags);
int map_lookup(const struct world *w, int fd, const void *key, void *value);
int map_delete(const struct world *w, int fd, const void *key);
int map_next(const struct world *w, int fd, const void *key, void *next);
int map_freeze_fd(const struct world *w, int fd);
int prog_load(const struct world *w, u32 type, const struct bpf_insn *insns, u32 n);
/* r0 = value; exit */
int prog_load_return(const struct world *w, u32 type, s32 value);
/*
 * A sched_cls program from text (isa/asm.h); with a callback, which is the function behind its
 * only "func" constant.
 */
int prog_load_text(const struct world *w, const char *text, bool has_callback);
/* A small BTF: int, a struct of two ints, an array of them. */
int btf_load(const struct world *w);
int info_of(const struct world *w, int fd, void *info, u32 *size);
u32 id_of(const struct world *w, int fd);
/* What GET_NEXT_ID lists, as a count. */
u32 count_ids(const struct world *w, int cmd);
bool id_is_listed(const struct world *w, int cmd, u32 id);

/* Number of open fds of this process. */
u32 count_fds(void);

#define INSN(op, dst, src, o, i) \
	((struct bpf_insn){      \
	    .code = (op), .dst_reg = (dst), .src_reg = (src), .off = (o), .imm = (i) })
#define MOV_IMM(dst, imm) INSN(BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, imm)
#define EXIT              INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)
#define LD_MAP_FD(dst, fd) \
	INSN(BPF_LD | BPF_IMM | BPF_DW, dst, BPF_PSEUDO_MAP_FD, 0, fd), INSN(0, 0, 0, 0, 0)

#endif
