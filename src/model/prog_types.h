/* SPDX-License-Identifier: Apache-2.0 */
/* The program types of Skep's model (prog_types.c), by enum bpf_prog_type. */
#ifndef SKEP_MODEL_PROG_TYPES_H
#define SKEP_MODEL_PROG_TYPES_H

#include "model/model.h"

#define PROG_TYPE_COUNT 33 /* Linux 6.18's last is netfilter, 32 */

extern const struct prog_type_model *const skep_prog_types[PROG_TYPE_COUNT];
/* SEC("skep/NAME"): base helpers and, with privilege, the tracing ones. */
extern const struct prog_type_model skep_custom_type;

#endif
