/* SPDX-License-Identifier: Apache-2.0 */
/* A Skep kernel as the loader sees it. */
#include "kernel/custom.h"
#include "kernel/kernel.h"
#include "loader/loader.h"
#include "maps/map.h"

#include <skep/bpf.h>

/* Of a Linux, maps of all types can be described; of Skep's kernel, only those it has. */
static bool skep_has_map_type(void *data, u32 type)
{
	return skep_model(data)->is_linux ? map_can_describe(type) : map_ops_of(type) != NULL;
}

static int skep_bpf_of(void *data, int cmd, union bpf_attr *attr, unsigned int size)
{
	if (cmd == BPF_MAP_CREATE && !skep_has_map_type(data, attr->map_type)) {
		errno = EINVAL;
		return -1;
	}
	return skep_bpf(data, cmd, attr, size);
}

static int skep_context_of(void *data, const char *name)
{
	return custom_find_context(skep_custom(data), name);
}

/* A type without a context has its helpers listed, and nothing that could run it. */
static bool skep_has_prog_type(void *data, u32 type)
{
	const struct prog_type_model *model = model_prog_type(skep_model(data), type);

	return model && (model->ctx || type == PROG_TYPE_CUSTOM || skep_verify_only(data));
}

void loader_kernel_of(struct skep *skep, struct loader_kernel *kernel)
{
	const struct btf *btf = skep_model(skep)->btf;

	*kernel = (struct loader_kernel){
		.bpf = skep_bpf_of,
		.context = skep_context_of,
		.data = skep,
		.btf = btf ? btf->data : NULL,
		.btf_size = btf ? btf->size : 0,
		.release = "6.18.0-skep",
		.has_map_type = skep_has_map_type,
		.has_prog_type = skep_has_prog_type,
	};
}
