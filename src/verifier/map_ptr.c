/* SPDX-License-Identifier: Apache-2.0 */
/* Reads of the kernel's own struct behind a map, through a pointer to the map. */
#include "btf/btf.h"
#include "verifier/step.h"

/* The kernel's struct behind a map of that type. */
static const char *map_struct(u32 map_type)
{
	switch (map_type) {
	case BPF_MAP_TYPE_ARRAY:
	case BPF_MAP_TYPE_PERCPU_ARRAY:
	case BPF_MAP_TYPE_PROG_ARRAY:
	case BPF_MAP_TYPE_PERF_EVENT_ARRAY:
	case BPF_MAP_TYPE_CGROUP_ARRAY:
	case BPF_MAP_TYPE_ARRAY_OF_MAPS:
		return "bpf_array";
	case BPF_MAP_TYPE_HASH:
	case BPF_MAP_TYPE_PERCPU_HASH:
	case BPF_MAP_TYPE_LRU_HASH:
	case BPF_MAP_TYPE_LRU_PERCPU_HASH:
	case BPF_MAP_TYPE_HASH_OF_MAPS:
		return "bpf_htab";
	case BPF_MAP_TYPE_LPM_TRIE:
		return "lpm_trie";
	case BPF_MAP_TYPE_STACK_TRACE:
		return "bpf_stack_map";
	case BPF_MAP_TYPE_QUEUE:
	case BPF_MAP_TYPE_STACK:
		return "bpf_queue_stack";
	case BPF_MAP_TYPE_SK_STORAGE:
	case BPF_MAP_TYPE_TASK_STORAGE:
	case BPF_MAP_TYPE_INODE_STORAGE:
	case 32: /* CGRP_STORAGE: newer than the headers that we build with */
		return "bpf_local_storage_map";
	case BPF_MAP_TYPE_DEVMAP:
	case BPF_MAP_TYPE_DEVMAP_HASH:
		return "bpf_dtab";
	case BPF_MAP_TYPE_CPUMAP:
		return "bpf_cpu_map";
	case BPF_MAP_TYPE_XSKMAP:
		return "xsk_map";
	case BPF_MAP_TYPE_SOCKMAP:
		return "bpf_stab";
	case BPF_MAP_TYPE_SOCKHASH:
		return "bpf_shtab";
	case BPF_MAP_TYPE_REUSEPORT_SOCKARRAY:
		return "reuseport_array";
	case BPF_MAP_TYPE_RINGBUF:
	case BPF_MAP_TYPE_USER_RINGBUF:
		return "bpf_ringbuf_map";
	case BPF_MAP_TYPE_BLOOM_FILTER:
		return "bpf_bloom_filter";
	case BPF_MAP_TYPE_CGROUP_STORAGE:
	case BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE:
		return "bpf_cgroup_storage_map";
	default:
		return NULL;
	}
}

int map_access(struct env *env, u32 regno, const struct reg *ptr, s64 off, u32 size,
	       enum access access, struct reg *loaded)
{
	const struct btf *btf = env->req->model->btf;
	u32 type = env->maps.data[ptr->map].facts->type;
	const char *name = map_struct(type);
	s32 id = btf && name ? btf_find(btf, name, BTF_KIND_STRUCT) : -ENOENT;
	struct reg object;

	if (id <= 0)
		return refuse(env, -EACCES, "invalid-access",
			      "R%u invalid mem access 'map_ptr': this kernel shows nothing of maps of type %u",
			      regno, type);
	if (!env->allow_ptr_leaks)
		return refuse(env, -EPERM, "unprivileged",
			      "'struct %s' access is allowed only to CAP_PERFMON and CAP_SYS_ADMIN",
			      name);
	if (off + ptr->off < 0)
		return refuse(env, -EACCES, "out-of-bounds",
			      "R%u is %s invalid negative access: off=%lld", regno, name,
			      (long long)off);
	if (access != ACCESS_READ)
		return refuse(env, -EACCES, "readonly-memory", "only read from %s is supported",
			      name);
	object = reg_pointer(REG_BTF, 0);
	object.btf_id = (u32)id;
	object.off = ptr->off;
	return btf_object_load(env, &object, off + ptr->off, size, loaded);
}
