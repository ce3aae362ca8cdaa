/* SPDX-License-Identifier: Apache-2.0 */
/* skep/skep.h: eBPF as a library. */
#ifndef SKEP_H
#define SKEP_H

#include <stddef.h>
#include <stdint.h>

#include <skep/bpf.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An eBPF kernel of one's own: its programs, maps, links, BTF. */
struct skep;

struct skep_opts {
	size_t size; /* sizeof(struct skep_opts), so that later versions may add members */
	uint32_t cpus; /* presented possible CPUs; 0: twice the machine's */
	uint64_t budget; /* back edges and calls per run; 0: no bound */
	uint32_t flags; /* SKEP_NO_JIT */
};

#define SKEP_NO_JIT 1u

/* A new kernel, or NULL with errno. opts may be NULL. */
struct skep *skep_new(const struct skep_opts *opts);
/* Frees it. No program of it may be running; fds handed out become empty files. */
void skep_free(struct skep *skep);

#ifdef __cplusplus
}
#endif

#endif
