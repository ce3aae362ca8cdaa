/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEP_HOOKS_SYSCALL_REGS_AARCH64_H
#define SKEP_HOOKS_SYSCALL_REGS_AARCH64_H

#define NATIVE_AUDIT_ARCH AUDIT_ARCH_AARCH64

#define PT_REGS_SIZE (34 * 8)

static inline s64 regs_call(const struct user_regs_struct *regs)
{
	return (s32)regs->regs[8];
}

static inline s64 regs_result(const struct user_regs_struct *regs)
{
	return (s64)regs->regs[0];
}

static inline void regs_frame(const struct user_regs_struct *regs, u64 *ip, u64 *frame)
{
	*ip = regs->pc;
	*frame = regs->regs[29];
}

static inline void regs_set_arg0(struct user_regs_struct *regs, u64 value)
{
	regs->regs[0] = value;
}

/* The result has overwritten the first argument: there is no way back. */
static inline bool regs_call_again(struct user_regs_struct *regs)
{
	return false;
}

#endif
