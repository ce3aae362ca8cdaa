/* SPDX-License-Identifier: Apache-2.0 */
/* A request filter: counts requests a client, limits them, keeps /admin for the local host. */
#include "request.h"

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <skep/prog.h>

#define LOCALHOST 0x7f000001

/* The server's own helper 0: writes one line of its log. */
static long (*server_log)(const char *text, __u32 size) = (void *)SKEP_HELPER(0);

/* How many requests a client may make; the server may set it before loading. */
const volatile __u64 limit = 3;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u64);
} requests SEC(".maps");

static int is_admin(const char *url)
{
	const char admin[] = "/admin";

	for (int i = 0; i < (int)sizeof(admin) - 1; i++)
		if (url[i] != admin[i])
			return 0;
	return 1;
}

SEC("skep/request")
enum verdict filter(struct request *req)
{
	__u32 client = req->client;
	__u64 one = 1, *count;

	if (is_admin(req->url) && client != LOCALHOST) {
		char text[] = "admin refused";

		server_log(text, sizeof(text));
		return DENY;
	}
	count = bpf_map_lookup_elem(&requests, &client);
	if (!count) {
		bpf_map_update_elem(&requests, &client, &one, BPF_ANY);
		return ALLOW;
	}
	if (__sync_fetch_and_add(count, 1) >= limit)
		return DENY;
	req->priority = req->method == 'G' ? 10 : 1;
	return ALLOW;
}

/* The same place, another policy: everything is allowed. */
SEC("skep/request")
enum verdict allow_all(struct request *req)
{
	return ALLOW;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
