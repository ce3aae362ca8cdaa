/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a verifier's log: why it refused, and where in the source. */
#ifndef SKEP_LOADER_REASON_H
#define SKEP_LOADER_REASON_H

#include "loader/loader.h"

/* Fills prog->reason, prog->where and prog->insns from prog->log; without a log, from cause. */
void reason_from_log(struct loader_prog *prog, const char *cause);
/* The figures of the last lines: instructions, states, time. */
void figures_from_log(struct loader_prog *prog, const char *log);

#endif
