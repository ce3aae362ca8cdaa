/* SPDX-License-Identifier: Apache-2.0 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#ifndef NULL
#define NULL ((void *)0)
#endif

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

SEC("raw_tracepoint/anything")
int emit(void *ctx)
{
	__u64 *record = bpf_ringbuf_reserve(&events, sizeof(*record), 0);

	if (!record)
		return 1;
	*record = 1;
	bpf_ringbuf_submit(record, 0);
	return 0;
}

struct {
	__uint(type, BPF_MAP_TYPE_USER_RINGBUF);
	__uint(max_entries, 4096);
} requests SEC(".maps");

__u64 requested;

static long take(struct bpf_dynptr *request, void *ctx)
{
	__u64 value = 0;

	bpf_dynptr_read(&value, sizeof(value), request, 0, 0);
	requested += value;
	return 0;
}

SEC("raw_tracepoint/anything")
int drain(void *ctx)
{
	return bpf_user_ringbuf_drain(&requests, take, NULL, 0);
}

char LICENSE[] SEC("license") = "GPL";
