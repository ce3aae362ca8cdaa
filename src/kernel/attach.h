/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table by which commands find hooks. A hook registers attachers; LINK_CREATE,
 * RAW_TRACEPOINT_OPEN and attaching to an event find one by how the client asks, the
 * program's type and the target, and make a link for it.
 *
 * Targets are names: "sys_enter" of RAW_TRACEPOINT_OPEN, "syscalls/sys_enter_openat" of a
 * tracepoint event. A target given by number (an ifindex, a cgroup fd) is in target_fd.
 */
#ifndef SKEP_KERNEL_ATTACH_H
#define SKEP_KERNEL_ATTACH_H

#include "kernel/kernel.h"

enum attach_via {
	ATTACH_VIA_RAW_TRACEPOINT, /* RAW_TRACEPOINT_OPEN; LINK_CREATE of BPF_TRACE_RAW_TP */
	ATTACH_VIA_EVENT,          /* LINK_CREATE with BPF_PERF_EVENT on an event's fd */
	ATTACH_VIA_LINK,           /* any other LINK_CREATE */
};

struct attach_target {
	enum attach_via via;
	const char *name; /* "" when the target is not named */
	u32 attach_type;
	u32 target_fd; /* or ifindex: the union of LINK_CREATE */
	u32 flags;
	u64 cookie;
	const struct attr_link_create *attr; /* of LINK_CREATE, for what is not above; or NULL */
};

struct attacher {
	const char *name; /* for STATUS.md: "tracepoint/syscalls" */
	enum attach_via via;
	u32 prog_type;
	s32 attach_type; /* -1: any */
	u32 link_type;   /* enum bpf_link_type of the links made */
	/* Is the target one of ours? NULL: all are. */
	bool (*knows)(void *data, const struct attach_target *target);
	/*
	 * Attaches link->prog to the target; sets link->ops and link->hook. 0 or -errno, and then
	 * nothing is left attached. link->ops->detach is called exactly once after success: by
	 * LINK_DETACH, or when the link's last reference goes. No kernel lock is held.
	 */
	int (*attach)(void *data, struct link_object *link, const struct attach_target *target);
};

/* attacher and data stay valid until skep_free. 0 or -ENOMEM. */
int skep_register_attacher(struct skep *skep, const struct attacher *attacher, void *data);

/*
 * Events: what perf_event_open gives clients of tracepoints and uprobes. An event is an
 * object without an id whose fd LINK_CREATE takes as target_fd. Returns the fd or -errno.
 */
int skep_event_create(struct skep *skep, const char *target, u64 cookie);

/*
 * Attaches a program by fd without going through an attr: what tools of the same process use.
 * Returns a link's fd or -errno (-ENOENT: no hook knows the target).
 */
int skep_attach(struct skep *skep, int prog_fd, const struct attach_target *target);

/*
 * Destroys objects whose last fd was closed, and so detaches links of dead loaders. Commands do
 * it by themselves; an event loop calls it when skep_close_fd() is readable, and once more some
 * milliseconds later: Linux reports a close a moment before it is through.
 */
void skep_sweep(struct skep *skep);
/* Readable when some handle was closed since the last sweep; -1 when the system offers none. */
int skep_close_fd(struct skep *skep);

#endif
