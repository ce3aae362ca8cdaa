/* SPDX-License-Identifier: Apache-2.0 */
/* What /proc tells of a thread. */
#define _GNU_SOURCE
#include "hooks/syscall/internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
