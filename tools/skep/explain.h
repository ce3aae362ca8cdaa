/* SPDX-License-Identifier: Apache-2.0 */
/* Explanations of refused programs, as the commands print them. */
#ifndef SKEP_TOOLS_EXPLAIN_H
#define SKEP_TOOLS_EXPLAIN_H

#include "explain/explain.h"

/* The explanation of the program that was refused last. Both texts are NULL when there is none. */
struct explainer {
	struct explain_opts opts;
	bool why_slow;   /* also say where verification goes, of accepted programs too */
	u32 states_line; /* also show the abstract states at this line; 0: none */
	char *text; /* one screen, ends with a newline */
	char *json; /* one object */
};

/* Explains a verdict (err: what verify gave) while its request is at hand (skep_on_verified). */
void explainer_take(struct explainer *ex, const struct verify_request *request,
		    const struct verify_result *result, int err);
/* Forgets the last explanation: a program is about to be loaded. */
void explainer_clear(struct explainer *ex);

#endif
