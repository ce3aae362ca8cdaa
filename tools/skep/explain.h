/* SPDX-License-Identifier: Apache-2.0 */
/* Explanations of refused programs, as the commands print them. */
#ifndef SKEP_TOOLS_EXPLAIN_H
#define SKEP_TOOLS_EXPLAIN_H

#include "explain/explain.h"

struct skep;

/* The explanation of the program that was refused last. Both texts are NULL when there is none. */
struct explainer {
	struct explain_opts opts;
	char *text; /* one screen, ends with a newline */
	char *json; /* one object */
};

/* From now on each refusal of this kernel is explained. *ex stays where it is until the end. */
void explainer_start(struct explainer *ex, struct skep *skep);
/* Forgets the last explanation: a program is about to be loaded. */
void explainer_clear(struct explainer *ex);
void explainer_end(struct explainer *ex, struct skep *skep);

#endif
