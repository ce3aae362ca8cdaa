/* SPDX-License-Identifier: Apache-2.0 */
/* The program types of Linux, as tables: context, helpers, what a program may do and return. */
#include "model/prog_types.h"
#include "helpers/helpers.h"
#include "model/layouts.h"

#define TYPE(number, text, ...) [number] = { .type = number, .name = text, __VA_ARGS__ }
#define SET(name)               &helper_set_##name
#define SETS(...)               ((const struct helper_set *const[]){ __VA_ARGS__, NULL })

/* Asked in order: where two sets hold a helper with different prototypes, the first one counts. */
#define TRACING_SETS SETS(SET(tracing), SET(cookie), SET(base))
#define SCHED_SETS   SETS(SET(sched), SET(socket_storage), SET(sk_cast), SET(base))

/*
 * What programs return, by attach type. Some attach types are newer than the headers that we
 * build with, and so are numbers here.
 */
#define AT(number)      (1ull << (number))
#define AT_UNIX_RECVMSG AT(51)
#define AT_UNIX_NAMES   (AT(52) | AT(53)) /* getpeername, getsockname */
#define AT_SESSIONS     (AT(56) | AT(57)) /* kprobe, uprobe */

/* What a program may be loaded for, where Linux asks already then. */
#define AT_CGROUP_SOCK                                                        \
	(AT(BPF_CGROUP_INET_SOCK_CREATE) | AT(BPF_CGROUP_INET_SOCK_RELEASE) | \
	 AT(BPF_CGROUP_INET4_POST_BIND) | AT(BPF_CGROUP_INET6_POST_BIND))
#define AT_INET(n)                                                                     \
	(AT(BPF_CGROUP_INET##n##_BIND) | AT(BPF_CGROUP_INET##n##_CONNECT) |            \
	 AT(BPF_CGROUP_INET##n##_GETPEERNAME) | AT(BPF_CGROUP_INET##n##_GETSOCKNAME) | \
	 AT(BPF_CGROUP_UDP##n##_SENDMSG) | AT(BPF_CGROUP_UDP##n##_RECVMSG))
#define AT_UNIX      (AT(49) | AT(50) | AT_UNIX_RECVMSG | AT_UNIX_NAMES)
#define AT_SOCK_ADDR (AT_INET(4) | AT_INET(6) | AT_UNIX)
#define AT_REUSEPORT (AT(0) | AT(BPF_SK_REUSEPORT_SELECT) | AT(BPF_SK_REUSEPORT_SELECT_OR_MIGRATE))
#define AT_NETFILTER AT(45)
#define AT_NOTHING   AT(0)

#define YES_OR_NO        \
	{                \
		.max = 1 \
	}
#define ANYTHING            \
	{                   \
		.any = true \
	}

static const struct return_range yes_or_no[] = { YES_OR_NO };
/* Whether the packet goes out, and whether the sender hears of congestion. */
static const struct return_range cgroup_skb_returns[] = {
	{ .attach_types = AT(BPF_CGROUP_INET_EGRESS), .max = 3 },
	YES_OR_NO,
};
/* What has happened already cannot be refused; bind may also skip the check of privileges. */
static const struct return_range sock_addr_returns[] = {
	{ .attach_types = AT(BPF_CGROUP_UDP4_RECVMSG) | AT(BPF_CGROUP_UDP6_RECVMSG) |
			  AT(BPF_CGROUP_INET4_GETPEERNAME) | AT(BPF_CGROUP_INET6_GETPEERNAME) |
			  AT(BPF_CGROUP_INET4_GETSOCKNAME) | AT(BPF_CGROUP_INET6_GETSOCKNAME) |
			  AT_UNIX_RECVMSG | AT_UNIX_NAMES,
	  .min = 1,
	  .max = 1 },
	{ .attach_types = AT(BPF_CGROUP_INET4_BIND) | AT(BPF_CGROUP_INET6_BIND), .max = 3 },
	YES_OR_NO,
};
/* A session's entry says whether its return is of interest. */
static const struct return_range kprobe_returns[] = {
	{ .attach_types = AT_SESSIONS, .max = 1 },
	ANYTHING,
};
static const struct return_range tracing_returns[] = {
	{ .attach_types = AT(BPF_TRACE_FENTRY) | AT(BPF_TRACE_FEXIT) },
	{ .attach_types = AT(BPF_TRACE_ITER), .max = 1 },
	ANYTHING,
};

static const struct prog_type_model types[PROG_TYPE_COUNT] = {
	TYPE(BPF_PROG_TYPE_SOCKET_FILTER, "socket_filter", .ctx = &layout_socket_filter,
	     .legacy_packet = true, .can_attach = true,
	     .helper_sets = SETS(SET(socket_filter), SET(sk_cast), SET(base))),
	TYPE(BPF_PROG_TYPE_KPROBE, "kprobe", .ctx = &layout_pt_regs, .can_attach = true,
	     .returns = kprobe_returns,
	     .helper_sets = SETS(SET(kprobe), SET(tracing), SET(cookie), SET(base))),
	TYPE(BPF_PROG_TYPE_SCHED_CLS, "sched_cls", .ctx = &layout_sched, .packet = true,
	     .packet_write = true, .legacy_packet = true, .can_attach = true,
	     .helper_sets = SCHED_SETS),
	TYPE(BPF_PROG_TYPE_SCHED_ACT, "sched_act", .ctx = &layout_sched, .packet = true,
	     .packet_write = true, .legacy_packet = true, .helper_sets = SCHED_SETS),
	TYPE(BPF_PROG_TYPE_TRACEPOINT, "tracepoint", .ctx = &layout_tracepoint, .can_attach = true,
	     .helper_sets = TRACING_SETS),
	TYPE(BPF_PROG_TYPE_XDP, "xdp", .ctx = &layout_xdp, .packet = true, .packet_write = true,
	     .can_attach = true, .helper_sets = SETS(SET(xdp), SET(sk_cast), SET(base))),
	TYPE(BPF_PROG_TYPE_PERF_EVENT, "perf_event", .ctx = &layout_perf_event,
	     .helper_sets = SETS(SET(perf_event), SET(tracing), SET(cookie), SET(base))),
	TYPE(BPF_PROG_TYPE_CGROUP_SKB, "cgroup_skb", .ctx = &layout_cgroup_skb,
	     .attach_types = AT(BPF_CGROUP_INET_INGRESS) | AT(BPF_CGROUP_INET_EGRESS),
	     .packet = true, .legacy_packet = true, .returns = cgroup_skb_returns,
	     .helper_sets = SETS(SET(cgroup_skb), SET(socket_filter), SET(socket_storage),
				 SET(sk_cast), SET(base))),
	TYPE(BPF_PROG_TYPE_CGROUP_SOCK, "cgroup_sock", .ctx = &layout_cgroup_sock,
	     .attach_types = AT_CGROUP_SOCK, .default_attach_type = BPF_CGROUP_INET_SOCK_CREATE,
	     .returns = yes_or_no, .helper_sets = SETS(SET(cgroup_sock), SET(cgroup), SET(base))),
	TYPE(BPF_PROG_TYPE_LWT_IN, "lwt_in", .ctx = &layout_lwt, .packet = true,
	     .helper_sets = SETS(SET(lwt_in), SET(lwt), SET(sk_cast), SET(base))),
	TYPE(BPF_PROG_TYPE_LWT_OUT, "lwt_out", .ctx = &layout_lwt, .packet = true,
	     .helper_sets = SETS(SET(lwt), SET(sk_cast), SET(base))),
	TYPE(BPF_PROG_TYPE_LWT_XMIT, "lwt_xmit", .ctx = &layout_lwt, .packet = true,
	     .packet_write = true,
	     .helper_sets = SETS(SET(lwt_xmit), SET(lwt), SET(sk_cast), SET(base))),
	TYPE(BPF_PROG_TYPE_SOCK_OPS, "sock_ops", .ctx = &layout_sock_ops, .returns = yes_or_no,
	     .helper_sets =
		 SETS(SET(sock_ops), SET(cgroup), SET(socket_storage), SET(sk_cast), SET(base))),
	TYPE(BPF_PROG_TYPE_SK_SKB, "sk_skb", .ctx = &layout_sk_skb, .packet = true,
	     .packet_write = true, .helper_sets = SETS(SET(sk_skb), SET(sk_cast), SET(base))),
	TYPE(BPF_PROG_TYPE_CGROUP_DEVICE, "cgroup_device", .ctx = &layout_cgroup_device,
	     .returns = yes_or_no, .helper_sets = SETS(SET(cgroup), SET(base))),
	TYPE(BPF_PROG_TYPE_SK_MSG, "sk_msg", .ctx = &layout_sk_msg, .packet = true,
	     .packet_write = true,
	     .helper_sets = SETS(SET(sk_msg), SET(socket_storage), SET(sk_cast), SET(base))),
	TYPE(BPF_PROG_TYPE_RAW_TRACEPOINT, "raw_tracepoint", .ctx = &layout_raw_tracepoint,
	     .can_attach = true, .helper_sets = TRACING_SETS),
	TYPE(BPF_PROG_TYPE_CGROUP_SOCK_ADDR, "cgroup_sock_addr", .ctx = &layout_sock_addr,
	     .attach_types = AT_SOCK_ADDR, .returns = sock_addr_returns,
	     .helper_sets = SETS(SET(cgroup_sock_addr), SET(cgroup), SET(socket_storage),
				 SET(sk_cast), SET(base))),
	TYPE(BPF_PROG_TYPE_LWT_SEG6LOCAL, "lwt_seg6local", .ctx = &layout_lwt, .packet = true,
	     .helper_sets = SETS(SET(lwt_seg6local), SET(lwt), SET(sk_cast), SET(base))),
	TYPE(BPF_PROG_TYPE_LIRC_MODE2, "lirc_mode2", .ctx = &layout_lirc_mode2,
	     .helper_sets = SETS(SET(lirc))),
	TYPE(BPF_PROG_TYPE_SK_REUSEPORT, "sk_reuseport", .ctx = &layout_sk_reuseport,
	     .attach_types = AT_REUSEPORT, .default_attach_type = BPF_SK_REUSEPORT_SELECT,
	     .packet = true, .helper_sets = SETS(SET(sk_reuseport), SET(base))),
	TYPE(BPF_PROG_TYPE_FLOW_DISSECTOR, "flow_dissector", .ctx = &layout_flow_dissector,
	     .packet = true, .helper_sets = SETS(SET(flow_dissector), SET(sk_cast), SET(base))),
	TYPE(BPF_PROG_TYPE_CGROUP_SYSCTL, "cgroup_sysctl", .ctx = &layout_sysctl,
	     .returns = yes_or_no, .helper_sets = SETS(SET(cgroup_sysctl), SET(cgroup), SET(base))),
	TYPE(BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE, "raw_tracepoint_writable",
	     .ctx = &layout_raw_tracepoint_writable, .helper_sets = TRACING_SETS),
	TYPE(BPF_PROG_TYPE_CGROUP_SOCKOPT, "cgroup_sockopt", .ctx = &layout_sockopt,
	     .attach_types = AT(BPF_CGROUP_GETSOCKOPT) | AT(BPF_CGROUP_SETSOCKOPT), .packet = true,
	     .packet_write = true, .returns = yes_or_no,
	     .helper_sets = SETS(SET(cgroup_sockopt), SET(cgroup), SET(socket_storage), SET(base))),
	TYPE(BPF_PROG_TYPE_TRACING, "tracing", .returns = tracing_returns,
	     .helper_sets = SETS(SET(trampoline), SET(tracing_btf), SET(tracing), SET(base))),
	TYPE(BPF_PROG_TYPE_STRUCT_OPS, "struct_ops",
	     .helper_sets = SETS(SET(struct_ops), SET(base))),
	TYPE(BPF_PROG_TYPE_EXT, "ext", .attach_types = AT_NOTHING, .helper_sets = SETS(SET(base))),
	TYPE(BPF_PROG_TYPE_LSM, "lsm",
	     .helper_sets =
		 SETS(SET(lsm), SET(trampoline), SET(tracing_btf), SET(tracing), SET(base))),
	TYPE(BPF_PROG_TYPE_SK_LOOKUP, "sk_lookup", .ctx = &layout_sk_lookup,
	     .attach_types = AT(BPF_SK_LOOKUP), .returns = yes_or_no,
	     .helper_sets = SETS(SET(sk_lookup), SET(sk_cast), SET(base))),
	TYPE(BPF_PROG_TYPE_SYSCALL, "syscall", .ctx = &layout_syscall, .attach_types = AT_NOTHING,
	     .can_attach = true,
	     .helper_sets = SETS(SET(syscall), SET(tracing_btf), SET(tracing), SET(base))),
	TYPE(32, "netfilter", .ctx = &layout_netfilter, .attach_types = AT_NETFILTER,
	     .returns = yes_or_no, .helper_sets = SETS(SET(base))),
};

#define T(n) &types[n]
const struct prog_type_model *const skep_prog_types[PROG_TYPE_COUNT] = {
	NULL,  T(1),  T(2),  T(3),  T(4),  T(5),  T(6),  T(7),  T(8),  T(9),  T(10),
	T(11), T(12), T(13), T(14), T(15), T(16), T(17), T(18), T(19), T(20), T(21),
	T(22), T(23), T(24), T(25), T(26), T(27), T(28), T(29), T(30), T(31), T(32),
};

const struct prog_type_model skep_custom_type = {
	.type = PROG_TYPE_CUSTOM,
	.name = "skep",
	.can_attach = true,
	.helper_sets = SETS(SET(tracing), SET(cookie), SET(base)),
};
