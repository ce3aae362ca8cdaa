/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interpreter's loop: the executable meaning of the ISA. Included by interp.c and
 * interp_trace.c, which define LOOP_NAME, and LOOP_TRACE for the variant that shows every
 * instruction to it->tracer.
 *
 * Direct threading: an iop holds the distance from the label L_INVALID to the code that
 * executes it, and each handler ends by jumping to the next one's. Registers are one local
 * array that never escapes, so the compiler knows that the program's stores do not change
 * it. All arithmetic is unsigned or in vm/arith.h.
 *
 * Frames lie one behind the other in memory that the entry provides: struct frame, then
 * the function's stack, zeroed, so that no program sees what C code left there.
 */

/* Labels and tables of labels are laid out by hand. */
/* clang-format off */

/* Program memory is not aligned as C types are. */
typedef u16 __attribute__((aligned(1), may_alias)) loose_u16;
typedef u32 __attribute__((aligned(1), may_alias)) loose_u32;
typedef u64 __attribute__((aligned(1), may_alias)) loose_u64;
typedef u8 loose_u8;

#define DST r[pc->dst]
#define SRC r[pc->src]
#define IMM64 ((u64)(s64)pc->imm)
#define IMM32 ((u32)pc->imm)
#define OFF ((u64)(s64)pc->off)
#define AT(type, addr) (*(type *)(uintptr_t)(addr))

#ifdef LOOP_TRACE
#define DISPATCH                                                                                   \
	do {                                                                                       \
		show(it, code, pc, r, fp);                                                         \
		goto *(void *)((const char *)&&L_INVALID + handlers[pc->op]);                      \
	} while (0)
#else
#define DISPATCH goto *(void *)((const char *)&&L_INVALID + pc->handler)
#endif
#define NEXT                                                                                       \
	do {                                                                                       \
		pc++;                                                                              \
		DISPATCH;                                                                          \
	} while (0)
#define JUMP                                                                                       \
	do {                                                                                       \
		pc = (const struct iop *)((const char *)pc + pc->off);                             \
		DISPATCH;                                                                          \
	} while (0)

/* A binary operation in its four shapes; a and b are words of the width. */
#define ALU_SHAPE(label, word, right, expr)                                                        \
	L_##label:                                                                                 \
	{                                                                                          \
		word a = (word)DST, b = (word)(right);                                             \
		DST = (word)(expr);                                                                \
	}                                                                                          \
	NEXT;
#define ALU(name, expr64, expr32)                                                                  \
	ALU_SHAPE(name##64_K, u64, IMM64, expr64)                                                  \
	ALU_SHAPE(name##64_X, u64, SRC, expr64)                                                    \
	ALU_SHAPE(name##32_K, u32, IMM32, expr32)                                                  \
	ALU_SHAPE(name##32_X, u32, SRC, expr32)
#define ALU_FN(name, fn) ALU(name, arith_##fn##64(a, b), arith_##fn##32(a, b))
/* DST from an expression. */
#define SET(label, value)                                                                          \
	L_##label:                                                                                 \
	DST = (value);                                                                             \
	NEXT;

#define JCC_SHAPE(label, word, right, cond)                                                        \
	L_##label:                                                                                 \
	{                                                                                          \
		word a = (word)DST, b = (word)(right);                                             \
		if (cond)                                                                          \
			JUMP;                                                                      \
	}                                                                                          \
	NEXT;
#define JCC_AS(name, w64, w32, cond)                                                               \
	JCC_SHAPE(name##64_K, w64, IMM64, cond)                                                    \
	JCC_SHAPE(name##64_X, w64, SRC, cond)                                                      \
	JCC_SHAPE(name##32_K, w32, IMM32, cond)                                                    \
	JCC_SHAPE(name##32_X, w32, SRC, cond)
#define JCC(name, cond) JCC_AS(name, u64, u32, cond)
#define JCC_SIGNED(name, cond) JCC_AS(name, s64, s32, cond)

#define LOAD_STORE(bits)                                                                           \
	SET(LDX##bits, AT(const loose_u##bits, SRC + OFF))                                         \
	SET(PROBE##bits, rc->arena ? AT(const loose_u##bits, PROBED) : 0)                          \
	L_ST##bits:                                                                                \
	AT(loose_u##bits, DST + OFF) = (u##bits)IMM64;                                             \
	NEXT;                                                                                      \
	L_STX##bits:                                                                               \
	AT(loose_u##bits, DST + OFF) = (u##bits)SRC;                                               \
	NEXT;                                                                                      \
	SET(LOAD_ACQ##bits, load_acquire(&AT(u##bits, SRC + OFF)))                                 \
	L_STORE_REL##bits:                                                                         \
	store_release(&AT(u##bits, DST + OFF), (u##bits)SRC);                                      \
	NEXT;
#define LOAD_SX(bits)                                                                              \
	SET(LDSX##bits, (u64)(s64)(s##bits)AT(const loose_u##bits, SRC + OFF))                     \
	SET(PROBE_SX##bits, rc->arena ? (u64)(s64)(s##bits)AT(const loose_u##bits, PROBED) : 0)
#define PROBED ((uintptr_t)rc->arena + ((SRC + OFF) & rc->arena_mask))

#define RMW(name, bits, fn)                                                                        \
	L_ATOMIC_##name##bits:                                                                     \
	__atomic_##fn(&AT(u##bits, DST + OFF), (u##bits)SRC, __ATOMIC_RELAXED);                    \
	NEXT;                                                                                      \
	L_ATOMIC_FETCH_##name##bits:                                                               \
	SRC = __atomic_##fn(&AT(u##bits, DST + OFF), (u##bits)SRC, __ATOMIC_SEQ_CST);              \
	NEXT;
#define ATOMICS(bits)                                                                              \
	RMW(ADD, bits, fetch_add)                                                                  \
	RMW(OR, bits, fetch_or)                                                                    \
	RMW(AND, bits, fetch_and)                                                                  \
	RMW(XOR, bits, fetch_xor)                                                                  \
	L_ATOMIC_XCHG##bits:                                                                       \
	SRC = exchange_seq_cst(&AT(u##bits, DST + OFF), (u##bits)SRC);                             \
	NEXT;                                                                                      \
	L_ATOMIC_CMPXCHG##bits:                                                                    \
	{                                                                                          \
		u##bits expected = (u##bits)r[0];                                                  \
		cas_seq_cst(&AT(u##bits, DST + OFF), &expected, (u##bits)SRC);                     \
		r[0] = expected;                                                                   \
	}                                                                                          \
	NEXT;

#define LEGACY_LOAD(bits)                                                                          \
	L_ABS##bits:                                                                               \
	if (!load_packet(code, r, pc->imm, bits / 8))                                              \
		goto L_EXIT;                                                                       \
	NEXT;                                                                                      \
	L_IND##bits:                                                                               \
	if (!load_packet(code, r, (s32)((u32)SRC + IMM32), bits / 8))                              \
		goto L_EXIT;                                                                       \
	NEXT;

/* LD_ABS and LD_IND: into r0, which is 0 when the packet ends before. */
static ALWAYS_INLINE bool load_packet(const struct decoded *code, u64 *r, s32 offset, u32 size)
{
	u64 value;
	bool inside = code->prog->image->load_packet((const void *)(uintptr_t)r[6], offset, size,
						     &value);

	r[0] = inside ? value : 0;
	return inside;
}

/* A fresh activation at `frame`, or false when the memory for frames ends before. */
static ALWAYS_INLINE bool frame_open(struct interp *it, struct frame *frame, const struct isub *sub,
				     u64 *r)
{
	u8 *stack = (u8 *)(frame + 1);

	if (UNLIKELY((size_t)(it->end - (u8 *)frame) < sizeof(*frame) + sub->depth))
		return false;
	memset(stack, 0, sub->depth);
	frame->depth = sub->depth;
	frame->may_goto = BPF_MAX_LOOP_COUNT;
	r[10] = (uintptr_t)stack + sub->depth;
	return true;
}

static ALWAYS_INLINE struct frame *frame_behind(const struct frame *frame)
{
	return (struct frame *)((u8 *)(frame + 1) + frame->depth);
}

/* Unsigned, as cancelling stores a number that may not be counted down. */
static ALWAYS_INLINE bool budget_take(struct run_ctx *rc)
{
	s64 left = (s64)((u64)load_relaxed(&rc->budget) - 1);

	store_relaxed(&rc->budget, left);
	return left >= 0;
}

u64 LOOP_NAME(struct interp *it, const struct decoded *code, const struct isub *sub,
	      const u64 *args)
{
	static const s32 handlers[IOP_COUNT] = {
		[OP_INVALID] = 0,
#define HANDLER(name, ...) [OP_##name] = (s32)((const char *)&&L_##name - (const char *)&&L_INVALID),
		ISA_OPS(HANDLER, HANDLER)
#undef HANDLER
		[IOP_BACK_EDGE] = (s32)((const char *)&&L_BACK_EDGE - (const char *)&&L_INVALID),
		[IOP_CALL_COUNTED] = (s32)((const char *)&&L_CALL_COUNTED - (const char *)&&L_INVALID),
	};
	u64 r[BPF_REGS] = { 0 };
	struct run_ctx *rc;
	struct frame *fp;
	const struct iop *pc;

	if (!it)
		return (uintptr_t)handlers;
	rc = it->rc;
	fp = it->top;
	fp->ret = NULL;
	if (!frame_open(it, fp, sub, r))
		run_abort(rc, RUN_BUDGET);
	for (u32 i = 0; i < 5; i++)
		r[1 + i] = args[i];
	pc = sub->start;
	DISPATCH;

	ALU(ADD, a + b, a + b)
	ALU(SUB, a - b, a - b)
	ALU(MUL, a * b, a * b)
	ALU(OR, a | b, a | b)
	ALU(AND, a & b, a & b)
	ALU(XOR, a ^ b, a ^ b)
	ALU_FN(DIV, div)
	ALU_FN(MOD, mod)
	ALU_FN(SDIV, sdiv)
	ALU_FN(SMOD, smod)
	ALU_FN(LSH, lsh)
	ALU_FN(RSH, rsh)
	ALU_FN(ARSH, arsh)

	SET(MOV64_K, IMM64)
	SET(MOV64_X, SRC)
	SET(MOV32_K, IMM32)
	SET(MOV32_X, (u32)SRC)
	SET(MOVSX64_8, (u64)(s64)(s8)SRC)
	SET(MOVSX64_16, (u64)(s64)(s16)SRC)
	SET(MOVSX64_32, (u64)(s64)(s32)SRC)
	SET(MOVSX32_8, (u32)(s32)(s8)SRC)
	SET(MOVSX32_16, (u32)(s32)(s16)SRC)
	SET(NEG64, 0 - DST)
	SET(NEG32, 0 - (u32)DST)
	SET(LE16, arith_le16(DST))
	SET(LE32, arith_le32(DST))
	SET(LE64, arith_le64(DST))
	SET(BE16, arith_be16(DST))
	SET(BE32, arith_be32(DST))
	SET(BE64, arith_be64(DST))
	SET(BSWAP16, __builtin_bswap16((u16)DST))
	SET(BSWAP32, __builtin_bswap32((u32)DST))
	SET(BSWAP64, __builtin_bswap64(DST))

	LOAD_STORE(8)
	LOAD_STORE(16)
	LOAD_STORE(32)
	LOAD_STORE(64)
	LOAD_SX(8)
	LOAD_SX(16)
	LOAD_SX(32)
	ATOMICS(32)
	ATOMICS(64)
	LEGACY_LOAD(8)
	LEGACY_LOAD(16)
	LEGACY_LOAD(32)

L_IMM64:
	DST = (u64)IMM32 | (u64)(u32)pc->off << 32;
	pc += 2;
	DISPATCH;

	JCC(JEQ, a == b)
	JCC(JNE, a != b)
	JCC(JGT, a > b)
	JCC(JGE, a >= b)
	JCC(JLT, a < b)
	JCC(JLE, a <= b)
	JCC(JSET, a & b)
	JCC_SIGNED(JSGT, a > b)
	JCC_SIGNED(JSGE, a >= b)
	JCC_SIGNED(JSLT, a < b)
	JCC_SIGNED(JSLE, a <= b)

L_JA:
	JUMP;
L_BACK_EDGE:
	if (!budget_take(rc))
		run_abort(rc, RUN_BUDGET);
	JUMP;
L_MAY_GOTO:
	if (!fp->may_goto)
		JUMP;
	fp->may_goto--;
	NEXT;

L_CALL:
	it->top = fp;
	r[0] = code->fns[pc->imm](r[1], r[2], r[3], r[4], r[5], rc);
	NEXT;
L_CALL_COUNTED:
	if (!budget_take(rc))
		run_abort(rc, RUN_BUDGET);
L_CALL_FUNC: {
	const struct isub *callee = &code->subs[pc->imm];
	struct frame *frame = frame_behind(fp);
	u64 own_stack = r[10];

	if (!frame_open(it, frame, callee, r))
		run_abort(rc, RUN_BUDGET);
	frame->ret = pc + 1;
	frame->code = code;
	frame->prev = fp;
	memcpy(frame->saved, &r[6], 4 * sizeof(u64));
	frame->saved[4] = own_stack;
	fp = frame;
	pc = callee->start;
	DISPATCH;
}
L_TAIL_CALL: {
	const struct map *map = (const struct map *)(uintptr_t)r[2];
	struct prog *target;
	u32 index = (u32)r[3];

	it->top = fp;
	target = run_tail_target(rc, map, index);
	if (!target)
		NEXT;
	code = target->decoded;
	/* The frame becomes the target's; who called it stays. */
	if (!frame_open(it, fp, &code->subs[0], r))
		run_abort(rc, RUN_BUDGET);
	pc = code->subs[0].start;
	DISPATCH;
}
L_EXIT:
	if (!fp->ret)
		return r[0];
	memcpy(&r[6], fp->saved, sizeof(fp->saved));
	pc = fp->ret;
	if (code != fp->code) {
		code = fp->code;
		rc->prog = code->prog;
	}
	fp = fp->prev;
	DISPATCH;

	/* Predecoding makes none of these. */
L_JA32:
L_IMM64_MAP_FD:
L_IMM64_MAP_VALUE:
L_IMM64_BTF_ID:
L_IMM64_FUNC:
L_IMM64_MAP_IDX:
L_IMM64_MAP_IDX_VALUE:
L_ADDR_CAST:
L_CALL_KFUNC:
L_CALLX:
L_INVALID:
	os_panic("interpreter: an instruction that no image has");
}
