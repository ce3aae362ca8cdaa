/* SPDX-License-Identifier: Apache-2.0 */
/*
 * skep/bpf.h: the bpf(2) system call of a Skep kernel.
 *
 * Layout, numbers and errno values are Linux's, so <linux/bpf.h> describes them; what is
 * newer than the oldest supported system header is defined here.
 */
#ifndef SKEP_BPF_H
#define SKEP_BPF_H

#include <linux/bpf.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Marks what a shared libskep exports. */
#if defined(__GNUC__)
#define SKEP_API __attribute__((visibility("default")))
#else
#define SKEP_API
#endif

struct skep;

/*
 * skep_bpf: bpf(cmd, attr, size) against this kernel instead of Linux's.
 *
 * Returns what the system call returns: >= 0, or -1 with errno set. File descriptors it
 * returns are real ones of this process (memfds): close, dup, SCM_RIGHTS and mmap work on
 * them. Any number of threads may call it at once.
 */
SKEP_API int skep_bpf(struct skep *skep, int cmd, union bpf_attr *attr, unsigned int size);

#ifdef __cplusplus
}
#endif

#endif
