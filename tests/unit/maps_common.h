/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of maps share: making maps, a run_ctx, random numbers, Linux's own maps. */
#ifndef SKEP_TESTS_UNIT_MAPS_COMMON_H
#define SKEP_TESTS_UNIT_MAPS_COMMON_H

#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/test.h"
#include "maps/map.h"

static inline struct map_create_params map_params(u32 type, u32 key, u32 value, u32 entries,
						  u32 flags, u32 cpus)
{
	return (struct map_create_params){
		.facts = { .type = type, .key_size = key, .value_size = value,
			   .max_entries = entries, .flags = flags },
		.cpus = cpus,
	};
}

static inline struct map *map_make(u32 type, u32 key, u32 value, u32 entries, u32 flags, u32 cpus)
{
	struct map_create_params params = map_params(type, key, value, entries, flags, cpus);
	struct map *map = NULL;
	int err = map_new(&params, NULL, &map);

	CHECK_EQ(err, 0);
	return err ? NULL : map;
}

/* splitmix64 */
static inline u64 rnd(u64 *state)
{
	u64 z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static inline u32 rnd_below(u64 *state, u32 n)
{
	return (u32)(rnd(state) % n);
}

static inline void rnd_bytes(u64 *state, void *out, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((u8 *)out)[i] = (u8)rnd(state);
}

/* Campaign length: argument of the environment, or what fits CI. */
static inline u64 campaign(const char *variable, u64 usual)
{
	const char *text = getenv(variable);

	return text ? strtoull(text, NULL, 0) : usual;
}

/* ---- the real kernel, as an oracle ---- */

static inline int linux_bpf(int cmd, union bpf_attr *attr)
{
	long ret = syscall(SYS_bpf, cmd, attr, sizeof(*attr));

	return ret < 0 ? -errno : (int)ret;
}

static inline int linux_map(u32 type, u32 key, u32 value, u32 entries, u32 flags)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = type;
	attr.key_size = key;
	attr.value_size = value;
	attr.max_entries = entries;
	attr.map_flags = flags;
	return linux_bpf(BPF_MAP_CREATE, &attr);
}

static inline int linux_elem(int cmd, int fd, const void *key, void *value, u64 flags)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (u32)fd;
	attr.key = (u64)(uintptr_t)key;
	attr.value = (u64)(uintptr_t)value;
	attr.flags = flags;
	/* Linux's element allocator for NO_PREALLOC refills itself behind our back, and when
	 * memory is short that takes a moment. */
	for (int tries = 0;; tries++) {
		int err = linux_bpf(cmd, &attr);

		if (err != -ENOMEM || tries == 1000)
			return err;
		usleep(1000);
	}
}

static inline u32 linux_possible_cpus(void)
{
	u32 last = 0;
	FILE *f = fopen("/sys/devices/system/cpu/possible", "r");
	int c, number = 0;

	while (f && (c = fgetc(f)) != EOF) {
		if (c >= '0' && c <= '9') {
			number = number * 10 + c - '0';
			last = (u32)number;
		} else {
			number = 0;
		}
	}
	if (f)
		fclose(f);
	return last + 1;
}

/* NULL, or why Linux's maps are no oracle here. */
static inline const char *linux_refuses(void)
{
	int fd = linux_map(BPF_MAP_TYPE_PERCPU_HASH, 4, 8, 1, 0);

	if (fd < 0)
		return strerror(-fd);
	close(fd);
	return NULL;
}

#endif
