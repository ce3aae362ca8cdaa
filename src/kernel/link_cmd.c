/* SPDX-License-Identifier: Apache-2.0 */
/* Links and events: from a client's request to a hook (attach.h). */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "kernel/commands.h"
#include "kernel/core.h"
#include "kernel/info_abi.h"

/* Newer than some systems' <linux/bpf.h>. */
#define AT_STRUCT_OPS     44
#define AT_TCX_INGRESS    46
#define AT_TCX_EGRESS     47
#define AT_UPROBE_MULTI   48
#define AT_NETKIT_PRIMARY 54
#define AT_NETKIT_PEER    55
#define AT_KPROBE_SESSION 56
#define AT_UPROBE_SESSION 57

/* ---- links ---- */

static void link_detach_once(struct link_object *link)
{
	bool attached;

	pthread_mutex_lock(&link->lock);
	attached = link->attached;
	link->attached = false;
	pthread_mutex_unlock(&link->lock);
	if (attached)
		link->ops->detach(link);
}

static void link_destroy(struct object *object)
{
	struct link_object *link = CONTAINER_OF(object, struct link_object, base);

	link_detach_once(link);
	object_put(&link->prog->base);
	pthread_mutex_destroy(&link->lock);
	free(link);
}

static const struct registered_attacher *find_attacher(struct skep *skep, u32 prog_type,
						       const struct attach_target *target)
{
	const struct registered_attacher *found = NULL;

	pthread_mutex_lock(&skep->lock);
	for (size_t i = 0; i < skep->attachers.len && !found; i++) {
		const struct registered_attacher *r = &skep->attachers.data[i];
		const struct attacher *a = r->attacher;

		if (a->via == target->via && a->prog_type == prog_type &&
		    (a->attach_type < 0 || (u32)a->attach_type == target->attach_type) &&
		    (!a->knows || a->knows(r->data, target)))
			found = r;
	}
	pthread_mutex_unlock(&skep->lock);
	return found;
}

int link_attach(struct skep *skep, struct prog_object *prog, const struct attach_target *target)
{
	const struct registered_attacher *r = find_attacher(skep, prog->prog.type, target);
	struct link_object *link;
	int err;

	if (skep->verify_only)
		return -ENOTSUPP;
	if (!r)
		return -ENOENT;
	link = calloc(1, sizeof(*link));
	if (!link)
		return -ENOMEM;
	err = object_init(skep, &link->base, OBJECT_LINK, "bpf-link", -1);
	if (err)
		goto fail;
	link->base.destroy = link_destroy;
	link->type = r->attacher->link_type;
	link->attach_type = target->attach_type;
	link->cookie = target->cookie;
	str_copy(link->target, target->name, sizeof(link->target));
	link->prog = prog;
	pthread_mutex_init(&link->lock, NULL);
	err = r->attacher->attach(r->data, link, target);
	if (err)
		goto fail_attach;
	link->attached = true;
	object_get(&prog->base);
	return object_publish(&link->base, O_RDWR);

fail_attach:
	pthread_mutex_destroy(&link->lock);
	object_discard(&link->base);
fail:
	free(link);
	return err;
}

int skep_register_attacher(struct skep *skep, const struct attacher *attacher, void *data)
{
	struct registered_attacher r = { attacher, data };
	bool pushed;

	pthread_mutex_lock(&skep->lock);
	pushed = vec_push(&skep->attachers, r);
	pthread_mutex_unlock(&skep->lock);
	return pushed ? 0 : -ENOMEM;
}

int skep_attach(struct skep *skep, int prog_fd, const struct attach_target *target)
{
	struct prog_object *prog;
	int err;

	prog = prog_from_fd(skep, prog_fd, &err);
	if (!prog)
		return err;
	err = link_attach(skep, prog, target);
	object_put(&prog->base);
	return err;
}

/* A name for the client: all of it with its 0, or its beginning and -ENOSPC. */
static int give_target(const char *name, u64 user, u32 *len)
{
	u32 size = (u32)strlen(name) + 1, room = *len;

	if (!user != !room)
		return -EINVAL;
	*len = size;
	if (!user)
		return 0;
	if (user_write(user, name, MIN(room, size)))
		return -EFAULT;
	if (room >= size)
		return 0;
	return user_write(user + room - 1, "", 1) ? -EFAULT : -ENOSPC;
}

int link_fill_info(const struct link_object *link, struct abi_link_info *info)
{
	const char *name = link->target;

	switch (link->type) {
	case BPF_LINK_TYPE_RAW_TRACEPOINT:
		info->raw_tracepoint.cookie = link->cookie;
		return give_target(name, info->raw_tracepoint.tp_name,
				   &info->raw_tracepoint.tp_name_len);
	case BPF_LINK_TYPE_PERF_EVENT:
		/* "syscalls/sys_enter_openat": Linux knows the event by the second part. */
		name = strrchr(name, '/') ? strrchr(name, '/') + 1 : name;
		info->perf_event.type = ABI_PERF_EVENT_TRACEPOINT;
		info->perf_event.tracepoint.cookie = link->cookie;
		return give_target(name, info->perf_event.tracepoint.name,
				   &info->perf_event.tracepoint.name_len);
	default:
		return 0;
	}
}

/* ---- events ---- */

static void event_destroy(struct object *object)
{
	free(CONTAINER_OF(object, struct event_object, base));
}

int skep_event_create(struct skep *skep, const char *target, u64 cookie)
{
	struct event_object *event = calloc(1, sizeof(*event));
	int err;

	if (!event)
		return -ENOMEM;
	err = object_init(skep, &event->base, OBJECT_EVENT, "[perf_event]", -1);
	if (err) {
		free(event);
		return err;
	}
	event->base.destroy = event_destroy;
	event->cookie = cookie;
	str_copy(event->target, target, sizeof(event->target));
	return object_publish(&event->base, O_RDWR);
}

/* ---- LINK_CREATE and RAW_TRACEPOINT_OPEN ---- */

static int attach_to_event(struct skep *skep, struct prog_object *prog,
			   const struct attr_link_create *a)
{
	struct attach_target target = { .via = ATTACH_VIA_EVENT,
					.attach_type = a->attach_type,
					.target_fd = a->target_fd,
					.attr = a };
	struct event_object *event;
	int err;

	if (a->flags)
		return -EINVAL;
	event = (struct event_object *)object_of_kind(skep, (int)a->target_fd, OBJECT_EVENT, &err);
	if (!event)
		return -EBADF;
	target.name = event->target;
	target.cookie = a->perf_event_cookie ? a->perf_event_cookie : event->cookie;
	err = link_attach(skep, prog, &target);
	object_put(&event->base);
	return err == -ENOENT ? -EINVAL : err;
}

static int attach_by_number(struct skep *skep, struct prog_object *prog,
			    const struct attr_link_create *a, int unsupported)
{
	struct attach_target target = { .via = ATTACH_VIA_LINK,
					.name = "",
					.flags = a->flags,
					.attach_type = a->attach_type,
					.target_fd = a->target_fd,
					.attr = a };
	int err = link_attach(skep, prog, &target);

	return err == -ENOENT ? unsupported : err;
}

static int device_error(u32 ifindex, int there)
{
	return device_exists(ifindex) ? there : -ENODEV;
}

static bool is_kernel_multi(u32 attach_type)
{
	return attach_type == BPF_TRACE_KPROBE_MULTI || attach_type == AT_KPROBE_SESSION;
}

static bool is_multi(u32 attach_type)
{
	return is_kernel_multi(attach_type) || attach_type == AT_UPROBE_MULTI ||
	       attach_type == AT_UPROBE_SESSION;
}

/* How a type of program is attached by LINK_CREATE; the last value is Linux's errno when it is
 * built without that kind of hook. */
static int attach_by_type(struct skep *skep, struct prog_object *prog,
			  const struct attr_link_create *a)
{
	u32 expected = prog->prog.attach_type;

	switch (prog->prog.type) {
	case BPF_PROG_TYPE_PERF_EVENT:
	case BPF_PROG_TYPE_TRACEPOINT:
		return a->attach_type == BPF_PERF_EVENT ? attach_to_event(skep, prog, a) : -EINVAL;
	case BPF_PROG_TYPE_KPROBE:
		if (is_kernel_multi(a->attach_type))
			return -EOPNOTSUPP;
		if (is_multi(expected) || is_multi(a->attach_type))
			return expected == a->attach_type
				   ? attach_by_number(skep, prog, a, -EOPNOTSUPP)
				   : -EINVAL;
		return a->attach_type == BPF_PERF_EVENT ? attach_to_event(skep, prog, a) : -EINVAL;
	case BPF_PROG_TYPE_XDP:
		return a->attach_type == BPF_XDP ? attach_by_number(skep, prog, a, -EOPNOTSUPP)
						 : -EINVAL;
	case BPF_PROG_TYPE_SCHED_CLS:
		if ((a->attach_type < AT_TCX_INGRESS || a->attach_type > AT_TCX_EGRESS) &&
		    (a->attach_type < AT_NETKIT_PRIMARY || a->attach_type > AT_NETKIT_PEER))
			return -EINVAL;
		return attach_by_number(skep, prog, a,
					a->attach_type > AT_TCX_EGRESS
					    ? -EINVAL
					    : device_error(a->target_fd, -EOPNOTSUPP));
	default:
		return -EINVAL;
	}
}

int cmd_link_create(struct skep *skep, struct bpf_call *call)
{
	const struct attr_link_create *a = &call->attr.link_create;
	struct prog_object *prog;
	struct map_object *mo;
	int err;

	if (a->attach_type == AT_STRUCT_OPS) {
		mo = map_from_fd(skep, (int)a->prog_fd, &err);
		if (!mo)
			return err;
		object_put(&mo->base);
		return -EINVAL; /* no map is one of struct_ops */
	}
	prog = prog_from_fd(skep, (int)a->prog_fd, &err);
	if (!prog)
		return err;
	err = attach_by_type(skep, prog, a);
	object_put(&prog->base);
	return err;
}

int cmd_raw_tracepoint(struct skep *skep, struct bpf_call *call)
{
	const struct attr_raw_tracepoint *a = &call->attr.raw_tracepoint;
	struct attach_target target = { .via = ATTACH_VIA_RAW_TRACEPOINT, .cookie = a->cookie };
	struct prog_object *prog;
	char name[128];
	int err;

	prog = prog_from_fd(skep, (int)a->prog_fd, &err);
	if (!prog)
		return err;
	target.name = name;
	if (prog->prog.type != BPF_PROG_TYPE_RAW_TRACEPOINT &&
	    prog->prog.type != BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE)
		err = -EINVAL;
	else if (user_read_string(name, a->name, sizeof(name)))
		err = -EFAULT;
	else
		err = link_attach(skep, prog, &target);
	object_put(&prog->base);
	return err;
}

/* ---- LINK_UPDATE and LINK_DETACH ---- */

/* Linux neither exchanges nor detaches tracing links before their last close. */
static bool is_tracing(const struct link_object *link)
{
	return link->type == BPF_LINK_TYPE_RAW_TRACEPOINT || link->type == BPF_LINK_TYPE_PERF_EVENT;
}

static int exchange_prog(struct link_object *link, struct prog_object *prog,
			 const struct prog_object *expected)
{
	struct prog_object *old = NULL;
	int err = -EINVAL;

	pthread_mutex_lock(&link->lock);
	if (is_tracing(link) || !link->ops->update || prog->prog.type != link->prog->prog.type)
		goto out;
	err = expected && link->prog != expected ? -EPERM : -ENOLINK;
	if (err == -EPERM || !link->attached)
		goto out;
	err = link->ops->update(link, prog);
	if (err)
		goto out;
	old = link->prog;
	link->prog = prog;
	object_get(&prog->base);
out:
	pthread_mutex_unlock(&link->lock);
	if (old)
		object_put(&old->base);
	return err;
}

int cmd_link_update(struct skep *skep, struct bpf_call *call)
{
	const struct attr_link_update *a = &call->attr.link_update;
	struct prog_object *prog = NULL, *old = NULL;
	struct link_object *link;
	int err;

	if (a->flags & ~(u32)BPF_F_REPLACE)
		return -EINVAL;
	link = link_from_fd(skep, (int)a->link_fd, &err);
	if (!link)
		return err;
	prog = prog_from_fd(skep, (int)a->new_prog_fd, &err);
	if (!prog)
		goto out;
	if (a->flags & BPF_F_REPLACE) {
		old = prog_from_fd(skep, (int)a->old_prog_fd, &err);
		if (!old)
			goto out;
	} else if (a->old_prog_fd) {
		err = -EINVAL;
		goto out;
	}
	err = exchange_prog(link, prog, old);
out:
	if (old)
		object_put(&old->base);
	if (prog)
		object_put(&prog->base);
	object_put(&link->base);
	return err;
}

int cmd_link_detach(struct skep *skep, struct bpf_call *call)
{
	struct link_object *link;
	int err;

	link = link_from_fd(skep, (int)call->attr.link_detach.link_fd, &err);
	if (!link)
		return err;
	err = is_tracing(link) ? -EOPNOTSUPP : 0;
	if (!err)
		link_detach_once(link);
	object_put(&link->base);
	return err;
}

/* ---- PROG_ATTACH, PROG_DETACH, PROG_QUERY ---- */

/*
 * Where programs of an attach type go. Nothing can be attached there by these commands yet;
 * the kind of place decides how Linux says that the target is not one.
 */
enum place {
	PLACE_NONE,    /* not for these commands */
	PLACE_OTHER,   /* the program is looked at, the target never */
	PLACE_CGROUP,  /* target: a cgroup's fd, so never one of ours */
	PLACE_LSM,     /* the same, but cannot be queried */
	PLACE_SOCKMAP, /* target: a map of sockets */
	PLACE_NETNS,   /* target: a network namespace, to be queried */
	PLACE_DEVICE,  /* target: a network device */
};

static const u8 places[] = {
	[0 ... 3] = PLACE_CGROUP,   [4 ... 5] = PLACE_SOCKMAP,  [6] = PLACE_CGROUP,
	[7] = PLACE_SOCKMAP,        [8 ... 15] = PLACE_CGROUP,  [16] = PLACE_OTHER,
	[17] = PLACE_NETNS,         [18 ... 22] = PLACE_CGROUP, [23 ... 26] = PLACE_OTHER,
	[27] = PLACE_LSM,           [28] = PLACE_OTHER,         [29 ... 32] = PLACE_CGROUP,
	[34] = PLACE_CGROUP,        [36] = PLACE_NETNS,         [37] = PLACE_OTHER,
	[38] = PLACE_SOCKMAP,       [43] = PLACE_CGROUP,        [46 ... 47] = PLACE_DEVICE,
	[49 ... 53] = PLACE_CGROUP, [54 ... 55] = PLACE_OTHER,
};

/* BPF_F_REPLACE, BPF_F_BEFORE, BPF_F_AFTER, BPF_F_ID, BPF_F_LINK */
#define MPROG_FLAGS 0x7cu

static enum place place_of(u32 attach_type)
{
	return attach_type < ARRAY_SIZE(places) ? places[attach_type] : PLACE_NONE;
}

/* The fd should be a map's, and then one of a type that Skep does not have. */
static int sockmap_error(struct skep *skep, u32 fd)
{
	struct map_object *mo;
	int err;

	mo = map_from_fd(skep, (int)fd, &err);
	if (!mo)
		return err;
	object_put(&mo->base);
	return -EOPNOTSUPP;
}

int cmd_prog_attach(struct skep *skep, struct bpf_call *call)
{
	const struct attr_prog_attach *a = &call->attr.attach;
	enum place place = place_of(a->attach_type);
	struct prog_object *prog;
	int err;

	if (place == PLACE_NONE || (place == PLACE_DEVICE && (a->attach_flags & ~MPROG_FLAGS)))
		return -EINVAL;
	prog = prog_from_fd(skep, (int)a->attach_bpf_fd, &err);
	if (!prog)
		return err;
	err = place == PLACE_DEVICE && prog->prog.type == BPF_PROG_TYPE_SCHED_CLS
		  ? device_error(a->target_fd, -EOPNOTSUPP)
		  : -EINVAL;
	object_put(&prog->base);
	return err;
}

/* A program may be named, but none is attached to any device. */
static int detach_from_device(struct skep *skep, const struct attr_prog_attach *a)
{
	struct prog_object *prog;
	bool fits;
	int err;

	if (a->attach_flags & ~MPROG_FLAGS)
		return -EINVAL;
	if (a->attach_bpf_fd) {
		prog = prog_from_fd(skep, (int)a->attach_bpf_fd, &err);
		if (!prog)
			return err;
		fits = prog->prog.type == BPF_PROG_TYPE_SCHED_CLS;
		object_put(&prog->base);
		if (!fits)
			return -EINVAL;
	}
	return device_error(a->target_fd, -ENOENT);
}

int cmd_prog_detach(struct skep *skep, struct bpf_call *call)
{
	const struct attr_prog_attach *a = &call->attr.attach;

	switch (place_of(a->attach_type)) {
	case PLACE_CGROUP:
	case PLACE_LSM:
		return -EBADF;
	case PLACE_SOCKMAP:
		return sockmap_error(skep, a->target_fd);
	case PLACE_DEVICE:
		return detach_from_device(skep, a);
	default:
		return -EINVAL;
	}
}

/* No program is attached to the device. */
static int query_device(const struct bpf_call *call)
{
	u32 none = 0;
	u64 first = 1;
	int err = device_error(call->attr.query.target_fd, 0);

	if (err)
		return err;
	if (call->attr.query.query_flags || call->attr.query.attach_flags)
		return -EINVAL;
	if (attr_answer(call, attr_prog_query, attach_flags, none) ||
	    attr_answer(call, attr_prog_query, revision, first) ||
	    attr_answer(call, attr_prog_query, prog_cnt, none))
		return -EFAULT;
	return 0;
}

int cmd_prog_query(struct skep *skep, struct bpf_call *call)
{
	const struct attr_prog_query *a = &call->attr.query;

	if (a->query_flags & ~(u32)BPF_F_QUERY_EFFECTIVE)
		return -EINVAL;
	switch (place_of(a->attach_type)) {
	case PLACE_CGROUP:
		return -EBADF;
	case PLACE_SOCKMAP:
		return sockmap_error(skep, a->target_fd);
	case PLACE_NETNS:
		return fcntl((int)a->target_fd, F_GETFD) < 0 ? -EBADF : -EINVAL;
	case PLACE_DEVICE:
		return query_device(call);
	default:
		return -EINVAL;
	}
}
