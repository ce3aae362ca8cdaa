/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What programs may attach to in Linux 6.18, where its BTF does not tell: facts about functions
 * by their names. hooks.c makes tables of them.
 */
#ifndef SKEP_MODEL_HOOK_FACTS_H
#define SKEP_MODEL_HOOK_FACTS_H

/* clang-format off */

/* X(name behind bpf_lsm_): security hooks that are called where sleeping is allowed. */
#define LSM_SLEEPABLE(X)                                                                         \
	X(bpf) X(bpf_map) X(bpf_map_create) X(bpf_map_free) X(bpf_prog) X(bpf_prog_load)         \
	X(bpf_prog_free) X(bpf_token_create) X(bpf_token_free) X(bpf_token_cmd)                  \
	X(bpf_token_capable) X(bpf_map_alloc_security) X(bpf_map_free_security)                  \
	X(bprm_check_security) X(bprm_committed_creds) X(bprm_committing_creds)                  \
	X(bprm_creds_for_exec) X(bprm_creds_from_file) X(capget) X(capset) X(cred_prepare)       \
	X(file_ioctl) X(file_lock) X(file_open) X(file_post_open) X(file_receive)                \
	X(inet_conn_established) X(inode_create) X(inode_free_security) X(inode_getattr)         \
	X(inode_getxattr) X(inode_mknod) X(inode_need_killpriv) X(inode_post_setxattr)           \
	X(inode_readlink) X(inode_rename) X(inode_rmdir) X(inode_setattr) X(inode_setxattr)      \
	X(inode_symlink) X(inode_unlink) X(kernel_module_request) X(kernel_read_file)            \
	X(kernfs_init_security) X(mmap_file) X(netlink_send) X(path_notify) X(path_unlink)       \
	X(path_mkdir) X(path_rmdir) X(path_truncate) X(path_symlink) X(path_link) X(path_rename) \
	X(path_chmod) X(path_chown) X(release_secctx) X(sb_alloc_security) X(sb_eat_lsm_opts)    \
	X(sb_kern_mount) X(sb_mount) X(sb_remount) X(sb_set_mnt_opts) X(sb_show_options)         \
	X(sb_statfs) X(sb_umount) X(settime) X(socket_accept) X(socket_bind) X(socket_connect)   \
	X(socket_create) X(socket_getpeername) X(socket_getpeersec_dgram) X(socket_getsockname)  \
	X(socket_getsockopt) X(socket_listen) X(socket_post_create) X(socket_recvmsg)            \
	X(socket_sendmsg) X(socket_shutdown) X(socket_socketpair) X(syslog) X(task_alloc)        \
	X(current_getsecid_subj) X(task_getsecid_obj) X(task_prctl) X(task_setscheduler)         \
	X(task_to_inode) X(userns_create) X(bdev_alloc_security) X(bdev_setintegrity)

/* Hooks whose results the kernel could not handle, or whose arguments are not set up. */
#define LSM_DISABLED(X)                                                                          \
	X(vm_enough_memory) X(inode_need_killpriv) X(inode_getsecurity) X(inode_listsecurity)    \
	X(inode_copy_up_xattr) X(getselfattr) X(getprocattr) X(setprocattr) X(key_getsecurity)   \
	X(audit_rule_match) X(ismaclabel)

/* Hooks that see objects at the end of their lives, or before they have begun. */
#define LSM_UNTRUSTED(X)                                                                         \
	X(bpf_map_free) X(bpf_prog_free) X(file_alloc_security) X(file_free_security)            \
	X(sk_alloc_security) X(sk_free_security) X(task_free)

/* Hooks that answer yes or no; the others answer 0 or an errno. */
#define LSM_BOOL(X) X(xfrm_state_pol_flow_match) X(audit_rule_known) X(inode_xattr_skipcap)

/* X(hook, arguments that may be NULL): the newest kernels' BTF tells by the parameters' names. */
#define LSM_NULL_ARGS(X) X(mmap_file, 0x1)

/* cgroup programs here may use bpf_setsockopt and bpf_getsockopt. */
#define LSM_SOCKOPT(X)                                                                           \
	X(sock_graft) X(inet_csk_clone) X(inet_conn_established) X(socket_post_create)           \
	X(socket_socketpair)

/* Functions of that name that are no hooks; asked where BTF does not list the hooks. */
#define LSM_NO_HOOK(X)                                                                           \
	X(func_proto) X(find_cgroup_shim) X(verify_prog) X(is_sleepable_hook) X(is_trusted)      \
	X(get_retval_range) X(init)

/* Nothing may be traced there: the tracing itself goes through them. */
#define TRACE_DENIED(X)                                                                          \
	X(migrate_disable) X(migrate_enable) X(rcu_read_unlock_strict) X(preempt_count_add)      \
	X(preempt_count_sub) X(__rcu_read_lock) X(__rcu_read_unlock)

/* They do not come back. */
#define NORETURN(X)                                                                              \
	X(__ia32_sys_exit) X(__ia32_sys_exit_group) X(__kunit_abort) X(kunit_try_catch_throw)    \
	X(__module_put_and_kthread_exit) X(__x64_sys_exit) X(__x64_sys_exit_group) X(do_exit)    \
	X(do_group_exit) X(kthread_complete_and_exit) X(kthread_exit) X(make_task_dead)

/*
 * Functions whose callers are prepared for errors (ALLOW_ERROR_INJECTION): their results may be
 * changed, and programs there may sleep. BTF does not tell which they are; beside system calls,
 * which all are, these are known. Nothing is accepted for a function that is not.
 */
#define ERROR_INJECTION(X)                                                                       \
	X(should_fail_bio) X(open_ctree) X(btrfs_search_slot) X(btrfs_cow_block)                 \
	X(btrfs_check_leaf) X(btrfs_check_node) X(btrfs_should_cancel_balance)              \
	X(io_ctl_init) X(bpf_testmod_test_read)
/* Of these, programs may not sleep. */
#define ERROR_INJECTION_ATOMIC(X)                                                                \
	X(__filemap_add_folio) X(should_fail_alloc_page) X(should_failslab)

/* Registered for fmod_ret; the second may sleep. */
#define MODIFY_RETURN(X)                                                                         \
	X(bpf_modify_return_test) X(bpf_modify_return_test2) X(bpf_modify_return_test_tp)        \
	X(update_socket_protocol)
#define MODIFY_RETURN_SLEEPABLE(X) X(bpf_fentry_test1)

/* Where bpf_d_path may be called: no lock is held that it takes. */
#define D_PATH(X)                                                                                \
	X(security_file_permission) X(security_inode_getattr) X(security_file_open)              \
	X(security_path_truncate) X(vfs_truncate) X(vfs_fallocate) X(dentry_open) X(vfs_getattr) \
	X(filp_close)

/*
 * Iterators: X(target, argument, flags). Arguments that are not here are what the prototype says.
 * Those of most become NULL once, at the end.
 */
#define ITER_ARGS(X)                                                                             \
	X(bpf_map, 1, HOOK_ARG_NULL | HOOK_ARG_TRUSTED)                                          \
	X(bpf_map_elem, 2, HOOK_ARG_NULL | HOOK_ARG_BUF | HOOK_ARG_RDONLY)                       \
	X(bpf_map_elem, 3, HOOK_ARG_NULL | HOOK_ARG_BUF)                                         \
	X(bpf_prog, 1, HOOK_ARG_NULL)                                                            \
	X(bpf_link, 1, HOOK_ARG_NULL)                                                            \
	X(bpf_sk_storage_map, 2, HOOK_ARG_NULL)                                                  \
	X(bpf_sk_storage_map, 3, HOOK_ARG_NULL | HOOK_ARG_BUF)                                   \
	X(cgroup, 1, HOOK_ARG_NULL | HOOK_ARG_TRUSTED)                                           \
	X(dmabuf, 1, HOOK_ARG_NULL)                                                              \
	X(ipv6_route, 1, HOOK_ARG_NULL)                                                          \
	X(kmem_cache, 1, HOOK_ARG_NULL | HOOK_ARG_TRUSTED)                                       \
	X(ksym, 1, HOOK_ARG_NULL)                                                                \
	X(netlink, 1, HOOK_ARG_NULL)                                                             \
	X(sockmap, 2, HOOK_ARG_NULL | HOOK_ARG_BUF | HOOK_ARG_RDONLY)                            \
	X(sockmap, 3, HOOK_ARG_NULL)                                                             \
	X(task, 1, HOOK_ARG_NULL | HOOK_ARG_TRUSTED)                                             \
	X(task_file, 1, HOOK_ARG_NULL)                                                           \
	X(task_file, 3, HOOK_ARG_NULL)                                                           \
	X(task_vma, 1, HOOK_ARG_NULL)                                                            \
	X(task_vma, 2, HOOK_ARG_NULL)                                                            \
	X(tcp, 1, HOOK_ARG_NULL | HOOK_ARG_TRUSTED)                                              \
	X(udp, 1, HOOK_ARG_NULL | HOOK_ARG_TRUSTED)                                              \
	X(unix, 1, HOOK_ARG_NULL)

/* Tracepoints: X(name, arguments that may be NULL, arguments that may be an errno), bit per argument. */
#define TRACEPOINT_ARGS(X) \
	X(afs_flock_ev, 0x2, 0x0) \
	X(afs_make_fs_call, 0x2, 0x0) \
	X(afs_make_fs_call1, 0x2, 0x0) \
	X(afs_make_fs_call2, 0x2, 0x0) \
	X(afs_make_fs_calli, 0x2, 0x0) \
	X(afs_protocol_error, 0x1, 0x0) \
	X(amdgpu_vm_bo_map, 0x1, 0x0) \
	X(amdgpu_vm_bo_unmap, 0x1, 0x0) \
	X(amdtp_packet, 0x4, 0x0) \
	X(binder_transaction, 0x4, 0x0) \
	X(bpf_testmod_test_read, 0x0, 0x0) \
	X(break_lease_block, 0x2, 0x0) \
	X(break_lease_noblock, 0x2, 0x0) \
	X(break_lease_unblock, 0x2, 0x0) \
	X(btree_path_free, 0x4, 0x0) \
	X(cachefiles_io_error, 0x1, 0x0) \
	X(cachefiles_lookup, 0x1, 0x4) \
	X(cachefiles_mark_active, 0x1, 0x0) \
	X(cachefiles_mark_failed, 0x1, 0x0) \
	X(cachefiles_mark_inactive, 0x1, 0x0) \
	X(cachefiles_ondemand_close, 0x1, 0x0) \
	X(cachefiles_ondemand_copen, 0x1, 0x0) \
	X(cachefiles_ondemand_cread, 0x1, 0x0) \
	X(cachefiles_ondemand_fd_release, 0x1, 0x0) \
	X(cachefiles_ondemand_fd_write, 0x1, 0x0) \
	X(cachefiles_ondemand_open, 0x1, 0x0) \
	X(cachefiles_ondemand_read, 0x1, 0x0) \
	X(cachefiles_prep_read, 0x1, 0x0) \
	X(cachefiles_rename, 0x1, 0x0) \
	X(cachefiles_unlink, 0x1, 0x0) \
	X(cachefiles_vfs_error, 0x1, 0x0) \
	X(cfg80211_inform_bss_frame, 0x4, 0x0) \
	X(cfg80211_michael_mic_failure, 0x10, 0x0) \
	X(cfg80211_report_wowlan_wakeup, 0x4, 0x0) \
	X(cfg80211_scan_done, 0x3, 0x0) \
	X(coda_dec_pic_done, 0x2, 0x0) \
	X(coda_dec_pic_run, 0x2, 0x0) \
	X(device_pm_callback_start, 0x2, 0x0) \
	X(dpu_crtc_setup_mixer, 0x4, 0x0) \
	X(ext4_mballoc_discard, 0x2, 0x0) \
	X(ext4_mballoc_free, 0x2, 0x0) \
	X(fcntl_setlk, 0x2, 0x0) \
	X(fib_table_lookup, 0x4, 0x0) \
	X(flock_lock_inode, 0x2, 0x0) \
	X(folio_wait_writeback, 0x2, 0x0) \
	X(generic_delete_lease, 0x2, 0x0) \
	X(hfi1_sdma_progress, 0x8, 0x0) \
	X(host1x_cdma_push_gather, 0x10, 0x0) \
	X(hugetlbfs_alloc_inode, 0x2, 0x0) \
	X(iptfs_ingress_postq_event, 0x8, 0x0) \
	X(kfree_skb, 0x8, 0x0) \
	X(kvm_page_fault_enter, 0x4, 0x0) \
	X(locks_remove_posix, 0x2, 0x0) \
	X(mm_collapse_huge_page_isolate, 0x1, 0x0) \
	X(mm_khugepaged_collapse_file, 0x2, 0x0) \
	X(mm_khugepaged_scan_file, 0x2, 0x0) \
	X(mm_khugepaged_scan_pmd, 0x2, 0x0) \
	X(mm_page_alloc, 0x1, 0x0) \
	X(mm_page_alloc_zone_locked, 0x1, 0x0) \
	X(mm_page_pcpu_drain, 0x1, 0x0) \
	X(mr_integ_alloc, 0x0, 0x8) \
	X(neigh_update, 0x2, 0x0) \
	X(netfs_failure, 0x2, 0x0) \
	X(netfs_folioq, 0x1, 0x0) \
	X(nfs4_inode_callback_event, 0x0, 0x4) \
	X(nfs4_inode_stateid_callback_event, 0x0, 0x4) \
	X(nfs4_setup_sequence, 0x1, 0x0) \
	X(nfsd_dirent, 0x1, 0x0) \
	X(nfsd_file_acquire, 0x9, 0x0) \
	X(nfsd_file_cons_err, 0x1, 0x0) \
	X(nfsd_file_insert_err, 0x1, 0x0) \
	X(pnfs_mds_fallback_pg_get_mirror_count, 0x10, 0x0) \
	X(pnfs_mds_fallback_pg_init_read, 0x10, 0x0) \
	X(pnfs_mds_fallback_pg_init_write, 0x10, 0x0) \
	X(pnfs_mds_fallback_read_done, 0x10, 0x0) \
	X(pnfs_mds_fallback_read_pagelist, 0x10, 0x0) \
	X(pnfs_mds_fallback_write_done, 0x10, 0x0) \
	X(pnfs_mds_fallback_write_pagelist, 0x10, 0x0) \
	X(pnfs_update_layout, 0x10, 0x0) \
	X(posix_lock_inode, 0x2, 0x0) \
	X(qdisc_dequeue, 0x8, 0x0) \
	X(rdev_set_coalesce, 0x2, 0x0) \
	X(rxrpc_client, 0x1, 0x0) \
	X(rxrpc_recvdata, 0x1, 0x0) \
	X(rxrpc_resend, 0x2, 0x0) \
	X(rxrpc_tq, 0x2, 0x0) \
	X(sched_pi_setprio, 0x2, 0x0) \
	X(sched_stick_numa, 0x4, 0x0) \
	X(sched_swap_numa, 0x4, 0x0) \
	X(spufs_context, 0x2, 0x0) \
	X(tcp_send_reset, 0x3, 0x0) \
	X(tcp_sendmsg_locked, 0x4, 0x0) \
	X(tegra_dma_tx_status, 0x4, 0x0) \
	X(time_out_leases, 0x2, 0x0) \
	X(tmigr_update_events, 0x1, 0x0) \
	X(wiphy_work_cancel, 0x2, 0x0) \
	X(wiphy_work_flush, 0x2, 0x0) \
	X(wiphy_work_queue, 0x2, 0x0) \
	X(wiphy_work_run, 0x2, 0x0) \
	X(writeback_dirty_folio, 0x2, 0x0) \
	X(xchk_metapath_lookup, 0x4, 0x0) \
	X(xchk_nlinks_live_update, 0x2, 0x0) \
	X(xfs_blockgc_flush_all, 0x1, 0x0) \
	X(xfs_blockgc_free_space, 0x2, 0x0) \
	X(xfs_blockgc_start, 0x1, 0x0) \
	X(xfs_blockgc_stop, 0x1, 0x0) \
	X(xfs_blockgc_worker, 0x1, 0x0) \
	X(xfs_btree_overlapped_query_range, 0x4, 0x0) \
	X(xfs_btree_updkeys, 0x4, 0x0) \
	X(xfs_defer_add_item, 0x1, 0x0) \
	X(xfs_defer_cancel_item, 0x1, 0x0) \
	X(xfs_defer_cancel_list, 0x1, 0x0) \
	X(xfs_defer_create_intent, 0x1, 0x0) \
	X(xfs_defer_finish_item, 0x1, 0x0) \
	X(xfs_defer_isolate_paused, 0x1, 0x0) \
	X(xfs_defer_item_pause, 0x1, 0x0) \
	X(xfs_defer_item_unpause, 0x1, 0x0) \
	X(xfs_defer_pending_abort, 0x1, 0x0) \
	X(xfs_defer_pending_finish, 0x1, 0x0) \
	X(xfs_defer_relog_intent, 0x1, 0x0) \
	X(xfs_fs_sync_fs, 0x1, 0x0) \
	X(xfs_inodegc_flush, 0x1, 0x0) \
	X(xfs_inodegc_push, 0x1, 0x0) \
	X(xfs_inodegc_queue, 0x1, 0x0) \
	X(xfs_inodegc_start, 0x1, 0x0) \
	X(xfs_inodegc_stop, 0x1, 0x0) \
	X(xfs_inodegc_throttle, 0x1, 0x0) \
	X(xfs_ioc_free_eofblocks, 0x2, 0x0) \
	X(xfs_iomap_alloc, 0x8, 0x0) \
	X(xfs_iomap_found, 0x8, 0x0) \
	X(xfs_map_blocks_alloc, 0x10, 0x0) \
	X(xfs_map_blocks_found, 0x10, 0x0) \
	X(xprt_get_cong, 0x2, 0x0) \
	X(xprt_put_cong, 0x2, 0x0) \
	X(xprt_release_cong, 0x2, 0x0) \
	X(xprt_reserve_cong, 0x2, 0x0) \
	X(xs_stream_read_data, 0x1, 0x0)

/* clang-format on */

#endif
