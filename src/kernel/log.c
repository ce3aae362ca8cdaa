/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log buffer a client passes to PROG_LOAD and BTF_LOAD. The text is written to memory of
 * the kernel's own and handed over at the end. Unless BPF_LOG_FIXED is set, a text that does
 * not fit keeps its end: the verdict.
 */
#include "base/str.h"
#include "kernel/core.h"

#define LOG_LEVEL_MASK \
	(VERIFIER_LOG_LEVEL1 | VERIFIER_LOG_LEVEL2 | VERIFIER_LOG_STATS | VERIFIER_LOG_FIXED)
#define LOG_MAX_SIZE (UINT32_MAX >> 2)

static bool log_is_sound(const struct user_log *log)
{
	return !!log->user == !!log->user_size && !(log->user && !log->level) &&
	       !(log->level & ~(u32)LOG_LEVEL_MASK) && log->user_size <= LOG_MAX_SIZE;
}

int user_log_open(struct user_log *log, u32 level, u64 user, u32 size)
{
	*log = (struct user_log){ .user = user, .user_size = size, .level = level };
	if (!log_is_sound(log))
		return -EINVAL;
	if (size) {
		log->memory = os_reserve(size);
		if (!log->memory)
			return -ENOMEM;
	}
	log->text = text_in(log->memory, size);
	log->text.keep_end = !(level & VERIFIER_LOG_FIXED);
	return 0;
}

static int log_hand_over(struct user_log *log)
{
	size_t n;

	if (!log->user || !log->text.peak)
		return 0;
	text_unroll(&log->text);
	n = MIN(log->text.len, (size_t)log->user_size - 1);
	log->memory[n] = 0;
	return user_write(log->user, log->memory, str_nlen(log->memory, n) + 1);
}

int user_log_close(struct user_log *log, int err, u32 *true_size)
{
	size_t need = log->level && log->text.peak ? log->text.peak + 1 : 0;

	*true_size = (u32)MIN(need, (size_t)UINT32_MAX);
	if (log_hand_over(log))
		err = -EFAULT;
	else if (log->user && need > log->user_size)
		err = -ENOSPC;
	os_unreserve(log->memory, log->user_size);
	return err;
}
