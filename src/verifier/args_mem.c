/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that is handed to a helper, a kfunc or a global function: all bytes that may be touched
 * exist, for every size the bounds allow, and may be read or written.
 */
#include "verifier/args.h"

#define MAX_VAR_SIZE (1LL << 29)

static int packet_arg(struct env *env, u32 regno, const struct reg *ptr, s64 size, bool zero_ok,
		      u32 flags)
{
	if (!env->type->packet || !(flags & ARG_PACKET_OK))
		return refuse(env, -EACCES, "packet-in-helper",
			      "helper access to the packet is not allowed");
	if ((flags & (ARG_MEM_WRITE | ARG_MEM_UNINIT)) && !env->type->packet_write)
		return refuse(env, -EACCES, "packet-readonly", "cannot write into packet");
	return check_packet_access(env, regno, ptr, 0, size, zero_ok);
}

static enum stack_use stack_use(u32 flags)
{
	if (flags & ARG_MEM_UNINIT)
		return STACK_FILL;
	return flags & ARG_MEM_RDONLY ? STACK_READ : STACK_UPDATE;
}

/* Where programs see their context as it is, it is memory, too. */
static int ctx_as_mem(struct env *env, u32 regno, const struct reg *ptr, s64 size)
{
	struct reg ignored;
	int err = size ? ctx_access(env, regno, ptr, ptr->off + size - 1, 1, ACCESS_READ, &ignored)
		       : 0;

	return err || !size ? err
			    : ctx_access(env, regno, ptr, ptr->off + size - 1, 1, ACCESS_WRITE,
					 &ignored);
}

int check_mem_arg(struct env *env, u32 regno, const struct reg *ptr, s64 size, bool zero_ok,
		  u32 flags)
{
	bool writes = flags & (ARG_MEM_WRITE | ARG_MEM_UNINIT);
	struct reg ignored;
	char name[REG_NAME_SIZE];

	switch (ptr->kind) {
	case REG_PACKET:
	case REG_PACKET_META:
		return packet_arg(env, regno, ptr, size, zero_ok, flags);
	case REG_MAP_KEY:
		if (writes)
			return refuse(env, -EACCES, "readonly-memory", "R%u cannot write into %s",
				      regno, reg_name(env, ptr, name));
		return check_mem_bounds(env, regno, ptr, 0, size,
					env->maps.data[ptr->map].facts->key_size, zero_ok);
	case REG_MAP_VALUE:
		return check_map_value_access(env, regno, ptr, 0, size, zero_ok,
					      writes ? ACCESS_WRITE : ACCESS_READ);
	case REG_MEM:
		if (writes && (ptr->flags & REG_RDONLY))
			return refuse(env, -EACCES, "readonly-memory", "R%u cannot write into %s",
				      regno, reg_name(env, ptr, name));
		return check_mem_bounds(env, regno, ptr, 0, size, ptr->size, zero_ok);
	case REG_BUF:
		if (writes && (ptr->flags & REG_RDONLY))
			return refuse(env, -EACCES, "readonly-memory", "R%u cannot write into %s",
				      regno, reg_name(env, ptr, name));
		return check_buf_access(env, regno, ptr, 0, size);
	case REG_BTF:
		/* Whoever gets it reads it as plain memory, and may not write it. */
		if (writes || !env->req->verify_only)
			return refuse_kind(env, regno, ptr, ARG_PTR_TO_MEM);
		return btf_access(env, regno, ptr, 0, (u32)size, ACCESS_READ, &ignored);
	case REG_CTX:
		if (!(flags & ARG_CTX_OK) || !env->ctx || env->ctx->fields)
			return refuse_kind(env, regno, ptr, ARG_PTR_TO_MEM);
		return ctx_as_mem(env, regno, ptr, size);
	case REG_STACK:
		return stack_helper_access(env, regno, ptr, size, stack_use(flags), zero_ok);
	default:
		/* NULL with no bytes behind it. */
		if (zero_ok && !size && reg_is_null(ptr))
			return 0;
		return refuse_kind(env, regno, ptr, ARG_PTR_TO_MEM);
	}
}

/* The byte count in regno and the memory argument before it. */
static int check_mem_and_size(struct env *env, u32 regno, const struct reg *ptr, bool zero_ok,
			      u32 flags)
{
	struct reg size = *cur_reg(env, regno);

	if (size.val.smin < 0)
		return refuse(env, -EACCES, "negative-size",
			      "R%u min value is negative, either use unsigned or 'var &= const'",
			      regno);
	if (!size.val.umin && !zero_ok)
		return refuse(env, -EACCES, "zero-size",
			      "R%u invalid zero-sized read: u64=[%lld,%lld]", regno,
			      (long long)size.val.umin, (long long)size.val.umax);
	if (size.val.umax >= MAX_VAR_SIZE)
		return refuse(env, -EACCES, "unbounded-size",
			      "R%u unbounded memory access, use 'var &= const' or 'if (var < const)'",
			      regno);
	mark_precise(env, &size);
	/* Of a size that varies it is not certain which bytes get written: they must be something. */
	if (!scalar_is_const(&size.val) && (flags & ARG_MEM_UNINIT))
		flags = (flags & ~(u32)ARG_MEM_UNINIT) | ARG_MEM_WRITE;
	return check_mem_arg(env, regno - 1, ptr, (s64)size.val.umax, zero_ok, flags);
}

int check_size(struct env *env, struct call_args *args, u32 i, u32 arg)
{
	u32 flags = args->proto->arg[i - 1];
	struct reg ptr = *cur_reg(env, i);
	int err;

	if (args->proto->flags & HELPER_PACKET_ACCESS)
		flags |= ARG_PACKET_OK;
	err = check_mem_and_size(env, i + 1, &ptr,
				 (arg & ARG_BASE_MASK) == ARG_CONST_SIZE_OR_ZERO, flags);
	if (!err)
		args->mem_max = MAX(args->mem_max, (s64)cur_reg(env, i + 1)->val.umax);
	return err;
}

/* ---- memory for kfuncs: read and written, maybe NULL ---- */

#define KFUNC_MEM (ARG_MEM_WRITE | ARG_PACKET_OK | ARG_CTX_OK)

int check_kfunc_mem(struct env *env, u32 regno, const struct reg *reg, s64 size)
{
	struct reg ptr = *reg;

	if (reg_is_null(reg)) {
		mark_precise(env, reg);
		return 0;
	}
	ptr.flags &= (u16)~REG_MAYBE_NULL;
	return check_mem_arg(env, regno, &ptr, size, true, KFUNC_MEM);
}

int check_kfunc_mem_size(struct env *env, u32 regno, const struct reg *reg, const struct reg *size)
{
	struct reg ptr = *reg;

	ptr.flags &= (u16)~REG_MAYBE_NULL;
	return check_mem_and_size(env, regno + 1, &ptr, true, KFUNC_MEM);
}

bool is_size(u32 arg)
{
	u32 base = arg & ARG_BASE_MASK;

	return base == ARG_CONST_SIZE || base == ARG_CONST_SIZE_OR_ZERO;
}

/* A constant of the key's size that was stored where the key pointer points. */
static void note_key(struct env *env, struct call_args *args, const struct reg *ptr, u32 size)
{
	const struct frame *frame;
	const struct slot *slot;
	s64 off = ptr->off;
	u32 index;

	if (ptr->kind != REG_STACK || !reg_has_fixed_off(ptr) || off < -BPF_STACK_SIZE ||
	    off > -(s64)size || size > SLOT_BYTES || off % size)
		return;
	frame = env->cur->frames[ptr->frame];
	index = (u32)((-off - 1) / SLOT_BYTES);
	if (index >= frame->n_slots)
		return;
	slot = &frame->slots[index];
	if (off % SLOT_BYTES == 0 && slot_is_spill(slot)) {
		args->has_key = slot_spill_size(slot) == size && reg_is_const(&slot->reg);
		args->key_reg = slot->reg;
		args->key = slot->reg.val.umin;
		return;
	}
	for (u32 i = 0; i < size; i++)
		if (slot->kind[(u32)(off + BPF_STACK_SIZE) % SLOT_BYTES + i] != BYTE_ZERO)
			return;
	args->has_key = true;
}

int check_map_mem(struct env *env, struct call_args *args, u32 i, u32 arg)
{
	bool is_key = (arg & ARG_BASE_MASK) == ARG_PTR_TO_MAP_KEY;
	struct reg ptr = *cur_reg(env, i + 1);
	const struct map_facts *facts;
	u32 flags = arg & ~(u32)ARG_BASE_MASK;
	u32 size;
	int err;

	if (!args->has_map)
		return refuse(env, -EACCES, "argument-type", "invalid map_ptr to access map->%s",
			      is_key ? "key" : "value");
	facts = env->maps.data[args->map].facts;
	size = is_key ? facts->key_size : facts->value_size;
	/* A bloom filter is asked about the value that is there. */
	if (facts->type == BPF_MAP_TYPE_BLOOM_FILTER && args->proto->id == BPF_FUNC_map_peek_elem)
		flags &= ~(u32)(ARG_MEM_WRITE | ARG_MEM_UNINIT);
	/* Helpers only read keys, and values that they do not fill. */
	if (!(flags & (ARG_MEM_WRITE | ARG_MEM_UNINIT)))
		flags |= ARG_MEM_RDONLY;
	if (args->proto->flags & HELPER_PACKET_ACCESS)
		flags |= ARG_PACKET_OK;
	err = check_mem_arg(env, i + 1, &ptr, size, false, flags);
	if (!err && is_key && size)
		note_key(env, args, &ptr, size);
	return err;
}
