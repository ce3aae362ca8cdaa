/* SPDX-License-Identifier: Apache-2.0 */
/* The machine's memory: objects at made-up addresses, far apart from each other. */
#include "explain/machine.h"

#include "base/str.h"
#include "verifier/env.h"

#define OBJECT_SPACE  (1ull << 32)
#define MAX_BACKED    16384
#define ANY_SIZE      (1u << 20) /* kernel objects: how large does not matter */

u16 object_make(struct machine *m, enum object_is is, u32 size, u32 stream)
{
	struct memory *o;

	if (m->n_objects == MACHINE_OBJECTS) {
		m->unsupported = m->ended = true;
		return 0;
	}
	o = &m->objects[m->n_objects];
	memset(o, 0, sizeof(*o));
	o->is = (u8)is;
	o->alive = o->writable = true;
	o->size = size;
	o->backed = MIN(size, MAX_BACKED);
	o->len = term_number(size);
	o->base = OBJECT_SPACE * m->n_objects;
	o->stream = stream;
	o->made_at = m->pc;
	o->bytes = arena_alloc(&m->arena, o->backed + 1);
	o->written = arena_alloc(&m->arena, o->backed + 1);
	if (!o->bytes || !o->written) {
		m->out_of_memory = m->ended = true;
		return 0;
	}
	return (u16)m->n_objects++;
}

struct value object_address(struct machine *m, u16 obj)
{
	return (struct value){ term_number(m->objects[obj].base), obj, true };
}

static const char *name_of(const struct machine *m, const struct memory *o)
{
	switch (o->is) {
	case OBJECT_CTX:
		return "the context";
	case OBJECT_STACK:
		return "the stack";
	case OBJECT_PACKET:
		return "the packet";
	case OBJECT_VALUE:
		return "the map value";
	case OBJECT_MEMORY:
		return o->record ? "the record" : "the memory";
	default:
		return "the object";
	}
}

/* ---- checking ---- */

static struct term add_number(struct machine *m, struct term t, s64 n)
{
	return n ? expr_two(&m->exprs, EXPR_ADD, t, term_number((u64)n)) : t;
}

/* What would make this access one outside of its object. */
static void wish_bounds(struct machine *m, const struct memory *o, const struct value *p, s64 off,
			struct term size)
{
	struct term from = add_number(m, p->t, off);
	struct term after = expr_two(&m->exprs, EXPR_ADD, from, size);
	u64 start = o->base - (o->is == OBJECT_STACK ? BPF_STACK_SIZE : 0);
	struct term end = expr_two(&m->exprs, EXPR_ADD, term_number(start), o->len);

	machine_wish(m, BPF_JGT, after, end);
	machine_wish(m, BPF_JLT, from, term_number(start));
	machine_wish(m, BPF_JEQ, p->t, term_number(0));
	machine_wish(m, BPF_JGT, size, term_number(INT32_MAX));
}

static bool check_target(struct machine *m, const struct value *p, const char *what)
{
	if (!p->set)
		return machine_fault(m, FAULT_UNSET, "%s", what);
	if (!p->t.value)
		return machine_fault(m, FAULT_NULL, "%s", what);
	if (!p->obj)
		return machine_fault(m, FAULT_NO_POINTER, "%s: the number 0x%llx", what,
				     (unsigned long long)p->t.value);
	if (!m->objects[p->obj].alive)
		return machine_fault(m, FAULT_GONE, "%s: %s is not there any more", what,
				     name_of(m, &m->objects[p->obj]));
	return true;
}

bool object_check(struct machine *m, const struct value *p, s64 off, struct term size, bool write,
		  const char *what)
{
	struct memory *o = &m->objects[p->obj];
	s64 at;

	if (machine_wishes(m) && p->obj)
		wish_bounds(m, o, p, off, size);
	if (!check_target(m, p, what))
		return false;
	at = (s64)(p->t.value - o->base) + off;
	if (o->is == OBJECT_STACK)
		at += BPF_STACK_SIZE; /* r10 is the end: the object's base is there */
	if (o->is == OBJECT_THE_MAP || o->is == OBJECT_FUNCTION || o->is == OBJECT_PACKET_AFTER)
		return machine_fault(m, FAULT_FORBIDDEN, "%s: this cannot be accessed", what);
	if (at < 0 || size.value > o->size || (u64)at > o->size - size.value)
		return machine_fault(m, FAULT_BOUNDS, "%s: %lld bytes at offset %lld of %s, which has %u",
				     what, (long long)size.value,
				     (long long)(o->is == OBJECT_STACK ? at - BPF_STACK_SIZE : at),
				     name_of(m, o), o->size);
	if (write && !o->writable)
		return machine_fault(m, FAULT_READONLY, "%s: %s", what, name_of(m, o));
	return true;
}

/* ---- bytes ---- */

static u32 offset_in(const struct machine *m, const struct value *p, s64 off)
{
	const struct memory *o = &m->objects[p->obj];

	return (u32)(p->t.value - o->base + (u64)off + (o->is == OBJECT_STACK ? BPF_STACK_SIZE : 0));
}

/* A byte that the program did not write. */
static struct term stream_byte(struct machine *m, struct memory *o, u32 at)
{
	struct stream *s;

	if (o->stream == UINT32_MAX || o->stream >= m->input->streams.len)
		return term_number(0);
	s = &m->input->streams.data[o->stream];
	if (at >= s->size)
		return term_number(0);
	s->used = MAX(s->used, at + 1);
	return expr_byte(&m->exprs, s->first + at, m->input->bytes.data[s->first + at]);
}

static struct term load_byte(struct machine *m, struct memory *o, u32 at)
{
	if (at >= o->backed)
		return term_number(0);
	if (!o->written[at])
		return stream_byte(m, o, at);
	return (struct term){ o->bytes[at], o->syms ? o->syms[at] : 0 };
}

/* The number whose bytes these are, one after the other; 0: none. */
static u32 whole(const struct machine *m, const struct term *bytes, u32 n)
{
	const struct expr *first;

	if (!bytes[0].sym)
		return 0;
	first = &m->exprs.all.data[bytes[0].sym];
	for (u32 i = 0; i < n; i++) {
		const struct expr *x = &m->exprs.all.data[bytes[i].sym];

		if (!bytes[i].sym || x->op != EXPR_PIECE || x->a != first->a || x->bits != i)
			return 0;
	}
	return first->a;
}

static struct term join_bytes(struct machine *m, const struct term *bytes, u32 n)
{
	struct term out = bytes[0];
	u32 sym = whole(m, bytes, n);

	if (sym) {
		struct term all = { 0, sym };

		for (u32 i = 0; i < n; i++)
			all.value |= bytes[i].value << (8 * i);
		if (n == 8)
			return all;
		all = expr_one(&m->exprs, EXPR_ZEXT, all, n * 8);
		return all;
	}
	for (u32 i = 1; i < n; i++)
		out = expr_cat(&m->exprs, out, 8 * i, bytes[i]);
	return out;
}

static u16 pointer_at(const struct memory *o, u32 at, u32 size)
{
	return size == 8 && at % 8 == 0 && o->pointers && at + 8 <= o->backed ? o->pointers[at / 8] : 0;
}

bool object_load(struct machine *m, const struct value *p, s64 off, u32 size, struct value *out)
{
	struct memory *o = &m->objects[p->obj];
	u32 at = offset_in(m, p, off);
	struct term bytes[8] = { 0 };

	if (o->stream == UINT32_MAX && m->strict_stack)
		for (u32 i = 0; i < size; i++)
			if (at + i < o->backed && !o->written[at + i])
				return machine_fault(m, FAULT_UNSET_STACK, "a read");
	for (u32 i = 0; i < size; i++)
		bytes[i] = load_byte(m, o, at + i);
	*out = (struct value){ join_bytes(m, bytes, size), pointer_at(o, at, size), true };
	/* A pointer inside of a kernel object: what it leads to is readable, too. */
	if (o->is == OBJECT_KERNEL && size == 8) {
		u16 inner = object_make(m, OBJECT_KERNEL, ANY_SIZE,
					input_stream(m->input, STREAM_MEM, m->n_objects, 0, 256));

		m->objects[inner].writable = false;
		if (inner)
			*out = object_address(m, inner);
	}
	return !m->ended;
}

static bool make_shadows(struct machine *m, struct memory *o)
{
	if (!o->syms)
		o->syms = arena_alloc_array(&m->arena, o->backed + 1, sizeof(u32));
	if (!o->pointers)
		o->pointers = arena_alloc_array(&m->arena, o->backed / 8 + 1, sizeof(u16));
	if (!o->syms || !o->pointers)
		m->out_of_memory = m->ended = true;
	return !m->ended;
}

bool object_store(struct machine *m, const struct value *p, s64 off, u32 size,
		  const struct value *value)
{
	struct memory *o = &m->objects[p->obj];
	u32 at = offset_in(m, p, off);

	if (!make_shadows(m, o))
		return false;
	for (u32 i = 0; i < size && at + i < o->backed; i++) {
		o->bytes[at + i] = (u8)(value->t.value >> (8 * i));
		o->written[at + i] = 1;
		o->syms[at + i] = value->t.sym ? expr_one(&m->exprs, EXPR_PIECE, value->t, i).sym : 0;
		o->pointers[(at + i) / 8] = 0;
	}
	if (size == 8 && at % 8 == 0 && at + 8 <= o->backed)
		o->pointers[at / 8] = value->obj;
	return true;
}

static void name_stream(struct machine *m, u32 stream, const char *who)
{
	struct stream *s;

	if (stream == UINT32_MAX)
		return;
	s = &m->input->streams.data[stream];
	str_copy(s->who, who, sizeof(s->who));
}

void object_fill(struct machine *m, const struct value *p, u64 n, const char *who)
{
	struct memory *o = &m->objects[p->obj];
	u32 at = offset_in(m, p, 0), stream;

	if (!n || at >= o->backed || !make_shadows(m, o))
		return;
	n = MIN(n, (u64)(o->backed - at));
	stream = input_stream(m->input, STREAM_FILLED, m->fills++, 0, (u32)n);
	name_stream(m, stream, who);
	for (u32 i = 0; i < n; i++) {
		struct memory from = { .stream = stream };
		struct term byte = stream_byte(m, &from, i);

		o->bytes[at + i] = (u8)byte.value;
		o->written[at + i] = 1;
		o->syms[at + i] = byte.sym;
		o->pointers[(at + i) / 8] = 0;
	}
}

bool object_is_set(struct machine *m, const struct value *p, u64 n)
{
	struct memory *o = &m->objects[p->obj];
	u32 at = offset_in(m, p, 0);

	if (o->stream != UINT32_MAX)
		return true;
	for (u64 i = 0; i < n && at + i < o->backed; i++)
		if (!o->written[at + i])
			return false;
	return true;
}

/* ---- what comes from outside ---- */

struct term input_number(struct machine *m, enum stream_kind kind, u32 a, u32 b, u32 size,
			 const char *who)
{
	u32 i = input_stream(m->input, kind, a, b, size);
	struct term bytes[8] = { 0 };
	struct stream *s;

	if (i == UINT32_MAX)
		return term_number(0);
	s = &m->input->streams.data[i];
	s->used = size;
	str_copy(s->who, who, sizeof(s->who));
	if (kind == STREAM_RESULT)
		s->line = machine_line(m, a);
	for (u32 k = 0; k < size; k++)
		bytes[k] = expr_byte(&m->exprs, s->first + k, m->input->bytes.data[s->first + k]);
	return join_bytes(m, bytes, size);
}

struct value packet_pointer(struct machine *m, bool end)
{
	struct value out;

	if (!m->packet) {
		u32 bytes = input_stream(m->input, STREAM_PACKET, m->packet_moves, 0, 2048);
		struct term len = input_number(m, STREAM_PACKET_LEN, m->packet_moves, 0, 2, "packet");

		len = expr_one(&m->exprs, EXPR_ZEXT, len, 11);
		m->packet = object_make(m, OBJECT_PACKET, (u32)len.value, bytes);
		if (!m->packet)
			return (struct value){ term_number(0), 0, true };
		m->objects[m->packet].len = len;
	}
	out = object_address(m, m->packet);
	if (end)
		out.t = expr_two(&m->exprs, EXPR_ADD, out.t, m->objects[m->packet].len);
	return out;
}

struct value value_of_kind(struct machine *m, const struct path_result *result, u32 map,
			   struct term number, u32 id, const char *who)
{
	struct value out = { number, 0, true };
	u16 obj;

	switch (result->kind) {
	case REG_UNINIT:
	case REG_SCALAR:
		return out;
	case REG_CTX:
		return object_address(m, m->ctx_object);
	case REG_PACKET:
	case REG_PACKET_META:
		return packet_pointer(m, false);
	case REG_PACKET_END:
		return packet_pointer(m, true);
	case REG_MEM:
		obj = object_make(m, OBJECT_MEMORY, result->size,
				  input_stream(m->input, STREAM_MEM, m->n_objects, 0,
					       MIN(result->size, 4096u)));
		m->objects[obj].writable = !(result->flags & REG_RDONLY);
		break;
	case REG_MAP:
		obj = object_make(m, OBJECT_THE_MAP, 0, UINT32_MAX);
		m->objects[obj].map = map;
		break;
	case REG_MAP_VALUE:
	case REG_MAP_KEY:
		if (map >= m->path->maps.len) {
			obj = 0;
			break;
		}
		obj = object_make(m, OBJECT_VALUE,
				  result->kind == REG_MAP_KEY ? m->path->maps.data[map].facts->key_size
							      : m->path->maps.data[map].facts->value_size,
				  input_stream(m->input, STREAM_MEM, m->n_objects, 0, 4096));
		m->objects[obj].map = map;
		m->objects[obj].writable = result->kind == REG_MAP_VALUE;
		break;
	default:
		obj = object_make(m, OBJECT_KERNEL, ANY_SIZE,
				  input_stream(m->input, STREAM_MEM, m->n_objects, 0, 256));
		m->objects[obj].writable = false;
		break;
	}
	if (!obj)
		return out;
	out = object_address(m, obj);
	if (result->flags & REG_MAYBE_NULL) {
		struct term there = input_number(m, STREAM_ENTRY, UINT32_MAX, id, 1, who);

		out.t = expr_two(&m->exprs, EXPR_CHOOSE, there, out.t);
		if (!out.t.value)
			out.obj = 0;
	}
	return out;
}
