/* SPDX-License-Identifier: Apache-2.0 */
/* Section names and tracepoint names of the system call hook. */
#include "hooks/syscall/target.h"

#include <stdio.h>
#include <string.h>

static const char *after(const char *text, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(text, prefix, len) == 0 ? text + len : NULL;
}

int tracepoint_parse(const char *name, struct tracepoint *out, const char **hint)
{
	const char *call;

	*hint = NULL;
	*out = (struct tracepoint){ .nr = -1 };
	if (strcmp(name, "raw_syscalls/sys_enter") == 0)
		return 0;
	out->exit = true;
	if (strcmp(name, "raw_syscalls/sys_exit") == 0)
		return 0;
	call = after(name, "syscalls/sys_exit_");
	if (!call) {
		out->exit = false;
		call = after(name, "syscalls/sys_enter_");
	}
	if (!call)
		return -EOPNOTSUPP;
	out->nr = call_tracepoint(call, hint);
	return out->nr < 0 ? -ENOENT : 0;
}

int raw_tracepoint_parse(const char *name, struct tracepoint *out)
{
	*out = (struct tracepoint){ .nr = -1, .exit = strcmp(name, "sys_exit") == 0 };
	return out->exit || strcmp(name, "sys_enter") == 0 ? 0 : -EOPNOTSUPP;
}

static int refuse(int err, const char *hint, char *why, size_t size)
{
	if (err == -ENOENT && hint)
		snprintf(why, size, "Linux calls that tracepoint ...%s", hint);
	else if (err == -ENOENT)
		snprintf(why, size, "this machine has no such system call");
	else
		snprintf(
		    why, size,
		    "skep run can attach tracepoint/syscalls/sys_enter_NAME and sys_exit_NAME, "
		    "tracepoint/raw_syscalls/sys_enter and sys_exit, raw_tracepoint/sys_enter and "
		    "sys_exit");
	return err;
}

int syscall_target(const char *section, u32 prog_type, struct attach_target *target, char *why,
		   size_t size)
{
	const char *hint = NULL, *name = strchr(section, '/');
	struct tracepoint point;
	int err = -EOPNOTSUPP;

	*target = (struct attach_target){ .name = name ? name + 1 : "" };
	if (name && prog_type == BPF_PROG_TYPE_TRACEPOINT) {
		target->via = ATTACH_VIA_EVENT;
		err = tracepoint_parse(target->name, &point, &hint);
	} else if (name && prog_type == BPF_PROG_TYPE_RAW_TRACEPOINT) {
		target->via = ATTACH_VIA_RAW_TRACEPOINT;
		err = raw_tracepoint_parse(target->name, &point);
	}
	return err ? refuse(err, hint, why, size) : 0;
}
