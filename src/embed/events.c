/* SPDX-License-Identifier: Apache-2.0 */
/* Consuming ring buffers. */
#include "embed/embed.h"
#include "embed/ring.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct skep_ring {
	struct ring ring;
	int event_fd; /* the map's */
};

static int ring_size(struct skep *skep, int map_fd, u32 *size)
{
	struct bpf_map_info info = { 0 };
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.info.bpf_fd = (u32)map_fd;
	attr.info.info_len = sizeof(info);
	attr.info.info = (uintptr_t)&info;
	if (skep_bpf(skep, BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr)) < 0)
		return -errno;
	*size = info.max_entries;
	return 0;
}

struct skep_ring *skep_ring_open(struct skep *skep, int map_fd)
{
	int event_fd = skep_map_event_fd(skep, map_fd);
	struct skep_ring *ring;
	u32 size = 0;
	int err;

	if (event_fd < 0)
		return embed_fail_ptr(-errno, "fd %d is not a ringbuf map: %s", map_fd,
				      strerror(errno));
	ring = calloc(1, sizeof(*ring));
	if (!ring)
		return embed_fail_ptr(-ENOMEM, "out of memory");
	ring->event_fd = event_fd;
	err = ring_size(skep, map_fd, &size);
	if (!err)
		err = ring_open(&ring->ring, map_fd, size);
	if (!err)
		return ring;
	free(ring);
	return embed_fail_ptr(err, "ringbuf map, fd %d: %s", map_fd, strerror(-err));
}

/* Sleeps until the event fd is readable, and takes what it counted. 0, 1 or -errno. */
static int wait_for_event(int event_fd, int timeout_ms)
{
	struct pollfd pollfd = { .fd = event_fd, .events = POLLIN };
	int ready = poll(&pollfd, 1, timeout_ms);
	u64 count;

	if (ready < 0)
		return -errno;
	if (ready && read(event_fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		return -errno;
	return ready;
}

/* What is left of timeout_ms since start; -1 stays -1. */
static int time_left(int timeout_ms, u64 start)
{
	u64 passed = (os_clock_ns(OS_CLOCK_MONOTONIC) - start) / 1000000;

	return timeout_ms < 0 ? -1 : passed < (u64)timeout_ms ? timeout_ms - (int)passed : 0;
}

int skep_ring_poll(struct skep_ring *ring, int timeout_ms,
		   void (*fn)(void *data, const void *record, uint32_t size), void *data)
{
	u64 start = os_clock_ns(OS_CLOCK_MONOTONIC);
	u32 n;

	/* An event may tell of records that were read before: then there is still to wait. */
	while (!(n = ring_drain(&ring->ring, fn, data))) {
		int left = time_left(timeout_ms, start), ready;

		if (!left)
			return 0;
		ready = wait_for_event(ring->event_fd, left);
		if (ready < 0)
			return embed_fail(ready, "waiting for a ringbuf: %s", strerror(-ready));
	}
	return (int)n;
}

void skep_ring_close(struct skep_ring *ring)
{
	if (!ring)
		return;
	ring_close(&ring->ring);
	free(ring);
}
