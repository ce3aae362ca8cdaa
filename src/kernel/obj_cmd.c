/* SPDX-License-Identifier: Apache-2.0 */
/* Ids and what else is the same for all kinds of objects. */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/commands.h"
#include "kernel/core.h"

#define F_TOKEN_FD (1u << 16)

/* ---- GET_NEXT_ID ---- */

static int next_id(struct skep *skep, struct bpf_call *call, enum object_kind kind)
{
	u32 start = call->attr.get_id.id, next;

	if (start >= INT_MAX)
		return -EINVAL;
	next = object_next_id(skep, kind, start);
	if (!next)
		return -ENOENT;
	return attr_answer(call, attr_get_id, next_id, next);
}

int cmd_prog_next_id(struct skep *skep, struct bpf_call *call)
{
	return next_id(skep, call, OBJECT_PROG);
}

int cmd_map_next_id(struct skep *skep, struct bpf_call *call)
{
	return next_id(skep, call, OBJECT_MAP);
}

int cmd_btf_next_id(struct skep *skep, struct bpf_call *call)
{
	return next_id(skep, call, OBJECT_BTF);
}

int cmd_link_next_id(struct skep *skep, struct bpf_call *call)
{
	return next_id(skep, call, OBJECT_LINK);
}

/* ---- GET_FD_BY_ID ---- */

static int fd_by_id(struct skep *skep, struct bpf_call *call, enum object_kind kind, int open_flags)
{
	struct object *object = object_by_id(skep, kind, call->attr.get_id.id);
	int fd;

	if (!object)
		return -ENOENT;
	fd = object_open(object, open_flags);
	object_put(object);
	return fd;
}

int cmd_prog_fd_by_id(struct skep *skep, struct bpf_call *call)
{
	return fd_by_id(skep, call, OBJECT_PROG, O_RDWR);
}

int cmd_map_fd_by_id(struct skep *skep, struct bpf_call *call)
{
	u32 flags = call->attr.get_id.open_flags;
	int open_flags = open_flags_of(flags);

	if ((flags & ~(u32)(BPF_F_RDONLY | BPF_F_WRONLY)) || open_flags < 0)
		return -EINVAL;
	return fd_by_id(skep, call, OBJECT_MAP, open_flags);
}

int cmd_btf_fd_by_id(struct skep *skep, struct bpf_call *call)
{
	if (call->attr.get_id.open_flags & ~F_TOKEN_FD)
		return -EINVAL;
	if (call->attr.get_id.open_flags & F_TOKEN_FD)
		return token_error(call->attr.get_id.token_fd);
	return fd_by_id(skep, call, OBJECT_BTF, O_RDWR);
}

int cmd_link_fd_by_id(struct skep *skep, struct bpf_call *call)
{
	return fd_by_id(skep, call, OBJECT_LINK, O_RDWR);
}

/* ---- ENABLE_STATS: on as long as some fd of it is open ---- */

static void stats_destroy(struct object *object)
{
	fetch_sub_acq_rel(&object->skep->stats_users, 1);
	free(object);
}

int cmd_enable_stats(struct skep *skep, struct bpf_call *call)
{
	struct object *object;
	int err;

	if (call->attr.enable_stats.type != BPF_STATS_RUN_TIME)
		return -EINVAL;
	object = calloc(1, sizeof(*object));
	if (!object)
		return -ENOMEM;
	err = object_init(skep, object, OBJECT_STATS, "bpf-stats", -1);
	if (err) {
		free(object);
		return err;
	}
	object->destroy = stats_destroy;
	fetch_add_acq_rel(&skep->stats_users, 1);
	return object_publish(object, O_RDWR);
}

/* ---- what Skep does not have ---- */

int cmd_iter_create(struct skep *skep, struct bpf_call *call)
{
	struct link_object *link;
	int err;

	if (call->attr.iter_create.flags)
		return -EINVAL;
	link = link_from_fd(skep, (int)call->attr.iter_create.link_fd, &err);
	if (!link)
		return err;
	object_put(&link->base); /* and no link is one of an iterator */
	return -EINVAL;
}

int cmd_token_create(struct skep *skep, struct bpf_call *call)
{
	return call->attr.token_create.flags ? -EINVAL : -EOPNOTSUPP;
}

int cmd_stream_read(struct skep *skep, struct bpf_call *call)
{
	return -EINVAL;
}

/* ---- TASK_FD_QUERY: perf events and raw tracepoints of this process ---- */

static int copy_name(const struct bpf_call *call, const char *name)
{
	const struct attr_task_fd_query *a = &call->attr.task_fd_query;
	u32 len = (u32)strlen(name);
	int err = 0;

	if (attr_answer(call, attr_task_fd_query, buf_len, len))
		return -EFAULT;
	if (!a->buf_len || !a->buf)
		return 0;
	if (a->buf_len < len + 1) {
		err = -ENOSPC;
		len = a->buf_len - 1;
	}
	if (user_write(a->buf, name, len) || user_write(a->buf + len, "", 1))
		return -EFAULT;
	return err;
}

static int answer_link(const struct bpf_call *call, const struct link_object *link)
{
	u32 fd_type = BPF_FD_TYPE_RAW_TRACEPOINT;
	u64 zero = 0;
	int err;

	if (link->type != BPF_LINK_TYPE_RAW_TRACEPOINT)
		return -ENOTSUPP;
	err = copy_name(call, link->target);
	if (err && err != -ENOSPC)
		return err;
	if (attr_answer(call, attr_task_fd_query, prog_id, link->prog->base.id) ||
	    attr_answer(call, attr_task_fd_query, fd_type, fd_type) ||
	    attr_answer(call, attr_task_fd_query, probe_offset, zero) ||
	    attr_answer(call, attr_task_fd_query, probe_addr, zero))
		return -EFAULT;
	return err;
}

int cmd_task_fd_query(struct skep *skep, struct bpf_call *call)
{
	const struct attr_task_fd_query *a = &call->attr.task_fd_query;
	char path[64];
	struct object *object;
	struct stat st;
	int err;

	if (a->flags)
		return -EINVAL;
	snprintf(path, sizeof(path), "/proc/%u", a->pid);
	if ((int)a->pid <= 0 || stat(path, &st))
		return -ENOENT;
	snprintf(path, sizeof(path), "/proc/%u/fd/%u", a->pid, a->fd);
	object = object_by_path(skep, path, &err);
	if (!object)
		return err == -EINVAL ? -ENOTSUPP : -EBADF;
	err = object->kind == OBJECT_LINK
		  ? answer_link(call, CONTAINER_OF(object, struct link_object, base))
		  : -ENOTSUPP;
	object_put(object);
	return err;
}
