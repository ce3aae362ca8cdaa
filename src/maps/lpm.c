/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Longest prefix match. Not a trie of bits, whose depth is a cache miss a level, but the
 * hash table of all other maps (table.h), keyed by a prefix's length and masked bits, and
 * searched for one length after the other, longest first. Hints (lpm_hints.h) tell which
 * lengths there are around an address, so that most searches are one or two probes.
 *
 *	struct lpm_ctl		the secret of the hash function, counters
 *	lengths			a word for 32 lengths: which of them are in use, and a tag
 *	counts			prefixes a length
 *	hints			(lpm_hints.h)
 *	pool control words, buckets, elements (table.h)
 *
 * Element: link, masked key, key as it was given (which bpf(2) shows), value.
 *
 * A length's bit is set before its first prefix is published and cleared, by a CAS that any
 * insertion's new tag defeats, when its count is zero. Somebody killed in between leaves a
 * count too high, never too low: then a length is probed in vain, and nothing is missed.
 *
 * A search is several probes, between which the map may change. When more specific prefixes
 * replace a less specific one, put in first and taken out last, a search must find one or the
 * other: so erasures are counted, and a search that met one begins again.
 *
 * The order of get_next_key is Linux's, of a trie in postorder: bit 0 before bit 1, longer
 * prefixes before those that contain them. It needs no trie either: elements are scanned for
 * the next keys in that order, a few hundred at a time (struct lpm_walk).
 */
#include "maps/lpm_hints.h"
#include "maps/table.h"
#include "maps/types.h"

#define LPM_FLAGS ((u32)(BPF_F_NO_PREALLOC | BPF_F_NUMA_NODE) | MAP_ACCESS_FLAGS)
#define LPM_LEN 4u /* bytes of the length in front of the bits */
#define LPM_KEY_MIN (LPM_LEN + 1)
#define LPM_KEY_MAX (LPM_LEN + 256)
#define LPM_KEY_WORDS ((LPM_KEY_MAX + 7) / 8)
/* Linux: KMALLOC_MAX_SIZE - LPM_KEY_SIZE_MAX - sizeof(struct lpm_trie_node) */
#define LPM_VALUE_MAX ((4u << 20) - LPM_KEY_MAX - 24)
#define LPM_TRIES 10000
#define LPM_TAG (1ull << 32)
#define LPM_WALK_KEYS 512

struct lpm_ctl {
	alignas(64) u64 secret[2];
	alignas(64) u64 erasures;
	alignas(64) u64 insertions;
};

/* The keys that come next, in order: what get_next_key found by its last scan. */
struct lpm_walk {
	u64 insertions; /* of the map when it was made: after more of them keys may be missing */
	u32 n, at;	/* at: the one behind the key that was asked for last */
	u64 keys[];	/* LPM_WALK_KEYS times key_words */
};

struct lpm_map {
	struct map map;
	struct table table;
	struct lpm_hints hints;
	struct lpm_ctl *ctl;
	u64 *lengths;
	u32 *counts;
	u32 bits; /* the longest prefix */
	u32 key_words;
	u32 given_off, value_off; /* in the element */
	struct lpm_walk *walk;
	u32 walk_busy; /* somebody uses it */
};

struct lpm_layout {
	u64 lengths, counts, hints, pool, buckets, elems, end;
	u64 n_buckets;
	u32 elems_count, elem_size, given_off, value_off;
};

static struct lpm_map *lpm_of(struct map *map)
{
	return CONTAINER_OF(map, struct lpm_map, map);
}

static int lpm_check(const struct map_facts *facts)
{
	if (!facts->max_entries || !(facts->flags & BPF_F_NO_PREALLOC) ||
	    facts->flags & ~LPM_FLAGS || !map_access_flags_ok(facts->flags) ||
	    facts->key_size < LPM_KEY_MIN || facts->key_size > LPM_KEY_MAX ||
	    !facts->value_size || facts->value_size > LPM_VALUE_MAX)
		return -EINVAL;
	return 0;
}

static struct lpm_layout lpm_layout_of(const struct map *map)
{
	const struct map_facts *facts = &map->facts;
	u64 key = align_up(facts->key_size, 8), entries = facts->max_entries, bits, want;
	struct lpm_layout at = { .lengths = sizeof(struct lpm_ctl) };

	bits = (facts->key_size - LPM_LEN) * 8;
	want = entries + entries / 2;
	at.n_buckets = want <= 1 ? 1 : 1ull << (64 - __builtin_clzll(want - 1));
	at.elems_count = facts->max_entries + pool_spares(map->cpus);
	at.given_off = (u32)(sizeof(u64) + key);
	at.value_off = (u32)(at.given_off + key);
	at.elem_size = (u32)(at.value_off + align_up(facts->value_size, 8));
	at.counts = at.lengths + (bits / 32 + 1) * sizeof(u64);
	at.hints = align_up(at.counts + (bits + 1) * sizeof(u32), 64);
	at.pool = align_up(at.hints + lpm_hints_bytes((u32)bits, entries), 64);
	at.buckets = at.pool + pool_control_bytes(map->cpus);
	at.elems = align_up(at.buckets + at.n_buckets * sizeof(u64), 64);
	at.end = at.elems + (u64)at.elems_count * at.elem_size;
	return at;
}

/* Linux allocates as it goes, so any number of entries can be asked for; here it is reserved. */
static int lpm_layout(const struct map *map, struct map_sizes *sizes)
{
	if (map->facts.max_entries > UINT32_MAX - pool_spares(map->cpus))
		return -ENOMEM;
	sizes->store = lpm_layout_of(map).end;
	return 0;
}

static int lpm_bind(struct map *map, bool fresh)
{
	struct lpm_map *lpm = lpm_of(map);
	struct lpm_layout at = lpm_layout_of(map);
	u8 *store = map->store.addr;

	lpm->ctl = (void *)store;
	lpm->lengths = (void *)(store + at.lengths);
	lpm->counts = (void *)(store + at.counts);
	lpm->bits = (map->facts.key_size - LPM_LEN) * 8;
	lpm_hints_bind(&lpm->hints, store + at.hints, lpm->bits, map->facts.max_entries);
	lpm->key_words = (u32)align_up(map->facts.key_size, 8) / 8;
	lpm->given_off = at.given_off;
	lpm->value_off = at.value_off;
	lpm->table = (struct table){
		.buckets = (void *)(store + at.buckets),
		.mask = at.n_buckets - 1,
		.key_size = map->facts.key_size,
		.pool = {
			.base = store + at.elems,
			.count = at.elems_count,
			.elem_size = at.elem_size,
			.ordinary = map->facts.max_entries,
			.slots = map->cpus,
			.ctl = (void *)(store + at.pool),
			.lane = (void *)(store + at.pool + sizeof(struct pool_ctl)),
		},
	};
	if (fresh) {
		for (int i = 0; i < 2; i++)
			lpm->ctl->secret[i] = (u64)os_random_u32() << 32 | os_random_u32() | 1;
		pool_format(&lpm->table.pool);
	}
	memcpy(lpm->table.secret, lpm->ctl->secret, sizeof(lpm->ctl->secret));
	lpm->table.secret[1] |= 1;
	return 0;
}

static void lpm_release(struct map *map)
{
	os_free(lpm_of(map)->walk);
}

/* ---- prefixes ---- */

static u32 prefix_len(const void *key)
{
	u32 len;

	memcpy(&len, key, sizeof(len));
	return len;
}

/* Makes the key in words one of `len` bits. Only bits up to `from` are other than zero. */
static void prefix_cut(u64 *words, u32 from, u32 len)
{
	u8 *data = (u8 *)words + LPM_LEN;
	u32 byte = len / 8, end = (from + 7) / 8;

	memcpy(words, &len, sizeof(len));
	if (byte >= end)
		return;
	data[byte] &= (u8)(0xff00u >> len % 8);
	for (byte++; byte < end; byte++)
		data[byte] = 0;
}

/* The table's key of a prefix; false when it is longer than the map's. */
static bool prefix_read(const struct lpm_map *lpm, u64 words[LPM_KEY_WORDS], const void *key)
{
	u32 len = prefix_len(key);

	if (len > lpm->bits)
		return false;
	words[lpm->key_words - 1] = 0;
	memcpy(words, key, lpm->map.facts.key_size);
	prefix_cut(words, lpm->bits, len);
	return true;
}

/* ---- which lengths there are ---- */

static void length_joins(struct lpm_map *lpm, u32 len)
{
	u64 *word = &lpm->lengths[len / 32], have;

	fetch_add_seq_cst(&lpm->counts[len], 1);
	have = load_relaxed(word);
	while (!cas_seq_cst(word, &have, (have | 1ull << len % 32) + LPM_TAG))
		;
}

static void length_leaves(struct lpm_map *lpm, u32 len)
{
	u64 *word = &lpm->lengths[len / 32], have;

	if (fetch_add_seq_cst(&lpm->counts[len], UINT32_MAX) != 1)
		return;
	have = load_seq_cst(word);
	if (load_seq_cst(&lpm->counts[len]) == 0)
		cas_seq_cst(word, &have, have & ~(1ull << len % 32));
}

/* ---- search ---- */

/* IPv4: length and bits are one word, which never touches memory. */
static ALWAYS_INLINE u64 *search_word(const struct lpm_map *lpm, const void *key, u64 *link)
{
	u64 lengths[2] = { load_acquire(&lpm->lengths[0]), load_acquire(&lpm->lengths[1]) };
	u64 bits = (lengths[1] & 1) << 32 | (u32)lengths[0], hinted;
	u32 part[2];

	memcpy(part, key, sizeof(part));
	if (part[0] < 32)
		bits &= (2ull << part[0]) - 1;
	hinted = lpm_hints_of(&lpm->hints, (const u8 *)key + LPM_LEN);
	bits &= hinted << 1 | ((2ull << lpm->hints.always) - 1);
	while (bits) {
		u32 len = 63 - (u32)__builtin_clzll(bits);
		u32 mask = len ? UINT32_MAX << (32 - len) : 0;
		u64 *elem, word;

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
		word = (u64)(part[1] & __builtin_bswap32(mask)) << 32 | len;
#else
		word = (u64)len << 32 | (part[1] & mask);
#endif
		elem = table_search(&lpm->table, &word, sizeof(word), link);
		if (elem)
			return elem;
		bits ^= 1ull << len;
	}
	return NULL;
}

static u64 *search_words(const struct lpm_map *lpm, const void *key, u64 *link)
{
	u32 from = lpm->bits, len = prefix_len(key);
	u32 hinted = lpm_hints_of(&lpm->hints, (const u8 *)key + LPM_LEN);
	u64 words[LPM_KEY_WORDS], *elem;

	words[lpm->key_words - 1] = 0;
	memcpy(words, key, lpm->map.facts.key_size);
	for (s32 i = (s32)(len / 32); i >= 0; i--) {
		u32 bits = (u32)load_acquire(&lpm->lengths[i]);

		if ((u32)i == len / 32)
			bits &= (u32)((2ull << len % 32) - 1);
		while (bits) {
			u32 next = (u32)i * 32 + 31 - (u32)__builtin_clz(bits);

			bits ^= 1u << next % 32;
			if (!lpm_hinted(&lpm->hints, hinted, next))
				continue;
			prefix_cut(words, from, next);
			from = next;
			elem = table_lookup(&lpm->table, words, link);
			if (elem)
				return elem;
		}
	}
	return NULL;
}

/* The longest prefix of `key` in the map, no longer than it; as table_lookup. */
static ALWAYS_INLINE u64 *lpm_search(const struct lpm_map *lpm, const void *key, u64 *link)
{
	u64 erasures, *elem;

	if (UNLIKELY(prefix_len(key) > lpm->bits))
		return NULL;
	for (u32 i = 0; i < LPM_TRIES; i++) {
		erasures = load_acquire(&lpm->ctl->erasures);
		elem = lpm->table.key_size == 8 ? search_word(lpm, key, link)
						: search_words(lpm, key, link);
		if (LIKELY(load_acquire(&lpm->ctl->erasures) == erasures))
			break;
	}
	return elem;
}

/* ---- changes ---- */

static void write_elem(struct lpm_map *lpm, u64 *elem, const u64 *words, const void *key,
		       const void *value)
{
	words_store(elem_key(elem), words, lpm->map.facts.key_size);
	words_store((u8 *)elem + lpm->given_off, key, lpm->map.facts.key_size);
	words_store((u8 *)elem + lpm->value_off, value, lpm->map.facts.value_size);
}

static int put_once(struct lpm_map *lpm, u32 lane, const u64 *words, const void *key,
		    const void *value, const struct table_place *place, bool found, bool *done)
{
	struct pool *pool = &lpm->table.pool;
	struct pool_elem elem = { 0 };

	if (found)
		elem = pool_take_spare(pool, lane);
	else
		elem.index = pool_take(pool, lane);
	if (!elem.index)
		return found ? -EBUSY : -ENOSPC;
	write_elem(lpm, pool_at(pool, elem.index), words, key, value);
	if (found) {
		*done = table_replace(&lpm->table, lane, words, place, elem);
	} else {
		length_joins(lpm, prefix_len(words));
		lpm_hints_add(&lpm->hints, (const u8 *)words + LPM_LEN, prefix_len(words));
		*done = table_insert(&lpm->table, place, elem);
		if (*done)
			fetch_add_seq_cst(&lpm->ctl->insertions, 1);
		else
			length_leaves(lpm, prefix_len(words));
	}
	if (!*done)
		pool_give(pool, lane, elem);
	return 0;
}

static int lpm_put(struct lpm_map *lpm, u32 lane, const void *key, const void *value, u64 flags)
{
	u64 words[LPM_KEY_WORDS];
	struct table_place place;
	bool done = false;

	if (flags > BPF_EXIST || !prefix_read(lpm, words, key))
		return -EINVAL;
	for (u32 i = 0; !done && i < LPM_TRIES; i++) {
		int err, found = table_find(&lpm->table, lane, words, &place);

		if (found < 0)
			return found;
		if (found && flags == BPF_NOEXIST)
			return -EEXIST;
		if (!found && flags == BPF_EXIST)
			return -ENOENT;
		err = put_once(lpm, lane, words, key, value, &place, found, &done);
		if (err)
			return err;
	}
	return done ? 0 : -EBUSY;
}

static int lpm_remove(struct lpm_map *lpm, u32 lane, const void *key)
{
	u64 words[LPM_KEY_WORDS];
	struct table_place place;

	if (!prefix_read(lpm, words, key))
		return -EINVAL;
	for (u32 i = 0; i < LPM_TRIES; i++) {
		int found = table_find(&lpm->table, lane, words, &place);

		if (found <= 0)
			return found ? found : -ENOENT;
		fetch_add_seq_cst(&lpm->ctl->erasures, 1);
		if (table_erase(&lpm->table, lane, words, &place)) {
			length_leaves(lpm, prefix_len(words));
			return 0;
		}
	}
	return -EBUSY;
}

/* ---- get_next_key ---- */

/* Postorder: <0, 0, >0 as a comes before, is, comes behind b. */
static int prefix_order(const u64 *a, const u64 *b)
{
	const u8 *x = (const u8 *)a + LPM_LEN, *y = (const u8 *)b + LPM_LEN;
	u32 len_a = prefix_len(a), len_b = prefix_len(b), common = MIN(len_a, len_b);

	for (u32 bit = 0; bit < common; bit += 8) {
		u32 rest = common - bit;
		u8 mask = rest >= 8 ? 0xff : (u8)(0xff00u >> rest);
		int order = (x[bit / 8] & mask) - (y[bit / 8] & mask);

		if (order)
			return order;
	}
	return len_a == len_b ? 0 : len_a > len_b ? -1 : 1;
}

/* Puts a key in its place among the walk's, of which there are no more than `most`. */
static void walk_put(struct lpm_walk *walk, u32 most, u32 key_words, const u64 *key)
{
	size_t size = key_words * sizeof(u64);
	u32 lo = 0, hi = walk->n;

	if (walk->n == most && prefix_order(key, &walk->keys[(most - 1) * key_words]) >= 0)
		return;
	while (lo < hi) {
		u32 mid = (lo + hi) / 2;

		if (prefix_order(&walk->keys[mid * key_words], key) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo < walk->n && prefix_order(&walk->keys[lo * key_words], key) == 0)
		return; /* it was replaced this moment, and both are there */
	walk->n = MIN(walk->n + 1, most);
	memmove(&walk->keys[(lo + 1) * key_words], &walk->keys[lo * key_words],
		(walk->n - 1 - lo) * size);
	memcpy(&walk->keys[lo * key_words], key, size);
}

/* The first keys behind `after` (NULL: of all). */
static void walk_fill(const struct lpm_map *lpm, struct lpm_walk *walk, u32 most, const u64 *after)
{
	const struct pool *pool = &lpm->table.pool;
	u32 used = MIN(load_relaxed(&pool->ctl->used), pool->ordinary);
	u64 key[LPM_KEY_WORDS];

	walk->n = walk->at = 0;
	walk->insertions = load_seq_cst(&lpm->ctl->insertions);
	for (u32 i = 1; i <= pool->count; i++) {
		u64 link, *elem;

		if (i == used + 1)
			i = MAX(i, pool->ordinary + 1);
		elem = pool_at(pool, i);
		link = elem ? load_acquire(elem) : 0;
		if (!link || link & LINK_DEAD)
			continue;
		words_load(key, elem_key(elem), lpm->key_words * sizeof(u64));
		if (load_relaxed(elem) != link || prefix_len(key) > lpm->bits)
			continue;
		if (!after || prefix_order(key, after) > 0)
			walk_put(walk, most, lpm->key_words, key);
	}
}

/* The key at walk->keys[nth], as it was given, if it is still in the map. */
static bool walk_key(const struct lpm_map *lpm, const u64 *words, void *out)
{
	for (u32 i = 0; i < LPM_TRIES; i++) {
		u64 link, *elem = table_lookup(&lpm->table, words, &link);

		if (!elem)
			return false;
		words_load(out, (u8 *)elem + lpm->given_off, lpm->map.facts.key_size);
		if (load_relaxed(elem) == link)
			return true;
	}
	return false;
}

/* Behind `after` in what the last scan found. */
static bool walk_on(const struct lpm_map *lpm, struct lpm_walk *walk, const u64 *after, void *next)
{
	u32 words = lpm->key_words;

	if (!after || !walk->n || load_seq_cst(&lpm->ctl->insertions) != walk->insertions ||
	    prefix_order(&walk->keys[walk->at * words], after))
		return false;
	while (walk->at + 1 < walk->n)
		if (walk_key(lpm, &walk->keys[++walk->at * words], next))
			return true;
	return false;
}

static int walk_anew(const struct lpm_map *lpm, struct lpm_walk *walk, u32 most, const u64 *after,
		     void *next)
{
	for (u32 i = 0; i < LPM_TRIES; i++) {
		walk_fill(lpm, walk, most, after);
		for (; walk->at < walk->n; walk->at++)
			if (walk_key(lpm, &walk->keys[walk->at * lpm->key_words], next))
				return 0;
		if (walk->n < most)
			return -ENOENT;
	}
	return -EBUSY;
}

static int walk_next(struct lpm_map *lpm, const u64 *after, void *next)
{
	u64 one[sizeof(struct lpm_walk) / sizeof(u64) + LPM_KEY_WORDS];
	size_t size = sizeof(struct lpm_walk) + LPM_WALK_KEYS * lpm->key_words * sizeof(u64);
	u32 idle = 0;
	int err;

	if (!cas_acq_rel(&lpm->walk_busy, &idle, 1))
		return walk_anew(lpm, (void *)one, 1, after, next);
	if (!lpm->walk)
		lpm->walk = os_alloc(size);
	if (!lpm->walk)
		err = walk_anew(lpm, (void *)one, 1, after, next);
	else if (walk_on(lpm, lpm->walk, after, next))
		err = 0;
	else
		err = walk_anew(lpm, lpm->walk, LPM_WALK_KEYS, after, next);
	store_release(&lpm->walk_busy, 0);
	return err;
}

static int lpm_sys_next(struct map *map, const void *key, void *next)
{
	struct lpm_map *lpm = lpm_of(map);
	u64 words[LPM_KEY_WORDS], link;
	bool found = key && prefix_read(lpm, words, key) && table_lookup(&lpm->table, words, &link);

	return walk_next(lpm, found ? words : NULL, next);
}

/* ---- what map_ops asks for ---- */

static void *lpm_lookup(struct map *map, const void *key, struct run_ctx *rc)
{
	struct lpm_map *lpm = lpm_of(map);
	u64 link, *elem = lpm_search(lpm, key, &link);

	return elem ? (u8 *)elem + lpm->value_off : NULL;
}

static int lpm_update(struct map *map, const void *key, const void *value, u64 flags,
		      struct run_ctx *rc)
{
	return lpm_put(lpm_of(map), rc->cpu, key, value, flags);
}

static int lpm_erase(struct map *map, const void *key, struct run_ctx *rc)
{
	return lpm_remove(lpm_of(map), rc->cpu, key);
}

static int lpm_sys_lookup(struct map *map, const void *key, void *value, u64 flags)
{
	struct lpm_map *lpm = lpm_of(map);
	int err = map_lookup_flags_check(map, flags);

	for (u32 i = 0; !err && i < LPM_TRIES; i++) {
		u64 link, *elem = lpm_search(lpm, key, &link);

		if (!elem)
			return -ENOENT;
		words_load(value, (u8 *)elem + lpm->value_off, map->facts.value_size);
		if (load_relaxed(elem) == link)
			return 0;
	}
	return err ? err : -EBUSY;
}

static int lpm_sys_update(struct map *map, const void *key, const void *value, u64 flags)
{
	return lpm_put(lpm_of(map), map->cpus, key, value, flags);
}

static int lpm_sys_erase(struct map *map, const void *key)
{
	return lpm_remove(lpm_of(map), map->cpus, key);
}

static int lpm_sweep(struct map *map)
{
	return table_sweep(&lpm_of(map)->table);
}

static u64 lpm_memory(const struct map *map)
{
	const struct lpm_map *lpm = CONTAINER_OF(map, const struct lpm_map, map);
	struct lpm_layout at = lpm_layout_of(map);

	return sizeof(*lpm) + at.elems + (u64)pool_touched(&lpm->table.pool) * at.elem_size;
}

const struct map_ops lpm_trie_map_ops = {
	.name = "lpm_trie",
	.size = sizeof(struct lpm_map),
	.check = lpm_check,
	.layout = lpm_layout,
	.bind = lpm_bind,
	.release = lpm_release,
	.lookup = lpm_lookup,
	.update = lpm_update,
	.erase = lpm_erase,
	.sys_lookup = lpm_sys_lookup,
	.sys_update = lpm_sys_update,
	.sys_erase = lpm_sys_erase,
	.sys_next = lpm_sys_next,
	.sweep = lpm_sweep,
	.memory = lpm_memory,
};
