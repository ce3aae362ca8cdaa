/* SPDX-License-Identifier: Apache-2.0 */
/* What the verifier knows, said in words. */
#include "base/str.h"
#include "btf/btf.h"
#include "explain/words.h"
#include "isa/asm.h"
#include "verifier/env.h"

/* ---- messages ---- */

static bool parse_signed(const char **s, s64 *out)
{
	bool negative = **s == '-';
	u64 n = 0;

	*s += negative;
	if (**s < '0' || **s > '9')
		return false;
	for (; **s >= '0' && **s <= '9'; ++*s)
		n = n * 10 + (u64)(**s - '0');
	*out = negative ? -(s64)n : (s64)n;
	return true;
}

bool range_in_message(const char *message, s64 *min, s64 *max)
{
	static const char words[] = "should have been in [";

	for (const char *s = message; *s; s++) {
		if (!str_starts(s, words))
			continue;
		s += sizeof(words) - 1;
		return parse_signed(&s, min) && str_starts(s, ", ") && (s += 2, parse_signed(&s, max));
	}
	return false;
}

u32 argument_in_message(const char *message)
{
	for (const char *s = message; *s; s++) {
		const char *at = s + 3;

		if (!str_starts(s, "arg"))
			continue;
		at += *at == '#';
		if (*at >= '0' && *at <= '4' && (at[1] < '0' || at[1] > '9'))
			return (u32)(*at - '0') + 1;
	}
	return 0;
}

/* ---- numbers ---- */

static void put_number(struct text *out, u64 value)
{
	if (value <= 99999)
		text_printf(out, "%llu", (unsigned long long)value);
	else if ((s64)value < 0 && (s64)value >= -99999)
		text_printf(out, "%lld", (long long)value);
	else
		text_printf(out, "0x%llx", (unsigned long long)value);
}

static void put_signed(struct text *out, s64 value)
{
	if (value == INT64_MIN)
		text_put(out, "the smallest");
	else
		put_number(out, (u64)value);
}

static void put_range(struct text *out, const struct scalar *val)
{
	bool signed_known = val->smin != INT64_MIN || val->smax != INT64_MAX;

	if (val->umin || val->umax != UINT64_MAX) {
		if (val->umax == UINT32_MAX && !val->umin) {
			text_put(out, "any 32-bit number");
			return;
		}
		if (val->umax == UINT64_MAX || (val->smin < 0 && val->smax < 65536)) {
			if (signed_known) {
				text_put(out, "a number from ");
				put_signed(out, val->smin);
				text_put(out, " to ");
				put_signed(out, val->smax);
			} else {
				text_put(out, "a number of at least ");
				put_number(out, val->umin);
			}
			return;
		}
		text_put(out, "a number from ");
		put_number(out, val->umin);
		text_put(out, " to ");
		put_number(out, val->umax);
		return;
	}
	if (!signed_known) {
		text_put(out, val->umax32 != UINT32_MAX ? "a number of which only the low half is bounded"
							: "a number of which nothing is known");
		return;
	}
	text_put(out, "a number from ");
	put_signed(out, val->smin);
	text_put(out, " to ");
	if (val->smax == INT64_MAX)
		text_put(out, "the largest");
	else
		put_signed(out, val->smax);
}

/* Of what the bits tell, that which people use: multiples of a power of two. */
static void put_bits(struct text *out, const struct scalar *val)
{
	u32 zeros = val->bits.mask ? (u32)__builtin_ctzll(val->bits.mask | val->bits.value) : 0;

	if (zeros)
		text_printf(out, ", a multiple of %llu", 1ull << zeros);
	else if (val->bits.value & 7)
		text_printf(out, ", with known bits 0x%llx", (unsigned long long)val->bits.value);
}

static void put_scalar(struct text *out, const struct scalar *val)
{
	if (scalar_is_const(val)) {
		text_put(out, "the number ");
		put_number(out, val->umin);
		return;
	}
	put_range(out, val);
	put_bits(out, val);
}

/* ---- pointers ---- */

static const struct map_facts *map_facts(const struct path *path, u32 index)
{
	return path && index < path->maps.len ? path->maps.data[index].facts : NULL;
}

static void put_map(struct text *out, const struct path *path, const struct reg *reg)
{
	const struct map_facts *facts = map_facts(path, reg->map);

	if (facts && facts->name[0])
		text_printf(out, " map '%.*s'", BPF_OBJ_NAME_LEN, facts->name);
	else
		text_put(out, " a map");
	if (facts && reg->kind == REG_MAP_VALUE)
		text_printf(out, " (%u bytes)", facts->value_size);
	if (facts && reg->kind == REG_MAP_KEY)
		text_printf(out, " (%u bytes)", facts->key_size);
}

static void put_offset(struct text *out, const struct reg *reg)
{
	if (scalar_is_const(&reg->val)) {
		s64 off = (s64)reg->off + (s64)reg->val.umin;

		if (off)
			text_printf(out, ", offset %lld", (long long)off);
		return;
	}
	text_put(out, ", offset ");
	if (reg->off)
		text_printf(out, "%d plus ", reg->off);
	put_range(out, &reg->val);
}

static void put_kind(struct text *out, const struct path *path, const struct reg *reg)
{
	switch (reg->kind) {
	case REG_CTX:
		text_put(out, "the context");
		break;
	case REG_MAP:
		text_put(out, "the");
		put_map(out, path, reg);
		return;
	case REG_MAP_VALUE:
		text_put(out, "a pointer to a value of");
		put_map(out, path, reg);
		break;
	case REG_MAP_KEY:
		text_put(out, "a pointer to a key of");
		put_map(out, path, reg);
		break;
	case REG_PACKET:
		text_put(out, "a packet pointer");
		break;
	case REG_PACKET_META:
		text_put(out, "a pointer to packet metadata");
		break;
	case REG_PACKET_END:
		text_put(out, "the end of the packet");
		break;
	case REG_MEM:
		text_printf(out, "a pointer to %s%u bytes of memory",
			    reg->flags & REG_RINGBUF ? "a ringbuf record, " : "", reg->size);
		break;
	case REG_FUNC:
		text_put(out, "a function");
		break;
	case REG_BTF:
		text_put(out, reg->flags & REG_TRUSTED ? "a trusted pointer to a kernel object"
						       : "a pointer to a kernel object");
		break;
	case REG_SOCKET:
	case REG_SOCK_COMMON:
	case REG_TCP_SOCK:
	case REG_XDP_SOCK:
		text_put(out, "a socket");
		break;
	default:
		text_printf(out, "a pointer (%s)", reg_kind_name(reg->kind));
		break;
	}
}

void describe_reg(struct text *out, const struct path *path, const struct reg *reg)
{
	if (!reg || reg->kind == REG_UNINIT) {
		text_put(out, "not set");
		return;
	}
	if (reg->kind == REG_SCALAR) {
		put_scalar(out, &reg->val);
		return;
	}
	if (reg->kind == REG_STACK && scalar_is_const(&reg->val)) {
		text_printf(out, "the stack address fp%+lld", (long long)reg->off + (s64)reg->val.umin);
		return;
	}
	put_kind(out, path, reg);
	put_offset(out, reg);
	if (reg_is_packet(reg))
		text_printf(out, ", of which %u bytes are known to be there", reg->range);
	if (reg->flags & REG_MAYBE_NULL)
		text_put(out, ", or NULL");
}

/* ---- instructions ---- */

struct names {
	const struct verify_request *request;
	char name[64];
};

static const char *helper_name(void *data, const struct bpf_insn *insn)
{
	struct names *names = data;
	const struct helper_proto *proto = model_helper(names->request->model, (u32)insn->imm);

	if (!proto)
		return "unknown";
	text_format(names->name, sizeof(names->name), "bpf_%s", proto->name);
	return names->name;
}

void describe_insn(struct text *out, const struct verify_request *request, u32 insn)
{
	struct names data = { .request = request };
	const struct disasm_names names = { .data = &data, .helper = helper_name };

	if (insn >= request->insn_cnt ||
	    (insn_is_ldimm64(&request->insns[insn]) && insn + 1 >= request->insn_cnt))
		return;
	isa_disasm(out, &request->insns[insn], &names);
}

static const char *const conditions[] = {
	[BPF_JEQ >> 4] = "==",	 [BPF_JGT >> 4] = ">",	 [BPF_JGE >> 4] = ">=",
	[BPF_JSET >> 4] = "&",	 [BPF_JNE >> 4] = "!=",	 [BPF_JSGT >> 4] = "s>",
	[BPF_JSGE >> 4] = "s>=", [BPF_JLT >> 4] = "<",	 [BPF_JLE >> 4] = "<=",
	[BPF_JSLT >> 4] = "s<",	 [BPF_JSLE >> 4] = "s<=", [BPF_JCOND >> 4] = "?",
};

void describe_condition(struct text *out, const struct bpf_insn *insn)
{
	const char *op = conditions[BPF_OP(insn->code) >> 4];
	const char *reg = BPF_CLASS(insn->code) == BPF_JMP32 ? "w" : "r";

	if (BPF_OP(insn->code) == BPF_JCOND) {
		text_put(out, "may_goto");
		return;
	}
	if (!op)
		return;
	if (BPF_SRC(insn->code) == BPF_X)
		text_printf(out, "%s%u %s %s%u", reg, insn->dst_reg, op, reg, insn->src_reg);
	else
		text_printf(out, "%s%u %s %d", reg, insn->dst_reg, op, insn->imm);
}

void describe_loc(struct text *out, struct loc loc)
{
	if (loc.at < LOC_SLOT)
		text_printf(out, "r%u", loc.at);
	else
		text_printf(out, "the stack at fp-%u", (loc.at - LOC_SLOT + 1) * SLOT_BYTES);
}

static const char *func_name_at(const struct path *path, u32 insn)
{
	const struct path_func *func = path_func(path, insn);

	return func && func->name && *func->name ? func->name : NULL;
}

void describe_callee(struct text *out, const struct verify_request *request,
		     const struct path *path, u32 at)
{
	const struct bpf_insn *insn = &request->insns[at];
	const struct helper_proto *proto;
	const struct btf_type *type;
	const char *name;

	switch (insn->src_reg) {
	case BPF_PSEUDO_CALL:
		name = func_name_at(path, at + (u32)insn->imm + 1);
		text_printf(out, "%s()", name ? name : "a function of the program");
		return;
	case BPF_PSEUDO_KFUNC_CALL:
		type = request->model->btf ? btf_type(request->model->btf, (u32)insn->imm) : NULL;
		text_printf(out, "%s()", type && btf_kind(type) == BTF_KIND_FUNC
					     ? btf_name(request->model->btf, type->name_off)
					     : "a kernel function");
		return;
	default:
		proto = model_helper(request->model, (u32)insn->imm);
		if (proto)
			text_printf(out, "bpf_%s()", proto->name);
		else
			text_printf(out, "helper %d", insn->imm);
	}
}

u32 insn_access_size(const struct bpf_insn *insn)
{
	u32 class = BPF_CLASS(insn->code);

	if (class != BPF_LDX && class != BPF_ST && class != BPF_STX)
		return 0;
	switch (BPF_SIZE(insn->code)) {
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

/* ---- whole states ---- */

static void describe_slot(struct text *out, const struct path *path, const struct slot *slot, u32 i)
{
	static const char *const words[] = { "never written", "data", "zero", "" };
	u32 from = 0;

	if (slot_is_spill(slot) && slot_spill_size(slot) == SLOT_BYTES) {
		text_printf(out, "      fp-%-4u ", (i + 1) * SLOT_BYTES);
		describe_reg(out, path, &slot->reg);
		text_put(out, "\n");
		return;
	}
	for (u32 byte = 1; byte <= SLOT_BYTES; byte++) {
		if (byte < SLOT_BYTES && slot->kind[byte] == slot->kind[from])
			continue;
		if (slot->kind[from] != BYTE_INVALID) {
			text_printf(out, "      fp-%-4u %u bytes: ", (i + 1) * SLOT_BYTES - from,
				    byte - from);
			if (slot->kind[from] == BYTE_SPILL)
				describe_reg(out, path, &slot->reg);
			else
				text_put(out, words[slot->kind[from] & 3]);
			text_put(out, "\n");
		}
		from = byte;
	}
}

void describe_frame(struct text *out, const struct path *path, const struct frame *frame)
{
	for (u32 i = 0; i < 10; i++) {
		if (frame->regs[i].kind == REG_UNINIT)
			continue;
		text_printf(out, "      r%-6u ", i);
		describe_reg(out, path, &frame->regs[i]);
		text_put(out, "\n");
	}
	for (u32 i = 0; i < frame->n_slots; i++)
		describe_slot(out, path, &frame->slots[i], i);
}
