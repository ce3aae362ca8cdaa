/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls in the checking machine. Arguments are checked by the helper's prototype; what it
 * returns and writes is part of the input, within what such a helper can return. Lookups
 * find an entry or none, the same for the same key.
 */
#include "base/str.h"
#include "explain/machine.h"
#include "explain/words.h"
#include "isa/insn.h"
#include "verifier/env.h"

#define ROUNDS 3 /* of for_each: as many elements as a map here has */

/* ---- frames ---- */

bool machine_enter(struct machine *m, u32 target, u32 return_to)
{
	struct machine_frame *caller = m->depth >= 0 ? machine_top(m) : NULL, *f;

	if (m->depth + 1 == BPF_MAX_FRAMES)
		return machine_fault(m, FAULT_DEPTH, "the %uth function in a row is called",
				     BPF_MAX_FRAMES + 1);
	m->depth++;
	f = machine_top(m);
	memset(f, 0, sizeof(*f));
	f->stack = object_make(m, OBJECT_STACK, BPF_STACK_SIZE, UINT32_MAX);
	f->regs[10] = object_address(m, f->stack);
	f->return_to = return_to;
	f->function = target;
	if (caller)
		for (u32 i = 1; i <= 5; i++)
			f->regs[i] = caller->regs[i];
	m->pc = target;
	return !m->ended;
}

static bool next_round(struct machine *m)
{
	struct machine_frame *f = machine_top(m);
	const struct bpf_insn *call = &m->request->insns[f->call];
	u32 target = f->function;
	struct machine_frame saved = *f;

	m->objects[f->stack].alive = false;
	m->depth--;
	if (!machine_enter(m, target, saved.return_to))
		return false;
	f = machine_top(m);
	f->callback = true;
	f->call = saved.call;
	f->round = saved.round + 1;
	f->rounds = saved.rounds;
	f->loop_ctx = saved.loop_ctx;
	machine_forget_arguments(m);
	if (call->imm == BPF_FUNC_loop) {
		f->regs[1] = machine_number(term_number(f->round));
		f->regs[2] = f->loop_ctx;
		return true;
	}
	for (u32 i = 1; i <= 3; i++)
		f->regs[i] = saved.regs[i];
	return true;
}

static bool end_callback(struct machine *m)
{
	struct machine_frame *f = machine_top(m);
	struct value result = f->regs[0];
	u32 rounds = f->round + 1, return_to = f->return_to;

	if (!result.set)
		return machine_fault(m, FAULT_UNSET, "r0 is returned by the callback");
	if (result.t.value > 1)
		return machine_fault(m, FAULT_RESULT, "the callback returns %lld",
				     (long long)result.t.value);
	if (!result.t.value && f->round + 1 < f->rounds)
		return next_round(m);
	m->objects[f->stack].alive = false;
	m->depth--;
	m->pc = return_to;
	machine_forget_arguments(m);
	machine_top(m)->regs[0] = machine_number(term_number(rounds));
	return true;
}

static void describe_held(struct machine *m, struct text *out)
{
	for (u32 i = 1; i < m->n_objects; i++)
		if (m->objects[i].acquired && m->objects[i].alive) {
			text_put(out, m->objects[i].record ? "a ringbuf record" : "an object");
			if (machine_line(m, m->objects[i].made_at))
				text_printf(out, " acquired in line %u",
					    machine_line(m, m->objects[i].made_at));
			else
				text_printf(out, " acquired at instruction %u", m->objects[i].made_at);
			return;
		}
}

static bool check_nothing_held(struct machine *m)
{
	char words[100] = "";
	struct text text = text_in(words, sizeof(words));

	if (m->lock)
		return machine_fault(m, FAULT_LOCK, "a spin lock is still held at the end");
	if (m->sections)
		return machine_fault(m, FAULT_LOCK, "an RCU, preemption or interrupt section is still open at the end");
	describe_held(m, &text);
	return !words[0] || machine_fault(m, FAULT_LEAK, "%s", words);
}

static bool end_program(struct machine *m)
{
	const struct return_range *range =
	    m->type ? model_return_range(m->type, m->request->expected_attach_type) : NULL;
	const struct ctx_layout *own = m->request->ctx;
	struct value *r0 = machine_arg(m, 0);
	s64 min = range ? range->min : INT64_MIN, max = range ? range->max : INT64_MAX;

	m->ended = true;
	if (!check_nothing_held(m))
		return false;
	if (m->start && !(m->has_range && m->pc == m->watched))
		return true;
	if (!r0->set)
		return machine_fault(m, FAULT_UNSET, "r0 is returned");
	if (own && own->checks_return) {
		min = own->ret_min;
		max = own->ret_max;
	}
	if (m->has_range && m->pc == m->watched) {
		min = m->min;
		max = m->max;
	}
	machine_wish(m, BPF_JSGT, r0->t, term_number((u64)max));
	machine_wish(m, BPF_JSLT, r0->t, term_number((u64)min));
	if ((s64)r0->t.value < min || (s64)r0->t.value > max)
		return machine_fault(m, FAULT_RESULT, "it returns %lld, and may return %lld to %lld",
				     (long long)r0->t.value, (long long)min, (long long)max);
	return true;
}

bool machine_exit(struct machine *m)
{
	struct machine_frame *f = machine_top(m);
	struct value result = f->regs[0];
	u32 return_to = f->return_to;

	if (!m->depth)
		return end_program(m);
	if (f->callback)
		return end_callback(m);
	m->objects[f->stack].alive = false;
	m->depth--;
	m->pc = return_to;
	machine_forget_arguments(m);
	machine_top(m)->regs[0] = result;
	return true;
}

/* ---- maps ---- */

static const struct map_facts *facts_of(struct machine *m, const struct value *v)
{
	const struct memory *o = &m->objects[v->obj];

	if (!v->obj || o->is != OBJECT_THE_MAP || o->map >= m->path->maps.len)
		return NULL;
	return m->path->maps.data[o->map].facts;
}

static void name_map_stream(struct machine *m, u32 stream, const struct map_facts *facts,
			    const u8 *key, u32 size)
{
	struct stream *s;

	if (stream == UINT32_MAX)
		return;
	s = &m->input->streams.data[stream];
	text_format(s->who, sizeof(s->who), "map '%.*s'", BPF_OBJ_NAME_LEN, facts->name);
	s->key_size = (u8)size;
	memcpy(s->key, key, size);
}

static u32 find_key(struct machine *m, u32 map, const u8 *key, u32 size)
{
	for (u32 i = 0; i < m->n_keys; i++)
		if (m->keys[i].map == map && m->keys[i].size == size &&
		    !memcmp(m->keys[i].key, key, size))
			return i;
	if (m->n_keys == MACHINE_KEYS) {
		m->unsupported = m->ended = true;
		return 0;
	}
	memset(&m->keys[m->n_keys], 0, sizeof(m->keys[0]));
	m->keys[m->n_keys].map = map;
	m->keys[m->n_keys].size = (u8)size;
	memcpy(m->keys[m->n_keys].key, key, size);
	return m->n_keys++;
}

/* The object of an element; made when it is asked for first. */
static u16 element(struct machine *m, u32 index, const struct map_facts *facts)
{
	u32 stream;

	if (m->keys[index].object)
		return m->keys[index].object;
	stream = input_stream(m->input, STREAM_VALUE, m->keys[index].map, index,
			      MIN(facts->value_size, 4096u));
	name_map_stream(m, stream, facts, m->keys[index].key, m->keys[index].size);
	m->keys[index].object = object_make(m, OBJECT_VALUE, facts->value_size, stream);
	m->objects[m->keys[index].object].map = m->keys[index].map;
	m->objects[m->keys[index].object].writable = !(facts->flags & BPF_F_RDONLY_PROG);
	return m->keys[index].object;
}

static bool is_array(u32 type)
{
	return type == BPF_MAP_TYPE_ARRAY || type == BPF_MAP_TYPE_PERCPU_ARRAY ||
	       type == BPF_MAP_TYPE_ARRAY_OF_MAPS;
}

static bool read_key(struct machine *m, const struct map_facts *facts, u8 key[32], struct term *first)
{
	const struct value *p = machine_arg(m, 2);
	struct value byte;
	u32 n = MIN(facts->key_size, 32u);

	for (u32 i = 0; i < n; i++) {
		if (!object_load(m, p, i, 1, &byte))
			return false;
		key[i] = (u8)byte.t.value;
	}
	*first = term_number(0);
	if (facts->key_size == 4 && object_load(m, p, 0, 4, &byte))
		*first = byte.t;
	return true;
}

static bool lookup(struct machine *m)
{
	const struct map_facts *facts = facts_of(m, machine_arg(m, 1));
	u32 map = m->objects[machine_arg(m, 1)->obj].map, index;
	struct term there, key_number;
	struct value out;
	u8 key[32];
	u16 obj;

	if (!facts || !read_key(m, facts, key, &key_number))
		return false;
	index = find_key(m, map, key, MIN(facts->key_size, 32u));
	if (is_array(facts->type)) {
		there = expr_two(&m->exprs, EXPR_LESS, key_number, term_number(facts->max_entries));
	} else {
		u32 stream = input_stream(m->input, STREAM_ENTRY, map, index, 1);

		name_map_stream(m, stream, facts, key, m->keys[index].size);
		there = input_number(m, STREAM_ENTRY, map, index, 1,
				     stream == UINT32_MAX ? "" : m->input->streams.data[stream].who);
		there = expr_two(&m->exprs, EXPR_AND, there, term_number(1));
		if (m->keys[index].deleted)
			there = term_number(0);
	}
	if (facts->inner) {
		obj = object_make(m, OBJECT_THE_MAP, 0, UINT32_MAX);
		for (u32 i = 0; i < m->path->maps.len; i++)
			if (m->path->maps.data[i].facts == facts->inner)
				m->objects[obj].map = i;
		there = input_number(m, STREAM_ENTRY, map, index + 1000, 1, "an inner map");
		there = expr_two(&m->exprs, EXPR_AND, there, term_number(1));
	} else {
		obj = element(m, index, facts);
	}
	if (!obj)
		return false;
	out = object_address(m, obj);
	out.t = expr_two(&m->exprs, EXPR_CHOOSE, there, out.t);
	if (!out.t.value)
		out.obj = 0;
	*machine_arg(m, 0) = out;
	return true;
}

static bool erase(struct machine *m, bool deleted)
{
	const struct map_facts *facts = facts_of(m, machine_arg(m, 1));
	struct term first;
	u8 key[32];
	u32 index;

	if (!facts || !read_key(m, facts, key, &first))
		return false;
	index = find_key(m, m->objects[machine_arg(m, 1)->obj].map, key, MIN(facts->key_size, 32u));
	m->keys[index].deleted = deleted;
	if (deleted)
		m->keys[index].object = 0;
	return true;
}

/* ---- arguments ---- */

static bool is_size(u32 type)
{
	u32 base = type & ARG_BASE_MASK;

	return base == ARG_CONST_SIZE || base == ARG_CONST_SIZE_OR_ZERO;
}

/* [r_i, + size): readable or writable, and set before if the helper reads it. */
static bool check_memory(struct machine *m, u32 i, struct term size, u32 type, const char *who)
{
	bool writes = type & (ARG_MEM_WRITE | ARG_MEM_UNINIT);
	const struct value *p = machine_arg(m, i);

	if ((type & ARG_MAYBE_NULL) && !p->t.value && !p->obj)
		return true;
	if (!size.value && !p->obj)
		return true;
	if (!object_check(m, p, 0, size, writes, who))
		return false;
	if (m->objects[p->obj].is == OBJECT_CTX || m->objects[p->obj].is == OBJECT_KERNEL)
		return machine_fault(m, FAULT_ARGUMENT, "%s gets memory of the kernel as argument %u",
				     who, i);
	if (!(type & ARG_MEM_UNINIT) && m->strict_stack && !object_is_set(m, p, size.value))
		return machine_fault(m, FAULT_UNSET_STACK, "%s reads argument %u", who, i);
	if (writes)
		object_fill(m, p, size.value, who);
	return true;
}

static bool check_size(struct machine *m, u32 i, const struct helper_proto *proto, const char *who)
{
	u32 type = proto->arg[i - 1];
	struct term size = machine_arg(m, i)->t;

	machine_wish(m, BPF_JSLT, size, term_number(0));
	machine_wish(m, BPF_JGT, size, term_number(INT32_MAX));
	if ((type & ARG_BASE_MASK) == ARG_CONST_SIZE)
		machine_wish(m, BPF_JEQ, size, term_number(0));
	if (!size.value && (type & ARG_BASE_MASK) == ARG_CONST_SIZE)
		return machine_fault(m, FAULT_ARGUMENT, "%s gets 0 as length", who);
	return check_memory(m, i - 1, size, proto->arg[i - 2], who);
}

static bool check_object(struct machine *m, u32 i, u32 type, const char *who)
{
	const struct value *p = machine_arg(m, i);
	const struct memory *o = &m->objects[p->obj];

	if ((type & ARG_MAYBE_NULL) && !p->t.value)
		return true;
	machine_wish(m, BPF_JEQ, p->t, term_number(0));
	if (!p->t.value)
		return machine_fault(m, FAULT_NULL, "argument %u of %s", i, who);
	if (!p->obj)
		return machine_fault(m, FAULT_NO_POINTER, "argument %u of %s", i, who);
	if (!o->alive)
		return machine_fault(m, type & ARG_RELEASES ? FAULT_RELEASE : FAULT_GONE,
				     "argument %u of %s", i, who);
	if (type & ARG_RELEASES) {
		if (!o->acquired)
			return machine_fault(m, FAULT_RELEASE, "argument %u of %s", i, who);
		if (p->t.value != o->base)
			return machine_fault(m, FAULT_RELEASE, "%s gets the pointer with offset %lld",
					     who, (long long)(p->t.value - o->base));
	}
	return true;
}

static bool check_kind(struct machine *m, u32 i, enum object_is is, const char *who)
{
	const struct value *p = machine_arg(m, i);

	if (p->obj && m->objects[p->obj].is == is)
		return true;
	return machine_fault(m, p->t.value ? FAULT_ARGUMENT : FAULT_NULL, "argument %u of %s", i, who);
}

static bool check_argument(struct machine *m, u32 i, const struct helper_proto *proto,
			   const struct map_facts *facts, const char *who)
{
	u32 type = proto->arg[i - 1];
	const struct value *p = machine_arg(m, i);

	if ((type & ARG_BASE_MASK) == ARG_DONTCARE)
		return true;
	if (!p->set)
		return machine_fault(m, FAULT_UNSET, "argument %u of %s", i, who);
	switch (type & ARG_BASE_MASK) {
	case ARG_ANYTHING:
	case ARG_CONST_ALLOC_SIZE_OR_ZERO:
	case ARG_PTR_TO_STACK:
	case ARG_PTR_TO_CONST_STR:
		return true;
	case ARG_CONST_MAP_PTR:
		return check_kind(m, i, OBJECT_THE_MAP, who);
	case ARG_PTR_TO_FUNC:
		return check_kind(m, i, OBJECT_FUNCTION, who);
	case ARG_PTR_TO_CTX:
		return check_kind(m, i, OBJECT_CTX, who);
	case ARG_PTR_TO_MAP_KEY:
		return check_memory(m, i, term_number(facts ? facts->key_size : 0),
				    type & ~(u32)(ARG_MEM_WRITE), who);
	case ARG_PTR_TO_MAP_VALUE:
		return check_memory(m, i, term_number(facts ? facts->value_size : 0), type, who);
	case ARG_PTR_TO_MEM:
		return !(type & ARG_MEM_FIXED_SIZE) ||
		       check_memory(m, i, term_number(proto->arg_size[i - 1]), type, who);
	case ARG_CONST_SIZE:
	case ARG_CONST_SIZE_OR_ZERO:
		return check_size(m, i, proto, who);
	default:
		return check_object(m, i, type, who);
	}
}

/* ---- results ---- */

/* What such a helper really returns, where the prototype says just "a number". */
static struct term plausible(struct machine *m, u32 id, struct term raw)
{
	switch (id) {
	case BPF_FUNC_get_prandom_u32:
	case BPF_FUNC_get_hash_recalc:
		return expr_one(&m->exprs, EXPR_ZEXT, raw, 32);
	case BPF_FUNC_get_smp_processor_id:
	case BPF_FUNC_get_numa_node_id:
		return expr_one(&m->exprs, EXPR_ZEXT, raw, 3);
	case BPF_FUNC_ktime_get_ns:
	case BPF_FUNC_ktime_get_boot_ns:
	case BPF_FUNC_ktime_get_coarse_ns:
	case BPF_FUNC_ktime_get_tai_ns:
	case BPF_FUNC_get_current_pid_tgid:
	case BPF_FUNC_get_current_uid_gid:
	case BPF_FUNC_get_current_cgroup_id:
	case BPF_FUNC_jiffies64:
	case BPF_FUNC_get_current_task:
		return expr_one(&m->exprs, EXPR_ZEXT, raw, 63);
	default:
		return raw;
	}
}

/* Of those that return an error or what they read: at most the size they were given. */
static bool fits(u32 flags, s64 value, u64 size)
{
	return !(flags & HELPER_RET_SIZE_BOUND) || (value >= -4095 && value <= (s64)size);
}

/* For people: what came of the input's bytes. */
static void show_result(struct machine *m, struct term value)
{
	u32 i = input_stream(m->input, STREAM_RESULT, m->pc, m->visits[m->pc] - 1, 8);

	if (i == UINT32_MAX)
		return;
	m->input->streams.data[i].has_shown = true;
	m->input->streams.data[i].shown = (s64)value.value;
}

static struct term integer_result(struct machine *m, const struct helper_proto *proto, u64 size,
				  const char *who)
{
	struct term raw = input_number(m, STREAM_RESULT, m->pc, m->visits[m->pc] - 1, 8, who);
	struct term out = plausible(m, proto->id, raw);

	if ((proto->flags & HELPER_RET_RANGE) &&
	    ((s64)out.value < proto->ret_min || (s64)out.value > proto->ret_max)) {
		u64 width = (u64)proto->ret_max - (u64)proto->ret_min + 1;

		out = width ? expr_two(&m->exprs, EXPR_ADD,
				       expr_two(&m->exprs, EXPR_MOD, out, term_number(width)),
				       term_number((u64)proto->ret_min))
			    : out;
	}
	/* Error, or a length: both must be reachable for the solver. */
	if (proto->flags & HELPER_RET_SIZE_BOUND) {
		struct term negative = expr_one(&m->exprs, EXPR_SEXT, raw, 12);

		if (!fits(proto->flags, (s64)out.value, size))
			out = (s64)negative.value < 0 ? negative
						      : expr_two(&m->exprs, EXPR_MOD, raw,
								 term_number(size + 1));
	}
	/* -EFAULT and the like, or fine. */
	switch (proto->id) {
	case BPF_FUNC_probe_read:
	case BPF_FUNC_probe_read_user:
	case BPF_FUNC_probe_read_kernel:
	case BPF_FUNC_skb_load_bytes:
	case BPF_FUNC_xdp_load_bytes:
	case BPF_FUNC_xdp_adjust_head:
	case BPF_FUNC_skb_pull_data:
	case BPF_FUNC_get_current_comm:
		out = expr_two(&m->exprs, EXPR_SUB, term_number(0),
			       expr_two(&m->exprs, EXPR_MUL, term_number(14),
					expr_two(&m->exprs, EXPR_AND, raw, term_number(1))));
		break;
	default:
		break;
	}
	show_result(m, out);
	return out;
}

static bool pointer_result(struct machine *m, const struct helper_proto *proto, u64 alloc,
			   const char *who)
{
	u32 base = proto->ret & RET_BASE_MASK, size = proto->ret_size;
	bool record = base == RET_PTR_TO_RINGBUF_MEM;
	struct value out;
	struct term there;
	u16 obj;

	if (base == RET_PTR_TO_ALLOC_MEM || base == RET_PTR_TO_DYNPTR_MEM || record)
		size = (u32)MIN(alloc, (u64)UINT32_MAX);
	if (base == RET_PTR_TO_MEM || base == RET_PTR_TO_ALLOC_MEM ||
	    base == RET_PTR_TO_DYNPTR_MEM || record)
		obj = object_make(m, OBJECT_MEMORY, size,
				  input_stream(m->input, STREAM_MEM, m->n_objects, 0, MIN(size, 4096u)));
	else
		obj = object_make(m, OBJECT_KERNEL, 1u << 20,
				  input_stream(m->input, STREAM_MEM, m->n_objects, 0, 256));
	if (!obj)
		return false;
	if (base == RET_PTR_TO_DYNPTR_MEM)
		m->objects[obj].parent = token_at(m, machine_arg(m, 1));
	m->objects[obj].record = record;
	m->objects[obj].acquired = record || (proto->ret & RET_ACQUIRES);
	m->objects[obj].writable = m->objects[obj].is == OBJECT_MEMORY && !(proto->ret & RET_RDONLY);
	out = object_address(m, obj);
	if (proto->ret & RET_MAYBE_NULL) {
		there = input_number(m, STREAM_RESULT, m->pc, m->visits[m->pc] - 1, 1, who);
		out.t = expr_two(&m->exprs, EXPR_CHOOSE, there, out.t);
	}
	if (!out.t.value) {
		out.obj = 0;
		m->objects[obj].alive = false;
	}
	*machine_arg(m, 0) = out;
	return true;
}

/* ---- helpers that do more ---- */

static void move_packet(struct machine *m)
{
	if (m->packet)
		m->objects[m->packet].alive = false;
	m->packet = 0;
	m->packet_moves++;
}

static bool begin_callback(struct machine *m, const struct bpf_insn *insn)
{
	struct value regs[6], *r = machine_top(m)->regs;
	const struct map_facts *facts = facts_of(m, &r[1]);
	bool loop = insn->imm == BPF_FUNC_loop;
	struct machine_frame *f;
	u32 call = m->pc, rounds = loop ? (u32)MIN(r[1].t.value, 1u << 23) : ROUNDS;

	if (loop && !rounds) {
		machine_forget_arguments(m);
		r[0] = machine_number(term_number(0));
		m->pc++;
		return true;
	}
	memcpy(regs, r, sizeof(regs));
	if (!machine_enter(m, m->objects[regs[2].obj].function, m->pc + 1))
		return false;
	f = machine_top(m);
	f->callback = true;
	f->call = call;
	f->rounds = rounds;
	f->loop_ctx = regs[3];
	machine_forget_arguments(m);
	if (loop) {
		f->regs[1] = machine_number(term_number(0));
		f->regs[2] = regs[3];
		return true;
	}
	f->regs[1] = regs[1];
	if (facts) {
		u16 key = object_make(m, OBJECT_VALUE, facts->key_size,
				      input_stream(m->input, STREAM_MEM, m->n_objects, 0,
						   MIN(facts->key_size, 512u)));
		u16 value = object_make(m, OBJECT_VALUE, facts->value_size,
					input_stream(m->input, STREAM_MEM, m->n_objects, 0,
						     MIN(facts->value_size, 4096u)));

		m->objects[key].writable = false;
		f->regs[2] = object_address(m, key);
		f->regs[3] = object_address(m, value);
	}
	f->regs[4] = regs[3];
	return !m->ended;
}

static bool spin(struct machine *m, bool takes)
{
	u32 value = machine_arg(m, 1)->obj;

	if (takes && m->lock)
		return machine_fault(m, FAULT_LOCK, "a second lock is taken");
	if (!takes && m->lock != value)
		return machine_fault(m, FAULT_LOCK, "a lock is released that is not held");
	m->lock = takes ? value : 0;
	return true;
}

/* Before the general rules: what the call does to the machine. False: it faulted. */
static bool special_effects(struct machine *m, const struct bpf_insn *insn,
			    const struct helper_proto *proto)
{
	switch (insn->imm) {
	case BPF_FUNC_spin_lock:
		return spin(m, true);
	case BPF_FUNC_spin_unlock:
		return spin(m, false);
	case BPF_FUNC_map_delete_elem:
		return erase(m, true);
	case BPF_FUNC_map_update_elem:
		return erase(m, false);
	case BPF_FUNC_ringbuf_reserve_dynptr:
		return token_take(m, machine_arg(m, 4), true);
	case BPF_FUNC_dynptr_from_mem:
		return token_name(m, machine_arg(m, 4), false);
	case BPF_FUNC_dynptr_write:
		token_drop_slices(m, 0);
		return true;
	case BPF_FUNC_ringbuf_submit_dynptr:
	case BPF_FUNC_ringbuf_discard_dynptr:
		return token_give(m, machine_arg(m, 1));
	default:
		break;
	}
	if (m->lock)
		return machine_fault(m, FAULT_LOCK, "bpf_%s() is called with a lock held", proto->name);
	for (u32 i = 1; i <= 5; i++)
		if (proto->arg[i - 1] & ARG_RELEASES)
			m->objects[machine_arg(m, i)->obj].alive = false;
	if (proto->flags & HELPER_CHANGES_PACKET) {
		move_packet(m);
		token_drop_slices(m, 0);
	}
	return true;
}

static bool helper(struct machine *m, const struct bpf_insn *insn)
{
	const struct helper_proto *proto = model_helper(m->request->model, (u32)insn->imm);
	const struct map_facts *facts = NULL;
	u64 size = 0, alloc = 0;
	char who[48];
	u32 base;

	if (!proto)
		return machine_fault(m, FAULT_FORBIDDEN, "there is no such helper");
	text_format(who, sizeof(who), "bpf_%s()", proto->name);
	if ((proto->arg[0] & ARG_BASE_MASK) == ARG_CONST_MAP_PTR)
		facts = facts_of(m, machine_arg(m, 1));
	else if ((proto->arg[1] & ARG_BASE_MASK) == ARG_CONST_MAP_PTR)
		facts = facts_of(m, machine_arg(m, 2));
	for (u32 i = 1; i <= 5; i++) {
		if (!check_argument(m, i, proto, facts, who))
			return false;
		if (is_size(proto->arg[i - 1]))
			size = machine_arg(m, i)->t.value;
		if ((proto->arg[i - 1] & ARG_BASE_MASK) == ARG_CONST_ALLOC_SIZE_OR_ZERO)
			alloc = machine_arg(m, i)->t.value;
	}
	if (!special_effects(m, insn, proto))
		return false;
	if (insn->imm == BPF_FUNC_loop || insn->imm == BPF_FUNC_for_each_map_elem)
		return begin_callback(m, insn);
	base = proto->ret & RET_BASE_MASK;
	if (base == RET_PTR_TO_MAP_VALUE && insn->imm == BPF_FUNC_map_lookup_elem) {
		if (!lookup(m))
			return false;
	} else if (base == RET_PTR_TO_MAP_VALUE) {
		struct path_result value = { .kind = REG_MAP_VALUE,
					     .flags = proto->ret & RET_MAYBE_NULL ? REG_MAYBE_NULL : 0 };

		*machine_arg(m, 0) = value_of_kind(m, &value, m->objects[machine_arg(m, 1)->obj].map, term_number(0),
					   m->pc, who);
	} else if (base == RET_INTEGER || base == RET_VOID) {
		*machine_arg(m, 0) = machine_number(base == RET_VOID ? term_number(0)
						     : integer_result(m, proto, size, who));
		machine_arg(m, 0)->set = base != RET_VOID;
	} else if (!pointer_result(m, proto, alloc, who)) {
		return false;
	}
	machine_forget_arguments(m);
	m->pc++;
	return !m->ended;
}

bool machine_call(struct machine *m, const struct bpf_insn *insn)
{
	switch (insn->src_reg) {
	case BPF_PSEUDO_CALL:
		return machine_enter(m, m->pc + (u32)insn->imm + 1, m->pc + 1);
	case BPF_PSEUDO_KFUNC_CALL:
		return machine_kernel_call(m);
	default:
		return helper(m, insn);
	}
}
