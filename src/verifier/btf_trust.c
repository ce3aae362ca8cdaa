/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/btf_trust.h"
#include "base/str.h"

static const struct {
	const char *owner, *member;
	enum member_trust trust;
} promises[] = {
	{ "bpf_iter_meta", "seq", TRUST_TRUSTED },
	{ "bpf_iter__task", "meta", TRUST_TRUSTED },
	{ "bpf_iter__task", "task", TRUST_TRUSTED },
	{ "linux_binprm", "file", TRUST_TRUSTED },
	{ "file", "f_inode", TRUST_TRUSTED },
	{ "dentry", "d_inode", TRUST_TRUSTED_OR_NULL },
	{ "socket", "sk", TRUST_TRUSTED_OR_NULL },
	{ "vm_area_struct", "vm_mm", TRUST_TRUSTED_OR_NULL },
	{ "vm_area_struct", "vm_file", TRUST_TRUSTED_OR_NULL },
	{ "task_struct", "cpus_ptr", TRUST_RCU },
	{ "task_struct", "cgroups", TRUST_RCU },
	{ "task_struct", "real_parent", TRUST_RCU },
	{ "task_struct", "group_leader", TRUST_RCU },
	{ "cgroup", "kn", TRUST_RCU },
	{ "css_set", "dfl_cgrp", TRUST_RCU },
	{ "cgroup_subsys_state", "cgroup", TRUST_RCU },
	{ "mm_struct", "exe_file", TRUST_RCU_OR_NULL },
	{ "sk_buff", "sk", TRUST_RCU_OR_NULL },
	{ "request_sock", "sk", TRUST_RCU_OR_NULL },
};

enum member_trust btf_member_trust(const char *struct_name, const char *member)
{
	for (u32 i = 0; i < ARRAY_SIZE(promises); i++)
		if (str_eq(promises[i].owner, struct_name) && str_eq(promises[i].member, member))
			return promises[i].trust;
	return TRUST_NONE;
}
