/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kfuncs that Skep's own kernel runs: a row of KFUNC_RUNS each, with the C prototype from
 * which the presented BTF is made (model/presented_kfuncs.c), and a function kfunc_run_NAME in a
 * file of this room. They are called like helpers.
 */
#ifndef SKEP_HELPERS_KFUNCS_H
#define SKEP_HELPERS_KFUNCS_H

#include "model/kfuncs.h"
#include "vm/run.h"

/*
 * X(name, prototype). Words of the prototypes: void, bool, integers and their typedefs, const,
 * struct NAME and pointers to these; element_callback.
 */
#define KFUNC_RUNS(X)                                                                              \
	X(bpf_rcu_read_lock, "void ()")                                                            \
	X(bpf_rcu_read_unlock, "void ()")                                                          \
	X(bpf_preempt_disable, "void ()")                                                          \
	X(bpf_preempt_enable, "void ()")                                                           \
	X(bpf_local_irq_save, "void (unsigned long *flags__irq_flag)")                             \
	X(bpf_local_irq_restore, "void (unsigned long *flags__irq_flag)")                          \
	X(bpf_wq_init, "int (struct bpf_wq *wq, void *p__map, unsigned int flags)")                \
	X(bpf_wq_set_callback_impl, "int (struct bpf_wq *wq, element_callback callback_fn, "        \
				    "unsigned int flags, void *aux__prog)")                       \
	X(bpf_wq_start, "int (struct bpf_wq *wq, unsigned int flags)")                             \
	X(bpf_res_spin_lock, "int (struct bpf_res_spin_lock *lock)")                               \
	X(bpf_res_spin_unlock, "void (struct bpf_res_spin_lock *lock)")                            \
	X(bpf_res_spin_lock_irqsave,                                                               \
	  "int (struct bpf_res_spin_lock *lock, unsigned long *flags__irq_flag)")                  \
	X(bpf_res_spin_unlock_irqrestore,                                                          \
	  "void (struct bpf_res_spin_lock *lock, unsigned long *flags__irq_flag)")                 \
	X(bpf_rdonly_cast, "void *(const void *obj__ign, u32 btf_id__k)")                          \
	X(bpf_task_acquire, "struct task_struct *(struct task_struct *p)")                         \
	X(bpf_task_release, "void (struct task_struct *p)")                                        \
	X(bpf_copy_from_user_str, "int (void *dst, u32 dst__sz, const void *unsafe_ptr__ign, "     \
				  "u64 flags)")                                                    \
	X(bpf_strcmp, "int (const char *s1__ign, const char *s2__ign)")                            \
	X(bpf_strcasecmp, "int (const char *s1__ign, const char *s2__ign)")                        \
	X(bpf_strchr, "int (const char *s__ign, char c)")                                          \
	X(bpf_strchrnul, "int (const char *s__ign, char c)")                                       \
	X(bpf_strnchr, "int (const char *s__ign, size_t count, char c)")                           \
	X(bpf_strrchr, "int (const char *s__ign, int c)")                                          \
	X(bpf_strlen, "int (const char *s__ign)")                                                  \
	X(bpf_strnlen, "int (const char *s__ign, size_t count)")                                   \
	X(bpf_strspn, "int (const char *s__ign, const char *accept__ign)")                         \
	X(bpf_strcspn, "int (const char *s__ign, const char *reject__ign)")                        \
	X(bpf_strstr, "int (const char *s1__ign, const char *s2__ign)")                            \
	X(bpf_strnstr, "int (const char *s1__ign, const char *s2__ign, size_t len)")               \
	X(bpf_dynptr_from_skb, "int (struct __sk_buff *s, u64 flags, struct bpf_dynptr *ptr__uninit)") \
	X(bpf_dynptr_from_skb_meta,                                                                \
	  "int (struct __sk_buff *s, u64 flags, struct bpf_dynptr *ptr__uninit)")                  \
	X(bpf_dynptr_from_xdp, "int (struct xdp_md *x, u64 flags, struct bpf_dynptr *ptr__uninit)") \
	X(bpf_dynptr_slice, "void *(const struct bpf_dynptr *p, u32 offset, void *buffer__opt, "   \
			    "u32 buffer__szk)")                                                    \
	X(bpf_dynptr_slice_rdwr, "void *(const struct bpf_dynptr *p, u32 offset, "                 \
				 "void *buffer__opt, u32 buffer__szk)")                            \
	X(bpf_dynptr_adjust, "int (const struct bpf_dynptr *p, u32 start, u32 end)")               \
	X(bpf_dynptr_is_null, "bool (const struct bpf_dynptr *p)")                                 \
	X(bpf_dynptr_is_rdonly, "bool (const struct bpf_dynptr *p)")                               \
	X(bpf_dynptr_size, "u32 (const struct bpf_dynptr *p)")                                     \
	X(bpf_dynptr_clone, "int (const struct bpf_dynptr *p, struct bpf_dynptr *clone__uninit)")  \
	X(bpf_dynptr_copy, "int (struct bpf_dynptr *dst_ptr, u32 dst_off, struct bpf_dynptr *src_ptr, " \
			   "u32 src_off, u32 size)")                                               \
	X(bpf_dynptr_memset, "int (struct bpf_dynptr *p, u32 offset, u32 size, u8 val)")           \
	X(bpf_probe_read_user_dynptr,                                                        \
	  "int (struct bpf_dynptr *dptr, u32 off, u32 size, const void *unsafe_ptr__ign)") \
	X(bpf_probe_read_kernel_dynptr,                                                      \
	  "int (struct bpf_dynptr *dptr, u32 off, u32 size, const void *unsafe_ptr__ign)") \
	X(bpf_probe_read_user_str_dynptr,                                                    \
	  "int (struct bpf_dynptr *dptr, u32 off, u32 size, const void *unsafe_ptr__ign)") \
	X(bpf_probe_read_kernel_str_dynptr,                                                  \
	  "int (struct bpf_dynptr *dptr, u32 off, u32 size, const void *unsafe_ptr__ign)") \
	X(bpf_copy_from_user_dynptr,                                                         \
	  "int (struct bpf_dynptr *dptr, u32 off, u32 size, const void *unsafe_ptr__ign)") \
	X(bpf_copy_from_user_str_dynptr,                                                     \
	  "int (struct bpf_dynptr *dptr, u32 off, u32 size, const void *unsafe_ptr__ign)") \
	X(bpf_iter_num_new, "int (struct bpf_iter_num *it, int start, int end)")                   \
	X(bpf_iter_num_next, "int *(struct bpf_iter_num *it)")                                     \
	X(bpf_iter_num_destroy, "void (struct bpf_iter_num *it)")                                  \
	X(bpf_iter_bits_new, "int (struct bpf_iter_bits *it, const u64 *unsafe_ptr__ign, u32 nr_words)") \
	X(bpf_iter_bits_next, "int *(struct bpf_iter_bits *it)")                                   \
	X(bpf_iter_bits_destroy, "void (struct bpf_iter_bits *it)")

#define X(name, prototype)                                                                         \
	u64 kfunc_run_##name(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc);
KFUNC_RUNS(X)
#undef X

/* bpf_dynptr_from_skb in programs that may not write to packets. */
extern const struct helper_proto kfunc_dynptr_from_skb_rdonly;

/* What runs the kfunc; NULL: Skep can only verify calls of it. */
helper_fn kfunc_fn(enum kfunc_id id);
/* The i-th of KFUNC_RUNS: its id and prototype; false behind the last. */
bool kfunc_run_at(u32 i, enum kfunc_id *id, const char **prototype);

#endif
