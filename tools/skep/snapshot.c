/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "snapshot.h"

#include <stdlib.h>
#include <string.h>

#define MAX_PARTS 64

static bool is_percpu(u32 type)
{
	return type == BPF_MAP_TYPE_PERCPU_ARRAY || type == BPF_MAP_TYPE_PERCPU_HASH ||
	       type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

static bool has_elements(u32 type)
{
	return type == BPF_MAP_TYPE_ARRAY || type == BPF_MAP_TYPE_HASH ||
	       type == BPF_MAP_TYPE_LRU_HASH || type == BPF_MAP_TYPE_LPM_TRIE || is_percpu(type);
}

static int next_key(const struct loader_kernel *kernel, int fd, const void *key, void *next)
{
	union bpf_attr attr = { .map_fd = (u32)fd,
				.key = (u64)(uintptr_t)key,
				.next_key = (u64)(uintptr_t)next };

	return kernel->bpf(kernel->data, BPF_MAP_GET_NEXT_KEY, &attr, 24 + 8) ? -errno : 0;
}

static int lookup(const struct loader_kernel *kernel, int fd, const void *key, void *value)
{
	union bpf_attr attr = { .map_fd = (u32)fd,
				.key = (u64)(uintptr_t)key,
				.value = (u64)(uintptr_t)value };

	return kernel->bpf(kernel->data, BPF_MAP_LOOKUP_ELEM, &attr, 24 + 8) ? -errno : 0;
}

/* A name like max_ns or min_size says that the copies' sum would mean nothing. */
static u64 put_together(const char *name, u64 a, u64 b, bool is_signed)
{
	bool less = is_signed ? (s64)b < (s64)a : b < a;

	if (name && strncmp(name, "max", 3) == 0)
		return less ? a : b;
	if (name && strncmp(name, "min", 3) == 0)
		return !a ? b : !b ? a : less ? b : a;
	return a + b;
}

static void add_array(const struct shown *part, u32 n, u32 elem_size, u8 *sum, const u8 *copy)
{
	u32 at = part->bit_offset / 8;

	for (u32 i = 0; i < n; i++, at += elem_size) {
		u64 a = 0, b = 0;

		memcpy(&a, sum + at, elem_size);
		memcpy(&b, copy + at, elem_size);
		a += b;
		memcpy(sum + at, &a, elem_size);
	}
}

/* Adds one CPU's copy: numbers, also in arrays; of anything else the first that is not zero. */
static void add_copy(const struct shown *value, u32 size, u8 *sum, const u8 *copy)
{
	struct shown parts[MAX_PARTS];
	u32 n_parts = show_parts(value, parts, MAX_PARTS), n, elem_size;

	for (u32 i = 0; i < n_parts && i < MAX_PARTS; i++) {
		bool is_signed;
		s64 a, b;

		if (show_number(&parts[i], sum, &a, &is_signed) &&
		    show_number(&parts[i], copy, &b, &is_signed)) {
			show_set_number(&parts[i], sum,
					put_together(parts[i].name, (u64)a, (u64)b, is_signed));
		} else if (show_int_array(&parts[i], &n, &elem_size)) {
			add_array(&parts[i], n, elem_size, sum, copy);
		} else {
			u32 at = parts[i].bit_offset / 8;
			s64 len = value->btf ? btf_size(value->btf, parts[i].type) : size;
			static const u8 zeroes[4096];

			if (len > 0 && len <= (s64)sizeof(zeroes) && at + len <= size &&
			    memcmp(sum + at, zeroes, (size_t)len) == 0)
				memcpy(sum + at, copy + at, (size_t)len);
		}
	}
}

static int read_value(const struct loader_kernel *kernel, const struct snapshot *s, u32 cpus,
		      const u8 *key, u8 *copies, u8 *out)
{
	u32 size = s->map->value_size;
	u64 stride = align_up(size, 8);
	int err = lookup(kernel, s->map->fd, key, copies);

	if (err)
		return err;
	memcpy(out, copies, size);
	for (u32 cpu = 1; is_percpu(s->map->type) && cpu < cpus; cpu++)
		add_copy(&s->value, size, out, copies + cpu * stride);
	return 0;
}

static bool grow(struct snapshot *s, u32 *cap)
{
	u32 more = *cap ? *cap * 2 : 64;
	u8 *keys = realloc(s->keys, (size_t)more * s->map->key_size);
	u8 *values;

	if (!keys)
		return false;
	s->keys = keys;
	values = realloc(s->values, (size_t)more * s->map->value_size);
	if (!values)
		return false;
	s->values = values;
	*cap = more;
	return true;
}

static int read_all(const struct loader_kernel *kernel, struct snapshot *s, u32 cpus)
{
	u8 *copies = malloc(align_up(s->map->value_size, 8) * (is_percpu(s->map->type) ? cpus : 1));
	u8 *key = malloc(s->map->key_size);
	u32 cap = 0;
	int err = copies && key ? next_key(kernel, s->map->fd, NULL, key) : -ENOMEM;

	/* max_entries bounds a walk that deletions throw back to the start. */
	while (!err && s->n < s->map->max_entries) {
		if (s->n == cap && !grow(s, &cap)) {
			err = -ENOMEM;
			break;
		}
		memcpy(s->keys + (size_t)s->n * s->map->key_size, key, s->map->key_size);
		if (read_value(kernel, s, cpus, key, copies, snapshot_value(s, s->n)) == 0)
			s->n++;
		err = next_key(kernel, s->map->fd, snapshot_key(s, s->n ? s->n - 1 : 0), key);
	}
	free(copies);
	free(key);
	return err == -ENOENT ? 0 : err;
}

int snapshot_take(const struct loader_kernel *kernel, const struct loader_map *map,
		  const struct btf *btf, u32 cpus, struct snapshot *out)
{
	int err;

	*out = (struct snapshot){ .map = map };
	if (!has_elements(map->type))
		return -EOPNOTSUPP;
	out->key = (struct shown){ .size = map->key_size, .name = "key" };
	out->value = (struct shown){ .size = map->value_size, .name = "value" };
	if (btf && map->key_type) {
		out->key.btf = btf;
		out->key.type = map->key_type;
	}
	if (btf && map->value_type) {
		out->value.btf = btf;
		out->value.type = map->value_type;
	}
	err = read_all(kernel, out, cpus);
	if (err)
		snapshot_release(out);
	return err;
}

void snapshot_release(struct snapshot *snapshot)
{
	free(snapshot->keys);
	free(snapshot->values);
	snapshot->keys = snapshot->values = NULL;
	snapshot->n = 0;
}

static bool is_zero(const u8 *bytes, u32 n)
{
	for (u32 i = 0; i < n; i++)
		if (bytes[i])
			return false;
	return true;
}

void snapshot_drop_zeroes(struct snapshot *s)
{
	u32 kept = 0;

	for (u32 i = 0; i < s->n; i++) {
		if (is_zero(snapshot_value(s, i), s->map->value_size))
			continue;
		memmove(s->keys + (size_t)kept * s->map->key_size, snapshot_key(s, i),
			s->map->key_size);
		memmove(snapshot_value(s, kept), snapshot_value(s, i), s->map->value_size);
		kept++;
	}
	s->n = kept;
}

static s64 first_number(const struct shown *value, const u8 *data)
{
	struct shown parts[MAX_PARTS];
	u32 n = show_parts(value, parts, MAX_PARTS);
	bool is_signed;
	s64 number;

	for (u32 i = 0; i < n && i < MAX_PARTS; i++)
		if (show_number(&parts[i], data, &number, &is_signed))
			return number;
	return 0;
}

static int compare(const void *a, const void *b, void *data)
{
	const struct snapshot *s = data;
	u32 i = *(const u32 *)a, j = *(const u32 *)b;
	u64 x = (u64)first_number(&s->value, snapshot_value(s, i));
	u64 y = (u64)first_number(&s->value, snapshot_value(s, j));
	s64 p = first_number(&s->key, snapshot_key(s, i));
	s64 q = first_number(&s->key, snapshot_key(s, j));

	if (x != y)
		return x > y ? -1 : 1;
	if (p != q)
		return p < q ? -1 : 1;
	return memcmp(snapshot_key(s, i), snapshot_key(s, j), s->map->key_size);
}

void snapshot_sort(struct snapshot *s)
{
	u32 *order = malloc((size_t)s->n * sizeof(*order) + 1);
	u8 *keys = malloc((size_t)s->n * s->map->key_size + 1);
	u8 *values = malloc((size_t)s->n * s->map->value_size + 1);

	if (!order || !keys || !values) {
		free(order);
		free(keys);
		free(values);
		return;
	}
	for (u32 i = 0; i < s->n; i++)
		order[i] = i;
	qsort_r(order, s->n, sizeof(*order), compare, s);
	for (u32 i = 0; i < s->n; i++) {
		memcpy(keys + (size_t)i * s->map->key_size, snapshot_key(s, order[i]),
		       s->map->key_size);
		memcpy(values + (size_t)i * s->map->value_size, snapshot_value(s, order[i]),
		       s->map->value_size);
	}
	free(order);
	free(s->keys);
	free(s->values);
	s->keys = keys;
	s->values = values;
}
