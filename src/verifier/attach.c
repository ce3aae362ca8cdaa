/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a program attaches to, where that is given when it is loaded: a function, a typed
 * tracepoint, a security hook or an iterator of the kernel, by its id in the kernel's BTF. Its
 * prototype is the context.
 */
#include "btf/btf.h"
#include "verifier/env.h"

int attach_check(struct env *env)
{
	const struct verify_request *req = env->req;

	env->at = 0;
	switch (req->prog_type) {
	case BPF_PROG_TYPE_EXT:
		return refuse(env, -EINVAL, "later-scope",
			      "freplace programs come later: Skep cannot judge them yet");
	case BPF_PROG_TYPE_STRUCT_OPS:
		return refuse(env, -EINVAL, "later-scope",
			      "struct_ops programs come later: Skep cannot judge them yet");
	case BPF_PROG_TYPE_TRACING:
	case BPF_PROG_TYPE_LSM:
		break;
	default:
		return 0;
	}
	if (!req->attach_btf_id)
		return refuse(env, -EINVAL, "attach-target", "Tracing programs must provide btf_id");
	if (req->attach_to_prog)
		return refuse(env, -EINVAL, "later-scope",
			      "tracing a BPF program comes later: Skep cannot judge it yet");
	return refuse(env, -EINVAL, "later-scope",
			      "attach targets come later: Skep cannot judge them yet");
}
