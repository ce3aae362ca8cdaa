/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which members of kernel structs keep what is known of the pointer they are read through.
 * Linux lists them because the kernel's code keeps such promises, not its BTF.
 */
#ifndef SKEP_VERIFIER_BTF_TRUST_H
#define SKEP_VERIFIER_BTF_TRUST_H

#include "base/types.h"

enum member_trust {
	TRUST_NONE,
	TRUST_TRUSTED,	       /* of a trusted object: trusted, never NULL */
	TRUST_TRUSTED_OR_NULL,
	TRUST_RCU,	       /* inside an RCU section: alive, never NULL */
	TRUST_RCU_OR_NULL,
};

enum member_trust btf_member_trust(const char *struct_name, const char *member);

#endif
