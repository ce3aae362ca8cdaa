/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/custom.h"

#include "base/atomic.h"
#include "base/str.h"

#include <stdlib.h>
#include <string.h>

void custom_init(struct custom_table *table)
{
	memset(table, 0, sizeof(*table));
	pthread_mutex_init(&table->lock, NULL);
}

static void context_free(struct ctx_layout *layout)
{
	if (!layout)
		return;
	for (u32 i = 0; i < layout->n_fields && layout->fields; i++)
		free((char *)layout->fields[i].name);
	free((struct ctx_field *)layout->fields);
	free((char *)layout->name);
	free(layout);
}

static void helper_free(struct helper_proto *proto)
{
	if (!proto)
		return;
	free((char *)proto->name);
	free(proto);
}

void custom_release(struct custom_table *table)
{
	for (u32 i = 0; i < table->n_contexts; i++)
		context_free(table->contexts[i]);
	for (u32 i = 0; i < table->n_helpers; i++)
		helper_free((struct helper_proto *)table->helpers[i]);
	pthread_mutex_destroy(&table->lock);
}

static bool field_is_scalar_size(u32 size)
{
	return size == 1 || size == 2 || size == 4 || size == 8;
}

/* Fields are sorted, apart, inside the context and naturally aligned. */
static bool layout_is_sound(const struct ctx_layout *layout)
{
	u32 end = 0;

	if (!layout->name || !*layout->name || !layout->size || layout->size > 0xffff ||
	    layout->writable_size > layout->size || layout->ret_min > layout->ret_max)
		return false;
	for (u32 i = 0; i < layout->n_fields; i++) {
		const struct ctx_field *f = &layout->fields[i];

		if (!f->name || !field_is_scalar_size(f->size) || f->offset % f->size ||
		    f->offset < end || f->offset + f->size > layout->size)
			return false;
		if (f->kind != FIELD_SCALAR && f->kind != FIELD_MEM)
			return false;
		if (f->kind == FIELD_MEM &&
		    (f->size != 8 || !f->mem_size || (f->access & FIELD_WRITE)))
			return false;
		end = f->offset + f->size;
	}
	return true;
}

static struct ctx_layout *context_copy(const struct ctx_layout *from)
{
	struct ctx_layout *to = calloc(1, sizeof(*to));
	struct ctx_field *fields = NULL;

	if (!to)
		return NULL;
	*to = *from;
	to->fields = NULL;
	to->n_fields = 0;
	to->name = strdup(from->name);
	if (from->n_fields) {
		fields = calloc(from->n_fields, sizeof(*fields));
		to->fields = fields;
	}
	if (!to->name || (from->n_fields && !fields))
		goto fail;
	to->n_fields = from->n_fields;
	for (u32 i = 0; i < from->n_fields; i++) {
		fields[i] = from->fields[i];
		fields[i].name = NULL;
	}
	for (u32 i = 0; i < from->n_fields; i++) {
		fields[i].name = strdup(from->fields[i].name);
		if (!fields[i].name)
			goto fail;
	}
	return to;

fail:
	context_free(to);
	return NULL;
}

int custom_find_context(const struct custom_table *table, const char *name)
{
	u32 n = load_acquire(&table->n_contexts);

	for (u32 i = 0; i < n; i++)
		if (str_eq(table->contexts[i]->name, name))
			return (int)i + 1;
	return -ENOENT;
}

int custom_add_context(struct custom_table *table, const struct ctx_layout *layout)
{
	struct ctx_layout *copy;
	int id;

	if (!layout_is_sound(layout))
		return -EINVAL;
	copy = context_copy(layout);
	if (!copy)
		return -ENOMEM;
	pthread_mutex_lock(&table->lock);
	if (custom_find_context(table, layout->name) > 0) {
		id = -EEXIST;
	} else if (table->n_contexts == CUSTOM_MAX_CONTEXTS) {
		id = -ENOSPC;
	} else {
		table->contexts[table->n_contexts] = copy;
		id = (int)table->n_contexts + 1;
		store_release(&table->n_contexts, (u32)id);
	}
	pthread_mutex_unlock(&table->lock);
	if (id < 0)
		context_free(copy);
	return id;
}

const struct ctx_layout *custom_context(const struct custom_table *table, u32 id)
{
	return id >= 1 && id <= load_acquire(&table->n_contexts) ? table->contexts[id - 1] : NULL;
}

/* Each size argument follows a memory argument; a fixed size is not zero. */
static bool proto_is_sound(const struct helper_proto *proto)
{
	bool ended = false;

	if (!proto->name || !*proto->name || !proto->fn)
		return false;
	for (u32 i = 0; i < 5; i++) {
		u32 base = proto->arg[i] & ARG_BASE_MASK;
		bool is_size = base == ARG_CONST_SIZE || base == ARG_CONST_SIZE_OR_ZERO;
		bool after_memory =
		    i > 0 && (proto->arg[i - 1] & ARG_BASE_MASK) == ARG_PTR_TO_MEM &&
		    !(proto->arg[i - 1] & ARG_MEM_FIXED_SIZE);

		if (base >= ARG_TYPE_COUNT || is_size != after_memory)
			return false;
		if (base != ARG_DONTCARE && ended)
			return false;
		if ((proto->arg[i] & ARG_MEM_FIXED_SIZE) && !proto->arg_size[i])
			return false;
		ended = base == ARG_DONTCARE;
	}
	return (proto->arg[4] & ARG_BASE_MASK) != ARG_PTR_TO_MEM ||
	       (proto->arg[4] & ARG_MEM_FIXED_SIZE);
}

int custom_add_helper(struct custom_table *table, const struct helper_proto *proto)
{
	u32 index = proto->id - HELPER_FIRST_CUSTOM;
	struct helper_proto *copy;
	int err = 0;

	if (index >= CUSTOM_MAX_HELPERS || !proto_is_sound(proto))
		return -EINVAL;
	copy = malloc(sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	*copy = *proto;
	copy->name = strdup(proto->name);
	if (!copy->name) {
		free(copy);
		return -ENOMEM;
	}
	pthread_mutex_lock(&table->lock);
	if (table->helpers[index]) {
		err = -EEXIST;
	} else {
		store_release(&table->helpers[index], copy);
		if (index >= table->n_helpers)
			store_release(&table->n_helpers, index + 1);
	}
	pthread_mutex_unlock(&table->lock);
	if (err)
		helper_free(copy);
	return err;
}
