/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEP_EXPLAIN_FIXES_H
#define SKEP_EXPLAIN_FIXES_H

#include "explain/explain.h"
#include "explain/path.h"

/* Fills e->fixes: changes specific to the refusal, each verified before it is called so. */
void find_fixes(const struct verify_request *request, const struct path *path,
		struct explanation *e);

#endif
