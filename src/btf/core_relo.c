/* SPDX-License-Identifier: Apache-2.0 */
/* What a record comes to in this kernel, and the instruction that gets it. */
#include "base/str.h"
#include "btf/core_spec.h"
#include "isa/insn.h"

/* Stands for "this has no value here": the instruction is poisoned. */
#define NO_VALUE (-EUCLEAN)

/* A spec's value, and of what. */
struct value {
	u64 number;
	u32 size;    /* byte offsets: of the field; 0: does not count */
	u32 type_id; /* of the field */
	bool fixed;  /* the instruction must hold the program's own value so far */
};

struct result {
	u64 was, now;
	u32 was_size, now_size;
	bool check, poison, bad_size;
};

/* ---- values ---- */

/* Where and how wide to load to get at a bitfield. */
static int bitfield_window(u32 bit_off, u32 bits, u32 *offset, u32 *size)
{
	if (!*size)
		return -EINVAL;
	*offset = bit_off / 8 / *size * *size;
	while (bit_off + bits - *offset * 8 > *size * 8) {
		if (*size >= 8)
			return -E2BIG;
		*size *= 2;
		*offset = bit_off / 8 / *size * *size;
	}
	return 0;
}

static bool is_signed(const struct btf_type *t)
{
	if (btf_is_any_enum(t))
		return btf_kflag(t);
	return btf_kind(t) == BTF_KIND_INT && BTF_INT_ENCODING(btf_int_data(t)) & BTF_INT_SIGNED;
}

/* An object as a whole, or an element of an array. */
static int element_value(const struct core_spec *spec, struct value *out)
{
	u32 id = spec->steps[spec->len - 1].type_id;
	s64 size = btf_size(spec->btf, id);

	if (size < 0)
		return -EINVAL;
	if (spec->kind == BPF_CORE_FIELD_BYTE_OFFSET) {
		out->number = spec->bit_offset / 8;
		out->size = (u32)size;
		out->type_id = id;
	} else if (spec->kind == BPF_CORE_FIELD_BYTE_SIZE) {
		out->number = (u64)size;
	} else {
		return -EINVAL;
	}
	return 0;
}

/* Of an array that is loaded from, what counts is the size of an element. */
static int loaded_size(const struct btf *btf, u32 id, struct value *out)
{
	const struct btf_type *t = btf_resolve(btf, id, &id);
	s64 size;

	while (t && btf_kind(t) == BTF_KIND_ARRAY)
		t = btf_resolve(btf, btf_array_of(t)->type, &id);
	size = t ? btf_size(btf, id) : -EINVAL;
	out->size = (u32)size;
	out->type_id = id;
	return size < 0 ? -EINVAL : 0;
}

static int member_value(const struct core_spec *spec, struct value *out)
{
	const struct core_step *last = &spec->steps[spec->len - 1];
	const struct btf_type *t = btf_type(spec->btf, last->type_id), *type;
	const struct btf_member *m = &btf_members(t)[last->index];
	u32 bits = btf_member_width(t, m), offset = spec->bit_offset / 8, id, size;
	bool bitfield = bits;
	s64 bytes;
	int err = 0;

	type = btf_resolve(spec->btf, m->type, &id);
	bytes = type ? btf_size(spec->btf, id) : -EINVAL;
	if (bytes < 0)
		return -EINVAL;
	size = (u32)bytes;
	if (bitfield)
		err = bitfield_window(spec->bit_offset, bits, &offset, &size);
	else
		bits = size * 8;
	out->fixed = !bitfield;
	switch (spec->kind) {
	case BPF_CORE_FIELD_BYTE_OFFSET:
		out->number = offset;
		if (!err && !bitfield)
			err = loaded_size(spec->btf, id, out);
		break;
	case BPF_CORE_FIELD_BYTE_SIZE:
		out->number = size;
		break;
	case BPF_CORE_FIELD_SIGNED:
		out->number = is_signed(type);
		out->fixed = true;
		break;
	case BPF_CORE_FIELD_LSHIFT_U64:
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
		out->number = 64 - (spec->bit_offset + bits - offset * 8);
#else
		out->number = (8 - size) * 8 + (spec->bit_offset - offset * 8);
#endif
		break;
	default: /* BPF_CORE_FIELD_RSHIFT_U64 */
		out->number = 64 - bits;
		out->fixed = true;
	}
	return err;
}

/* spec NULL: the kernel has no such thing. */
static int value_of(const struct core_spec *spec, u32 kind, struct value *out)
{
	s64 size;

	*out = (struct value){ .fixed = true };
	switch (kind) {
	case BPF_CORE_FIELD_EXISTS:
	case BPF_CORE_TYPE_EXISTS:
	case BPF_CORE_TYPE_MATCHES:
	case BPF_CORE_ENUMVAL_EXISTS:
		out->number = spec != NULL;
		return 0;
	case BPF_CORE_TYPE_ID_TARGET:
		out->number = spec ? spec->root : 0;
		out->fixed = false; /* linkers renumber types */
		return 0;
	case BPF_CORE_TYPE_SIZE:
		size = spec ? btf_size(spec->btf, spec->root) : 0;
		out->number = (u64)size;
		return size < 0 ? -EINVAL : 0;
	case BPF_CORE_ENUMVAL_VALUE:
		if (!spec)
			return NO_VALUE;
		out->number = core_enum_value(btf_type(spec->btf, spec->steps[0].type_id),
					      spec->steps[0].index);
		return 0;
	default:
		if (!core_is_field(kind))
			return -EOPNOTSUPP;
		if (!spec)
			return NO_VALUE;
		return spec->steps[spec->len - 1].name ? member_value(spec, out)
						       : element_value(spec, out);
	}
}

/* A field of another size can be loaded all the same when no sign has to be extended. */
static bool size_may_differ(const struct core_spec *local, const struct value *was,
			    const struct core_spec *target, const struct value *now)
{
	const struct btf_type *a = btf_resolve(local->btf, was->type_id, NULL);
	const struct btf_type *b = btf_resolve(target->btf, now->type_id, NULL);

	if (btf_kind(a) == BTF_KIND_PTR && btf_kind(b) == BTF_KIND_PTR)
		return true;
	return btf_kind(a) == BTF_KIND_INT && btf_kind(b) == BTF_KIND_INT && !is_signed(a) &&
	       !is_signed(b);
}

static int compare(const struct core_spec *local, const struct core_spec *target,
		   struct result *out)
{
	struct value was, now;
	int err = value_of(local, local->kind, &was);

	if (!err)
		err = value_of(target, local->kind, &now);
	*out = (struct result){ .check = was.fixed };
	if (err == NO_VALUE) {
		out->poison = true;
		return 0;
	}
	if (err)
		return err;
	out->was = was.number;
	out->now = now.number;
	out->was_size = was.size;
	out->now_size = now.size;
	out->bad_size = was.size != now.size && !size_may_differ(local, &was, target, &now);
	return 0;
}

/* ---- which types of the kernel ---- */

struct search {
	const struct core_spec *local;
	struct core_spec spec;
	struct result result;
	u32 bit_offset; /* of the first that fits */
	u32 found;
};

static int try_type(struct search *search, const struct btf *target, u32 id)
{
	struct result result;
	int err = core_spec_match(search->local, target, id, &search->spec);

	if (err <= 0)
		return err;
	err = compare(search->local, &search->spec, &result);
	if (err)
		return err;
	if (search->found++ == 0) {
		search->result = result;
		search->bit_offset = search->spec.bit_offset;
		return 0;
	}
	return search->bit_offset != search->spec.bit_offset ||
		       search->result.poison != result.poison || search->result.now != result.now
		   ? -EINVAL
		   : 0;
}

static int search_types(struct search *search, const struct btf *target)
{
	const struct btf *own = search->local->btf;
	const struct btf_type *root = btf_type(own, search->local->root);
	const char *name = btf_name(own, root->name_off);
	int err = 0;

	if (!name[0])
		return -EINVAL;
	for (u32 id = btf_first_alike(target, name); id && !err; id = btf_next_alike(target, id)) {
		const struct btf_type *t = btf_type(target, id);

		if (btf_kind(t) == btf_kind(root) &&
		    core_names_match(name, btf_name(target, t->name_off)))
			err = try_type(search, target, id);
	}
	if (!err && !search->found)
		err = compare(search->local, NULL, &search->result);
	return err;
}

/* ---- the instruction ---- */

static void poison(struct bpf_insn *insn)
{
	*insn = (struct bpf_insn){ .code = BPF_JMP | BPF_CALL, .imm = CORE_POISON };
}

static u32 size_of(u8 code)
{
	static const u8 sizes[] = { 4, 2, 1, 8 };

	return sizes[BPF_SIZE(code) >> 3];
}

static int code_of(u32 size)
{
	switch (size) {
	case 1:
		return BPF_B;
	case 2:
		return BPF_H;
	case 4:
		return BPF_W;
	case 8:
		return BPF_DW;
	default:
		return -EINVAL;
	}
}

static int patch_access(struct bpf_insn *insn, const struct result *r)
{
	int code = code_of(r->now_size);

	if (r->check && (u64)(s64)insn->off != r->was)
		return -EINVAL;
	if (r->now > INT16_MAX)
		return -ERANGE;
	if (r->bad_size) {
		poison(insn);
		return 0;
	}
	insn->off = (s16)r->now;
	if (r->was_size == r->now_size)
		return 0;
	if (size_of(insn->code) != r->was_size || code < 0)
		return -EINVAL;
	insn->code = (u8)(BPF_MODE(insn->code) | code | BPF_CLASS(insn->code));
	return 0;
}

static int patch_constant(struct bpf_insn *insn, u32 room, const struct result *r)
{
	if (!insn_is_ldimm64(insn) || room < 2 || insn->src_reg || insn->off || insn[1].code ||
	    insn[1].dst_reg || insn[1].src_reg || insn[1].off)
		return -EINVAL;
	if (r->check && insn_imm64(insn) != r->was)
		return -EINVAL;
	insn[0].imm = (s32)r->now;
	insn[1].imm = (s32)(r->now >> 32);
	return 0;
}

static int patch(struct bpf_insn *insn, u32 room, const struct result *r)
{
	if (r->poison) {
		if (insn_is_ldimm64(insn) && room > 1)
			poison(&insn[1]);
		poison(insn);
		return 0;
	}
	switch (insn_class(insn)) {
	case BPF_ALU:
	case BPF_ALU64:
		if (BPF_SRC(insn->code) != BPF_K || (r->check && (u64)(s64)insn->imm != r->was))
			return -EINVAL;
		insn->imm = (s32)r->now;
		return 0;
	case BPF_LDX:
	case BPF_ST:
	case BPF_STX:
		return patch_access(insn, r);
	case BPF_LD:
		return patch_constant(insn, room, r);
	default:
		return -EINVAL;
	}
}

int core_relocate(const struct btf *local, const struct btf *target,
		  const struct bpf_core_relo *relo, u32 nr, struct bpf_insn *insns, u32 n_insns,
		  struct text *log)
{
	u32 at = relo->insn_off / sizeof(struct bpf_insn);
	struct core_spec spec;
	struct search search = { .local = &spec };
	int err = -EINVAL;

	if (btf_type(local, relo->type_id) && at < n_insns)
		err = core_spec_parse(local, relo->type_id, btf_name(local, relo->access_str_off),
				      relo->kind, &spec);
	if (!err && relo->kind == BPF_CORE_TYPE_ID_LOCAL)
		search.result.was = search.result.now = relo->type_id;
	else if (!err)
		err = search_types(&search, target);
	if (!err)
		err = patch(&insns[at], n_insns - at, &search.result);
	if (err && log)
		text_printf(log, "relo #%u: of instruction %u cannot be applied: %d\n", nr, at,
			    err);
	return err;
}
