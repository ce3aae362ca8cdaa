/* SPDX-License-Identifier: Apache-2.0 */
/* struct skep itself: for src/kernel only. */
#ifndef SKEP_KERNEL_CORE_H
#define SKEP_KERNEL_CORE_H

#include <pthread.h>

#include "base/epoch.h"
#include "base/vec.h"
#include "kernel/attach.h"
#include "kernel/attr.h"
#include "kernel/custom.h"
#include "kernel/kernel.h"
#include "kernel/run.h"
#include "model/arena.h"

/* Epoch slots that commands use, behind those of the presented CPUs. */
#define COMMAND_SLOTS 64
#define MAX_CPUS      (EPOCH_SLOTS - COMMAND_SLOTS)

/* Programs that prog arrays may name at a time. */
#define PROG_TABLE_SIZE 65536
/* Maps that maps of maps may name at a time. */
#define MAP_TABLE_SIZE 65536

typedef VEC(struct object *) object_vec;

struct id_table {
	object_vec objects; /* sorted by id */
	u32 last;           /* id given out last: the next search starts behind it */
};

struct registered_attacher {
	const struct attacher *attacher;
	void *data;
};

struct pin;
struct retired;

struct skep {
	struct epoch epoch; /* first: it wants alignment */
	u32 cpus;
	struct run_slot *slots; /* cpus of them */
	u64 default_budget;     /* 0: none */
	verified_fn *verified; /* told of verdicts; may be NULL */
	void *verified_data;
	/* Lines of trace_printk of runs in this process; NULL: dropped. */
	void (*trace)(void *data, const char *line, size_t len);
	void *trace_data;
	u32 flags;
	bool verify_only; /* programs of all types are verified, and none is ever run */
	u32 stats_users; /* open ENABLE_STATS fds */
	u32 *not_forked; /* reads 0 in a forked child: MADV_WIPEONFORK */

	/* lock: everything down to the next blank line. It is never held while a program is
	 * verified, a hook is called, or an object is destroyed. */
	pthread_mutex_t lock;
	struct id_table ids[OBJECT_KINDS];
	struct object **buckets; /* by identity */
	u32 n_buckets, n_objects;
	struct pin *pins;
	struct prog **progs; /* the table prog arrays index; 0 is never used */
	u32 progs_top;
	struct map **maps; /* the table maps of maps index; 0 is never used */
	struct map_object **map_objects; /* whose they are */
	u32 maps_top;
	VEC(struct registered_attacher) attachers;

	int notify_fd;       /* inotify, or -1: then every sweep looks at everything */
	u64 suspects_until;  /* the latest of all objects' */
	bool must_sweep_all; /* some handle could not be watched, or events were lost */

	pthread_mutex_t cancel_lock; /* one canceller at a time */
	pthread_mutex_t retired_lock;
	struct retired *retired;

	struct asyncs *asyncs; /* timers and work queues: async.c */
	struct kernel_arena arena; /* the presented kernel objects */
	struct kernel_model model;
	struct kernel_model *presented; /* what model was copied from */
	struct btf_object *vmlinux;	/* its BTF, as clients find it among the ids */
	struct custom_table custom;
};

static inline bool skep_is_forked(const struct skep *skep)
{
	return !load_relaxed(skep->not_forked);
}

/* ---- objects: object.c ---- */

/*
 * Gives a new object its handle: a memfd of that name, or visible_fd (a map's store that
 * mmap shows). The object has one reference, the caller's.
 */
int object_init(struct skep *skep, struct object *object, enum object_kind kind, const char *name,
		int visible_fd);
/* Undoes object_init for one that was never published. */
void object_discard(struct object *object);
/*
 * Publishes: an id, the tables, and an fd of its own for the caller, whose reference becomes
 * the fds'. On error the object is destroyed. open_flags: O_RDWR, O_RDONLY or O_WRONLY.
 */
int object_publish(struct object *object, int open_flags);
/* Publishes without an fd: the caller's reference stays the caller's. 0, -ENOSPC, -ENOMEM. */
int object_enter(struct object *object);
/* Another fd of a published object; the caller keeps its reference. */
int object_open(struct object *object, int open_flags);
/* By id, referenced; NULL when there is none. */
struct object *object_by_id(struct skep *skep, enum object_kind kind, u32 id);
/* The smallest id above start, or 0. */
u32 object_next_id(struct skep *skep, enum object_kind kind, u32 start);
/* Any object by fd, referenced; NULL with *err -EBADF or -EINVAL. */
struct object *object_from_fd(struct skep *skep, int fd, int *err);
/* The same for a path to an open file (/proc/PID/fd/N). */
struct object *object_by_path(struct skep *skep, const char *path, int *err);
struct object *object_of_kind(struct skep *skep, int fd, enum object_kind kind, int *err);
void object_unpin(struct object *object);
/* True when the fd may be read, written (maps opened with BPF_F_RDONLY, BPF_F_WRONLY). */
bool object_fd_allows(const struct object *object, int fd, bool write);

int objects_init(struct skep *skep);
/* As if all clients closed all their fds. */
void objects_close(struct skep *skep);
/* The tables, when no object is left. */
void objects_release(struct skep *skep);

/* ---- running and reclaiming: run.c ---- */

int runs_init(struct skep *skep);
void runs_release(struct skep *skep);
/* A command's place in the epoch, while it looks at elements. Waits until one is free. */
u32 command_enter(struct skep *skep);
void command_leave(struct skep *skep, u32 slot);
/* Frees what was retired and can no longer be seen. */
void skep_reclaim(struct skep *skep);

/* ---- shared by commands ---- */

/* Copies a client's object name: 0, or -EINVAL for anything but letters, digits, _ and . with a
 * final 0. */
int object_name_copy(char dst[BPF_OBJ_NAME_LEN], const char src[BPF_OBJ_NAME_LEN]);
/* What a command answers to BPF_F_TOKEN_FD with that fd. */
int token_error(int fd);
/* Is there a network device of that number? */
bool device_exists(u32 ifindex);
/* O_RDWR, O_RDONLY or O_WRONLY for BPF_F_RDONLY and BPF_F_WRONLY; -EINVAL for both. */
int open_flags_of(u32 bpf_flags);

/* A client's log buffer (PROG_LOAD, BTF_LOAD): log.c. */
struct user_log {
	struct text text;
	char *memory;
	u64 user;
	u32 user_size;
	u32 level;
};
/* Checks level, size and address as Linux does: 0, -EINVAL, -ENOMEM. */
int user_log_open(struct user_log *log, u32 level, u64 user, u32 size);
/* Hands the text over; *true_size is what it needs. err, or -ENOSPC, -EFAULT. */
int user_log_close(struct user_log *log, int err, u32 *true_size);

/* prog arrays: the table entry of a program, made on first use. 0 when the table is full. */
u32 prog_table_index(struct prog_object *prog);

/* Makes a link by whatever hook takes the target, and an fd of it. */
int link_attach(struct skep *skep, struct prog_object *prog, const struct attach_target *target);
/* Gives the presented kernel's BTF an id, the first one. */
int btf_present(struct skep *skep);
/* Does PROG_TEST_RUN know that type? (docs/STATUS.md) */
bool prog_type_has_test_run(u32 prog_type);

struct abi_link_info;
/* The target's name and the cookie, for link types whose info has them. */
int link_fill_info(const struct link_object *link, struct abi_link_info *info);
/* The object of an event (skep_event_create). */
struct event_object {
	struct object base;
	u64 cookie;
	char target[128];
};

#endif
