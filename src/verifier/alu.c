/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arithmetic. On numbers the domain (scalar.h) knows the answer; here are the rules for
 * pointers, and the bookkeeping of identity: which registers still hold the same value
 * (reg->id), and what a result depends on (reg->dep).
 */
#include "verifier/step.h"

#define MAX_VAR_OFF (1LL << 29)

/* What a new number depends on; nothing, if nothing is known of it anyway. */
static u32 result_dep(struct env *env, const struct scalar *val, u32 a, u32 b)
{
	if (scalar_is_unknown(val))
		return 0;
	return dep_join(&env->deps, a, b);
}

static void set_scalar(struct env *env, u32 n, const struct scalar *val, u32 dep_a, u32 dep_b)
{
	struct reg reg = reg_scalar(val, result_dep(env, val, dep_a, dep_b));

	set_reg(env, n, &reg);
}

/* ---- moves ---- */

/* One that is another's value plus something begins anew, as in Linux: so it can be added to. */
void link_value(struct env *env, struct reg *src)
{
	if (src->kind != REG_SCALAR)
		return;
	if (src->flags & REG_ADD_CONST) {
		src->id = 0;
		src->off = 0;
		src->flags = 0;
	}
	if (!scalar_is_const(&src->val) && !src->id)
		src->id = new_id(env);
}

static int mov_reg(struct env *env, const struct bpf_insn *insn, bool is32)
{
	struct reg *src = cur_reg(env, insn->src_reg);
	u32 bits = is32 ? 32 : 64;
	struct reg out;

	if (!insn->off && !is32) {
		link_value(env, src);
		out = *src;
		set_reg(env, insn->dst_reg, &out);
		return 0;
	}
	if (reg_is_pointer(src)) {
		if (!env->allow_ptr_leaks)
			return refuse(env, -EACCES, "pointer-leak", "R%u %s of pointer",
				      insn->src_reg,
				      insn->off ? "sign-extension part" : "partial copy");
		/* Part of an address: any number. */
		out = reg_unknown();
		out.val = scalar_zext(&out.val, bits);
		set_reg(env, insn->dst_reg, &out);
		return 0;
	}
	/* The copy is the same value only if nothing is cut off or extended into. */
	if (src->val.umax < (1ull << (insn->off ? insn->off - 1 : 32)))
		link_value(env, src);
	out = *src;
	if (insn->off)
		out.val = scalar_sext(&src->val, insn->off);
	if (is32)
		out.val = scalar_zext(&out.val, 32);
	if (src->val.umax >= (1ull << (insn->off ? insn->off - 1 : 32))) {
		out.id = 0;
		out.off = 0;
		out.flags = 0;
	}
	if (scalar_is_unknown(&out.val))
		out.dep = 0;
	set_reg(env, insn->dst_reg, &out);
	return 0;
}

static int mov_step(struct env *env, const struct bpf_insn *insn, bool is32)
{
	struct reg out;
	int err;

	err = check_write(env, insn->dst_reg);
	if (err)
		return err;
	if (BPF_SRC(insn->code) == BPF_K) {
		out = reg_const(is32 ? (u64)(u32)insn->imm : (u64)(s64)insn->imm);
		set_reg(env, insn->dst_reg, &out);
		return 0;
	}
	err = check_read(env, insn->src_reg);
	return err ? err : mov_reg(env, insn, is32);
}

/* ---- pointers ---- */

static int unknown_result(struct env *env, u32 dst, bool is32)
{
	struct reg out = reg_unknown();

	if (is32)
		out.val = scalar_zext(&out.val, 32);
	set_reg(env, dst, &out);
	return 0;
}

static int check_sane_off(struct env *env, const struct reg *ptr, const struct scalar *val)
{
	char name[REG_NAME_SIZE];

	if (scalar_is_const(val)) {
		if ((s64)val->umin >= MAX_VAR_OFF || (s64)val->umin <= -MAX_VAR_OFF)
			return refuse(env, -EACCES, "unbounded-pointer",
				      "math between %s pointer and %lld is not allowed",
				      reg_name(env, ptr, name), (long long)val->umin);
	} else if (val->smin == INT64_MIN) {
		return refuse(env, -EACCES, "unbounded-pointer",
			      "math between %s pointer and register with unbounded min value is not allowed",
			      reg_name(env, ptr, name));
	} else if (val->smin >= MAX_VAR_OFF || val->smin <= -MAX_VAR_OFF) {
		return refuse(env, -EACCES, "unbounded-pointer",
			      "value %lld makes %s pointer be out of bounds", (long long)val->smin,
			      reg_name(env, ptr, name));
	}
	if (ptr->off >= MAX_VAR_OFF || ptr->off <= -MAX_VAR_OFF)
		return refuse(env, -EACCES, "unbounded-pointer", "%s pointer offset %d is not allowed",
			      reg_name(env, ptr, name), ptr->off);
	return 0;
}

/* May this kind of pointer be moved at all? */
static int check_movable(struct env *env, u32 regno, const struct reg *ptr,
			 const struct scalar *by)
{
	char name[REG_NAME_SIZE];

	if (ptr->flags & REG_MAYBE_NULL)
		return refuse(env, -EACCES, "null-check",
			      "R%u pointer arithmetic on %s prohibited, null-check it first", regno,
			      reg_name(env, ptr, name));
	switch (ptr->kind) {
	case REG_CTX:
	case REG_MAP_VALUE:
	case REG_MAP_KEY:
	case REG_STACK:
	case REG_PACKET:
	case REG_PACKET_META:
	case REG_MEM:
	case REG_BUF:
	case REG_TP_BUFFER:
	case REG_BTF:
	case REG_DYNPTR: /* of no use: it is only taken where it began */
		return 0;
	case REG_FLOW_KEYS:
		if (scalar_is_const(by))
			return 0;
		return refuse(env, -EACCES, "pointer-arithmetic",
			      "R%u pointer arithmetic on %s prohibited", regno,
			      reg_name(env, ptr, name));
	case REG_MAP:
		if (scalar_is_const(by) && by->umin == 0)
			return 0;
		FALLTHROUGH;
	default:
		return refuse(env, -EACCES, "pointer-arithmetic",
			      "R%u pointer arithmetic on %s prohibited", regno,
			      reg_name(env, ptr, name));
	}
}

/* Unprivileged: a stack pointer must stay in the stack, a value pointer in its value. */
static int check_unprivileged_off(struct env *env, u32 dst, const struct reg *ptr)
{
	if (env->req->privileged)
		return 0;
	if (!scalar_is_const(&ptr->val) && ptr->kind == REG_STACK)
		return refuse(env, -EACCES, "stack-bounds",
			      "R%u variable stack access prohibited for !root, var_off off=%d", dst,
			      ptr->off);
	if (ptr->kind == REG_STACK) {
		s64 off = ptr->off + (s64)ptr->val.umin;

		if (off >= 0 || off < -BPF_STACK_SIZE)
			return refuse(env, -EACCES, "stack-bounds",
				      "R%u stack pointer arithmetic goes out of range, prohibited for !root",
				      dst);
	}
	if (ptr->kind == REG_MAP_VALUE &&
	    check_map_value_access(env, dst, ptr, 0, 1, false, ACCESS_READ))
		return -EACCES;
	return 0;
}

/* dst = ptr + by (or ptr - by); val_reg is the register that held the number. */
static int pointer_add(struct env *env, u32 dst, u32 ptr_regno, struct reg ptr,
		       const struct reg *number, bool subtract)
{
	struct scalar by = number->val;
	s64 fixed;
	int err;

	if (subtract) {
		struct scalar zero = scalar_const(0);

		by = scalar_sub(&zero, &by);
	}
	err = check_movable(env, ptr_regno, &ptr, &by);
	/* Loads through it cannot fault, so where it leads to is nobody's concern. Linux takes the
	 * sum for an address only where the address came first. */
	if (!err && ptr.kind == REG_MEM && (ptr.flags & REG_UNTRUSTED)) {
		if (dst != ptr_regno)
			ptr = reg_unknown();
		set_reg(env, dst, &ptr);
		return 0;
	}
	if (!err)
		err = check_sane_off(env, &ptr, &by);
	if (err)
		return err;
	/* From here on the number decides which memory is touched. */
	mark_precise(env, number);
	ptr.flags &= ~(u32)(REG_AT_END | REG_BEYOND_END);
	fixed = (s64)ptr.off + (s64)by.umin;
	if (scalar_is_const(&by) && fixed == (s32)fixed) {
		ptr.off = (s32)fixed;
		/* Moved back within the packet: what was known from here on still holds, as the
		 * range counts from the base (id), not from the pointer. */
	} else {
		ptr.val = scalar_add(&ptr.val, &by);
		if (reg_is_packet(&ptr)) {
			/* Another base now: no length known from there. */
			ptr.id = new_id(env);
			ptr.range = 0;
		}
	}
	err = check_sane_off(env, &ptr, &ptr.val);
	if (err)
		return err;
	set_reg(env, dst, &ptr);
	return check_unprivileged_off(env, dst, &ptr);
}

static const char *op_name(u32 op)
{
	static const char *const names[] = { "+=", "-=", "*=", "/=", "|=", "&=", "<<=", ">>=",
					     "neg", "%=", "^=", "=", "s>>=" };

	return op >> 4 < ARRAY_SIZE(names) ? names[op >> 4] : "?";
}

static bool is_untracked(const struct reg *ptr)
{
	return ptr->kind == REG_MEM && (ptr->flags & REG_UNTRUSTED) &&
	       !(ptr->flags & REG_MAYBE_NULL);
}

static int pointer_op(struct env *env, const struct bpf_insn *insn, const struct reg *a,
		      const struct reg *b, bool is32)
{
	u32 op = BPF_OP(insn->code), dst = insn->dst_reg;
	bool both = reg_is_pointer(a) && reg_is_pointer(b);
	u32 ptr_regno = reg_is_pointer(a) ? dst : insn->src_reg;

	if (both) {
		/* Distance of two addresses: a number, visible to the privileged only. */
		if (op == BPF_SUB && env->allow_ptr_leaks)
			return unknown_result(env, dst, is32);
		return refuse(env, -EACCES, "pointer-arithmetic", "R%u pointer %s pointer prohibited",
			      dst, op_name(op));
	}
	if (is32) {
		if (op == BPF_SUB && env->allow_ptr_leaks)
			return unknown_result(env, dst, true);
		return refuse(env, -EACCES, "pointer-arithmetic",
			      "R%u 32-bit pointer arithmetic prohibited", ptr_regno);
	}
	/* Read by loads that probe: where exactly it points does not matter. */
	if (is_untracked(reg_is_pointer(a) ? a : b))
		return reg_is_pointer(a) ? 0 : unknown_result(env, dst, false);
	switch (op) {
	case BPF_ADD:
		return reg_is_pointer(a) ? pointer_add(env, dst, dst, *a, b, false)
					 : pointer_add(env, dst, insn->src_reg, *b, a, false);
	case BPF_SUB:
		if (!reg_is_pointer(a))
			return refuse(env, -EACCES, "pointer-arithmetic",
				      "R%u tried to subtract pointer from scalar", dst);
		if (a->kind == REG_STACK)
			return refuse(env, -EACCES, "pointer-arithmetic",
				      "R%u subtraction from stack pointer prohibited", dst);
		return pointer_add(env, dst, dst, *a, b, true);
	case BPF_AND:
	case BPF_OR:
	case BPF_XOR:
		return refuse(env, -EACCES, "pointer-arithmetic",
			      "R%u bitwise operator %s on pointer prohibited", dst, op_name(op));
	default:
		return refuse(env, -EACCES, "pointer-arithmetic",
			      "R%u pointer arithmetic with %s operator prohibited", dst,
			      op_name(op));
	}
}

/* ---- numbers ---- */

static u32 domain_op(const struct bpf_insn *insn)
{
	u32 op = BPF_OP(insn->code);

	if (insn->off == 1 && op == BPF_DIV)
		return SCALAR_SDIV;
	if (insn->off == 1 && op == BPF_MOD)
		return SCALAR_SMOD;
	return op;
}

/*
 * r += constant keeps its link to the copies of the old r: it is their value plus that. So
 * does w += constant when the old r is below 2^32. As in Linux only the first one does.
 */
static void add_const_link(struct reg *out, const struct reg *a, const struct reg *b,
			   const struct bpf_insn *insn, bool is32)
{
	bool self = BPF_SRC(insn->code) == BPF_X && insn->src_reg == insn->dst_reg;
	u32 op = BPF_OP(insn->code);
	s64 by;

	if ((op != BPF_ADD && op != BPF_SUB) || !a->id || (a->flags & REG_ADD_CONST) || self ||
	    !scalar_is_const(&b->val) || (is32 && a->val.umax > UINT32_MAX))
		return;
	by = is32 ? (s32)b->val.umin : (s64)b->val.umin;
	if (op == BPF_SUB)
		by = -by;
	if (by != (s32)by)
		return;
	out->id = a->id;
	out->off = (s32)by;
	out->flags |= is32 ? REG_ADD_CONST | REG_ADD_CONST32 : REG_ADD_CONST;
}

static int scalar_op(struct env *env, const struct bpf_insn *insn, const struct reg *a,
		     const struct reg *b, bool is32)
{
	u32 op = BPF_OP(insn->code);
	struct scalar val;
	struct reg out;

	val = scalar_alu(domain_op(insn), is32, &a->val, &b->val);
	/* RFC 9669 masks a shift count; Linux calls the result of one too large anything. */
	if ((op == BPF_LSH || op == BPF_RSH || op == BPF_ARSH) && b->val.umax >= (is32 ? 32 : 64))
		val = scalar_load(is32 ? 32 : 64, false);
	out = reg_scalar(&val, result_dep(env, &val, a->dep, b->dep));
	add_const_link(&out, a, b, insn, is32);
	if (out.id && !out.dep)
		out.dep = dep_join(&env->deps, a->dep, b->dep);
	set_reg(env, insn->dst_reg, &out);
	return 0;
}

static int unary_step(struct env *env, const struct bpf_insn *insn, bool is32)
{
	struct reg *reg = cur_reg(env, insn->dst_reg);
	struct scalar val;
	int err;

	err = check_read(env, insn->dst_reg);
	if (!err)
		err = check_write(env, insn->dst_reg);
	if (err)
		return err;
	if (reg_is_pointer(reg)) {
		if (!env->allow_ptr_leaks)
			return refuse(env, -EACCES, "pointer-arithmetic",
				      "R%u pointer arithmetic prohibited", insn->dst_reg);
		return unknown_result(env, insn->dst_reg, is32 && BPF_OP(insn->code) == BPF_NEG);
	}
	if (BPF_OP(insn->code) == BPF_NEG) {
		val = scalar_alu(BPF_NEG, is32, &reg->val, &reg->val);
	} else if (insn_class(insn) == BPF_ALU64 || BPF_SRC(insn->code) == BPF_TO_BE) {
		/* bswap, or to big endian on the little-endian machines that Skep runs on. */
		val = scalar_bswap(&reg->val, insn->imm);
	} else {
		val = scalar_zext(&reg->val, insn->imm);
	}
	set_scalar(env, insn->dst_reg, &val, reg->dep, 0);
	return 0;
}

static int check_operands(struct env *env, const struct bpf_insn *insn)
{
	int err = 0;

	if (BPF_SRC(insn->code) == BPF_X)
		err = check_read(env, insn->src_reg);
	if (!err)
		err = check_read(env, insn->dst_reg);
	if (!err)
		err = check_write(env, insn->dst_reg);
	return err;
}

int alu_step(struct env *env, const struct bpf_insn *insn)
{
	bool is32 = insn_class(insn) == BPF_ALU;
	u32 op = BPF_OP(insn->code);
	struct reg imm;
	const struct reg *a, *b;
	int err;

	if (op == BPF_END || op == BPF_NEG)
		return unary_step(env, insn, is32);
	if (op == BPF_MOV)
		return mov_step(env, insn, is32);
	err = check_operands(env, insn);
	if (err)
		return err;
	a = cur_reg(env, insn->dst_reg);
	if (BPF_SRC(insn->code) == BPF_X) {
		b = cur_reg(env, insn->src_reg);
	} else {
		imm = reg_const((u64)(s64)insn->imm);
		b = &imm;
	}
	if (reg_is_pointer(a) || reg_is_pointer(b))
		return pointer_op(env, insn, a, b, is32);
	return scalar_op(env, insn, a, b, is32);
}
