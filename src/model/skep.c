/* SPDX-License-Identifier: Apache-2.0 */
/* Skep's own kernel model. */
#include "btf/btf.h"
#include "helpers/helpers.h"
#include "model/prog_types.h"
#include "os/os.h"

int model_skep_new(struct kernel_model **out)
{
	struct kernel_model *model = os_alloc(sizeof(*model));

	if (!model)
		return -ENOMEM;
	*model = (struct kernel_model){
		.name = "skep",
		.prog_types = skep_prog_types,
		.n_prog_types = PROG_TYPE_COUNT,
		.helpers = helper_protos,
		.n_helpers = HELPER_COUNT,
		.helper_variants = helper_variants,
		.custom_type = &skep_custom_type,
		.max_insns = 1000000,
		.max_insns_processed = 1000000,
	};
	*out = model;
	return 0;
}

void model_skep_free(struct kernel_model *model)
{
	os_free(model);
}
