/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Queues and stacks: one ring of values, pushed at one end and popped at the other or at the
 * same. Where a full one overwrites, the oldest value goes: in both.
 *
 * No lock. What a queue is at a moment is a small record, and the control word names the
 * record that holds now:
 *
 *	record	first place in use, how many, and the one store to the ring that is still to do
 *	ring	of link words: in each place the element that holds the value
 *
 * A change prepares a record of what comes after and publishes it by one CAS on the control
 * word; so it is atomic whatever it does, overwriting included. A push's store to the ring
 * comes after that CAS, and is everybody's business: who changes the queue next does it
 * first. It is a CAS from the word that the pusher saw, whose tag never comes back, so the
 * slowest helper does no harm. A process killed anywhere loses its own element and record.
 *
 * What is read under a record is valid if the control word is still the same afterwards.
 */
#include "maps/pool.h"
#include "maps/types.h"
#include "maps/words.h"

#define QUEUE_FLAGS ((u32)BPF_F_NUMA_NODE | MAP_ACCESS_FLAGS)
/* Linux: KMALLOC_MAX_SIZE, the bound of a value. */
#define QUEUE_VALUE_MAX (4u << 20)
/* Elements and records in the hands of somebody who is at work, or killed. */
#define QUEUE_EXTRA 512
#define QUEUE_TRIES 10000

/* A state, as a record holds it: behind the record's link word. */
struct queue_state {
	u64 first, count;
	u64 place; /* the ring's place that gets an element: */
	u64 word;  /* this word (0: nothing is to do) */
	u64 seen;  /* where this one stands */
};

struct queue_ctl {
	alignas(64) u64 now; /* link word: index of the record that holds */
};

struct queue_map {
	struct map map;
	struct queue_ctl *ctl;
	u64 *ring;
	struct pool records, elems;
};

struct queue_layout {
	u64 records_ctl, elems_ctl, records, ring, elems, end;
	u32 elem_size;
};

#define RECORD_SIZE 64u

static struct queue_map *queue_of(struct map *map)
{
	return CONTAINER_OF(map, struct queue_map, map);
}

static int queue_check(const struct map_facts *facts)
{
	if (!facts->max_entries || facts->key_size || !facts->value_size ||
	    facts->flags & ~QUEUE_FLAGS || !map_access_flags_ok(facts->flags))
		return -EINVAL;
	return facts->value_size > QUEUE_VALUE_MAX ? -E2BIG : 0;
}

static struct queue_layout queue_layout_of(const struct map *map)
{
	struct queue_layout at = { .records_ctl = sizeof(struct queue_ctl) };
	u64 entries = map->facts.max_entries;

	at.elem_size = (u32)(sizeof(u64) + align_up(map->facts.value_size, 8));
	at.elems_ctl = at.records_ctl + pool_control_bytes(0);
	at.records = at.elems_ctl + pool_control_bytes(0);
	at.ring = at.records + (u64)QUEUE_EXTRA * RECORD_SIZE;
	at.elems = align_up(at.ring + entries * sizeof(u64), 64);
	at.end = at.elems + (entries + QUEUE_EXTRA) * at.elem_size;
	return at;
}

static int queue_layout(const struct map *map, struct map_sizes *sizes)
{
	if (map->facts.max_entries > UINT32_MAX - QUEUE_EXTRA)
		return -ENOMEM;
	sizes->store = queue_layout_of(map).end;
	return 0;
}

/* All use the pool's shared lane: it is one end of the queue that they meet at anyway. */
static struct pool pool_in(u8 *store, u64 ctl, u64 base, u32 count, u32 elem_size)
{
	return (struct pool){
		.base = store + base,
		.count = count,
		.elem_size = elem_size,
		.ordinary = count,
		.ctl = (void *)(store + ctl),
		.lane = (void *)(store + ctl + sizeof(struct pool_ctl)),
	};
}

static int queue_bind(struct map *map, bool fresh)
{
	struct queue_map *queue = queue_of(map);
	struct queue_layout at = queue_layout_of(map);
	u8 *store = map->store.addr;

	queue->ctl = (void *)store;
	queue->ring = (void *)(store + at.ring);
	queue->records = pool_in(store, at.records_ctl, at.records, QUEUE_EXTRA, RECORD_SIZE);
	queue->elems = pool_in(store, at.elems_ctl, at.elems,
			       map->facts.max_entries + QUEUE_EXTRA, at.elem_size);
	if (fresh)
		queue->ctl->now = pool_take(&queue->records, 0);
	return 0;
}

/* ---- states ---- */

static struct queue_state *state_at(const struct queue_map *queue, u32 record)
{
	u64 *link = pool_at(&queue->records, record);

	return link ? (struct queue_state *)(link + 1) : NULL;
}

/*
 * The state that holds, all of its stores to the ring done; *now is the word that names it.
 * Indices are within bounds whatever the store says.
 */
static bool state_read(const struct queue_map *queue, u64 *now, struct queue_state *state)
{
	u64 entries = queue->map.facts.max_entries;

	for (u32 i = 0; i < QUEUE_TRIES; i++) {
		struct queue_state *shared;

		*now = load_acquire(&queue->ctl->now);
		shared = state_at(queue, LINK_INDEX(*now));
		if (!shared)
			return false;
		words_load(state, shared, sizeof(*state));
		if (load_relaxed(&queue->ctl->now) != *now)
			continue;
		if (state->first >= entries || state->count > entries || state->place >= entries)
			return false;
		if (state->word && load_relaxed(&queue->ring[state->place]) == state->seen)
			cas_acq_rel(&queue->ring[state->place], &state->seen, state->word);
		return true;
	}
	return false;
}

/* Makes `next` hold in place of what `now` names. False: something else holds by now. */
static bool state_publish(struct queue_map *queue, u64 now, const struct queue_state *next)
{
	u32 record = pool_take(&queue->records, 0);
	u64 expected = now;

	if (!record)
		return false;
	words_store(state_at(queue, record), next, sizeof(*next));
	if (cas_acq_rel(&queue->ctl->now, &expected, link_next(now, record, 0)))
		record = LINK_INDEX(now);
	else
		now = 0;
	pool_give(&queue->records, 0, (struct pool_elem){ record, false });
	return now != 0;
}

static u64 place_of(const struct queue_map *queue, const struct queue_state *state, u64 nth)
{
	u64 at = state->first + nth, entries = queue->map.facts.max_entries;

	return at < entries ? at : at - entries;
}

static bool is_stack(const struct queue_map *queue)
{
	return queue->map.facts.type == BPF_MAP_TYPE_STACK;
}

/* ---- operations ---- */

/* state with that element pushed; *old is the element it overwrites, or 0. */
static void state_push(const struct queue_map *queue, struct queue_state *state, u32 elem, u32 *old)
{
	*old = 0;
	if (state->count == queue->map.facts.max_entries) {
		*old = LINK_INDEX(load_acquire(&queue->ring[state->first]));
		state->first = place_of(queue, state, 1);
		state->count--;
	}
	state->place = place_of(queue, state, state->count++);
	state->seen = load_acquire(&queue->ring[state->place]);
	state->word = link_next(state->seen, elem, 0);
}

static int queue_push(struct map *map, const void *value, u64 flags)
{
	struct queue_map *queue = queue_of(map);
	struct pool_elem elem = { 0 };
	struct queue_state state;
	u64 now;
	u32 old;

	if (UNLIKELY(flags != BPF_ANY && flags != BPF_EXIST))
		return -EINVAL;
	for (u32 i = 0; i < QUEUE_TRIES; i++) {
		if (!state_read(queue, &now, &state))
			break;
		if (state.count == map->facts.max_entries && flags != BPF_EXIST) {
			pool_give(&queue->elems, 0, elem);
			return -E2BIG;
		}
		if (!elem.index) {
			elem.index = pool_take(&queue->elems, 0);
			if (!elem.index)
				break;
			words_store(pool_at(&queue->elems, elem.index) + 1, value,
				    map->facts.value_size);
		}
		state_push(queue, &state, elem.index, &old);
		if (state_publish(queue, now, &state)) {
			pool_give(&queue->elems, 0, (struct pool_elem){ old, false });
			return 0;
		}
	}
	pool_give(&queue->elems, 0, elem);
	return -EBUSY;
}

/* The value that comes next, and takes it away or not. */
static int take(struct queue_map *queue, void *value, bool pop)
{
	u32 size = queue->map.facts.value_size;
	struct queue_state state;
	u64 now;

	for (u32 i = 0; i < QUEUE_TRIES && state_read(queue, &now, &state); i++) {
		u64 at = place_of(queue, &state, is_stack(queue) ? state.count - 1 : 0);
		u32 index;
		u64 *elem;

		if (!state.count) {
			memset(value, 0, size);
			return -ENOENT;
		}
		index = LINK_INDEX(load_acquire(&queue->ring[at]));
		elem = pool_at(&queue->elems, index);
		if (elem)
			words_load(value, elem + 1, size);
		if (!pop) {
			if (elem && load_relaxed(&queue->ctl->now) == now)
				return 0;
			continue;
		}
		if (!is_stack(queue))
			state.first = place_of(queue, &state, 1);
		state.count--;
		state.word = 0;
		if (elem && state_publish(queue, now, &state)) {
			pool_give(&queue->elems, 0, (struct pool_elem){ index, false });
			return 0;
		}
	}
	memset(value, 0, size);
	return -EBUSY;
}

static int queue_pop(struct map *map, void *value)
{
	return take(queue_of(map), value, true);
}

static int queue_peek(struct map *map, void *value)
{
	return take(queue_of(map), value, false);
}

static int queue_sys_erase(struct map *map, const void *key)
{
	return -EINVAL;
}

static int queue_sys_next(struct map *map, const void *key, void *next)
{
	return -EINVAL;
}

/* What the state in force says is in use, its store to the ring done. */
static int queue_sweep(struct map *map)
{
	struct queue_map *queue = queue_of(map);
	struct pool_sweep records, elems;
	struct queue_state state;
	u64 now;
	int err, n;

	if (!state_read(queue, &now, &state))
		return 0;
	err = pool_sweep_begin(&records, &queue->records);
	if (err)
		return err;
	pool_sweep_mark(&records, LINK_INDEX(now), false);
	n = (int)pool_sweep_end(&records);
	err = pool_sweep_begin(&elems, &queue->elems);
	if (err)
		return err;
	for (u64 i = 0; i < state.count; i++)
		pool_sweep_mark(&elems,
				LINK_INDEX(load_acquire(&queue->ring[place_of(queue, &state, i)])),
				false);
	return n + (int)pool_sweep_end(&elems);
}

static u64 queue_memory(const struct map *map)
{
	const struct queue_map *queue = CONTAINER_OF(map, const struct queue_map, map);
	struct queue_layout at = queue_layout_of(map);

	return sizeof(*queue) + at.elems + (u64)pool_touched(&queue->elems) * at.elem_size;
}

#define QUEUE_OPS(type_name)                                                                       \
	{                                                                                          \
		.name = type_name,                                                                 \
		.size = sizeof(struct queue_map),                                                  \
		.check = queue_check,                                                              \
		.layout = queue_layout,                                                            \
		.bind = queue_bind,                                                                \
		.push = queue_push,                                                                \
		.pop = queue_pop,                                                                  \
		.peek = queue_peek,                                                                \
		.sys_erase = queue_sys_erase,                                                      \
		.sys_next = queue_sys_next,                                                        \
		.sweep = queue_sweep,                                                              \
		.memory = queue_memory,                                                            \
	}

const struct map_ops queue_map_ops = QUEUE_OPS("queue");
const struct map_ops stack_map_ops = QUEUE_OPS("stack");
