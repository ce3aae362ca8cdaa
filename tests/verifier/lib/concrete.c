/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/lib/concrete.h"

#include <string.h>

#include "isa/insn.h"
#include "unit/scalar_concrete.h"

/* The lower half of a pointer to a map is the number of its fixture. */
#define MAP_POINTER (1ull << 32)

static struct concrete_frame *top(struct machine *m)
{
	return &m->frames[m->depth];
}

static struct concrete number(u64 value)
{
	return (struct concrete){ value, 0 };
}

/* Bytes of a kind that takes branches: mostly 0 and 0xff, made once and cut out anywhere. */
static void fill(struct machine *m, u8 *bytes, u32 n)
{
	static u8 noise[1 << 16];
	static bool made;
	u64 random = 1;

	for (u32 i = 0; !made && i < sizeof(noise); i++) {
		u64 r = random_next(&random);

		noise[i] = r & 0x700 ? (r & 0x800 ? 0xff : 0) : (u8)r;
	}
	made = true;
	memcpy(bytes, noise + random_next(&m->random) % (sizeof(noise) - n), n);
}

static void start_frame(struct machine *m, s32 callsite, u32 return_to)
{
	struct concrete_frame *f = top(m);

	memset(f, 0, offsetof(struct concrete_frame, stack));
	for (u32 i = 0; i < 10; i++)
		f->regs[i].value = random_next(&m->random);
	fill(m, f->stack, sizeof(f->stack));
	f->regs[10].value = f->regs[10].base = (u64)(uintptr_t)(f->stack + sizeof(f->stack));
	f->callsite = callsite;
	f->return_to = return_to;
}

/* Where a context has pointers: 4-byte fields, as PROG_LOAD has them; -1: none. */
struct packet_fields {
	s32 data, data_end, data_meta;
};

static struct packet_fields packet_fields(u32 prog_type)
{
	switch (prog_type) {
	case BPF_PROG_TYPE_SCHED_CLS:
	case BPF_PROG_TYPE_SCHED_ACT:
	case BPF_PROG_TYPE_CGROUP_SKB:
	case BPF_PROG_TYPE_SOCKET_FILTER:
		return (struct packet_fields){ offsetof(struct __sk_buff, data),
					       offsetof(struct __sk_buff, data_end),
					       offsetof(struct __sk_buff, data_meta) };
	case BPF_PROG_TYPE_XDP:
		return (struct packet_fields){ offsetof(struct xdp_md, data),
					       offsetof(struct xdp_md, data_end),
					       offsetof(struct xdp_md, data_meta) };
	default:
		return (struct packet_fields){ -1, -1, -1 };
	}
}

bool machine_runs_type(u32 prog_type)
{
	switch (prog_type) {
	case BPF_PROG_TYPE_KPROBE:
	case BPF_PROG_TYPE_TRACEPOINT:
	case BPF_PROG_TYPE_PERF_EVENT:
	case BPF_PROG_TYPE_RAW_TRACEPOINT:
		return true;
	default:
		return packet_fields(prog_type).data >= 0;
	}
}

void machine_start(struct machine *m, const struct subject *s, u64 seed)
{
	m->insns = s->insns;
	m->prog_type = s->prog_type;
	m->pc = 0;
	m->depth = 0;
	m->record_len = 0;
	memset(m->used, 0, sizeof(m->used));
	m->random = seed * 2 + 1;
	random_next(&m->random);
	fill(m, m->ctx, sizeof(m->ctx));
	fill(m, m->packet, sizeof(m->packet));
	fill(m, (u8 *)m->values, sizeof(m->values));
	m->packet_len = (u32)random_next(&m->random) % CONCRETE_PACKET;
	if (packet_fields(s->prog_type).data == offsetof(struct __sk_buff, data))
		memset(m->ctx + offsetof(struct __sk_buff, sk), 0, 8);
	start_frame(m, -1, 0);
	m->frames[0].regs[1] = (struct concrete){ (u64)(uintptr_t)m->ctx, (u64)(uintptr_t)m->ctx };
}

/* ---- memory ---- */

static bool within(u64 address, u32 size, const void *start, u32 len)
{
	u64 from = (u64)(uintptr_t)start;

	return address >= from && size <= len && address - from <= len - size;
}

/* Inside one element of one map. */
static bool within_value(const struct machine *m, u64 address, u32 size)
{
	u64 at = address - (u64)(uintptr_t)m->values;
	const struct fixture_desc *map;

	if (!within(address, size, m->values, sizeof(m->values)))
		return false;
	map = &fixtures[at / sizeof(m->values[0])];
	at %= sizeof(m->values[0]);
	return at / map->value_size < map->max_entries &&
	       at % map->value_size + size <= map->value_size;
}

static bool may_access(const struct machine *m, u64 address, u32 size)
{
	if (within(address, size, m->ctx, sizeof(m->ctx)) ||
	    within(address, size, m->packet, m->packet_len) ||
	    within(address, size, m->record, m->record_len) || within_value(m, address, size))
		return true;
	for (s32 i = 0; i <= m->depth; i++)
		if (within(address, size, m->frames[i].stack, sizeof(m->frames[i].stack)))
			return true;
	return false;
}

/* The word that remembers whether a pointer is stored there; NULL elsewhere than a stack. */
static u64 *slot_base(struct machine *m, u64 address)
{
	for (s32 i = 0; i <= m->depth; i++) {
		struct concrete_frame *f = &m->frames[i];

		if (within(address, 1, f->stack, sizeof(f->stack)))
			return &f->slot_base[(f->regs[10].value - 1 - address) / 8];
	}
	return NULL;
}

static u64 get(u64 address, u32 size)
{
	u64 value = 0;

	memcpy(&value, (void *)(uintptr_t)address, size);
	return value;
}

static void put(struct machine *m, u64 address, u32 size, struct concrete value)
{
	u64 *first = slot_base(m, address), *last = slot_base(m, address + size - 1);

	memcpy((void *)(uintptr_t)address, &value.value, size);
	if (!first)
		return;
	*first = *last = 0;
	if (size == 8 && address % 8 == 0)
		*first = value.base;
}

static u32 access_size(u8 code)
{
	switch (BPF_SIZE(code)) {
	case BPF_B:
		return 1;
	case BPF_H:
		return 2;
	case BPF_W:
		return 4;
	default:
		return 8;
	}
}

static struct concrete load_value(struct machine *m, u64 address, u32 size, bool sign)
{
	u64 value = get(address, size), ctx = (u64)(uintptr_t)m->ctx;
	u64 *base = slot_base(m, address);

	if (within(address, size, m->ctx, sizeof(m->ctx)) && size == 4) {
		struct packet_fields fields = packet_fields(m->prog_type);
		u64 at = (u64)(uintptr_t)m->packet, end = at + m->packet_len;

		/* There is no metadata: it begins where the packet does. */
		if (address == ctx + (u64)fields.data || address == ctx + (u64)fields.data_meta)
			return (struct concrete){ at, at };
		if (address == ctx + (u64)fields.data_end)
			return (struct concrete){ end, end };
	}
	if (sign)
		value = (u64)concrete_signed(value, size * 8);
	return (struct concrete){ value, base && size == 8 && address % 8 == 0 ? *base : 0 };
}

/* ---- instructions ---- */

static u64 swap_bytes(const struct bpf_insn *insn, u64 x)
{
	u64 mask = concrete_mask((u32)insn->imm);
	bool swap = BPF_CLASS(insn->code) == BPF_ALU64 || BPF_SRC(insn->code) == BPF_TO_BE;

	return swap ? __builtin_bswap64(x) >> (64 - insn->imm) : x & mask;
}

static void alu(struct machine *m, const struct bpf_insn *insn)
{
	struct concrete *dst = &top(m)->regs[insn->dst_reg], src = number((u64)(s64)insn->imm);
	bool is32 = BPF_CLASS(insn->code) == BPF_ALU;
	u32 op = BPF_OP(insn->code);

	if (op == BPF_END) {
		*dst = number(swap_bytes(insn, dst->value));
		return;
	}
	if (BPF_SRC(insn->code) == BPF_X && op != BPF_NEG)
		src = top(m)->regs[insn->src_reg];
	if (op == BPF_MOV && insn->off) {
		src = number((u64)concrete_signed(src.value & concrete_mask((u32)insn->off),
						  (u32)insn->off));
	} else if (insn->off) {
		op = op == BPF_DIV ? SCALAR_SDIV : SCALAR_SMOD;
	}
	if (op == BPF_MOV && !is32) {
		*dst = src;
		return;
	}
	if (!is32 && op == BPF_ADD && !dst->base != !src.base)
		dst->base |= src.base;
	else if (!(op == BPF_SUB && !is32 && !src.base))
		dst->base = 0;
	dst->value = concrete_alu_n(op, dst->value, src.value, is32 ? 32 : 64);
}

static enum step_result atomic(struct machine *m, const struct bpf_insn *insn)
{
	struct concrete *regs = top(m)->regs;
	u64 address = regs[insn->dst_reg].value + (u64)(s64)insn->off;
	u64 src = regs[insn->src_reg].value, old, new, *base = slot_base(m, address);
	struct concrete loaded;
	u32 size = access_size(insn->code), op = (u32)insn->imm & 0xf0;

	if (insn->imm == BPF_LOAD_ACQ || insn->imm == BPF_STORE_REL)
		return STEP_UNSUPPORTED;
	if (!may_access(m, address, size))
		return STEP_FAULT;
	old = get(address, size);
	loaded = (struct concrete){ old, base && size == 8 && address % 8 == 0 ? *base : 0 };
	switch (op) {
	case BPF_ADD:
		new = old + src;
		break;
	case BPF_OR:
		new = old | src;
		break;
	case BPF_AND:
		new = old & src;
		break;
	case BPF_XOR:
		new = old ^ src;
		break;
	case BPF_XCHG & 0xf0:
		new = src;
		break;
	default: /* BPF_CMPXCHG */
		new = old == (regs[0].value & concrete_mask(size * 8)) ? src : old;
		break;
	}
	put(m, address, size, new == old ? loaded : number(new));
	if (insn->imm == BPF_CMPXCHG)
		regs[0] = loaded;
	else if (insn->imm & BPF_FETCH)
		regs[insn->src_reg] = loaded;
	return STEP_ON;
}

static enum step_result access_memory(struct machine *m, const struct bpf_insn *insn)
{
	struct concrete *regs = top(m)->regs;
	bool load = BPF_CLASS(insn->code) == BPF_LDX;
	u32 size = access_size(insn->code);
	u64 address = regs[load ? insn->src_reg : insn->dst_reg].value + (u64)(s64)insn->off;

	if (!may_access(m, address, size))
		return STEP_FAULT;
	if (load)
		regs[insn->dst_reg] =
		    load_value(m, address, size, BPF_MODE(insn->code) == BPF_MEMSX);
	else
		put(m, address, size,
		    BPF_CLASS(insn->code) == BPF_ST ? number((u64)(s64)insn->imm)
						    : regs[insn->src_reg]);
	return STEP_ON;
}

static struct concrete *enter(struct machine *m, u32 target, u32 return_to)
{
	struct concrete_frame *caller = top(m);

	if (m->depth == 7)
		return NULL;
	m->depth++;
	start_frame(m, (s32)m->pc, return_to);
	for (u32 i = 1; i <= 5; i++)
		top(m)->regs[i] = caller->regs[i];
	m->pc = target;
	return top(m)->regs;
}

/* ---- helpers ---- */

static struct concrete element(struct machine *m, u32 map, u32 index)
{
	u64 at = (u64)(uintptr_t)(m->values[map] + (u64)index * fixtures[map].value_size);

	return (struct concrete){ at, at };
}

static bool is_hash(u32 map)
{
	return fixtures[map].type == BPF_MAP_TYPE_HASH ||
	       fixtures[map].type == BPF_MAP_TYPE_PERCPU_HASH;
}

static bool holds_values(u32 map)
{
	/* An inner map has no number. */
	return map < FIXTURE_COUNT && (is_hash(map) || fixtures[map].type == BPF_MAP_TYPE_ARRAY ||
				       fixtures[map].type == BPF_MAP_TYPE_PERCPU_ARRAY);
}

static u32 elements(u32 map)
{
	return is_hash(map) ? MIN(fixtures[map].max_entries, CONCRETE_ELEMENTS)
			    : fixtures[map].max_entries;
}

/* The index of the key's element: -1 without. */
static int find(struct machine *m, u32 map, const void *key)
{
	u32 index;

	memcpy(&index, key, 4);
	if (!is_hash(map))
		return index < elements(map) ? (int)index : -1;
	for (u32 i = 0; i < elements(map); i++)
		if (m->used[map][i] && !memcmp(m->keys[map][i], key, fixtures[map].key_size))
			return (int)i;
	return -1;
}

static struct concrete lookup(struct machine *m, const struct concrete *regs)
{
	u32 map = (u32)regs[1].value;
	int index = find(m, map, (void *)(uintptr_t)regs[2].value);

	return index < 0 ? number(0) : element(m, map, (u32)index);
}

static struct concrete update(struct machine *m, const struct concrete *regs)
{
	u32 map = (u32)regs[1].value;
	const void *key = (void *)(uintptr_t)regs[2].value;
	int index = find(m, map, key);

	for (u32 i = 0; index < 0 && is_hash(map) && i < elements(map); i++)
		if (!m->used[map][i])
			index = (int)i;
	if (index < 0)
		return number((u64)-7);
	if (is_hash(map)) {
		m->used[map][index] = true;
		memcpy(m->keys[map][index], key, fixtures[map].key_size);
	}
	memmove((void *)(uintptr_t)element(m, map, (u32)index).value,
		(void *)(uintptr_t)regs[3].value, fixtures[map].value_size);
	return number(0);
}

static struct concrete erase(struct machine *m, const struct concrete *regs)
{
	u32 map = (u32)regs[1].value;
	int index = find(m, map, (void *)(uintptr_t)regs[2].value);

	if (!is_hash(map) || index < 0)
		return number(is_hash(map) ? (u64)-2 : (u64)-22);
	m->used[map][index] = false;
	return number(0);
}

static struct concrete reserve(struct machine *m, const struct concrete *regs)
{
	u64 at = (u64)(uintptr_t)m->record;

	if (m->record_len || !regs[2].value || regs[2].value > CONCRETE_RECORD ||
	    random_next(&m->random) % 4 == 0)
		return number(0);
	m->record_len = (u32)regs[2].value;
	fill(m, m->record, m->record_len);
	return (struct concrete){ at, at };
}

/* A helper writes there, and what was a pointer is none now. False: it may not. */
static bool scribble(struct machine *m, u64 address, u64 size)
{
	if (size > 512 || (size && !may_access(m, address, (u32)size)))
		return false;
	for (u64 i = 0; i < size; i++)
		put(m, address + i, 1, number(random_next(&m->random)));
	return true;
}

static void begin_round(struct machine *m)
{
	struct concrete_frame *f = top(m);

	f->regs[1] = number(f->round);
	f->regs[2] = f->loop_ctx;
}

static enum step_result begin_loop(struct machine *m, const struct concrete *regs)
{
	struct concrete loop_ctx = regs[3];
	u32 rounds = (u32)regs[1].value, target = (u32)regs[2].value;

	if (!rounds) {
		top(m)->regs[0] = number(0);
		m->pc++;
		return STEP_ON;
	}
	if (!enter(m, target, m->pc + 1))
		return STEP_UNSUPPORTED;
	top(m)->in_loop = true;
	top(m)->rounds = rounds;
	top(m)->loop_ctx = loop_ctx;
	begin_round(m);
	return STEP_ON;
}

/* Reads a string of up to that many bytes: its length, or an error. */
static struct concrete string_length(struct machine *m, u64 room)
{
	return number(room && random_next(&m->random) % 4 ? 1 + random_next(&m->random) % room
							   : (u64)-14);
}

static enum step_result call_helper(struct machine *m, const struct bpf_insn *insn)
{
	struct concrete *regs = top(m)->regs, result = number(0);
	bool failed = random_next(&m->random) % 4 == 0;

	switch (insn->imm) {
	case BPF_FUNC_map_lookup_elem:
	case BPF_FUNC_map_update_elem:
	case BPF_FUNC_map_delete_elem:
		if (!holds_values((u32)regs[1].value))
			return STEP_UNSUPPORTED;
		result = insn->imm == BPF_FUNC_map_lookup_elem	 ? lookup(m, regs)
			 : insn->imm == BPF_FUNC_map_update_elem ? update(m, regs)
								 : erase(m, regs);
		break;
	case BPF_FUNC_loop:
		return begin_loop(m, regs);
	case BPF_FUNC_get_prandom_u32:
		result = number((u32)random_next(&m->random));
		break;
	case BPF_FUNC_ktime_get_ns:
	case BPF_FUNC_ktime_get_boot_ns:
	case BPF_FUNC_get_current_pid_tgid:
	case BPF_FUNC_get_current_uid_gid:
		result = number(random_next(&m->random));
		break;
	case BPF_FUNC_get_smp_processor_id:
		result = number(random_next(&m->random) % 4);
		break;
	case BPF_FUNC_trace_printk:
	case BPF_FUNC_ringbuf_output:
		result = number(failed ? (u64)-22 : regs[2].value);
		break;
	case BPF_FUNC_perf_event_output:
		result = number(failed ? (u64)-2 : 0);
		break;
	case BPF_FUNC_ringbuf_reserve:
		result = reserve(m, regs);
		break;
	case BPF_FUNC_ringbuf_submit:
	case BPF_FUNC_ringbuf_discard:
		m->record_len = 0;
		result = number(random_next(&m->random));
		break;
	case BPF_FUNC_probe_read_kernel:
	case BPF_FUNC_probe_read_user:
	case BPF_FUNC_get_current_comm:
		if (!scribble(m, regs[1].value, regs[2].value))
			return STEP_FAULT;
		result = number(failed ? (u64)-14 : 0);
		break;
	case BPF_FUNC_probe_read_kernel_str:
	case BPF_FUNC_probe_read_user_str:
		if (!scribble(m, regs[1].value, regs[2].value))
			return STEP_FAULT;
		result = string_length(m, regs[2].value);
		break;
	case BPF_FUNC_skb_load_bytes:
		if (!scribble(m, regs[3].value, regs[4].value))
			return STEP_FAULT;
		result = number(failed ? (u64)-14 : 0);
		break;
	case BPF_FUNC_tail_call:
		if (failed)
			return STEP_END;
		result = number(random_next(&m->random));
		break;
	default:
		return STEP_UNSUPPORTED;
	}
	for (u32 i = 1; i <= 5; i++)
		regs[i] = number(random_next(&m->random));
	regs[0] = result;
	m->pc++;
	return STEP_ON;
}

static enum step_result leave(struct machine *m)
{
	struct concrete_frame *f = top(m);
	struct concrete result = f->regs[0];

	if (m->depth == 0)
		return STEP_END;
	if (f->in_loop && result.value == 0 && ++f->round < f->rounds) {
		struct concrete_frame saved = *f;
		u32 target = (u32)m->frames[m->depth - 1].regs[2].value;

		/* A new frame each round: nothing survives but the context. */
		start_frame(m, saved.callsite, saved.return_to);
		f->in_loop = true;
		f->round = saved.round;
		f->rounds = saved.rounds;
		f->loop_ctx = saved.loop_ctx;
		begin_round(m);
		m->pc = target;
		return STEP_ON;
	}
	if (f->in_loop)
		result = number(result.value ? f->round + 1 : f->round);
	m->pc = f->return_to;
	m->depth--;
	for (u32 i = 1; i <= 5; i++)
		top(m)->regs[i] = number(random_next(&m->random));
	top(m)->regs[0] = result;
	return STEP_ON;
}

static enum step_result jump(struct machine *m, const struct bpf_insn *insn)
{
	struct concrete *regs = top(m)->regs;
	u64 src = BPF_SRC(insn->code) == BPF_X ? regs[insn->src_reg].value : (u64)(s64)insn->imm;
	bool is32 = BPF_CLASS(insn->code) == BPF_JMP32;

	if (insn_is_exit(insn))
		return leave(m);
	if (insn_is_subprog_call(insn))
		return enter(m, m->pc + (u32)insn->imm + 1, m->pc + 1) ? STEP_ON : STEP_UNSUPPORTED;
	if (insn_is_call(insn))
		return insn->src_reg ? STEP_UNSUPPORTED : call_helper(m, insn);
	if (BPF_OP(insn->code) == BPF_JCOND)
		m->pc += random_next(&m->random) % 8 ? 0 : (u32)insn->off;
	else if (BPF_OP(insn->code) == BPF_JA)
		m->pc += (u32)(is32 ? insn->imm : insn->off);
	else if (concrete_jump(BPF_OP(insn->code), is32, regs[insn->dst_reg].value, src, 64))
		m->pc += (u32)insn->off;
	m->pc++;
	return STEP_ON;
}

static struct concrete immediate(struct machine *m, const struct bpf_insn *insn)
{
	struct concrete at;

	switch (insn->src_reg) {
	case BPF_PSEUDO_MAP_FD:
		return number(MAP_POINTER | (u32)(insn->imm - SKEP_FIXTURE_FD(0)));
	case BPF_PSEUDO_MAP_VALUE:
		at = element(m, (u32)(insn->imm - SKEP_FIXTURE_FD(0)), 0);
		at.value += (u64)(u32)insn[1].imm;
		return at;
	case BPF_PSEUDO_FUNC:
		return number(m->pc + (u32)insn->imm + 1);
	default:
		return number(insn_imm64(insn));
	}
}

enum step_result machine_step(struct machine *m)
{
	const struct bpf_insn *insn = &m->insns[m->pc];
	enum step_result result;

	switch (BPF_CLASS(insn->code)) {
	case BPF_ALU:
	case BPF_ALU64:
		alu(m, insn);
		m->pc++;
		return STEP_ON;
	case BPF_JMP:
	case BPF_JMP32:
		return jump(m, insn);
	case BPF_LD:
		if (!insn_is_ldimm64(insn))
			return STEP_UNSUPPORTED;
		top(m)->regs[insn->dst_reg] = immediate(m, insn);
		m->pc += 2;
		return STEP_ON;
	case BPF_STX:
		if (BPF_MODE(insn->code) == BPF_ATOMIC) {
			result = atomic(m, insn);
			break;
		}
		FALLTHROUGH;
	default:
		result = access_memory(m, insn);
	}
	m->pc++;
	return result;
}
