/* SPDX-License-Identifier: Apache-2.0 */
/* Skep's own kernel model. */
#include "btf/btf.h"
#include "helpers/helpers.h"
#include "model/prog_types.h"
#include "os/os.h"

static int parse_presented(struct btf **out)
{
	void *data;
	u32 size;
	int err = model_skep_btf(&data, &size);

	if (err)
		return err;
	err = btf_parse(data, size, NULL, NULL, out);
	os_free(data);
	return err;
}

int model_skep_new(struct kernel_model **out)
{
	struct kernel_model *model = os_alloc(sizeof(*model));
	int err;

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
	err = parse_presented(&model->btf);
	if (err) {
		os_free(model);
		return err;
	}
	*out = model;
	return 0;
}

void model_skep_free(struct kernel_model *model)
{
	if (!model)
		return;
	btf_free(model->btf);
	os_free(model);
}
