/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding out who a thread is costs system calls, on top of a stop that costs some as well:
 *	- ids of process and thread never change;
 *	- user and group ids change only by calls that the tracer watches for (creds_stale);
 *	- the name may be changed by any thread of the process: it is read each time, through a
 *	  descriptor that stays open;
 *	- the rest of task_struct is read when some program can look at it, at most every
 *	  FACTS_AGE_NS: a parent that died since may still be shown.
 *
 * A task stands at one address, whoever points to it, so programs may compare. Hence one table
 * for all that can be reached: a traced thread refers to its leader and its parent, the parent
 * to its own, up to what /proc does not show; who is referred to by nobody is forgotten.
 */
#define _GNU_SOURCE
#include "hooks/syscall/task.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "hooks/syscall/internal.h"
#include "kernel/task_facts.h"

#define FACTS_AGE_NS 100000000u

struct task {
	struct task *next; /* in its bucket */
	u32 tid, refs;
	struct proc_facts known;
	u64 read_at; /* when known was read; 0: never, or it is out of date */
	int comm_fd; /* -1: not open */
	struct kernel_task *present;
	struct task *parent, *leader; /* referred to; NULL: none, or itself */
};

static u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000000u + (u64)ts.tv_nsec;
}

/* ---- the table ---- */

static struct task **slot_of(struct task_table *table, u32 tid)
{
	struct task **at = &table->buckets[tid % TASK_BUCKETS];

	while (*at && (*at)->tid != tid)
		at = &(*at)->next;
	return at;
}

/* One more reference to it; NULL without memory. */
static struct task *task_get(struct task_table *table, u32 tid)
{
	struct task **at = slot_of(table, tid);
	struct task *task = *at;

	if (!task) {
		task = calloc(1, sizeof(*task));
		if (!task)
			return NULL;
		task->tid = tid;
		task->comm_fd = -1;
		*at = task;
	}
	task->refs++;
	return task;
}

static void task_put(struct task_table *table, struct task *task, struct kernel_arena *arena)
{
	while (task && --task->refs == 0) {
		struct task *parent = task->parent;

		*slot_of(table, task->tid) = task->next;
		if (task->leader)
			task_put(table, task->leader, arena);
		if (task->comm_fd >= 0)
			close(task->comm_fd);
		if (task->present)
			kernel_task_free(arena, task->present);
		free(task);
		task = parent;
	}
}

void task_table_release(struct task_table *table)
{
	for (u32 i = 0; i < TASK_BUCKETS; i++)
		while (table->buckets[i]) {
			struct task *task = table->buckets[i];

			table->buckets[i] = task->next;
			if (task->comm_fd >= 0)
				close(task->comm_fd);
			free(task);
		}
}

/* Makes *link refer to that thread, 0: to none. */
static void refer(struct task_table *table, struct task **link, u32 tid, struct kernel_arena *arena)
{
	struct task *old = *link;

	if (old && old->tid == tid)
		return;
	*link = tid ? task_get(table, tid) : NULL;
	task_put(table, old, arena);
}

static struct task *task_of(struct task_table *table, struct tracee *tracee)
{
	struct task *task = tracee->data;

	if (!task) {
		task = task_get(table, (u32)tracee->tid);
		tracee->data = task;
	}
	return task;
}

/* ---- what is known ---- */

static void load_comm(struct task *task)
{
	char *comm = task->known.facts.info.comm, path[64], text[32];
	ssize_t n = -1;

	if (task->comm_fd < 0) {
		snprintf(path, sizeof(path), "/proc/%u/comm", task->tid);
		task->comm_fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	if (task->comm_fd >= 0)
		n = pread(task->comm_fd, text, sizeof(text) - 1, 0);
	memset(comm, 0, 16);
	if (n <= 0)
		return;
	text[n] = 0;
	text[strcspn(text, "\n")] = 0;
	snprintf(comm, 16, "%.15s", text);
}

/* Its place in the arena, which it keeps; false when there is none left. */
static bool has_place(struct task *task, struct kernel_arena *arena)
{
	if (!task->present)
		task->present = kernel_task_alloc(arena);
	return task->present;
}

static u64 address_of(struct task *task, struct kernel_arena *arena)
{
	return has_place(task, arena) ? kernel_address(arena, &task->present->task) : 0;
}

/* Reads a task, refers to its leader and parent, and presents it. */
static void read_task(struct task_table *table, struct task *task, struct kernel_arena *arena,
		      u64 now)
{
	struct kernel_task_facts *facts = &task->known.facts;
	u32 tgid;

	task->read_at = now;
	/* One that is gone stays as it was, until who refers to it is read again. */
	proc_read_facts(task->tid, &task->known);
	tgid = facts->info.tgid;
	refer(table, &task->leader, tgid != task->tid ? tgid : 0, arena);
	refer(table, &task->parent, facts->ppid, arena);
	facts->leader_addr = task->leader ? address_of(task->leader, arena) : 0;
	facts->parent_addr = task->parent  ? address_of(task->parent, arena)
			     : facts->ppid ? 0
					   : kernel_idle_task(arena);
	if (has_place(task, arena))
		facts->info.task_addr = kernel_task_fill(arena, task->present, facts);
}

static bool is_stale(const struct task *task, u64 now)
{
	return !task->read_at || now - task->read_at >= FACTS_AGE_NS;
}

/* Reads what is out of date of a task and of all that it leads to. */
static void refresh(struct task_table *table, struct task *task, struct kernel_arena *arena)
{
	u64 now = now_ns();

	if (!is_stale(task, now))
		return;
	read_task(table, task, arena, now);
	if (task->leader && is_stale(task->leader, now))
		read_task(table, task->leader, arena, now);
	for (task = task->parent; task && is_stale(task, now); task = task->parent)
		read_task(table, task, arena, now);
}

void task_load(struct task_table *table, struct tracee *tracee, struct kernel_arena *arena,
	       struct task_info *info)
{
	struct task *task = task_of(table, tracee);

	*info = (struct task_info){ .pid = (u32)tracee->tid, .tgid = (u32)tracee->tgid };
	if (!task)
		return;
	if (tracee->creds_stale && !proc_read_ids(task->tid, &task->known)) {
		tracee->creds_stale = false;
		task->read_at = 0;
	}
	if (arena)
		refresh(table, task, arena);
	task->known.facts.info.pid = (u32)tracee->tid;
	task->known.facts.info.tgid = (u32)tracee->tgid;
	load_comm(task);
	if (arena && task->present) {
		memcpy(task->present->task.comm, task->known.facts.info.comm, 16);
		task->present->task.__state = 0; /* it runs, for all that it can know */
	}
	*info = task->known.facts.info;
}

u64 task_present_regs(struct task_table *table, struct tracee *tracee, struct kernel_arena *arena)
{
	struct task *task = task_of(table, tracee);

	if (!task || !arena || !has_place(task, arena) ||
	    tracee_regs(tracee, &task->present->regs, sizeof(task->present->regs)) < 0)
		return 0;
	return kernel_address(arena, &task->present->regs);
}

void task_changed(struct tracee *tracee)
{
	struct task *task = tracee->data;

	if (task)
		task->read_at = 0;
}

void task_forget(struct task_table *table, struct tracee *tracee, struct kernel_arena *arena)
{
	struct task *task = tracee->data;

	tracee->data = NULL;
	if (task)
		task->read_at = 0;
	task_put(table, task, arena);
}
