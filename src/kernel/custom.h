/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an embedding program adds to its kernel: contexts of its own (SEC("skep/NAME")) and
 * helpers of its own. Both only grow, so ids stay valid and readers need no lock.
 */
#ifndef SKEP_KERNEL_CUSTOM_H
#define SKEP_KERNEL_CUSTOM_H

#include <pthread.h>

#include "model/model.h"

#define CUSTOM_MAX_CONTEXTS 256
#define CUSTOM_MAX_HELPERS 1024

struct custom_table {
	pthread_mutex_t lock; /* of registration */
	struct ctx_layout *contexts[CUSTOM_MAX_CONTEXTS];
	u32 n_contexts;
	const struct helper_proto *helpers[CUSTOM_MAX_HELPERS]; /* NULL: that id is not taken */
	u32 n_helpers; /* highest index in use + 1 */
};

void custom_init(struct custom_table *table);
void custom_release(struct custom_table *table);

/*
 * Copies layout (fields and names too). The id (>= 1, what PROG_LOAD passes as
 * expected_attach_type), or -EINVAL (a field outside the struct, overlapping or unnamed),
 * -EEXIST (the name is taken), -ENOSPC, -ENOMEM.
 */
int custom_add_context(struct custom_table *table, const struct ctx_layout *layout);
/* NULL when there is no context of that id. Lives as long as the table. */
const struct ctx_layout *custom_context(const struct custom_table *table, u32 id);
/* Its id, or -ENOENT. */
int custom_find_context(const struct custom_table *table, const char *name);

/*
 * Copies proto; proto->id must be HELPER_FIRST_CUSTOM + n with n < CUSTOM_MAX_HELPERS.
 * 0, -EINVAL (a prototype that cannot be), -EEXIST, -ENOMEM.
 */
int custom_add_helper(struct custom_table *table, const struct helper_proto *proto);

#endif
