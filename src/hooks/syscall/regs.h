/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tracer must know of a CPU: where a stopped thread's registers hold the number
 * of its system call and the result, and how to make it execute the call again. The
 * registers as ptrace gives them begin with what Linux calls struct pt_regs.
 */
#ifndef SKEP_HOOKS_SYSCALL_REGS_H
#define SKEP_HOOKS_SYSCALL_REGS_H

#include <linux/audit.h>
#include <sys/user.h>

#include "base/types.h"

#if defined(__x86_64__)
#include "hooks/syscall/regs_x86_64.h"
#elif defined(__aarch64__)
#include "hooks/syscall/regs_aarch64.h"
#else
#error "the ptrace hook does not know this CPU: add regs_<cpu>.h"
#endif

#endif
