/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "compile.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "commands.h"
#include "loader/loader.h"

#define MAX_ARGS 64

struct compile_dirs {
	char work[4096];    /* ours alone, removed afterwards */
	char headers[4096]; /* where vmlinux.h is */
	bool cached;        /* headers is kept */
};

bool is_source(const char *path)
{
	size_t n = strlen(path);

	return n > 2 && strcmp(path + n - 2, ".c") == 0;
}

/* ---- vmlinux.h ---- */

static u64 hash_bytes(const void *bytes, size_t n)
{
	const u8 *p = bytes;
	u64 hash = 0xcbf29ce484222325u; /* FNV-1a */

	for (size_t i = 0; i < n; i++)
		hash = (hash ^ p[i]) * 0x100000001b3u;
	return hash;
}

static void put_text(void *data, const char *text)
{
	fputs(text, data);
}

int write_types(const void *btf, size_t size, FILE *out)
{
	int err;

	/* <bpf/bpf_tracing.h> asks for the name of the guard: it tells which pt_regs this is. */
	fputs("#ifndef __VMLINUX_H__\n#define __VMLINUX_H__\n\n"
	      "#ifndef BPF_NO_PRESERVE_ACCESS_INDEX\n"
	      "#pragma clang attribute push (__attribute__((preserve_access_index)), "
	      "apply_to = record)\n#endif\n\n",
	      out);
	err = loader_btf_to_c(btf, size, put_text, out);
	fputs("\n#ifndef BPF_NO_PRESERVE_ACCESS_INDEX\n#pragma clang attribute pop\n#endif\n\n"
	      "#endif\n",
	      out);
	return err;
}

/* Under another name first, so that nobody reads half of it. */
static int write_vmlinux(const struct compile_opts *opts, const char *dir)
{
	char path[4200], temporary[4200];
	FILE *out;
	int err, fd;

	snprintf(path, sizeof(path), "%s/vmlinux.h", dir);
	snprintf(temporary, sizeof(temporary), "%s/.vmlinux.XXXXXX", dir);
	fd = mkostemp(temporary, O_CLOEXEC);
	out = fd < 0 ? NULL : fdopen(fd, "w");
	if (!out)
		return -errno;
	err = write_types(opts->btf, opts->btf_size, out);
	if (fclose(out) && !err)
		err = -EIO;
	if (!err && rename(temporary, path))
		err = -errno;
	if (err)
		unlink(temporary);
	return err;
}

/* A directory that nobody else can write to: made, or there and ours. */
static bool own_dir(const char *path)
{
	struct stat st;

	if (mkdir(path, 0700) && errno != EEXIST)
		return false;
	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid() &&
	       !(st.st_mode & 022);
}

/* ~/.cache/skep/HASH, or false: then there is nothing to keep it in. */
static bool cache_dir(u64 hash, char *out, size_t size)
{
	const char *cache = getenv("XDG_CACHE_HOME");
	const char *home = getenv("HOME");
	char base[4096];

	if (cache && cache[0] == '/')
		snprintf(base, sizeof(base), "%s", cache);
	else if (home && home[0] == '/')
		snprintf(base, sizeof(base), "%s/.cache", home);
	else
		return false;
	if (strlen(base) > 3000 || !own_dir(base))
		return false;
	strcat(base, "/skep");
	if (!own_dir(base))
		return false;
	snprintf(out, size, "%s/%016llx", base, (unsigned long long)hash);
	return own_dir(out);
}

static int make_headers(const struct compile_opts *opts, struct compile_dirs *dirs)
{
	char path[4200];

	if (!opts->btf)
		return 0;
	dirs->cached =
	    cache_dir(hash_bytes(opts->btf, opts->btf_size), dirs->headers, sizeof(dirs->headers));
	if (!dirs->cached)
		snprintf(dirs->headers, sizeof(dirs->headers), "%s", dirs->work);
	snprintf(path, sizeof(path), "%s/vmlinux.h", dirs->headers);
	return access(path, R_OK) == 0 ? 0 : write_vmlinux(opts, dirs->headers);
}

/* ---- clang ---- */

static const char *target_macro(void)
{
#if defined(__x86_64__)
	return "-D__TARGET_ARCH_x86";
#elif defined(__aarch64__)
	return "-D__TARGET_ARCH_arm64";
#else
	return "-D__SKEP__";
#endif
}

/* Where <asm/types.h> is on systems that keep headers of several machines. */
static void multiarch_dir(char *out, size_t size)
{
	struct utsname name;

	out[0] = 0;
	if (uname(&name) == 0)
		snprintf(out, size, "/usr/include/%s-linux-gnu", name.machine);
}

static void make_args(const char *path, const char *output, const struct compile_opts *opts,
		      const struct compile_dirs *dirs, char *multiarch, const char **args)
{
	const char *clang = getenv("CLANG");
	const char *fixed[] = { "-target", "bpf",          "-mcpu=v3",   "-g",
				"-O2",     target_macro(), "-idirafter", multiarch };
	u32 n = 0;

	args[n++] = clang && clang[0] ? clang : "clang";
	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
		args[n++] = fixed[i];
	if (dirs->headers[0]) {
		args[n++] = "-idirafter";
		args[n++] = dirs->headers;
	}
	for (u32 i = 0; opts->flags && opts->flags[i] && n < MAX_ARGS - 5; i++)
		args[n++] = opts->flags[i];
	args[n++] = "-c";
	args[n++] = path;
	args[n++] = "-o";
	args[n++] = output;
	args[n] = NULL;
}

static int run_clang(const char **args)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		/* Standard output may be data. */
		dup2(STDERR_FILENO, STDOUT_FILENO);
		execvp(args[0], (char *const *)args);
		if (errno == ENOENT)
			complain("%s is not there: install clang to compile C, or give a compiled "
				 ".bpf.o",
				 args[0]);
		else
			complain("cannot run %s: %s", args[0], strerror(errno));
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EINVAL;
}

int read_file(const char *path, void **bytes, size_t *size)
{
	FILE *in = fopen(path, "re");
	long end;

	*bytes = NULL;
	if (!in)
		return -errno;
	if (fseek(in, 0, SEEK_END) == 0 && (end = ftell(in)) > 0 && fseek(in, 0, SEEK_SET) == 0) {
		*size = (size_t)end;
		*bytes = malloc(*size);
		if (*bytes && fread(*bytes, 1, *size, in) != *size) {
			free(*bytes);
			*bytes = NULL;
		}
	}
	fclose(in);
	return *bytes ? 0 : -EIO;
}

static void remove_work(const struct compile_dirs *dirs, const char *object)
{
	char header[4200];

	unlink(object);
	snprintf(header, sizeof(header), "%s/vmlinux.h", dirs->work);
	unlink(header);
	rmdir(dirs->work);
}

int compile(const char *path, const struct compile_opts *opts, void **bytes, size_t *size)
{
	const char *tmp = getenv("TMPDIR");
	const char *args[MAX_ARGS];
	struct compile_dirs dirs = { 0 };
	char object[4200], multiarch[128];
	int err;

	if (access(path, R_OK)) {
		err = -errno;
		complain("%s: %s", path, strerror(-err));
		return err;
	}
	snprintf(dirs.work, sizeof(dirs.work), "%s/skep-XXXXXX", tmp && tmp[0] ? tmp : "/tmp");
	if (!mkdtemp(dirs.work)) {
		err = -errno;
		complain("cannot make a directory %s: %s", dirs.work, strerror(-err));
		return err;
	}
	snprintf(object, sizeof(object), "%s/prog.bpf.o", dirs.work);
	multiarch_dir(multiarch, sizeof(multiarch));
	err = make_headers(opts, &dirs);
	if (err)
		complain("cannot make vmlinux.h in %s: %s", dirs.headers, strerror(-err));
	if (!err) {
		make_args(path, object, opts, &dirs, multiarch, args);
		err = run_clang(args);
	}
	if (!err)
		err = read_file(object, bytes, size);
	remove_work(&dirs, object);
	return err;
}
