/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding out who a thread is costs system calls, on top of a stop that costs some as well. Ids
 * of process and thread never change; user and group ids change only by calls that the
 * tracer watches for (creds_stale); the name may be changed by any thread of the process,
 * so it is read each time, through a descriptor that stays open.
 */
#define _GNU_SOURCE
#include "hooks/syscall/task.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hooks/syscall/internal.h"

struct task_data {
	u32 uid, gid;
	int comm_fd; /* -1: not open */
};

static struct task_data *data_of(struct tracee *tracee)
{
	struct task_data *data = tracee->data;

	if (data)
		return data;
	data = calloc(1, sizeof(*data));
	if (data)
		data->comm_fd = -1;
	tracee->data = data;
	return data;
}

static int open_comm(pid_t tid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)tid);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static void load_comm(struct tracee *tracee, struct task_data *data, char comm[16])
{
	char text[32];
	ssize_t n = -1;

	if (data->comm_fd < 0)
		data->comm_fd = open_comm(tracee->tid);
	if (data->comm_fd >= 0)
		n = pread(data->comm_fd, text, sizeof(text) - 1, 0);
	memset(comm, 0, 16);
	if (n <= 0)
		return;
	text[n] = 0;
	text[strcspn(text, "\n")] = 0;
	snprintf(comm, 16, "%.15s", text);
}

void task_load(struct tracee *tracee, struct task_info *task)
{
	struct task_data *data = data_of(tracee);

	*task = (struct task_info){ .pid = (u32)tracee->tid, .tgid = (u32)tracee->tgid };
	if (!data)
		return;
	if (tracee->creds_stale) {
		data->uid = (u32)proc_status(tracee->tid, "Uid", 10);
		data->gid = (u32)proc_status(tracee->tid, "Gid", 10);
		tracee->creds_stale = false;
	}
	task->uid = data->uid;
	task->gid = data->gid;
	load_comm(tracee, data, task->comm);
}

u64 task_present_regs(struct tracee *tracee)
{
	return 0;
}

void task_forget(struct tracee *tracee)
{
	struct task_data *data = tracee->data;

	if (data && data->comm_fd >= 0)
		close(data->comm_fd);
	free(data);
	tracee->data = NULL;
}
