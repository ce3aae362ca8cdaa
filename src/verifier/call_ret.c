/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of r0 after the call of a helper. */
#include "btf/btf.h"
#include "verifier/call.h"
#include "verifier/kptr.h"

static void integer_result(const struct call_args *args, struct reg *out)
{
	const struct helper_proto *proto = args->proto;

	*out = reg_unknown();
	if (proto->flags & HELPER_RET_RANGE)
		out->val = scalar_srange(proto->ret_min, proto->ret_max);
	else if (proto->flags & HELPER_RET_SIZE_BOUND)
		out->val = scalar_srange(-4095, MAX(args->mem_max, 0));
}

/*
 * Looking up a constant key inside a plain array always finds it. Inner maps may have fewer
 * entries than their template, if that says so.
 */
static bool always_found(struct env *env, const struct call_args *args)
{
	const struct map_facts *facts = env->maps.data[args->map].facts;

	if (args->proto->id != BPF_FUNC_map_lookup_elem || !args->has_key ||
	    (facts->type != BPF_MAP_TYPE_ARRAY && facts->type != BPF_MAP_TYPE_PERCPU_ARRAY) ||
	    args->key >= facts->max_entries ||
	    (args->map >= env->n_maps && facts->flags & BPF_F_INNER_MAP))
		return false;
	mark_precise(env, &args->key_reg);
	return true;
}

static int btf_result(struct env *env, const struct helper_proto *proto, struct reg *out)
{
	const struct btf *btf = env->req->model->btf;
	s32 id = btf && proto->ret_btf_name ? btf_find(btf, proto->ret_btf_name, BTF_KIND_STRUCT)
					    : -ENOENT;

	if (id <= 0)
		return refuse(env, -EINVAL, "unsupported", "no BTF of what bpf_%s returns",
			      proto->name);
	*out = reg_pointer(REG_BTF, proto->ret & RET_TRUSTED ? REG_TRUSTED : 0);
	out->btf_id = (u32)id;
	return 0;
}

/* The template of maps inside this one, as an entry of env->maps. */
static s64 inner_map(struct env *env, const struct map_facts *inner)
{
	for (u32 i = env->n_maps; i < env->maps.len; i++)
		if (env->maps.data[i].facts == inner)
			return i;
	if (!inner)
		return refuse(env, -EINVAL, "unsupported", "map in map without an inner map");
	if (!vec_push(&env->maps, (struct map_ref){ .facts = inner }))
		return explore_failed(env);
	return (s64)env->maps.len - 1;
}

/* What is found in a map: a value, or in some types an object. */
static int lookup_result(struct env *env, const struct call_args *args, struct reg *out)
{
	const struct map_facts *facts = env->maps.data[args->map].facts;
	s64 inner;

	switch (facts->type) {
	case BPF_MAP_TYPE_ARRAY_OF_MAPS:
	case BPF_MAP_TYPE_HASH_OF_MAPS:
		inner = inner_map(env, facts->inner);
		if (inner < 0)
			return (int)inner;
		*out = reg_pointer(REG_MAP, 0);
		out->map = (u32)inner;
		/* Two of them may be different maps, of which one has the timer. */
		if (btf_record_has(&facts->inner->record, SPECIAL_ASYNC))
			out->uid = new_id(env);
		return 0;
	case BPF_MAP_TYPE_SOCKMAP:
	case BPF_MAP_TYPE_SOCKHASH:
		*out = reg_pointer(REG_SOCKET, 0);
		return 0;
	case BPF_MAP_TYPE_XSKMAP:
		*out = reg_pointer(REG_XDP_SOCK, 0);
		return 0;
	default:
		*out = reg_pointer(REG_MAP_VALUE, 0);
		out->map = args->map;
		out->uid = args->map_uid;
		return 0;
	}
}

/* A variable of one CPU: an object, or plain memory. */
static int percpu_result(struct env *env, const struct call_args *args, struct reg *out)
{
	const struct btf *btf = env->req->model->btf;
	const struct btf_type *type = btf_resolve(btf, args->percpu_btf_id, NULL);
	s64 size;

	/* Of memory that the program allocated: it may be written as long as RCU keeps it. */
	if (args->percpu_own) {
		*out = reg_pointer(REG_BTF, REG_OWN_TYPE | REG_RCU);
		out->btf_id = args->percpu_btf_id;
		return 0;
	}
	if (type && btf_is_composite(type)) {
		*out = reg_pointer(REG_BTF, 0);
		out->btf_id = args->percpu_btf_id;
		return 0;
	}
	size = btf_size(btf, args->percpu_btf_id);
	if (size < 0 || size > INT32_MAX)
		return refuse(env, -EINVAL, "argument-type",
			      "unable to resolve the size of type '%s': %lld",
			      type ? btf_name(btf, type->name_off) : "?", (long long)size);
	*out = reg_pointer(REG_MEM, REG_RDONLY);
	out->size = (u32)size;
	return 0;
}

static int pointer_result(struct env *env, const struct call_args *args, struct reg *out)
{
	const struct helper_proto *proto = args->proto;

	switch (proto->ret & RET_BASE_MASK) {
	case RET_PTR_TO_MAP_VALUE:
		if (!args->has_map)
			return refuse(env, -EINVAL, "bad-prototype",
				      "kernel subsystem misconfigured verifier");
		return lookup_result(env, args, out);
	case RET_PTR_TO_MEM:
		*out = reg_pointer(REG_MEM, 0);
		out->size = proto->ret_size;
		return 0;
	case RET_PTR_TO_DYNPTR_MEM:
		*out = dynptr_slice(&args->dynptr, args->alloc_size, 0);
		return 0;
	case RET_PTR_TO_ALLOC_MEM:
	case RET_PTR_TO_RINGBUF_MEM:
		if (args->alloc_size > UINT32_MAX / 2)
			return refuse(env, -EACCES, "out-of-bounds", "allocation of %llu bytes",
				      (unsigned long long)args->alloc_size);
		*out = reg_pointer(REG_MEM, 0);
		out->size = (u32)args->alloc_size;
		if ((proto->ret & RET_BASE_MASK) == RET_PTR_TO_RINGBUF_MEM)
			out->flags |= REG_RINGBUF;
		return 0;
	case RET_PTR_TO_MEM_OR_BTF_ID:
		return percpu_result(env, args, out);
	case RET_PTR_TO_BTF_ID:
		if (args->kptr) {
			kptr_xchg_result(&(struct kptr_place){ args->kptr, args->kptr_btf }, out);
			return 0;
		}
		return btf_result(env, proto, out);
	case RET_PTR_TO_SOCKET:
		*out = reg_pointer(REG_SOCKET, 0);
		return 0;
	case RET_PTR_TO_TCP_SOCK:
		*out = reg_pointer(REG_TCP_SOCK, 0);
		return 0;
	case RET_PTR_TO_SOCK_COMMON:
		*out = reg_pointer(REG_SOCK_COMMON, 0);
		return 0;
	default:
		return refuse(env, -EINVAL, "unsupported", "unknown return type of func bpf_%s#%u",
			      proto->name, proto->id);
	}
}

static bool is_cast(u32 id)
{
	switch (id) {
	case BPF_FUNC_sk_fullsock:
	case BPF_FUNC_tcp_sock:
	case BPF_FUNC_skc_to_tcp_sock:
	case BPF_FUNC_skc_to_tcp6_sock:
	case BPF_FUNC_skc_to_tcp_timewait_sock:
	case BPF_FUNC_skc_to_tcp_request_sock:
	case BPF_FUNC_skc_to_udp6_sock:
	case BPF_FUNC_skc_to_mptcp_sock:
		return true;
	default:
		return false;
	}
}

int set_result(struct env *env, const struct call_args *args)
{
	const struct helper_proto *proto = args->proto;
	u32 base = proto->ret & RET_BASE_MASK;
	struct reg out;
	int err;

	if (base == RET_VOID)
		return 0;
	if (base == RET_INTEGER) {
		integer_result(args, &out);
		set_reg(env, 0, &out);
		return 0;
	}
	err = pointer_result(env, args, &out);
	if (err)
		return err;
	if ((proto->ret & RET_RDONLY) && out.kind != REG_BTF)
		out.flags |= REG_RDONLY;
	if ((proto->ret & RET_MAYBE_NULL) && !(out.kind == REG_MAP_VALUE && always_found(env, args))) {
		out.flags |= REG_MAYBE_NULL;
		out.id = new_id(env);
	} else if (reg_has_lock(env, &out)) {
		out.id = new_id(env);
	}
	/* The same object by another name: it goes when the one it was made from is released. */
	if (is_cast(proto->id))
		out.ref = args->held;
	/* A record must be released, or the ring stops; a socket from a map is held. */
	if ((proto->ret & RET_ACQUIRES) || base == RET_PTR_TO_RINGBUF_MEM ||
	    (base == RET_PTR_TO_MAP_VALUE && out.kind == REG_SOCKET)) {
		err = ref_acquire(env, &out.ref);
		if (err)
			return err;
		/* NULL stands for no reference: branch.c. */
		if (out.flags & REG_MAYBE_NULL)
			out.id = out.ref;
	}
	set_reg(env, 0, &out);
	return 0;
}
