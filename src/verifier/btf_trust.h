/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which members of kernel structs keep what is known of the pointer they are read through. The
 * kernel's code keeps such promises; Linux writes them into its BTF as structs of their own,
 * "struct file__safe_trusted" with the members of struct file for which they hold.
 */
#ifndef SKEP_VERIFIER_BTF_TRUST_H
#define SKEP_VERIFIER_BTF_TRUST_H

#include "btf/btf.h"

enum member_trust {
	TRUST_NONE,
	TRUST_TRUSTED,	       /* of a trusted object: trusted, never NULL */
	TRUST_TRUSTED_OR_NULL,
	TRUST_RCU,	       /* inside an RCU section: alive, never NULL */
	TRUST_RCU_OR_NULL,
};

/* What is promised of the member of that name that points to a struct target_id. */
enum member_trust btf_member_trust(const struct btf *btf, u32 struct_id, const char *member,
				   u32 target_id);

#endif
