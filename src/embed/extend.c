/* SPDX-License-Identifier: Apache-2.0 */
/* What an embedding program adds: contexts and helpers, in the public vocabulary. */
#include "embed/embed.h"
#include "kernel/custom.h"

#include <stdlib.h>
#include <string.h>

static u8 field_access(u32 access)
{
	return (u8)((access & SKEP_READ ? FIELD_READ | FIELD_NARROW : 0) |
		    (access & SKEP_WRITE ? FIELD_WRITE : 0) |
		    (access & SKEP_NULLABLE ? FIELD_NULLABLE : 0) |
		    (access & SKEP_MEM_WRITE ? FIELD_MEM_WRITE : 0));
}

static struct ctx_field field_of(const struct skep_field *field)
{
	return (struct ctx_field){
		.name = field->name,
		.offset = (u16)field->offset,
		.size = (u16)field->size,
		.run_offset = (u16)field->offset,
		.run_size = (u16)field->size,
		.kind = field->points_to ? FIELD_MEM : FIELD_SCALAR,
		.access = field_access(field->access),
		.mem_size = field->points_to,
	};
}

/* The first thing wrong with a context, or NULL. */
static const char *context_fault(const struct skep_context *context, u32 *which)
{
	u32 end = 0;

	*which = 0;
	if (!context->name || !*context->name)
		return "it has no name";
	if (!context->ctx_size || context->ctx_size > 0xffff)
		return "ctx_size must be 1 to 65535";
	if (context->ret_min > context->ret_max)
		return "ret_min is above ret_max";
	for (u32 i = 0; i < context->n_fields; i++) {
		const struct skep_field *f = &context->fields[i];

		*which = i + 1;
		if (!f->name || !*f->name)
			return "the field has no name";
		if (f->size != 1 && f->size != 2 && f->size != 4 && f->size != 8)
			return "the field's size is not 1, 2, 4 or 8";
		if (f->offset % f->size)
			return "the field is not naturally aligned";
		if (f->offset < end)
			return "the field overlaps the one before it, or fields are not sorted";
		if (f->offset > context->ctx_size - f->size)
			return "the field lies outside ctx_size";
		if (f->points_to && f->size != 8)
			return "a pointer field has size 8";
		if (f->points_to && (f->access & SKEP_WRITE))
			return "a pointer field cannot be SKEP_WRITE";
		end = f->offset + f->size;
	}
	return NULL;
}

int skep_add_context(struct skep *skep, const struct skep_context *context)
{
	struct ctx_layout layout = { 0 };
	struct ctx_field *fields;
	const char *fault;
	u32 which;
	int id;

	if (context->size < sizeof(*context))
		return embed_fail(-EINVAL,
				  "skep_add_context: size must be sizeof(struct skep_context)");
	fault = context_fault(context, &which);
	if (fault)
		return embed_fail(-EINVAL, "context %s, field %u: %s",
				  context->name ? context->name : "?", which, fault);
	fields = calloc(context->n_fields + 1, sizeof(*fields));
	if (!fields)
		return embed_fail(-ENOMEM, "context %s: out of memory", context->name);
	for (u32 i = 0; i < context->n_fields; i++)
		fields[i] = field_of(&context->fields[i]);
	layout.name = context->name;
	layout.size = context->ctx_size;
	layout.fields = fields;
	layout.n_fields = context->n_fields;
	layout.ret_min = context->ret_min;
	layout.ret_max = context->ret_max;
	layout.checks_return = context->ret_min || context->ret_max;
	id = custom_add_context(skep_custom(skep), &layout);
	free(fields);
	if (id < 0)
		return embed_fail(id, "context %s: %s", context->name,
				  id == -EEXIST ? "the name is taken" : strerror(-id));
	return 0;
}

static u32 arg_of(enum skep_arg arg)
{
	switch (arg) {
	case SKEP_ARG_NONE:
		return ARG_DONTCARE;
	case SKEP_ARG_VALUE:
		return ARG_ANYTHING;
	case SKEP_ARG_CTX:
		return ARG_PTR_TO_CTX;
	case SKEP_ARG_MAP:
		return ARG_CONST_MAP_PTR;
	case SKEP_ARG_READ:
		return ARG_PTR_TO_MEM | ARG_MEM_RDONLY;
	case SKEP_ARG_WRITE:
		return ARG_PTR_TO_MEM | ARG_MEM_UNINIT | ARG_MEM_WRITE;
	case SKEP_ARG_SIZE:
		return ARG_CONST_SIZE;
	case SKEP_ARG_SIZE_OR_0:
		return ARG_CONST_SIZE_OR_ZERO;
	case SKEP_ARG_READ_FIXED:
		return ARG_PTR_TO_MEM | ARG_MEM_RDONLY | ARG_MEM_FIXED_SIZE;
	case SKEP_ARG_WRITE_FIXED:
		return ARG_PTR_TO_MEM | ARG_MEM_UNINIT | ARG_MEM_WRITE | ARG_MEM_FIXED_SIZE;
	}
	return ARG_TYPE_COUNT; /* refused by custom_add_helper */
}

static u32 ret_of(enum skep_ret ret)
{
	switch (ret) {
	case SKEP_RET_VOID:
		return RET_VOID;
	case SKEP_RET_MEM_OR_NULL:
		return RET_PTR_TO_MEM | RET_MAYBE_NULL;
	case SKEP_RET_VALUE:
		break;
	}
	return RET_INTEGER;
}

int skep_add_helper(struct skep *skep, const struct skep_helper *helper)
{
	struct helper_proto proto = { 0 };
	int err;

	if (helper->size < sizeof(*helper))
		return embed_fail(-EINVAL,
				  "skep_add_helper: size must be sizeof(struct skep_helper)");
	if (helper->ret == SKEP_RET_MEM_OR_NULL && !helper->ret_size)
		return embed_fail(-EINVAL, "helper %s: SKEP_RET_MEM_OR_NULL needs ret_size",
				  helper->name ? helper->name : "?");
	proto.id = HELPER_FIRST_CUSTOM + helper->n;
	proto.name = helper->name;
	/* struct skep_run is struct run_ctx by its public name. */
	proto.fn = (helper_fn)(void (*)(void))helper->fn;
	proto.ret = ret_of(helper->ret);
	proto.ret_size = helper->ret_size;
	for (int i = 0; i < 5; i++) {
		proto.arg[i] = arg_of(helper->arg[i]);
		proto.arg_size[i] = helper->arg_size[i];
	}
	err = custom_add_helper(skep_custom(skep), &proto);
	if (err)
		return embed_fail(
		    err, "helper %u (%s): %s", helper->n, helper->name ? helper->name : "no name",
		    err == -EEXIST ? "the number is taken"
		    : err == -EINVAL
			? "needs a name, a function, a number below SKEP_MAX_HELPERS, a size "
			  "argument right after each memory argument, and arg_size for fixed ones"
			: strerror(-err));
	return 0;
}

void *skep_run_ctx(const struct skep_run *run)
{
	return ((const struct run_ctx *)run)->ctx;
}

void *skep_run_data(const struct skep_run *run)
{
	return ((const struct run_ctx *)run)->user_data;
}
