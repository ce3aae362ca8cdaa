/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects and their file descriptors (design.md 3.4).
 *
 * A handle is a memfd whose inode is the object's identity. The kernel keeps one open
 * description of it (own_fd); every fd that a client gets is another description, opened
 * through /proc/self/fd and holding flock(LOCK_SH). dup, fork and SCM_RIGHTS share that
 * description, so the lock goes exactly when the last of them is closed, by whatever means:
 *
 *	some client still has it open	<=>	flock(own_fd, LOCK_EX | LOCK_NB) fails
 *
 * Asking that of every object all the time would cost; inotify reports the last close of a
 * description (IN_CLOSE) and so says when and where to ask. flock alone decides: when
 * inotify is not to be had, every object is asked. Linux reports a close a moment before it
 * drops the lock, so an object found open after a report stays a suspect for a while and is
 * asked again by later sweeps.
 *
 * Anyone may find an object whose last reference is just being dropped; like Linux, a
 * lookup takes a reference only when there still is one.
 */
#define _GNU_SOURCE
#include "kernel/core.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- tables (under skep->lock) ---- */

static struct object **bucket_of(struct skep *skep, u64 dev, u64 ino)
{
	u64 hash = (ino ^ dev << 40) * 0x9e3779b97f4a7c15u;

	return &skep->buckets[hash >> 32 & (skep->n_buckets - 1)];
}

static void table_grow(struct skep *skep)
{
	u32 n = skep->n_buckets * 2, old_n = skep->n_buckets;
	struct object **old = skep->buckets;
	struct object **buckets = calloc(n, sizeof(struct object *));

	if (!buckets)
		return; /* longer chains: slower, not wrong */
	skep->buckets = buckets;
	skep->n_buckets = n;
	for (u32 i = 0; i < old_n; i++) {
		while (old[i]) {
			struct object *o = old[i], **at = bucket_of(skep, o->dev, o->ino);

			old[i] = o->next_same_hash;
			o->next_same_hash = *at;
			*at = o;
		}
	}
	free(old);
}

static void table_add(struct object *object)
{
	struct skep *skep = object->skep;
	struct object **at;

	if (skep->n_objects >= skep->n_buckets)
		table_grow(skep);
	at = bucket_of(skep, object->dev, object->ino);
	object->next_same_hash = *at;
	*at = object;
	skep->n_objects++;
}

static void table_remove(struct object *object)
{
	struct skep *skep = object->skep;
	struct object **at = bucket_of(skep, object->dev, object->ino);

	while (*at && *at != object)
		at = &(*at)->next_same_hash;
	if (*at) {
		*at = object->next_same_hash;
		skep->n_objects--;
	}
}

/* Index of the first object whose id is at least that. */
static size_t id_position(const struct id_table *ids, u32 id)
{
	size_t low = 0, high = ids->objects.len;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (ids->objects.data[middle]->id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The first free id at or after `from`; 0 when there is none up to INT_MAX. */
static u32 id_free_from(const struct id_table *ids, u32 from)
{
	for (size_t at = id_position(ids, from);
	     at < ids->objects.len && ids->objects.data[at]->id == from; at++)
		if (from++ == INT_MAX)
			return 0;
	return from;
}

/* Ids go up and wrap around, so that one is not soon used again. */
static int id_assign(struct object *object)
{
	struct id_table *ids = &object->skep->ids[object->kind];
	u32 id = ids->last < INT_MAX ? id_free_from(ids, ids->last + 1) : 0;
	size_t at;

	if (!id)
		id = id_free_from(ids, 1);
	if (!id)
		return -ENOSPC;
	if (!vec_reserve(&ids->objects, ids->objects.len + 1))
		return -ENOMEM;
	at = id_position(ids, id);
	memmove(ids->objects.data + at + 1, ids->objects.data + at,
		(ids->objects.len - at) * sizeof(struct object *));
	ids->objects.data[at] = object;
	ids->objects.len++;
	ids->last = id;
	object->id = id;
	return 0;
}

static void id_remove(struct object *object)
{
	struct id_table *ids = &object->skep->ids[object->kind];
	size_t at;

	if (!object->id)
		return;
	at = id_position(ids, object->id);
	ids->objects.len--;
	memmove(ids->objects.data + at, ids->objects.data + at + 1,
		(ids->objects.len - at) * sizeof(struct object *));
}

static bool kind_has_id(enum object_kind kind)
{
	return kind <= OBJECT_BTF;
}

/* ---- handles ---- */

static void handle_path(char path[32], int fd)
{
	snprintf(path, 32, "/proc/self/fd/%d", fd);
}

static int handle_create(struct object *object, const char *name, int visible_fd)
{
	struct stat st;

	object->owns_fd = visible_fd < 0;
	object->own_fd = visible_fd;
	if (object->owns_fd) {
		object->own_fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
		if (object->own_fd < 0)
			return -errno;
		fcntl(object->own_fd, F_ADD_SEALS,
		      F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
	}
	if (fstat(object->own_fd, &st))
		return -errno;
	object->dev = st.st_dev;
	object->ino = st.st_ino;
	return 0;
}

static void handle_watch(struct object *object)
{
	struct skep *skep = object->skep;
	char path[32];

	object->watch = -1;
	if (skep->notify_fd >= 0) {
		handle_path(path, object->own_fd);
		object->watch = inotify_add_watch(skep->notify_fd, path, IN_CLOSE);
	}
	if (object->watch < 0)
		skep->must_sweep_all = true;
}

static void handle_release(struct object *object)
{
	if (object->watch >= 0 && object->skep->notify_fd >= 0)
		inotify_rm_watch(object->skep->notify_fd, object->watch);
	if (object->owns_fd && object->own_fd >= 0)
		close(object->own_fd);
	object->own_fd = -1;
	object->watch = -1;
}

/* A new description with its shared lock. Under skep->lock. */
static int handle_open(struct object *object, int open_flags)
{
	char path[32];
	int fd, err;

	handle_path(path, object->own_fd);
	fd = open(path, open_flags | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while (flock(fd, LOCK_SH | LOCK_NB)) {
		err = -errno;
		if (err == -EINTR)
			continue;
		close(fd);
		return err;
	}
	if (open_flags != O_RDWR)
		object->narrowed = true;
	return fd;
}

/* Under skep->lock. */
static bool handle_is_open(const struct object *object)
{
	if (flock(object->own_fd, LOCK_EX | LOCK_NB))
		return true;
	flock(object->own_fd, LOCK_UN);
	return false;
}

/* ---- life ---- */

int object_init(struct skep *skep, struct object *object, enum object_kind kind, const char *name,
		int visible_fd)
{
	int err;

	object->skep = skep;
	object->kind = kind;
	object->refs = 1;
	object->watch = -1;
	err = handle_create(object, name, visible_fd);
	if (err)
		handle_release(object);
	return err;
}

void object_discard(struct object *object)
{
	handle_release(object);
}

/* Under skep->lock. */
static int enter_tables(struct object *object)
{
	int err = kind_has_id(object->kind) ? id_assign(object) : 0;

	if (!err) {
		table_add(object);
		handle_watch(object);
	}
	return err;
}

int object_enter(struct object *object)
{
	int err;

	pthread_mutex_lock(&object->skep->lock);
	err = enter_tables(object);
	pthread_mutex_unlock(&object->skep->lock);
	return err;
}

int object_publish(struct object *object, int open_flags)
{
	struct skep *skep = object->skep;
	int fd = -1, err;

	skep_sweep(skep);
	pthread_mutex_lock(&skep->lock);
	err = enter_tables(object);
	if (!err) {
		err = fd = handle_open(object, open_flags);
		object->has_fd = fd >= 0;
	}
	pthread_mutex_unlock(&skep->lock);
	if (err < 0)
		object_put(object);
	return err;
}

int object_open(struct object *object, int open_flags)
{
	struct skep *skep = object->skep;
	int fd;

	pthread_mutex_lock(&skep->lock);
	fd = handle_open(object, open_flags);
	if (fd >= 0 && !object->has_fd) {
		object->has_fd = true;
		object_get(object);
	}
	pthread_mutex_unlock(&skep->lock);
	return fd;
}

void object_get(struct object *object)
{
	fetch_add_relaxed(&object->refs, 1);
}

static bool object_get_unless_zero(struct object *object)
{
	u32 refs = load_relaxed(&object->refs);

	while (refs)
		if (cas_acq_rel(&object->refs, &refs, refs + 1))
			return true;
	return false;
}

void object_put(struct object *object)
{
	struct skep *skep = object->skep;

	if (fetch_sub_acq_rel(&object->refs, 1) != 1)
		return;
	pthread_mutex_lock(&skep->lock);
	table_remove(object);
	id_remove(object);
	handle_release(object);
	pthread_mutex_unlock(&skep->lock);
	object->destroy(object);
}

/* Nobody outside the kernel can reach it any more, except by id. */
static void object_released(struct object *object)
{
	if (object->released && !object->has_fd && !object->pins)
		object->released(object);
}

void object_unpin(struct object *object)
{
	pthread_mutex_lock(&object->skep->lock);
	object->pins--;
	pthread_mutex_unlock(&object->skep->lock);
	object_released(object);
	object_put(object);
}

/* ---- finding ---- */

static struct object *object_by_identity(struct skep *skep, const struct stat *st, int *err)
{
	struct object *object;

	*err = -EINVAL;
	pthread_mutex_lock(&skep->lock);
	object = *bucket_of(skep, st->st_dev, st->st_ino);
	while (object && (object->ino != st->st_ino || object->dev != st->st_dev))
		object = object->next_same_hash;
	if (object && !object_get_unless_zero(object))
		object = NULL;
	pthread_mutex_unlock(&skep->lock);
	return object;
}

struct object *object_from_fd(struct skep *skep, int fd, int *err)
{
	struct stat st;

	if (fstat(fd, &st)) {
		*err = -EBADF;
		return NULL;
	}
	return object_by_identity(skep, &st, err);
}

struct object *object_by_path(struct skep *skep, const char *path, int *err)
{
	struct stat st;

	if (stat(path, &st)) {
		*err = -EBADF;
		return NULL;
	}
	return object_by_identity(skep, &st, err);
}

struct object *object_of_kind(struct skep *skep, int fd, enum object_kind kind, int *err)
{
	struct object *object = object_from_fd(skep, fd, err);

	if (object && object->kind != kind) {
		object_put(object);
		*err = -EINVAL;
		return NULL;
	}
	return object;
}

struct prog_object *prog_from_fd(struct skep *skep, int fd, int *err)
{
	return (struct prog_object *)object_of_kind(skep, fd, OBJECT_PROG, err);
}

struct map_object *map_from_fd(struct skep *skep, int fd, int *err)
{
	return (struct map_object *)object_of_kind(skep, fd, OBJECT_MAP, err);
}

struct link_object *link_from_fd(struct skep *skep, int fd, int *err)
{
	return (struct link_object *)object_of_kind(skep, fd, OBJECT_LINK, err);
}

struct btf_object *btf_from_fd(struct skep *skep, int fd, int *err)
{
	return (struct btf_object *)object_of_kind(skep, fd, OBJECT_BTF, err);
}

struct object *object_by_id(struct skep *skep, enum object_kind kind, u32 id)
{
	struct id_table *ids = &skep->ids[kind];
	struct object *object = NULL;
	size_t at;

	skep_sweep(skep);
	pthread_mutex_lock(&skep->lock);
	at = id_position(ids, id);
	if (at < ids->objects.len && ids->objects.data[at]->id == id &&
	    object_get_unless_zero(ids->objects.data[at]))
		object = ids->objects.data[at];
	pthread_mutex_unlock(&skep->lock);
	return object;
}

u32 object_next_id(struct skep *skep, enum object_kind kind, u32 start)
{
	struct id_table *ids = &skep->ids[kind];
	u32 id = 0;
	size_t at;

	skep_sweep(skep);
	pthread_mutex_lock(&skep->lock);
	at = id_position(ids, start + 1);
	if (at < ids->objects.len)
		id = ids->objects.data[at]->id;
	pthread_mutex_unlock(&skep->lock);
	return id;
}

bool object_fd_allows(const struct object *object, int fd, bool write)
{
	int mode;

	if (!load_relaxed(&object->narrowed))
		return true;
	mode = fcntl(fd, F_GETFL) & O_ACCMODE;
	return mode == O_RDWR || mode == (write ? O_WRONLY : O_RDONLY);
}

/* ---- the last close ---- */

/* What inotify reports: numbers of handles that lost a description. */
struct closes {
	bool any, all;
	u32 n;
	int watch[64];
};

static void closes_note(struct closes *closes, const struct inotify_event *event)
{
	if (!(event->mask & (IN_CLOSE | IN_Q_OVERFLOW)))
		return;
	closes->any = true;
	if ((event->mask & IN_Q_OVERFLOW) || closes->n == ARRAY_SIZE(closes->watch))
		closes->all = true;
	else
		closes->watch[closes->n++] = event->wd;
}

static void closes_read(struct skep *skep, struct closes *closes)
{
	alignas(struct inotify_event) char buf[4096];
	ssize_t got;

	while ((got = read(skep->notify_fd, buf, sizeof(buf))) > 0) {
		for (char *at = buf; at < buf + got;) {
			struct inotify_event *event = (struct inotify_event *)at;

			closes_note(closes, event);
			at += sizeof(*event) + event->len;
		}
		if (got < (ssize_t)sizeof(buf) / 2)
			break;
	}
}

static bool closes_has(const struct closes *closes, int watch)
{
	for (u32 i = 0; i < closes->n; i++)
		if (closes->watch[i] == watch)
			return true;
	return false;
}

#define SUSPECT_NS 200000000ull

/* Should this object be asked? */
static bool is_due(struct object *object, const struct closes *closes, u64 now)
{
	if (!object->has_fd)
		return false;
	if (object->watch < 0 || closes->all)
		return true;
	if (closes_has(closes, object->watch))
		object->suspect_until = now + SUSPECT_NS;
	return object->suspect_until > now;
}

/* Takes the fds' reference from objects that no client has open; the caller drops it. */
static void collect_closed(struct skep *skep, const struct closes *closes, object_vec *closed)
{
	u64 now = os_clock_ns(OS_CLOCK_MONOTONIC);

	for (u32 i = 0; i < skep->n_buckets; i++) {
		for (struct object *o = skep->buckets[i]; o; o = o->next_same_hash) {
			if (!is_due(o, closes, now))
				continue;
			if (handle_is_open(o) || !vec_push(closed, o)) {
				skep->suspects_until = MAX(skep->suspects_until, o->suspect_until);
				continue;
			}
			o->has_fd = false;
		}
	}
}

static bool has_suspects(const struct skep *skep)
{
	return skep->suspects_until && skep->suspects_until > os_clock_ns(OS_CLOCK_MONOTONIC);
}

void skep_sweep(struct skep *skep)
{
	struct closes closes = { 0 };
	object_vec closed = { 0 };

	pthread_mutex_lock(&skep->lock);
	if (skep->notify_fd >= 0)
		closes_read(skep, &closes);
	if (skep->must_sweep_all)
		closes.all = closes.any = true;
	if (closes.any || has_suspects(skep))
		collect_closed(skep, &closes, &closed);
	pthread_mutex_unlock(&skep->lock);

	vec_for_each (object, &closed) {
		object_released(*object);
		object_put(*object);
	}
	vec_release(&closed);
	skep_reclaim(skep);
}

int skep_close_fd(struct skep *skep)
{
	return skep->notify_fd;
}

/* ---- the tables' own life ---- */

int objects_init(struct skep *skep)
{
	pthread_mutex_init(&skep->lock, NULL);
	skep->n_buckets = 64;
	skep->buckets = calloc(skep->n_buckets, sizeof(struct object *));
	skep->notify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	skep->must_sweep_all = skep->notify_fd < 0;
	return skep->buckets ? 0 : -ENOMEM;
}

/* Any object that holds the fds' reference, or NULL. */
static struct object *any_with_fd(struct skep *skep)
{
	for (u32 i = 0; i < skep->n_buckets; i++)
		for (struct object *o = skep->buckets[i]; o; o = o->next_same_hash)
			if (o->has_fd)
				return o;
	return NULL;
}

void objects_close(struct skep *skep)
{
	struct object *object;

	while ((object = any_with_fd(skep))) {
		object->has_fd = false;
		object_released(object);
		object_put(object);
	}
}

void objects_release(struct skep *skep)
{
	for (u32 kind = 0; kind < OBJECT_KINDS; kind++)
		vec_release(&skep->ids[kind].objects);
	free(skep->buckets);
	if (skep->notify_fd >= 0)
		close(skep->notify_fd);
	pthread_mutex_destroy(&skep->lock);
}
