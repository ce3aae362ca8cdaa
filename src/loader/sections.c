/* SPDX-License-Identifier: Apache-2.0 */
/* Section names that the installed libbpf does not know, added to those it does. */
#include "loader/parts.h"

#include <string.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "loader/libbpf_os.h"

/* Attach types that are newer than some systems' <linux/bpf.h>. */
enum {
	NETFILTER = 45,
	TCX_INGRESS = 46,
	TCX_EGRESS = 47,
	UPROBE_MULTI = 48,
	UNIX_CONNECT = 49,
	UNIX_SENDMSG = 50,
	UNIX_RECVMSG = 51,
	UNIX_GETPEERNAME = 52,
	UNIX_GETSOCKNAME = 53,
	NETKIT_PRIMARY = 54,
	NETKIT_PEER = 55,
	KPROBE_SESSION = 56,
	UPROBE_SESSION = 57,
	FSESSION = 58,
};

#define PROG_TYPE_NETFILTER 32

enum { PLAIN, SLEEPABLE = 1, TO_BTF = 2 };

/*
 * A name that ends in + may go on with /more. Those that libbpf knows are registered only if
 * it does not, which the example tells.
 */
static const struct section {
	const char *section, *example;
	u32 type;
	u32 attach_type;
	long flags;
} newer_sections[] = {
	{ "kprobe.session+", "kprobe.session", BPF_PROG_TYPE_KPROBE, KPROBE_SESSION, PLAIN },
	{ "uprobe.multi+", "uprobe.multi", BPF_PROG_TYPE_KPROBE, UPROBE_MULTI, PLAIN },
	{ "uretprobe.multi+", "uretprobe.multi", BPF_PROG_TYPE_KPROBE, UPROBE_MULTI, PLAIN },
	{ "uprobe.session+", "uprobe.session", BPF_PROG_TYPE_KPROBE, UPROBE_SESSION, PLAIN },
	{ "uprobe.multi.s+", "uprobe.multi.s", BPF_PROG_TYPE_KPROBE, UPROBE_MULTI, SLEEPABLE },
	{ "uretprobe.multi.s+", "uretprobe.multi.s", BPF_PROG_TYPE_KPROBE, UPROBE_MULTI,
	  SLEEPABLE },
	{ "uprobe.session.s+", "uprobe.session.s", BPF_PROG_TYPE_KPROBE, UPROBE_SESSION,
	  SLEEPABLE },
	{ "usdt.s+", "usdt.s", BPF_PROG_TYPE_KPROBE, 0, SLEEPABLE },
	{ "tc/ingress", "tc/ingress", BPF_PROG_TYPE_SCHED_CLS, TCX_INGRESS, PLAIN },
	{ "tc/egress", "tc/egress", BPF_PROG_TYPE_SCHED_CLS, TCX_EGRESS, PLAIN },
	{ "tcx/ingress", "tcx/ingress", BPF_PROG_TYPE_SCHED_CLS, TCX_INGRESS, PLAIN },
	{ "tcx/egress", "tcx/egress", BPF_PROG_TYPE_SCHED_CLS, TCX_EGRESS, PLAIN },
	{ "netkit/primary", "netkit/primary", BPF_PROG_TYPE_SCHED_CLS, NETKIT_PRIMARY, PLAIN },
	{ "netkit/peer", "netkit/peer", BPF_PROG_TYPE_SCHED_CLS, NETKIT_PEER, PLAIN },
	{ "fsession+", "fsession", BPF_PROG_TYPE_TRACING, FSESSION, TO_BTF },
	{ "fsession.s+", "fsession.s", BPF_PROG_TYPE_TRACING, FSESSION, TO_BTF | SLEEPABLE },
	{ "sk_skb/verdict", "sk_skb/verdict", BPF_PROG_TYPE_SK_SKB, BPF_SK_SKB_VERDICT, PLAIN },
	{ "cgroup/connect_unix", "cgroup/connect_unix", BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
	  UNIX_CONNECT, PLAIN },
	{ "cgroup/sendmsg_unix", "cgroup/sendmsg_unix", BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
	  UNIX_SENDMSG, PLAIN },
	{ "cgroup/recvmsg_unix", "cgroup/recvmsg_unix", BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
	  UNIX_RECVMSG, PLAIN },
	{ "cgroup/getpeername_unix", "cgroup/getpeername_unix", BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
	  UNIX_GETPEERNAME, PLAIN },
	{ "cgroup/getsockname_unix", "cgroup/getsockname_unix", BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
	  UNIX_GETSOCKNAME, PLAIN },
	{ "raw_tp.s+", "raw_tp.s", BPF_PROG_TYPE_RAW_TRACEPOINT, 0, SLEEPABLE },
	{ "raw_tracepoint.s+", "raw_tracepoint.s", BPF_PROG_TYPE_RAW_TRACEPOINT, 0, SLEEPABLE },
	{ "tp.s+", "tp.s", BPF_PROG_TYPE_TRACEPOINT, 0, SLEEPABLE },
	{ "tracepoint.s+", "tracepoint.s", BPF_PROG_TYPE_TRACEPOINT, 0, SLEEPABLE },
	{ "struct_ops.s+", "struct_ops.s", BPF_PROG_TYPE_STRUCT_OPS, 0, SLEEPABLE },
	{ "netfilter", "netfilter", PROG_TYPE_NETFILTER, NETFILTER, PLAIN },
};

static int prepare_newer(struct bpf_program *prog, struct bpf_prog_load_opts *opts, long flags)
{
	const char *target = strchr(bpf_program__section_name(prog), '/');
	int id;

	if (flags & SLEEPABLE)
		opts->prog_flags |= BPF_F_SLEEPABLE;
	if (!(flags & TO_BTF) || opts->attach_btf_id)
		return 0;
	id = target
		 ? libbpf_find_vmlinux_btf_id(target + 1, bpf_program__expected_attach_type(prog))
		 : -EINVAL;
	if (id < 0)
		return id;
	opts->attach_btf_id = (__u32)id;
	return 0;
}

/* SEC("skep/NAME"): the context is told by number. */
static int setup_custom(struct bpf_program *prog, long cookie)
{
	const struct loader_kernel *kernel = libbpf_current();
	const char *name = bpf_program__section_name(prog) + strlen("skep/");
	int id;

	if (!kernel || !kernel->context)
		return 0;
	id = kernel->context(kernel->data, name);
	if (id > 0)
		bpf_program__set_expected_attach_type(prog, (enum bpf_attach_type)id);
	return 0;
}

void sections_register(void)
{
	LIBBPF_OPTS(libbpf_prog_handler_opts, custom, .prog_setup_fn = setup_custom);
	enum bpf_prog_type type;
	enum bpf_attach_type attach_type;

	for (size_t i = 0; i < ARRAY_SIZE(newer_sections); i++) {
		const struct section *section = &newer_sections[i];
		LIBBPF_OPTS(libbpf_prog_handler_opts, opts, .cookie = section->flags,
			    .prog_prepare_load_fn = prepare_newer);

		if (libbpf_prog_type_by_name(section->example, &type, &attach_type))
			libbpf_register_prog_handler(section->section, section->type,
						     section->attach_type, &opts);
	}
	libbpf_register_prog_handler("skep/", (enum bpf_prog_type)PROG_TYPE_CUSTOM, 0, &custom);
}

/* Contexts that belong to one program type, or to one that is the most permissive. */
static const struct {
	const char *ctx;
	enum bpf_prog_type type;
} guesses[] = {
	{ "xdp_md", BPF_PROG_TYPE_XDP },
	{ "__sk_buff", BPF_PROG_TYPE_SCHED_CLS },
	{ "pt_regs", BPF_PROG_TYPE_KPROBE },
	{ "bpf_sock_ops", BPF_PROG_TYPE_SOCK_OPS },
	{ "sk_msg_md", BPF_PROG_TYPE_SK_MSG },
	{ "bpf_raw_tracepoint_args", BPF_PROG_TYPE_RAW_TRACEPOINT },
	{ "bpf_perf_event_data", BPF_PROG_TYPE_PERF_EVENT },
	{ "bpf_cgroup_dev_ctx", BPF_PROG_TYPE_CGROUP_DEVICE },
	{ "bpf_sysctl", BPF_PROG_TYPE_CGROUP_SYSCTL },
};

/* The name of the struct that the program's only argument points to, or "". */
static const char *context_name(const struct btf *btf, const char *program)
{
	int id = btf ? btf__find_by_name_kind(btf, program, BTF_KIND_FUNC) : -1;
	const struct btf_type *t = id > 0 ? btf__type_by_id(btf, (u32)id) : NULL;

	t = t ? btf__type_by_id(btf, t->type) : NULL;
	if (!t || btf_vlen(t) != 1)
		return "";
	t = btf__type_by_id(btf, btf_params(t)[0].type);
	if (!t || !btf_is_ptr(t))
		return "";
	t = btf__type_by_id(btf, t->type);
	return t && btf_is_struct(t) ? btf__name_by_offset(btf, t->name_off) : "";
}

void section_guess_type(struct loader *loader, u32 prog)
{
	const char *name = context_name(bpf_object__btf(loader->object), loader->progs[prog].name);

	for (size_t i = 0; i < ARRAY_SIZE(guesses); i++)
		if (strcmp(guesses[i].ctx, name) == 0)
			loader_set_type(loader, prog, guesses[i].type, 0);
}
