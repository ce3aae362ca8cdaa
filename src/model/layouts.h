/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contexts of Linux's program types as tables (layouts.c, sockets.c), and what pointers to
 * sockets read as; run-time structs are in ctx.h.
 */
#ifndef SKEP_MODEL_LAYOUTS_H
#define SKEP_MODEL_LAYOUTS_H

#include "model/model.h"

#define CTX_LAYOUTS(X)                      \
	X(socket_filter)                    \
	X(sched) /* sched_cls, sched_act */ \
	X(cgroup_skb)                       \
	X(lwt)                              \
	X(sk_skb)                           \
	X(flow_dissector)                   \
	X(xdp)                              \
	X(tracepoint)                       \
	X(raw_tracepoint)                   \
	X(pt_regs) /* kprobe, uprobe */     \
	X(perf_event)                       \
	X(syscall)                          \
	X(raw_tracepoint_writable)          \
	X(bpf_sock) /* pointers: any full socket */ \
	X(sock_common)                      \
	X(tcp_sock)                         \
	X(xdp_sock)                         \
	X(cgroup_sock)                      \
	X(sock_addr)                        \
	X(sockopt)                          \
	X(sock_ops)                         \
	X(sk_msg)                           \
	X(sk_reuseport)                     \
	X(sk_lookup)                        \
	X(netfilter)                        \
	X(cgroup_device)                    \
	X(sysctl)                           \
	X(lirc_mode2)

#define X(name) extern const struct ctx_layout layout_##name;
CTX_LAYOUTS(X)
#undef X

#endif
