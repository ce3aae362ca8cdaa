/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding out who a thread is costs system calls, on top of a stop that costs some as well:
 *	- ids of process and thread never change;
 *	- user and group ids change only by calls that the tracer watches for (creds_stale);
 *	- the name may be changed by any thread of the process: it is read each time, through a
 *	  descriptor that stays open;
 *	- the rest of task_struct is read when some program can look at it, at most every
 *	  FACTS_AGE_NS: a parent that died since may still be shown.
 */
#define _GNU_SOURCE
#include "hooks/syscall/task.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "hooks/syscall/internal.h"

#define FACTS_AGE_NS 100000000u

struct task_data {
	struct kernel_task_facts facts;
	char exe_name[256];
	u64 facts_time; /* when the slow ones were read; 0: never */
	int comm_fd;    /* -1: not open */
	struct kernel_task *present;
};

static struct task_data *data_of(struct tracee *tracee)
{
	struct task_data *data = tracee->data;

	if (data)
		return data;
	data = calloc(1, sizeof(*data));
	if (!data)
		return NULL;
	data->comm_fd = -1;
	data->facts.info.pid = (u32)tracee->tid;
	data->facts.info.tgid = (u32)tracee->tgid;
	tracee->data = data;
	return data;
}

static u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000000u + (u64)ts.tv_nsec;
}

/* ---- the name ---- */

static void trim_comm(char comm[16], char *text, ssize_t n)
{
	memset(comm, 0, 16);
	if (n <= 0)
		return;
	text[n] = 0;
	text[strcspn(text, "\n")] = 0;
	snprintf(comm, 16, "%.15s", text);
}

static void read_comm_of(pid_t tid, char comm[16])
{
	char text[32];

	trim_comm(comm, text, proc_read(tid, "comm", text, sizeof(text)));
}

static void load_comm(struct tracee *tracee, struct task_data *data)
{
	char path[64], text[32];
	ssize_t n = -1;

	if (data->comm_fd < 0) {
		snprintf(path, sizeof(path), "/proc/%d/comm", (int)tracee->tid);
		data->comm_fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	if (data->comm_fd >= 0)
		n = pread(data->comm_fd, text, sizeof(text) - 1, 0);
	trim_comm(data->facts.info.comm, text, n);
}

/* ---- who it acts for ---- */

static const char *status_line(const char *status, const char *field)
{
	const char *line = strstr(status, field);

	return line ? line + strlen(field) : "";
}

/* The last number of a line: NSpid and NStgid end with the innermost namespace's. */
static u32 last_number(const char *line)
{
	u32 number = 0;
	char *end;

	while (*line == '\t' || *line == ' ') {
		number = (u32)strtoul(line, &end, 10);
		line = end;
	}
	return number;
}

static void load_creds(struct tracee *tracee, struct task_data *data)
{
	struct kernel_task_facts *facts = &data->facts;
	char status[4096], path[64];
	struct stat st;

	if (proc_read(tracee->tid, "status", status, sizeof(status)) <= 0)
		return;
	sscanf(status_line(status, "\nUid:"), "%u %u", &facts->info.uid, &facts->euid);
	sscanf(status_line(status, "\nGid:"), "%u %u", &facts->info.gid, &facts->egid);
	facts->info.ns_pid = last_number(status_line(status, "\nNSpid:"));
	facts->info.ns_tgid = last_number(status_line(status, "\nNStgid:"));
	snprintf(path, sizeof(path), "/proc/%d/ns/pid", (int)tracee->tid);
	if (stat(path, &st) == 0) {
		/* As the kernel encodes a device number: major << 20 | minor. */
		facts->info.pidns_dev = (u64)(st.st_dev >> 8 & 0xfff) << 20 | (st.st_dev & 0xff);
		facts->info.pidns_ino = st.st_ino;
	}
	tracee->creds_stale = false;
	data->facts_time = 0;
}

/* ---- the rest of task_struct ---- */

#define STAT_FIELDS 53

/* /proc/TID/stat by the numbers proc(5) gives its fields, from 3 on. */
static bool read_stat(pid_t tid, u64 fields[STAT_FIELDS])
{
	char text[1024];
	char *at;

	memset(fields, 0, STAT_FIELDS * sizeof(*fields));
	if (proc_read(tid, "stat", text, sizeof(text)) <= 0)
		return false;
	at = strrchr(text, ')');
	if (!at || strlen(at) < 4)
		return false;
	at += 3; /* behind the state, which is a letter */
	for (int i = 4; i < STAT_FIELDS && *at; i++)
		fields[i] = strtoull(at, &at, 10);
	return true;
}

static u32 namespace_of(pid_t tid, const char *name)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)tid, name);
	return stat(path, &st) == 0 ? (u32)st.st_ino : 0;
}

static void load_exe(pid_t tid, struct task_data *data)
{
	char path[64], target[4096];
	const char *slash;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)tid);
	n = readlink(path, target, sizeof(target) - 1);
	data->facts.exe_name = NULL;
	if (n <= 0)
		return;
	target[n] = 0;
	slash = strrchr(target, '/');
	snprintf(data->exe_name, sizeof(data->exe_name), "%.255s", slash ? slash + 1 : target);
	data->facts.exe_name = data->exe_name;
}

static void load_stat(pid_t tid, struct kernel_task_facts *facts)
{
	u64 stat[STAT_FIELDS], tick = 1000000000u / (u64)sysconf(_SC_CLK_TCK);

	if (!read_stat(tid, stat))
		return;
	facts->ppid = (u32)stat[4];
	facts->flags = (u32)stat[9];
	facts->nr_threads = (u32)stat[20];
	facts->start_time = facts->start_boottime = stat[22] * tick;
	facts->start_code = stat[26];
	facts->end_code = stat[27];
	facts->start_stack = stat[28];
	facts->cpu = (u32)stat[39];
	facts->start_brk = stat[47];
	facts->arg_start = stat[48];
	facts->arg_end = stat[49];
	facts->env_start = stat[50];
	facts->env_end = stat[51];
	facts->exit_code = (s32)stat[52];
}

static void load_facts(struct tracee *tracee, struct task_data *data)
{
	struct kernel_task_facts *facts = &data->facts;
	u64 now = now_ns();

	if (data->facts_time && now - data->facts_time < FACTS_AGE_NS)
		return;
	data->facts_time = now;
	load_stat(tracee->tid, facts);
	load_exe(tracee->tid, data);
	read_comm_of((pid_t)facts->ppid, facts->parent_comm);
	read_comm_of(tracee->tgid, facts->leader_comm);
	facts->mnt_ns_ino = namespace_of(tracee->tid, "mnt");
	facts->net_ns_ino = namespace_of(tracee->tid, "net");
	facts->uts_ns_ino = namespace_of(tracee->tid, "uts");
	facts->ipc_ns_ino = namespace_of(tracee->tid, "ipc");
	facts->user_ns_ino = namespace_of(tracee->tid, "user");
	facts->cgroup_ns_ino = namespace_of(tracee->tid, "cgroup");
}

void task_load(struct tracee *tracee, struct kernel_arena *arena, struct task_info *task)
{
	struct task_data *data = data_of(tracee);

	*task = (struct task_info){ .pid = (u32)tracee->tid, .tgid = (u32)tracee->tgid };
	if (!data)
		return;
	if (tracee->creds_stale)
		load_creds(tracee, data);
	load_comm(tracee, data);
	if (arena && !data->present)
		data->present = kernel_task_alloc(arena);
	if (arena && data->present) {
		load_facts(tracee, data);
		data->facts.info.task_addr = kernel_task_fill(arena, data->present, &data->facts);
	}
	*task = data->facts.info;
}

u64 task_present_regs(struct tracee *tracee, struct kernel_arena *arena)
{
	struct task_data *data = data_of(tracee);

	if (!data || !arena)
		return 0;
	if (!data->present)
		data->present = kernel_task_alloc(arena);
	if (!data->present ||
	    tracee_regs(tracee, &data->present->regs, sizeof(data->present->regs)) < 0)
		return 0;
	return kernel_address(arena, &data->present->regs);
}

void task_changed(struct tracee *tracee)
{
	struct task_data *data = tracee->data;

	if (data)
		data->facts_time = 0;
}

void task_forget(struct tracee *tracee, struct kernel_arena *arena)
{
	struct task_data *data = tracee->data;

	if (!data)
		return;
	if (data->comm_fd >= 0)
		close(data->comm_fd);
	if (data->present)
		kernel_task_free(arena, data->present);
	free(data);
	tracee->data = NULL;
}
