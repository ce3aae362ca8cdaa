/* SPDX-License-Identifier: Apache-2.0 */
/* bpf(2)'s commands as functions: loading instructions, map elements. */
#include "embed/embed.h"
#include "kernel/custom.h"

#include <stdio.h>
#include <string.h>

static u64 user_ptr(const void *p)
{
	return (u64)(uintptr_t)p;
}

static int run_command(struct skep *skep, int cmd, union bpf_attr *attr, const char *what, int fd)
{
	int result = skep_bpf(skep, cmd, attr, sizeof(*attr));

	if (result < 0)
		return embed_fail(-errno, "%s, map fd %d: %s", what, fd, strerror(errno));
	return result;
}

static union bpf_attr elem_attr(int fd, const void *key, const void *value, u64 flags)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (u32)fd;
	attr.key = user_ptr(key);
	attr.value = user_ptr(value);
	attr.flags = flags;
	return attr;
}

int skep_map_lookup(struct skep *skep, int map_fd, const void *key, void *value)
{
	union bpf_attr attr = elem_attr(map_fd, key, value, 0);

	return run_command(skep, BPF_MAP_LOOKUP_ELEM, &attr, "lookup", map_fd);
}

int skep_map_update(struct skep *skep, int map_fd, const void *key, const void *value,
		    uint64_t flags)
{
	union bpf_attr attr = elem_attr(map_fd, key, value, flags);

	return run_command(skep, BPF_MAP_UPDATE_ELEM, &attr, "update", map_fd);
}

int skep_map_delete(struct skep *skep, int map_fd, const void *key)
{
	union bpf_attr attr = elem_attr(map_fd, key, NULL, 0);

	return run_command(skep, BPF_MAP_DELETE_ELEM, &attr, "delete", map_fd);
}

int skep_map_next(struct skep *skep, int map_fd, const void *key, void *next)
{
	union bpf_attr attr = elem_attr(map_fd, key, next, 0);

	return run_command(skep, BPF_MAP_GET_NEXT_KEY, &attr, "next key", map_fd);
}

/* The last line a verifier log has before its statistics: what it objected to. */
static void last_complaint(const char *log, char *out, size_t size)
{
	const char *line = log, *best = log;

	while (*line) {
		const char *end = strchr(line, '\n');

		if (strncmp(line, "processed ", 10) != 0 && *line != '\n')
			best = line;
		if (!end)
			break;
		line = end + 1;
	}
	snprintf(out, size, "%.*s", (int)strcspn(best, "\n"), best);
}

int skep_prog_load(struct skep *skep, const struct bpf_insn *insns, size_t n,
		   const struct skep_prog_opts *opts)
{
	char own_log[8192] = "", reason[512];
	union bpf_attr attr;
	int fd, err;

	if (!opts || opts->size < sizeof(*opts))
		return embed_fail(-EINVAL,
				  "skep_prog_load: size must be sizeof(struct skep_prog_opts)");
	memset(&attr, 0, sizeof(attr));
	attr.prog_type = opts->type;
	if (opts->context) {
		int id = custom_find_context(skep_custom(skep), opts->context);

		if (id < 0)
			return embed_fail(-ENOENT,
					  "no context named '%s': call skep_add_context first",
					  opts->context);
		attr.prog_type = PROG_TYPE_CUSTOM;
		attr.expected_attach_type = (u32)id;
	}
	attr.insns = user_ptr(insns);
	attr.insn_cnt = (u32)MIN(n, (size_t)UINT32_MAX);
	attr.license = user_ptr(opts->license ? opts->license : "");
	if (opts->name)
		snprintf(attr.prog_name, sizeof(attr.prog_name), "%s", opts->name);
	attr.log_buf = user_ptr(opts->log);
	attr.log_size = opts->log ? opts->log_size : 0;
	attr.log_level = opts->log ? opts->log_level : 0;
	fd = skep_bpf(skep, BPF_PROG_LOAD, &attr, sizeof(attr));
	if (fd >= 0)
		return fd;
	err = errno;
	/* Ask once more with a log of our own, for the message. */
	attr.log_buf = user_ptr(own_log);
	attr.log_size = sizeof(own_log);
	attr.log_level = 1;
	fd = skep_bpf(skep, BPF_PROG_LOAD, &attr, sizeof(attr));
	if (fd >= 0)
		return fd;
	last_complaint(own_log, reason, sizeof(reason));
	return embed_fail(-err, "program %s refused: %s%s%s", opts->name ? opts->name : "",
			  reason[0] ? reason : strerror(err), reason[0] ? ": " : "",
			  reason[0] ? strerror(err) : "");
}
