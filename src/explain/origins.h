/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEP_EXPLAIN_ORIGINS_H
#define SKEP_EXPLAIN_ORIGINS_H

#include "explain/words.h"

/*
 * The value that the refusal is about: its location in the state before the last step.
 * False: the refusal is about something else.
 */
bool offending_value(const struct verify_request *request, const struct path *path,
		     const struct explanation *e, struct loc *out);
/* Fills e->origins and e->detail: where the value came from on the path. */
void find_origins(const struct verify_request *request, const struct path *path,
		  struct explanation *e);
/* Of a program that is too complex: e->at becomes the loop it is about. */
void find_busy_place(const struct verify_request *request, const struct path *path,
		     struct explanation *e);
/* Fills e->branches: the branches on the path that could have gone another way, and calls. */
void find_branches(const struct verify_request *request, const struct path *path,
		   struct explanation *e);

/*
 * For a pointer that was made by adding a number to another one: the step of that addition,
 * the register that held the number, and the frame. False: it has no variable part, or none
 * that can be found on the path.
 */
bool find_addition(const struct verify_request *request, const struct path *path, struct loc loc,
		   u32 *step, u32 *reg);

#endif
