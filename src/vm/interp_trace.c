/* SPDX-License-Identifier: Apache-2.0 */
/* The loop that shows every instruction and all registers to a tracer before executing it. */
#include "vm/arith.h"
#include "vm/interp.h"

static NOINLINE void show(struct interp *it, const struct decoded *code, const struct iop *pc,
			  const u64 *r, const struct frame *fp)
{
	u32 index = (u32)(pc - code->ops), depth = 0;
	u64 regs[BPF_REGS];

	if (index >= code->len)
		return;
	for (; fp->ret; fp = fp->prev)
		depth++;
	memcpy(regs, r, sizeof(regs));
	it->tracer->insn(it->tracer->data, code->prog, index, regs, depth);
}

#define LOOP_NAME interp_loop_traced
#define LOOP_TRACE
#include "vm/interp_loop.h"
