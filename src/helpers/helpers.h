/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Helpers: the functions a program may call, their numbers and prototypes, and which program
 * type may call which. All of it comes from defs.h (what they are) and sets.c (who may).
 */
#ifndef SKEP_HELPERS_HELPERS_H
#define SKEP_HELPERS_HELPERS_H

#include "model/model.h"
#include "vm/run.h"

/* HELPER_map_lookup_elem = 1, ...: enum bpf_func_id of the newest Linux. */
enum helper_id {
#define HELPER(id, name, ...) HELPER_##name = id,
#include "helpers/defs.h"
	HELPER_COUNT,
};

/*
 * Where program types give one helper number different prototypes: the variants other than
 * the one in defs.h.
 */
enum helper_variant {
	VARIANT_OWN, /* the prototype in defs.h */
	VARIANT_get_cgroup_classid_current,
	VARIANT_get_socket_cookie_sock,
	VARIANT_sk_storage_get_ctx,
	VARIANT_sk_storage_get_tracing,
	VARIANT_sk_storage_delete_tracing,
	VARIANT_setsockopt_sock,
	VARIANT_getsockopt_sock,
	VARIANT_sk_assign_lookup,
	VARIANT_xdp_get_buff_len_tracing,
	VARIANT_COUNT,
};

/* By enum helper_id; [0] is NULL. */
extern const struct helper_proto *const helper_protos[HELPER_COUNT];
/* By enum helper_variant; [0] is NULL. */
extern const struct helper_proto *const helper_variants[VARIANT_COUNT];

/*
 * The sets of Linux 6.18. Each program type is given the sum of some of them, in
 * model/prog_types.c.
 */
#define HELPER_SETS(X)                                                                \
	X(base)    /* every program type */                                           \
	X(lirc)    /* lirc_mode2 */                                                   \
	X(tracing) /* what kprobe, tracepoint, perf_event, tracing, syscall share */  \
	X(kprobe)                                                                     \
	X(cookie) /* get_attach_cookie for tracepoints, kprobes, perf events */       \
	X(perf_event)                                                                 \
	X(tracing_btf) /* tracing, lsm, syscall: kernel objects by their BTF types */ \
	X(trampoline)  /* fentry, fexit, fmod_ret and iterators */                    \
	X(lsm)                                                                        \
	X(syscall)                                                                    \
	X(struct_ops)                                                                 \
	X(sk_cast) /* most networking types */                                        \
	X(socket_filter)                                                              \
	X(socket_storage) /* sockets one may look up, hold and keep data with */      \
	X(cgroup_skb)                                                                 \
	X(sched) /* sched_cls, sched_act */                                           \
	X(xdp)                                                                        \
	X(lwt) /* lwt_in, lwt_out, lwt_xmit, lwt_seg6local */                         \
	X(lwt_in)                                                                     \
	X(lwt_xmit)                                                                   \
	X(lwt_seg6local)                                                              \
	X(cgroup) /* what the cgroup types share */                                   \
	X(cgroup_sock)                                                                \
	X(cgroup_sock_addr)                                                           \
	X(cgroup_sysctl)                                                              \
	X(cgroup_sockopt)                                                             \
	X(sock_ops)                                                                   \
	X(sk_skb)                                                                     \
	X(sk_msg)                                                                     \
	X(sk_reuseport)                                                               \
	X(sk_lookup)                                                                  \
	X(flow_dissector)

#define X(name) extern const struct helper_set helper_set_##name;
HELPER_SETS(X)
#undef X

/* The functions. Those that defs.h says LACK are not defined. */
#define HELPER(id, name, ...) \
	u64 helper_##name(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc);
#include "helpers/defs.h"

#endif
