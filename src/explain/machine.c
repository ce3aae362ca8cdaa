/* SPDX-License-Identifier: Apache-2.0 */
#include "explain/machine.h"

#include "base/str.h"
#include "explain/words.h"
#include "isa/insn.h"

/* ---- faults and wishes ---- */

bool machine_fault(struct machine *m, enum fault_kind kind, const char *fmt, ...)
{
	struct text text = text_in(m->words, sizeof(m->words));
	va_list args;

	va_start(args, fmt);
	text_vprintf(&text, fmt, args);
	va_end(args);
	m->fault = kind;
	m->fault_insn = m->pc;
	m->ended = true;
	return false;
}

bool machine_wishes(const struct machine *m)
{
	return m->pc == m->watched || (m->wishes_later && m->reached);
}

void machine_wish(struct machine *m, u32 op, struct term a, struct term b)
{
	if ((!a.sym && !b.sym) || m->n_wishes == MACHINE_WISHES || !machine_wishes(m))
		return;
	m->wish_after[m->n_wishes] = (u32)m->met.len;
	m->wishes[m->n_wishes++] = (struct condition){ .op = (u8)op, .want = true, .a = a, .b = b };
}

u32 machine_line(const struct machine *m, u32 insn)
{
	return place_of(m->request, insn).line;
}

/* ---- registers ---- */

static struct value *reg(struct machine *m, u32 n)
{
	return &machine_top(m)->regs[n];
}

static bool check_set(struct machine *m, u32 n)
{
	return reg(m, n)->set || machine_fault(m, FAULT_UNSET, "r%u is used", n);
}

static struct value number(u64 value)
{
	return (struct value){ term_number(value), 0, true };
}

/* ---- arithmetic ---- */

static const u8 operations[] = {
	[BPF_ADD >> 4] = EXPR_ADD, [BPF_SUB >> 4] = EXPR_SUB, [BPF_MUL >> 4] = EXPR_MUL,
	[BPF_DIV >> 4] = EXPR_DIV, [BPF_OR >> 4] = EXPR_OR,   [BPF_AND >> 4] = EXPR_AND,
	[BPF_LSH >> 4] = EXPR_SHL, [BPF_RSH >> 4] = EXPR_SHR, [BPF_MOD >> 4] = EXPR_MOD,
	[BPF_XOR >> 4] = EXPR_XOR, [BPF_ARSH >> 4] = EXPR_SAR,
};

static struct term operate(struct machine *m, const struct bpf_insn *insn, struct term a,
			   struct term b)
{
	struct exprs *e = &m->exprs;
	bool is32 = BPF_CLASS(insn->code) == BPF_ALU;
	u32 op = operations[BPF_OP(insn->code) >> 4];
	bool is_signed = (op == EXPR_DIV || op == EXPR_MOD) && insn->off == 1;

	if (is_signed)
		op = op == EXPR_DIV ? EXPR_SDIV : EXPR_SMOD;
	if (is32) {
		u32 extend = is_signed || op == EXPR_SAR ? EXPR_SEXT : EXPR_ZEXT;

		a = expr_one(e, extend, a, 32);
		b = expr_one(e, extend, b, 32);
	}
	if (op == EXPR_SHL || op == EXPR_SHR || op == EXPR_SAR)
		b = expr_two(e, EXPR_AND, b, term_number(is32 ? 31 : 63));
	a = expr_two(e, op, a, b);
	return is32 ? expr_one(e, EXPR_ZEXT, a, 32) : a;
}

static struct term byte_swap(struct machine *m, const struct bpf_insn *insn, struct term a)
{
	bool swaps = BPF_CLASS(insn->code) == BPF_ALU64 || BPF_SRC(insn->code) == BPF_TO_BE;
	u32 bits = (u32)insn->imm;

	if (bits != 16 && bits != 32 && bits != 64)
		return a;
	a = expr_one(&m->exprs, EXPR_ZEXT, a, bits);
	return swaps ? expr_one(&m->exprs, EXPR_SWAP, a, bits) : a;
}

static void move(struct machine *m, const struct bpf_insn *insn, struct value src)
{
	if (insn->off)
		src.t = expr_one(&m->exprs, EXPR_SEXT, src.t, (u32)insn->off & 63);
	if (BPF_CLASS(insn->code) == BPF_ALU)
		src.t = expr_one(&m->exprs, EXPR_ZEXT, src.t, 32);
	if (insn->off || BPF_CLASS(insn->code) == BPF_ALU)
		src.obj = 0;
	*reg(m, insn->dst_reg) = src;
}

static bool alu(struct machine *m, const struct bpf_insn *insn)
{
	u32 op = BPF_OP(insn->code);
	bool has_src = BPF_SRC(insn->code) == BPF_X && op != BPF_NEG && op != BPF_END;
	struct value src = number((u64)(s64)insn->imm), *dst = reg(m, insn->dst_reg);
	bool wide = BPF_CLASS(insn->code) == BPF_ALU64;

	if (insn->dst_reg >= 10)
		return machine_fault(m, FAULT_FORBIDDEN, "r10 is written");
	if (has_src) {
		if (!check_set(m, insn->src_reg))
			return false;
		src = *reg(m, insn->src_reg);
	}
	if (op == BPF_MOV) {
		move(m, insn, src);
		return true;
	}
	if (!check_set(m, insn->dst_reg))
		return false;
	if (op == BPF_END) {
		dst->t = byte_swap(m, insn, dst->t);
		dst->obj = 0;
		return true;
	}
	if (op == BPF_NEG) {
		struct bpf_insn sub = { .code = (u8)(BPF_SUB | BPF_CLASS(insn->code)) };

		dst->t = operate(m, &sub, term_number(0), dst->t);
		dst->obj = 0;
		return true;
	}
	/* Arithmetic on NULL stays NULL-like only in C. */
	if (wide && (op == BPF_ADD || op == BPF_SUB) && dst->obj && !src.obj)
		dst->t = operate(m, insn, dst->t, src.t);
	else {
		u16 obj = wide && op == BPF_ADD && !dst->obj ? src.obj : 0;

		dst->t = operate(m, insn, dst->t, src.t);
		dst->obj = obj;
	}
	return true;
}

/* ---- jumps ---- */

static void note_jump(struct machine *m, const struct bpf_insn *insn, struct term a, struct term b,
		      bool taken)
{
	struct met met = { .insn = m->pc, .visit = m->visits[m->pc], .taken = taken,
			   .open = a.sym || b.sym };

	met.condition = (struct condition){ .op = (u8)BPF_OP(insn->code), .want = taken, .a = a,
					    .b = b,
					    .is32 = BPF_CLASS(insn->code) == BPF_JMP32 };
	if (m->met.len < EXPR_MAX)
		m->out_of_memory |= !vec_push(&m->met, met);
}

static bool may_goto(struct machine *m, const struct bpf_insn *insn)
{
	/* The engine leaves the loop after very many rounds. */
	m->pc += m->visits[m->pc] > 10000 ? (u32)(1 + insn->off) : 1;
	return true;
}

static bool jump(struct machine *m, const struct bpf_insn *insn)
{
	bool is32 = BPF_CLASS(insn->code) == BPF_JMP32, taken;
	struct value a, b = number((u64)(s64)insn->imm);
	u32 op = BPF_OP(insn->code);

	if (op == BPF_JA) {
		m->pc += (u32)(1 + (is32 ? insn->imm : insn->off));
		return true;
	}
	if (op == BPF_JCOND)
		return may_goto(m, insn);
	if (!check_set(m, insn->dst_reg))
		return false;
	a = *reg(m, insn->dst_reg);
	if (BPF_SRC(insn->code) == BPF_X) {
		if (!check_set(m, insn->src_reg))
			return false;
		b = *reg(m, insn->src_reg);
	}
	taken = condition_holds(op, is32, a.t.value, b.t.value);
	note_jump(m, insn, a.t, b.t, taken);
	m->pc += taken ? (u32)(1 + insn->off) : 1;
	return true;
}

/* ---- memory ---- */

static bool load_ctx(struct machine *m, const struct bpf_insn *insn, const struct value *p,
		     struct value *out)
{
	s64 at = (s64)(p->t.value - m->objects[p->obj].base) + insn->off;
	const struct ctx_field *field;
	static const struct path_result number_result = { .kind = REG_SCALAR };
	const struct path_result *seen =
	    m->path && m->path->results ? &m->path->results[m->pc] : &number_result;
	u32 size = insn_access_size(insn);

	if (!m->ctx || !model_ctx_access(m->ctx, m->request->expected_attach_type, at, size, false,
					 &field)) {
		/* A number that the types of an attach point give: the verifier has let it pass. */
		if (m->path && m->path->results && seen->kind == REG_SCALAR)
			return object_load(m, p, insn->off, size, out);
		return seen->kind != REG_UNINIT && seen->kind != REG_SCALAR
			   ? (*out = value_of_kind(m, seen, 0, term_number(0), m->pc, "context"), true)
			   : machine_fault(m, FAULT_FORBIDDEN,
					   "%u bytes at offset %lld of the context", size,
					   (long long)at);
	}
	if (field && (field->kind == FIELD_PACKET_END || field->kind == FIELD_PACKET ||
		      field->kind == FIELD_PACKET_META)) {
		*out = packet_pointer(m, field->kind == FIELD_PACKET_END);
		return true;
	}
	if (!object_load(m, p, insn->off, size, out))
		return false;
	if (seen->kind != REG_UNINIT && seen->kind != REG_SCALAR)
		*out = value_of_kind(m, seen, 0, out->t, m->pc, "the context's pointer");
	return true;
}

static bool load(struct machine *m, const struct bpf_insn *insn)
{
	const struct value *p = reg(m, insn->src_reg);
	u32 size = insn_access_size(insn);
	struct value out;

	if (insn->dst_reg >= 10)
		return machine_fault(m, FAULT_FORBIDDEN, "r10 is written");
	if (!object_check(m, p, insn->off, term_number(size), false, "a read"))
		return false;
	if (m->objects[p->obj].is == OBJECT_CTX) {
		if (!load_ctx(m, insn, p, &out))
			return false;
	} else if (!object_load(m, p, insn->off, size, &out)) {
		return false;
	}
	if (BPF_MODE(insn->code) == BPF_MEMSX) {
		out.t = expr_one(&m->exprs, EXPR_SEXT, out.t, size * 8);
		out.obj = 0;
	}
	*reg(m, insn->dst_reg) = out;
	return true;
}

static bool check_ctx_store(struct machine *m, const struct bpf_insn *insn, const struct value *p)
{
	s64 at = (s64)(p->t.value - m->objects[p->obj].base) + insn->off;
	const struct ctx_field *field;

	return m->objects[p->obj].is != OBJECT_CTX ||
	       (m->ctx && model_ctx_access(m->ctx, m->request->expected_attach_type, at,
					   insn_access_size(insn), true, &field)) ||
	       machine_fault(m, FAULT_FORBIDDEN, "a write of %u bytes at offset %lld of the context",
			     insn_access_size(insn), (long long)at);
}

static bool store(struct machine *m, const struct bpf_insn *insn)
{
	const struct value *p = reg(m, insn->dst_reg);
	struct value value = number((u64)(s64)insn->imm);
	u32 size = insn_access_size(insn);

	if (BPF_CLASS(insn->code) == BPF_STX) {
		if (!check_set(m, insn->src_reg))
			return false;
		value = *reg(m, insn->src_reg);
	}
	return object_check(m, p, insn->off, term_number(size), true, "a write") &&
	       check_ctx_store(m, insn, p) && object_store(m, p, insn->off, size, &value);
}

static u32 atomic_operation(s32 imm)
{
	switch (imm & 0xf0) {
	case BPF_ADD:
		return EXPR_ADD;
	case BPF_OR:
		return EXPR_OR;
	case BPF_AND:
		return EXPR_AND;
	default:
		return EXPR_XOR;
	}
}

static bool atomic(struct machine *m, const struct bpf_insn *insn)
{
	const struct value *p = reg(m, insn->dst_reg);
	struct value old, new, src;
	u32 size = insn_access_size(insn);

	if (insn->imm == BPF_LOAD_ACQ)
		return load(m, insn);
	if (insn->imm == BPF_STORE_REL)
		return store(m, insn);
	if (!check_set(m, insn->src_reg) ||
	    !object_check(m, p, insn->off, term_number(size), true, "an atomic operation") ||
	    !object_load(m, p, insn->off, size, &old))
		return false;
	src = *reg(m, insn->src_reg);
	new = src;
	if (insn->imm == BPF_CMPXCHG) {
		struct term wanted = expr_one(&m->exprs, EXPR_ZEXT, reg(m, 0)->t, size * 8);

		if (wanted.value != old.t.value)
			new = old;
	} else if (insn->imm != BPF_XCHG) {
		new = (struct value){ expr_two(&m->exprs, atomic_operation(insn->imm), old.t, src.t), 0,
				      true };
	}
	if (!object_store(m, p, insn->off, size, &new))
		return false;
	if (insn->imm == BPF_CMPXCHG)
		*reg(m, 0) = old;
	else if (insn->imm & BPF_FETCH)
		*reg(m, insn->src_reg) = old;
	return true;
}

/* ---- immediates and the old packet loads ---- */

static bool load_map(struct machine *m, const struct bpf_insn *insn, bool value)
{
	const struct verify_request *request = m->request;
	bool is_index = insn->src_reg == BPF_PSEUDO_MAP_IDX || insn->src_reg == BPF_PSEUDO_MAP_IDX_VALUE;
	struct map *map = NULL;
	u32 index = 0;
	u16 obj;

	if (request->resolver.map(request->resolver.data, insn->imm, is_index, &map))
		return machine_fault(m, FAULT_FORBIDDEN, "there is no such map");
	while (index < m->path->maps.len && m->path->maps.data[index].map != map)
		index++;
	if (index == m->path->maps.len) {
		m->unsupported = m->ended = true;
		return false;
	}
	for (obj = 1; obj < m->n_objects; obj++)
		if (m->objects[obj].map == index &&
		    m->objects[obj].is == (value ? OBJECT_VALUE : OBJECT_THE_MAP) &&
		    m->objects[obj].shown)
			break;
	if (obj == m->n_objects) {
		obj = object_make(m, value ? OBJECT_VALUE : OBJECT_THE_MAP,
				  value ? map->facts.value_size : 0,
				  value ? input_stream(m->input, STREAM_VALUE, index, UINT32_MAX,
						       MIN(map->facts.value_size, 16384u))
					: UINT32_MAX);
		m->objects[obj].map = index;
		m->objects[obj].shown = true;
		m->objects[obj].writable = !(map->facts.flags & BPF_F_RDONLY_PROG);
		/* Constants are what they are. */
		if (value && map->facts.const_values && obj) {
			u32 n = (u32)MIN((u64)m->objects[obj].backed, map->facts.const_size);

			memcpy(m->objects[obj].bytes, map->facts.const_values, n);
			memset(m->objects[obj].written, 1, n);
		} else if (value && m->objects[obj].stream != UINT32_MAX) {
			struct stream *s = &m->input->streams.data[m->objects[obj].stream];

			text_format(s->who, sizeof(s->who), "%.*s", BPF_OBJ_NAME_LEN, map->facts.name);
		}
	}
	*reg(m, insn->dst_reg) = object_address(m, obj);
	if (value)
		reg(m, insn->dst_reg)->t.value += (u64)(u32)insn[1].imm;
	return !m->ended;
}

static bool immediate(struct machine *m, const struct bpf_insn *insn)
{
	u16 obj;

	if (insn->dst_reg >= 10)
		return machine_fault(m, FAULT_FORBIDDEN, "r10 is written");
	switch (insn->src_reg) {
	case 0:
		*reg(m, insn->dst_reg) = number(insn_imm64(insn));
		return true;
	case BPF_PSEUDO_MAP_FD:
	case BPF_PSEUDO_MAP_IDX:
		return load_map(m, insn, false);
	case BPF_PSEUDO_MAP_VALUE:
	case BPF_PSEUDO_MAP_IDX_VALUE:
		return load_map(m, insn, true);
	case BPF_PSEUDO_FUNC:
		obj = object_make(m, OBJECT_FUNCTION, 0, UINT32_MAX);
		m->objects[obj].function = m->pc + (u32)insn->imm + 1;
		*reg(m, insn->dst_reg) = object_address(m, obj);
		return !m->ended;
	default:
		m->unsupported = m->ended = true;
		return false;
	}
}

static bool load_packet(struct machine *m, const struct bpf_insn *insn)
{
	u32 size = BPF_SIZE(insn->code) == BPF_B ? 1 : BPF_SIZE(insn->code) == BPF_H ? 2 : 4;
	struct term value = input_number(m, STREAM_RESULT, m->pc, m->visits[m->pc] - 1, size, "packet");

	for (u32 i = 0; i <= 5; i++)
		reg(m, i)->set = false;
	*reg(m, 0) = (struct value){ value, 0, true };
	return true;
}

/* ---- running ---- */

static bool step(struct machine *m, const struct bpf_insn *insn)
{
	bool ok;

	switch (BPF_CLASS(insn->code)) {
	case BPF_ALU:
	case BPF_ALU64:
		ok = alu(m, insn);
		break;
	case BPF_LD:
		if (insn_is_ldimm64(insn)) {
			ok = immediate(m, insn);
			m->pc += ok;
			break;
		}
		ok = load_packet(m, insn);
		break;
	case BPF_LDX:
		ok = load(m, insn);
		break;
	case BPF_ST:
		ok = store(m, insn);
		break;
	case BPF_STX:
		ok = BPF_MODE(insn->code) == BPF_ATOMIC ? atomic(m, insn) : store(m, insn);
		break;
	default:
		if (insn_is_exit(insn))
			return machine_exit(m);
		if (insn_is_call(insn))
			return machine_call(m, insn);
		return jump(m, insn);
	}
	m->pc += ok;
	return ok;
}

static void set_arguments(struct machine *m)
{
	static const struct path_result scalar = { .kind = REG_SCALAR };

	*reg(m, 1) = object_address(m, m->ctx_object);
	if (!m->start || !m->path || !m->path->steps.len)
		return;
	for (u32 i = 1; i <= 5; i++) {
		const struct reg *seen = path_reg(m->path, 0, 0, i);
		struct path_result result = scalar;
		struct term t;

		reg(m, i)->set = false;
		if (!seen || seen->kind == REG_UNINIT)
			continue;
		result = (struct path_result){ seen->kind, seen->flags, seen->size };
		t = seen->kind == REG_SCALAR ? input_number(m, STREAM_ARG, i, 0, 8, "argument")
					     : term_number(0);
		*reg(m, i) = value_of_kind(m, &result, seen->map, t, i, "argument");
	}
}

static void start(struct machine *m, struct input *input)
{
	u32 ctx_stream;

	arena_release(&m->arena);
	exprs_reset(&m->exprs);
	vec_clear(&m->met);
	vec_clear(&m->visited);
	memset(m->frames, 0, sizeof(m->frames));
	memset(m->visits, 0, m->request->insn_cnt * sizeof(*m->visits));
	m->input = input;
	for (u32 i = 0; i < input->streams.len; i++)
		input->streams.data[i].used = 0;
	m->depth = -1;
	m->steps = 0;
	m->ended = m->unsupported = m->reached = false;
	m->n_objects = 1;
	memset(&m->objects[0], 0, sizeof(m->objects[0]));
	m->packet = 0;
	m->sections = 0;
	m->packet_moves = m->fills = m->lock = m->n_keys = m->n_wishes = 0;
	m->fault = FAULT_NONE;
	m->words[0] = 0;
	m->pc = m->start;
	ctx_stream = input_stream(input, STREAM_CTX, 0, 0, 512);
	m->ctx_object = object_make(m, OBJECT_CTX, m->ctx && m->ctx->size ? m->ctx->size : 512,
				    ctx_stream);
	if (machine_enter(m, m->start, 0))
		set_arguments(m);
}

/* Did all conditional jumps so far go as on the path? */
static bool follows_path(const struct machine *m)
{
	if (m->met.len != m->n_path_jumps)
		return false;
	for (u32 i = 0; i < m->n_path_jumps; i++)
		if (m->met.data[i].insn != m->path_jump_at[i] ||
		    m->met.data[i].taken != m->path_jumps[i])
			return false;
	return true;
}

/* The watched instruction did no harm that the machine knows of; what it is is wrong here. */
static void fault_by_reaching(struct machine *m)
{
	if (m->fault != FAULT_NONE || m->out_of_memory || !follows_path(m))
		return;
	m->unsupported = false;
	m->pc = m->watched;
	machine_fault(m, FAULT_FORBIDDEN, "the instruction is executed");
}

void machine_run(struct machine *m, struct input *input)
{
	bool at_watched;

	start(m, input);
	while (!m->ended) {
		if (m->pc >= m->request->insn_cnt ||
		    (insn_is_ldimm64(&m->request->insns[m->pc]) && m->pc + 1 >= m->request->insn_cnt)) {
			m->unsupported = true;
			return;
		}
		if (m->steps++ == m->max_steps) {
			machine_fault(m, FAULT_ENDLESS, "still running after %llu instructions",
				      (unsigned long long)m->max_steps);
			return;
		}
		m->visits[m->pc]++;
		if (m->visited.len < 4096)
			m->out_of_memory |= !vec_push(&m->visited, m->pc);
		at_watched = m->pc == m->watched;
		m->reached |= at_watched;
		step(m, &m->request->insns[m->pc]);
		if (at_watched && m->reaching)
			fault_by_reaching(m);
	}
}

int machine_init(struct machine *m, const struct verify_request *request, const struct path *path)
{
	memset(m, 0, sizeof(*m));
	m->request = request;
	m->path = path;
	m->type = model_prog_type(request->model, request->prog_type);
	m->ctx = request->ctx ? request->ctx : m->type ? m->type->ctx : NULL;
	m->watched = UINT32_MAX;
	m->max_steps = 20000;
	m->arena.limit = 16u << 20;
	m->visits = os_alloc(request->insn_cnt * sizeof(*m->visits));
	return m->visits ? 0 : -ENOMEM;
}

void machine_release(struct machine *m)
{
	arena_release(&m->arena);
	vec_release(&m->exprs.all);
	vec_release(&m->met);
	vec_release(&m->visited);
	os_free(m->visits);
}
