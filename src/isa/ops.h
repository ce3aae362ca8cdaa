/* SPDX-License-Identifier: Apache-2.0 */
/*
 * THE table of eBPF operations: RFC 9669, what Linux added to it, and the few forms that
 * exist only in a loaded image. Decoder, disassembler, assembler, interpreter, the JIT's
 * selection and docs/isa.md all come from these lines.
 *
 *	X(name, code, select, form, group, text)
 *
 * name	  OP_name in enum isa_op
 * code	  the code byte
 * select value of the field that tells operations with one code byte apart: which field
 *	  that is, is the form's (offset for division and move, immediate for byte swaps
 *	  and atomics, source register for calls and 64-bit immediates)
 * form	  which fields are operands; all others must be zero (enum isa_form)
 * group  conformance group of RFC 9669 section 2.4; "extra": what Linux has beyond it; "image":
 *	  made by the verifier, refused in a program
 * text	  what the disassembler prints and the assembler reads:
 *		%d %s	register number of destination, source
 *		%i	immediate, decimal; %u the same where only 32 bits of it count
 *		%x	immediate, hexadecimal
 *		%o	offset with its sign
 *		%t %T	jump target in offset, in immediate: pc+1, or a label
 *		%h %k	helper, kernel function
 *		%l	64-bit immediate
 *		%f %n	immediate, next instruction's immediate, unsigned
 *		%a %b	high and low half of the immediate
 *
 * X is the first operation of its code byte, V a further one of the same code byte: they
 * follow each other.
 */
#ifndef SKEP_ISA_OPS_H
#define SKEP_ISA_OPS_H

/* Operands, for ISA_FORMS. */
#define USES_DST 1
#define USES_SRC 2
#define USES_OFF 4
#define USES_IMM 8

/* F(name, operands, selecting field, what Linux says when another field is not zero) */
#define ISA_FORMS(F)                                                                            \
	F(NONE, 0, NONE, "")                                                                    \
	F(ALU_K, USES_DST | USES_IMM, OFF, "BPF_ALU uses reserved fields")                      \
	F(ALU_X, USES_DST | USES_SRC, OFF, "BPF_ALU uses reserved fields")                      \
	F(MOV_K, USES_DST | USES_IMM, OFF, "BPF_MOV uses reserved fields")                      \
	F(MOV_X, USES_DST | USES_SRC, OFF, "BPF_MOV uses reserved fields")                      \
	F(CAST, USES_DST | USES_SRC | USES_IMM, OFF, "BPF_MOV uses reserved fields")            \
	F(NEG, USES_DST, NONE, "BPF_NEG uses reserved fields")                                  \
	F(END, USES_DST, IMM, "BPF_END uses reserved fields")                                   \
	F(LDX, USES_DST | USES_SRC | USES_OFF, NONE, "BPF_LDX uses reserved fields")            \
	F(ST, USES_DST | USES_OFF | USES_IMM, NONE, "BPF_ST uses reserved fields")              \
	F(STX, USES_DST | USES_SRC | USES_OFF, NONE, "BPF_STX uses reserved fields")            \
	F(ATOMIC, USES_DST | USES_SRC | USES_OFF, IMM, "BPF_ATOMIC uses reserved fields")       \
	F(LOAD_ACQ, USES_DST | USES_SRC | USES_OFF, IMM, "BPF_ATOMIC uses reserved fields")     \
	F(STORE_REL, USES_DST | USES_SRC | USES_OFF, IMM, "BPF_ATOMIC uses reserved fields")    \
	F(IMM64, USES_DST | USES_IMM, SRC, "BPF_LD_IMM64 uses reserved fields")                 \
	F(ABS, USES_IMM, NONE, "BPF_LD_[ABS|IND] uses reserved fields")                         \
	F(IND, USES_SRC | USES_IMM, NONE, "BPF_LD_[ABS|IND] uses reserved fields")              \
	F(JA, USES_OFF, NONE, "BPF_JA uses reserved fields")                                    \
	F(JA32, USES_IMM, NONE, "BPF_JA uses reserved fields")                                  \
	F(JCC_K, USES_DST | USES_OFF | USES_IMM, NONE, "BPF_JMP/JMP32 uses reserved fields")    \
	F(JCC_X, USES_DST | USES_SRC | USES_OFF, NONE, "BPF_JMP/JMP32 uses reserved fields")    \
	F(MAY_GOTO, USES_OFF, SRC, "invalid may_goto")                                          \
	F(CALL, USES_IMM, SRC, "BPF_CALL uses reserved fields")                                 \
	F(KFUNC, USES_IMM | USES_OFF, SRC, "BPF_CALL uses reserved fields")                     \
	F(CALLX, USES_DST, NONE, "BPF_CALL uses reserved fields")                               \
	F(EXIT, USES_OFF, NONE, "BPF_EXIT uses reserved fields") /* Linux ignores the offset */ \
	F(TAIL_CALL, 0, NONE, "")

/* A binary operation in its four shapes. */
#define ISA_ALU(X, name, op, suffix, text)                                              \
	X(name##64_K, BPF_ALU64 | BPF_K | op, 0, ALU_K, suffix##64, "r%d " text " %i")  \
	X(name##64_X, BPF_ALU64 | BPF_X | op, 0, ALU_X, suffix##64, "r%d " text " r%s") \
	X(name##32_K, BPF_ALU | BPF_K | op, 0, ALU_K, suffix##32, "w%d " text " %u")    \
	X(name##32_X, BPF_ALU | BPF_X | op, 0, ALU_X, suffix##32, "w%d " text " w%s")

/* Division: unsigned, and with offset 1 signed. */
#define ISA_DIV(X, V, name, op, text)                                                     \
	X(name##64_K, BPF_ALU64 | BPF_K | op, 0, ALU_K, divmul64, "r%d " text " %i")      \
	V(S##name##64_K, BPF_ALU64 | BPF_K | op, 1, ALU_K, divmul64, "r%d s" text " %i")  \
	X(name##64_X, BPF_ALU64 | BPF_X | op, 0, ALU_X, divmul64, "r%d " text " r%s")     \
	V(S##name##64_X, BPF_ALU64 | BPF_X | op, 1, ALU_X, divmul64, "r%d s" text " r%s") \
	X(name##32_K, BPF_ALU | BPF_K | op, 0, ALU_K, divmul32, "w%d " text " %u")        \
	V(S##name##32_K, BPF_ALU | BPF_K | op, 1, ALU_K, divmul32, "w%d s" text " %u")    \
	X(name##32_X, BPF_ALU | BPF_X | op, 0, ALU_X, divmul32, "w%d " text " w%s")       \
	V(S##name##32_X, BPF_ALU | BPF_X | op, 1, ALU_X, divmul32, "w%d s" text " w%s")

#define ISA_MOV(X, V)                                                                   \
	X(MOV64_K, BPF_ALU64 | BPF_K | BPF_MOV, 0, MOV_K, base64, "r%d = %i")           \
	X(MOV64_X, BPF_ALU64 | BPF_X | BPF_MOV, 0, MOV_X, base64, "r%d = r%s")          \
	V(MOVSX64_8, BPF_ALU64 | BPF_X | BPF_MOV, 8, MOV_X, base64, "r%d = (s8)r%s")    \
	V(MOVSX64_16, BPF_ALU64 | BPF_X | BPF_MOV, 16, MOV_X, base64, "r%d = (s16)r%s") \
	V(MOVSX64_32, BPF_ALU64 | BPF_X | BPF_MOV, 32, MOV_X, base64, "r%d = (s32)r%s") \
	V(ADDR_CAST, BPF_ALU64 | BPF_X | BPF_MOV, 1, CAST, extra,                       \
	  "r%d = addr_space_cast(r%s, %a, %b)")                                         \
	X(MOV32_K, BPF_ALU | BPF_K | BPF_MOV, 0, MOV_K, base32, "w%d = %u")             \
	X(MOV32_X, BPF_ALU | BPF_X | BPF_MOV, 0, MOV_X, base32, "w%d = w%s")            \
	V(MOVSX32_8, BPF_ALU | BPF_X | BPF_MOV, 8, MOV_X, base32, "w%d = (s8)w%s")      \
	V(MOVSX32_16, BPF_ALU | BPF_X | BPF_MOV, 16, MOV_X, base32, "w%d = (s16)w%s")

#define ISA_UNARY(X, V)                                                                   \
	X(NEG64, BPF_ALU64 | BPF_NEG, 0, NEG, base64, "r%d = -r%d")                       \
	X(NEG32, BPF_ALU | BPF_NEG, 0, NEG, base32, "w%d = -w%d")                         \
	X(LE16, BPF_ALU | BPF_END | BPF_TO_LE, 16, END, base32, "r%d = le16 r%d")         \
	V(LE32, BPF_ALU | BPF_END | BPF_TO_LE, 32, END, base32, "r%d = le32 r%d")         \
	V(LE64, BPF_ALU | BPF_END | BPF_TO_LE, 64, END, base64, "r%d = le64 r%d")         \
	X(BE16, BPF_ALU | BPF_END | BPF_TO_BE, 16, END, base32, "r%d = be16 r%d")         \
	V(BE32, BPF_ALU | BPF_END | BPF_TO_BE, 32, END, base32, "r%d = be32 r%d")         \
	V(BE64, BPF_ALU | BPF_END | BPF_TO_BE, 64, END, base64, "r%d = be64 r%d")         \
	X(BSWAP16, BPF_ALU64 | BPF_END | BPF_TO_LE, 16, END, base64, "r%d = bswap16 r%d") \
	V(BSWAP32, BPF_ALU64 | BPF_END | BPF_TO_LE, 32, END, base64, "r%d = bswap32 r%d") \
	V(BSWAP64, BPF_ALU64 | BPF_END | BPF_TO_LE, 64, END, base64, "r%d = bswap64 r%d")

#define ISA_LOAD_STORE(X, size, bits, group)                                                   \
	X(LDX##bits, BPF_LDX | BPF_MEM | size, 0, LDX, group, "r%d = *(u" #bits " *)(r%s %o)") \
	X(ST##bits, BPF_ST | BPF_MEM | size, 0, ST, group, "*(u" #bits " *)(r%d %o) = %i")     \
	X(STX##bits, BPF_STX | BPF_MEM | size, 0, STX, group, "*(u" #bits " *)(r%d %o) = r%s") \
	X(PROBE##bits, BPF_LDX | INSN_MODE_PROBE | size, 0, LDX, image,                        \
	  "r%d = probe *(u" #bits " *)(r%s %o)")

#define ISA_LOAD_SX(X, size, bits)                                                                 \
	X(LDSX##bits, BPF_LDX | BPF_MEMSX | size, 0, LDX, base64, "r%d = *(s" #bits " *)(r%s %o)") \
	X(PROBE_SX##bits, BPF_LDX | INSN_MODE_PROBE_SX | size, 0, LDX, image,                      \
	  "r%d = probe *(s" #bits " *)(r%s %o)")

/* Load-acquire and store-release, the only atomics of 8 and 16 bits. */
#define ISA_ORDERED(X, V, size, bits)                                                    \
	X(LOAD_ACQ##bits, BPF_STX | BPF_ATOMIC | size, BPF_LOAD_ACQ, LOAD_ACQ, extra,    \
	  "r%d = load_acquire((u" #bits " *)(r%s %o))")                                  \
	V(STORE_REL##bits, BPF_STX | BPF_ATOMIC | size, BPF_STORE_REL, STORE_REL, extra, \
	  "store_release((u" #bits " *)(r%d %o), r%s)")

#define ISA_RMW(V, name, size, bits, op, group, text, width, word)                               \
	V(ATOMIC_##name##bits, BPF_STX | BPF_ATOMIC | size, op, ATOMIC, group,                   \
	  "lock *(u" #bits " *)(r%d %o) " text " r%s")                                           \
	V(ATOMIC_FETCH_##name##bits, BPF_STX | BPF_ATOMIC | size, op | BPF_FETCH, ATOMIC, group, \
	  "r%s = atomic" width "_fetch_" word "((u" #bits " *)(r%d %o), r%s)")

#define ISA_ATOMIC(X, V, size, bits, group, width)                                       \
	ISA_ORDERED(X, V, size, bits)                                                    \
	ISA_RMW(V, ADD, size, bits, BPF_ADD, group, "+=", width, "add")                  \
	ISA_RMW(V, OR, size, bits, BPF_OR, group, "|=", width, "or")                     \
	ISA_RMW(V, AND, size, bits, BPF_AND, group, "&=", width, "and")                  \
	ISA_RMW(V, XOR, size, bits, BPF_XOR, group, "^=", width, "xor")                  \
	V(ATOMIC_XCHG##bits, BPF_STX | BPF_ATOMIC | size, BPF_XCHG, ATOMIC, group,       \
	  "r%s = atomic" width "_xchg((u" #bits " *)(r%d %o), r%s)")                     \
	V(ATOMIC_CMPXCHG##bits, BPF_STX | BPF_ATOMIC | size, BPF_CMPXCHG, ATOMIC, group, \
	  "r0 = atomic" width "_cmpxchg((u" #bits " *)(r%d %o), r0, r%s)")

/* 64-bit immediates take two slots; the source register says what the number names. */
#define ISA_IMM64(X, V)                                                                            \
	X(IMM64, BPF_LD | BPF_IMM | BPF_DW, 0, IMM64, base64, "r%d = %l")                          \
	V(IMM64_MAP_FD, BPF_LD | BPF_IMM | BPF_DW, BPF_PSEUDO_MAP_FD, IMM64, base64,               \
	  "r%d = map[fd:%f]")                                                                      \
	V(IMM64_MAP_VALUE, BPF_LD | BPF_IMM | BPF_DW, BPF_PSEUDO_MAP_VALUE, IMM64, base64,         \
	  "r%d = map[fd:%f][0]+%n")                                                                \
	V(IMM64_BTF_ID, BPF_LD | BPF_IMM | BPF_DW, BPF_PSEUDO_BTF_ID, IMM64, base64,               \
	  "r%d = btf[id:%f fd:%n]")                                                                \
	V(IMM64_FUNC, BPF_LD | BPF_IMM | BPF_DW, BPF_PSEUDO_FUNC, IMM64, base64, "r%d = func %T")  \
	V(IMM64_MAP_IDX, BPF_LD | BPF_IMM | BPF_DW, BPF_PSEUDO_MAP_IDX, IMM64, base64,             \
	  "r%d = map[idx:%f]")                                                                     \
	V(IMM64_MAP_IDX_VALUE, BPF_LD | BPF_IMM | BPF_DW, BPF_PSEUDO_MAP_IDX_VALUE, IMM64, base64, \
	  "r%d = map[idx:%f][0]+%n")

#define ISA_PACKET(X)                                                                    \
	X(ABS8, BPF_LD | BPF_ABS | BPF_B, 0, ABS, packet, "r0 = *(u8 *)skb[%i]")         \
	X(ABS16, BPF_LD | BPF_ABS | BPF_H, 0, ABS, packet, "r0 = *(u16 *)skb[%i]")       \
	X(ABS32, BPF_LD | BPF_ABS | BPF_W, 0, ABS, packet, "r0 = *(u32 *)skb[%i]")       \
	X(IND8, BPF_LD | BPF_IND | BPF_B, 0, IND, packet, "r0 = *(u8 *)skb[r%s + %i]")   \
	X(IND16, BPF_LD | BPF_IND | BPF_H, 0, IND, packet, "r0 = *(u16 *)skb[r%s + %i]") \
	X(IND32, BPF_LD | BPF_IND | BPF_W, 0, IND, packet, "r0 = *(u32 *)skb[r%s + %i]")

#define ISA_JCC(X, name, op, text)                                                            \
	X(name##64_K, BPF_JMP | BPF_K | op, 0, JCC_K, base64, "if r%d " text " %x goto %t")   \
	X(name##64_X, BPF_JMP | BPF_X | op, 0, JCC_X, base64, "if r%d " text " r%s goto %t")  \
	X(name##32_K, BPF_JMP32 | BPF_K | op, 0, JCC_K, base32, "if w%d " text " %x goto %t") \
	X(name##32_X, BPF_JMP32 | BPF_X | op, 0, JCC_X, base32, "if w%d " text " w%s goto %t")

/* Every condition: also for the engines, which make their code for it from this list. */
#define ISA_CONDITIONS(C, X)        \
	C(X, JEQ, BPF_JEQ, "==")    \
	C(X, JNE, BPF_JNE, "!=")    \
	C(X, JGT, BPF_JGT, ">")     \
	C(X, JGE, BPF_JGE, ">=")    \
	C(X, JLT, BPF_JLT, "<")     \
	C(X, JLE, BPF_JLE, "<=")    \
	C(X, JSGT, BPF_JSGT, "s>")  \
	C(X, JSGE, BPF_JSGE, "s>=") \
	C(X, JSLT, BPF_JSLT, "s<")  \
	C(X, JSLE, BPF_JSLE, "s<=") \
	C(X, JSET, BPF_JSET, "&")

#define ISA_CONTROL(X, V)                                                                  \
	X(JA, BPF_JMP | BPF_JA, 0, JA, base32, "goto %t")                                  \
	X(JA32, BPF_JMP32 | BPF_JA, 0, JA32, base32, "gotol %T")                           \
	X(MAY_GOTO, BPF_JMP | BPF_JCOND, BPF_MAY_GOTO, MAY_GOTO, extra, "may_goto %t")     \
	X(CALL, BPF_JMP | BPF_CALL, 0, CALL, base32, "call %h")                            \
	V(CALL_FUNC, BPF_JMP | BPF_CALL, BPF_PSEUDO_CALL, CALL, base32, "call %T")         \
	V(CALL_KFUNC, BPF_JMP | BPF_CALL, BPF_PSEUDO_KFUNC_CALL, KFUNC, base32, "call %k") \
	X(CALLX, BPF_JMP | BPF_CALL | BPF_X, 0, CALLX, base32, "callx r%d")                \
	X(EXIT, BPF_JMP | BPF_EXIT, 0, EXIT, base32, "exit")                               \
	X(TAIL_CALL, INSN_TAIL_CALL, 0, TAIL_CALL, image, "tail_call")

#define ISA_OPS(X, V)                                \
	ISA_ALU(X, ADD, BPF_ADD, base, "+=")         \
	ISA_ALU(X, SUB, BPF_SUB, base, "-=")         \
	ISA_ALU(X, MUL, BPF_MUL, divmul, "*=")       \
	ISA_DIV(X, V, DIV, BPF_DIV, "/=")            \
	ISA_DIV(X, V, MOD, BPF_MOD, "%%=")           \
	ISA_ALU(X, OR, BPF_OR, base, "|=")           \
	ISA_ALU(X, AND, BPF_AND, base, "&=")         \
	ISA_ALU(X, XOR, BPF_XOR, base, "^=")         \
	ISA_ALU(X, LSH, BPF_LSH, base, "<<=")        \
	ISA_ALU(X, RSH, BPF_RSH, base, ">>=")        \
	ISA_ALU(X, ARSH, BPF_ARSH, base, "s>>=")     \
	ISA_MOV(X, V)                                \
	ISA_UNARY(X, V)                              \
	ISA_LOAD_STORE(X, BPF_B, 8, base32)          \
	ISA_LOAD_STORE(X, BPF_H, 16, base32)         \
	ISA_LOAD_STORE(X, BPF_W, 32, base32)         \
	ISA_LOAD_STORE(X, BPF_DW, 64, base64)        \
	ISA_LOAD_SX(X, BPF_B, 8)                     \
	ISA_LOAD_SX(X, BPF_H, 16)                    \
	ISA_LOAD_SX(X, BPF_W, 32)                    \
	ISA_ORDERED(X, V, BPF_B, 8)                  \
	ISA_ORDERED(X, V, BPF_H, 16)                 \
	ISA_ATOMIC(X, V, BPF_W, 32, atomic32, "")    \
	ISA_ATOMIC(X, V, BPF_DW, 64, atomic64, "64") \
	ISA_IMM64(X, V)                              \
	ISA_PACKET(X)                                \
	ISA_CONDITIONS(ISA_JCC, X)                   \
	ISA_CONTROL(X, V)

#define ISA_GROUPS(G) \
	G(base32)     \
	G(base64)     \
	G(divmul32)   \
	G(divmul64)   \
	G(atomic32)   \
	G(atomic64)   \
	G(packet)     \
	G(extra)      \
	G(image)

enum isa_op {
	OP_INVALID,
#define ISA_ENUM(name, code, select, form, group, text) OP_##name,
	ISA_OPS(ISA_ENUM, ISA_ENUM)
#undef ISA_ENUM
	    OP_COUNT
};

enum isa_form {
#define ISA_ENUM(name, uses, select, reserved) FORM_##name,
	ISA_FORMS(ISA_ENUM)
#undef ISA_ENUM
};

enum isa_group {
#define ISA_ENUM(name) GROUP_##name,
	ISA_GROUPS(ISA_ENUM)
#undef ISA_ENUM
};

#endif
