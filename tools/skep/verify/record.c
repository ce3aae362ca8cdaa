/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records on a pipe: the struct as it is, with the strings' pointers replaced by their lengths, and
 * the strings behind it. Both ends are the same program.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "verify/verify.h"

#define MAX_STRING ((uintptr_t)64 << 20)

static int write_all(int fd, const void *data, size_t size)
{
	const char *at = data;

	while (size) {
		ssize_t n = write(fd, at, size);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			at += n;
			size -= (size_t)n;
		}
	}
	return 0;
}

int record_write(int fd, const struct record *record)
{
	struct record wire = *record;
	int err;

#define LENGTH(name) wire.name = (const char *)(record->name ? strlen(record->name) : 0);
	RECORD_STRINGS(LENGTH)
#undef LENGTH
	err = write_all(fd, &wire, sizeof(wire));
#define STRING(name) \
	if (!err)    \
		err = write_all(fd, record->name, (uintptr_t)wire.name);
	RECORD_STRINGS(STRING)
#undef STRING
	return err;
}

static s64 milliseconds_until(u64 deadline)
{
	struct timespec ts;
	u64 now;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	now = (u64)ts.tv_sec * 1000000000u + (u64)ts.tv_nsec;
	return now >= deadline ? 0 : (s64)((deadline - now) / 1000000 + 1);
}

static int read_all(int fd, u64 deadline, void *data, size_t size)
{
	char *at = data;

	while (size) {
		struct pollfd pollfd = { .fd = fd, .events = POLLIN };
		int ready = poll(&pollfd, 1, (int)milliseconds_until(deadline));
		ssize_t n;

		if (!ready)
			return -ETIME;
		n = ready < 0 ? -1 : read(fd, at, size);
		if (n == 0)
			return -EPIPE;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			at += n;
			size -= (size_t)n;
		}
	}
	return 0;
}

int record_read(int fd, u64 deadline, struct record *record, void **memory)
{
	uintptr_t size = 0;
	char *at;
	int err;

	*memory = NULL;
	err = read_all(fd, deadline, record, sizeof(*record));
	if (err)
		return err;
#define ADD(name) size += MIN((uintptr_t)record->name, MAX_STRING) + 1;
	RECORD_STRINGS(ADD)
#undef ADD
	*memory = at = calloc(1, size);
	if (!at)
		return -ENOMEM;
#define TAKE(name)                                       \
	size = MIN((uintptr_t)record->name, MAX_STRING); \
	if (!err)                                        \
		err = read_all(fd, deadline, at, size);  \
	record->name = at;                               \
	at += size + 1;
	RECORD_STRINGS(TAKE)
#undef TAKE
	return err;
}
