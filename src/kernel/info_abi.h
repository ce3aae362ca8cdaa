/* SPDX-License-Identifier: Apache-2.0 */
/* The info structs of Linux 6.18, for systems whose <linux/bpf.h> is older. */
#ifndef SKEP_KERNEL_INFO_ABI_H
#define SKEP_KERNEL_INFO_ABI_H

#include <linux/bpf.h>

#include "base/types.h"

struct abi_prog_info {
	u32 type;
	u32 id;
	u8 tag[BPF_TAG_SIZE];
	u32 jited_prog_len;
	u32 xlated_prog_len;
	u64 jited_prog_insns;
	u64 xlated_prog_insns;
	u64 load_time;
	u32 created_by_uid;
	u32 nr_map_ids;
	u64 map_ids;
	char name[BPF_OBJ_NAME_LEN];
	u32 ifindex;
	u32 gpl_compatible : 1;
	u32 : 31;
	u64 netns_dev;
	u64 netns_ino;
	u32 nr_jited_ksyms;
	u32 nr_jited_func_lens;
	u64 jited_ksyms;
	u64 jited_func_lens;
	u32 btf_id;
	u32 func_info_rec_size;
	u64 func_info;
	u32 nr_func_info;
	u32 nr_line_info;
	u64 line_info;
	u64 jited_line_info;
	u32 nr_jited_line_info;
	u32 line_info_rec_size;
	u32 jited_line_info_rec_size;
	u32 nr_prog_tags;
	u64 prog_tags;
	u64 run_time_ns;
	u64 run_cnt;
	u64 recursion_misses;
	u32 verified_insns;
	u32 attach_btf_obj_id;
	u32 attach_btf_id;
	u32 : 32;
};

struct abi_map_info {
	u32 type;
	u32 id;
	u32 key_size;
	u32 value_size;
	u32 max_entries;
	u32 map_flags;
	char name[BPF_OBJ_NAME_LEN];
	u32 ifindex;
	u32 btf_vmlinux_value_type_id;
	u64 netns_dev;
	u64 netns_ino;
	u32 btf_id;
	u32 btf_key_type_id;
	u32 btf_value_type_id;
	u32 btf_vmlinux_id;
	u64 map_extra;
	u64 hash;
	u32 hash_size;
	u32 : 32;
};

struct abi_btf_info {
	u64 btf;
	u32 btf_size;
	u32 id;
	u64 name;
	u32 name_len;
	u32 kernel_btf;
};

/* Only what all link types have, and the members of the types that Skep has. */
struct abi_link_info {
	u32 type;
	u32 id;
	u32 prog_id;
	u32 : 32;
	union {
		struct {
			u64 tp_name;
			u32 tp_name_len;
			u32 : 32;
			u64 cookie;
		} raw_tracepoint;
		struct {
			u32 type; /* enum bpf_perf_event_type */
			u32 : 32;
			union {
				struct {
					u64 name;
					u32 name_len;
					u32 offset;
					u64 cookie;
				} uprobe;
				struct {
					u64 name;
					u32 name_len;
					u32 : 32;
					u64 cookie;
				} tracepoint;
			};
		} perf_event;
		u64 words[6];
	};
};

#define ABI_PERF_EVENT_UPROBE     1
#define ABI_PERF_EVENT_TRACEPOINT 5

_Static_assert(sizeof(struct abi_prog_info) == 232 && sizeof(struct abi_map_info) == 104 &&
		   sizeof(struct abi_btf_info) == 32 && sizeof(struct abi_link_info) == 64,
	       "sizes of the ABI");
_Static_assert(offsetof(struct abi_prog_info, attach_btf_id) == 224, "the last field");

#endif
