/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stacks of the task a program runs for, by frame pointers: at the frame pointer lie the
 * caller's frame pointer and the address to return to. There is no kernel stack to be seen: to
 * ask for one is -EFAULT, as for a task that has none.
 */
#include "helpers/helpers.h"
#include "helpers/probe.h"
#include "maps/map.h"

struct frame {
	u64 next, ret;
};

/* The innermost `max` addresses of the user stack; 0: nobody knows. */
static u32 walk_user(struct run_ctx *rc, u64 *ip, u32 max)
{
	struct frame frame;
	u64 at;
	u32 n;

	if (!max || !rc->world || !rc->world->user_frame || rc->world->user_frame(rc, &ip[0], &at))
		return 0;
	for (n = 1; n < max; n++, at = frame.next) {
		if (probe_user(rc, &frame, sizeof(frame), at))
			break;
		ip[n] = frame.ret;
	}
	return n;
}

/* As many as `depth` behind those to be skipped: how many there are in ip, or -EFAULT. */
static s64 stack_of_task(struct run_ctx *rc, u64 *ip, u32 depth, u64 flags, u32 *skip)
{
	u32 n;

	*skip = flags & BPF_F_SKIP_FIELD_MASK;
	if (!(flags & BPF_F_USER_STACK))
		return -EFAULT;
	n = walk_user(rc, ip, MIN(depth + *skip, (u32)STACK_FRAMES_MAX));
	return n ? (s64)n : -EFAULT;
}

/* (ctx, map, flags) */
u64 helper_get_stackid(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	const u64 known = BPF_F_SKIP_FIELD_MASK | BPF_F_USER_STACK | BPF_F_FAST_STACK_CMP |
			  BPF_F_REUSE_STACKID;
	struct map *map = (struct map *)(uintptr_t)r2;
	u64 ip[STACK_FRAMES_MAX];
	u32 skip;
	s64 n;

	if (r3 & ~known)
		return -EINVAL;
	n = stack_of_task(rc, ip, stack_trace_depth(map), r3, &skip);
	if (n <= (s64)skip)
		return -EFAULT;
	return stack_trace_put(map, ip + skip, (u32)n - skip, r3, rc);
}

static void put_frames(void *buf, const u64 *ip, u32 n, u32 frame_size)
{
	struct bpf_stack_build_id *frames = buf;

	if (frame_size == sizeof(u64)) {
		memcpy(buf, ip, n * sizeof(u64));
		return;
	}
	for (u32 i = 0; i < n; i++)
		frames[i] = (struct bpf_stack_build_id){ .status = BPF_STACK_BUILD_ID_IP, .ip = ip[i] };
}

/* The number of bytes, or -errno. */
static s64 get_stack(struct run_ctx *rc, void *buf, u32 size, u64 flags)
{
	bool build_id = flags & BPF_F_USER_BUILD_ID;
	u32 frame_size = build_id ? (u32)sizeof(struct bpf_stack_build_id) : (u32)sizeof(u64);
	u64 ip[STACK_FRAMES_MAX];
	u32 skip;
	s64 n;

	if (flags & ~(u64)(BPF_F_SKIP_FIELD_MASK | BPF_F_USER_STACK | BPF_F_USER_BUILD_ID) ||
	    (build_id && !(flags & BPF_F_USER_STACK)) || size % frame_size)
		return -EINVAL;
	n = stack_of_task(rc, ip, size / frame_size, flags, &skip);
	if (n < (s64)skip)
		return -EFAULT;
	n = MIN(n - skip, (s64)(size / frame_size));
	put_frames(buf, ip + skip, (u32)n, frame_size);
	memset((u8 *)buf + n * frame_size, 0, size - (u32)n * frame_size);
	return n * frame_size;
}

/* (ctx, buf, size, flags) */
u64 helper_get_stack(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	void *buf = (void *)(uintptr_t)r2;
	s64 n = get_stack(rc, buf, (u32)r3, r4);

	if (n < 0)
		memset(buf, 0, (u32)r3);
	return (u64)n;
}
