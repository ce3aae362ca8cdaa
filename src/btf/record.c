/* SPDX-License-Identifier: Apache-2.0 */
#include "btf/record.h"

#include "base/str.h"

#define MAX_DEPTH   32
#define MAX_MEMBERS 65536 /* looked at: structs of structs could be endless */

static const struct {
	const char *name;
	u32 size, align;
	bool once;
} structs[] = {
#define SPECIAL(kind, name, size, align, once) [SPECIAL_##kind] = { name, size, align, once },
	SPECIAL_STRUCTS(SPECIAL)
#undef SPECIAL
};

static const struct {
	const char *tag, *name;
} pointers[SPECIAL_COUNT] = {
#define POINTER(kind, tag, name) [SPECIAL_##kind] = { tag, name },
	SPECIAL_POINTERS(POINTER)
#undef POINTER
};

struct search {
	const struct btf *btf;
	u32 kinds; /* wanted */
	u32 budget;
	u32 n;
	struct special_field fields[RECORD_MAX_FIELDS];
};

static int add_field(struct search *s, u32 kind, u32 off, u32 size, u32 type_id)
{
	if (s->n == RECORD_MAX_FIELDS)
		return -E2BIG;
	s->fields[s->n++] = (struct special_field){ kind, off, size, type_id, false };
	return 0;
}

/* By name alone, as Linux: a typedef called bpf_timer is taken for one until its size is seen. */
static int struct_kind(const struct search *s, const struct btf_type *type)
{
	const char *name = btf_name(s->btf, type->name_off);

	for (u32 kind = 0; kind < ARRAY_SIZE(structs); kind++)
		if ((s->kinds & SPECIAL_BIT(kind)) && str_eq(name, structs[kind].name))
			return (int)kind;
	return -1;
}

/* Where a member or variable is declared: its declaration tags name that. */
struct place {
	u32 owner;  /* struct, or variable */
	s32 member; /* -1: a variable */
};

/* Does the struct have one member of that name, and is it a node of that kind? */
static int check_node(const struct search *s, u32 id, const char *name, u32 kind)
{
	const struct btf_type *type = btf_type(s->btf, id), *node = NULL;
	const struct btf_member *members = btf_members(type);

	for (u32 i = 0; i < btf_vlen(type); i++) {
		if (!str_eq(btf_name(s->btf, members[i].name_off), name))
			continue;
		if (node)
			return -EINVAL;
		node = btf_type(s->btf, members[i].type);
		if (!node || btf_kind(node) != BTF_KIND_STRUCT ||
		    !str_eq(btf_name(s->btf, node->name_off), structs[kind].name))
			return -EINVAL;
	}
	return node ? 0 : -ENOENT;
}

/* What the declaration tag "contains:TYPE:NODE" of a list or tree says, or NULL. */
static const char *contents(const struct search *s, const struct place *place)
{
	const struct btf *btf = s->btf;
	const char *found = NULL;

	for (u32 i = MAX(btf->start_id, 1u); i < btf->n_types; i++) {
		const struct btf_type *tag = btf_type(btf, i);
		const char *text = btf_name(btf, tag->name_off);

		if (btf_kind(tag) != BTF_KIND_DECL_TAG || tag->type != place->owner ||
		    ((const struct btf_decl_tag *)(tag + 1))->component_idx != place->member ||
		    !str_starts(text, "contains:"))
			continue;
		if (found)
			return NULL;
		found = text + 9;
	}
	return found;
}

static int check_root(const struct search *s, const struct place *place, u32 kind)
{
	const char *text = contents(s, place);
	char name[128];
	u32 len = 0;
	s32 id;

	while (text && text[len] && text[len] != ':')
		len++;
	if (!text || !text[len] || !text[len + 1])
		return -EINVAL;
	if (len >= sizeof(name))
		return -ENOENT;
	memcpy(name, text, len);
	name[len] = 0;
	id = btf_find(s->btf, name, BTF_KIND_STRUCT);
	/* The kind of the nodes follows that of the root. */
	return id <= 0 ? -ENOENT : check_node(s, (u32)id, text + len + 1, kind + 1);
}

static int add_struct(struct search *s, const struct btf_type *type, u32 kind, u32 off,
		      const struct place *place)
{
	int err = 0;

	if (off % structs[kind].align || btf_kind(type) != BTF_KIND_STRUCT ||
	    type->size != structs[kind].size)
		return 0;
	if (SPECIAL_BIT(kind) & SPECIAL_ROOTS)
		err = check_root(s, place, kind);
	return err ? err : add_field(s, kind, off, structs[kind].size, 0);
}

/* struct T __kptr *p: the tag stands between the pointer and its target. */
static int add_pointer(struct search *s, const struct btf_type *type, u32 off)
{
	const struct btf *btf = s->btf;
	u32 kind = SPECIAL_KPTR_UNTRUSTED, id;
	const struct btf_type *tag;

	if (btf_kind(type) == BTF_KIND_VOLATILE)
		type = btf_type(btf, type->type);
	if (!type || btf_kind(type) != BTF_KIND_PTR)
		return 0;
	tag = btf_type(btf, type->type);
	if (!tag || btf_kind(tag) != BTF_KIND_TYPE_TAG || btf_kflag(tag))
		return 0;
	type = btf_type(btf, tag->type);
	if (type && btf_kind(type) == BTF_KIND_TYPE_TAG)
		return -EINVAL;
	while (kind < SPECIAL_COUNT && !str_eq(btf_name(btf, tag->name_off), pointers[kind].tag))
		kind++;
	if (kind == SPECIAL_COUNT)
		return -EINVAL;
	if (!(s->kinds & SPECIAL_BIT(kind)))
		return 0;
	type = btf_resolve(btf, tag->type, &id);
	if (!type || btf_kind(type) != BTF_KIND_STRUCT)
		return -EINVAL;
	return add_field(s, kind, off, 8, id);
}

/* The fields from index first on stand in one element of an array of n: in the others, too. */
static int repeat_fields(struct search *s, u32 first, u64 n, u32 size)
{
	const u32 repeatable = SPECIAL_KPTRS | SPECIAL_ROOTS | SPECIAL_BIT(SPECIAL_UPTR);
	u32 count = s->n - first;

	for (u32 i = first; i < s->n; i++)
		if (!(SPECIAL_BIT(s->fields[i].kind) & repeatable))
			return -EINVAL;
	if (count * n > RECORD_MAX_FIELDS - first)
		return -E2BIG;
	for (u32 k = 1; k < n; k++)
		for (u32 i = first; i < first + count; i++) {
			s->fields[s->n] = s->fields[i];
			s->fields[s->n++].off += k * size;
		}
	return 0;
}

static int find_in_struct(struct search *s, u32 id, u32 off, u32 depth);

/* A member or variable of that type at off. expected: its size in a section, 0 elsewhere. */
static int find_one(struct search *s, u32 id, u32 off, u32 expected, const struct place *place,
		    u32 *seen, u32 depth)
{
	const struct btf_type *type = btf_type(s->btf, id);
	u32 first = s->n, size;
	u64 n = 1;
	int kind, err;

	if (!s->budget--)
		return -E2BIG;
	while (type && btf_kind(type) == BTF_KIND_ARRAY) {
		n *= btf_array_of(type)->nelems;
		id = btf_array_of(type)->type;
		type = btf_type(s->btf, id);
		if (n > UINT32_MAX)
			return -E2BIG;
	}
	if (!type || !n)
		return 0;
	kind = struct_kind(s, type);
	if (kind >= 0) {
		if (structs[kind].once && (*seen & SPECIAL_BIT((u32)kind)))
			return -E2BIG;
		*seen |= SPECIAL_BIT((u32)kind);
		size = structs[kind].size;
	} else {
		size = btf_kind(type) == BTF_KIND_STRUCT ? type->size : 8;
	}
	if (expected && expected != size * n)
		return 0;
	if (kind >= 0)
		err = add_struct(s, type, (u32)kind, off, place);
	else if (btf_kind(type) == BTF_KIND_STRUCT)
		err = find_in_struct(s, id, off, depth + 1);
	else
		err = off % 8 ? 0 : add_pointer(s, type, off);
	if (err || n == 1 || s->n == first)
		return err;
	return repeat_fields(s, first, n, size);
}

static int find_in_struct(struct search *s, u32 id, u32 off, u32 depth)
{
	const struct btf_type *type = btf_type(s->btf, id);
	const struct btf_member *members = btf_members(type);
	u32 seen = 0;

	if (depth >= MAX_DEPTH)
		return -E2BIG;
	for (u32 i = 0; i < btf_vlen(type); i++) {
		const struct place place = { id, (s32)i };
		u32 bit = btf_member_bits(type, &members[i]);
		int err;

		/* Linux gives up on values with bitfields, and so they have no special fields. */
		if (bit % 8)
			return -EINVAL;
		err = find_one(s, members[i].type, off + bit / 8, 0, &place, &seen, depth);
		if (err)
			return err;
	}
	return 0;
}

static int find_in_section(struct search *s, const struct btf_type *type)
{
	const struct btf_var_secinfo *infos = btf_var_secinfos(type);
	u32 seen = 0;

	for (u32 i = 0; i < btf_vlen(type); i++) {
		const struct btf_type *var = btf_type(s->btf, infos[i].type);
		const struct place place = { infos[i].type, -1 };
		int err = find_one(s, var->type, infos[i].offset, infos[i].size, &place, &seen, 0);

		if (err)
			return err;
	}
	return 0;
}

/* ---- what pointers lead to ---- */

static bool is_owned(const struct record_kernel *kernel, const char *name)
{
	for (const char *const *at = kernel->owned; at && *at; at++)
		if (str_eq(*at, name))
			return true;
	return false;
}

/* A struct of that name in the kernel, else the program's own. */
static int resolve_pointer(const struct btf *btf, const struct record_kernel *kernel,
			   struct special_field *field)
{
	const struct btf_type *type = btf_type(btf, field->type_id);
	const char *name = btf_name(btf, type->name_off);
	s32 id = kernel && kernel->btf ? btf_find(kernel->btf, name, BTF_KIND_STRUCT) : -ENOENT;

	field->local = id <= 0;
	if (field->local)
		return 0;
	field->type_id = (u32)id;
	return field->kind == SPECIAL_KPTR && !is_owned(kernel, name) ? -ENOENT : 0;
}

/* ---- the record ---- */

static void sort_fields(struct search *s)
{
	for (u32 i = 1; i < s->n; i++) {
		struct special_field field = s->fields[i];
		u32 at = i;

		for (; at && s->fields[at - 1].off > field.off; at--)
			s->fields[at] = s->fields[at - 1];
		s->fields[at] = field;
	}
}

/* Lists and trees are guarded by a lock; a node of both kinds needs a count of its owners. */
static bool combination_ok(u32 kinds)
{
	if ((kinds & SPECIAL_LOCKS) == SPECIAL_LOCKS)
		return false;
	if ((kinds & SPECIAL_ROOTS) && !(kinds & SPECIAL_LOCKS))
		return false;
	return (kinds & SPECIAL_NODES) != SPECIAL_NODES ||
	       (kinds & SPECIAL_BIT(SPECIAL_REFCOUNT));
}

int btf_record_parse(const struct btf *btf, u32 type_id, u32 kinds,
		     const struct record_kernel *kernel, struct btf_record *out)
{
	struct search s = { .btf = btf, .kinds = kinds, .budget = MAX_MEMBERS };
	u32 id, next = 0, found = 0;
	const struct btf_type *type = btf_resolve(btf, type_id, &id);
	int err = -EINVAL;

	memset(out, 0, sizeof(*out));
	if (type && btf_kind(type) == BTF_KIND_STRUCT)
		err = find_in_struct(&s, id, 0, 0);
	else if (type && btf_kind(type) == BTF_KIND_DATASEC)
		err = find_in_section(&s, type);
	for (u32 i = 0; i < s.n && !err; i++) {
		struct special_field *field = &s.fields[i];

		if (field->off < next)
			return -EEXIST;
		next = field->off + field->size;
		if (field->kind >= SPECIAL_KPTR_UNTRUSTED)
			err = resolve_pointer(btf, kernel, field);
		found |= SPECIAL_BIT(field->kind);
	}
	if (!err && !combination_ok(found))
		err = -EINVAL;
	if (err)
		return err;
	sort_fields(&s);
	out->kinds = found;
	out->n = s.n;
	memcpy(out->fields, s.fields, s.n * sizeof(s.fields[0]));
	return 0;
}

/* ---- types of objects ---- */

/* A pointer that may be in an object: what add_pointer takes, or its error. */
static bool is_kptr(const struct btf *btf, const struct btf_type *type)
{
	struct search s = { .btf = btf, .kinds = SPECIAL_KPTRS };

	return add_pointer(&s, type, 0) == 0 && s.n;
}

/* Not bpf_res_spin_lock: Linux forgot it. */
#define MARKS_OBJECTS                                                                              \
	(SPECIAL_BIT(SPECIAL_SPIN_LOCK) | SPECIAL_ROOTS | SPECIAL_NODES |                          \
	 SPECIAL_BIT(SPECIAL_REFCOUNT))

/* By its first type of that name, as Linux. */
static bool is_object_struct(const struct btf *btf, const struct btf_type *type, u32 id)
{
	const struct search s = { .btf = btf, .kinds = MARKS_OBJECTS };

	return btf_kind(type) == BTF_KIND_STRUCT && struct_kind(&s, type) >= 0 &&
	       btf_find(btf, btf_name(btf, type->name_off), BTF_KIND_STRUCT) == (s32)id;
}

static bool has_object_fields(const struct btf *btf, const struct btf_type *type)
{
	for (u32 i = 0; i < btf_vlen(type); i++) {
		u32 id = btf_members(type)[i].type;
		const struct btf_type *member = btf_type(btf, id);

		if (member && (is_object_struct(btf, member, id) || is_kptr(btf, member)))
			return true;
	}
	return false;
}

int btf_object_record(const struct btf *btf, u32 id, const struct record_kernel *kernel,
		      struct btf_record *out)
{
	const struct btf_type *type = btf_type(btf, id);
	int err;

	memset(out, 0, sizeof(*out));
	if (!type || btf_kind(type) != BTF_KIND_STRUCT || !has_object_fields(btf, type))
		return 0;
	err = btf_record_parse(btf, id, SPECIAL_IN_OBJECTS, kernel, out);
	return err || out->n ? err : -EFAULT;
}

int btf_check_objects(const struct btf *btf, const struct record_kernel *kernel)
{
	struct btf_record record;
	int err = 0;

	for (u32 i = MAX(btf->start_id, 1u); i < btf->n_types && !err; i++)
		err = btf_object_record(btf, i, kernel, &record);
	return err;
}

const struct special_field *btf_record_find(const struct btf_record *record, enum special_kind kind)
{
	for (u32 i = record ? record->n : 0; i-- > 0;)
		if (record->fields[i].kind == (u32)kind)
			return &record->fields[i];
	return NULL;
}

const struct special_field *btf_record_at(const struct btf_record *record, s64 lo, s64 hi)
{
	for (u32 i = 0; record && i < record->n; i++) {
		const struct special_field *field = &record->fields[i];

		if (lo < (s64)field->off + field->size && hi > (s64)field->off)
			return field;
	}
	return NULL;
}

const char *special_name(u32 kind)
{
	if (kind < ARRAY_SIZE(structs))
		return structs[kind].name;
	return kind < SPECIAL_COUNT ? pointers[kind].name : "?";
}

bool btf_record_equal(const struct btf_record *a, const struct btf_record *b)
{
	if (!a || !b || !a->n || !b->n)
		return (!a || !a->n) && (!b || !b->n);
	return a->n == b->n && !memcmp(a->fields, b->fields, a->n * sizeof(a->fields[0]));
}
