/* SPDX-License-Identifier: Apache-2.0 */
/* defs.h expanded into prototypes. */
#include "helpers/helpers.h"

/* The words of defs.h. */
#define NOTHING        ARG_DONTCARE
#define ANY            ARG_ANYTHING
#define CTX            ARG_PTR_TO_CTX
#define MAP            ARG_CONST_MAP_PTR
#define KEY            ARG_PTR_TO_MAP_KEY
#define VALUE          ARG_PTR_TO_MAP_VALUE
#define VALUE_OUT      (ARG_PTR_TO_MAP_VALUE | ARG_MEM_UNINIT | ARG_MEM_WRITE)
#define IN             (ARG_PTR_TO_MEM | ARG_MEM_RDONLY)
#define OUT            (ARG_PTR_TO_MEM | ARG_MEM_UNINIT | ARG_MEM_WRITE)
#define INOUT          (ARG_PTR_TO_MEM | ARG_MEM_WRITE)
#define MEM            ARG_PTR_TO_MEM
#define SIZE           ARG_CONST_SIZE
#define SIZE0          ARG_CONST_SIZE_OR_ZERO
#define FIXED_IN       (ARG_PTR_TO_MEM | ARG_MEM_FIXED_SIZE)
#define FIXED_OUT      (FIXED_IN | ARG_MEM_UNINIT | ARG_MEM_WRITE | ARG_MEM_ALIGNED)
#define ALLOC_SIZE     ARG_CONST_ALLOC_SIZE_OR_ZERO
#define RECORD         ARG_PTR_TO_RINGBUF_MEM
#define FUNC           ARG_PTR_TO_FUNC
#define STACK          ARG_PTR_TO_STACK
#define STR            ARG_PTR_TO_CONST_STR
#define LOCK           ARG_PTR_TO_SPIN_LOCK
#define TIMER          ARG_PTR_TO_TIMER
#define KPTR           ARG_PTR_TO_KPTR
#define PERCPU         ARG_PTR_TO_PERCPU_BTF_ID
#define DYNPTR_IN      (ARG_PTR_TO_DYNPTR | ARG_MEM_RDONLY)
#define DYNPTR_LOCAL   (ARG_PTR_TO_DYNPTR | ARG_DYNPTR_LOCAL)
#define DYNPTR_RINGBUF (ARG_PTR_TO_DYNPTR | ARG_DYNPTR_RINGBUF)
#define BTF            ARG_PTR_TO_BTF_ID
#define BTF_SOCK       ARG_PTR_TO_BTF_ID_SOCK_COMMON
#define SOCK           ARG_PTR_TO_SOCK_COMMON
#define SOCKET         ARG_PTR_TO_SOCKET
#define OPT(arg)       ((arg) | ARG_MAYBE_NULL)
#define RELEASE(arg)   ((arg) | ARG_RELEASES)
#define OPT_RET(kind)  (RET_PTR_TO_##kind | RET_MAYBE_NULL)

#define GPL     HELPER_GPL_ONLY
#define PACKET  HELPER_PACKET_ACCESS
#define MOVES   HELPER_CHANGES_PACKET
#define SLEEPS  HELPER_MIGHT_SLEEP
#define CALLS   HELPER_CALLBACK
#define LATER   HELPER_ASYNC
#define BOUNDED HELPER_RET_SIZE_BOUND

#define UNPACK(...)      __VA_ARGS__
#define FN_HAVE(name)    helper_##name
#define FN_LACK(name)    NULL
#define FLAGS_HAVE       0
#define FLAGS_LACK       HELPER_ABSENT
/* The engines perform it: no function, yet not absent. */
#define helper_tail_call NULL

#define PROTO(number, text, state, bits, kind, args, ...)                                 \
	{                                                                                 \
		.id = number, .name = text, .flags = FLAGS_##state | (bits), .ret = kind, \
		.arg = { UNPACK args }, __VA_ARGS__                                       \
	}

#define HELPER(id, name, state, flags, ret, args, ...) \
	[id] = PROTO(id, #name, state, flags, ret, args, .fn = FN_##state(name), __VA_ARGS__),
static const struct helper_proto protos[HELPER_COUNT] = {
#include "helpers/defs.h"
};

#define HELPER(id, ...) [id] = &protos[id],
const struct helper_proto *const helper_protos[HELPER_COUNT] = {
#include "helpers/defs.h"
};

#define VARIANT(helper, suffix, ret, args, ...)                            \
	[VARIANT_##helper##_##suffix] = &(const struct helper_proto)PROTO( \
	    HELPER_##helper, #helper, LACK, 0, ret, args, __VA_ARGS__)

const struct helper_proto *const helper_variants[VARIANT_COUNT] = {
	VARIANT(get_cgroup_classid, current, RET_INTEGER, (NOTHING)),
	VARIANT(get_socket_cookie, sock, RET_INTEGER, (OPT(BTF_SOCK))),
	VARIANT(sk_storage_get, ctx, OPT_RET(MAP_VALUE), (MAP, CTX, OPT(VALUE), ANY)),
	VARIANT(sk_storage_get, tracing, OPT_RET(MAP_VALUE), (MAP, OPT(BTF), OPT(VALUE), ANY),
		.arg_btf = { [1] = "sock_common" }),
	VARIANT(sk_storage_delete, tracing, RET_INTEGER, (MAP, OPT(BTF)),
		.arg_btf = { [1] = "sock_common" }),
	VARIANT(setsockopt, sock, RET_INTEGER, (BTF_SOCK, ANY, ANY, IN, SIZE)),
	VARIANT(getsockopt, sock, RET_INTEGER, (BTF_SOCK, ANY, ANY, OUT, SIZE)),
	VARIANT(sk_assign, lookup, RET_INTEGER, (CTX, OPT(SOCKET), ANY)),
	VARIANT(xdp_get_buff_len, tracing, RET_INTEGER, (BTF), .arg_btf = { "xdp_buff" }),
};
