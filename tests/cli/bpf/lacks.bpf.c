/* SPDX-License-Identifier: Apache-2.0 */
/* Built three times: with a map that Skep lacks, with a program type that it lacks, and empty. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#ifdef LACKS_MAP
struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, 4);
	__uint(value_size, 4);
} out SEC(".maps");

SEC("raw_tracepoint/sys_enter")
int on_enter(void *ctx)
{
	__u32 word = 1;

	bpf_perf_event_output(ctx, &out, BPF_F_CURRENT_CPU, &word, sizeof(word));
	return 0;
}
#endif

#ifdef LACKS_TYPE
SEC("fentry/do_unlinkat")
int on_unlink(void *ctx)
{
	return 0;
}
#endif

__u32 kept = 1;
char LICENSE[] SEC("license") = "GPL";
