/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arguments of helpers against the helper's prototype. A helper trusts what it is given,
 * so whatever it will read or write must be proved here: the kind of each register, and
 * for memory that all bytes it may touch exist, for every size the bounds allow.
 */
#include "btf/btf.h"
#include "helpers/format.h"
#include "verifier/args.h"
#include "verifier/kptr.h"

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
	case ARG_PTR_TO_TIMER:
		return KIND(REG_MAP_VALUE);
	case ARG_PTR_TO_SPIN_LOCK:
	case ARG_PTR_TO_KPTR:
		return KIND(REG_MAP_VALUE) | KIND(REG_BTF);
	case ARG_PTR_TO_BTF_ID:
	case ARG_PTR_TO_PERCPU_BTF_ID:
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
	case ARG_PTR_TO_KPTR:
		return "map_value, ptr_";
	case ARG_PTR_TO_DYNPTR:
		return "fp, dynptr_ptr";
	case ARG_PTR_TO_BTF_ID:
		return "ptr_, trusted_ptr_, rcu_ptr_";
	case ARG_PTR_TO_PERCPU_BTF_ID:
		return "percpu_ptr_, percpu_rcu_ptr_, percpu_trusted_ptr_";
	case ARG_PTR_TO_BTF_ID_SOCK_COMMON:
	case ARG_PTR_TO_SOCK_COMMON:
		return "sock_common, sock, tcp_sock, xdp_sock, ptr_, trusted_ptr_";
	default:
		return NULL;
	}
}

int refuse_kind(struct env *env, u32 regno, const struct reg *reg, u32 base)
{
	const char *expected = kinds_text(base);
	char name[REG_NAME_SIZE];

	for (u32 k = 0; !expected && k < REG_KIND_COUNT; k++)
		if (kinds_of(base) & KIND(k))
			expected = reg_kind_name(k);
	return refuse(env, -EACCES, reg->flags & REG_MAYBE_NULL ? "null-check" : "argument-type",
		      "R%u type=%s expected=%s", regno, reg_name(env, reg, name), expected);
}

/* Arguments that may be a kernel object. */
static bool takes_btf(u32 base)
{
	return base == ARG_PTR_TO_BTF_ID || base == ARG_PTR_TO_BTF_ID_SOCK_COMMON ||
	       base == ARG_PTR_TO_PERCPU_BTF_ID || base == ARG_PTR_TO_MAP_KEY ||
	       base == ARG_PTR_TO_MAP_VALUE || base == ARG_PTR_TO_MEM;
}

/* A lock or a kptr may be in an object of the program's own, but in no other. */
static bool is_place(const struct reg *reg, u32 base)
{
	return (base != ARG_PTR_TO_SPIN_LOCK && base != ARG_PTR_TO_KPTR) || reg->kind != REG_BTF ||
	       (reg->flags & ~(u32)REG_MAYBE_NULL) == REG_OWN_TYPE;
}

static int check_kind(struct env *env, const struct helper_proto *proto, u32 regno,
		      const struct reg *reg, u32 arg)
{
	u32 base = arg & ARG_BASE_MASK, kinds = kinds_of(base);
	bool record = base == ARG_PTR_TO_RINGBUF_MEM;

	/* What it may be is told by the field that it shall go to. */
	if (reg->kind == REG_BTF && proto->id == BPF_FUNC_kptr_xchg && base == ARG_PTR_TO_BTF_ID)
		return 0;
	if (reg->kind == REG_BTF && takes_btf(base))
		return check_btf_kind(env, proto, regno - 1, reg, arg);
	if (!kinds)
		return refuse(env, -EINVAL, "unsupported",
			      "R%u: arguments of this kind are not supported yet", regno);
	if (!(kinds & KIND(reg->kind)) || (record && !(reg->flags & REG_RINGBUF)) ||
	    !is_place(reg, base))
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

/* bpf_kptr_xchg(place, object) */
static int take_kptr(struct env *env, struct call_args *args, u32 regno)
{
	struct kptr_place place = { 0 };
	int err = kptr_xchg_place(env, regno, &place);

	args->kptr = place.field;
	args->kptr_btf = place.btf;
	return err;
}

static int give_kptr(struct env *env, struct call_args *args, u32 regno, const struct reg *reg)
{
	const struct kptr_place place = { args->kptr, args->kptr_btf };

	if (reg->flags & REG_MAYBE_NULL)
		return refuse(env, -EACCES, "null-check",
			      "Possibly NULL pointer passed to helper arg%u", regno);
	if (reg->off)
		return refuse(env, -EINVAL, "modified-pointer",
			      "R%u must have zero offset when passed to release func or trusted arg to kfunc",
			      regno);
	return kptr_match(env, &place, regno, reg);
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
	case ARG_PTR_TO_PERCPU_BTF_ID:
		args->percpu_btf_id = reg.btf_id;
		args->percpu_own = reg.flags & REG_OWN_TYPE;
		return 0;
	case ARG_PTR_TO_KPTR:
		return take_kptr(env, args, i + 1);
	case ARG_PTR_TO_BTF_ID:
		return args->kptr ? give_kptr(env, args, i + 1, &reg) : 0;
	default:
		return 0;
	}
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
