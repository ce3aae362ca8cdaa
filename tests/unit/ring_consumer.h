/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A consumer of a ring buffer as a client of bpf(2) writes one: it knows nothing but the fd,
 * maps the consumer page writable and the rest read-only, and follows the documented ABI.
 */
#ifndef SKEP_TESTS_UNIT_RING_CONSUMER_H
#define SKEP_TESTS_UNIT_RING_CONSUMER_H

#include <sys/mman.h>

#include "unit/maps_common.h"

struct ring_consumer {
	u64 *consumer;
	const u64 *producer;
	const u8 *data;
	u64 size;
};

static inline bool ring_open(struct ring_consumer *ring, int fd, u64 size)
{
	void *own = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	u8 *rest = mmap(NULL, 4096 + 2 * size, PROT_READ, MAP_SHARED, fd, 4096);

	*ring = (struct ring_consumer){ own, (void *)rest, rest + 4096, size };
	return own != MAP_FAILED && rest != MAP_FAILED;
}

static inline void ring_close(struct ring_consumer *ring)
{
	munmap(ring->consumer, 4096);
	munmap((void *)(uintptr_t)ring->producer, 4096 + 2 * ring->size);
}

/*
 * The next record: its data, *size, and *discarded; NULL when there is none yet. The caller
 * reads it and then calls ring_advance.
 */
static inline const void *ring_next(const struct ring_consumer *ring, u32 *size, bool *discarded)
{
	u64 consumer = load_relaxed(ring->consumer);
	const u32 *header = (const u32 *)(const void *)(ring->data + (consumer & (ring->size - 1)));
	u32 len;

	if (consumer >= load_acquire(ring->producer))
		return NULL;
	len = load_acquire(header);
	if (len & BPF_RINGBUF_BUSY_BIT)
		return NULL;
	*discarded = len & BPF_RINGBUF_DISCARD_BIT;
	*size = len & ~(u32)BPF_RINGBUF_DISCARD_BIT;
	return header + 2;
}

static inline void ring_advance(struct ring_consumer *ring, u32 size)
{
	store_seq_cst(ring->consumer, load_relaxed(ring->consumer) + align_up(size + 8, 8));
}

#endif
