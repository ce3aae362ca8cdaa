/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Do the types fit together? Each type that refers to others is resolved: depth first over an
 * explicit stack of at most 32, each type once. What may lie beneath a type without being
 * resolved first (a sink) depends on where the walk began: below a pointer structs end it,
 * below a struct or array pointers do. So "struct s { struct s *next; }" is fine, while a
 * struct inside itself, or pointers that only lead to pointers in a circle, meet a type that
 * is still open: a loop.
 */
#include "btf/check.h"

enum state { NEW, OPEN, DONE };
enum mode { MODE_ANY, MODE_POINTER, MODE_COMPOSITE };

struct frame {
	u32 id;
	u32 next; /* member to go on with */
};

struct resolver {
	struct btf_check *check;
	struct btf *btf;
	u8 *state; /* enum state, per own id */
	enum mode mode;
	u32 depth;
	struct frame stack[BTF_RESOLVE_DEPTH];
};

/* What a step of resolving one type says, besides -errno. */
#define FINISHED 0
#define WAIT     1 /* another type was pushed; come back later */

static bool is_kind(const struct btf_type *t, u32 kind)
{
	return btf_kind(t) == kind;
}

static bool is_void(const struct btf_type *t)
{
	return is_kind(t, BTF_KIND_UNKN);
}

/* What nothing may refer to but by its own rules. */
static bool only_refers(const struct btf_type *t)
{
	return is_kind(t, BTF_KIND_VAR) || is_kind(t, BTF_KIND_DECL_TAG) ||
	       is_kind(t, BTF_KIND_DATASEC);
}

static bool needs_resolving(const struct btf_type *t)
{
	return btf_is_modifier(t) || btf_is_composite(t) || only_refers(t) ||
	       is_kind(t, BTF_KIND_PTR) || is_kind(t, BTF_KIND_ARRAY) || is_kind(t, BTF_KIND_FUNC);
}

static bool has_no_size(const struct btf_type *t)
{
	return !t || is_void(t) || is_kind(t, BTF_KIND_FWD) || is_kind(t, BTF_KIND_FUNC) ||
	       is_kind(t, BTF_KIND_FUNC_PROTO) || is_kind(t, BTF_KIND_DECL_TAG);
}

static bool has_own_size(const struct btf_type *t)
{
	switch (btf_kind(t)) {
	case BTF_KIND_INT:
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
	case BTF_KIND_ENUM:
	case BTF_KIND_DATASEC:
	case BTF_KIND_FLOAT:
	case BTF_KIND_ENUM64:
		return true;
	}
	return false;
}

static u32 resolved_id(const struct btf *btf, u32 id)
{
	while (id < btf->start_id)
		btf = btf->base;
	return btf->resolved[id - btf->start_id];
}

static u32 array_size(const struct btf *btf, u32 id)
{
	while (id < btf->start_id)
		btf = btf->base;
	return btf->sizes[id - btf->start_id];
}

const struct btf_type *btf_sized(const struct btf *btf, u32 *id, u32 *size)
{
	u32 at = *id;
	const struct btf_type *t = btf_type(btf, at);

	if (!has_no_size(t) && !has_own_size(t) && !is_kind(t, BTF_KIND_ARRAY) &&
	    !is_kind(t, BTF_KIND_PTR)) {
		at = resolved_id(btf, at);
		t = btf_type(btf, at);
	}
	if (has_no_size(t))
		return NULL;
	if (has_own_size(t))
		*size = t->size;
	else if (is_kind(t, BTF_KIND_ARRAY))
		*size = array_size(btf, at);
	else if (is_kind(t, BTF_KIND_PTR))
		*size = 8;
	else
		return NULL;
	*id = at;
	return t;
}

static bool is_done(const struct resolver *r, u32 id)
{
	return id < r->btf->start_id || r->state[id - r->btf->start_id] == DONE;
}

static bool is_sink(const struct resolver *r, const struct btf_type *t)
{
	switch (r->mode) {
	case MODE_POINTER:
		return !btf_is_modifier(t) && !is_kind(t, BTF_KIND_PTR);
	case MODE_COMPOSITE:
		return !btf_is_modifier(t) && !is_kind(t, BTF_KIND_ARRAY) && !btf_is_composite(t);
	default:
		return !needs_resolving(t);
	}
}

static int push(struct resolver *r, const struct btf_type *t, u32 id)
{
	if (r->depth == BTF_RESOLVE_DEPTH)
		return -E2BIG;
	if (id < r->btf->start_id || r->state[id - r->btf->start_id] != NEW)
		return -EEXIST;
	r->state[id - r->btf->start_id] = OPEN;
	r->stack[r->depth++] = (struct frame){ .id = id };
	if (r->mode == MODE_ANY && is_kind(t, BTF_KIND_PTR))
		r->mode = MODE_POINTER;
	else if (r->mode == MODE_ANY && (btf_is_composite(t) || is_kind(t, BTF_KIND_ARRAY)))
		r->mode = MODE_COMPOSITE;
	return WAIT;
}

/* Makes sure that t is resolved before its user is: FINISHED when it is, or need not be. */
static int await(struct resolver *r, const struct btf_type *t, u32 id)
{
	return is_sink(r, t) || is_done(r, id) ? FINISHED : push(r, t, id);
}

static int finish(struct resolver *r, u32 id, u32 size)
{
	u32 own = r->stack[--r->depth].id - r->btf->start_id;

	r->btf->resolved[own] = id;
	r->btf->sizes[own] = size;
	r->state[own] = DONE;
	return FINISHED;
}

/*
 * A modifier that was resolved inside a struct stopped at a pointer; who must know that no
 * pointer leads back to itself goes on from there.
 */
static int await_pointer_behind(struct resolver *r, const struct btf_type *t, u32 id)
{
	if (!btf_is_modifier(t))
		return FINISHED;
	id = resolved_id(r->btf, id);
	t = btf_type(r->btf, id);
	return is_kind(t, BTF_KIND_PTR) ? await(r, t, id) : FINISHED;
}

/* Modifiers, pointers and variables: one type referred to. */
static int resolve_reference(struct resolver *r, const struct btf_type *t)
{
	u32 id = t->type, size;
	const struct btf_type *to = btf_type(r->btf, id);
	int err;

	if (!to || only_refers(to))
		return btf_refuse(r->check, t, "Invalid type_id");
	err = await(r, to, id);
	if (!err && !btf_is_modifier(t))
		err = await_pointer_behind(r, to, id);
	if (err)
		return err;
	if (!btf_sized(r->btf, &id, &size)) {
		if (is_done(r, id)) {
			id = resolved_id(r->btf, id);
			to = btf_type(r->btf, id);
		}
		if (is_kind(t, BTF_KIND_VAR) || (!is_void(to) && !is_kind(to, BTF_KIND_FWD) &&
						 !is_kind(to, BTF_KIND_FUNC_PROTO)))
			return btf_refuse(r->check, t, "Invalid type_id");
	}
	return finish(r, id, 0);
}

static int resolve_array(struct resolver *r, const struct btf_type *t)
{
	const struct btf_array *array = btf_array_of(t);
	const struct btf_type *index = btf_type(r->btf, array->index_type);
	const struct btf_type *elem = btf_type(r->btf, array->type);
	u32 index_id = array->index_type, elem_id = array->type, size;
	int err;

	if (has_no_size(index) || only_refers(index))
		return btf_refuse(r->check, t, "Invalid index");
	err = await(r, index, index_id);
	if (err)
		return err;
	index = btf_sized(r->btf, &index_id, &size);
	if (!index || !is_kind(index, BTF_KIND_INT) || !btf_int_is_regular(index))
		return btf_refuse(r->check, t, "Invalid index");

	if (has_no_size(elem) || only_refers(elem))
		return btf_refuse(r->check, t, "Invalid elem");
	err = await(r, elem, elem_id);
	if (err)
		return err;
	elem = btf_sized(r->btf, &elem_id, &size);
	if (!elem)
		return btf_refuse(r->check, t, "Invalid elem");
	if (is_kind(elem, BTF_KIND_INT) && !btf_int_is_regular(elem))
		return btf_refuse(r->check, t, "Invalid array of int");
	if (__builtin_mul_overflow(size, array->nelems, &size))
		return btf_refuse(r->check, t, "Array size overflows U32_MAX");
	return finish(r, elem_id, size);
}

/* Does [bits, bits + width) lie in a struct of that many bytes? */
static const char *place_fault(const struct btf_type *t, u64 bits, u64 width)
{
	if ((bits & 7) + width > 128)
		return "nr_copy_bits exceeds 128";
	return (bits + width + 7) / 8 > t->size ? "Member exceeds struct_size" : NULL;
}

static const char *int_member_fault(const struct btf_type *t, const struct btf_member *m,
				    const struct btf_type *type)
{
	u64 bits = btf_member_bits(t, m);
	u32 width = btf_member_width(t, m), data = btf_int_data(type);

	if (!btf_kflag(t)) {
		if (bits + BTF_INT_OFFSET(data) > UINT32_MAX)
			return "bits_offset exceeds U32_MAX";
		return place_fault(t, bits + BTF_INT_OFFSET(data), BTF_INT_BITS(data));
	}
	if (!btf_int_is_regular(type))
		return "Invalid member base type";
	if (!width && bits & 7)
		return "Invalid member offset";
	if (width > BTF_INT_BITS(data))
		return "Invalid member bitfield_size";
	return place_fault(t, bits, width ? width : BTF_INT_BITS(data));
}

static const char *enum_member_fault(const struct btf_type *t, const struct btf_member *m,
				     const struct btf_type *type)
{
	u64 bits = btf_member_bits(t, m);
	u32 width = btf_member_width(t, m);

	if (!width && bits & 7)
		return "Member is not byte aligned";
	if (!btf_kflag(t))
		return bits / 8 + type->size > t->size ? "Member exceeds struct_size" : NULL;
	if (width > 32)
		return "Invalid member bitfield_size";
	return (bits + (width ? width : 32) + 7) / 8 > t->size ? "Member exceeds struct_size"
							       : NULL;
}

static const char *float_member_fault(const struct btf_type *t, u64 bits, u32 size)
{
	if (bits % (MIN(size, 8u) * 8))
		return "Member is not properly aligned";
	return bits / 8 + size > t->size ? "Member exceeds struct_size" : NULL;
}

static const char *member_fault(const struct btf *btf, const struct btf_type *t,
				const struct btf_member *m)
{
	u32 id = m->type, size, bits = btf_member_bits(t, m);
	const struct btf_type *type = btf_sized(btf, &id, &size);

	if (!type)
		return "Invalid member";
	if (is_kind(type, BTF_KIND_INT))
		return int_member_fault(t, m, type);
	if (is_kind(type, BTF_KIND_ENUM) || is_kind(type, BTF_KIND_ENUM64))
		return enum_member_fault(t, m, type);
	if (is_kind(type, BTF_KIND_DATASEC))
		return "Unsupported check_member";
	if (btf_member_width(t, m))
		return "Invalid member bitfield_size";
	if (is_kind(type, BTF_KIND_FLOAT))
		return float_member_fault(t, bits, size);
	if (bits & 7)
		return "Member is not byte aligned";
	return bits / 8 + (u64)size > t->size ? "Member exceeds struct_size" : NULL;
}

static int resolve_struct(struct resolver *r, const struct btf_type *t)
{
	struct frame *frame = &r->stack[r->depth - 1];

	for (; frame->next < btf_vlen(t); frame->next++) {
		const struct btf_member *m = &btf_members(t)[frame->next];
		const struct btf_type *type = btf_type(r->btf, m->type);
		const char *fault = NULL;
		int err;

		if (has_no_size(type) || only_refers(type))
			return btf_refuse_member(r->check, t, m, "Invalid member");
		err = await(r, type, m->type);
		if (err)
			return err;
		fault = member_fault(r->btf, t, m);
		if (fault)
			return btf_refuse_member(r->check, t, m, fault);
	}
	return finish(r, 0, 0);
}

static int resolve_datasec(struct resolver *r, const struct btf_type *t)
{
	struct frame *frame = &r->stack[r->depth - 1];

	r->mode = MODE_ANY;
	for (; frame->next < btf_vlen(t); frame->next++) {
		const struct btf_var_secinfo *info = &btf_var_secinfos(t)[frame->next];
		const struct btf_type *var = btf_type(r->btf, info->type);
		u32 id, size;
		int err;

		if (!var || !is_kind(var, BTF_KIND_VAR))
			return btf_refuse(r->check, t, "Not a VAR kind member");
		err = await(r, var, info->type);
		if (err)
			return err;
		id = var->type;
		if (!btf_sized(r->btf, &id, &size))
			return btf_refuse(r->check, t, "Invalid type");
		if (info->size < size)
			return btf_refuse(r->check, t, "Invalid size");
	}
	return finish(r, 0, 0);
}

static int resolve_decl_tag(struct resolver *r, const struct btf_type *t)
{
	const struct btf_type *to = btf_type(r->btf, t->type);
	s32 index = ((const struct btf_decl_tag *)(t + 1))->component_idx;
	int err;

	if (!to || !(btf_is_composite(to) || is_kind(to, BTF_KIND_FUNC) ||
		     is_kind(to, BTF_KIND_VAR) || is_kind(to, BTF_KIND_TYPEDEF)))
		return btf_refuse(r->check, t, "Invalid type_id");
	err = await(r, to, t->type);
	if (err)
		return err;
	if (index != -1) {
		if (is_kind(to, BTF_KIND_VAR) || is_kind(to, BTF_KIND_TYPEDEF))
			return btf_refuse(r->check, t, "Invalid component_idx");
		if (is_kind(to, BTF_KIND_FUNC))
			to = btf_type(r->btf, to->type);
		if ((u32)index >= btf_vlen(to))
			return btf_refuse(r->check, t, "Invalid component_idx");
	}
	return finish(r, t->type, 0);
}

static int resolve_func(struct resolver *r, const struct btf_type *t)
{
	const struct btf_type *proto = btf_type(r->btf, t->type);
	const struct btf_param *params;

	if (!proto || !is_kind(proto, BTF_KIND_FUNC_PROTO))
		return btf_refuse(r->check, t, "Invalid type_id");
	params = btf_params(proto);
	for (u32 i = 0; i < btf_vlen(proto); i++)
		if (!params[i].name_off && params[i].type)
			return btf_refuse(r->check, t, "Invalid arg#%u", i + 1);
	return finish(r, t->type, 0);
}

static int resolve_top(struct resolver *r)
{
	u32 id = r->stack[r->depth - 1].id;
	const struct btf_type *t = btf_type(r->btf, id);

	r->check->id = id;
	switch (btf_kind(t)) {
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return resolve_struct(r, t);
	case BTF_KIND_ARRAY:
		return resolve_array(r, t);
	case BTF_KIND_DATASEC:
		return resolve_datasec(r, t);
	case BTF_KIND_DECL_TAG:
		return resolve_decl_tag(r, t);
	case BTF_KIND_FUNC:
		return resolve_func(r, t);
	case BTF_KIND_PTR:
	case BTF_KIND_VAR:
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_CONST:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_TYPE_TAG:
		return resolve_reference(r, t);
	}
	/* A forward declaration or prototype that something wanted resolved. */
	return btf_refuse(r->check, t, "Unsupported resolve");
}

/* Pointers, modifiers and variables must have ended in something that is neither. */
static bool ended_well(const struct btf *btf, const struct btf_type *t, u32 id)
{
	if (btf_is_modifier(t) || is_kind(t, BTF_KIND_PTR) || is_kind(t, BTF_KIND_VAR)) {
		t = btf_type(btf, resolved_id(btf, id));
		return !btf_is_modifier(t) && !is_kind(t, BTF_KIND_VAR) &&
		       !is_kind(t, BTF_KIND_DATASEC);
	}
	if (is_kind(t, BTF_KIND_DECL_TAG) || is_kind(t, BTF_KIND_FUNC))
		return resolved_id(btf, id) != 0;
	return true;
}

static int resolve(struct resolver *r, const struct btf_type *t, u32 id)
{
	u32 outer = r->check->id;
	int err;

	r->mode = MODE_ANY;
	r->depth = 0;
	err = push(r, t, id);
	while (err >= 0 && r->depth)
		err = resolve_top(r);
	r->check->id = id;
	if (err == -E2BIG)
		btf_refuse(r->check, t, "Exceeded max resolving depth:%u", BTF_RESOLVE_DEPTH);
	else if (err == -EEXIST)
		btf_refuse(r->check, t, "Loop detected");
	else if (err >= 0 && !ended_well(r->btf, t, id))
		err = btf_refuse(r->check, t, "Invalid resolve state");
	r->check->id = outer;
	return MIN(err, 0);
}

/* A parameter or return type: it must have a size. */
static bool has_value(struct resolver *r, u32 id, int *err)
{
	const struct btf_type *t = btf_type(r->btf, id);
	u32 size;

	if (!t || only_refers(t))
		return false;
	if (needs_resolving(t) && !is_done(r, id))
		*err = resolve(r, t, id);
	return !*err && btf_sized(r->btf, &id, &size);
}

static int check_func_proto(struct resolver *r, const struct btf_type *t)
{
	const struct btf_param *params = btf_params(t);
	u32 n = btf_vlen(t);
	int err = 0;

	if (t->type && !has_value(r, t->type, &err))
		return err ? err : btf_refuse(r->check, t, "Invalid return type");
	if (n && !params[n - 1].type) { /* ... */
		if (params[n - 1].name_off)
			return btf_refuse(r->check, t, "Invalid arg#%u", n);
		n--;
	}
	for (u32 i = 0; i < n; i++) {
		u32 name = params[i].name_off;

		if ((name &&
		     (!btf_name_in_range(r->btf, name) || !btf_name_is_identifier(r->btf, name))) ||
		    !has_value(r, params[i].type, &err))
			return err ? err : btf_refuse(r->check, t, "Invalid arg#%u", i + 1);
	}
	return 0;
}

static int resolve_each(struct resolver *r)
{
	struct btf *btf = r->btf;

	for (u32 id = btf->start_id + !btf->base; id < btf->n_types; id++) {
		const struct btf_type *t = btf->types[id - btf->start_id];
		int err = 0;

		r->check->id = id;
		if (needs_resolving(t) && !is_done(r, id))
			err = resolve(r, t, id);
		if (!err && is_kind(t, BTF_KIND_FUNC_PROTO))
			err = check_func_proto(r, t);
		if (err)
			return err;
	}
	return 0;
}

/* Type tags come before other modifiers, and no chain of modifiers is longer than 32. */
static int check_chain(struct resolver *r, u32 id, u32 good)
{
	const struct btf_type *t = btf_type(r->btf, id);
	bool in_tags = is_kind(t, BTF_KIND_TYPE_TAG);

	for (u32 left = 32; btf_is_modifier(t); left--) {
		bool tag = is_kind(t, BTF_KIND_TYPE_TAG);

		r->check->id = id;
		if (!left) {
			btf_refuse(r->check, NULL, "Max chain length or cycle detected");
			return -ELOOP;
		}
		if (tag && !in_tags)
			return btf_refuse(r->check, NULL, "Type tags don't precede modifiers");
		in_tags &= tag;
		if (id <= good)
			break;
		id = t->type;
		t = btf_type(r->btf, id);
	}
	return 0;
}

static int check_chains(struct resolver *r)
{
	u32 first = r->btf->start_id + !r->btf->base;
	u32 good = first - 1;

	for (u32 id = first; id < r->btf->n_types; id++) {
		int err;

		if (!btf_is_modifier(btf_type(r->btf, id)))
			continue;
		err = check_chain(r, id, good);
		if (err)
			return err;
		good = id;
	}
	return 0;
}

/* From here on sizes[] holds every type's size. */
static void settle_sizes(struct btf *btf)
{
	u32 n = btf->n_types - btf->start_id;

	for (u32 i = 0; i < n; i++)
		if (!is_kind(btf->types[i], BTF_KIND_ARRAY)) {
			u32 id = btf->start_id + i, size;

			btf->sizes[i] = btf_sized(btf, &id, &size) ? size : BTF_NO_SIZE;
		}
}

int btf_resolve_all(struct btf_check *check)
{
	struct btf *btf = check->btf;
	struct resolver r = { .check = check, .btf = btf };
	int err;

	r.state = os_alloc((size_t)btf->n_types - btf->start_id + 1);
	if (!r.state)
		return -ENOMEM;
	err = resolve_each(&r);
	if (!err)
		err = check_chains(&r);
	if (!err)
		settle_sizes(btf);
	os_free(r.state);
	return err;
}
