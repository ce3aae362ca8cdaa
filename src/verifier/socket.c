/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pointers to sockets, read as the UAPI struct of their kind (model/sockets.c), and to the keys
 * of the flow dissector. Nothing can be added to a socket pointer, so the offset is the
 * instruction's. That a socket is still there is proved by what holds it: the program's context,
 * or a reference, at whose release all pointers that came from it are void (call.c).
 */
#include "model/layouts.h"
#include "verifier/step.h"

static const struct ctx_layout *layout_of(enum reg_kind kind)
{
	switch (kind) {
	case REG_SOCKET:
		return &layout_bpf_sock;
	case REG_SOCK_COMMON:
		return &layout_sock_common;
	case REG_TCP_SOCK:
		return &layout_tcp_sock;
	case REG_XDP_SOCK:
		return &layout_xdp_sock;
	default:
		return NULL;
	}
}

int socket_access(struct env *env, u32 regno, const struct reg *ptr, s64 off, u32 size,
		  enum access access)
{
	const struct ctx_field *field;
	char name[REG_NAME_SIZE];

	reg_name(env, ptr, name);
	if (access != ACCESS_READ)
		return refuse(env, -EACCES, "readonly-memory", "R%u cannot write into %s", regno,
			      name);
	off += ptr->off;
	if (reg_has_fixed_off(ptr) &&
	    model_ctx_access(layout_of(ptr->kind), 0, off, size, false, &field))
		return 0;
	return refuse(env, -EACCES, "invalid-socket-access", "R%u invalid %s access off=%lld size=%u",
		      regno, name, (long long)off, size);
}

int flow_keys_access(struct env *env, const struct reg *ptr, s64 off, u32 size)
{
	off += ptr->off;
	if (reg_has_fixed_off(ptr) && off >= 0 && off + size <= (s64)sizeof(struct bpf_flow_keys))
		return 0;
	return refuse(env, -EACCES, "out-of-bounds", "invalid access to flow keys off=%lld size=%u",
		      (long long)off, size);
}
