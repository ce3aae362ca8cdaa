/* SPDX-License-Identifier: Apache-2.0 */
/* Timers and work queues: thin fronts of whoever calls functions of programs later. */
#include "btf/record.h"
#include "helpers/helpers.h"
#include "helpers/kfuncs.h"

static void *ptr(u64 r)
{
	return (void *)(uintptr_t)r;
}

u64 helper_timer_init(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	return rc->async ? (u64)rc->async->init(rc, ptr(r2), ptr(r1), SPECIAL_TIMER, r3)
			 : (u64)-EOPNOTSUPP;
}

u64 helper_timer_set_callback(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	return rc->async ? (u64)rc->async->set_callback(rc, ptr(r1), r2) : (u64)-EOPNOTSUPP;
}

u64 helper_timer_start(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	return rc->async ? (u64)rc->async->start(rc, ptr(r1), r2, r3) : (u64)-EOPNOTSUPP;
}

u64 helper_timer_cancel(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	return rc->async ? (u64)rc->async->cancel(rc, ptr(r1)) : (u64)-EOPNOTSUPP;
}

u64 kfunc_run_bpf_wq_init(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	return rc->async ? (u64)rc->async->init(rc, ptr(r2), ptr(r1), SPECIAL_WORKQUEUE, (u32)r3)
			 : (u64)-EOPNOTSUPP;
}

u64 kfunc_run_bpf_wq_set_callback_impl(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	if ((u32)r3)
		return (u64)-EINVAL;
	return rc->async ? (u64)rc->async->set_callback(rc, ptr(r1), r2) : (u64)-EOPNOTSUPP;
}

u64 kfunc_run_bpf_wq_start(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	return rc->async ? (u64)rc->async->start(rc, ptr(r1), 0, (u32)r2) : (u64)-EOPNOTSUPP;
}
