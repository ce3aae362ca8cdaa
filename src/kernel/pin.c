/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pins. There is no file system behind them: a pin is a name in the kernel object, gone
 * with it. The names are those that clients use, paths below PIN_ROOT (/sys/fs/bpf), where
 * every directory is taken to exist. Elsewhere a path is what it is on Linux when its
 * directory is not a bpffs: EPERM, or ENOENT where there is no directory.
 */
#include "kernel/pin.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/str.h"
#include "kernel/commands.h"
#include "kernel/core.h"

#define F_PATH_FD (1u << 14) /* BPF_F_PATH_FD */

struct pin {
	struct pin *next;
	struct object *object;
	char path[];
};

/* Where the pin of that path is, or would be appended. Under skep->lock. */
static struct pin **pin_find(struct skep *skep, const char *path)
{
	struct pin **at = &skep->pins;

	while (*at && strcmp((*at)->path, path))
		at = &(*at)->next;
	return at;
}

/* What Linux says to a file that is no pin, or to pinning where there is no bpffs. */
static int outside(char *path, bool for_get)
{
	char *slash = strrchr(path, '/');
	struct stat st;

	if (!for_get && slash)
		slash[slash == path] = 0;
	if ((for_get || slash) && stat(path, &st))
		return -errno;
	return for_get ? -EACCES : -EPERM;
}

/*
 * "/sys/fs/bpf//a/./b" becomes "/sys/fs/bpf/a/b"; a path outside answers what Linux would.
 * Dots in names are reserved, as in bpffs.
 */
static int pin_path(char out[PATH_MAX], u64 user, bool for_get)
{
	char path[PATH_MAX], *name, *rest = path;
	size_t len = 0;

	if (user_read_string(path, user, sizeof(path)))
		return -EFAULT;
	if (!path[0])
		return -ENOENT;
	if (!str_starts(path, PIN_ROOT "/"))
		return outside(path, for_get);
	rest += sizeof(PIN_ROOT);
	out[0] = 0;
	while ((name = strsep(&rest, "/"))) {
		if (!*name || !strcmp(name, "."))
			continue;
		if (strchr(name, '.'))
			return -EPERM;
		len +=
		    (size_t)snprintf(out + len, PATH_MAX - len, "%s/%s", len ? "" : PIN_ROOT, name);
		if (len >= PATH_MAX)
			return -ENAMETOOLONG;
	}
	return len ? 0 : -EEXIST;
}

static int pin_add(struct skep *skep, const char *path, struct object *object)
{
	struct pin *pin = calloc(1, sizeof(*pin) + strlen(path) + 1);
	struct pin **at;
	int err = 0;

	if (!pin)
		return -ENOMEM;
	pin->object = object;
	strcpy(pin->path, path);
	pthread_mutex_lock(&skep->lock);
	at = pin_find(skep, path);
	if (*at) {
		err = -EEXIST;
	} else {
		*at = pin;
		object->pins++;
	}
	pthread_mutex_unlock(&skep->lock);
	if (err)
		free(pin);
	return err;
}

static int check_path_fd(const struct attr_obj *a)
{
	return !(a->file_flags & F_PATH_FD) && a->path_fd ? -EINVAL : 0;
}

int cmd_obj_pin(struct skep *skep, struct bpf_call *call)
{
	const struct attr_obj *a = &call->attr.obj;
	char path[PATH_MAX];
	struct object *object;
	int err;

	if ((a->file_flags & ~F_PATH_FD) || check_path_fd(a))
		return -EINVAL;
	object = object_from_fd(skep, (int)a->bpf_fd, &err);
	if (!object)
		return -EINVAL;
	err =
	    object->kind == OBJECT_MAP || object->kind == OBJECT_PROG || object->kind == OBJECT_LINK
		? pin_path(path, a->pathname, false)
		: -EINVAL;
	if (!err)
		err = pin_add(skep, path, object);
	if (err)
		object_put(object);
	return err;
}

int cmd_obj_get(struct skep *skep, struct bpf_call *call)
{
	const struct attr_obj *a = &call->attr.obj;
	int open_flags = open_flags_of(a->file_flags);
	char path[PATH_MAX];
	struct object *object = NULL;
	struct pin *pin;
	int err;

	if (a->bpf_fd || (a->file_flags & ~(BPF_F_RDONLY | BPF_F_WRONLY | F_PATH_FD)) ||
	    check_path_fd(a) || open_flags < 0)
		return -EINVAL;
	err = pin_path(path, a->pathname, true);
	if (err)
		return err == -EPERM || err == -EEXIST ? -EACCES : err;
	pthread_mutex_lock(&skep->lock);
	pin = *pin_find(skep, path);
	if (pin) {
		object = pin->object;
		object_get(object);
	}
	pthread_mutex_unlock(&skep->lock);
	if (!object)
		return -ENOENT;
	if (object->kind == OBJECT_LINK && open_flags != O_RDWR)
		err = -EINVAL;
	else
		err = object_open(object, object->kind == OBJECT_MAP ? open_flags : O_RDWR);
	object_put(object);
	return err;
}

int skep_unpin(struct skep *skep, const char *path)
{
	struct pin **at, *pin;

	pthread_mutex_lock(&skep->lock);
	at = pin_find(skep, path);
	pin = *at;
	if (pin)
		*at = pin->next;
	pthread_mutex_unlock(&skep->lock);
	if (!pin)
		return -ENOENT;
	object_unpin(pin->object);
	free(pin);
	return 0;
}

const char *skep_pin_path(struct skep *skep, u32 n)
{
	struct pin *pin;

	pthread_mutex_lock(&skep->lock);
	for (pin = skep->pins; pin && n; n--)
		pin = pin->next;
	pthread_mutex_unlock(&skep->lock);
	return pin ? pin->path : NULL;
}

void pins_release(struct skep *skep)
{
	while (skep->pins)
		skep_unpin(skep, skep->pins->path);
}
