/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arguments of helpers against the helper's prototype. A helper trusts what it is given,
 * so whatever it will read or write must be proved here: the kind of each register, and
 * for memory that all bytes it may touch exist, for every size the bounds allow.
 */
#include "btf/btf.h"
#include "helpers/format.h"
#include "verifier/args.h"

#define MAX_VAR_SIZE (1LL << 29)

/* ---- which kinds an argument may have ---- */

#define KIND(k) (1u << (k))
#define MEM_KINDS                                                                                  \
	(KIND(REG_STACK) | KIND(REG_PACKET) | KIND(REG_PACKET_META) | KIND(REG_MAP_KEY) |          \
	 KIND(REG_MAP_VALUE) | KIND(REG_MEM) | KIND(REG_BUF))

static u32 kinds_of(u32 base)
{
	switch (base) {
	case ARG_CONST_MAP_PTR:
		return KIND(REG_MAP);
	case ARG_PTR_TO_MAP_KEY:
	case ARG_PTR_TO_MAP_VALUE:
	case ARG_PTR_TO_MEM:
		return MEM_KINDS;
	case ARG_CONST_SIZE:
	case ARG_CONST_SIZE_OR_ZERO:
	case ARG_CONST_ALLOC_SIZE_OR_ZERO:
		return KIND(REG_SCALAR);
	case ARG_PTR_TO_CTX:
		return KIND(REG_CTX);
	case ARG_PTR_TO_RINGBUF_MEM:
		return KIND(REG_MEM);
	case ARG_PTR_TO_FUNC:
		return KIND(REG_FUNC);
	case ARG_PTR_TO_STACK:
		return KIND(REG_STACK);
	case ARG_PTR_TO_CONST_STR:
	case ARG_PTR_TO_SPIN_LOCK:
	case ARG_PTR_TO_TIMER:
		return KIND(REG_MAP_VALUE);
	case ARG_PTR_TO_BTF_ID:
		return KIND(REG_BTF);
	case ARG_PTR_TO_BTF_ID_SOCK_COMMON:
	case ARG_PTR_TO_SOCK_COMMON:
		return KIND(REG_SOCK_COMMON) | KIND(REG_SOCKET) | KIND(REG_TCP_SOCK) |
		       KIND(REG_XDP_SOCK);
	case ARG_PTR_TO_SOCKET:
		return KIND(REG_SOCKET);
	case ARG_PTR_TO_DYNPTR:
		return KIND(REG_STACK) | KIND(REG_DYNPTR);
	default:
		return 0;
	}
}

/* As Linux lists them: also those kinds that Skep's programs never meet. */
static const char *kinds_text(u32 base)
{
	switch (base) {
	case ARG_PTR_TO_MAP_KEY:
	case ARG_PTR_TO_MAP_VALUE:
	case ARG_PTR_TO_MEM:
		return "fp, pkt, pkt_meta, map_key, map_value, mem, ringbuf_mem, buf, trusted_ptr_";
	case ARG_PTR_TO_RINGBUF_MEM:
		return "ringbuf_mem";
	case ARG_PTR_TO_SPIN_LOCK:
		return "map_value, ptr_";
	case ARG_PTR_TO_DYNPTR:
		return "fp, dynptr_ptr";
	case ARG_PTR_TO_BTF_ID:
		return "ptr_, trusted_ptr_, rcu_ptr_";
	case ARG_PTR_TO_BTF_ID_SOCK_COMMON:
	case ARG_PTR_TO_SOCK_COMMON:
		return "sock_common, sock, tcp_sock, xdp_sock, ptr_, trusted_ptr_";
	default:
		return NULL;
	}
}

static int refuse_kind(struct env *env, u32 regno, const struct reg *reg, u32 base)
{
	const char *expected = kinds_text(base);
	char name[REG_NAME_SIZE];

	for (u32 k = 0; !expected && k < REG_KIND_COUNT; k++)
		if (kinds_of(base) & KIND(k))
			expected = reg_kind_name(k);
	return refuse(env, -EACCES, reg->flags & REG_MAYBE_NULL ? "null-check" : "argument-type",
		      "R%u type=%s expected=%s", regno, reg_name(env, reg, name), expected);
}

static int check_kind(struct env *env, const struct helper_proto *proto, u32 regno,
		      const struct reg *reg, u32 arg)
{
	u32 base = arg & ARG_BASE_MASK, kinds = kinds_of(base);
	bool record = base == ARG_PTR_TO_RINGBUF_MEM;

	if (!kinds)
		return refuse(env, -EINVAL, "unsupported",
			      "R%u: arguments of this kind are not supported yet", regno);
	if (!(kinds & KIND(reg->kind)) || (record && !(reg->flags & REG_RINGBUF)))
		return refuse_kind(env, regno, reg, base);
	if ((reg->flags & REG_MAYBE_NULL) && !(arg & ARG_MAYBE_NULL))
		return refuse_kind(env, regno, reg, base);
	/* A maybe-NULL pointer to memory: its bytes could not be checked. */
	if ((reg->flags & REG_MAYBE_NULL) && (kinds & MEM_KINDS) == MEM_KINDS)
		return refuse_kind(env, regno, reg, base);
	if (base == ARG_PTR_TO_CTX) {
		/* An embedder's helper may look at all of its context. */
		if (env->ctx && proto->id >= HELPER_FIRST_CUSTOM)
			env->max_ctx_offset = MAX(env->max_ctx_offset, env->ctx->size);
		return check_pointer_off(env, regno, reg);
	}
	if (reg->kind == REG_DYNPTR)
		return check_pointer_off(env, regno, reg);
	if (record && (reg->off || !reg_has_fixed_off(reg)))
		return refuse(env, -EACCES, "modified-pointer",
			      "dereference of modified ringbuf_mem ptr R%u off=%d disallowed", regno,
			      reg->off);
	return 0;
}

/* ---- memory ---- */

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

int check_mem_arg(struct env *env, u32 regno, const struct reg *ptr, s64 size, bool zero_ok,
		  u32 flags)
{
	bool writes = flags & (ARG_MEM_WRITE | ARG_MEM_UNINIT);
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

static int check_size(struct env *env, struct call_args *args, u32 i, u32 arg)
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

#define KFUNC_MEM (ARG_MEM_WRITE | ARG_PACKET_OK)

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

int check_kfunc_mem(struct env *env, u32 regno, const struct reg *reg, s64 size)
{
	struct reg ptr = *reg;

	if (reg_is_null(reg)) {
		mark_precise(env, reg);
		return 0;
	}
	ptr.flags &= (u16)~REG_MAYBE_NULL;
	if (ptr.kind == REG_CTX && env->ctx && !env->ctx->fields)
		return ctx_as_mem(env, regno, &ptr, size);
	return check_mem_arg(env, regno, &ptr, size, true, KFUNC_MEM);
}

int check_kfunc_mem_size(struct env *env, u32 regno, const struct reg *reg, const struct reg *size)
{
	struct reg ptr = *reg;

	ptr.flags &= (u16)~REG_MAYBE_NULL;
	return check_mem_and_size(env, regno + 1, &ptr, true, KFUNC_MEM);
}

static bool is_size(u32 arg)
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

static int check_map_mem(struct env *env, struct call_args *args, u32 i, u32 arg)
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

/* ---- the rest ---- */

int check_const_string(struct env *env, u32 regno, const struct reg *ptr)
{
	const struct map_facts *facts = env->maps.data[ptr->map].facts;
	int err;

	if (!facts->const_values || !(facts->flags & BPF_F_RDONLY_PROG) || !facts->frozen)
		return refuse(env, -EACCES, "const-string", "R%u does not point to a readonly map'",
			      regno);
	if (!reg_has_fixed_off(ptr))
		return refuse(env, -EACCES, "const-string", "R%u is not a constant address'", regno);
	err = check_map_value_access(env, regno, ptr, 0, 1, false, ACCESS_READ);
	if (err)
		return err;
	for (u64 at = (u64)ptr->off; at < facts->const_size; at++)
		if (!facts->const_values[at])
			return 0;
	return refuse(env, -EINVAL, "const-string", "string is not zero-terminated");
}

static int check_btf_arg(struct env *env, u32 regno, const struct reg *reg, const char *want)
{
	const struct btf *btf = env->req->model->btf;
	const struct btf_type *type = btf ? btf_type(btf, reg->btf_id) : NULL;

	if (!type || !want || !str_eq(btf_name(btf, type->name_off), want) || reg->off)
		return refuse(env, -EACCES, "argument-type", "R%u is of type %s but %s is expected",
			      regno, type ? btf_name(btf, type->name_off) : "?", want ? want : "?");
	if (!(reg->flags & REG_TRUSTED))
		return refuse(env, -EACCES, "argument-type",
			      "R%u type=untrusted_ptr_ expected=ptr_, trusted_ptr_", regno);
	return 0;
}

static int take_reference(struct env *env, struct call_args *args, u32 regno, const struct reg *reg)
{
	if (!reg->ref && !reg_is_null(reg))
		return refuse(env, -EINVAL, "release-unacquired",
			      "R%u must be referenced when passed to release function", regno);
	args->release_ref = reg->ref;
	return 0;
}

/* A timer's value and the map that is given with it must be one and the same. */
static int take_map(struct env *env, struct call_args *args, const struct reg *reg)
{
	if (args->has_field && (args->field_map != reg->map || args->field_uid != reg->uid))
		return refuse(env, -EINVAL, "map-type",
			      "timer pointer in R1 map_uid=%u doesn't match map pointer in R2 map_uid=%u",
			      args->field_uid, reg->uid);
	args->has_map = true;
	args->map = reg->map;
	args->map_uid = reg->uid;
	return 0;
}

static int take_timer(struct env *env, struct call_args *args, u32 regno)
{
	const struct reg *reg = cur_reg(env, regno);

	args->has_field = true;
	args->field_map = reg->map;
	args->field_uid = reg->uid;
	return check_field_pointer(env, regno, SPECIAL_TIMER, "bpf_timer", "bpf_timer");
}

static int check_dynptr(struct env *env, struct call_args *args, u32 regno, u32 arg)
{
	struct dynptr_arg dynptr;
	int err = arg & ARG_RELEASES ? dynptr_check_release(env, regno) : 0;

	if (!err)
		err = dynptr_arg_check(env, regno, arg, 0, &dynptr);
	if (err || (arg & ARG_MEM_UNINIT))
		return err;
	args->dynptr = dynptr;
	if (arg & ARG_RELEASES)
		args->release_dynptr = regno;
	return 0;
}

static int check_action(struct env *env, struct call_args *args, u32 i, u32 arg)
{
	const struct helper_proto *proto = args->proto;
	struct reg reg = *cur_reg(env, i + 1);

	switch (arg & ARG_BASE_MASK) {
	case ARG_CONST_MAP_PTR:
		return take_map(env, args, &reg);
	case ARG_PTR_TO_SPIN_LOCK:
		return lock_step(env, i + 1, REF_LOCK, proto->id == BPF_FUNC_spin_lock);
	case ARG_PTR_TO_TIMER:
		return take_timer(env, args, i + 1);
	case ARG_PTR_TO_MAP_KEY:
	case ARG_PTR_TO_MAP_VALUE:
		return check_map_mem(env, args, i, arg);
	case ARG_PTR_TO_MEM:
		if (!(arg & ARG_MEM_FIXED_SIZE))
			return i < 4 && is_size(proto->arg[i + 1])
				   ? 0
				   : refuse(env, -EFAULT, "bad-prototype",
					    "prototype of %s: memory without a size", proto->name);
		if (proto->flags & HELPER_PACKET_ACCESS)
			arg |= ARG_PACKET_OK;
		if (arg & ARG_MEM_ALIGNED) {
			int err = check_alignment(env, &reg, 0, proto->arg_size[i], true);

			if (err)
				return err;
		}
		return check_mem_arg(env, i + 1, &reg, proto->arg_size[i], false, arg);
	case ARG_CONST_SIZE:
	case ARG_CONST_SIZE_OR_ZERO:
		return check_size(env, args, i, arg);
	case ARG_CONST_ALLOC_SIZE_OR_ZERO:
		if (!scalar_is_const(&reg.val))
			return refuse(env, -EACCES, "not-constant",
				      "R%u is not a known constant'", i + 1);
		mark_precise(env, &reg);
		args->alloc_size = reg.val.umin;
		return 0;
	case ARG_PTR_TO_DYNPTR:
		return check_dynptr(env, args, i + 1, arg);
	case ARG_PTR_TO_FUNC:
		args->has_callback = true;
		args->callback = reg.subprog;
		return 0;
	case ARG_PTR_TO_CONST_STR:
		return check_const_string(env, i + 1, &reg);
	case ARG_PTR_TO_BTF_ID:
		return check_btf_arg(env, i + 1, &reg, proto->arg_btf[i]);
	default:
		return 0;
	}
}

static bool holds_sockets(u32 map_type)
{
	return map_type == BPF_MAP_TYPE_SOCKMAP || map_type == BPF_MAP_TYPE_SOCKHASH;
}

/* The value of a map of sockets is a socket, not memory. */
static u32 resolve_map_arg(const struct env *env, const struct call_args *args, u32 arg)
{
	if ((arg & ARG_BASE_MASK) == ARG_PTR_TO_MAP_VALUE && args->has_map &&
	    holds_sockets(env->maps.data[args->map].facts->type))
		return ARG_PTR_TO_BTF_ID_SOCK_COMMON;
	return arg;
}

static int check_arg(struct env *env, struct call_args *args, u32 i)
{
	u32 arg = resolve_map_arg(env, args, args->proto->arg[i]), regno = i + 1;
	const struct reg *reg = cur_reg(env, regno);
	int err;

	err = check_read(env, regno);
	if (err)
		return err;
	if ((arg & ARG_BASE_MASK) == ARG_ANYTHING) {
		if (leaks_pointer(env, reg))
			return refuse(env, -EACCES, "pointer-leak",
				      "R%u leaks addr into helper function", regno);
		return 0;
	}
	if ((arg & ARG_MAYBE_NULL) && reg_is_null(reg)) {
		mark_precise(env, reg);
		/* Its size, if it has one, is checked against NULL: it must be 0. */
		return 0;
	}
	if (reg->ref)
		args->held = reg->ref;
	err = check_kind(env, args->proto, regno, reg, arg);
	if (!err && (arg & ARG_RELEASES) && (arg & ARG_BASE_MASK) != ARG_PTR_TO_DYNPTR)
		err = take_reference(env, args, regno, reg);
	return err ? err : check_action(env, args, i, arg);
}

/* bpf_snprintf(out, size, fmt, data, data_len): the format is known, so it is checked now. */
static int check_format(struct env *env)
{
	const struct reg *fmt = cur_reg(env, 3), *len = cur_reg(env, 5);
	const struct map_facts *facts = env->maps.data[fmt->map].facts;

	if (!scalar_is_const(&len->val) || len->val.umin % 8)
		return refuse(env, -EINVAL, "format", "R5 is not a known multiple of 8");
	if (format_check((const char *)facts->const_values + fmt->off,
			 facts->const_size - (u64)fmt->off, (u32)(len->val.umin / 8)))
		return refuse(env, -EINVAL, "format", "Invalid format string");
	return 0;
}

/* The memory must outlive the dynptr, wherever that goes: a map's value does. */
static int check_dynptr_memory(struct env *env)
{
	const struct reg *mem = cur_reg(env, 1);
	char name[REG_NAME_SIZE];

	if (mem->kind == REG_MAP_VALUE)
		return 0;
	return refuse(env, -EACCES, "argument-type",
		      "Unsupported reg type %s for bpf_dynptr_from_mem data",
		      reg_name(env, mem, name));
}

int args_check(struct env *env, struct call_args *args)
{
	for (u32 i = 0; i < 5; i++) {
		int err;

		if ((args->proto->arg[i] & ARG_BASE_MASK) == ARG_DONTCARE)
			continue;
		err = check_arg(env, args, i);
		if (err)
			return err;
	}
	if (args->proto->id == BPF_FUNC_snprintf)
		return check_format(env);
	if (args->proto->id == BPF_FUNC_dynptr_from_mem)
		return check_dynptr_memory(env);
	if (args->proto->id == BPF_FUNC_get_local_storage && !reg_is_null(cur_reg(env, 2)))
		return refuse(env, -EINVAL, "reserved-fields",
			      "get_local_storage() doesn't support non-zero flags");
	return args->has_map ? map_func_check(env, args->proto,
					      env->maps.data[args->map].facts)
			     : 0;
}

/* ---- helpers and types of maps ---- */

#define TYPE(t) (1ull << BPF_MAP_TYPE_##t)

/* The types a helper is made for; 0: no rule of its own. */
static u64 types_of_helper(u32 id)
{
	switch (id) {
	case BPF_FUNC_tail_call:
		return TYPE(PROG_ARRAY);
	case BPF_FUNC_perf_event_read:
	case BPF_FUNC_perf_event_output:
	case BPF_FUNC_perf_event_read_value:
	case BPF_FUNC_skb_output:
	case BPF_FUNC_xdp_output:
		return TYPE(PERF_EVENT_ARRAY);
	case BPF_FUNC_ringbuf_output:
	case BPF_FUNC_ringbuf_reserve:
	case BPF_FUNC_ringbuf_reserve_dynptr:
	case BPF_FUNC_ringbuf_query:
		return TYPE(RINGBUF);
	case BPF_FUNC_user_ringbuf_drain:
		return TYPE(USER_RINGBUF);
	case BPF_FUNC_get_local_storage:
		return TYPE(CGROUP_STORAGE) | TYPE(PERCPU_CGROUP_STORAGE);
	case BPF_FUNC_get_stackid:
		return TYPE(STACK_TRACE);
	case BPF_FUNC_current_task_under_cgroup:
	case BPF_FUNC_skb_under_cgroup:
		return TYPE(CGROUP_ARRAY);
	case BPF_FUNC_redirect_map:
		return TYPE(DEVMAP) | TYPE(DEVMAP_HASH) | TYPE(CPUMAP) | TYPE(XSKMAP);
	case BPF_FUNC_map_pop_elem:
		return TYPE(QUEUE) | TYPE(STACK);
	case BPF_FUNC_map_peek_elem:
	case BPF_FUNC_map_push_elem:
		return TYPE(QUEUE) | TYPE(STACK) | TYPE(BLOOM_FILTER);
	case BPF_FUNC_map_lookup_percpu_elem:
		return TYPE(PERCPU_ARRAY) | TYPE(PERCPU_HASH) | TYPE(LRU_PERCPU_HASH);
	case BPF_FUNC_for_each_map_elem:
		return TYPE(ARRAY) | TYPE(PERCPU_ARRAY) | TYPE(HASH) | TYPE(PERCPU_HASH) |
		       TYPE(LRU_HASH) | TYPE(LRU_PERCPU_HASH);
	case BPF_FUNC_map_lookup_elem:
		return TYPE(HASH) | TYPE(ARRAY) | TYPE(PERCPU_HASH) | TYPE(PERCPU_ARRAY) |
		       TYPE(LRU_HASH) | TYPE(LRU_PERCPU_HASH) | TYPE(LPM_TRIE) |
		       TYPE(ARRAY_OF_MAPS) | TYPE(HASH_OF_MAPS) | TYPE(DEVMAP) |
		       TYPE(DEVMAP_HASH) | TYPE(CPUMAP) | TYPE(XSKMAP) | TYPE(SOCKMAP) |
		       TYPE(SOCKHASH);
	case BPF_FUNC_sk_storage_get:
	case BPF_FUNC_sk_storage_delete:
		return TYPE(SK_STORAGE);
	case BPF_FUNC_inode_storage_get:
	case BPF_FUNC_inode_storage_delete:
		return TYPE(INODE_STORAGE);
	case BPF_FUNC_task_storage_get:
	case BPF_FUNC_task_storage_delete:
		return TYPE(TASK_STORAGE);
	case BPF_FUNC_sk_redirect_map:
	case BPF_FUNC_sock_map_update:
	case BPF_FUNC_msg_redirect_map:
		return TYPE(SOCKMAP);
	case BPF_FUNC_sk_redirect_hash:
	case BPF_FUNC_sock_hash_update:
	case BPF_FUNC_msg_redirect_hash:
		return TYPE(SOCKHASH);
	case BPF_FUNC_sk_select_reuseport:
		return TYPE(REUSEPORT_SOCKARRAY) | TYPE(SOCKMAP) | TYPE(SOCKHASH);
	case BPF_FUNC_map_update_elem:
	case BPF_FUNC_map_delete_elem:
		return TYPE(HASH) | TYPE(ARRAY) | TYPE(PERCPU_HASH) | TYPE(PERCPU_ARRAY) |
		       TYPE(LRU_HASH) | TYPE(LRU_PERCPU_HASH) | TYPE(LPM_TRIE) |
		       TYPE(SOCKMAP) | TYPE(SOCKHASH);
	default:
		return 0;
	}
}

/* Maps that programs may not write, or not read, also not through helpers. */
static int map_mode_check(struct env *env, u32 id, const struct map_facts *facts)
{
	switch (id) {
	case BPF_FUNC_map_update_elem:
	case BPF_FUNC_map_delete_elem:
	case BPF_FUNC_map_push_elem:
	case BPF_FUNC_map_pop_elem:
		if (facts->flags & BPF_F_RDONLY_PROG)
			return refuse(env, -EACCES, "map-access-mode", "write into map forbidden");
		return 0;
	default:
		return 0;
	}
}

/*
 * Where programs may put sockets into maps, or take them out. Elsewhere the map's locks could be
 * held already, or interrupts be off.
 */
static bool may_change_sockets(const struct env *env, u32 id)
{
	switch (env->type->type) {
	case BPF_PROG_TYPE_SOCK_OPS:
		return id == BPF_FUNC_map_delete_elem; /* to add there is sock_map_update */
	case BPF_PROG_TYPE_TRACING:
		return env->req->expected_attach_type == BPF_TRACE_ITER;
	case BPF_PROG_TYPE_SOCKET_FILTER:
	case BPF_PROG_TYPE_SCHED_CLS:
	case BPF_PROG_TYPE_SCHED_ACT:
	case BPF_PROG_TYPE_XDP:
	case BPF_PROG_TYPE_SK_REUSEPORT:
	case BPF_PROG_TYPE_FLOW_DISSECTOR:
	case BPF_PROG_TYPE_SK_LOOKUP:
		return true;
	default:
		return false;
	}
}

static bool changes_map(u32 id)
{
	return id == BPF_FUNC_map_update_elem || id == BPF_FUNC_map_delete_elem;
}

static int refuse_map(struct env *env, const struct helper_proto *proto, u32 map_type)
{
	return refuse(env, -EINVAL, "map-type", "cannot pass map_type %u into func bpf_%s#%u",
		      map_type, proto->name, proto->id);
}

int map_func_check(struct env *env, const struct helper_proto *proto, const struct map_facts *facts)
{
	u64 types = types_of_helper(proto->id);
	u32 map_type = facts->type;

	if (holds_sockets(map_type) && changes_map(proto->id) &&
	    !may_change_sockets(env, proto->id))
		return refuse_map(env, proto, map_type);
	if (!types || (map_type < 64 && (types & (1ull << map_type))))
		return map_mode_check(env, proto->id, facts);
	if (proto->id == BPF_FUNC_tail_call)
		return refuse(env, -EINVAL, "map-type", "expected prog array map for tail call");
	return refuse_map(env, proto, map_type);
}
