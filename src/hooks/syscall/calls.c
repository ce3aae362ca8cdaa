/* SPDX-License-Identifier: Apache-2.0 */
#include "hooks/syscall/calls.h"

#include <string.h>

static const char *const names[CALLS_MAX] = {
#define CALL(name, nr) [nr] = #name,
#include "calls.inc"
#undef CALL
};

/* Where the kernel's function, and so the tracepoint, has another name than the call. */
static const struct {
	const char *call, *tracepoint;
} renamed[] = {
	{ "stat", "newstat" },   { "lstat", "newlstat" }, { "fstat", "newfstat" },
	{ "uname", "newuname" }, { "umount2", "umount" }, { "sendfile", "sendfile64" },
};

const char *call_name(s64 nr)
{
	return nr >= 0 && nr < CALLS_MAX ? names[nr] : NULL;
}

int call_number(const char *name)
{
	for (int nr = 0; nr < CALLS_MAX; nr++)
		if (names[nr] && strcmp(names[nr], name) == 0)
			return nr;
	return -ENOENT;
}

const char *call_tracepoint_name(s64 nr)
{
	const char *name = call_name(nr);

	for (size_t i = 0; name && i < ARRAY_SIZE(renamed); i++)
		if (strcmp(renamed[i].call, name) == 0)
			return renamed[i].tracepoint;
	return name;
}

int call_tracepoint(const char *name, const char **hint)
{
	*hint = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(renamed); i++) {
		if (strcmp(renamed[i].tracepoint, name) == 0)
			return call_number(renamed[i].call);
		if (strcmp(renamed[i].call, name) == 0) {
			*hint = renamed[i].tracepoint;
			return -ENOENT;
		}
	}
	return call_number(name);
}
