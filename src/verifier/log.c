/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verifier's log in Linux's form: each instruction as it is met, what it changed, and
 * where a path continues. At level 1 a finished path leaves nothing behind, so that what
 * remains is the path to the refusal; level 2 keeps everything.
 */
#include "isa/asm.h"
#include "verifier/kfunc.h"
#include "verifier/stack_object.h"

#define STATE_COLUMN 40

static const char *const kind_names[] = {
#define REG_KIND(name, text) [name] = text,
	REG_KINDS(REG_KIND)
#undef REG_KIND
};

const char *reg_kind_name(u32 kind)
{
	return kind < REG_KIND_COUNT ? kind_names[kind] : "?";
}

const char *reg_name(const struct env *env, const struct reg *reg, char buf[REG_NAME_SIZE])
{
	static const struct {
		u32 flag;
		const char *text;
	} prefixes[] = {
		{ REG_RDONLY, "rdonly_" }, { REG_RINGBUF, "ringbuf_" },
		{ REG_USER, "user_" },	   { REG_PERCPU, "percpu_" },
		{ REG_RCU, "rcu_" },	   { REG_UNTRUSTED, "untrusted_" },
		{ REG_TRUSTED, "trusted_" },
	};
	char prefix[REG_NAME_SIZE / 2] = "";
	size_t n = 0;

	for (u32 i = 0; i < ARRAY_SIZE(prefixes); i++)
		if ((reg->flags & prefixes[i].flag) && n + 12 < sizeof(prefix))
			n += text_format(prefix + n, sizeof(prefix) - n, "%s", prefixes[i].text);
	text_format(buf, REG_NAME_SIZE, "%s%s%s", prefix, reg_kind_name(reg->kind),
		    !(reg->flags & REG_MAYBE_NULL) ? "" :
		    reg->kind == REG_BTF	   ? "or_null_" :
						     "_or_null");
	return buf;
}

void log_line(struct env *env, const char *fmt, ...)
{
	va_list args;

	if (!env->log_level || !env->log)
		return;
	va_start(args, fmt);
	text_vprintf(env->log, fmt, args);
	va_end(args);
}

void log_rewind(struct env *env, size_t len)
{
	if (!env->log || !env->log_level || (env->log_level & VERIFIER_LOG_LEVEL2))
		return;
	if (env->log->len > len)
		env->log->len = len;
}

/* ---- values ---- */

static void put_unsigned(struct text *log, u64 value)
{
	text_printf(log, value <= UINT16_MAX ? "%llu" : "%#llx", (unsigned long long)value);
}

static void put_signed(struct text *log, s64 value)
{
	if (value >= INT16_MIN && value <= INT16_MAX)
		text_printf(log, "%lld", (long long)value);
	else
		text_printf(log, "%#llx", (unsigned long long)value);
}

struct bound {
	const char *name;
	u64 value, omit;
	bool is_signed;
};

/* Bounds that say something, those with equal values together: smin=umin=4. */
static void put_bounds(struct text *log, const struct scalar *s, const char **sep)
{
	struct bound bounds[] = {
		{ "smin", (u64)s->smin, (u64)INT64_MIN, true },
		{ "smax", (u64)s->smax, INT64_MAX, true },
		{ "umin", s->umin, 0, false },
		{ "umax", s->umax, UINT64_MAX, false },
		{ "smin32", (u64)(s64)s->smin32, (u64)(s64)INT32_MIN, true },
		{ "smax32", (u64)(s64)s->smax32, INT32_MAX, true },
		{ "umin32", s->umin32, 0, false },
		{ "umax32", s->umax32, UINT32_MAX, false },
	};

	for (u32 i = 0; i < ARRAY_SIZE(bounds); i++) {
		struct bound *b = &bounds[i];

		if (!b->name || b->value == b->omit)
			continue;
		text_printf(log, "%s%s=", *sep, b->name);
		for (u32 k = i + 1; k < ARRAY_SIZE(bounds); k++) {
			if (!bounds[k].name || bounds[k].value != b->value ||
			    bounds[k].value == bounds[k].omit)
				continue;
			text_printf(log, "%s=", bounds[k].name);
			bounds[k].name = NULL;
		}
		if (b->is_signed)
			put_signed(log, (s64)b->value);
		else
			put_unsigned(log, b->value);
		*sep = ",";
	}
	if (s->bits.mask != UINT64_MAX) {
		text_printf(log, "%svar_off=(0x%llx; 0x%llx)", *sep,
			    (unsigned long long)s->bits.value, (unsigned long long)s->bits.mask);
		*sep = ",";
	}
}

static void put_map(const struct env *env, struct text *log, u32 index, const char **sep)
{
	const struct map_facts *facts = env->maps.data[index].facts;

	if (facts->name[0])
		text_printf(log, "%smap=%.*s", *sep, BPF_OBJ_NAME_LEN, facts->name);
	else
		text_printf(log, "%s", *sep);
	text_printf(log, "%sks=%u,vs=%u", facts->name[0] ? "," : "", facts->key_size,
		    facts->value_size);
	*sep = ",";
}

static void put_pointer(const struct env *env, struct text *log, const struct reg *reg)
{
	const char *sep = "";

	text_put(log, "(");
	if (reg->id) {
		text_printf(log, "id=%u", reg->id);
		sep = ",";
	}
	if (reg->ref) {
		text_printf(log, "%sref_obj_id=%u", sep, reg->ref);
		sep = ",";
	}
	if (reg->kind == REG_MAP || reg->kind == REG_MAP_VALUE || reg->kind == REG_MAP_KEY)
		put_map(env, log, reg->map, &sep);
	if (reg->off) {
		text_printf(log, "%soff=%d", sep, reg->off);
		sep = ",";
	}
	if (reg_is_packet(reg)) {
		text_printf(log, "%sr=%u", sep, reg->range);
		sep = ",";
	}
	if (reg->kind == REG_MEM) {
		text_printf(log, "%ssz=%u", sep, reg->size);
		sep = ",";
	}
	if (!scalar_is_const(&reg->val))
		put_bounds(log, &reg->val, &sep);
	else if (reg->val.umin)
		text_printf(log, "%simm=%#llx", sep, (unsigned long long)reg->val.umin);
	text_put(log, ")");
}

static void put_reg(const struct env *env, struct text *log, const struct reg *reg)
{
	char name[REG_NAME_SIZE];
	const char *sep = "";

	if (reg_is_const(reg)) {
		put_signed(log, (s64)reg->val.umin);
		return;
	}
	if (reg->kind == REG_STACK && scalar_is_const(&reg->val)) {
		text_printf(log, "fp%lld", (long long)reg->off + (s64)reg->val.umin);
		return;
	}
	text_put(log, reg_name(env, reg, name));
	if (reg->kind == REG_BTF)
		text_put(log, btf_struct_name(btf_of(env, reg), reg->btf_id));
	if (reg->kind != REG_SCALAR) {
		put_pointer(env, log, reg);
		return;
	}
	text_put(log, "(");
	if (reg->id) {
		text_printf(log, "id=%u", reg->id);
		sep = ",";
		if (reg->flags & REG_ADD_CONST)
			text_printf(log, "%+d", reg->off);
	}
	put_bounds(log, &reg->val, &sep);
	text_put(log, ")");
}

/* Said once, at its lower slot. */
static void put_dynptr(struct text *log, const struct stack_object *object, u32 index)
{
	if (!object->first)
		return;
	text_printf(log, " fp-%u=dynptr_%s(", (index + 1) * SLOT_BYTES,
		    dynptr_kind_name(object->kind));
	if (object->ref)
		text_printf(log, "ref_id=%u,", object->ref);
	text_printf(log, "dynptr_id=%u)", object->id);
}

static void put_iter(const struct env *env, struct text *log, const struct stack_object *object,
		     u32 index)
{
	if (object->first)
		text_printf(log, " fp-%u=iter_%s(ref_id=%u,state=%s,depth=%u)",
			    (index + 1) * SLOT_BYTES, iter_name(env, object->btf_id), object->ref,
			    object->kind == ITER_ACTIVE ? "active" : "drained", object->depth);
}

static void put_slot(const struct env *env, struct text *log, const struct slot *slot, u32 index)
{
	static const char kinds[] = { '?', 'm', '0', 'r', 'd', 'i', 'f' };
	bool any = false;

	if (slot->kind[0] == BYTE_DYNPTR) {
		put_dynptr(log, &slot->object, index);
		return;
	}
	if (slot->kind[0] == BYTE_ITER) {
		put_iter(env, log, &slot->object, index);
		return;
	}

	for (u32 i = 0; i < SLOT_BYTES; i++)
		any |= slot->kind[i] != BYTE_INVALID;
	if (!any)
		return;
	text_printf(log, " fp-%u=", (index + 1) * SLOT_BYTES);
	if (slot_is_spill(slot) && slot_spill_size(slot) == SLOT_BYTES) {
		put_reg(env, log, &slot->reg);
		return;
	}
	for (u32 i = SLOT_BYTES; i-- > 0;)
		text_printf(log, "%c", kinds[slot->kind[i]]);
}

static void put_state(struct env *env, bool all)
{
	const struct frame *frame = state_top(env->cur);
	struct text *log = env->log;

	if (env->cur->depth)
		text_printf(log, " frame%u:", env->cur->depth);
	for (u32 i = 0; i < BPF_REGS; i++) {
		if (!frame->regs[i].kind || !(all || (env->changed_regs >> i & 1)))
			continue;
		text_printf(log, " R%u=", i);
		put_reg(env, log, &frame->regs[i]);
	}
	for (u32 i = 0; i < frame->n_slots; i++)
		if (all || (env->changed_slots >> i & 1))
			put_slot(env, log, &frame->slots[i], i);
	for (const struct ref *ref = env->cur->refs; all && ref; ref = ref->next)
		text_printf(log, "%s%u", ref == env->cur->refs ? " refs=" : ",", ref->id);
	text_put(log, "\n");
}

/* ---- lines ---- */

static const char *helper_name(void *data, const struct bpf_insn *insn)
{
	struct env *env = data;
	const struct kfunc_proto *kfunc = kfunc_of(env, insn);
	const struct helper_proto *proto = model_helper(env->req->model, (u32)insn->imm);

	if (insn->src_reg == BPF_PSEUDO_KFUNC_CALL)
		return kfunc ? kfunc->call.name : "unknown";
	if (!proto)
		return "unknown";
	text_format(env->helper_name, sizeof(env->helper_name), "bpf_%s", proto->name);
	return env->helper_name;
}

static void log_source(struct env *env)
{
	struct source_line line;

	if (!source_line(env, env->at, &line) || line.record == env->last_line)
		return;
	env->last_line = line.record;
	log_line(env, "; %s @ %s:%u\n", line.text, line.file, line.line);
}

void log_insn(struct env *env)
{
	const struct disasm_names names = { .data = env, .helper = helper_name };
	struct text *log = env->log;

	if (!log)
		return;
	if (env->print_full) {
		if (env->prev != env->at)
			text_printf(log, "\nfrom %u to %u:", env->prev, env->at);
		else
			text_printf(log, "%u:", env->at);
		put_state(env, true);
		env->print_full = false;
	}
	log_source(env);
	env->insn_line = log->len;
	text_printf(log, "%u: ", env->at);
	isa_disasm(log, &env->insns[env->at], &names);
	env->changed_regs = 0;
	env->changed_slots = 0;
	env->line_end = log->len;
	text_put(log, "\n");
}

void log_step(struct env *env)
{
	struct text *log = env->log;
	size_t width;

	if (!log || env->print_full || (!env->changed_regs && !env->changed_slots))
		return;
	/* Other lines came in between: the state gets a line of its own. */
	if (log->len != env->line_end + 1) {
		text_printf(log, "%u:", env->at);
	} else {
		log->len = env->line_end;
		width = env->line_end - env->insn_line;
		text_printf(log, "%*s;", (int)(width < STATE_COLUMN - 2 ? STATE_COLUMN - 2 - width : 1),
			    "");
	}
	put_state(env, false);
}

void log_pruned(struct env *env)
{
	if (!env->log_level)
		return;
	if (env->print_full)
		log_line(env, "\nfrom %u to %u: safe\n", env->prev, env->at);
	else
		log_line(env, "%u: safe\n", env->at);
}

void log_stats(struct env *env)
{
	const struct verify_stats *s = &env->stats;

	if (env->log_level & VERIFIER_LOG_STATS) {
		log_line(env, "verification time %llu usec\n",
			 (unsigned long long)(s->time_ns / 1000));
		log_line(env, "stack depth ");
		for (u32 i = 0; i < env->n_subprogs; i++)
			log_line(env, "%s%u", i ? "+" : "", env->subprogs[i].stack_depth);
		log_line(env, "\npeak memory %llu KiB\n",
			 (unsigned long long)(s->peak_memory + 1023) / 1024);
	}
	log_line(env, "processed %llu insns (limit %u) max_states_per_insn %llu total_states %llu "
		      "peak_states %llu mark_read %llu\n",
		 (unsigned long long)s->insns_processed, env->req->model->max_insns_processed,
		 (unsigned long long)s->max_states_per_insn, (unsigned long long)s->total_states,
		 (unsigned long long)s->peak_states, (unsigned long long)s->mark_read);
}
