/* SPDX-License-Identifier: Apache-2.0 */
/* PROG_TEST_RUN: the command, and the types whose context is plain memory. */
#include "kernel/test_run.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/commands.h"

#define RAW_TP_MAX_ARGS 12
#define SYSCALL_MAX_CTX UINT16_MAX

/* ---- shared ---- */

static int status_error(const struct run_slot *slot)
{
	switch (run_status(slot)) {
	case RUN_OK:
		return 0;
	case RUN_BUDGET:
		return -ETIME;
	default:
		return -ECANCELED;
	}
}

int test_repeat(const struct test_run *run, void *ctx, u32 *retval, u32 *duration)
{
	u32 repeat = run->attr->repeat ? run->attr->repeat : 1;
	struct run_slot *slot = run_enter(run->skep, NULL);
	u64 start, spent;
	int err = 0;

	if (!slot)
		return -EBUSY;
	start = os_clock_ns(OS_CLOCK_MONOTONIC);
	for (u32 i = 0; i < repeat && !err; i++) {
		*retval = (u32)run_prog(slot, run->prog, ctx);
		err = status_error(slot);
	}
	spent = os_clock_ns(OS_CLOCK_MONOTONIC) - start;
	run_leave(slot);
	*duration = (u32)MIN(spent / repeat, (u64)UINT32_MAX);
	return err;
}

int test_ctx_read(const struct test_run *run, void *ctx, u32 size, bool *has)
{
	const struct attr_test_run *a = run->attr;
	int err;

	memset(ctx, 0, size);
	*has = a->ctx_in || a->ctx_out;
	if (!a->ctx_in)
		return 0;
	err = user_tail_is_zero(a->ctx_in, size, a->ctx_size_in);
	return err ? err : user_read(ctx, a->ctx_in, MIN(size, a->ctx_size_in));
}

int test_ctx_answer(const struct test_run *run, const void *ctx, u32 size, bool has)
{
	const struct attr_test_run *a = run->attr;

	if (!has || !a->ctx_out)
		return 0;
	if (user_write(a->ctx_out, ctx, MIN(size, a->ctx_size_out)) ||
	    attr_answer(run->call, attr_test_run, ctx_size_out, size))
		return -EFAULT;
	return a->ctx_size_out < size ? -ENOSPC : 0;
}

int test_answer(const struct test_run *run, const struct test_packet *packet, u32 retval,
		u32 duration)
{
	const struct attr_test_run *a = run->attr;
	u32 size = packet->size + packet->more_size;
	u32 room = a->data_size_out ? MIN(size, a->data_size_out) : size;
	u32 first = room - packet->more_size;

	/* As Linux, the second piece goes before the first: with no room for it there is no answer.
	 */
	if (a->data_out && room < packet->more_size)
		return -ENOSPC;
	if (a->data_out && (user_write(a->data_out, packet->data, first) ||
			    user_write(a->data_out + first, packet->more, packet->more_size)))
		return -EFAULT;
	if (attr_answer(run->call, attr_test_run, data_size_out, size) ||
	    attr_answer(run->call, attr_test_run, retval, retval) ||
	    attr_answer(run->call, attr_test_run, duration, duration))
		return -EFAULT;
	return room < size ? -ENOSPC : 0;
}

/* ---- raw tracepoints: the context is the arguments ---- */

/* As many as the program reads, at most all there can be. */
static bool ctx_size_fits(const struct test_run *run, u32 largest)
{
	u32 size = run->attr->ctx_size_in;

	return size >= run->prog->prog.image->max_ctx_offset && size <= largest;
}

int test_run_raw_tp(const struct test_run *run)
{
	const struct attr_test_run *a = run->attr;
	bool on_cpu = a->flags & BPF_F_TEST_RUN_ON_CPU;
	u64 args[RAW_TP_MAX_ARGS] = { 0 };
	struct run_slot *slot;
	u32 retval;
	int err;

	if (a->data_in || a->data_out || a->ctx_out || a->duration || a->repeat || a->batch_size ||
	    !ctx_size_fits(run, sizeof(args)))
		return -EINVAL;
	/* Linux takes any other flag. */
	if (!on_cpu && a->cpu)
		return -EINVAL;
	if (user_read(args, a->ctx_in, a->ctx_size_in))
		return -EFAULT;
	if (a->cpu >= run->skep->cpus)
		return -ENXIO;
	slot = on_cpu ? run_enter_on(run->skep, a->cpu) : run_enter(run->skep, NULL);
	if (!slot)
		return -EBUSY;
	retval = (u32)run_prog(slot, run->prog, args);
	err = status_error(slot);
	run_leave(slot);
	return err ? err : attr_answer(run->call, attr_test_run, retval, retval);
}

/* ---- syscall and custom programs: the context is the client's buffer, and goes back ---- */

static int run_on_buffer(const struct test_run *run, u32 size)
{
	const struct attr_test_run *a = run->attr;
	void *ctx = calloc(1, MAX(size, a->ctx_size_in));
	u32 retval, duration;
	int err;

	if (!ctx)
		return -ENOMEM;
	err = user_read(ctx, a->ctx_in, a->ctx_size_in);
	if (!err)
		err = test_repeat(run, ctx, &retval, &duration);
	if (!err)
		err = attr_answer(run->call, attr_test_run, retval, retval);
	if (!err)
		err = user_write(a->ctx_in, ctx, a->ctx_size_in);
	free(ctx);
	return err;
}

int test_run_syscall(const struct test_run *run)
{
	const struct attr_test_run *a = run->attr;

	if (a->data_in || a->data_out || a->ctx_out || a->duration || a->repeat || a->flags ||
	    a->batch_size || !ctx_size_fits(run, SYSCALL_MAX_CTX))
		return -EINVAL;
	/* A program that this one tail calls may touch more of the context than it does itself. */
	return run_on_buffer(run, SYSCALL_MAX_CTX);
}

/* Pointers in a context are the embedder's to give: not by this way. */
static bool has_pointers(const struct ctx_layout *layout)
{
	for (u32 i = 0; i < layout->n_fields; i++)
		if (layout->fields[i].kind != FIELD_SCALAR)
			return true;
	return false;
}

int test_run_custom(const struct test_run *run)
{
	const struct attr_test_run *a = run->attr;
	const struct ctx_layout *layout = run->prog->ctx;

	if (a->data_in || a->data_out || a->ctx_out || a->duration || a->flags || a->batch_size ||
	    a->ctx_size_in != layout->size || has_pointers(layout))
		return -EINVAL;
	return run_on_buffer(run, layout->size);
}

/* ---- the command ---- */

static test_run_fn test_run_of(u32 prog_type)
{
	switch (prog_type) {
	case BPF_PROG_TYPE_SOCKET_FILTER:
	case BPF_PROG_TYPE_SCHED_CLS:
	case BPF_PROG_TYPE_SCHED_ACT:
		return test_run_skb;
	case BPF_PROG_TYPE_XDP:
		return test_run_xdp;
	case BPF_PROG_TYPE_RAW_TRACEPOINT:
		return test_run_raw_tp;
	case BPF_PROG_TYPE_SYSCALL:
		return test_run_syscall;
	case PROG_TYPE_CUSTOM:
		return test_run_custom;
	default:
		return NULL;
	}
}

bool prog_type_has_test_run(u32 prog_type)
{
	return test_run_of(prog_type);
}

int cmd_test_run(struct skep *skep, struct bpf_call *call)
{
	const struct attr_test_run *a = &call->attr.test;
	struct test_run run = { .skep = skep, .call = call, .attr = a };
	test_run_fn fn;
	int err;

	if (skep->verify_only)
		return -ENOTSUPP;
	if (!a->ctx_size_in != !a->ctx_in || !a->ctx_size_out != !a->ctx_out)
		return -EINVAL;
	run.prog = prog_from_fd(skep, (int)a->prog_fd, &err);
	if (!run.prog)
		return err;
	fn = test_run_of(run.prog->prog.type);
	err = fn ? fn(&run) : -ENOTSUPP;
	object_put(&run.prog->base);
	return err;
}
