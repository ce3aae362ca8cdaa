/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking at a verification from outside, of accepted and of refused programs alike: the
 * verifier is run once more with observers.
 */
#ifndef SKEP_EXPLAIN_STUDY_H
#define SKEP_EXPLAIN_STUDY_H

#include "explain/words.h"

/*
 * Where the verifier spent its time: instructions and states by source line and by prune
 * point; of states that did not cover each other, what differed; and what to do. 0 or -ENOMEM.
 */
int study_slow(const struct verify_request *request, struct text *out);

/* The abstract states at a line (without line_info: an instruction), each in words. */
int study_states(const struct verify_request *request, u32 line, struct text *out);

#endif
