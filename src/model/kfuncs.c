/* SPDX-License-Identifier: Apache-2.0 */
/* kfuncs.def put together with the BTF of one kernel. */
#include "model/kfuncs.h"
#include "btf/btf.h"
#include "helpers/kfuncs.h"
#include "os/os.h"

#define T(type) (1ull << BPF_PROG_TYPE_##type)

/*
 * Who may call what. Linux registers sets of kfuncs for hooks, and program types share hooks:
 * what is registered for one of the cgroup types, all of them may call.
 */
#define HOOK_TRACING (T(TRACING) | T(TRACEPOINT) | T(PERF_EVENT) | T(LSM))
#define HOOK_CGROUP                                                                                \
	(T(CGROUP_SKB) | T(CGROUP_SOCK) | T(CGROUP_DEVICE) | T(CGROUP_SOCK_ADDR) |                 \
	 T(CGROUP_SOCKOPT) | T(CGROUP_SYSCTL) | T(SOCK_OPS))
#define HOOK_LWT (T(LWT_IN) | T(LWT_OUT) | T(LWT_XMIT) | T(LWT_SEG6LOCAL))

/* Attach types newer than the headers that we build with. */
#define ATTACH_KPROBE_SESSION 56
#define ATTACH_UPROBE_SESSION 57

#define SET_COMMON     (~0ull)
#define SET_TRACING    HOOK_TRACING
#define SET_CGROUP     HOOK_CGROUP
#define SET_XDP	       T(XDP)
#define SET_SCHED_CLS  T(SCHED_CLS)
#define SET_SYSCALL    T(SYSCALL)
#define SET_KPROBE     T(KPROBE)
#define SET_STRUCT_OPS T(STRUCT_OPS)
#define SET_GENERIC                                                                                \
	(HOOK_TRACING | HOOK_CGROUP | T(SCHED_CLS) | T(XDP) | T(STRUCT_OPS) | T(SYSCALL))
#define SET_CPUMASK (HOOK_TRACING | T(STRUCT_OPS) | T(SYSCALL))
#define SET_SKB                                                                                    \
	(HOOK_TRACING | HOOK_CGROUP | HOOK_LWT | T(SCHED_CLS) | T(SCHED_ACT) | T(SK_SKB) |         \
	 T(SOCKET_FILTER) | 1ull << 32 /* NETFILTER: newer than the headers that we build with */)
#define SET_SKB_META  (T(SCHED_CLS) | T(SCHED_ACT))
#define SET_CONNTRACK (T(SCHED_CLS) | T(XDP))
#define SET_CRYPTO    (T(SCHED_CLS) | T(SCHED_ACT) | T(XDP))
#define SET_TEST      (HOOK_TRACING | T(SCHED_CLS) | T(SYSCALL))

static const struct {
	const char *name;
	u64 types;
	u32 flags;
	u8 filter;
} facts[KFUNC_COUNT] = {
#define KFUNC(text, bits, set, condition)                                                          \
	{ .name = #text, .types = SET_##set, .flags = bits, .filter = KFUNC_FILTER_##condition },
#include "model/kfuncs.def"
};

const char *kfunc_name(enum kfunc_id id)
{
	return id < KFUNC_COUNT ? facts[id].name : "?";
}

u32 kfunc_flags(enum kfunc_id id)
{
	return id < KFUNC_COUNT ? facts[id].flags : 0;
}

int model_kfuncs_init(struct kernel_model *model)
{
	struct kfunc_proto *kfuncs = os_alloc(KFUNC_COUNT * sizeof(*kfuncs));

	if (!kfuncs)
		return -ENOMEM;
	for (u32 i = 0; i < KFUNC_COUNT; i++) {
		s32 id = model->btf ? btf_find(model->btf, facts[i].name, BTF_KIND_FUNC) : -ENOENT;

		kfuncs[i] = (struct kfunc_proto){
			.call = { .id = KFUNC_FIRST_CALL + i, .name = facts[i].name,
				  .fn = kfunc_fn(i) },
			.id = i,
			.btf_id = id > 0 ? (u32)id : 0,
			.flags = facts[i].flags,
			.types = facts[i].types,
			.filter = facts[i].filter,
		};
	}
	model->kfuncs = kfuncs;
	return 0;
}

void model_kfuncs_release(struct kernel_model *model)
{
	os_free((void *)model->kfuncs);
	model->kfuncs = NULL;
}

const struct kfunc_proto *model_kfunc(const struct kernel_model *model, u32 btf_id)
{
	for (u32 i = 0; model->kfuncs && btf_id && i < KFUNC_COUNT; i++)
		if (model->kfuncs[i].btf_id == btf_id)
			return &model->kfuncs[i];
	return NULL;
}

static bool passes_filter(const struct kfunc_proto *kfunc, u32 prog_type, u32 attach_type)
{
	switch ((enum kfunc_filter)kfunc->filter) {
	case KFUNC_FILTER_LSM:
		return prog_type == BPF_PROG_TYPE_LSM;
	case KFUNC_FILTER_ITER:
		return attach_type == BPF_TRACE_ITER;
	case KFUNC_FILTER_SESSION:
		return attach_type == ATTACH_KPROBE_SESSION || attach_type == ATTACH_UPROBE_SESSION;
	case KFUNC_FILTER_ANY:
	case KFUNC_FILTER_DEVICE_BOUND: /* the verifier's: it has words of its own */
		break;
	}
	return true;
}

bool model_kfunc_allowed(const struct kfunc_proto *kfunc, u32 prog_type, u32 attach_type)
{
	/* An embedder's program is asked for like a tracing one. */
	u32 type = prog_type == PROG_TYPE_CUSTOM ? BPF_PROG_TYPE_TRACING : prog_type;

	return type < 64 && kfunc->types >> type & 1 && passes_filter(kfunc, prog_type, attach_type);
}
