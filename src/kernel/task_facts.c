/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two files tell nearly everything: stat (fields by the numbers that proc(5) gives them) and
 * status. The links exe and cwd and those of the namespaces add the rest.
 */
#define _GNU_SOURCE
#include "kernel/task_facts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/types.h"

#define STAT_FIELDS 53
#define PAGE        ((u64)sysconf(_SC_PAGESIZE))

static int read_proc(u32 tid, const char *file, char *buf, size_t size)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/%s", tid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, buf, size - 1);
	if (n < 0)
		n = -errno;
	else
		buf[n] = 0;
	close(fd);
	return n ? (int)n : -ESRCH;
}

/* ---- status ---- */

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

static u64 hex_number(const char *line)
{
	return strtoull(line, NULL, 16);
}

static void take_status(const char *status, struct kernel_task_facts *facts)
{
	sscanf(status_line(status, "\nUid:"), "%u %u %u %u", &facts->info.uid, &facts->euid,
	       &facts->suid, &facts->fsuid);
	sscanf(status_line(status, "\nGid:"), "%u %u %u %u", &facts->info.gid, &facts->egid,
	       &facts->sgid, &facts->fsgid);
	facts->info.ns_pid = last_number(status_line(status, "\nNSpid:"));
	facts->info.ns_tgid = last_number(status_line(status, "\nNStgid:"));
	facts->info.tgid = (u32)strtoul(status_line(status, "\nTgid:"), NULL, 10);
	facts->umask = (u32)strtoul(status_line(status, "\nUmask:"), NULL, 8);
	facts->cap_inheritable = hex_number(status_line(status, "\nCapInh:"));
	facts->cap_permitted = hex_number(status_line(status, "\nCapPrm:"));
	facts->cap_effective = hex_number(status_line(status, "\nCapEff:"));
	facts->nvcsw = strtoull(status_line(status, "\nvoluntary_ctxt_switches:"), NULL, 10);
	facts->nivcsw = strtoull(status_line(status, "\nnonvoluntary_ctxt_switches:"), NULL, 10);
}

static int stat_link(u32 tid, const char *link, struct stat *st)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%u/%s", tid, link);
	return stat(path, st) ? -errno : 0;
}

int proc_read_ids(u32 tid, struct proc_facts *known)
{
	struct task_info *info = &known->facts.info;
	char status[4096];
	struct stat st;
	int n = read_proc(tid, "status", status, sizeof(status));

	if (n < 0)
		return n;
	info->pid = tid;
	take_status(status, &known->facts);
	if (!stat_link(tid, "ns/pid", &st)) {
		/* As the kernel encodes a device number: major << 20 | minor. */
		info->pidns_dev = (u64)(st.st_dev >> 8 & 0xfff) << 20 | (st.st_dev & 0xff);
		info->pidns_ino = st.st_ino;
	}
	return 0;
}

/* ---- stat ---- */

/* The name stands in parentheses and may have some itself. */
static int read_stat(u32 tid, char comm[16], char *state, u64 fields[STAT_FIELDS])
{
	char text[1024], *open, *at;
	int n = read_proc(tid, "stat", text, sizeof(text));

	if (n < 0)
		return n;
	open = strchr(text, '(');
	at = strrchr(text, ')');
	if (!open || !at || at < open || strlen(at) < 4)
		return -EIO;
	memset(comm, 0, 16);
	memcpy(comm, open + 1, at - open - 1 < 15 ? (size_t)(at - open - 1) : 15);
	*state = at[2];
	at += 3;
	memset(fields, 0, STAT_FIELDS * sizeof(*fields));
	for (int i = 4; i < STAT_FIELDS && *at; i++)
		fields[i] = strtoull(at, &at, 10);
	return 0;
}

/* TASK_* of Linux 6.18, by the letter. */
static u32 state_of(char letter)
{
	static const char letters[] = "SDTtXZPI";
	static const u32 states[] = { 1, 2, 4, 8, 0x10, 0x20, 0x40, 0x402 };
	const char *at = letter ? strchr(letters, letter) : NULL;

	return at ? states[at - letters] : 0;
}

/* /proc has the start by the clock that counts sleep; start_time is by the one that does not. */
static u64 time_asleep(void)
{
	struct timespec boot, up;

	clock_gettime(CLOCK_MONOTONIC, &up);
	clock_gettime(CLOCK_BOOTTIME, &boot);
	s64 ns = (s64)(boot.tv_sec - up.tv_sec) * 1000000000 + boot.tv_nsec - up.tv_nsec;
	return ns < 1000000 ? 0 : (u64)ns;
}

static void take_addresses(const u64 stat[STAT_FIELDS], struct kernel_task_facts *facts)
{
	facts->has_mm = stat[23] != 0;
	facts->total_vm = stat[23] / PAGE;
	facts->start_code = stat[26];
	facts->end_code = stat[27];
	facts->start_stack = stat[28];
	facts->start_data = stat[45];
	facts->end_data = stat[46];
	facts->start_brk = stat[47];
	facts->arg_start = stat[48];
	facts->arg_end = stat[49];
	facts->env_start = stat[50];
	facts->env_end = stat[51];
}

static void take_stat(const u64 stat[STAT_FIELDS], struct kernel_task_facts *facts)
{
	u64 tick = 1000000000u / (u64)sysconf(_SC_CLK_TCK), asleep = time_asleep();

	facts->ppid = (u32)stat[4];
	facts->flags = (u32)stat[9];
	facts->min_flt = stat[10];
	facts->maj_flt = stat[12];
	facts->utime = stat[14] * tick;
	facts->stime = stat[15] * tick;
	facts->prio = (s32)stat[18] + 100;
	facts->static_prio = (s32)stat[19] + 120;
	facts->nr_threads = (u32)stat[20];
	facts->start_boottime = stat[22] * tick;
	facts->start_time = facts->start_boottime - asleep;
	facts->exit_signal = (s32)stat[38];
	facts->cpu = (u32)stat[39];
	facts->policy = (u32)stat[41];
	take_addresses(stat, facts);
}

/* ---- links ---- */

static const char *read_path(u32 tid, const char *link, char *out, size_t size)
{
	static const char deleted[] = " (deleted)";
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%u/%s", tid, link);
	n = readlink(path, out, size);
	if (n <= 0 || (size_t)n >= size)
		return NULL;
	out[n] = 0;
	if ((size_t)n > strlen(deleted) && !strcmp(out + n - strlen(deleted), deleted))
		out[(size_t)n - strlen(deleted)] = 0;
	return out;
}

static u32 namespace_of(u32 tid, const char *link)
{
	struct stat st;

	return stat_link(tid, link, &st) ? 0 : (u32)st.st_ino;
}

static void read_links(u32 tid, struct proc_facts *known)
{
	struct kernel_task_facts *facts = &known->facts;
	struct stat st;

	facts->exe_path = read_path(tid, "exe", known->exe_path, sizeof(known->exe_path));
	facts->cwd_path = read_path(tid, "cwd", known->cwd_path, sizeof(known->cwd_path));
	if (!stat_link(tid, "exe", &st)) {
		facts->exe.ino = st.st_ino;
		facts->exe.size = (u64)st.st_size;
		facts->exe.mode = st.st_mode;
		facts->exe.uid = st.st_uid;
		facts->exe.gid = st.st_gid;
		facts->exe.nlink = (u32)st.st_nlink;
	}
	facts->mnt_ns_ino = namespace_of(tid, "ns/mnt");
	facts->net_ns_ino = namespace_of(tid, "ns/net");
	facts->uts_ns_ino = namespace_of(tid, "ns/uts");
	facts->ipc_ns_ino = namespace_of(tid, "ns/ipc");
	facts->user_ns_ino = namespace_of(tid, "ns/user");
	facts->cgroup_ns_ino = namespace_of(tid, "ns/cgroup");
	facts->time_ns_ino = namespace_of(tid, "ns/time");
}

int proc_read_facts(u32 tid, struct proc_facts *known)
{
	u64 stat[STAT_FIELDS];
	char state;
	int err = read_stat(tid, known->facts.info.comm, &state, stat);

	if (!err)
		err = proc_read_ids(tid, known);
	if (err)
		return err;
	known->facts.state = state_of(state);
	take_stat(stat, &known->facts);
	read_links(tid, known);
	return 0;
}
