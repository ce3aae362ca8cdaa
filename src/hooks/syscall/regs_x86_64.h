/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEP_HOOKS_SYSCALL_REGS_X86_64_H
#define SKEP_HOOKS_SYSCALL_REGS_X86_64_H

#define NATIVE_AUDIT_ARCH AUDIT_ARCH_X86_64

/* r15 ... ss: the 21 words that are struct pt_regs, in front of fs_base and the segments. */
#define PT_REGS_SIZE (21 * 8)

/* -1 outside of a call (an interrupt, or rt_sigreturn). */
static inline s64 regs_call(const struct user_regs_struct *regs)
{
	return (s64)regs->orig_rax;
}

static inline s64 regs_result(const struct user_regs_struct *regs)
{
	return (s64)regs->rax;
}

static inline void regs_frame(const struct user_regs_struct *regs, u64 *ip, u64 *frame)
{
	*ip = regs->rip;
	*frame = regs->rbp;
}

static inline void regs_set_arg0(struct user_regs_struct *regs, u64 value)
{
	regs->rdi = value;
}

/* Back to before the syscall instruction, which is two bytes long. */
static inline bool regs_call_again(struct user_regs_struct *regs)
{
	regs->rip -= 2;
	regs->rax = regs->orig_rax;
	regs->orig_rax = (unsigned long long)-1;
	return true;
}

#endif
