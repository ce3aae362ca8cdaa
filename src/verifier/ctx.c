/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The context: which of its fields a program may touch, and what a load of one yields. The
 * layout is data (struct ctx_layout), from the model or from an embedder. What is found
 * here is kept for fixup.c, which rewrites the access to run-time offsets.
 */
#include "btf/btf.h"
#include "verifier/step.h"

static int refuse_ctx(struct env *env, s64 off, u32 size)
{
	return refuse(env, -EACCES, "invalid-ctx-access", "invalid bpf_context access off=%lld size=%u",
		      (long long)off, size);
}

static const struct ctx_field *find_field(const struct ctx_layout *layout, s64 off)
{
	u32 lo = 0, hi = layout->n_fields;

	while (lo < hi) {
		u32 mid = (lo + hi) / 2;
		const struct ctx_field *field = &layout->fields[mid];

		if (off >= field->offset && off < field->offset + field->size)
			return field;
		if (off < field->offset)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}

/* A pointer field: one that must be read whole. */
static int load_pointer_field(struct env *env, const struct ctx_field *field, struct reg *out)
{
	static const u8 kinds[] = {
		[FIELD_PACKET] = REG_PACKET,	       [FIELD_PACKET_END] = REG_PACKET_END,
		[FIELD_PACKET_META] = REG_PACKET_META, [FIELD_SOCK_COMMON] = REG_SOCK_COMMON,
		[FIELD_SOCKET] = REG_SOCKET,	       [FIELD_FLOW_KEYS] = REG_FLOW_KEYS,
		[FIELD_BTF_ID] = REG_BTF,	       [FIELD_MEM] = REG_MEM,
	};
	s32 id;

	*out = reg_pointer(kinds[field->kind], field->access & FIELD_NULLABLE ? REG_MAYBE_NULL : 0);
	if (out->flags & REG_MAYBE_NULL)
		out->id = new_id(env);
	if (field->kind == FIELD_MEM) {
		out->size = field->mem_size;
		if (!(field->access & FIELD_MEM_WRITE))
			out->flags |= REG_RDONLY;
	}
	if (field->kind == FIELD_BTF_ID) {
		id = env->req->model->btf && field->btf_name
			 ? btf_find(env->req->model->btf, field->btf_name, BTF_KIND_STRUCT)
			 : -ENOENT;
		if (id <= 0)
			return refuse(env, -EACCES, "unsupported",
				      "no BTF of the type that context field '%s' points to",
				      field->name);
		out->btf_id = (u32)id;
	}
	return 0;
}

/* The part [off, off + size) of the field, if it may be accessed like that. */
static bool part_ok(const struct ctx_field *field, s64 off, u32 size, enum access access)
{
	if (off == field->offset && size == field->size)
		return true;
	if (field->kind != FIELD_SCALAR || access != ACCESS_READ || !(field->access & FIELD_NARROW))
		return false;
	/* Narrow: a naturally aligned piece inside. */
	return off >= field->offset && off + size <= field->offset + field->size &&
	       !((off - field->offset) % size);
}

static void set_fixup(struct env *env, const struct ctx_field *field, s64 off, u32 size)
{
	struct insn_aux *aux = &env->aux[env->at];

	aux->ctx_size = (u8)size;
	if (off == field->offset && size == field->size)
		aux->ctx_size = (u8)field->run_size;
	aux->ctx_offset = (u16)(field->run_offset + (off - field->offset));
}

static int access_field(struct env *env, s64 off, u32 size, enum access access, struct reg *loaded)
{
	const struct ctx_field *field = find_field(env->ctx, off);
	u32 want = access == ACCESS_WRITE ? FIELD_WRITE : FIELD_READ;

	if (!field || !(field->access & want) || !part_ok(field, off, size, access))
		return refuse_ctx(env, off, size);
	/* A piece beyond what exists at run time has no place to be read from. */
	if (off - field->offset + size > field->run_size &&
	    !(off == field->offset && size == field->size))
		return refuse_ctx(env, off, size);
	set_fixup(env, field, off, size);
	if (access == ACCESS_WRITE || field->kind == FIELD_SCALAR)
		return 0;
	return load_pointer_field(env, field, loaded);
}

/* A layout without fields: plain bytes. */
static int access_bytes(struct env *env, s64 off, u32 size, enum access access)
{
	u32 limit = access == ACCESS_WRITE ? env->ctx->writable_size : env->ctx->size;

	if (off < 0 || off % size || (u64)off + size > limit)
		return refuse_ctx(env, off, size);
	env->aux[env->at].ctx_offset = (u16)off;
	env->aux[env->at].ctx_size = (u8)size;
	return 0;
}

int ctx_access(struct env *env, u32 regno, const struct reg *ptr, s64 off, u32 size,
	       enum access access, struct reg *loaded)
{
	int err = check_pointer_off(env, regno, ptr);

	if (err)
		return err;
	if (!env->ctx || off < 0 || off > UINT16_MAX)
		return refuse_ctx(env, off, size);
	if (env->ctx->fields)
		return access_field(env, off, size, access, loaded);
	return access_bytes(env, off, size, access);
}
