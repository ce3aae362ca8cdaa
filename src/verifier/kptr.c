/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fields of a value under loads, stores and helpers. What a program could forge is out of reach,
 * but for pointers that the kernel keeps for it (kptrs), which have instructions of their own:
 *
 *	ldx	yields the pointer, or NULL. It is good as long as nobody frees what it leads
 *		to: inside an RCU section for objects that RCU frees, and else not at all
 *	stx	into an untrusted one, of any pointer of that type; nothing can go wrong, for
 *		what is read back is untrusted
 *	bpf_kptr_xchg	puts an owned object in, and takes out what was there
 */
#include "verifier/btf_walk.h"
#include "verifier/kptr.h"

static bool is_kptr(u32 kind)
{
	return (SPECIAL_BIT(kind) & SPECIAL_KPTRS) || kind == SPECIAL_UPTR;
}

/* An access of size bytes at a pointer's base + off touches the field. */
static int check_touch(struct env *env, const struct reg *ptr, s64 off, s64 size,
		       enum access access, const struct special_field *field)
{
	const char *name = special_name(field->kind);

	if (!is_kptr(field->kind))
		return refuse(env, -EACCES, "special-field",
			      "%s cannot be accessed directly by load/store", name);
	if (!(access & ACCESS_DIRECT))
		return refuse(env, -EACCES, "special-field",
			      "%s cannot be accessed indirectly by helper", name);
	if (!scalar_is_const(&ptr->val))
		return refuse(env, -EACCES, "variable-offset",
			      "%s access cannot have variable offset", name);
	if (off + (s64)ptr->val.umin != (s64)field->off)
		return refuse(env, -EACCES, "misaligned", "%s access misaligned expected=%u off=%lld",
			      name, field->off, (long long)(off + (s64)ptr->val.umin));
	if (size != 8)
		return refuse(env, -EACCES, "special-field", "%s access size must be BPF_DW", name);
	return 0;
}

int check_fields_touched(struct env *env, const struct reg *ptr, s64 off, s64 size,
			 enum access access)
{
	const struct btf_record *record = &env->maps.data[ptr->map].facts->record;
	s64 lo = off + ptr->val.smin, hi = off + ptr->val.smax + size;
	int err = 0;

	for (u32 i = 0; i < record->n && !err; i++) {
		const struct special_field *field = &record->fields[i];

		if (lo < (s64)field->off + field->size && hi > (s64)field->off)
			err = check_touch(env, ptr, off, size, access, field);
	}
	return err;
}

const struct special_field *kptr_at(const struct btf_record *record, s64 at)
{
	const struct special_field *field = btf_record_at(record, at, at + 1);

	return field && is_kptr(field->kind) && at == (s64)field->off ? field : NULL;
}

/* ---- loads ---- */

/* Types whose objects RCU frees: those of the program's own are all so. */
static bool is_rcu_type(const struct env *env, const struct special_field *field)
{
	static const char *const types[] = { "prog_test_ref_kfunc", "cgroup", "bpf_cpumask",
					     "task_struct", "bpf_crypto_ctx" };
	const struct btf *btf = env->req->model->btf;
	const char *name;

	if (field->local)
		return true;
	name = btf_name(btf, btf_type(btf, field->type_id)->name_off);
	for (u32 i = 0; i < ARRAY_SIZE(types); i++)
		if (str_eq(name, types[i]))
			return true;
	return false;
}

static u32 loaded_flags(struct env *env, const struct special_field *field)
{
	u32 own = field->local ? REG_OWN_TYPE : 0;
	bool safe = field->kind == SPECIAL_PERCPU_KPTR ||
		    (field->kind == SPECIAL_KPTR && is_rcu_type(env, field));

	if (!safe || !in_rcu(env))
		return own | REG_MAYBE_NULL | REG_UNTRUSTED;
	return own | REG_MAYBE_NULL | REG_RCU |
	       (field->kind == SPECIAL_PERCPU_KPTR ? REG_PERCPU : 0);
}

/* Types of the program are looked up in its BTF: it must be the one that the map was made with. */
static int check_own_btf(struct env *env, const struct map_facts *facts,
			 const struct special_field *field)
{
	if (!field->local || facts->btf == env->req->btf)
		return 0;
	return refuse(env, -EINVAL, "unsupported",
		      "kptr to a type of another BTF than the program's is not supported");
}

static int kptr_load(struct env *env, const struct map_facts *facts,
		     const struct special_field *field, struct reg *loaded)
{
	if (field->kind == SPECIAL_UPTR) {
		*loaded = reg_pointer(REG_MEM, REG_MAYBE_NULL);
		loaded->size = (u32)btf_size(facts->btf, field->type_id);
	} else {
		*loaded = reg_pointer(REG_BTF, loaded_flags(env, field));
		loaded->btf_id = field->type_id;
	}
	loaded->id = new_id(env);
	return check_own_btf(env, facts, field);
}

/* ---- stores ---- */

static const char *type_name(const struct btf *btf, u32 id)
{
	const struct btf_type *type = btf ? btf_type(btf, id) : NULL;

	return type ? btf_name(btf, type->name_off) : "?";
}

static int refuse_match(struct env *env, const struct kptr_place *to, u32 regno,
			const struct reg *reg)
{
	const char *want = type_name(to->btf, to->field->type_id);
	char name[REG_NAME_SIZE];

	return refuse(env, -EACCES, "argument-type",
		      "invalid kptr access, R%u type=%s%s expected=ptr_%s%s%s", regno,
		      reg_name(env, reg, name),
		      reg->kind == REG_BTF ? type_name(btf_of(env, reg), reg->btf_id) : "", want,
		      to->field->kind == SPECIAL_KPTR_UNTRUSTED ? " or untrusted_ptr_" : "",
		      to->field->kind == SPECIAL_KPTR_UNTRUSTED ? want : "");
}

int kptr_match(struct env *env, const struct kptr_place *to, u32 regno, const struct reg *reg)
{
	u32 kind = to->field->kind, fine;
	int err;

	if (reg->kind != REG_BTF)
		return refuse_match(env, to, regno, reg);
	/* Whoever reads it back must find what the field's type promises. */
	if (reg->flags & REG_OWN_TYPE)
		fine = REG_MAYBE_NULL | REG_OWN_TYPE | REG_PERCPU;
	else
		fine = REG_MAYBE_NULL | REG_TRUSTED | REG_RCU |
		       (kind == SPECIAL_KPTR_UNTRUSTED ? REG_UNTRUSTED : 0);
	if ((reg->flags & ~fine) ||
	    (kind == SPECIAL_PERCPU_KPTR) != !!(reg->flags & REG_PERCPU))
		return refuse_match(env, to, regno, reg);
	err = btf_fixed_offset(env, regno, reg);
	if (err)
		return err;
	return btf_struct_matches(btf_of(env, reg), reg->btf_id, reg->off, to->btf,
				  to->field->type_id, kind != SPECIAL_KPTR_UNTRUSTED)
		   ? 0
		   : refuse_match(env, to, regno, reg);
}

static int kptr_store(struct env *env, const struct kptr_place *to, u32 regno,
		      const struct reg *value)
{
	if (to->field->kind == SPECIAL_UPTR)
		return refuse(env, -EACCES, "special-field", "store to uptr disallowed");
	if (to->field->kind != SPECIAL_KPTR_UNTRUSTED)
		return refuse(env, -EACCES, "special-field", "store to referenced kptr disallowed");
	if (insn_class(&env->insns[env->at]) == BPF_ST)
		return value && reg_is_null(value)
			   ? 0
			   : refuse(env, -EACCES, "special-field",
				    "BPF_ST imm must be 0 when storing to kptr at off=%u",
				    to->field->off);
	if (value && reg_is_null(value)) {
		mark_precise(env, value);
		return 0;
	}
	return value ? kptr_match(env, to, regno, value) : -EFAULT;
}

int kptr_access(struct env *env, const struct reg *ptr, s64 off, enum access access, u32 regno,
		const struct reg *value, struct reg *loaded)
{
	const struct map_facts *facts = env->maps.data[ptr->map].facts;
	struct kptr_place to = { .field = kptr_at(&facts->record, off + (s64)ptr->val.umin) };

	if (!to.field || !scalar_is_const(&ptr->val))
		return 0;
	to.btf = to.field->local ? facts->btf : env->req->model->btf;
	if (BPF_MODE(env->insns[env->at].code) != BPF_MEM)
		return refuse(env, -EACCES, "special-field",
			      "kptr in map can only be accessed using BPF_MEM instruction mode");
	if (access & ACCESS_WRITE)
		return kptr_store(env, &to, regno, value);
	return kptr_load(env, facts, to.field, loaded);
}

/* ---- bpf_kptr_xchg ---- */

/* The first argument: where the pointer is. */
int kptr_xchg_place(struct env *env, u32 regno, struct kptr_place *out)
{
	const struct reg *reg = cur_reg(env, regno);
	const struct btf_record *record = reg_record(env, reg);
	const struct map_facts *facts = NULL;
	s64 at = (s64)reg->off + (s64)reg->val.umin;

	if (reg->kind == REG_MAP_VALUE) {
		facts = env->maps.data[reg->map].facts;
		if (!facts->btf)
			return refuse(env, -EINVAL, "special-field",
				      "map '%s' has to have BTF in order to use bpf_kptr_xchg",
				      facts->name);
	}
	if (!scalar_is_const(&reg->val))
		return refuse(env, -EINVAL, "variable-offset",
			      "R%u doesn't have constant offset. kptr has to be at the constant offset",
			      regno);
	if (!btf_record_has(record, SPECIAL_KPTRS))
		return refuse(env, -EINVAL, "special-field", "R%u has no valid kptr", regno);
	out->field = kptr_at(record, at);
	if (!out->field || out->field->kind == SPECIAL_UPTR)
		return refuse(env, -EACCES, "special-field", "off=%lld doesn't point to kptr",
			      (long long)at);
	if (out->field->kind == SPECIAL_KPTR_UNTRUSTED)
		return refuse(env, -EACCES, "special-field", "off=%lld kptr isn't referenced kptr",
			      (long long)at);
	out->btf = !out->field->local ? env->req->model->btf : facts ? facts->btf : env->req->btf;
	return facts ? check_own_btf(env, facts, out->field) : 0;
}

/*
 * What was handed over is the map's now. Others may free it from here on, but for what RCU
 * keeps: memory of each CPU may be used to the end of the section.
 */
int kptr_handed_over(struct env *env, u32 ref)
{
	struct reg_iter it = REG_ITER(env->cur);
	const struct reg *reg;

	while (in_rcu(env) && (reg = reg_iter_next(&it))) {
		struct reg *rw;

		if (reg->ref != ref || reg->kind != REG_BTF || !(reg->flags & REG_OWN_TYPE) ||
		    !(reg->flags & REG_PERCPU))
			continue;
		rw = reg_iter_rw(&env->pool, &it);
		if (!rw)
			return explore_failed(env);
		rw->ref = 0;
		rw->flags |= REG_RCU;
	}
	return forget_reference(env, ref);
}

void kptr_xchg_result(const struct kptr_place *place, struct reg *out)
{
	*out = reg_pointer(REG_BTF, (place->field->local ? REG_OWN_TYPE : 0) |
					(place->field->kind == SPECIAL_PERCPU_KPTR ? REG_PERCPU : 0));
	out->btf_id = place->field->type_id;
}
