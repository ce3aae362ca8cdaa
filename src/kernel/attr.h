/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arguments of bpf(2), one struct a command, up to Linux 6.18. The layout is the ABI's
 * (union bpf_attr); it is spelled out here because the system's header may be older than
 * the commands and fields that clients use.
 *
 * The rules of the union (design.md 3.1), applied in attr.c before a command sees it:
 *	size > 4096, or a non-zero byte behind ATTR_SIZE		E2BIG
 *	memory that cannot be read					EFAULT
 *	a non-zero byte behind the command's last field			EINVAL
 * What the caller did not pass reads as zero.
 */
#ifndef SKEP_KERNEL_ATTR_H
#define SKEP_KERNEL_ATTR_H

#include <linux/bpf.h>

#include "base/types.h"

#define ATTR_SIZE 168 /* sizeof(union bpf_attr) of Linux 6.18 */

struct attr_map_create {
	u32 map_type;
	u32 key_size;
	u32 value_size;
	u32 max_entries;
	u32 map_flags;
	u32 inner_map_fd;
	u32 numa_node;
	char map_name[BPF_OBJ_NAME_LEN];
	u32 map_ifindex;
	u32 btf_fd;
	u32 btf_key_type_id;
	u32 btf_value_type_id;
	u32 btf_vmlinux_value_type_id;
	u64 map_extra;
	s32 value_type_btf_obj_fd;
	s32 map_token_fd;
	u64 excl_prog_hash;
	u32 excl_prog_hash_size;
};

struct attr_map_elem {
	u32 map_fd;
	u64 key;
	u64 value; /* or next_key */
	u64 flags;
};

struct attr_map_freeze {
	u32 map_fd;
};

struct attr_map_batch {
	u64 in_batch;
	u64 out_batch;
	u64 keys;
	u64 values;
	u32 count;
	u32 map_fd;
	u64 elem_flags;
	u64 flags;
};

struct attr_prog_load {
	u32 prog_type;
	u32 insn_cnt;
	u64 insns;
	u64 license;
	u32 log_level;
	u32 log_size;
	u64 log_buf;
	u32 kern_version;
	u32 prog_flags;
	char prog_name[BPF_OBJ_NAME_LEN];
	u32 prog_ifindex;
	u32 expected_attach_type;
	u32 prog_btf_fd;
	u32 func_info_rec_size;
	u64 func_info;
	u32 func_info_cnt;
	u32 line_info_rec_size;
	u64 line_info;
	u32 line_info_cnt;
	u32 attach_btf_id;
	u32 attach_prog_fd; /* or attach_btf_obj_fd */
	u32 core_relo_cnt;
	u64 fd_array;
	u64 core_relos;
	u32 core_relo_rec_size;
	u32 log_true_size;
	s32 prog_token_fd;
	u32 fd_array_cnt;
	u64 signature;
	u32 signature_size;
	s32 keyring_id;
};

struct attr_obj {
	u64 pathname;
	u32 bpf_fd;
	u32 file_flags;
	s32 path_fd;
};

struct attr_prog_attach {
	u32 target_fd;
	u32 attach_bpf_fd;
	u32 attach_type;
	u32 attach_flags;
	u32 replace_bpf_fd;
	u32 relative_fd;
	u64 expected_revision;
};

struct attr_test_run {
	u32 prog_fd;
	u32 retval;
	u32 data_size_in;
	u32 data_size_out;
	u64 data_in;
	u64 data_out;
	u32 repeat;
	u32 duration;
	u32 ctx_size_in;
	u32 ctx_size_out;
	u64 ctx_in;
	u64 ctx_out;
	u32 flags;
	u32 cpu;
	u32 batch_size;
};

struct attr_get_id {
	u32 id; /* or start_id */
	u32 next_id;
	u32 open_flags;
	s32 token_fd;
};

struct attr_info {
	u32 bpf_fd;
	u32 info_len;
	u64 info;
};

struct attr_prog_query {
	u32 target_fd;
	u32 attach_type;
	u32 query_flags;
	u32 attach_flags;
	u64 prog_ids;
	u32 prog_cnt;
	u64 prog_attach_flags;
	u64 link_ids;
	u64 link_attach_flags;
	u64 revision;
};

struct attr_raw_tracepoint {
	u64 name;
	u32 prog_fd;
	u64 cookie;
};

struct attr_btf_load {
	u64 btf;
	u64 log_buf;
	u32 btf_size;
	u32 log_size;
	u32 log_level;
	u32 log_true_size;
	u32 btf_flags;
	s32 token_fd;
};

struct attr_task_fd_query {
	u32 pid;
	u32 fd;
	u32 flags;
	u32 buf_len;
	u64 buf;
	u32 prog_id;
	u32 fd_type;
	u64 probe_offset;
	u64 probe_addr;
};

struct attr_link_create {
	u32 prog_fd; /* or map_fd */
	u32 target_fd;
	u32 attach_type;
	u32 flags;
	union {
		u32 target_btf_id;
		u64 perf_event_cookie;
		struct {
			u64 path;
			u64 offsets;
			u64 ref_ctr_offsets;
			u64 cookies;
			u32 cnt;
			u32 flags;
			u32 pid;
		} uprobe_multi;
		struct {
			u32 target_btf_id;
			u64 cookie;
		} tracing;
	};
};

struct attr_link_update {
	u32 link_fd;
	u32 new_prog_fd;
	u32 flags;
	u32 old_prog_fd;
};

struct attr_link_detach {
	u32 link_fd;
};

struct attr_enable_stats {
	u32 type;
};

struct attr_iter_create {
	u32 link_fd;
	u32 flags;
};

struct attr_prog_bind_map {
	u32 prog_fd;
	u32 map_fd;
	u32 flags;
};

struct attr_token_create {
	u32 flags;
	u32 bpffs_fd;
};

struct attr_prog_stream_read {
	u64 stream_buf;
	u32 stream_buf_len;
	u32 stream_id;
	u32 prog_fd;
};

union attr {
	u8 bytes[ATTR_SIZE];
	struct attr_map_create map_create;
	struct attr_map_elem elem;
	struct attr_map_freeze freeze;
	struct attr_map_batch batch;
	struct attr_prog_load load;
	struct attr_obj obj;
	struct attr_prog_attach attach;
	struct attr_test_run test;
	struct attr_get_id get_id;
	struct attr_info info;
	struct attr_prog_query query;
	struct attr_raw_tracepoint raw_tracepoint;
	struct attr_btf_load btf_load;
	struct attr_task_fd_query task_fd_query;
	struct attr_link_create link_create;
	struct attr_link_update link_update;
	struct attr_link_detach link_detach;
	struct attr_enable_stats enable_stats;
	struct attr_iter_create iter_create;
	struct attr_prog_bind_map bind_map;
	struct attr_token_create token_create;
	struct attr_prog_stream_read stream_read;
};

_Static_assert(sizeof(union attr) == ATTR_SIZE, "the union has the ABI's size");
_Static_assert(offsetof(struct attr_map_create, excl_prog_hash) == 80 &&
		   offsetof(struct attr_prog_load, fd_array) == 120 &&
		   offsetof(struct attr_prog_load, log_true_size) == 140 &&
		   offsetof(struct attr_prog_load, keyring_id) == 164 &&
		   offsetof(struct attr_test_run, batch_size) == 72 &&
		   offsetof(struct attr_link_create, uprobe_multi.pid) == 56,
	       "fields lie where the ABI has them");

/* One call of bpf(2): the arguments as the command sees them, and where the client has them. */
struct bpf_call {
	union attr attr;
	u64 user;      /* address of the client's attr */
	u32 user_size; /* bytes the client says it has there */
	int cmd;
};

/* Reads the client's attr by the rules above (all but the last). 0, -E2BIG, -EFAULT. */
int attr_read(struct bpf_call *call, u64 user, u32 size);
/* True when a byte at or after `end` is not zero: the third rule. */
bool attr_has_tail(const struct bpf_call *call, u32 end);
/* Answers in a field of the client's attr. 0 or -EFAULT. */
int attr_write(const struct bpf_call *call, size_t offset, const void *value, size_t size);
#define attr_answer(call, type, field, value) \
	attr_write(call, offsetof(struct type, field), &(value), sizeof(((struct type *)0)->field))

/*
 * The rules for a struct that the client passes with its size (the info structs, __sk_buff):
 * bytes behind `known` must be zero. 0, -E2BIG, -EFAULT.
 */
int user_tail_is_zero(u64 user, u32 known, u32 size);

/* Copying between the kernel and its client: 0 or -EFAULT. */
int user_read(void *dst, u64 src, size_t size);
int user_write(u64 dst, const void *src, size_t size);
/* A string of at most size-1 bytes; longer ones are cut. -EFAULT when it cannot be read. */
int user_read_string(char *dst, u64 src, size_t size);

#endif
