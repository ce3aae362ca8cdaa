/* SPDX-License-Identifier: Apache-2.0 */
#include "helpers/helpers.h"
#include "os/os.h"

/* The presented kernel ticks 250 times a second, and like any Linux began to count 5 minutes
 * before the 32-bit count wraps. */
#define HZ              250
#define JIFFIES_AT_BOOT (u64)(u32)(-300 * HZ)

u64 helper_ktime_get_ns(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	return os_clock_ns(OS_CLOCK_MONOTONIC);
}

u64 helper_ktime_get_boot_ns(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	return os_clock_ns(OS_CLOCK_BOOTTIME);
}

u64 helper_ktime_get_tai_ns(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	return os_clock_ns(OS_CLOCK_TAI);
}

/* Coarse time may be as fine as the clock allows. */
u64 helper_ktime_get_coarse_ns(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	return os_clock_ns(OS_CLOCK_MONOTONIC);
}

u64 helper_jiffies64(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	return JIFFIES_AT_BOOT + os_clock_ns(OS_CLOCK_MONOTONIC) / (1000000000 / HZ);
}
