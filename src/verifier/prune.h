/* SPDX-License-Identifier: Apache-2.0 */
/* Comparing states: is everything that can happen from one also possible from another? */
#ifndef SKEP_VERIFIER_PRUNE_H
#define SKEP_VERIFIER_PRUNE_H

#include "verifier/env.h"

enum cover_mode {
	COVER_PRECISE, /* numbers matter only where the old state's proof used them */
	COVER_WITHIN,  /* all numbers matter: the old proof is not finished */
	COVER_EXACT,   /* equal in all that is live: nothing changed since */
};

/* True when the proof from old also proves cur. Dead parts of old were cleared before. */
bool state_covers(struct env *env, const struct state *old, const struct state *cur,
		  enum cover_mode mode);
/* cur was cut at old: what old's proof depends on (or will, when linked), cur's does too. */
void state_share_precision(struct env *env, const struct state *old, const struct state *cur,
			   bool final);

#endif
