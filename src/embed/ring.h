/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a ringbuf map through its file, as libbpf's ring_buffer does. */
#ifndef SKEP_EMBED_RING_H
#define SKEP_EMBED_RING_H

#include "base/types.h"

struct ring {
	u8 *consumer; /* a page: the position up to which we have read */
	u8 *producer; /* a page, and the data twice in a row behind it */
	u64 size;     /* of the data: a power of two */
	u64 page;
};

/* 0 or -errno. */
int ring_open(struct ring *ring, int map_fd, u64 size);
void ring_close(struct ring *ring);
/*
 * Calls seen for each finished record until there is none; how many there were. A record that
 * is finished after this returns makes its producer notify.
 */
u32 ring_drain(struct ring *ring, void (*seen)(void *data, const void *record, u32 size),
	       void *data);

#endif
