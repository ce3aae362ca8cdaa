/* SPDX-License-Identifier: Apache-2.0 */
/* Timers and work queues of map values: async.c. */
#ifndef SKEP_KERNEL_ASYNC_H
#define SKEP_KERNEL_ASYNC_H

#include "kernel/core.h"

/* What programs reach through run_ctx.async. */
extern const struct async_ops kernel_async_ops;

int asyncs_init(struct skep *skep);
/* No callback runs any more when it returns. */
void asyncs_stop(struct skep *skep);
void asyncs_release(struct skep *skep);

/* A new map whose values may hold timers. */
void async_map_init(struct map_object *mo);
/* All that its values hold is let go: its users have gone. */
void async_map_release(struct map_object *mo);

#endif
