/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/ctx_type.h"
#include "btf/btf.h"

/*
 * A Linux BTF has a struct bpf_ctx_convert with two members a program type, BPF_PROG_TYPE_XDP_prog
 * and BPF_PROG_TYPE_XDP_kern: what programs see and what it stands for. Its order is the order of
 * this list, which is the order of the types in Linux's own.
 */
static const struct {
	u32 type;
	const char *member;
} members[] = {
#define TYPE(name) { BPF_PROG_TYPE_##name, "BPF_PROG_TYPE_" #name }
	TYPE(SOCKET_FILTER), TYPE(SCHED_CLS),	  TYPE(SCHED_ACT),
	TYPE(XDP),	     TYPE(CGROUP_SKB),	  TYPE(CGROUP_SOCK),
	TYPE(CGROUP_SOCK_ADDR), TYPE(LWT_IN),	  TYPE(LWT_OUT),
	TYPE(LWT_XMIT),	     TYPE(LWT_SEG6LOCAL), TYPE(SOCK_OPS),
	TYPE(SK_SKB),	     TYPE(SK_MSG),	  TYPE(FLOW_DISSECTOR),
	TYPE(KPROBE),	     TYPE(TRACEPOINT),	  TYPE(PERF_EVENT),
	TYPE(RAW_TRACEPOINT), TYPE(RAW_TRACEPOINT_WRITABLE), TYPE(TRACING),
	TYPE(CGROUP_DEVICE), TYPE(CGROUP_SYSCTL), TYPE(CGROUP_SOCKOPT),
	TYPE(SK_REUSEPORT),  TYPE(SK_LOOKUP),	  TYPE(SYSCALL),
	{ 32, "BPF_PROG_TYPE_NETFILTER" },
};

/* The struct of that member of bpf_ctx_convert; 0: no such member, or no struct. */
static u32 converted(const struct env *env, const char *suffix)
{
	const struct btf *btf = env->req->model->btf;
	s32 convert = btf ? btf_find(btf, "bpf_ctx_convert", BTF_KIND_STRUCT) : -ENOENT;
	struct btf_field field;
	char name[64];

	for (u32 i = 0; convert > 0 && i < ARRAY_SIZE(members); i++) {
		const struct btf_type *type;
		u32 id;

		if (members[i].type != env->type->type)
			continue;
		text_format(name, sizeof(name), "%s_%s", members[i].member, suffix);
		if (btf_find_member(btf, (u32)convert, name, &field))
			return 0;
		type = btf_resolve(btf, field.type_id, &id);
		return type && btf_kind(type) == BTF_KIND_STRUCT ? id : 0;
	}
	return 0;
}

bool ctx_is_projection(const char *name, const char *kernel_name)
{
	return (str_eq(name, "__sk_buff") && str_eq(kernel_name, "sk_buff")) ||
	       (str_eq(name, "xdp_md") && str_eq(kernel_name, "xdp_buff"));
}

bool ctx_is_struct(const struct env *env, const char *name)
{
	const struct btf *btf = env->req->model->btf;
	const char *own = env->ctx ? env->ctx->name : NULL;
	u32 id = env->req->ctx ? 0 : converted(env, "prog");

	if (id)
		own = btf_name(btf, btf_type(btf, id)->name_off);
	return own && own[0] && (str_eq(own, name) || ctx_is_projection(own, name));
}

u32 ctx_kernel_type(const struct env *env)
{
	return converted(env, "kern");
}
