/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernel functions in the checking machine, known by their names: what they acquire and
 * release, the sections they open and close, iterators and dynptrs.
 */
#include "base/str.h"
#include "btf/btf.h"
#include "explain/machine.h"
#include "verifier/env.h"

/* ---- tokens ---- */

/*
 * Objects on the stack that stand for something acquired (a record's dynptr, an iterator): a
 * pointer to a token lies in their first word.
 */
bool token_take(struct machine *m, const struct value *p, bool record)
{
	u16 obj = object_make(m, OBJECT_MEMORY, 16, UINT32_MAX);
	struct value token;

	if (!obj || !p->obj || m->objects[p->obj].is != OBJECT_STACK)
		return !m->ended;
	m->objects[obj].acquired = true;
	m->objects[obj].record = record;
	token = object_address(m, obj);
	return object_store(m, p, 0, 8, &token);
}

/* A token that nobody has to give back. */
bool token_name(struct machine *m, const struct value *p, bool of_packet)
{
	u16 obj = object_make(m, OBJECT_MEMORY, 16, UINT32_MAX);
	struct value token;

	if (!obj || !p->obj || m->objects[p->obj].is != OBJECT_STACK)
		return !m->ended;
	m->objects[obj].of_packet = of_packet;
	token = object_address(m, obj);
	return object_store(m, p, 0, 8, &token);
}

u16 token_at(struct machine *m, const struct value *p)
{
	struct value token;

	if (!p->obj || m->objects[p->obj].is != OBJECT_STACK || !object_load(m, p, 0, 8, &token))
		return 0;
	return token.obj;
}

/* Slices of a dynptr: gone with it, or with the packet. */
void token_drop_slices(struct machine *m, u16 token)
{
	for (u32 i = 1; i < m->n_objects; i++) {
		u16 parent = m->objects[i].parent;

		if (parent && (parent == token || (!token && m->objects[parent].of_packet)))
			m->objects[i].alive = false;
	}
}

bool token_give(struct machine *m, const struct value *p)
{
	u16 obj = token_at(m, p);

	if (!obj || !m->objects[obj].alive)
		return m->ended ? false : machine_fault(m, FAULT_RELEASE, "there is nothing there");
	m->objects[obj].alive = false;
	token_drop_slices(m, obj);
	return true;
}

/* ---- functions of the kernel ---- */

static bool ends_with(const char *s, const char *end)
{
	size_t n = str_len(s), k = str_len(end);

	return n >= k && str_eq(s + n - k, end);
}

/* An iterator over numbers: the token holds where it is and where it ends. */
static bool iterate(struct machine *m)
{
	u16 token = token_at(m, machine_arg(m, 1)), obj;
	struct memory *o = &m->objects[token];
	struct value out = { .set = true }, number;
	s32 at, end;

	if (!token)
		return !m->ended;
	memcpy(&at, o->bytes, 4);
	memcpy(&end, o->bytes + 4, 4);
	if (at < end) {
		obj = object_make(m, OBJECT_MEMORY, 4, UINT32_MAX);
		if (!obj)
			return false;
		out = object_address(m, obj);
		number = machine_number(term_number((u32)at));
		if (!object_store(m, &out, 0, 4, &number))
			return false;
		at++;
		memcpy(m->objects[token].bytes, &at, 4);
	}
	*machine_arg(m, 0) = out;
	machine_forget_arguments(m);
	m->pc++;
	return true;
}

static bool begin_iterator(struct machine *m, bool numbers)
{
	s32 at = (s32)machine_arg(m, 2)->t.value, end = (s32)machine_arg(m, 3)->t.value;
	u16 token;

	if (!token_take(m, machine_arg(m, 1), false))
		return false;
	token = token_at(m, machine_arg(m, 1));
	if (token && numbers) {
		memcpy(m->objects[token].bytes, &at, 4);
		memcpy(m->objects[token].bytes + 4, &end, 4);
	}
	return !m->ended;
}

static bool clone_token(struct machine *m)
{
	u16 token = token_at(m, machine_arg(m, 1));
	struct value value;

	if (!token)
		return !m->ended;
	value = object_address(m, token);
	return object_store(m, machine_arg(m, 2), 0, 8, &value);
}

/* What the names say: acquire and release, sections, iterators. False: it faulted. */
static bool kernel_effects(struct machine *m, const char *name)
{
	if (ends_with(name, "_rcu_read_lock") || ends_with(name, "_preempt_disable") ||
	    ends_with(name, "_irq_save"))
		m->sections++;
	else if (ends_with(name, "_rcu_read_unlock") || ends_with(name, "_preempt_enable") ||
		 ends_with(name, "_irq_restore"))
		return m->sections-- || machine_fault(m, FAULT_LOCK, "no such section is open");
	else if (str_starts(name, "bpf_iter_") && ends_with(name, "_new"))
		return begin_iterator(m, str_eq(name, "bpf_iter_num_new"));
	else if (str_starts(name, "bpf_iter_") && ends_with(name, "_destroy"))
		return token_give(m, machine_arg(m, 1));
	else if (str_starts(name, "bpf_dynptr_from_"))
		return token_name(m, machine_arg(m, 3), true);
	else if (str_eq(name, "bpf_dynptr_clone"))
		return clone_token(m);
	else if (ends_with(name, "_release") && machine_arg(m, 1)->obj)
		m->objects[machine_arg(m, 1)->obj].alive = false;
	return true;
}

static const char *kernel_function_name(const struct machine *m)
{
	const struct btf *btf = m->request->model->btf;
	const struct btf_type *type =
	    btf ? btf_type(btf, (u32)m->request->insns[m->pc].imm) : NULL;

	return type && btf_kind(type) == BTF_KIND_FUNC ? btf_name(btf, type->name_off) : "";
}

/* A function of the kernel: its arguments are not checked here. Stack that it gets may be written. */
bool machine_kernel_call(struct machine *m)
{
	const char *name = kernel_function_name(m);
	u16 token;
	static const struct path_result scalar = { .kind = REG_SCALAR };
	const struct path_result *seen = m->path->results ? &m->path->results[m->pc] : &scalar;
	struct term raw = term_number(0);
	char who[64];

	if (str_eq(name, "bpf_iter_num_next"))
		return iterate(m);
	if (*name)
		text_format(who, sizeof(who), "%s()", name);
	else
		str_copy(who, "a kernel function", sizeof(who));
	if (seen->kind == REG_SCALAR)
		raw = input_number(m, STREAM_RESULT, m->pc, m->visits[m->pc] - 1, 8, who);
	for (u32 i = 1; i <= 5; i++) {
		const struct value *p = machine_arg(m, i);

		if (p->set && p->obj && m->objects[p->obj].is == OBJECT_STACK &&
		    m->objects[p->obj].alive && !str_starts(name, "bpf_iter_") &&
		    !str_starts(name, "bpf_dynptr_"))
			object_fill(m, p, 8, who);
	}
	if (m->no_null && m->pc == m->watched) {
		const struct value *p = machine_arg(m, m->no_null);

		machine_wish(m, BPF_JEQ, p->t, term_number(0));
		if (p->set && !p->t.value)
			return machine_fault(m, FAULT_NULL, "argument %u of %s()", m->no_null, name);
	}
	token = str_starts(name, "bpf_dynptr_slice") ? token_at(m, machine_arg(m, 1)) : 0;
	if (!kernel_effects(m, name))
		return false;
	*machine_arg(m, 0) = value_of_kind(m, seen, 0, raw, m->pc, who);
	if (token && machine_arg(m, 0)->obj)
		m->objects[machine_arg(m, 0)->obj].parent = token;
	if (machine_arg(m, 0)->obj && ends_with(name, "_acquire"))
		m->objects[machine_arg(m, 0)->obj].acquired = true;
	machine_forget_arguments(m);
	m->pc++;
	return !m->ended;
}
