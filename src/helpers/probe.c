/* SPDX-License-Identifier: Apache-2.0 */
#include "helpers/probe.h"
#include "base/str.h"
#include "helpers/helpers.h"
#include "maps/map.h"
#include "vm/prog.h"

/* x86-64 with four-level page tables: user memory ends here, the guard page follows. */
#define USER_END     0x7ffffffff000ull
#define KERNEL_START 0xffff800000000000ull
#define PAGE         4096u

typedef int (*read_fn)(struct run_ctx *rc, void *dst, u64 src, u32 size);

static bool within(u64 address, u32 size, u64 low, u64 high)
{
	return address >= low && address <= high && size <= high - address;
}

static bool within_shm(const struct os_shm *shm, u64 address, u32 size)
{
	u64 low = (u64)(uintptr_t)shm->addr;

	return shm->addr && within(address, size, low, low + shm->size);
}

static bool within_map(const struct map *map, u64 address, u32 size)
{
	return within_shm(&map->store, address, size) || within_shm(&map->visible, address, size) ||
	       within_shm(&map->sealed, address, size);
}

/* Is that memory the running program's: its stack, or a map it was loaded with? */
static bool is_own(const struct run_ctx *rc, u64 address, u32 size)
{
	const struct image *image = rc->prog ? rc->prog->image : NULL;
	u64 low = rc->stack_low ? rc->stack_low : (u64)(uintptr_t)__builtin_frame_address(0);

	if (within(address, size, low, rc->stack_high))
		return true;
	for (u32 i = 0; image && i < image->n_maps; i++)
		if (within_map(image->maps[i], address, size))
			return true;
	return false;
}

static int read_user(struct run_ctx *rc, void *dst, u64 src, u32 size)
{
	if (!within(src, size, 0, USER_END))
		return -EFAULT;
	if (!size)
		return 0;
	if (!rc->world || !rc->world->read_user)
		return -EFAULT;
	return rc->world->read_user(rc, dst, src, size);
}

static int read_kernel(struct run_ctx *rc, void *dst, u64 src, u32 size)
{
	if (is_own(rc, src, size)) {
		memcpy(dst, (const void *)(uintptr_t)src, size);
		return 0;
	}
	if (src < KERNEL_START)
		return -ERANGE;
	if (!size)
		return 0;
	if (!rc->world || !rc->world->read_kernel)
		return -EFAULT;
	return rc->world->read_kernel(rc, dst, src, size);
}

static int probe(read_fn read, struct run_ctx *rc, void *dst, u32 size, u64 src)
{
	int err = read(rc, dst, src, size);

	if (err)
		memset(dst, 0, size);
	return err;
}

#define PIECE 256u

/*
 * The string may end just before memory that cannot be read, so it is read in pieces that do
 * not cross a page, a short one first: most strings are. What lies behind its NUL in dst is
 * left as it was. Nothing is read for no bytes, not even a bad address.
 */
static s64 probe_str(read_fn read, struct run_ctx *rc, char *dst, u32 size, u64 src)
{
	char piece[PIECE];
	u32 done = 0, want = 64;

	while (done < size) {
		u64 at = src + done;
		u32 n = MIN(MIN(size - done, want), PAGE - (u32)(at % PAGE));
		int err = read(rc, piece, at, n);
		u32 len = err ? 0 : str_nlen(piece, n);

		if (err) {
			memset(dst, 0, size);
			return err;
		}
		memcpy(dst + done, piece, MIN(len + 1, n));
		if (len < n)
			return done + len + 1;
		done += n;
		want = PIECE;
	}
	if (size)
		dst[size - 1] = 0;
	return size;
}

int probe_user(struct run_ctx *rc, void *dst, u32 size, u64 src)
{
	return probe(read_user, rc, dst, size, src);
}

int probe_kernel(struct run_ctx *rc, void *dst, u32 size, u64 src)
{
	return probe(read_kernel, rc, dst, size, src);
}

/* Linux copies in words of 8, and so zeroes the rest of the one in which the string ends. */
s64 probe_user_str(struct run_ctx *rc, char *dst, u32 size, u64 src)
{
	s64 len = probe_str(read_user, rc, dst, size, src);
	u64 end = align_up(MAX(len, 0), 8);

	if (len > 0 && end <= size)
		memset(dst + len, 0, end - len);
	return len;
}

s64 probe_kernel_str(struct run_ctx *rc, char *dst, u32 size, u64 src)
{
	return probe_str(read_kernel, rc, dst, size, src);
}

/* The program's own memory lies among user addresses here, so it is asked for first. */
static read_fn reader_of(const struct run_ctx *rc, u64 address)
{
	return address < USER_END && !is_own(rc, address, 1) ? read_user : read_kernel;
}

int probe_any(struct run_ctx *rc, void *dst, u32 size, u64 src)
{
	return probe(reader_of(rc, src), rc, dst, size, src);
}

s64 probe_any_str(struct run_ctx *rc, char *dst, u32 size, u64 src)
{
	if (reader_of(rc, src) == read_user)
		return probe_user_str(rc, dst, size, src);
	return probe_kernel_str(rc, dst, size, src);
}

#define DST ((void *)(uintptr_t)r1)

u64 helper_probe_read(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	return probe_any(rc, DST, r2, r3);
}

u64 helper_probe_read_str(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	return probe_any_str(rc, DST, r2, r3);
}

u64 helper_probe_read_user(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	return probe_user(rc, DST, r2, r3);
}

u64 helper_probe_read_user_str(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	return probe_user_str(rc, DST, r2, r3);
}

u64 helper_probe_read_kernel(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	return probe_kernel(rc, DST, r2, r3);
}

u64 helper_probe_read_kernel_str(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	return probe_kernel_str(rc, DST, r2, r3);
}

u64 helper_copy_from_user(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	return (u32)r2 ? probe_user(rc, DST, r2, r3) : 0;
}

/* A world without write_user forbids it. */
u64 helper_probe_write_user(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	if (!rc->world || !rc->world->write_user)
		return -EPERM;
	if (!within(r1, r3, 0, USER_END))
		return -EFAULT;
	return rc->world->write_user(rc, r1, (const void *)(uintptr_t)r2, r3);
}
