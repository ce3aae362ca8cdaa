/* SPDX-License-Identifier: Apache-2.0 */
/* Which helpers may be used with which types of maps. */
#include "verifier/args.h"

bool holds_sockets(u32 map_type)
{
	return map_type == BPF_MAP_TYPE_SOCKMAP || map_type == BPF_MAP_TYPE_SOCKHASH;
}

#define TYPE(t) (1ull << BPF_MAP_TYPE_##t)

/* The types a helper is made for; 0: no rule of its own. */
static u64 types_of_helper(u32 id)
{
	switch (id) {
	case BPF_FUNC_tail_call:
		return TYPE(PROG_ARRAY);
	case BPF_FUNC_perf_event_read:
	case BPF_FUNC_perf_event_output:
	case BPF_FUNC_perf_event_read_value:
	case BPF_FUNC_skb_output:
	case BPF_FUNC_xdp_output:
		return TYPE(PERF_EVENT_ARRAY);
	case BPF_FUNC_ringbuf_output:
	case BPF_FUNC_ringbuf_reserve:
	case BPF_FUNC_ringbuf_reserve_dynptr:
	case BPF_FUNC_ringbuf_query:
		return TYPE(RINGBUF);
	case BPF_FUNC_user_ringbuf_drain:
		return TYPE(USER_RINGBUF);
	case BPF_FUNC_get_local_storage:
		return TYPE(CGROUP_STORAGE) | TYPE(PERCPU_CGROUP_STORAGE);
	case BPF_FUNC_get_stackid:
		return TYPE(STACK_TRACE);
	case BPF_FUNC_current_task_under_cgroup:
	case BPF_FUNC_skb_under_cgroup:
		return TYPE(CGROUP_ARRAY);
	case BPF_FUNC_redirect_map:
		return TYPE(DEVMAP) | TYPE(DEVMAP_HASH) | TYPE(CPUMAP) | TYPE(XSKMAP);
	case BPF_FUNC_map_pop_elem:
		return TYPE(QUEUE) | TYPE(STACK);
	case BPF_FUNC_map_peek_elem:
	case BPF_FUNC_map_push_elem:
		return TYPE(QUEUE) | TYPE(STACK) | TYPE(BLOOM_FILTER);
	case BPF_FUNC_map_lookup_percpu_elem:
		return TYPE(PERCPU_ARRAY) | TYPE(PERCPU_HASH) | TYPE(LRU_PERCPU_HASH);
	case BPF_FUNC_for_each_map_elem:
		return TYPE(ARRAY) | TYPE(PERCPU_ARRAY) | TYPE(HASH) | TYPE(PERCPU_HASH) |
		       TYPE(LRU_HASH) | TYPE(LRU_PERCPU_HASH);
	case BPF_FUNC_map_lookup_elem:
		return TYPE(HASH) | TYPE(ARRAY) | TYPE(PERCPU_HASH) | TYPE(PERCPU_ARRAY) |
		       TYPE(LRU_HASH) | TYPE(LRU_PERCPU_HASH) | TYPE(LPM_TRIE) |
		       TYPE(ARRAY_OF_MAPS) | TYPE(HASH_OF_MAPS) | TYPE(DEVMAP) |
		       TYPE(DEVMAP_HASH) | TYPE(CPUMAP) | TYPE(XSKMAP) | TYPE(SOCKMAP) |
		       TYPE(SOCKHASH);
	case BPF_FUNC_sk_storage_get:
	case BPF_FUNC_sk_storage_delete:
		return TYPE(SK_STORAGE);
	case BPF_FUNC_inode_storage_get:
	case BPF_FUNC_inode_storage_delete:
		return TYPE(INODE_STORAGE);
	case BPF_FUNC_task_storage_get:
	case BPF_FUNC_task_storage_delete:
		return TYPE(TASK_STORAGE);
	case BPF_FUNC_sk_redirect_map:
	case BPF_FUNC_sock_map_update:
	case BPF_FUNC_msg_redirect_map:
		return TYPE(SOCKMAP);
	case BPF_FUNC_sk_redirect_hash:
	case BPF_FUNC_sock_hash_update:
	case BPF_FUNC_msg_redirect_hash:
		return TYPE(SOCKHASH);
	case BPF_FUNC_sk_select_reuseport:
		return TYPE(REUSEPORT_SOCKARRAY) | TYPE(SOCKMAP) | TYPE(SOCKHASH);
	case BPF_FUNC_map_update_elem:
	case BPF_FUNC_map_delete_elem:
		return TYPE(HASH) | TYPE(ARRAY) | TYPE(PERCPU_HASH) | TYPE(PERCPU_ARRAY) |
		       TYPE(LRU_HASH) | TYPE(LRU_PERCPU_HASH) | TYPE(LPM_TRIE) |
		       TYPE(SOCKMAP) | TYPE(SOCKHASH);
	default:
		return 0;
	}
}

/* Maps that programs may not write, or not read, also not through helpers. */
static int map_mode_check(struct env *env, u32 id, const struct map_facts *facts)
{
	switch (id) {
	case BPF_FUNC_map_update_elem:
	case BPF_FUNC_map_delete_elem:
	case BPF_FUNC_map_push_elem:
	case BPF_FUNC_map_pop_elem:
		if (facts->flags & BPF_F_RDONLY_PROG)
			return refuse(env, -EACCES, "map-access-mode", "write into map forbidden");
		return 0;
	default:
		return 0;
	}
}

/*
 * Where programs may put sockets into maps, or take them out. Elsewhere the map's locks could be
 * held already, or interrupts be off.
 */
static bool may_change_sockets(const struct env *env, u32 id)
{
	switch (env->type->type) {
	case BPF_PROG_TYPE_SOCK_OPS:
		return id == BPF_FUNC_map_delete_elem; /* to add there is sock_map_update */
	case BPF_PROG_TYPE_TRACING:
		return env->req->expected_attach_type == BPF_TRACE_ITER;
	case BPF_PROG_TYPE_SOCKET_FILTER:
	case BPF_PROG_TYPE_SCHED_CLS:
	case BPF_PROG_TYPE_SCHED_ACT:
	case BPF_PROG_TYPE_XDP:
	case BPF_PROG_TYPE_SK_REUSEPORT:
	case BPF_PROG_TYPE_FLOW_DISSECTOR:
	case BPF_PROG_TYPE_SK_LOOKUP:
		return true;
	default:
		return false;
	}
}

static bool changes_map(u32 id)
{
	return id == BPF_FUNC_map_update_elem || id == BPF_FUNC_map_delete_elem;
}

static int refuse_map(struct env *env, const struct helper_proto *proto, u32 map_type)
{
	return refuse(env, -EINVAL, "map-type", "cannot pass map_type %u into func bpf_%s#%u",
		      map_type, proto->name, proto->id);
}

int map_func_check(struct env *env, const struct helper_proto *proto, const struct map_facts *facts)
{
	u64 types = types_of_helper(proto->id);
	u32 map_type = facts->type;

	if (holds_sockets(map_type) && changes_map(proto->id) &&
	    !may_change_sockets(env, proto->id))
		return refuse_map(env, proto, map_type);
	if (!types || (map_type < 64 && (types & (1ull << map_type))))
		return map_mode_check(env, proto->id, facts);
	if (proto->id == BPF_FUNC_tail_call)
		return refuse(env, -EINVAL, "map-type", "expected prog array map for tail call");
	return refuse_map(env, proto, map_type);
}
