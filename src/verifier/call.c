/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls of helpers: may this program call it, are the arguments right (args.c), and what
 * is known of the machine afterwards.
 */
#include "btf/btf.h"
#include "verifier/args.h"

/* The prototype, if this program may call the helper. */
static int find_helper(struct env *env, u32 id, const struct helper_proto **out)
{
	const struct verify_request *req = env->req;
	const struct helper_proto *known = model_helper(req->model, id);
	const struct helper_proto *proto;
	enum privilege privilege = req->privileged ? PRIVILEGE_PERFMON : PRIVILEGE_NONE;

	if (!id)
		return refuse(env, -EINVAL, "unknown-helper",
			      "program of this type cannot use helper bpf_unspec#0");
	if (!known)
		return refuse(env, -EINVAL, "unknown-helper", "invalid func unknown#%d", (s32)id);
	proto = model_prog_helper(req->model, env->type, req->expected_attach_type, privilege, id);
	if (!proto)
		return refuse(env, -EINVAL, "helper-not-allowed",
			      "program of this type cannot use helper bpf_%s#%u", known->name, id);
	if ((proto->flags & HELPER_ABSENT) && !req->verify_only)
		return refuse(env, -EINVAL, "helper-absent",
			      "unknown func bpf_%s#%u: Skep does not have this helper", proto->name,
			      id);
	if ((proto->flags & HELPER_GPL_ONLY) && !req->gpl_compatible)
		return refuse(env, -EINVAL, "gpl-only",
			      "cannot call GPL-restricted function from non-GPL compatible program");
	if ((proto->flags & HELPER_MIGHT_SLEEP) && !(req->prog_flags & BPF_F_SLEEPABLE))
		return refuse(env, -EINVAL, "sleep-in-atomic",
			      "helper call might sleep in a non-sleepable prog");
	*out = proto;
	return 0;
}

static int note_helper(struct env *env, const struct helper_proto *proto)
{
	struct insn_aux *aux = &env->aux[env->at];

	if (aux->call)
		return 0;
	for (u32 i = 0; i < env->calls.len; i++) {
		if (env->calls.data[i] == proto) {
			aux->call = i + 1;
			return 0;
		}
	}
	if (!vec_push(&env->calls, proto))
		return -ENOMEM;
	aux->call = (u32)env->calls.len;
	return 0;
}

/* ---- what a call makes void ---- */

int forget_packet(struct env *env)
{
	struct reg_iter it = REG_ITER(env->cur);
	const struct reg *reg;

	while ((reg = reg_iter_next(&it))) {
		struct reg *rw;

		if (!reg_is_packet(reg) && reg->kind != REG_PACKET_END)
			continue;
		rw = reg_iter_rw(&env->pool, &it);
		if (!rw)
			return explore_failed(env);
		/* The privileged may still look at the number; in a spill the bytes stay anyway. */
		*rw = env->allow_ptr_leaks || it.at > BPF_REGS ? reg_unknown() : (struct reg){ 0 };
	}
	return 0;
}

/* Pointers that stand for a released reference are numbers now. */
static int forget_reference(struct env *env, u32 ref)
{
	struct reg_iter it = REG_ITER(env->cur);
	const struct reg *reg;

	while ((reg = reg_iter_next(&it))) {
		struct reg *rw;

		if (reg->ref != ref)
			continue;
		rw = reg_iter_rw(&env->pool, &it);
		if (!rw)
			return explore_failed(env);
		*rw = env->allow_ptr_leaks || it.at > BPF_REGS ? reg_unknown() : (struct reg){ 0 };
	}
	return 0;
}

void forget_caller_saved(struct env *env)
{
	for (u32 i = 0; i <= 5; i++) {
		cur_reg(env, i)->kind = REG_UNINIT;
		reg_changed(env, i);
	}
}

static int release(struct env *env, const struct call_args *args)
{
	if (!args->release_ref)
		return 0;
	if (!ref_release(env, args->release_ref))
		return refuse(env, -EINVAL, "release-unacquired",
			      "func bpf_%s#%u reference has not been acquired before",
			      args->proto->name, args->proto->id);
	return forget_reference(env, args->release_ref);
}

/* ---- the result ---- */

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
	case RET_PTR_TO_BTF_ID:
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

static int set_result(struct env *env, const struct call_args *args)
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
	if (proto->ret & RET_RDONLY)
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

/* ---- bpf_tail_call ---- */

/*
 * The call replaces this function's frame, if it succeeds: its caller goes on with any r0,
 * and finds a packet that the other program may have moved. If it fails, this path goes on.
 */
static int tail_call(struct env *env)
{
	struct state *returned, *cur = env->cur;
	int err;

	err = ref_check_none(env, "tail_call");
	if (err || !env->cur->depth)
		return err;
	if (state_top(env->cur)->in_callback)
		return refuse(env, -EINVAL, "unsupported", "tail_call in a callback is not supported");
	returned = push_path(env, (u32)state_top(env->cur)->callsite + 1);
	if (!returned)
		return explore_failed(env);
	frame_put(&env->pool, state_top(returned));
	returned->depth--;
	env->cur = returned;
	if (!state_frame_rw(&env->pool, returned, returned->depth)) {
		err = explore_failed(env);
	} else {
		*cur_reg(env, 0) = reg_unknown();
		err = forget_packet(env);
	}
	env->cur = cur;
	return err;
}

static int helper_call(struct env *env, const struct bpf_insn *insn)
{
	struct call_args args = { 0 };
	int err;

	err = find_helper(env, (u32)insn->imm, &args.proto);
	if (!err)
		err = note_helper(env, args.proto);
	if (!err)
		err = args_check(env, &args);
	if (!err)
		err = release(env, &args);
	if (!err && (args.proto->flags & HELPER_TAIL_CALL))
		err = tail_call(env);
	if (!err && args.has_callback)
		err = callback_call(env, &args);
	if (err)
		return err;
	forget_caller_saved(env);
	err = set_result(env, &args);
	if (!err && (args.proto->flags & HELPER_CHANGES_PACKET))
		err = forget_packet(env);
	return err;
}

int call_step(struct env *env, const struct bpf_insn *insn)
{
	int err = check_call_with_lock(env, insn);

	if (err)
		return err;
	env->jumps++;
	if (insn->src_reg == BPF_PSEUDO_CALL)
		return subprog_call(env);
	return helper_call(env, insn);
}

/* ---- LD_ABS and LD_IND ---- */

int ld_packet_step(struct env *env, const struct bpf_insn *insn)
{
	struct reg out;
	int err;

	if (!env->type->legacy_packet)
		return refuse(env, -EINVAL, "legacy-packet",
			      "BPF_LD_[ABS|IND] instructions not allowed for this program type");
	/* They may end the program, and what is held then would be lost. */
	err = ref_check_none(env, "BPF_LD_[ABS|IND]");
	if (!err)
		err = check_read(env, 6);
	if (err)
		return err;
	if (cur_reg(env, 6)->kind != REG_CTX)
		return refuse(env, -EINVAL, "legacy-packet",
			      "at the time of BPF_LD_ABS|IND R6 != pointer to skb");
	err = check_pointer_off(env, 6, cur_reg(env, 6));
	if (!err && BPF_MODE(insn->code) == BPF_IND) {
		err = check_read(env, insn->src_reg);
		if (!err && leaks_pointer(env, cur_reg(env, insn->src_reg)))
			err = refuse(env, -EACCES, "pointer-leak",
				     "R%u leaks addr into helper function", insn->src_reg);
	}
	/* Outside the packet the function returns 0 at once. */
	if (!err && env->cur->depth)
		err = early_return(env);
	if (err)
		return err;
	forget_caller_saved(env);
	out = reg_unknown();
	out.val = scalar_load(BPF_SIZE(insn->code) == BPF_B   ? 8
			      : BPF_SIZE(insn->code) == BPF_H ? 16
							      : 32,
			      false);
	set_reg(env, 0, &out);
	return 0;
}
