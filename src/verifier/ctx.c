/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The context: which of its fields a program may touch, and what a load of one yields. The
 * layout is data (struct ctx_layout), from the model or from an embedder. What is found
 * here is kept for fixup.c, which rewrites the access to run-time offsets.
 */
#include "btf/btf.h"
#include "verifier/step.h"

/* What the fields that are pointers become. */
static const u8 field_kinds[] = {
	[FIELD_PACKET] = REG_PACKET,	       [FIELD_PACKET_END] = REG_PACKET_END,
	[FIELD_PACKET_META] = REG_PACKET_META, [FIELD_SOCK_COMMON] = REG_SOCK_COMMON,
	[FIELD_SOCKET] = REG_SOCKET,	       [FIELD_FLOW_KEYS] = REG_FLOW_KEYS,
	[FIELD_BTF_ID] = REG_BTF,	       [FIELD_MEM] = REG_MEM,
	[FIELD_TP_BUFFER] = REG_TP_BUFFER,
};

static int load_pointer(struct env *env, const struct ctx_field *field, struct reg *out)
{
	const struct btf *btf = env->req->model->btf;
	s32 id;

	*out = reg_pointer(field_kinds[field->kind],
			   field->access & FIELD_NULLABLE ? REG_MAYBE_NULL : 0);
	if (out->flags & REG_MAYBE_NULL)
		out->id = new_id(env);
	if (field->kind == FIELD_MEM) {
		out->size = field->mem_size;
		if (!(field->access & FIELD_MEM_WRITE))
			out->flags |= REG_RDONLY;
	}
	if (field->kind == FIELD_BTF_ID) {
		id = btf && field->btf_name ? btf_find(btf, field->btf_name, BTF_KIND_STRUCT)
					    : -ENOENT;
		if (id <= 0)
			return refuse(env, -EACCES, "unsupported",
				      "no BTF of the type that context field '%s' points to",
				      field->name);
		out->btf_id = (u32)id;
		out->flags |= REG_TRUSTED; /* the kernel holds it for the program's run */
	}
	return 0;
}

/* A whole field has its own size at run time, a part of one the size it was asked for. */
static void note_fixup(struct env *env, const struct ctx_field *field, s64 off, u32 size)
{
	struct insn_aux *aux = &env->aux[env->at];

	aux->ctx_offset = (u16)off;
	aux->ctx_size = (u8)size;
	if (field) {
		aux->ctx_offset = (u16)(field->run_offset + (off - field->offset));
		if (size == field->size)
			aux->ctx_size = (u8)field->run_size;
	}
	env->max_ctx_offset = MAX(env->max_ctx_offset, (u32)aux->ctx_offset + aux->ctx_size);
}

int ctx_access(struct env *env, u32 regno, const struct reg *ptr, s64 off, u32 size,
	       enum access access, struct reg *loaded)
{
	bool write = access & ACCESS_WRITE;
	const struct ctx_field *field;
	int err = check_pointer_off(env, regno, ptr);

	if (err)
		return err;
	if (env->attach.proto) {
		note_fixup(env, NULL, off, size);
		return attach_access(env, off, size, write, loaded);
	}
	if (!model_ctx_access(env->ctx, env->req->expected_attach_type, off, size, write, &field))
		return refuse(env, -EACCES, "invalid-ctx-access",
			      "invalid bpf_context access off=%lld size=%u", (long long)off, size);
	note_fixup(env, field, off, size);
	if (write || !field || field->kind == FIELD_SCALAR)
		return 0;
	return load_pointer(env, field, loaded);
}
