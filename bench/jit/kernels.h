/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEP_BENCH_KERNELS_H
#define SKEP_BENCH_KERNELS_H

/* As in base/types.h, for both compilations. */
typedef __UINT8_TYPE__ u8;
typedef __UINT16_TYPE__ u16;
typedef __UINT32_TYPE__ u32;
typedef __UINT64_TYPE__ u64;

#define KERNEL_MAP 0x6d61700000000001 /* stands for the map in compiled BPF */

struct input {
	const u8 *packet, *packet_end;
	union {
		u8 bytes[2048];
		u32 words[512];
		u64 quads[256];
	};
	char text[256];
};

#define KERNELS(K)        \
	K(hash_bytes)     \
	K(hash_flow)      \
	K(checksum)       \
	K(parse_headers)  \
	K(reduce)         \
	K(assemble_bytes) \
	K(dispatch)       \
	K(map_lookups)    \
	K(log2_histogram) \
	K(parse_numbers)  \
	K(sort)           \
	K(divide)         \
	K(call_functions) \
	K(call_helpers)

/* The array map. Native code looks it up in line, as the JIT does. */
#define MAP_ENTRIES 200
extern u64 map_values[256];

/* The helper, for native code. */
u64 native_mix(u64 x, u64 y);

#endif
