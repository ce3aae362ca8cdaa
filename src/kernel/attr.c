/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/attr.h"

#include <string.h>

#include "base/str.h"
#include "os/os.h"

#define ATTR_SILLY_SIZE 4096

int user_read(void *dst, u64 src, size_t size)
{
	return os_copy_from(dst, src, size);
}

int user_write(u64 dst, const void *src, size_t size)
{
	return os_copy_to(dst, src, size);
}

static bool all_zero(const u8 *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (bytes[i])
			return false;
	return true;
}

int user_tail_is_zero(u64 user, u32 known, u32 size)
{
	u8 tail[ATTR_SILLY_SIZE];

	if (size > ATTR_SILLY_SIZE)
		return -E2BIG;
	if (size <= known)
		return 0;
	if (user_read(tail, user + known, size - known))
		return -EFAULT;
	return all_zero(tail, size - known) ? 0 : -E2BIG;
}

int attr_read(struct bpf_call *call, u64 user, u32 size)
{
	int err = user_tail_is_zero(user, ATTR_SIZE, size);

	if (err)
		return err;
	call->user = user;
	call->user_size = size;
	size = MIN(size, (u32)ATTR_SIZE);
	memset(call->attr.bytes + size, 0, ATTR_SIZE - size);
	return user_read(call->attr.bytes, user, size);
}

bool attr_has_tail(const struct bpf_call *call, u32 end)
{
	return !all_zero(call->attr.bytes + end, ATTR_SIZE - end);
}

int attr_write(const struct bpf_call *call, size_t offset, const void *value, size_t size)
{
	return user_write(call->user + offset, value, size);
}

/* A page at a time at most: the string may end right before memory that is not there. */
int user_read_string(char *dst, u64 src, size_t size)
{
	size_t done = 0;

	while (done < size - 1) {
		size_t page = 4096 - ((src + done) & 4095);
		size_t n = MIN(page, size - 1 - done);
		size_t len;

		if (user_read(dst + done, src + done, n))
			return -EFAULT;
		len = str_nlen(dst + done, n);
		done += len;
		if (len < n)
			break;
	}
	dst[done] = 0;
	return 0;
}
