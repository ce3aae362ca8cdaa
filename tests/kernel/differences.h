/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where Skep's bpf(2) is known to answer otherwise than Linux 6.18, and why. abi.c accepts
 * exactly these; docs/STATUS.md lists them.
 *
 *	X(command, offset, skep, linux, reason)
 *	offset	of the attr word that was changed; ANY_WORD: whatever was changed, or nothing
 *	skep, linux	errno, or 0 for success
 */
#ifndef SKEP_TESTS_KERNEL_DIFFERENCES_H
#define SKEP_TESTS_KERNEL_DIFFERENCES_H

#define ANY_WORD 0xffff

/* clang-format off */
#define KNOWN_DIFFERENCES(X)                                                                        \
	X(MAP_CREATE, 0, EINVAL, ANY, "map types that Skep does not have are unknown")              \
	X(PROG_LOAD, 0, EINVAL, ANY, "program types that Skep does not have are unknown")           \
	X(PROG_STREAM_READ_BY_FD, ANY_WORD, EINVAL, ANY, "no streams: the command is unknown")      \
	X(MAP_LOOKUP_BATCH, 32, 0, ENOSPC, "Linux gives whole buckets of a hash, Skep elements")    \
	X(MAP_LOOKUP_AND_DELETE_BATCH, 32, 0, ENOSPC, "the same")                                   \
	X(PROG_TEST_RUN, 64, EOPNOTSUPP, ANY, "BPF_F_TEST_XDP_LIVE_FRAMES: frames go nowhere")      \
	X(TASK_FD_QUERY, 0, EBADF, EPERM, "other processes: there is nothing to ask")               \
	X(TOKEN_CREATE, ANY_WORD, EOPNOTSUPP, ANY, "no tokens")
/* clang-format on */

/* What no errno shows; a list in Markdown. */
#define OTHER_DIFFERENCES                                                                          \
	"- Objects are memfds: read(2) of one answers 0 instead of EINVAL, and a read-only mmap(2) of\n"   \
	"  one that has nothing to show succeeds (and faults when touched) instead of failing.\n"          \
	"- /proc/PID/fdinfo of a handle has no bpf fields: ask OBJ_GET_INFO_BY_FD.\n"                     \
	"- Pins are names below /sys/fs/bpf in the kernel object, not files.\n"                           \
	"- Per-CPU values have one copy for each presented CPU (skep_opts.cpus).\n"                       \
	"- Program info: no jited line info; of several functions the first has the length of all.\n"     \
	"- XDP test packets larger than a page: the adjust helpers work on the first page.\n"              \
	"- A user ring buffer's consumer position can be mapped writable (what is written there is not\n"     \
	"  trusted), and data that wrap are a second memory, not the first one again.\n"                       \
	"- Stack traces are of user stacks: there is no kernel stack (EFAULT), and no build ids.\n"            \
	"- Batches of a hash give elements, not whole buckets, and never ENOSPC.\n"

#endif
