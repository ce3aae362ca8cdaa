/* SPDX-License-Identifier: Apache-2.0 */
#include "model/model.h"

/* Those for which Linux registers a destructor. */
const char *const model_owned_types[] = {
	"task_struct", "cgroup", "bpf_cpumask", "bpf_crypto_ctx", "sk_buff",
	"prog_test_ref_kfunc", "prog_test_member", NULL,
};

const struct prog_type_model *model_prog_type(const struct kernel_model *model, u32 type)
{
	if (type == PROG_TYPE_CUSTOM)
		return model->custom_type;
	if (type >= model->n_prog_types || (model->lacks_types >> type & 1))
		return NULL;
	return model->prog_types[type];
}

const struct helper_proto *model_helper(const struct kernel_model *model, u32 id)
{
	if (id < HELPER_FIRST_CUSTOM)
		return id < model->n_helpers ? model->helpers[id] : NULL;
	id -= HELPER_FIRST_CUSTOM;
	return id < model->n_custom_helpers ? model->custom_helpers[id] : NULL;
}

static const struct helper_grant *find_grant(const struct prog_type_model *type, u32 id)
{
	const struct helper_set *const *sets = type->helper_sets;

	for (; sets && *sets; sets++)
		for (u32 i = 0; i < (*sets)->n_grants; i++)
			if ((*sets)->grants[i].id == id)
				return &(*sets)->grants[i];
	return NULL;
}

static bool at_attach_type(u64 attach_types, u32 attach_type)
{
	return !attach_types || (attach_type < 64 && (attach_types >> attach_type & 1));
}

const struct helper_proto *model_prog_helper(const struct kernel_model *model,
					     const struct prog_type_model *type, u32 attach_type,
					     enum privilege privilege, u32 id)
{
	const struct helper_grant *grant;

	if (id >= HELPER_FIRST_CUSTOM)
		return type->type == PROG_TYPE_CUSTOM ? model_helper(model, id) : NULL;
	grant = find_grant(type, id);
	if (!grant || grant->needs > privilege)
		return NULL;
	if (id / 64 < ARRAY_SIZE(model->lacks_helpers) &&
	    (model->lacks_helpers[id / 64] >> id % 64 & 1))
		return NULL;
	if (!at_attach_type(grant->attach_types, attach_type))
		return NULL;
	return grant->variant ? model->helper_variants[grant->variant] : model_helper(model, id);
}

static const struct ctx_field *find_field(const struct ctx_layout *layout, u32 offset)
{
	for (u32 i = 0; i < layout->n_fields; i++) {
		const struct ctx_field *field = &layout->fields[i];

		if (offset >= field->offset && offset - field->offset < field->size)
			return field;
	}
	return NULL;
}

/* Part of a number, read. */
static bool narrow_access(const struct ctx_field *field, u32 into, u32 size)
{
	if (size < field->piece_min || (field->pieces_end && into + size > field->pieces_end))
		return false;
	return field->access & FIELD_NARROW || (field->access & FIELD_NARROW_START && !into);
}

static bool field_access(const struct ctx_field *field, u32 attach_type, u32 offset, u32 size,
			 bool write)
{
	u32 unit = field->unit ? field->unit : field->size;
	u32 into = offset - field->offset;

	if (!(field->access & (write ? FIELD_WRITE : FIELD_READ)) || into + size > field->size ||
	    !at_attach_type(write ? field->write_at : field->read_at, attach_type))
		return false;
	if (field->access & FIELD_ANY_SIZE)
		return true;
	if (size == unit)
		return into % unit == 0;
	if (size == 2 * unit)
		return field->access & FIELD_WIDE;
	return !write && size < unit && narrow_access(field, into, size);
}

bool model_ctx_access(const struct ctx_layout *layout, u32 attach_type, s64 offset, u32 size,
		      bool write, const struct ctx_field **field)
{
	*field = NULL;
	if (!layout || offset < 0 || size > layout->size || offset > layout->size - size || !size ||
	    size & (size - 1) || offset & (size - 1))
		return false;
	if (layout->fields) {
		*field = find_field(layout, (u32)offset);
		return *field && field_access(*field, attach_type, (u32)offset, size, write);
	}
	return offset >= layout->first && (!write || offset + size <= layout->writable_size);
}

u32 model_attach_type(const struct prog_type_model *type, u32 attach_type)
{
	return attach_type ? attach_type : type->default_attach_type;
}

bool model_attach_type_fits(const struct prog_type_model *type, u32 attach_type)
{
	return at_attach_type(type->attach_types, attach_type);
}

const struct return_range *model_return_range(const struct prog_type_model *type, u32 attach_type)
{
	const struct return_range *range = type->returns;

	while (range && !at_attach_type(range->attach_types, attach_type))
		range++;
	return range && !range->any ? range : NULL;
}
