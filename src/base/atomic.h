/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Atomics with the memory order in the operation's name. They work on plain
 * integers and pointers (the GCC/clang __atomic builtins), so the same words can
 * live in shared memory and be described by an ABI struct.
 */
#ifndef SKEP_BASE_ATOMIC_H
#define SKEP_BASE_ATOMIC_H

#include "base/types.h"

#define load_relaxed(p) __atomic_load_n(p, __ATOMIC_RELAXED)
#define load_acquire(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define load_seq_cst(p) __atomic_load_n(p, __ATOMIC_SEQ_CST)
#define store_relaxed(p, v) __atomic_store_n(p, v, __ATOMIC_RELAXED)
#define store_release(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)
#define store_seq_cst(p, v) __atomic_store_n(p, v, __ATOMIC_SEQ_CST)

#define fetch_add_relaxed(p, v) __atomic_fetch_add(p, v, __ATOMIC_RELAXED)
#define fetch_add_acq_rel(p, v) __atomic_fetch_add(p, v, __ATOMIC_ACQ_REL)
#define fetch_add_seq_cst(p, v) __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST)
#define fetch_sub_acq_rel(p, v) __atomic_fetch_sub(p, v, __ATOMIC_ACQ_REL)
#define fetch_or_seq_cst(p, v) __atomic_fetch_or(p, v, __ATOMIC_SEQ_CST)
#define fetch_and_seq_cst(p, v) __atomic_fetch_and(p, v, __ATOMIC_SEQ_CST)
#define fetch_xor_seq_cst(p, v) __atomic_fetch_xor(p, v, __ATOMIC_SEQ_CST)

#define exchange_acq_rel(p, v) __atomic_exchange_n(p, v, __ATOMIC_ACQ_REL)
#define exchange_seq_cst(p, v) __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST)

/* expected is an lvalue address; on failure it receives the value that was there. */
#define cas_acq_rel(p, expected, v)                                                                \
	__atomic_compare_exchange_n(p, expected, v, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)
#define cas_seq_cst(p, expected, v)                                                                \
	__atomic_compare_exchange_n(p, expected, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)

#define fence_seq_cst() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define compiler_barrier() __atomic_signal_fence(__ATOMIC_SEQ_CST)

static inline void cpu_relax(void)
{
	__asm__ volatile("" ::: "memory");
#if defined(__x86_64__)
	__builtin_ia32_pause();
#endif
}

#endif
