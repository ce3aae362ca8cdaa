/* SPDX-License-Identifier: Apache-2.0 */
/*
 * struct skep: the kernel as one object. Every command of bpf(2) is a function on it; the
 * hooks, the tools and the embedding API sit on top of the functions declared here.
 */
#ifndef SKEP_KERNEL_KERNEL_H
#define SKEP_KERNEL_KERNEL_H

#include <pthread.h>
#include <skep/skep.h>

#include "btf/btf.h"
#include "maps/map.h"
#include "model/model.h"
#include "verifier/verifier.h"
#include "vm/prog.h"

struct kernel_arena;

enum object_kind {
	OBJECT_MAP,
	OBJECT_PROG,
	OBJECT_LINK,
	OBJECT_BTF,
	OBJECT_EVENT, /* what perf_event_open gives: no id, no info (attach.h) */
	OBJECT_STATS, /* what ENABLE_STATS gives: counting is on while it is open */
	OBJECT_KINDS,
};

/*
 * What all objects share. References: one while any fd of it is open (found by flock, see
 * object.c), one for each object that uses it, one for each pin, one for a command in flight.
 */
struct object {
	enum object_kind kind;
	u32 id;
	u32 refs;
	struct skep *skep;
	int own_fd; /* the kernel's own open of the handle, through which the last close is found */
	bool owns_fd;  /* false: own_fd is the map's visible store, closed with it */
	bool has_fd;   /* a reference is held for open fds */
	bool narrowed; /* some fd of it was opened for reading or for writing only */
	u32 pins;      /* references held by OBJ_PIN */
	u64 dev, ino;  /* identity of the handle */
	int watch;     /* inotify's number for it, or -1 */
	u64 suspect_until; /* a close was reported, and may not have gone through then */
	struct object *next_same_hash;
	/* The last fd and pin are gone (other objects may still hold it); NULL when nobody cares.
	 */
	void (*released)(struct object *object);
	void (*destroy)(struct object *object);
};

struct map_object {
	struct object base;
	struct map *map;
	struct btf_object *btf;
	pthread_mutex_t
	    update_lock; /* of commands that exchange references: prog arrays, freezing */
	u32 writers;     /* element commands that write, under way: freezing then is -EBUSY */
	bool freezing;   /* writes that begin now are refused */
	/* prog array: its programs, and what they have in common from the first one on */
	struct prog_object **elems; /* max_entries, reserved; under update_lock */
	u32 n_elems;
	bool has_owner, owner_jited;
	u32 owner_type, owner_attach_type;
	/* map of maps: what they have in common, and how many elements name which (inner_map.c) */
	struct map_facts inner_facts;
	struct btf_object *inner_btf;
	u32 *held;	 /* MAP_TABLE_SIZE, reserved; under update_lock, as n_elems */
	u32 table_index; /* in skep.maps, for those in maps of maps; 0: not there */
	int event_fd;   /* ringbuf: written when there is something to read; -1 until asked for */
	bool exclusive; /* only for the program with that hash */
	u8 excl_hash[32];
};

struct prog_object {
	struct object base;
	struct prog prog;
	struct prog **callbacks; /* by subprogram: those that timers call; NULL: there are none */
	char name[BPF_OBJ_NAME_LEN];
	u8 tag[BPF_TAG_SIZE];
	u64 load_time;
	u32 uid;
	bool gpl;
	struct bpf_insn *orig; /* as loaded */
	u32 orig_cnt;
	struct map_object **maps;
	u32 n_maps;
	struct btf_object *btf;
	struct verify_stats verify_stats;
	/* func_info, line_info as loaded: for info structs */
	void *func_info, *line_info;
	u32 func_info_rec_size, func_info_cnt, line_info_rec_size, line_info_cnt;
	u32 attach_btf_id;
	const struct ctx_layout *ctx; /* embedders' own, else NULL */
	u64 budget_ended, cancelled;  /* runs that ended early */
	pthread_mutex_t maps_lock;    /* maps may grow: PROG_BIND_MAP */
};

struct btf_object {
	struct object base;
	struct btf *btf;
	char name[BPF_OBJ_NAME_LEN];
	bool kernel_btf;
};

struct abi_link_info; /* info_abi.h */
struct link_object;

/* What a hook does for a link: all called with the link referenced and no kernel lock held. */
struct link_ops {
	/* The hook runs prog instead; link->prog is exchanged by the caller. NULL: -EINVAL. */
	int (*update)(struct link_object *link, struct prog_object *prog);
	/* Called exactly once. New runs do not see the program when it returns. */
	void (*detach)(struct link_object *link);
	/* What OBJ_GET_INFO_BY_FD says beyond id and program. NULL: the target's name. */
	int (*fill_info)(const struct link_object *link, struct abi_link_info *info);
};

struct link_object {
	struct object base;
	u32 type; /* enum bpf_link_type */
	u32 attach_type;
	struct prog_object *prog; /* exchanged under lock */
	const struct link_ops *ops;
	u64 cookie;
	void *hook;       /* the hook's own */
	char target[128]; /* the name it was attached to: "sys_enter" */
	bool attached;    /* ops->detach is still to be called */
	pthread_mutex_t lock;
};

/* Another reference; for an object the caller already holds one of, or found under a lock. */
void object_get(struct object *object);
/* Gives one back; the last one destroys the object, and may so destroy others. */
void object_put(struct object *object);

/*
 * The object behind a file descriptor, referenced for the caller, or NULL with *err: -EBADF
 * (not open), -EINVAL (open, but no such object of this kernel).
 */
struct prog_object *prog_from_fd(struct skep *skep, int fd, int *err);
struct map_object *map_from_fd(struct skep *skep, int fd, int *err);
struct link_object *link_from_fd(struct skep *skep, int fd, int *err);
struct btf_object *btf_from_fd(struct skep *skep, int fd, int *err);

/* A map became readable: whoever waits on its event fd is woken. For world_ops.notify. */
void map_event_notify(u32 map_handle);

/*
 * A kernel that verifies and runs nothing. model: one of a Linux (model_linux_new), which
 * becomes the kernel's own, also when this fails; NULL: the one that Skep presents. Its bpf(2)
 * answers as that Linux would to a loader with all privileges:
 *
 *	MAP_CREATE	all of Linux's map types; there is no storage, writes are forgotten and
 *			lookups find nothing, but single-value arrays (.rodata, .bss) are real
 *	MAP_FREEZE	as ever: what is frozen in .rodata is known to the verifier
 *	BTF_LOAD	as ever; the model's BTF is the vmlinux with the first id
 *	PROG_LOAD	all program types, attached by attach_btf_id or not, with any helper; the
 *			fd of what is accepted can be asked for info, and not be run or attached
 *	others		TEST_RUN and whatever attaches: -ENOTSUPP
 *
 * NULL with errno. skep_free frees it.
 */
struct skep *skep_new_verifier(struct kernel_model *model);

/*
 * Who is told of each verdict of PROG_LOAD, while the request and its maps are still there to be
 * looked at (explain/explain.h). fn NULL: nobody.
 */
typedef void verified_fn(void *data, const struct verify_request *request,
			 const struct verify_result *result, int err);
void skep_on_verified(struct skep *skep, verified_fn *fn, void *data);

/* What programs are verified against; embedders' helpers are added to it. */
struct kernel_model *skep_model(struct skep *skep);
struct custom_table *skep_custom(struct skep *skep);
/* The objects programs see at kernel-range addresses. */
struct kernel_arena *skep_arena(struct skep *skep);
/* Was it made by skep_new_verifier? */
bool skep_verify_only(const struct skep *skep);
/* Presented possible CPUs. */
u32 skep_cpus(const struct skep *skep);

#endif
