/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A library to preload into tools that generate eBPF programs while they run (bcc, bpftrace):
 * their bpf(2) is answered by a struct skep that only verifies, so none of it reaches the
 * kernel. Each PROG_LOAD is a row of `skep verify --tsv --against-linux` in $CAPTURE_OUT: the
 * same instructions, with maps of the same shape, are also loaded into this machine's Linux,
 * and closed at once. What attaches programs gets an fd that means nothing.
 */
#define _GNU_SOURCE
#undef _FILE_OFFSET_BITS /* open and open64 are two symbols here */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel/kernel.h"

#include <skep/bpf.h>

#define BTF_PATH "/sys/kernel/btf/vmlinux"
#define MAX_FDS	 4096
#define LOG_SIZE (16u << 20)

long syscall(long nr, ...);
int ioctl(int fd, unsigned long request, ...);
int open(const char *path, int flags, ...);
int open64(const char *path, int flags, ...);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct skep *skep;
static bool broken;
static const char *no_linux;

/* What stands in Linux for an fd that the tool holds; -1: nothing. */
static int in_linux[MAX_FDS];
static bool is_event[MAX_FDS];

/* of the last verdict */
static struct verify_stats stats;
static struct verify_refusal refusal;

static long real_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
	static long (*real)(long nr, ...);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "syscall");
	return real(nr, a, b, c, d, e, f);
}

static int linux_bpf(int cmd, union bpf_attr *attr, unsigned int size)
{
	return (int)real_syscall(SYS_bpf, cmd, (long)attr, size, 0, 0, 0);
}

static void on_verified(void *data, const struct verify_request *request,
			const struct verify_result *result, int err)
{
	stats = result->stats;
	refusal = result->refusal;
}

static const char *why_no_linux(void)
{
	static const struct bpf_insn insns[] = { { .code = BPF_ALU64 | BPF_MOV | BPF_K },
						 { .code = BPF_JMP | BPF_EXIT } };
	union bpf_attr attr = { .prog_type = BPF_PROG_TYPE_KPROBE, .insn_cnt = 2,
				.insns = (u64)(uintptr_t)insns, .license = (u64)(uintptr_t)"GPL" };
	int fd = linux_bpf(BPF_PROG_LOAD, &attr, sizeof(attr));

	if (fd < 0)
		return strerror(errno);
	close(fd);
	return NULL;
}

static bool start(void)
{
	size_t size = 0, cap = 64 << 20;
	struct kernel_model *model;
	int fd;
	char *btf;

	if (skep || broken)
		return skep;
	broken = true;
	memset(in_linux, -1, sizeof(in_linux));
	fd = (int)real_syscall(SYS_openat, AT_FDCWD, (long)BTF_PATH, O_RDONLY | O_CLOEXEC, 0, 0, 0);
	btf = malloc(cap);
	while (fd >= 0 && btf && size < cap) {
		ssize_t n = read(fd, btf + size, cap - size);

		if (n <= 0)
			break;
		size += (size_t)n;
	}
	if (fd >= 0)
		close(fd);
	if (btf && !model_linux_new(btf, (u32)size, NULL, &model))
		skep = skep_new_verifier(model);
	free(btf);
	if (skep)
		skep_on_verified(skep, on_verified, NULL);
	no_linux = why_no_linux();
	broken = !skep;
	return skep;
}

static void pair(int fd, int linux_fd)
{
	if (fd < 0 || fd >= MAX_FDS) {
		if (linux_fd >= 0)
			close(linux_fd);
		return;
	}
	if (in_linux[fd] >= 0)
		close(in_linux[fd]);
	in_linux[fd] = linux_fd;
}

static int paired(int fd)
{
	return fd >= 0 && fd < MAX_FDS ? in_linux[fd] : -1;
}

static int stand_in(void)
{
	int fd = memfd_create("capture", MFD_CLOEXEC);

	/* Buffers of events are mapped. */
	if (fd >= 0 && ftruncate(fd, 64 << 20))
		fd = -1;
	return fd;
}

/* ---- bpf(2) ---- */

static int make_both(int cmd, union bpf_attr *attr, unsigned int size)
{
	int fd = skep_bpf(skep, cmd, attr, size), saved = errno, linux_fd;
	union bpf_attr copy = { 0 };

	if (fd < 0)
		return fd;
	memcpy(&copy, attr, MIN(size, sizeof(copy)));
	if (cmd == BPF_BTF_LOAD)
		copy.btf_log_level = copy.btf_log_size = 0, copy.btf_log_buf = 0;
	if (cmd == BPF_MAP_CREATE && size > offsetof(union bpf_attr, inner_map_fd) &&
	    (attr->map_type == BPF_MAP_TYPE_ARRAY_OF_MAPS ||
	     attr->map_type == BPF_MAP_TYPE_HASH_OF_MAPS))
		copy.inner_map_fd = (u32)paired((int)attr->inner_map_fd);
	if (cmd == BPF_MAP_CREATE && (copy.btf_key_type_id || copy.btf_value_type_id))
		copy.btf_fd = (u32)paired((int)attr->btf_fd);
	linux_fd = linux_bpf(cmd, &copy, MIN(size, sizeof(copy)));
	/* Types of keys that a map has no use for: the tool tries again without. */
	if (linux_fd < 0 && !no_linux && cmd == BPF_MAP_CREATE && copy.btf_value_type_id) {
		saved = errno;
		close(fd);
		fd = -1;
	}
	pair(fd, linux_fd);
	errno = saved;
	return fd;
}

/* Contents that a verifier looks at: of arrays that programs only read. */
static int change_both(int cmd, union bpf_attr *attr, unsigned int size)
{
	int ret = skep_bpf(skep, cmd, attr, size), saved = errno;
	union bpf_attr copy = { 0 };

	memcpy(&copy, attr, MIN(size, sizeof(copy)));
	copy.map_fd = (u32)paired((int)attr->map_fd);
	if (!ret && (int)copy.map_fd >= 0)
		linux_bpf(cmd, &copy, MIN(size, sizeof(copy)));
	errno = saved;
	return ret;
}

static void put_field(FILE *out, const char *text)
{
	for (; *text; text++)
		fputc(*text == '\t' || *text == '\n' || *text == '\\' ? ' ' : *text, out);
}

static const char *last_line(char *log)
{
	char *best = (char *)"", *line, *rest = log;

	while ((line = strsep(&rest, "\n")) != NULL)
		if (*line && strncmp(line, "processed ", 10) && strncmp(line, "verification time", 17) &&
		    strncmp(line, "stack depth", 11))
			best = line;
	return best;
}

static u64 number_after(const char *log, const char *words)
{
	const char *at = strstr(log, words);

	return at ? strtoull(at + strlen(words), NULL, 10) : 0;
}

struct linux_says {
	int err;
	u64 us, insns;
	char reason[300];
};

static void translate(struct bpf_insn *insns, u32 n)
{
	for (u32 i = 0; i + 1 < n; i++) {
		if (insns[i].code != (BPF_LD | BPF_IMM | BPF_DW))
			continue;
		if (insns[i].src_reg == BPF_PSEUDO_MAP_FD || insns[i].src_reg == BPF_PSEUDO_MAP_VALUE)
			insns[i].imm = paired(insns[i].imm);
		i++;
	}
}

static void ask_linux(const union bpf_attr *attr, unsigned int size, struct linux_says *says)
{
	size_t bytes = attr->insn_cnt * sizeof(struct bpf_insn);
	struct bpf_insn *insns = malloc(bytes);
	char *log = malloc(LOG_SIZE);
	union bpf_attr copy = { 0 };
	int fd;

	says->err = ENOMEM;
	if (insns && log) {
		memcpy(&copy, attr, MIN(size, sizeof(copy)));
		memcpy(insns, (void *)(uintptr_t)attr->insns, bytes);
		translate(insns, attr->insn_cnt);
		log[0] = 0;
		copy.insns = (u64)(uintptr_t)insns;
		copy.log_level = 4;
		copy.log_buf = (u64)(uintptr_t)log;
		copy.log_size = LOG_SIZE;
		if (copy.prog_btf_fd)
			copy.prog_btf_fd = (u32)paired((int)copy.prog_btf_fd);
		fd = linux_bpf(BPF_PROG_LOAD, &copy, MIN(size, sizeof(copy)));
		says->err = fd < 0 ? errno : 0;
		if (fd >= 0)
			close(fd);
		says->us = number_after(log, "verification time ");
		says->insns = number_after(log, "processed ");
		if (fd < 0)
			snprintf(says->reason, sizeof(says->reason), "%s", last_line(log));
	}
	free(insns);
	free(log);
}

static bool is_silent(const union bpf_attr *attr, const struct linux_says *says)
{
	bool has_target = attr->prog_type == BPF_PROG_TYPE_TRACING ||
			  attr->prog_type == BPF_PROG_TYPE_LSM || attr->prog_type == BPF_PROG_TYPE_EXT;

	return !says->insns && ((says->err == EPERM && has_target) || says->err == 524);
}

static void put_row(const union bpf_attr *attr, int err, const struct linux_says *says)
{
	static unsigned int n;
	const char *name = getenv("CAPTURE_NAME"), *path = getenv("CAPTURE_OUT");
	const char *theirs = no_linux || is_silent(attr, says) ? "unjudged"
			     : says->err			? "refused"
								: "accepted";
	FILE *out = path ? fopen(path, "ae") : NULL;

	if (!out)
		return;
	flock(fileno(out), LOCK_EX);
	fprintf(out, "%s\t%.16s#%u\t%s\t%llu\t%llu\t%llu\t%llu\t", name ? name : "-", attr->prog_name,
		++n, err ? "refused" : "accepted", (unsigned long long)(stats.time_ns + 999) / 1000,
		(unsigned long long)stats.insns_processed, (unsigned long long)stats.total_states,
		(unsigned long long)stats.peak_memory);
	put_field(out, !err		    ? ""
		       : refusal.message[0] ? refusal.message
					    : strerror(err));
	fprintf(out, "\t%s\t%llu\t%llu\t0\t", theirs, (unsigned long long)says->us,
		(unsigned long long)says->insns);
	put_field(out, no_linux ? no_linux : says->reason[0] ? says->reason : says->err ? strerror(says->err) : "");
	fputs("\t\n", out);
	fclose(out);
}

static int load_both(union bpf_attr *attr, unsigned int size)
{
	struct linux_says says = { 0 };
	int fd, err;

	memset(&stats, 0, sizeof(stats));
	memset(&refusal, 0, sizeof(refusal));
	fd = skep_bpf(skep, BPF_PROG_LOAD, attr, size);
	err = fd < 0 ? errno : 0;
	if (!no_linux)
		ask_linux(attr, size, &says);
	put_row(attr, err, &says);
	/* The tool goes on as it would on Linux. */
	if (fd < 0 && !no_linux && !says.err)
		return stand_in();
	errno = err;
	return fd;
}

static int answer(int cmd, union bpf_attr *attr, unsigned int size)
{
	switch (cmd) {
	case BPF_MAP_CREATE:
	case BPF_BTF_LOAD:
		return make_both(cmd, attr, size);
	case BPF_MAP_UPDATE_ELEM:
	case BPF_MAP_FREEZE:
		return change_both(cmd, attr, size);
	case BPF_PROG_LOAD:
		return load_both(attr, size);
	case BPF_RAW_TRACEPOINT_OPEN:
	case BPF_LINK_CREATE:
		return stand_in();
	case BPF_PROG_ATTACH:
	case BPF_PROG_DETACH:
	case BPF_LINK_DETACH:
		return 0;
	default:
		return skep_bpf(skep, cmd, attr, size);
	}
}

/* ---- what tools call ---- */

__attribute__((visibility("default"))) long syscall(long nr, ...)
{
	long arg[6], ret;
	va_list args;

	va_start(args, nr);
	for (size_t i = 0; i < ARRAY_SIZE(arg); i++)
		arg[i] = va_arg(args, long);
	va_end(args);
	if (nr == SYS_bpf) {
		pthread_mutex_lock(&lock);
		errno = ENOSYS;
		ret = start() ? answer((int)arg[0], (union bpf_attr *)arg[1], (unsigned int)arg[2])
			      : -1;
		pthread_mutex_unlock(&lock);
		return ret;
	}
	if (nr == SYS_perf_event_open) {
		ret = stand_in();
		if (ret >= 0 && ret < MAX_FDS)
			is_event[ret] = true;
		return ret;
	}
	return real_syscall(nr, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
}

__attribute__((visibility("default"))) int ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	long arg;

	va_start(args, request);
	arg = va_arg(args, long);
	va_end(args);
	if (fd >= 0 && fd < MAX_FDS && is_event[fd])
		return 0;
	return (int)real_syscall(SYS_ioctl, fd, (long)request, arg, 0, 0, 0);
}

/* Nothing ever comes from an event. */
__attribute__((visibility("default"))) int epoll_ctl(int epfd, int op, int fd,
						      struct epoll_event *event)
{
	if (fd >= 0 && fd < MAX_FDS && is_event[fd])
		return 0;
	return (int)real_syscall(SYS_epoll_ctl, epfd, op, fd, (long)event, 0, 0);
}

/* A kernel that has kprobes, for those that look it up. */
static int open_presented(const char *path)
{
	static const struct {
		const char *path, *text;
	} files[] = {
		{ "/sys/kernel/debug/kprobes/blacklist", "" },
		{ "/sys/kernel/tracing/available_filter_functions", NULL },
		{ "/sys/kernel/debug/tracing/available_filter_functions", NULL },
		{ "/sys/bus/event_source/devices/kprobe/type", "6\n" },
		{ "/sys/bus/event_source/devices/uprobe/type", "7\n" },
		{ "/sys/bus/event_source/devices/kprobe/format/retprobe", "config:0\n" },
		{ "/sys/bus/event_source/devices/uprobe/format/retprobe", "config:0\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		int fd;

		if (strcmp(path, files[i].path))
			continue;
		if (!files[i].text)
			return (int)real_syscall(SYS_openat, AT_FDCWD,
						 (long)getenv("CAPTURE_FUNCTIONS"),
						 O_RDONLY | O_CLOEXEC, 0, 0, 0);
		fd = memfd_create("presented", MFD_CLOEXEC);
		if (fd < 0 || write(fd, files[i].text, strlen(files[i].text)) < 0 ||
		    lseek(fd, 0, SEEK_SET))
			return -1;
		return fd;
	}
	return -1;
}

__attribute__((visibility("default"))) int open64(const char *path, int flags, ...)
{
	int fd = open_presented(path);
	mode_t mode = 0;
	va_list args;

	if (fd >= 0)
		return fd;
	if (flags & (O_CREAT | __O_TMPFILE)) {
		va_start(args, flags);
		mode = va_arg(args, mode_t);
		va_end(args);
	}
	return (int)real_syscall(SYS_openat, AT_FDCWD, (long)path, flags, mode, 0, 0);
}

__attribute__((visibility("default"), alias("open64"))) int open(const char *path, int flags, ...);
