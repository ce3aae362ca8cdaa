/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "cli/shell.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/test.h"

static void set_environment(const char *dir)
{
	setenv("SKEP", test_build_path("tools/skep/skep"), 1);
	setenv("EXAMPLES", test_build_path("examples"), 1);
	setenv("SOURCES", test_source_path("examples"), 1);
	setenv("HOME", dir, 1);
	setenv("LC_ALL", "C", 1);
	unsetenv("XDG_CACHE_HOME");
}

static void become_nobody(void)
{
	struct passwd *nobody = getpwnam("nobody");

	if (!nobody || setgroups(0, NULL) || setgid(nobody->pw_gid) || setuid(nobody->pw_uid))
		_exit(99);
}

_Noreturn static void child(const char *dir, const char *command, bool as_nobody, int out, int err)
{
	int in = open("/dev/null", O_RDONLY);

	set_environment(dir);
	if (as_nobody)
		become_nobody();
	if (chdir(dir) || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0)
		_exit(98);
	execl("/bin/sh", "sh", "-c", command, NULL);
	_exit(97);
}

static char *slurp(int fd, size_t *len)
{
	struct stat st;
	char *text;

	fstat(fd, &st);
	text = calloc(1, (size_t)st.st_size + 1);
	*len = (size_t)st.st_size;
	if (text && pread(fd, text, *len, 0) != (ssize_t)*len)
		text[0] = 0;
	close(fd);
	return text;
}

static void remove_dir(const char *dir)
{
	pid_t pid = fork();

	if (pid == 0) {
		execlp("rm", "rm", "-rf", dir, NULL);
		_exit(1);
	}
	waitpid(pid, NULL, 0);
}

struct ran shell(bool as_nobody, const char *fmt, ...)
{
	char dir[] = "/tmp/skep-test-XXXXXX", *command = NULL;
	struct ran ran = { .status = -1 };
	int out = memfd_create("out", MFD_CLOEXEC), err = memfd_create("err", MFD_CLOEXEC);
	va_list args;
	pid_t pid;

	va_start(args, fmt);
	REQUIRE(vasprintf(&command, fmt, args) > 0);
	va_end(args);
	REQUIRE(out >= 0 && err >= 0 && mkdtemp(dir));
	REQUIRE(chmod(dir, 0777) == 0);
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		child(dir, command, as_nobody, out, err);
	REQUIRE(pid > 0);
	while (waitpid(pid, &ran.status, 0) < 0 && errno == EINTR)
		;
	ran.out = slurp(out, &ran.out_len);
	ran.err = slurp(err, &ran.err_len);
	remove_dir(dir);
	free(command);
	return ran;
}

void ran_free(struct ran *ran)
{
	free(ran->out);
	free(ran->err);
	*ran = (struct ran){ 0 };
}

int exit_of(const struct ran *ran)
{
	return WIFEXITED(ran->status) ? WEXITSTATUS(ran->status) : -1;
}

bool says(const struct ran *ran, const char *text)
{
	return ran->out && strstr(ran->out, text);
}

bool complains(const struct ran *ran, const char *text)
{
	return ran->err && strstr(ran->err, text);
}

void need(const char *program)
{
	struct ran ran = shell(false, "command -v %s", program);
	bool there = exit_of(&ran) == 0;

	ran_free(&ran);
	if (!there)
		SKIP("%s is not installed", program);
}

void need_nobody(void)
{
	struct ran ran;
	bool can;

	if (geteuid() != 0)
		SKIP("only root can become nobody");
	ran = shell(true, "\"$SKEP\" version");
	can = exit_of(&ran) == 0;
	ran_free(&ran);
	if (!can)
		SKIP("nobody may not read this build");
}
