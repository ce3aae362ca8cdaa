/* SPDX-License-Identifier: Apache-2.0 */
/* PROG_TEST_RUN: what its program types share. One function a family of types. */
#ifndef SKEP_KERNEL_TEST_RUN_H
#define SKEP_KERNEL_TEST_RUN_H

#include "kernel/core.h"

struct test_run {
	struct skep *skep;
	struct prog_object *prog;
	const struct bpf_call *call;
	const struct attr_test_run *attr;
};

typedef int (*test_run_fn)(const struct test_run *run);

int test_run_skb(const struct test_run *run);
int test_run_xdp(const struct test_run *run);
int test_run_raw_tp(const struct test_run *run);
int test_run_syscall(const struct test_run *run);
int test_run_custom(const struct test_run *run);

/* Runs repeat times (0: once) with the same context. *duration: nanoseconds a run. */
int test_repeat(const struct test_run *run, void *ctx, u32 *retval, u32 *duration);

/*
 * The context struct that the client passes (__sk_buff, xdp_md): read by the rules of info
 * structs, and answered in ctx_out. has: does the client pass or want one at all?
 */
int test_ctx_read(const struct test_run *run, void *ctx, u32 size, bool *has);
int test_ctx_answer(const struct test_run *run, const void *ctx, u32 size, bool has);

/*
 * The packet out, in up to two pieces, and retval, duration, data_size_out. -ENOSPC when the
 * client has less room than there is packet; it then gets as much as fits, and the size.
 */
struct test_packet {
	const u8 *data;
	u32 size;
	const u8 *more;
	u32 more_size;
};
int test_answer(const struct test_run *run, const struct test_packet *packet, u32 retval,
		u32 duration);

#endif
