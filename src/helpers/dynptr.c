/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dynptrs: memory of a map, a ringbuf record or a packet, with bounds that are checked here.
 * A function that cannot make one makes a null dynptr: every use of that fails, and giving it
 * back does nothing. Offsets and lengths are 32 bits wide, as in Linux 6.18.
 */
#include "helpers/dynptr.h"
#include "helpers/helpers.h"
#include "helpers/packet.h"
#include "maps/map.h"

static struct dynptr *dynptr_of(u64 r)
{
	return (struct dynptr *)(uintptr_t)r;
}

void dynptr_init(struct dynptr *ptr, void *data, u32 source, u32 offset, u32 size)
{
	*ptr = (struct dynptr){ .data = data, .source = source, .offset = offset, .size = size };
}

void dynptr_set_null(struct dynptr *ptr)
{
	memset(ptr, 0, sizeof(*ptr));
}

bool dynptr_has(const struct dynptr *ptr, u32 offset, u32 len)
{
	return len <= ptr->size && offset <= ptr->size - len;
}

void *dynptr_bytes(const struct dynptr *ptr, u32 offset, u32 len)
{
	u32 at = ptr->offset + offset;
	u8 *bytes = NULL;

	if (!ptr->data || !dynptr_has(ptr, offset, len))
		return NULL;
	switch (ptr->source) {
	case DYNPTR_OF_SKB:
		return skb_bytes(ptr->data, at, len);
	case DYNPTR_OF_XDP:
		return xdp_bytes(ptr->data, at, len, &bytes) ? NULL : bytes;
	case DYNPTR_OF_META:
		return skb_meta_bytes(ptr->data, at, len);
	default:
		return (u8 *)ptr->data + at;
	}
}

s64 dynptr_read(const struct dynptr *src, u32 offset, void *dst, u32 len)
{
	u8 *bytes;
	s64 err;

	if (!src->data)
		return -EINVAL;
	if (!dynptr_has(src, offset, len))
		return -E2BIG;
	switch (src->source) {
	case DYNPTR_OF_SKB:
		return skb_load(src->data, src->offset + offset, dst, len);
	case DYNPTR_OF_XDP:
		err = xdp_bytes(src->data, src->offset + offset, len, &bytes);
		if (err)
			return err;
		break;
	default:
		bytes = dynptr_bytes(src, offset, len);
		break;
	}
	if (!bytes)
		return -EFAULT;
	memmove(dst, bytes, len);
	return 0;
}

s64 dynptr_write(const struct dynptr *dst, u32 offset, const void *src, u32 len, u64 flags)
{
	u8 *bytes;
	s64 err;

	if (!dst->data || dst->rdonly)
		return -EINVAL;
	if (!dynptr_has(dst, offset, len))
		return -E2BIG;
	if (dst->source == DYNPTR_OF_SKB)
		return skb_store(dst->data, dst->offset + offset, src, len, flags);
	if (flags)
		return -EINVAL;
	if (dst->source == DYNPTR_OF_XDP) {
		err = xdp_bytes(dst->data, dst->offset + offset, len, &bytes);
		if (err)
			return err;
	} else {
		bytes = dynptr_bytes(dst, offset, len);
	}
	if (!bytes)
		return -EFAULT;
	memmove(bytes, src, len);
	return 0;
}

/* ---- helpers ---- */

/* (data, size, flags, to) */
u64 helper_dynptr_from_mem(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	u32 size = (u32)r2;

	dynptr_set_null(dynptr_of(r4));
	if (size > DYNPTR_MAX_SIZE)
		return -E2BIG;
	if (r3)
		return -EINVAL;
	dynptr_init(dynptr_of(r4), (void *)(uintptr_t)r1, DYNPTR_MEMORY, 0, size);
	return 0;
}

/* (to, len, from, offset, flags) */
u64 helper_dynptr_read(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	return r5 ? -EINVAL : dynptr_read(dynptr_of(r3), (u32)r4, (void *)(uintptr_t)r1, (u32)r2);
}

/* (to, offset, from, len, flags) */
u64 helper_dynptr_write(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	return dynptr_write(dynptr_of(r1), (u32)r2, (const void *)(uintptr_t)r3, (u32)r4, r5);
}

/* (dynptr, offset, len): packets are asked for by slices, for they may lie in pieces */
u64 helper_dynptr_data(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	const struct dynptr *ptr = dynptr_of(r1);

	if (ptr->rdonly || ptr->source > DYNPTR_RECORD)
		return 0;
	return (u64)(uintptr_t)dynptr_bytes(ptr, (u32)r2, (u32)r3);
}

/* (ring, size, flags, to) */
u64 helper_ringbuf_reserve_dynptr(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	struct dynptr *ptr = dynptr_of(r4);
	u32 size = (u32)r2;
	void *record;

	dynptr_set_null(ptr);
	if (r3)
		return -EINVAL;
	if (size > DYNPTR_MAX_SIZE)
		return -E2BIG;
	record = ringbuf_reserve((struct map *)(uintptr_t)r1, size, 0, rc);
	if (!record)
		return -EINVAL;
	dynptr_init(ptr, record, DYNPTR_RECORD, 0, size);
	return 0;
}

/* (dynptr, flags): the record as a whole, whichever part of it the dynptr is of */
u64 helper_ringbuf_submit_dynptr(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	struct dynptr *ptr = dynptr_of(r1);

	if (ptr->data)
		ringbuf_submit(ptr->data, r2, rc);
	dynptr_set_null(ptr);
	return 0;
}

u64 helper_ringbuf_discard_dynptr(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	struct dynptr *ptr = dynptr_of(r1);

	if (ptr->data)
		ringbuf_discard(ptr->data, r2, rc);
	dynptr_set_null(ptr);
	return 0;
}
