/* SPDX-License-Identifier: Apache-2.0 */
/* The table of checks of the build with SKEP_CHECK_SITES (deletions.c). */
#ifndef SKEP_TESTS_DELETED_H
#define SKEP_TESTS_DELETED_H

#include "verifier/env.h"

extern const struct check_site __start_check_sites[], __stop_check_sites[];

#endif
