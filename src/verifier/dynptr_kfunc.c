/* SPDX-License-Identifier: Apache-2.0 */
/* Dynptrs as arguments of kfuncs, and the slices that two of them give. */
#include "helpers/kfuncs.h"
#include "verifier/kfunc.h"

/* The kind of the dynptr that the call makes: of what it is made, or as the one it is a clone of. */
static u32 new_kind(const struct kfunc_call *call)
{
	switch (call->kfunc->id) {
	case KFUNC_bpf_dynptr_from_skb:
		return DYNPTR_SKB;
	case KFUNC_bpf_dynptr_from_xdp:
		return DYNPTR_XDP;
	case KFUNC_bpf_dynptr_from_skb_meta:
		return DYNPTR_SKB_META;
	case KFUNC_bpf_dynptr_clone:
		return call->dynptr.kind;
	default:
		return DYNPTR_NONE;
	}
}

int kfunc_dynptr(struct env *env, struct kfunc_call *call, struct kfunc_arg *arg)
{
	bool uninit = karg_has_suffix(call, arg->index, "__uninit");
	u32 kind = uninit ? new_kind(call) : DYNPTR_NONE;
	u32 flags = uninit ? ARG_MEM_UNINIT | dynptr_kind_flags(kind) : ARG_MEM_RDONLY;
	struct dynptr_arg dynptr;
	int err = arg->reg.kind == REG_DYNPTR ? check_pointer_off(env, arg->regno, &arg->reg) : 0;

	if (!err && uninit && !kind)
		err = refuse(env, -EFAULT, "bad-prototype",
			     "kernel function %s makes dynptrs of an unknown kind",
			     call->kfunc->call.name);
	if (!err)
		err = dynptr_arg_check(env, arg->regno, flags, call->dynptr.ref, &dynptr);
	if (!err && !uninit)
		call->dynptr = dynptr;
	return err;
}

/*
 * A slice is the dynptr's own memory, or a copy of it in the buffer that the program gave.
 * Skep's packets are in one piece, so it never is the buffer; the verifier could not tell the
 * two apart if the program went on using the buffer for something else.
 */
int kfunc_slice_result(struct env *env, const struct kfunc_call *call, struct reg *out)
{
	bool writes = call->kfunc->id == KFUNC_bpf_dynptr_slice_rdwr;
	u32 flags = writes ? 0 : REG_RDONLY;

	if (!call->has_const)
		return refuse(env, -EFAULT, "bad-prototype",
			      "%s() no const size", call->kfunc->call.name);
	if (writes && !env->type->packet_write && env->type->type != BPF_PROG_TYPE_CGROUP_SOCKOPT)
		return refuse(env, -EINVAL, "packet-readonly",
			      "the prog does not allow writes to packet data");
	if (call->dynptr.kind == DYNPTR_SKB || call->dynptr.kind == DYNPTR_XDP ||
	    call->dynptr.kind == DYNPTR_SKB_META)
		flags |= REG_IN_PACKET;
	*out = dynptr_slice(&call->dynptr, call->constant, flags | call->dynptr.flags);
	return 0;
}

/* Where a program may not write to packets, its dynptrs of them are read-only. */
const struct helper_proto *kfunc_dynptr_proto(const struct env *env, const struct kfunc_call *call)
{
	if (call->kfunc->id == KFUNC_bpf_dynptr_from_skb && !env->type->packet_write)
		return &kfunc_dynptr_from_skb_rdonly;
	return &call->kfunc->call;
}
