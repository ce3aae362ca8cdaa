/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The port contract: everything the freestanding core asks of an operating system.
 * os/linux.c fulfils it with libc; another file may do so with raw system calls or on
 * another system. Functions return 0 or a negative errno unless they say otherwise,
 * and may be called from any thread.
 */
#ifndef SKEP_OS_OS_H
#define SKEP_OS_OS_H

#include "base/types.h"

/* Memory. os_alloc's bytes are zero. os_free(NULL) does nothing. */
void *os_alloc(size_t size);
void *os_realloc(void *ptr, size_t size); /* new bytes beyond the old size are undefined */
void os_free(void *ptr);

/* Reserves size bytes of zero pages that cost nothing until touched; NULL when refused. */
void *os_reserve(size_t size);
void os_unreserve(void *addr, size_t size);
/* A hint that reserved or shareable memory will be used densely and at random. */
void os_prefer_large_pages(void *addr, size_t size);

/* Shareable memory: a memfd mapped read-write here, sealed against shrinking. */
struct os_shm {
	int fd; /* -1 when anonymous and not shareable */
	void *addr;
	size_t size;
};
int os_shm_create(struct os_shm *shm, const char *name, size_t size);
int os_shm_attach(struct os_shm *shm, int fd, size_t size);
void os_shm_release(struct os_shm *shm);

/*
 * Code memory, W^X: write through rw, then os_code_publish, then execute at rx.
 * After publishing rw is gone.
 */
struct os_code {
	u8 *rw;
	u8 *rx;
	size_t size;
};
int os_code_create(struct os_code *code, size_t size);
int os_code_publish(struct os_code *code);
void os_code_release(struct os_code *code);

enum os_clock { OS_CLOCK_MONOTONIC, OS_CLOCK_BOOTTIME, OS_CLOCK_REALTIME, OS_CLOCK_TAI };
u64 os_clock_ns(enum os_clock clock);
u32 os_cpu_id(void);
u32 os_cpu_count(void); /* possible CPUs */
u32 os_numa_node(void);
u32 os_random_u32(void);

/* Sleeps while *word == expected; -ETIMEDOUT, -EAGAIN or 0. timeout_ns 0: for ever. */
int os_wait(const u32 *word, u32 expected, u64 timeout_ns);
void os_wake(const u32 *word, u32 waiters);
/* Makes every thread of this process pass a full memory barrier. */
void os_barrier_all_threads(void);

/* Copies from or to this process's own memory; -EFAULT instead of a fault. */
int os_copy_from(void *dst, u64 src, size_t size);
int os_copy_to(u64 dst, const void *src, size_t size);

/* The name of the calling thread, as Linux's comm. */
void os_thread_name(char name[16]);

_Noreturn void os_panic(const char *what);

#endif
