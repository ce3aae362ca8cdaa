/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "loader/libbpf_os.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <zlib.h>

#include "btf/btf.h"

#define VMLINUX_BTF "/sys/kernel/btf/vmlinux"

static _Thread_local const struct loader_kernel *current;

const struct loader_kernel *libbpf_enter(const struct loader_kernel *kernel)
{
	const struct loader_kernel *before = current;

	current = kernel;
	return before;
}

void libbpf_leave(const struct loader_kernel *before)
{
	current = before;
}

const struct loader_kernel *libbpf_current(void)
{
	return current;
}

static int linux_bpf(void *data, int cmd, union bpf_attr *attr, unsigned int size)
{
	return (int)syscall(SYS_bpf, cmd, attr, size);
}

const struct loader_kernel loader_linux = { .bpf = linux_bpf, .machine = true };

/* The names that privatise.sh gives to libbpf's undefined symbols. */
FILE *skep_libbpf_stderr;
long skep_libbpf_syscall(long nr, ...);
int skep_libbpf_open64(const char *path, int flags, ...);
FILE *skep_libbpf_fopen64(const char *path, const char *mode);
int skep_libbpf_faccessat(int dir, const char *path, int mode, int flags);
int skep_libbpf_access(const char *path, int mode);
int skep_libbpf_uname(struct utsname *name);
int skep_libbpf_statfs64(const char *path, struct statfs64 *fs);
int skep_libbpf_mkdir(const char *path, mode_t mode);
int skep_libbpf_setrlimit64(int resource, const struct rlimit64 *limit);
gzFile skep_libbpf_gzopen(const char *path, const char *mode);
gzFile skep_libbpf_gzopen64(const char *path, const char *mode)
    __attribute__((alias("skep_libbpf_gzopen")));
/* Where long is 64 bits these are the same functions. */
int skep_libbpf_open(const char *path, int flags, ...) __attribute__((alias("skep_libbpf_open64")));
FILE *skep_libbpf_fopen(const char *path, const char *mode)
    __attribute__((alias("skep_libbpf_fopen64")));
int skep_libbpf_statfs(const char *path, struct statfs64 *fs)
    __attribute__((alias("skep_libbpf_statfs64")));
int skep_libbpf_setrlimit(int resource, const struct rlimit64 *limit)
    __attribute__((alias("skep_libbpf_setrlimit64")));

__attribute__((constructor)) static void set_stderr(void)
{
	skep_libbpf_stderr = stderr;
}

long skep_libbpf_syscall(long nr, ...)
{
	long arg[6];
	va_list args;

	va_start(args, nr);
	for (size_t i = 0; i < ARRAY_SIZE(arg); i++)
		arg[i] = va_arg(args, long);
	va_end(args);
	if (nr != SYS_bpf)
		return syscall(nr, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
	if (!current) {
		errno = ENOSYS;
		return -1;
	}
	return current->bpf(current->data, (int)arg[0], (union bpf_attr *)arg[1],
			    (unsigned int)arg[2]);
}

static bool is_machine(void)
{
	return current && current->machine;
}

/* May files of the machine's kernel be made and asked about? */
static bool is_machine_for_good(void)
{
	return is_machine() && !current->judging;
}

static bool is_vmlinux_btf(const char *path)
{
	return !is_machine() && strcmp(path, VMLINUX_BTF) == 0;
}

static bool is_symbols(const char *path)
{
	return strcmp(path, "/proc/kallsyms") == 0;
}

/*
 * Files that describe the machine's kernel, which is not the one in force. The images that
 * libbpf would take BTF from when VMLINUX_BTF is missing are among them.
 */
static bool is_hidden(const char *path)
{
	static const char *const prefixes[] = {
		"/sys/kernel/",  "/proc/kallsyms",    "/boot/vmlinux-",
		"/lib/modules/", "/usr/lib/modules/", "/usr/lib/debug/",
	};

	if (is_machine())
		return false;
	if (is_symbols(path))
		return !current || !current->machine_symbols;
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (strncmp(path, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

/* A file with the BTF in force: works for stdio and for mmap alike. */
static int open_btf(void)
{
	int fd;

	if (!current || !current->btf) {
		errno = ENOENT;
		return -1;
	}
	fd = memfd_create("vmlinux-btf", MFD_CLOEXEC);
	if (fd < 0)
		return -1;
	if (write(fd, current->btf, current->btf_size) != (ssize_t)current->btf_size ||
	    lseek(fd, 0, SEEK_SET)) {
		close(fd);
		errno = EIO;
		return -1;
	}
	return fd;
}

/*
 * Functions and variables of the BTF as /proc/kallsyms would list them. Their addresses are
 * made up: to the verifier an address is a number like any other.
 */
static FILE *open_symbols(void)
{
	FILE *file = tmpfile();
	struct btf *btf = NULL;

	if (file && current->btf)
		btf_parse(current->btf, (u32)current->btf_size, NULL, NULL, &btf);
	for (u32 id = 1; btf && id < btf->n_types; id++) {
		const struct btf_type *t = btf_type(btf, id);

		if (btf_kind(t) == BTF_KIND_FUNC || btf_kind(t) == BTF_KIND_VAR)
			fprintf(file, "%llx T %s\n", 0xffffffff81000000ull + 16ull * id,
				btf_name(btf, t->name_off));
	}
	btf_free(btf);
	if (file)
		rewind(file);
	return file;
}

/* The kernel's configuration. Where there is none, a judge takes all of it as not set. */
gzFile skep_libbpf_gzopen(const char *path, const char *mode)
{
	gzFile file = gzopen(path, mode);

	if (!file && current && current->judging && strcmp(path, "/proc/config.gz") == 0)
		file = gzopen("/dev/null", mode);
	return file;
}

int skep_libbpf_open64(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list args;

	if (is_vmlinux_btf(path))
		return open_btf();
	if (is_hidden(path)) {
		errno = ENOENT;
		return -1;
	}
	if (flags & (O_CREAT | __O_TMPFILE)) {
		va_start(args, flags);
		mode = va_arg(args, mode_t);
		va_end(args);
	}
	return open(path, flags, mode);
}

FILE *skep_libbpf_fopen64(const char *path, const char *mode)
{
	FILE *file;
	int fd;

	if (is_vmlinux_btf(path)) {
		fd = open_btf();
		file = fd < 0 ? NULL : fdopen(fd, "r");
		if (!file && fd >= 0)
			close(fd);
		return file;
	}
	if (!is_hidden(path))
		return fopen(path, mode);
	if (is_symbols(path) && current && current->judging)
		return open_symbols();
	errno = ENOENT;
	return NULL;
}

static int check_access(int dir, const char *path, int mode, int flags)
{
	if (is_vmlinux_btf(path) && current && current->btf && !(mode & W_OK))
		return 0;
	if (is_hidden(path)) {
		errno = ENOENT;
		return -1;
	}
	return faccessat(dir, path, mode, flags);
}

int skep_libbpf_faccessat(int dir, const char *path, int mode, int flags)
{
	return check_access(dir, path, mode, flags);
}

int skep_libbpf_access(const char *path, int mode)
{
	return check_access(AT_FDCWD, path, mode, 0);
}

int skep_libbpf_uname(struct utsname *name)
{
	int err = uname(name);

	if (!err && current && current->release)
		snprintf(name->release, sizeof(name->release), "%s", current->release);
	return err;
}

/* Pins are names inside the kernel object: every path is on its bpffs, and needs no directory. */
int skep_libbpf_statfs64(const char *path, struct statfs64 *fs)
{
	if (is_machine_for_good())
		return statfs64(path, fs);
	memset(fs, 0, sizeof(*fs));
	fs->f_type = BPF_FS_MAGIC;
	return 0;
}

int skep_libbpf_mkdir(const char *path, mode_t mode)
{
	return is_machine_for_good() ? mkdir(path, mode) : 0;
}

/* libbpf raises RLIMIT_MEMLOCK for old kernels: not this process's business. */
int skep_libbpf_setrlimit64(int resource, const struct rlimit64 *limit)
{
	return is_machine_for_good() ? setrlimit64(resource, limit) : 0;
}
