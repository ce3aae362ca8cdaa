/* SPDX-License-Identifier: Apache-2.0 */
/* Skep's own kernel model, and those of Linuxes. */
#include "btf/btf.h"
#include "helpers/helpers.h"
#include "model/built.h"
#include "model/kfuncs.h"
#include "model/prog_types.h"
#include "os/os.h"

/* What all models have: the language of Linux 6.18. */
static struct kernel_model *model_new(const char *name)
{
	struct kernel_model *model = os_alloc(sizeof(*model));

	if (!model)
		return NULL;
	*model = (struct kernel_model){
		.name = name,
		.owned_types = model_owned_types,
		.prog_types = skep_prog_types,
		.n_prog_types = PROG_TYPE_COUNT,
		.helpers = helper_protos,
		.n_helpers = HELPER_COUNT,
		.helper_variants = helper_variants,
		.custom_type = &skep_custom_type,
		.max_insns = 1000000,
		.max_insns_processed = 1000000,
	};
	return model;
}

static int finish(struct kernel_model *model, int err, struct kernel_model **out)
{
	if (!err)
		err = model_kfuncs_init(model);
	if (err) {
		model_free(model);
		return err;
	}
	*out = model;
	return 0;
}

int model_skep_new(struct kernel_model **out)
{
	struct kernel_model *model = model_new("skep");
	void *data;
	u32 size;
	int err;

	if (!model)
		return -ENOMEM;
	err = model_skep_btf(&data, &size);
	if (err)
		return finish(model, err, out);
	err = btf_parse(data, size, NULL, NULL, &model->btf);
	os_free(data);
	return finish(model, err, out);
}

int model_linux_new(const void *btf, u32 size, struct text *log, struct kernel_model **out)
{
	struct kernel_model *model = model_new("linux");
	int err;

	if (!model)
		return -ENOMEM;
	model->is_linux = true;
	err = btf_parse(btf, size, NULL, log, &model->btf);
	if (!err)
		model_find_lacking(model);
	return finish(model, err, out);
}

void model_free(struct kernel_model *model)
{
	if (!model)
		return;
	model_kfuncs_release(model);
	btf_free(model->btf);
	os_free(model);
}
