/* SPDX-License-Identifier: Apache-2.0 */
/* bpf(2): from a number and a pointer to a command. The table is commands.h. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "kernel/core.h"
#include "kernel/commands.h"

#define END_OF(member, last) \
	(offsetof(union attr, member.last) + sizeof(((union attr *)0)->member.last))

const struct command skep_commands[SKEP_COMMAND_COUNT] = {
#define COMMAND(name, number, member, last, handler, note) \
	[number] = { #name, END_OF(member, last), handler, note },
	SKEP_COMMANDS(COMMAND)
#undef COMMAND
};

static int run_command(struct skep *skep, struct bpf_call *call)
{
	const struct command *command;

	if ((u32)call->cmd >= SKEP_COMMAND_COUNT)
		return -EINVAL;
	command = &skep_commands[call->cmd];
	if (attr_has_tail(call, command->end))
		return -EINVAL;
	return command->handler(skep, call);
}

int skep_bpf(struct skep *skep, int cmd, union bpf_attr *attr, unsigned int size)
{
	struct bpf_call call = { .cmd = cmd };
	int result;

	if (skep_is_forked(skep)) {
		errno = EPERM;
		return -1;
	}
	result = attr_read(&call, (u64)(uintptr_t)attr, size);
	if (!result)
		result = run_command(skep, &call);
	skep_reclaim(skep);
	if (result < 0) {
		errno = -result;
		return -1;
	}
	return result;
}

/* Linux takes letters of Latin-1 too. */
static bool is_name_char(u8 c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '.' || (c >= 0xc0 && c != 0xd7 && c != 0xf7);
}

int object_name_copy(char dst[BPF_OBJ_NAME_LEN], const char src[BPF_OBJ_NAME_LEN])
{
	u32 n = 0;

	memset(dst, 0, BPF_OBJ_NAME_LEN);
	for (; n < BPF_OBJ_NAME_LEN && src[n]; n++) {
		if (!is_name_char((u8)src[n]))
			return -EINVAL;
		dst[n] = src[n];
	}
	return n < BPF_OBJ_NAME_LEN ? 0 : -EINVAL;
}

/* There are no tokens: an fd that is one does not exist. */
int token_error(int fd)
{
	return fcntl(fd, F_GETFD) < 0 ? -EBADF : -EINVAL;
}

int open_flags_of(u32 bpf_flags)
{
	switch (bpf_flags & (BPF_F_RDONLY | BPF_F_WRONLY)) {
	case 0:
		return O_RDWR;
	case BPF_F_RDONLY:
		return O_RDONLY;
	case BPF_F_WRONLY:
		return O_WRONLY;
	default:
		return -EINVAL;
	}
}
