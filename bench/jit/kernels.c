/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small programs as eBPF programs tend to be. Compiled twice from this text, by the same
 * compiler: to BPF (one section each) and, with NATIVE, to functions of the machine. They
 * get the same input and must return the same.
 */
#include "kernels.h"

#ifdef NATIVE
#define KERNEL(name) u64 native_##name(const struct input *in)
#define HELPER(name)
#define mix native_mix

static inline void *lookup(void *map, const void *key)
{
	u32 i = *(const u32 *)key;

	return i < MAP_ENTRIES ? &map_values[i] : 0;
}
#define MAP ((void *)0)
#else
#define KERNEL(name)   __attribute__((section(#name), used)) u64 bpf_##name(const struct input *in)
#define HELPER(kernel) __attribute__((section(#kernel)))
static void *(*const lookup)(void *map, const void *key) = (void *)1;
static u64 (*const mix)(u64 x, u64 y) = (void *)2;
#define MAP            ((void *)KERNEL_MAP) /* the bench makes it the address of its map */
#endif

#define NOINLINE __attribute__((noinline))

/* FNV-1a over 64 bytes. */
KERNEL(hash_bytes)
{
	u64 hash = 0xcbf29ce484222325;

	for (int i = 0; i < 64; i++)
		hash = (hash ^ in->bytes[i]) * 0x100000001b3;
	return hash;
}

static inline u32 rol(u32 x, int n)
{
	return x << n | x >> (32 - n);
}

/* Jenkins' mixing of a flow key, twelve times. */
KERNEL(hash_flow)
{
	u32 a = 1, b = 2, c = 3;

	for (int i = 0; i < 36; i += 3) {
		a += in->words[i];
		b += in->words[i + 1];
		c += in->words[i + 2];
		a -= c, a ^= rol(c, 4), c += b;
		b -= a, b ^= rol(a, 6), a += c;
		c -= b, c ^= rol(b, 8), b += a;
		a -= c, a ^= rol(c, 16), c += b;
		b -= a, b ^= rol(a, 19), a += c;
		c -= b, c ^= rol(b, 4), b += a;
	}
	return (u64)a << 32 | c;
}

/* Internet checksum of 1,500 bytes. */
KERNEL(checksum)
{
	const u16 *p = (const u16 *)in->bytes;
	u64 sum = 0;

	for (int i = 0; i < 750; i++)
		sum += p[i];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

/* Ethernet, up to two VLAN tags, IPv4 with options, TCP or UDP; all bounds checked. */
KERNEL(parse_headers)
{
	const u8 *p = in->packet, *end = in->packet_end;
	u32 proto, ihl, ports;

	if (p + 14 > end)
		return 1;
	proto = p[12] << 8 | p[13];
	p += 14;
	for (int i = 0; i < 2 && proto == 0x8100; i++) {
		if (p + 4 > end)
			return 2;
		proto = p[2] << 8 | p[3];
		p += 4;
	}
	if (proto != 0x0800 || p + 20 > end)
		return 3;
	ihl = (p[0] & 15) * 4;
	if ((p[0] >> 4) != 4 || ihl < 20)
		return 4;
	proto = p[9];
	if (p + ihl + 8 > end)
		return 5;
	ports = *(const u32 *)(p + ihl);
	if (proto == 6 || proto == 17)
		return (u64)ports << 32 | *(const u32 *)(p + 12);
	return 6;
}

/* The largest and the sum of 128 numbers. */
KERNEL(reduce)
{
	u64 sum = 0, max = 0;

	for (int i = 0; i < 128; i++) {
		sum += in->quads[i];
		if (in->quads[i] > max)
			max = in->quads[i];
	}
	return sum ^ max;
}

/* Big-endian numbers out of single bytes. */
KERNEL(assemble_bytes)
{
	u64 sum = 0;

	for (int i = 0; i < 256; i += 4) {
		const u8 *p = in->bytes + i;

		sum += (u32)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
	}
	return sum;
}

/* An interpreter of 200 little instructions. */
KERNEL(dispatch)
{
	u64 a = 1, b = 2;

	for (int i = 0; i < 200; i++) {
		switch (in->bytes[i] & 7) {
		case 0:
			a += b;
			break;
		case 1:
			b ^= a >> 3;
			break;
		case 2:
			a = a * 5 + 1;
			break;
		case 3:
			b -= a;
			break;
		case 4:
			a ^= 0x55;
			break;
		case 5:
			b = b << 7 | b >> 57;
			break;
		case 6:
			a &= ~b;
			break;
		default:
			b |= 1;
		}
	}
	return a ^ b;
}

/* 64 lookups in an array map, each counted. */
KERNEL(map_lookups)
{
	u64 sum = 0;

	for (int i = 0; i < 64; i++) {
		u32 key = in->bytes[i];
		u64 *value = lookup(MAP, &key);

		if (value)
			sum += *value;
	}
	return sum;
}

/* Latencies into a log2 histogram. */
KERNEL(log2_histogram)
{
	u32 slots[32] = { 0 };
	u64 sum = 0;

	for (int i = 0; i < 64; i++) {
		u64 v = in->quads[i] >> (in->bytes[i] & 63);
		u32 slot = 0;

		if (v >> 32)
			slot += 16, v >>= 32;
		if (v >> 16)
			slot += 8, v >>= 16;
		if (v >> 8)
			slot += 4, v >>= 8;
		if (v >> 4)
			slot += 2, v >>= 4;
		slot += v > 3;
		slots[slot & 31]++;
	}
	for (int i = 0; i < 32; i++)
		sum = sum * 3 + slots[i];
	return sum;
}

/* Decimal numbers in a line of text. */
KERNEL(parse_numbers)
{
	u64 sum = 0, number = 0;

	for (int i = 0; i < 256; i++) {
		u8 c = in->text[i];

		if (c >= '0' && c <= '9') {
			number = number * 10 + (c - '0');
		} else {
			sum += number;
			number = 0;
		}
	}
	return sum;
}

/* Insertion sort of 24 numbers on the stack. */
KERNEL(sort)
{
	u32 a[24];
	u64 sum = 0;

	for (int i = 0; i < 24; i++) {
		u32 x = in->words[i];
		int j = i;

		for (; j > 0 && a[j - 1] > x; j--)
			a[j] = a[j - 1];
		a[j] = x;
	}
	for (int i = 0; i < 24; i++)
		sum = sum * 31 + a[i];
	return sum;
}

/* Greatest common divisors: division by variables. */
KERNEL(divide)
{
	u64 sum = 0;

	for (int i = 0; i < 16; i += 2) {
		u64 a = in->words[i] | 1, b = in->words[i + 1] | 1;

		while (b) {
			u64 r = a % b;

			a = b;
			b = r;
		}
		sum += a;
	}
	return sum;
}

/* 64 calls of a helper. */
KERNEL(call_helpers)
{
	u64 x = 1;

	for (int i = 0; i < 64; i++)
		x = mix(x, in->bytes[i]);
	return x;
}

/* Behind its caller, so that the section begins with the program. */
static u64 step(u64 x, u64 y);

/* 64 calls of a function. */
KERNEL(call_functions)
{
	u64 x = 1;

	for (int i = 0; i < 64; i++)
		x = step(x, in->bytes[i]);
	return x;
}

HELPER(call_functions) static NOINLINE u64 step(u64 x, u64 y)
{
	return (x ^ y) * 0x9e3779b97f4a7c15 + (x >> 7);
}
