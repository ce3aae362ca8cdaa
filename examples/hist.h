/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Histograms with a slot per power of two: slot n counts values of 2^n up to 2^(n+1) - 1
 * (slot 0 also 0). `skep run` draws any array of integers called "slots" as one, and every
 * array map whose name ends in "hist".
 */
#ifndef EXAMPLES_HIST_H
#define EXAMPLES_HIST_H

#define HIST_SLOTS 40

static __always_inline __u32 hist_slot(__u64 value)
{
	__u32 slot = 0;

	/* Five steps instead of 39: halve the bits that may still be set. */
	for (__u32 bits = 32; bits; bits /= 2) {
		if (value >> bits) {
			value >>= bits;
			slot += bits;
		}
	}
	return slot < HIST_SLOTS ? slot : HIST_SLOTS - 1;
}

#endif
