/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting for a ring buffer. A memfd cannot be waited for, so an eventfd stands in: made when
 * somebody first asks for it, written when a producer finds that the consumer has caught up
 * (of a user_ringbuf: when a drainer has made room).
 * The map's handle, which producers pass on, is the eventfd's number plus one.
 */
#include <sys/eventfd.h>
#include <unistd.h>

#include "kernel/core.h"

void map_event_notify(u32 map_handle)
{
	const u64 one = 1;

	/* When its counter is full the consumer has enough to wake up for. */
	if (map_handle && write((int)map_handle - 1, &one, sizeof(one)) < 0)
		return;
}

static int event_fd_of(struct map_object *mo)
{
	int fd;

	if (mo->map->facts.type != BPF_MAP_TYPE_RINGBUF &&
	    mo->map->facts.type != BPF_MAP_TYPE_USER_RINGBUF)
		return -EINVAL;
	pthread_mutex_lock(&mo->update_lock);
	if (mo->event_fd < 0) {
		mo->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (mo->event_fd >= 0)
			store_release(&mo->map->handle, (u32)mo->event_fd + 1);
	}
	fd = mo->event_fd < 0 ? -errno : mo->event_fd;
	pthread_mutex_unlock(&mo->update_lock);
	/* What came before is news too. */
	if (fd >= 0)
		map_event_notify((u32)fd + 1);
	return fd;
}

int skep_map_event_fd(struct skep *skep, int map_fd)
{
	int err = 0, fd;
	struct map_object *mo = map_from_fd(skep, map_fd, &err);

	if (!mo) {
		errno = -err;
		return -1;
	}
	fd = event_fd_of(mo);
	object_put(&mo->base);
	if (fd < 0) {
		errno = -fd;
		return -1;
	}
	return fd;
}
