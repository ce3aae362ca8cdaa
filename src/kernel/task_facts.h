/* SPDX-License-Identifier: Apache-2.0 */
/* What /proc tells of a thread, as task_struct wants it. docs/presented.md says which is which. */
#ifndef SKEP_KERNEL_TASK_FACTS_H
#define SKEP_KERNEL_TASK_FACTS_H

#include "model/arena.h"

struct proc_facts {
	struct kernel_task_facts facts; /* exe_path and cwd_path point to what follows */
	char exe_path[512], cwd_path[512];
};

/* What others may set: ids of users and groups, ids in the innermost namespace. 0 or -errno. */
int proc_read_ids(u32 tid, struct proc_facts *known);
/*
 * All of it but parent_addr and leader_addr, info.comm included. 0 or -errno when the thread is
 * gone; then *known is as before. What only the thread's owner may see stays 0.
 */
int proc_read_facts(u32 tid, struct proc_facts *known);

#endif
