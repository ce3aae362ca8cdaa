/* SPDX-License-Identifier: Apache-2.0 */
/* The map types that Skep has: X(BPF_MAP_TYPE_ suffix, operations). */
#ifndef SKEP_MAPS_TYPES_H
#define SKEP_MAPS_TYPES_H

#include "maps/map.h"

#define MAP_TYPES(X)                                                                               \
	X(HASH, hash_map_ops)                                                                      \
	X(ARRAY, array_map_ops)                                                                    \
	X(PROG_ARRAY, prog_array_map_ops)                                                          \
	X(PERCPU_HASH, percpu_hash_map_ops)                                                        \
	X(PERCPU_ARRAY, percpu_array_map_ops)                                                      \
	X(LRU_HASH, lru_hash_map_ops)                                                              \
	X(LRU_PERCPU_HASH, lru_percpu_hash_map_ops)                                                \
	X(LPM_TRIE, lpm_trie_map_ops)                                                              \
	X(ARRAY_OF_MAPS, array_of_maps_map_ops)                                                    \
	X(HASH_OF_MAPS, hash_of_maps_map_ops)                                                      \
	X(QUEUE, queue_map_ops)                                                                    \
	X(STACK, stack_map_ops)                                                                    \
	X(RINGBUF, ringbuf_map_ops)                                                                \
	X(BLOOM_FILTER, bloom_filter_map_ops)                                                      \
	X(USER_RINGBUF, user_ringbuf_map_ops)                                                      \
	X(STACK_TRACE, stack_trace_map_ops)

#define DECLARE_OPS(type, ops) extern const struct map_ops ops;
MAP_TYPES(DECLARE_OPS)
#undef DECLARE_OPS

#define MAP_ACCESS_FLAGS                                                                           \
	((u32)(BPF_F_RDONLY | BPF_F_WRONLY | BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG))

/* Granule of what an mmap shows. The ABI's positions of the ringbuf depend on it. */
#define MAP_PAGE 4096u
/* No map takes more address space than this: larger ones are -ENOMEM before anything is tried. */
#define MAP_BYTES_MAX (1ull << 46)
/* Linux: PCPU_MIN_UNIT_SIZE, the largest per-CPU value. */
#define MAP_PERCPU_VALUE_MAX 32768u

/* RDONLY_PROG and WRONLY_PROG together leave programs nothing, RDONLY and WRONLY bpf(2). */
static inline bool map_access_flags_ok(u32 flags)
{
	const u32 prog = BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG;
	const u32 sys = BPF_F_RDONLY | BPF_F_WRONLY;

	return (flags & prog) != prog && (flags & sys) != sys;
}

/* BPF_F_LOCK: -EINVAL for values without a bpf_spin_lock. */
static inline int map_lock_flag_check(const struct map *map, u64 flags)
{
	return (flags & BPF_F_LOCK) &&
		       !btf_record_has(&map->facts.record, SPECIAL_BIT(SPECIAL_SPIN_LOCK))
		   ? -EINVAL
		   : 0;
}

/* What every sys_lookup says to flags. */
static inline int map_lookup_flags_check(const struct map *map, u64 flags)
{
	return flags & ~(u64)BPF_F_LOCK ? -EINVAL : map_lock_flag_check(map, flags);
}

#endif
