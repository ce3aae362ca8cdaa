/* SPDX-License-Identifier: Apache-2.0 */
/*
 * struct map: this process's view of a map. What other processes may share is the store
 * (shared memory, position independent, links are indices); this struct holds only
 * process-local things. Each family is one file with one struct map_ops.
 */
#ifndef SKEP_MAPS_MAP_H
#define SKEP_MAPS_MAP_H

#include <linux/bpf.h>

#include "base/atomic.h"
#include "btf/record.h"
#include "os/os.h"
#include "vm/run.h"

struct btf;
struct map;

/* What is known of a map without looking inside: all that the verifier needs. */
struct map_facts {
	u32 type; /* enum bpf_map_type */
	u32 key_size, value_size, max_entries;
	u32 flags; /* BPF_F_* of MAP_CREATE */
	u64 extra; /* map_extra */
	char name[BPF_OBJ_NAME_LEN];
	struct btf *btf; /* not owned here; NULL without */
	u32 btf_key_type_id, btf_value_type_id;
	struct btf_record record; /* what of the value is not plain data; .n 0: all is */
	const struct map_facts *inner; /* map-in-map: the template */
	bool frozen;		       /* by MAP_FREEZE */
	/* For frozen read-only-for-programs arrays: the sealed contents, for constant folding. */
	const u8 *const_values;
	u64 const_size;
};

struct map_create_params {
	struct map_facts facts;
	u32 cpus;	 /* presented possible CPUs */
	bool no_storage; /* verifying only: any type that Linux has, without elements (described.c) */
	bool shareable;	 /* the store is a memfd that other processes can attach; else private memory */
};

/* How many bytes a map of some facts needs in each of its two memories. */
struct map_sizes {
	u64 store;   /* control words and elements, never seen by loaders */
	u64 visible; /* what mmap of the handle shows; 0: mmap answers -ENOTSUPP */
};

/*
 * One map type. A function that is NULL means -ENOTSUPP (lookup: the verifier keeps programs
 * from calling it).
 */
struct map_ops {
	const char *name; /* as bpftool prints it: "percpu_hash" */
	u32 size;	  /* of the family's struct, which begins with struct map */
	/* Checks facts as Linux's map_alloc_check does: 0 or the same -errno. */
	int (*check)(const struct map_facts *facts);
	/* 0, -E2BIG or -ENOMEM. Depends on facts and cpus only, so all sharers agree. */
	int (*layout)(const struct map *map, struct map_sizes *sizes);
	/* Sets the process-local members. fresh: the store is all zero and nobody else has it. */
	int (*bind)(struct map *map, bool fresh);
	/* Frees what this process has beside the memories; may be NULL. */
	void (*release)(struct map *map);

	/* The program's side (helpers). rc is the running program's; keys and values are
	 * ordinary pointers. lookup returns the value (this CPU's for per-CPU maps) or NULL. */
	void *(*lookup)(struct map *map, const void *key, struct run_ctx *rc);
	void *(*lookup_percpu)(struct map *map, const void *key, u32 cpu);
	int (*update)(struct map *map, const void *key, const void *value, u64 flags,
		      struct run_ctx *rc);
	int (*erase)(struct map *map, const void *key, struct run_ctx *rc);
	int (*push)(struct map *map, const void *value, u64 flags);
	int (*pop)(struct map *map, void *value);
	int (*peek)(struct map *map, void *value);
	/* for_each_map_elem: calls rc->call(rc, func, map, key, value, arg, 0) until it returns
	 * something else than 0; answers how many elements were visited, or -errno. */
	s64 (*for_each)(struct map *map, u64 func, u64 arg, u64 flags, struct run_ctx *rc);

	/* bpf(2)'s side. For per-CPU maps value is all copies, each align_up(value_size, 8).
	 * Flags have been checked for unknown bits by nobody: these functions do. */
	int (*sys_lookup)(struct map *map, const void *key, void *value, u64 flags);
	int (*sys_update)(struct map *map, const void *key, const void *value, u64 flags);
	int (*sys_erase)(struct map *map, const void *key);
	int (*sys_lookup_erase)(struct map *map, const void *key, void *value, u64 flags);
	/* key NULL or not found: the first key. -ENOENT after the last. */
	int (*sys_next)(struct map *map, const void *key, void *next); /* next is other memory */
	/*
	 * Hashes only (their batch commands): the first element at or after slot *position; copies
	 * its key and (all CPUs') value and moves *position behind it. -ENOENT at the end.
	 * A slot is a bucket and a place in it: what changes elsewhere does not disturb.
	 */
	int (*sys_walk)(struct map *map, u32 *position, void *key, void *value);

	/* Single-value array (.rodata, .bss): address of byte offset, for ldimm64. NULL if outside. */
	u8 *(*value_addr)(struct map *map, u32 offset);
	/* Copies the key of a value that lookup gave. Types whose values may hold timers. */
	void (*value_key)(const struct map *map, const void *value, void *key);
	/*
	 * Returns what killed processes had in their hands: how many elements, or -ENOMEM. Nobody
	 * else uses the map meanwhile. NULL: nothing can be lost.
	 */
	int (*sweep)(struct map *map);
	u64 (*memory)(const struct map *map); /* bytes: fdinfo's memlock, map mem_usage */
};

struct map {
	const struct map_ops *ops;
	struct map_facts facts;
	struct os_shm store;   /* fd -1 when not shareable */
	struct os_shm visible; /* mmapable array, ringbuf: its fd is the inode of the handle;
				  fd -1 for other types */
	struct os_shm sealed;  /* frozen read-only array: the contents programs see; fd -1 */
	void *small_store, *small_sealed; /* what os_alloc gave for a small private memory */
	bool shareable;
	u32 cpus;
	u32 handle; /* kernel's table index: what world_ops.notify gets */
	struct epoch *epoch;
	/*
	 * Values with special fields: one that is not a lock is given up, with what it stands for. Set
	 * by whoever runs programs; NULL: there is nothing behind them.
	 */
	void *owner; /* the kernel's object */
	void (*drop_field)(struct map *map, const struct special_field *field, void *at);
	/* Maps of maps: the process's table of maps, which elements index; [0] is never used. */
	struct map **inner;
	u32 n_inner;
	/*
	 * Array family, for inlined lookups: value i is at values + (u64)i * stride, and for
	 * per-CPU arrays cpu * cpu_stride further on. Never moves once a program was loaded.
	 * Prog array: a u32 each, struct prog.table_index, 0 when empty.
	 */
	u8 *values;
	u32 stride;
	u32 index_mask;
	u64 cpu_stride;
};

/* The ops of a type, or NULL when Skep does not have it. */
const struct map_ops *map_ops_of(u32 type);
/*
 * As Linux checks them when a map is made: 0 or the same -errno. described: also of types that
 * Skep has no implementation of, whose maps can be made without storage only.
 */
int map_check_facts(const struct map_facts *facts, bool described);
/* Is it a type of which maps without storage can be made? */
bool map_can_describe(u32 type);
/* What maps without storage have: nothing is found, and what is written is forgotten. */
extern const struct map_ops described_map_ops;

static inline bool map_is_described(const struct map *map)
{
	return map->ops == &described_map_ops;
}

/* Creates: checks, allocates. *out is freed by map_free. */
int map_new(const struct map_create_params *params, struct epoch *epoch, struct map **out);
/*
 * A second view of a map that somebody else created shareable, over its store and (when its
 * type has one) its visible memory; both fds are taken over on success. The facts come from
 * the creator over a trusted way; nothing in the memories is trusted.
 */
int map_attach(const struct map_create_params *params, struct epoch *epoch, int store_fd,
	       int visible_fd, struct map **out);
void map_free(struct map *map);

/*
 * MAP_FREEZE: the caller has seen to it that no writable mapping exists. A read-only-for-
 * programs array is copied into sealed memory and facts.const_values is set; so this comes
 * before the programs that use the map are loaded. 0, -EBUSY when it is frozen already.
 */
int map_freeze(struct map *map);

/* Prog array: the element's index into run_ctx.progs, 0 when empty or outside. */
static inline u32 map_prog_index(const struct map *map, u32 index)
{
	if (index >= map->facts.max_entries)
		return 0;
	return load_acquire((const u32 *)(map->values + (u64)index * map->stride));
}

/* Maps of maps: the map that an element's index stands for, NULL when it stands for none. */
static inline struct map *map_inner(const struct map *map, u32 index)
{
	return index && index < map->n_inner ? load_acquire(&map->inner[index]) : NULL;
}

/* Bytes of a value as bpf(2) copies it: value_size, or all CPUs' copies. */
u64 map_sys_value_size(const struct map *map);

/*
 * ringbuf, as the helpers use it. Records: 8-byte header then data (Linux's layout). A
 * reserved record stands in rc->held until it is submitted or discarded.
 */
void *ringbuf_reserve(struct map *map, u64 size, u64 flags, struct run_ctx *rc);
void ringbuf_submit(void *record, u64 flags, struct run_ctx *rc);
void ringbuf_discard(void *record, u64 flags, struct run_ctx *rc);
s64 ringbuf_output(struct map *map, const void *data, u64 size, u64 flags, struct run_ctx *rc);
u64 ringbuf_query(const struct map *map, u64 what);
/*
 * Discards what the dead owner of a CPU slot left reserved; answers how many records.
 * -EAGAIN: another producer is stopped in the middle of a reservation, or dead and yet to be
 * swept; do that and come again before the slot is given to anybody. Sleeps for 50 ms at most.
 */
int ringbuf_sweep(struct map *map, u32 cpu);

/*
 * stack_trace, as bpf_get_stackid uses it: the id of a trace of n addresses (at most
 * stack_trace_depth), with that helper's flags; or -EEXIST, -ENOMEM.
 */
#define STACK_FRAMES_MAX 127
u32 stack_trace_depth(const struct map *map);
s64 stack_trace_put(struct map *map, const u64 *ip, u32 n, u64 flags, struct run_ctx *rc);

/*
 * user_ringbuf, as bpf_user_ringbuf_drain uses it: enter, then peek and release, sample by
 * sample, then leave.
 */
#define USER_SAMPLE_MAX ((1u << 24) - 1) /* a dynptr's size */

struct user_sample {
	void *data; /* the producer may still write to it */
	u32 size;
	u64 position;
};

/* -EBUSY: somebody drains it, maybe the caller. */
int user_ringbuf_enter(struct map *map, struct run_ctx *rc);
/* news: samples were taken, so that the producer may want to be woken. */
void user_ringbuf_leave(struct map *map, bool news, u64 flags, struct run_ctx *rc);
/*
 * The next sample. -ENODATA: none, or a busy one; -EAGAIN: a discarded one was skipped; -EINVAL,
 * -E2BIG: the producer has written nonsense.
 */
int user_ringbuf_peek(struct map *map, struct user_sample *sample);
void user_ringbuf_release(struct map *map, const struct user_sample *sample);

#endif
