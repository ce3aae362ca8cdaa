/* SPDX-License-Identifier: Apache-2.0 */
/* What /proc tells of a thread. */
#define _GNU_SOURCE
#include "hooks/syscall/internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sched.h>

int proc_read(pid_t tid, const char *file, char *buf, size_t size)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)tid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, buf, size - 1);
	if (n < 0)
		n = -errno;
	else
		buf[n] = 0;
	close(fd);
	return (int)n;
}

s64 proc_status(pid_t tid, const char *field, int base)
{
	char buf[4096];
	size_t len = strlen(field);

	if (proc_read(tid, "status", buf, sizeof(buf)) <= 0)
		return -1;
	for (char *line = buf; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, field, len) == 0 && line[len] == ':')
			return (s64)strtoull(line + len + 1, NULL, base);
	}
	return -1;
}

/*
 * Waking a thread on another CPU costs many times more than on one's own (here 40 us against
 * 2 us), and a stop wakes twice. A thread that may run on few CPUs is best traced from those;
 * the thread's own affinity is never touched.
 */
void follow_affinity(pid_t tid)
{
	cpu_set_t theirs, ours;

	if (sched_getaffinity(tid, sizeof(theirs), &theirs) == 0 &&
	    sched_getaffinity(0, sizeof(ours), &ours) == 0 && !CPU_EQUAL(&theirs, &ours))
		sched_setaffinity(0, sizeof(theirs), &theirs);
}
