/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 (FIPS 180-4): program tags and the hashes of exclusive maps. */
#ifndef SKEP_KERNEL_SHA256_H
#define SKEP_KERNEL_SHA256_H

#include "base/types.h"

#define SHA256_SIZE 32

void sha256(u8 digest[SHA256_SIZE], const void *data, size_t size);

#endif
