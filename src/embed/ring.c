/* SPDX-License-Identifier: Apache-2.0 */
#include "embed/ring.h"

#include <linux/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/atomic.h"

int ring_open(struct ring *ring, int map_fd, u64 size)
{
	u64 page = (u64)sysconf(_SC_PAGESIZE);
	void *consumer = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
	void *producer;
	int err;

	if (consumer == MAP_FAILED)
		return -errno;
	producer = mmap(NULL, page + 2 * size, PROT_READ, MAP_SHARED, map_fd, (off_t)page);
	if (producer == MAP_FAILED) {
		err = -errno;
		munmap(consumer, page);
		return err;
	}
	*ring = (struct ring){ consumer, producer, size, page };
	return 0;
}

void ring_close(struct ring *ring)
{
	if (ring->consumer)
		munmap(ring->consumer, ring->page);
	if (ring->producer)
		munmap(ring->producer, ring->page + 2 * ring->size);
	*ring = (struct ring){ 0 };
}

/* Up to the first record that is not finished, or end. */
static u64 drain_to(struct ring *ring, u64 end,
		    void (*seen)(void *data, const void *record, u32 size), void *data, u32 *n)
{
	u64 *consumed = (u64 *)ring->consumer;
	u64 at = load_relaxed(consumed);

	while (at < end) {
		u8 *header = ring->producer + ring->page + (at & (ring->size - 1));
		u32 len = load_acquire((u32 *)header);

		if (len & BPF_RINGBUF_BUSY_BIT)
			break;
		at += align_up((len & ~BPF_RINGBUF_DISCARD_BIT) + BPF_RINGBUF_HDR_SZ, 8);
		if (!(len & BPF_RINGBUF_DISCARD_BIT)) {
			seen(data, header + BPF_RINGBUF_HDR_SZ, len);
			++*n;
		}
		store_release(consumed, at);
	}
	return at;
}

u32 ring_drain(struct ring *ring, void (*seen)(void *data, const void *record, u32 size),
	       void *data)
{
	u64 *produced = (u64 *)ring->producer, end, at;
	u32 n = 0;

	/* A producer notifies when it sees that we have read all before its record. So our
	 * position must be visible before we look, for the last time, whether there is more. */
	do {
		end = load_acquire(produced);
		at = drain_to(ring, end, seen, data, &n);
		fence_seq_cst();
	} while (at == end && load_acquire(produced) != end);
	return n;
}
