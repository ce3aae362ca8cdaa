/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may call what, as Linux 6.18 answers it (tests/unit/helpers_linux.c asks the running
 * Linux the same question where it may). A grant names the privilege it needs, the attach types
 * it is for, and the prototype where a type has one of its own.
 */
#include "helpers/helpers.h"

/* Newer than some systems' <linux/bpf.h>: values of enum bpf_attach_type. */
#define ATTACH(type)        (1ull << (type))
#define ATTACH_UNIX_AFTER (ATTACH(51) | ATTACH(52) | ATTACH(53)) /* recvmsg and get...name */

#define ANYONE(name)                                         \
	{                                                    \
		.id = HELPER_##name, .needs = PRIVILEGE_NONE \
	}
#define MAY(name)                                           \
	{                                                   \
		.id = HELPER_##name, .needs = PRIVILEGE_BPF \
	}
#define PERF(name)                                              \
	{                                                       \
		.id = HELPER_##name, .needs = PRIVILEGE_PERFMON \
	}
#define MAY_AS(name, suffix)                                                                      \
	{                                                                                         \
		.id = HELPER_##name, .needs = PRIVILEGE_BPF, .variant = VARIANT_##name##_##suffix \
	}
#define MAY_AT(name, types)                                                        \
	{                                                                          \
		.id = HELPER_##name, .needs = PRIVILEGE_BPF, .attach_types = types \
	}

#define SET(name, ...)                                                      \
	static const struct helper_grant name##_grants[] = { __VA_ARGS__ }; \
	const struct helper_set helper_set_##name = { name##_grants, ARRAY_SIZE(name##_grants) }

SET(base,
    /* maps and numbers: unprivileged programs too */
    ANYONE(map_lookup_elem), ANYONE(map_update_elem), ANYONE(map_delete_elem),
    ANYONE(map_push_elem), ANYONE(map_pop_elem), ANYONE(map_peek_elem),
    ANYONE(map_lookup_percpu_elem), ANYONE(get_prandom_u32), ANYONE(get_smp_processor_id),
    ANYONE(get_numa_node_id), ANYONE(tail_call), ANYONE(ktime_get_ns), ANYONE(ktime_get_boot_ns),
    ANYONE(ktime_get_tai_ns), ANYONE(ringbuf_output), ANYONE(ringbuf_reserve),
    ANYONE(ringbuf_submit), ANYONE(ringbuf_discard), ANYONE(ringbuf_query), ANYONE(strncmp),
    ANYONE(strtol), ANYONE(strtoul),
    /* the current task, locks, callbacks, dynptrs */
    MAY(get_current_pid_tgid), MAY(get_current_uid_gid), MAY(get_ns_current_pid_tgid),
    MAY(get_current_cgroup_id), MAY(get_current_ancestor_cgroup_id), MAY(current_task_under_cgroup),
    MAY_AS(get_cgroup_classid, current), MAY(spin_lock), MAY(spin_unlock), MAY(jiffies64),
    MAY(per_cpu_ptr), MAY(this_cpu_ptr), MAY(task_storage_get), MAY(task_storage_delete),
    MAY(cgrp_storage_get), MAY(cgrp_storage_delete), MAY(for_each_map_elem), MAY(loop),
    MAY(timer_init), MAY(timer_set_callback), MAY(timer_start), MAY(timer_cancel), MAY(kptr_xchg),
    MAY(user_ringbuf_drain), MAY(dynptr_from_mem), MAY(dynptr_read), MAY(dynptr_write),
    MAY(dynptr_data), MAY(ringbuf_reserve_dynptr), MAY(ringbuf_submit_dynptr),
    MAY(ringbuf_discard_dynptr),
    /* reading what is not the program's own */
    PERF(trace_printk), PERF(trace_vprintk), PERF(snprintf), PERF(snprintf_btf),
    PERF(get_current_comm), PERF(get_current_task), PERF(get_current_task_btf), PERF(task_pt_regs),
    PERF(get_task_stack), PERF(find_vma), PERF(probe_read_user), PERF(probe_read_kernel),
    PERF(probe_read_user_str), PERF(probe_read_kernel_str), PERF(copy_from_user),
    PERF(copy_from_user_task), PERF(perf_event_read), PERF(perf_event_read_value),
    PERF(get_branch_snapshot), PERF(send_signal), PERF(send_signal_thread));

SET(lirc, MAY(map_lookup_elem), MAY(map_update_elem), MAY(map_delete_elem), MAY(map_push_elem),
    MAY(map_pop_elem), MAY(map_peek_elem), MAY(ktime_get_ns), MAY(ktime_get_boot_ns),
    MAY(tail_call), MAY(get_prandom_u32), PERF(trace_printk), MAY(rc_repeat), MAY(rc_keydown),
    MAY(rc_pointer_rel));

SET(tracing, MAY(probe_read), MAY(probe_read_str), MAY(probe_write_user), MAY(perf_event_output),
    MAY(get_stackid), MAY(get_stack), MAY(get_func_ip));

SET(cookie, MAY(get_attach_cookie));

SET(kprobe, MAY(override_return));

SET(perf_event, MAY(perf_prog_read_value), MAY(read_branch_records));

SET(tracing_btf, MAY(skb_output), MAY(xdp_output), MAY(sock_from_file), MAY(d_path),
    MAY_AS(sk_storage_get, tracing), MAY_AS(sk_storage_delete, tracing),
    MAY_AS(get_socket_cookie, sock),
    MAY_AS(xdp_get_buff_len, tracing), PERF(skc_to_tcp6_sock), PERF(skc_to_tcp_sock),
    PERF(skc_to_tcp_timewait_sock), PERF(skc_to_tcp_request_sock), PERF(skc_to_udp6_sock),
    PERF(skc_to_unix_sock), PERF(skc_to_mptcp_sock));

#define TRAMPOLINES                                                                       \
	(ATTACH(BPF_TRACE_FENTRY) | ATTACH(BPF_TRACE_FEXIT) | ATTACH(BPF_MODIFY_RETURN) | \
	 ATTACH(BPF_LSM_MAC))

SET(trampoline, MAY_AT(get_func_arg, TRAMPOLINES), MAY_AT(get_func_ret, TRAMPOLINES),
    MAY_AT(get_func_arg_cnt, TRAMPOLINES),
    MAY_AT(get_attach_cookie, TRAMPOLINES | ATTACH(BPF_TRACE_RAW_TP)),
    MAY_AT(seq_printf, ATTACH(BPF_TRACE_ITER)), MAY_AT(seq_write, ATTACH(BPF_TRACE_ITER)),
    MAY_AT(seq_printf_btf, ATTACH(BPF_TRACE_ITER)));

SET(lsm, MAY(inode_storage_get), MAY(inode_storage_delete), MAY(bprm_opts_set), MAY(ima_inode_hash),
    MAY(ima_file_hash), MAY(sk_storage_get), MAY(sk_storage_delete), MAY_AS(setsockopt, sock), MAY_AS(getsockopt, sock),
    MAY_AT(get_local_storage, ATTACH(BPF_LSM_CGROUP)), MAY_AT(get_retval, ATTACH(BPF_LSM_CGROUP)),
    MAY_AT(set_retval, ATTACH(BPF_LSM_CGROUP)));

SET(syscall, PERF(sys_bpf), MAY(btf_find_by_name_kind), MAY(sys_close), PERF(kallsyms_lookup_name));

SET(struct_ops, MAY(tcp_send_ack), MAY(sk_storage_get), MAY(sk_storage_delete),
    MAY(ktime_get_coarse_ns), MAY_AS(setsockopt, sock), MAY_AS(getsockopt, sock));

SET(sk_cast, ANYONE(ktime_get_coarse_ns), PERF(skc_to_tcp6_sock), PERF(skc_to_tcp_sock),
    PERF(skc_to_tcp_timewait_sock), PERF(skc_to_tcp_request_sock), PERF(skc_to_udp6_sock),
    PERF(skc_to_unix_sock), PERF(skc_to_mptcp_sock));

SET(socket_filter, ANYONE(skb_load_bytes), ANYONE(skb_load_bytes_relative),
    ANYONE(get_socket_cookie), ANYONE(get_socket_uid), ANYONE(perf_event_output),
    ANYONE(get_netns_cookie));

SET(socket_storage, ANYONE(sk_storage_get), ANYONE(sk_storage_delete));

SET(cgroup_skb, ANYONE(sk_fullsock), ANYONE(skb_cgroup_id), ANYONE(skb_ancestor_cgroup_id),
    ANYONE(sk_cgroup_id), ANYONE(sk_ancestor_cgroup_id), ANYONE(sk_lookup_tcp),
    ANYONE(sk_lookup_udp), ANYONE(skc_lookup_tcp), ANYONE(sk_release), ANYONE(tcp_sock),
    ANYONE(get_listener_sock), ANYONE(skb_ecn_set_ce), ANYONE(get_local_storage));

SET(sched, MAY(skb_store_bytes), MAY(skb_load_bytes), MAY(skb_load_bytes_relative),
    MAY(skb_pull_data), MAY(csum_diff), MAY(csum_update), MAY(csum_level), MAY(l3_csum_replace),
    MAY(l4_csum_replace), MAY(clone_redirect), MAY(get_cgroup_classid), MAY(skb_vlan_push),
    MAY(skb_vlan_pop), MAY(skb_change_proto), MAY(skb_change_type), MAY(skb_adjust_room),
    MAY(skb_change_tail), MAY(skb_change_head), MAY(skb_get_tunnel_key), MAY(skb_set_tunnel_key),
    MAY(skb_get_tunnel_opt), MAY(skb_set_tunnel_opt), MAY(redirect), MAY(redirect_neigh),
    MAY(redirect_peer), MAY(get_route_realm), MAY(get_hash_recalc), MAY(set_hash_invalid),
    MAY(set_hash), MAY(perf_event_output), MAY(skb_under_cgroup), MAY(get_socket_cookie),
    MAY(get_netns_cookie), MAY(get_socket_uid), MAY(fib_lookup), MAY(check_mtu), MAY(sk_fullsock),
    MAY(skb_get_xfrm_state), MAY(skb_cgroup_classid), MAY(skb_cgroup_id),
    MAY(skb_ancestor_cgroup_id), MAY(sk_lookup_tcp), MAY(sk_lookup_udp), MAY(skc_lookup_tcp),
    MAY(sk_release), MAY(tcp_sock), MAY(get_listener_sock), MAY(tcp_check_syncookie),
    MAY(tcp_gen_syncookie), MAY(skb_ecn_set_ce), MAY(sk_assign), MAY(skb_set_tstamp),
    MAY(tcp_raw_gen_syncookie_ipv4), MAY(tcp_raw_gen_syncookie_ipv6),
    MAY(tcp_raw_check_syncookie_ipv4), MAY(tcp_raw_check_syncookie_ipv6));

SET(xdp, MAY(perf_event_output), MAY(csum_diff), MAY(xdp_adjust_head), MAY(xdp_adjust_meta),
    MAY(xdp_adjust_tail), MAY(xdp_get_buff_len), MAY(xdp_load_bytes), MAY(xdp_store_bytes),
    MAY(redirect), MAY(redirect_map), MAY(fib_lookup), MAY(check_mtu), MAY(sk_lookup_tcp),
    MAY(sk_lookup_udp), MAY(skc_lookup_tcp), MAY(sk_release), MAY(tcp_check_syncookie),
    MAY(tcp_gen_syncookie), MAY(tcp_raw_gen_syncookie_ipv4), MAY(tcp_raw_gen_syncookie_ipv6),
    MAY(tcp_raw_check_syncookie_ipv4), MAY(tcp_raw_check_syncookie_ipv6));

SET(lwt, MAY(skb_load_bytes), MAY(csum_diff), MAY(get_cgroup_classid), MAY(get_route_realm),
    MAY(get_hash_recalc), MAY(perf_event_output), MAY(skb_under_cgroup), MAY(skb_pull_data));

SET(lwt_in, MAY(lwt_push_encap));

SET(lwt_xmit, MAY(skb_get_tunnel_key), MAY(skb_set_tunnel_key), MAY(skb_get_tunnel_opt),
    MAY(skb_set_tunnel_opt), MAY(redirect), MAY(clone_redirect), MAY(skb_change_tail),
    MAY(skb_change_head), MAY(skb_store_bytes), MAY(csum_update), MAY(csum_level),
    MAY(l3_csum_replace), MAY(l4_csum_replace), MAY(set_hash_invalid), MAY(lwt_push_encap));

SET(lwt_seg6local, MAY(lwt_seg6_store_bytes), MAY(lwt_seg6_action), MAY(lwt_seg6_adjust_srh));

/* Hooks that run once the call itself is done have no return value to set. */
#define RETVAL_SETTABLE                                                                          \
	(~(ATTACH(BPF_CGROUP_INET_INGRESS) | ATTACH(BPF_CGROUP_INET_EGRESS) |                    \
	   ATTACH(BPF_CGROUP_SOCK_OPS) | ATTACH(BPF_CGROUP_UDP4_RECVMSG) |                       \
	   ATTACH(BPF_CGROUP_UDP6_RECVMSG) | ATTACH(BPF_CGROUP_INET4_GETPEERNAME) |              \
	   ATTACH(BPF_CGROUP_INET6_GETPEERNAME) | ATTACH(BPF_CGROUP_INET4_GETSOCKNAME) |         \
	   ATTACH(BPF_CGROUP_INET6_GETSOCKNAME) | ATTACH_UNIX_AFTER))

SET(cgroup, MAY(perf_event_output), MAY(get_local_storage), MAY_AT(get_retval, RETVAL_SETTABLE),
    MAY_AT(set_retval, RETVAL_SETTABLE));

SET(cgroup_sock, MAY(get_socket_cookie), MAY(get_netns_cookie), MAY_AS(sk_storage_get, ctx),
    MAY(ktime_get_coarse_ns));

SET(cgroup_sock_addr, MAY(get_socket_cookie), MAY(get_netns_cookie), MAY(setsockopt),
    MAY(getsockopt), MAY(sk_lookup_tcp), MAY(sk_lookup_udp), MAY(skc_lookup_tcp), MAY(sk_release),
    MAY_AT(bind, ATTACH(BPF_CGROUP_INET4_CONNECT) | ATTACH(BPF_CGROUP_INET6_CONNECT)));

SET(cgroup_sysctl, MAY(sysctl_get_name), MAY(sysctl_get_current_value), MAY(sysctl_get_new_value),
    MAY(sysctl_set_new_value), MAY(ktime_get_coarse_ns));

#define SETSOCKOPT ATTACH(BPF_CGROUP_SETSOCKOPT)

SET(cgroup_sockopt, MAY(tcp_sock), MAY(get_netns_cookie),
    { .id = HELPER_setsockopt,
      .needs = PRIVILEGE_BPF,
      .variant = VARIANT_setsockopt_sock,
      .attach_types = SETSOCKOPT },
    { .id = HELPER_getsockopt,
      .needs = PRIVILEGE_BPF,
      .variant = VARIANT_getsockopt_sock,
      .attach_types = SETSOCKOPT });

SET(sock_ops, MAY(setsockopt), MAY(getsockopt), MAY(sock_ops_cb_flags_set), MAY(sock_map_update),
    MAY(sock_hash_update), MAY(get_socket_cookie), MAY(get_netns_cookie), MAY(load_hdr_opt),
    MAY(store_hdr_opt), MAY(reserve_hdr_opt), MAY(tcp_sock));

SET(sk_skb, MAY(skb_store_bytes), MAY(skb_load_bytes), MAY(skb_pull_data), MAY(skb_change_tail),
    MAY(skb_change_head), MAY(skb_adjust_room), MAY(get_socket_cookie), MAY(get_socket_uid),
    MAY(sk_redirect_map), MAY(sk_redirect_hash), MAY(perf_event_output), MAY(sk_lookup_tcp),
    MAY(sk_lookup_udp), MAY(skc_lookup_tcp), MAY(sk_release));

SET(sk_msg, MAY(msg_redirect_map), MAY(msg_redirect_hash), MAY(msg_apply_bytes),
    MAY(msg_cork_bytes), MAY(msg_pull_data), MAY(msg_push_data), MAY(msg_pop_data),
    MAY(perf_event_output), MAY(get_netns_cookie));

SET(sk_reuseport, MAY(sk_select_reuseport), MAY(skb_load_bytes), MAY(skb_load_bytes_relative),
    MAY_AS(get_socket_cookie, sock), MAY(ktime_get_coarse_ns));

SET(sk_lookup, MAY(perf_event_output), MAY_AS(sk_assign, lookup), MAY(sk_release));

SET(flow_dissector, MAY(skb_load_bytes));
