/* SPDX-License-Identifier: Apache-2.0 */
/* Explanations of refused programs, as the commands print them. */
#ifndef SKEP_TOOLS_EXPLAIN_H
#define SKEP_TOOLS_EXPLAIN_H

#include "explain/explain.h"

/* The explanation of the program that was refused last. Both texts are NULL when there is none. */
struct explainer {
	struct explain_opts opts;
	char *text; /* one screen, ends with a newline */
	char *json; /* one object */
};

/* Explains a refusal while its request is at hand (skep_on_verified). */
void explainer_take(struct explainer *ex, const struct verify_request *request,
		    const struct verify_result *result);
/* Forgets the last explanation: a program is about to be loaded. */
void explainer_clear(struct explainer *ex);

#endif
