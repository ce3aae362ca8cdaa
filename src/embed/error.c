/* SPDX-License-Identifier: Apache-2.0 */
#include "embed/embed.h"

#include <errno.h>
#include <stdio.h>

static _Thread_local char message[4096];

const char *skep_error(void)
{
	return message;
}

int embed_fail(int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(message, sizeof(message), fmt, args);
	va_end(args);
	errno = -err;
	return -1;
}
