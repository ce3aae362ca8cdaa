/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copying between private bytes and map memory that others read and write at the same time.
 * Map memory is made of aligned 64-bit words, each read and written at once; a copy out of it
 * means something only after the caller has seen that nobody recycled it meanwhile, so its
 * loads come before (acquire) the load that checks this.
 */
#ifndef SKEP_MAPS_WORDS_H
#define SKEP_MAPS_WORDS_H

#include "base/atomic.h"

/* The first n bytes (n <= 8) at p as a word, the rest zero. */
static ALWAYS_INLINE u64 word_of(const u8 *p, size_t n)
{
	u64 word = 0;

	if (n == 8)
		memcpy(&word, p, 8);
	else if (n == 4)
		memcpy(&word, p, 4);
	else
		for (size_t i = 0; i < n; i++)
			((u8 *)&word)[i] = p[i];
	return word;
}

/* words has room for n rounded up to 8; the tail is zeroed. */
static ALWAYS_INLINE void words_store(void *words, const void *bytes, size_t n)
{
	u64 *to = words;
	const u8 *from = bytes;

	for (; n >= 8; n -= 8, from += 8)
		store_relaxed(to++, word_of(from, 8));
	if (n)
		store_relaxed(to, word_of(from, n));
}

static ALWAYS_INLINE void words_load(void *bytes, const void *words, size_t n)
{
	const u64 *from = words;
	u8 *to = bytes;

	for (; n >= 8; n -= 8, to += 8) {
		u64 word = load_acquire(from++);

		memcpy(to, &word, 8);
	}
	if (n) {
		u64 word = load_acquire(from);

		for (size_t i = 0; i < n; i++)
			to[i] = ((const u8 *)&word)[i];
	}
}

static inline void words_zero(void *words, size_t n)
{
	u64 *to = words;

	for (size_t i = 0; i < n; i += 8)
		store_relaxed(to++, 0);
}

#endif
