/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEP_EXPLAIN_SEARCH_H
#define SKEP_EXPLAIN_SEARCH_H

#include "explain/explain.h"
#include "explain/path.h"

/* Looks for an input on which the program does what was refused. 0 or -ENOMEM. */
int search_input(const struct verify_request *request, const struct path *path,
		 struct explanation *e, u32 milliseconds);

#endif
