/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEP_MODEL_BUILT_H
#define SKEP_MODEL_BUILT_H

#include "model/model.h"

/* Finds in the model's BTF what the kernel was built without. */
void model_find_lacking(struct kernel_model *model);

#endif
