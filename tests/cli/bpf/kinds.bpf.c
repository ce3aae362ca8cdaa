/* SPDX-License-Identifier: Apache-2.0 */
/* Every kind of thing that `skep run` prints, with values that a test can know. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

enum colour { RED, GREEN };

struct record {
	__u32 number;
	__s16 negative;
	enum colour colour;
	bool yes;
	char name[8];
	__u8 tail[4];
};

const struct record *records_record;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} records SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u64);
} table SEC(".maps");

struct copies {
	__u64 count;
	__u32 max_seen;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct copies);
} summed SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u32);
} size_bytes_hist SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u32);
} _private SEC(".maps");

const volatile __u32 step = 5;
__u32 global_seen;

SEC("tracepoint/syscalls/sys_enter_getppid")
int on_getppid(struct trace_event_raw_sys_enter *ctx)
{
	struct record record = { .number = 7, .negative = -3, .colour = GREEN, .yes = true,
				 .name = "ab\"c", .tail = { 1, 2 } };
	struct copies *copies;
	__u32 zero = 0, key, *slot;
	__u64 value;

	global_seen += step;
	bpf_printk("seen %d", global_seen);
	bpf_ringbuf_output(&records, &record, sizeof(record), 0);
	for (key = 1; key <= 3; key++) {
		value = key * 100;
		bpf_map_update_elem(&table, &key, &value, BPF_ANY);
	}
	bpf_map_update_elem(&_private, &zero, &zero, BPF_ANY);
	copies = bpf_map_lookup_elem(&summed, &zero);
	if (copies) {
		copies->count += 1;
		copies->max_seen = 9;
	}
	key = 4;
	slot = bpf_map_lookup_elem(&size_bytes_hist, &key);
	if (slot)
		*slot += 2;
	return 0;
}

/* The exit of the same call, as a raw tracepoint: id and result are in the registers. */
SEC("raw_tracepoint/sys_exit")
int on_exit(struct bpf_raw_tracepoint_args *ctx)
{
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
