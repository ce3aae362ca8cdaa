/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ring buffer: many producers, one consumer in user space that reads it through mmap.
 *
 * The visible memory is what the consumer knows from Linux:
 *
 *	page 0		consumer position, the consumer's to write
 *	page 1		producer position
 *	then		data, twice max_entries; records begin in the first half and the last one
 *			spills into the second (Linux maps the first half twice instead)
 *
 * Positions count bytes for ever; offset in the data is position & mask. A record is an
 * 8-byte header (length and BUSY, DISCARD bits; the second word is ours, see below) and its
 * data, rounded up to 8.
 *
 * No lock. The position from which the next record is reserved is in the store, so
 *
 *	reserve	CAS the reserve position forward; write a BUSY header; publish
 *	publish	move the producer position over every record whose header has been written
 *
 * where the last of several producers to write its header publishes for all. The consumer
 * stops at the first BUSY record anyway, so waiting for an unwritten header costs it nothing.
 * Each producer does an atomic read-modify-write of the producer position between writing its
 * own header and looking at others': of two, the later one sees both headers.
 *
 * That a header was written, and not left there by the round before, is told by its second
 * word, where Linux keeps a page offset that consumers do not look at: the number of the
 * round and the CPU slot of the producer, under a secret of the map, so that what happens to
 * lie in old data does not pass for it. The slot names the claimant of a record: when its
 * process has died, ringbuf_sweep discards what it left. Between CAS and header a claimant
 * has nothing but its claim in the store; the sweep completes that too.
 *
 * Anybody who maps the visible memory can spoil the records, positions and headers in it. All
 * offsets are therefore masked, lengths bounded, and loops counted.
 */
#include "maps/types.h"
#include "maps/words.h"

#define RINGBUF_HEADER 8u
#define RINGBUF_LEN_MASK (~(u32)(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT))
#define RINGBUF_RECORD_MAX (UINT32_MAX / 4)
/* Second header word: slot, then round. */
#define TAG_ROUND_BITS 22
#define TAG_ROUND_MASK ((1u << TAG_ROUND_BITS) - 1)
#define TAG_SLOTS (1u << (32 - TAG_ROUND_BITS))

_Static_assert(EPOCH_SLOTS <= TAG_SLOTS, "a CPU slot fits a record header");

/* What a CPU slot is about to reserve, or has reserved last. */
struct ringbuf_claim {
	alignas(64) u64 start;
	u64 bytes; /* 0: never any; or'ed with CLAIM_DEAD when the sweep has come */
};

#define CLAIM_DEAD 1ull
#define SWEEP_TRIES 1000 /* of 50 us: to let living producers get out of the way */

struct ringbuf_ctl {
	alignas(64) u64 reserved; /* position from which the next record is reserved */
	u32 secret;
	struct ringbuf_claim claim[]; /* one a CPU slot */
};

struct ringbuf_map {
	struct map map;
	struct ringbuf_ctl *ctl;
	u64 *consumer;
	u64 *producer;
	u8 *data;
	u64 mask;
	u32 secret;
};

static struct ringbuf_map *ringbuf_of(const struct map *map)
{
	return CONTAINER_OF((struct map *)map, struct ringbuf_map, map);
}

static int ringbuf_check(const struct map_facts *facts)
{
	if (facts->flags & ~(u32)BPF_F_NUMA_NODE)
		return -EINVAL;
	if (facts->key_size || facts->value_size || !facts->max_entries ||
	    facts->max_entries & (facts->max_entries - 1) || facts->max_entries % MAP_PAGE)
		return -EINVAL;
	return 0;
}

static int ringbuf_layout(const struct map *map, struct map_sizes *sizes)
{
	sizes->store = sizeof(struct ringbuf_ctl) + map->cpus * sizeof(struct ringbuf_claim);
	sizes->visible = 2 * MAP_PAGE + 2 * (u64)map->facts.max_entries;
	return 0;
}

static int ringbuf_bind(struct map *map, bool fresh)
{
	struct ringbuf_map *ring = ringbuf_of(map);
	u8 *visible = map->visible.addr;

	ring->ctl = map->store.addr;
	ring->consumer = (void *)visible;
	ring->producer = (void *)(visible + MAP_PAGE);
	ring->data = visible + 2 * MAP_PAGE;
	ring->mask = map->facts.max_entries - 1;
	if (fresh)
		ring->ctl->secret = os_random_u32();
	ring->secret = ring->ctl->secret;
	return 0;
}

/* ---- headers ---- */

/* Positions are multiples of 8; made so even when somebody has scribbled over them. */
static u64 *header_at(const struct ringbuf_map *ring, u64 position)
{
	return (u64 *)(void *)(ring->data + (position & ring->mask & ~7ull));
}

static u64 record_bytes(u32 header_len)
{
	return align_up((u64)(header_len & RINGBUF_LEN_MASK) + RINGBUF_HEADER, 8);
}

/* Both words of a header as one, in memory order. */
union header {
	struct {
		u32 len, tag;
	};
	u64 word;
};

static u32 tag_of(const struct ringbuf_map *ring, u64 position, u32 slot)
{
	u32 round = (u32)(position / (ring->mask + 1)) & TAG_ROUND_MASK;

	return (slot << TAG_ROUND_BITS | round) ^ ring->secret;
}

static u32 tag_slot(const struct ringbuf_map *ring, union header header)
{
	return (header.tag ^ ring->secret) >> TAG_ROUND_BITS;
}

/* Was this header written for the record that begins at that very position? */
static bool header_written(const struct ringbuf_map *ring, union header header, u64 position)
{
	return ((header.tag ^ tag_of(ring, position, 0)) & TAG_ROUND_MASK) == 0 &&
	       tag_slot(ring, header) < ring->map.cpus;
}

/*
 * Another producer may have published this place since and a consumer have freed it, so that
 * by now it is some program's data and the word means nothing. Then the producer position
 * has moved, and whoever moved it has seen all that was written before. ThreadSanitizer is
 * told that this is meant.
 */
__attribute__((no_sanitize_thread)) static u64 peek_header(const struct ringbuf_map *ring,
							   u64 position)
{
	return load_acquire(header_at(ring, position));
}

/* From `position` on, which a read-modify-write of the producer position has told. */
static void publish(struct ringbuf_map *ring, u64 position)
{
	for (;;) {
		u64 left = load_acquire(&ring->ctl->reserved) - position;
		union header header;
		u64 bytes;

		if (!left || left > ring->mask)
			return;
		header.word = peek_header(ring, position);
		bytes = record_bytes(header.len);
		if (!header_written(ring, header, position) || bytes > left)
			return;
		if (cas_acq_rel(ring->producer, &position, position + bytes))
			position += bytes;
	}
}

static void *reserve(struct ringbuf_map *ring, u64 size, u32 slot)
{
	struct ringbuf_claim *claim = &ring->ctl->claim[slot];
	u64 bytes = align_up(size + RINGBUF_HEADER, 8);
	union header header;
	u64 start, position;

	if (size > RINGBUF_RECORD_MAX || bytes > ring->mask + 1)
		return NULL;
	start = load_acquire(&ring->ctl->reserved);
	do {
		if (start + bytes - load_acquire(ring->consumer) > ring->mask)
			return NULL;
		store_relaxed(&claim->start, start);
		store_relaxed(&claim->bytes, bytes);
	} while (!cas_acq_rel(&ring->ctl->reserved, &start, start + bytes));
	header.len = (u32)size | BPF_RINGBUF_BUSY_BIT;
	header.tag = tag_of(ring, start, slot);
	store_release(header_at(ring, start), header.word);
	/* Usually nobody else is at it, and this record is the next one to publish. */
	position = start;
	if (cas_acq_rel(ring->producer, &position, start + bytes))
		position = start + bytes;
	else
		position = fetch_add_acq_rel(ring->producer, 0);
	publish(ring, position);
	return (u8 *)header_at(ring, start) + RINGBUF_HEADER;
}

/* Wakes the consumer when it waits for this very record, as Linux does. */
static void commit(struct ringbuf_map *ring, void *record, u64 flags, u32 discard,
		   struct run_ctx *rc)
{
	u8 *header = (u8 *)record - RINGBUF_HEADER;
	u32 *len = (u32 *)(void *)header;
	u64 offset = (u64)(header - ring->data);

	u32 final = (load_relaxed(len) & RINGBUF_LEN_MASK) | discard;

	if (flags & (BPF_RB_NO_WAKEUP | BPF_RB_FORCE_WAKEUP)) {
		store_release(len, final);
		if (!(flags & BPF_RB_FORCE_WAKEUP))
			return;
	} else {
		/* first the record, then the look at the consumer: it does the reverse */
		exchange_seq_cst(len, final);
		if ((load_seq_cst(ring->consumer) & ring->mask) != offset)
			return;
	}
	if (rc->world && rc->world->notify)
		rc->world->notify(rc, ring->map.handle);
}

/* ---- what helpers call ---- */

static void drop_record(void *record, struct run_ctx *rc)
{
	ringbuf_discard(record, 0, rc);
}

void *ringbuf_reserve(struct map *map, u64 size, u64 flags, struct run_ctx *rc)
{
	void *record;

	if (flags || rc->n_held >= RUN_MAX_HELD)
		return NULL;
	record = reserve(ringbuf_of(map), size, rc->cpu);
	if (record)
		rc->held[rc->n_held++] = (struct held){ record, drop_record, map };
	return record;
}

/* Takes the record's entry out of rc->held; the verifier has seen to it that there is one. */
static struct ringbuf_map *release_held(void *record, struct run_ctx *rc)
{
	for (u32 i = rc->n_held; i-- > 0;) {
		struct map *map = rc->held[i].map;

		if (rc->held[i].what != record)
			continue;
		rc->held[i] = rc->held[--rc->n_held];
		return ringbuf_of(map);
	}
	return NULL;
}

void ringbuf_submit(void *record, u64 flags, struct run_ctx *rc)
{
	struct ringbuf_map *ring = release_held(record, rc);

	if (ring)
		commit(ring, record, flags, 0, rc);
}

void ringbuf_discard(void *record, u64 flags, struct run_ctx *rc)
{
	struct ringbuf_map *ring = release_held(record, rc);

	if (ring)
		commit(ring, record, flags, BPF_RINGBUF_DISCARD_BIT, rc);
}

s64 ringbuf_output(struct map *map, const void *data, u64 size, u64 flags, struct run_ctx *rc)
{
	struct ringbuf_map *ring = ringbuf_of(map);
	void *record;

	if (flags & ~(u64)(BPF_RB_NO_WAKEUP | BPF_RB_FORCE_WAKEUP))
		return -EINVAL;
	record = reserve(ring, size, rc->cpu);
	if (!record)
		return -EAGAIN;
	memcpy(record, data, size);
	commit(ring, record, flags, 0, rc);
	return 0;
}

u64 ringbuf_query(const struct map *map, u64 what)
{
	const struct ringbuf_map *ring = ringbuf_of(map);
	u64 consumer = load_acquire(ring->consumer);
	u64 producer = load_acquire(ring->producer);

	switch (what) {
	case BPF_RB_AVAIL_DATA:
		return producer - consumer;
	case BPF_RB_RING_SIZE:
		return ring->mask + 1;
	case BPF_RB_CONS_POS:
		return consumer;
	case BPF_RB_PROD_POS:
		return producer;
	default:
		return 0;
	}
}

/* ---- the sweep ---- */

/*
 * Did the claim become a reservation? Producers that race for one place claim it all, and
 * one wins: it did if a record ends where this one would. Then nothing begins there yet, or
 * a record does, or somebody has claimed that place.
 */
static bool claim_won(const struct ringbuf_map *ring, u64 end)
{
	union header next = { .word = load_acquire(header_at(ring, end)) };
	u64 reserved = load_acquire(&ring->ctl->reserved);

	if (end == reserved)
		return true;
	if (reserved - end > ring->mask)
		return false;
	for (u32 i = 0; i < ring->map.cpus; i++)
		if (load_relaxed(&ring->ctl->claim[i].start) == end)
			return true;
	return header_written(ring, next, end);
}

/* Somebody claims the very same, and may have won as well as the dead one. */
static bool claim_has_twin(const struct ringbuf_map *ring, u32 slot, u64 start, u64 bytes)
{
	const struct ringbuf_claim *claim = ring->ctl->claim;

	for (u32 i = 0; i < ring->map.cpus; i++)
		if (i != slot && load_relaxed(&claim[i].start) == start &&
		    load_relaxed(&claim[i].bytes) == bytes)
			return true;
	return false;
}

/* A claimant that died between reserving and writing the header: write it now. */
static void complete_claim(struct ringbuf_map *ring, u32 slot)
{
	struct ringbuf_claim *claim = &ring->ctl->claim[slot];
	u64 start = claim->start, bytes = claim->bytes & ~CLAIM_DEAD;
	union header old, header;

	if (bytes < RINGBUF_HEADER || bytes > ring->mask + 1)
		return;
	store_relaxed(&claim->bytes, bytes | CLAIM_DEAD);
	if (start - load_acquire(ring->producer) > ring->mask)
		return;
	old.word = load_acquire(header_at(ring, start));
	if (header_written(ring, old, start) || !claim_won(ring, start + bytes) ||
	    claim_has_twin(ring, slot, start, bytes))
		return;
	header.len = (u32)(bytes - RINGBUF_HEADER) | BPF_RINGBUF_BUSY_BIT;
	header.tag = tag_of(ring, start, slot);
	cas_acq_rel(header_at(ring, start), &old.word, header.word);
}

/*
 * Until all that was reserved when we came is published: behind a header that a living
 * producer has yet to write, records of the dead one may lie that nobody can see.
 */
static bool publish_all(struct ringbuf_map *ring, u32 slot)
{
	static const u32 never;
	u64 left, target = load_acquire(&ring->ctl->reserved);

	for (u32 tries = 0; tries < SWEEP_TRIES; tries++) {
		complete_claim(ring, slot);
		publish(ring, fetch_add_acq_rel(ring->producer, 0));
		left = target - load_acquire(ring->producer);
		if (!left || left > ring->mask)
			return (s64)left <= 0;
		os_wait(&never, 0, 50000);
	}
	return false;
}

int ringbuf_sweep(struct map *map, u32 cpu)
{
	struct ringbuf_map *ring = ringbuf_of(map);
	bool complete = publish_all(ring, cpu);
	u64 position = load_acquire(ring->consumer);
	u64 end = load_acquire(ring->producer);
	int swept = 0;

	while (end - position - 1 < ring->mask) {
		union header header = { .word = load_acquire(header_at(ring, position)) };
		u32 *len = (u32 *)(void *)header_at(ring, position);

		if (header.len & BPF_RINGBUF_BUSY_BIT && tag_slot(ring, header) == cpu) {
			exchange_seq_cst(len, (header.len & RINGBUF_LEN_MASK) |
						      BPF_RINGBUF_DISCARD_BIT);
			swept++;
		}
		position += record_bytes(header.len);
	}
	return complete ? swept : -EAGAIN;
}

static u64 ringbuf_memory(const struct map *map)
{
	return map->ops->size + map->store.size + 2 * MAP_PAGE + map->facts.max_entries;
}

const struct map_ops ringbuf_map_ops = {
	.name = "ringbuf",
	.size = sizeof(struct ringbuf_map),
	.check = ringbuf_check,
	.layout = ringbuf_layout,
	.bind = ringbuf_bind,
	.memory = ringbuf_memory,
};
