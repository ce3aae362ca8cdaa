/* SPDX-License-Identifier: Apache-2.0 */
/* Makes known system calls: what the test programs watch. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

static void *in_thread(void *arg)
{
	pthread_setname_np(pthread_self(), "a-thread");
	printf("\"own_pid\":%d \"own_tid\":%ld \"own_ppid\":%d \"own_uid\":%d \"own_gid\":%d\n",
	       (int)getpid(), syscall(SYS_gettid), (int)getppid(), (int)getuid(), (int)getgid());
	syscall(SYS_getpgid, 4242);
	return NULL;
}

/*
 * Two frames with frame pointers: libc's syscall() has none, so the innermost that is seen is the
 * one that inner returns to.
 */
__attribute__((noinline)) static long inner(void)
{
	printf("\"return_1\":%llu ", (unsigned long long)(uintptr_t)__builtin_return_address(0));
	fflush(stdout);
	return syscall(SYS_getpgid, 4243) + 1;
}

__attribute__((noinline)) static long outer(void)
{
	printf("\"return_2\":%llu ", (unsigned long long)(uintptr_t)__builtin_return_address(0));
	return inner() + 1;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	pthread_t thread;

	if (strcmp(what, "getppid") == 0 && argc > 2) {
		for (int i = atoi(argv[2]); i > 0; i--)
			syscall(SYS_getppid);
		return 0;
	}
	if (strcmp(what, "thread-getpgid") == 0)
		return pthread_create(&thread, NULL, in_thread, NULL) || pthread_join(thread, NULL);
	if (strcmp(what, "stack") == 0)
		return outer() > 1;
	if (strcmp(what, "traceme") == 0)
		return ptrace(PTRACE_TRACEME, 0, NULL, NULL) ? 0 : 1;
	return 2;
}
