/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one instruction does to the facts.
 *
 * The stack is the hard part: a store through a pointer of which nothing is known may hit
 * any slot of this frame, and so may a function that was given such a pointer. Both make
 * all slots unknown. A FACT_NUMBER is never a pointer that can be used: the verifier lets no
 * access go through one.
 */
#include "facts/internal.h"
#include "maps/map.h"

static u32 access_size(u8 code)
{
	static const u8 sizes[] = { 4, 2, 1, 8 };

	return sizes[BPF_SIZE(code) >> 3];
}

/* ---- identity ---- */

static void forget_id(struct fact_state *state, u32 id)
{
	for (u32 i = 0; i < BPF_REGS; i++)
		if (state->regs[i].id == id)
			state->regs[i].id = 0;
	for (u32 i = 0; i < state->n_slots; i++)
		if (state->slots[i].value.id == id)
			state->slots[i].value.id = 0;
}

/* The value is about to be copied by the instruction at `at`, whose number names it. */
static void give_id(struct fact_state *state, struct fact *fact, u32 at)
{
	if (fact->id)
		return;
	forget_id(state, at + 1);
	fact->id = at + 1;
}

/* ---- stack ---- */

static void forget_stack(struct fact_state *state)
{
	for (u32 i = 0; i < state->n_slots; i++)
		state->slots[i] = (struct fact_slot){ .value = fact_any() };
}

/* Bytes fp + lo .. fp + hi - 1 hold something else now. */
static void forget_bytes(struct fact_state *state, s64 lo, s64 hi)
{
	for (u32 i = 0; i < state->n_slots; i++) {
		s64 start = -8 * (s64)(i + 1);

		if (start < hi && start + 8 > lo)
			state->slots[i] = (struct fact_slot){ .value = fact_any() };
	}
}

/* The slot that holds all of these bytes, or NULL. */
static struct fact_slot *slot_of(struct fact_state *state, s64 offset, u32 size, u8 *first)
{
	s64 index = (-offset - 1) / 8;

	if (offset >= 0 || index >= state->n_slots)
		return NULL;
	*first = (u8)(offset + 8 * (index + 1));
	return *first + size <= 8 ? &state->slots[index] : NULL;
}

static struct fact narrowed(const struct fact *value, u32 size)
{
	struct scalar val = value->kind == FACT_NUMBER ? value->val : scalar_unknown();

	if (size == 8)
		return *value;
	return fact_number(scalar_zext(&val, size * 8));
}

static void store(struct fact_state *state, const struct fact *ptr, s64 off, u32 size,
		  const struct fact *value)
{
	struct fact_slot *slot;
	u8 first;

	if (ptr->kind == FACT_ANY) {
		forget_stack(state);
	} else if (ptr->kind == FACT_STACK && !scalar_is_const(&ptr->val)) {
		if (ptr->val.smin < -BPF_STACK_SIZE || ptr->val.smax > BPF_STACK_SIZE)
			forget_stack(state);
		else
			forget_bytes(state, ptr->val.smin + off, ptr->val.smax + off + size);
	} else if (ptr->kind == FACT_STACK) {
		off += ptr->val.smin;
		forget_bytes(state, off, off + size);
		slot = slot_of(state, off, size, &first);
		if (slot)
			*slot = (struct fact_slot){ narrowed(value, size), first, (u8)size };
	}
}

/* ---- loads ---- */

static struct fact loaded_number(u32 size, bool sign)
{
	if (size == 8)
		return fact_any();
	return fact_number(scalar_load(size * 8, sign));
}

static struct fact load_stack(struct fact_state *state, s64 off, u32 size, bool sign, u32 at)
{
	u8 first;
	struct fact_slot *slot = slot_of(state, off, size, &first);
	struct fact out;

	if (!slot || slot->first != first || slot->size != size)
		return loaded_number(size, sign);
	if (size == 8)
		give_id(state, &slot->value, at);
	out = slot->value;
	if (sign)
		out.val = scalar_sext(&out.val, size * 8);
	return out;
}

static struct fact load_ctx(const struct facts *facts, s64 off, u32 size, bool sign)
{
	static const u8 kinds[] = { [FIELD_PACKET] = FACT_PACKET,
				    [FIELD_PACKET_META] = FACT_PACKET_META,
				    [FIELD_PACKET_END] = FACT_PACKET_END };
	const struct ctx_layout *ctx = facts->ctx;

	for (u32 i = 0; ctx && ctx->fields && i < ctx->n_fields; i++) {
		const struct ctx_field *field = &ctx->fields[i];

		if (field->run_offset != off || field->run_size != size || size != 8 ||
		    field->kind >= ARRAY_SIZE(kinds) || !kinds[field->kind])
			continue;
		return (struct fact){ .kind = kinds[field->kind], .val = scalar_const(0) };
	}
	return loaded_number(size, sign);
}

/* Elements of a frozen map that programs cannot write never change. */
static struct fact load_map(const struct facts *facts, const struct fact *ptr, s64 off, u32 size,
			    bool sign)
{
	const struct map *map = facts->image->maps[ptr->map];
	const struct map_facts *known = map ? &map->facts : NULL;
	u64 value = 0, at = ptr->val.umin + (u64)off;
	struct scalar val;

	if (!known || !known->const_values || known->max_entries != 1 || known->inner ||
	    !scalar_is_const(&ptr->val) || at > known->const_size || size > known->const_size - at)
		return loaded_number(size, sign);
	memcpy(&value, known->const_values + at, size);
	val = scalar_const(value);
	return fact_number(sign ? scalar_sext(&val, size * 8) : val);
}

static struct fact load(const struct facts *facts, struct fact_state *state, const struct fact *ptr,
			s64 off, u32 size, bool sign, u32 at)
{
	bool fixed = scalar_is_const(&ptr->val);

	if (ptr->kind == FACT_STACK && fixed)
		return load_stack(state, off + ptr->val.smin, size, sign, at);
	if (ptr->kind == FACT_CTX && fixed)
		return load_ctx(facts, off + ptr->val.smin, size, sign);
	if (ptr->kind == FACT_MAP_VALUE)
		return load_map(facts, ptr, off, size, sign);
	return loaded_number(size, sign);
}

static void step_load(const struct facts *facts, struct fact_state *state,
		      const struct bpf_insn *insn, u32 at)
{
	u32 mode = BPF_MODE(insn->code);
	bool sign = mode == BPF_MEMSX || mode == INSN_MODE_PROBE_SX;
	struct fact ptr = state->regs[insn->src_reg];

	if (mode == INSN_MODE_PROBE || mode == INSN_MODE_PROBE_SX)
		state->regs[insn->dst_reg] = loaded_number(access_size(insn->code), sign);
	else
		state->regs[insn->dst_reg] =
		    load(facts, state, &ptr, insn->off, access_size(insn->code), sign, at);
}

static void step_atomic(const struct facts *facts, struct fact_state *state,
			const struct bpf_insn *insn, u32 at)
{
	u32 size = access_size(insn->code);
	struct fact *regs = state->regs, unknown = loaded_number(size, false);
	struct fact ptr = regs[insn->dst_reg];

	if (insn->imm == BPF_LOAD_ACQ) {
		ptr = regs[insn->src_reg];
		regs[insn->dst_reg] = load(facts, state, &ptr, insn->off, size, false, at);
		return;
	}
	store(state, &ptr, insn->off, size,
	      insn->imm == BPF_STORE_REL ? &regs[insn->src_reg] : &unknown);
	if (insn->imm == BPF_STORE_REL)
		return;
	if (insn->imm == BPF_CMPXCHG)
		regs[0] = unknown;
	else if (insn->imm & BPF_FETCH)
		regs[insn->src_reg] = unknown;
}

static void step_store(struct fact_state *state, const struct bpf_insn *insn, u32 at)
{
	struct fact ptr = state->regs[insn->dst_reg], value;
	u32 size = access_size(insn->code);

	if (insn_class(insn) == BPF_ST) {
		value = fact_number(scalar_const((u64)(s64)insn->imm));
	} else {
		if (size == 8)
			give_id(state, &state->regs[insn->src_reg], at);
		value = state->regs[insn->src_reg];
	}
	store(state, &ptr, insn->off, size, &value);
}

/* ---- arithmetic ---- */

static struct fact add_to_pointer(const struct fact *a, const struct fact *b, u32 op)
{
	const struct fact *ptr = a, *by = b;
	struct fact out;

	if (op == BPF_ADD && fact_is_pointer(b))
		ptr = b, by = a;
	if (!fact_is_pointer(ptr) || by->kind != FACT_NUMBER || ptr->maybe_null ||
	    ptr->kind == FACT_MAP || ptr->kind == FACT_FUNC)
		return fact_any();
	out = *ptr;
	out.id = 0;
	out.val = op == BPF_ADD ? scalar_add(&ptr->val, &by->val) : scalar_sub(&ptr->val, &by->val);
	return out;
}

/* Anything, seen as a number. */
static struct scalar as_number(const struct fact *fact)
{
	return fact->kind == FACT_NUMBER ? fact->val : scalar_unknown();
}

static struct fact moved(struct fact_state *state, const struct bpf_insn *insn, struct fact *src,
			 u32 at)
{
	bool is32 = insn_class(insn) == BPF_ALU;
	struct scalar val;

	if (!is32 && !insn->off) {
		if (BPF_SRC(insn->code) == BPF_X)
			give_id(state, src, at);
		return *src;
	}
	if (insn->code == (BPF_ALU64 | BPF_MOV | BPF_X) && insn->off == 1)
		return fact_any(); /* address space cast */
	val = as_number(src);
	if (insn->off)
		val = scalar_sext(&val, (u32)insn->off);
	return fact_number(is32 ? scalar_zext(&val, 32) : val);
}

static struct fact swapped(const struct bpf_insn *insn, const struct fact *value)
{
	bool swap = insn_class(insn) == BPF_ALU64 || BPF_SRC(insn->code) == BPF_TO_BE;
	struct scalar val = as_number(value);

	return fact_number(swap ? scalar_bswap(&val, (u32)insn->imm)
				: scalar_zext(&val, (u32)insn->imm));
}

static void step_alu(struct fact_state *state, const struct bpf_insn *insn, u32 at)
{
	struct fact *dst = &state->regs[insn->dst_reg], constant, *src = &constant;
	bool is32 = insn_class(insn) == BPF_ALU;
	u32 op = BPF_OP(insn->code);
	struct scalar a, b;

	constant = fact_number(scalar_const((u64)(s64)insn->imm));
	if (op == BPF_END) {
		*dst = swapped(insn, dst);
		return;
	}
	if (BPF_SRC(insn->code) == BPF_X)
		src = &state->regs[insn->src_reg];
	if (op == BPF_MOV) {
		*dst = moved(state, insn, src, at);
		return;
	}
	if (!is32 && (op == BPF_ADD || op == BPF_SUB) &&
	    (dst->kind != FACT_NUMBER || src->kind != FACT_NUMBER)) {
		*dst = add_to_pointer(dst, src, op);
		return;
	}
	if (insn->off)
		op = op == BPF_DIV ? SCALAR_SDIV : SCALAR_SMOD;
	a = as_number(dst);
	b = as_number(src);
	*dst = fact_number(scalar_alu(op, is32, &a, &b));
}

/* ---- calls ---- */

void facts_after_call(struct fact_state *state)
{
	bool reached = false;

	for (u32 i = 1; i <= 5; i++) {
		reached |= state->regs[i].kind == FACT_STACK || state->regs[i].kind == FACT_ANY;
		state->regs[i] = fact_any();
	}
	if (reached)
		forget_stack(state);
}

/* Could this helper write through its argument i (from 0)? */
static bool may_write(const struct helper_proto *proto, u32 i)
{
	u32 arg = proto->arg[i] & ARG_BASE_MASK;

	if (proto->id >= HELPER_FIRST_CUSTOM || proto->flags & HELPER_CALLBACK)
		return true;
	switch (arg) {
	case ARG_DONTCARE:
	case ARG_CONST_SIZE:
	case ARG_CONST_SIZE_OR_ZERO:
	case ARG_CONST_ALLOC_SIZE_OR_ZERO:
	case ARG_PTR_TO_MAP_KEY:
	case ARG_PTR_TO_CONST_STR:
		return false;
	case ARG_PTR_TO_MEM:
		return !(proto->arg[i] & ARG_MEM_RDONLY);
	case ARG_PTR_TO_MAP_VALUE:
		return proto->arg[i] & (ARG_MEM_UNINIT | ARG_MEM_WRITE) ||
		       !(proto->id == BPF_FUNC_map_update_elem);
	default:
		return true;
	}
}

/* How many bytes at most the helper writes there; 0: unknown. */
static u32 write_size(const struct fact_state *state, const struct helper_proto *proto, u32 i)
{
	const struct fact *size;
	u32 next = i < 4 ? proto->arg[i + 1] & ARG_BASE_MASK : ARG_DONTCARE;

	if (proto->id >= HELPER_FIRST_CUSTOM || (proto->arg[i] & ARG_BASE_MASK) != ARG_PTR_TO_MEM)
		return 0;
	if (proto->arg[i] & ARG_MEM_FIXED_SIZE)
		return proto->arg_size[i];
	if (next != ARG_CONST_SIZE && next != ARG_CONST_SIZE_OR_ZERO)
		return 0;
	size = &state->regs[i + 2];
	return size->kind == FACT_NUMBER && size->val.umax <= BPF_STACK_SIZE ? (u32)size->val.umax
									     : 0;
}

static void helper_writes(struct fact_state *state, const struct helper_proto *proto)
{
	for (u32 i = 0; i < 5; i++) {
		const struct fact *ptr = &state->regs[i + 1];
		u32 size;

		if (!may_write(proto, i) || (ptr->kind != FACT_STACK && ptr->kind != FACT_ANY))
			continue;
		size = write_size(state, proto, i);
		if (size && ptr->kind == FACT_STACK && scalar_is_const(&ptr->val))
			forget_bytes(state, ptr->val.smin, ptr->val.smin + size);
		else
			forget_stack(state);
	}
}

static struct fact helper_result(const struct facts *facts, const struct helper_proto *proto,
				 const struct fact *map)
{
	u32 ret = proto->ret & RET_BASE_MASK;
	const struct map *of;

	if (proto->id >= HELPER_FIRST_CUSTOM)
		return fact_any();
	if (proto->flags & HELPER_RET_RANGE)
		return fact_number(scalar_srange(proto->ret_min, proto->ret_max));
	if (ret == RET_INTEGER)
		return fact_number(scalar_unknown());
	if (ret != RET_PTR_TO_MAP_VALUE || map->kind != FACT_MAP)
		return fact_any();
	of = facts->image->maps[map->map];
	if (!of || of->facts.type == BPF_MAP_TYPE_ARRAY_OF_MAPS ||
	    of->facts.type == BPF_MAP_TYPE_HASH_OF_MAPS)
		return fact_any();
	return (struct fact){ .kind = FACT_MAP_VALUE,
			      .map = map->map,
			      .val = scalar_const(0),
			      .maybe_null = proto->ret & RET_MAYBE_NULL };
}

static void forget_args(struct fact_state *state)
{
	for (u32 i = 1; i <= 5; i++)
		state->regs[i] = fact_any();
}

static void step_helper(const struct facts *facts, struct fact_state *state,
			const struct bpf_insn *insn)
{
	const struct helper_proto *proto = facts->image->calls[insn->imm];
	struct fact result = helper_result(facts, proto, &state->regs[1]);

	helper_writes(state, proto);
	forget_args(state);
	state->regs[0] = result;
}

static struct fact immediate(const struct facts *facts, const struct bpf_insn *insn)
{
	struct fact out = { .val = scalar_const(0) };

	switch (insn->src_reg) {
	case BPF_PSEUDO_MAP_IDX_VALUE:
		out.val = scalar_const((u32)insn[1].imm);
		FALLTHROUGH;
	case BPF_PSEUDO_MAP_IDX:
		out.kind = insn->src_reg == BPF_PSEUDO_MAP_IDX ? FACT_MAP : FACT_MAP_VALUE;
		out.map = (u32)insn->imm;
		return out.map < facts->image->n_maps ? out : fact_any();
	case BPF_PSEUDO_FUNC:
		out.kind = FACT_FUNC;
		return out;
	case 0:
		return fact_number(scalar_const(insn_imm64(insn)));
	default:
		return fact_any();
	}
}

void facts_step(const struct facts *facts, struct fact_state *state, u32 at)
{
	const struct bpf_insn *insn = &facts->image->insns[at];

	switch (insn_class(insn)) {
	case BPF_ALU:
	case BPF_ALU64:
		step_alu(state, insn, at);
		break;
	case BPF_LDX:
		step_load(facts, state, insn, at);
		break;
	case BPF_STX:
		if (BPF_MODE(insn->code) == BPF_ATOMIC) {
			step_atomic(facts, state, insn, at);
			break;
		}
		FALLTHROUGH;
	case BPF_ST:
		step_store(state, insn, at);
		break;
	case BPF_LD:
		if (insn_is_ldimm64(insn)) {
			state->regs[insn->dst_reg] = immediate(facts, insn);
			break;
		}
		/* LD_ABS and LD_IND call a helper. */
		forget_args(state);
		state->regs[0] = loaded_number(access_size(insn->code), false);
		break;
	default:
		if (insn->code == INSN_TAIL_CALL) {
			forget_args(state);
			state->regs[0] = fact_any();
		} else {
			step_helper(facts, state, insn);
		}
	}
}
