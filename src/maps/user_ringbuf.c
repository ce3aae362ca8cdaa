/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ring buffer the other way round: user space produces, programs drain. The visible memory
 * is laid out as the ringbuf's, data twice in a row as there; here page 0 is ours to write and
 * the rest the producer's.
 *
 * One drainer at a time. Its name is in the store, so that who died there, or ended in the
 * middle of it, keeps nobody out: a name counts while its CPU slot has an owner, and one's own
 * slot's name only while it stands in the run's list of what it holds.
 *
 * Nothing in the visible memory is trusted: offsets are masked, sizes bounded, samples counted.
 */
#include "maps/types.h"
#include "maps/value.h"

#define HEADER	 8u
#define FLAG_BITS ((u32)(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT))

struct user_ringbuf_ctl {
	alignas(64) u32 drainer; /* a lock word (value.h) */
};

struct user_ringbuf_map {
	struct map map;
	struct user_ringbuf_ctl *ctl;
	u64 *consumer;
	const u64 *producer;
	u8 *data;
	u64 mask;
};

static struct user_ringbuf_map *ring_of(struct map *map)
{
	return CONTAINER_OF(map, struct user_ringbuf_map, map);
}

static int user_ringbuf_check(const struct map_facts *facts)
{
	if (facts->flags & ~(u32)BPF_F_NUMA_NODE)
		return -EINVAL;
	if (facts->key_size || facts->value_size || !facts->max_entries ||
	    facts->max_entries & (facts->max_entries - 1) || facts->max_entries % MAP_PAGE)
		return -EINVAL;
	return 0;
}

static int user_ringbuf_layout(const struct map *map, struct map_sizes *sizes)
{
	sizes->store = sizeof(struct user_ringbuf_ctl);
	sizes->visible = 2 * MAP_PAGE + 2 * (u64)map->facts.max_entries;
	return 0;
}

static int user_ringbuf_bind(struct map *map, bool fresh)
{
	struct user_ringbuf_map *ring = ring_of(map);
	u8 *visible = map->visible.addr;

	ring->ctl = map->store.addr;
	ring->consumer = (void *)visible;
	ring->producer = (void *)(visible + MAP_PAGE);
	ring->data = visible + 2 * MAP_PAGE;
	ring->mask = map->facts.max_entries - 1;
	return 0;
}

/* ---- who drains ---- */

static struct held *find_held(struct run_ctx *rc, const void *what)
{
	for (u32 i = rc->n_held; i-- > 0;)
		if (rc->held[i].what == what)
			return &rc->held[i];
	return NULL;
}

static void leave(void *what, struct run_ctx *rc)
{
	struct held *held = find_held(rc, what);

	if (!held)
		return;
	*held = rc->held[--rc->n_held];
	map_lock_drop(what, rc->cpu + 1);
}

int user_ringbuf_enter(struct map *map, struct run_ctx *rc)
{
	u32 *word = &ring_of(map)->ctl->drainer;

	if (rc->n_held >= RUN_MAX_HELD || find_held(rc, word) ||
	    !map_lock_now(word, rc->cpu + 1, rc->epoch))
		return -EBUSY;
	rc->held[rc->n_held++] = (struct held){ word, leave, map };
	return 0;
}

/* Linux wakes the producer after any sample, also one that was skipped. */
void user_ringbuf_leave(struct map *map, bool news, u64 flags, struct run_ctx *rc)
{
	leave(&ring_of(map)->ctl->drainer, rc);
	if (!(flags & BPF_RB_FORCE_WAKEUP) && (!news || flags & BPF_RB_NO_WAKEUP))
		return;
	if (rc->world && rc->world->notify)
		rc->world->notify(rc, map->handle);
}

/* ---- samples ---- */

static void consume(struct user_ringbuf_map *ring, u64 position, u32 size)
{
	store_release(ring->consumer, position + align_up((u64)size + HEADER, 8));
}

int user_ringbuf_peek(struct map *map, struct user_sample *sample)
{
	struct user_ringbuf_map *ring = ring_of(map);
	u64 end = load_acquire(ring->producer);
	u64 position = load_acquire(ring->consumer);
	u64 at = position & ring->mask & ~7ull, bytes;
	u32 header;

	if (end % 8)
		return -EINVAL;
	if (position >= end)
		return -ENODATA;
	header = load_acquire((u32 *)(void *)(ring->data + at));
	sample->size = header & ~FLAG_BITS;
	sample->position = position;
	/* A header at the very end: the data begin anew, for the producer too. */
	sample->data = ring->data + ((at + HEADER) & ring->mask);
	bytes = align_up((u64)sample->size + HEADER, 8);
	if (bytes > end - position)
		return -EINVAL;
	if (bytes > ring->mask + 1 || sample->size > USER_SAMPLE_MAX)
		return -E2BIG;
	if (header & BPF_RINGBUF_DISCARD_BIT) {
		consume(ring, position, sample->size);
		return -EAGAIN;
	}
	return header & BPF_RINGBUF_BUSY_BIT ? -ENODATA : 0;
}

void user_ringbuf_release(struct map *map, const struct user_sample *sample)
{
	consume(ring_of(map), sample->position, sample->size);
}

static u64 user_ringbuf_memory(const struct map *map)
{
	return map->ops->size + map->store.size + 2 * MAP_PAGE + map->facts.max_entries;
}

const struct map_ops user_ringbuf_map_ops = {
	.name = "user_ringbuf",
	.size = sizeof(struct user_ringbuf_map),
	.check = user_ringbuf_check,
	.layout = user_ringbuf_layout,
	.bind = user_ringbuf_bind,
	.memory = user_ringbuf_memory,
};
