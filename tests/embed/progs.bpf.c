/* SPDX-License-Identifier: Apache-2.0 */
/* Programs of the embedding tests. */
#include "thing.h"

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <skep/prog.h>

static long (*add_up)(const void *bytes, __u32 size) = (void *)SKEP_HELPER(0);
static void *(*scratch)(void) = (void *)SKEP_HELPER(1);
static long (*fill)(void *out) = (void *)SKEP_HELPER(2);
static long (*nested)(void) = (void *)SKEP_HELPER(3);

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

__u64 runs;

SEC("skep/thing")
int sum(struct thing *t)
{
	t->out = t->a + t->b;
	__sync_fetch_and_add(&runs, 1);
	return 1;
}

SEC("skep/thing")
int one(struct thing *t)
{
	return 1;
}

SEC("skep/thing")
int two(struct thing *t)
{
	return 2;
}

SEC("skep/thing")
int helpers(struct thing *t)
{
	__u8 bytes[4] = { 1, 2, 3, 4 };
	__u64 filled = 0;
	__u64 *cell;

	fill(&filled);
	cell = scratch();
	if (!cell)
		return 0;
	*cell += add_up(bytes, sizeof(bytes)) + filled;
	t->out = *cell;
	return 1;
}

SEC("skep/thing")
int bytes(struct thing *t)
{
	__u8 *p = t->data;
	__u64 sum = 0;

	if (!p)
		return 0;
	for (int i = 0; i < THING_DATA; i++)
		sum += p[i];
	p[0] = 9;
	t->out = sum;
	return 1;
}

static long inner(__u64 i, void *arg)
{
	return 0;
}

static long outer(__u64 i, void *arg)
{
	bpf_loop(1 << 23, inner, arg, 0);
	return 0;
}

/* Runs for hours, and holds a record while it does. */
SEC("skep/thing")
int for_hours(struct thing *t)
{
	__u64 *record = bpf_ringbuf_reserve(&events, sizeof(*record), 0);
	__u32 key = 0;
	__u64 *started = bpf_map_lookup_elem(&counts, &key);

	if (started)
		*started = 1;
	bpf_loop(1 << 23, outer, 0, 0);
	if (record) {
		*record = 1;
		bpf_ringbuf_submit(record, 0);
	}
	return 1;
}

SEC("skep/thing")
int emits(struct thing *t)
{
	__u64 value = 7;

	return bpf_ringbuf_output(&events, &value, sizeof(value), 0) ? 0 : 1;
}

SEC("skep/thing")
int says(struct thing *t)
{
	bpf_printk("a is %d", t->a);
	return 1;
}

SEC("skep/thing")
int calls_itself(struct thing *t)
{
	t->out = nested();
	return 1;
}

char LICENSE[] SEC("license") = "GPL";
