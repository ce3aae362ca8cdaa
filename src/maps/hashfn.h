/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keyed hash of map keys. Each word is folded in by a 64x64->128 multiplication whose
 * halves are xored, under two secret words a map: who can choose keys but not see the secret
 * cannot aim at a bucket.
 */
#ifndef SKEP_MAPS_HASHFN_H
#define SKEP_MAPS_HASHFN_H

#include "maps/words.h"

static ALWAYS_INLINE u64 hash_fold(u64 a, u64 b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (u64)product ^ (u64)(product >> 64);
}

static ALWAYS_INLINE u64 hash_key(const u8 *key, u32 size, const u64 secret[2])
{
	u64 hash = secret[0] ^ size;

	for (; size > 8; size -= 8, key += 8)
		hash = hash_fold(hash ^ word_of(key, 8), secret[1]);
	hash = hash_fold(hash ^ word_of(key, size), secret[1]);
	return hash_fold(hash ^ secret[1], 0x9e3779b97f4a7c15ull);
}

#endif
