/* SPDX-License-Identifier: Apache-2.0 */
/*
 * skep/prog.h: for the eBPF side. Include it in a .bpf.c that uses helpers of an embedding
 * program (skep_add_helper in skep/skep.h):
 *
 *	static long (*now_ms)(void) = (void *)SKEP_HELPER(0);
 */
#ifndef SKEP_PROG_H
#define SKEP_PROG_H

/* The number a program calls for the embedding program's helper n. */
#define SKEP_HELPER(n) (0x10000 + (n))

#endif
