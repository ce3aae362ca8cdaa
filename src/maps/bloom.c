/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bloom filters: a set of values that may say "perhaps" to one that was never put in, and
 * cannot forget. The bits are set one by one, and a reader who meets a value on its way in
 * may say no. Which bits are a value's is decided by one keyed hash of 64 bits: its halves
 * are the start and the step (Kirsch and Mitzenmacher 2006).
 */
#include "maps/hashfn.h"
#include "maps/types.h"

#define BLOOM_FLAGS ((u32)(BPF_F_NUMA_NODE | BPF_F_ZERO_SEED) | MAP_ACCESS_FLAGS)
#define BLOOM_HASHES 5	    /* when map_extra does not say */
#define BLOOM_EXTRA_MASK 15 /* map_extra: the number of hashes */
/* Linux: KMALLOC_MAX_SIZE, the bound of a value. */
#define BLOOM_VALUE_MAX (4u << 20)

struct bloom_ctl {
	alignas(64) u64 secret[2];
};

struct bloom_map {
	struct map map;
	u64 *words;
	u32 mask; /* number of bits - 1 */
	u32 hashes;
	u64 secret[2];
};

static struct bloom_map *bloom_of(struct map *map)
{
	return CONTAINER_OF(map, struct bloom_map, map);
}

static int bloom_check(const struct map_facts *facts)
{
	if (facts->value_size > BLOOM_VALUE_MAX)
		return -E2BIG;
	if (facts->key_size || !facts->value_size || !facts->max_entries ||
	    facts->flags & ~BLOOM_FLAGS || !map_access_flags_ok(facts->flags) ||
	    facts->extra & ~(u64)BLOOM_EXTRA_MASK)
		return -EINVAL;
	return 0;
}

static u32 hashes_of(const struct map *map)
{
	return map->facts.extra ? (u32)map->facts.extra & BLOOM_EXTRA_MASK : BLOOM_HASHES;
}

/* As Linux: entries * hashes / ln 2, up to a power of two. */
static u64 bits_of(const struct map *map)
{
	u64 bits = (u64)map->facts.max_entries * hashes_of(map);

	if (bits > UINT32_MAX || bits / 5 * 7 > 1ull << 31)
		return 1ull << 32;
	bits = bits / 5 * 7;
	return bits <= 64 ? 64 : 1ull << (64 - __builtin_clzll(bits - 1));
}

static int bloom_layout(const struct map *map, struct map_sizes *sizes)
{
	sizes->store = sizeof(struct bloom_ctl) + bits_of(map) / 8;
	return 0;
}

static int bloom_bind(struct map *map, bool fresh)
{
	struct bloom_map *bloom = bloom_of(map);
	struct bloom_ctl *ctl = map->store.addr;

	bloom->words = (u64 *)(void *)(ctl + 1);
	bloom->mask = (u32)(bits_of(map) - 1);
	bloom->hashes = hashes_of(map);
	for (int i = 0; fresh && i < 2; i++) {
		u64 random = (u64)os_random_u32() << 32 | os_random_u32();

		ctl->secret[i] = map->facts.flags & BPF_F_ZERO_SEED ? 0 : random;
		ctl->secret[i] ^= 0xd1342543de82ef95ull;
	}
	memcpy(bloom->secret, ctl->secret, sizeof(ctl->secret));
	bloom->secret[1] |= 1;
	return 0;
}

/* The word of a value's next bit, and the bit. */
static ALWAYS_INLINE u64 *next_bit(const struct bloom_map *bloom, u64 *hash, u64 *bit)
{
	u32 at = (u32)*hash & bloom->mask;

	*bit = 1ull << at % 64;
	*hash += *hash >> 32 | 1;
	return &bloom->words[at / 64];
}

static int bloom_push(struct map *map, const void *value, u64 flags)
{
	struct bloom_map *bloom = bloom_of(map);
	u64 bit, hash = hash_key(value, map->facts.value_size, bloom->secret);

	if (flags != BPF_ANY)
		return -EINVAL;
	for (u32 i = 0; i < bloom->hashes; i++) {
		u64 *word = next_bit(bloom, &hash, &bit);

		if (!(load_relaxed(word) & bit))
			fetch_or_seq_cst(word, bit);
	}
	return 0;
}

static int bloom_peek(struct map *map, void *value)
{
	struct bloom_map *bloom = bloom_of(map);
	u64 bit, hash = hash_key(value, map->facts.value_size, bloom->secret);

	for (u32 i = 0; i < bloom->hashes; i++) {
		u64 *word = next_bit(bloom, &hash, &bit);

		if (!(load_relaxed(word) & bit))
			return -ENOENT;
	}
	return 0;
}

static int bloom_sys_erase(struct map *map, const void *key)
{
	return -EOPNOTSUPP;
}

static int bloom_sys_next(struct map *map, const void *key, void *next)
{
	return -EOPNOTSUPP;
}

static u64 bloom_memory(const struct map *map)
{
	return sizeof(struct bloom_map) + map->store.size;
}

const struct map_ops bloom_filter_map_ops = {
	.name = "bloom_filter",
	.size = sizeof(struct bloom_map),
	.check = bloom_check,
	.layout = bloom_layout,
	.bind = bloom_bind,
	.push = bloom_push,
	.peek = bloom_peek,
	.sys_erase = bloom_sys_erase,
	.sys_next = bloom_sys_next,
	.memory = bloom_memory,
};
