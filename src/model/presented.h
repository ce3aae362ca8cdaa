/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The objects of the kernel that Skep presents: task_struct, cred, file, ... One description
 * makes both the C structs that Skep fills in (struct kernel_task_struct) and the BTF that
 * programs are relocated against, so the two cannot disagree.
 *
 * Which members there are is what programs ask for, under Linux's names; their order and
 * offsets are Skep's own. Pointers are kernel-range addresses (model/arena.h), 8 bytes
 * whatever the host's are. What is inside an anonymous struct or union in Linux stands
 * directly in its parent here: CO-RE finds members by name.
 *
 * A member that Skep has no true value for is not here: CO-RE then refuses the program, which is
 * better than a zero that lies. docs/presented.md says where each value comes from.
 *
 * A struct is KERNEL_name(F) with one F(kind, type, name, n) a member:
 *	NUM type		a number: a word of KERNEL_NUMBERS
 *	OBJ type		a struct of this file
 *	PTR type		pointer to a struct of this file
 *	NUMPTR type		pointer to numbers
 *	VOIDPTR			any other pointer (type void)
 *	NUMS type n, OBJS type n, PTRS type n	arrays
 */
#ifndef SKEP_MODEL_PRESENTED_H
#define SKEP_MODEL_PRESENTED_H

#include "base/types.h"

/* word, C type, name of the integer in BTF, its encoding, name of the typedef or NULL */
#define KERNEL_NUMBERS(X)                                 \
	X(CHAR, char, "char", BTF_INT_SIGNED, NULL)       \
	X(UCHAR, u8, "unsigned char", 0, NULL)            \
	X(BOOL, u8, "_Bool", BTF_INT_BOOL, NULL)          \
	X(SHORT, s16, "short int", BTF_INT_SIGNED, NULL)  \
	X(USHORT, u16, "short unsigned int", 0, NULL)     \
	X(INT, s32, "int", BTF_INT_SIGNED, NULL)          \
	X(UINT, u32, "unsigned int", 0, NULL)             \
	X(LONG, s64, "long int", BTF_INT_SIGNED, NULL)    \
	X(ULONG, u64, "long unsigned int", 0, NULL)       \
	X(ULLONG, u64, "long long unsigned int", 0, NULL) \
	X(U8, u8, "unsigned char", 0, "u8")               \
	X(U16, u16, "short unsigned int", 0, "u16")       \
	X(U32, u32, "unsigned int", 0, "u32")             \
	X(U64, u64, "long long unsigned int", 0, "u64")   \
	X(BE16, u16, "short unsigned int", 0, "__be16")   \
	X(BE32, u32, "unsigned int", 0, "__be32")         \
	X(PID, s32, "int", BTF_INT_SIGNED, "pid_t")       \
	X(UID, u32, "unsigned int", 0, "uid_t")           \
	X(GID, u32, "unsigned int", 0, "gid_t")           \
	X(DEV, u32, "unsigned int", 0, "dev_t")           \
	X(MODE, u16, "short unsigned int", 0, "umode_t")  \
	X(FMODE, u32, "unsigned int", 0, "fmode_t")       \
	X(LOFF, s64, "long long int", BTF_INT_SIGNED, "loff_t")

/*
 * S: struct name; T: typedef of an anonymous struct; U: union name. What stands inside
 * another struct comes before it.
 */
/* clang-format off */
#define KERNEL_STRUCTS(S, T, U)                                                                    \
	T(atomic_t) T(refcount_t) T(kuid_t) T(kgid_t) T(kernel_cap_t) T(possible_net_t)            \
	S(ns_common) S(user_namespace) S(uts_namespace) S(ipc_namespace)              \
	S(mnt_namespace) S(pid_namespace) S(net) S(cgroup_namespace) S(time_namespace)             \
	S(nsproxy) S(upid) S(pid) S(cred) S(mm_struct) S(signal_struct)            \
	S(thread_info) S(path) S(fs_struct)            \
	S(task_struct) S(qstr) S(inode) S(dentry)    \
	S(file) S(linux_binprm) U(in6_u_union) S(in6_addr)            \
	S(sock_common) S(socket) S(sock) S(net_device) S(sk_buff) S(pt_regs) S(user_pt_regs)       \
	S(bpf_raw_tracepoint_args) S(trace_entry) S(trace_event_raw_sys_enter)                     \
	S(trace_event_raw_sys_exit) S(syscall_trace_enter) S(syscall_trace_exit)                   \
	S(trace_event_raw_sched_process_template) S(trace_event_raw_sched_process_exec)            \
	S(trace_event_raw_sched_process_fork) S(trace_event_raw_sched_switch)
/* clang-format on */

#define KERNEL_atomic_t(F)       F(NUM, INT, counter, 0)
#define KERNEL_refcount_t(F)     F(OBJ, atomic_t, refs, 0)
#define KERNEL_kuid_t(F)         F(NUM, UID, val, 0)
#define KERNEL_kgid_t(F)         F(NUM, GID, val, 0)
#define KERNEL_kernel_cap_t(F)   F(NUM, U64, val, 0)
#define KERNEL_possible_net_t(F) F(PTR, net, net, 0)

#define KERNEL_ns_common(F)      F(NUM, UINT, inum, 0)
#define KERNEL_user_namespace(F) F(OBJ, ns_common, ns, 0)
#define KERNEL_uts_namespace(F)  F(OBJ, ns_common, ns, 0)
#define KERNEL_ipc_namespace(F)  F(OBJ, ns_common, ns, 0)
#define KERNEL_mnt_namespace(F)  F(OBJ, ns_common, ns, 0)
#define KERNEL_pid_namespace(F) \
	F(NUM, UINT, level, 0)  \
	F(OBJ, ns_common, ns, 0)
#define KERNEL_net(F)              F(OBJ, ns_common, ns, 0)
#define KERNEL_cgroup_namespace(F) F(OBJ, ns_common, ns, 0)
#define KERNEL_time_namespace(F)   F(OBJ, ns_common, ns, 0)
#define KERNEL_nsproxy(F)                             \
	F(PTR, uts_namespace, uts_ns, 0)              \
	F(PTR, ipc_namespace, ipc_ns, 0)              \
	F(PTR, mnt_namespace, mnt_ns, 0)              \
	F(PTR, pid_namespace, pid_ns_for_children, 0) \
	F(PTR, net, net_ns, 0)                        \
	F(PTR, time_namespace, time_ns, 0)            \
	F(PTR, cgroup_namespace, cgroup_ns, 0)

#define KERNEL_upid(F)     \
	F(NUM, INT, nr, 0) \
	F(PTR, pid_namespace, ns, 0)
#define KERNEL_pid(F)          \
	F(NUM, UINT, level, 0) \
	F(OBJS, upid, numbers, 2)

#define KERNEL_cred(F)                           \
	F(OBJ, kuid_t, uid, 0)                   \
	F(OBJ, kgid_t, gid, 0)                   \
	F(OBJ, kuid_t, suid, 0)                  \
	F(OBJ, kgid_t, sgid, 0)                  \
	F(OBJ, kuid_t, euid, 0)                  \
	F(OBJ, kgid_t, egid, 0)                  \
	F(OBJ, kuid_t, fsuid, 0)                 \
	F(OBJ, kgid_t, fsgid, 0)                 \
	F(OBJ, kernel_cap_t, cap_inheritable, 0) \
	F(OBJ, kernel_cap_t, cap_permitted, 0)   \
	F(OBJ, kernel_cap_t, cap_effective, 0)   \
	F(PTR, user_namespace, user_ns, 0)

#define KERNEL_mm_struct(F)           \
	F(NUM, ULONG, total_vm, 0)    \
	F(NUM, ULONG, start_code, 0)  \
	F(NUM, ULONG, end_code, 0)    \
	F(NUM, ULONG, start_data, 0)  \
	F(NUM, ULONG, end_data, 0)    \
	F(NUM, ULONG, start_brk, 0)   \
	F(NUM, ULONG, start_stack, 0) \
	F(NUM, ULONG, arg_start, 0)   \
	F(NUM, ULONG, arg_end, 0)     \
	F(NUM, ULONG, env_start, 0)   \
	F(NUM, ULONG, env_end, 0)     \
	F(PTR, task_struct, owner, 0) \
	F(PTR, file, exe_file, 0)

#define KERNEL_signal_struct(F)   \
	F(OBJ, atomic_t, live, 0) \
	F(NUM, INT, nr_threads, 0)

#define KERNEL_thread_info(F) F(NUM, U32, cpu, 0)

#define KERNEL_fs_struct(F)   \
	F(NUM, INT, umask, 0) \
	F(OBJ, path, pwd, 0)

#define KERNEL_task_struct(F)                \
	F(OBJ, thread_info, thread_info, 0)  \
	F(NUM, UINT, __state, 0)             \
	F(NUM, UINT, flags, 0)               \
	F(NUM, INT, prio, 0)                 \
	F(NUM, INT, static_prio, 0)          \
	F(NUM, UINT, policy, 0)              \
	F(PTR, mm_struct, mm, 0)             \
	F(PTR, mm_struct, active_mm, 0)      \
	F(NUM, INT, exit_signal, 0)          \
	F(NUM, PID, pid, 0)                  \
	F(NUM, PID, tgid, 0)                 \
	F(PTR, task_struct, real_parent, 0)  \
	F(PTR, task_struct, parent, 0)       \
	F(PTR, task_struct, group_leader, 0) \
	F(PTR, pid, thread_pid, 0)           \
	F(NUM, U64, utime, 0)                \
	F(NUM, U64, stime, 0)                \
	F(NUM, ULONG, nvcsw, 0)              \
	F(NUM, ULONG, nivcsw, 0)             \
	F(NUM, U64, start_time, 0)           \
	F(NUM, U64, start_boottime, 0)       \
	F(NUM, ULONG, min_flt, 0)            \
	F(NUM, ULONG, maj_flt, 0)            \
	F(PTR, cred, real_cred, 0)           \
	F(PTR, cred, cred, 0)                \
	F(NUMS, CHAR, comm, 16)              \
	F(PTR, fs_struct, fs, 0)             \
	F(PTR, nsproxy, nsproxy, 0)          \
	F(PTR, signal_struct, signal, 0)

#define KERNEL_qstr(F)      \
	F(NUM, U32, len, 0) \
	F(NUMPTR, UCHAR, name, 0)
#define KERNEL_inode(F)          \
	F(NUM, MODE, i_mode, 0)  \
	F(OBJ, kuid_t, i_uid, 0) \
	F(OBJ, kgid_t, i_gid, 0) \
	F(NUM, ULONG, i_ino, 0)  \
	F(NUM, UINT, i_nlink, 0) \
	F(NUM, LOFF, i_size, 0)
#define KERNEL_dentry(F)            \
	F(PTR, dentry, d_parent, 0) \
	F(OBJ, qstr, d_name, 0)
#define KERNEL_path(F) F(PTR, dentry, dentry, 0)
#define KERNEL_file(F)          \
	F(OBJ, path, f_path, 0) \
	F(PTR, inode, f_inode, 0)
#define KERNEL_linux_binprm(F)       \
	F(PTR, mm_struct, mm, 0)     \
	F(PTR, file, executable, 0)  \
	F(PTR, file, interpreter, 0) \
	F(PTR, file, file, 0)        \
	F(PTR, cred, cred, 0)        \
	F(NUM, INT, argc, 0)         \
	F(NUM, INT, envc, 0)         \
	F(NUMPTR, CHAR, filename, 0) \
	F(NUMPTR, CHAR, interp, 0)   \
	F(NUMS, CHAR, buf, 256)

#define KERNEL_in6_u_union(F)       \
	F(NUMS, U8, u6_addr8, 16)   \
	F(NUMS, BE16, u6_addr16, 8) \
	F(NUMS, BE32, u6_addr32, 4)
#define KERNEL_in6_addr(F) F(OBJ, in6_u_union, in6_u, 0)
#define KERNEL_sock_common(F)              \
	F(NUM, BE32, skc_daddr, 0)         \
	F(NUM, BE32, skc_rcv_saddr, 0)     \
	F(NUM, UINT, skc_hash, 0)          \
	F(NUM, BE16, skc_dport, 0)         \
	F(NUM, U16, skc_num, 0)            \
	F(NUM, USHORT, skc_family, 0)      \
	F(NUM, UCHAR, skc_state, 0)        \
	F(NUM, INT, skc_bound_dev_if, 0)   \
	F(OBJ, possible_net_t, skc_net, 0) \
	F(OBJ, in6_addr, skc_v6_daddr, 0)  \
	F(OBJ, in6_addr, skc_v6_rcv_saddr, 0)
#define KERNEL_socket(F)        \
	F(NUM, SHORT, type, 0)  \
	F(NUM, ULONG, flags, 0) \
	F(PTR, file, file, 0)   \
	F(PTR, sock, sk, 0)
#define KERNEL_sock(F)                      \
	F(OBJ, sock_common, __sk_common, 0) \
	F(NUM, U16, sk_type, 0)             \
	F(NUM, U16, sk_protocol, 0)         \
	F(NUM, INT, sk_err, 0)              \
	F(NUM, U32, sk_mark, 0)             \
	F(NUM, U32, sk_priority, 0)         \
	F(PTR, socket, sk_socket, 0)
#define KERNEL_net_device(F)    \
	F(NUMS, CHAR, name, 16) \
	F(NUM, INT, ifindex, 0) \
	F(NUM, UINT, mtu, 0)
#define KERNEL_sk_buff(F)                \
	F(PTR, net_device, dev, 0)       \
	F(PTR, sock, sk, 0)              \
	F(NUM, UINT, len, 0)             \
	F(NUM, UINT, data_len, 0)        \
	F(NUM, BE16, protocol, 0)        \
	F(NUM, U16, transport_header, 0) \
	F(NUM, U16, network_header, 0)   \
	F(NUM, U16, mac_header, 0)       \
	F(NUM, U32, hash, 0)             \
	F(NUM, U32, mark, 0)             \
	F(NUM, U32, priority, 0)         \
	F(NUMPTR, UCHAR, head, 0)        \
	F(NUMPTR, UCHAR, data, 0)

/* x86-64's, in the order of its UAPI: also the context of kprobe programs. */
#define KERNEL_pt_regs(F)         \
	F(NUM, ULONG, r15, 0)     \
	F(NUM, ULONG, r14, 0)     \
	F(NUM, ULONG, r13, 0)     \
	F(NUM, ULONG, r12, 0)     \
	F(NUM, ULONG, bp, 0)      \
	F(NUM, ULONG, bx, 0)      \
	F(NUM, ULONG, r11, 0)     \
	F(NUM, ULONG, r10, 0)     \
	F(NUM, ULONG, r9, 0)      \
	F(NUM, ULONG, r8, 0)      \
	F(NUM, ULONG, ax, 0)      \
	F(NUM, ULONG, cx, 0)      \
	F(NUM, ULONG, dx, 0)      \
	F(NUM, ULONG, si, 0)      \
	F(NUM, ULONG, di, 0)      \
	F(NUM, ULONG, orig_ax, 0) \
	F(NUM, ULONG, ip, 0)      \
	F(NUM, ULONG, cs, 0)      \
	F(NUM, ULONG, flags, 0)   \
	F(NUM, ULONG, sp, 0)      \
	F(NUM, ULONG, ss, 0)
/* arm64's. */
#define KERNEL_user_pt_regs(F)    \
	F(NUMS, ULLONG, regs, 31) \
	F(NUM, ULLONG, sp, 0)     \
	F(NUM, ULLONG, pc, 0)     \
	F(NUM, ULLONG, pstate, 0)

#define KERNEL_bpf_raw_tracepoint_args(F) F(NUMS, ULLONG, args, 0)

/* Tracepoint records: their offsets are those of Linux's format files. */
#define KERNEL_trace_entry(F)           \
	F(NUM, USHORT, type, 0)         \
	F(NUM, UCHAR, flags, 0)         \
	F(NUM, UCHAR, preempt_count, 0) \
	F(NUM, INT, pid, 0)
#define KERNEL_trace_event_raw_sys_enter(F) \
	F(OBJ, trace_entry, ent, 0)         \
	F(NUM, LONG, id, 0)                 \
	F(NUMS, ULONG, args, 6)             \
	F(NUMS, CHAR, __data, 0)
#define KERNEL_trace_event_raw_sys_exit(F) \
	F(OBJ, trace_entry, ent, 0)        \
	F(NUM, LONG, id, 0)                \
	F(NUM, LONG, ret, 0)               \
	F(NUMS, CHAR, __data, 0)
#define KERNEL_syscall_trace_enter(F) \
	F(OBJ, trace_entry, ent, 0)   \
	F(NUM, INT, nr, 0)            \
	F(NUMS, ULONG, args, 0)
#define KERNEL_syscall_trace_exit(F) \
	F(OBJ, trace_entry, ent, 0)  \
	F(NUM, INT, nr, 0)           \
	F(NUM, LONG, ret, 0)
#define KERNEL_trace_event_raw_sched_process_template(F) \
	F(OBJ, trace_entry, ent, 0)                      \
	F(NUMS, CHAR, comm, 16)                          \
	F(NUM, PID, pid, 0)                              \
	F(NUM, INT, prio, 0)                             \
	F(NUMS, CHAR, __data, 0)
#define KERNEL_trace_event_raw_sched_process_exec(F) \
	F(OBJ, trace_entry, ent, 0)                  \
	F(NUM, U32, __data_loc_filename, 0)          \
	F(NUM, PID, pid, 0)                          \
	F(NUM, PID, old_pid, 0)                      \
	F(NUMS, CHAR, __data, 0)
#define KERNEL_trace_event_raw_sched_process_fork(F) \
	F(OBJ, trace_entry, ent, 0)                  \
	F(NUMS, CHAR, parent_comm, 16)               \
	F(NUM, PID, parent_pid, 0)                   \
	F(NUMS, CHAR, child_comm, 16)                \
	F(NUM, PID, child_pid, 0)                    \
	F(NUMS, CHAR, __data, 0)
#define KERNEL_trace_event_raw_sched_switch(F) \
	F(OBJ, trace_entry, ent, 0)            \
	F(NUMS, CHAR, prev_comm, 16)           \
	F(NUM, PID, prev_pid, 0)               \
	F(NUM, INT, prev_prio, 0)              \
	F(NUM, LONG, prev_state, 0)            \
	F(NUMS, CHAR, next_comm, 16)           \
	F(NUM, PID, next_pid, 0)               \
	F(NUM, INT, next_prio, 0)              \
	F(NUMS, CHAR, __data, 0)

/* The C structs. 8-byte members are aligned as in the BPF ABI on every host. */
#define X(word, ctype, ...) typedef ctype kernel_##word __attribute__((aligned(sizeof(ctype))));
KERNEL_NUMBERS(X)
#undef X
typedef u64 kernel_ptr __attribute__((aligned(8)));

#define C_NUM(type, name, n)          kernel_##type name;
#define C_OBJ(type, name, n)          struct kernel_##type name;
#define C_PTR(type, name, n)          kernel_ptr name;
#define C_NUMPTR(type, name, n)       kernel_ptr name;
#define C_VOIDPTR(type, name, n)      kernel_ptr name;
#define C_NUMS(type, name, n)         kernel_##type name[n];
#define C_OBJS(type, name, n)         struct kernel_##type name[n];
#define C_PTRS(type, name, n)         kernel_ptr name[n];
#define C_MEMBER(kind, type, name, n) C_##kind(type, name, n)
#define C_STRUCT(name)                  \
	struct kernel_##name {          \
		KERNEL_##name(C_MEMBER) \
	};
#define C_UNION(name)                           \
	struct kernel_##name {                  \
		union {                         \
			KERNEL_##name(C_MEMBER) \
		};                              \
	};
KERNEL_STRUCTS(C_STRUCT, C_STRUCT, C_UNION)
#undef C_NUM
#undef C_OBJ
#undef C_PTR
#undef C_NUMPTR
#undef C_VOIDPTR
#undef C_NUMS
#undef C_OBJS
#undef C_PTRS
#undef C_MEMBER
#undef C_STRUCT
#undef C_UNION

/* The description as data: what presented.c makes BTF from, and tests compare it with. */
enum kernel_number {
#define X(word, ...) KERNEL_NUMBER_##word,
	KERNEL_NUMBERS(X)
#undef X
	    KERNEL_NUMBER_COUNT
};

enum kernel_struct {
#define X(name) KERNEL_STRUCT_##name,
	KERNEL_STRUCTS(X, X, X)
#undef X
	    KERNEL_STRUCT_COUNT
};

enum kernel_member_kind {
	MEMBER_NUM,
	MEMBER_OBJ,
	MEMBER_PTR,
	MEMBER_NUMPTR,
	MEMBER_VOIDPTR,
	MEMBER_NUMS,
	MEMBER_OBJS,
	MEMBER_PTRS,
};

struct kernel_member_desc {
	const char *name;
	u8 kind;    /* enum kernel_member_kind */
	u8 type;    /* enum kernel_number or kernel_struct */
	u16 n;      /* of arrays */
	u32 offset; /* in bytes */
};

struct kernel_struct_desc {
	const char *name;
	u32 size;
	bool is_typedef, is_union;
	u32 n_members;
	const struct kernel_member_desc *members;
};

const struct kernel_struct_desc *kernel_struct_desc(enum kernel_struct which);

#endif
