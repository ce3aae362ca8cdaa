/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kfuncs of dynptrs: over packets, slices, narrowing, copies. Results are C ints, so what the
 * upper half of r0 holds is nobody's business: it is zero.
 */
#include "helpers/dynptr.h"
#include "helpers/kfuncs.h"
#include "helpers/packet.h"

#define KFUNC_FN(name)                                                                             \
	u64 kfunc_run_bpf_##name(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)

static struct dynptr *dynptr_of(u64 r)
{
	return (struct dynptr *)(uintptr_t)r;
}

static u64 result(s64 value)
{
	return (u32)value;
}

/* ---- packets ---- */

static s64 from_skb(struct skb_run_ctx *skb, u64 flags, struct dynptr *to, bool rdonly)
{
	dynptr_set_null(to);
	if (flags)
		return -EINVAL;
	dynptr_init(to, skb, DYNPTR_OF_SKB, 0, (u32)(skb->data_end - skb->data));
	to->rdonly = rdonly;
	return 0;
}

/* (skb, flags, to) */
KFUNC_FN(dynptr_from_skb)
{
	return result(from_skb((struct skb_run_ctx *)(uintptr_t)r1, r2, dynptr_of(r3), false));
}

static KFUNC_FN(dynptr_from_skb_rdonly)
{
	return result(from_skb((struct skb_run_ctx *)(uintptr_t)r1, r2, dynptr_of(r3), true));
}

const struct helper_proto kfunc_dynptr_from_skb_rdonly = {
	.id = KFUNC_FIRST_CALL + KFUNC_bpf_dynptr_from_skb,
	.name = "bpf_dynptr_from_skb",
	.fn = kfunc_run_bpf_dynptr_from_skb_rdonly,
};

KFUNC_FN(dynptr_from_skb_meta)
{
	struct skb_run_ctx *skb = (struct skb_run_ctx *)(uintptr_t)r1;

	dynptr_set_null(dynptr_of(r3));
	if (r2)
		return result(-EINVAL);
	dynptr_init(dynptr_of(r3), skb, DYNPTR_OF_META, 0, (u32)skb_meta_len(skb));
	return 0;
}

KFUNC_FN(dynptr_from_xdp)
{
	struct xdp_run_ctx *xdp = (struct xdp_run_ctx *)(uintptr_t)r1;

	dynptr_set_null(dynptr_of(r3));
	if (r2)
		return result(-EINVAL);
	dynptr_init(dynptr_of(r3), xdp, DYNPTR_OF_XDP, 0, (u32)(xdp->data_end - xdp->data));
	return 0;
}

/* ---- slices ---- */

/* (dynptr, offset, buffer, len): packets are in one piece, so the buffer is never needed */
KFUNC_FN(dynptr_slice)
{
	return (u64)(uintptr_t)dynptr_bytes(dynptr_of(r1), (u32)r2, (u32)r4);
}

KFUNC_FN(dynptr_slice_rdwr)
{
	return dynptr_of(r1)->rdonly ? 0 : kfunc_run_bpf_dynptr_slice(r1, r2, r3, r4, r5, rc);
}

/* ---- the dynptr itself ---- */

/* (dynptr, start, end) */
KFUNC_FN(dynptr_adjust)
{
	struct dynptr *ptr = dynptr_of(r1);
	u32 start = (u32)r2, end = (u32)r3;

	if (!ptr->data || start > end)
		return result(-EINVAL);
	if (end > ptr->size)
		return result(-ERANGE);
	ptr->offset += start;
	ptr->size = end - start;
	return 0;
}

KFUNC_FN(dynptr_is_null)
{
	return !dynptr_of(r1)->data;
}

KFUNC_FN(dynptr_is_rdonly)
{
	return dynptr_of(r1)->data && dynptr_of(r1)->rdonly;
}

KFUNC_FN(dynptr_size)
{
	return result(dynptr_of(r1)->data ? dynptr_of(r1)->size : -EINVAL);
}

/* (from, to) */
KFUNC_FN(dynptr_clone)
{
	if (!dynptr_of(r1)->data) {
		dynptr_set_null(dynptr_of(r2));
		return result(-EINVAL);
	}
	*dynptr_of(r2) = *dynptr_of(r1);
	return 0;
}

/* ---- contents ---- */

#define PIECE 256u

/*
 * Where the bytes of neither side can be had (a null dynptr, a packet that got shorter), Linux
 * copies piece by piece through a buffer, and so fails in the words of the first piece.
 */
static s64 copy_pieces(const struct dynptr *to, u32 to_offset, const struct dynptr *from,
		       u32 from_offset, u32 size)
{
	u8 piece[PIECE];
	s64 err = 0;

	if (!dynptr_has(to, to_offset, size) || !dynptr_has(from, from_offset, size))
		return -E2BIG;
	for (u32 at = 0; at < size && !err; at += PIECE) {
		u32 n = MIN(size - at, PIECE);

		err = dynptr_read(from, from_offset + at, piece, n);
		if (!err)
			err = dynptr_write(to, to_offset + at, piece, n, 0);
	}
	return err;
}

/* (to, offset, from, offset, size) */
KFUNC_FN(dynptr_copy)
{
	const struct dynptr *to = dynptr_of(r1), *from = dynptr_of(r3);
	u32 size = (u32)r5;
	void *src = dynptr_bytes(from, (u32)r4, size);
	void *dst = to->rdonly ? NULL : dynptr_bytes(to, (u32)r2, size);

	if (src)
		return result(dynptr_write(to, (u32)r2, src, size, 0));
	if (dst)
		return result(dynptr_read(from, (u32)r4, dst, size));
	return result(copy_pieces(to, (u32)r2, from, (u32)r4, size));
}

static s64 fill_pieces(const struct dynptr *to, u32 offset, u32 size, u8 byte)
{
	u8 piece[PIECE];
	s64 err = 0;

	if (to->rdonly)
		return -EINVAL;
	if (!dynptr_has(to, offset, size))
		return -E2BIG;
	memset(piece, byte, sizeof(piece));
	for (u32 at = 0; at < size && !err; at += PIECE)
		err = dynptr_write(to, offset + at, piece, MIN(size - at, PIECE), 0);
	return err;
}

/* (to, offset, size, byte) */
KFUNC_FN(dynptr_memset)
{
	const struct dynptr *to = dynptr_of(r1);
	void *bytes = to->rdonly ? NULL : dynptr_bytes(to, (u32)r2, (u32)r3);

	if (!bytes)
		return result(fill_pieces(to, (u32)r2, (u32)r3, (u8)r4));
	memset(bytes, (u8)r4, (u32)r3);
	return 0;
}
