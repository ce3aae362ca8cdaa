/* SPDX-License-Identifier: Apache-2.0 */
/*
 * THE table of bpf(2): X(name, number, member, last, handler, note)
 *	member	of union attr that the command reads
 *	last	its last field: what lies behind must be zero (EINVAL)
 *	handler	int (*)(struct skep *, struct bpf_call *): >= 0 or -errno
 *	note	for docs/STATUS.md: "" when the command is complete
 * The dispatcher, the names and the status table come from here.
 */
#ifndef SKEP_KERNEL_COMMANDS_H
#define SKEP_KERNEL_COMMANDS_H

#include "base/types.h"

/* clang-format off */
#define SKEP_COMMANDS(X)                                                                            \
	X(MAP_CREATE, 0, map_create, excl_prog_hash_size, cmd_map_create, "")                       \
	X(MAP_LOOKUP_ELEM, 1, elem, flags, cmd_map_lookup, "")                                      \
	X(MAP_UPDATE_ELEM, 2, elem, flags, cmd_map_update, "")                                      \
	X(MAP_DELETE_ELEM, 3, elem, key, cmd_map_delete, "")                                        \
	X(MAP_GET_NEXT_KEY, 4, elem, value, cmd_map_next_key, "")                                   \
	X(PROG_LOAD, 5, load, keyring_id, cmd_prog_load, "program types: see below")                \
	X(OBJ_PIN, 6, obj, path_fd, cmd_obj_pin, "pins live in the kernel object, not in bpffs")    \
	X(OBJ_GET, 7, obj, path_fd, cmd_obj_get, "the same")                                        \
	X(PROG_ATTACH, 8, attach, expected_revision, cmd_prog_attach, "no attach point of its own yet: EINVAL") \
	X(PROG_DETACH, 9, attach, expected_revision, cmd_prog_detach, "no attach point of its own yet: EINVAL")\
	X(PROG_TEST_RUN, 10, test, batch_size, cmd_test_run, "program types: see below")            \
	X(PROG_GET_NEXT_ID, 11, get_id, next_id, cmd_prog_next_id, "")                              \
	X(MAP_GET_NEXT_ID, 12, get_id, next_id, cmd_map_next_id, "")                                \
	X(PROG_GET_FD_BY_ID, 13, get_id, id, cmd_prog_fd_by_id, "")                                 \
	X(MAP_GET_FD_BY_ID, 14, get_id, open_flags, cmd_map_fd_by_id, "")                           \
	X(OBJ_GET_INFO_BY_FD, 15, info, info, cmd_info, "")                                         \
	X(PROG_QUERY, 16, query, revision, cmd_prog_query, "no attach point of its own yet: EINVAL")\
	X(RAW_TRACEPOINT_OPEN, 17, raw_tracepoint, cookie, cmd_raw_tracepoint, "")                  \
	X(BTF_LOAD, 18, btf_load, token_fd, cmd_btf_load, "")                                       \
	X(BTF_GET_FD_BY_ID, 19, get_id, token_fd, cmd_btf_fd_by_id, "")                             \
	X(TASK_FD_QUERY, 20, task_fd_query, probe_addr, cmd_task_fd_query, "raw tracepoint links")     \
	X(MAP_LOOKUP_AND_DELETE_ELEM, 21, elem, flags, cmd_map_lookup_delete, "")                   \
	X(MAP_FREEZE, 22, freeze, map_fd, cmd_map_freeze, "")                                       \
	X(BTF_GET_NEXT_ID, 23, get_id, next_id, cmd_btf_next_id, "")                                \
	X(MAP_LOOKUP_BATCH, 24, batch, flags, cmd_map_lookup_batch, "")                             \
	X(MAP_LOOKUP_AND_DELETE_BATCH, 25, batch, flags, cmd_map_lookup_delete_batch, "")           \
	X(MAP_UPDATE_BATCH, 26, batch, flags, cmd_map_update_batch, "")                             \
	X(MAP_DELETE_BATCH, 27, batch, flags, cmd_map_delete_batch, "")                             \
	X(LINK_CREATE, 28, link_create, uprobe_multi.pid, cmd_link_create, "attach points: see below") \
	X(LINK_UPDATE, 29, link_update, old_prog_fd, cmd_link_update, "")                           \
	X(LINK_GET_FD_BY_ID, 30, get_id, id, cmd_link_fd_by_id, "")                                 \
	X(LINK_GET_NEXT_ID, 31, get_id, next_id, cmd_link_next_id, "")                              \
	X(ENABLE_STATS, 32, enable_stats, type, cmd_enable_stats, "")                               \
	X(ITER_CREATE, 33, iter_create, flags, cmd_iter_create, "no iterator programs yet: EINVAL") \
	X(LINK_DETACH, 34, link_detach, link_fd, cmd_link_detach, "")                               \
	X(PROG_BIND_MAP, 35, bind_map, flags, cmd_prog_bind_map, "")                                \
	X(TOKEN_CREATE, 36, token_create, bpffs_fd, cmd_token_create, "no tokens: EOPNOTSUPP")      \
	X(PROG_STREAM_READ_BY_FD, 37, stream_read, prog_fd, cmd_stream_read, "no streams: EINVAL, as of an unknown command")
/* clang-format on */

struct skep;
struct bpf_call;

#define SKEP_COMMAND_HANDLER(name, number, member, last, handler, note)                            \
	int handler(struct skep *skep, struct bpf_call *call);
SKEP_COMMANDS(SKEP_COMMAND_HANDLER)
#undef SKEP_COMMAND_HANDLER

#define SKEP_COMMAND_COUNT 38

struct command {
	const char *name;
	u32 end; /* of the last field */
	int (*handler)(struct skep *skep, struct bpf_call *call);
	const char *note;
};

extern const struct command skep_commands[SKEP_COMMAND_COUNT];

#endif
